//! Slow clients: heads and bodies that trickle in or never end, clients that do not read, vanish or
//! keep every connection for themselves. Others are served meanwhile, and none of them stays for ever.

use crate::support::{Server, Stand};
use crate::wire::{self, Wire};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SOON: Duration = Duration::from_secs(5);

/// A server that waits 400 ms for a head or a body, and a second between requests.
fn impatient() -> Stand {
    Stand::embedded()
        .setting("SERVER__HEADER_TIMEOUT_MS", 400)
        .setting("SERVER__BODY_TIMEOUT_MS", 400)
        .setting("SERVER__IDLE_TIMEOUT_MS", 1_000)
}

fn purchase(product: u64) -> Vec<u8> {
    let body = json!({ "productId": product, "quantity": 1, "customerId": "slow" });
    wire::request("POST", "/api/v1/purchases", "", &body)
}

/// Others buy meanwhile, and do not wait for the slow ones.
async fn assert_others_are_served(server: &Server, product: u64) {
    let started = Instant::now();
    let mut wire = Wire::connect(server).await;
    for _ in 0..20 {
        wire.send(&purchase(product)).await;
        assert_eq!(wire.reply().await.map(|reply| reply.status), Some(201));
    }
    assert!(started.elapsed() < SOON, "{:?} for twenty purchases", started.elapsed());
}

/// A number of `/metrics`.
async fn metric(wire: &mut Wire, name: &str) -> f64 {
    let text = wire.get("/metrics").await.text;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

#[tokio::test]
async fn slow_heads_hold_nobody_up_and_are_cut_off() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(100).await;
    let mut slow = Vec::new();
    for begun in ["", "P", "POST /api/v1/purchases HTTP/1.1\r\nhost: localhost\r\nx-slow: "] {
        for _ in 0..20 {
            let mut wire = Wire::connect(&server).await;
            wire.send(begun.as_bytes()).await;
            slow.push(wire);
        }
    }
    assert_others_are_served(&server, product).await;
    for wire in &mut slow {
        assert!(wire.is_closed_within(SOON).await, "a slow head stays");
    }
    let mut wire = Wire::connect(&server).await;
    let cut_off = metric(&mut wire, "lastunit_connections_timed_out_total").await;
    assert!(cut_off >= 60.0, "{cut_off}");
    assert_eq!(server.stock(product).await, (80, 0, 20, 100));
}

#[tokio::test]
async fn a_head_that_trickles_is_cut_off() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(100).await;
    let mut wire = Wire::connect(&server).await;
    let started = Instant::now();
    wire.send(b"GET /health/live HTTP/1.1\r\nx-slow: ").await;
    while wire.try_send(b"v").await.is_ok() {
        assert!(started.elapsed() < SOON, "a trickling head stays");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    // After a first request the same holds for the next head.
    let mut wire = Wire::connect(&server).await;
    assert_eq!(wire.get("/health/live").await.status, 200);
    let started = Instant::now();
    wire.send(b"GET /health/live HTTP/1.1\r\nx-slow: ").await;
    while wire.try_send(b"v").await.is_ok() {
        assert!(started.elapsed() < SOON, "a trickling second head stays");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    assert_others_are_served(&server, product).await;
}

#[tokio::test]
async fn slow_bodies_hold_nobody_up_and_are_answered_408() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(100).await;
    let whole = purchase(product);
    let mut slow = Vec::new();
    for missing in [1, 5, 40] {
        for _ in 0..20 {
            let mut wire = Wire::connect(&server).await;
            wire.send(&whole[..whole.len() - missing]).await;
            slow.push(wire);
        }
    }
    // One that keeps moving, but not fast enough.
    let mut trickling = Wire::connect(&server).await;
    trickling.send(&whole[..whole.len() - 40]).await;
    let started = Instant::now();
    assert_others_are_served(&server, product).await;
    for place in whole.len() - 40..whole.len() {
        if trickling.try_send(&whole[place..=place]).await.is_err() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    slow.push(trickling);
    for wire in &mut slow {
        let reply = wire.reply().await.expect("an answer");
        assert_eq!((reply.status, reply.code()), (408, "request-timeout"));
        assert!(wire.is_closed_within(SOON).await, "a connection with half a body goes on");
    }
    assert!(started.elapsed() < SOON * 2);
    assert_eq!(server.stock(product).await, (80, 0, 20, 100));
}

#[tokio::test]
async fn a_quiet_connection_is_closed_and_a_busy_one_is_not() {
    let stand = impatient();
    let server = stand.start();
    let mut quiet = Wire::connect(&server).await;
    let mut busy = Wire::connect(&server).await;
    assert_eq!(quiet.get("/health/live").await.status, 200);
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(2_500) {
        assert_eq!(busy.get("/health/live").await.status, 200);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(quiet.is_closed_within(Duration::from_millis(500)).await, "a quiet one stays");
    assert_eq!(busy.get("/health/live").await.status, 200);
}

#[tokio::test]
async fn a_head_after_a_long_pause_has_the_whole_time() {
    let stand = Stand::embedded()
        .setting("SERVER__HEADER_TIMEOUT_MS", 2_000)
        .setting("SERVER__IDLE_TIMEOUT_MS", 60_000);
    let server = stand.start();
    let mut wire = Wire::connect(&server).await;
    assert_eq!(wire.get("/health/live").await.status, 200);
    // Quiet for longer than a head may take, and then a head in two parts.
    tokio::time::sleep(Duration::from_millis(2_600)).await;
    let head = wire::request("GET", "/health/live", "", &Value::Null);
    let (begin, rest) = head.split_at(head.len() / 2);
    wire.send(begin).await;
    tokio::time::sleep(Duration::from_millis(700)).await;
    wire.send(rest).await;
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(200));
}

#[tokio::test]
async fn above_the_limit_on_connections_one_is_told_so() {
    let stand = Stand::embedded().setting("SERVER__CONNECTIONS_MAX", 5);
    let server = stand.start();
    let mut inside = Vec::new();
    for _ in 0..5 {
        let mut wire = Wire::connect(&server).await;
        assert_eq!(wire.get("/health/live").await.status, 200);
        inside.push(wire);
    }
    for _ in 0..20 {
        let mut outside = Wire::connect(&server).await;
        let _ = outside.try_send(&wire::request("GET", "/health/live", "", &Value::Null)).await;
        let reply = outside.reply().await.expect("an answer");
        assert_eq!((reply.status, reply.code()), (503, "too-many-connections"));
        assert_eq!((reply.header("retry-after"), reply.header("connection")), ("1", "close"));
        assert_eq!(reply.header("content-type"), "application/problem+json");
        crate::expect::document(&reply.body, 503, "too-many-connections");
        assert!(outside.is_closed_within(SOON).await, "a refused connection stays");
    }
    for wire in &mut inside {
        assert_eq!(wire.get("/health/live").await.status, 200);
    }
    let refused = metric(&mut inside[0], "lastunit_connections_refused_total").await;
    assert!((refused - 20.0).abs() < 0.5, "{refused}");
    // One leaves, one comes in.
    drop(inside.pop());
    let started = Instant::now();
    loop {
        let mut next = Wire::connect(&server).await;
        let _ = next.try_send(&wire::request("GET", "/health/live", "", &Value::Null)).await;
        if next.reply().await.is_some_and(|reply| reply.status == 200) {
            break;
        }
        assert!(started.elapsed() < SOON, "a free place is not given away");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_hold_nobody_up() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(100).await;
    let mut large = Vec::new();
    for _ in 0..20 {
        let mut wire = Wire::connect(&server).await;
        let fields = wire::header_fields(500, 1);
        let head = format!("GET / HTTP/1.1\r\n{fields}\r\n");
        let _ = wire.try_send(head.as_bytes()).await;
        large.push(wire);
    }
    assert_others_are_served(&server, product).await;
    for wire in &mut large {
        let reply = wire.reply().await.expect("an answer");
        assert_eq!((reply.status, reply.code()), (431, "head-too-large"));
        assert!(wire.is_closed_within(SOON).await);
    }
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut_off() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(100).await;
    let large = wire::request("GET", "/docs/swagger-ui-bundle.js", "", &Value::Null);
    let mut deaf = Vec::new();
    for _ in 0..5 {
        let mut wire = Wire::connect(&server).await;
        wire.send(&large.repeat(30)).await;
        deaf.push(wire);
    }
    assert_others_are_served(&server, product).await;
    let started = Instant::now();
    let mut wire = Wire::connect(&server).await;
    while metric(&mut wire, "lastunit_connections_timed_out_total").await < 5.0 {
        assert!(started.elapsed() < SOON * 2, "clients that do not read stay");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn clients_that_vanish_leave_the_books_in_order() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(1_000).await;
    for _ in 0..50 {
        // Gone without waiting for the answer, gone in the middle of the body, and gone before it.
        let whole = purchase(product);
        for sent in [whole.len(), whole.len() - 1, whole.len() / 2, 0] {
            let mut wire = Wire::connect(&server).await;
            wire.send(&whole[..sent]).await;
        }
        // Half gone: it has nothing more to say.
        let mut wire = Wire::connect(&server).await;
        wire.send(&whole[..whole.len() / 2]).await;
        wire.end_sending().await;
        assert!(wire.is_closed_within(SOON).await, "half a connection stays");
    }
    assert_others_are_served(&server, product).await;
    let (available, held, sold, stocked) = server.stock(product).await;
    assert_eq!((available + sold, held, stocked), (1_000, 0, 1_000));
    assert!((20..=70).contains(&sold), "{sold}");
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_client_that_ends_sending_still_gets_its_answer() {
    let stand = impatient();
    let server = stand.start();
    let product = server.create_product(10).await;
    let mut wire = Wire::connect(&server).await;
    wire.send(&purchase(product)).await;
    wire.end_sending().await;
    assert_eq!(wire.reply().await.map(|reply| reply.status), Some(201));
    assert!(wire.is_closed_within(SOON).await, "half a connection stays");
}
