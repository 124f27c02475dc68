//! Queued: purchases that are accepted now and decided later, and what became of them.
//!
//! ```text
//!   202 ──▶ queued ──its turn──▶ confirmed | refused | failed
//! ```
//!
//! Who still waits is shown by the product's own state, so a position is never older than the question;
//! what was decided is shown by the engine for a while, and by the query tables for ever.

use super::Api;
use super::caller::Caller;
use super::openapi::{LookUpFailures, NotFound, SignInFailures};
use super::order_ref::OrderRef;
use super::params::PurchasePath;
use super::prefer;
use super::problem::{Code, Problem};
use super::purchases::Purchase;
use super::respond::{self, MoneyDocument};
use super::time::Rfc3339;
use super::waiting;
use crate::domain::{
    Action, Answer, Command, CustomerId, Money, OrderId, Outcome, Priority, Refusal, SaleId,
    Timestamp, TurnRefusal, Waiting,
};
use crate::engine::{DecidedPurchase, EngineError, TurnResult};
use crate::projection::{OrderRow, QueryError, RefusedPurchase};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// How long a purchase that was just decided is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// A purchase, wherever it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PurchaseState, example = json!({
    "purchaseId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", "productId": 1, "quantity": 1,
    "customerId": "ann", "status": "queued", "createdAt": "2026-01-31T09:00:00.000Z",
    "priority": "normal", "position": 214, "estimatedWaitSeconds": 1
}))]
pub struct PurchaseState<'a> {
    /// What it is looked up by; the id of the order it becomes.
    #[schema(value_type = String)]
    purchase_id: OrderRef,
    product_id: u64,
    quantity: u32,
    #[schema(value_type = String)]
    customer_id: Cow<'a, str>,
    /// `queued`, `confirmed` (sold), `refused` (by the rules of the sale, see `code`) or `failed` (the
    /// server had no room; nothing was sold).
    status: &'static str,
    /// When it was accepted; of a confirmed one, when it was sold.
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    /// While it is queued.
    #[serde(flatten)]
    turn: Option<Turn>,
    /// When it is confirmed.
    #[serde(flatten)]
    sale: Option<Sold>,
    /// When it is refused or failed.
    #[serde(flatten)]
    end: Option<End>,
}

/// The place of a purchase that waits.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct Turn {
    /// `vip` or `normal`.
    priority: &'static str,
    /// 1 is next.
    position: u64,
    /// At the drain rate of the product.
    estimated_wait_seconds: u64,
}

/// The order a purchase has become.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = PurchaseSold)]
struct Sold {
    #[schema(value_type = String)]
    order_id: OrderRef,
    /// The sale it was sold under, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<u64>,
    unit_price: MoneyDocument,
    total: MoneyDocument,
}

/// Why nothing was sold.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
struct End {
    /// The code of the problem that a purchase without the queue would have been answered.
    code: &'static str,
    /// The same for people.
    detail: String,
    #[schema(value_type = String, format = DateTime)]
    decided_at: Rfc3339,
}

/// As requests and documents spell it.
pub(super) const fn priority_name(priority: Priority) -> &'static str {
    match priority {
        Priority::Vip => "vip",
        Priority::Normal => "normal",
    }
}

fn turn(api: &Api, reference: OrderRef, priority: Priority, position: u64) -> Turn {
    let rate = u64::from(api.engine.drain_rate(reference.product));
    let estimated_wait_seconds = position.div_ceil(rate.max(1));
    Turn { priority: priority_name(priority), position, estimated_wait_seconds }
}

/// What is known of a purchase.
enum Found {
    Waiting(Box<Waiting>),
    Sold(Box<OrderRow>),
    Refused(Box<RefusedPurchase>),
    /// A moment ago: the tables may not have it yet.
    JustSold(Box<JustSold>),
}

/// A sale as its turn made it.
struct JustSold {
    customer: CustomerId,
    quantity: u32,
    price: Money,
    sale: Option<SaleId>,
    at: Timestamp,
}

impl Found {
    fn customer(&self) -> &CustomerId {
        match self {
            Self::Waiting(waiting) => &waiting.entry.customer,
            Self::Sold(row) => &row.customer,
            Self::Refused(row) => &row.customer,
            Self::JustSold(sold) => &sold.customer,
        }
    }

    fn document(&self, api: &Api, reference: OrderRef) -> PurchaseState<'_> {
        let shown = |customer_id, quantity, status, created_at| PurchaseState {
            purchase_id: reference,
            product_id: reference.product.get(),
            quantity,
            customer_id: Cow::Borrowed(customer_id),
            status,
            created_at: Rfc3339(created_at),
            turn: None,
            sale: None,
            end: None,
        };
        match self {
            Self::Waiting(waiting) => {
                let Waiting { entry, position } = &**waiting;
                let (customer, quantity) = (entry.customer.as_str(), entry.quantity.get());
                let turn = Some(turn(api, reference, entry.priority, *position));
                PurchaseState { turn, ..shown(customer, quantity, "queued", entry.queued_at) }
            }
            Self::Sold(row) => {
                let quantity = row.lines.first().map_or(0, |line| line.quantity);
                let amount = row.lines.first().map_or(0, |line| line.unit_price);
                let unit_price = Money { amount, ..row.total }.into();
                let sale_id = row.lines.first().and_then(|line| line.sale).map(SaleId::get);
                let total = row.total.into();
                let sale = Some(Sold { order_id: reference, sale_id, unit_price, total });
                let customer = row.customer.as_str();
                PurchaseState { sale, ..shown(customer, quantity, "confirmed", row.created_at) }
            }
            Self::JustSold(sold) => {
                let (unit_price, total) =
                    (sold.price.into(), sold.price.times(sold.quantity).into());
                let sale_id = sold.sale.map(SaleId::get);
                let sale = Some(Sold { order_id: reference, sale_id, unit_price, total });
                let customer = sold.customer.as_str();
                PurchaseState { sale, ..shown(customer, sold.quantity, "confirmed", sold.at) }
            }
            Self::Refused(row) => {
                let status = if row.why == TurnRefusal::Full { "failed" } else { "refused" };
                let why = EngineError::Refused(row.why.refusal());
                let problem = Problem::of_engine(why, row.refused_at);
                let end = Some(End {
                    code: problem.code().as_str(),
                    detail: problem.detail().to_owned(),
                    decided_at: Rfc3339(row.refused_at),
                });
                let customer = row.customer.as_str();
                PurchaseState { end, ..shown(customer, row.quantity, status, row.queued_at) }
            }
        }
    }
}

/// Finds a purchase in the product's queue, or where it was decided.
async fn find(api: &Api, reference: OrderRef) -> Result<Found, Problem> {
    let look_up = Command::plain(Action::LookUpQueued { order: reference.order });
    match api.engine.submit(reference.product, look_up).await {
        Ok(Outcome { answer: Answer::InQueue(waiting), .. }) => Ok(Found::Waiting(waiting)),
        Ok(outcome) => Err(respond::unexpected(&outcome.answer)),
        Err(EngineError::Refused(Refusal::NotQueued)) => {
            if let Some(found) = just_decided(api, reference).await {
                return Ok(found);
            }
            let decided = waiting::find(api, PATIENCE, || decided(api, reference)).await?;
            decided.ok_or_else(Problem::unknown_purchase)
        }
        Err(EngineError::Refused(_)) => Err(Problem::unknown_purchase()),
        Err(error) => Err(Problem::of_engine(error, api.clock.now())),
    }
}

/// The purchase as [`get`] shows it.
pub(super) async fn document(api: &Api, reference: OrderRef) -> Result<String, Problem> {
    let found = find(api, reference).await?;
    let document = found.document(api, reference);
    serde_json::to_string(&document)
        .map_err(|error| Problem::new(Code::Internal, error.to_string()))
}

/// Refuses a purchase that is not the caller's to see.
pub(super) async fn check_visible(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
) -> Result<(), Problem> {
    if caller.sees_everything() || caller.may_see(find(api, reference).await?.customer()) {
        return Ok(());
    }
    Err(Problem::unknown_purchase())
}

/// What the engine still knows of a purchase whose turn came.
async fn just_decided(api: &Api, reference: OrderRef) -> Option<Found> {
    let DecidedPurchase { customer, quantity, decided_at, result, .. } =
        api.engine.decided(reference.product, reference.order)?;
    Some(match result {
        TurnResult::Sold { unit_price, sale } => {
            let view = api.engine.view(reference.product).await.ok()?.view;
            let price = Money { amount: unit_price, ..view.offer.price };
            Found::JustSold(Box::new(JustSold { customer, quantity, price, sale, at: decided_at }))
        }
        TurnResult::Refused { queued_at, why } => Found::Refused(Box::new(RefusedPurchase {
            order: reference.order,
            product: reference.product,
            customer,
            quantity,
            why,
            queued_at,
            refused_at: decided_at,
        })),
    })
}

/// What the tables have: an order that was bought at once, or a refusal. One that was held or placed
/// before is no purchase.
async fn decided(api: &Api, reference: OrderRef) -> Result<Option<Found>, QueryError> {
    if let Some(row) = api.queries.order(reference.order).await? {
        let bought = row.product == reference.product && row.expires_at.is_none();
        return Ok(bought.then(|| Found::Sold(Box::new(row))));
    }
    let refused = api.queries.refused(reference.order).await?;
    let refused = refused.filter(|row| row.product == reference.product);
    Ok(refused.map(|row| Found::Refused(Box::new(row))))
}

/// Shows a purchase: queued, confirmed, refused or failed. Also one that did not wait.
#[utoipa::path(
    get, path = "/api/v1/purchases/{id}", tag = "purchases", operation_id = "getPurchase",
    params(("id" = String, Path, description = "The purchase")),
    responses(
        (status = 200, description = "The purchase", body = PurchaseState),
        NotFound, SignInFailures, LookUpFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    caller: Caller,
    PurchasePath(reference): PurchasePath,
) -> Result<Response, Problem> {
    let found = find(&api, reference).await?;
    if !caller.may_see(found.customer()) {
        return Err(Problem::unknown_purchase());
    }
    Ok(respond::json(StatusCode::OK, &found.document(&api, reference)))
}

/// The answer to a purchase that was just accepted: made of what the request said, and its place.
pub(super) fn accepted(
    api: &Api,
    purchase: &Purchase,
    (order, position): (OrderId, u64),
    outcome: &Outcome,
) -> Response {
    let reference = OrderRef { product: purchase.product, order };
    let document = PurchaseState {
        purchase_id: reference,
        product_id: purchase.product.get(),
        quantity: purchase.quantity.get(),
        customer_id: Cow::Borrowed(purchase.customer.as_str()),
        status: "queued",
        created_at: Rfc3339(outcome.at),
        turn: Some(turn(api, reference, purchase.priority, position)),
        sale: None,
        end: None,
    };
    located(respond::outcome(StatusCode::ACCEPTED, &document, false), reference)
}

/// The answer to the same request again: where it stands now.
pub(super) async fn accepted_before(api: &Api, reference: OrderRef) -> Result<Response, Problem> {
    let found = find(api, reference).await?;
    let document = found.document(api, reference);
    Ok(located(respond::outcome(StatusCode::ACCEPTED, &document, true), reference))
}

/// Where purchases are looked up.
const PURCHASES: &str = "/api/v1/purchases/";

/// Says where to ask.
fn located(mut response: Response, reference: OrderRef) -> Response {
    let headers = response.headers_mut();
    let (name, value) = prefer::APPLIED;
    headers.insert(name, value);
    // As long as it is, so that it is allocated once.
    let location = [PURCHASES, reference.text().as_str()].concat();
    if let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(location)) {
        headers.insert(header::LOCATION, location);
    }
    response
}
