//! The writer's queue: what is to be done, and what those who wait are told while the store is slow.
//!
//! No call of the store is ever cancelled, but nobody waits for it without a limit either: after the
//! time limit everyone whose answer depends on it hears that the outcome is unknown, and the call
//! goes on.

use super::PartitionId;
use super::handle::{JournalState, Settle, Shared, Work};
use super::store::StoreError;
use super::writer::RETRY_PAUSE;
use crate::clock;
use crate::domain::ProductId;
use std::collections::VecDeque;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// What is to be done, in order.
pub(super) struct Queue {
    pub(super) receiver: mpsc::UnboundedReceiver<Work>,
    pub(super) backlog: VecDeque<Work>,
}

/// Who waits for a commit, and for a product id behind it.
#[derive(Default)]
pub(super) struct Waiting {
    pub(super) settles: Vec<(PartitionId, Box<dyn Settle>)>,
    pub(super) ids: Vec<oneshot::Sender<Result<ProductId, StoreError>>>,
}

impl Queue {
    pub(super) const fn new(receiver: mpsc::UnboundedReceiver<Work>) -> Self {
        Self { receiver, backlog: VecDeque::new() }
    }

    /// Waits for a call of the store, which is never cancelled. From the deadline on everyone who
    /// waits is told that the outcome is unknown, and so is, again and again, who comes after.
    pub(super) async fn patiently<T>(
        &mut self,
        call: impl Future<Output = T>,
        waiting: &mut Waiting,
        deadline: Instant,
        shared: &Shared,
    ) -> T {
        tokio::pin!(call);
        let mut tell_at = deadline;
        loop {
            tokio::select! {
                biased;
                result = &mut call => return result,
                () = tokio::time::sleep_until(tell_at) => {
                    shared.set_state(JournalState::Stuck, "the journal's store takes longer than journal.commit_timeout_ms");
                    self.tell_uncertain(waiting);
                    tell_at = clock::moment() + RETRY_PAUSE;
                }
            }
        }
    }

    /// Lets go of everything that is left, and of whatever would come.
    pub(super) fn clear(&mut self) {
        self.receiver.close();
        while self.receiver.try_recv().is_ok() {}
        self.backlog.clear();
    }

    /// Takes in what has come meanwhile.
    pub(super) fn take_arrived(&mut self) {
        while let Ok(work) = self.receiver.try_recv() {
            self.backlog.push_back(work);
        }
    }

    /// Tells everyone, also those still in the queue, that the outcome is unknown.
    pub(super) fn tell_uncertain(&mut self, waiting: &mut Waiting) {
        self.take_arrived();
        for (_, settle) in &mut waiting.settles {
            settle.uncertain();
        }
        // An id may be lost, so nobody need wait for one.
        waiting.ids.clear();
        self.backlog.retain_mut(|work| match work {
            Work::Facts { settle, .. } | Work::Barrier { settle, .. } => {
                settle.uncertain();
                true
            }
            Work::NextProductId { .. } => false,
            Work::Snapshot { .. } | Work::Checkpoint { .. } | Work::Close { .. } => true,
        });
    }
}
