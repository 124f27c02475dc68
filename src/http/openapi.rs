//! OpenAPI: the description of this API for programs, served at `/openapi.json` and printed by
//! `lastunit openapi`. Made of the annotations beside each handler, so it cannot forget a field.

use super::problem::Document;
use super::{
    api_keys, auth, carts, catalogue, changes, checkout, dead_letters, described, health, held,
    live, monitoring, numbers, order_changes, orders, payments, products, purchases, queue, queued,
    reservations, restock, sale_stats, sales, stock,
};
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use utoipa::openapi::{Content, PathItem, Ref, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, OpenApi};

const PROBLEM: &str = "application/problem+json";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "lastunit",
        description = "A reservation server that sells exactly what there is. Every failure is a \
            problem document (RFC 9457) with a stable `code`. Whatever is answered with 503 or got \
            no answer at all can be repeated with the same `Idempotency-Key`; creating a product \
            takes no key, and changes of a cart need none: they may be repeated as they are.",
    ),
    components(schemas(Document)),
    paths(
        purchases::buy,
        queued::get,
        queue::overview,
        reservations::create,
        held::list,
        reservations::get,
        reservations::confirm,
        reservations::extend,
        reservations::release,
        checkout::order,
        order_changes::pay,
        order_changes::cancel,
        order_changes::refund,
        carts::get,
        checkout::cart,
        carts::clear,
        carts::put,
        carts::remove,
        orders::list,
        orders::get,
        payments::notice,
        dead_letters::list,
        dead_letters::retry,
        dead_letters::done,
        products::create,
        catalogue::list,
        products::get,
        changes::change,
        changes::deactivate,
        catalogue::categories,
        stock::get,
        stock::adjust,
        queue::get,
        queue::pace,
        restock::adjust,
        sales::list,
        sales::create,
        sales::get,
        sales::change,
        sales::delete,
        sales::pause,
        sales::resume,
        sales::end,
        sales::eligibility,
        sale_stats::stats,
        auth::register,
        auth::log_in,
        auth::refresh,
        auth::log_out,
        auth::change_password,
        auth::me,
        auth::public_keys,
        api_keys::list,
        api_keys::create,
        api_keys::revoke,
        live::socket::connect,
        live::events::events,
        monitoring::metrics,
        monitoring::history,
        monitoring::alerts,
        monitoring::benchmark,
        health::overall,
        health::live,
        health::ready,
        numbers::metrics,
    ),
    tags(
        (name = "purchases", description = "Buy now"),
        (name = "reservations", description = "Hold now, decide later"),
        (name = "cart", description = "What a caller means to buy"),
        (name = "orders", description = "What customers got"),
        (name = "payments", description = "Notices of a payment provider, and what could not be done"),
        (name = "products", description = "What is sold, and how much of it is left"),
        (name = "sales", description = "What sells under terms of its own for a time"),
        (name = "accounts", description = "Who asks, and what they may do"),
        (name = "live", description = "What changes, as it changes"),
        (name = "monitoring", description = "What the server sees of itself"),
        (name = "operation", description = "Health and numbers"),
    ),
)]
struct Description;

/// The whole description.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut description = Description::openapi();
    for (path, item) in &mut description.paths.paths {
        if !UNLIMITED.iter().any(|unlimited| path.starts_with(unlimited)) {
            let PathItem { get, put, post, delete, patch, .. } = item;
            for operation in [get, put, post, delete, patch].into_iter().flatten() {
                operation.responses.responses.extend(TooManyRequests::responses());
            }
        }
    }
    described::complete(&mut description);
    description
}

/// Routes whose budget is `Unlimited`.
const UNLIMITED: [&str; 5] = [
    "/health",
    "/metrics",
    "/api/v1/payments/webhook",
    "/api/v1/monitoring/metrics",
    "/api/v1/monitoring/alerts",
];

/// What is answered to whoever asks too often, on every route but those.
struct TooManyRequests;

impl IntoResponses for TooManyRequests {
    fn responses() -> Answers {
        problems([(
            429,
            "`rate-limited`, with `limitedBy` and `budget`: ask again after `Retry-After` seconds; \
             `RateLimit` and `RateLimit-Policy` say more",
        )])
    }
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

/// What is answered to whoever is no operator.
pub struct OperatorsOnly;

impl IntoResponses for OperatorsOnly {
    fn responses() -> Answers {
        problems([
            (
                401,
                "`unauthorized`: the token of `auth.operator_token` is missing or another, or there is \
                 no token; `invalid-token`, `token-expired`",
            ),
            (403, "`forbidden`: the role or the scopes do not reach"),
        ])
    }
}

/// What is answered to whoever has to say who they are (`auth.mode = "jwt"`), or is somebody else.
pub struct SignInFailures;

impl IntoResponses for SignInFailures {
    fn responses() -> Answers {
        problems([
            (401, "`unauthorized`, `invalid-token`, `token-expired`"),
            (
                403,
                "`forbidden`: `customerId` is somebody else, or the role or the scopes do not reach; \
                 `vip` is for operators",
            ),
        ])
    }
}

/// What is answered while accounts cannot be asked.
pub struct AccountFailures;

impl IntoResponses for AccountFailures {
    fn responses() -> Answers {
        let unavailable = "`accounts-unavailable`, `overloaded` (more passwords wait than are let in): \
            try again after `Retry-After` seconds";
        let absent =
            "`route-not-found`: `auth.mode` is \"open\", or `auth.issuer_enabled` is false";
        problems([(404, absent), INTERNAL, (503, unavailable)])
    }
}

/// What an unknown id is answered.
pub struct NotFound;

impl IntoResponses for NotFound {
    fn responses() -> Answers {
        problems([(
            404,
            "`product-not-found`, `sale-not-found`, `purchase-not-found`, `reservation-not-found`, \
             `order-not-found`",
        )])
    }
}

const INTERNAL: (u16, &str) = (500, "`internal-error`: a bug; the server's log says more");

/// What is answered while nothing can be decided.
pub struct EngineFailures;

impl IntoResponses for EngineFailures {
    fn responses() -> Answers {
        let unavailable = "`overloaded`, `journal-unavailable`, `outcome-unknown`, `not-owner`: \
            repeat it with the same `Idempotency-Key` after `Retry-After` seconds";
        problems([INTERNAL, (503, unavailable)])
    }
}

/// What is answered while carts cannot be asked.
pub struct CartFailures;

impl IntoResponses for CartFailures {
    fn responses() -> Answers {
        let unavailable = "`cart-unavailable`, `overloaded`; where products are looked up also \
            `journal-unavailable`, `not-owner`: try again after `Retry-After` seconds";
        problems([INTERNAL, (503, unavailable)])
    }
}

/// The same where no key makes a second request recognisable.
pub struct CreationFailures;

impl IntoResponses for CreationFailures {
    fn responses() -> Answers {
        let unavailable = "`overloaded`, `journal-unavailable`, `not-owner`: try again after \
            `Retry-After` seconds; `outcome-unknown`: look whether the product is there before you \
            repeat it";
        problems([INTERNAL, (503, unavailable)])
    }
}

/// What is answered where the engine is asked first and the query tables next.
pub struct LookUpFailures;

impl IntoResponses for LookUpFailures {
    fn responses() -> Answers {
        let unavailable = "`overloaded`, `journal-unavailable`, `outcome-unknown`, `not-owner`, \
            `database-unavailable`, `projection-behind`: ask again after `Retry-After` seconds";
        problems([INTERNAL, (503, unavailable)])
    }
}

/// What is answered where the cart, the query tables and the engine are needed.
pub struct CheckoutFailures;

impl IntoResponses for CheckoutFailures {
    fn responses() -> Answers {
        let unavailable = "`cart-unavailable`, `projection-behind`, `database-unavailable`, \
            `overloaded`, `journal-unavailable`, `outcome-unknown`, `not-owner`: repeat it with the \
            same `Idempotency-Key` after `Retry-After` seconds";
        problems([INTERNAL, (503, unavailable)])
    }
}

/// What is answered while nothing can be looked up.
pub struct QueryFailures;

impl IntoResponses for QueryFailures {
    fn responses() -> Answers {
        let unavailable = "`database-unavailable`, `projection-behind`, `overloaded`: ask again after `Retry-After` seconds";
        problems([INTERNAL, (503, unavailable)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_described_wherever_there_are_any() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        for (path, methods) in document["paths"].as_object().expect("paths") {
            let unlimited = UNLIMITED.iter().any(|unlimited| path.starts_with(unlimited));
            for (method, operation) in methods.as_object().expect("methods") {
                let described = operation["responses"].get("429").is_some();
                assert_ne!(described, unlimited, "{method} {path}");
            }
        }
        let routes = include_str!("routes.rs").lines();
        for line in routes.filter(|line| line.contains(", Unlimited, ")) {
            assert!(UNLIMITED.iter().any(|path| line.contains(path)), "{line}");
        }
    }

    /// What reads a body or a key answers the same bad input everywhere.
    #[test]
    fn bad_input_is_described_wherever_it_is_refused() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let paths = document["paths"].as_object().expect("paths");
        let mut checked = 0;
        for (path, methods) in paths {
            for method in ["post", "put", "patch", "delete"] {
                let Some(operation) = methods.get(method) else { continue };
                let responses = operation["responses"].as_object().expect("responses");
                for status in ["400", "408", "413", "415", "422", "500", "503"] {
                    assert!(responses.contains_key(status), "{method} {path}: no {status}");
                }
                checked += 1;
            }
        }
        assert_eq!(checked, 35, "{:?}", paths.keys().collect::<Vec<_>>());
        let shown = &document["paths"]["/api/v1/reservations/{id}"]["get"]["responses"]["503"];
        let text = shown["description"].as_str().expect("text");
        for code in ["not-owner", "projection-behind", "database-unavailable"] {
            assert!(text.contains(code), "{text}");
        }
        let created = &document["paths"]["/api/v1/products"]["post"];
        assert!(!created["responses"]["503"].to_string().contains("Idempotency-Key"), "{created}");
    }
}
