//! Routes: every one of them is asked with no, a customer's, a staff member's and an admin's credentials, and
//! lets in whom it declares.

use crate::expect;
use crate::shop::{As, send, stand, token};
use serde_json::Value;

const ROUTES: &str = include_str!("../../src/http/routes.rs");

/// Each route as `METHOD /path`, with the word of who may use it.
fn declared() -> Vec<(String, &'static str)> {
    let lines = ROUTES.lines().filter(|line| line.trim_start().starts_with(".route("));
    let routes: Vec<_> = lines
        .map(|line| {
            let mut texts = line.split('"');
            let path = texts.nth(1).expect("a path");
            let name = texts.nth(1).expect("a name");
            let (method, _) = name.split_once(' ').expect("a method");
            let word = texts.next().and_then(|rest| rest.split(',').nth(1)).expect("who may");
            let path = path.replace("{*file}", "index.html").replace("{productId}", "1");
            (format!("{method} {}", path.replace("{id}", "1")), word.trim())
        })
        .collect();
    // A route that is written in another way would not be looked at.
    assert_eq!(routes.len(), ROUTES.matches(".route(\"/").count());
    for other in [".nest(", ".merge(", ".route_service(", ".nest_service("] {
        assert!(!ROUTES.contains(other), "{other}");
    }
    routes
}

/// Whom a word lets in, of: nobody, customer, staff, admin.
fn admitted(word: &str) -> [bool; 4] {
    match word {
        "Anyone" => [true; 4],
        "Customer" => [false, true, true, true],
        "Monitor" | "Staff" => [false, false, true, true],
        "Admin" => [false, false, false, true],
        other => panic!("{other} is not known here"),
    }
}

#[tokio::test]
async fn every_route_lets_in_whom_it_declares() {
    let stand = stand();
    let server = stand.start();
    let [customer, staff, admin] =
        ["customer", "staff", "admin"].map(|role| token(&stand, role, role));
    let callers = [As::Nobody, As::Token(&customer), As::Token(&staff), As::Token(&admin)];
    let routes = declared();
    assert!(routes.len() > 40, "{routes:?}");
    for (route, word) in &routes {
        for (place, (who, admitted)) in callers.into_iter().zip(admitted(word)).enumerate() {
            let answer = send(&server, who, route, Value::Null).await;
            let context = format!("{route} is for {word}, caller {place}: {}", answer.status);
            if admitted {
                assert!(![401, 403].contains(&answer.status), "{context} {}", answer.text);
            } else if place == 0 {
                expect::problem(&answer, 401, "unauthorized");
                assert_eq!(answer.header("www-authenticate"), "Bearer", "{context}");
            } else {
                assert_eq!(answer.status, 403, "{context} {}", answer.text);
                expect::problem(&answer, 403, "forbidden");
            }
        }
    }
}

/// Which scope opens which routes that are not for everybody, by how they begin; `admin` opens all, and all
/// open `GET /api/v1/auth/me`.
const OPENED: [(&str, &[&str]); 7] = [
    (
        "orders:read",
        &[
            "GET /api/v1/purchases",
            "GET /api/v1/reservations",
            "GET /api/v1/orders",
            "GET /api/v1/admin/dead-letters",
        ],
    ),
    (
        "orders:write",
        &[
            "POST /api/v1/orders/1/cancel",
            "POST /api/v1/orders/1/refund",
            "POST /api/v1/orders/1/payment",
            "POST /api/v1/admin/dead-letters/1/",
        ],
    ),
    (
        "stock:write",
        &["POST /api/v1/stock/adjustments", "POST /api/v1/products/1/stock/adjustments"],
    ),
    (
        "products:write",
        &[
            "POST /api/v1/products",
            "PATCH /api/v1/products/1",
            "DELETE /api/v1/products/1",
            "PUT /api/v1/products/1/queue",
        ],
    ),
    (
        "sales:write",
        &[
            "POST /api/v1/sales",
            "PATCH /api/v1/sales/1",
            "DELETE /api/v1/sales/1",
            "GET /api/v1/sales/1/stats",
        ],
    ),
    (
        "purchases:write",
        &[
            "POST /api/v1/purchases",
            "GET /api/v1/purchases/1",
            "POST /api/v1/reservations",
            "GET /api/v1/reservations/1",
            "DELETE /api/v1/reservations/1",
            "POST /api/v1/cart/checkout",
            "POST /api/v1/orders",
        ],
    ),
    ("metrics:read", &["GET /metrics", "GET /api/v1/monitoring/", "GET /api/v1/sales/1/stats"]),
];

fn opens(scope: &str, route: &str) -> bool {
    let begins = |prefix: &&str| match *prefix {
        // The rest of these has another scope.
        "POST /api/v1/orders" | "POST /api/v1/products" => route == *prefix,
        other => route.starts_with(other),
    };
    let opened = OPENED.iter().find(|(name, _)| *name == scope).map(|(_, routes)| *routes);
    scope == "admin"
        || route == "GET /api/v1/auth/me"
        || opened.expect("a scope").iter().any(begins)
}

#[tokio::test]
async fn every_route_lets_in_the_keys_with_its_scope() {
    let stand = stand();
    let server = stand.start();
    let admin = token(&stand, "admin", "ops");
    let scopes = OPENED.iter().map(|(scope, _)| *scope).chain(["admin"]);
    for scope in scopes {
        let body = serde_json::json!({"name": scope, "scopes": [scope]});
        let made = send(&server, As::Token(&admin), "POST /api/v1/api-keys", body).await;
        let key = made.body["key"].as_str().expect("a key");
        for (route, word) in declared().iter().filter(|(_, word)| *word != "Anyone") {
            let answer = send(&server, As::Key(key), route, Value::Null).await;
            if opens(scope, route) {
                let status = answer.status;
                assert!(![401, 403].contains(&status), "{scope}, {route}, {word}: {}", answer.text);
            } else {
                assert_eq!(answer.status, 403, "{scope}, {route}, {word}: {}", answer.text);
                expect::problem(&answer, 403, "forbidden");
            }
        }
    }
}

/// Routes for everybody do not look at tokens, so one that has run out closes no page.
#[tokio::test]
async fn what_is_for_everybody_stays_so_with_a_bad_token() {
    let stand = stand();
    let server = stand.start();
    for route in ["GET /api/v1/products", "GET /health", "GET /api/v1/queue", "GET /openapi.json"] {
        let answer = send(&server, As::Token("expired"), route, Value::Null).await;
        assert_eq!(answer.status, 200, "{route}: {}", answer.text);
    }
    // A cart is somebody's: whose, must be clear.
    let answer = send(&server, As::Token("expired"), "GET /api/v1/cart", Value::Null).await;
    expect::problem(&answer, 401, "invalid-token");
}
