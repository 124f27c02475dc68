//! What becomes of orders that are placed: they are paid, given up, cancelled or refunded.
//!
//! Each answers with the order as the query tables have it by then, which are waited for.

use super::Api;
use super::body::{Json, NoBody};
use super::caller::Caller;
use super::checkout::{problem_of, row_of};
use super::checks::Checks;
use super::fields::{self, Whole};
use super::openapi::{EngineFailures, InputFailures, NotFound, QueryFailures, SignInFailures};
use super::order_ref::OrderRef;
use super::orders::{self, OrderDocument};
use super::params::OrderPath;
use super::problem::{Code, Document, Problem};
use super::respond;
use crate::checkout::{CancelError, PlaceError};
use crate::domain::{CustomerId, Refusal, ReturnReason};
use crate::engine::EngineError;
use crate::projection::{OrderLine, OrderRow, OrderStatus};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;

/// Asks the provider again about an order that waits for its payment.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/payment", tag = "orders", operation_id = "payOrder",
    params(("id" = String, Path, description = "The order")),
    responses(
        (status = 200, description = "The order as it is now", body = OrderDocument),
        (status = 402, description = "`payment-declined`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`order-over`", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, QueryFailures, EngineFailures,
    )
)]
pub async fn pay(
    State(api): State<Api>,
    caller: Caller,
    OrderPath(reference): OrderPath,
    NoBody { .. }: NoBody,
) -> Result<Response, Problem> {
    let may_pay = |customer: &CustomerId| caller.may_see(customer);
    let paid = api.checkout.pay(reference.product, reference.order, may_pay).await;
    let paid = match paid {
        // There may have been one so long ago that only the tables remember.
        Err(PlaceError::Line {
            error: EngineError::Refused(Refusal::UnknownReservation | Refusal::UnknownProduct),
            ..
        }) => None,
        other => other.map_err(|error| problem_of(&api, error))?,
    };
    let row = match (orders::find_fresh(&api, &caller, reference).await, &paid) {
        (Ok(row), _) => row,
        // What was decided is decided, whether or not the tables can tell.
        (Err(_), Some(bought)) => row_of(bought),
        (Err(problem), None) => return Err(problem),
    };
    match row.status {
        OrderStatus::Confirmed | OrderStatus::PendingPayment => {
            Ok(respond::json(StatusCode::OK, &OrderDocument::of_row(&row)))
        }
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Refunded => Err(over(&row)),
    }
}

fn over(row: &OrderRow) -> Problem {
    Problem::new(Code::OrderOver, format!("the order is {} already", row.status.as_str()))
}

/// Which lines come back.
#[derive(Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"productIds": [2]}))]
pub struct LinesRequest {
    /// The products of these lines; all lines when it is left out.
    #[serde(default, deserialize_with = "fields::optional_ids")]
    #[schema(value_type = Option<Vec<u64>>, min_items = 1)]
    product_ids: Option<Vec<Whole>>,
}

/// Cancels an order, or single lines of one that was bought.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/cancel", tag = "orders", operation_id = "cancelOrder",
    request_body = LinesRequest,
    params(("id" = String, Path, description = "The order")),
    responses(
        (status = 200, description = "The order as it is now; its units are available again",
            body = OrderDocument),
        (status = 409, description = "`order-returned`, `order-over`", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, QueryFailures, EngineFailures,
    )
)]
pub async fn cancel(
    State(api): State<Api>,
    caller: Caller,
    OrderPath(reference): OrderPath,
    Json { value, .. }: Json<LinesRequest>,
) -> Result<Response, Problem> {
    take_back(&api, &caller, reference, value, ReturnReason::Cancelled).await
}

/// Gives the money of an order back, or of single lines, and takes the units back.
#[utoipa::path(
    post, path = "/api/v1/orders/{id}/refund", tag = "orders", operation_id = "refundOrder",
    request_body = LinesRequest,
    params(("id" = String, Path, description = "The order")),
    responses(
        (status = 200, description = "The order as it is now; its units are available again",
            body = OrderDocument),
        (status = 409, description = "`order-returned`, `order-over`, `order-not-paid`",
            body = Document, content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, QueryFailures, EngineFailures,
    )
)]
pub async fn refund(
    State(api): State<Api>,
    caller: Caller,
    OrderPath(reference): OrderPath,
    Json { value, .. }: Json<LinesRequest>,
) -> Result<Response, Problem> {
    take_back(&api, &caller, reference, value, ReturnReason::Refunded).await
}

async fn take_back(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
    request: LinesRequest,
    reason: ReturnReason,
) -> Result<Response, Problem> {
    let products = request.product_ids.as_deref();
    let mut row = orders::find_fresh(api, caller, reference).await?;
    let mut wanted = chosen(&row, products)?;
    if row.status == OrderStatus::PendingPayment {
        let given_up = give_up(api, &row, &wanted, reason).await?;
        row = orders::find_fresh(api, caller, reference).await?;
        if given_up {
            return Ok(respond::json(StatusCode::OK, &OrderDocument::of_row(&row)));
        }
        wanted = chosen(&row, products)?;
    }
    if row.status != OrderStatus::Confirmed {
        return Err(over(&row));
    }
    let returned = api.checkout.take_back(&row, &wanted, reason).await;
    returned.map_err(|error| match error {
        CancelError::ReturnedAlready => {
            Problem::new(Code::OrderReturned, "this was cancelled or refunded before")
        }
        CancelError::NotSold => Problem::new(
            Code::OrderNotPaid,
            "a line of this order is not sold yet: ask again in a moment",
        ),
        CancelError::Engine(error) => Problem::of_engine(error, api.clock.now()),
    })?;
    let row = orders::find_fresh(api, caller, reference).await?;
    Ok(respond::json(StatusCode::OK, &OrderDocument::of_row(&row)))
}

/// Gives an order up that is not paid; `false` when it was decided at this moment.
async fn give_up(
    api: &Api,
    row: &OrderRow,
    wanted: &[OrderLine],
    reason: ReturnReason,
) -> Result<bool, Problem> {
    if reason == ReturnReason::Refunded {
        let detail = "the order is not paid, so there is nothing to refund: cancel it";
        return Err(Problem::new(Code::OrderNotPaid, detail));
    }
    if wanted.len() < row.lines.len() {
        let detail = "an order that is not paid can be cancelled as a whole only";
        return Err(Problem::new(Code::OrderNotPaid, detail));
    }
    match api.checkout.give_up(row.product, row.order).await {
        Ok(()) => Ok(true),
        Err(EngineError::Refused(Refusal::HoldOver(_))) => Ok(false),
        Err(error) => Err(Problem::of_engine(error, api.clock.now())),
    }
}

/// The lines of these products; all of them when none is named.
fn chosen(row: &OrderRow, products: Option<&[Whole]>) -> Result<Vec<OrderLine>, Problem> {
    let Some(products) = products else { return Ok(row.lines.clone()) };
    let mut checks = Checks::default();
    let mut lines: Vec<OrderLine> = Vec::new();
    for Whole(product) in products {
        match row.lines.iter().find(|line| i128::from(line.product.get()) == *product) {
            Some(line) if lines.iter().all(|chosen| chosen.product != line.product) => {
                lines.push(*line);
            }
            Some(_) => {}
            None => {
                let message = format!("must be products of this order, {product} is not");
                let _: Option<()> = checks.fail("productIds", message);
            }
        }
    }
    if lines.is_empty() && checks.passed() {
        let _: Option<()> = checks.fail("productIds", "must name a product, or be left out");
    }
    if checks.passed() { Ok(lines) } else { Err(checks.problem()) }
}
