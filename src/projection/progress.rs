//! Progress: how far the projection is, for whoever waits for it or watches it.
//!
//! States: `Starting` → `Following` ⇄ `Waiting` (the database or the journal is away; tried again
//! and again) → `Stopped` (damage; only a restart, after a person had a look, goes on) or `Ended`
//! (asked to). The projector writes, everybody else reads.

use crate::clock::Clock;
use crate::domain::Timestamp;
use crate::journal::Seq;
use std::time::Duration;
use tokio::sync::watch;

/// What the projector is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectionState {
    /// Has not reached the database yet.
    Starting,
    /// Applies what becomes durable.
    Following,
    /// The database (or the journal's reading side) is away since then.
    Waiting { since: Timestamp, reason: String },
    /// Gave up: the journal is damaged, or the rows contradict it.
    Stopped { reason: String },
    /// Was asked to end.
    Ended,
}

#[derive(Debug, Clone)]
pub(super) struct Status {
    state: ProjectionState,
    /// Everything recorded before is in the tables; `None` when all is.
    behind_since: Option<Timestamp>,
    /// Whether the projector has found the tables to be this journal's.
    has_followed: bool,
}

/// A handle on the projector's progress.
#[derive(Debug, Clone)]
pub struct ProjectionProgress {
    /// Newest batch of each partition that is in the tables.
    pub applied: watch::Receiver<Vec<Seq>>,
    status: watch::Receiver<Status>,
    clock: Clock,
}

impl ProjectionProgress {
    /// Of tables that have what is `applied` and need no projector, such as those of a simulation.
    #[must_use]
    pub fn of(applied: watch::Receiver<Vec<Seq>>, clock: Clock) -> Self {
        let state = ProjectionState::Following;
        let status = Status { state, behind_since: None, has_followed: true };
        Self { applied, status: watch::channel(status).1, clock }
    }

    /// Waits until everything up to these positions (one per partition) is in the tables.
    /// `false`: not within `timeout`, or never, because the projector has ended.
    pub async fn wait_for(&self, positions: &[Seq], timeout: Duration) -> bool {
        let mut applied = self.applied.clone();
        let reached = applied.wait_for(|applied| covers(applied, positions));
        matches!(tokio::time::timeout(timeout, reached).await, Ok(Ok(_)))
    }

    /// How old the tables are, in seconds. 0 when everything up to these positions (one per
    /// partition) is in them, and only then: what the projector has not noticed yet is a millisecond old.
    #[must_use]
    pub fn lag(&self, durable: &[Seq]) -> f64 {
        if covers(&self.applied.borrow(), durable) {
            return 0.0;
        }
        let now = self.clock.now();
        let since = self.status.borrow().behind_since.unwrap_or(now);
        Duration::from_millis(now.millis_since(since).max(1)).as_secs_f64()
    }

    /// Whether the tables' rows may be shown, or why not.
    pub(super) fn may_be_shown(&self, origin_is_known: bool) -> Result<(), String> {
        let status = self.status.borrow();
        match &status.state {
            ProjectionState::Stopped { reason } => Err(reason.clone()),
            _ if origin_is_known || status.has_followed => Ok(()),
            ProjectionState::Waiting { reason, .. } => Err(reason.clone()),
            _ => Err("the query tables are being opened".into()),
        }
    }

    /// What the projector is doing.
    #[must_use]
    pub fn state(&self) -> ProjectionState {
        self.status.borrow().state.clone()
    }
}

/// Whether everything up to `positions` is among what was applied.
fn covers(applied: &[Seq], positions: &[Seq]) -> bool {
    positions
        .iter()
        .enumerate()
        .all(|(partition, wanted)| applied.get(partition).copied().unwrap_or_default() >= *wanted)
}

/// The projector's end of it.
pub(super) struct Reporter {
    applied: watch::Sender<Vec<Seq>>,
    status: watch::Sender<Status>,
    clock: Clock,
}

/// Both ends.
pub(super) fn channel(partitions: u16, clock: &Clock) -> (Reporter, ProjectionProgress) {
    let (applied, applied_seen) = watch::channel(vec![Seq(0); usize::from(partitions)]);
    let status =
        Status { state: ProjectionState::Starting, behind_since: None, has_followed: false };
    let (status, status_seen) = watch::channel(status);
    let progress =
        ProjectionProgress { applied: applied_seen, status: status_seen, clock: clock.clone() };
    (Reporter { applied, status, clock: clock.clone() }, progress)
}

impl Reporter {
    /// These batches are in the tables.
    pub(super) fn applied(&self, positions: Vec<Seq>) {
        self.applied.send_replace(positions);
    }

    /// Everything durable is in the tables.
    pub(super) fn caught_up(&self) {
        self.status.send_modify(|status| status.behind_since = None);
    }

    /// There is more to apply; everything recorded before `since` is done.
    pub(super) fn behind(&self, since: Timestamp) {
        self.status.send_modify(|status| status.behind_since = Some(since));
    }

    /// There is more to apply, from now on if not already before.
    pub(super) fn fell_behind(&self) {
        let now = self.clock.now();
        self.status.send_modify(|status| status.behind_since = status.behind_since.or(Some(now)));
    }

    pub(super) fn following(&self) {
        self.status.send_modify(|status| {
            status.state = ProjectionState::Following;
            status.has_followed = true;
        });
    }

    /// Something is away. Keeps the time since when.
    pub(super) fn waiting(&self, reason: String) {
        let now = self.clock.now();
        self.status.send_modify(|status| {
            let since = match status.state {
                ProjectionState::Waiting { since, .. } => since,
                _ => now,
            };
            status.state = ProjectionState::Waiting { since, reason };
            status.behind_since = status.behind_since.or(Some(now));
        });
    }

    pub(super) fn stopped(&self, reason: String) {
        self.fell_behind();
        self.status.send_modify(|status| status.state = ProjectionState::Stopped { reason });
    }

    pub(super) fn ended(&self) {
        self.status.send_modify(|status| status.state = ProjectionState::Ended);
    }
}

impl Drop for Reporter {
    /// A projector that ends without a word has panicked.
    fn drop(&mut self) {
        let over = matches!(
            self.status.borrow().state,
            ProjectionState::Stopped { .. } | ProjectionState::Ended
        );
        if !over {
            self.stopped("the projector ended unexpectedly; its last words are in the log".into());
        }
    }
}
