//! Sales this server knows of without the tables: of which products they are, and since when.
//!
//! A sale can so be paused and ended while the database is away. Filled by what is set here and by rows
//! that are read. Where a change of its products stopped halfway, all are known that may have a part. The
//! oldest sales make room.

use crate::domain::{ProductId, SaleId, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Most sales that are known.
const KNOWN_MAX: usize = 1_000;

/// Where its parts are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownSale {
    /// Ascending.
    pub products: Box<[ProductId]>,
    pub created_at: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct KnownSales(Mutex<BTreeMap<SaleId, KnownSale>>);

impl KnownSales {
    pub(super) fn get(&self, sale: SaleId) -> Option<KnownSale> {
        self.0.lock().get(&sale).cloned()
    }

    pub(super) fn learn(&self, sale: SaleId, known: KnownSale) {
        let mut sales = self.0.lock();
        sales.insert(sale, known);
        if sales.len() > KNOWN_MAX {
            sales.pop_first();
        }
    }

    pub(super) fn forget(&self, sale: SaleId) {
        self.0.lock().remove(&sale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_make_room() {
        let sales = KnownSales::default();
        let sale = |number| SaleId::new(number).expect("a sale");
        let known = KnownSale { products: [].into(), created_at: Timestamp::from_millis(1) };
        let most = KNOWN_MAX as u64;
        for number in 1..=most + 5 {
            sales.learn(sale(number), known.clone());
        }
        sales.forget(sale(most));
        let kept = [5, 6, most, most + 5].map(|number| sales.get(sale(number)).is_some());
        assert_eq!(kept, [false, true, false, true]);
    }
}
