//! Offer: the terms under which a product sells.

use super::Timestamp;

/// Largest price of one unit, in minor units of its currency. With the largest quantity the total
/// still fits the 53 bits that every JSON reader keeps exactly.
pub const AMOUNT_MAX: u64 = 1_000_000_000_000;

/// Three capital letters, as in ISO 4217.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// "No currency" in ISO 4217.
    pub const NONE: Self = Self(*b"XXX");

    /// `None` unless the text is three capital ASCII letters.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let letters: [u8; 3] = text.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }

    #[must_use]
    pub const fn letters(self) -> [u8; 3] {
        self.0
    }

    /// Letters that were checked before they were journaled.
    #[must_use]
    pub const fn from_journal(letters: [u8; 3]) -> Self {
        Self(letters)
    }
}

/// An amount in minor units (cents) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Money {
    pub amount: u64,
    pub currency: Currency,
}

impl Money {
    /// What `quantity` units at this price cost.
    #[must_use]
    pub const fn times(self, quantity: u32) -> Self {
        Self { amount: self.amount * quantity as u64, currency: self.currency }
    }
}

/// Price, limit and time window of a product. Half open: sells from `opens_at` on, and no longer at
/// `closes_at`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offer {
    pub price: Money,
    /// Units one customer may own or hold together; `None` is no limit.
    pub limit_per_customer: Option<u32>,
    pub opens_at: Option<Timestamp>,
    pub closes_at: Option<Timestamp>,
}
