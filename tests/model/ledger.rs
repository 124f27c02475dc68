//! Ledger: the model. What a careful clerk would do with one long list and no hurry.
//!
//! Written to be obviously right and nothing else: no index, no counter, no queue. Every number is
//! counted again from the list whenever it is needed, and a hold is over the moment its time is
//! past, whether or not anybody has written that down. Sales are in a file of their own.

mod sales;

use lastunit::domain::{
    Action, Answer, Confirmed, CustomerId, Fingerprint, Grace, Hold, HoldEnd, Offer, OrderId, Part,
    Placed, Priority, Quantity, Queued, Refusal, RequestKey, SaleId, Stock, Timestamp, Waiting,
};
pub use sales::Sale;
use std::collections::BTreeMap;
use std::num::NonZeroU8;

pub const DAY: u64 = 86_400_000;
const MOST_UNITS: u64 = 1_000_000_000;

/// One line of the ledger.
struct Line {
    order: OrderId,
    customer: CustomerId,
    units: u32,
    price: u64,
    state: State,
    /// That it was bought or is held under.
    sale: Option<SaleId>,
    /// For a line of an order.
    part: Option<Part>,
    /// Sold, and come back.
    returned: bool,
}

#[derive(Clone, Copy)]
enum State {
    Bought,
    Held { since: Timestamp, until: Timestamp, extended: u8 },
    Over { end: HoldEnd, at: Timestamp },
}

impl Line {
    fn was_sold(&self) -> bool {
        matches!(self.state, State::Bought | State::Over { end: HoldEnd::Confirmed, .. })
    }

    fn is_sold(&self) -> bool {
        self.was_sold() && !self.returned
    }

    /// Waits for what becomes of another product's line, however long.
    fn follows(&self) -> bool {
        matches!(self.part, Some(Part::Follower { .. }))
    }
}

/// What the clerk expects to be answered.
#[derive(Debug, PartialEq, Eq)]
pub enum Expected {
    New(Answer),
    Again(Answer, Timestamp),
    No(Refusal),
}

/// What the clerk may forget after a day, and then has to ask: is it still remembered?
pub trait Remembers {
    fn key(&self, key: &RequestKey) -> bool;
    fn end_of(&self, order: &OrderId) -> bool;

    /// What holds under a sale name it by: of no meaning but that.
    fn number_of(&self, sale: SaleId) -> Option<NonZeroU8>;
}

#[derive(Default)]
pub struct Ledger {
    offer: Option<Offer>,
    stocked: u64,
    lines: Vec<Line>,
    keys: BTreeMap<RequestKey, (Fingerprint, Timestamp, Answer)>,
    grace: Option<Grace>,
    /// Who waits, in the order they came.
    waiting: Vec<Queued>,
    pace: Option<u32>,
    sales: Vec<Sale>,
}

impl Ledger {
    pub const fn set_grace(&mut self, grace: Grace) {
        self.grace = Some(grace);
    }

    pub const fn offer(&self) -> Option<&Offer> {
        self.offer.as_ref()
    }

    fn lapses_at(&self, until: Timestamp) -> Timestamp {
        match self.grace {
            Some(grace) if until <= grace.from => grace.until,
            _ => until,
        }
    }

    /// Held, and its time is not past.
    fn runs(&self, line: &Line, now: Timestamp) -> bool {
        matches!(line.state, State::Held { until, .. }
            if line.follows() || self.lapses_at(until) > now)
    }

    /// Held as far as anybody has written down, but its time is past.
    pub fn has_lapsed(&self, order: OrderId, now: Timestamp) -> bool {
        self.lines.iter().any(|line| {
            line.order == order && matches!(line.state, State::Held { .. }) && !self.runs(line, now)
        })
    }

    /// When the next hold lapses.
    pub fn next_lapse(&self) -> Option<Timestamp> {
        let held = self.lines.iter().filter_map(|line| match line.state {
            State::Held { until, .. } if !line.follows() => Some(self.lapses_at(until)),
            _ => None,
        });
        held.min()
    }

    /// When the next line asks its lead.
    pub fn next_question(&self) -> Option<Timestamp> {
        let held = self.lines.iter().filter_map(|line| match line.state {
            State::Held { until, .. } if line.follows() => Some(until),
            _ => None,
        });
        held.min()
    }

    /// Whether nobody would ever hold this order as a line: it is none, or its end may be forgotten.
    pub fn is_past_holding(&self, order: OrderId, remembers: &impl Remembers) -> bool {
        let waits = self.waiting.iter().any(|entry| entry.order == order);
        waits
            || self.lines.iter().any(|line| {
                let over = matches!(line.state, State::Over { end, .. } if end != HoldEnd::Expired);
                line.order == order && (line.part.is_none() || (over && !remembers.end_of(&order)))
            })
    }

    /// Who was sold how much under this order, and in which sale, also if it has come back.
    pub fn sold_to(&self, order: OrderId) -> Option<(CustomerId, Quantity, Option<SaleId>)> {
        let line = self.lines.iter().find(|line| line.order == order && line.was_sold())?;
        Some((line.customer.clone(), Quantity::from_journal(line.units), line.sale))
    }

    /// Somebody wrote down that a hold ran out.
    pub fn expires(&mut self, order: OrderId, at: Timestamp) {
        let over = self.over_at(at);
        self.over(order, HoldEnd::Expired, at);
        self.close(&over);
    }

    fn over(&mut self, order: OrderId, end: HoldEnd, at: Timestamp) {
        for line in &mut self.lines {
            if line.order == order {
                line.state = State::Over { end, at };
            }
        }
    }

    /// Units nobody has a claim on at `now`.
    pub fn free(&self, now: Timestamp) -> u64 {
        let mut free = self.stocked;
        for line in &self.lines {
            if line.is_sold() || self.runs(line, now) {
                free -= u64::from(line.units);
            }
        }
        free
    }

    /// Units a customer has bought or holds at `now`.
    fn has(&self, customer: &CustomerId, now: Timestamp) -> u64 {
        let mut units = 0;
        for line in &self.lines {
            if line.customer == *customer && (line.is_sold() || self.runs(line, now)) {
                units += u64::from(line.units);
            }
        }
        units
    }

    /// Sold and held units of one customer (or of all), as far as written down.
    pub fn written(&self, customer: Option<&CustomerId>) -> (u64, u64) {
        let (mut sold, mut held) = (0, 0);
        for line in &self.lines {
            if customer.is_none_or(|customer| line.customer == *customer) {
                if line.is_sold() {
                    sold += u64::from(line.units);
                } else if matches!(line.state, State::Held { .. }) {
                    held += u64::from(line.units);
                }
            }
        }
        (sold, held)
    }

    /// The counts, as far as written down.
    pub fn stock(&self) -> Stock {
        let (sold, held) = self.written(None);
        Stock { available: self.stocked - sold - held, held, sold, stocked: self.stocked }
    }

    /// What is known under a key, if it must be or still is remembered.
    pub fn recall(
        &self,
        key: RequestKey,
        fingerprint: Fingerprint,
        now: Timestamp,
        remembers: &impl Remembers,
    ) -> Option<Expected> {
        let (known, at, answer) = self.keys.get(&key)?;
        if now.as_millis() - at.as_millis() > DAY && !remembers.key(&key) {
            return None;
        }
        if *known != fingerprint {
            return Some(Expected::No(Refusal::KeyReused));
        }
        Some(Expected::Again(answer.clone(), *at))
    }

    pub fn remember(
        &mut self,
        key: RequestKey,
        fingerprint: Fingerprint,
        at: Timestamp,
        answer: &Answer,
    ) {
        self.keys.insert(key, (fingerprint, at, answer.clone()));
    }

    /// Whether this writes nothing down, whatever is answered.
    pub fn only_looks(&self, action: &Action) -> bool {
        match action {
            Action::LookUp { .. } | Action::LookUpQueued { .. } | Action::LookUpSale { .. } => true,
            Action::Pace { per_second } => self.offer.is_some() && self.pace == *per_second,
            Action::SetSale { terms } => self.sales.iter().any(|sale| sale.terms == **terms),
            _ => false,
        }
    }

    /// Does what is asked, or says why not.
    pub fn take(
        &mut self,
        action: &Action,
        now: Timestamp,
        remembers: &impl Remembers,
    ) -> Result<Answer, Refusal> {
        let (looks, over) = (self.only_looks(action), self.over_at(now));
        let answer = self.answer(action, now, remembers)?;
        if !looks {
            self.close(&over);
        }
        Ok(answer)
    }

    fn answer(
        &mut self,
        action: &Action,
        now: Timestamp,
        remembers: &impl Remembers,
    ) -> Result<Answer, Refusal> {
        if let Action::Create { offer, units, .. } = action {
            return self.create(offer, *units);
        }
        let Some(offer) = self.offer else { return Err(Refusal::UnknownProduct) };
        match action {
            Action::Create { .. } => unreachable!("answered above"),
            Action::SetSale { .. }
            | Action::DropSale { .. }
            | Action::ForgetSale { .. }
            | Action::LookUpSale { .. } => self.take_sale(action, now),
            Action::Purchase { order, customer, quantity, sale } => {
                let (order, units) = (*order, quantity.get());
                let (price, sale) = self.may_have(customer, units, (&offer, *sale), now)?;
                self.write(order, customer, units, (price, sale), State::Bought, None);
                Ok(Answer::Purchased { order, quantity: units, unit_price: price, sale })
            }
            Action::Hold { order, customer, quantity, hold_ms, sale, part } => {
                if part.is_some() {
                    self.may_be_held(*order, now, remembers)?;
                }
                let (order, units) = (*order, quantity.get());
                let (price, sale) = self.may_have(customer, units, (&offer, *sale), now)?;
                let until = now.plus_millis(*hold_ms);
                let state = State::Held { since: now, until, extended: 0 };
                self.write(order, customer, units, (price, sale), state, part.clone());
                Ok(Answer::Held {
                    order,
                    quantity: units,
                    unit_price: price,
                    expires_at: until,
                    sale,
                })
            }
            Action::Return { order, customer, quantity, .. } => {
                self.take_back(*order, customer, quantity.get())
            }
            Action::Adjust { delta, .. } => self.adjust(*delta, now),
            Action::Queue { .. } | Action::TakeTurn | Action::LookUpQueued { .. } => {
                self.take_queueing(action, &offer, now)
            }
            Action::Pace { per_second } => {
                self.pace = *per_second;
                Ok(Answer::Paced { per_second: *per_second })
            }
            Action::Change { .. } | Action::PayLate { .. } | Action::OweRefund { .. } => {
                unreachable!("no shopper changes a product, or pays late")
            }
            Action::Confirm { order }
            | Action::Release { order }
            | Action::Extend { order, .. }
            | Action::Expire { order }
            | Action::Place { order, .. }
            | Action::Settle { order, .. }
            | Action::LookUp { order } => self.take_hold(*order, action, now, remembers),
        }
    }

    /// Who waits, in the order of their turns.
    pub fn turns(&self) -> Vec<&Queued> {
        let class = |priority| self.waiting.iter().filter(move |entry| entry.priority == priority);
        class(Priority::Vip).chain(class(Priority::Normal)).collect()
    }

    fn position(&self, order: OrderId) -> Option<u64> {
        let place = self.turns().iter().position(|entry| entry.order == order)?;
        Some(place as u64 + 1)
    }

    fn take_queueing(
        &mut self,
        action: &Action,
        offer: &Offer,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        match action {
            Action::Queue { order, customer, quantity, priority, sale } => {
                if let Some(refusal) = self.closed_at_the_door(*sale, now) {
                    return Err(refusal);
                }
                let (owned, limit) = self.bought(customer, offer, now);
                if let Some(limit) = limit
                    && owned + u64::from(quantity.get()) > u64::from(limit)
                {
                    return Err(Refusal::CustomerLimit { limit, owned });
                }
                self.waiting.push(Queued {
                    order: *order,
                    customer: customer.clone(),
                    quantity: *quantity,
                    priority: *priority,
                    sale: *sale,
                    queued_at: now,
                });
                let position = self.position(*order).expect("it was just put there");
                Ok(Answer::Queued { order: *order, position })
            }
            Action::LookUpQueued { order } => {
                let position = self.position(*order).ok_or(Refusal::NotQueued)?;
                let entry = self.turns().into_iter().find(|entry| entry.order == *order);
                let entry = entry.expect("it has a place").clone();
                Ok(Answer::InQueue(Box::new(Waiting { entry, position })))
            }
            _ => {
                let first = self.turns().first().copied().cloned();
                let Queued { order, customer, quantity, sale, .. } =
                    first.ok_or(Refusal::NotQueued)?;
                let units = quantity.get();
                let granted = self.may_have(&customer, units, (offer, sale), now);
                // Nobody loses their place because the shop paused.
                if granted == Err(Refusal::SalePaused) {
                    return Err(Refusal::SalePaused);
                }
                self.waiting.retain(|entry| entry.order != order);
                let why = match granted {
                    Ok((price, sale)) => {
                        self.write(order, &customer, units, (price, sale), State::Bought, None);
                        return Ok(Answer::Purchased {
                            order,
                            quantity: units,
                            unit_price: price,
                            sale,
                        });
                    }
                    Err(refusal) => sales::turned_down(refusal),
                };
                Ok(Answer::Refused { order, why })
            }
        }
    }

    /// A new line; in the place of the old one where it is held again.
    fn write(
        &mut self,
        order: OrderId,
        customer: &CustomerId,
        units: u32,
        (price, sale): (u64, Option<SaleId>),
        state: State,
        part: Option<Part>,
    ) {
        self.lines.retain(|line| line.order != order);
        let (customer, returned) = (customer.clone(), false);
        self.lines.push(Line { order, customer, units, price, state, sale, part, returned });
    }

    /// A line is held once, and again after it ran out.
    fn may_be_held(
        &self,
        order: OrderId,
        now: Timestamp,
        remembers: &impl Remembers,
    ) -> Result<(), Refusal> {
        let Some(line) = self.lines.iter().find(|line| line.order == order) else { return Ok(()) };
        match line.state {
            State::Held { .. } if self.runs(line, now) => Err(Refusal::PartOfOrder),
            State::Over { end, .. } if end != HoldEnd::Expired && remembers.end_of(&order) => {
                Err(Refusal::HoldOver(end))
            }
            _ => Ok(()),
        }
    }

    fn take_back(
        &mut self,
        order: OrderId,
        customer: &CustomerId,
        units: u32,
    ) -> Result<Answer, Refusal> {
        let (sold, _) = self.written(Some(customer));
        let line = self.lines.iter_mut().find(|line| line.order == order);
        match line {
            Some(line) if line.returned => Err(Refusal::ReturnedAlready),
            Some(line) if line.was_sold() && sold >= u64::from(units) => {
                line.returned = true;
                Ok(Answer::Returned { order, quantity: units })
            }
            _ => Err(Refusal::UnknownReservation),
        }
    }

    fn create(&mut self, offer: &Offer, units: u64) -> Result<Answer, Refusal> {
        if self.offer.is_some() {
            return Err(Refusal::AlreadyCreated);
        }
        if units > MOST_UNITS {
            return Err(Refusal::AboveMaximum { stocked: 0 });
        }
        self.offer = Some(*offer);
        self.stocked = units;
        Ok(Answer::Created)
    }

    fn adjust(&mut self, delta: i64, now: Timestamp) -> Result<Answer, Refusal> {
        let available = self.ordinary(now);
        // Wide enough that no sum can leave it.
        if i128::from(available) + i128::from(delta) < 0 {
            return Err(Refusal::Insufficient { available });
        }
        let stocked = i128::from(self.stocked) + i128::from(delta);
        if delta > 0 && stocked > i128::from(MOST_UNITS) {
            return Err(Refusal::AboveMaximum { stocked: self.stocked });
        }
        self.stocked = u64::try_from(stocked).expect("checked above");
        Ok(Answer::Adjusted(Box::new(self.stock())))
    }

    fn take_hold(
        &mut self,
        order: OrderId,
        action: &Action,
        now: Timestamp,
        remembers: &impl Remembers,
    ) -> Result<Answer, Refusal> {
        let found = self.lines.iter().position(|line| line.order == order);
        let index = found.ok_or(Refusal::UnknownReservation)?;
        let line = &self.lines[index];
        let (since, until, extended) = match line.state {
            State::Bought => return Err(Refusal::UnknownReservation),
            State::Over { end, at } => {
                let day_over = now.as_millis() - at.as_millis() > DAY;
                let known = !day_over || remembers.end_of(&order);
                return Err(if known {
                    Refusal::HoldOver(end)
                } else {
                    Refusal::UnknownReservation
                });
            }
            State::Held { since, until, extended } => (since, until, extended),
        };
        let runs = self.runs(line, now);
        if let Action::Expire { .. } = action {
            if runs {
                return Err(Refusal::UnknownReservation);
            }
            let end = HoldEnd::Expired;
            let line = line.part.is_some();
            self.over(order, end, now);
            return Ok(if line {
                Answer::Settled { order, end }
            } else {
                Answer::Expired { order }
            });
        }
        if !runs {
            return Err(Refusal::HoldOver(HoldEnd::Expired));
        }
        let (customer, quantity, unit_price) = (line.customer.clone(), line.units, line.price);
        let (part, number) = (line.part.clone(), Self::number(line, remembers));
        // One that is not known any more is not named either.
        let sale = line.sale.filter(|_| number.is_some());
        match action {
            Action::Place { .. } | Action::Settle { .. } => self.take_line(index, action, now),
            Action::Confirm { .. } | Action::Release { .. } | Action::Extend { .. }
                if part.is_some() =>
            {
                Err(Refusal::PartOfOrder)
            }
            Action::Confirm { .. } => {
                self.over(order, HoldEnd::Confirmed, now);
                Ok(Answer::Confirmed(Box::new(Confirmed {
                    order,
                    customer,
                    quantity,
                    unit_price,
                    sale,
                })))
            }
            Action::Release { .. } => {
                self.over(order, HoldEnd::Released, now);
                Ok(Answer::Released { order })
            }
            Action::Extend { hold_ms, extensions_max, .. } => {
                if extended >= *extensions_max {
                    return Err(Refusal::ExtensionsUsedUp { extensions_max: *extensions_max });
                }
                let expires_at = now.plus_millis(*hold_ms).max(self.lapses_at(until));
                let extended = extended + 1;
                self.lines[index].state = State::Held { since, until: expires_at, extended };
                Ok(Answer::Extended { order, expires_at })
            }
            _ => Ok(Answer::Shown(
                Box::new(Hold {
                    customer,
                    unit_price,
                    created_at: since,
                    expires_at: until,
                    quantity,
                    extensions: extended,
                    sale: number,
                    part: part.map(Box::new),
                }),
                sale,
            )),
        }
    }

    /// What is asked of a running hold as a line of an order.
    fn take_line(
        &mut self,
        index: usize,
        action: &Action,
        now: Timestamp,
    ) -> Result<Answer, Refusal> {
        let line = &mut self.lines[index];
        match (action, &line.part) {
            (
                Action::Place { order, lines, pay_ms, payment },
                Some(Part::Lead { payment: None, .. }),
            ) => {
                let expires_at = now.plus_millis(*pay_ms);
                if let State::Held { until, .. } = &mut line.state {
                    *until = expires_at;
                }
                let (lines, payment) = (lines.clone(), Some(payment.clone()));
                line.part = Some(Part::Lead { lines: lines.clone(), payment });
                Ok(Answer::Placed(Box::new(Placed { order: *order, lines, expires_at })))
            }
            (Action::Place { .. }, _)
            | (
                Action::Settle { end: HoldEnd::Confirmed, .. },
                Some(Part::Lead { payment: None, .. }),
            ) => Err(Refusal::PartOfOrder),
            (Action::Settle { order, end, .. }, Some(_)) => {
                line.state = State::Over { end: *end, at: now };
                Ok(Answer::Settled { order: *order, end: *end })
            }
            _ => Err(Refusal::UnknownReservation),
        }
    }
}
