//! Turn: one time an actor looks into its inbox. Decide and apply everything that waits, hand the
//! facts to the journal, park the answers until they are durable.
//!
//! ```text
//!   inbox ──take──▶ decide, apply ──▶ facts? ──yes──▶ Work::Facts + Parked ──commit──▶ answers
//!                                      │ no
//!                                      ├─ state not durable yet ──▶ Work::Barrier + Parked
//!                                      └─ else ──▶ answers at once
//! ```

use super::api::{EngineError, Shown, Version};
use super::decided::DecidedPurchase;
use super::desk::{Desk, Pending, Reply};
use super::refusals::Wanted;
use crate::domain::{
    Action, Answer, Command, Event, HoldEnd, OrderId, Product, ProductId, Timestamp, Verdict, View,
};
use crate::journal::handle::{Position, Settle};
use metrics::Counter;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What one turn decided, and who is to be told.
#[derive(Default)]
pub(super) struct Turn {
    pub(super) events: Vec<Event>,
    pub(super) answers: Vec<(oneshot::Sender<Reply>, Reply)>,
    /// Who only wants to go on. Told when the facts are in the writer's queue and not before: what
    /// they decide elsewhere must not get into the journal ahead of what it rests on.
    pub(super) early: Vec<(oneshot::Sender<Reply>, Reply)>,
}

impl Turn {
    /// Decides and applies commands one after the other. Pure but for the senders it carries.
    pub(super) fn take(&mut self, state: &mut Product, commands: Vec<Pending>, now: Timestamp) {
        self.answers.reserve(commands.len());
        for Pending { command, reply, decided } in commands {
            let decision = state.decide(&command, now);
            for order in decision.lapsed {
                self.expire(state, order, now);
            }
            let answer = match decision.verdict {
                Ok(Verdict::Record(event)) => {
                    let outcome = state.apply(&event, now);
                    self.events.push(event);
                    Ok(outcome)
                }
                Ok(Verdict::Replay(outcome)) => Ok(outcome),
                Err(refusal) => Err(EngineError::Refused(refusal)),
            };
            if let Some(decided) = decided {
                self.early.push((decided, answer.clone()));
            }
            self.answers.push((reply, answer));
        }
    }

    /// Decides for those who wait, each as its turn comes, until so many are sold or so many turns are
    /// over; says what was decided. Who is refused uses up no sale: nothing of it reaches what stands
    /// behind, and others need not wait for it.
    pub(super) fn drain(
        &mut self,
        state: &mut Product,
        (product, now): (ProductId, Timestamp),
        (sales_most, turns_most): (usize, usize),
    ) -> Drained {
        let mut decided = Drained::default();
        while decided.sold < sales_most && decided.purchases.len() < turns_most {
            let wanted = state.queue().head().and_then(|queued| queued.sale);
            let decision = state.decide(&Command::plain(Action::TakeTurn), now);
            for order in decision.lapsed {
                self.expire(state, order, now);
            }
            // Nobody waits any more, or so many holds have lapsed that the turn comes later.
            let Ok(Verdict::Record(event)) = decision.verdict else { break };
            let answer = state.apply(&event, now).answer;
            decided.sold += usize::from(matches!(answer, Answer::Purchased { .. }));
            if let Some(purchase) = DecidedPurchase::of(product, &event, now) {
                decided.purchases.push(purchase);
                decided.wanted.push(wanted.map_or(Wanted::Any, Wanted::Under));
            }
            self.events.push(event);
        }
        decided
    }

    /// Records that a hold ran out; it must have been found lapsed at this same time, or left unplaced.
    pub(super) fn expire(&mut self, state: &mut Product, order: OrderId, now: Timestamp) {
        let event = Event::Ended { order, end: HoldEnd::Expired, retry: None };
        state.apply(&event, now);
        self.events.push(event);
    }
}

/// What the turns of a queue came to.
#[derive(Default)]
pub(super) struct Drained {
    pub(super) sold: usize,
    pub(super) purchases: Vec<DecidedPurchase>,
    /// What each of them asked for.
    pub(super) wanted: Vec<Wanted>,
}

/// Answers that wait for a commit.
pub(super) struct Parked {
    pub(super) desk: Arc<Desk>,
    /// What may be shown once the facts of this turn are durable; `None` for a mere barrier.
    pub(super) view: Option<View>,
    /// Where sold units are counted, and how many this turn has sold.
    pub(super) sold: (Counter, u64),
    pub(super) answers: Vec<(oneshot::Sender<Reply>, Reply)>,
}

impl Settle for Parked {
    fn publish(&mut self, position: Position) {
        if let Some(view) = self.view {
            let version = Version { epoch: position.epoch, seq: position.seq };
            self.desk.publish(&Shown { view, version });
        }
    }

    fn durable(mut self: Box<Self>, _: Position) {
        let (counter, units) = &self.sold;
        if *units > 0 {
            counter.increment(*units);
        }
        let answers = std::mem::take(&mut self.answers);
        self.desk.answered(answers.len());
        for (reply, answer) in answers {
            // Whoever asked may be gone (a client that hung up); the decision stands all the same.
            drop(reply.send(answer));
        }
    }

    fn uncertain(&mut self) {
        self.desk.answered(self.answers.len());
        for (reply, _) in self.answers.drain(..) {
            drop(reply.send(Err(EngineError::OutcomeUnknown)));
        }
        self.desk.ring();
    }
}

impl Drop for Parked {
    /// Settled, or lost with the writer: then the senders drop here and their receivers say
    /// "outcome unknown".
    fn drop(&mut self) {
        self.desk.answered(self.answers.len());
        self.desk.settled();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, Money, Offer};

    /// Whoever goes on must not overtake the facts: they are still in this turn.
    #[test]
    fn nobody_goes_on_before_the_facts_are_handed_on() {
        let price = Money { amount: 1, currency: Currency::NONE };
        let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
        let create = Action::Create { offer, units: 3, entry: Box::default() };
        let (reply, _answer) = oneshot::channel();
        let (decided, mut wait) = oneshot::channel();
        let pending = Pending { command: Command::plain(create), reply, decided: Some(decided) };
        let mut turn = Turn::default();
        turn.take(&mut Product::default(), vec![pending], Timestamp::from_millis(1));
        assert_eq!((turn.events.len(), turn.early.len()), (1, 1));
        assert!(wait.try_recv().is_err(), "told before the facts were handed on");
    }
}
