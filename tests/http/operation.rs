//! Operation: health, numbers, the description of the API and the page to try it at; and what is
//! answered while the database for queries is away.

use crate::expect;
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const ROUTES: &str = include_str!("../../src/http/routes.rs");
/// For people, and not in the description.
const PAGES: [&str; 5] = ["/docs", "/openapi.json", "/admin", "/monitor", "/assets"];
const METRIC_NAMES: &str = include_str!("../../src/telemetry/names.rs");

#[tokio::test]
async fn health_tells_how_every_part_is() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut health = server.get("/health").await;
    for _ in 0..100 {
        if health.body["status"] == "ok" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        health = server.get("/health").await;
    }
    expect::success(&health, 200);
    let lag = &health.body["checks"]["projection"]["lagSeconds"];
    assert!(lag.as_f64().is_some_and(|lag| lag >= 0.0), "{}", health.text);
    let expected = json!({
        "status": "ok", "version": env!("CARGO_PKG_VERSION"), "limits": "off", "checks": {
            "engine": { "status": "ok" },
            "projection": { "status": "ok", "lagSeconds": lag },
            "carts": { "status": "ok" },
        },
    });
    assert_eq!(health.body, expected);
    for path in ["/health/live", "/health/ready"] {
        let answer = server.get(path).await;
        expect::success(&answer, 200);
        assert_eq!(answer.body, json!({ "status": "ok" }));
    }
}

/// Every name in the file of names.
fn documented() -> BTreeSet<&'static str> {
    METRIC_NAMES.split('"').filter(|text| text.starts_with("lastunit_")).collect()
}

/// The value of one line; `None` where there is none.
fn value(text: &str, series: &str) -> Option<f64> {
    let line =
        text.lines().find(|line| line.rsplit_once(' ').is_some_and(|(name, _)| name == series));
    line.and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

/// A little of everything.
async fn trade(server: &Server) -> u64 {
    let window = json!({
        "stock": 10, "opensAt": "2020-01-01T00:00:00Z", "closesAt": "2999-01-01T00:00:00Z",
    });
    let product = server.create(window).await;
    let order = json!({ "productId": product, "quantity": 1, "customerId": "secretive" });
    for _ in 0..2 {
        server.post_with_key("/api/v1/purchases", order.clone(), "once").await;
    }
    expect::success(&server.hold(product, 1, "secretive", 1).await, 201);
    expect::success(&server.hold(product, 2, "secretive", 600).await, 201);
    let kept = server.hold(product, 1, "secretive", 600).await;
    let confirm = format!(
        "/api/v1/reservations/{}/confirm",
        kept.body["reservationId"].as_str().expect("an id")
    );
    expect::success(&server.post(&confirm, json!({})).await, 200);
    expect::problem(&server.buy(product, 10, "bob").await, 409, "insufficient-stock");
    expect::problem(&server.buy(product + 1, 1, "bob").await, 404, "product-not-found");
    expect::problem(&server.get("/nowhere").await, 404, "route-not-found");
    product
}

/// A sale in which one unit is sold: the sale and its product.
async fn sell_in_a_sale(server: &Server) -> (u64, u64) {
    let product = server.create_product(10).await;
    let price = json!({ "amount": 450, "currency": "USD" });
    let part = json!({ "productId": product, "price": price, "units": 5 });
    let (starts_at, ends_at) = ("2020-01-01T00:00:00Z", expect::from_now(600_000));
    let body = json!({
        "name": "night", "startsAt": starts_at, "endsAt": ends_at, "products": [part],
    });
    let created = server.post("/api/v1/sales", body).await;
    expect::success(&created, 201);
    expect::success(&server.buy(product, 1, "secretive").await, 201);
    (created.body["saleId"].as_u64().expect("a sale id"), product)
}

#[tokio::test]
async fn every_metric_is_there_after_some_trade() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = trade(&server).await;
    let (sale, part) = sell_in_a_sale(&server).await;
    let of_product = |name: &str| format!("lastunit_stock_{name}{{product=\"{product}\"}}");
    let available = of_product("available");
    let of_sale = |name: &str, more: &str| {
        format!("lastunit_sale_{name}{{sale=\"{sale}\",product=\"{part}\"{more}}}")
    };
    let revenue = of_sale("revenue_minor_units", ",currency=\"USD\"");
    let mut text = String::new();
    for _ in 0..200 {
        let answer = server.get("/metrics").await;
        assert_eq!(answer.status, 200);
        assert!(answer.header("content-type").starts_with("text/plain; version=0.0.4"));
        text = answer.text;
        let expired = value(&text, "lastunit_holds_expired_total") == Some(1.0);
        // Gauges follow once a second.
        if expired
            && value(&text, &available) == Some(6.0)
            && value(&text, "lastunit_holds_active") == Some(1.0)
            && value(&text, &revenue) == Some(450.0)
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (series, expected) in [
        (r#"lastunit_purchases_total{result="sold"}"#, 2.0),
        (r#"lastunit_purchases_total{result="replayed"}"#, 1.0),
        (r#"lastunit_purchases_total{result="insufficient-stock"}"#, 1.0),
        (r#"lastunit_purchases_total{result="product-not-found"}"#, 1.0),
        (r#"lastunit_purchases_total{result="sold-out"}"#, 0.0),
        (r#"lastunit_reservations_total{result="held"}"#, 3.0),
        ("lastunit_units_sold_total", 3.0),
        (r#"lastunit_request_seconds_count{route="POST /api/v1/purchases",status="201"}"#, 3.0),
        (r#"lastunit_request_seconds_count{route="POST /api/v1/purchases",status="409"}"#, 1.0),
        (r#"lastunit_request_seconds_count{route="unknown route",status="404"}"#, 1.0),
        ("lastunit_holds_active", 1.0),
        ("lastunit_holds_expired_total", 1.0),
        ("lastunit_actors_active", 2.0),
        ("lastunit_inflight_commands", 0.0),
        ("lastunit_handler_panics_total", 0.0),
        ("lastunit_batch_events_sum", 10.0),
        ("lastunit_projection_events_total", 10.0),
        (available.as_str(), 6.0),
        (of_product("held").as_str(), 2.0),
        (of_product("sold").as_str(), 2.0),
        ("lastunit_stock_mismatches", 0.0),
        (of_sale("units", "").as_str(), 5.0),
        (of_sale("sold", "").as_str(), 1.0),
        (revenue.as_str(), 450.0),
    ] {
        assert_eq!(value(&text, series), Some(expected), "{series} in\n{text}");
    }
    let commits = value(&text, "lastunit_commit_seconds_count");
    assert!(commits.is_some_and(|commits| commits >= 1.0), "{text}");
    assert!(value(&text, "lastunit_connections").is_some_and(|open| open >= 1.0), "{text}");
    assert_process(&text);
    assert!(!text.contains("secretive"), "a customer in the metrics");
    assert_names(&text);
}

/// What the system says of the process.
fn assert_process(text: &str) {
    let number = |name: &str| value(text, &format!("lastunit_process_{name}")).unwrap_or_default();
    assert!(number("cpu_seconds_total") > 0.0, "{text}");
    assert!(number("resident_bytes") > 1e6, "{text}");
    assert!(number("open_files") >= 5.0, "{text}");
    assert!(number("open_files_max") >= number("open_files"), "{text}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64();
    let age = now - number("start_time_seconds");
    assert!((0.0..3_600.0).contains(&age), "{age}");
    let version = format!("lastunit_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert_eq!(value(text, &version), Some(1.0), "{text}");
}

#[tokio::test]
async fn a_server_is_asked_for_its_health_by_the_program_itself() {
    let stand = Stand::embedded();
    let server = stand.start();
    let address = server.base.trim_start_matches("http://").to_owned();
    let ask = || {
        let mut command = stand.command(&["health"]);
        let output = command.env("LASTUNIT_SERVER__LISTEN", &address).output().expect("it runs");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    assert_eq!(ask(), (Some(0), String::new()));
    assert!(server.stop().success());
    let (code, said) = ask();
    assert_eq!(code, Some(1));
    assert!(said.contains(&format!("the server at {address} does not answer")), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    let mut nowhere = stand.command(&["health"]);
    let output = nowhere.env("LASTUNIT_SERVER__LISTEN", "127.0.0.1:0").output().expect("it runs");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("server.listen has port 0"));
}

/// The products whose stock is shown.
fn shown_products(text: &str) -> BTreeSet<u64> {
    let lines = text.lines().filter_map(|line| {
        let product = line.strip_prefix("lastunit_stock_available{product=\"")?.split('"').next();
        product?.parse().ok()
    });
    lines.collect()
}

/// The places are few, so whoever has sold out of time must leave its own to another.
#[tokio::test]
async fn stock_is_shown_of_the_newest_sales_that_are_open() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut products = Vec::new();
    for _ in 0..105 {
        let window = json!({ "stock": 3, "opensAt": "2020-01-01T00:00:00Z" });
        products.push(server.create(window).await);
    }
    let closing = json!({ "stock": 3, "closesAt": expect::from_now(10_000) });
    let closing = server.create(closing).await;
    server.create(json!({ "stock": 3, "opensAt": "2999-01-01T00:00:00Z" })).await;
    server.create_product(3).await;
    let newest = |count: usize| products.iter().rev().take(count).copied();
    for expected in [
        newest(99).chain([closing]).collect::<BTreeSet<_>>(),
        // Its place is given to the next one when its sale is over.
        newest(100).collect(),
    ] {
        let mut shown = BTreeSet::new();
        for _ in 0..400 {
            shown = shown_products(&server.get("/metrics").await.text);
            if shown == expected {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(shown, expected);
    }
}

/// Fails unless the text has exactly the documented metrics, each with help and type.
fn assert_names(text: &str) {
    for kind in ["# HELP ", "# TYPE "] {
        let named: BTreeSet<_> =
            text.lines().filter_map(|line| line.strip_prefix(kind)?.split(' ').next()).collect();
        assert_eq!(named, documented(), "{kind}");
    }
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap_or_default();
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end));
        let known =
            documented().contains(name) || base.is_some_and(|base| documented().contains(base));
        assert!(known, "{line}");
    }
}

/// What the table of routes has, as `GET /path`, without the pages and what describes the rest.
fn routed() -> BTreeSet<String> {
    let lines = ROUTES.lines().filter(|line| line.trim_start().starts_with(".route("));
    lines
        .map(|line| {
            let mut texts = line.split('"').skip(1).step_by(2);
            let (path, name) = (texts.next().expect("a path"), texts.next().expect("a name"));
            let (method, named) = name.split_once(' ').expect("method and path");
            assert!(path.starts_with(named), "{line}");
            format!("{method} {path}")
        })
        .filter(|route| !PAGES.iter().any(|page| route.starts_with(&format!("GET {page}"))))
        .filter(|route| route != "GET /")
        .collect()
}

#[tokio::test]
async fn the_description_lists_every_route() {
    let stand = Stand::embedded();
    let server = stand.start();
    let answer = server.get("/openapi.json").await;
    expect::success(&answer, 200);
    let document = &answer.body;
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.")));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    let mut described = BTreeSet::new();
    let mut names = BTreeSet::new();
    for (path, methods) in document["paths"].as_object().expect("paths") {
        for (method, operation) in methods.as_object().expect("methods") {
            described.insert(format!("{} {path}", method.to_uppercase()));
            let name = operation["operationId"].as_str().expect("an operationId");
            assert!(names.insert(name), "{name} twice");
            let statuses: Vec<_> =
                operation["responses"].as_object().expect("responses").keys().collect();
            // A WebSocket begins with 101.
            let succeeds = |status: &&String| status.starts_with('2') || *status == "101";
            assert!(statuses.iter().any(succeeds), "{name}: {statuses:?}");
            let parameters = operation["parameters"].as_array().map_or(0, Vec::len);
            assert!(parameters >= path.matches('{').count(), "{name}");
            assert_eq!(operation["tags"].as_array().map(Vec::len), Some(1), "{name}");
        }
    }
    assert_eq!(described, routed());
    let mut references = Vec::new();
    collect_references(document, &mut references);
    assert!(references.len() > 20, "{references:?}");
    for reference in references {
        let pointer = reference.trim_start_matches('#');
        assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

fn collect_references(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            references.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
            for value in object.values() {
                collect_references(value, references);
            }
        }
        Value::Array(values) => {
            for value in values {
                collect_references(value, references);
            }
        }
        _ => {}
    }
}

#[tokio::test]
async fn the_page_to_try_it_is_inside() {
    let stand = Stand::embedded();
    let server = stand.start();
    // The client follows `/docs` to `/docs/`.
    for path in ["/docs", "/docs/", "/docs/index.html"] {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(page.text.contains("swagger-ui"), "{path}");
        // It works without the Internet.
        assert!(!page.text.contains("https://"), "{}", page.text);
    }
    let script = server.get("/docs/swagger-initializer.js").await;
    assert!(script.text.contains("\"/openapi.json\""), "{}", script.text);
    for path in ["/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js"] {
        let file = server.get(path).await;
        assert!(file.status == 200 && file.text.len() > 10_000, "{path}");
    }
    for path in ["/docs/nothing", "/docs/..%2FCargo.toml", "/docs/%FF"] {
        expect::problem(&server.get(path).await, 404, "route-not-found");
    }
}

#[tokio::test]
async fn the_sale_goes_on_without_the_database() {
    // Nobody listens on this port.
    let stand = Stand::embedded().argument("--database-url=postgres://shop@127.0.0.1:9/shop");
    let server = stand.start();
    let product = server.create_product(5).await;
    let bought = server.buy(product, 1, "ann").await;
    expect::success(&bought, 201);
    assert_eq!(server.stock(product).await, (4, 0, 1, 5));
    let order = bought.body["orderId"].as_str().expect("an id");
    let paths = ["/api/v1/orders?customerId=ann", &format!("/api/v1/orders/{order}")];
    for path in paths {
        let answer = server.get(path).await;
        assert_eq!(expect::problem(&answer, 503, "database-unavailable"), json!({}), "{path}");
    }
    let health = server.get("/health").await;
    expect::success(&health, 200);
    assert_eq!(
        (&health.body["status"], &health.body["checks"]["engine"]["status"]),
        (&json!("degraded"), &json!("ok"))
    );
    let projection = &health.body["checks"]["projection"];
    assert_eq!(projection["status"], "degraded");
    assert!(projection["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{projection}");
    assert_eq!(server.get("/health/ready").await.status, 200);
    assert!(server.stop().success());
}
