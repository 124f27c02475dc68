//! Jobs: what facts of the journal owe the world is done, again and again until it is.
//!
//! Jobs are rows that the projection writes together with the rows of their facts (see
//! `projection::payments`), so nothing is forgotten over a restart, and each must bear being done twice.
//! Pauses grow from try to try, with chance in them; after the last one a job is dead, and an operator
//! reads why and lets it try again. What each kind does is in `work`.
//!
//! Who owns it: one task for each kind, which ends with the server; so kinds do not wait for each other, and
//! a job that takes long holds up no other ([`super::crew`]). While the tables are away, or another server
//! may own the journal, it waits.

use super::Checkout;
use super::crew::Crew;
use super::work::Failure;
use crate::cart::Carts;
use crate::clock::{self, Clock};
use crate::domain::{Line, Quantity, Timestamp};
use crate::projection::{
    Job, JobKind, LineStatus, OrderLine, OrderRow, Payments, ProjectionProgress, Queries,
    QueryError,
};
use crate::telemetry::metrics::{JobMetrics, JobResult};
use std::time::Duration;

/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// How often jobs that are not done are counted.
const COUNT_EVERY: Duration = Duration::from_secs(1);

/// Most jobs of one kind that are looked at in one round, and most that are done at the same time.
const JOBS_MAX: u32 = 200;
const AT_ONCE: usize = 16;

/// How often and after which pauses a job is tried.
#[derive(Debug, Clone, Copy)]
pub struct Tries {
    pub first_pause_ms: u64,
    pub longest_pause_ms: u64,
    pub most: u32,
}

impl Tries {
    /// The pause after so many tries: twice as long each time, between its half and the whole of it.
    /// `chance` is between 0 and 1.
    pub(super) fn pause_after(self, tries: u32, chance: f64) -> u64 {
        let doubled = self.first_pause_ms.saturating_mul(1 << tries.saturating_sub(1).min(30));
        let pause = doubled.min(self.longest_pause_ms);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let more = (pause as f64 / 2.0 * chance.clamp(0.0, 1.0)) as u64;
        pause / 2 + more
    }
}

/// Whoever does the jobs.
#[derive(Clone)]
pub struct Worker {
    pub checkout: Checkout,
    pub carts: Carts,
    pub queries: Queries,
    pub progress: ProjectionProgress,
    pub clock: Clock,
    pub tries: Tries,
    pub metrics: JobMetrics,
}

impl Worker {
    /// Does jobs of one kind for ever; run it as a task.
    pub async fn run(self, kind: JobKind) {
        let payments = Payments::new(self.queries.clone());
        let mut crew = Crew::of(AT_ONCE);
        loop {
            let mut due = self.due(&payments, kind).await;
            due.retain(|job| !crew.is_at(&job.id));
            let begin = |job: Job| {
                let (worker, payments, id) = (self.clone(), payments.clone(), job.id);
                let working = async move {
                    if let Err(error) = worker.attempt(&payments, &job).await {
                        tracing::debug!(%error, "what became of a job could not be noted");
                    }
                };
                (id, Box::pin(working) as _)
            };
            crew.work(due.into(), LOOK_EVERY, begin).await;
        }
    }

    /// Shows for ever how many jobs are not done; run it as a task.
    pub async fn count(self) {
        let payments = Payments::new(self.queries.clone());
        loop {
            if let Ok(counts) = payments.counts().await {
                self.metrics.show(counts.waiting, counts.dead);
            }
            tokio::time::sleep(COUNT_EVERY).await;
        }
    }

    async fn due(&self, payments: &Payments, kind: JobKind) -> Vec<Job> {
        // Its owner does them.
        if !self.checkout.engine.knows_what_is_durable() {
            return Vec::new();
        }
        payments.due(kind, self.clock.now(), JOBS_MAX).await.unwrap_or_else(|error| {
            tracing::debug!(%error, "jobs cannot be looked up");
            Vec::new()
        })
    }

    async fn attempt(&self, payments: &Payments, job: &Job) -> Result<(), QueryError> {
        let tries = job.attempts.saturating_add(1);
        match self.work(payments, job).await {
            Ok(()) => {
                self.metrics.attempted(JobResult::Done);
                payments.done(job.id).await
            }
            Err(Failure::NotNow { reason, until }) => {
                tracing::debug!(job = ?job.id, reason, "a job waits");
                // Behind those that can be done now.
                payments.deferred(job, until.unwrap_or_else(|| self.soon())).await
            }
            Err(Failure::Again(reason)) if tries < self.tries.most => {
                tracing::warn!(job = ?job.id, tries, reason, "a job failed and is tried again");
                self.metrics.attempted(JobResult::Failed);
                let pause = self.tries.pause_after(tries, clock::draw_fraction());
                let next_at = self.clock.now().plus_millis(pause);
                payments.failed(job.id, tries, next_at, &reason).await
            }
            Err(Failure::Again(reason) | Failure::Never(reason)) => {
                tracing::error!(
                    job = ?job.id, tries, reason,
                    "a job is given up: see GET /api/v1/admin/dead-letters"
                );
                self.metrics.attempted(JobResult::Dead);
                payments.died(job.id, tries, self.clock.now(), &reason).await
            }
        }
    }

    fn soon(&self) -> Timestamp {
        self.clock.now().plus_millis(SOON_MS)
    }
}

/// Pause of a job that waits for something else than itself.
const SOON_MS: u64 = 1_000;

/// Whether any of it was ever sold.
#[must_use]
pub fn was_sold(row: &OrderRow) -> bool {
    let sold = |status: LineStatus| matches!(status, LineStatus::Sold | LineStatus::Returned(_));
    row.lines.iter().any(|line| sold(line.status))
}

/// Its lines as the rules have them.
#[must_use]
pub fn lines_of(row: &OrderRow) -> Vec<Line> {
    let line = |line: &OrderLine| Line {
        product: line.product,
        quantity: Quantity::from_journal(line.quantity),
        unit_price: line.unit_price,
        sale: line.sale,
    };
    row.lines.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_bound() {
        let tries = Tries { first_pause_ms: 1_000, longest_pause_ms: 60_000, most: 10 };
        let whole: Vec<_> = (1..=8).map(|after| tries.pause_after(after, 1.0)).collect();
        assert_eq!(whole, [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
        assert_eq!(tries.pause_after(2, 0.0), 1_000);
        assert_eq!(tries.pause_after(u32::MAX, 1.0), 60_000);
    }
}
