//! Limits: requests that never reach a handler's rules, because the route, the method, the body or
//! the head is not what this server takes.

use crate::expect;
use crate::support::{Answer, Stand, client};
use crate::wire::{self, Wire};
use serde_json::{Value, json};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(5);

#[tokio::test]
async fn an_unknown_route_is_404() {
    let stand = Stand::embedded();
    let server = stand.start();
    for path in
        ["/nothing", "/api/v1", "/api/v1/nothing", "/api/v1/products/1/nothing", "/health/x"]
    {
        for method in ["GET", "POST", "DELETE"] {
            let method = method.parse().expect("a method");
            let answer = Answer::of(client().request(method, server.url(path))).await;
            assert_eq!(expect::problem(&answer, 404, "route-not-found"), json!({}), "{path}");
        }
    }
    // A path with a slash too many is another path, never another meaning.
    let answer = server.get("/api/v1/products/").await;
    expect::problem(&answer, 404, "route-not-found");
}

#[tokio::test]
async fn a_wrong_method_is_405_and_names_the_right_ones() {
    let stand = Stand::embedded();
    let server = stand.start();
    for (method, path, allowed) in [
        ("GET", "/api/v1/purchases", &["POST"][..]),
        ("DELETE", "/api/v1/purchases", &["POST"]),
        ("PUT", "/api/v1/products", &["GET", "HEAD", "POST"]),
        ("PATCH", "/api/v1/products/1/stock", &["GET", "HEAD"]),
        ("GET", "/api/v1/products/1/stock/adjustments", &["POST"]),
        ("POST", "/api/v1/reservations/1-x", &["DELETE", "GET", "HEAD"]),
        ("GET", "/api/v1/reservations/1-x/confirm", &["POST"]),
        ("PUT", "/api/v1/orders", &["GET", "HEAD", "POST"]),
        ("POST", "/health", &["GET", "HEAD"]),
        ("POST", "/metrics", &["GET", "HEAD"]),
        ("OPTIONS", "/api/v1/purchases", &["POST"]),
        ("BREW", "/api/v1/purchases", &["POST"]),
    ] {
        let method = method.parse().expect("a method");
        let answer = Answer::of(client().request(method, server.url(path))).await;
        assert_eq!(expect::problem(&answer, 405, "method-not-allowed"), json!({}), "{path}");
        let mut named: Vec<_> = answer.header("allow").split(',').map(str::trim).collect();
        named.sort_unstable();
        assert_eq!(named, allowed, "{path}");
    }
    let head = Answer::of(client().head(server.url("/health"))).await;
    assert_eq!((head.status, head.text.as_str()), (200, ""));
}

#[tokio::test]
async fn a_body_is_json_of_a_bounded_size() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let order = json!({ "productId": product, "quantity": 1, "customerId": "ann" }).to_string();
    let post = || client().post(server.url("/api/v1/purchases"));
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", "json"] {
        let answer = Answer::of(post().header("content-type", kind).body(order.clone())).await;
        assert_eq!(expect::problem(&answer, 415, "unsupported-media-type"), json!({}), "{kind}");
    }
    expect::problem(&Answer::of(post().body(order.clone())).await, 415, "unsupported-media-type");
    for kind in ["application/json; charset=utf-8", "APPLICATION/JSON", "application/order+json"] {
        let answer = Answer::of(post().header("content-type", kind).body(order.clone())).await;
        expect::success(&answer, 201);
    }
    for bytes in [16_385, 100_000, 1_048_576] {
        let padded = format!("{order}{}", " ".repeat(bytes - order.len()));
        let answer =
            Answer::of(post().header("content-type", "application/json").body(padded)).await;
        assert_eq!(expect::problem(&answer, 413, "body-too-large"), json!({}), "{bytes}");
    }
    // So large that nobody reads it: the answer comes at once.
    let mut wire = Wire::connect(&server).await;
    wire.send(
        b"POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n",
    )
    .await;
    wire.send(b"content-length: 99999999999\r\n\r\n{").await;
    let reply = wire.reply().await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (413, "body-too-large"));
    // Unannounced: in chunks, one byte too many.
    let mut wire = Wire::connect(&server).await;
    wire.send(
        b"POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n",
    )
    .await;
    let chunks = format!("transfer-encoding: chunked\r\n\r\n4001\r\n{order:<16385}\r\n0\r\n\r\n");
    wire.send(chunks.as_bytes()).await;
    let reply = wire.reply().await.expect("an answer");
    assert_eq!((reply.status, reply.code()), (413, "body-too-large"));
    assert_eq!(server.stock(product).await, (2, 0, 3, 5));
}

#[tokio::test]
async fn a_body_in_chunks_is_read_like_any_other() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let order = json!({ "productId": product, "quantity": 1, "customerId": "ann" }).to_string();
    let mut wire = Wire::connect(&server).await;
    wire.send(
        b"POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n",
    )
    .await;
    wire.send(b"transfer-encoding: chunked\r\n\r\n").await;
    for byte in order.bytes() {
        wire.send(&[b'1', b'\r', b'\n', byte, b'\r', b'\n']).await;
    }
    wire.send(b"0\r\n\r\n").await;
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(201));
    // The connection goes on.
    assert_eq!(wire.get("/health/live").await.status, 200);
    assert_eq!(server.stock(product).await, (4, 0, 1, 5));
}

#[tokio::test]
async fn a_head_has_bounds() {
    let stand = Stand::embedded()
        .setting("SERVER__HEADERS_MAX", 20)
        .setting("SERVER__HEADER_BYTES_MAX", 4_096);
    let server = stand.start();
    let head = |fields: usize, bytes: usize| {
        let fields = wire::header_fields(fields, bytes);
        format!("GET /health/live HTTP/1.1\r\nhost: localhost\r\n{fields}\r\n")
    };
    for (bytes, status) in [
        (head(19, 1), 200),
        (head(20, 1), 431),
        (head(500, 1), 431),
        (head(1, 3_000), 200),
        (head(1, 5_000), 431),
        (head(1, 200_000), 431),
        ("NONSENSE\r\n\r\n".into(), 400),
        ("GET /health/live HTTP/9.9\r\n\r\n".into(), 400),
        ("POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n".into(), 400),
        ("POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n{}".into(), 400),
        ("GET /health/live HTTP/1.1\r\nbad header\r\n\r\n".into(), 400),
    ] {
        let mut wire = Wire::connect(&server).await;
        // The server may answer and close before it has everything.
        let _ = wire.try_send(bytes.as_bytes()).await;
        let start: String = bytes.chars().take(60).collect();
        let reply = wire.reply().await.unwrap_or_else(|| panic!("no answer to {start}"));
        assert_eq!(reply.status, status, "{start}");
        let code = match status {
            400 => "invalid-request",
            431 => "head-too-large",
            _ => continue,
        };
        assert_eq!(reply.header("content-type"), "application/problem+json", "{start}");
        assert_eq!(reply.header("connection"), "close", "{start}");
        expect::document(&reply.body, status, code);
        assert!(wire.is_closed_within(SOON).await, "{start}");
    }
    assert_eq!(server.get("/health/live").await.status, 200);
}

/// Also where a connection has been good so far, and where nobody waits between two requests: then the
/// first is answered, and the second at least with its status.
#[tokio::test]
async fn a_head_that_cannot_be_read_ends_a_good_connection() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut wire = Wire::connect(&server).await;
    assert_eq!(wire.get("/health/live").await.status, 200);
    wire.send(b"NONSENSE\r\n\r\n").await;
    let reply = wire.reply().await.expect("an answer");
    expect::document(&reply.body, 400, "invalid-request");
    assert!(wire.is_closed_within(SOON).await);
    let mut wire = Wire::connect(&server).await;
    let good = wire::request("GET", "/health/live", "", &Value::Null);
    wire.send(&[&good[..], b"NONSENSE\r\n\r\n"].concat()).await;
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(200));
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(400));
    assert!(wire.is_closed_within(SOON).await);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let stand = Stand::embedded().setting("SERVER__BODY_TIMEOUT_MS", 200);
    let server = stand.start();
    let product = server.create_product(5).await;
    for path in ["/api/v1/purchases", "/api/v1/reservations", "/api/v1/products"] {
        let body = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
        let whole = wire::request("POST", path, "", &body);
        let mut wire = Wire::connect(&server).await;
        wire.send(&whole[..whole.len() - 1]).await;
        let reply = wire.reply().await.expect("an answer");
        assert_eq!((reply.status, reply.code()), (408, "request-timeout"), "{path}");
        assert_eq!(reply.header("content-type"), "application/problem+json");
        expect::document(&reply.body, 408, "request-timeout");
    }
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    let mut wire = Wire::connect(&server).await;
    wire.send(&wire::request("GET", "/health/live", "", &Value::Null)).await;
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(200));
}
