//! Orders over several products: what each line knows of the whole.
//!
//! Every line is a hold of its own product under one order id. The first line's product is the lead:
//! it knows all lines once the order is placed, and what becomes of its hold becomes of the order.
//!
//! ```text
//!   lead:      hold ──▶ placed (all lines are held) ──▶ confirmed | released | expired
//!   follower:  hold ─────────────────────────────────▶ whatever became of the lead
//! ```
//!
//! A lead that was never placed (a line that was refused) runs out like any hold, and at the next start if
//! a crash cut its order in two. A follower never runs out by itself: at its time it asks its lead.

use super::{ProductId, Quantity, SaleId};

impl Part {
    /// A lead that is not placed yet.
    #[must_use]
    pub fn new_lead() -> Self {
        Self::Lead { lines: Box::default(), payment: None }
    }
}

/// One line of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: ProductId,
    pub quantity: Quantity,
    /// In minor units of the order's currency.
    pub unit_price: u64,
    /// The sale it is bought under.
    pub sale: Option<SaleId>,
}

/// What a hold is part of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// The first line of an order; `lines` and `payment` are there when it is placed.
    Lead { lines: Box<[Line]>, payment: Option<Box<Payment>> },
    /// Another line; the lead's product decides.
    Follower { lead: ProductId },
}

/// How a customer wants to pay, for whoever asks the provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Name of the provider.
    pub method: Box<str>,
    /// What the provider knows the customer's means by; empty where it needs none.
    pub token: Box<str>,
}

/// Why sold units come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReturnReason {
    /// The customer does not want them.
    Cancelled,
    /// The shop gave the money back.
    Refunded,
}
