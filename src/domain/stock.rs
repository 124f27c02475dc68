//! Stock: where every unit of a product is.
//!
//! ```text
//!              adjust(+/-)
//!                  │
//!             ┌────▼─────┐ hold    ┌──────┐ confirm  ┌──────┐
//!             │available │────────▶│ held │─────────▶│ sold │
//!             │          │◀────────│      │          │      │
//!             └────┬─────┘ release └──────┘          └──▲───┘
//!                  │       expire                       │
//!                  ├───────────── purchase ─────────────▶│
//!                  └◀──────────── return ───────────────┘
//! ```
//!
//! `stocked` is counted on its own, by adjustments alone, so that promise 1 (exact sale) compares
//! two independent counts instead of one with itself.

/// Most units a product may ever hold.
pub const STOCKED_MAX: u64 = 1_000_000_000;

/// Counts of units. Never negative by type; never inconsistent by [`super::promises::exact_sale`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stock {
    pub available: u64,
    pub held: u64,
    pub sold: u64,
    pub stocked: u64,
}

impl Stock {
    pub(super) const fn purchase(&mut self, units: u32) {
        self.available -= units as u64;
        self.sold += units as u64;
    }

    pub(super) const fn hold(&mut self, units: u32) {
        self.available -= units as u64;
        self.held += units as u64;
    }

    pub(super) const fn confirm(&mut self, units: u32) {
        self.held -= units as u64;
        self.sold += units as u64;
    }

    pub(super) const fn take_back(&mut self, units: u32) {
        self.sold -= units as u64;
        self.available += units as u64;
    }

    pub(super) const fn give_back(&mut self, units: u32) {
        self.held -= units as u64;
        self.available += units as u64;
    }

    /// The stock after an adjustment, or `None` where a count would fall below zero. Whether the
    /// adjustment is allowed is decided before (see [`super::Product::decide`]): arithmetic only.
    #[must_use]
    pub const fn adjusted(self, delta: i64) -> Option<Self> {
        let Some(available) = self.available.checked_add_signed(delta) else { return None };
        let Some(stocked) = self.stocked.checked_add_signed(delta) else { return None };
        Some(Self { available, stocked, held: self.held, sold: self.sold })
    }
}
