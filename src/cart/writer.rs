//! The writer of carts in SQLite: one task that owns the writing connection and puts all changes that
//! wait into one transaction, because a transaction costs more than the change in it.
//!
//! ```text
//!   callers ──try_send──▶ queue (bounded) ──▶ BEGIN, change, change, …, COMMIT ──▶ answers
//!               └─ full: Overloaded
//! ```
//!
//! A change is answered after its commit. When one statement fails, the whole group is rolled back
//! and all of it is told so, with whatever waits: nothing is half done. A caller that goes away leaves its change behind,
//! which is done all the same. The task ends when the queue is closed, and closes the connection.

use super::rules::{CartFull, LINES_MAX, Line};
use super::session::SessionId;
use super::store::{CartError, StoredLine, Taken, When, column};
use crate::domain::Timestamp;
use parking_lot::Mutex;
use sqlx::{Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// Most changes that wait; one more is refused.
const WAITING_MAX: usize = 10_000;
/// Most changes in one transaction.
const GROUP_MAX: usize = 256;

const FORGET_EXPIRED: &str = "DELETE FROM carts WHERE session_id = ? AND expires_at <= ?";

const TOUCH: &str = "INSERT INTO carts (session_id, expires_at) VALUES (?, ?) \
     ON CONFLICT (session_id) DO UPDATE SET expires_at = excluded.expires_at \
     WHERE expires_at <> excluded.expires_at";

const PUT: &str = "INSERT INTO cart_lines \
     (session_id, product_id, quantity, added_amount, added_currency, added_at) \
     SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE \
     (SELECT count(*) FROM cart_lines WHERE session_id = ?1 AND product_id <> ?2) < ?7 \
     ON CONFLICT (session_id, product_id) DO UPDATE SET quantity = excluded.quantity \
     RETURNING added_amount, added_currency, added_at";

const TAKE_ALL: &str = "DELETE FROM cart_lines WHERE session_id = ?";

const TAKE: &str = "DELETE FROM cart_lines \
     WHERE session_id = ?1 AND product_id = ?2 AND (?3 IS NULL OR quantity = ?3)";

const SWEEP: &str = "DELETE FROM carts WHERE session_id IN \
     (SELECT session_id FROM carts WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)";

/// What the writer is asked to do.
pub(super) enum Work {
    Put(SessionId, Line, When),
    Take(SessionId, Taken, When),
    Sweep(Timestamp, u32),
}

/// What it did.
pub(super) enum Done {
    /// The line as it is now.
    Put(Result<Line, CartError>),
    /// So many lines or carts went.
    Gone(u64),
}

struct Asked {
    work: Work,
    answer: oneshot::Sender<Result<Done, CartError>>,
}

/// The callers' end.
pub(super) struct Writer {
    queue: Mutex<Option<mpsc::Sender<Asked>>>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    pub(super) fn start(connection: SqliteConnection) -> Self {
        let (queue, asked) = mpsc::channel(WAITING_MAX);
        let task = tokio::spawn(run(connection, asked));
        Self { queue: Mutex::new(Some(queue)), task: Mutex::new(Some(task)) }
    }

    /// Does one thing, together with whatever waits.
    pub(super) async fn ask(&self, work: Work) -> Result<Done, CartError> {
        let ended = || CartError::Unavailable("the server is stopping".to_owned());
        let (answer, done) = oneshot::channel();
        let queue = self.queue.lock().clone().ok_or_else(ended)?;
        queue.try_send(Asked { work, answer }).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => CartError::Overloaded,
            mpsc::error::TrySendError::Closed(_) => ended(),
        })?;
        drop(queue);
        done.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Does what waits, and closes the connection.
    pub(super) async fn close(&self) {
        drop(self.queue.lock().take());
        let task = self.task.lock().take();
        if let Some(task) = task
            && let Err(error) = task.await
        {
            tracing::error!(%error, "the writer of carts ended unexpectedly");
        }
    }
}

async fn run(mut connection: SqliteConnection, mut queue: mpsc::Receiver<Asked>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while queue.recv_many(&mut group, GROUP_MAX).await > 0 {
        match commit(&mut connection, &group).await {
            Ok(done) => {
                for (asked, done) in group.drain(..).zip(done) {
                    // Whoever went away does not want to know.
                    let _ = asked.answer.send(Ok(done));
                }
            }
            Err(error) => {
                // Whatever waits would meet the same: told now, nobody waits for several failures.
                let error = CartError::Unavailable(error.to_string());
                let waiting = std::iter::from_fn(|| queue.try_recv().ok());
                for asked in group.drain(..).chain(waiting) {
                    let _ = asked.answer.send(Err(error.clone()));
                }
            }
        }
    }
    let _ = connection.close().await;
}

/// All of them in one transaction, or none.
async fn commit(
    connection: &mut SqliteConnection,
    group: &[Asked],
) -> Result<Vec<Done>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let mut done = Vec::with_capacity(group.len());
    for asked in group {
        done.push(match &asked.work {
            Work::Put(session, line, when) => {
                Done::Put(put(&mut transaction, session, line, *when).await?)
            }
            Work::Take(session, taken, when) => {
                Done::Gone(take(&mut transaction, session, taken, *when).await?)
            }
            Work::Sweep(now, most) => {
                let (now, most) = (column(now.as_millis()), i64::from(*most));
                let swept = sqlx::query(SWEEP).bind(now).bind(most).execute(&mut *transaction);
                Done::Gone(swept.await?.rows_affected())
            }
        });
    }
    transaction.commit().await?;
    Ok(done)
}

async fn forget_expired(
    connection: &mut SqliteConnection,
    session: &SessionId,
    now: Timestamp,
) -> Result<(), sqlx::Error> {
    let now = column(now.as_millis());
    sqlx::query(FORGET_EXPIRED).bind(session.as_str()).bind(now).execute(connection).await?;
    Ok(())
}

async fn touch(
    connection: &mut SqliteConnection,
    session: &SessionId,
    expires_at: Timestamp,
) -> Result<(), sqlx::Error> {
    let expires_at = column(expires_at.as_millis());
    sqlx::query(TOUCH).bind(session.as_str()).bind(expires_at).execute(connection).await?;
    Ok(())
}

async fn put(
    connection: &mut SqliteConnection,
    session: &SessionId,
    line: &Line,
    when: When,
) -> Result<Result<Line, CartError>, sqlx::Error> {
    forget_expired(connection, session, when.now).await?;
    touch(connection, session, when.expires_at).await?;
    let (product, quantity) = (line.product.to_column(), i64::from(line.quantity.get()));
    let there: Option<(i64, String, i64)> = sqlx::query_as(PUT)
        .bind(session.as_str())
        .bind(product)
        .bind(quantity)
        .bind(column(line.added_price.amount))
        .bind(line.added_price.currency.as_str())
        .bind(column(line.added_at.as_millis()))
        .bind(column(LINES_MAX as u64))
        .fetch_optional(connection)
        .await?;
    Ok(match there {
        None => Err(CartFull.into()),
        Some((amount, currency, added_at)) => {
            StoredLine { product, quantity, amount, currency: &currency, added_at }.read()
        }
    })
}

async fn take(
    connection: &mut SqliteConnection,
    session: &SessionId,
    taken: &Taken,
    when: When,
) -> Result<u64, sqlx::Error> {
    forget_expired(connection, session, when.now).await?;
    let mut gone = 0;
    match taken {
        Taken::All => {
            let all = sqlx::query(TAKE_ALL).bind(session.as_str()).execute(&mut *connection);
            gone = all.await?.rows_affected();
        }
        Taken::Products(products) => {
            for (product, quantity) in products {
                let one = sqlx::query(TAKE)
                    .bind(session.as_str())
                    .bind(product.to_column())
                    .bind(quantity.map(|quantity| i64::from(quantity.get())))
                    .execute(&mut *connection);
                gone += one.await?.rows_affected();
            }
        }
    }
    if gone > 0 {
        touch(connection, session, when.expires_at).await?;
    }
    Ok(gone)
}
