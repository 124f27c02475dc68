//! Rate limits: who asks too often is told so, and nobody else feels it; who is asked to be counted for
//! another cannot be; and under load purchases go first.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use crate::unavailable::Stopped;
use serde_json::{Value, json};
use sqlx::postgres::PgPoolOptions;
use std::sync::Arc;
use std::time::Duration;
use throwaway::Postgres;

/// More requests than any burst here, in less time than any of them needs to come back.
const MANY: usize = 60;

/// A route of the budget for reading that needs no store.
const ALWAYS_THERE: &str = "/openapi.json";

/// With limits, of which only the named ones can be reached, and where no slow machine counts as load.
fn limited(settings: &[(&str, u64)]) -> Stand {
    let mut stand = Stand::embedded()
        .setting("LIMITS__ENABLED", true)
        .setting("LIMITS__OVERLOAD_LAG_MS", 0)
        .setting("LIMITS__ADDRESS_BUYING_PER_SECOND", 0)
        .setting("LIMITS__CUSTOMER_BUYING_PER_SECOND", 0);
    for (name, value) in settings {
        stand = stand.setting(&format!("LIMITS__{name}"), value);
    }
    stand
}

/// Asks until it is too often; gives that answer, and how many passed before.
async fn until_limited(mut ask: impl AsyncFnMut(usize) -> Answer) -> (Answer, usize) {
    for count in 0..MANY {
        let answer = ask(count).await;
        if answer.status == 429 {
            return (answer, count);
        }
    }
    panic!("nobody is limited");
}

#[track_caller]
fn assert_limited(answer: &Answer, limit: &str, budget: &str, burst: usize) {
    let members = expect::problem(answer, 429, "rate-limited");
    assert_eq!(members, json!({ "limitedBy": limit, "budget": budget }));
    let name = format!("\"{limit}-{budget}\"");
    let wait = answer.header("retry-after");
    assert_eq!(answer.header("ratelimit"), format!("{name};r=0;t={wait}"));
    assert_eq!(answer.header("ratelimit-policy"), format!("{name};q={burst};w={burst}"));
}

/// What `/metrics` shows; `None` where it does not.
async fn counted(server: &Server, series: &str) -> Option<f64> {
    let text = server.get("/metrics").await.text;
    let value = text.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    value.and_then(|value| value.parse().ok())
}

#[tokio::test]
async fn an_address_has_a_budget_for_each_kind_of_request() {
    let stand = limited(&[
        ("ADDRESS_BUYING_PER_SECOND", 1),
        ("ADDRESS_BUYING_BURST", 4),
        ("ADDRESS_READING_PER_SECOND", 1),
        ("ADDRESS_READING_BURST", 8),
    ]);
    let server = stand.start();
    let product = server.create_product(1_000).await;
    let mut told = 0;
    let (refused, passed) = until_limited(async |count| {
        let answer = server.buy(product, 1, &format!("customer-{count}")).await;
        told += usize::from(answer.status == 201 && !answer.header("ratelimit").is_empty());
        answer
    })
    .await;
    assert_limited(&refused, "address", "buying", 4);
    assert!((4..MANY).contains(&passed) && (1..passed).contains(&told), "{passed}, {told} told");
    // The other budget is its own, and so are the routes that are in none.
    let stock = format!("/api/v1/products/{product}/stock");
    let (sold, _) = (server.get(&stock).await, server.get(&stock).await);
    assert_eq!(sold.body["sold"], passed, "what was refused has bought nothing");
    let (refused, _) = until_limited(async |_| server.get(&stock).await).await;
    assert_limited(&refused, "address", "reading", 8);
    assert_eq!(server.get("/nowhere").await.status, 429, "what is not there costs as well");
    for path in ["/health", "/health/live", "/health/ready", "/metrics"] {
        for _ in 0..20 {
            assert_eq!(server.get(path).await.status, 200, "{path}");
        }
    }
    assert_eq!(server.get("/health").await.body["limits"], "on");
    let series = r#"lastunit_rate_limited_total{limit="address",budget="buying"}"#;
    assert_eq!(counted(&server, series).await, Some(1.0));
    let (ours, status) = (r#"route="POST /api/v1/purchases""#, r#"status="429""#);
    let series = format!("lastunit_request_seconds_count{{{ours},{status}}}");
    assert_eq!(counted(&server, &series).await, Some(1.0));
}

#[tokio::test]
async fn who_is_signed_in_stays_so_while_others_sign_in() {
    let stand = limited(&[("ADDRESS_SIGNING_IN_PER_SECOND", 1), ("ADDRESS_SIGNING_IN_BURST", 4)]);
    let stand = stand.setting("AUTH__MODE", "jwt");
    let server = stand.start();
    let post = async |path: &str, body: Value| {
        Answer::of(client().post(server.url(path)).json(&body)).await
    };
    let ann = json!({"email": "ann@example.com", "password": "correct horse battery"});
    let registered = post("/api/v1/auth/register", ann).await;
    assert_eq!(registered.status, 201, "{}", registered.text);
    let mut refresh = registered.body["refreshToken"].clone();
    let (refused, _) = until_limited(async |_| post("/api/v1/auth/login", json!({})).await).await;
    assert_limited(&refused, "address", "signing-in", 4);
    for _ in 0..10 {
        let answer = post("/api/v1/auth/refresh", json!({ "refreshToken": refresh })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        refresh = answer.body["refreshToken"].clone();
    }
}

#[tokio::test]
async fn customers_and_products_are_limited_wherever_they_buy() {
    let stand = limited(&[("CUSTOMER_BUYING_PER_SECOND", 1), ("CUSTOMER_BUYING_BURST", 3)]);
    let server = stand.start();
    let product = server.create_product(1_000).await;
    let items = json!([{ "productId": product, "quantity": 1 }]);
    let payment = json!({ "method": "simulated", "token": "tok_ok" });
    let order = json!({ "customerId": "cat", "items": items, "payment": payment });
    let (refused, _) = until_limited(async |_| server.buy(product, 1, "ann").await).await;
    assert_limited(&refused, "customer", "buying", 3);
    let (refused, _) = until_limited(async |_| server.hold(product, 1, "bob", 60).await).await;
    assert_limited(&refused, "customer", "buying", 3);
    let (refused, _) =
        until_limited(async |_| server.post("/api/v1/orders", order.clone()).await).await;
    assert_limited(&refused, "customer", "buying", 3);
    expect::success(&server.buy(product, 1, "dan").await, 201);

    let stand = limited(&[("PRODUCT_BUYING_PER_SECOND", 1), ("PRODUCT_BUYING_BURST", 5)]);
    let server = stand.start();
    let (product, other) = (server.create_product(1_000).await, server.create_product(5).await);
    let (refused, _) =
        until_limited(async |count| server.buy(product, 1, &format!("c-{count}")).await).await;
    assert_limited(&refused, "product", "buying", 5);
    expect::success(&server.buy(other, 1, "ann").await, 201);
}

#[tokio::test]
async fn the_whole_server_has_a_limit_too() {
    let stand = limited(&[("SERVER_BUYING_PER_SECOND", 1), ("SERVER_BUYING_BURST", 6)]);
    let server = stand.start();
    let product = server.create_product(1_000).await;
    let (refused, _) =
        until_limited(async |count| server.buy(product, 1, &format!("c-{count}")).await).await;
    assert_limited(&refused, "server", "buying", 6);
    assert_eq!(server.get(ALWAYS_THERE).await.status, 200);
}

/// A GET with these headers.
async fn get_with(server: &Server, headers: &[(&str, String)]) -> Answer {
    let mut request = client().get(server.url(ALWAYS_THERE));
    for (name, value) in headers {
        request = request.header(*name, value);
    }
    Answer::of(request).await
}

#[tokio::test]
async fn nobody_gets_another_address_by_saying_so() {
    let reading = [("ADDRESS_READING_PER_SECOND", 1), ("ADDRESS_READING_BURST", 5)];
    let server_of = |stand: Stand| stand.start();
    // Nobody is trusted: whatever is sent, it is one address.
    let stand = limited(&reading);
    let server = stand.start();
    let spoofed = async |count: usize| {
        let address = format!("192.0.2.{count}");
        let lines = [
            ("x-forwarded-for", address.clone()),
            ("x-forwarded-for", format!("{address}, 198.51.100.{count}")),
            ("forwarded", format!("for={address}")),
            ("x-real-ip", address.clone()),
            ("true-client-ip", address),
        ];
        get_with(&server, &lines).await
    };
    let (refused, _) = until_limited(spoofed).await;
    assert_limited(&refused, "address", "reading", 5);

    // We stand for a trusted proxy: what it appended counts, and not what its client wrote before it.
    let stand = limited(&reading).setting("SERVER__TRUSTED_PROXIES", "127.0.0.0/8, 10.0.0.0/8");
    let server = server_of(stand);
    let from = async |line: String| get_with(&server, &[("x-forwarded-for", line)]).await;
    for count in 0..MANY {
        assert_eq!(from(format!("192.0.2.{count}")).await.status, 200, "an address of its own");
    }
    let (refused, _) =
        until_limited(async |count| from(format!("192.0.2.{count}, 198.51.100.1, 10.1.1.1")).await)
            .await;
    assert_limited(&refused, "address", "reading", 5);
    // One line of IPv6 has a whole /64.
    let (refused, _) =
        until_limited(async |count| from(format!("[2001:db8:1:2::{count:x}]:4711")).await).await;
    assert_limited(&refused, "address", "reading", 5);
    assert_eq!(from("2001:db8:1:3::1".into()).await.status, 200);
    // Garbage counts as the proxy's, and so does the header that the proxy is not configured for.
    let (refused, _) = until_limited(async |count| from(format!("192.0.2.{count}, ?")).await).await;
    assert_limited(&refused, "address", "reading", 5);
    let forwarded = [("forwarded", "for=192.0.2.77".to_owned())];
    assert_eq!(get_with(&server, &forwarded).await.status, 429);
}

#[test]
fn settings_that_mean_nothing_refuse_the_start() {
    for (name, value, said) in [
        ("SERVER__TRUSTED_PROXIES", "proxy.local", "server.trusted_proxies has \"proxy.local\""),
        ("SERVER__FORWARDING_HEADER", "x-real-ip", "must be \"x-forwarded-for\" or \"forwarded\""),
        (
            "SERVER__CORS_ORIGINS",
            "shop.example.com",
            "server.cors_origins has \"shop.example.com\"",
        ),
        ("SERVER__CORS_ORIGINS", "*,https://a", "must be the only one"),
        ("SERVER__HOST_NAMES", "shop:8080", "server.host_names has \"shop:8080\""),
        ("SERVER__HOST_NAMES", "https://shop", "server.host_names has \"https://shop\""),
        ("SERVER__HOST_NAMES", "Shop", "server.host_names has \"Shop\""),
        ("LIMITS__ADDRESS_BUYING_BURST", "0", "limits.address_buying_burst is 0"),
        ("LIMITS__ADDRESS_ENTRIES_MAX", "10", "limits.address_entries_max is 10"),
    ] {
        let (status, complaint) = Stand::embedded().setting(name, value).start_refused();
        assert!(!status.success() && complaint.contains(said), "{name}: {complaint}");
    }
}

#[tokio::test]
async fn limits_that_are_off_are_said_to_be_off() {
    let stand = limited(&[("ADDRESS_READING_PER_SECOND", 1), ("ADDRESS_READING_BURST", 1)]);
    let stand = stand.setting("LIMITS__ENABLED", false);
    let server = stand.start();
    assert_eq!(server.get("/health").await.body["limits"], "off");
    assert!(server.log().contains("limits.enabled is false"), "{}", server.log());
    for _ in 0..MANY {
        assert_eq!(server.get(ALWAYS_THERE).await.status, 200);
    }
}

/// The journal stands still, so what is sent stays in flight, and the load is as many as we like.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn under_load_the_cheapest_work_is_turned_away_first() {
    let postgres = Postgres::start().expect("Postgres starts");
    postgres.create_database("journal").expect("a new database");
    let stand = limited(&[])
        .argument(format!("--journal-url={}", postgres.url("journal")))
        .setting("JOURNAL__COMMIT_TIMEOUT_MS", 600_000)
        .setting("ENGINE__INFLIGHT_MAX", 10)
        .setting("ENGINE__INFLIGHT_PER_PRODUCT_MAX", 10);
    let server = Arc::new(stand.start());
    let product = server.create_product(100).await;
    let pool = PgPoolOptions::new().max_connections(1);
    let operator = pool.connect(&postgres.url("postgres")).await.expect("Postgres answers");
    let stopped = Stopped::journal(&operator).await;
    let mut buying = Vec::new();
    // A list, other reading, a change; none of them asks the engine.
    let asked = [
        ("GET", "/api/v1/orders?customerId=ann"),
        ("GET", "/api/v1/cart"),
        ("DELETE", "/api/v1/cart"),
    ];
    for (in_flight, shed) in [(4, 0), (5, 1), (7, 2), (9, 3)] {
        while buying.len() < in_flight {
            let (server, customer) = (server.clone(), format!("c-{}", buying.len()));
            buying.push(tokio::spawn(async move { server.buy(product, 1, &customer).await }));
        }
        until_shed(&server, &asked, shed).await;
    }
    let series = r#"lastunit_shed_total{budget="listing"}"#;
    assert!(counted(&server, series).await.is_some_and(|count| count >= 1.0));
    assert_eq!(counted(&server, "lastunit_shedding_level").await, Some(4.0));
    // A purchase still finds its place, until the engine has none.
    let (of, customer) = (server.clone(), "last".to_owned());
    buying.push(tokio::spawn(async move { of.buy(product, 1, &customer).await }));
    let mut refused = Value::Null;
    for _ in 0..200 {
        let answer =
            tokio::time::timeout(Duration::from_millis(250), server.buy(product, 1, "late"));
        // One that gets in waits like the others; the client gives up, and the place stays taken.
        if let Ok(answer) = answer.await {
            expect::problem(&answer, 503, "overloaded");
            refused = answer.body;
            break;
        }
    }
    let detail = refused["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("requests in flight"), "the engine's own bound: {refused}");
    drop(stopped);
    for bought in buying {
        let answer = bought.await.expect("no panic");
        assert!([201, 503].contains(&answer.status), "{}", answer.text);
    }
    until_shed(&server, &asked, 0).await;
}

/// Waits until the first `shed` of these are turned away, and the others are not.
async fn until_shed(server: &Server, asked: &[(&str, &str)], shed: usize) {
    let mut seen = Vec::new();
    for _ in 0..200 {
        seen.clear();
        for (method, path) in asked {
            let method = method.parse().expect("a method");
            let answer = Answer::of(client().request(method, server.url(path))).await;
            let is_shed = answer.code() == "overloaded";
            if is_shed {
                expect::problem(&answer, 503, "overloaded");
                assert!(answer.text.contains("purchases go first"), "{}", answer.text);
            }
            seen.push(is_shed);
        }
        if seen.iter().enumerate().all(|(place, is_shed)| *is_shed == (place < shed)) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{shed} of these are to be turned away: {seen:?}");
}
