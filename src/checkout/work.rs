//! Work: what each kind of job does. All of it may be done twice.

use super::jobs::{Worker, lines_of, was_sold};
use super::payment::{self, Refund, RefundError, Void, VoidState};
use super::{LateOrder, total};
use crate::cart::SessionId;
use crate::domain::{Money, Timestamp};
use crate::projection::{Job, JobKind, LineStatus, OrderRow, OrderStatus, Payments, QueryError};
use std::time::Duration;

/// How long a job waits for the tables to have everything that is durable.
const PATIENCE: Duration = Duration::from_secs(2);

/// Pause before an order that could have ended by now is looked at again.
const LOOK_AGAIN_MS: u64 = 5_000;

/// Why a job is not done.
pub(super) enum Failure {
    /// Not a matter of the job: look again, at this time or soon.
    NotNow {
        reason: String,
        until: Option<Timestamp>,
    },
    Again(String),
    Never(String),
}

impl Failure {
    fn not_now(reason: impl Into<String>) -> Self {
        Self::NotNow { reason: reason.into(), until: None }
    }
}

impl From<QueryError> for Failure {
    fn from(error: QueryError) -> Self {
        Self::not_now(error.to_string())
    }
}

impl Worker {
    pub(super) async fn work(&self, payments: &Payments, job: &Job) -> Result<(), Failure> {
        match job.id.kind {
            JobKind::Refund => self.refund(payments, job).await,
            JobKind::LatePayment => self.take_late(payments, job).await,
            JobKind::Void => self.void(payments, job).await,
            JobKind::Cart => self.return_cart(payments, job).await,
        }
    }

    /// Has the tables know everything that is durable.
    async fn freshen(&self) -> Result<(), Failure> {
        let engine = &self.checkout.engine;
        let fresh = self.progress.wait_for(&engine.durable(), PATIENCE).await;
        if fresh && engine.knows_what_is_durable() {
            return Ok(());
        }
        Err(Failure::not_now("the tables are behind"))
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
        self.freshen().await?;
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
    /// The order ended unpaid; its provider may have been asked for the money and not have answered.
    async fn void(&self, payments: &Payments, job: &Job) -> Result<(), Failure> {
        let Some(row) = self.unpaid(job).await? else { return Ok(()) };
        let Some(payment) = payments.of(row.order).await? else { return Ok(()) };
        let Some(provider) = self.checkout.provider(&payment.method) else {
            let method = payment.method;
            return Err(Failure::Again(format!("no provider has the name {method} any more")));
        };
        let void = Void { order: row.order, lead: row.product, token: payment.token };
        match payment::void_within(provider, &void, self.checkout.patience).await {
            Ok(VoidState::Cancelled) => return Ok(()),
            Ok(VoidState::Paid) => {}
            Err(error) => return Err(Failure::Again(error.to_string())),
        }
        // Of all lines, also those that another partition tells of.
        self.freshen().await?;
        let Some(row) = self.unpaid(job).await? else { return Ok(()) };
        let amount = total(&lines_of(&row));
        let noted = self.checkout.note_late(row.product, row.order, amount).await;
        noted.map_err(|error| Failure::Again(error.to_string()))
    }

    /// The order, if it ended and nobody paid.
    async fn unpaid(&self, job: &Job) -> Result<Option<OrderRow>, Failure> {
        let ended = |row: &OrderRow| {
            let ended = matches!(row.status, OrderStatus::Cancelled | OrderStatus::Expired);
            ended && !row.paid_late && !was_sold(row)
        };
        Ok(self.queries.order(job.id.order).await?.filter(ended))
    }

    /// What was in a cart comes back when its order has ended unpaid.
    async fn return_cart(&self, payments: &Payments, job: &Job) -> Result<(), Failure> {
        let Some(session) = payments.session(job.id.order).await? else { return Ok(()) };
        let Some(row) = self.queries.order(job.id.order).await? else {
            return Err(Failure::not_now("the order is not in the tables yet"));
        };
        if row.status == OrderStatus::PendingPayment {
            // The projection hurries it when the order is decided.
            let ends_at = row.expires_at.unwrap_or_default().max(self.clock.now());
            let until = Some(ends_at.plus_millis(LOOK_AGAIN_MS));
            return Err(Failure::NotNow { reason: "the order is not decided".into(), until });
        }
        self.freshen().await?;
        let Some(row) = self.unpaid(job).await? else { return Ok(()) };
        let Ok(session) = SessionId::new(&session) else {
            return Err(Failure::Never("the cart has a name that no cart has".into()));
        };
        let currency = row.total.currency;
        let priced = |amount| Money { amount, currency };
        let lines = lines_of(&row).into_iter();
        let lines: Vec<_> =
            lines.map(|line| (line.product, line.quantity, priced(line.unit_price))).collect();
        let returned = self.carts.put_back(&session, &lines).await;
        returned.map_err(|error| Failure::Again(error.to_string()))
    }
}

/// A product forgets after a day how a hold ended, and would hold a line again that was released.
fn ran_out(row: &OrderRow) -> bool {
    let over = |status: LineStatus| matches!(status, LineStatus::Expired | LineStatus::Held);
    row.status != OrderStatus::Cancelled && row.lines.iter().all(|line| over(line.status))
}
