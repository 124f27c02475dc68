//! The promises of this server, each as one named function.
//!
//! Used alike by debug assertions, the model test, the simulation, the crash tests and
//! `lastunit audit`. The first group looks at one state, the second at a history: [`History`] reads
//! every fact of a product in order and keeps what only a history can break, [`Orders`] what only
//! several products together can.

mod orders;
mod turns;

pub use orders::{Orders, WholeOrder, all_or_nothing};
use turns::Turns;

use super::{Event, HoldEnd, OrderId, Product, RequestKey, SaleId, SaleTerms, Timestamp};
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;

/// A promise that does not hold, and how.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{promise}: {detail}")]
pub struct Broken {
    pub promise: &'static str,
    pub detail: String,
}

fn broken(promise: &'static str, detail: String) -> Result<(), Broken> {
    Err(Broken { promise, detail })
}

/// Promise 1, cheap part: every unit is somewhere, exactly once. (No count can be negative: they
/// are unsigned and every build checks their arithmetic.)
///
/// # Errors
/// Names the counts that do not add up.
pub fn exact_sale(product: &Product) -> Result<(), Broken> {
    let stock = product.stock();
    let sum = stock.available.checked_add(stock.held).and_then(|sum| sum.checked_add(stock.sold));
    if sum != Some(stock.stocked) {
        return broken("exact sale", format!("available + held + sold is not stocked: {stock:?}"));
    }
    exact_sales(product)
}

/// Promise 1 of each sale of a product: no more is sold and held under it than was set aside for it,
/// and what is set aside is there.
fn exact_sales(product: &Product) -> Result<(), Broken> {
    let above = product.sales().iter().find(|part| part.taken > part.terms.units);
    if let Some(part) = above {
        let (sale, units) = (part.terms.sale, part.terms.units);
        return broken("exact sale", format!("sale {sale} has taken {} of {units}", part.taken));
    }
    let set_aside = product.sales().set_aside(product.changed_at());
    let available = product.stock().available;
    if set_aside > available {
        let detail = format!("sales have set {set_aside} units aside, {available} are available");
        return broken("exact sale", detail);
    }
    Ok(())
}

/// The same, whole: each part of a sale agrees with its holds and its customers.
fn exact_sales_in_full(product: &Product) -> Result<(), Broken> {
    for part in product.sales().iter() {
        let sale = part.terms.sale;
        let holds = product.holds().iter().filter(|(_, hold)| hold.sale == Some(part.number));
        let held = holds.map(|(_, hold)| u64::from(hold.quantity)).sum::<u64>();
        if held != part.held {
            let detail = format!("sale {sale} counts {} held units, holds {held}", part.held);
            return broken("exact sale", detail);
        }
        let customers = part.customers.iter();
        let owned = customers.map(|(_, owned)| owned.total()).sum::<u64>();
        if !part.closed && owned != part.taken {
            let detail = format!("sale {sale} has taken {}, its customers {owned}", part.taken);
            return broken("exact sale", detail);
        }
    }
    Ok(())
}

/// Promise 1, whole: the counts agree with every single hold and every customer's total. Walks the
/// whole state.
///
/// # Errors
/// Names the table that disagrees with the stock.
pub fn exact_sale_in_full(product: &Product) -> Result<(), Broken> {
    exact_sale(product)?;
    let stock = product.stock();
    let (held_units, indexed) = product.holds().count();
    if held_units != stock.held {
        return broken("exact sale", format!("holds add up to {held_units}: {stock:?}"));
    }
    if !indexed {
        return broken("one way out", "the index by time does not match the active holds".into());
    }
    if !product.queue().is_whole() {
        return broken("in turn", "the queue does not find its entries at their places".into());
    }
    let (sold, held) = product.customers().iter().fold((0u64, 0u64), |(sold, held), (_, owned)| {
        (sold + u64::from(owned.sold), held + u64::from(owned.held))
    });
    if (sold, held) != (stock.sold, stock.held) {
        let detail = format!("customers own {sold} and hold {held}: {stock:?}");
        return broken("exact sale", detail);
    }
    exact_sales_in_full(product)
}

/// No customer has more than the offer allows, nor in a sale more than that allows (part of promise 1:
/// the terms are kept).
///
/// # Errors
/// Counts the customers above the limit.
pub fn limits_kept(product: &Product) -> Result<(), Broken> {
    for part in product.sales().iter() {
        let Some(limit) = part.widest_limit else { continue };
        let mut customers = part.customers.iter();
        if customers.any(|(_, owned)| owned.total() > u64::from(limit)) {
            let detail = format!("a customer has more than {limit} in sale {}", part.terms.sale);
            return broken("limit per customer", detail);
        }
    }
    let Some(limit) = product.offer().and_then(|offer| offer.limit_per_customer) else {
        return Ok(());
    };
    // What is bought under a sale is limited by the sale alone.
    if product.sales().ever_taken() {
        return Ok(());
    }
    let above =
        product.customers().iter().filter(|(_, owned)| owned.total() > u64::from(limit)).count();
    if above > 0 {
        return broken("limit per customer", format!("{above} customers have more than {limit}"));
    }
    Ok(())
}

/// Promise 1, other way: with `demand` valid requests for one unit each, `sold` must be what there
/// was or what was asked for, whichever is less.
///
/// # Errors
/// Says whether too many or too few were sold.
pub fn sold_what_there_was(stocked: u64, demand: u64, sold: u64) -> Result<(), Broken> {
    let expected = stocked.min(demand);
    if sold == expected {
        return Ok(());
    }
    broken("exact sale", format!("{sold} sold of {stocked} with {demand} wanted: not {expected}"))
}

/// Promise 2: every acknowledged order is in the journal.
///
/// # Errors
/// Counts the missing orders and names one.
pub fn nothing_lost<'a, S: BuildHasher>(
    acknowledged: impl IntoIterator<Item = &'a OrderId>,
    journaled: &HashSet<OrderId, S>,
) -> Result<(), Broken> {
    let missing: Vec<_> =
        acknowledged.into_iter().filter(|order| !journaled.contains(*order)).collect();
    match missing.first() {
        None => Ok(()),
        Some(first) => {
            broken("nothing lost", format!("{} orders missing, such as {first:?}", missing.len()))
        }
    }
}

/// Promise 6: along one partition's journal the epoch never falls.
///
/// # Errors
/// Names both epochs.
pub fn one_owner(epoch_before: u64, epoch: u64) -> Result<(), Broken> {
    if epoch >= epoch_before {
        return Ok(());
    }
    broken("one owner", format!("epoch {epoch} wrote after epoch {epoch_before}"))
}

/// The facts of one product in order: finds what no single state shows.
#[derive(Debug, Default)]
pub struct History {
    revision: u64,
    orders: HashSet<OrderId>,
    running: HashSet<OrderId>,
    ended: HashMap<OrderId, HoldEnd>,
    returned: HashSet<OrderId>,
    turns: Turns,
    /// The editions of the sales the product has a part of.
    sales: HashMap<SaleId, u64>,
    /// Given up; again where two ask for it at once.
    dropped: HashSet<SaleId>,
    keys: HashMap<RequestKey, Timestamp>,
}

impl History {
    /// Takes the next fact.
    ///
    /// # Errors
    /// The first promise this fact breaks: a gap in the revisions (nothing lost), an order decided
    /// twice or a key answered twice within a day (exactly once), a hold that ends twice, ends
    /// without a beginning or goes on after its end (one way out), a queued purchase that is decided
    /// twice, before its turn or otherwise than it was asked for (in turn).
    pub fn push(&mut self, revision: u64, event: &Event, at: Timestamp) -> Result<(), Broken> {
        if revision != self.revision + 1 {
            let detail = format!("revision {revision} follows {}", self.revision);
            return broken("nothing lost", detail);
        }
        self.revision = revision;
        if let Some(retry) = event.retry() {
            let again = self.keys.insert(retry.key, at);
            if again.is_some_and(|before| at.millis_since(before) <= super::REMEMBERED_MS) {
                return broken("exactly once", format!("key {:?} decided twice", retry.key));
            }
        }
        match event {
            Event::Purchased { order, .. } if !self.orders.insert(*order) => {
                return broken("exactly once", format!("order {order:?} decided twice"));
            }
            Event::Queued { order, .. } if self.orders.contains(order) => {
                return broken("in turn", format!("{order:?} queued after it was decided"));
            }
            Event::Purchased { .. } | Event::Queued { .. } | Event::Refused { .. } => {
                return self.turns.push(event);
            }
            Event::Held { order, part, .. } => return self.hold(*order, part.is_some()),
            Event::Placed { order, .. } if !self.running.contains(order) => {
                return broken("all or nothing", format!("{order:?} placed but not held"));
            }
            Event::Returned { order, .. } => return self.take_back(*order),
            Event::Extended { order, .. } if !self.running.contains(order) => {
                return broken("one way out", format!("{order:?} extended but not held"));
            }
            Event::Ended { order, end, .. } => return self.end(*order, *end),
            Event::PaidLate { order, .. } => return self.unsold(*order),
            Event::RefundOwed { order, .. } => {
                self.unsold(*order)?;
                self.ended.insert(*order, HoldEnd::Released);
            }
            Event::SaleSet { terms, .. } => return self.set_sale(terms),
            Event::SaleDropped { sale } => return self.drop_sale(*sale),
            Event::Created { .. }
            | Event::Placed { .. }
            | Event::Extended { .. }
            | Event::Adjusted { .. }
            | Event::Changed { .. }
            | Event::Paced { .. } => {}
        }
        Ok(())
    }

    fn drop_sale(&mut self, sale: SaleId) -> Result<(), Broken> {
        if self.sales.remove(&sale).is_none() && !self.dropped.contains(&sale) {
            return broken("exact sale", format!("sale {sale} was dropped but never set"));
        }
        self.dropped.insert(sale);
        Ok(())
    }

    /// Each change of a sale is of a higher edition.
    fn set_sale(&mut self, terms: &SaleTerms) -> Result<(), Broken> {
        let (sale, edition) = (terms.sale, terms.edition);
        match self.sales.insert(sale, edition) {
            Some(before) if before >= edition => {
                broken("exact sale", format!("sale {sale} went from edition {before} to {edition}"))
            }
            _ => Ok(()),
        }
    }

    /// A line of an order may be held again after it ran out: its payment came late.
    fn hold(&mut self, order: OrderId, line: bool) -> Result<(), Broken> {
        let again = line && self.ended.remove(&order) == Some(HoldEnd::Expired);
        if !self.orders.insert(order) && !again {
            return broken("exactly once", format!("order {order:?} decided twice"));
        }
        self.running.insert(order);
        Ok(())
    }

    fn take_back(&mut self, order: OrderId) -> Result<(), Broken> {
        let unsold = self.ended.get(&order).is_some_and(|end| *end != HoldEnd::Confirmed);
        if unsold || self.running.contains(&order) || !self.orders.contains(&order) {
            return broken("exactly once", format!("{order:?} came back but was not sold"));
        }
        if !self.returned.insert(order) {
            return broken("exactly once", format!("{order:?} came back twice"));
        }
        Ok(())
    }

    /// A payment is late, and goes back, only for an order that is neither held nor sold.
    fn unsold(&self, order: OrderId) -> Result<(), Broken> {
        let sold = self.ended.get(&order) == Some(&HoldEnd::Confirmed);
        if sold || self.running.contains(&order) {
            return broken("exactly once", format!("{order:?} is held or sold, and paid late"));
        }
        Ok(())
    }

    fn end(&mut self, order: OrderId, end: HoldEnd) -> Result<(), Broken> {
        if self.running.remove(&order) {
            self.ended.insert(order, end);
            return Ok(());
        }
        match self.ended.get(&order) {
            None => broken("one way out", format!("{order:?} ended but was never held")),
            Some(before) => {
                broken("one way out", format!("{order:?} ended as {before:?} and as {end:?}"))
            }
        }
    }

    /// Queued purchases so far: those that wait, and those that were decided.
    #[must_use]
    pub fn queued(&self) -> (usize, usize) {
        self.turns.count()
    }

    /// Whether a queued purchase was refused at its turn.
    #[must_use]
    pub fn was_refused(&self, order: &OrderId) -> bool {
        self.turns.was_refused(order)
    }

    /// Every order this product ever sold or held.
    #[must_use]
    pub const fn orders(&self) -> &HashSet<OrderId> {
        &self.orders
    }
}
