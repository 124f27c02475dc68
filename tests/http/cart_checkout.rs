//! Checking a cart out: what was ordered leaves it, and nothing is ordered twice.

use crate::expect;
use crate::support::provider::{SECRET, notice, until};
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SESSION: &str = "a-session-of-ann";

async fn put(server: &Server, product: u64, quantity: u64) {
    let request = client().put(server.url(&format!("/api/v1/cart/items/{product}")));
    let request = request.header("x-session-id", SESSION).json(&json!({ "quantity": quantity }));
    expect::success(&Answer::of(request).await, 200);
}

async fn lines(server: &Server) -> usize {
    let request = client().get(server.url("/api/v1/cart")).header("x-session-id", SESSION);
    Answer::of(request).await.body["lines"].as_array().map_or(0, Vec::len)
}

/// Products and quantities, in the order in which they were added.
async fn quantities(server: &Server) -> Vec<(u64, u64)> {
    let request = client().get(server.url("/api/v1/cart")).header("x-session-id", SESSION);
    let cart = Answer::of(request).await.body;
    let number = |value: &Value| value.as_u64().expect("a number");
    let line = |line: &Value| (number(&line["productId"]), number(&line["quantity"]));
    cart["lines"].as_array().expect("lines").iter().map(line).collect()
}

async fn check_out(server: &Server, token: &str, key: Option<&str>) -> Answer {
    check_out_by(server, "simulated", token, key).await
}

async fn check_out_by(server: &Server, method: &str, token: &str, key: Option<&str>) -> Answer {
    let payment = json!({ "method": method, "token": token });
    let body = json!({ "customerId": "ann", "payment": payment });
    let request =
        client().post(server.url("/api/v1/cart/checkout")).header("x-session-id", SESSION);
    let request = match key {
        Some(key) => request.header("idempotency-key", key),
        None => request,
    };
    Answer::of(request.json(&body)).await
}

async fn filled(server: &Server) -> (u64, u64) {
    let (one, two) = (server.create_product(5).await, server.create_product(5).await);
    put(server, two, 2).await;
    put(server, one, 1).await;
    (one, two)
}

#[tokio::test]
async fn a_cart_becomes_an_order_and_is_empty() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = filled(&server).await;
    let bought = check_out(&server, "tok_ok", None).await;
    expect::success(&bought, 201);
    assert_eq!(
        (&bought.body["status"], &bought.body["customerId"]),
        (&json!("confirmed"), &json!("ann"))
    );
    assert_eq!(bought.header("x-session-id"), SESSION);
    assert_eq!(lines(&server).await, 0);
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (3, 0, 2, 5));
    let again = check_out(&server, "tok_ok", None).await;
    assert_eq!(expect::problem(&again, 409, "cart-empty"), json!({}));
}

#[tokio::test]
async fn what_fails_keeps_the_cart() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = filled(&server).await;
    let declined = check_out(&server, "tok_declined", None).await;
    assert_eq!(expect::problem(&declined, 402, "payment-declined"), json!({}));
    assert_eq!(lines(&server).await, 2);
    put(&server, two, 6).await;
    let short = check_out(&server, "tok_ok", None).await;
    let members = expect::problem(&short, 409, "insufficient-stock");
    assert_eq!(members, json!({ "available": 5, "productId": two }));
    assert_eq!(lines(&server).await, 2);
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
}

/// The repetition of what was declined is declined, and leaves the cart alone.
#[tokio::test]
async fn what_was_declined_is_declined_again_under_its_key() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = filled(&server).await;
    let order = json!({
        "customerId": "ann", "items": [{ "productId": one, "quantity": 1 }],
        "payment": { "method": "simulated", "token": "tok_declined" },
    });
    for _ in 0..3 {
        let declined = check_out(&server, "tok_declined", Some("k")).await;
        expect::problem(&declined, 402, "payment-declined");
        let declined = server.post_with_key("/api/v1/orders", order.clone(), "of an order").await;
        expect::problem(&declined, 402, "payment-declined");
        assert_eq!(lines(&server).await, 2);
    }
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
    expect::success(&check_out(&server, "tok_ok", Some("another")).await, 201);
    assert_eq!(lines(&server).await, 0);
}

/// What was in the cart is out of it while its order waits, and comes back when nobody pays: also when the
/// server was killed meanwhile.
#[tokio::test]
async fn what_is_not_paid_in_the_end_comes_back_into_the_cart() {
    let stand = Stand::embedded().setting("PAYMENT__WEBHOOK_SECRETS", SECRET);
    let server = stand.start();
    let (one, two) = filled(&server).await;
    for (kind, killed) in
        [("payment.declined", false), ("cancel", false), ("payment.declined", true)]
    {
        let waiting =
            check_out_by(&server, "webhook", "t", Some(&format!("{kind} {killed}"))).await;
        expect::success(&waiting, 201);
        assert_eq!(waiting.body["status"], "pending_payment", "{}", waiting.text);
        assert_eq!(lines(&server).await, 0);
        let again = check_out_by(&server, "webhook", "t", None).await;
        expect::problem(&again, 409, "cart-empty");
        let order = waiting.body["orderId"].as_str().expect("an id");
        // Put in by the customer meanwhile.
        put(&server, one, 4).await;
        if killed {
            break;
        }
        if kind == "cancel" {
            let path = format!("/api/v1/orders/{order}/cancel");
            expect::success(&server.post(&path, json!({})).await, 200);
        } else {
            assert_eq!(notice(&server, kind, order, 3 * 999).await, "cancelled");
        }
        until_back(&server, &[(one, 4), (two, 2)]).await;
        put(&server, one, 1).await;
    }
    let order = server.get("/api/v1/orders?customerId=ann").await.body["data"][0].clone();
    assert_eq!(order["status"], "pending_payment", "{order}");
    let order = order["orderId"].as_str().expect("an id");
    server.kill();
    let server = stand.start();
    assert_eq!(notice(&server, "payment.declined", order, 3 * 999).await, "cancelled");
    until_back(&server, &[(one, 4), (two, 2)]).await;

    // What is paid stays out of it.
    put(&server, one, 1).await;
    let waiting = check_out_by(&server, "webhook", "t", None).await;
    let order = waiting.body["orderId"].as_str().expect("an id");
    assert_eq!(notice(&server, "payment.paid", order, 3 * 999).await, "confirmed");
    until(&server, order, |order| order["status"] == "confirmed").await;
    let started = Instant::now();
    while !server.get("/metrics").await.text.contains("lastunit_jobs_waiting 0") {
        assert!(started.elapsed() < Duration::from_mins(1), "a job is never done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(lines(&server).await, 0);
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (3, 0, 2, 5));
    server.stop();
    stand.assert_audit();
}

async fn until_back(server: &Server, expected: &[(u64, u64)]) {
    let started = Instant::now();
    loop {
        let mut there = quantities(server).await;
        there.sort_unstable();
        if there == expected {
            return;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{there:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn twice_with_one_key_is_one_order_even_when_the_cart_has_changed() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = filled(&server).await;
    let first = check_out(&server, "tok_ok", Some("k")).await;
    expect::success(&first, 201);
    let third = server.create_product(5).await;
    put(&server, third, 1).await;
    let again = check_out(&server, "tok_ok", Some("k")).await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.body, first.body);
    server.kill();
    let server = stand.start();
    let again = check_out(&server, "tok_ok", Some("k")).await;
    assert_eq!(again.body["orderId"], first.body["orderId"], "{}", again.text);
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (3, 0, 2, 5));
    assert_eq!(server.stock(third).await, (5, 0, 0, 5));
    assert_eq!(lines(&server).await, 1);
}

/// Ten impatient clicks, none of them with a key.
#[tokio::test]
async fn many_at_once_order_a_cart_once() {
    let stand = Stand::embedded();
    let server = Arc::new(stand.start());
    let (one, two) = filled(&server).await;
    let mut clicks = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let server = server.clone();
        clicks.spawn(async move { check_out(&server, "tok_ok", None).await });
    }
    let answers = clicks.join_all().await;
    let bought = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(bought, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let code = answer.code();
        assert!(["cart-empty", "idempotency-key-in-progress"].contains(&code), "{}", answer.text);
    }
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (3, 0, 2, 5));
}

#[tokio::test]
async fn bad_input_orders_nothing() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, _) = filled(&server).await;
    let post = async |body: Value| {
        let request = client().post(server.url("/api/v1/cart/checkout"));
        Answer::of(request.header("x-session-id", SESSION).json(&body)).await
    };
    let payment = json!({ "method": "simulated", "token": "tok_ok" });
    for (body, status) in [
        (json!({}), 422),
        (json!({ "payment": payment, "customerId": "" }), 422),
        (json!({ "payment": { "method": "simulated", "token": "tok_what" } }), 422),
        (json!({ "payment": payment, "items": [] }), 400),
    ] {
        let answer = post(body).await;
        assert_eq!(answer.status, status, "{}", answer.text);
    }
    assert_eq!(server.stock(one).await, (5, 0, 0, 5));
    assert_eq!(lines(&server).await, 2);
}
