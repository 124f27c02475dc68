//! Product: the state of one sellable thing, and how facts change it.
//!
//! States: not created (no offer; every command but `Create` is refused) → selling. Whether a sale
//! is open follows from the offer and the time and is not a state.
//!
//! What must never happen: `apply` refusing a fact or holding a rule. Old journals were decided by
//! the rules of their day and must replay for ever.

use super::answer::{Confirmed, Placed};
use super::{
    Answer, Currency, Customers, Event, Grace, Hold, HoldEnd, Holds, Memory, Offer, Outcome, Queue,
    Queued, Returns, Sales, Stock, Timestamp, View, promises,
};

/// One product's state: built by [`Product::apply`] alone, or restored from a snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Product {
    pub(super) offer: Option<Offer>,
    pub(super) inactive: bool,
    pub(super) edition: u64,
    pub(super) stock: Stock,
    pub(super) customers: Customers,
    pub(super) holds: Holds,
    pub(super) memory: Memory,
    pub(super) returns: Returns,
    pub(super) queue: Queue,
    pub(super) sales: Sales,
    pub(super) revision: u64,
    pub(super) changed_at: Timestamp,
}

impl Product {
    /// State as a snapshot has it.
    #[must_use]
    pub(crate) fn restored(
        offer: Option<Offer>,
        (inactive, edition): (bool, u64),
        stock: Stock,
        revision: u64,
        changed_at: Timestamp,
        (customers, holds, memory, returns): (Customers, Holds, Memory, Returns),
        (queue, sales): (Queue, Sales),
    ) -> Self {
        Self {
            offer,
            inactive,
            edition,
            stock,
            customers,
            holds,
            memory,
            returns,
            queue,
            sales,
            revision,
            changed_at,
        }
    }

    #[must_use]
    pub const fn is_created(&self) -> bool {
        self.offer.is_some()
    }

    #[must_use]
    pub const fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    /// Whether it is sold. Holds that are there are kept either way.
    #[must_use]
    pub const fn is_active(&self) -> bool {
        !self.inactive
    }

    /// The revision that last changed what is said of the product, its price or whether it is sold:
    /// unlike the revision itself, no sale changes it.
    #[must_use]
    pub const fn edition(&self) -> u64 {
        self.edition
    }

    #[must_use]
    pub const fn stock(&self) -> Stock {
        self.stock
    }

    #[must_use]
    pub const fn customers(&self) -> &Customers {
        &self.customers
    }

    #[must_use]
    pub const fn holds(&self) -> &Holds {
        &self.holds
    }

    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    #[must_use]
    pub const fn returns(&self) -> &Returns {
        &self.returns
    }

    /// Purchases that wait for their turn.
    #[must_use]
    pub const fn queue(&self) -> &Queue {
        &self.queue
    }

    /// Its parts of sales.
    #[must_use]
    pub const fn sales(&self) -> &Sales {
        &self.sales
    }

    /// Units that are sold at the ordinary terms: those that are available and set aside for no sale.
    #[must_use]
    pub fn ordinary(&self, now: Timestamp) -> u64 {
        self.stock.available.saturating_sub(self.sales.set_aside(now))
    }

    /// When something is to be done about this product though nobody asks: for a hold whose time is
    /// over, or, without delay, for a purchase whose turn comes. A sale needs nobody to open or to end.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        [self.holds.next_deadline(), self.queue.oldest()].into_iter().flatten().min()
    }

    /// How many facts this state is made of.
    #[must_use]
    pub const fn revision(&self) -> u64 {
        self.revision
    }

    /// When the newest fact was decided. Time never runs backwards for a product.
    #[must_use]
    pub const fn changed_at(&self) -> Timestamp {
        self.changed_at
    }

    /// Entries of all tables: what a snapshot of this state costs. Who waits counts eight times: a long
    /// queue is most of its snapshot, and most of it is gone before that is ever read. So a queue that
    /// only grows is not written again with each of its doublings.
    #[must_use]
    pub fn entries(&self) -> usize {
        let kept = self.customers.len() + self.holds.len() + self.memory.len() + self.returns.len();
        kept + 8 * self.queue.len() + self.sales.entries()
    }

    /// What the product is sold in; `XXX` (no currency, in ISO 4217) before it is created.
    pub(super) fn currency(&self) -> Currency {
        self.offer.map_or(Currency::NONE, |offer| offer.price.currency)
    }

    /// What may be shown of this state; `None` before the product is created.
    #[must_use]
    pub fn view(&self) -> Option<View> {
        self.view_at(self.changed_at)
    }

    /// The same as it is at `now`: sales open and end without any fact.
    #[must_use]
    pub fn view_at(&self, now: Timestamp) -> Option<View> {
        let now = now.max(self.changed_at);
        Some(View {
            stock: self.stock,
            offer: self.offer?,
            active: self.is_active(),
            edition: self.edition,
            changed_at: self.changed_at,
            revision: self.revision,
            next_lapse: self.holds.next_lapse(),
            keys: self.memory.len() as u64,
            queue: self.queue.view(),
            sale: self.sales.view(now),
            ended: self.sales.last_ended(now),
            sale_marks: self.sales.marks(),
            blocked: self.sales.is_blocked(now),
            set_aside: self.sales.set_aside(now),
        })
    }

    /// See [`Holds::set_grace`].
    pub fn set_grace(&mut self, grace: Grace) {
        self.holds.set_grace(grace);
    }

    /// Takes a decided fact into the state and says what to answer to whoever asked for it.
    ///
    /// Total: whatever was decided once is taken. `at` is the time of the decision.
    pub fn apply(&mut self, event: &Event, at: Timestamp) -> Outcome {
        self.sales.close(at);
        let answer = self.transition(event, at);
        self.revision += 1;
        self.changed_at = self.changed_at.max(at);
        self.memory.forget(at);
        self.holds.forget(at);
        if let Some(retry) = event.retry() {
            self.memory.insert(retry.key, retry.fingerprint, at, answer.clone());
        }
        debug_assert_eq!(promises::exact_sale(self), Ok(()));
        Outcome { answer, at, currency: self.currency(), replayed: false }
    }

    #[allow(clippy::too_many_lines)] // one arm for each fact
    fn transition(&mut self, event: &Event, at: Timestamp) -> Answer {
        match event {
            Event::Created { offer, units, .. } => {
                self.offer = Some(*offer);
                self.edition = self.revision + 1;
                self.stock.available += units;
                self.stock.stocked += units;
                Answer::Created
            }
            Event::Purchased { order, customer, quantity, unit_price, sale, .. } => {
                self.queue.sold(order);
                self.stock.purchase(quantity.get());
                self.customers.buys(customer, quantity.get());
                if let Some(part) = sale.and_then(|sale| self.sales.get_mut(sale)) {
                    part.buys(customer, quantity.get());
                    self.sales.has_taken();
                }
                Answer::Purchased {
                    order: *order,
                    quantity: quantity.get(),
                    unit_price: *unit_price,
                    sale: *sale,
                }
            }
            Event::Held {
                order, customer, quantity, unit_price, expires_at, sale, part, ..
            } => {
                self.stock.hold(quantity.get());
                self.customers.holds(customer, quantity.get());
                if let Some(part) = sale.and_then(|sale| self.sales.get_mut(sale)) {
                    part.holds(customer, quantity.get());
                    self.sales.has_taken();
                }
                let hold = Hold {
                    customer: customer.clone(),
                    unit_price: *unit_price,
                    created_at: at,
                    expires_at: *expires_at,
                    quantity: quantity.get(),
                    extensions: 0,
                    sale: sale.and_then(|sale| self.sales.number_of(sale)),
                    part: part.clone(),
                };
                self.holds.insert(*order, hold);
                Answer::Held {
                    order: *order,
                    quantity: quantity.get(),
                    unit_price: *unit_price,
                    expires_at: *expires_at,
                    sale: *sale,
                }
            }
            Event::Placed { order, lines, expires_at, payment, .. } => {
                self.holds.place(order, lines, payment, *expires_at);
                Answer::Placed(Box::new(Placed {
                    order: *order,
                    lines: lines.clone(),
                    expires_at: *expires_at,
                }))
            }
            Event::Returned { order, customer, quantity, sale, .. } => {
                self.stock.take_back(quantity.get());
                self.customers.returns(customer, quantity.get());
                if let Some(part) = sale.and_then(|sale| self.sales.get_mut(sale)) {
                    part.returns(customer, quantity.get());
                }
                self.returns.insert(*order);
                Answer::Returned { order: *order, quantity: quantity.get() }
            }
            Event::Queued { order, customer, quantity, priority, sale, .. } => {
                let (order, customer, quantity) = (*order, customer.clone(), *quantity);
                let (priority, sale, queued_at) = (*priority, *sale, at);
                let entry = Queued { order, customer, quantity, priority, sale, queued_at };
                Answer::Queued { order, position: self.queue.push(entry) }
            }
            Event::Refused { order, why, .. } => {
                self.queue.refused(order);
                Answer::Refused { order: *order, why: *why }
            }
            Event::Paced { per_second } => {
                self.queue.set_drain_rate(*per_second);
                Answer::Paced { per_second: *per_second }
            }
            Event::Extended { order, expires_at, .. } => {
                self.holds.extend(order, *expires_at);
                Answer::Extended { order: *order, expires_at: *expires_at }
            }
            Event::Ended { order, end, .. } => self.end_hold(*order, *end, at),
            Event::PaidLate { order, .. } => Answer::Noted { order: *order },
            Event::RefundOwed { order, .. } => {
                self.holds.give_up(order, at);
                Answer::Noted { order: *order }
            }
            Event::Changed { change, .. } => {
                if let (Some(offer), Some(price)) = (&mut self.offer, change.price) {
                    offer.price = price;
                }
                self.inactive = change.active.map_or(self.inactive, |active| !active);
                self.edition = self.revision + 1;
                Answer::Changed { edition: self.edition }
            }
            Event::SaleSet { terms, .. } => {
                self.sales.set(terms, at);
                Answer::SaleSet { sale: terms.sale, edition: terms.edition }
            }
            Event::SaleDropped { sale } => {
                self.sales.drop_sale(*sale);
                Answer::SaleDropped { sale: *sale }
            }
            Event::Adjusted { delta, .. } => {
                if let Some(stock) = self.stock.adjusted(*delta) {
                    self.stock = stock;
                }
                Answer::Adjusted(Box::new(self.stock))
            }
        }
    }

    fn end_hold(&mut self, order: super::OrderId, end: HoldEnd, at: Timestamp) -> Answer {
        let ended = self.holds.end(&order, end, at);
        if let Some(hold) = &ended {
            let sold = end == HoldEnd::Confirmed;
            self.customers.ends_hold(&hold.customer, hold.quantity, sold);
            if let Some(part) = self.sales.numbered_mut(hold.sale) {
                part.ends_hold(&hold.customer, hold.quantity, sold);
            }
            match end {
                HoldEnd::Confirmed => self.stock.confirm(hold.quantity),
                HoldEnd::Released | HoldEnd::Expired => self.stock.give_back(hold.quantity),
            }
        }
        if ended.as_ref().is_some_and(|hold| hold.part.is_some()) {
            return Answer::Settled { order, end };
        }
        match (end, ended) {
            (HoldEnd::Confirmed, Some(hold)) => Answer::Confirmed(Box::new(Confirmed {
                order,
                customer: hold.customer,
                quantity: hold.quantity,
                unit_price: hold.unit_price,
                sale: self.sales.numbered(hold.sale).map(|part| part.terms.sale),
            })),
            (HoldEnd::Expired, _) => Answer::Expired { order },
            (HoldEnd::Released | HoldEnd::Confirmed, _) => Answer::Released { order },
        }
    }
}
