//! The witness: judges every answer against the truth.
//!
//! A product's facts have one order, and each of them became durable at one moment. An answer is
//! honest if there is a place in that order at which the rules themselves (`Product::decide`) give
//! that answer, not before anything that somebody had been told of when the request began (or that
//! the asked node knew to be durable), and not behind what is durable when the answer arrives. That
//! is linearizability, with durability asked of refusals and views as well (promise 7). What was
//! answered with "nothing was decided" must never show up.

use super::nodes::Node;
use super::shop::new_order;
use super::truth::Moment;
use super::world::World;
use lastunit::domain::promises::History;
use lastunit::domain::{
    Action, Answer, Command, Grace, OrderId, Outcome, Product, ProductId, Refusal, Timestamp,
    Verdict,
};
use lastunit::engine::{EngineError, Shown, Version};

/// A question and what was true when it was asked.
pub struct Asked {
    pub number: u64,
    pub product: ProductId,
    /// Revision that somebody knew of.
    base: usize,
    /// Newest version that had been shown.
    floor: Version,
    at: Timestamp,
    /// Another node could be selling already, so this one must not answer.
    fenced: bool,
}

/// Where and when an answer came from.
struct Place {
    grace: Grace,
    times: [Timestamp; 2],
}

impl Place {
    /// The times at which a state may have been asked: a sale may open and end meanwhile.
    fn times_of(&self, state: &Product) -> Vec<Timestamp> {
        let [asked, answered] = self.times;
        let changed = state.changed_at();
        let mut times = vec![asked, answered, asked.max(changed), answered.max(changed)];
        times.extend(boundaries(state, asked.min(changed), answered.max(changed)));
        times
    }

    /// A state as the answering engine has it.
    fn state(&self, moment: &Moment) -> Product {
        let mut state = moment.state.clone();
        state.set_grace(self.grace);
        state
    }
}

/// When sales of this state open or end, behind the first time and not behind the last.
fn boundaries(
    state: &Product,
    after: Timestamp,
    until: Timestamp,
) -> impl Iterator<Item = Timestamp> {
    let times = state.sales().iter().flat_map(|part| [part.terms.opens_at, part.terms.ends_at]);
    times.filter(move |at| after < *at && *at <= until)
}

impl World {
    pub fn ask(&mut self, node: &Node, product: ProductId, what: &dyn std::fmt::Debug) -> Asked {
        self.questions += 1;
        let number = self.questions;
        self.note(format_args!("#{number} to node {}, product {product}: {what:?}", node.number));
        let partition = self.disk.partitions.of(product);
        let durable = node.engine.durable()[usize::from(partition.0)];
        let known = self.truth.moments(product).iter().rposition(|moment| moment.seq <= durable);
        let told = self.told.get(&product).copied().unwrap_or_default();
        let base = told.max(known.unwrap_or_default());
        let floor = self.shown.get(&product).copied().unwrap_or_default();
        let fenced = self.disk.is_fenced(node.number, partition);
        Asked { number, product, base, floor, at: node.clock.now(), fenced }
    }

    fn place(asked: &Asked, node: &Node) -> Place {
        Place { grace: node.grace, times: [asked.at, node.clock.now()] }
    }

    /// Nobody waits for the answer any more.
    pub fn hung_up(&mut self, asked: &Asked) {
        self.note(format_args!("#{} hung up", asked.number));
    }

    pub fn no_answer(&mut self, asked: &Asked) {
        self.fail(format_args!("#{} got no answer in time", asked.number));
    }

    /// Judges the answer to a command.
    pub fn judge(
        &mut self,
        asked: &Asked,
        node: &Node,
        command: &Command,
        reply: &Result<Outcome, EngineError>,
    ) {
        self.note(format_args!("#{} {reply:?}", asked.number));
        self.judge_owner(asked, matches!(reply, Ok(_) | Err(EngineError::Refused(_))));
        let place = Self::place(asked, node);
        let decided_at = match reply {
            Ok(outcome) => self.judge_outcome(asked, &place, command, outcome),
            Err(EngineError::Refused(refusal)) => {
                let refused = Err(*refusal);
                self.decided_somewhere(asked, &place, command, |verdict| *verdict == refused)
            }
            Err(_) => Some(0),
        };
        if let Some(revision) = decided_at {
            self.tell(asked.product, revision);
        } else {
            let base = asked.base;
            let newest = self.truth.revision(asked.product);
            let state = self.truth.newest(asked.product).view();
            self.fail(format_args!(
                "no lie: #{} was answered {reply:?}, which no durable state from revision {base} to {newest} gives; the newest is {state:?}",
                asked.number
            ));
        }
        self.remember(asked, command, reply);
    }

    /// Who does not own the journal any more has stopped answering before.
    pub fn judge_owner(&mut self, asked: &Asked, answered: bool) {
        if asked.fenced && answered {
            self.fail(format_args!("one owner: #{} was answered by another one", asked.number));
        }
    }

    /// Somebody knows now that the product has got this far.
    pub fn tell(&mut self, product: ProductId, revision: usize) {
        let told = self.told.entry(product).or_default();
        *told = revision.max(*told);
    }

    /// A success: its fact is durable, and it is this fact that was answered. Gives its revision.
    fn judge_outcome(
        &self,
        asked: &Asked,
        place: &Place,
        command: &Command,
        outcome: &Outcome,
    ) -> Option<usize> {
        let looked = matches!(
            outcome.answer,
            Answer::Shown(..)
                | Answer::InQueue(_)
                | Answer::SaleShown(_)
                | Answer::SaleSet { .. }
                | Answer::Paced { .. }
        );
        if looked {
            let shown = self.decided_somewhere(asked, place, command, |verdict| {
                matches!(verdict, Ok(Verdict::Replay(shown)) if shown.answer == outcome.answer)
            });
            // A rate and terms may also be new: then they are facts.
            let new = matches!(outcome.answer, Answer::Paced { .. } | Answer::SaleSet { .. });
            if shown.is_some() || !new {
                return shown;
            }
        }
        let moments = self.truth.moments(asked.product);
        let first = Outcome { replayed: false, ..outcome.clone() };
        // A replay repeats something that may be older than the question.
        let from = if outcome.replayed { 1 } else { asked.base + 1 };
        let fits = |moment: &Moment| {
            moment.outcome.as_ref() == Some(&first) && moment.retry == command.retry
        };
        let at = (from..moments.len()).find(|at| fits(&moments[*at]))?;
        (!outcome.replayed || command.retry.is_some()).then_some(at)
    }

    /// The first durable state that gives this verdict, by revision.
    fn decided_somewhere(
        &self,
        asked: &Asked,
        place: &Place,
        command: &Command,
        fits: impl Fn(&Result<Verdict, Refusal>) -> bool,
    ) -> Option<usize> {
        let moments = self.truth.moments(asked.product);
        (asked.base..moments.len()).find(|revision| {
            let state = place.state(&moments[*revision]);
            let times = place.times_of(&state);
            times.iter().any(|at| fits(&state.decide(command, *at).verdict))
        })
    }

    /// Judges a refusal of something else than a command of its own.
    pub fn judge_refusal(
        &mut self,
        asked: &Asked,
        node: &Node,
        command: &Command,
        refusal: Refusal,
    ) {
        self.judge_owner(asked, true);
        let place = Self::place(asked, node);
        let refused = Err(refusal);
        match self.decided_somewhere(asked, &place, command, |verdict| *verdict == refused) {
            Some(revision) => self.tell(asked.product, revision),
            None => self.fail(format_args!(
                "no lie: #{} was refused with {refusal:?}, which no durable state gives",
                asked.number
            )),
        }
    }

    /// What the customer knows now.
    fn remember(&mut self, asked: &Asked, command: &Command, reply: &Result<Outcome, EngineError>) {
        let order = new_order(command);
        match reply {
            Err(EngineError::OutcomeUnknown) => {}
            Err(EngineError::Refused(refusal)) => {
                self.shop.never.extend(order);
                if let (Refusal::HoldOver(_), Some(ended)) = (refusal, ended_order(command)) {
                    self.shop.holds.retain(|(_, order)| *order != ended);
                }
            }
            Err(_) => self.shop.never.extend(order),
            Ok(outcome) => match &outcome.answer {
                Answer::Purchased { order, .. } => self.shop.acknowledged.push(*order),
                Answer::Queued { order, .. } => {
                    self.shop.acknowledged.push(*order);
                    self.shop.accepted.push((asked.product, *order));
                }
                Answer::Held { order, .. } => {
                    self.shop.acknowledged.push(*order);
                    self.shop.holds.push((asked.product, *order));
                }
                _ => {}
            },
        }
    }

    /// Judges what a product was shown as.
    pub fn judge_view(&mut self, asked: &Asked, node: &Node, reply: &Result<Shown, EngineError>) {
        let told =
            reply.as_ref().map(|shown| (shown.view.revision, shown.version, shown.view.stock));
        self.note(format_args!("#{} {told:?}", asked.number));
        self.judge_owner(asked, reply.is_ok());
        let verdict = match reply {
            Ok(shown) => self.judge_shown(asked, &Self::place(asked, node), shown),
            Err(EngineError::Refused(_)) if asked.base > 0 => Err("it is not unknown".into()),
            Err(_) => Ok(()),
        };
        if let Err(why) = verdict {
            self.fail(format_args!("no lie: view #{} shows {reply:?}: {why}", asked.number));
        }
    }

    fn judge_shown(&mut self, asked: &Asked, place: &Place, shown: &Shown) -> Result<(), String> {
        let Shown { view, version } = shown;
        let revision = usize::try_from(view.revision).map_err(|error| error.to_string())?;
        if revision < asked.base {
            return Err(format!("revision {} was known before", asked.base));
        }
        let moments = self.truth.moments(asked.product);
        let moment = moments.get(revision).ok_or("this revision is not durable")?;
        // It was made at some time since: sales open and end without any fact.
        let state = place.state(moment);
        let answered = place.times[1];
        let mut times =
            boundaries(&state, state.changed_at(), answered).chain([state.changed_at()]);
        if !times.any(|at| state.view_at(at) == Some(*view)) {
            return Err(format!("the durable state is {:?}", moment.state.view()));
        }
        let next = moments.get(revision + 1);
        if moment.seq > version.seq || next.is_some_and(|next| next.seq <= version.seq) {
            return Err(format!("the state is of batch {}", moment.seq));
        }
        let partition = self.disk.partitions.of(asked.product);
        if self.disk.row(partition, version.seq).map(|row| row.epoch) != Some(version.epoch) {
            return Err("there is no such version".into());
        }
        if *version < asked.floor {
            return Err(format!("{} was shown before", asked.floor));
        }
        let newest = self.shown.entry(asked.product).or_default();
        *newest = (*newest).max(*version);
        self.tell(asked.product, revision);
        Ok(())
    }

    /// Whoever was told to wait was sold to or refused, exactly once (see `promises::History`).
    pub fn judge_turns(&mut self) {
        for product in self.truth.products() {
            let (waiting, _) = self.truth.history(product).map(History::queued).unwrap_or_default();
            if waiting > 0 {
                self.fail(format_args!("{waiting} of product {product} never had their turn"));
            }
        }
        let undecided = self.shop.accepted.iter().find(|(product, order)| {
            self.truth.history(*product).is_none_or(|history| {
                history.orders().contains(order) == history.was_refused(order)
            })
        });
        if let Some((product, order)) = undecided.copied() {
            self.fail(format_args!("{order:?} of product {product} was accepted and not decided"));
        }
    }

    /// What was said never to have been decided must not be in the journal.
    pub fn judge_never(&mut self) {
        let orders = self.truth.orders();
        let decided = self.shop.never.iter().filter(|order| orders.contains(order)).min().copied();
        if let Some(order) = decided {
            self.fail(format_args!("no lie: {order:?} was refused and is in the journal"));
        }
    }
}

/// The hold that a command would end.
const fn ended_order(command: &Command) -> Option<OrderId> {
    match &command.action {
        Action::Confirm { order } | Action::Release { order } => Some(*order),
        _ => None,
    }
}
