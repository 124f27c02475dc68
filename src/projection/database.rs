//! The database behind `database.url`: opening, migrating, and what can be wrong with it.
//!
//! SQLite is a file of this process: it is opened at once, or read without being changed or created
//! (an audit). Postgres is a server that may be away:
//! its pool connects when it is first asked, so the sale can start without it.
//!
//! Connections: a small pool for queries, and one writing connection that the projector opens on
//! its own thread.

use super::migrations::FILES;
use super::postgres::PostgresWriter;
use super::sqlite::SqliteWriter;
use super::write::Writer;
use crate::migrations;
use sqlx::migrate::MigrateError;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

/// How long a query waits for a connection to a file: it is never away, only busy.
const FILE_ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a new connection may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Pages of its log after which SQLite moves them into the file.
const STRIDE: &str = "8192";
/// How long a statement of the projector may take on the Postgres server.
const WRITE_TIMEOUT: &str = "120s";

/// Why the database cannot be used. Each is one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DatabaseError {
    #[error(
        "database.url is not usable ({0}): write sqlite://path/to/file.db or \
         postgres://user:password@host/name"
    )]
    BadUrl(String),
    #[error(
        "the database {database} cannot be reached: start it or correct database.url ({reason})"
    )]
    Unreachable { database: String, reason: String },
    #[error(
        "Postgres refuses database.url ({database}): correct its user, password, database name and \
         TLS settings, or what that user may do ({reason})"
    )]
    Refused { database: String, reason: String },
    #[error(
        "there is no database file {path}: start `lastunit serve` once, or check --data-dir and \
         database.url"
    )]
    Missing { path: String },
    #[error("the database file {path} cannot be read: check that it is lastunit's ({reason})")]
    Unreadable { path: String, reason: String },
    #[error(
        "the database file {path} cannot be opened or created: give the server a directory it may \
         write to, by --data-dir or database.url ({reason})"
    )]
    Unwritable { path: String, reason: String },
    #[error(
        "the database {database} was migrated by a newer lastunit (migration {version} is unknown \
         here): start that version, or point database.url at another database"
    )]
    Newer { database: String, version: i64 },
    #[error(
        "migration {version} of the database {database} is not the one built into this lastunit: \
         start the release that made it, or point database.url at an empty database, which is \
         filled from the journal"
    )]
    Changed { database: String, version: i64 },
    /// Says it all itself.
    #[error("{0}")]
    Unfit(String),
    #[error("the database {database} cannot be migrated: {reason}")]
    Failed { database: String, reason: String },
}

impl DatabaseError {
    /// Whether waiting may help: the database is away, not wrong.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }
}

/// Bounds of the connections for queries.
#[derive(Debug, Clone)]
pub struct DatabaseConfig {
    /// Most connections for queries; the projector has one more.
    pub connections_max: u32,
    /// How long a query waits for a connection to Postgres.
    pub acquire_timeout: Duration,
    /// How long Postgres works on one query before it gives up.
    pub statement_timeout: Duration,
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self {
            connections_max: 8,
            acquire_timeout: Duration::from_secs(1),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// An open database. Clones share their connections.
#[derive(Debug, Clone)]
pub struct Database {
    pub(super) kind: Kind,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Sqlite { options: SqliteConnectOptions, readers: SqlitePool, jobs: SqlitePool },
    Postgres { options: PgConnectOptions, readers: PgPool },
}

impl Database {
    /// Opens the database a URL names: `sqlite://path` (created with its directory where there is
    /// none), `sqlite::memory:` or `postgres://…`.
    ///
    /// # Errors
    /// [`DatabaseError::BadUrl`] and, for SQLite, [`DatabaseError::Unwritable`]. A Postgres that is
    /// away is noticed by [`Database::migrate`].
    pub async fn open(url: &str, config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        // The parsers' own errors may repeat the URL, and with it a password.
        if url.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(url)
                .map_err(|_| DatabaseError::BadUrl("not a valid sqlite: URL".to_owned()))?;
            return Self::open_sqlite(options, config).await;
        }
        if url.starts_with("postgres:") || url.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(url)
                .map_err(|_| DatabaseError::BadUrl("not a valid postgres: URL".to_owned()))?;
            return Ok(Self::open_postgres(&options, config));
        }
        let scheme = url.split_once(':').map_or("none", |(scheme, _)| scheme);
        Err(DatabaseError::BadUrl(format!("its scheme is {scheme}")))
    }

    /// Opens a file; creates it, with its folder, where there is none. A path is taken as it is,
    /// with every `%` and `?`; only `:memory:` is no file.
    ///
    /// # Errors
    /// [`DatabaseError::Unwritable`].
    pub async fn open_file(path: &Path, config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        if path == Path::new(":memory:") {
            // All connections must see the same memory, which only the URL says.
            return Self::open("sqlite::memory:", config).await;
        }
        Self::open_sqlite(SqliteConnectOptions::new().filename(path), config).await
    }

    /// Opens an existing file for queries alone and changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::Missing`] and [`DatabaseError::Unreadable`].
    pub async fn read_file(path: &Path, config: &DatabaseConfig) -> Result<Self, DatabaseError> {
        let name = path.display().to_string();
        if !path.exists() {
            return Err(DatabaseError::Missing { path: name });
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .read_only(true)
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let readers = PoolOptions::new()
            .max_connections(config.connections_max)
            .acquire_timeout(FILE_ACQUIRE_TIMEOUT)
            .connect_with(options.clone())
            .await
            .map_err(|error| DatabaseError::Unreadable { path: name, reason: error.to_string() })?;
        let jobs = jobs_pool(&options);
        Ok(Self { kind: Kind::Sqlite { options, readers, jobs } })
    }

    async fn open_sqlite(
        options: SqliteConnectOptions,
        config: &DatabaseConfig,
    ) -> Result<Self, DatabaseError> {
        let path = options.get_filename().to_owned();
        let unwritable =
            |reason: String| DatabaseError::Unwritable { path: path.display().to_string(), reason };
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).map_err(|error| unwritable(error.to_string()))?;
        }
        // NORMAL: a power failure may take the newest rows with it, never the file's order; what is
        // missing is projected again.
        let options = options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(Duration::from_secs(10))
            // Each changed page is two writes to the log, however large.
            .page_size(8192)
            .disable_statement_logging();
        // One connection alone creates the file, switches it to its log or recovers the log of a
        // killed process. SQLite refuses two that do so at once, without waiting for either.
        let first = connect_first(&options).await;
        let first = first.map_err(|error| unwritable(error.to_string()))?;
        let readers = PoolOptions::new()
            .max_connections(config.connections_max)
            .acquire_timeout(FILE_ACQUIRE_TIMEOUT)
            // One stays: a database in memory lives as long as a connection to it.
            .min_connections(1)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.clone().pragma("query_only", "ON"))
            .await
            .map_err(|error| unwritable(error.to_string()))?;
        // It has nothing to write back: how closing goes does not matter.
        let _ = first.close().await;
        let jobs = jobs_pool(&options);
        Ok(Self { kind: Kind::Sqlite { options, readers, jobs } })
    }

    fn open_postgres(options: &PgConnectOptions, config: &DatabaseConfig) -> Self {
        let options = options
            .clone()
            .application_name("lastunit")
            .options([("tcp_keepalives_idle", "30"), ("tcp_keepalives_interval", "10")])
            .disable_statement_logging();
        let statement_timeout = format!("{}ms", config.statement_timeout.as_millis());
        let readers = PoolOptions::new()
            .max_connections(config.connections_max)
            .acquire_timeout(config.acquire_timeout)
            .connect_lazy_with(
                options.clone().options([("statement_timeout", statement_timeout.as_str())]),
            );
        Self { kind: Kind::Postgres { options, readers } }
    }

    /// What to call it in a message: no password in it.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.kind {
            Kind::Sqlite { options, .. } => options.get_filename().display().to_string(),
            Kind::Postgres { options, .. } => {
                let database = options.get_database().unwrap_or(options.get_username());
                format!("postgres://{}:{}/{database}", options.get_host(), options.get_port())
            }
        }
    }

    /// Brings the tables up to this program's version. Safe to call from two servers at once.
    ///
    /// # Errors
    /// [`DatabaseError::Unreachable`] may pass; every other one needs a person.
    pub async fn migrate(&self) -> Result<(), DatabaseError> {
        let outcome = match &self.kind {
            Kind::Sqlite { .. } => {
                let mut connection = self.connect_sqlite().await?;
                let outcome = migrations::sqlite(FILES).run(&mut connection).await;
                let _ = connection.close().await;
                outcome
            }
            Kind::Postgres { .. } => {
                let mut connection = self.connect_postgres("0").await?;
                let outcome = migrations::postgres(FILES).run(&mut connection).await;
                let _ = connection.close().await;
                outcome
            }
        };
        outcome.map_err(|error| self.explain(error))
    }

    fn explain(&self, error: MigrateError) -> DatabaseError {
        let database = self.name();
        match error {
            MigrateError::VersionMissing(version) => DatabaseError::Newer { database, version },
            MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => {
                DatabaseError::Changed { database, version }
            }
            MigrateError::Execute(sqlx::Error::Io(error)) => {
                DatabaseError::Unreachable { database, reason: error.to_string() }
            }
            other => DatabaseError::Failed { database, reason: other.to_string() },
        }
    }

    /// Opens the projector's connection. For SQLite this starts the thread that does the work, with
    /// the priority of the thread that calls.
    pub(super) async fn writer(&self) -> Result<Box<dyn Writer>, DatabaseError> {
        Ok(match &self.kind {
            Kind::Sqlite { .. } => Box::new(SqliteWriter::new(self.connect_sqlite().await?)),
            Kind::Postgres { .. } => {
                Box::new(PostgresWriter::new(self.connect_postgres(WRITE_TIMEOUT).await?))
            }
        })
    }

    async fn connect_sqlite(&self) -> Result<SqliteConnection, DatabaseError> {
        let Kind::Sqlite { options, .. } = &self.kind else { return Err(self.other_kind()) };
        // The trees of customers are written all over the place: keep them in memory (KiB, so
        // negative), and move the log into the file in larger strides (pages) than usual.
        let options = options
            .clone()
            .pragma("cache_size", "-131072")
            .pragma("wal_autocheckpoint", STRIDE)
            .pragma("temp_store", "MEMORY");
        options.connect().await.map_err(|error| DatabaseError::Unwritable {
            path: self.name(),
            reason: error.to_string(),
        })
    }

    async fn connect_postgres(&self, timeout: &str) -> Result<PgConnection, DatabaseError> {
        let Kind::Postgres { options, .. } = &self.kind else { return Err(self.other_kind()) };
        // Not waiting for the disk is safe: rows and cursor are lost together, and projected again.
        let options = options
            .clone()
            .options([("statement_timeout", timeout), ("synchronous_commit", "off")]);
        let unreachable =
            |reason: String| DatabaseError::Unreachable { database: self.name(), reason };
        match tokio::time::timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) if is_refusal(&error) => {
                Err(DatabaseError::Refused { database: self.name(), reason: error.to_string() })
            }
            Ok(Err(error)) => Err(unreachable(error.to_string())),
            Err(_) => Err(unreachable("no answer within 5 seconds".to_owned())),
        }
    }

    fn other_kind(&self) -> DatabaseError {
        DatabaseError::BadUrl(format!("{} is another kind of database", self.name()))
    }

    /// Closes the connections for queries.
    pub async fn close(&self) {
        match &self.kind {
            Kind::Sqlite { readers, jobs, .. } => {
                jobs.close().await;
                readers.close().await;
            }
            Kind::Postgres { readers, .. } => readers.close().await,
        }
    }
}

/// The connection over which the states of jobs are written; made when it is first needed. It moves the
/// log no sooner than the projector does: whoever commits behind a long log pays for it.
fn jobs_pool(options: &SqliteConnectOptions) -> SqlitePool {
    PoolOptions::new()
        .max_connections(1)
        .acquire_timeout(FILE_ACQUIRE_TIMEOUT)
        .connect_lazy_with(options.clone().pragma("wal_autocheckpoint", STRIDE))
}

/// Whether Postgres, or what was asked of it, says no: trying again will not help.
fn is_refusal(error: &sqlx::Error) -> bool {
    match error {
        // Wrong password, unknown user or no entry for it, unknown database, no permission.
        sqlx::Error::Database(error) => {
            let refusals = ["28P01", "28000", "3D000", "42501"];
            error.code().is_some_and(|code| refusals.contains(&code.as_ref()))
        }
        sqlx::Error::Configuration(_) | sqlx::Error::Tls(_) => true,
        _ => false,
    }
}

/// How often a file that another process is creating is tried, and how long between.
const FIRST_TRIES: u32 = 100;
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// The first connection to a file; waits while another process has its own first one.
async fn connect_first(options: &SqliteConnectOptions) -> Result<SqliteConnection, sqlx::Error> {
    for _ in 1..FIRST_TRIES {
        match options.connect().await {
            Err(error) if is_busy(&error) => tokio::time::sleep(FIRST_PAUSE).await,
            other => return other,
        }
    }
    options.connect().await
}

/// `SQLITE_BUSY` (5), whatever it extends to.
fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}
