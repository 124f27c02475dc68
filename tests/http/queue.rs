//! Asynchronous purchases: accepted with 202, decided in turn, and shown wherever they stand.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use futures::StreamExt;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROUTE: &str = "/api/v1/purchases";
const TOKEN: &str = "an-operator-token-for-tests";

/// How long a queue of this test may take; machines differ.
const PATIENCE: Duration = Duration::from_mins(1);

struct Ask {
    body: Value,
    key: Option<String>,
    token: Option<&'static str>,
    prefer: &'static str,
}

/// A purchase of one unit that is to wait.
fn ask(product: u64, customer: &str) -> Ask {
    let body = json!({ "productId": product, "quantity": 1, "customerId": customer });
    Ask { body, key: None, token: None, prefer: "respond-async" }
}

impl Ask {
    fn with(mut self, name: &str, value: Value) -> Self {
        self.body[name] = value;
        self
    }

    async fn send(&self, server: &Server) -> Answer {
        let mut request = client().post(server.url(ROUTE)).json(&self.body);
        if !self.prefer.is_empty() {
            request = request.header("Prefer", self.prefer);
        }
        if let Some(key) = &self.key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(token) = self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        Answer::of(request).await
    }
}

fn id_of(answer: &Answer) -> String {
    answer.body["purchaseId"].as_str().expect("an id").to_owned()
}

async fn show(server: &Server, id: &str) -> Answer {
    server.get(&format!("{ROUTE}/{id}")).await
}

/// Accepts a purchase and gives its id.
async fn accepted(server: &Server, ask: Ask) -> String {
    let answer = ask.send(server).await;
    expect::success(&answer, 202);
    id_of(&answer)
}

async fn pace(server: &Server, product: u64, rate: Value) -> Answer {
    let url = server.url(&format!("/api/v1/products/{product}/queue"));
    Answer::of(client().put(url).json(&json!({ "drainPerSecond": rate }))).await
}

/// Waits until it is decided.
async fn decided(server: &Server, id: &str) -> Answer {
    let started = Instant::now();
    loop {
        let shown = show(server, id).await;
        expect::success(&shown, 200);
        if shown.body["status"] != "queued" {
            return shown;
        }
        assert!(started.elapsed() < PATIENCE, "never decided: {}", shown.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn until_empty(server: &Server, product: u64) -> Value {
    let started = Instant::now();
    loop {
        let queue = server.get(&format!("/api/v1/products/{product}/queue")).await;
        expect::success(&queue, 200);
        if queue.body["depth"] == 0 {
            return queue.body;
        }
        assert!(started.elapsed() < PATIENCE, "never drained: {}", queue.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn a_purchase_is_queued_and_then_confirmed() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1);
    let server = stand.start();
    let product = server.create_product(5).await;
    // The first is decided at once, or nearly: the others wait behind it for seconds.
    accepted(&server, ask(product, "first")).await;
    accepted(&server, ask(product, "second")).await;
    let answer = ask(product, "ann").send(&server).await;
    expect::success(&answer, 202);
    let id = id_of(&answer);
    assert_eq!(answer.header("location"), format!("{ROUTE}/{id}"));
    assert_eq!(answer.header("preference-applied"), "respond-async");
    let position = answer.body["position"].as_u64().expect("a position");
    let expected = json!({
        "purchaseId": id, "productId": product, "quantity": 1, "customerId": "ann",
        "status": "queued", "priority": "normal", "position": position,
        "estimatedWaitSeconds": position, "createdAt": answer.body["createdAt"],
    });
    assert_eq!(answer.body, expected);
    assert!((1..=3).contains(&position), "{}", answer.text);
    expect::time(&answer.body["createdAt"]);
    let shown = show(&server, &id).await;
    if shown.body["status"] == "queued" {
        assert!(shown.body["position"].as_u64() <= Some(position), "{}", shown.text);
        assert_eq!(shown.body["createdAt"], answer.body["createdAt"]);
    }

    expect::success(&pace(&server, product, json!(1_000)).await, 200);
    let shown = decided(&server, &id).await;
    let money = json!({ "amount": 999, "currency": "USD" });
    let expected = json!({
        "purchaseId": id, "orderId": id, "productId": product, "quantity": 1, "customerId": "ann",
        "status": "confirmed", "unitPrice": money, "total": money,
        "createdAt": shown.body["createdAt"],
    });
    assert_eq!(shown.body, expected);
    let order = server.get(&format!("/api/v1/orders/{id}")).await;
    assert_eq!(order.body["status"], "confirmed", "{}", order.text);
    let queue = until_empty(&server, product).await;
    let expected = json!({
        "productId": product, "depth": 0, "oldestAgeSeconds": null, "drainPerSecond": 1_000,
        "ownDrainPerSecond": 1_000, "confirmed": 3, "refused": 0,
    });
    assert_eq!(queue, expected);
    assert_eq!(server.stock(product).await, (2, 0, 3, 5));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_thousand_wait_for_a_hundred_units() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 100_000);
    let server = stand.start();
    let product = server.create_product(100).await;
    // Slow enough that all are accepted while there is something, then as fast as it goes.
    expect::success(&pace(&server, product, json!(1)).await, 200);
    let asked = futures::stream::iter(0..1_000).map(|number| {
        let server = &server;
        async move { accepted(server, ask(product, &format!("buyer {number}"))).await }
    });
    let ids: Vec<_> = asked.buffer_unordered(32).collect().await;
    expect::success(&pace(&server, product, json!(null)).await, 200);
    let queue = until_empty(&server, product).await;
    assert_eq!((&queue["confirmed"], &queue["refused"]), (&json!(100), &json!(900)), "{queue}");
    assert_eq!(queue["ownDrainPerSecond"], json!(null));
    let shown = futures::stream::iter(&ids).map(|id| show(&server, id)).buffered(16);
    let shown: Vec<_> = shown.collect().await;
    let with = |status: &str| shown.iter().filter(|shown| shown.body["status"] == status).count();
    assert_eq!((with("confirmed"), with("refused")), (100, 900));
    let refused = shown.iter().find(|shown| shown.body["status"] == "refused").expect("one");
    let expected = json!({
        "purchaseId": refused.body["purchaseId"], "productId": product, "quantity": 1,
        "customerId": refused.body["customerId"], "status": "refused", "code": "sold-out",
        "detail": "no unit is left", "createdAt": refused.body["createdAt"],
        "decidedAt": refused.body["decidedAt"],
    });
    assert_eq!(refused.body, expected);
    assert_eq!(server.stock(product).await, (0, 0, 100, 100));
    // Nobody else is told to wait for nothing.
    expect::problem(&ask(product, "late").send(&server).await, 409, "sold-out");
    let numbers = server.get("/metrics").await.text;
    for line in [
        r#"lastunit_queue_decided_total{result="confirmed"} 100"#,
        r#"lastunit_queue_decided_total{result="refused"} 900"#,
        r#"lastunit_queue_decided_total{result="failed"} 0"#,
        r#"lastunit_purchases_total{result="queued"} 1000"#,
        "lastunit_units_sold_total 100",
    ] {
        assert!(numbers.contains(line), "no {line}");
    }
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn vip_comes_before_normal_and_needs_the_token() {
    let stand = Stand::embedded()
        .setting("QUEUE__DRAIN_PER_SECOND", 1)
        .setting("AUTH__OPERATOR_TOKEN", TOKEN);
    let server = stand.start();
    let body = json!({ "name": "thing", "stock": 21, "price": { "amount": 1, "currency": "USD" } });
    let create = client().post(server.url("/api/v1/products")).bearer_auth(TOKEN).json(&body);
    let product = Answer::of(create).await.body["productId"].as_u64().expect("an id");
    // These have the turns of the next seconds.
    for number in 0..20 {
        accepted(&server, ask(product, &format!("buyer {number}"))).await;
    }
    let normal = accepted(&server, ask(product, "ann")).await;
    let vip = || ask(product, "vip").with("priority", json!("vip"));
    expect::problem(&vip().send(&server).await, 403, "forbidden");
    let wrong = Ask { token: Some("another"), ..vip() };
    expect::problem(&wrong.send(&server).await, 403, "forbidden");
    let answer = Ask { token: Some(TOKEN), ..vip() }.send(&server).await;
    expect::success(&answer, 202);
    assert_eq!((&answer.body["priority"], &answer.body["position"]), (&json!("vip"), &json!(1)));
    let url = server.url(&format!("/api/v1/products/{product}/queue"));
    let rate = json!({ "drainPerSecond": 1_000 });
    expect::problem(&Answer::of(client().put(&url).json(&rate)).await, 401, "unauthorized");
    let paced = Answer::of(client().put(&url).bearer_auth(TOKEN).json(&rate)).await;
    expect::success(&paced, 200);
    let (vip, normal) = (decided(&server, &id_of(&answer)).await, decided(&server, &normal).await);
    // One unit more than came before them.
    assert_eq!(vip.body["status"], "confirmed", "{}", vip.text);
    let queue = until_empty(&server, product).await;
    assert_eq!((&queue["confirmed"], &queue["refused"]), (&json!(21), &json!(1)));
    assert_eq!(
        (&normal.body["status"], &normal.body["code"]),
        (&json!("refused"), &json!("sold-out"))
    );
}

#[tokio::test]
async fn the_drain_rate_is_kept() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1_000).await;
    expect::success(&pace(&server, product, json!(20)).await, 200);
    let started = Instant::now();
    for number in 0..200 {
        accepted(&server, ask(product, &format!("buyer {number}"))).await;
    }
    let mut seen = 0;
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let queue = server.get(&format!("/api/v1/products/{product}/queue")).await;
        // The time is taken after the answer: more can only be allowed, not less.
        let most = 20 * started.elapsed().as_millis() / 1_000 + 2 + 2;
        seen = queue.body["confirmed"].as_u64().expect("a count");
        assert!(u128::from(seen) <= most, "{seen} confirmed, at most {most}");
        assert_eq!(queue.body["drainPerSecond"], 20);
    }
    assert!(seen > 0, "nothing is drained");
    let all = server.get("/api/v1/queue").await;
    expect::success(&all, 200);
    assert!(all.body["depth"].as_u64() > Some(0), "{}", all.text);
    assert!(all.body["ratePerSecond"].is_f64() && all.body["oldestAgeSeconds"].is_f64());
    let entry = &all.body["products"][0];
    assert_eq!((&entry["productId"], &entry["drainPerSecond"]), (&json!(product), &json!(20)));
    assert!(entry["depth"].as_u64() > Some(0) && entry["oldestAgeSeconds"].is_f64(), "{entry}");
    // Not everybody waits: who asks for an answer gets one.
    expect::success(&server.buy(product, 1, "in person").await, 201);
}

#[tokio::test]
async fn a_known_key_gets_its_first_answer_again() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1);
    let server = stand.start();
    let product = server.create_product(50).await;
    accepted(&server, ask(product, "first")).await;
    accepted(&server, ask(product, "second")).await;
    let keyed = |customer: &str, prefer| {
        let key = Some(format!("key of {customer}"));
        Ask { key, prefer, ..ask(product, customer) }
    };
    let queued = keyed("ann", "respond-async").send(&server).await;
    expect::success(&queued, 202);
    assert!(!queued.headers.contains_key("idempotent-replayed"));
    let bought = keyed("bob", "").send(&server).await;
    expect::success(&bought, 201);
    for prefer in ["", "respond-async", "wait=1, RESPOND-ASYNC; x=1"] {
        let again = keyed("ann", prefer).send(&server).await;
        expect::success(&again, 202);
        assert_eq!(again.header("idempotent-replayed"), "true");
        assert_eq!(again.header("location"), queued.header("location"));
        for field in ["purchaseId", "customerId", "quantity", "productId"] {
            assert_eq!(again.body[field], queued.body[field]);
        }
        expect::replay(&keyed("bob", prefer).send(&server).await, &bought);
    }
    let mut other = keyed("ann", "respond-async");
    other.body["quantity"] = json!(2);
    expect::problem(&other.send(&server).await, 422, "idempotency-key-reused");
    // It shows where the purchase stands, not where it stood.
    expect::success(&pace(&server, product, json!(1_000)).await, 200);
    let shown = decided(&server, &id_of(&queued)).await;
    let again = keyed("ann", "respond-async").send(&server).await;
    assert_eq!((again.status, &again.body), (202, &shown.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    // A purchase that did not wait is shown, too.
    let shown = show(&server, bought.body["orderId"].as_str().expect("an id")).await;
    assert_eq!(shown.body["status"], "confirmed", "{}", shown.text);
    assert_eq!(shown.body["createdAt"], bought.body["createdAt"]);
}

#[tokio::test]
async fn every_reason_is_shown_and_nobody_is_left_waiting() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create(json!({ "stock": 7, "limitPerCustomer": 3 })).await;
    // What waiting cannot change is said at once; a hold may end until the turn comes.
    let never = ask(product, "ann").with("quantity", json!(4)).send(&server).await;
    expect::problem(&never, 409, "customer-limit-reached");
    expect::success(&server.hold(product, 3, "ann", 600).await, 201);
    let limited = accepted(&server, ask(product, "ann")).await;
    let limited = decided(&server, &limited).await;
    assert_eq!(
        (&limited.body["status"], &limited.body["code"], &limited.body["detail"]),
        (
            &json!("refused"),
            &json!("customer-limit-reached"),
            &json!("one customer may have 3, this one has 3")
        )
    );
    let first = accepted(&server, ask(product, "bob").with("quantity", json!(3))).await;
    assert_eq!(decided(&server, &first).await.body["status"], "confirmed");
    let few = accepted(&server, ask(product, "cat").with("quantity", json!(2))).await;
    let few = decided(&server, &few).await;
    assert_eq!(
        (&few.body["code"], &few.body["detail"]),
        (&json!("insufficient-stock"), &json!("1 unit is left"))
    );
    // Taken out of sale with somebody in the queue.
    expect::success(&pace(&server, product, json!(1)).await, 200);
    let restock = format!("/api/v1/products/{product}/stock/adjustments");
    let more = server.post(&restock, json!({ "delta": 100, "reason": "more" })).await;
    expect::success(&more, 200);
    for number in 0..20 {
        accepted(&server, ask(product, &format!("buyer {number}"))).await;
    }
    let waiting = accepted(&server, ask(product, "eve")).await;
    assert_eq!(server.delete(&format!("/api/v1/products/{product}")).await.status, 204);
    expect::problem(&ask(product, "fay").send(&server).await, 409, "product-inactive");
    expect::success(&pace(&server, product, json!(1_000)).await, 200);
    let ended = decided(&server, &waiting).await;
    assert_eq!(ended.body["code"], "product-inactive", "{}", ended.text);
    // A sale that is over.
    let closing = server.create(json!({ "stock": 40, "closesAt": expect::from_now(4_000) })).await;
    expect::success(&pace(&server, closing, json!(1)).await, 200);
    let mut last = String::new();
    for number in 0..9 {
        last = accepted(&server, ask(closing, &format!("buyer {number}"))).await;
    }
    let ended = decided(&server, &last).await;
    assert_eq!(ended.body["code"], "sale-ended", "{}", ended.text);
    let unopened = server.create(json!({ "stock": 4, "opensAt": expect::from_now(60_000) })).await;
    expect::problem(&ask(unopened, "ann").send(&server).await, 409, "sale-not-open");
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn who_is_refused_costs_the_others_no_time() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1);
    let server = stand.start();
    let product = server.create_product(2).await;
    // Sold, and the next sale is a second away; those who cannot have so many are many minutes' worth.
    let first = accepted(&server, ask(product, "ann")).await;
    for number in 0..200 {
        let asks = ask(product, &format!("buyer {number}")).with("quantity", json!(2));
        accepted(&server, asks).await;
    }
    let last = accepted(&server, ask(product, "eve")).await;
    for id in [first, last] {
        assert_eq!(decided(&server, &id).await.body["status"], "confirmed");
    }
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn all_queues_together_are_bounded() {
    let stand =
        Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1).setting("QUEUE__WAITING_MAX", 3);
    let server = stand.start();
    let products = [server.create_product(50).await, server.create_product(50).await];
    let mut full = 0;
    for number in 0..20 {
        let asks = ask(products[number % 2], &format!("buyer {number}"));
        let answer = asks.send(&server).await;
        if answer.status != 202 {
            expect::problem(&answer, 503, "overloaded");
            full += 1;
        }
    }
    assert!(full >= 10, "{full} of 20 were refused, where 3 may wait");
    // Who does not wait is served.
    expect::success(&server.buy(products[0], 1, "dan").await, 201);
}

#[tokio::test]
async fn a_restart_goes_on_where_the_queue_was() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 2);
    let server = stand.start();
    let product = server.create_product(20).await;
    let mut ids = Vec::new();
    for number in 0..22 {
        ids.push(accepted(&server, ask(product, &format!("buyer {number}"))).await);
    }
    let keyed = Ask { key: Some("k".into()), ..ask(product, "ann") };
    let first = keyed.send(&server).await;
    expect::success(&pace(&server, product, json!(3)).await, 200);
    assert!(server.stop().success());
    // Nobody asks for the product: the queue itself wakes it.
    let server = stand.start();
    let started = Instant::now();
    while server.get("/api/v1/queue").await.body["depth"] != 0 || {
        let queue = server.get(&format!("/api/v1/products/{product}/queue")).await;
        assert_eq!(queue.body["ownDrainPerSecond"], 3, "{}", queue.text);
        queue.body["depth"] != 0
    } {
        assert!(started.elapsed() < PATIENCE, "never drained");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for (number, id) in ids.iter().enumerate() {
        let status = if number < 20 { "confirmed" } else { "refused" };
        assert_eq!(decided(&server, id).await.body["status"], status, "the one at {number}");
    }
    let again = keyed.send(&server).await;
    assert_eq!((again.status, &again.body["purchaseId"]), (202, &first.body["purchaseId"]));
    assert_eq!(again.body["status"], "refused");
    assert!(server.stop().success());
    stand.assert_audit();
    let output = stand.command(&["journal", "cat"]).output().expect("the binary runs");
    let facts = String::from_utf8_lossy(&output.stdout).into_owned();
    let facts = facts.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let facts: Vec<_> = facts.collect();
    let count = |event: &str| facts.iter().filter(|fact| fact["event"] == event).count();
    let counts = ["queued", "purchased", "refused", "paced"].map(count);
    assert_eq!(counts, [23, 20, 3, 1]);
    let refused = facts.iter().find(|fact| fact["event"] == "refused").expect("one");
    assert_eq!((&refused["why"], &refused["customerId"]), (&json!("sold-out"), &json!("buyer 20")));
}

#[tokio::test]
async fn an_unknown_purchase_is_404() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let other = server.create_product(5).await;
    let id = accepted(&server, ask(product, "ann")).await;
    decided(&server, &id).await;
    let held = server.hold(product, 1, "ann", 60).await;
    let held = held.body["reservationId"].as_str().expect("an id").to_owned();
    let uuid = "0190b6a0-7e50-7cc3-98c4-dc0c0c07398f";
    let elsewhere = id.replacen(&product.to_string(), &other.to_string(), 1);
    for id in [
        &format!("{product}-{uuid}"),
        &format!("999-{uuid}"),
        &elsewhere,
        &format!("0{id}"),
        &held,
        "1",
        "nonsense",
        "%FF",
        "9223372036854775808-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f",
    ] {
        let answer = show(&server, id).await;
        assert_eq!(expect::problem(&answer, 404, "purchase-not-found"), json!({}), "{id}");
    }
    let queue = server.get("/api/v1/products/999/queue").await;
    expect::problem(&queue, 404, "product-not-found");
    expect::problem(&pace(&server, 999, json!(1)).await, 404, "product-not-found");
    expect::problem(&ask(999, "ann").send(&server).await, 404, "product-not-found");
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_said() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let field = |answer: &Answer| {
        let members = expect::problem(answer, 422, "validation-failed");
        members["errors"][0]["field"].as_str().expect("a field").to_owned()
    };
    for bad in [json!("VIP"), json!(""), json!("high"), json!(" vip")] {
        let answer = ask(product, "ann").with("priority", bad).send(&server).await;
        assert_eq!(field(&answer), "priority");
    }
    for bad in [json!(1), json!(true), json!(["vip"]), json!({})] {
        let answer = ask(product, "ann").with("priority", bad).send(&server).await;
        expect::problem(&answer, 400, "invalid-request");
    }
    // A preference that is not this one, and a priority without a queue.
    for prefer in
        ["", "respond-sync", "return=minimal", "foo=\"respond-async\"", "respond-async=no"]
    {
        for priority in ["vip", "normal"] {
            let request = Ask { prefer, ..ask(product, "ann").with("priority", json!(priority)) };
            assert_eq!(field(&request.send(&server).await), "priority", "{prefer}");
        }
    }
    for bad in [json!(0), json!(-1), json!(100_001), json!(u64::MAX)] {
        assert_eq!(field(&pace(&server, product, bad).await), "drainPerSecond");
    }
    for bad in [json!("50"), json!(1.5), json!(true), json!([])] {
        expect::problem(&pace(&server, product, bad).await, 400, "invalid-request");
    }
    let url = server.url(&format!("/api/v1/products/{product}/queue"));
    assert_eq!(field(&Answer::of(client().put(&url).json(&json!({}))).await), "drainPerSecond");
    let unknown = json!({ "drainPerSecond": 5, "burst": 2 });
    expect::problem(&Answer::of(client().put(&url).json(&unknown)).await, 400, "invalid-request");
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    let queue = server.get(&format!("/api/v1/products/{product}/queue")).await;
    assert_eq!((&queue.body["depth"], &queue.body["confirmed"]), (&json!(0), &json!(0)));
    // Other preferences are ignored.
    for prefer in ["respond-sync", "return=minimal", "wait=10"] {
        let answer = Ask { prefer, ..ask(product, "ann") }.send(&server).await;
        expect::success(&answer, 201);
        assert!(!answer.headers.contains_key("preference-applied"));
    }
}
