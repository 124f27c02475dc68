//! Jobs: what facts of the journal owe the world is done, again and again until it is.
//!
//! Jobs are rows that the projection writes together with the rows of their facts (see
//! `projection::payments`), so nothing is forgotten over a restart, and each must bear being done twice.
//! Pauses grow from try to try, with chance in them; after the last one a job is dead, and an operator
//! reads why and lets it try again.
//!
//! Who owns it: one task, which ends with the server. While the tables are away, or another server may own
//! the journal, it waits.

use super::payment::{self, Refund, RefundError};
use super::{Checkout, LateOrder};
use crate::clock::{self, Clock};
use crate::domain::{Line, Quantity};
use crate::projection::{
    Job, JobKind, LineStatus, OrderLine, OrderRow, OrderStatus, Payments, ProjectionProgress,
    Queries, QueryError,
};
use crate::telemetry::metrics::{JobMetrics, JobResult};
use futures::{StreamExt, stream};
use std::time::Duration;

/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Looks between two counts of what is not done.
const LOOKS_A_COUNT: u32 = 8;

/// Most jobs of one round, and most that are done at the same time.
const JOBS_MAX: u32 = 200;
const AT_ONCE: usize = 8;

/// How long a late payment waits for the tables to have everything that is durable.
const PATIENCE: Duration = Duration::from_secs(2);

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
    fn pause_after(self, tries: u32, chance: f64) -> u64 {
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
    pub queries: Queries,
    pub progress: ProjectionProgress,
    pub clock: Clock,
    pub tries: Tries,
    pub metrics: JobMetrics,
}

/// Why a job is not done.
enum Failure {
    /// Not a matter of the job: look again.
    NotNow(String),
    Again(String),
    Never(String),
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::NotNow(error.to_string())
    }
}

impl Worker {
    /// Works for ever; run it as a task.
    pub async fn run(self) {
        let payments = Payments::new(self.queries.clone());
        let mut looks = 0_u32;
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            // Its owner does them.
            if !self.checkout.engine.knows_what_is_durable() {
                continue;
            }
            let due = match payments.due(self.clock.now(), JOBS_MAX).await {
                Ok(due) => due,
                Err(error) => {
                    tracing::debug!(%error, "jobs cannot be looked up");
                    continue;
                }
            };
            let worked = !due.is_empty();
            stream::iter(due)
                .for_each_concurrent(AT_ONCE, async |job| {
                    if let Err(error) = self.work(&payments, &job).await {
                        tracing::debug!(%error, "what became of a job could not be noted");
                    }
                })
                .await;
            looks = looks.wrapping_add(1);
            if worked || looks.is_multiple_of(LOOKS_A_COUNT) {
                self.count(&payments).await;
            }
        }
    }

    async fn count(&self, payments: &Payments) {
        if let Ok(counts) = payments.counts().await {
            self.metrics.show(counts.waiting, counts.dead);
        }
    }

    async fn work(&self, payments: &Payments, job: &Job) -> Result<(), QueryError> {
        let outcome = match job.id.kind {
            JobKind::Refund => self.refund(payments, job).await,
            JobKind::LatePayment => self.take_late(payments, job).await,
        };
        let tries = job.attempts.saturating_add(1);
        match outcome {
            Ok(()) => {
                self.metrics.attempted(JobResult::Done);
                payments.done(job.id).await
            }
            Err(Failure::NotNow(reason)) => {
                tracing::debug!(job = ?job.id, reason, "a job waits");
                Ok(())
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

    async fn refund(&self, payments: &Payments, job: &Job) -> Result<(), Failure> {
        if job.amount.amount == 0 {
            return Ok(());
        }
        let Some(payment) = payments.of(job.id.order).await? else {
            return Err(Failure::Never("the order was not paid through this server".into()));
        };
        let Some(provider) = self.checkout.provider(&payment.method) else {
            let method = payment.method;
            return Err(Failure::Again(format!("no provider has the name {method} any more")));
        };
        let refund = Refund {
            order: job.id.order,
            lead: job.lead,
            product: job.id.product,
            amount: job.amount,
            token: payment.token,
        };
        match payment::refund_within(provider, &refund, self.checkout.patience).await {
            Ok(()) => Ok(()),
            Err(RefundError::Again(error)) => Err(Failure::Again(error.to_string())),
            Err(RefundError::Never(reason)) => Err(Failure::Never(reason)),
        }
    }

    async fn take_late(&self, payments: &Payments, job: &Job) -> Result<(), Failure> {
        let engine = &self.checkout.engine;
        let fresh = self.progress.wait_for(&engine.durable(), PATIENCE).await;
        if !(fresh && engine.knows_what_is_durable()) {
            return Err(Failure::NotNow("the tables are behind".into()));
        }
        let row = self.queries.order(job.id.order).await?;
        let payment = payments.of(job.id.order).await?;
        let (Some(row), Some(payment)) = (row, payment) else {
            return Err(Failure::Never("the order is not in the tables".into()));
        };
        if matches!(row.status, OrderStatus::Confirmed | OrderStatus::Refunded) || was_sold(&row) {
            return Ok(());
        }
        let late = LateOrder {
            lead: row.product,
            order: row.order,
            customer: row.customer.clone(),
            lines: lines_of(&row).into(),
            payment,
            amount: job.amount.amount,
            ran_out: ran_out(&row),
        };
        let taken = self.checkout.take_late(&late).await;
        taken.map(|_| ()).map_err(|error| Failure::Again(error.to_string()))
    }
}

/// Whether any of it was ever sold.
#[must_use]
pub fn was_sold(row: &OrderRow) -> bool {
    let sold = |status: LineStatus| matches!(status, LineStatus::Sold | LineStatus::Returned(_));
    row.lines.iter().any(|line| sold(line.status))
}

/// A product forgets after a day how a hold ended, and would hold a line again that was released.
fn ran_out(row: &OrderRow) -> bool {
    let over = |status: LineStatus| matches!(status, LineStatus::Expired | LineStatus::Held);
    row.status != OrderStatus::Cancelled && row.lines.iter().all(|line| over(line.status))
}

/// Its lines as the rules have them.
#[must_use]
pub fn lines_of(row: &OrderRow) -> Vec<Line> {
    let line = |line: &OrderLine| Line {
        product: line.product,
        quantity: Quantity::from_journal(line.quantity),
        unit_price: line.unit_price,
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
