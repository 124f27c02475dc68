//! Carts in Postgres, in the database of `database.url`. Each change is one call of a function (see
//! `migrations/carts`), so one round trip and one transaction, over a pool of their own: waiting for
//! a cart never takes a connection from the queries.

use super::migrations;
use super::rules::{CartFull, LINES_MAX, Line};
use super::session::SessionId;
use super::store::{CartError, CartStore, OpenError, StoredLine, Taken, Unprepared, When, column};
use crate::domain::Timestamp;
use async_trait::async_trait;
use sqlx::pool::PoolOptions;
use sqlx::postgres::{PgConnectOptions, PgPool};
use sqlx::{ConnectOptions, Connection};
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// How long a caller waits for a connection, and how long Postgres works on one change.
const PATIENCE: Duration = Duration::from_secs(2);
const STATEMENT_TIMEOUT: &str = "2s";
/// How long connecting and migrating may take.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

const READ: &str = "SELECT product_id, quantity::bigint, added_amount, added_currency, added_at \
     FROM carts JOIN cart_lines USING (session_id) WHERE session_id = $1 AND expires_at > $2";

const PUT: &str = "SELECT line_amount, line_currency, line_added_at \
     FROM cart_put($1, $2, $3, $4, $5, $6, $7, $8, $9)";

const TAKE: &str = "SELECT cart_take($1, $2, $3, $4, $5)";

const SWEEP: &str = "DELETE FROM carts WHERE session_id IN (SELECT session_id FROM carts \
     WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2 FOR UPDATE SKIP LOCKED)";

pub(super) struct PostgresCarts {
    options: PgConnectOptions,
    pool: PgPool,
    migrated: AtomicBool,
}

impl PostgresCarts {
    /// Connects when it is first asked: Postgres may be away at the start.
    pub(super) fn open(url: &str, connections_max: u32) -> Result<Self, OpenError> {
        // The parser's own error may repeat the URL, and with it a password.
        let options = PgConnectOptions::from_str(url).map_err(|_| {
            OpenError("database.url is not usable: not a valid postgres: URL".to_owned())
        })?;
        let options = options
            .application_name("lastunit carts")
            .options([("tcp_keepalives_idle", "30")])
            .disable_statement_logging();
        // A change does not wait for the disk (see the module's word on the last second). Making the
        // tables does: whoever saw them once must find them after a crash.
        let changes = [("statement_timeout", STATEMENT_TIMEOUT), ("synchronous_commit", "off")];
        let pool = PoolOptions::new()
            .max_connections(connections_max)
            .acquire_timeout(PATIENCE)
            .connect_lazy_with(options.clone().options(changes));
        Ok(Self { options, pool, migrated: AtomicBool::new(false) })
    }

    fn name(&self) -> String {
        let database = self.options.get_database().unwrap_or(self.options.get_username());
        format!("postgres://{}:{}/{database}", self.options.get_host(), self.options.get_port())
    }

    async fn migrate(&self) -> Result<(), Unprepared> {
        let away = |error: &dyn std::fmt::Display| {
            Unprepared::Away(format!("{} cannot be reached: {error}", self.name()))
        };
        let mut connection = self.options.connect().await.map_err(|error| away(&error))?;
        // `run` over a borrowed connection is no future that may move between threads.
        let migrated = migrations::postgres().run_direct(None, &mut connection, false).await;
        let _ = connection.close().await;
        migrated.map_err(|error| match migrations::explain(&self.name(), &error) {
            None => away(&error),
            Some(reason) => Unprepared::Wrong(reason),
        })
    }
}

#[async_trait]
impl CartStore for PostgresCarts {
    async fn prepare(&self) -> Result<(), Unprepared> {
        let late = || Unprepared::Away(format!("{} does not answer", self.name()));
        let asked = async {
            if self.migrated.load(Ordering::Acquire) {
                let there = sqlx::query("SELECT 1 FROM carts LIMIT 1").execute(&self.pool).await;
                return there.map(|_| ()).map_err(|error| {
                    // Another database may stand in its place, without tables.
                    self.migrated.store(false, Ordering::Release);
                    Unprepared::Away(error.to_string())
                });
            }
            self.migrate().await?;
            self.migrated.store(true, Ordering::Release);
            Ok(())
        };
        tokio::time::timeout(PREPARE_TIMEOUT, asked).await.unwrap_or_else(|_| Err(late()))
    }

    async fn read(&self, session: &SessionId, now: Timestamp) -> Result<Vec<Line>, CartError> {
        let rows: Vec<(i64, i64, i64, String, i64)> = sqlx::query_as(READ)
            .bind(session.as_str())
            .bind(column(now.as_millis()))
            .fetch_all(&self.pool)
            .await
            .map_err(unavailable)?;
        rows.into_iter()
            .map(|(product, quantity, amount, currency, added_at)| {
                StoredLine { product, quantity, amount, currency: &currency, added_at }.read()
            })
            .collect()
    }

    async fn put(&self, session: &SessionId, line: Line, when: When) -> Result<Line, CartError> {
        let (product, quantity) = (line.product.to_column(), line.quantity.get().cast_signed());
        let there: Option<(i64, String, i64)> = sqlx::query_as(PUT)
            .bind(session.as_str())
            .bind(product)
            .bind(quantity)
            .bind(column(line.added_price.amount))
            .bind(line.added_price.currency.as_str())
            .bind(column(when.now.as_millis()))
            .bind(column(when.expires_at.as_millis()))
            .bind(column(line.added_at.as_millis()))
            .bind(column(LINES_MAX as u64))
            .fetch_optional(&self.pool)
            .await
            .map_err(unavailable)?;
        let Some((amount, currency, added_at)) = there else { return Err(CartFull.into()) };
        let quantity = quantity.into();
        StoredLine { product, quantity, amount, currency: &currency, added_at }.read()
    }

    async fn take(&self, session: &SessionId, taken: Taken, when: When) -> Result<u64, CartError> {
        let (products, quantities): (Option<Vec<i64>>, Option<Vec<Option<i32>>>) = match taken {
            Taken::All => (None, None),
            Taken::Products(products) => {
                let column = |quantity: crate::domain::Quantity| quantity.get().cast_signed();
                let pairs = products.into_iter();
                let (products, quantities) = pairs
                    .map(|(product, quantity)| (product.to_column(), quantity.map(column)))
                    .unzip();
                (Some(products), Some(quantities))
            }
        };
        let gone: i64 = sqlx::query_scalar(TAKE)
            .bind(session.as_str())
            .bind(products)
            .bind(quantities)
            .bind(column(when.now.as_millis()))
            .bind(column(when.expires_at.as_millis()))
            .fetch_one(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(gone.cast_unsigned())
    }

    async fn sweep(&self, now: Timestamp, most: u32) -> Result<u64, CartError> {
        let swept = sqlx::query(SWEEP)
            .bind(column(now.as_millis()))
            .bind(i64::from(most))
            .execute(&self.pool)
            .await;
        Ok(swept.map_err(unavailable)?.rows_affected())
    }

    async fn close(&self) {
        self.pool.close().await;
    }
}

fn unavailable(error: sqlx::Error) -> CartError {
    CartError::Unavailable(error.to_string())
}
