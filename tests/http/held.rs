//! What is held right now: reservations and lines of orders, newest first, until they end.

use crate::expect;
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use std::time::Duration;

const ROUTE: &str = "/api/v1/reservations";

/// Everything that is held, page by page.
async fn held(server: &Server, query: &str, limit: usize) -> Vec<Value> {
    server.until_projected().await;
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = server.get(&format!("{ROUTE}?limit={limit}&{query}{cursor}")).await;
        expect::success(&answer, 200);
        assert!(answer.body["upToDate"].is_boolean(), "{}", answer.text);
        let page = answer.body["data"].as_array().expect("a list");
        assert!(page.len() <= limit, "{}", answer.text);
        all.extend(page.iter().cloned());
        match answer.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
        assert!(all.len() < 100, "the list does not end: {}", answer.text);
    }
}

/// Those of them for which something holds.
fn only(all: &[Value], holds: impl Fn(&Value) -> bool) -> Vec<Value> {
    all.iter().filter(|one| holds(one)).cloned().collect()
}

#[tokio::test]
async fn what_is_held_is_listed_newest_first() {
    let stand = Stand::embedded();
    let server = stand.start();
    let products = [server.create_product(50).await, server.create_product(50).await];
    let nothing = json!({ "data": [], "nextCursor": null, "upToDate": true });
    assert_eq!(server.get(ROUTE).await.body, nothing);
    let mut newest_first = Vec::new();
    for (product, customer) in [(0, "ann"), (1, "bob"), (0, "bob"), (1, "ann"), (0, "ann")] {
        let hold = server.hold(products[product], 2, customer, 600).await;
        expect::success(&hold, 201);
        newest_first.insert(0, hold.body);
    }
    for limit in [1, 2, 5, 100] {
        assert_eq!(held(&server, "", limit).await, newest_first, "by {limit}");
    }
    let [one, two] = products;
    for (query, expected) in [
        ("customerId=ann".to_owned(), only(&newest_first, |one| one["customerId"] == "ann")),
        ("userId=bob".to_owned(), only(&newest_first, |one| one["customerId"] == "bob")),
        (format!("productId={two}"), only(&newest_first, |one| one["productId"] == two)),
        (
            format!("customerId=ann&productId={one}&other=ignored"),
            only(&newest_first, |each| each["customerId"] == "ann" && each["productId"] == one),
        ),
        ("customerId=nobody".to_owned(), Vec::new()),
        ("productId=999".to_owned(), Vec::new()),
    ] {
        for limit in [1, 100] {
            assert_eq!(held(&server, &query, limit).await, expected, "{query} by {limit}");
        }
    }

    // Longer, released, sold: the list follows.
    let id = |place: usize| newest_first[place]["reservationId"].as_str().expect("an id");
    let longer =
        server.post(&format!("{ROUTE}/{}/extend", id(0)), json!({"holdSeconds": 900})).await;
    expect::success(&longer, 200);
    expect::success(&server.delete(&format!("{ROUTE}/{}", id(1))).await, 200);
    expect::success(&server.post(&format!("{ROUTE}/{}/confirm", id(2)), json!({})).await, 200);
    let mut left = vec![newest_first[0].clone(), newest_first[3].clone(), newest_first[4].clone()];
    left[0]["expiresAt"] = longer.body["expiresAt"].clone();
    assert_eq!(held(&server, "", 100).await, left);
    assert!(server.stop().success());
    stand.assert_audit();
    // What is held stays held, and is there at once.
    assert_eq!(held(&stand.start(), "", 100).await, left);
}

#[tokio::test]
async fn lines_of_orders_that_wait_say_whose_they_are() {
    let stand = Stand::embedded().setting("ORDERS__PAY_SECONDS", 600);
    let server = stand.start();
    let products = [server.create_product(5).await, server.create_product(5).await];
    let items = products.map(|product| json!({ "productId": product, "quantity": 2 }));
    let payment = json!({ "method": "simulated", "token": "tok_pending" });
    let body = json!({ "customerId": "ann", "items": items, "payment": payment });
    let order = server.post("/api/v1/orders", body).await;
    expect::success(&order, 201);
    let lines = held(&server, "customerId=ann", 1).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    for line in &lines {
        let id = line["reservationId"].as_str().expect("an id");
        assert_eq!(line["orderId"], order.body["orderId"], "{line}");
        assert_eq!(line["expiresAt"], order.body["expiresAt"], "{line}");
        assert_eq!((&line["status"], &line["quantity"]), (&json!("held"), &json!(2)), "{line}");
        let shown = server.get(&format!("{ROUTE}/{id}")).await;
        assert_eq!(shown.body["orderId"], order.body["orderId"], "{}", shown.text);
        let released = server.delete(&format!("{ROUTE}/{id}")).await;
        assert_eq!(expect::problem(&released, 409, "reservation-in-order"), json!({}));
    }
    let mut listed: Vec<_> = lines.iter().filter_map(|line| line["productId"].as_u64()).collect();
    listed.sort_unstable();
    assert_eq!(listed, products);

    let id = order.body["orderId"].as_str().expect("an id");
    expect::success(&server.post(&format!("/api/v1/orders/{id}/cancel"), json!({})).await, 200);
    assert_eq!(held(&server, "", 100).await, Vec::<Value>::new());
    // What was bought at once is held by nobody.
    expect::success(&server.buy(products[0], 1, "ann").await, 201);
    assert_eq!(held(&server, "", 100).await, Vec::<Value>::new());
}

#[tokio::test]
async fn what_has_run_out_is_not_held() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let long = server.hold(product, 1, "ann", 600).await;
    let short = server.hold(product, 1, "ann", 1).await;
    expect::success(&short, 201);
    let mut looks = 0;
    while held(&server, "", 100).await.len() > 1 {
        tokio::time::sleep(Duration::from_millis(20)).await;
        looks += 1;
        assert!(looks < 500, "the hold is still listed");
    }
    assert_eq!(held(&server, "", 100).await, [long.body]);
    let id = short.body["reservationId"].as_str().expect("an id");
    let confirmed = server.post(&format!("{ROUTE}/{id}/confirm"), json!({})).await;
    expect::problem(&confirmed, 410, "reservation-expired");
}
