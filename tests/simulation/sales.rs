//! Sales: what the shop sets up, changes and gives up while everything else goes on, and the books that
//! judge what is sold under them.
//!
//! The books are kept from the facts alone, in another way than a product keeps its sales: one list of
//! what is taken, counted again whenever a number is needed. They prove that each unit was sold at the
//! terms of its moment, to the millisecond: under a sale while it ran, at its price and within its limit,
//! and otherwise only what no sale had set aside.

use super::chance::Chance;
use super::nodes::Node;
use super::shop::{CUSTOMERS, customer};
use super::shopper::{self, End, pause};
use super::world::{Shared, World};
use lastunit::domain::promises::{self, Broken};
use lastunit::domain::{
    Action, Currency, CustomerId, Event, HoldEnd, Money, Offer, OrderId, ProductId, Quantity,
    Refusal, ReturnReason, SaleId, SaleTerms, Timestamp,
};
use std::collections::BTreeMap;

/// By then a timer has come.
const ON_TIME: u64 = 25;

/// More customers than units of a sale.
const TOO_MANY: u64 = 3;

/// What somebody has bought or holds.
#[derive(Debug, Clone)]
struct Taken {
    customer: CustomerId,
    units: u32,
    sale: Option<SaleId>,
    held: bool,
    /// Bought by itself, not as a line of an order.
    single: bool,
}

/// A sale to somebody, as its fact has it.
struct Sold<'a> {
    customer: &'a CustomerId,
    units: u32,
    price: u64,
    sale: Option<SaleId>,
}

/// The sales of one product.
#[derive(Debug, Default)]
pub struct Books {
    offer: Option<Offer>,
    available: u64,
    sales: BTreeMap<SaleId, SaleTerms>,
    taken: BTreeMap<OrderId, Taken>,
}

impl Books {
    /// Takes the next fact of the product.
    pub fn take(&mut self, event: &Event, at: Timestamp) -> Result<(), Broken> {
        match event {
            Event::Created { offer, units, .. } => {
                self.offer = Some(*offer);
                self.available = *units;
            }
            Event::Changed { change, .. } => {
                if let (Some(offer), Some(price)) = (&mut self.offer, change.price) {
                    offer.price = price;
                }
            }
            Event::Adjusted { delta, .. } => {
                let after = self.available.checked_add_signed(*delta);
                self.available = after.ok_or_else(|| broken(format!("{delta} of {self:?}")))?;
            }
            Event::Purchased { order, customer, quantity, unit_price, sale, .. } => {
                let (units, price, sale) = (quantity.get(), *unit_price, *sale);
                self.sell(*order, &Sold { customer, units, price, sale }, (false, true), at)?;
            }
            Event::Held { order, customer, quantity, unit_price, sale, .. } => {
                let (units, price, sale) = (quantity.get(), *unit_price, *sale);
                self.sell(*order, &Sold { customer, units, price, sale }, (true, false), at)?;
            }
            Event::Ended { order, end, .. } => self.end(*order, *end),
            Event::Returned { order, sale, .. } => {
                let taken = self.taken.remove(order);
                let taken = taken.filter(|taken| !taken.held && taken.sale == *sale);
                let taken = taken.ok_or_else(|| broken(format!("{order:?} was not sold so")))?;
                self.available += u64::from(taken.units);
            }
            Event::SaleSet { terms, .. } => self.set(terms, at)?,
            Event::SaleDropped { sale } => {
                let terms = self.sales.remove(sale);
                let taken = self.taken_under(*sale);
                if terms.is_none() || taken > 0 {
                    return Err(broken(format!("{sale} was dropped, {taken} units were taken")));
                }
            }
            _ => {}
        }
        let kept = self.set_aside(at);
        if kept > self.available {
            let detail = format!("{kept} units are set aside, {} available", self.available);
            return Err(broken(detail));
        }
        Ok(())
    }

    /// Units under one sale: sold or held.
    fn taken_under(&self, sale: SaleId) -> u64 {
        let taken = self.taken.values().filter(|taken| taken.sale == Some(sale));
        taken.map(|taken| u64::from(taken.units)).sum()
    }

    /// Units of one customer: in one sale, or all.
    fn owned(&self, customer: &CustomerId, sale: Option<SaleId>) -> u64 {
        let own = self.taken.values().filter(|taken| taken.customer == *customer);
        let own = own.filter(|taken| sale.is_none() || taken.sale == sale);
        own.map(|taken| u64::from(taken.units)).sum()
    }

    /// What is left of all sales that are not over.
    fn set_aside(&self, at: Timestamp) -> u64 {
        let kept = self.sales.values().filter(|terms| at < terms.ends_at);
        kept.map(|terms| terms.units.saturating_sub(self.taken_under(terms.sale))).sum()
    }

    fn sell(
        &mut self,
        order: OrderId,
        sold: &Sold<'_>,
        (held, single): (bool, bool),
        at: Timestamp,
    ) -> Result<(), Broken> {
        if let Err(why) = self.may_sell(sold, at) {
            let Sold { customer, units, price, sale } = sold;
            let detail = format!(
                "{units} units at {price} to {customer:?} under {sale:?} at {at:?}: {why}; {self:?}"
            );
            return Err(broken(detail));
        }
        let units = u64::from(sold.units);
        let left = self.available.checked_sub(units);
        self.available = left.ok_or_else(|| broken(format!("{order:?} takes too much")))?;
        let Sold { customer, units, sale, .. } = *sold;
        let taken = Taken { customer: customer.clone(), units, sale, held, single };
        self.taken.insert(order, taken);
        Ok(())
    }

    /// Whether those are the terms of this moment.
    fn may_sell(&self, sold: &Sold<'_>, at: Timestamp) -> Result<(), &'static str> {
        let Some(offer) = self.offer else { return Err("there is no product") };
        let units = u64::from(sold.units);
        let within = |owned: u64, limit: Option<u32>| {
            limit.is_none_or(|limit| owned + units <= u64::from(limit))
        };
        let mut running =
            self.sales.values().filter(|terms| terms.opens_at <= at && at < terms.ends_at);
        let Some(terms) = running.next() else {
            let blocks = |terms: &SaleTerms| at < terms.opens_at && !terms.sells_before;
            let closed = offer.opens_at.is_some_and(|opens| at < opens)
                || offer.closes_at.is_some_and(|closes| at >= closes);
            return match sold.sale {
                Some(_) => Err("that sale does not run"),
                None if closed || self.sales.values().any(blocks) => Err("it is not open"),
                None if sold.price != offer.price.amount => Err("that is not the price"),
                None if !within(self.owned(sold.customer, None), offer.limit_per_customer) => {
                    Err("that is above the limit")
                }
                None if units + self.set_aside(at) > self.available => Err("that is set aside"),
                None => Ok(()),
            };
        };
        if running.next().is_some() {
            return Err("two sales run");
        }
        if sold.sale != Some(terms.sale) {
            return Err("another sale runs");
        }
        let owned = self.owned(sold.customer, sold.sale);
        match terms {
            SaleTerms { paused: true, .. } => Err("it is paused"),
            _ if sold.price != terms.price.amount => Err("that is not the price of the sale"),
            _ if !within(owned, terms.limit_per_customer) => Err("that is above its limit"),
            _ if self.taken_under(terms.sale) + units > terms.units => Err("it has no more units"),
            _ => Ok(()),
        }
    }

    fn end(&mut self, order: OrderId, end: HoldEnd) {
        if end == HoldEnd::Confirmed {
            if let Some(taken) = self.taken.get_mut(&order) {
                taken.held = false;
            }
        } else if let Some(taken) = self.taken.remove(&order) {
            self.available += u64::from(taken.units);
        }
    }

    fn set(&mut self, terms: &SaleTerms, at: Timestamp) -> Result<(), Broken> {
        if let Some(before) = self.sales.insert(terms.sale, terms.clone()) {
            let moved = before.opens_at <= at && before.opens_at != terms.opens_at;
            if moved || before.ends_at <= at || before.edition >= terms.edition {
                return Err(broken(format!("{before:?} became {terms:?} at {at:?}")));
            }
        }
        let sold_more = self.taken_under(terms.sale) > terms.units;
        let mut others = self.sales.values().filter(|other| {
            other.sale != terms.sale
                && at < other.ends_at
                && at < terms.ends_at
                && terms.opens_at < other.ends_at
                && other.opens_at < terms.ends_at
        });
        let other = others.next();
        if sold_more || other.is_some() {
            return Err(broken(format!("{terms:?} beside {other:?} at {at:?}")));
        }
        Ok(())
    }

    /// Purchases that may be returned: whose, how many, under which sale.
    fn returnable(&self) -> Vec<(OrderId, CustomerId, Quantity, Option<SaleId>)> {
        let single = self.taken.iter().filter(|(_, taken)| taken.single);
        let single = single.map(|(order, taken)| {
            let quantity = Quantity::from_journal(taken.units);
            (*order, taken.customer.clone(), quantity, taken.sale)
        });
        single.collect()
    }
}

const fn broken(detail: String) -> Broken {
    Broken { promise: "exact sale (books)", detail }
}

impl World {
    /// The sale a purchase asks for: mostly none, sometimes one that is over or never was.
    pub fn wanted_sale(&mut self, product: ProductId) -> Option<SaleId> {
        if !self.chance.happens(200) {
            return None;
        }
        let mut sales: Vec<_> =
            self.truth.newest(product).sales().iter().map(|part| part.terms.sale).collect();
        if sales.is_empty() || self.chance.happens(50) {
            sales.push(sale_id(1 << 40));
        }
        let newest = sales.len().saturating_sub(2);
        Some(self.chance.pick(&sales[newest..]))
    }

    /// What the shop does about sales of a product.
    pub fn sale_action(&mut self, product: ProductId) -> Action {
        let sales = self.truth.newest(product).sales();
        // Those over several products are changed as a whole.
        let alone = sales.iter().map(|part| &part.terms).filter(|terms| terms.products.len() == 1);
        let known: Vec<SaleTerms> = alone.cloned().collect();
        let draw = self.chance.below(100);
        let set = |terms| Action::SetSale { terms: Box::new(terms) };
        if known.is_empty() || draw < 35 {
            return set(self.draw_terms(product));
        }
        let newest = known.len().saturating_sub(3);
        let index = newest as u64 + self.chance.below((known.len() - newest) as u64);
        let terms = &known[usize::try_from(index).expect("an index")];
        match draw {
            ..70 => set(self.changed(terms)),
            70..78 => Action::DropSale { sale: terms.sale, undo: self.chance.happens(300) },
            78..86 => {
                let customer = customer(self.chance.below(CUSTOMERS));
                Action::LookUpSale { sale: terms.sale, customer: Some(customer) }
            }
            _ => self.draw_return(product).unwrap_or_else(|| set(self.draw_terms(product))),
        }
    }

    fn draw_return(&mut self, product: ProductId) -> Option<Action> {
        let sold = self.truth.books(product)?.returnable();
        let index = self.chance.below(sold.len().max(1) as u64);
        let (order, customer, quantity, sale) =
            sold.get(usize::try_from(index).expect("an index"))?.clone();
        let reason = ReturnReason::Refunded;
        Some(Action::Return { order, customer, quantity, reason, sale })
    }

    fn draw_terms(&mut self, product: ProductId) -> SaleTerms {
        self.shop.sales += 1;
        let opens_at = self.now().plus_millis(self.chance.pick(&[0, 5, 300, 1_500]));
        let lasts = self.chance.pick(&[20, 300, 1_000, 3_000]);
        SaleTerms {
            // The others have numbers of the journal.
            sale: sale_id((1 << 20) + self.shop.sales),
            name: "drop".into(),
            products: [product].into(),
            opens_at,
            ends_at: opens_at.plus_millis(lasts + self.chance.below(lasts)),
            paused: self.chance.happens(80),
            sells_before: self.chance.happens(600),
            edition: 1,
            price: draw_price(&mut self.chance),
            limit_per_customer: self.chance.pick(&[None, None, Some(1), Some(3)]),
            units: self.chance.between((1, 8)),
        }
    }

    /// A change of one thing; of a careless shop also of an edition that is not the newest.
    fn changed(&mut self, before: &SaleTerms) -> SaleTerms {
        let mut terms = before.clone();
        terms.edition += u64::from(!self.chance.happens(50));
        let now = self.now();
        match self.chance.below(10) {
            0..3 => terms.paused = !terms.paused,
            3 => terms.units += self.chance.between((1, 5)),
            4 => terms.units = terms.units.saturating_sub(2).max(1),
            5 => terms.price = draw_price(&mut self.chance),
            6 => terms.limit_per_customer = self.chance.pick(&[None, Some(1), Some(2)]),
            7 => terms.ends_at = terms.ends_at.plus_millis(500),
            8 if terms.opens_at < now => terms.ends_at = now,
            8 => {
                let later = self.chance.below(900);
                terms.ends_at = terms.ends_at.plus_millis(later);
                terms.opens_at = terms.opens_at.plus_millis(later);
            }
            _ => terms.sells_before = !terms.sells_before,
        }
        terms
    }

    /// When the last sale of all products ends.
    pub fn last_sale_ends(&self) -> Timestamp {
        let products = self.truth.products();
        let states = products.iter().map(|product| self.truth.newest(*product));
        let ends = states.flat_map(|state| state.sales().iter().map(|part| part.terms.ends_at));
        ends.max().unwrap_or_default()
    }
}

fn sale_id(number: u64) -> SaleId {
    SaleId::new(number).expect("an id")
}

pub fn draw_price(chance: &mut Chance) -> Money {
    let currency = Currency::new("EUR").expect("a currency");
    Money { amount: chance.between((500, 999)), currency }
}

/// One more sale of a product, when nothing else is in the way: it opens and ends on time without
/// anybody's call, and all of it is sold, or as much as anybody wants.
pub async fn hold_a_last_sale(world: &Shared, node: &Node, product: ProductId) {
    let available = world.lock().truth.newest(product).stock().available;
    let units = available / 2;
    if units == 0 {
        return;
    }
    let opens_at = node.clock.now().plus_millis(3_000);
    let mut terms = world.lock().draw_terms(product);
    terms = SaleTerms { opens_at, paused: false, units, ..terms };
    terms.ends_at = opens_at.plus_millis(60_000);
    set(world, node, product, &terms).await;
    shows_now(world, node, product).await;
    let quantity = Quantity::from_journal(1);
    let (order, customer) = (OrderId([0; 16]), customer(4_000));
    let early = Action::Purchase { order, customer, quantity, sale: Some(terms.sale) };
    let early = world.lock().wish(product, early);
    let end = shopper::attempt(world, node, &early, false).await;
    let too_early = End::Refused(Refusal::NotOpen { opens_at });
    if node.clock.now() < opens_at && end != too_early && end != End::NotNow {
        world.lock().fail(format_args!("before the opening somebody got {end:?}"));
    }
    pause(opens_at.millis_since(node.clock.now()) + ON_TIME).await;
    shows_now(world, node, product).await;
    let all = product.get().is_multiple_of(2);
    let customers = if all { units + TOO_MANY } else { units.div_ceil(2) };
    let wanted = (0..customers)
        .map(|number| shopper::insist(world, node, product, Some(terms.sale), 5_000 + number));
    let sold = futures::future::join_all(wanted).await.into_iter().filter(|sold| *sold).count();
    let promise = promises::sold_what_there_was(units, customers, sold as u64);
    world.lock().check(promise);
    let within = world.lock().weather.answer_within();
    terms.ends_at = node.clock.now().plus_millis(within + 1_000);
    terms.edition += 1;
    set(world, node, product, &terms).await;
    pause(terms.ends_at.millis_since(node.clock.now()) + ON_TIME).await;
    shows_now(world, node, product).await;
}

/// Sets terms that nothing speaks against.
async fn set(world: &Shared, node: &Node, product: ProductId, terms: &SaleTerms) {
    let action = Action::SetSale { terms: Box::new(terms.clone()) };
    let wish = world.lock().wish(product, action);
    for _ in 0..40 {
        match shopper::attempt(world, node, &wish, false).await {
            End::Success => return,
            End::Refused(refusal) => {
                let mut world = world.lock();
                return world.fail(format_args!("{terms:?} was refused: {refusal:?}"));
            }
            End::NotNow | End::Unknown => pause(20).await,
        }
    }
    world.lock().fail(format_args!("{terms:?} is never set"));
}

/// What is shown is what is so now, though nobody has asked since.
async fn shows_now(world: &Shared, node: &Node, product: ProductId) {
    shopper::view(world, node, product).await;
    let reply = node.engine.view(product).await;
    let mut world = world.lock();
    let state = world.truth.newest(product);
    let expected =
        state.view_at(node.clock.now()).map(|view| (view.sale, view.blocked, view.set_aside));
    let shown = reply.map(|shown| (shown.view.sale, shown.view.blocked, shown.view.set_aside));
    if shown.as_ref().ok() != expected.as_ref() {
        world.fail(format_args!("product {product} shows {shown:?}, it is {expected:?}"));
    }
}
