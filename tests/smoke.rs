//! README's tour, step by step: the demo shop, a purchase and its retry, a hold, a box found, the plug
//! pulled, and everything found and proven again beside the running server.
#![allow(clippy::expect_used)]

mod support;

use serde_json::json;
use support::{Server, Stand};

/// The first command of the tour.
fn start_demo(stand: &Stand) -> Server {
    let command = stand.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
    Server::start(command, &stand.folder.path().join("demo.log"))
}

#[tokio::test]
async fn the_tour_of_the_readme() {
    let stand = Stand::embedded();
    let server = start_demo(&stand);
    let listed = server.get("/api/v1/products").await;
    let products = listed.body["data"].as_array().expect("a list");
    assert_eq!(products.len(), 5, "{}", listed.text);
    assert_eq!(products[0]["productId"], 1, "{}", listed.text);
    let (available, held, sold, stocked) = server.stock(1).await;
    assert_eq!((held, sold, available), (0, 0, stocked));

    let order = json!({ "productId": 1, "quantity": 1, "customerId": "ann" });
    let first = server.post_with_key("/api/v1/purchases", order.clone(), "my-first-order").await;
    assert_eq!(first.status, 201, "{}", first.body);
    assert_eq!(server.stock(1).await, (available - 1, 0, 1, stocked));
    let again = server.post_with_key("/api/v1/purchases", order.clone(), "my-first-order").await;
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(server.stock(1).await, (available - 1, 0, 1, stocked));

    let hold = server.hold(2, 1, "bob", 60).await;
    assert_eq!(hold.status, 201, "{}", hold.body);
    let reservation = hold.body["reservationId"].as_str().expect("an id");
    let confirmed =
        server.post(&format!("/api/v1/reservations/{reservation}/confirm"), json!({})).await;
    assert_eq!(confirmed.status, 200, "{}", confirmed.text);
    let adjustment = json!({ "delta": 25, "reason": "found a box" });
    let adjusted = server.post("/api/v1/products/1/stock/adjustments", adjustment).await;
    assert_eq!(adjusted.status, 200, "{}", adjusted.text);
    assert_eq!(server.stock(1).await, (available + 24, 0, 1, stocked + 25));
    let other = server.stock(2).await;

    server.kill();
    let server = stand.start();
    assert_eq!(server.stock(1).await, (available + 24, 0, 1, stocked + 25));
    assert_eq!(server.stock(2).await, other);
    let orders = server.get("/api/v1/orders?customerId=ann").await;
    assert_eq!(orders.body["data"][0]["orderId"], first.body["orderId"], "{}", orders.body);
    let again = server.post_with_key("/api/v1/purchases", order, "my-first-order").await;
    assert_eq!(again.body, first.body);
    // The audit may run beside the server, as in the tour.
    stand.assert_audit();
    for page in ["/docs", "/openapi.json", "/metrics", "/health/ready"] {
        assert_eq!(server.get(page).await.status, 200, "{page}");
    }
    assert!(server.stop().success());
    stand.assert_audit();
}
