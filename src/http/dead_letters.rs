//! Dead letters: jobs that payments and orders have left and that were given up, for operators.

use super::Api;
use super::body::NoBody;
use super::openapi::{InputFailures, OperatorsOnly, QueryFailures};
use super::order_ref::OrderRef;
use super::params::{PageParams, Params, TextPath};
use super::problem::{Code, Document, Problem};
use super::respond::{self, MoneyDocument, Page};
use super::time::Rfc3339;
use crate::domain::{OrderId, ProductId, Timestamp};
use crate::projection::{Job, JobCursor, JobId, JobKind, Payments, QueryError};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::str::FromStr;

/// What a payment or an order has left to be done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Job)]
pub struct JobDocument {
    id: String,
    /// `refund`, `late_payment`, `void` (the provider must take no money any more) or `cart` (what was in it
    /// comes back).
    kind: &'static str,
    #[schema(value_type = String)]
    order_id: OrderRef,
    /// The line it is about; left out for the whole order.
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<u64>,
    /// Of a refund or a late payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    amount: Option<MoneyDocument>,
    /// `waiting`, `done` or `dead`.
    state: &'static str,
    attempts: u32,
    last_error: Option<String>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// When it was given up.
    #[schema(value_type = Option<String>, format = DateTime)]
    died_at: Option<Rfc3339>,
}

impl From<Job> for JobDocument {
    fn from(job: Job) -> Self {
        Self {
            id: write_id(job.id),
            kind: job.id.kind.as_str(),
            order_id: OrderRef { product: job.lead, order: job.id.order },
            product_id: job.id.product.map(ProductId::get),
            amount: job.id.kind.has_amount().then(|| job.amount.into()),
            state: job.state.as_str(),
            attempts: job.attempts,
            last_error: job.last_error,
            created_at: Rfc3339(job.created_at),
            died_at: job.died_at.map(Rfc3339),
        }
    }
}

/// Lists what was given up, newest first.
#[utoipa::path(
    get, path = "/api/v1/admin/dead-letters", tag = "payments", operation_id = "listDeadLetters",
    params(PageParams),
    responses(
        (status = 200, description = "A page of dead letters", body = Page<JobDocument>),
        InputFailures, OperatorsOnly, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let before = page.cursor(read_cursor)?;
    let found = payments(&api).dead(before, limit).await;
    let jobs = found.map_err(|error| Problem::of_query(&error))?;
    // A full page may be the last one; then the next is empty.
    let next = jobs.last().filter(|_| jobs.len() == limit as usize);
    let next_cursor = next.map(|job| write_cursor(job.cursor()));
    let data = jobs.into_iter().map(JobDocument::from).collect();
    Ok(respond::json(StatusCode::OK, &Page::<JobDocument> { data, next_cursor }))
}

/// Lets what was given up be tried again.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{id}/retry", tag = "payments",
    operation_id = "retryDeadLetter",
    params(("id" = String, Path, description = "The dead letter")),
    responses(
        (status = 202, description = "It waits to be tried again", body = JobDocument),
        (status = 404, description = "`dead-letter-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`not-dead`: it waits, or is done", body = Document,
            content_type = "application/problem+json"),
        InputFailures, OperatorsOnly, QueryFailures,
    )
)]
pub async fn retry(
    State(api): State<Api>,
    TextPath(text): TextPath,
    NoBody { .. }: NoBody,
) -> Result<Response, Problem> {
    let (id, payments) = (named(&text)?, payments(&api));
    let retried = payments.retry(id, api.clock.now()).await;
    changed(&payments, id, retried, StatusCode::ACCEPTED).await
}

/// Notes that a person has done what was given up.
#[utoipa::path(
    post, path = "/api/v1/admin/dead-letters/{id}/done", tag = "payments",
    operation_id = "closeDeadLetter",
    params(("id" = String, Path, description = "The dead letter")),
    responses(
        (status = 200, description = "It is done", body = JobDocument),
        (status = 404, description = "`dead-letter-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`not-dead`: it waits, or is done", body = Document,
            content_type = "application/problem+json"),
        InputFailures, OperatorsOnly, QueryFailures,
    )
)]
pub async fn done(
    State(api): State<Api>,
    TextPath(text): TextPath,
    NoBody { .. }: NoBody,
) -> Result<Response, Problem> {
    let (id, payments) = (named(&text)?, payments(&api));
    let closed = payments.close(id).await;
    changed(&payments, id, closed, StatusCode::OK).await
}

fn unknown() -> Problem {
    Problem::new(Code::DeadLetterNotFound, "there is no such dead letter")
}

fn named(text: &str) -> Result<JobId, Problem> {
    read_id(text).ok_or_else(unknown)
}

/// The job after what was asked for, or why that could not be.
async fn changed(
    payments: &Payments,
    id: JobId,
    changed: Result<bool, QueryError>,
    status: StatusCode,
) -> Result<Response, Problem> {
    let changed = changed.map_err(|error| Problem::of_query(&error))?;
    let job = payments.find(id).await.map_err(|error| Problem::of_query(&error))?;
    let job = job.ok_or_else(unknown)?;
    if !changed {
        let detail = format!("it is {}, and was not given up", job.state.as_str());
        return Err(Problem::new(Code::NotDead, detail));
    }
    Ok(respond::json(status, &JobDocument::from(job)))
}

fn payments(api: &Api) -> Payments {
    Payments::new(api.queries.clone())
}

/// `refund-{uuid}-{productId}`; 0 stands for the whole order.
fn write_id(id: JobId) -> String {
    let order = uuid::Uuid::from_bytes(id.order.0);
    format!("{}-{order}-{}", id.kind.as_str(), id.product.map_or(0, ProductId::get))
}

fn read_id(text: &str) -> Option<JobId> {
    let (kind, rest) = text.split_once('-')?;
    let (order, product) = rest.rsplit_once('-')?;
    let product = match u64::from_str(product).ok()? {
        0 => None,
        product => Some(ProductId::new(product).ok()?),
    };
    let order = OrderId(uuid::Uuid::try_parse(order).ok()?.into_bytes());
    let id = JobId { kind: JobKind::parse(kind)?, order, product };
    // One job has one spelling.
    (write_id(id) == text).then_some(id)
}

fn write_cursor(cursor: JobCursor) -> String {
    format!("{}-{}", cursor.died_at.as_millis(), write_id(cursor.id))
}

fn read_cursor(text: &str) -> Option<JobCursor> {
    let (millis, id) = text.split_once('-')?;
    let died_at = Timestamp::from_millis(millis.parse().ok()?);
    Some(JobCursor { died_at, id: read_id(id)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_cursors_read_back() {
        for kind in JobKind::ALL {
            for product in [None, ProductId::new(7).ok()] {
                let id = JobId { kind, order: OrderId([9; 16]), product };
                assert_eq!(read_id(&write_id(id)), Some(id));
                let cursor = JobCursor { died_at: Timestamp::from_millis(5), id };
                assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
            }
        }
        let uuid = "09090909-0909-0909-0909-090909090909";
        for bad in ["", "refund", "refund--0", "refund-7", "gift-1-0"] {
            assert_eq!(read_id(bad), None, "{bad}");
        }
        for bad in
            [format!("gift-{uuid}-0"), format!("refund-{uuid}-00"), format!("refund-{uuid}-+7")]
        {
            assert_eq!(read_id(&bad), None, "{bad}");
        }
    }
}
