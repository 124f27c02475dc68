//! OpenAPI: the description of this API for programs, served at `/openapi.json` and printed by
//! `lastunit openapi`. Made of the annotations beside each handler, so it cannot forget a field.

use super::problem::Document;
use super::{health, numbers, orders, products, purchases, reservations, stock};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::{Content, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi};

const PROBLEM: &str = "application/problem+json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "lastunit",
        description = "A reservation server that sells exactly what there is. Every failure is a \
            problem document (RFC 9457) with a stable `code`. Whatever is answered with 503 or got \
            no answer at all can be repeated with the same `Idempotency-Key`.",
    ),
    components(schemas(Document)),
    paths(
        purchases::buy,
        reservations::create,
        reservations::get,
        reservations::confirm,
        reservations::extend,
        reservations::release,
        orders::list,
        orders::get,
        products::create,
        products::list,
        products::get,
        stock::get,
        stock::adjust,
        health::overall,
        health::live,
        health::ready,
        numbers::metrics,
    ),
    tags(
        (name = "purchases", description = "Buy now"),
        (name = "reservations", description = "Hold now, decide later"),
        (name = "orders", description = "What customers got"),
        (name = "products", description = "What is sold, and how much of it is left"),
        (name = "operation", description = "Health and numbers"),
    ),
)]
struct Description;

/// The whole description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

static JSON: LazyLock<Bytes> =
    LazyLock::new(|| openapi().to_json().map(Bytes::from).unwrap_or_default());

/// Serves the description.
pub async fn document() -> Response {
    let mut response = Response::new(Body::from(JSON.clone()));
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

type Answers = BTreeMap<String, RefOr<utoipa::openapi::Response>>;

fn problems<const COUNT: usize>(rows: [(u16, &str); COUNT]) -> Answers {
    let answer = |(status, description): (u16, &str)| {
        let content = Content::new(Some(RefOr::Ref(Ref::from_schema_name("Problem"))));
        let response = ResponseBuilder::new().description(description).content(PROBLEM, content);
        (status.to_string(), RefOr::T(response.build()))
    };
    rows.into_iter().map(answer).collect()
}

/// What bad input is answered.
pub struct InputFailures;

impl IntoResponses for InputFailures {
    fn responses() -> Answers {
        problems([
            (400, "`invalid-request`: malformed, of the wrong type, or an unknown field"),
            (408, "`request-timeout`: the body did not arrive in time"),
            (413, "`body-too-large`"),
            (415, "`unsupported-media-type`: the body must be application/json"),
            (
                422,
                "`validation-failed` with `errors` naming each value out of range; \
                 `idempotency-key-reused`",
            ),
        ])
    }
}

/// What an unknown id is answered.
pub struct NotFound;

impl IntoResponses for NotFound {
    fn responses() -> Answers {
        problems([(404, "`product-not-found`, `reservation-not-found`, `order-not-found`")])
    }
}

/// What is answered while nothing can be decided.
pub struct EngineFailures;

impl IntoResponses for EngineFailures {
    fn responses() -> Answers {
        problems([(
            503,
            "`overloaded`, `journal-unavailable`, `outcome-unknown`, `not-owner`: repeat it with \
             the same `Idempotency-Key` after `Retry-After` seconds",
        )])
    }
}

/// What is answered while nothing can be looked up.
pub struct QueryFailures;

impl IntoResponses for QueryFailures {
    fn responses() -> Answers {
        problems([(
            503,
            "`database-unavailable`, `projection-behind`: ask again after `Retry-After` seconds",
        )])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn every_reference_leads_somewhere() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let mut references = Vec::new();
        collect(&document, &mut references);
        assert!(references.len() > 20);
        for reference in references {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
    }

    fn collect(value: &Value, references: &mut Vec<String>) {
        match value {
            Value::Object(object) => {
                if let Some(Value::String(reference)) = object.get("$ref") {
                    references.push(reference.clone());
                }
                object.values().for_each(|value| collect(value, references));
            }
            Value::Array(values) => values.iter().for_each(|value| collect(value, references)),
            _ => {}
        }
    }
}
