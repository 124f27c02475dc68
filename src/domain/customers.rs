//! Customers: how much of one product each of them owns or holds.

use super::CustomerId;
use super::bounds::CUSTOMERS_MAX;
use super::table::Table;
use foldhash::quality::RandomState;

/// Units of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Owned {
    pub sold: u32,
    pub held: u32,
}

impl Owned {
    /// What counts against the limit per customer.
    #[must_use]
    pub const fn total(self) -> u64 {
        self.sold as u64 + self.held as u64
    }
}

/// Totals by customer. A customer without any unit has no entry.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Customers {
    /// Seeded anew in each process, so nobody can choose customer ids that collide.
    totals: Table<CustomerId, Owned, RandomState>,
}

impl Customers {
    #[must_use]
    pub fn owned(&self, customer: &CustomerId) -> Owned {
        self.totals.get(customer).copied().unwrap_or_default()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.totals.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.totals.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&CustomerId, Owned)> {
        self.totals.iter().map(|(customer, owned)| (customer, *owned))
    }

    pub(super) fn is_full_for(&self, customer: &CustomerId) -> bool {
        self.totals.len() >= CUSTOMERS_MAX && !self.totals.contains(customer)
    }

    pub(super) fn buys(&mut self, customer: &CustomerId, units: u32) {
        self.totals.get_or_default(customer).sold += units;
    }

    pub(super) fn holds(&mut self, customer: &CustomerId, units: u32) {
        self.totals.get_or_default(customer).held += units;
    }

    /// A hold of `units` ended; `sold` says whether it became a sale.
    pub(super) fn ends_hold(&mut self, customer: &CustomerId, units: u32, sold: bool) {
        let Some(owned) = self.totals.get_mut(customer) else { return };
        owned.held -= units;
        if sold {
            owned.sold += units;
        } else if owned.total() == 0 {
            self.totals.remove(customer);
        }
    }

    /// Sold units came back.
    pub(super) fn returns(&mut self, customer: &CustomerId, units: u32) {
        let Some(owned) = self.totals.get_mut(customer) else { return };
        owned.sold -= units;
        if owned.total() == 0 {
            self.totals.remove(customer);
        }
    }

    pub(crate) fn reserve(&mut self, customers: usize) {
        self.totals.reserve(customers);
    }

    /// Puts back a total as a snapshot has it.
    pub(crate) fn restore(&mut self, customer: CustomerId, owned: Owned) {
        self.totals.insert(customer, owned);
    }
}
