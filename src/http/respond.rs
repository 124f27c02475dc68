//! Respond: documents as JSON answers, and the small documents that several resources share.

use super::problem::{Code, Problem};
use crate::domain::Money;
use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};

/// Room for a document of one order; longer ones grow.
const DOCUMENT_BYTES: usize = 320;

/// Room for the headers of an answer with all that the surface adds; more grow. One that is made small
/// and grown costs an allocation and a copy per answer.
const HEADERS: usize = 12;

/// Tells that an answer is the first answer again.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// Writes a document.
pub fn json<T: Serialize>(status: StatusCode, document: &T) -> Response {
    let mut bytes = Vec::with_capacity(DOCUMENT_BYTES);
    if let Err(error) = serde_json::to_writer(&mut bytes, document) {
        tracing::error!(%error, "an answer could not be written");
        return Problem::new(Code::Internal, "the answer could not be written").into_response();
    }
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    *headers = HeaderMap::with_capacity(HEADERS);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// Writes a document, marked where it is a replay.
pub fn outcome<T: Serialize>(status: StatusCode, document: &T, replayed: bool) -> Response {
    replay(json(status, document), replayed)
}

/// Marks an answer that is a replay.
pub fn replay(mut response: Response, replayed: bool) -> Response {
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    response
}

/// Whether `If-None-Match` names this tag; weakly compared, as RFC 9110 asks for.
pub fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let values = headers.get_all(header::IF_NONE_MATCH).iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).any(|known| {
        let known = known.trim();
        known == "*" || known.strip_prefix("W/").unwrap_or(known) == tag
    })
}

/// The engine answered something that does not belong to the question: a bug, not a refusal.
#[must_use]
pub fn unexpected(answer: &crate::domain::Answer) -> Problem {
    // Its kind only: an answer may name a customer.
    let kind = std::mem::discriminant(answer);
    tracing::error!(?kind, "the engine's answer does not belong to the request");
    Problem::new(Code::Internal, "the server failed; the log says more")
}

/// An amount in minor units.
#[derive(Debug, Clone, Copy, Serialize, utoipa::ToSchema)]
#[schema(as = Money, example = json!({"amount": 99_999, "currency": "USD"}))]
pub struct MoneyDocument {
    /// Minor units (cents).
    pub amount: u64,
    /// Three capital letters of ISO 4217.
    #[serde(serialize_with = "currency")]
    #[schema(value_type = String)]
    pub currency: crate::domain::Currency,
}

impl From<Money> for MoneyDocument {
    fn from(money: Money) -> Self {
        Self { amount: money.amount, currency: money.currency }
    }
}

// serde hands fields over by reference.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn currency<S: Serializer>(
    currency: &crate::domain::Currency,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(currency.as_str())
}

/// One page of a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Page<T: utoipa::ToSchema> {
    pub data: Vec<T>,
    /// What to pass as `cursor` for the next page; `null` at the end.
    pub next_cursor: Option<String>,
}

/// Where a list goes on behind these rows, of which at most `limit` were asked for. A full page may be the
/// last one; then the next is empty.
pub fn next_cursor<Row>(
    rows: &[Row],
    limit: u32,
    cursor: impl FnOnce(&Row) -> String,
) -> Option<String> {
    rows.last().filter(|_| rows.len() == limit as usize).map(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_weakly() {
        for (value, known) in [
            ("\"3-7\"", true),
            ("W/\"3-7\"", true),
            ("\"1-1\", \"3-7\"", true),
            ("*", true),
            ("\"3-8\"", false),
            ("3-7", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, value.parse().expect("a header value"));
            assert_eq!(is_known(&headers, "\"3-7\""), known, "{value}");
        }
    }
}
