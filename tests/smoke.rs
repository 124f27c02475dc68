//! README's tour, as a test: buy, retry, hold, restock, pull the plug, find everything.
#![allow(clippy::expect_used)]

mod support;

use serde_json::json;
use support::Stand;

#[tokio::test]
async fn the_tour_of_the_readme() {
    let stand = Stand::embedded();
    let server = Stand::start(&stand);
    let product = server.create_product(100).await;
    let order = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let first = server.post_with_key("/api/v1/purchases", order.clone(), "my-first-order").await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(server.stock(product).await, (99, 0, 1, 100));
    let again = server.post_with_key("/api/v1/purchases", order.clone(), "my-first-order").await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");

    let hold = server.hold(product, 1, "bob", 60).await;
    assert_eq!(hold.status, 201, "{}", hold.body);
    assert_eq!(server.stock(product).await, (98, 1, 1, 100));
    let reservation = hold.body["reservationId"].as_str().expect("an id");
    let confirmed =
        server.post(&format!("/api/v1/reservations/{reservation}/confirm"), json!({})).await;
    assert!(confirmed.status < 300, "{}", confirmed.text);
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let adjusted = server.post(&path, json!({ "delta": 25, "reason": "found a box" })).await;
    assert!(adjusted.status < 300, "{}", adjusted.text);
    assert_eq!(server.stock(product).await, (123, 0, 2, 125));

    server.kill();
    let server = stand.start();
    assert_eq!(server.stock(product).await, (123, 0, 2, 125));
    let again = server.post_with_key("/api/v1/purchases", order, "my-first-order").await;
    assert_eq!(again.body, first.body);
    let orders = server.get("/api/v1/orders?customerId=ann").await;
    assert_eq!(orders.body["data"][0]["orderId"], first.body["orderId"], "{}", orders.body);
    assert!(server.stop().success());
    stand.assert_audit();
}
