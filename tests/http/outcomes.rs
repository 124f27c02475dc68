//! Outcomes: the rows of the outcome table that a sale can end in, over HTTP, for purchases and for
//! reservations alike: status, code, members, headers, and the first answer again for a known key.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::Duration;

/// Where units are asked for; both obey the same rules.
const SALES: [&str; 2] = ["/api/v1/purchases", "/api/v1/reservations"];

fn order(product: u64, quantity: u64, customer: &str) -> Value {
    json!({ "productId": product, "quantity": quantity, "customerId": customer })
}

/// Sends a body word for word.
async fn post_text(server: &Server, path: &str, key: &str, body: &str) -> Answer {
    let request = client().post(server.url(path)).header("content-type", "application/json");
    Answer::of(request.header("idempotency-key", key).body(body.to_owned())).await
}

#[tokio::test]
async fn a_purchase_is_answered_with_the_whole_order() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let bought = server.buy(product, 3, "ann").await;
    expect::success(&bought, 201);
    let id = bought.body["orderId"].as_str().expect("an id");
    assert!(id.starts_with(&format!("{product}-")), "{id}");
    let age = jiff::Timestamp::now().duration_since(expect::time(&bought.body["createdAt"]));
    assert!(age.as_secs().abs() < 60, "{}", bought.text);
    let expected = json!({
        "orderId": id, "productId": product, "quantity": 3, "customerId": "ann",
        "status": "confirmed", "unitPrice": { "amount": 999, "currency": "USD" },
        "total": { "amount": 2_997, "currency": "USD" }, "createdAt": bought.body["createdAt"],
    });
    assert_eq!(bought.body, expected);
    assert!(!bought.headers.contains_key("idempotent-replayed"));
    assert_eq!(server.stock(product).await, (7, 0, 3, 10));

    // What was answered is what is stored.
    let stored = server.get(&format!("/api/v1/orders/{id}")).await;
    expect::success(&stored, 200);
    for (field, value) in expected.as_object().expect("an object") {
        assert_eq!(&stored.body[field], value, "{field}");
    }
    let line = json!([{
        "productId": product, "quantity": 3, "unitPrice": expected["unitPrice"],
        "total": expected["total"], "status": "sold",
    }]);
    assert_eq!(stored.body["lines"], line);
}

#[tokio::test]
async fn a_known_key_gets_the_first_answer_again() {
    let stand = Stand::embedded();
    let server = stand.start();
    let longest = "k".repeat(255);
    for path in SALES {
        let product = server.create_product(2).await;
        let first = server.post_with_key(path, order(product, 1, "7"), &longest).await;
        expect::success(&first, 201);
        expect::success(&server.buy(product, 1, "bob").await, 201);
        let sold_out = server.buy(product, 1, "7").await;
        assert_eq!(expect::problem(&sold_out, 409, "sold-out"), json!({}));
        let stock = server.stock(product).await;
        // Sold out changes nothing about what was answered before, nor do other words for the same
        // request: a quoted key, another order of the fields, an alias, digits for a number.
        let quoted = format!("\"{longest}\"");
        let plain = order(product, 1, "7").to_string();
        let other = format!(r#" {{"userId": 7, "quantity": 1, "productId": "{product}"}} "#);
        for (key, body) in [(&longest, &plain), (&quoted, &plain), (&quoted, &other)] {
            expect::replay(&post_text(&server, path, key, body).await, &first);
        }
        assert_eq!(server.stock(product).await, stock);
        // Both routes share the keys of a product's customer.
        let elsewhere = SALES.into_iter().find(|route| *route != path).expect("two routes");
        let reused = server.post_with_key(elsewhere, order(product, 1, "7"), &longest).await;
        assert_eq!(expect::problem(&reused, 422, "idempotency-key-reused"), json!({}));
    }
}

#[tokio::test]
async fn a_key_belongs_to_one_request_of_one_customer() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(100).await;
    for (index, path) in SALES.into_iter().enumerate() {
        let key = format!("key-{index}");
        let mut wanted = order(product, 2, "ann");
        let first = server.post_with_key(path, wanted.clone(), &key).await;
        expect::success(&first, 201);
        let stock = server.stock(product).await;
        wanted["quantity"] = json!(3);
        let other = server.post_with_key(path, wanted.clone(), &key).await;
        assert_eq!(expect::problem(&other, 422, "idempotency-key-reused"), json!({}));
        assert_eq!(server.stock(product).await, stock);
        // Another customer's key of the same name is another key.
        wanted["customerId"] = json!("bob");
        let others = server.post_with_key(path, wanted, &key).await;
        expect::success(&others, 201);
        assert_eq!(others.header("idempotent-replayed"), "");
        assert_ne!(others.text, first.text);
    }
    // A refusal is not remembered: the key may be used once there is stock.
    let empty = server.create_product(0).await;
    let refused = server.post_with_key(SALES[0], order(empty, 1, "eve"), "later").await;
    expect::problem(&refused, 409, "sold-out");
    let path = format!("/api/v1/products/{empty}/stock/adjustments");
    server.post(&path, json!({ "delta": 1, "reason": "found one" })).await;
    let bought = server.post_with_key(SALES[0], order(empty, 1, "eve"), "later").await;
    expect::success(&bought, 201);
}

#[tokio::test]
async fn every_refusal_of_a_sale_has_its_row() {
    let stand = Stand::embedded();
    let server = stand.start();
    let ended = json!({
        "stock": 0, "opensAt": "2020-01-01T00:00:00Z", "closesAt": "2021-01-01T00:00:00+01:00",
    });
    let early = json!({ "stock": 0, "opensAt": "2999-12-31T23:59:59.999Z" });
    let unknown = 4_000_000_000;
    let (ended, early) = (server.create(ended).await, server.create(early).await);
    let sold_out = server.create(json!({ "stock": 0, "limitPerCustomer": 1 })).await;
    for path in SALES {
        let few = server.create(json!({ "stock": 3 })).await;
        let limited = server.create(json!({ "stock": 4, "limitPerCustomer": 3 })).await;
        expect::success(&server.post(path, order(limited, 2, "ann")).await, 201);
        let table = [
            (unknown, 1, 404, "product-not-found", json!({})),
            // The window comes before the stock, the stock before the limit, the limit before
            // the number of units.
            (early, 1, 409, "sale-not-open", json!({ "opensAt": "2999-12-31T23:59:59.999Z" })),
            (ended, 1, 409, "sale-ended", json!({ "closedAt": "2020-12-31T23:00:00.000Z" })),
            (sold_out, 2, 409, "sold-out", json!({})),
            (limited, 2, 409, "customer-limit-reached", json!({ "limit": 3, "owned": 2 })),
            (limited, 9, 409, "customer-limit-reached", json!({ "limit": 3, "owned": 2 })),
            (few, 4, 409, "insufficient-stock", json!({ "available": 3 })),
        ];
        for (product, quantity, status, code, members) in table {
            let answer = server.post(path, order(product, quantity, "ann")).await;
            assert_eq!(expect::problem(&answer, status, code), members, "{path}");
        }
        expect::success(&server.post(path, order(limited, 1, "ann")).await, 201);
        assert_eq!(server.stock(few).await, (3, 0, 0, 3));
    }
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_sale_opens_and_ends_in_time() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (opens_at, closes_at) = (expect::from_now(1_500), expect::from_now(3_000));
    let window = json!({ "stock": 9, "opensAt": opens_at, "closesAt": closes_at });
    let product = server.create(window).await;
    let early = server.buy(product, 1, "ann").await;
    assert_eq!(expect::problem(&early, 409, "sale-not-open"), json!({ "opensAt": opens_at }));
    assert!(["1", "2"].contains(&early.header("retry-after")), "{:?}", early.headers);
    let mut answers = vec![early];
    while answers.last().is_some_and(|answer| answer.code() != "sale-ended") {
        tokio::time::sleep(Duration::from_millis(50)).await;
        answers.push(server.buy(product, 1, &format!("customer {}", answers.len())).await);
        assert!(answers.len() < 200, "the sale does not end");
    }
    let over = answers.last().expect("an answer");
    assert_eq!(expect::problem(over, 409, "sale-ended"), json!({ "closedAt": closes_at }));
    let sold = answers.iter().filter(|answer| answer.status == 201).count();
    assert!(sold > 0, "nothing was sold while the sale was open");
    for answer in answers.iter().filter(|answer| answer.status == 201) {
        let at = answer.body["createdAt"].as_str().expect("a time");
        assert!((opens_at.as_str()..closes_at.as_str()).contains(&at), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_full_product_leaves_room_for_others() {
    let stand = Stand::embedded().setting("ENGINE__INFLIGHT_PER_PRODUCT_MAX", 1);
    let server = std::sync::Arc::new(stand.start());
    let products = [server.create_product(100).await, server.create_product(100).await];
    let mut buyers = tokio::task::JoinSet::new();
    for number in 0..60 {
        let server = server.clone();
        buyers.spawn(async move { insist(&server, products[0], number).await });
    }
    // One caller at a time at the other product: never full.
    for number in 0..20 {
        assert_eq!(insist(&server, products[1], number).await, 0);
    }
    assert!(buyers.join_all().await.into_iter().sum::<usize>() > 0, "nobody was refused");
    assert_eq!(server.stock(products[0]).await, (40, 0, 60, 100));
    assert_eq!(server.stock(products[1]).await, (80, 0, 20, 100));
}

#[tokio::test]
async fn a_full_engine_says_overloaded_and_nothing_is_lost() {
    let stand = Stand::embedded()
        .setting("ENGINE__INFLIGHT_MAX", 1)
        .setting("ENGINE__INFLIGHT_PER_PRODUCT_MAX", 1);
    let server = std::sync::Arc::new(stand.start());
    let product = server.create_product(100).await;
    let mut buyers = tokio::task::JoinSet::new();
    for number in 0..60 {
        let server = server.clone();
        buyers.spawn(async move { insist(&server, product, number).await });
    }
    let refused: usize = buyers.join_all().await.into_iter().sum();
    assert!(refused > 0, "sixty buyers at once and room for one: nobody was refused");
    assert_eq!(server.stock(product).await, (40, 0, 60, 100));
}

/// Buys one unit however often it takes; gives how often there was no room.
async fn insist(server: &Server, product: u64, number: usize) -> usize {
    let body = order(product, 1, &format!("customer {number}"));
    for refused in 0..10_000 {
        let answer = server.post_with_key(SALES[0], body.clone(), "mine").await;
        if answer.status == 201 {
            assert_eq!(answer.header("idempotent-replayed"), "");
            return refused;
        }
        assert_eq!(expect::problem(&answer, 503, "overloaded"), json!({}));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("customer {number} found no room");
}

#[tokio::test]
async fn stock_is_adjusted_by_delta() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let more = json!({ "delta": 5, "reason": "found a box" });
    let adjusted = server.post_with_key(&path, more.clone(), "box").await;
    expect::success(&adjusted, 200);
    expect::time(&adjusted.body["adjustedAt"]);
    let expected = json!({
        "productId": product, "delta": 5, "reason": "found a box", "available": 5, "held": 0,
        "sold": 1, "stocked": 6, "adjustedAt": adjusted.body["adjustedAt"],
    });
    assert_eq!(adjusted.body, expected);
    expect::success(&server.buy(product, 2, "ann").await, 201);
    expect::replay(&server.post_with_key(&path, more, "box").await, &adjusted);
    let other = json!({ "delta": 6, "reason": "found a box" });
    let reused = server.post_with_key(&path, other, "box").await;
    assert_eq!(expect::problem(&reused, 422, "idempotency-key-reused"), json!({}));

    let less = |delta: i64| json!({ "delta": delta, "reason": "broken" });
    let too_many = server.post(&path, less(-4)).await;
    let members = expect::problem(&too_many, 409, "insufficient-stock");
    assert_eq!(members, json!({ "available": 3 }));
    expect::success(&server.post(&path, less(-3)).await, 200);
    let nothing_left = server.post(&path, less(-1)).await;
    let members = expect::problem(&nothing_left, 409, "insufficient-stock");
    assert_eq!(members, json!({ "available": 0 }));
    assert_eq!(server.stock(product).await, (0, 0, 3, 3));
    let unknown = server.post("/api/v1/products/999/stock/adjustments", less(-1)).await;
    assert_eq!(expect::problem(&unknown, 404, "product-not-found"), json!({}));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn the_largest_values_are_accepted() {
    let stand = Stand::embedded();
    let server = stand.start();
    let all = json!({
        "name": "ä".repeat(200), "sku": "s".repeat(64), "description": "d\n".repeat(2_000),
        "category": "c".repeat(100), "stock": 999_999_999, "limitPerCustomer": 1_000_000_000,
        "price": { "amount": 1_000_000_000_000_u64, "currency": "USD" },
        "opensAt": "1970-01-01T00:00:00Z", "closesAt": "9999-12-30T00:00:00.000Z",
    });
    let product = server.create(all).await;
    let customer = "ä".repeat(64);
    // A body of exactly the largest size: spaces mean nothing.
    let body = format!("{:>16384}", order(product, 1_000, &customer).to_string());
    assert!(body.len() > 16_384, "two bytes for each ä");
    let body = body.split_at(body.len() - 16_384).1;
    let bought = post_text(&server, SALES[0], &"k".repeat(255), body).await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["total"]["amount"], 1_000_000_000_000_000_u64);
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let reason = "r".repeat(200);
    expect::success(&server.post(&path, json!({ "delta": 1, "reason": reason })).await, 200);
    let held = server.hold(product, 1_000, &customer, 86_400).await;
    expect::success(&held, 201);
    assert_eq!(server.stock(product).await, (999_998_000, 1_000, 1_000, 1_000_000_000));
    let orders = server.get(&format!("/api/v1/orders?customerId={}", "%C3%A4".repeat(64))).await;
    assert_eq!(orders.body["data"][0]["orderId"], bought.body["orderId"], "{}", orders.text);
    assert!(server.stop().success());
    stand.assert_audit();
}
