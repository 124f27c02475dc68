//! Desk: where callers, a product's actor and the journal's writer meet.
//!
//! Callers put commands into the inbox and ring; the actor takes the whole inbox in one turn; the
//! writer publishes what is durable. The inbox is why a mailbox never holds more than a ring: actix
//! does not bound what `send` puts into a mailbox, so the bound is here, counted per product and in
//! all, and reaching it is an answer.
//!
//! While a turn of this product is being committed nobody rings: the next group cannot leave before
//! that commit is done, so commands gather, and one turn takes them all. A full inbox rings earlier,
//! so that deciding overlaps with a long commit.

use super::actor::{ProductActor, Ring};
use super::api::{EngineError, Shown};
use super::decided::DecidedPurchases;
use super::queues::Decisions;
use super::refusals::{self, Refusals, Wanted};
use crate::domain::{Action, Command, Outcome, ProductId, Refusal, SaleId, Timestamp, View};
use crate::journal::PartitionId;
use actix::Addr;
use crossbeam_utils::atomic::AtomicCell;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::oneshot;

/// What a caller gets for a command.
pub(super) type Reply = Result<Outcome, EngineError>;

/// An inbox of this many commands is decided while the commit before still runs.
const RING_AT: usize = 32;

/// A command and who waits for its answer.
pub(super) struct Pending {
    pub(super) command: Command,
    pub(super) reply: oneshot::Sender<Reply>,
    /// Who only wants to go on, and answers nobody before `reply` has come.
    pub(super) decided: Option<oneshot::Sender<Reply>>,
}

#[derive(Default)]
struct Inbox {
    commands: Vec<Pending>,
    /// The actor is gone: ask the registry again.
    closed: bool,
}

/// The bounds on commands that have no answer yet.
#[derive(Debug)]
pub(super) struct Bounds {
    /// Active holds of all products in memory: counted, not bounded here.
    pub(super) holds: AtomicUsize,
    /// Purchases that wait for their turn: counted by the actors, so a bound is kept but for those that
    /// are in an inbox.
    pub(super) queued: AtomicUsize,
    pub(super) queued_max: usize,
    pub(super) decisions: Decisions,
    pub(super) decided: DecidedPurchases,
    pub(super) in_flight: AtomicUsize,
    pub(super) in_flight_max: usize,
    pub(super) per_product_max: usize,
}

impl Bounds {
    /// Counts one more thing that waits for the journal, until the guard is dropped.
    pub(super) fn admit(self: &Arc<Self>) -> Result<Admitted, EngineError> {
        let admitted = Admitted(self.clone());
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.in_flight_max {
            return Err(EngineError::Overloaded("requests in flight"));
        }
        Ok(admitted)
    }
}

/// Counted in [`Bounds::in_flight`] as long as it lives.
pub(super) struct Admitted(Arc<Bounds>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One product's meeting place.
pub(super) struct Desk {
    pub(super) product: ProductId,
    pub(super) partition: PartitionId,
    inbox: Mutex<Inbox>,
    shown: AtomicCell<Option<Shown>>,
    durable_revision: AtomicU64,
    in_flight: AtomicUsize,
    settling: AtomicUsize,
    entries: AtomicUsize,
    touched: AtomicBool,
    refusals: Refusals,
    bounds: Arc<Bounds>,
    actor: OnceLock<Addr<ProductActor>>,
}

/// Why a command did not get in.
pub(super) enum NotIn {
    /// The desk was closed before.
    Closed(Box<Command>),
    Full(EngineError),
}

impl Desk {
    pub(super) fn new(
        product: ProductId,
        partition: PartitionId,
        shown: Option<&Shown>,
        revision: u64,
        bounds: Arc<Bounds>,
    ) -> Self {
        Self {
            product,
            partition,
            inbox: Mutex::default(),
            shown: AtomicCell::new(shown.copied()),
            durable_revision: AtomicU64::new(revision),
            in_flight: AtomicUsize::new(0),
            settling: AtomicUsize::new(0),
            entries: AtomicUsize::new(0),
            touched: AtomicBool::new(false),
            refusals: Refusals::default(),
            bounds,
            actor: OnceLock::new(),
        }
    }

    pub(super) fn set_actor(&self, actor: Addr<ProductActor>) {
        drop(self.actor.set(actor));
    }

    pub(super) fn actor(&self) -> Option<&Addr<ProductActor>> {
        self.actor.get()
    }

    /// Durable state; `None` while the product's creation is not durable yet.
    pub(super) fn shown(&self) -> Option<Shown> {
        self.touch();
        self.shown.load()
    }

    /// The same for statistics: does not count as somebody's interest.
    pub(super) fn peek(&self) -> Option<Shown> {
        self.shown.load()
    }

    /// The refusal everybody would get for such a command now, from durable state alone, and the sale
    /// that it counts for.
    pub(super) fn refusal_at_once(
        &self,
        command: &Command,
        wanted: Wanted,
        now: Timestamp,
    ) -> Option<(Refusal, Option<SaleId>)> {
        let sale = match wanted {
            Wanted::Nothing => return None,
            Wanted::Any => None,
            Wanted::Under(sale) => Some(sale),
        };
        let view = self.shown()?.view;
        // With a key that may be known already, or be in a turn that is not durable yet, only the actor
        // can tell a retry from a new request.
        if command.retry.is_some() && (view.keys > 0 || self.unsettled() > 0) {
            return None;
        }
        let refusal = view.closed_to_all(sale, now)?;
        Some((refusal, refusals::sale_of(wanted, &view, refusal, now)))
    }

    /// Counts a refusal for a sale.
    pub(super) fn count(&self, sale: Option<SaleId>, refusal: Refusal) {
        if let Some(sale) = sale {
            self.refusals.count(sale, refusal);
        }
    }

    /// The same for the sale that it counts for.
    pub(super) fn count_refusal(&self, wanted: Wanted, refusal: Refusal, now: Timestamp) {
        if wanted != Wanted::Nothing
            && let Some(Shown { view, .. }) = self.peek()
        {
            self.count(refusals::sale_of(wanted, &view, refusal, now), refusal);
        }
    }

    /// The same for a command that did not get in.
    pub(super) fn count_overload(&self, wanted: Wanted, now: Timestamp) {
        self.count_refusal(wanted, Refusal::Full { table: "requests" }, now);
    }

    pub(super) fn take_refusals(&self) -> Vec<(SaleId, &'static str, u64)> {
        self.refusals.take()
    }

    /// Puts a command in; its answer comes when it is durable. The command runs to its end even if the
    /// caller goes away meanwhile. With `decided` it is decided at once, whatever is being committed.
    pub(super) fn put(
        &self,
        command: Command,
        decided: Option<oneshot::Sender<Reply>>,
    ) -> Result<oneshot::Receiver<Reply>, NotIn> {
        self.check_room(&command.action).map_err(NotIn::Full)?;
        self.count_in().map_err(NotIn::Full)?;
        let hurry = decided.is_some();
        let (reply, answer) = oneshot::channel();
        let waiting = {
            let mut inbox = self.inbox.lock();
            if inbox.closed {
                drop(inbox);
                self.answered(1);
                return Err(NotIn::Closed(Box::new(command)));
            }
            inbox.commands.push(Pending { command, reply, decided });
            inbox.commands.len()
        };
        let first = waiting == 1 && self.settling.load(Ordering::Acquire) == 0;
        if first || waiting == RING_AT || hurry {
            self.ring();
        }
        Ok(answer)
    }

    /// A queue is not bounded by what is in flight: its purchases have their answers.
    fn check_room(&self, action: &Action) -> Result<(), EngineError> {
        let queues = matches!(action, Action::Queue { .. });
        if queues && self.bounds.queued.load(Ordering::Relaxed) >= self.bounds.queued_max {
            return Err(EngineError::Overloaded("purchases that wait (queue.waiting_max)"));
        }
        Ok(())
    }

    fn count_in(&self) -> Result<(), EngineError> {
        if self.in_flight.fetch_add(1, Ordering::Relaxed) >= self.bounds.per_product_max {
            self.in_flight.fetch_sub(1, Ordering::Relaxed);
            return Err(EngineError::Overloaded("requests in flight for this product"));
        }
        if self.bounds.in_flight.fetch_add(1, Ordering::Relaxed) >= self.bounds.in_flight_max {
            self.answered(1);
            return Err(EngineError::Overloaded("requests in flight"));
        }
        Ok(())
    }

    /// So many commands have their answer.
    pub(super) fn answered(&self, count: usize) {
        if count > 0 {
            self.in_flight.fetch_sub(count, Ordering::Relaxed);
            self.bounds.in_flight.fetch_sub(count, Ordering::Relaxed);
        }
    }

    /// Wakes the actor. A ring too many costs a look into an empty inbox, nothing else.
    pub(super) fn ring(&self) {
        if let Some(actor) = self.actor.get() {
            actor.do_send(Ring);
        }
    }

    /// Takes everything that waits.
    pub(super) fn take_inbox(&self) -> Vec<Pending> {
        std::mem::take(&mut self.inbox.lock().commands)
    }

    /// A turn goes to the writer.
    pub(super) fn settling(&self) {
        self.settling.fetch_add(1, Ordering::AcqRel);
    }

    /// Turns that are with the writer.
    pub(super) fn unsettled(&self) -> usize {
        self.settling.load(Ordering::Acquire)
    }

    /// A turn came back from the writer: whoever gathered meanwhile is next.
    pub(super) fn settled(&self) {
        if self.settling.fetch_sub(1, Ordering::AcqRel) == 1
            && !self.inbox.lock().commands.is_empty()
        {
            self.ring();
        }
    }

    /// State that is durable now. Called by the writer alone, for the turns of a group newest first:
    /// a version names one state only, the last of its batch.
    pub(super) fn publish(&self, shown: &Shown) {
        if self.durable_revision() >= shown.view.revision {
            return;
        }
        // In this order: who is answered because of the revision must not meet an older view after.
        let revision = shown.view.revision;
        self.shown.store(Some(*shown));
        self.durable_revision.store(revision, Ordering::Release);
    }

    /// The same state as it is shown at a later time. Called by the actor alone, while nothing of it is
    /// with the writer.
    pub(super) fn show_again(&self, view: &View) {
        if let Some(Shown { version, .. }) = self.shown.load() {
            self.shown.store(Some(Shown { view: *view, version }));
        }
    }

    pub(super) fn durable_revision(&self) -> u64 {
        self.durable_revision.load(Ordering::Acquire)
    }

    /// What a snapshot of this product would cost, in table entries.
    pub(super) fn entries(&self) -> usize {
        self.entries.load(Ordering::Relaxed)
    }

    pub(super) fn set_entries(&self, entries: usize) {
        self.entries.store(entries, Ordering::Relaxed);
    }

    fn touch(&self) {
        // Reading first keeps the cache line shared between the cores.
        if !self.touched.load(Ordering::Relaxed) {
            self.touched.store(true, Ordering::Relaxed);
        }
    }

    /// Whether anybody looked since the last call.
    pub(super) fn take_touched(&self) -> bool {
        self.touched.swap(false, Ordering::Relaxed)
    }

    /// Closes the desk if nothing waits in it; whoever comes later asks the registry again.
    pub(super) fn close_if_empty(&self) -> bool {
        let mut inbox = self.inbox.lock();
        if inbox.commands.is_empty() {
            inbox.closed = true;
        }
        inbox.closed
    }

    /// Closes the desk whatever waits in it: those callers are told that the outcome is unknown,
    /// which is safe to repeat though nothing was decided.
    pub(super) fn close(&self) {
        let mut inbox = self.inbox.lock();
        inbox.closed = true;
        let commands = std::mem::take(&mut inbox.commands);
        drop(inbox);
        self.answered(commands.len());
    }
}
