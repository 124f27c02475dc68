//! Payments and jobs: what the journal's facts owe the world, and how far that is done.
//!
//! ```text
//!   owed (with the fact's rows) ──▶ waiting ──▶ done
//!                                   │     ▲
//!                        given up   ▼     │ an operator
//!                                   dead ─┘
//! ```
//!
//! The projection writes a job in the transaction that writes the rows of its fact, so none is lost and
//! none is owed by what did not happen; how far it is stands in the tables alone. Tables that are built
//! again owe everything again: whoever does a job must be able to do it twice. Owner: the projection makes
//! jobs, and closes late payments that are decided; `checkout::jobs` does the rest. Only carts are noted by
//! whoever ordered them, for no fact names them: tables that are built again have forgotten them. What must
//! never happen: a job that is done and waits again by itself.

use super::queries::{Queries, QueryError};
use crate::domain::{Currency, Money, OrderId, Payment, ProductId, Timestamp};

/// Longest complaint that is kept of a failed attempt.
const ERROR_CHARS_MAX: usize = 300;

/// Late payments whose order is sold, or whose money is owed back, are decided.
pub(super) const CLOSE_LATE: &str = "UPDATE jobs SET state = 'done', last_error = NULL, \
     died_at = NULL WHERE kind = 'late_payment' AND state <> 'done' AND EXISTS (SELECT 1 FROM orders \
     WHERE orders.order_id = jobs.order_id AND orders.status IN ('confirmed', 'refunded'))";

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobKind {
    /// Give money back.
    Refund,
    /// Take the units of an order again that was paid when it was over, or owe its money.
    LatePayment,
    /// Have the provider take no money for an order that ended unpaid, or hear that it has.
    Void,
    /// Give back what was in a cart, unless its order is paid.
    Cart,
}

impl JobKind {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Refund, Self::LatePayment, Self::Void, Self::Cart];

    /// As the database and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refund => "refund",
            Self::LatePayment => "late_payment",
            Self::Void => "void",
            Self::Cart => "cart",
        }
    }

    /// The kind that is spelt so.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether its amount says what it is about.
    #[must_use]
    pub const fn has_amount(self) -> bool {
        matches!(self, Self::Refund | Self::LatePayment)
    }
}

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobState {
    Waiting,
    Done,
    /// Given up: an operator has to look at it.
    Dead,
}

impl JobState {
    /// As the database and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Done => "done",
            Self::Dead => "dead",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Done, Self::Dead].into_iter().find(|state| state.as_str() == text)
    }
}

/// Which job; the same one after the tables were built again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobId {
    pub kind: JobKind,
    pub order: OrderId,
    /// The line it is about; `None` for the whole order.
    pub product: Option<ProductId>,
}

/// Something to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub id: JobId,
    /// The order's lead.
    pub lead: ProductId,
    pub amount: Money,
    pub state: JobState,
    /// Since it was made, or since an operator asked for more.
    pub attempts: u32,
    pub next_at: Timestamp,
    pub last_error: Option<String>,
    pub created_at: Timestamp,
    /// When it was given up.
    pub died_at: Option<Timestamp>,
}

/// What was in a cart became an order that is not paid yet.
#[derive(Clone, Copy)]
pub struct OrderedCart<'a> {
    pub order: OrderId,
    /// The order's lead.
    pub lead: ProductId,
    pub currency: Currency,
    /// Whoever knows it has the cart: never shown.
    pub session: &'a str,
    pub at: Timestamp,
}

/// Where a list of dead jobs goes on: the last one that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobCursor {
    pub died_at: Timestamp,
    pub id: JobId,
}

impl Job {
    /// Where a list that ended with this dead job goes on.
    #[must_use]
    pub fn cursor(&self) -> JobCursor {
        JobCursor { died_at: self.died_at.unwrap_or_default(), id: self.id }
    }
}

/// Jobs that are not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobCounts {
    pub waiting: u64,
    pub dead: u64,
}

/// Money of an order that goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refund {
    pub amount: Money,
    pub state: JobState,
}

/// Jobs, and how orders are paid. A cheap handle.
#[derive(Debug, Clone)]
pub struct Payments {
    queries: Queries,
}

impl Payments {
    #[must_use]
    pub const fn new(queries: Queries) -> Self {
        Self { queries }
    }

    /// How an order is paid; `None` for one that was bought at once, and for one that is not there.
    ///
    /// # Errors
    /// See [`QueryError`]; the same for all that follow.
    pub async fn of(&self, order: OrderId) -> Result<Option<Payment>, QueryError> {
        Ok(self.queries.payment_tables()?.payment(order).await?)
    }

    /// Jobs of a kind whose time has come, those that wait longest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn due(
        &self,
        kind: JobKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Job>, QueryError> {
        Ok(self.queries.payment_tables()?.due(kind, now, i64::from(limit)).await?)
    }

    /// Notes whose cart came to a placed order, before the cart is emptied; once for each order.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn keep_cart(&self, cart: &OrderedCart<'_>) -> Result<(), QueryError> {
        Ok(self.queries.payment_tables()?.keep_cart(cart).await?)
    }

    /// Whose cart came to an order, until that job is done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn session(&self, order: OrderId) -> Result<Option<String>, QueryError> {
        Ok(self.queries.payment_tables()?.session(order).await?)
    }

    /// A job's time has not come: it is looked at again at `next_at`, unless somebody has set another
    /// time since it was read.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn deferred(&self, job: &Job, next_at: Timestamp) -> Result<(), QueryError> {
        Ok(self.queries.payment_tables()?.deferred(job, next_at).await?)
    }

    /// A job is done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn done(&self, id: JobId) -> Result<(), QueryError> {
        Ok(self.queries.payment_tables()?.done(id).await?)
    }

    /// An attempt has failed; the next one is at `next_at`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn failed(
        &self,
        id: JobId,
        attempts: u32,
        next_at: Timestamp,
        error: &str,
    ) -> Result<(), QueryError> {
        Ok(self.queries.payment_tables()?.failed(id, attempts, next_at, &short(error)).await?)
    }

    /// The last attempt has failed.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn died(
        &self,
        id: JobId,
        attempts: u32,
        at: Timestamp,
        error: &str,
    ) -> Result<(), QueryError> {
        Ok(self.queries.payment_tables()?.died(id, attempts, at, &short(error)).await?)
    }

    /// One job.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn find(&self, id: JobId) -> Result<Option<Job>, QueryError> {
        Ok(self.queries.payment_tables()?.find(id).await?)
    }

    /// Lets a dead job wait again; `false` when it is not dead.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn retry(&self, id: JobId, now: Timestamp) -> Result<bool, QueryError> {
        Ok(self.queries.payment_tables()?.retry(id, now).await?)
    }

    /// A person has done what a dead job was about; `false` when it is not dead.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn close(&self, id: JobId) -> Result<bool, QueryError> {
        Ok(self.queries.payment_tables()?.close(id).await?)
    }

    /// Dead jobs, newest first, from the first one older than `before`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn dead(
        &self,
        before: Option<JobCursor>,
        limit: u32,
    ) -> Result<Vec<Job>, QueryError> {
        Ok(self.queries.payment_tables()?.dead(before, i64::from(limit)).await?)
    }

    /// How many jobs are not done.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn counts(&self) -> Result<JobCounts, QueryError> {
        Ok(self.queries.payment_tables()?.counts().await?)
    }
}

fn short(error: &str) -> String {
    error.chars().take(ERROR_CHARS_MAX).collect()
}
