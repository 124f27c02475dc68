//! Decided: what became of the queued purchases whose turns came last.
//!
//! The query tables have all of them, a moment later. Until then whoever asks again and again for a
//! purchase finds it here, so that it is never lost from sight between the queue and the tables.
//!
//! Who owns it: the actors write, look-ups read; one lock, taken once in a tick and once in such a
//! look-up. It keeps [`DECIDED_MAX`] and forgets the oldest. After a restart it is empty, and the
//! tables are asked.

use crate::domain::{CustomerId, Event, OrderId, ProductId, SaleId, Timestamp, TurnRefusal};
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// Most purchases that are remembered, over all products.
const DECIDED_MAX: usize = 65_536;

/// A purchase whose turn came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedPurchase {
    pub product: ProductId,
    pub order: OrderId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub decided_at: Timestamp,
    pub result: TurnResult,
}

/// What its turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnResult {
    Sold { unit_price: u64, sale: Option<SaleId> },
    Refused { queued_at: Timestamp, why: TurnRefusal },
}

impl DecidedPurchase {
    /// `None` for a fact that decides no purchase.
    pub(super) fn of(product: ProductId, event: &Event, decided_at: Timestamp) -> Option<Self> {
        let (order, customer, quantity, result) = match event {
            Event::Purchased { order, customer, quantity, unit_price, sale, .. } => {
                let result = TurnResult::Sold { unit_price: *unit_price, sale: *sale };
                (order, customer, quantity, result)
            }
            Event::Refused { order, customer, quantity, queued_at, why } => {
                let result = TurnResult::Refused { queued_at: *queued_at, why: *why };
                (order, customer, quantity, result)
            }
            _ => return None,
        };
        let (order, customer, quantity) = (*order, customer.clone(), quantity.get());
        Some(Self { product, order, customer, quantity, decided_at, result })
    }
}

/// Those that are remembered.
#[derive(Debug, Default)]
pub(super) struct DecidedPurchases(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    purchases: HashMap<OrderId, DecidedPurchase, RandomState>,
    /// Oldest first.
    age: VecDeque<OrderId>,
}

impl DecidedPurchases {
    pub(super) fn remember(&self, purchases: Vec<DecidedPurchase>) {
        if purchases.is_empty() {
            return;
        }
        let mut recent = self.0.lock();
        for purchase in purchases {
            recent.age.push_back(purchase.order);
            recent.purchases.insert(purchase.order, purchase);
            if recent.age.len() > DECIDED_MAX
                && let Some(oldest) = recent.age.pop_front()
            {
                recent.purchases.remove(&oldest);
            }
        }
    }

    pub(super) fn get(&self, order: OrderId) -> Option<DecidedPurchase> {
        self.0.lock().purchases.get(&order).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let decided = DecidedPurchases::default();
        let purchase = |number: u32| {
            let mut order = [0; 16];
            order[..4].copy_from_slice(&number.to_le_bytes());
            DecidedPurchase {
                product: ProductId::new(1).unwrap(),
                order: OrderId(order),
                customer: CustomerId::from_journal("ann"),
                quantity: 1,
                decided_at: Timestamp::from_millis(number.into()),
                result: TurnResult::Sold { unit_price: 1, sale: None },
            }
        };
        let most = u32::try_from(DECIDED_MAX).unwrap();
        decided.remember((0..most + 10).map(purchase).collect());
        assert_eq!(decided.get(purchase(9).order), None);
        assert_eq!(decided.get(purchase(10).order), Some(purchase(10)));
        assert_eq!(decided.get(purchase(most + 9).order), Some(purchase(most + 9)));
        assert_eq!(decided.0.lock().purchases.len(), DECIDED_MAX);
    }
}
