//! Expect: what has to be true of every answer of a kind, said once.

use crate::support::Answer;
use serde_json::{Value, json};

/// Codes of problems that may pass by waiting.
const RETRYABLE: [&str; 15] = [
    "rate-limited",
    "idempotency-key-in-progress",
    "request-timeout",
    "sale-not-open",
    "sale-paused",
    "overloaded",
    "journal-unavailable",
    "outcome-unknown",
    "not-owner",
    "projection-behind",
    "database-unavailable",
    "cart-unavailable",
    "accounts-unavailable",
    "too-many-attempts",
    "too-many-connections",
];

/// Codes of others than 503 that say how long to wait.
const WAITING: [&str; 4] =
    ["sale-not-open", "sale-paused", "idempotency-key-in-progress", "too-many-attempts"];

/// What every problem document has.
const MEMBERS: [&str; 6] = ["type", "title", "status", "code", "detail", "retryable"];

/// Fails unless the answer is a complete problem document of this status and code. Gives the members
/// it has beside the usual ones.
#[track_caller]
pub fn problem(answer: &Answer, status: u16, code: &str) -> Value {
    assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
    document(&answer.body, status, code);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let waits = [429, 503].contains(&status) || WAITING.contains(&code);
    let seconds = answer.header("retry-after").parse::<u64>();
    assert_eq!(seconds.is_ok_and(|seconds| seconds >= 1), waits, "{:?}", answer.headers);
    assert!(!answer.headers.contains_key("idempotent-replayed"), "{:?}", answer.headers);
    further(&answer.body)
}

/// The same for a document alone.
#[track_caller]
pub fn document(body: &Value, status: u16, code: &str) {
    assert_eq!(body["type"], format!("urn:lastunit:problem:{code}"), "{body}");
    assert_eq!((&body["status"], &body["code"]), (&json!(status), &json!(code)), "{body}");
    for text in ["title", "detail"] {
        assert!(body[text].as_str().is_some_and(|text| text.len() > 5), "{body}");
    }
    assert_eq!(body["retryable"], RETRYABLE.contains(&code), "{body}");
}

fn further(body: &Value) -> Value {
    let object = body.as_object().expect("an object");
    object
        .iter()
        .filter(|(name, _)| !MEMBERS.contains(&name.as_str()))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Fails unless the answer is a JSON document of this status.
#[track_caller]
pub fn success(answer: &Answer, status: u16) {
    assert_eq!(answer.status, status, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/json");
    assert!(answer.body.is_object(), "{}", answer.text);
}

/// Fails unless `again` is `first` once more, and says so.
#[track_caller]
pub fn replay(again: &Answer, first: &Answer) {
    assert_eq!((again.status, &again.text), (first.status, &first.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(again.header("content-type"), first.header("content-type"));
    assert!(!first.headers.contains_key("idempotent-replayed"));
}

/// Fails unless this is a time as the API writes it: RFC 3339, UTC, milliseconds.
#[track_caller]
pub fn time(value: &Value) -> jiff::Timestamp {
    let text = value.as_str().expect("a time");
    let parsed: jiff::Timestamp = text.parse().expect("a time of RFC 3339");
    assert_eq!(format!("{parsed:.3}"), text);
    parsed
}

/// A time so many milliseconds from now, as a caller writes it.
pub fn from_now(millis: i64) -> String {
    format!("{:.3}", jiff::Timestamp::now() + jiff::SignedDuration::from_millis(millis))
}
