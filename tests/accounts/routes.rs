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
