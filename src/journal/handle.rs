//! The way to the writer: what can be asked of it, and what everybody may know about it.
//!
//! Callers hand in [`Work`] through a [`JournalHandle`] and are told through [`Settle`]; nobody else sees
//! the writer's queue. What must never happen: an answer from memory after the lease ran out.

use super::store::{Head, SnapshotRow, StoreError};
use super::{Epoch, PartitionId, Seq};
use crate::clock;
use crate::domain::ProductId;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

/// Where the writer stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum JournalState {
    /// Commits succeed.
    Ready,
    /// Commits do not succeed at the moment; they are tried again.
    Stuck,
    /// Another process owns the journal.
    NotOwner,
    /// The disk failed: nothing more is written or promised.
    Broken,
    /// Shut down in order.
    Closed,
}

impl JournalState {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Stuck => "stuck",
            Self::NotOwner => "not-owner",
            Self::Broken => "broken",
            Self::Closed => "closed",
        }
    }
}

/// Where a batch went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub epoch: Epoch,
    pub seq: Seq,
}

/// Whoever waits for a commit.
pub trait Settle: Send {
    /// What was submitted is durable and may be shown. Called for a whole group, newest first,
    /// before anyone in it is answered.
    fn publish(&mut self, _position: Position) {}

    /// Everything submitted up to here is durable and published: answer.
    fn durable(self: Box<Self>, position: Position);

    /// It takes too long: answer whoever waits that the outcome is unknown. `durable` may follow.
    fn uncertain(&mut self);
}

/// Something for the writer to do, in the order it was submitted.
pub enum Work {
    /// One section of facts ([`stored::encode_section`]) of a partition.
    Facts { partition: PartitionId, section: Vec<u8>, count: u32, settle: Box<dyn Settle> },
    /// Nothing new, but an answer that depends on everything submitted before it.
    Barrier { partition: PartitionId, settle: Box<dyn Settle> },
    /// A state made of facts that were submitted before it.
    Snapshot { row: SnapshotRow, stored: oneshot::Sender<()> },
    /// Every fact up to `seq` is covered by snapshots that were submitted before.
    Checkpoint { partition: PartitionId, seq: Seq },
    /// Draw the next product id.
    NextProductId { drawn: oneshot::Sender<Result<ProductId, StoreError>> },
    /// Commit what came before, give up the journal and end.
    Close { closed: oneshot::Sender<()> },
}

/// What everybody may know about the writer.
pub(super) struct Shared {
    state: AtomicU8,
    reason: Mutex<String>,
    pub(super) ended: watch::Sender<bool>,
    pub(super) durable: watch::Sender<Vec<Seq>>,
    /// Milliseconds after `started` until which answers may come from memory; `u64::MAX`: always.
    pub(super) lease_until: AtomicU64,
    started: Instant,
    pub(super) facts: Box<[AtomicU64]>,
}

/// The way to the writer. Cheap to clone.
#[derive(Clone)]
pub struct JournalHandle {
    queue: mpsc::UnboundedSender<Work>,
    shared: Arc<Shared>,
}

impl JournalHandle {
    pub(super) const fn new(queue: mpsc::UnboundedSender<Work>, shared: Arc<Shared>) -> Self {
        Self { queue, shared }
    }

    /// Hands something to the writer. The queue has no bound of its own: everything in it belongs to
    /// a command that the engine has counted, to one expiry or to one snapshot per product. Dropped
    /// without an answer once the writer has ended.
    pub fn submit(&self, work: Work) {
        drop(self.queue.send(work));
    }

    #[must_use]
    pub fn state(&self) -> JournalState {
        self.shared.state()
    }

    /// Why the state is not `Ready`, for people.
    #[must_use]
    pub fn reason(&self) -> String {
        self.shared.reason.lock().clone()
    }

    /// Whether an answer that needs no commit may leave at once. False when the lease ran out: then
    /// it takes a [`Work::Barrier`], which confirms the ownership first.
    #[must_use]
    pub fn may_answer_from_memory(&self) -> bool {
        if self.state() != JournalState::Ready {
            return false;
        }
        let until = self.shared.lease_until.load(Ordering::Acquire);
        until == u64::MAX || self.shared.millis() < until
    }

    /// The newest durable batch of each partition.
    #[must_use]
    pub fn durable(&self) -> watch::Receiver<Vec<Seq>> {
        self.shared.durable.subscribe()
    }

    /// Facts written to a partition since its last checkpoint (or since the start).
    #[must_use]
    pub fn facts_since_checkpoint(&self, partition: PartitionId) -> u64 {
        self.shared.facts[usize::from(partition.0)].load(Ordering::Relaxed)
    }

    /// Adds facts that recovery found behind the checkpoint.
    pub fn add_facts(&self, partition: PartitionId, facts: u64) {
        self.shared.facts[usize::from(partition.0)].fetch_add(facts, Ordering::Relaxed);
    }

    /// Returns when the writer has ended, for whatever reason.
    pub async fn ended(&self) {
        let mut ended = self.shared.ended.subscribe();
        // An error means that the writer is gone, which is an end as well.
        drop(ended.wait_for(|ended| *ended).await);
    }

    /// Commits everything submitted so far and ends the writer.
    pub async fn close(&self) {
        let (closed, wait) = oneshot::channel();
        self.submit(Work::Close { closed });
        drop(wait.await);
    }
}

impl Shared {
    /// Of a writer that owns its journal, or (with a lease) is about to confirm that.
    pub(super) fn new(heads: &[Head], leased: bool) -> Self {
        Self {
            state: AtomicU8::new(JournalState::Ready as u8),
            reason: Mutex::default(),
            ended: watch::Sender::new(false),
            durable: watch::Sender::new(heads.iter().map(|head| head.seq).collect()),
            lease_until: AtomicU64::new(if leased { 0 } else { u64::MAX }),
            started: clock::moment(),
            facts: heads.iter().map(|_| AtomicU64::new(0)).collect(),
        }
    }

    pub(super) fn state(&self) -> JournalState {
        match self.state.load(Ordering::Acquire) {
            0 => JournalState::Ready,
            1 => JournalState::Stuck,
            2 => JournalState::NotOwner,
            3 => JournalState::Broken,
            _ => JournalState::Closed,
        }
    }

    pub(super) fn millis(&self) -> u64 {
        u64::try_from(clock::moment().duration_since(self.started).as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn set_state(&self, state: JournalState, reason: &str) {
        let before = self.state.swap(state as u8, Ordering::AcqRel);
        if before != state as u8 {
            reason.clone_into(&mut self.reason.lock());
            match state {
                JournalState::Ready => tracing::info!("the journal can be written again"),
                JournalState::Closed => tracing::debug!("the journal is closed"),
                _ => tracing::error!(reason, state = ?state, "the journal cannot be written"),
            }
        }
    }
}
