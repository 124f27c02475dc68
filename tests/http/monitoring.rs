//! Monitoring: what the server says of itself moves with what happens to it, grows into a history, and
//! raises alerts that are pushed to whoever follows them.

use crate::expect;
use crate::support::{Server, Stand, client};
use serde_json::{Value, json};
use std::time::Duration;

/// What a route shows as soon as it is as wanted; fails with the last answer when it never is.
async fn shows(server: &Server, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    for _ in 0..200 {
        let answer = server.get(path).await;
        expect::success(&answer, 200);
        if wanted(&answer.body) {
            return answer.body;
        }
        last = answer.body;
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{path} never shows it: {last:#}");
}

const METRICS: &str = "/api/v1/monitoring/metrics";
const HISTORY: &str = "/api/v1/monitoring/history";
const ALERTS: &str = "/api/v1/monitoring/alerts";
const BENCHMARK: &str = "/api/v1/monitoring/benchmark";

#[tokio::test]
async fn numbers_move_with_purchases() {
    let stand = Stand::embedded();
    let server = stand.start();
    let quiet = server.get(METRICS).await;
    expect::success(&quiet, 200);
    let quiet = quiet.body;
    assert_eq!(quiet["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(quiet["limitsEnabled"], false);
    assert_eq!(quiet["purchases"]["byResult"], json!({}));
    assert_eq!(quiet["latency"]["success"], json!({ "p50": null, "p95": null, "p99": null }));
    assert_eq!(quiet["stock"], json!([]));

    let window = json!({ "stock": 9, "opensAt": "2020-01-01T00:00:00Z" });
    let product = server.create(window).await;
    server.create_product(5).await;
    for customer in ["ann", "bob", "cleo"] {
        expect::success(&server.buy(product, 1, customer).await, 201);
    }
    expect::problem(&server.buy(product, 7, "dan").await, 409, "insufficient-stock");
    expect::success(&server.hold(product, 2, "eve", 600).await, 201);
    let row = json!({
        "productId": product, "saleId": null, "available": 4, "held": 2, "sold": 3
    });
    let busy = shows(&server, METRICS, |shown| {
        shown["stock"] == json!([row])
            && shown["purchases"]["byResult"].as_object().is_some_and(|results| results.len() == 2)
            && shown["latency"]["refusal"]["p50"].is_number()
            && shown["latency"]["success"]["p99"].is_number()
            && shown["holds"] == 1
    });
    let busy = busy.await;
    let results = busy["purchases"]["byResult"].as_object().expect("results");
    assert_eq!(results.keys().collect::<Vec<_>>(), ["insufficient-stock", "sold"]);
    let latency = |part: &str| busy["latency"]["success"][part].as_f64().expect("a time");
    assert!(0.0 < latency("p50") && latency("p50") <= latency("p95"), "{busy}");
    assert!(latency("p95") <= latency("p99"), "{busy}");
    assert!(busy["journal"]["commit"]["p99"].is_number(), "{busy}");
    assert!(busy["journal"]["eventsPerCommit"].as_f64().is_some_and(|events| events >= 1.0));
    assert_eq!(
        (&busy["journal"]["state"], &busy["projection"]["state"]),
        (&json!("ready"), &json!("following"))
    );
    assert!(busy["connections"].as_u64().is_some_and(|open| open >= 1), "{busy}");
    assert!(busy["process"]["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 1 << 20));
    assert!(busy["process"]["openFiles"].as_u64().is_some_and(|files| files > 3));
    // The seconds in which it happened are in the history, with as many sales as there were.
    let history = server.get(HISTORY).await.body;
    let samples = history["samples"].as_array().expect("samples");
    let total = |of: &dyn Fn(&Value) -> f64| samples.iter().map(of).sum::<f64>();
    assert!(total(&|sample| sample["purchases"]["soldPerSecond"].as_f64().expect("a rate")) > 1.0);
    assert!(
        total(&|sample| sample["purchases"]["refusedPerSecond"].as_f64().expect("a rate")) > 0.3
    );
    assert!(total(&|sample| sample["requests"]["perSecond"].as_f64().expect("a rate")) > 3.0);
}

#[tokio::test]
async fn a_queued_purchase_is_sold_in_its_turn() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let order = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let request = client().post(server.url("/api/v1/purchases")).json(&order);
    let answer = request.header("prefer", "respond-async").send().await.expect("an answer");
    assert_eq!(answer.status(), 202);
    shows(&server, HISTORY, |shown| {
        let sold = |sample: &Value| sample["purchases"]["soldPerSecond"].as_f64() > Some(0.0);
        shown["samples"].as_array().expect("samples").iter().any(sold)
    })
    .await;
}

#[tokio::test]
async fn history_grows_and_is_read_in_parts() {
    let stand = Stand::embedded();
    let server = stand.start();
    let long = |least: usize| {
        move |shown: &Value| shown["samples"].as_array().is_some_and(|all| all.len() >= least)
    };
    let first = shows(&server, HISTORY, long(2)).await;
    let later = shows(&server, &format!("{HISTORY}?window=60"), long(4)).await;
    assert_eq!((&first["stepSeconds"], &later["stepSeconds"]), (&json!(1), &json!(1)));
    let (first, all) = (
        first["samples"].as_array().expect("samples"),
        later["samples"].as_array().expect("samples"),
    );
    assert_eq!(first[..], all[..first.len()], "what is past does not change");
    let times: Vec<_> = all.iter().map(|sample| sample["at"].as_str().expect("a time")).collect();
    assert!(times.is_sorted() && later["from"].as_str().expect("a time") < times[0], "{times:?}");
    let newest = server.get(METRICS).await.body;
    assert!(newest["at"].as_str().expect("a time") >= times[times.len() - 1]);
}

#[tokio::test]
async fn a_bad_window_is_refused() {
    let stand = Stand::embedded();
    let server = stand.start();
    for window in ["0", "-1", "59", "3601", "99999999", "99999999999999999999999999999999999999999"]
    {
        let answer = server.get(&format!("{HISTORY}?window={window}")).await;
        let more = expect::problem(&answer, 422, "validation-failed");
        let message = "must be an integer from 60 to 3600";
        assert_eq!(more, json!({ "errors": [{ "field": "window", "message": message }] }));
    }
    for window in ["soon", "", "60.0", "1e3", "%2060", "0x40", "%FF"] {
        let answer = server.get(&format!("{HISTORY}?window={window}")).await;
        expect::problem(&answer, 400, "invalid-request");
    }
    let twice = server.get(&format!("{HISTORY}?window=60&window=90")).await;
    expect::problem(&twice, 400, "invalid-request");
    for window in ["60", "3600"] {
        expect::success(&server.get(&format!("{HISTORY}?window={window}")).await, 200);
    }
}

/// Follows topics, one value after the other.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn follow(server: &Server, topics: &str) -> Self {
        let response = client().get(server.url(&format!("/events?topics={topics}"))).send().await;
        let response = response.expect("an answer");
        assert_eq!(response.status(), 200);
        Self { response, text: String::new() }
    }

    /// The next value: its version, and what it says.
    async fn next(&mut self) -> (String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event.to_owned(), rest.to_owned());
                self.text = rest;
                let line = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                };
                if let (Some(id), Some(data)) = (line("id: "), line("data: ")) {
                    return (id, serde_json::from_str(&data).expect("JSON"));
                }
                continue;
            }
            let chunk = self.response.chunk().await.expect("a stream").expect("no end");
            self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
    }
}

#[tokio::test]
async fn the_last_unit_raises_an_alert_that_is_pushed() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(2).await;
    let mut events = Events::follow(&server, "alerts").await;
    let (_, first) = events.next().await;
    assert_eq!((&first["type"], &first["topic"]), (&json!("value"), &json!("alerts")));
    assert_eq!(first["data"], json!({ "active": [], "recent": [] }));
    expect::success(&server.buy(product, 2, "ann").await, 201);
    let (id, pushed) = events.next().await;
    let (version, _) = id.rsplit_once('.').expect("a version and a topic");
    assert_eq!(pushed["version"], version);
    let alert = &pushed["data"]["active"][0];
    let subject = format!("product {product}");
    assert_eq!((&alert["name"], &alert["severity"]), (&json!("sold-out"), &json!("info")));
    assert_eq!(alert["subject"], subject);
    assert_eq!(alert["message"], format!("{subject} is sold out"));
    assert!(alert["since"].is_string() && alert.get("until").is_none(), "{alert}");
    assert_eq!(server.get(ALERTS).await.body, pushed["data"], "both say the same");
    // There are some again: it is over, and stays on the list of what was.
    let more = json!({ "delta": 3, "reason": "delivery" });
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let answer = server.post(&path, more).await;
    assert!(answer.status < 300, "{}", answer.text);
    let (_, over) = events.next().await;
    assert_eq!(over["data"]["active"], json!([]));
    let recent = &over["data"]["recent"][0];
    assert_eq!((&recent["name"], &recent["since"]), (&alert["name"], &alert["since"]));
    assert!(recent["until"].as_str() >= recent["since"].as_str(), "{recent}");
}

#[tokio::test]
async fn a_sale_that_is_sold_out_is_named() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(9).await;
    let price = json!({ "amount": 500, "currency": "USD" });
    let sale = json!({
        "name": "drop", "startsAt": expect::from_now(0), "endsAt": expect::from_now(600_000),
        "products": [{ "productId": product, "price": price, "units": 2, "limitPerCustomer": 2 }]
    });
    let sale = server.post("/api/v1/sales", sale).await;
    expect::success(&sale, 201);
    let sale = sale.body["saleId"].as_u64().expect("a sale");
    let mut answer = server.buy(product, 2, "ann").await;
    for _ in 0..100 {
        if answer.status == 201 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        answer = server.buy(product, 2, "ann").await;
    }
    expect::success(&answer, 201);
    let shown = shows(&server, ALERTS, |shown| shown["active"][0]["name"] == "sold-out").await;
    let message = format!("product {product} is sold out in sale {sale}");
    assert_eq!(shown["active"][0]["message"], message);
    // Seven units are left, but not for whoever buys now.
    let row = json!({
        "productId": product, "saleId": sale, "available": 0, "held": 0, "sold": 2
    });
    shows(&server, METRICS, |shown| shown["stock"] == json!([row])).await;
}

#[tokio::test]
async fn numbers_are_pushed_every_second() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut events = Events::follow(&server, "metrics").await;
    let mut last = (String::new(), String::new());
    for _ in 0..3 {
        let (version, value) = events.next().await;
        assert_eq!(value["topic"], "metrics");
        let at = value["data"]["at"].as_str().expect("a time").to_owned();
        assert!(at > last.0 && version > last.1, "{at} {version} {last:?}");
        // Whoever follows is among the numbers, a second later.
        last = (at, version);
    }
    shows(&server, METRICS, |shown| shown["live"]["clients"] == 1).await;
}

#[tokio::test]
async fn the_last_benchmark_report_is_shown() {
    let stand = Stand::embedded();
    let server = stand.start();
    let none = server.get(BENCHMARK).await;
    expect::problem(&none, 404, "benchmark-not-found");
    let file = stand.data_dir().join("benchmark.json");
    let report = json!({ "rounds": 3, "results": [{ "name": "lastunit", "perSecond": 1.5 }] });
    std::fs::write(&file, report.to_string()).expect("a file");
    let answer = server.get(BENCHMARK).await;
    expect::success(&answer, 200);
    assert_eq!(answer.body, report);
    // What is no report is not shown, and its place is nobody's business.
    for nonsense in ["", "{\"rounds\": 3", "[1]", "\u{0}"] {
        std::fs::write(&file, nonsense).expect("a file");
        let answer = server.get(BENCHMARK).await;
        expect::problem(&answer, 404, "benchmark-not-found");
        assert!(!answer.text.contains("benchmark.json"), "{}", answer.text);
    }
    std::fs::write(&file, " ".repeat(4 * 1024 * 1024 + 1)).expect("a file");
    expect::problem(&server.get(BENCHMARK).await, 404, "benchmark-not-found");
    std::fs::remove_file(&file).expect("a file");
    std::fs::create_dir(&file).expect("a folder");
    expect::problem(&server.get(BENCHMARK).await, 404, "benchmark-not-found");
    assert!(server.log().contains("benchmark.json"), "whoever runs it is told which file");
    server.stop();
    // Another place for it.
    let elsewhere = stand.folder.path().join("elsewhere.json");
    std::fs::write(&elsewhere, report.to_string()).expect("a file");
    let stand = stand.setting("MONITORING__BENCHMARK_FILE", elsewhere.display());
    assert_eq!(stand.start().get(BENCHMARK).await.body, report);
}

/// Who watches a server that has too much to do must see it.
#[tokio::test]
async fn numbers_and_alerts_are_not_limited() {
    let stand = Stand::embedded()
        .setting("LIMITS__ENABLED", true)
        .setting("LIMITS__ADDRESS_READING_PER_SECOND", 1)
        .setting("LIMITS__ADDRESS_READING_BURST", 2);
    let server = stand.start();
    for _ in 0..20 {
        for path in [METRICS, ALERTS] {
            expect::success(&server.get(path).await, 200);
        }
    }
    assert_eq!(server.get(METRICS).await.body["limitsEnabled"], true);
    let mut refused = 0;
    for _ in 0..5 {
        refused += u32::from(server.get(HISTORY).await.status == 429);
    }
    assert!(refused > 0, "history is a list like any other");
}
