//! Decide, for purchases that wait: what is decided when one is accepted, and what when its turn comes.
//!
//! Accepting applies the rules that hold for everybody (steps 1 to 5 and 8 of [`super::decide`]), and of
//! the customer's limit what has been bought: who is told to wait has a chance. Holds of the customer
//! and the number of units are decided at the turn, with everything else once more, for the sale may be
//! over by then. A turn is always decided, with two exceptions: holds that lapsed in great numbers are
//! expired first, over several turns, and while a sale is paused, its queue waits.

use super::command::Retry;
use super::decide::{Decision, LAPSED, Terms, Verdict};
use super::{
    Answer, CustomerId, Event, OrderId, Priority, Product, Quantity, Queued, Refusal, SaleId,
    Timestamp, TurnRefusal, Waiting,
};

impl Product {
    /// May this purchase wait?
    pub(super) fn decide_accept(
        &self,
        (order, customer): (OrderId, &CustomerId),
        quantity: Quantity,
        (priority, sale): (Priority, Option<SaleId>),
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        let Some(view) = self.view_at(now) else { return Refusal::UnknownProduct.into() };
        let refusal = view.closed_to_all(sale, now);
        if let Some(refusal) = refusal.or_else(|| self.closed_under(sale, now)) {
            return refusal.into();
        }
        let terms = Terms::at(self, &view, now);
        // What a customer has bought already counts at the door: waiting would change nothing.
        if let Some(limit) = terms.limit {
            let owned = u64::from(terms.owned(self, customer).sold);
            if owned + u64::from(quantity.get()) > u64::from(limit) {
                return Refusal::CustomerLimit { limit, owned }.into();
            }
        }
        if self.queue.is_full() {
            return Refusal::Full { table: "queue" }.into();
        }
        if retry.is_some() && self.memory.is_full_at(now) {
            return Refusal::Full { table: "keys" }.into();
        }
        let customer = customer.clone();
        Event::Queued { order, customer, quantity, priority, sale, retry }.into()
    }

    /// The purchase at the head, as if it were asked for now. Its key was remembered when it was
    /// accepted.
    pub(super) fn decide_turn(&self, now: Timestamp) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let Some(head) = self.queue.head() else { return Refusal::NotQueued.into() };
        let Queued { order, customer, quantity, sale, queued_at, .. } = head.clone();
        let Decision { lapsed, verdict } =
            self.decide_purchase(order, &customer, quantity, sale, now, None);
        let why = match verdict {
            // Nobody loses their place because the shop paused.
            Err(Refusal::Full { table: LAPSED } | Refusal::SalePaused) | Ok(_) => {
                return Decision { lapsed, verdict };
            }
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
            return self.said(Answer::Paced { per_second }, now);
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
        self.said(Answer::InQueue(Box::new(waiting)), now)
    }
}
