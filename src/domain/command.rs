//! Commands: what somebody asks of a product.

use super::{
    CatalogEntry, Change, CustomerId, Fingerprint, HoldEnd, Line, Offer, OrderId, Part, Payment,
    Priority, Quantity, RequestKey, ReturnReason, SaleId, SaleTerms, Timestamp,
};

/// One request to one product. Everything random or read from a clock (order ids, holding times)
/// was drawn at the edge, so deciding stays pure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Present when the caller sent an idempotency key.
    pub retry: Option<Retry>,
    pub action: Action,
}

impl Command {
    /// A command without an idempotency key.
    #[must_use]
    pub const fn plain(action: Action) -> Self {
        Self { retry: None, action }
    }
}

/// What makes a repeated request recognisable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    pub key: RequestKey,
    pub fingerprint: Fingerprint,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Start selling: the product's first fact.
    Create { offer: Offer, units: u64, entry: Box<CatalogEntry> },
    /// Available → sold, now. With `sale`, under that sale or not at all.
    Purchase { order: OrderId, customer: CustomerId, quantity: Quantity, sale: Option<SaleId> },
    /// A purchase that is accepted now and decided when its turn comes.
    Queue {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        priority: Priority,
        sale: Option<SaleId>,
    },
    /// The turn of the purchase at the head of the queue. Sent by the product's own timer.
    TakeTurn,
    /// Give the queue a drain rate of its own; `None`: that of every product.
    Pace { per_second: Option<u32> },
    /// Look at a purchase that waits: decides nothing, answers its place.
    LookUpQueued { order: OrderId },
    /// Available → held until `now + hold_ms`.
    Hold {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        hold_ms: u64,
        sale: Option<SaleId>,
        /// `None` for a reservation of its own.
        part: Option<Part>,
    },
    /// To the lead, when all lines are held: from now on it is an order, to be paid within `pay_ms`.
    Place { order: OrderId, lines: Box<[Line]>, pay_ms: u64, payment: Box<Payment> },
    /// A line of an order goes the way its order goes. With `held_until` only as long as that is the
    /// time of its hold: a line may be held again meanwhile.
    Settle { order: OrderId, end: HoldEnd, held_until: Option<Timestamp> },
    /// To the lead: the order was paid, and is over.
    PayLate { order: OrderId, amount: u64 },
    /// To the lead: what was paid late goes back, and nobody takes this order's units again.
    OweRefund { order: OrderId, amount: u64 },
    /// Sold → available: one line of an order, as the query tables have it.
    Return {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        reason: ReturnReason,
        /// That it was sold under.
        sale: Option<SaleId>,
    },
    /// Held → sold.
    Confirm { order: OrderId },
    /// Held → available, because the customer gave up.
    Release { order: OrderId },
    /// Keep a hold until `now + hold_ms`; at most `extensions_max` times.
    Extend { order: OrderId, hold_ms: u64, extensions_max: u8 },
    /// Held → available, because the time ran out. Sent by the product's own timer.
    Expire { order: OrderId },
    /// Add or take away available units.
    Adjust { delta: i64, reason: Box<str> },
    /// Change what is said of the product, its price, or whether it is sold; with `expected`, only
    /// while that is its edition.
    Change { change: Box<Change>, expected: Option<u64> },
    /// Set the terms of the product's part of a sale: a new one, or all of one that is there.
    SetSale { terms: Box<SaleTerms> },
    /// Give up the product's part of a sale; with `undo`, also of one that runs but sold nothing.
    DropSale { sale: SaleId, undo: bool },
    /// Note that the part of a sale which the product has forgotten is given up: only the query tables
    /// have it, and say that nothing was sold under it.
    ForgetSale { sale: SaleId },
    /// Look at the product's part of a sale: decides nothing, answers its terms,
    /// and what this customer has in it.
    LookUpSale { sale: SaleId, customer: Option<CustomerId> },
    /// Look at a hold: decides nothing, answers its state.
    LookUp { order: OrderId },
}

impl Action {
    /// The time a hold asked for at `now` would end.
    pub(super) const fn deadline(now: Timestamp, hold_ms: u64) -> Timestamp {
        now.plus_millis(hold_ms)
    }
}
