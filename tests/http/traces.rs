//! Traces: spans of requests that a collector gets, and the line about a slow one that leads to its span.

use crate::expect;
use crate::support::collector::{Collector, attribute, hex};
use crate::support::{Answer, Server, Stand, client};
use serde_json::json;
use std::time::Duration;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";

/// A purchase of which its sender says this.
async fn buy(server: &Server, product: u64, traceparent: &str) -> Answer {
    let body = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let request = client().post(server.url("/api/v1/purchases")).json(&body);
    Answer::of(request.header("traceparent", traceparent)).await
}

/// Sends to this collector; chance chooses nothing, and nothing is slow.
fn sending_to(collector: &Collector) -> Stand {
    let stand = Stand::embedded().setting("TELEMETRY__OTLP_ENDPOINT", &collector.url);
    stand.setting("TELEMETRY__OTLP_SAMPLED_ONE_IN", 0).setting("TELEMETRY__SLOW_REQUEST_MS", 0)
}

#[tokio::test]
async fn a_request_goes_on_with_the_trace_of_its_sender() {
    let collector = Collector::start().await;
    let stand = sending_to(&collector);
    let server = stand.start();
    let product = server.create_product(5).await;
    let other = "a".repeat(32);
    expect::success(&buy(&server, product, &format!("00-{other}-{PARENT}-00")).await, 201);
    let bought = buy(&server, product, &format!("00-{TRACE}-{PARENT}-01")).await;
    expect::success(&bought, 201);
    let span = collector.span_of(TRACE).await;
    assert_eq!(hex(&span.parent_span_id), PARENT);
    assert_eq!(span.name, "POST /api/v1/purchases");
    assert_eq!(attribute(&span, "http.request.method"), "POST");
    assert_eq!(attribute(&span, "http.route"), "/api/v1/purchases");
    assert_eq!(attribute(&span, "http.response.status_code"), "201");
    assert_eq!(attribute(&span, "lastunit.request_id"), bought.header("x-request-id"));
    assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
    let traces: Vec<_> = collector.spans().iter().map(|span| hex(&span.trace_id)).collect();
    assert_eq!(traces, [TRACE], "only what was to be sampled is sent");
}

#[tokio::test]
async fn what_is_no_trace_is_served_all_the_same() {
    let collector = Collector::start().await;
    let stand = sending_to(&collector);
    let server = stand.start();
    let product = server.create_product(50).await;
    let (no_trace, no_span) = ("0".repeat(32), "0".repeat(16));
    for wrong in [
        String::new(),
        "00".to_owned(),
        "x".repeat(4_000),
        format!("00-{TRACE}-{PARENT}"),
        format!("00-{no_trace}-{PARENT}-01"),
        format!("00-{TRACE}-{no_span}-01"),
        format!("ff-{TRACE}-{PARENT}-01"),
        format!("00-{}-{PARENT}-01", "g".repeat(32)),
        format!("00-{TRACE}-{PARENT}-zz"),
    ] {
        expect::success(&buy(&server, product, &wrong).await, 201);
    }
    // Whatever was sent before comes before.
    let last = "b".repeat(32);
    expect::success(&buy(&server, product, &format!("00-{last}-{PARENT}-01")).await, 201);
    collector.span_of(&last).await;
    assert_eq!(collector.spans().len(), 1, "{:?}", collector.spans());
}

// The collector answers while the server is waited for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chance_chooses_where_nobody_has_decided() {
    let collector = Collector::start().await;
    let stand = Stand::embedded()
        .setting("TELEMETRY__OTLP_ENDPOINT", &collector.url)
        .setting("TELEMETRY__OTLP_SAMPLED_ONE_IN", 1);
    let server = stand.start();
    let product = server.create_product(5).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    // The end sends what is still gathered.
    assert!(server.stop().success());
    let names: Vec<_> = collector.spans().into_iter().map(|span| span.name).collect();
    assert_eq!(names, ["POST /api/v1/products", "POST /api/v1/purchases"]);
}

/// The line about the slow order.
fn slow_line(server: &Server) -> String {
    let log = server.log();
    let of_order =
        |line: &&str| line.contains("a request was slow") && line.contains("/api/v1/orders");
    let line = log.lines().find(of_order);
    line.unwrap_or_else(|| panic!("no line in {log}")).to_owned()
}

/// An order whose payment takes a while.
async fn order_slowly(server: &Server) -> Answer {
    let product = server.create_product(5).await;
    let order = json!({
        "customerId": "ann", "items": [{ "productId": product, "quantity": 1 }],
        "payment": { "method": "simulated", "token": "tok_ok" },
    });
    let answer = server.post("/api/v1/orders", order).await;
    expect::success(&answer, 201);
    answer
}

#[tokio::test]
async fn a_slow_request_is_found_in_the_log_and_has_a_trace() {
    let collector = Collector::start().await;
    let stand = sending_to(&collector)
        .setting("TELEMETRY__SLOW_REQUEST_MS", 400)
        .setting("PAYMENT__SIMULATED_LATENCY_MS", 600)
        .setting("TELEMETRY__LOG", "json");
    let server = stand.start();
    let answer = order_slowly(&server).await;
    let line = slow_line(&server);
    let line: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    assert_eq!(line["route"], "POST /api/v1/orders", "{line}");
    assert_eq!(line["request_id"], answer.header("x-request-id"), "{line}");
    assert!(line["milliseconds"].as_u64() >= Some(400), "{line}");
    let span = collector.span_of(line["trace_id"].as_str().expect("a trace")).await;
    assert_eq!(attribute(&span, "lastunit.request_id"), answer.header("x-request-id"));
    assert!(span.parent_span_id.is_empty(), "{span:?}");
}

#[tokio::test]
async fn without_a_collector_a_slow_request_is_told_of_without_a_trace() {
    let stand = Stand::embedded()
        .setting("TELEMETRY__SLOW_REQUEST_MS", 400)
        .setting("PAYMENT__SIMULATED_LATENCY_MS", 600);
    let server = stand.start();
    let answer = order_slowly(&server).await;
    let line = slow_line(&server);
    assert!(line.contains(answer.header("x-request-id")), "{line}");
    assert!(!line.contains("trace_id"), "{line}");
}

#[tokio::test]
async fn a_collector_that_is_away_harms_nobody() {
    // Nobody listens on this port.
    let stand = Stand::embedded()
        .setting("TELEMETRY__OTLP_ENDPOINT", "http://127.0.0.1:9")
        .setting("TELEMETRY__OTLP_SAMPLED_ONE_IN", 1);
    let server = stand.start();
    let product = server.create_product(5).await;
    let told = || server.log().matches("traces cannot be sent").count();
    for round in 0..100 {
        let bought = server.buy(product, 1, "ann").await;
        assert_eq!(bought.status, if round < 5 { 201 } else { 409 }, "{}", bought.text);
        if told() > 0 && round > 5 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(told(), 1, "{}", server.log());
    assert!(server.stop().success());
    stand.assert_audit();
}
