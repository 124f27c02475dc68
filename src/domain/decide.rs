//! Decide: every rule of a sale, in one order of precedence.
//!
//! 1. a known idempotency key: the first answer again, or `KeyReused`
//! 2. the product or the reservation is unknown, or the hold has ended
//! 3. the product is not sold any more; or, for a change of it, somebody else was faster
//! 4. the sale is unknown, not open yet, paused, or over
//! 5. sold out
//! 6. the limit of the customer
//! 7. fewer units than asked for
//! 8. a bounded table is full
//!
//! A purchase that is to wait is accepted by steps 1 to 5 and 8 and, of 6, what the customer has bought;
//! all of 3 to 8 are asked when its turn comes (see [`super::decide_queue`]).
//!
//! Holds whose time is past are treated as expired here, whether or not their timer has come. A
//! decision that relied on that names them in `lapsed`, and their expiry is recorded before the
//! decision itself: so a crash cannot bring a hold back that an answer has already called over.

use super::bounds::LAPSED_MAX;
use super::command::{Action, Command, Retry};
use super::{
    Answer, Change, CustomerId, Event, Hold, HoldEnd, Line, Offer, OrderId, Outcome, Owned, Part,
    Payment, Product, Quantity, Refusal, ReturnReason, STOCKED_MAX, SaleId, SalePart, Stock,
    Timestamp, View,
};

/// What is to happen because of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Holds to record as expired first.
    pub lapsed: Vec<OrderId>,
    pub verdict: Result<Verdict, Refusal>,
}

/// A command that was not refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A new fact: apply it, journal it, answer what applying gave.
    Record(Event),
    /// Nothing new: answer this.
    Replay(Outcome),
}

impl From<Refusal> for Decision {
    fn from(refusal: Refusal) -> Self {
        Self { lapsed: Vec::new(), verdict: Err(refusal) }
    }
}

impl From<Event> for Decision {
    fn from(event: Event) -> Self {
        Self { lapsed: Vec::new(), verdict: Ok(Verdict::Record(event)) }
    }
}

/// The table of holds whose expiry is still to be recorded.
pub(super) const LAPSED: &str = "lapsed holds";

/// Who asks for units, and how many.
struct Demand<'a> {
    customer: &'a CustomerId,
    quantity: Quantity,
    keyed: bool,
    /// For a hold, not for a purchase.
    held: bool,
    /// Under this sale or not at all.
    sale: Option<SaleId>,
    /// The hold that this one takes the place of: its expiry is recorded first.
    anew: Option<Lapsed<'a>>,
}

/// A hold whose time is past but whose expiry is not recorded yet.
pub(super) type Lapsed<'a> = (OrderId, &'a Hold);

pub(super) fn units_of<'a>(lapsed: impl IntoIterator<Item = &'a Lapsed<'a>>) -> u64 {
    lapsed.into_iter().map(|(_, hold)| u64::from(hold.quantity)).sum()
}

pub(super) fn orders_of(lapsed: &[Lapsed<'_>]) -> Vec<OrderId> {
    lapsed.iter().map(|(order, _)| *order).collect()
}

/// What units are sold under at one time: the sale that runs, or the product's own offer.
pub(super) struct Terms<'a> {
    part: Option<&'a SalePart>,
    price: u64,
    pub(super) limit: Option<u32>,
    available: u64,
}

impl<'a> Terms<'a> {
    pub(super) fn at(product: &'a Product, view: &View, now: Timestamp) -> Self {
        match product.sales.running(now) {
            Some(part) => Self {
                part: Some(part),
                price: part.terms.price.amount,
                limit: part.terms.limit_per_customer,
                available: part.left(),
            },
            None => Self {
                part: None,
                price: view.offer.price.amount,
                limit: view.offer.limit_per_customer,
                available: view.ordinary(),
            },
        }
    }

    /// What counts against the limit: of a sale, what was bought or is held in it.
    pub(super) fn owned(&self, product: &Product, customer: &CustomerId) -> Owned {
        let customers = self.part.map_or(&product.customers, |part| &part.customers);
        customers.owned(customer)
    }

    fn counts(&self, hold: &Hold) -> bool {
        self.part.is_none_or(|part| hold.sale == Some(part.number))
    }
}

impl Product {
    /// Decides one command at one time. Changes nothing.
    #[must_use]
    pub fn decide(&self, command: &Command, now: Timestamp) -> Decision {
        if let Some(known) = command.retry.and_then(|retry| self.recall(retry)) {
            return Decision { lapsed: Vec::new(), verdict: known };
        }
        let retry = command.retry;
        match &command.action {
            Action::Create { offer, units, entry } => self.decide_create(offer, *units, entry),
            Action::Purchase { order, customer, quantity, sale } => {
                self.decide_purchase(*order, customer, *quantity, *sale, now, retry)
            }
            Action::Queue { order, customer, quantity, priority, sale } => {
                self.decide_accept((*order, customer), *quantity, (*priority, *sale), now, retry)
            }
            Action::TakeTurn => self.decide_turn(now),
            Action::Pace { per_second } => self.decide_pace(*per_second, now),
            Action::LookUpQueued { order } => self.look_up_queued(*order, now),
            Action::Hold { order, customer, quantity, hold_ms, sale, part } => {
                let anew = match part.as_ref().map(|_| self.held_before(*order, now)) {
                    Some(Err(refused)) => return refused.into(),
                    Some(Ok(anew)) => anew,
                    None => None,
                };
                let (keyed, held) = (retry.is_some(), true);
                let sale = *sale;
                let demand = Demand { customer, quantity: *quantity, keyed, held, sale, anew };
                self.decide_sale(&demand, now, |unit_price, sale| Event::Held {
                    order: *order,
                    customer: customer.clone(),
                    quantity: *quantity,
                    unit_price,
                    expires_at: Action::deadline(now, *hold_ms),
                    sale,
                    part: part.clone().map(Box::new),
                    retry,
                })
            }
            Action::Place { order, lines, pay_ms, payment } => {
                let expires_at = Action::deadline(now, *pay_ms);
                self.decide_place(*order, lines, expires_at, payment, now, retry)
            }
            Action::Settle { order, end, held_until } => {
                self.decide_settle(*order, *end, *held_until, now)
            }
            Action::PayLate { order, amount } => self.decide_late(*order, *amount, now),
            Action::OweRefund { order, amount } => self.decide_owed(*order, *amount, now),
            Action::Return { order, customer, quantity, reason, sale } => {
                self.decide_return((*order, customer), *quantity, *reason, *sale, now, retry)
            }
            Action::Confirm { order } => self.decide_end(*order, HoldEnd::Confirmed, now, retry),
            Action::Release { order } => self.decide_end(*order, HoldEnd::Released, now, retry),
            Action::Extend { order, hold_ms, extensions_max } => self.decide_extend(
                *order,
                Action::deadline(now, *hold_ms),
                *extensions_max,
                now,
                retry,
            ),
            Action::Expire { order } => self.decide_expire(*order, now),
            Action::Adjust { delta, reason } => self.decide_adjust(*delta, reason, now, retry),
            Action::Change { change, expected } => {
                self.decide_change(change, *expected, now, retry)
            }
            Action::SetSale { terms } => self.decide_sale_terms(terms, now, retry),
            Action::DropSale { sale, undo } => self.decide_drop(*sale, *undo, now),
            Action::ForgetSale { sale } => self.decide_forget(*sale, now),
            Action::LookUpSale { sale, customer } => {
                self.look_up_sale(*sale, customer.as_ref(), now)
            }
            Action::LookUp { order } => self.look_up(*order, now),
        }
    }

    /// The first answer under a known key; `None` for a new key.
    fn recall(&self, retry: Retry) -> Option<Result<Verdict, Refusal>> {
        let (fingerprint, at, answer) = self.memory.get(&retry.key)?;
        if fingerprint != retry.fingerprint {
            return Some(Err(Refusal::KeyReused));
        }
        Some(Ok(Verdict::Replay(Outcome { answer, at, currency: self.currency(), replayed: true })))
    }

    fn decide_create(&self, offer: &Offer, units: u64, entry: &super::CatalogEntry) -> Decision {
        if self.is_created() {
            return Refusal::AlreadyCreated.into();
        }
        if units > STOCKED_MAX {
            return Refusal::AboveMaximum { stocked: self.stock.stocked }.into();
        }
        Event::Created { offer: *offer, units, entry: Box::new(entry.clone()) }.into()
    }

    pub(super) fn decide_purchase(
        &self,
        order: OrderId,
        customer: &CustomerId,
        quantity: Quantity,
        sale: Option<SaleId>,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        let (keyed, held) = (retry.is_some(), false);
        let demand = Demand { customer, quantity, keyed, held, sale, anew: None };
        self.decide_sale(&demand, now, |unit_price, sale| Event::Purchased {
            order,
            customer: customer.clone(),
            quantity,
            unit_price,
            sale,
            retry,
        })
    }

    /// The common part of purchase and hold: may this customer have this many units now?
    fn decide_sale(
        &self,
        demand: &Demand<'_>,
        now: Timestamp,
        event: impl FnOnce(u64, Option<SaleId>) -> Event,
    ) -> Decision {
        let Some(view) = self.view_at(now) else { return Refusal::UnknownProduct.into() };
        let refusal = view.closed_to_all(demand.sale, now);
        if let Some(refusal) = refusal.or_else(|| self.closed_under(demand.sale, now)) {
            return refusal.into();
        }
        let terms = Terms::at(self, &view, now);
        let wanted = u64::from(demand.quantity.get());
        let short = wanted.saturating_sub(terms.available);
        // Without a limit nobody's units are looked up.
        let limited = terms.limit.map(|limit| (limit, terms.owned(self, demand.customer)));
        let own = limited.filter(|(limit, owned)| owned.total() + wanted > u64::from(*limit));
        let own = own.map(|(_, owned)| (demand.customer, u64::from(owned.held)));
        let (lapsed, complete) = self.lapsed_behind(demand.anew, short, own, terms.part, now);
        let counted = lapsed.iter().filter(|(_, hold)| self.is_of(hold, terms.part, now));
        let available = terms.available + units_of(counted);
        let over_limit = limited.and_then(|(limit, owned)| {
            let own = lapsed.iter().filter(|(_, hold)| hold.customer == *demand.customer);
            let own = own.filter(|(_, hold)| terms.counts(hold));
            let owned = owned.total() - units_of(own);
            let over = owned + wanted > u64::from(limit);
            over.then_some(Refusal::CustomerLimit { limit, owned })
        });
        let sale_full = |part: &SalePart| part.customers.is_full_for(demand.customer);
        let verdict = match over_limit {
            _ if available == 0 && complete => Err(view.sold_out()),
            Some(_) if !complete => Err(Refusal::Full { table: LAPSED }),
            Some(refusal) => Err(refusal),
            _ if available < wanted && !complete => Err(Refusal::Full { table: LAPSED }),
            _ if available < wanted => Err(Refusal::Insufficient { available }),
            _ if demand.held && self.holds.is_full() => Err(Refusal::Full { table: "holds" }),
            _ if demand.keyed && self.memory.is_full_at(now) => {
                Err(Refusal::Full { table: "keys" })
            }
            _ if self.customers.is_full_for(demand.customer)
                || terms.part.is_some_and(sale_full) =>
            {
                Err(Refusal::Full { table: "customers" })
            }
            _ => {
                let sale = terms.part.map(|part| part.terms.sale);
                Ok(Verdict::Record(event(terms.price, sale)))
            }
        };
        Decision { lapsed: orders_of(&lapsed), verdict }
    }

    /// What stands in the way of buying under this very sale, where the view does not know it.
    pub(super) fn closed_under(&self, sale: Option<SaleId>, now: Timestamp) -> Option<Refusal> {
        let sale = sale?;
        let Some(part) = self.sales.get(sale) else { return Some(Refusal::UnknownSale) };
        let (opens_at, closed_at) = (part.terms.opens_at, part.terms.ends_at);
        if now >= closed_at {
            return Some(Refusal::Closed { closed_at });
        }
        (now < opens_at).then_some(Refusal::NotOpen { opens_at })
    }

    /// Whether the units of a hold go back to ordinary stock: it was not held under a sale, or that is
    /// over.
    pub(super) fn is_ordinary(&self, hold: &Hold, now: Timestamp) -> bool {
        self.sales.numbered(hold.sale).is_none_or(|part| part.terms.is_over(now))
    }

    /// Whether they go back to this part, or to ordinary stock.
    pub(super) fn is_of(&self, hold: &Hold, part: Option<&SalePart>, now: Timestamp) -> bool {
        part.map_or_else(|| self.is_ordinary(hold, now), |part| hold.sale == Some(part.number))
    }

    /// The same for ordinary stock.
    pub(super) fn lapsed_needed<'a>(
        &'a self,
        anew: Option<Lapsed<'a>>,
        short: u64,
        own: Option<(&CustomerId, u64)>,
        now: Timestamp,
    ) -> (Vec<Lapsed<'a>>, bool) {
        self.lapsed_behind(anew, short, own, None, now)
    }

    /// The lapsed holds a decision has to look behind: those that make up the units it is `short`
    /// of and those up to the customer's `own` last one; before them the one that is held `anew`, in
    /// any case. Earliest first; each is then recorded as
    /// expired, so no hold is walked twice. At most [`LAPSED_MAX`] of them, or one decision could take
    /// as long as a whole sale; `false` says that there may be more.
    pub(super) fn lapsed_behind<'a>(
        &'a self,
        anew: Option<Lapsed<'a>>,
        mut short: u64,
        own: Option<(&CustomerId, u64)>,
        part: Option<&SalePart>,
        now: Timestamp,
    ) -> (Vec<Lapsed<'a>>, bool) {
        let mut own_held = own.map_or(0, |(_, held)| held);
        let mut needed = Vec::new();
        let others = self.holds.lapsed(now);
        let others = others.filter(|(order, _)| anew.is_none_or(|(first, _)| first != *order));
        for (order, hold) in anew.into_iter().chain(others) {
            if short == 0 && own_held == 0 && (anew.is_none() || !needed.is_empty()) {
                break;
            }
            if needed.len() == LAPSED_MAX {
                return (needed, false);
            }
            let units = u64::from(hold.quantity);
            if self.is_of(hold, part, now) {
                short = short.saturating_sub(units);
            }
            let counts = part.is_none_or(|part| hold.sale == Some(part.number));
            if counts && own.is_some_and(|(customer, _)| hold.customer == *customer) {
                own_held = own_held.saturating_sub(units);
            }
            needed.push((order, hold));
        }
        (needed, true)
    }

    /// A line may be held once, and again after it ran out: then this is what is left of the hold
    /// before, if its expiry is not recorded yet.
    fn held_before(&self, order: OrderId, now: Timestamp) -> Result<Option<Lapsed<'_>>, Refusal> {
        if let Some(hold) = self.holds.get(&order) {
            let runs = self.running_hold(order, now).is_ok();
            return if runs { Err(Refusal::PartOfOrder) } else { Ok(Some((order, hold))) };
        }
        match self.holds.end_of(&order) {
            None | Some(HoldEnd::Expired) => Ok(None),
            Some(end) => Err(Refusal::HoldOver(end)),
        }
    }

    /// What stands in the way of using this reservation; `Ok` for an active hold that still runs.
    fn running_hold(&self, order: OrderId, now: Timestamp) -> Result<&Hold, Box<Decision>> {
        if !self.is_created() {
            return Err(Box::new(Refusal::UnknownProduct.into()));
        }
        let Some(hold) = self.holds.get(&order) else {
            let refusal =
                self.holds.end_of(&order).map_or(Refusal::UnknownReservation, Refusal::HoldOver);
            return Err(Box::new(refusal.into()));
        };
        if hold.lead().is_none() && self.holds.lapses_at(hold.expires_at) <= now {
            let verdict = Err(Refusal::HoldOver(HoldEnd::Expired));
            return Err(Box::new(Decision { lapsed: vec![order], verdict }));
        }
        Ok(hold)
    }

    fn decide_end(
        &self,
        order: OrderId,
        end: HoldEnd,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        match self.running_hold(order, now) {
            Err(refused) => *refused,
            Ok(hold) if hold.part.is_some() => Refusal::PartOfOrder.into(),
            Ok(_) if retry.is_some() && self.memory.is_full_at(now) => {
                Refusal::Full { table: "keys" }.into()
            }
            Ok(_) => Event::Ended { order, end, retry }.into(),
        }
    }

    /// An order is placed once, by its lead, while the lead's hold runs.
    fn decide_place(
        &self,
        order: OrderId,
        lines: &[Line],
        expires_at: Timestamp,
        payment: &Payment,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        match self.running_hold(order, now) {
            Err(refused) => *refused,
            Ok(_) if retry.is_some() && self.memory.is_full_at(now) => {
                Refusal::Full { table: "keys" }.into()
            }
            Ok(hold) => match hold.part.as_deref() {
                Some(Part::Lead { payment: None, .. }) => Event::Placed {
                    order,
                    lines: lines.into(),
                    expires_at,
                    payment: Box::new(payment.clone()),
                    retry,
                }
                .into(),
                _ => Refusal::PartOfOrder.into(),
            },
        }
    }

    /// A line goes the way of its order. A reservation of its own has no order, and a lead that is not
    /// placed has no order yet that could be sold.
    fn decide_settle(
        &self,
        order: OrderId,
        end: HoldEnd,
        held_until: Option<Timestamp>,
        now: Timestamp,
    ) -> Decision {
        match self.running_hold(order, now) {
            Err(refused) => *refused,
            Ok(hold) if hold.part.is_none() => Refusal::UnknownReservation.into(),
            Ok(hold) if held_until.is_some_and(|until| until != hold.expires_at) => {
                Refusal::PartOfOrder.into()
            }
            Ok(hold) if end == HoldEnd::Confirmed && hold.is_unplaced_lead() => {
                Refusal::PartOfOrder.into()
            }
            Ok(_) => Event::Ended { order, end, retry: None }.into(),
        }
    }

    /// A sold line comes back once. What the caller says was sold is what the query tables say, which
    /// follow the journal; that there is so much to give back is checked all the same.
    fn decide_return(
        &self,
        (order, customer): (OrderId, &CustomerId),
        quantity: Quantity,
        reason: ReturnReason,
        sale: Option<SaleId>,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        if self.returns.contains(&order) {
            return Refusal::ReturnedAlready.into();
        }
        let part = sale.and_then(|sale| self.sales.get(sale));
        let sold = part.is_none_or(|part| part.may_return(customer, quantity.get()));
        if self.customers.owned(customer).sold < quantity.get() || !sold {
            return Refusal::UnknownReservation.into();
        }
        if self.returns.is_full() {
            return Refusal::Full { table: "returns" }.into();
        }
        if retry.is_some() && self.memory.is_full_at(now) {
            return Refusal::Full { table: "keys" }.into();
        }
        let customer = customer.clone();
        Event::Returned { order, customer, quantity, reason, sale, retry }.into()
    }

    fn decide_extend(
        &self,
        order: OrderId,
        expires_at: Timestamp,
        extensions_max: u8,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        match self.running_hold(order, now) {
            Err(refused) => *refused,
            Ok(hold) if hold.part.is_some() => Refusal::PartOfOrder.into(),
            Ok(hold) if hold.extensions >= extensions_max => {
                Refusal::ExtensionsUsedUp { extensions_max }.into()
            }
            Ok(_) if retry.is_some() && self.memory.is_full_at(now) => {
                Refusal::Full { table: "keys" }.into()
            }
            // An extension never shortens a hold, also not one that lives on in its grace.
            Ok(hold) => {
                let runs_until = self.holds.lapses_at(hold.expires_at);
                Event::Extended { order, expires_at: expires_at.max(runs_until), retry }.into()
            }
        }
    }

    fn decide_expire(&self, order: OrderId, now: Timestamp) -> Decision {
        match self.running_hold(order, now) {
            // The timer came early (the hold was extended meanwhile): nothing to do.
            Ok(_) => Refusal::UnknownReservation.into(),
            Err(refused) if !refused.lapsed.is_empty() => {
                Event::Ended { order, end: HoldEnd::Expired, retry: None }.into()
            }
            Err(refused) => *refused,
        }
    }

    fn decide_adjust(
        &self,
        delta: i64,
        reason: &str,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let Stock { stocked, .. } = self.stock;
        let available = self.ordinary(now);
        let taken = delta.min(0).unsigned_abs();
        let added = delta.max(0).unsigned_abs();
        let (lapsed, complete) =
            self.lapsed_needed(None, taken.saturating_sub(available), None, now);
        let available =
            available + units_of(lapsed.iter().filter(|(_, hold)| self.is_ordinary(hold, now)));
        let verdict = if taken > available && !complete {
            Err(Refusal::Full { table: LAPSED })
        } else if taken > available {
            Err(Refusal::Insufficient { available })
        } else if added > 0 && stocked.saturating_add(added) > STOCKED_MAX {
            Err(Refusal::AboveMaximum { stocked })
        } else if retry.is_some() && self.memory.is_full_at(now) {
            Err(Refusal::Full { table: "keys" })
        } else {
            Ok(Verdict::Record(Event::Adjusted { delta, reason: reason.into(), retry }))
        };
        Decision { lapsed: orders_of(&lapsed), verdict }
    }

    /// What changes nothing is no fact: a product can be taken out of sale twice.
    fn decide_change(
        &self,
        change: &Change,
        expected: Option<u64>,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        let Some(Offer { price, .. }) = self.offer else { return Refusal::UnknownProduct.into() };
        if expected.is_some_and(|edition| edition != self.edition) {
            return Refusal::OtherVersion.into();
        }
        if change.price.is_some_and(|new| new.currency != price.currency) {
            return Refusal::OtherCurrency { currency: price.currency }.into();
        }
        let same = change.active.is_none_or(|active| active == self.is_active());
        if same && change.is_of_activity_alone() {
            let answer = Answer::Changed { edition: self.edition };
            let outcome = Outcome { answer, at: now, currency: self.currency(), replayed: false };
            return Decision { lapsed: Vec::new(), verdict: Ok(Verdict::Replay(outcome)) };
        }
        if retry.is_some() && self.memory.is_full_at(now) {
            return Refusal::Full { table: "keys" }.into();
        }
        Event::Changed { change: Box::new(change.clone()), retry }.into()
    }

    fn look_up(&self, order: OrderId, now: Timestamp) -> Decision {
        match self.running_hold(order, now) {
            Err(refused) => *refused,
            Ok(hold) => {
                let sale = self.sales.numbered(hold.sale).map(|part| part.terms.sale);
                let outcome = Outcome {
                    answer: Answer::Shown(Box::new(hold.clone()), sale),
                    at: now,
                    currency: self.currency(),
                    replayed: false,
                };
                Decision { lapsed: Vec::new(), verdict: Ok(Verdict::Replay(outcome)) }
            }
        }
    }
}
