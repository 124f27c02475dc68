//! API keys: what machines may do, and until when.

use crate::expect;
use crate::shop::{As, create_product, send, stand, token};
use crate::support::{Answer, Server};
use serde_json::{Value, json};

async fn create(server: &Server, admin: &str, body: Value) -> Answer {
    send(server, As::Token(admin), "POST /api/v1/api-keys", body).await
}

async fn key(server: &Server, admin: &str, scopes: &[&str]) -> (String, String) {
    let answer = create(server, admin, json!({"name": "machine", "scopes": scopes})).await;
    expect::success(&answer, 201);
    let text = |name: &str| answer.body[name].as_str().expect(name).to_owned();
    (text("id"), text("key"))
}

#[tokio::test]
async fn a_key_does_what_its_scopes_say() {
    let stand = stand();
    let server = stand.start();
    let admin = token(&stand, "admin", "ops");
    let product = create_product(&server, &admin, 50).await;
    let adjust = format!("POST /api/v1/products/{product}/stock/adjustments");
    let buy = json!({"productId": product, "quantity": 1, "customerId": "ann"});
    let thing = json!({"name": "Thing", "price": {"amount": 5, "currency": "USD"}, "stock": 1});
    let tries = [
        ("stock:write", adjust.as_str(), json!({"delta": 1, "reason": "found"})),
        ("purchases:write", "POST /api/v1/purchases", buy),
        ("orders:read", "GET /api/v1/orders?customerId=ann", Value::Null),
        ("products:write", "POST /api/v1/products", thing),
        ("metrics:read", "GET /metrics", Value::Null),
        ("admin", "GET /api/v1/api-keys", Value::Null),
    ];
    for (scope, ..) in &tries {
        let (_, key) = key(&server, &admin, &[scope]).await;
        for (needed, route, body) in &tries {
            for who in [As::Key(&key), As::Token(&key)] {
                let answer = send(&server, who, route, body.clone()).await;
                if scope == needed || *scope == "admin" {
                    assert!(answer.status < 300, "{scope} {route}: {}", answer.text);
                } else {
                    expect::problem(&answer, 403, "forbidden");
                    assert!(answer.text.contains(needed), "{}", answer.text);
                }
            }
        }
    }
    // A machine is no customer: it says for whom.
    let (_, key) = key(&server, &admin, &["purchases:write"]).await;
    let body = json!({"productId": product, "quantity": 1});
    let answer = send(&server, As::Key(&key), "POST /api/v1/purchases", body).await;
    let errors = expect::problem(&answer, 422, "validation-failed");
    assert_eq!(errors["errors"][0]["field"], "customerId");
}

#[tokio::test]
async fn a_key_is_shown_once_and_can_be_revoked() {
    let stand = stand();
    let server = stand.start();
    let admin = token(&stand, "admin", "ops");
    let (id, key_text) = key(&server, &admin, &["metrics:read", "orders:read"]).await;
    assert!(key_text.starts_with(&format!("lu_{id}_")), "{key_text}");
    let (other, other_text) = key(&server, &admin, &["metrics:read"]).await;
    let list = send(&server, As::Token(&admin), "GET /api/v1/api-keys", Value::Null).await;
    expect::success(&list, 200);
    let secret = key_text.rsplit_once(&id).expect("a secret").1;
    assert!(!list.text.contains(secret) && !list.text.contains("\"key\""), "{}", list.text);
    assert_eq!(list.body["data"][1]["scopes"], json!(["orders:read", "metrics:read"]));
    let page = send(&server, As::Token(&admin), "GET /api/v1/api-keys?limit=1", Value::Null).await;
    assert_eq!(page.body["data"][0]["id"], other.as_str());
    let next = format!(
        "GET /api/v1/api-keys?limit=1&cursor={}",
        page.body["nextCursor"].as_str().unwrap()
    );
    let page = send(&server, As::Token(&admin), &next, Value::Null).await;
    assert_eq!(page.body["data"][0]["id"], id.as_str());

    let metrics = async |key: &str| send(&server, As::Key(key), "GET /metrics", Value::Null).await;
    assert_eq!(metrics(&key_text).await.status, 200);
    let revoke = format!("DELETE /api/v1/api-keys/{id}");
    for _ in 0..2 {
        let answer = send(&server, As::Token(&admin), &revoke, Value::Null).await;
        assert_eq!(answer.status, 204, "{}", answer.text);
        // At once, although it was known a moment ago.
        let refused = metrics(&key_text).await;
        expect::problem(&refused, 401, "invalid-token");
        assert_eq!(refused.header("www-authenticate"), "Bearer error=\"invalid_token\"");
    }
    assert_eq!(metrics(&other_text).await.status, 200);
    let list = send(&server, As::Token(&admin), "GET /api/v1/api-keys", Value::Null).await;
    expect::time(&list.body["data"][1]["revokedAt"]);
    let unknown = "DELETE /api/v1/api-keys/00000000000000000000000000000000";
    let answer = send(&server, As::Token(&admin), unknown, Value::Null).await;
    expect::problem(&answer, 404, "api-key-not-found");
    // A secret that is not this key's, an id that is nobody's, and what is no key at all.
    let changed = format!("{}A", &other_text[..other_text.len() - 1]);
    let changed = if changed == other_text { changed.replace('A', "B") } else { changed };
    let foreign = other_text.replacen(&other, "00000000000000000000000000000000", 1);
    for bad in
        [changed, foreign, "lu_".into(), "lu_x_y".into(), "x".into(), other_text.to_uppercase()]
    {
        expect::problem(&metrics(&bad).await, 401, "invalid-token");
    }
    // They outlive the server.
    assert!(server.stop().success());
    let server = stand.start();
    let get = async |key: &str| send(&server, As::Key(key), "GET /metrics", Value::Null).await;
    assert_eq!((get(&other_text).await.status, get(&key_text).await.status), (200, 401));
}

#[tokio::test]
async fn what_is_no_key_is_not_made() {
    let stand = stand();
    let server = stand.start();
    let admin = token(&stand, "admin", "ops");
    for (body, field) in [
        (json!({"scopes": ["orders:read"]}), "name"),
        (json!({"name": "", "scopes": ["orders:read"]}), "name"),
        (json!({"name": "x".repeat(101), "scopes": ["orders:read"]}), "name"),
        (json!({"name": "a"}), "scopes"),
        (json!({"name": "a", "scopes": []}), "scopes"),
        (json!({"name": "a", "scopes": ["orders:read", "everything"]}), "scopes"),
        (
            json!({"name": "a", "scopes": ["admin"], "expiresAt": "2020-01-01T00:00:00Z"}),
            "expiresAt",
        ),
        (json!({"name": "a", "scopes": ["admin"], "expiresAt": "soon"}), "expiresAt"),
    ] {
        let answer = create(&server, &admin, body).await;
        let errors = expect::problem(&answer, 422, "validation-failed");
        assert_eq!(errors["errors"][0]["field"], field, "{}", answer.text);
    }
    let typed = create(&server, &admin, json!({"name": "a", "scopes": "admin"})).await;
    expect::problem(&typed, 400, "invalid-request");
}
