//! Sales under audit: what the tables must say of them, counted from the facts alone.
//!
//! Counted in another way than a product and the tables do: each line that was taken is kept until it
//! has come back, with its price. A product forgets old sales; the tables and this do not.

use crate::domain::{
    CustomerId, Event, HoldEnd, Money, OrderId, Product, ProductId, SaleId, SalePart, SaleTerms,
    Timestamp,
};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What the tables must say of one product's part of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleSummary {
    pub edition: u64,
    pub price: Money,
    pub limit_per_customer: Option<u32>,
    pub units: u64,
    /// Without what came back.
    pub sold: u64,
    pub held: u64,
    /// Of what is sold, in minor units.
    pub revenue: u64,
    pub returned: u64,
}

/// The sales of all products as they were at the positions asked for.
#[derive(Debug, Default)]
pub struct SaleSummaries {
    pub parts: BTreeMap<(SaleId, ProductId), SaleSummary>,
    /// Who bought something in a sale, also if it came back.
    pub customers: BTreeMap<SaleId, BTreeSet<CustomerId>>,
}

/// A line that was taken under a sale.
struct Taken {
    sale: SaleId,
    customer: CustomerId,
    units: u64,
    unit_price: u64,
}

/// The sales of one product.
#[derive(Default)]
pub(super) struct SaleBooks {
    parts: BTreeMap<SaleId, SaleSummary>,
    customers: BTreeSet<(SaleId, CustomerId)>,
    taken: HashMap<OrderId, Taken>,
}

impl SaleBooks {
    /// Takes a fact that can be applied.
    pub(super) fn take(&mut self, event: &Event) {
        match event {
            Event::SaleSet { terms, .. } => {
                let before = self.parts.get(&terms.sale);
                let part = SaleSummary {
                    edition: terms.edition,
                    price: terms.price,
                    limit_per_customer: terms.limit_per_customer,
                    units: terms.units,
                    sold: before.map_or(0, |part| part.sold),
                    held: before.map_or(0, |part| part.held),
                    revenue: before.map_or(0, |part| part.revenue),
                    returned: before.map_or(0, |part| part.returned),
                };
                self.parts.insert(terms.sale, part);
            }
            Event::SaleDropped { sale } => {
                self.parts.remove(sale);
            }
            Event::Purchased {
                order, customer, quantity, unit_price, sale: Some(sale), ..
            }
            | Event::Held { order, customer, quantity, unit_price, sale: Some(sale), .. } => {
                let (customer, units) = (customer.clone(), u64::from(quantity.get()));
                let (sale, unit_price) = (*sale, *unit_price);
                let taken = Taken { sale, customer, units, unit_price };
                if matches!(event, Event::Held { .. }) {
                    self.change(sale, |part| part.held += units);
                } else {
                    self.sell(&taken);
                }
                self.taken.insert(*order, taken);
            }
            Event::Ended { order, end, .. } => self.end(order, *end),
            Event::Returned { order, .. } => {
                if let Some(Taken { sale, units, unit_price, .. }) = self.taken.remove(order) {
                    self.change(sale, |part| {
                        part.sold = part.sold.saturating_sub(units);
                        part.returned += units;
                        part.revenue =
                            part.revenue.saturating_sub(units.saturating_mul(unit_price));
                    });
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, order: &OrderId, end: HoldEnd) {
        let Some(taken) = self.taken.remove(order) else { return };
        let units = taken.units;
        self.change(taken.sale, |part| part.held = part.held.saturating_sub(units));
        if end == HoldEnd::Confirmed {
            self.sell(&taken);
            self.taken.insert(*order, taken);
        }
    }

    fn sell(&mut self, taken: &Taken) {
        let (units, amount) = (taken.units, taken.units.saturating_mul(taken.unit_price));
        self.change(taken.sale, |part| {
            part.sold += units;
            part.revenue = part.revenue.saturating_add(amount);
        });
        self.customers.insert((taken.sale, taken.customer.clone()));
    }

    fn change(&mut self, sale: SaleId, change: impl FnOnce(&mut SaleSummary)) {
        if let Some(part) = self.parts.get_mut(&sale) {
            change(part);
        }
    }

    /// Adds what the tables must say of this product.
    pub(super) fn summarize(&self, product: ProductId, summaries: &mut SaleSummaries) {
        for (sale, part) in &self.parts {
            summaries.parts.insert((*sale, product), *part);
        }
        for (sale, customer) in &self.customers {
            summaries.customers.entry(*sale).or_default().insert(customer.clone());
        }
    }
}

/// Whether so many units can be taken, under a sale or at the ordinary terms, and leave what is set aside.
pub(super) fn may_take(state: &Product, sale: Option<SaleId>, units: u64, now: Timestamp) -> bool {
    let own = match sale.map(|sale| state.sales().get(sale)) {
        None => 0,
        Some(Some(part)) if part.left() >= units => set_aside(part, now).min(units),
        Some(_) => return false,
    };
    let left = state.stock().available.checked_sub(units);
    left.is_some_and(|left| left + own >= state.sales().set_aside(now))
}

/// Whether these terms leave a sale what it has taken, and set no more aside than there is.
pub(super) fn may_set(state: &Product, terms: &SaleTerms, now: Timestamp) -> bool {
    let sales = state.sales();
    let before = sales.get(terms.sale);
    // Holds name a part by a number of one byte, and none twice.
    let has_room = before.is_some() || sales.len() < usize::from(u8::MAX);
    let taken = before.map_or(0, |part| part.taken);
    let own = if terms.is_over(now) { 0 } else { terms.units.saturating_sub(taken) };
    let others = sales.set_aside(now) - before.map_or(0, |part| set_aside(part, now));
    let all = others.saturating_add(own);
    has_room && taken <= terms.units && all <= state.stock().available
}

fn set_aside(part: &SalePart, now: Timestamp) -> u64 {
    if part.terms.is_over(now) { 0 } else { part.left() }
}
