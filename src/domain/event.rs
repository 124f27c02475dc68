//! Events: facts decided by a product's rules. A fact is never edited and never taken back.

use super::{
    Change, CustomerId, HoldEnd, Line, Offer, OrderId, Part, Payment, Priority, Quantity, Retry,
    ReturnReason, SaleId, SaleTerms, Timestamp, TurnRefusal,
};
use std::collections::BTreeMap;

/// What the catalogue shows of a product; the rules never look at it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogEntry {
    pub name: String,
    pub sku: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub image_url: Option<String>,
    pub attributes: BTreeMap<String, String>,
}

/// One fact of one product. The time it was decided is kept beside it (all events that one turn of
/// an actor decides share it), and so is the product's revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Created {
        offer: Offer,
        units: u64,
        entry: Box<CatalogEntry>,
    },
    Purchased {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        unit_price: u64,
        /// That it was bought under.
        sale: Option<SaleId>,
        retry: Option<Retry>,
    },
    Held {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        unit_price: u64,
        expires_at: Timestamp,
        sale: Option<SaleId>,
        /// For a line of an order; a lead knows no lines yet.
        part: Option<Box<Part>>,
        retry: Option<Retry>,
    },
    /// All lines of an order are held. A fact of the lead.
    Placed {
        order: OrderId,
        lines: Box<[Line]>,
        expires_at: Timestamp,
        payment: Box<Payment>,
        retry: Option<Retry>,
    },
    /// A sold line came back.
    Returned {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        reason: ReturnReason,
        /// That it was sold under, over or not.
        sale: Option<SaleId>,
        retry: Option<Retry>,
    },
    Extended {
        order: OrderId,
        expires_at: Timestamp,
        retry: Option<Retry>,
    },
    /// A hold's one way out.
    Ended {
        order: OrderId,
        end: HoldEnd,
        retry: Option<Retry>,
    },
    Adjusted {
        delta: i64,
        reason: Box<str>,
        retry: Option<Retry>,
    },
    /// A purchase was accepted; it is decided by `Purchased` or `Refused` when its turn comes.
    Queued {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        priority: Priority,
        /// That it is to be bought under; `None`: under whatever runs at its turn.
        sale: Option<SaleId>,
        retry: Option<Retry>,
    },
    /// The turn of a queued purchase came, and nothing was sold to it. Says whose it was, so that
    /// whoever reads this fact need not have read the other.
    Refused {
        order: OrderId,
        customer: CustomerId,
        quantity: Quantity,
        queued_at: Timestamp,
        why: TurnRefusal,
    },
    /// The queue got a drain rate of its own, or lost it.
    Paced {
        per_second: Option<u32>,
    },
    /// An order was paid when it was over already. A fact of the lead, whose end it leaves as it is.
    PaidLate {
        order: OrderId,
        /// In minor units of the product's currency.
        amount: u64,
    },
    /// A late payment goes back. A fact of the lead: the order is released for good.
    RefundOwed {
        order: OrderId,
        amount: u64,
    },
    /// The product's part of a sale has these terms from now on: a new part, or a change.
    SaleSet {
        terms: Box<SaleTerms>,
        retry: Option<Retry>,
    },
    /// The product has no part of this sale any more, and nothing was sold under it.
    SaleDropped {
        sale: SaleId,
    },
    /// The shop changed what it says of the product, its price, or whether it is sold.
    Changed {
        change: Box<Change>,
        retry: Option<Retry>,
    },
}

impl Event {
    /// The idempotency key this fact answers, if its command carried one.
    #[must_use]
    pub const fn retry(&self) -> Option<&Retry> {
        match self {
            Self::Created { .. }
            | Self::Refused { .. }
            | Self::Paced { .. }
            | Self::PaidLate { .. }
            | Self::SaleDropped { .. }
            | Self::RefundOwed { .. } => None,
            Self::Purchased { retry, .. }
            | Self::Queued { retry, .. }
            | Self::Held { retry, .. }
            | Self::Placed { retry, .. }
            | Self::Returned { retry, .. }
            | Self::Extended { retry, .. }
            | Self::Ended { retry, .. }
            | Self::Adjusted { retry, .. }
            | Self::SaleSet { retry, .. }
            | Self::Changed { retry, .. } => retry.as_ref(),
        }
    }
}
