//! Changes: what a run of facts means for the tables. Pure: rows in, facts in, rows out.
//!
//! [`super::needs`] names the rows that the facts build on, the database reads them, [`fold`] makes the
//! changes. Stock, reservations and products come out as whole rows, customers' totals as
//! differences, orders as new rows; each table is then written by a statement or two, however many
//! facts there were.
//!
//! What must never happen: a guess. A fact that does not fit the rows (a gap in a product's
//! revisions, the end of a hold that is not there) is [`Damage`], and the projection stops.

use super::moved::{Place, moved};
use super::refused::RefusedPurchase;
use super::rows::{OrderStatus, ReservationRow, ReservationStatus};
use super::sales::{SaleChanges, SaleFolding, SaleMove, SaleProductRow};
use crate::domain::{
    CatalogEntry, Change, Currency, CustomerId, Event, HoldEnd, Money, Offer, OrderId, Part,
    Payment, ProductId, RequestKey, ReturnReason, SaleId, Stock, Timestamp,
};
use crate::journal::Section;
use std::collections::{HashMap, HashSet};

/// The journal and the rows contradict each other.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("product {product}, revision {revision}: {detail}")]
pub(super) struct Damage {
    pub product: ProductId,
    pub revision: u64,
    pub detail: String,
}

/// A product as its rows have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PriorProduct {
    pub currency: Currency,
    pub stock: Stock,
    pub revision: u64,
}

/// Rows as they are before the facts.
#[derive(Debug, Default)]
pub(super) struct Prior {
    pub products: HashMap<ProductId, PriorProduct>,
    pub described: HashMap<ProductId, Described>,
    pub holds: HashMap<(OrderId, ProductId), ReservationRow>,
    pub sale_products: Vec<SaleProductRow>,
}

/// All of a product but its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Described {
    pub product: ProductId,
    pub entry: CatalogEntry,
    pub offer: Offer,
    pub created_at: Timestamp,
    pub active: bool,
    pub edition: u64,
}

/// One sold line, with what its order needs to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sale {
    pub order: OrderId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub unit_price: u64,
    pub total: Money,
    /// The sale it was bought under.
    pub under: Option<SaleId>,
    pub at: Timestamp,
}

/// An order whose lines are all held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PlacedOrder {
    pub order: OrderId,
    /// The lead.
    pub product: ProductId,
    pub customer: CustomerId,
    pub currency: Currency,
    pub at: Timestamp,
    pub expires_at: Timestamp,
    pub method: Box<str>,
    pub token: Box<str>,
    pub key: Option<RequestKey>,
}

/// Money of an order that was over when it was paid: it came, or it goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LateMoney {
    pub order: OrderId,
    /// The lead.
    pub product: ProductId,
    pub amount: Money,
    pub at: Timestamp,
}

/// A sold line that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReturnedLine {
    pub order: OrderId,
    pub product: ProductId,
    pub reason: ReturnReason,
    pub at: Timestamp,
}

/// Units that one customer gained or lost of one product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TotalDelta {
    pub customer: CustomerId,
    pub product: ProductId,
    pub sold: i64,
    pub held: i64,
}

/// Everything one round writes, sorted by the keys of the tables.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// New ones.
    pub products: Vec<Described>,
    /// Whole rows of those that were there.
    pub described: Vec<Described>,
    /// Whole rows of every product that was touched.
    pub stock: Vec<(ProductId, Stock, u64)>,
    /// Sold at once: always a new order of one line.
    pub purchases: Vec<Sale>,
    /// Sold from a hold: a line of an order that may have other lines, written now or before.
    pub confirmed: Vec<Sale>,
    /// Orders that wait for their payment.
    pub placed: Vec<PlacedOrder>,
    /// What became of orders that were placed, and when.
    pub decided: Vec<(OrderId, OrderStatus, Timestamp)>,
    /// Those of them whose provider may still take money for nothing; see [`super::owed`].
    pub voids: Vec<(OrderId, Timestamp)>,
    /// Sold lines that came back.
    pub returned: Vec<ReturnedLine>,
    /// Queued purchases to which nothing was sold.
    pub refused: Vec<RefusedPurchase>,
    /// Orders that were paid when they were over.
    pub paid_late: Vec<LateMoney>,
    /// Those whose money goes back.
    pub refunds_owed: Vec<LateMoney>,
    pub sales: SaleChanges,
    /// Whole rows.
    pub reservations: Vec<ReservationRow>,
    /// Differences that may make a new row: nothing in them is negative.
    pub gains: Vec<TotalDelta>,
    /// Differences to a row that must be there already.
    pub moves: Vec<TotalDelta>,
}

/// Turns facts into changes of rows. The sections of one product must be in its order.
pub(super) fn fold(sections: Vec<Section>, prior: Prior) -> Result<Changes, Damage> {
    let mut folding = Folding {
        products: prior.products,
        described: prior.described,
        created: HashSet::new(),
        changed_products: HashSet::new(),
        holds: prior.holds,
        sales: SaleFolding::new(prior.sale_products),
        changed: HashSet::new(),
        touched: HashSet::new(),
        totals: Vec::new(),
        decided: HashMap::new(),
        changes: Changes::default(),
    };
    for section in sections {
        folding.section(section)?;
    }
    Ok(folding.finish())
}

struct Folding {
    products: HashMap<ProductId, PriorProduct>,
    described: HashMap<ProductId, Described>,
    created: HashSet<ProductId>,
    changed_products: HashSet<ProductId>,
    holds: HashMap<(OrderId, ProductId), ReservationRow>,
    sales: SaleFolding,
    /// Holds to write.
    changed: HashSet<(OrderId, ProductId)>,
    touched: HashSet<ProductId>,
    /// In order of the facts; one customer may come often.
    totals: Vec<TotalDelta>,
    /// The last of each order: one whose payment came late is decided more than once.
    decided: HashMap<OrderId, (OrderStatus, Timestamp)>,
    changes: Changes,
}

impl Folding {
    fn section(&mut self, section: Section) -> Result<(), Damage> {
        let Section { product, first_revision, at, events } = section;
        let mut state = match (self.products.get(&product), events.first()) {
            (Some(prior), _) => *prior,
            (None, Some(Event::Created { offer, .. })) => PriorProduct {
                currency: offer.price.currency,
                stock: Stock::default(),
                revision: 0,
            },
            (None, _) => {
                let detail = "a fact about a product that was never created".to_owned();
                return Err(Damage { product, revision: first_revision, detail });
            }
        };
        for (event, revision) in events.into_iter().zip(first_revision..) {
            let fact = Fact { product, at, currency: state.currency, revision };
            let result = if revision == state.revision + 1 {
                self.event(event, fact, state.stock)
            } else {
                Err(format!("revision {} should come next", state.revision + 1))
            };
            state.stock = result.map_err(|detail| Damage { product, revision, detail })?;
            state.revision = revision;
        }
        self.touched.insert(product);
        self.products.insert(product, state);
        Ok(())
    }

    /// Takes one fact and says what the stock is after it.
    #[allow(clippy::too_many_lines)] // one arm for each fact
    fn event(&mut self, event: Event, fact: Fact, stock: Stock) -> Result<Stock, String> {
        match event {
            Event::Created { offer, units, entry } => {
                if stock != Stock::default() {
                    return Err("created for a second time".to_owned());
                }
                let Fact { product, at: created_at, revision: edition, .. } = fact;
                let row =
                    Described { product, entry: *entry, offer, created_at, active: true, edition };
                self.created.insert(product);
                self.described.insert(product, row);
                Ok(Stock { available: units, stocked: units, ..stock })
            }
            Event::Purchased { order, customer, quantity, unit_price, sale, .. } => {
                let quantity = quantity.get();
                self.total(customer.clone(), fact, i64::from(quantity), 0);
                let sold = fact.sale(order, (customer, sale), quantity, unit_price)?;
                self.count_sold(&sold, SaleMove::Buy)?;
                self.changes.purchases.push(sold);
                moved(stock, Place::Available, Place::Sold, quantity)
            }
            Event::Held {
                order, customer, quantity, unit_price, expires_at, sale, part, ..
            } => {
                let Fact { product, at: created_at, currency, .. } = fact;
                let quantity = quantity.get();
                self.total(customer.clone(), fact, 0, i64::from(quantity));
                let mut hold = ReservationRow {
                    order,
                    product,
                    customer,
                    quantity,
                    unit_price: Money { amount: unit_price, currency },
                    status: ReservationStatus::Held,
                    created_at,
                    expires_at,
                    ended_at: None,
                    lead: part.map(|part| match *part {
                        Part::Lead { .. } => product,
                        Part::Follower { lead } => lead,
                    }),
                    sale,
                };
                if let Some(sale) = sale {
                    self.sales.count(sale, product, (SaleMove::Hold, quantity, 0), created_at)?;
                }
                self.changed.insert((order, product));
                // A line of an order may be held again after it ran out. The order costs what it did.
                if let Some(before) = self.holds.get(&(order, product)) {
                    let expired = ReservationStatus::Ended(HoldEnd::Expired);
                    if before.lead.is_none() || before.status != expired {
                        return Err("a hold that is there already".to_owned());
                    }
                    hold.unit_price = before.unit_price;
                    hold.created_at = before.created_at;
                }
                self.holds.insert((order, product), hold);
                moved(stock, Place::Available, Place::Held, quantity)
            }
            Event::Extended { order, expires_at, .. } => {
                self.active_hold(order, fact.product)?.expires_at = expires_at;
                Ok(stock)
            }
            Event::Placed { order, expires_at, payment, retry, .. } => {
                let key = retry.map(|retry| retry.key);
                self.place(order, expires_at, *payment, key, fact).map(|()| stock)
            }
            Event::Returned { order, customer, quantity, reason, sale, .. } => {
                let quantity = quantity.get();
                self.total(customer, fact, -i64::from(quantity), 0);
                let Fact { product, at, .. } = fact;
                if let Some(sale) = sale {
                    self.sales.count(sale, product, (SaleMove::Return, quantity, 0), at)?;
                    self.sales.give_back(sale, product, order);
                }
                self.changes.returned.push(ReturnedLine { order, product, reason, at });
                moved(stock, Place::Sold, Place::Available, quantity)
            }
            Event::PaidLate { order, amount } => {
                self.changes.paid_late.push(fact.late(order, amount));
                Ok(stock)
            }
            Event::RefundOwed { order, amount } => {
                self.owe(order, fact.late(order, amount));
                Ok(stock)
            }
            Event::Ended { order, end, .. } => self.end(order, end, fact, stock),
            Event::Changed { change, .. } => self.change(&change, fact).map(|()| stock),
            Event::Refused { order, customer, quantity, queued_at, why } => {
                self.changes.refused.push(RefusedPurchase {
                    order,
                    product: fact.product,
                    customer,
                    quantity: quantity.get(),
                    queued_at,
                    refused_at: fact.at,
                    why,
                });
                Ok(stock)
            }
            Event::SaleSet { terms, retry } => {
                self.sales.set((&terms, retry), fact.product, fact.at);
                Ok(stock)
            }
            Event::SaleDropped { sale } => {
                self.sales.drop_part(sale, fact.product);
                Ok(stock)
            }
            // Who waits is shown by the product itself; the tables hear of it when it is decided.
            Event::Queued { .. } | Event::Paced { .. } => Ok(stock),
            // The rules hold the bounds; a fact beyond them changes nothing there either.
            Event::Adjusted { delta, .. } => Ok(stock.adjusted(delta).unwrap_or(stock)),
        }
    }

    fn place(
        &mut self,
        order: OrderId,
        expires_at: Timestamp,
        payment: Payment,
        key: Option<RequestKey>,
        fact: Fact,
    ) -> Result<(), String> {
        let hold = self.active_hold(order, fact.product)?;
        hold.expires_at = expires_at;
        let customer = hold.customer.clone();
        let Fact { product, at, currency, .. } = fact;
        let Payment { method, token } = payment;
        self.decided.remove(&order);
        self.changes.placed.push(PlacedOrder {
            order,
            product,
            customer,
            currency,
            at,
            expires_at,
            method,
            token,
            key,
        });
        Ok(())
    }

    /// What was paid late goes back: however its lead ended, it is released now.
    fn owe(&mut self, order: OrderId, money: LateMoney) {
        if let Some(hold) = self.holds.get_mut(&(order, money.product)) {
            hold.status = ReservationStatus::Ended(HoldEnd::Released);
            self.changed.insert((order, money.product));
        }
        self.decided.insert(order, (OrderStatus::Refunded, money.at));
        self.changes.refunds_owed.push(money);
    }

    fn change(&mut self, change: &Change, fact: Fact) -> Result<(), String> {
        let Some(row) = self.described.get_mut(&fact.product) else {
            return Err("a change of a product that has no row".to_owned());
        };
        change.describe(&mut row.entry);
        row.offer.price = change.price.unwrap_or(row.offer.price);
        row.active = change.active.unwrap_or(row.active);
        row.edition = fact.revision;
        self.changed_products.insert(fact.product);
        Ok(())
    }

    fn end(
        &mut self,
        order: OrderId,
        end: HoldEnd,
        fact: Fact,
        stock: Stock,
    ) -> Result<Stock, String> {
        let hold = self.active_hold(order, fact.product)?;
        hold.status = ReservationStatus::Ended(end);
        hold.ended_at = Some(fact.at);
        let (customer, quantity, price) = (hold.customer.clone(), hold.quantity, hold.unit_price);
        let sale = hold.sale;
        let units = i64::from(quantity);
        if hold.lead == Some(fact.product) {
            self.decided.insert(order, (decided(end), fact.at));
        }
        if end == HoldEnd::Confirmed {
            self.total(customer.clone(), fact, units, -units);
            let sold = fact.sale(order, (customer, sale), quantity, price.amount)?;
            self.count_sold(&sold, SaleMove::Confirm)?;
            self.changes.confirmed.push(sold);
            return moved(stock, Place::Held, Place::Sold, quantity);
        }
        if let Some(sale) = sale {
            self.sales.count(sale, fact.product, (SaleMove::Release, quantity, 0), fact.at)?;
        }
        self.total(customer, fact, 0, -units);
        moved(stock, Place::Held, Place::Available, quantity)
    }

    fn count_sold(&mut self, sold: &Sale, what: SaleMove) -> Result<(), String> {
        let Some(sale) = sold.under else { return Ok(()) };
        self.sales.bought(sale, sold.customer.clone());
        self.sales.count(sale, sold.product, (what, sold.quantity, sold.total.amount), sold.at)
    }

    fn active_hold(
        &mut self,
        order: OrderId,
        product: ProductId,
    ) -> Result<&mut ReservationRow, String> {
        match self.holds.get_mut(&(order, product)) {
            None => Err("a fact about a hold that was never there".to_owned()),
            Some(hold) if hold.status != ReservationStatus::Held => {
                Err(format!("a fact about a hold that is {} already", hold.status.as_str()))
            }
            Some(hold) => {
                self.changed.insert((order, product));
                Ok(hold)
            }
        }
    }

    fn total(&mut self, customer: CustomerId, fact: Fact, sold: i64, held: i64) {
        self.totals.push(TotalDelta { customer, product: fact.product, sold, held });
    }

    /// Sorts everything by key: neighbours in a table are written one after the other, which spares
    /// the database most of its page reads and writes.
    fn finish(self) -> Changes {
        let Self { products, created, changed_products, mut described, .. } = self;
        let Self { mut holds, changed, touched, totals, decided, mut changes, sales, .. } = self;
        changes.sales = sales.finish();
        let (new, old): (Vec<_>, Vec<_>) =
            described.drain().map(|(_, row)| row).partition(|row| created.contains(&row.product));
        changes.products = new;
        changes.described = old;
        changes.described.retain(|row| changed_products.contains(&row.product));
        changes.described.sort_unstable_by_key(|product| product.product);
        changes.products.sort_unstable_by_key(|product| product.product);
        changes.stock = touched
            .into_iter()
            .filter_map(|product| products.get(&product).map(|row| (product, row)))
            .map(|(product, row)| (product, row.stock, row.revision))
            .collect();
        changes.decided = decided.into_iter().map(|(order, (to, at))| (order, to, at)).collect();
        changes.decided.sort_unstable_by_key(|(order, ..)| *order);
        changes.placed = last_of_each(changes.placed);
        changes.stock.sort_unstable_by_key(|(product, ..)| *product);
        changes.purchases.sort_unstable_by_key(|sale| sale.order);
        changes.refused.sort_unstable_by_key(|refused| refused.order);
        changes.confirmed.sort_unstable_by_key(|sale| (sale.order, sale.product));
        changes.reservations = changed.iter().filter_map(|key| holds.remove(key)).collect();
        changes.reservations.sort_unstable_by_key(|hold| (hold.order, hold.product));
        (changes.gains, changes.moves) = summed(totals)
            .into_iter()
            .filter(|delta| delta.sold != 0 || delta.held != 0)
            .partition(|delta| delta.sold >= 0 && delta.held >= 0);
        changes
    }
}

/// What all changes of one fact share.
#[derive(Clone, Copy)]
struct Fact {
    product: ProductId,
    at: Timestamp,
    currency: Currency,
    revision: u64,
}

impl Fact {
    fn late(self, order: OrderId, amount: u64) -> LateMoney {
        let Self { product, at, currency, .. } = self;
        LateMoney { order, product, amount: Money { amount, currency }, at }
    }

    fn sale(
        self,
        order: OrderId,
        (customer, sale): (CustomerId, Option<SaleId>),
        quantity: u32,
        unit_price: u64,
    ) -> Result<Sale, String> {
        let Self { product, at, currency, .. } = self;
        let Some(amount) = unit_price.checked_mul(u64::from(quantity)) else {
            return Err(format!("{quantity} times the price {unit_price} is too much"));
        };
        let total = Money { amount, currency };
        Ok(Sale { order, product, customer, quantity, unit_price, total, under: sale, at })
    }
}

/// One row for each order: one whose payment came late is placed again, and keeps when it was placed
/// first, and with which key.
fn last_of_each(mut placed: Vec<PlacedOrder>) -> Vec<PlacedOrder> {
    // Stable: of one order they stay as they came.
    placed.sort_by_key(|row| row.order);
    placed.dedup_by(|later, first| {
        if later.order != first.order {
            return false;
        }
        first.expires_at = later.expires_at;
        first.key = first.key.or(later.key);
        true
    });
    placed
}

/// What the end of its lead makes of an order.
const fn decided(end: HoldEnd) -> OrderStatus {
    match end {
        HoldEnd::Confirmed => OrderStatus::Confirmed,
        HoldEnd::Released => OrderStatus::Cancelled,
        HoldEnd::Expired => OrderStatus::Expired,
    }
}

/// One delta per customer and product, sorted by both.
fn summed(mut totals: Vec<TotalDelta>) -> Vec<TotalDelta> {
    totals.sort_unstable_by(|one, other| {
        one.customer.cmp(&other.customer).then(one.product.cmp(&other.product))
    });
    totals.dedup_by(|later, first| {
        let same = later.product == first.product && later.customer == first.customer;
        if same {
            first.sold += later.sold;
            first.held += later.held;
        }
        same
    });
    totals
}

/// The lines of confirmed holds as orders: lines of one order become one row, led by the smallest
/// product. The input is sorted by order and product.
pub(super) fn merged_orders(confirmed: &[Sale]) -> Vec<Sale> {
    let mut orders: Vec<Sale> = Vec::with_capacity(confirmed.len());
    for sale in confirmed {
        match orders.last_mut() {
            Some(order) if order.order == sale.order => {
                order.total.amount = order.total.amount.saturating_add(sale.total.amount);
                order.at = order.at.min(sale.at);
            }
            _ => orders.push(sale.clone()),
        }
    }
    orders
}

#[cfg(test)]
#[path = "changes_tests.rs"]
mod tests;
