//! Stock: how many units there are, and adjustments of it. Always by delta: an absolute number would
//! erase the sales that happened meanwhile.

use super::Api;
use super::body::Json;
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures, NotFound, OperatorsOnly};
use super::params::ProductPath;
use super::problem::{Document, Problem};
use super::respond;
use super::sale_shown::RunningSale;
use super::time::Rfc3339;
use crate::domain::{Action, Answer, Command, ProductId, STOCKED_MAX, Stock, Timestamp};
use crate::engine::Shown;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

const REASON_CHARS_MAX: usize = 200;

/// Where every unit is: `stocked = available + held + sold`.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
pub struct StockCounts {
    available: u64,
    held: u64,
    sold: u64,
    stocked: u64,
}

impl From<Stock> for StockCounts {
    fn from(stock: Stock) -> Self {
        let Stock { available, held, sold, stocked } = stock;
        Self { available, held, sold, stocked }
    }
}

/// The stock of a product at one version.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Stock, example = json!({
    "productId": 1, "available": 97, "held": 1, "sold": 2, "stocked": 100, "version": "3-4711"
}))]
pub struct StockDocument<'a> {
    product_id: u64,
    #[serde(flatten)]
    counts: StockCounts,
    /// Grows with every change; with the state of the sale it is the `ETag`.
    version: &'a str,
    /// The sale that runs, or comes next.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale: Option<RunningSale>,
}

/// Shows the stock, from memory: durable state only.
#[utoipa::path(
    get, path = "/api/v1/products/{id}/stock", tag = "products", operation_id = "getStock",
    params(
        ("id" = u64, Path, description = "The product"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` seen before"),
    ),
    responses(
        (status = 200, description = "The stock; `ETag` is the version", body = StockDocument),
        (status = 304, description = "Still the version of `If-None-Match`"),
        NotFound, EngineFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let shown = api.engine.view(product).await;
    let shown = shown.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    Ok(stock_answer(product, &shown, &headers, api.clock.now()))
}

fn stock_answer(
    product: ProductId,
    shown: &Shown,
    headers: &HeaderMap,
    now: Timestamp,
) -> Response {
    let version = shown.version.to_string();
    let sale = RunningSale::of(shown.view.sale, now);
    let tag = format!("\"{}\"", tag(&version, sale.as_ref()));
    let mut response = if respond::is_known(headers, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let counts = shown.view.stock.into();
        let document = StockDocument { product_id: product.get(), counts, version: &version, sale };
        respond::json(StatusCode::OK, &document)
    };
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The same for live updates: its version, which changes with the state of the sale too, and the document.
pub(super) fn live(
    product: ProductId,
    shown: &Shown,
    now: Timestamp,
) -> Result<(String, String), String> {
    let version = shown.version.to_string();
    let sale = RunningSale::of(shown.view.sale, now);
    let counts = shown.view.stock.into();
    let document = StockDocument { product_id: product.get(), counts, version: &version, sale };
    let data = serde_json::to_string(&document).map_err(|error| error.to_string())?;
    Ok((tag(&version, sale.as_ref()), data))
}

/// The version, with the state of the sale: that opens without any change of the stock.
fn tag(version: &str, sale: Option<&RunningSale>) -> String {
    match sale {
        Some(sale) => format!("{version}-{}", sale.state()),
        None => version.to_owned(),
    }
}

/// A change of the stock.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"delta": -3, "reason": "broken in the warehouse"}))]
pub struct AdjustmentRequest {
    /// Units to add, or to take away when negative; not 0.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = i64, minimum = -1_000_000_000, maximum = 1_000_000_000, required)]
    delta: Option<Whole>,
    #[schema(value_type = String, min_length = 1, max_length = 200, required)]
    reason: Option<String>,
}

impl AdjustmentRequest {
    fn check(self) -> Result<(i64, String), Problem> {
        let mut checks = Checks::default();
        let delta = check_delta(&mut checks, self.delta);
        let reason = check_reason(&mut checks, self.reason);
        match (delta, reason) {
            (Some(delta), Some(reason)) => Ok((delta, reason)),
            _ => Err(checks.problem()),
        }
    }
}

pub(super) fn check_delta(checks: &mut Checks, delta: Option<Whole>) -> Option<i64> {
    let max = STOCKED_MAX.cast_signed();
    let Some(Whole(raw)) = delta else { return checks.fail("delta", "is required") };
    let delta = i64::try_from(raw).ok();
    delta
        .filter(|delta| *delta != 0 && (-max..=max).contains(delta))
        .or_else(|| checks.fail("delta", format!("must be an integer from -{max} to {max}, not 0")))
}

pub(super) fn check_reason(checks: &mut Checks, reason: Option<String>) -> Option<String> {
    checks.required_text("reason", reason, (1, REASON_CHARS_MAX))
}

/// What an adjustment led to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Adjustment, example = json!({
    "productId": 1, "delta": -3, "reason": "broken in the warehouse",
    "available": 94, "held": 1, "sold": 2, "stocked": 97, "adjustedAt": "2026-01-31T09:00:00.000Z"
}))]
pub struct AdjustmentDocument<'a> {
    product_id: u64,
    delta: i64,
    reason: &'a str,
    /// The stock right after the adjustment.
    #[serde(flatten)]
    counts: StockCounts,
    #[schema(value_type = String, format = DateTime)]
    adjusted_at: Rfc3339,
}

/// Adds units or takes available ones away.
#[utoipa::path(
    post, path = "/api/v1/products/{id}/stock/adjustments", tag = "products",
    operation_id = "adjustStock",
    request_body = AdjustmentRequest,
    params(
        ("id" = u64, Path, description = "The product"),
        ("Idempotency-Key" = Option<String>, Header, description = "As for purchases, shared by \
            all operators"),
    ),
    responses(
        (status = 200, description = "Adjusted", body = AdjustmentDocument),
        (status = 409, description = "`insufficient-stock` with `available`: more would be taken \
            away than is available", body = Document, content_type = "application/problem+json"),
        NotFound, OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn adjust(
    State(api): State<Api>,
    caller: Caller,
    ProductPath(product): ProductPath,
    Json { headers, value }: Json<AdjustmentRequest>,
) -> Result<Response, Problem> {
    let (delta, reason) = value.check()?;
    let retry = idempotency::retry(&headers, Scope::Operator(caller.subject()), || {
        let meaning = Meaning::of("adjustment").number(product.get());
        meaning.number(delta.cast_unsigned()).text(&reason).fingerprint()
    })?;
    let action = Action::Adjust { delta, reason: reason.as_str().into() };
    let outcome = api.engine.submit(product, Command { retry, action }).await;
    let outcome = outcome.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    let Answer::Adjusted(stock) = &outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let document = AdjustmentDocument {
        product_id: product.get(),
        delta,
        reason: &reason,
        counts: (**stock).into(),
        adjusted_at: Rfc3339(outcome.at),
    };
    Ok(respond::outcome(StatusCode::OK, &document, outcome.replayed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deltas_have_bounds() {
        for (delta, fits) in [
            ("1", true),
            ("-1000000000", true),
            ("1000000000", true),
            ("0", false),
            ("1000000001", false),
            ("-99999999999999999999", false),
        ] {
            let json = format!(r#"{{"delta": {delta}, "reason": "count"}}"#);
            let request: AdjustmentRequest = serde_json::from_str(&json).expect("readable");
            assert_eq!(request.check().is_ok(), fits, "{delta}");
        }
    }
}
