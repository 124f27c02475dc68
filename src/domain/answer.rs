//! Answers: what a command that was not refused tells its caller.

use super::{
    Currency, CustomerId, Hold, HoldEnd, Line, OrderId, SaleId, SaleTerms, Stock, Timestamp,
    TurnRefusal, Waiting,
};

/// An answer with the time of the decision behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub answer: Answer,
    /// When it was decided; for a replay, when it was decided first.
    pub at: Timestamp,
    /// What the product is sold in.
    pub currency: Currency,
    /// This is the first answer again, under a known idempotency key.
    pub replayed: bool,
}

/// What was decided, in the few words from which the caller's document can be written (again).
/// Small on purpose: one is kept for a day for each idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Created,
    Purchased {
        order: OrderId,
        quantity: u32,
        unit_price: u64,
        /// The sale it was sold under.
        sale: Option<SaleId>,
    },
    Held {
        order: OrderId,
        quantity: u32,
        unit_price: u64,
        expires_at: Timestamp,
        sale: Option<SaleId>,
    },
    Confirmed(Box<Confirmed>),
    Released {
        order: OrderId,
    },
    Extended {
        order: OrderId,
        expires_at: Timestamp,
    },
    Expired {
        order: OrderId,
    },
    Adjusted(Box<Stock>),
    Placed(Box<Placed>),
    /// A line went the way of its order.
    Settled {
        order: OrderId,
        end: HoldEnd,
    },
    Returned {
        order: OrderId,
        quantity: u32,
    },
    /// A late payment, or that it goes back, is recorded.
    Noted {
        order: OrderId,
    },
    /// What is said of the product is of this edition now.
    Changed {
        edition: u64,
    },
    /// Accepted, at this place of the queue at that moment.
    Queued {
        order: OrderId,
        position: u64,
    },
    /// Its turn came, and nothing was sold to it.
    Refused {
        order: OrderId,
        why: TurnRefusal,
    },
    Paced {
        per_second: Option<u32>,
    },
    /// A purchase that waits, as asked for by a look-up.
    InQueue(Box<Waiting>),
    /// The product's part of a sale has these terms now.
    SaleSet {
        sale: SaleId,
        edition: u64,
    },
    /// The product has no part of this sale any more.
    SaleDropped {
        sale: SaleId,
    },
    /// The product's part of a sale, as asked for by a look-up.
    SaleShown(Box<SaleShown>),
    /// An active hold and the sale it is held under, as asked for by a look-up.
    Shown(Box<Hold>, Option<SaleId>),
}

/// An order that waits for its payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub order: OrderId,
    pub lines: Box<[Line]>,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
}

/// One product's part of a sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleShown {
    pub terms: SaleTerms,
    /// Sold or held under it.
    pub taken: u64,
    /// Of these, held.
    pub held: u64,
    /// What the customer that was asked for has bought or holds in it.
    pub owned: u64,
}

/// The sale a confirmed hold became.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub order: OrderId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub unit_price: u64,
    pub sale: Option<SaleId>,
}
