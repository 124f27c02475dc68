//! Needs: the rows that facts build on, by their keys. Pure.
//!
//! Read before [`super::changes`] folds the facts. What must never happen: a row that a fact builds on and
//! that is not named here, for the fold would take it for missing, and stop.

use crate::domain::{Event, OrderId, ProductId};
use crate::journal::Section;
use std::collections::HashSet;

/// Keys of the rows that must be read before folding.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Needs {
    pub products: Vec<ProductId>,
    /// Products of which something else than the stock changes.
    pub described: Vec<ProductId>,
    /// Products of which something happens under a sale.
    pub on_sale: Vec<ProductId>,
    /// Orders whose hold began before these facts.
    pub holds: Vec<OrderId>,
}

/// Which rows these facts build on.
pub(super) fn needs(sections: &[Section]) -> Needs {
    let mut products = HashSet::new();
    let mut begun = HashSet::new();
    let mut holds = HashSet::new();
    let (mut created, mut described) = (HashSet::new(), HashSet::new());
    let mut on_sale = HashSet::new();
    for section in sections {
        products.insert(section.product);
        for event in &section.events {
            match event {
                Event::Held { order, sale, .. } => {
                    if sale.is_some() {
                        on_sale.insert(section.product);
                    }
                    begun.insert((*order, section.product));
                }
                Event::Extended { order, .. }
                | Event::Ended { order, .. }
                | Event::Placed { order, .. }
                | Event::RefundOwed { order, .. } => {
                    if !begun.contains(&(*order, section.product)) {
                        holds.insert(*order);
                    }
                    // Whether it was held under a sale is in its row.
                    if matches!(event, Event::Ended { .. }) {
                        on_sale.insert(section.product);
                    }
                }
                Event::Created { .. } => {
                    created.insert(section.product);
                }
                Event::Changed { .. } => {
                    described.insert(section.product);
                }
                Event::Purchased { sale: Some(_), .. }
                | Event::Returned { sale: Some(_), .. }
                | Event::SaleSet { .. }
                | Event::SaleDropped { .. } => {
                    on_sale.insert(section.product);
                }
                Event::Purchased { .. }
                | Event::Queued { .. }
                | Event::Refused { .. }
                | Event::Paced { .. }
                | Event::Returned { .. }
                | Event::PaidLate { .. }
                | Event::Adjusted { .. } => {}
            }
        }
    }
    let mut needs = Needs {
        products: products.into_iter().collect(),
        described: described.difference(&created).copied().collect(),
        on_sale: on_sale.into_iter().collect(),
        holds: holds.into_iter().collect(),
    };
    needs.described.sort_unstable();
    needs.on_sale.sort_unstable();
    needs.products.sort_unstable();
    needs.holds.sort_unstable();
    needs
}
