//! The actor: mailbox and timers around one product's state. All rules are in `domain`.
//!
//! It runs on an engine thread together with other products' actors and never awaits a commit, so
//! one slow disk or one busy product does not hold another one's decisions back. Its states:
//!
//! ```text
//!   Awake ──(idle, no holds, no queue, all durable)──▶ Retiring: its snapshot is being stored
//!     ▲                                          │ stored, and nobody came meanwhile
//!     └────────── somebody came ─────────────────┴──▶ Gone: the registry loads it again when asked
//! ```
//!
//! A panic here ends the process: the state in memory could be half changed, the journal cannot. The
//! runtime would catch it and go on, so every way into the actor holds an [`EndOnPanic`].

use super::decided::TurnResult;
use super::desk::{Bounds, Desk, Pending};
use super::followers;
use super::pace::Pace;
use super::queues;
use super::registry::Registry;
use super::threads::THREAD;
use super::turn::{Parked, Turn};
use crate::clock::Clock;
use crate::domain::{Event, Product, Timestamp};
use crate::journal::handle::{JournalHandle, Work};
use crate::journal::store::SnapshotRow;
use crate::journal::{snapshot, stored};
use crate::telemetry::metrics::EngineMetrics;
use crate::threads::EndOnPanic;
use actix::{
    Actor, ActorContext, ActorFutureExt, AsyncContext, Context, Handler, Message, SpawnHandle,
    WrapFuture,
};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// Most holds that one tick expires; the rest waits for the next, so other products have their turn.
const EXPIRIES_PER_TICK: usize = 1_000;

/// Most queued purchases that one tick decides, for the same reason.
const TURNS_PER_TICK: usize = 1_000;

/// Pause between two ticks of a queue, in milliseconds.
const QUEUE_TICK_MS: u64 = 10;

/// Pause between two tries to show a sale that has opened or ended, in milliseconds.
const SHOW_AGAIN_MS: u64 = 50;

/// With this many turns at the writer, expiry and queues wait: they are the sources of work no bound
/// counts.
const UNSETTLED_MAX: usize = 4;

/// Largest snapshot: well below what a row of either store takes (1 GB).
const SNAPSHOT_BYTES_MAX: usize = 768 << 20;

/// There is something in the inbox.
pub(super) struct Ring;

impl Message for Ring {
    type Result = ();
}

/// Store a snapshot of the newest state and say when it is durable.
pub(super) struct TakeSnapshot {
    pub(super) stored: oneshot::Sender<()>,
}

impl Message for TakeSnapshot {
    type Result = ();
}

/// One product's actor.
pub(super) struct ProductActor {
    desk: Arc<Desk>,
    state: Product,
    journal: JournalHandle,
    clock: Clock,
    registry: Weak<Registry>,
    idle_after: Duration,
    bounds: Arc<Bounds>,
    metrics: EngineMetrics,
    /// Decisions in a second for those who wait, where the product has no rate of its own.
    drain_per_second: u32,
    pace: Pace,
    /// The timer of the queue; `None` while nobody waits.
    drain: Option<SpawnHandle>,
    /// Holds of this product that are counted in `bounds`.
    holds_counted: usize,
    /// The same of those who wait.
    queued_counted: usize,
    /// Units that were sold at the end of the last turn.
    sold_counted: u64,
    /// The state that is known to be in the snapshot table.
    stored_revision: u64,
    alarm: Option<(Timestamp, SpawnHandle)>,
    /// The sales are shown as they were at this time, or later.
    shown_at: Timestamp,
    /// Lines that asked their leads ask again at this time.
    ask_at: Timestamp,
    was_idle: bool,
    retiring: bool,
}

/// What an actor is started with.
pub(super) struct Start {
    pub(super) desk: Arc<Desk>,
    pub(super) state: Product,
    pub(super) stored_revision: u64,
    /// The time its first view was made at.
    pub(super) shown_at: Timestamp,
    pub(super) journal: JournalHandle,
    pub(super) clock: Clock,
    pub(super) registry: Weak<Registry>,
    pub(super) idle_after: Duration,
    pub(super) bounds: Arc<Bounds>,
    pub(super) drain_per_second: u32,
    pub(super) metrics: EngineMetrics,
}

impl ProductActor {
    pub(super) fn new(start: Start) -> Self {
        Self {
            desk: start.desk,
            sold_counted: start.state.stock().sold,
            state: start.state,
            journal: start.journal,
            clock: start.clock,
            registry: start.registry,
            idle_after: start.idle_after,
            bounds: start.bounds,
            metrics: start.metrics,
            drain_per_second: start.drain_per_second,
            pace: Pace::default(),
            drain: None,
            holds_counted: 0,
            queued_counted: 0,
            stored_revision: start.stored_revision,
            alarm: None,
            shown_at: start.shown_at,
            ask_at: Timestamp::default(),
            was_idle: false,
            retiring: false,
        }
    }

    /// Time never runs backwards for a product, even if the machine's clock does.
    fn now(&self) -> Timestamp {
        self.clock.now().max(self.state.changed_at())
    }

    /// Tells the others what this state has become.
    fn count_state(&mut self) {
        self.desk.set_entries(self.state.entries());
        let holds = self.state.holds().len();
        self.bounds.holds.fetch_add(holds, Ordering::Relaxed);
        self.bounds.holds.fetch_sub(self.holds_counted, Ordering::Relaxed);
        self.holds_counted = holds;
        let queued = self.state.queue().len();
        self.bounds.queued.fetch_add(queued, Ordering::Relaxed);
        self.bounds.queued.fetch_sub(self.queued_counted, Ordering::Relaxed);
        self.queued_counted = queued;
    }

    /// Hands a turn on, and then tells those who only want to go on what was decided.
    fn finish(&mut self, mut turn: Turn, now: Timestamp) {
        let early = std::mem::take(&mut turn.early);
        self.hand_on(turn, now);
        for (decided, answer) in early {
            // Whoever asked may be gone.
            drop(decided.send(answer));
        }
    }

    /// Units that a turn has sold, whatever came back in it.
    fn units_sold(&mut self, events: &[Event]) -> u64 {
        let returned = events.iter().map(|event| match event {
            Event::Returned { quantity, .. } => u64::from(quantity.get()),
            _ => 0,
        });
        let now = self.state.stock().sold;
        let before = std::mem::replace(&mut self.sold_counted, now);
        (now + returned.sum::<u64>()).saturating_sub(before)
    }

    /// To the journal if anything depends on a commit, else straight back.
    fn hand_on(&mut self, turn: Turn, now: Timestamp) {
        let Turn { events, answers, .. } = turn;
        self.count_state();
        let undurable = self.state.revision() > self.desk.durable_revision();
        if events.is_empty() && !undurable && self.journal.may_answer_from_memory() {
            self.desk.answered(answers.len());
            for (reply, answer) in answers {
                drop(reply.send(answer));
            }
            return;
        }
        let partition = self.desk.partition;
        let view = if events.is_empty() { None } else { self.state.view_at(now) };
        self.desk.settling();
        let sold = (self.metrics.units_sold.clone(), self.units_sold(&events));
        let settle = Box::new(Parked { desk: self.desk.clone(), view, sold, answers });
        if events.is_empty() {
            self.journal.submit(Work::Barrier { partition, settle });
            return;
        }
        let first_revision = self.state.revision() + 1 - events.len() as u64;
        let mut section = Vec::with_capacity(32 + events.len() * 64);
        stored::encode_section(&mut section, self.desk.product, first_revision, now, &events);
        let count = u32::try_from(events.len()).unwrap_or(u32::MAX);
        self.journal.submit(Work::Facts { partition, section, count, settle });
    }

    /// Sets the timer to the next hold that runs out, or sale that opens or ends.
    fn set_alarm(&mut self, ctx: &mut Context<Self>) {
        let question = self.state.holds().next_question().map(|at| at.max(self.ask_at));
        let sale = self.state.sales().next_boundary(self.shown_at);
        let next = [self.state.holds().next_lapse(), question, sale].into_iter().flatten().min();
        if self.alarm.as_ref().map(|(at, _)| *at) == next {
            return;
        }
        if let Some((_, timer)) = self.alarm.take() {
            ctx.cancel_future(timer);
        }
        if let Some(at) = next {
            // A boundary that has passed is shown when what is at the writer is durable.
            let soonest = if sale.is_some_and(|at| at <= self.now()) { SHOW_AGAIN_MS } else { 1 };
            let delay = Duration::from_millis(at.millis_since(self.clock.now()).max(soonest));
            let timer = ctx.run_later(delay, Self::expire_lapsed);
            self.alarm = Some((at, timer));
        }
    }

    /// Has lines whose time has come ask their leads, in a task of its own: nothing here waits.
    fn ask_leads(&mut self, now: Timestamp) {
        if now < self.ask_at {
            return;
        }
        let questions: Vec<_> =
            self.state.holds().asking(now).take(followers::QUESTIONS_MAX).collect();
        let Some(registry) = self.registry.upgrade().filter(|_| !questions.is_empty()) else {
            return;
        };
        self.ask_at = now.plus_millis(followers::ASK_AGAIN_MS);
        actix::spawn(followers::ask(registry, self.desk.product, questions));
    }

    /// Orders that were being placed when the server before this one was killed: nobody goes on with them, so
    /// what they hold comes back at once, and not only when its time is over. An actor with holds never retires, so
    /// all that are there at its start are such orders, whatever the clock says.
    fn drop_unplaced(&mut self) {
        let unplaced: Vec<_> = self.state.holds().unplaced().collect();
        if unplaced.is_empty() {
            return;
        }
        self.metrics.holds_expired.increment(unplaced.len() as u64);
        let now = self.now();
        let mut turn = Turn::default();
        for order in unplaced {
            turn.expire(&mut self.state, order, now);
        }
        self.finish(turn, now);
    }

    /// Lines that were held before this start: whoever was to tell them may have been killed.
    fn ask_all_leads(&mut self) {
        let questions: Vec<_> = self.state.holds().asking(Timestamp::MAX).collect();
        if let Some(registry) = self.registry.upgrade().filter(|_| !questions.is_empty()) {
            actix::spawn(followers::ask(registry, self.desk.product, questions));
        }
    }

    /// A sale has opened or ended: shows it, as soon as nothing is at the writer that shows older state.
    fn show_sales(&mut self, now: Timestamp) {
        let passed = self.state.sales().next_boundary(self.shown_at).is_some_and(|at| at <= now);
        let durable = self.state.revision() == self.desk.durable_revision();
        if passed
            && durable
            && let Some(view) = self.state.view_at(now)
        {
            self.desk.show_again(&view);
            self.shown_at = now;
        }
    }

    /// One tick of expiry: a bounded number of holds, decided and journaled like any command. It takes
    /// the commands along that wait: they are rung for when nothing of this product is at the writer,
    /// and while a great many holds run out something always is.
    fn expire_lapsed(&mut self, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        self.alarm = None;
        let now = self.now();
        self.ask_leads(now);
        self.show_sales(now);
        if self.desk.unsettled() >= UNSETTLED_MAX {
            let timer = ctx.run_later(Duration::from_millis(5), Self::expire_lapsed);
            self.alarm = Some((now, timer));
            return;
        }
        let lapsed: Vec<_> = self
            .state
            .holds()
            .lapsed(now)
            .take(EXPIRIES_PER_TICK)
            .map(|(order, _)| order)
            .collect();
        if !lapsed.is_empty() {
            self.metrics.holds_expired.increment(lapsed.len() as u64);
            let mut turn = Turn::default();
            for order in lapsed {
                turn.expire(&mut self.state, order, now);
            }
            turn.take(&mut self.state, self.desk.take_inbox(), now);
            self.take_turns(&mut turn, now);
            self.finish(turn, now);
            self.set_drain(ctx);
        }
        self.set_alarm(ctx);
    }

    fn drain_rate(&self) -> u32 {
        self.state.queue().drain_per_second().unwrap_or(self.drain_per_second)
    }

    /// Decides for those whose turn has come, at the queue's pace.
    fn take_turns(&mut self, turn: &mut Turn, now: Timestamp) {
        let most = self.state.queue().len().min(TURNS_PER_TICK);
        if most == 0 {
            return;
        }
        let rate = self.drain_rate();
        // By the clock itself: the time of decisions stands still while the clock is behind it.
        let due = self.pace.take(self.clock.now(), rate, most);
        let drained = turn.drain(&mut self.state, (self.desk.product, now), (due, TURNS_PER_TICK));
        self.pace.give_back(rate, due - drained.sold);
        self.bounds.decisions.count(now, drained.purchases.len() as u64);
        for (purchase, wanted) in drained.purchases.iter().zip(&drained.wanted) {
            if let TurnResult::Refused { why, .. } = purchase.result {
                self.desk.count_refusal(*wanted, why.refusal(), now);
            }
            self.metrics.queue_decided(queues::result_of(purchase));
        }
        self.bounds.decided.remember(drained.purchases);
    }

    /// Sets the timer of the queue while somebody waits.
    fn set_drain(&mut self, ctx: &mut Context<Self>) {
        if self.drain.is_some() || self.state.queue().is_empty() {
            return;
        }
        let wait = self.pace.wait(self.clock.now(), self.drain_rate()).max(QUEUE_TICK_MS);
        self.drain = Some(ctx.run_later(Duration::from_millis(wait), Self::drain_queue));
    }

    /// One tick of the queue. While much of this product is at the writer, the turns of its commands
    /// take queued purchases along, so a queue is never held up for good by those who do not wait. And
    /// the other way round: a tick takes the commands along, for they are rung for when nothing is at
    /// the writer, and with a tick in each commit something always is.
    fn drain_queue(&mut self, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        self.drain = None;
        // Where nothing is due the commands' own turns were faster: one more would only split a group.
        let due = self.pace.wait(self.clock.now(), self.drain_rate()) == 0;
        if due && self.desk.unsettled() < UNSETTLED_MAX {
            let commands = self.desk.take_inbox();
            self.decide(commands, ctx);
        }
        self.set_drain(ctx);
    }

    /// Decides commands, and for those whose turn has come.
    fn decide(&mut self, commands: Vec<Pending>, ctx: &mut Context<Self>) {
        self.was_idle &= commands.is_empty();
        let now = self.now();
        let mut turn = Turn::default();
        turn.take(&mut self.state, commands, now);
        self.take_turns(&mut turn, now);
        if !(turn.events.is_empty() && turn.answers.is_empty()) {
            self.finish(turn, now);
        }
        self.set_alarm(ctx);
        self.set_drain(ctx);
    }

    /// Submits a snapshot of the state; the receiver hears when it is durable. One that no store
    /// would take is not submitted at all: the facts stay in the journal, and recovery reads those.
    fn submit_snapshot(&self) -> oneshot::Receiver<()> {
        let (stored, wait) = oneshot::channel();
        let state = snapshot::encode(&self.state);
        if state.len() > SNAPSHOT_BYTES_MAX {
            let (product, bytes) = (self.desk.product, state.len());
            tracing::error!(%product, bytes, "the product is too large for a snapshot: the next start replays its facts");
            return wait;
        }
        let row = SnapshotRow {
            partition: self.desk.partition,
            product: self.desk.product,
            revision: self.state.revision(),
            next_expiry: self.state.next_deadline(),
            state,
        };
        self.journal.submit(Work::Snapshot { row, stored });
        wait
    }

    /// Called every now and then: retires an actor that nobody has needed twice in a row.
    fn look_idle(&mut self, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        let idle = !self.desk.take_touched()
            && !self.retiring
            && self.state.holds().is_empty()
            && self.state.queue().is_empty()
            && self.desk.unsettled() == 0
            && self.state.revision() == self.desk.durable_revision();
        if !(idle && self.was_idle) {
            self.was_idle = idle;
            return;
        }
        if self.state.revision() == self.stored_revision {
            self.retire(ctx);
            return;
        }
        self.retiring = true;
        let revision = self.state.revision();
        let stored = self.submit_snapshot().into_actor(self).map(move |stored, actor, ctx| {
            actor.retiring = false;
            if stored.is_ok() {
                actor.stored_revision = actor.stored_revision.max(revision);
                if actor.state.revision() == revision {
                    actor.retire(ctx);
                }
            }
        });
        ctx.spawn(stored);
    }

    /// Ends this actor if the inbox is empty; its snapshot has everything.
    fn retire(&mut self, ctx: &mut Context<Self>) {
        if self.desk.close_if_empty() {
            if let Some(registry) = self.registry.upgrade() {
                registry.forget(&self.desk);
            }
            ctx.stop();
        }
    }
}

impl Actor for ProductActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        self.count_state();
        self.drop_unplaced();
        self.ask_all_leads();
        self.set_alarm(ctx);
        self.set_drain(ctx);
        ctx.run_interval(self.idle_after / 2, Self::look_idle);
        // Commands may have come before the address was known to the desk.
        ctx.notify(Ring);
    }

    fn stopped(&mut self, _: &mut Context<Self>) {
        self.desk.close();
    }
}

impl Handler<Ring> for ProductActor {
    type Result = ();

    fn handle(&mut self, _: Ring, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        let commands = self.desk.take_inbox();
        if commands.is_empty() {
            return;
        }
        self.decide(commands, ctx);
    }
}

impl Handler<TakeSnapshot> for ProductActor {
    type Result = ();

    fn handle(&mut self, message: TakeSnapshot, ctx: &mut Context<Self>) {
        let _guard = EndOnPanic(THREAD);
        if self.state.revision() == self.stored_revision {
            let _ = message.stored.send(());
            return;
        }
        let revision = self.state.revision();
        let stored = self.submit_snapshot().into_actor(self).map(move |stored, actor, _| {
            if stored.is_ok() {
                actor.stored_revision = actor.stored_revision.max(revision);
                let _ = message.stored.send(());
            }
        });
        ctx.spawn(stored);
    }
}
