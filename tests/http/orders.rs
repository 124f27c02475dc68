//! Orders of several products over HTTP: all lines or none, paid or not, taken back once.

use crate::expect;
use crate::support::{Answer, Server, Stand};
use serde_json::{Value, json};
use std::sync::Arc;

const ROUTE: &str = "/api/v1/orders";

fn wanted(customer: &str, items: &[(u64, u64)], token: &str) -> Value {
    let items: Vec<_> = items
        .iter()
        .map(|(product, quantity)| json!({ "productId": product, "quantity": quantity }))
        .collect();
    json!({
        "customerId": customer, "items": items,
        "payment": { "method": "simulated", "token": token }
    })
}

async fn place(server: &Server, customer: &str, items: &[(u64, u64)], token: &str) -> Answer {
    server.post(ROUTE, wanted(customer, items, token)).await
}

fn id(answer: &Answer) -> String {
    answer.body["orderId"].as_str().expect("an order id").to_owned()
}

async fn two_products(server: &Server) -> (u64, u64) {
    (server.create_product(5).await, server.create_product(5).await)
}

#[tokio::test]
async fn an_order_of_several_products_is_paid_and_found_again() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    // The order of the items does not matter: the smallest product leads.
    let placed = place(&server, "ann", &[(two, 2), (one, 1)], "tok_ok").await;
    expect::success(&placed, 201);
    assert_eq!(placed.body["status"], "confirmed", "{}", placed.text);
    assert_eq!(placed.body["total"]["amount"], 3 * 999);
    let lines: Vec<_> = placed.body["lines"].as_array().expect("lines").clone();
    assert_eq!(lines.len(), 2);
    assert_eq!((&lines[0]["productId"], &lines[1]["productId"]), (&json!(one), &json!(two)));
    assert!(id(&placed).starts_with(&format!("{one}-")), "{}", placed.text);
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (3, 0, 2, 5));
    let found = server.get(&format!("{ROUTE}/{}", id(&placed))).await;
    assert_eq!(found.body, placed.body);
    let listed = server.get(&format!("{ROUTE}?customerId=ann")).await;
    assert_eq!(listed.body["data"], json!([placed.body]));
}

#[tokio::test]
async fn one_line_in_the_way_leaves_nothing_held() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let short = place(&server, "ann", &[(one, 1), (two, 6)], "tok_ok").await;
    let members = expect::problem(&short, 409, "insufficient-stock");
    assert_eq!(members, json!({ "available": 5, "productId": two }));
    let unknown = place(&server, "ann", &[(one, 1), (two + 1, 1)], "tok_ok").await;
    let members = expect::problem(&unknown, 404, "product-not-found");
    assert_eq!(members, json!({ "productId": two + 1 }));
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
    assert_eq!(server.get(&format!("{ROUTE}?customerId=ann")).await.body["data"], json!([]));
}

#[tokio::test]
async fn other_currencies_do_not_mix() {
    let stand = Stand::embedded();
    let server = stand.start();
    let euros =
        server.create(json!({ "stock": 5, "price": { "amount": 1, "currency": "EUR" } })).await;
    let dollars = server.create_product(5).await;
    let mixed = place(&server, "ann", &[(euros, 1), (dollars, 1)], "tok_ok").await;
    assert_eq!(expect::problem(&mixed, 409, "mixed-currencies"), json!({}));
    assert_eq!(server.stock(euros).await, (5, 0, 0, 5));
    assert_eq!(server.stock(dollars).await, (5, 0, 0, 5));
}

#[tokio::test]
async fn a_declined_payment_gives_everything_back() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let declined = place(&server, "ann", &[(one, 1), (two, 1)], "tok_declined").await;
    assert_eq!(expect::problem(&declined, 402, "payment-declined"), json!({}));
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
    let listed = server.get(&format!("{ROUTE}?customerId=ann")).await;
    assert_eq!(listed.body["data"][0]["status"], "cancelled", "{}", listed.text);
}

#[tokio::test]
async fn a_provider_that_does_not_decide_leaves_the_order_waiting() {
    let stand = Stand::embedded().setting("PAYMENT__TIMEOUT_MS", 200);
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    for (customer, token) in [("ann", "tok_pending"), ("bob", "tok_error"), ("cher", "tok_hang")] {
        let placed = place(&server, customer, &[(one, 1), (two, 1)], token).await;
        expect::success(&placed, 201);
        assert_eq!(placed.body["status"], "pending_payment", "{}", placed.text);
        let found = server.get(&format!("{ROUTE}/{}", id(&placed))).await;
        assert_eq!(found.body, placed.body);
        // Its lines cannot be used as reservations.
        let line = format!("/api/v1/reservations/{}/confirm", id(&placed));
        let confirmed = server.post(&line, json!({})).await;
        assert_eq!(expect::problem(&confirmed, 409, "reservation-in-order"), json!({}));
        let asked = server.post(&format!("{ROUTE}/{}/payment", id(&placed)), json!({})).await;
        assert_eq!(asked.body["status"], "pending_payment", "{}", asked.text);
        assert_eq!(server.stock(two).await, (4, 1, 0, 5));
        let given_up = server.post(&format!("{ROUTE}/{}/cancel", id(&placed)), json!({})).await;
        expect::success(&given_up, 200);
        assert_eq!(given_up.body["status"], "cancelled", "{}", given_up.text);
        assert_eq!(server.stock(one).await, (5, 0, 0, 5));
        assert_eq!(server.stock(two).await, (5, 0, 0, 5));
    }
}

/// The provider decides later, and the server is killed before it asks again.
#[tokio::test]
async fn a_provider_is_asked_again_also_after_a_restart() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let placed = place(&server, "ann", &[(one, 1), (two, 1)], "tok_later").await;
    assert_eq!(placed.body["status"], "pending_payment", "{}", placed.text);
    server.kill();
    let server = stand.start();
    let started = std::time::Instant::now();
    let route = format!("{ROUTE}/{}", id(&placed));
    while server.get(&route).await.body["status"] != "confirmed" {
        assert!(started.elapsed().as_secs() < 60, "nobody asked the provider again");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (4, 0, 1, 5));
}

#[tokio::test]
async fn an_order_that_nobody_pays_runs_out_whole() {
    let stand = Stand::embedded().setting("ORDERS__PAY_SECONDS", 10);
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let placed = place(&server, "ann", &[(one, 1), (two, 1)], "tok_pending").await;
    expect::success(&placed, 201);
    let started = std::time::Instant::now();
    while server.stock(one).await != (5, 0, 0, 5) || server.stock(two).await != (5, 0, 0, 5) {
        assert!(started.elapsed().as_secs() < 60, "a line is still held");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    let found = server.get(&format!("{ROUTE}/{}", id(&placed))).await;
    assert_eq!(found.body["status"], "expired", "{}", found.text);
}

#[tokio::test]
async fn what_was_bought_comes_back_line_by_line_and_once() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let placed = place(&server, "ann", &[(one, 1), (two, 2)], "tok_ok").await;
    let route = format!("{ROUTE}/{}", id(&placed));
    let cancel = async |body: Value| server.post(&format!("{route}/cancel"), body).await;
    let first = cancel(json!({ "productIds": [two] })).await;
    expect::success(&first, 200);
    assert_eq!(first.body["status"], "confirmed");
    assert_eq!(first.body["lines"][1]["status"], "cancelled");
    assert_eq!(server.stock(two).await, (5, 0, 0, 5));
    let again = cancel(json!({ "productIds": [two] })).await;
    assert_eq!(expect::problem(&again, 409, "order-returned"), json!({}));
    let foreign = cancel(json!({ "productIds": [two + 1] })).await;
    assert_eq!(foreign.status, 422, "{}", foreign.text);
    let rest = server.post(&format!("{route}/refund"), json!({})).await;
    expect::success(&rest, 200);
    assert_eq!(rest.body["status"], "refunded", "{}", rest.text);
    assert_eq!(server.stock(one).await, (5, 0, 0, 5));
    let over = cancel(json!({})).await;
    assert_eq!(expect::problem(&over, 409, "order-over"), json!({}));
    assert!(server.get(&route).await.body["lines"][0]["status"] == "refunded");
}

#[tokio::test]
async fn a_purchase_can_be_taken_back_too_by_many_at_once() {
    let stand = Stand::embedded();
    let server = Arc::new(stand.start());
    let product = server.create(json!({ "stock": 1, "limitPerCustomer": 1 })).await;
    let bought = server.buy(product, 1, "ann").await;
    let route = format!("{ROUTE}/{}/cancel", id(&bought));
    let mut cancels = tokio::task::JoinSet::new();
    for _ in 0..10 {
        let (server, route) = (server.clone(), route.clone());
        cancels.spawn(async move { server.post(&route, json!({})).await.status });
    }
    let mut statuses = cancels.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses[0], 200, "{statuses:?}");
    assert!(statuses[1..].iter().all(|status| *status == 409), "{statuses:?}");
    assert_eq!(server.stock(product).await, (1, 0, 0, 1));
    assert_eq!(server.buy(product, 1, "ann").await.status, 201, "the limit is free again");
}

#[tokio::test]
async fn a_retry_gets_the_same_order_and_another_body_does_not() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let body = wanted("ann", &[(one, 1), (two, 1)], "tok_ok");
    let first = server.post_with_key(ROUTE, body.clone(), "k").await;
    expect::success(&first, 201);
    let again = server.post_with_key(ROUTE, body.clone(), "k").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (201, "true"));
    assert_eq!(again.body, first.body);
    let other = server.post_with_key(ROUTE, wanted("ann", &[(one, 2)], "tok_ok"), "k").await;
    assert_eq!(expect::problem(&other, 422, "idempotency-key-reused"), json!({ "productId": one }));
    server.kill();
    let server = stand.start();
    let again = server.post_with_key(ROUTE, body, "k").await;
    assert_eq!(again.body, first.body);
    assert_eq!(server.stock(one).await, (4, 0, 1, 5));
    assert_eq!(server.stock(two).await, (4, 0, 1, 5));
}

/// Half buy A then B, half B then A.
#[tokio::test]
async fn crossing_orders_never_block_each_other() {
    let stand = Stand::embedded();
    let server = Arc::new(stand.start());
    let (one, two) = (server.create_product(500).await, server.create_product(500).await);
    let mut buyers = tokio::task::JoinSet::new();
    for number in 0..1_000_u64 {
        let server = server.clone();
        buyers.spawn(async move {
            let items = if number % 2 == 0 { [(one, 1), (two, 1)] } else { [(two, 1), (one, 1)] };
            place(&server, &format!("customer {number}"), &items, "tok_ok").await
        });
    }
    let answers = buyers.join_all().await;
    let bought = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(bought, 500);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let code = answer.code();
        assert!(["sold-out", "insufficient-stock"].contains(&code), "{}", answer.text);
    }
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (0, 0, 500, 500));
    }
}

#[tokio::test]
async fn bad_input_changes_nothing() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = two_products(&server).await;
    let with = |field: &str, value: Value| {
        let mut body = wanted("ann", &[(one, 1), (two, 1)], "tok_ok");
        body[field] = value;
        body
    };
    let item =
        |product: Value, quantity: Value| json!({ "productId": product, "quantity": quantity });
    let many: Vec<_> = (1..=101).map(|product| item(json!(product), json!(1))).collect();
    let method = |method: &str, token: &str| json!({ "method": method, "token": token });
    for (body, field) in [
        (with("items", json!([])), "items"),
        (with("items", json!(many)), "items"),
        (with("items", json!([item(json!(one), json!(0))])), "items"),
        (with("items", json!([item(json!(0), json!(1))])), "items"),
        (with("items", json!([item(json!(one), json!(1)), item(json!(one), json!(1))])), "items"),
        (with("customerId", json!("")), "customerId"),
        (with("payment", Value::Null), "payment"),
        (with("payment", method("cash", "tok_ok")), "payment.method"),
        (with("payment", method("simulated", "tok_unknown")), "payment.token"),
    ] {
        let answer = server.post(ROUTE, body).await;
        let members = expect::problem(&answer, 422, "validation-failed");
        assert_eq!(members["errors"][0]["field"], field, "{}", answer.text);
    }
    for body in [
        with("unknown", json!(1)),
        with("items", json!([{ "productId": one, "quantity": 1, "price": 1 }])),
        with("items", json!("two")),
    ] {
        let answer = server.post(ROUTE, body).await;
        assert_eq!(expect::problem(&answer, 400, "invalid-request"), json!({}));
    }
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
    for action in ["payment", "cancel", "refund"] {
        let nobody = format!("{ROUTE}/1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f/{action}");
        let answer = server.post(&nobody, json!({})).await;
        assert_eq!(expect::problem(&answer, 404, "order-not-found"), json!({}));
    }
}

/// The lines of an order come into the tables one by one: whoever was told of it never reads half of it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_never_read_half() {
    const SHOPPERS: u64 = 48;
    const ORDERS: u64 = 12;
    let stand = Stand::embedded();
    let server = Arc::new(stand.start());
    // More products than partitions, so that lines are in different ones.
    let mut products = vec![];
    for _ in 0..32 {
        products.push(server.create_product(10_000).await);
    }
    let products = Arc::new(products);
    let shoppers = (0..SHOPPERS).map(|shopper| {
        let (server, products) = (server.clone(), products.clone());
        tokio::spawn(async move {
            for number in 0..ORDERS {
                let pick = |step: u64| products[((shopper * 7 + number * step) % 32) as usize];
                let (one, two) = (pick(3), pick(3) % 32 + 1);
                let customer = format!("c{shopper}");
                let placed = place(&server, &customer, &[(one, 1), (two, 2)], "tok_ok").await;
                expect::success(&placed, 201);
                let shown = server.get(&format!("{ROUTE}/{}", id(&placed))).await;
                expect::success(&shown, 200);
                assert_eq!(shown.body, placed.body, "order {number} of {customer}");
            }
        })
    });
    for shopper in shoppers.collect::<Vec<_>>() {
        shopper.await.expect("a shopper who finds what was bought");
    }
    Arc::into_inner(server).expect("the only handle").stop();
    stand.assert_audit();
}
