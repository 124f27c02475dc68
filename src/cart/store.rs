//! Store: what keeps carts has to do. Three do it: SQLite, Postgres, Redis.

use super::rules::Line;
use super::session::SessionId;
use crate::domain::{ProductId, Quantity, Timestamp};
use async_trait::async_trait;

/// Why a question about a cart has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CartError {
    /// One product more than a cart has room for.
    #[error(transparent)]
    Full(#[from] super::rules::CartFull),
    /// More changes wait than are let in. Nothing was changed.
    #[error("more changes of carts wait than are let in")]
    Overloaded,
    /// The store is away or too slow. Every change may be repeated: it sets, and does not add.
    #[error("the store of carts cannot be asked at the moment: {0}")]
    Unavailable(String),
    /// It answers what this program never writes.
    #[error("the store of carts holds what lastunit does not write: {0}")]
    Damaged(String),
}

/// Why a store cannot be opened, in one sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OpenError(pub(super) String);

/// When a change happens, and how long the cart is kept after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct When {
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

/// What is taken out of a cart.
#[derive(Debug, Clone)]
pub(super) enum Taken {
    All,
    /// Each only if it still has that quantity, or any when none is said.
    Products(Vec<(ProductId, Option<Quantity>)>),
}

/// Why a store could not be made ready.
pub(super) enum Unprepared {
    /// Away; waiting may help.
    Away(String),
    /// It needs a person.
    Wrong(String),
}

/// Each change is one atomic step: what two requests do to one cart at once is what they would have
/// done one after the other. Nothing is read, changed here and written back.
#[async_trait]
pub(super) trait CartStore: Send + Sync {
    /// Makes the tables where they are missing, and looks whether the store is there. Called again
    /// and again.
    async fn prepare(&self) -> Result<(), Unprepared>;

    /// The lines of a cart, in any order; none when it ran out.
    async fn read(&self, session: &SessionId, now: Timestamp) -> Result<Vec<Line>, CartError>;

    /// Sets the quantity of one product. Gives the line as it is now.
    async fn put(&self, session: &SessionId, line: Line, when: When) -> Result<Line, CartError>;

    /// Takes lines out. Gives how many went.
    async fn take(&self, session: &SessionId, taken: Taken, when: When) -> Result<u64, CartError>;

    /// Removes some carts that ran out, `most` at most. Gives how many went.
    async fn sweep(&self, now: Timestamp, most: u32) -> Result<u64, CartError>;

    /// Ends the connections.
    async fn close(&self);
}

/// A stored line as it comes from a column or a field.
pub(super) struct StoredLine<'a> {
    pub product: i64,
    pub quantity: i64,
    pub amount: i64,
    pub currency: &'a str,
    pub added_at: i64,
}

impl StoredLine<'_> {
    /// The line, if this program wrote it.
    pub(super) fn read(&self) -> Result<Line, CartError> {
        use crate::domain::{Currency, Money};
        let line = || {
            let quantity = u32::try_from(self.quantity).ok()?;
            Some(Line {
                product: ProductId::new(u64::try_from(self.product).ok()?).ok()?,
                quantity: Quantity::new(quantity).ok()?,
                added_price: Money {
                    amount: u64::try_from(self.amount).ok()?,
                    currency: Currency::new(self.currency)?,
                },
                added_at: Timestamp::from_millis(u64::try_from(self.added_at).ok()?),
            })
        };
        line().ok_or_else(|| CartError::Damaged(format!("a line of product {}", self.product)))
    }
}

/// A time or an amount as a column holds it. Both have bounds far below.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
