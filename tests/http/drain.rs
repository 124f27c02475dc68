//! Drain: a server that is told to end answers what is in flight, closes what is idle, takes nothing
//! new, and ends with exit status 0; a second signal or the deadline ends it at once.

use crate::support::{Server, Stand};
use crate::wire::{self, Wire};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const SOON: Duration = Duration::from_secs(5);

fn purchase(product: u64, customer: &str, key: &str) -> Vec<u8> {
    let body = json!({ "productId": product, "quantity": 1, "customerId": customer });
    wire::request("POST", "/api/v1/purchases", key, &body)
}

/// A request of which the last byte has not come yet; the server has begun to read it.
async fn half_a_purchase(server: &Server, product: u64) -> (Wire, Vec<u8>) {
    let whole = purchase(product, "ann", "slow");
    let mut wire = Wire::connect(server).await;
    wire.send(&whole[..whole.len() - 1]).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    (wire, whole[whole.len() - 1..].to_vec())
}

#[tokio::test]
async fn what_is_in_flight_is_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let stand = Stand::embedded();
        let mut server = stand.start();
        let product = server.create_product(5).await;
        let (mut in_flight, rest) = half_a_purchase(&server, product).await;
        let mut idle = Wire::connect(&server).await;
        assert_eq!(idle.get("/health/live").await.status, 200);
        server.signal(signal);
        assert!(idle.is_closed_within(SOON).await, "an idle connection stays");
        let started = Instant::now();
        while Wire::try_connect(&server).await.is_ok() {
            assert!(started.elapsed() < SOON, "a stopping server takes new connections");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        in_flight.send(&rest).await;
        let reply = in_flight.reply().await.expect("an answer");
        assert_eq!(reply.status, 201, "{}", reply.text);
        assert!(in_flight.is_closed_within(SOON).await, "an answered connection stays");
        assert!(server.wait_for_end(SOON).success());
        assert!(server.log().contains("stopped"), "{}", server.log());
        let server = stand.start();
        let again = server
            .post_with_key(
                "/api/v1/purchases",
                json!({
                    "productId": product, "quantity": 1, "customerId": "ann"
                }),
                "slow",
            )
            .await;
        assert_eq!((again.status, &again.body), (201, &reply.body));
        assert_eq!(server.stock(product).await, (4, 0, 1, 5));
        drop(server);
        stand.assert_audit();
    }
}

#[tokio::test]
async fn a_second_signal_ends_it_at_once() {
    let stand = Stand::embedded()
        .setting("SERVER__DRAIN_TIMEOUT_MS", 60_000)
        .setting("SERVER__BODY_TIMEOUT_MS", 60_000);
    let mut server = stand.start();
    let product = server.create_product(5).await;
    let (mut in_flight, _) = half_a_purchase(&server, product).await;
    server.signal(Signal::TERM);
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!in_flight.is_closed_within(Duration::from_millis(100)).await, "it waits");
    server.signal(Signal::TERM);
    assert!(server.wait_for_end(SOON).success());
    assert!(in_flight.is_closed_within(SOON).await);
    stand.assert_audit();
}

#[tokio::test]
async fn the_deadline_ends_it() {
    let stand = Stand::embedded()
        .setting("SERVER__DRAIN_TIMEOUT_MS", 300)
        .setting("SERVER__BODY_TIMEOUT_MS", 60_000);
    let mut server = stand.start();
    let product = server.create_product(5).await;
    let (mut in_flight, _) = half_a_purchase(&server, product).await;
    let started = Instant::now();
    server.signal(Signal::TERM);
    assert!(server.wait_for_end(SOON).success());
    assert!(started.elapsed() >= Duration::from_millis(300), "{:?}", started.elapsed());
    assert!(in_flight.is_closed_within(SOON).await);
    assert!(server.log().contains("that were left are dropped"), "{}", server.log());
    stand.assert_audit();
}

/// Buys until the server is gone. Gives how many purchases were answered and how many were not.
async fn buy_until_the_end(mut wire: Wire, product: u64, customer: String) -> (u64, u64) {
    for answered in 0.. {
        if wire.try_send(&purchase(product, &customer, &format!("{answered}"))).await.is_err() {
            return (answered, 1);
        }
        match wire.reply().await {
            Some(reply) if reply.status == 201 => {}
            Some(reply) => {
                // It had come too late to be decided, and was told so.
                assert_eq!((reply.status, reply.code()), (503, "not-owner"), "{}", reply.text);
                return (answered, 0);
            }
            None => return (answered, 1),
        }
    }
    unreachable!("somebody bought for ever")
}

#[tokio::test]
async fn a_crowd_is_drained_without_a_wrong_answer() {
    let stand = Stand::embedded();
    let mut server = stand.start();
    let product = server.create_product(1_000_000).await;
    let mut crowd = JoinSet::new();
    for number in 0..50 {
        let wire = Wire::connect(&server).await;
        crowd.spawn(buy_until_the_end(wire, product, format!("buyer-{number}")));
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    server.signal(Signal::TERM);
    let counts = crowd.join_all().await;
    assert!(server.wait_for_end(SOON * 2).success(), "{}", server.log());
    let (answered, unanswered) =
        counts.iter().fold((0, 0), |sum, count| (sum.0 + count.0, sum.1 + count.1));
    assert!(answered >= 50, "{answered}");
    let server = Arc::new(stand.start());
    let (_, held, sold, _) = server.stock(product).await;
    assert_eq!(held, 0);
    assert!((answered..=answered + unanswered).contains(&sold), "{answered} {unanswered} {sold}");
    let listed = server.get("/api/v1/orders?customerId=buyer-0&limit=100").await;
    assert_ne!(listed.body["data"], Value::Array(Vec::new()), "{}", listed.text);
    drop(server);
    stand.assert_audit();
}
