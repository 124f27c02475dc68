//! Values: what can be written in more than one way means the same in each, and what is out of range is told so.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};

async fn send(server: &Server, method: reqwest::Method, path: &str, body: &str) -> Answer {
    let request = client().request(method, server.url(path)).body(body.to_owned());
    Answer::of(request.header("content-type", "application/json")).await
}

async fn post(server: &Server, path: &str, body: &str) -> Answer {
    send(server, reqwest::Method::POST, path, body).await
}

#[tokio::test]
async fn an_integer_is_one_however_it_is_written() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    for (id, quantity) in [("1", "1"), ("1.0", "1.0"), ("\"1\"", "1e0"), ("\"01\"", "10e-1")] {
        let body = format!(r#"{{"productId": {id}, "quantity": {quantity}, "customerId": 7.0}}"#);
        let sold = post(&server, "/api/v1/purchases", &body).await;
        expect::success(&sold, 201);
        assert_eq!((&sold.body["quantity"], &sold.body["customerId"]), (&json!(1), &json!("7")));
    }
    assert_eq!(server.stock(product).await, (6, 0, 4, 10));
}

#[tokio::test]
async fn what_may_be_left_out_may_be_null() {
    let stand = Stand::embedded();
    let server = stand.start();
    let [one, two] = [server.create_product(10).await, server.create_product(10).await];
    // Without a token somebody has to be named.
    let nobody = r#"{"productId": 1, "quantity": 1, "customerId": null}"#;
    let refused = post(&server, "/api/v1/purchases", nobody).await;
    assert_eq!(
        expect::problem(&refused, 422, "validation-failed")["errors"][0]["field"],
        "customerId"
    );
    let sale = format!(
        r#"{{"name": "drop", "endsAt": "2999-01-01T00:00:00Z", "startsAt": null, "sellsBefore": null,
            "products": [{{"productId": {two}, "price": {{"amount": 1, "currency": "USD"}}, "units": 1,
                "limitPerCustomer": null}}]}}"#
    );
    expect::success(&post(&server, "/api/v1/sales", &sale).await, 201);
    let payment = r#"{"method": "simulated", "token": "tok_ok"}"#;
    let order = format!(
        r#"{{"customerId": "ann", "items": [{{"productId": {one}, "quantity": 1, "saleId": null}}],
            "payment": {payment}}}"#
    );
    let order = post(&server, "/api/v1/orders", &order).await;
    expect::success(&order, 201);
    let refund =
        format!("/api/v1/orders/{}/refund", order.body["orderId"].as_str().expect("an id"));
    let refunded = post(&server, &refund, r#"{"productIds": null}"#).await;
    assert_eq!(refunded.body["status"], "refunded", "{}", refunded.text);
}

#[tokio::test]
async fn lines_are_named_like_products() {
    let stand = Stand::embedded();
    let server = stand.start();
    let [one, two] = [server.create_product(10).await, server.create_product(10).await];
    let order = json!({
        "customerId": "ann",
        "items": [{ "productId": one, "quantity": 1 }, { "productId": two, "quantity": 1 }],
        "payment": { "method": "simulated", "token": "tok_ok" }
    });
    let order = server.post("/api/v1/orders", order).await;
    expect::success(&order, 201);
    let cancel =
        format!("/api/v1/orders/{}/cancel", order.body["orderId"].as_str().expect("an id"));
    for (products, status) in
        [("[-1]", 422), ("[99999999999999999999]", 422), ("[1.5]", 400), ("[null]", 400)]
    {
        let body = format!(r#"{{"productIds": {products}}}"#);
        assert_eq!(post(&server, &cancel, &body).await.status, status, "{products}");
    }
    let body = format!(r#"{{"productIds": ["{one}", {two}.0]}}"#);
    let cancelled = post(&server, &cancel, &body).await;
    assert_eq!(cancelled.body["status"], "cancelled", "{}", cancelled.text);
}

#[tokio::test]
async fn a_limit_out_of_range_is_named() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let price = json!({ "amount": 1, "currency": "USD" });
    let parts = json!([{ "productId": product, "price": price, "units": 1 }]);
    let sale = json!({ "name": "drop", "endsAt": "2999-01-01T00:00:00Z", "products": parts });
    let sale = server.post("/api/v1/sales", sale).await.body["saleId"].clone();
    let path = format!("/api/v1/sales/{sale}");
    let change = async |limit: &str| {
        let part = format!(r#"{{"productId": {product}, "limitPerCustomer": {limit}}}"#);
        let body = format!(r#"{{"products": [{part}]}}"#);
        send(&server, reqwest::Method::PATCH, &path, &body).await
    };
    for limit in ["0", "-1", "4294967296", "99999999999999999999"] {
        let problem = expect::problem(&change(limit).await, 422, "validation-failed");
        assert_eq!(problem["errors"][0]["field"], "products", "{limit}");
    }
    let changed = change("2.0").await;
    assert_eq!(changed.body["products"][0]["limitPerCustomer"], 2, "{}", changed.text);
    let changed = change("null").await;
    assert_eq!(changed.body["products"][0]["limitPerCustomer"], Value::Null, "{}", changed.text);
}
