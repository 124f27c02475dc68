//! Store: the tables of accounts, sign-ins and API keys, in a SQLite file of their own or in the Postgres
//! of `database.url`. Each change that two requests could race for is one statement, and the same text for
//! both databases.
//!
//! States: there or away. A Postgres that is away at the start is migrated when it is first there; meanwhile
//! every question is answered with [`StoreError`] after a bounded time, and each change is one line in the
//! log. Tokens are verified without it.

use super::email::Email;
use super::migrations;
use super::rights::{Role, Scopes};
use super::statements::{
    ATTEMPT, BY_EMAIL, BY_FAMILY, BY_ID, CREATE_ACCOUNT, CREATE_KEY, CURRENT, FORGET_ATTEMPTS, KEY,
    KEYS, NEXT_ATTEMPT, REVOKE, REVOKE_ALL, REVOKE_KEY, ROTATE, SET_PASSWORD, SET_ROLE, SIGN_IN,
    SWEEP_ATTEMPTS, SWEEP_SIGN_INS,
};
use crate::domain::{CustomerId, Timestamp};
use parking_lot::Mutex;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a question waits for a connection, and how long Postgres works on it.
const PATIENCE: Duration = Duration::from_secs(2);
const STATEMENT_TIMEOUT: &str = "2s";
/// How long connecting and migrating may take.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);
/// Connections to the file: SQLite lets one of them write at a time.
const FILE_CONNECTIONS: u32 = 4;
/// Rows that one step of the sweep removes at most.
const SWEPT_AT_ONCE: i64 = 500;

/// The store of accounts cannot be asked at the moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store of accounts cannot be asked at the moment: {0}")]
pub struct StoreError(String);

/// Why the store cannot be opened, in one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub(super) String);

/// Where accounts are kept. Not `Debug`: a URL may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres { url: String, connections_max: u32 },
}

/// One account.
#[derive(Clone)]
pub struct Account {
    pub id: CustomerId,
    pub email: String,
    pub role: Role,
    pub created_at: Timestamp,
    pub(super) password_hash: String,
}

/// One API key, without its secret.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: String,
    pub name: String,
    pub scopes: Scopes,
    pub created_at: Timestamp,
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
    pub(super) hash: blake3::Hash,
}

/// What became of a refresh token.
pub(super) enum Rotated {
    /// The next one takes its place.
    Next,
    /// It was used before: somebody has a copy.
    Reused,
    Expired,
    /// Signed out, or never given.
    Unknown,
}

type AccountRow = (String, String, String, String, i64);
type KeyRow = (String, String, String, Vec<u8>, i64, Option<i64>, Option<i64>);

enum Pools {
    Sqlite(SqlitePool),
    Postgres { pool: PgPool, options: Box<PgConnectOptions> },
}

pub(super) struct Store {
    pools: Pools,
    /// The tables are there.
    migrated: OnceCell<()>,
    /// Why it is away; `None` while it is there.
    away: Mutex<Option<String>>,
}

/// Asks whichever database it is, once its tables are there.
macro_rules! ask {
    ($store:expr, $pool:ident => $asked:expr) => {{
        let store: &Store = $store;
        store.ready().await?;
        let answer = match &store.pools {
            Pools::Sqlite($pool) => $asked.await.map_err(unanswered),
            Pools::Postgres { pool: $pool, .. } => $asked.await.map_err(unanswered),
        };
        store.noted(answer)
    }};
}

impl Store {
    /// Opens the file, or what connects to Postgres when it is first asked.
    pub(super) async fn open(location: &Location) -> Result<Self, OpenError> {
        let (pools, migrated) = match location {
            Location::Sqlite(path) => (Pools::Sqlite(open_file(path).await?), Some(())),
            Location::Postgres { url, connections_max } => {
                (open_postgres(url, *connections_max)?, None)
            }
        };
        let (migrated, away) = (OnceCell::new_with(migrated), Mutex::new(None));
        let store = Self { pools, migrated, away };
        match tokio::time::timeout(PREPARE_TIMEOUT, store.prepare()).await {
            Ok(Err(Unprepared::Wrong(reason))) => return Err(OpenError(reason)),
            Ok(Ok(())) => {}
            Ok(Err(Unprepared::Away(reason))) => store.is_away(&reason),
            Err(_) => store.is_away("it does not answer"),
        }
        Ok(store)
    }

    /// Asks it something, and notes whether it is there. This alone says that it is there again: one that
    /// answers every other request must not fill the log.
    pub(super) async fn look(&self) {
        let asked: Result<Option<AccountRow>, StoreError> =
            async { ask!(self, pool => sqlx::query_as(BY_ID).bind("").fetch_optional(pool)) }.await;
        if asked.is_ok() && self.away.lock().take().is_some() {
            tracing::info!("the store of accounts is there again");
        }
    }

    /// Why it is away; `None` while it is there.
    pub(super) fn away(&self) -> Option<String> {
        self.away.lock().clone()
    }

    /// Notes when an answer tells that it is away.
    fn noted<T>(&self, answer: Result<T, StoreError>) -> Result<T, StoreError> {
        answer.inspect_err(|StoreError(reason)| self.is_away(reason))
    }

    /// Said once, however many requests notice.
    fn is_away(&self, reason: &str) {
        let mut away = self.away.lock();
        if away.is_none() {
            tracing::warn!(
                reason,
                "the store of accounts is away: nobody can sign in, sales go on"
            );
        }
        *away = Some(reason.to_owned());
    }

    async fn ready(&self) -> Result<(), StoreError> {
        let prepared = tokio::time::timeout(PREPARE_TIMEOUT, self.prepare()).await;
        self.noted(match prepared {
            Ok(Ok(())) => Ok(()),
            Ok(Err(Unprepared::Away(reason) | Unprepared::Wrong(reason))) => {
                Err(StoreError(reason))
            }
            Err(_) => Err(StoreError("it does not answer".to_owned())),
        })
    }

    async fn prepare(&self) -> Result<(), Unprepared> {
        let Pools::Postgres { options, .. } = &self.pools else { return Ok(()) };
        self.migrated.get_or_try_init(|| migrate(options)).await.copied()
    }

    /// `false`: the address has an account.
    pub(super) async fn create_account(
        &self,
        account: &Account,
        email: &Email,
    ) -> Result<bool, StoreError> {
        let done = ask!(self, pool => async {
            let done = sqlx::query(CREATE_ACCOUNT)
                .bind(account.id.as_str())
                .bind(email.written())
                .bind(email.key())
                .bind(account.password_hash.as_str())
                .bind(account.role.as_str())
                .bind(column(account.created_at))
                .execute(pool)
                .await?;
            Ok(done.rows_affected())
        })?;
        Ok(done == 1)
    }

    pub(super) async fn account_of(&self, email: &Email) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> =
            ask!(self, pool => sqlx::query_as(BY_EMAIL).bind(email.key()).fetch_optional(pool))?;
        row.map(account).transpose()
    }

    pub(super) async fn account(&self, id: &str) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> =
            ask!(self, pool => sqlx::query_as(BY_ID).bind(id).fetch_optional(pool))?;
        row.map(account).transpose()
    }

    /// Whose sign-in it is, also of one that has ended.
    pub(super) async fn account_of_family(
        &self,
        family: blake3::Hash,
    ) -> Result<Option<Account>, StoreError> {
        let row: Option<AccountRow> = ask!(self, pool => sqlx::query_as(BY_FAMILY)
            .bind(family.as_bytes().as_slice())
            .fetch_optional(pool))?;
        row.map(account).transpose()
    }

    /// Begins a try to sign in. `Err` inside: until when the next one is not let in.
    pub(super) async fn attempt(
        &self,
        email: &Email,
        now: Timestamp,
    ) -> Result<Result<(), Timestamp>, StoreError> {
        let hash = email_hash(email);
        let begun: Option<i64> = ask!(self, pool => sqlx::query_scalar(ATTEMPT)
            .bind(hash.as_slice())
            .bind(column(now))
            .fetch_optional(pool))?;
        if begun.is_some() {
            return Ok(Ok(()));
        }
        let next: Option<i64> = ask!(self, pool => sqlx::query_scalar(NEXT_ATTEMPT)
            .bind(hash.as_slice())
            .fetch_optional(pool))?;
        Ok(Err(next.map_or(now, time)))
    }

    pub(super) async fn forget_attempts(&self, email: &Email) -> Result<(), StoreError> {
        let hash = email_hash(email);
        ask!(self, pool => async {
            sqlx::query(FORGET_ATTEMPTS).bind(hash.as_slice()).execute(pool).await.map(drop)
        })
    }

    /// `false`: the password that was proven is none any more.
    pub(super) async fn sign_in(
        &self,
        (family, token): (blake3::Hash, blake3::Hash),
        account: &Account,
        expires_at: Timestamp,
    ) -> Result<bool, StoreError> {
        let done = ask!(self, pool => async {
            let done = sqlx::query(SIGN_IN)
                .bind(family.as_bytes().as_slice())
                .bind(token.as_bytes().as_slice())
                .bind(account.id.as_str())
                .bind(column(expires_at))
                .bind(account.password_hash.as_str())
                .execute(pool)
                .await?;
            Ok(done.rows_affected())
        })?;
        Ok(done == 1)
    }

    /// Puts `next` into the place of `token`.
    pub(super) async fn rotate(
        &self,
        family: blake3::Hash,
        (token, next): (blake3::Hash, blake3::Hash),
        (now, expires_at): (Timestamp, Timestamp),
    ) -> Result<Rotated, StoreError> {
        let done = ask!(self, pool => async {
            let done = sqlx::query(ROTATE)
                .bind(family.as_bytes().as_slice())
                .bind(token.as_bytes().as_slice())
                .bind(next.as_bytes().as_slice())
                .bind(column(expires_at))
                .bind(column(now))
                .execute(pool)
                .await?;
            Ok(done.rows_affected())
        })?;
        if done == 1 {
            return Ok(Rotated::Next);
        }
        let current: Option<(Vec<u8>, i64)> = ask!(self, pool => sqlx::query_as(CURRENT)
            .bind(family.as_bytes().as_slice())
            .fetch_optional(pool))?;
        Ok(match current {
            None => Rotated::Unknown,
            Some((_, expires_at)) if time(expires_at) <= now => Rotated::Expired,
            Some((current, _)) if is_hash(&current, token) => Rotated::Unknown,
            // Whoever knows the family has had a token of it.
            Some(_) => {
                self.revoke(family, now).await?;
                Rotated::Reused
            }
        })
    }

    /// Ends a sign-in. An unknown one has ended already.
    pub(super) async fn revoke(
        &self,
        family: blake3::Hash,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        ask!(self, pool => async {
            let family = family.as_bytes().as_slice();
            sqlx::query(REVOKE).bind(family).bind(column(now)).execute(pool).await.map(drop)
        })
    }

    /// Changes the password and ends every sign-in, both or neither. `false`: it was another one by then.
    pub(super) async fn set_password(
        &self,
        account: &Account,
        password_hash: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        ask!(self, pool => async {
            let mut change = pool.begin().await?;
            let changed = sqlx::query(SET_PASSWORD)
                .bind(account.id.as_str())
                .bind(account.password_hash.as_str())
                .bind(password_hash)
                .execute(&mut *change)
                .await?;
            let ended = sqlx::query(REVOKE_ALL).bind(account.id.as_str()).bind(column(now));
            if changed.rows_affected() == 1 {
                ended.execute(&mut *change).await?;
                change.commit().await?;
            }
            Ok(changed.rows_affected() == 1)
        })
    }

    pub(super) async fn set_role(&self, id: &CustomerId, role: Role) -> Result<(), StoreError> {
        ask!(self, pool => async {
            sqlx::query(SET_ROLE).bind(id.as_str()).bind(role.as_str()).execute(pool).await.map(drop)
        })
    }

    /// Ends every sign-in of an account. Gives how many.
    pub(super) async fn revoke_all(
        &self,
        id: &CustomerId,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        ask!(self, pool => async {
            let ended = sqlx::query(REVOKE_ALL).bind(id.as_str()).bind(column(now)).execute(pool);
            Ok(ended.await?.rows_affected())
        })
    }

    pub(super) async fn create_key(&self, key: &ApiKey) -> Result<(), StoreError> {
        ask!(self, pool => async {
            sqlx::query(CREATE_KEY)
                .bind(key.id.as_str())
                .bind(key.name.as_str())
                .bind(key.scopes.to_column())
                .bind(key.hash.as_bytes().as_slice())
                .bind(column(key.created_at))
                .bind(key.expires_at.map(column))
                .execute(pool)
                .await
                .map(drop)
        })
    }

    pub(super) async fn key(&self, id: &str) -> Result<Option<ApiKey>, StoreError> {
        let row: Option<KeyRow> =
            ask!(self, pool => sqlx::query_as(KEY).bind(id).fetch_optional(pool))?;
        row.map(api_key).transpose()
    }

    /// Keys whose id is smaller, the newest first.
    pub(super) async fn keys(&self, before: &str, most: u32) -> Result<Vec<ApiKey>, StoreError> {
        let rows: Vec<KeyRow> = ask!(self, pool => sqlx::query_as(KEYS)
            .bind(before)
            .bind(i64::from(most))
            .fetch_all(pool))?;
        rows.into_iter().map(api_key).collect()
    }

    pub(super) async fn revoke_key(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        ask!(self, pool => async {
            sqlx::query(REVOKE_KEY).bind(id).bind(column(now)).execute(pool).await.map(drop)
        })
    }

    /// Removes some sign-ins that ran out, and tries nobody repeated for a day. Whether there may be more.
    pub(super) async fn sweep(
        &self,
        now: Timestamp,
        day_ago: Timestamp,
    ) -> Result<bool, StoreError> {
        let swept = ask!(self, pool => async {
            let sign_ins =
                sqlx::query(SWEEP_SIGN_INS).bind(column(now)).bind(SWEPT_AT_ONCE).execute(pool);
            let sign_ins = sign_ins.await?.rows_affected();
            let attempts =
                sqlx::query(SWEEP_ATTEMPTS).bind(column(day_ago)).bind(SWEPT_AT_ONCE).execute(pool);
            Ok(sign_ins.max(attempts.await?.rows_affected()))
        })?;
        Ok(swept >= SWEPT_AT_ONCE.cast_unsigned())
    }

    pub(super) async fn close(&self) {
        match &self.pools {
            Pools::Sqlite(pool) => pool.close().await,
            Pools::Postgres { pool, .. } => pool.close().await,
        }
    }
}

/// Why the tables are not there.
enum Unprepared {
    /// Waiting may help.
    Away(String),
    /// It needs a person.
    Wrong(String),
}

async fn open_file(path: &Path) -> Result<SqlitePool, OpenError> {
    let place = path.display().to_string();
    let unusable = |reason: String| {
        OpenError(format!(
            "the file of accounts {place} cannot be opened or created: give the server a directory it \
             may write to, by --data-dir ({reason})"
        ))
    };
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        std::fs::create_dir_all(folder).map_err(|error| unusable(error.to_string()))?;
    }
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        // Who was told of an account, a key or a revocation finds it after a power failure.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(PATIENCE)
        .disable_statement_logging();
    // One connection alone creates the file and switches it to its log: SQLite refuses two at once.
    let mut first = options.connect().await.map_err(|error| unusable(error.to_string()))?;
    let migrated = migrations::sqlite().run(&mut first).await;
    let _ = first.close().await;
    if let Err(error) = migrated {
        let reason = migrations::explain(&place, &error);
        return Err(reason.map_or_else(|| unusable(error.to_string()), OpenError));
    }
    PoolOptions::new()
        .max_connections(FILE_CONNECTIONS)
        .acquire_timeout(PATIENCE)
        .connect_with(options)
        .await
        .map_err(|error| unusable(error.to_string()))
}

fn open_postgres(url: &str, connections_max: u32) -> Result<Pools, OpenError> {
    // The parser's own error may repeat the URL, and with it a password.
    let options = PgConnectOptions::from_str(url)
        .map_err(|_| OpenError("database.url is not usable: not a valid postgres: URL".into()))?;
    let options = options
        .application_name("lastunit accounts")
        .options([("tcp_keepalives_idle", "30")])
        .disable_statement_logging();
    let pool = PoolOptions::new()
        .max_connections(connections_max)
        .acquire_timeout(PATIENCE)
        .connect_lazy_with(options.clone().options([("statement_timeout", STATEMENT_TIMEOUT)]));
    Ok(Pools::Postgres { pool, options: Box::new(options) })
}

async fn migrate(options: &PgConnectOptions) -> Result<(), Unprepared> {
    let database = options.get_database().unwrap_or(options.get_username());
    let name = format!("postgres://{}:{}/{database}", options.get_host(), options.get_port());
    let away = |error: &dyn std::fmt::Display| {
        Unprepared::Away(format!("{name} cannot be reached: {error}"))
    };
    let mut connection = options.connect().await.map_err(|error| away(&error))?;
    // `run` over a borrowed connection is no future that may move between threads.
    let migrated = migrations::postgres().run_direct(None, &mut connection, false).await;
    let _ = connection.close().await;
    migrated.map_err(|error| match migrations::explain(&name, &error) {
        None => away(&error),
        Some(reason) => Unprepared::Wrong(reason),
    })
}

fn unanswered(error: sqlx::Error) -> StoreError {
    StoreError(error.to_string())
}

fn column(time: Timestamp) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn time(column: i64) -> Timestamp {
    Timestamp::from_millis(u64::try_from(column).unwrap_or(0))
}

/// What tries are counted under: an address that was only tried is not kept itself.
fn email_hash(email: &Email) -> [u8; 32] {
    *blake3::hash(email.key().as_bytes()).as_bytes()
}

/// Compares in constant time.
fn is_hash(stored: &[u8], hash: blake3::Hash) -> bool {
    blake3::Hash::from_slice(stored).is_ok_and(|stored| stored == hash)
}

fn damaged(what: &str) -> StoreError {
    tracing::error!(what, "a stored row of accounts cannot be read");
    StoreError(format!("{what} is not what lastunit writes"))
}

fn account(row: AccountRow) -> Result<Account, StoreError> {
    let (id, email, password_hash, role, created_at) = row;
    let id = CustomerId::new(&id).map_err(|_| damaged("the id of an account"))?;
    let role = Role::parse(&role).ok_or_else(|| damaged("the role of an account"))?;
    Ok(Account { id, email, role, created_at: time(created_at), password_hash })
}

fn api_key(row: KeyRow) -> Result<ApiKey, StoreError> {
    let (id, name, scopes, hash, created_at, expires_at, revoked_at) = row;
    Ok(ApiKey {
        id,
        name,
        scopes: Scopes::from_column(&scopes),
        created_at: time(created_at),
        expires_at: expires_at.map(time),
        revoked_at: revoked_at.map(time),
        hash: blake3::Hash::from_slice(&hash).map_err(|_| damaged("the hash of an API key"))?,
    })
}
