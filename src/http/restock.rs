//! Restocking: adjustments of many products in one request, each by itself or all or none.

use super::Api;
use super::body::{Json, LongJson};
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Object, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures, NotFound, OperatorsOnly};
use super::problem::{Code, Document, Problem};
use super::respond;
use super::stock::{StockCounts, check_delta, check_reason};
use super::time::Rfc3339;
use crate::catalog::{Adjusted, Adjustment, LINES_MAX, RestockError};
use crate::domain::{Answer, Fingerprint, Outcome, ProductId, Timestamp};
use crate::engine::EngineError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Why a line without a reason adjusts.
const NO_REASON: &str = "restocked";

/// A change of one product's stock.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LineRequest {
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    /// Units to add, or to take away when negative; not 0.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = i64, minimum = -1_000_000_000, maximum = 1_000_000_000, required)]
    delta: Option<Whole>,
    /// `restocked` when left out.
    #[schema(min_length = 1, max_length = 200)]
    reason: Option<String>,
}

/// Changes of the stock of many products.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"adjustments": [
    {"productId": 1, "delta": 50, "reason": "delivery 4711"}, {"productId": 2, "delta": -3}
]}))]
pub struct RestockRequest {
    /// Each product once.
    #[serde(default)]
    #[schema(value_type = Vec<LineRequest>, min_items = 1, max_items = 1000, required)]
    adjustments: Option<Vec<Object<LineRequest>>>,
    /// All lines or none; without it each line by itself.
    #[serde(default)]
    atomic: bool,
}

impl RestockRequest {
    fn check(self) -> Result<(Vec<Adjustment>, bool), Problem> {
        let mut checks = Checks::default();
        match check_lines(&mut checks, self.adjustments.unwrap_or_default()) {
            Some(lines) => Ok((lines, self.atomic)),
            None => Err(checks.problem()),
        }
    }
}

fn check_lines(checks: &mut Checks, lines: Vec<Object<LineRequest>>) -> Option<Vec<Adjustment>> {
    if lines.is_empty() || lines.len() > LINES_MAX {
        return checks.fail("adjustments", format!("must have 1 to {LINES_MAX} lines"));
    }
    let mut read = Vec::with_capacity(lines.len());
    for (index, Object(line)) in lines.into_iter().enumerate() {
        let mut own = Checks::default();
        let product = own.product(line.product_id);
        let delta = check_delta(&mut own, line.delta);
        let reason = check_reason(&mut own, Some(line.reason.unwrap_or_else(|| NO_REASON.into())));
        let (Some(product), Some(delta), Some(reason)) = (product, delta, reason) else {
            let message = format!("line {}: {}", index + 1, own.sentence());
            return checks.fail("adjustments", message);
        };
        read.push(Adjustment { product, delta, reason: reason.into() });
    }
    let mut products: Vec<ProductId> = read.iter().map(|line| line.product).collect();
    products.sort_unstable();
    if let Some((twice, _)) = products.iter().zip(&products[1..]).find(|(one, next)| one == next) {
        let message = format!("must name each product once, {twice} is twice");
        return checks.fail("adjustments", message);
    }
    Some(read)
}

fn meaning(lines: &[Adjustment], atomic: bool) -> Fingerprint {
    let mut meaning = Meaning::of("restocking").number(atomic.into());
    for line in lines {
        meaning = meaning.number(line.product.get()).number(line.delta.cast_unsigned());
        meaning = meaning.text(&line.reason);
    }
    meaning.fingerprint()
}

/// What became of one line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = RestockedLine)]
pub struct LineDocument {
    product_id: u64,
    delta: i64,
    /// What the line alone would be answered: 200 for one that was adjusted.
    status: u16,
    /// The stock right after it.
    #[serde(flatten)]
    #[schema(value_type = Option<StockCounts>)]
    counts: Option<StockCounts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    adjusted_at: Option<Rfc3339>,
    /// Why it was not adjusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retryable: Option<bool>,
}

/// What became of all lines.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Restocked, example = json!({"adjusted": 1, "refused": 1, "results": [
    {"productId": 1, "delta": 50, "status": 200, "available": 50, "held": 0, "sold": 100,
        "stocked": 150, "adjustedAt": "2026-01-31T09:00:00.000Z"},
    {"productId": 2, "delta": -3, "status": 409, "code": "insufficient-stock",
        "detail": "2 units are left", "retryable": false}
]}))]
pub struct RestockDocument {
    adjusted: usize,
    refused: usize,
    /// In the order of the lines.
    results: Vec<LineDocument>,
}

fn line_document(
    line: &Adjustment,
    adjusted: &Adjusted,
    now: Timestamp,
) -> Result<LineDocument, Problem> {
    let mut document = LineDocument {
        product_id: line.product.get(),
        delta: line.delta,
        status: 200,
        counts: None,
        adjusted_at: None,
        code: None,
        detail: None,
        retryable: None,
    };
    match adjusted {
        Ok(Outcome { answer: Answer::Adjusted(stock), at, .. }) => {
            document.counts = Some((**stock).into());
            document.adjusted_at = Some(Rfc3339(*at));
        }
        Ok(outcome) => return Err(respond::unexpected(&outcome.answer)),
        Err(error) => {
            let problem = Problem::of_engine(*error, now);
            document.status = problem.status().as_u16();
            document.code = Some(problem.code().as_str());
            document.detail = Some(problem.detail().to_owned());
            document.retryable = Some(problem.code().retryable());
        }
    }
    Ok(document)
}

/// Adjusts the stock of many products.
#[utoipa::path(
    post, path = "/api/v1/stock/adjustments", tag = "products", operation_id = "adjustStocks",
    description = "Up to 1,000 products, each once, while buyers buy. Each line by itself: `results` \
        has what each would be answered alone. With `atomic` all lines or none: on a refusal what was \
        done is undone before anybody is answered, and no units are added before all that are to be \
        taken away are. If the server ends in the middle, the same request with the same \
        `Idempotency-Key` does the rest and no line twice; until then some lines may be done.",
    request_body = RestockRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for purchases, shared by \
        all operators")),
    responses(
        (status = 200, description = "Each line by itself: look at `results`. `atomic`: all are \
            adjusted", body = RestockDocument),
        (status = 409, description = "With `atomic`: `insufficient-stock` with the `productId` of the \
            line; nothing was adjusted. `idempotency-key-in-progress`", body = Document,
            content_type = "application/problem+json"),
        NotFound, OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn adjust(
    State(api): State<Api>,
    caller: Caller,
    LongJson(Json { headers, value }): LongJson<RestockRequest>,
) -> Result<Response, Problem> {
    let (lines, atomic) = value.check()?;
    let retry = idempotency::retry(&headers, Scope::Operator(caller.subject()), || {
        meaning(&lines, atomic)
    })?;
    let adjusted: Result<Vec<Adjusted>, RestockError> = if atomic {
        let all = api.catalog.restock_all(lines.clone(), retry).await;
        all.map(|outcomes| outcomes.into_iter().map(Ok).collect())
    } else {
        api.catalog.restock_each(lines.clone(), retry).await
    };
    let now = api.clock.now();
    let adjusted = adjusted.map_err(|error| problem(error, now))?;
    // Nothing was decided at all: that is an answer of its own.
    let undecided = |adjusted: &Adjusted| adjusted.as_ref().err().copied().filter(is_undecided);
    if let Some(error) = adjusted.first().and_then(undecided)
        && adjusted.iter().all(|adjusted| undecided(adjusted).is_some())
    {
        return Err(Problem::of_engine(error, now));
    }
    let replayed = adjusted.iter().all(|adjusted| matches!(adjusted, Ok(first) if first.replayed));
    let results = lines.iter().zip(&adjusted);
    let results: Vec<LineDocument> = results
        .map(|(line, adjusted)| line_document(line, adjusted, now))
        .collect::<Result<_, _>>()?;
    let done = adjusted.iter().filter(|adjusted| adjusted.is_ok()).count();
    let document = RestockDocument { adjusted: done, refused: lines.len() - done, results };
    Ok(respond::outcome(StatusCode::OK, &document, replayed))
}

const fn is_undecided(error: &EngineError) -> bool {
    !matches!(error, EngineError::Refused(_))
}

fn problem(error: RestockError, now: Timestamp) -> Problem {
    match error {
        RestockError::InProgress => Problem::new(
            Code::IdempotencyKeyInProgress,
            "the first request with this Idempotency-Key is still at work",
        )
        .retry_after(1),
        RestockError::Line(product, error) => Problem::of_engine(error, now).about(product),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str) -> Result<(Vec<Adjustment>, bool), String> {
        let request: RestockRequest = serde_json::from_str(json).expect("readable");
        request.check().map_err(|problem| problem.detail().to_owned())
    }

    #[test]
    fn lines_are_checked_and_named() {
        for (json, complaint) in [
            ("{}", "must have 1 to 1000 lines"),
            (r#"{"adjustments": []}"#, "must have 1 to 1000 lines"),
            (
                r#"{"adjustments": [{"productId": 1, "delta": 1}, {"delta": 1}]}"#,
                "line 2: productId",
            ),
            (r#"{"adjustments": [{"productId": 1, "delta": 0}]}"#, "line 1: delta"),
            (
                r#"{"adjustments": [{"productId": 1, "delta": 1}, {"productId": "1", "delta": -1}]}"#,
                "1 is twice",
            ),
        ] {
            let said = check(json).expect_err("out of range");
            assert!(said.contains(complaint), "{said}");
        }
        let fine = r#"{"atomic": true, "adjustments": [{"productId": 2, "delta": -1}]}"#;
        let (lines, atomic) = check(fine).expect("in range");
        assert!(atomic);
        assert_eq!((lines[0].delta, &*lines[0].reason), (-1, "restocked"));
    }
}
