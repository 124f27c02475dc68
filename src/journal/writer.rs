//! The writer: the one task that commits.
//!
//! It owns the store's writing connection and the head of every partition. Whatever waits while one
//! commit runs becomes the next commit; so the slower the disk, the larger the groups, and at most
//! one batch per partition is ever in flight. Nobody is answered before the commit that covers what
//! the answer depends on: that is the promise the rest of the server rests on.
//!
//! ```text
//!            ┌────────────── committed / ours after all ─────────────┐
//!            ▼                                                       │
//!   Ready ──commit──▶ (ok) settle everyone                           │
//!     │                                                              │
//!     ├─ full disk, lost connection, time limit ──▶ Stuck ── read back, send again
//!     │                                              │
//!     ├─ another digest at our position ─────────────┴──▶ NotOwner   (final)
//!     └─ the disk failed ───────────────────────────────▶ Broken     (final, the process ends)
//! ```
//!
//! While it is stuck, callers that have waited for the time limit are told that the outcome is
//! unknown; the group itself is kept and sent again until it is known to be in the journal. A panic
//! here ends the process: recovery is a replay, and that is tested.

use super::gather;
use super::handle::{JournalHandle, JournalState, Position, Shared, Work};
use super::queue::{Queue, Waiting};
use super::store::{CommitError, Group, Head, JournalStore, Lease, StoreError};
use super::{Batch, Digest, Epoch, PartitionId, Seq, stored};
use crate::clock::{self, Clock};
use crate::telemetry::metrics::{CommitFailure, JournalMetrics};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Most bytes of facts in one commit; what is beyond waits for the next.
const GROUP_BYTES_MAX: usize = 8 << 20;

/// Most pieces of work taken from the queue at once.
const WORK_MAX: usize = 4096;

/// Pause between two tries of a group that could not be written.
pub(super) const RETRY_PAUSE: Duration = Duration::from_millis(200);

/// Why a writer that was closed does not write.
const CLOSING: &str = "the server is shutting down";

/// Numbers the writer works by.
#[derive(Debug, Clone, Copy)]
pub struct WriterOptions {
    /// After this long callers are told that the outcome is unknown; the commit itself goes on.
    pub commit_timeout: Duration,
}

/// How a writer ended.
enum End {
    NotOwner,
    Broken(String),
}

/// The position of one partition.
struct Cursor {
    seq: Seq,
    epoch: Epoch,
    digest: Digest,
}

/// The task's own state.
pub struct Writer {
    store: Box<dyn JournalStore>,
    clock: Clock,
    options: WriterOptions,
    lease: Option<Lease>,
    cursors: Vec<Cursor>,
    queue: Queue,
    /// Facts in the last commit.
    last_facts: usize,
    shared: Arc<Shared>,
    metrics: JournalMetrics,
}

/// What one commit holds, and who waits for it.
#[derive(Default)]
struct Turn {
    rows: Vec<(PartitionId, Vec<u8>, u32)>,
    group: Group,
    waiting: Waiting,
    has_barrier: bool,
    snapshots: Vec<oneshot::Sender<()>>,
    close: Option<oneshot::Sender<()>>,
    bytes: usize,
}

impl Writer {
    /// A writer over a journal that [`super::open`] made this process's own.
    #[must_use]
    pub fn new(
        store: Box<dyn JournalStore>,
        heads: &[Head],
        lease: Option<Lease>,
        clock: Clock,
        options: WriterOptions,
        metrics: JournalMetrics,
    ) -> (JournalHandle, Self) {
        let (queue, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared::new(heads, lease.is_some()));
        let cursors = heads
            .iter()
            .map(|head| Cursor { seq: head.seq, epoch: head.epoch, digest: head.digest })
            .collect();
        let writer = Self {
            store,
            clock,
            options,
            lease,
            cursors,
            queue: Queue::new(receiver),
            last_facts: 0,
            shared: shared.clone(),
            metrics,
        };
        (JournalHandle::new(queue, shared), writer)
    }

    /// Works until it is closed or cannot go on.
    pub async fn run(mut self) {
        let end = self.work().await;
        match end {
            Ok(()) => self.shared.set_state(JournalState::Closed, CLOSING),
            Err(End::NotOwner) => {
                self.metrics.failed(CommitFailure::Fenced);
                self.shared.set_state(
                    JournalState::NotOwner,
                    "another server has taken this journal over",
                );
            }
            Err(End::Broken(reason)) => self.shared.set_state(JournalState::Broken, &reason),
        }
        self.shared.ended.send_replace(true);
    }

    async fn work(&mut self) -> Result<(), End> {
        if self.lease.is_some() {
            self.confirm_ownership(&mut Waiting::default()).await?;
        }
        let renew = self.lease.map_or(Duration::MAX, |lease| lease.duration / 4);
        let mut incoming = Vec::with_capacity(WORK_MAX);
        loop {
            if self.queue.backlog.is_empty() {
                let asked = clock::moment();
                tokio::select! {
                    biased;
                    taken = self.queue.receiver.recv_many(&mut incoming, WORK_MAX) => {
                        if taken == 0 {
                            return Ok(());
                        }
                        self.queue.backlog.extend(incoming.drain(..));
                    }
                    () = tokio::time::sleep(renew), if self.lease.is_some() => {}
                }
                clock::pause(gather::pause_after(self.last_facts, clock::moment() - asked));
                self.queue.take_arrived();
            }
            if self.lease.is_some() && self.lease_is_half_over() {
                let deadline = clock::moment() + self.options.commit_timeout;
                self.renew_once(&mut Waiting::default(), deadline).await?;
            }
            let mut turn = self.next_turn();
            self.last_facts = turn.facts();
            self.commit(&mut turn).await?;
            if let Some(closed) = self.settle(turn).await? {
                // The next owner does not wait for us: from here on nothing is answered any more,
                // not even from memory.
                self.shared.set_state(JournalState::Closed, CLOSING);
                self.queue.clear();
                drop(self.store.release_ownership().await);
                let _ = closed.send(());
                return Ok(());
            }
        }
    }

    /// Takes work from the backlog until the group is full.
    fn next_turn(&mut self) -> Turn {
        let mut turn = Turn::default();
        while turn.bytes < GROUP_BYTES_MAX && turn.close.is_none() {
            let Some(work) = self.queue.backlog.pop_front() else { break };
            match work {
                Work::Facts { partition, section, count, settle } => {
                    turn.bytes += section.len();
                    turn.add_section(partition, &section, count);
                    turn.waiting.settles.push((partition, settle));
                }
                Work::Barrier { partition, settle } => {
                    turn.has_barrier = true;
                    turn.waiting.settles.push((partition, settle));
                }
                Work::Snapshot { row, stored } => {
                    turn.bytes += row.state.len();
                    turn.group.snapshots.push(row);
                    turn.snapshots.push(stored);
                }
                Work::Checkpoint { partition, seq } => {
                    turn.group.checkpoints.push((partition, seq));
                }
                Work::NextProductId { drawn } => turn.waiting.ids.push(drawn),
                Work::Close { closed } => turn.close = Some(closed),
            }
        }
        let recorded_at = self.clock.now();
        for (partition, events, _) in &mut turn.rows {
            let cursor = &self.cursors[usize::from(partition.0)];
            let before = (cursor.seq, cursor.digest);
            let events = std::mem::take(events);
            let batch = Batch::behind(before, *partition, cursor.epoch, recorded_at, events);
            turn.group.batches.push(batch);
        }
        turn
    }

    /// Returns when the group is durable, however often it had to be sent.
    async fn commit(&mut self, turn: &mut Turn) -> Result<(), End> {
        let Turn { group, waiting, has_barrier, .. } = turn;
        if group.batches.is_empty() && group.snapshots.is_empty() && group.checkpoints.is_empty() {
            if *has_barrier && self.lease_is_over() {
                self.confirm_ownership(waiting).await?;
            }
            return Ok(());
        }
        let started = clock::instant();
        let deadline = clock::moment() + self.options.commit_timeout;
        loop {
            let commit = self.store.commit(group);
            match self.queue.patiently(commit, waiting, deadline, &self.shared).await {
                Ok(()) => break,
                Err(CommitError::Broken(reason)) => {
                    self.metrics.failed(CommitFailure::Broken);
                    return Err(End::Broken(reason));
                }
                Err(CommitError::NotWritten(error)) => {
                    self.metrics.failed(match error {
                        StoreError::Full(_) => CommitFailure::Full,
                        _ => CommitFailure::Unavailable,
                    });
                    self.shared.set_state(JournalState::Stuck, &error.to_string());
                    // Nothing of it is written, yet the group will be sent again when there is room.
                    self.queue.tell_uncertain(waiting);
                }
                Err(error @ (CommitError::Conflict | CommitError::Unknown(_))) => {
                    self.metrics.failed(CommitFailure::Unknown);
                    self.shared.set_state(JournalState::Stuck, &error.to_string());
                    if self.is_written(group, waiting, deadline).await? {
                        break;
                    }
                }
            }
            self.rest(waiting, deadline).await;
        }
        if *has_barrier && self.lease_is_over() {
            self.confirm_ownership(waiting).await?;
        }
        self.shared.set_state(JournalState::Ready, "");
        self.metrics.committed(turn.facts(), clock::since(started));
        Ok(())
    }

    /// After an unknown outcome: whether our group is in the journal. Asks until it knows.
    async fn is_written(
        &mut self,
        group: &Group,
        waiting: &mut Waiting,
        deadline: Instant,
    ) -> Result<bool, End> {
        // All or nothing was written, so one batch tells for all. A group of snapshots alone can
        // simply be sent again.
        let Some(batch) = group.batches.first() else { return Ok(false) };
        loop {
            let digest = self.store.digest_at(batch.partition, batch.seq);
            match self.queue.patiently(digest, waiting, deadline, &self.shared).await {
                Ok(Some(digest)) if digest == batch.digest => return Ok(true),
                Ok(Some(_)) => return Err(End::NotOwner),
                Ok(None) => return self.is_free_elsewhere(group, waiting, deadline).await,
                Err(StoreError::Broken(reason) | StoreError::Damaged(reason)) => {
                    return Err(End::Broken(reason));
                }
                Err(error) => {
                    self.shared.set_state(JournalState::Stuck, &error.to_string());
                    self.rest(waiting, deadline).await;
                }
            }
        }
    }

    /// The first batch is not there: then the group may be sent again, unless another one's position
    /// is taken by a new owner.
    async fn is_free_elsewhere(
        &mut self,
        group: &Group,
        waiting: &mut Waiting,
        deadline: Instant,
    ) -> Result<bool, End> {
        for batch in &group.batches[1..] {
            let digest = self.store.digest_at(batch.partition, batch.seq);
            let digest = self.queue.patiently(digest, waiting, deadline, &self.shared).await;
            match digest {
                // It was written, all of it, while we were asking.
                Ok(Some(digest)) if digest == batch.digest => return Ok(true),
                Ok(Some(_)) => return Err(End::NotOwner),
                // Where this cannot be told either, sending the group again will tell.
                Ok(None) | Err(_) => {}
            }
        }
        Ok(false)
    }

    /// Pauses between two tries.
    async fn rest(&mut self, waiting: &mut Waiting, deadline: Instant) {
        let pause = tokio::time::sleep(RETRY_PAUSE);
        self.queue.patiently(pause, waiting, deadline, &self.shared).await;
    }

    /// Moves the heads on and answers everybody. Gives whoever wants the writer closed.
    async fn settle(&mut self, turn: Turn) -> Result<Option<oneshot::Sender<()>>, End> {
        for (batch, (_, _, count)) in turn.group.batches.iter().zip(&turn.rows) {
            let index = usize::from(batch.partition.0);
            let cursor = &mut self.cursors[index];
            cursor.seq = batch.seq;
            cursor.digest = batch.digest;
            self.shared.facts[index].fetch_add(u64::from(*count), Ordering::Relaxed);
        }
        for (partition, _) in &turn.group.checkpoints {
            self.shared.facts[usize::from(partition.0)].store(0, Ordering::Relaxed);
        }
        if !turn.group.batches.is_empty() {
            // First the positions, then the answers: who has an answer finds its position here.
            self.shared.durable.send_modify(|durable| {
                for batch in &turn.group.batches {
                    durable[usize::from(batch.partition.0)] = batch.seq;
                }
            });
        }
        let cursors = &self.cursors;
        let position = |partition: PartitionId| {
            let cursor = &cursors[usize::from(partition.0)];
            Position { epoch: cursor.epoch, seq: cursor.seq }
        };
        let mut settles = turn.waiting.settles;
        for (partition, settle) in settles.iter_mut().rev() {
            settle.publish(position(*partition));
        }
        for (partition, settle) in settles {
            settle.durable(position(partition));
        }
        for stored in turn.snapshots {
            let _ = stored.send(());
        }
        for drawn in turn.waiting.ids {
            let deadline = clock::moment() + self.options.commit_timeout;
            let id = self.store.next_product_id();
            let nobody = &mut Waiting::default();
            let ready = self.shared.state() == JournalState::Ready;
            let id = self.queue.patiently(id, nobody, deadline, &self.shared).await;
            match &id {
                Ok(_) => self.shared.set_state(JournalState::Ready, ""),
                // An id is a commit too: after a failed sync nothing more may be promised.
                Err(StoreError::Broken(reason) | StoreError::Damaged(reason)) => {
                    return Err(End::Broken(reason.clone()));
                }
                // Slow or lost, an id is owed to nobody; the next commit says how the store is.
                Err(_) if ready => self.shared.set_state(JournalState::Ready, ""),
                Err(_) => {}
            }
            drop(drawn.send(id));
        }
        Ok(turn.close)
    }

    fn lease_is_over(&self) -> bool {
        let until = self.shared.lease_until.load(Ordering::Acquire);
        until != u64::MAX && self.shared.millis() >= until
    }

    fn lease_is_half_over(&self) -> bool {
        let Some(lease) = self.lease else { return false };
        let left =
            self.shared.lease_until.load(Ordering::Acquire).saturating_sub(self.shared.millis());
        u128::from(left) < lease.duration.as_millis() / 2
    }

    /// Asks the store whether we still own the journal.
    async fn renew_once(&mut self, waiting: &mut Waiting, deadline: Instant) -> Result<(), End> {
        let Some(lease) = self.lease else { return Ok(()) };
        let asked = self.shared.millis();
        let owned = self.store.renew_ownership();
        match self.queue.patiently(owned, waiting, deadline, &self.shared).await {
            Ok(true) => {
                let duration = u64::try_from(lease.duration.as_millis()).unwrap_or(u64::MAX);
                self.shared.lease_until.store(asked.saturating_add(duration), Ordering::Release);
                self.shared.set_state(JournalState::Ready, "");
                Ok(())
            }
            Ok(false) => Err(End::NotOwner),
            Err(StoreError::Broken(reason) | StoreError::Damaged(reason)) => {
                Err(End::Broken(reason))
            }
            Err(error) => {
                self.shared.set_state(JournalState::Stuck, &error.to_string());
                Ok(())
            }
        }
    }

    /// Renews until it succeeds: what waits depends on it.
    async fn confirm_ownership(&mut self, waiting: &mut Waiting) -> Result<(), End> {
        let deadline = clock::moment() + self.options.commit_timeout;
        loop {
            self.renew_once(waiting, deadline).await?;
            if !self.lease_is_over() {
                return Ok(());
            }
            self.rest(waiting, deadline).await;
        }
    }
}

impl Turn {
    fn facts(&self) -> usize {
        self.rows.iter().map(|row| row.2 as usize).sum()
    }

    fn add_section(&mut self, partition: PartitionId, section: &[u8], count: u32) {
        // A group has few partitions: the hot one, mostly.
        let row = if let Some(index) = self.rows.iter().position(|row| row.0 == partition) {
            &mut self.rows[index]
        } else {
            self.rows.push((partition, vec![stored::ROW_VERSION], 0));
            let last = self.rows.len() - 1;
            &mut self.rows[last]
        };
        row.1.extend_from_slice(section);
        row.2 += count;
    }
}
