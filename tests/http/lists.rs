//! Lists: orders newest first, products by id, page by page; and the stock with its version.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};

/// Follows the cursors from the first page to the end.
async fn every_page(server: &Server, path: &str) -> Vec<Vec<Value>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = server.get(&format!("{path}{cursor}")).await;
        expect::success(&answer, 200);
        pages.push(answer.body["data"].as_array().expect("a list").clone());
        match &answer.body["nextCursor"] {
            Value::Null => return pages,
            next => cursor = format!("&cursor={}", next.as_str().expect("a text")),
        }
        assert!(pages.len() < 100, "the list does not end: {}", answer.text);
    }
}

#[tokio::test]
async fn orders_are_listed_newest_first() {
    let stand = Stand::embedded();
    let server = stand.start();
    let products = [server.create_product(50).await, server.create_product(50).await];
    let mut newest_first = Vec::new();
    for number in 0..7 {
        let answer = server.buy(products[number % 2], 1, "ann").await;
        expect::success(&answer, 201);
        newest_first.insert(0, answer.body["orderId"].clone());
        expect::success(&server.buy(products[0], 1, "bob").await, 201);
    }
    let hold = server.hold(products[0], 1, "ann", 60).await;
    let id = hold.body["reservationId"].clone();
    let path = format!("/api/v1/reservations/{}/confirm", id.as_str().expect("an id"));
    expect::success(&server.post(&path, json!({})).await, 200);
    newest_first.insert(0, id);

    for (limit, sizes) in [(3, &[3, 3, 2][..]), (4, &[4, 4, 0]), (100, &[8])] {
        let pages =
            every_page(&server, &format!("/api/v1/orders?customerId=ann&limit={limit}")).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes);
        let orders = pages.concat();
        let ids: Vec<_> = orders.iter().map(|order| order["orderId"].clone()).collect();
        assert_eq!(ids, newest_first);
        assert!(orders.iter().all(|order| order["customerId"] == "ann"));
    }
    // Each is the order its own address shows, the alias works, and nobody is nobody.
    let listed = server.get("/api/v1/orders?userId=ann&limit=1&other=ignored").await;
    let newest = &listed.body["data"][0];
    let path = format!("/api/v1/orders/{}", newest["orderId"].as_str().expect("an id"));
    assert_eq!(&server.get(&path).await.body, newest);
    let nobody = server.get("/api/v1/orders?customerId=nobody").await;
    expect::success(&nobody, 200);
    assert_eq!(nobody.body, json!({ "data": [], "nextCursor": null, "upToDate": true }));
}

#[tokio::test]
async fn an_order_has_one_address() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let bought = server.buy(product, 1, "ann").await;
    let order = bought.body["orderId"].as_str().expect("an id");
    let (_, uuid) = order.split_once('-').expect("a product in front");
    let held = server.hold(product, 1, "ann", 60).await;
    for id in [
        &format!("{}-{uuid}", product + 1),
        &format!("0{order}"),
        &format!("{product}-{}", uuid.to_uppercase().replace('A', "a").replace('a', "A")),
        &format!("{product}-{}", uuid.replace('-', "")),
        uuid,
        &format!("{product}-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f"),
        held.body["reservationId"].as_str().expect("an id"),
        "-1",
        "%00",
        "%F0%9F%92%A9",
    ] {
        let answer = server.get(&format!("/api/v1/orders/{id}")).await;
        assert_eq!(expect::problem(&answer, 404, "order-not-found"), json!({}), "{id}");
    }
}

#[tokio::test]
async fn products_are_listed_by_id() {
    let stand = Stand::embedded();
    let server = stand.start();
    assert_eq!(server.get("/api/v1/products").await.body["data"], json!([]));
    let all = json!({
        "name": "Poster", "sku": "P-1", "description": "two\nlines", "category": "art",
        "stock": 10, "limitPerCustomer": 2, "price": { "amount": 0, "currency": "EUR" },
        "opensAt": "2026-01-31T10:00:00+01:00", "closesAt": "9999-12-30T00:00:00.000Z",
    });
    let answer = server.post("/api/v1/products", all).await;
    expect::success(&answer, 201);
    let full = answer.body["productId"].as_u64().expect("an id");
    assert_eq!(answer.header("location"), format!("/api/v1/products/{full}"));
    let mut expected = json!({
        "productId": full, "name": "Poster", "sku": "P-1", "description": "two\nlines",
        "category": "art", "price": { "amount": 0, "currency": "EUR" }, "available": 10,
        "held": 0, "sold": 0, "stocked": 10, "limitPerCustomer": 2,
        "opensAt": "2026-01-31T09:00:00.000Z", "closesAt": "9999-12-30T00:00:00.000Z",
        "active": true, "version": 1,
    });
    assert_eq!(answer.body, expected);
    expect::success(&server.buy(full, 1, "ann").await, 201);
    expect::success(&server.hold(full, 1, "ann", 60).await, 201);
    let shown = server.get(answer.header("location")).await;
    expect::success(&shown, 200);
    expect::time(&shown.body["createdAt"]);
    for (field, value) in [("available", json!(8)), ("held", json!(1)), ("sold", json!(1))] {
        expected[field] = value;
    }
    expected["createdAt"] = shown.body["createdAt"].clone();
    assert_eq!(shown.body, expected);

    let mut ids = vec![full];
    for stock in 0..4 {
        ids.push(server.create_product(stock).await);
    }
    for limit in [1, 2, 5, 20] {
        let products =
            every_page(&server, &format!("/api/v1/products?limit={limit}")).await.concat();
        let listed: Vec<_> = products.iter().filter_map(|one| one["productId"].as_u64()).collect();
        assert_eq!(listed, ids);
        assert_eq!(products[0], expected);
    }
    expect::problem(&server.get("/api/v1/products/999").await, 404, "product-not-found");
    expect::problem(&server.get("/api/v1/products/999/stock").await, 404, "product-not-found");
}

/// The stock, unless it still is one of the versions in `known`.
async fn stock_unless(server: &Server, product: u64, known: &str) -> Answer {
    let path = format!("/api/v1/products/{product}/stock");
    Answer::of(client().get(server.url(&path)).header("if-none-match", known)).await
}

#[tokio::test]
async fn the_stock_has_a_version() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let path = format!("/api/v1/products/{product}/stock");
    let stock = server.get(&path).await;
    expect::success(&stock, 200);
    let version = stock.body["version"].as_str().expect("a version");
    let (epoch, seq) = version.split_once('-').expect("epoch and seq");
    assert!(epoch.parse::<u64>().is_ok() && seq.parse::<u64>().is_ok(), "{version}");
    let expected = json!({
        "productId": product, "available": 5, "held": 0, "sold": 0, "stocked": 5,
        "version": version,
    });
    assert_eq!(stock.body, expected);
    let tag = format!("\"{version}\"");
    assert_eq!(stock.header("etag"), tag);
    assert_eq!(stock.header("cache-control"), "no-cache");

    for known in [&tag, &format!("W/{tag}"), &format!("\"0-0\", {tag}"), "*"] {
        let same = stock_unless(&server, product, known).await;
        assert_eq!((same.status, same.text.as_str()), (304, ""), "{known}");
        assert_eq!((same.header("etag"), same.header("cache-control")), (&*tag, "no-cache"));
    }
    for other in ["\"0-0\"", version, ""] {
        expect::success(&stock_unless(&server, product, other).await, 200);
    }
    // Every change is a new version; a refusal is none; a restart does not repeat one.
    expect::problem(&server.buy(product, 6, "ann").await, 409, "insufficient-stock");
    assert_eq!(stock_unless(&server, product, &tag).await.status, 304);
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let changed = stock_unless(&server, product, &tag).await;
    expect::success(&changed, 200);
    assert_eq!(changed.body["available"], 4);
    let newer = changed.header("etag").to_owned();
    assert_ne!(newer, tag);
    assert!(server.stop().success());
    let server = stand.start();
    for old in [&tag, &newer] {
        expect::success(&stock_unless(&server, product, old).await, 200);
    }
    expect::problem(&stock_unless(&server, 999, "*").await, 404, "product-not-found");
}
