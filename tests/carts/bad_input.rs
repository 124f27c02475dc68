//! Bad input: everything a caller can get wrong about a cart. Each row has its answer, and the cart is
//! afterwards what it was.

use crate::expect;
use crate::kit::Kit;
use crate::shop::{ask, cart, lines, put};
use crate::support::{Answer, Server, client};
use serde_json::{Value, json};

async fn send(server: &Server, path: &str, body: &str) -> Answer {
    let request = client().put(server.url(path)).header("X-Session-Id", "ann");
    Answer::of(request.header("content-type", "application/json").body(body.to_owned())).await
}

/// The one field that is out of range.
fn field(answer: &Answer) -> &str {
    let members = answer.body["errors"].as_array().expect("errors");
    assert_eq!(members.len(), 1, "{}", answer.text);
    members[0]["field"].as_str().expect("a field")
}

pub async fn bad_input_changes_nothing(kit: Kit) {
    let server = kit.stand.start();
    let chosen = server.create_product(10).await;
    expect::success(&put(&server, "ann", chosen, 3).await, 200);
    let item = format!("/api/v1/cart/items/{chosen}");
    for bad in ["0", "-1", "1001", "4294967297", "99999999999999999999", "1e400"] {
        let answer = send(&server, &item, &format!("{{\"quantity\": {bad}}}")).await;
        expect::problem(&answer, 422, "validation-failed");
        assert_eq!(field(&answer), "quantity", "{bad}");
    }
    expect::problem(&send(&server, &item, "{}").await, 422, "validation-failed");
    for bad in [
        "",
        "{",
        "[1]",
        "1",
        r#"{"quantity": 1.5}"#,
        r#"{"quantity": "1"}"#,
        r#"{"quantity": null}"#,
        r#"{"quantity": 1, "quantity": 2}"#,
        r#"{"quantity": 1, "price": 1}"#,
        r#"{"Quantity": 1}"#,
    ] {
        let answer = send(&server, &item, bad).await;
        assert_eq!(expect::problem(&answer, 400, "invalid-request"), json!({}), "{bad}");
    }
    for bad in ["0", "-1", "x", "1.5", "9223372036854775808", "999", "%FF"] {
        let answer =
            send(&server, &format!("/api/v1/cart/items/{bad}"), r#"{"quantity": 1}"#).await;
        assert_eq!(expect::problem(&answer, 404, "product-not-found"), json!({}), "{bad}");
    }
    let large = format!("{{\"quantity\": 1}}{}", " ".repeat(20_000));
    expect::problem(&send(&server, &item, &large).await, 413, "body-too-large");
    let plain = client().put(server.url(&item)).header("X-Session-Id", "ann").body("{}");
    expect::problem(&Answer::of(plain).await, 415, "unsupported-media-type");
    for path in ["", &format!("/items/{chosen}")] {
        let answer = ask(&server, "DELETE", path, "ann", json!({ "all": true })).await;
        expect::problem(&answer, 400, "invalid-request");
    }
    let answer = ask(&server, "POST", "", "ann", Value::Null).await;
    expect::problem(&answer, 405, "method-not-allowed");
    bad_sessions(&server, chosen).await;
    assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 3)]);
    assert_eq!(server.get("/health/ready").await.status, 200);
}

/// Every route refuses what is no session id, before it looks at anything else.
async fn bad_sessions(server: &Server, chosen: u64) {
    let item = format!("/api/v1/cart/items/{chosen}");
    let routes =
        [("GET", "/api/v1/cart"), ("DELETE", "/api/v1/cart"), ("PUT", &item), ("DELETE", &item)];
    for (method, path) in routes {
        let request = |id: &[u8]| {
            let request = client().request(method.parse().expect("a method"), server.url(path));
            let id = reqwest::header::HeaderValue::from_bytes(id).expect("a header value");
            let request = request.header("X-Session-Id", id);
            if method == "PUT" { request.json(&json!({ "quantity": 1 })) } else { request }
        };
        for bad in [&b""[..], &[b'a'; 65], &[b'a'; 4_000]] {
            let answer = Answer::of(request(bad)).await;
            expect::problem(&answer, 422, "validation-failed");
            assert_eq!(field(&answer), "X-Session-Id", "{method} {path}");
        }
        for bad in [
            &b"a b"[..],
            b"a\tb",
            b"ann;",
            b"\"ann\"",
            b"../ann",
            b"a:b",
            b"ann,bob",
            b"\xc3\xa4",
            b"\xff",
        ] {
            let answer = Answer::of(request(bad)).await;
            assert_eq!(expect::problem(&answer, 400, "invalid-request"), json!({}), "{bad:?}");
        }
        let twice = Answer::of(request(b"ann").header("X-Session-Id", "bob")).await;
        expect::problem(&twice, 400, "invalid-request");
    }
}
