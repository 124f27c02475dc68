//! Decide, for purchases that wait: what is decided when one is accepted, and what when its turn comes.
//!
//! Accepting applies the rules that hold for everybody (steps 1 to 5 and 8 of [`super::decide`]), and of
//! the customer's limit what has been bought: who is told to wait has a chance. Holds of the customer
//! and the number of units are decided at the turn, with everything else once more, for the sale may be over by then. A turn is always
//! decided, with one exception: holds that lapsed in great numbers are expired first, over several
//! turns.

use super::command::Retry;
use super::decide::{Decision, LAPSED, Verdict};
use super::{
    Answer, CustomerId, Event, Offer, OrderId, Outcome, Priority, Product, Quantity, Queued,
    Refusal, Timestamp, TurnRefusal, Waiting,
};

impl Product {
    /// May this purchase wait?
    pub(super) fn decide_accept(
        &self,
        order: OrderId,
        customer: &CustomerId,
        quantity: Quantity,
        priority: Priority,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        let Some(view) = self.view() else { return Refusal::UnknownProduct.into() };
        if let Some(refusal) = view.closed_to_all(now) {
            return refusal.into();
        }
        if let Some(refusal) = self.bought_too_much(customer, quantity, &view.offer) {
            return refusal.into();
        }
        if self.queue.is_full() {
            return Refusal::Full { table: "queue" }.into();
        }
        if retry.is_some() && self.memory.is_full_at(now) {
            return Refusal::Full { table: "keys" }.into();
        }
        Event::Queued { order, customer: customer.clone(), quantity, priority, retry }.into()
    }

    /// What a customer has bought already counts at the door: waiting would change nothing.
    fn bought_too_much(
        &self,
        customer: &CustomerId,
        quantity: Quantity,
        offer: &Offer,
    ) -> Option<Refusal> {
        let limit = offer.limit_per_customer?;
        let owned = u64::from(self.customers.owned(customer).sold);
        let over = owned + u64::from(quantity.get()) > u64::from(limit);
        over.then_some(Refusal::CustomerLimit { limit, owned })
    }

    /// The purchase at the head, as if it were asked for now. Its key was remembered when it was
    /// accepted.
    pub(super) fn decide_turn(&self, now: Timestamp) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let Some(head) = self.queue.head() else { return Refusal::NotQueued.into() };
        let Queued { order, customer, quantity, queued_at, .. } = head.clone();
        let Decision { lapsed, verdict } =
            self.decide_purchase(order, &customer, quantity, now, None);
        let why = match verdict {
            Err(Refusal::Full { table: LAPSED }) | Ok(_) => return Decision { lapsed, verdict },
            Err(refusal) => TurnRefusal::of(refusal).unwrap_or(TurnRefusal::Full),
        };
        let refused = Event::Refused { order, customer, quantity, queued_at, why };
        Decision { lapsed, verdict: Ok(Verdict::Record(refused)) }
    }

    /// What changes nothing is no fact.
    pub(super) fn decide_pace(&self, per_second: Option<u32>, now: Timestamp) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        if self.queue.drain_per_second() == per_second {
            return self.shown(Answer::Paced { per_second }, now);
        }
        Event::Paced { per_second }.into()
    }

    pub(super) fn look_up_queued(&self, order: OrderId, now: Timestamp) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let Some((entry, position)) = self.queue.get(&order) else {
            return Refusal::NotQueued.into();
        };
        let waiting = Waiting { entry: entry.clone(), position };
        self.shown(Answer::InQueue(Box::new(waiting)), now)
    }

    fn shown(&self, answer: Answer, now: Timestamp) -> Decision {
        let outcome = Outcome { answer, at: now, currency: self.currency(), replayed: false };
        Decision { lapsed: Vec::new(), verdict: Ok(Verdict::Replay(outcome)) }
    }
}
