//! The tables behind [`super::payments`], in both databases. One text serves both: SQLite reads `$1` as
//! Postgres does.

use super::columns::{self, BadColumn, OrderIdColumn, time_to_column, to_column};
use super::database::Kind;
use super::payments::{Job, JobCounts, JobCursor, JobId, JobKind, JobState, OrderedCart, Refund};
use crate::domain::{OrderId, Payment, ProductId, Timestamp};
use async_trait::async_trait;
use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use std::sync::Arc;
use uuid::Uuid;

/// What a database answers and notes.
#[async_trait]
pub(super) trait PaymentTables: Send + Sync {
    async fn payment(&self, order: OrderId) -> Result<Option<Payment>, sqlx::Error>;
    async fn refunds(&self, order: OrderId) -> Result<Vec<Refund>, sqlx::Error>;
    async fn due(&self, kind: JobKind, now: Timestamp, limit: i64)
    -> Result<Vec<Job>, sqlx::Error>;
    async fn keep_cart(&self, cart: &OrderedCart<'_>) -> Result<(), sqlx::Error>;
    async fn session(&self, order: OrderId) -> Result<Option<String>, sqlx::Error>;
    async fn deferred(&self, job: &Job, next_at: Timestamp) -> Result<(), sqlx::Error>;
    async fn close(&self, id: JobId) -> Result<bool, sqlx::Error>;
    async fn find(&self, id: JobId) -> Result<Option<Job>, sqlx::Error>;
    async fn dead(&self, before: Option<JobCursor>, limit: i64) -> Result<Vec<Job>, sqlx::Error>;
    async fn counts(&self) -> Result<JobCounts, sqlx::Error>;
    async fn done(&self, id: JobId) -> Result<(), sqlx::Error>;
    async fn failed(
        &self,
        id: JobId,
        attempts: u32,
        next_at: Timestamp,
        error: &str,
    ) -> Result<(), sqlx::Error>;
    async fn died(
        &self,
        id: JobId,
        attempts: u32,
        at: Timestamp,
        error: &str,
    ) -> Result<(), sqlx::Error>;
    async fn retry(&self, id: JobId, now: Timestamp) -> Result<bool, sqlx::Error>;
}

pub(super) fn of(kind: &Kind) -> Arc<dyn PaymentTables> {
    match kind {
        Kind::Sqlite { readers, jobs, .. } => {
            Arc::new(Sqlite { readers: readers.clone(), writers: jobs.clone() })
        }
        Kind::Postgres { readers, .. } => {
            Arc::new(Postgres { readers: readers.clone(), writers: readers.clone() })
        }
    }
}

const PAYMENT: &str = "SELECT payment_method, coalesce(payment_token, '') FROM orders \
     WHERE order_id = $1 AND payment_method IS NOT NULL";

const REFUNDS: &str = "SELECT amount, currency, state FROM jobs \
     WHERE order_id = $1 AND kind = 'refund' ORDER BY created_at, product_id";

const DUE: &str = "SELECT order_id, kind, product_id, lead_product_id, amount, currency, state, \
     attempts, next_at, last_error, created_at, died_at FROM jobs \
     WHERE state = 'waiting' AND kind = $1 AND next_at <= $2 ORDER BY next_at LIMIT $3";

const FIND: &str = "SELECT order_id, kind, product_id, lead_product_id, amount, currency, state, \
     attempts, next_at, last_error, created_at, died_at FROM jobs \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3";

const DEAD: &str = "SELECT order_id, kind, product_id, lead_product_id, amount, currency, state, \
     attempts, next_at, last_error, created_at, died_at FROM jobs \
     WHERE state = 'dead' AND (died_at, order_id, kind, product_id) < ($1, $2, $3, $4) \
     ORDER BY died_at DESC, order_id DESC, kind DESC, product_id DESC LIMIT $5";

const COUNTS: &str = "SELECT (SELECT count(*) FROM jobs WHERE state = 'waiting'), \
     (SELECT count(*) FROM jobs WHERE state = 'dead')";

/// What another program has closed meanwhile stays closed: only jobs that wait are changed.
const DONE: &str = "UPDATE jobs SET state = 'done', attempts = attempts + 1, last_error = NULL, \
     session = NULL WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'waiting'";

const DEFERRED: &str = "UPDATE jobs SET next_at = $5 \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'waiting' AND next_at = $4";

const CLOSE: &str = "UPDATE jobs SET state = 'done', died_at = NULL, session = NULL \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'dead'";

const KEEP_CART: &str = "INSERT INTO jobs (order_id, kind, product_id, lead_product_id, amount, \
     currency, state, next_at, created_at, session) \
     VALUES ($1, 'cart', 0, $2, 0, $3, 'waiting', $4, $4, $5) ON CONFLICT DO NOTHING";

const SESSION: &str = "SELECT session FROM jobs \
     WHERE order_id = $1 AND kind = 'cart' AND product_id = 0 AND session IS NOT NULL";

const FAILED: &str = "UPDATE jobs SET attempts = $4, next_at = $5, last_error = $6 \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'waiting'";

const DIED: &str = "UPDATE jobs SET state = 'dead', attempts = $4, died_at = $5, last_error = $6 \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'waiting'";

const RETRY: &str = "UPDATE jobs SET state = 'waiting', attempts = 0, died_at = NULL, next_at = $4 \
     WHERE order_id = $1 AND kind = $2 AND product_id = $3 AND state = 'dead'";

// As in DUE.
type JobColumns<Id> =
    (Id, String, i64, i64, i64, String, String, i64, i64, Option<String>, i64, Option<i64>);

fn job<Id: OrderIdColumn>(columns: JobColumns<Id>) -> Result<Job, BadColumn> {
    let (order, kind, product, lead, amount, currency, state, ..) = columns;
    let (.., attempts, next_at, last_error, created_at, died_at) = columns;
    let product = if product == 0 { None } else { Some(columns::product_id(product)?) };
    let kind = JobKind::parse(&kind).ok_or(BadColumn("kind"))?;
    Ok(Job {
        id: JobId { kind, order: order.order_id()?, product },
        lead: columns::product_id(lead)?,
        amount: columns::money(amount, &currency)?,
        state: JobState::parse(&state).ok_or(BadColumn("state"))?,
        attempts: u32::try_from(attempts).map_err(|_| BadColumn("attempts"))?,
        next_at: columns::time(next_at, "next_at")?,
        last_error,
        created_at: columns::time(created_at, "created_at")?,
        died_at: died_at.map(|at| columns::time(at, "died_at")).transpose()?,
    })
}

fn jobs<Id: OrderIdColumn>(rows: Vec<JobColumns<Id>>) -> Result<Vec<Job>, sqlx::Error> {
    Ok(rows.into_iter().map(job).collect::<Result<_, _>>()?)
}

fn line(id: JobId) -> i64 {
    id.product.map_or(0, ProductId::to_column)
}

/// Over the pool of one kind of database; `$key` is how it keeps an order id.
macro_rules! payment_tables {
    ($name:ident, $pool:ty, $id:ty, $key:ident) => {
        struct $name {
            readers: $pool,
            writers: $pool,
        }

        #[async_trait]
        impl PaymentTables for $name {
            async fn payment(&self, order: OrderId) -> Result<Option<Payment>, sqlx::Error> {
                let found: Option<(String, String)> =
                    sqlx::query_as(PAYMENT).bind($key(order)).fetch_optional(&self.readers).await?;
                Ok(found
                    .map(|(method, token)| Payment { method: method.into(), token: token.into() }))
            }

            async fn refunds(&self, order: OrderId) -> Result<Vec<Refund>, sqlx::Error> {
                let rows: Vec<(i64, String, String)> =
                    sqlx::query_as(REFUNDS).bind($key(order)).fetch_all(&self.readers).await?;
                let refund = |(amount, currency, state): (i64, String, String)| {
                    let amount = columns::money(amount, &currency)?;
                    let state = JobState::parse(&state).ok_or(BadColumn("state"))?;
                    Ok::<_, BadColumn>(Refund { amount, state })
                };
                Ok(rows.into_iter().map(refund).collect::<Result<_, _>>()?)
            }

            async fn due(
                &self,
                kind: JobKind,
                now: Timestamp,
                limit: i64,
            ) -> Result<Vec<Job>, sqlx::Error> {
                let rows: Vec<JobColumns<$id>> = sqlx::query_as(DUE)
                    .bind(kind.as_str())
                    .bind(time_to_column(now))
                    .bind(limit)
                    .fetch_all(&self.readers)
                    .await?;
                jobs(rows)
            }

            async fn keep_cart(&self, cart: &OrderedCart<'_>) -> Result<(), sqlx::Error> {
                sqlx::query(KEEP_CART)
                    .bind($key(cart.order))
                    .bind(cart.lead.to_column())
                    .bind(cart.currency.as_str())
                    .bind(time_to_column(cart.at))
                    .bind(cart.session)
                    .execute(&self.writers)
                    .await?;
                Ok(())
            }

            async fn session(&self, order: OrderId) -> Result<Option<String>, sqlx::Error> {
                sqlx::query_scalar(SESSION).bind($key(order)).fetch_optional(&self.readers).await
            }

            async fn deferred(&self, job: &Job, next_at: Timestamp) -> Result<(), sqlx::Error> {
                sqlx::query(DEFERRED)
                    .bind($key(job.id.order))
                    .bind(job.id.kind.as_str())
                    .bind(line(job.id))
                    .bind(time_to_column(job.next_at))
                    .bind(time_to_column(next_at))
                    .execute(&self.writers)
                    .await?;
                Ok(())
            }

            async fn close(&self, id: JobId) -> Result<bool, sqlx::Error> {
                let changed = sqlx::query(CLOSE)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .execute(&self.writers)
                    .await?;
                Ok(changed.rows_affected() > 0)
            }

            async fn find(&self, id: JobId) -> Result<Option<Job>, sqlx::Error> {
                let row: Option<JobColumns<$id>> = sqlx::query_as(FIND)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .fetch_optional(&self.readers)
                    .await?;
                Ok(row.map(job).transpose()?)
            }

            async fn dead(
                &self,
                before: Option<JobCursor>,
                limit: i64,
            ) -> Result<Vec<Job>, sqlx::Error> {
                let last =
                    JobId { kind: JobKind::Refund, order: OrderId([0xff; 16]), product: None };
                let id = before.map_or(last, |before| before.id);
                let rows: Vec<JobColumns<$id>> = sqlx::query_as(DEAD)
                    .bind(before.map_or(i64::MAX, |before| time_to_column(before.died_at)))
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .bind(limit)
                    .fetch_all(&self.readers)
                    .await?;
                jobs(rows)
            }

            async fn counts(&self) -> Result<JobCounts, sqlx::Error> {
                let (waiting, dead): (i64, i64) =
                    sqlx::query_as(COUNTS).fetch_one(&self.readers).await?;
                let count = |count| columns::count(count, "jobs");
                Ok(JobCounts { waiting: count(waiting)?, dead: count(dead)? })
            }

            async fn done(&self, id: JobId) -> Result<(), sqlx::Error> {
                sqlx::query(DONE)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .execute(&self.writers)
                    .await?;
                Ok(())
            }

            async fn failed(
                &self,
                id: JobId,
                attempts: u32,
                next_at: Timestamp,
                error: &str,
            ) -> Result<(), sqlx::Error> {
                sqlx::query(FAILED)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .bind(to_column(attempts.into()))
                    .bind(time_to_column(next_at))
                    .bind(error)
                    .execute(&self.writers)
                    .await?;
                Ok(())
            }

            async fn died(
                &self,
                id: JobId,
                attempts: u32,
                at: Timestamp,
                error: &str,
            ) -> Result<(), sqlx::Error> {
                sqlx::query(DIED)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .bind(to_column(attempts.into()))
                    .bind(time_to_column(at))
                    .bind(error)
                    .execute(&self.writers)
                    .await?;
                Ok(())
            }

            async fn retry(&self, id: JobId, now: Timestamp) -> Result<bool, sqlx::Error> {
                let changed = sqlx::query(RETRY)
                    .bind($key(id.order))
                    .bind(id.kind.as_str())
                    .bind(line(id))
                    .bind(time_to_column(now))
                    .execute(&self.writers)
                    .await?;
                Ok(changed.rows_affected() > 0)
            }
        }
    };
}

fn bytes(order: OrderId) -> Vec<u8> {
    order.0.to_vec()
}

const fn uuid(order: OrderId) -> Uuid {
    Uuid::from_bytes(order.0)
}

payment_tables!(Sqlite, SqlitePool, Vec<u8>, bytes);
payment_tables!(Postgres, PgPool, Uuid, uuid);
