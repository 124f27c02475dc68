//! Operators: with `auth.operator_token` only those who carry it create, change and restock products;
//! everybody buys as before.

use crate::expect;
use crate::support::{Answer, Stand, client};
use serde_json::json;

const TOKEN: &str = "an-operator-token-for-tests";

#[tokio::test]
async fn what_operators_do_needs_their_token() {
    let stand = Stand::embedded().setting("AUTH__OPERATOR_TOKEN", TOKEN);
    let server = stand.start();
    let send = async |method: &str, path: &str, body: serde_json::Value, token: Option<&str>| {
        let method = method.parse().expect("a method");
        let mut request = client().request(method, server.url(path));
        if !body.is_null() {
            request = request.json(&body);
        }
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Answer::of(request).await
    };
    let price = json!({"amount": 100, "currency": "USD"});
    let product = json!({"name": "Shoe", "price": price, "stock": 5});
    let created = send("POST", "/api/v1/products", product.clone(), Some(TOKEN)).await;
    assert_eq!(created.status, 201, "{}", created.text);

    let restock = json!({"adjustments": [{"productId": 1, "delta": 1}]});
    let operations = [
        ("POST", "/api/v1/products", product),
        ("PATCH", "/api/v1/products/1", json!({"name": "Boot"})),
        ("POST", "/api/v1/products/1/stock/adjustments", json!({"delta": 1, "reason": "found"})),
        ("POST", "/api/v1/stock/adjustments", restock),
        ("DELETE", "/api/v1/products/1", serde_json::Value::Null),
    ];
    for (method, path, body) in &operations {
        for token in [None, Some(""), Some("another-token-of-this-length"), Some(&TOKEN[..26])] {
            let answer = send(method, path, body.clone(), token).await;
            expect::problem(&answer, 401, "unauthorized");
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
    assert_eq!(server.stock(1).await, (5, 0, 0, 5), "nothing has changed");
    let bought = server.buy(1, 1, "ann").await;
    assert_eq!(bought.status, 201, "buying needs no token");
    let order = bought.body["orderId"].as_str().expect("an id");
    let refund = format!("/api/v1/orders/{order}/refund");
    expect::problem(&send("POST", &refund, json!({}), None).await, 401, "unauthorized");
    assert_eq!(server.stock(1).await, (4, 0, 1, 5), "nothing has come back");
    let refunded = send("POST", &refund, json!({}), Some(TOKEN)).await;
    assert_eq!((refunded.status, &refunded.body["status"]), (200, &json!("refunded")));
    for (method, path, body) in &operations {
        let answer = send(method, path, body.clone(), Some(TOKEN)).await;
        assert!((200..300).contains(&answer.status), "{method} {path}: {}", answer.text);
    }
    assert!(!server.log().contains(TOKEN), "the token is not logged");
}

#[tokio::test]
async fn what_everybody_holds_is_for_operators() {
    let stand = Stand::embedded().setting("AUTH__OPERATOR_TOKEN", TOKEN);
    let server = stand.start();
    let ask = async |query: &str, token: Option<&str>| {
        let mut request = client().get(server.url(&format!("/api/v1/reservations{query}")));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        Answer::of(request).await
    };
    for query in ["", "?productId=1"] {
        let refused = expect::problem(&ask(query, None).await, 422, "validation-failed");
        assert_eq!(refused["errors"][0]["field"], "customerId");
        expect::success(&ask(query, Some(TOKEN)).await, 200);
    }
    // As with orders: whoever knows a customer's id is trusted with what is theirs.
    expect::success(&ask("?customerId=ann", None).await, 200);
}

#[test]
fn a_token_that_could_be_guessed_refuses_the_start() {
    let stand = Stand::embedded().setting("AUTH__OPERATOR_TOKEN", "secret");
    let (status, said) = stand.start_refused();
    assert!(!status.success());
    assert!(said.contains("auth.operator_token is too short"), "{said}");
}
