//! Surface: what every answer carries, whoever wrote it; what pages of other origins may do; and that
//! nobody is named in the log.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use crate::wire::{self, Wire};
use serde_json::{Value, json};

const ALWAYS: [(&str, &str); 4] = [
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cross-origin-resource-policy", "same-origin"),
];

#[tokio::test]
async fn every_answer_is_guarded() {
    let stand = Stand::embedded().setting("SERVER__HSTS_SECONDS", 300);
    let server = stand.start();
    let product = server.create_product(5).await;
    let answers = [
        server.buy(product, 1, "ann").await,
        server.buy(product, 9, "ann").await,
        server.get("/api/v1/orders?customerId=ann").await,
        server.get("/api/v1/cart").await,
        server.get("/nowhere").await,
        server.delete("/api/v1/purchases").await,
        server.get("/health").await,
        server.get("/openapi.json").await,
    ];
    for answer in &answers {
        for (name, value) in ALWAYS {
            assert_eq!(answer.header(name), value, "{name} of {}", answer.text);
        }
        assert_eq!(answer.header("strict-transport-security"), "max-age=300");
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.text);
        assert!(!answer.header("x-request-id").is_empty());
        assert!(!answer.headers.contains_key("access-control-allow-origin"));
        assert!(!answer.headers.contains_key("server"), "what runs here is nobody's business");
    }
    // What may be kept and asked for again says so itself.
    let stock = server.get(&format!("/api/v1/products/{product}/stock")).await;
    assert_eq!(stock.header("cache-control"), "no-cache");
    // Without the setting nothing is said about HTTPS.
    let stand = Stand::embedded();
    let answer = stand.start().get("/health").await;
    assert!(!answer.headers.contains_key("strict-transport-security"));
}

/// The page needs its scripts and its own requests, and must not be put into a frame all the same.
#[tokio::test]
async fn the_page_to_try_it_may_run_its_own_scripts_only() {
    let stand = Stand::embedded();
    let server = stand.start();
    let page = server.get("/docs/index.html").await;
    let policy = page.header("content-security-policy");
    for part in
        ["default-src 'none'", "script-src 'self';", "connect-src 'self'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(part), "{policy}");
    }
    assert_eq!(page.header("x-content-type-options"), "nosniff");
    assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
    // No script stands in the page itself, which this policy would refuse.
    for script in page.text.split("<script").skip(1) {
        let (tag, rest) = script.split_once('>').expect("a tag");
        assert!(tag.contains("src=") && rest.trim_start().starts_with("</script"), "{tag}>{rest}");
    }
}

/// Answers that no route has written: a head that cannot be read, one that is too large, no connection left.
#[tokio::test]
async fn answers_of_the_server_itself_are_guarded_too() {
    let stand = Stand::embedded().setting("SERVER__CONNECTIONS_MAX", 1);
    let server = stand.start();
    let guarded = |reply: &wire::Reply| {
        for (name, value) in ALWAYS {
            assert_eq!(reply.header(name), value, "{name} of {}", reply.head);
        }
        assert_eq!(reply.header("cache-control"), "no-store");
    };
    let large =
        format!("GET / HTTP/1.1\r\nhost: localhost\r\n{}\r\n", wire::header_fields(300, 100));
    for (bytes, status) in [(large.as_str(), 431), ("NONSENSE\r\n\r\n", 400)] {
        let mut wire = loop {
            let mut wire = Wire::connect(&server).await;
            let _ = wire.try_send(bytes.as_bytes()).await;
            // The connection before may not be counted down yet.
            match wire.reply().await {
                Some(reply) if reply.status == status => break reply,
                reply => assert!(reply.is_none_or(|reply| reply.status == 503)),
            }
        };
        guarded(&wire);
        wire.head.clear();
    }
    let mut first = Wire::connect(&server).await;
    while first.get("/health/live").await.status != 200 {
        first = Wire::connect(&server).await;
    }
    let refused = Wire::connect(&server).await.reply().await.expect("an answer");
    assert_eq!(refused.status, 503);
    guarded(&refused);
}

#[tokio::test]
async fn pages_of_other_origins_may_what_is_configured() {
    let (shop, evil) = ("https://shop.example.com", "https://evil.example.com");
    let stand = Stand::embedded().setting("SERVER__CORS_ORIGINS", shop);
    let server = stand.start();
    let product = server.create_product(5).await;
    let preflight = async |origin: &str| {
        let request = client().request(reqwest::Method::OPTIONS, server.url("/api/v1/purchases"));
        let request = request.header("origin", origin);
        Answer::of(request.header("access-control-request-method", "POST")).await
    };
    let allowed = preflight(shop).await;
    assert_eq!((allowed.status, allowed.text.as_str()), (204, ""));
    assert_eq!(allowed.header("access-control-allow-origin"), shop);
    assert!(allowed.header("access-control-allow-methods").contains("POST"));
    for name in ["Authorization", "Content-Type", "Idempotency-Key", "X-Session-Id"] {
        assert!(allowed.header("access-control-allow-headers").contains(name), "{name}");
    }
    for origin in [evil, "null", "https://shop.example.com.evil.com", "http://shop.example.com"] {
        let refused = preflight(origin).await;
        expect::problem(&refused, 405, "method-not-allowed");
        assert!(!refused.headers.contains_key("access-control-allow-origin"), "{origin}");
    }
    let buy = async |origin: &str| {
        let body = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
        let request = client().post(server.url("/api/v1/purchases")).json(&body);
        Answer::of(request.header("origin", origin)).await
    };
    let bought = buy(shop).await;
    assert_eq!(bought.header("access-control-allow-origin"), shop);
    assert!(bought.header("access-control-expose-headers").contains("Retry-After"));
    for answer in [&bought, &buy(evil).await] {
        assert_eq!(answer.header("vary"), "origin");
        assert!(!answer.headers.contains_key("access-control-allow-credentials"));
    }
    assert!(!buy(evil).await.headers.contains_key("access-control-allow-origin"));

    // By default nobody is allowed anything.
    let server = Stand::embedded().start();
    let request = client().request(reqwest::Method::OPTIONS, server.url("/api/v1/purchases"));
    let request = request.header("origin", shop).header("access-control-request-method", "POST");
    let refused = Answer::of(request).await;
    expect::problem(&refused, 405, "method-not-allowed");
    assert!(!refused.headers.contains_key("access-control-allow-origin"));
}

#[tokio::test]
async fn a_request_has_an_id() {
    let stand = Stand::embedded();
    let server = stand.start();
    let sent = async |id: &str| {
        let request = client().get(server.url("/health")).header("x-request-id", id);
        Answer::of(request).await.header("x-request-id").to_owned()
    };
    for id in ["abc-1", "0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", &"x".repeat(64)] {
        assert_eq!(sent(id).await, id);
    }
    for id in ["", "a b", "a\"b", "a;b=c", &"x".repeat(65)] {
        let made = sent(id).await;
        assert!(made != id && made.len() >= 14, "{id}: {made}");
    }
    // Those of one connection share its number.
    let mut wire = Wire::connect(&server).await;
    let [first, second] = [wire.get("/health").await, wire.get("/health").await];
    let (connection, place) = first.header("x-request-id").split_once('-').expect("two numbers");
    assert_eq!((connection.len(), place), (12, "0"));
    assert_eq!(second.header("x-request-id"), format!("{connection}-1"));
}

/// Whatever is logged about a request names it, and says nothing of who sent it.
#[tokio::test]
async fn the_log_names_requests_and_nobody() {
    let token = "an-operator-token-for-tests";
    let stand = Stand::embedded()
        .setting("AUTH__OPERATOR_TOKEN", token)
        .setting("TELEMETRY__LEVEL", "trace")
        // Nobody listens there: every query is a line in the log.
        .argument("--database-url=postgres://shop:hunter2-password@127.0.0.1:9/shop");
    let server = stand.start();
    let secrets = ["eve@example.com", "eves-session-id", "eves-key", "eves-browser", "192.0.2.66"];
    let [customer, session, key, browser, address] = secrets;
    let send = async |method: &str, path: &str, body: Value| {
        let method = method.parse().expect("a method");
        let mut request = client().request(method, server.url(path));
        if !body.is_null() {
            request = request.json(&body);
        }
        let request = request.header("authorization", format!("Bearer {token}"));
        let request = request.header("x-session-id", session).header("idempotency-key", key);
        let request = request.header("user-agent", browser).header("x-forwarded-for", address);
        Answer::of(request.header("x-request-id", "eve-asks-1")).await
    };
    let price = json!({ "amount": 1, "currency": "USD" });
    let product = json!({ "name": "Shoe", "price": price, "stock": 5 });
    let created = client().post(server.url("/api/v1/products")).json(&product);
    let created = Answer::of(created.header("authorization", format!("Bearer {token}"))).await;
    assert_eq!(created.status, 201, "{}", created.text);
    let order = json!({ "productId": 1, "quantity": 1, "customerId": customer });
    assert_eq!(send("POST", "/api/v1/purchases", order.clone()).await.status, 201);
    assert_eq!(send("POST", "/api/v1/purchases", order).await.status, 201);
    let broken = json!({ "productId": 1, "quantity": 1, "customerId": customer, "more": customer });
    assert_eq!(send("POST", "/api/v1/purchases", broken).await.status, 400);
    assert_eq!(send("PUT", "/api/v1/cart/items/1", json!({ "quantity": 1 })).await.status, 503);
    let failed = send("GET", &format!("/api/v1/orders?customerId={customer}"), Value::Null).await;
    expect::problem(&failed, 503, "database-unavailable");
    let log = server.log();
    for secret in secrets.iter().chain(&[token, "hunter2-password"]) {
        assert!(!log.contains(secret), "{secret} is in the log:\n{log}");
    }
    let metrics = server.get("/metrics").await.text;
    assert!(secrets.iter().all(|secret| !metrics.contains(secret)), "{metrics}");
    let named = log.lines().filter(|line| line.ends_with(" request_id=eve-asks-1")).count();
    assert!(named > 0, "the failed query is a line about its request:\n{log}");
}

/// A page whose name points to this machine is of the same origin as the server for its browser: only the
/// name tells.
#[tokio::test]
async fn other_names_are_refused_where_everybody_is_trusted() {
    let as_host = async |server: &Server, method: &str, host: &str| {
        let path = if method == "GET" { "/health/live" } else { "/api/v1/products" };
        let method = method.parse().expect("a method");
        let request = client().request(method, server.url(path)).header("host", host);
        let origin = format!("http://{host}");
        Answer::of(request.header("origin", origin).json(&json!({}))).await
    };
    let foreign =
        ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "localhost.evil.example"];
    let stand = Stand::embedded().setting("SERVER__HOST_NAMES", "shop.example,lastunit");
    let server = stand.start();
    for host in foreign {
        for method in ["GET", "POST", "DELETE", "OPTIONS"] {
            let refused = as_host(&server, method, host).await;
            expect::problem(&refused, 421, "misdirected-request");
            for (name, value) in ALWAYS {
                assert_eq!(refused.header(name), value, "{name}");
            }
        }
    }
    for own in [
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]:80",
        "localhost",
        "LOCALHOST:9",
        "shop.example:80",
        "lastunit",
    ] {
        assert_eq!(as_host(&server, "GET", own).await.status, 200, "{own}");
        expect::problem(&as_host(&server, "POST", own).await, 422, "validation-failed");
    }
    server.stop();
    let server = Stand::embedded().start();
    expect::problem(&as_host(&server, "GET", "shop.example").await, 421, "misdirected-request");
    server.stop();
    // Tokens say who asks; there a name is only looked at where names are given.
    let server = Stand::embedded().setting("AUTH__MODE", "jwt").start();
    assert_eq!(as_host(&server, "GET", "evil.example").await.status, 200);
    server.stop();
    let stand = Stand::embedded().setting("AUTH__MODE", "jwt");
    let server = stand.setting("SERVER__HOST_NAMES", "shop.example").start();
    expect::problem(&as_host(&server, "GET", "evil.example").await, 421, "misdirected-request");
    assert_eq!(as_host(&server, "GET", "shop.example").await.status, 200);
    server.stop();
}
