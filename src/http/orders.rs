//! Orders: what customers got. Read from the query tables.

use super::Api;
use super::caller::Caller;
use super::checks::Checks;
use super::openapi::{InputFailures, NotFound, QueryFailures, SignInFailures};
use super::order_ref::OrderRef;
use super::params::{OrderPath, PageParams, Params};
use super::problem::Problem;
use super::respond::{self, MoneyDocument, Page};
use super::time::Rfc3339;
use super::waiting;
use crate::domain::{Money, OrderId, SaleId, Timestamp};
use crate::projection::{
    JobState, LineStatus, OrderCursor, OrderLine, OrderRow, OrderStatus, Refund,
};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long an order that was just answered is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long it may take from the first line of an order to its last, in seconds: far longer than any does.
const PLACING_MAX: f64 = 60.0;

/// One line of an order.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = OrderLine)]
pub struct LineDocument {
    product_id: u64,
    quantity: u32,
    unit_price: MoneyDocument,
    total: MoneyDocument,
    /// That it was bought under.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<u64>,
    /// `held`, `sold`, `released`, `expired`, `cancelled` or `refunded`.
    status: &'static str,
}

/// The line of an order that has only one, as the answer to the purchase showed it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct OnlyLine {
    product_id: u64,
    quantity: u32,
    unit_price: MoneyDocument,
}

/// An order.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Order, example = json!({
    "orderId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", "customerId": "ann",
    "status": "confirmed", "productId": 1, "quantity": 1,
    "unitPrice": {"amount": 99_999, "currency": "USD"},
    "total": {"amount": 99_999, "currency": "USD"},
    "createdAt": "2026-01-31T09:00:00.000Z",
    "lines": [{"productId": 1, "quantity": 1,
        "unitPrice": {"amount": 99_999, "currency": "USD"},
        "total": {"amount": 99_999, "currency": "USD"}, "status": "sold"}]
}))]
pub struct OrderDocument<'a> {
    #[schema(value_type = String)]
    order_id: OrderRef,
    customer_id: &'a str,
    /// `pending_payment`, `confirmed`, `cancelled`, `expired` or `refunded`.
    status: &'static str,
    #[serde(flatten)]
    only_line: Option<OnlyLine>,
    total: MoneyDocument,
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// Until when it can be paid, where it was not bought at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
    lines: Vec<LineDocument>,
    /// It was paid when it was over; then its units were taken again, or its money goes back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schema(value_type = Option<bool>)]
    paid_late: bool,
    /// Money that goes back; left out where there is none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    refunds: Vec<RefundDocument>,
}

/// Money that goes back.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Refund)]
pub struct RefundDocument {
    amount: MoneyDocument,
    /// `pending`, `done`, or `failed`: then an operator has to see to it.
    status: &'static str,
}

impl From<&Refund> for RefundDocument {
    fn from(refund: &Refund) -> Self {
        let status = match refund.state {
            JobState::Waiting => "pending",
            JobState::Done => "done",
            JobState::Dead => "failed",
        };
        Self { amount: refund.amount.into(), status }
    }
}

/// The lead has decided for all lines: after a crash a further one may have to ask it yet, and is sold all the
/// same.
fn shown_status(row: &OrderRow, line: &OrderLine) -> &'static str {
    let sold = row.status == OrderStatus::Confirmed && line.status == LineStatus::Held;
    if sold { LineStatus::Sold.as_str() } else { line.status.as_str() }
}

impl<'a> OrderDocument<'a> {
    pub(super) fn of_row(row: &'a OrderRow) -> Self {
        let priced = |amount| Money { amount, currency: row.total.currency };
        let lines: Vec<_> = row
            .lines
            .iter()
            .map(|line| LineDocument {
                product_id: line.product.get(),
                quantity: line.quantity,
                unit_price: priced(line.unit_price).into(),
                total: priced(line.unit_price).times(line.quantity).into(),
                sale_id: line.sale.map(SaleId::get),
                status: shown_status(row, line),
            })
            .collect();
        let only_line = match lines.as_slice() {
            [LineDocument { product_id, quantity, unit_price, .. }] => Some(OnlyLine {
                product_id: *product_id,
                quantity: *quantity,
                unit_price: *unit_price,
            }),
            _ => None,
        };
        Self {
            order_id: OrderRef { product: row.product, order: row.order },
            customer_id: row.customer.as_str(),
            status: row.status.as_str(),
            only_line,
            total: row.total.into(),
            created_at: Rfc3339(row.created_at),
            expires_at: row.expires_at.map(Rfc3339),
            lines,
            paid_late: row.paid_late,
            refunds: row.refunds.iter().map(RefundDocument::from).collect(),
        }
    }
}

/// Shows an order.
#[utoipa::path(
    get, path = "/api/v1/orders/{id}", tag = "orders", operation_id = "getOrder",
    params(("id" = String, Path, description = "The order")),
    responses(
        (status = 200, description = "The order", body = OrderDocument),
        NotFound, SignInFailures, QueryFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    caller: Caller,
    OrderPath(reference): OrderPath,
) -> Result<Response, Problem> {
    let behind = api.progress.lag(&api.engine.durable());
    let mut row = find(&api, &caller, reference).await?;
    if may_be_half(&row, behind, api.clock.now()) {
        row = find_fresh(&api, &caller, reference).await?;
    } else if row.is_open() {
        // What became of it may have been answered already, and be on its way to the tables.
        waiting::freshen(&api).await;
        row = find(&api, &caller, reference).await?;
    }
    Ok(respond::json(StatusCode::OK, &OrderDocument::of_row(&row)))
}

/// Whether lines of an order that was placed may be missing still: each product's facts come into the tables
/// by themselves. One that is older than the tables were behind (in seconds) before it was read is whole.
fn may_be_half(row: &OrderRow, behind: f64, now: Timestamp) -> bool {
    let age = Duration::from_millis(now.millis_since(row.created_at));
    row.expires_at.is_some() && behind > 0.0 && age.as_secs_f64() < behind + PLACING_MAX
}

/// An order that was answered before, waiting for the tables if need be. Somebody else's is not there.
pub(super) async fn find(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
) -> Result<OrderRow, Problem> {
    // The id with another product in front of it is not the id of this order; nor is it there while only
    // further lines of it are.
    let ask = async || {
        let row = api.queries.order(reference.order).await?;
        Ok(row.filter(|row| row.product == reference.product))
    };
    let row = waiting::find(api, PATIENCE, ask).await?;
    row.filter(|row| caller.may_see(&row.customer)).ok_or_else(Problem::unknown_order)
}

/// The same, with everything that is durable now.
pub(super) async fn find_fresh(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
) -> Result<OrderRow, Problem> {
    if !waiting::caught_up(api, PATIENCE).await {
        return Err(Problem::projection_behind());
    }
    find(api, caller, reference).await
}

/// Whose orders.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct OwnerParams {
    /// The customer; `userId` is accepted as another name. Whoever has a token may leave it out.
    #[serde(alias = "userId")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<String>,
}

/// A page of a customer's orders.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct OrderPage<'a> {
    /// Whether everything that was answered before this request is in the list. `false` while the query
    /// tables are behind, as in a burst: what is missing comes within seconds.
    up_to_date: bool,
    #[serde(flatten)]
    page: Page<OrderDocument<'a>>,
}

/// Lists a customer's orders, newest first.
#[utoipa::path(
    get, path = "/api/v1/orders", tag = "orders", operation_id = "listOrders",
    params(OwnerParams, PageParams),
    responses(
        (status = 200, description = "A page of orders", body = OrderPage),
        SignInFailures, InputFailures, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(owner): Params<OwnerParams>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let before = page.cursor(read_cursor)?;
    let mut checks = Checks::default();
    let Some(customer) = checks.customer(caller.customer(owner.customer_id.as_deref())) else {
        return Err(checks.problem());
    };
    caller.act_for(&customer)?;
    let up_to_date = waiting::freshen(&api).await;
    let found = api.queries.orders_of(&customer, before, limit).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    let next_cursor = respond::next_cursor(&rows, limit, |row| write_cursor(row.cursor()));
    let data = rows.iter().map(OrderDocument::of_row).collect();
    Ok(respond::json(StatusCode::OK, &OrderPage { up_to_date, page: Page { data, next_cursor } }))
}

/// A cursor is the time and the id of the last order seen; callers need not know.
fn write_cursor(OrderCursor { created_at, order }: OrderCursor) -> String {
    format!("{}-{}", created_at.as_millis(), uuid::Uuid::from_bytes(order.0).simple())
}

fn read_cursor(text: &str) -> Option<OrderCursor> {
    let (millis, order) = text.split_once('-')?;
    let created_at = Timestamp::from_millis(millis.parse().ok()?);
    Some(OrderCursor {
        created_at,
        order: OrderId(uuid::Uuid::try_parse(order).ok()?.into_bytes()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, CustomerId, ProductId};
    use serde_json::json;

    fn row(products: &[u64]) -> OrderRow {
        let product = |id: &u64| ProductId::new(*id).expect("in range");
        let line = |id| OrderLine {
            sale: None,
            product: product(id),
            quantity: 2,
            unit_price: 50,
            status: LineStatus::Sold,
        };
        let total = 100 * products.len() as u64;
        OrderRow {
            order: OrderId([7; 16]),
            product: product(&products[0]),
            customer: CustomerId::new("ann").expect("valid"),
            status: OrderStatus::Confirmed,
            total: Money { amount: total, currency: Currency::from_journal(*b"USD") },
            created_at: Timestamp::default(),
            expires_at: None,
            lines: products.iter().map(line).collect(),
            paid_late: false,
            refunds: Vec::new(),
        }
    }

    #[test]
    fn an_order_of_one_line_shows_it_at_the_top_too() {
        let row = row(&[3]);
        let document = serde_json::to_value(OrderDocument::of_row(&row)).expect("JSON");
        let usd = |amount: u64| json!({"amount": amount, "currency": "USD"});
        let expected = json!({
            "orderId": "3-07070707-0707-0707-0707-070707070707", "customerId": "ann",
            "status": "confirmed", "productId": 3, "quantity": 2, "unitPrice": usd(50),
            "total": usd(100), "createdAt": "1970-01-01T00:00:00.000Z",
            "lines": [{"productId": 3, "quantity": 2, "unitPrice": usd(50), "total": usd(100), "status": "sold"}]
        });
        assert_eq!(document, expected);
    }

    #[test]
    fn what_the_lead_has_decided_is_shown_of_all_lines() {
        let mut row = row(&[3, 4]);
        row.lines[1].status = LineStatus::Held;
        let statuses = |row: &OrderRow| {
            let document = serde_json::to_value(OrderDocument::of_row(row)).expect("JSON");
            [0, 1].map(|line| document["lines"][line]["status"].clone())
        };
        assert_eq!(statuses(&row), [json!("sold"), json!("sold")]);
        row.status = OrderStatus::PendingPayment;
        assert_eq!(statuses(&row), [json!("sold"), json!("held")]);
    }

    #[test]
    fn cursors_read_back() {
        let cursor = row(&[3]).cursor();
        assert_eq!(read_cursor(&write_cursor(cursor)), Some(cursor));
        for bad in ["", "7", "7-8", "x-07070707070707070707070707070707"] {
            assert_eq!(read_cursor(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_order_of_several_lines_does_not() {
        let row = row(&[3, 4]);
        let document = serde_json::to_value(OrderDocument::of_row(&row)).expect("JSON");
        assert_eq!(
            (document.get("productId"), document["lines"].as_array().map(Vec::len)),
            (None, Some(2))
        );
    }
}
