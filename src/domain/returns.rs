//! Returns: which sold lines have come back. Never forgotten, so that none comes back twice.

use super::OrderId;
use super::bounds::RETURNS_MAX;
use super::table::Table;
use foldhash::fast::RandomState;

/// Orders of one product whose line has come back.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Returns {
    orders: Table<OrderId, (), RandomState>,
}

impl Returns {
    #[must_use]
    pub fn contains(&self, order: &OrderId) -> bool {
        self.orders.contains(order)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.orders.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = OrderId> {
        self.orders.iter().map(|(order, ())| *order)
    }

    pub(super) fn is_full(&self) -> bool {
        self.orders.len() >= RETURNS_MAX
    }

    pub(crate) fn insert(&mut self, order: OrderId) {
        self.orders.insert(order, ());
    }
}
