//! Sales over the API: from the plan to the numbers afterwards.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};

const PATH: &str = "/api/v1/sales";

/// So many milliseconds from now, as RFC 3339.
fn time(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let millis = i64::try_from(now.as_millis()).expect("in range") + from_now;
    let at = jiff::Timestamp::from_millisecond(millis).expect("a time");
    format!("{at:.3}")
}

fn part(product: u64, units: u64) -> Value {
    let price = json!({ "amount": 800, "currency": "USD" });
    json!({ "productId": product, "price": price, "units": units, "limitPerCustomer": 2 })
}

/// A sale that begins and ends so many milliseconds from now.
fn sale(starts: i64, ends: i64, products: &[Value]) -> Value {
    json!({
        "name": "Friday drop", "startsAt": time(starts), "endsAt": time(ends), "products": products
    })
}

async fn create(server: &Server, body: Value) -> u64 {
    let answer = server.post(PATH, body).await;
    expect::success(&answer, 201);
    answer.body["saleId"].as_u64().expect("an id")
}

async fn patch(server: &Server, path: &str, body: Value) -> Answer {
    Answer::of(client().patch(server.url(path)).json(&body)).await
}

async fn buy_in(server: &Server, product: u64, customer: &str, sale: u64) -> Answer {
    let body =
        json!({ "productId": product, "quantity": 1, "customerId": customer, "saleId": sale });
    server.post("/api/v1/purchases", body).await
}

#[tokio::test]
async fn a_sale_from_its_opening_to_its_numbers() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let body = sale(-1_000, 3_600_000, &[part(two, 3), part(one, 2)]);
    let created = server.post_with_key(PATH, body.clone(), "s-1").await;
    expect::success(&created, 201);
    assert_eq!(created.body["state"], "open");
    let id = created.body["saleId"].as_u64().expect("an id");
    assert_eq!(created.header("location"), format!("{PATH}/{id}"));
    let again = server.post_with_key(PATH, body, "s-1").await;
    expect::replay(&again, &created);

    let bought = server.buy(one, 1, "ann").await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["unitPrice"]["amount"], 800);
    expect::success(&buy_in(&server, one, "bob", id).await, 201);
    expect::problem(&server.buy(one, 1, "cat").await, 409, "sold-out");
    expect::success(&server.buy(two, 2, "ann").await, 201);
    expect::problem(&server.buy(two, 1, "ann").await, 409, "customer-limit-reached");
    expect::problem(&buy_in(&server, two, "ann", 999_999).await, 404, "sale-not-found");

    let shown = server.get(&format!("{PATH}/{id}?customerId=ann")).await;
    expect::success(&shown, 200);
    assert_eq!(shown.body["products"][0]["available"], 0);
    assert_eq!(shown.body["products"][1]["available"], 1);
    let eligibility = &shown.body["eligibility"];
    assert_eq!(eligibility["eligible"], false, "{eligibility}");
    assert_eq!(eligibility["reason"], "customer-limit-reached");
    assert_eq!(eligibility["signedIn"], true);
    assert_eq!(eligibility["products"][1]["limitLeft"], 0);
    let anybody = server.get(&format!("{PATH}/{id}")).await;
    assert_eq!(anybody.body["eligibility"]["signedIn"], false, "{}", anybody.body);
    assert_eq!(anybody.body["eligibility"]["eligible"], true, "{}", anybody.body);
    let other = server.get(&format!("{PATH}/{id}/eligibility?customerId=dan")).await;
    assert_eq!((&other.body["eligible"], &other.body["reason"]), (&json!(true), &Value::Null));

    let path = format!("{PATH}/{id}/stats");
    let mut stats = server.get(&path).await;
    for _ in 0..100 {
        if stats.body["refusals"]["sold-out"] == 1 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
        stats = server.get(&path).await;
    }
    expect::success(&stats, 200);
    let numbers = ["units", "sold", "held", "returned", "customers"];
    let numbers = numbers.map(|name| stats.body[name].as_u64().expect("a number"));
    assert_eq!(numbers, [5, 4, 0, 0, 2]);
    assert_eq!(stats.body["revenue"], json!([{ "amount": 3_200, "currency": "USD" }]));
    let refusals = json!({ "sold-out": 1, "customer-limit-reached": 1 });
    assert_eq!(stats.body["refusals"], refusals);
    assert_eq!(stats.body["sellThrough"], 0.8);
    assert!(stats.body["products"][0]["timeToSellOutMs"].is_u64(), "{}", stats.body);

    let ended = server.post(&format!("{PATH}/{id}/end"), json!({})).await;
    expect::success(&ended, 200);
    assert_eq!(ended.body["state"], "ended");
    expect::problem(&buy_in(&server, two, "dan", id).await, 409, "sale-ended");
    let ordinary = server.buy(two, 8, "dan").await;
    expect::success(&ordinary, 201);
    assert_eq!(ordinary.body["unitPrice"]["amount"], 999);
    let deleted = server.delete(&format!("{PATH}/{id}")).await;
    expect::problem(&deleted, 409, "sale-has-sales");
    server.stop();
    stand.assert_audit();
}

/// The clock alone opens it and ends it, also after a kill.
#[tokio::test]
async fn it_opens_and_ends_by_the_clock() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let id = create(&server, sale(3_000, 3_600_000, &[part(product, 3)])).await;
    let early = server.buy(product, 1, "ann").await;
    expect::problem(&early, 409, "sale-not-open");
    let shown = server.get(&format!("{PATH}/{id}")).await;
    assert_eq!(early.body["opensAt"], shown.body["startsAt"]);
    assert!(!early.header("retry-after").is_empty());
    assert_eq!(shown.body["state"], "scheduled");
    let opens: jiff::Timestamp =
        shown.body["startsAt"].as_str().expect("a time").parse().expect("a time");
    server.kill();
    let server = stand.start();
    let opened = loop {
        let asked = jiff::Timestamp::now();
        let answer = server.buy(product, 1, "ann").await;
        if answer.status == 201 {
            break answer;
        }
        expect::problem(&answer, 409, "sale-not-open");
        assert!(asked.as_millisecond() <= opens.as_millisecond(), "it did not open");
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let created: jiff::Timestamp =
        opened.body["createdAt"].as_str().expect("a time").parse().expect("a time");
    assert!(created >= opens, "sold at {created}, before {opens}");
    assert_eq!(opened.body["unitPrice"]["amount"], 800);
    let open = server.get(&format!("{PATH}?state=open")).await;
    assert_eq!(open.body["data"][0]["saleId"], id);
    let on_sale = server.get("/api/v1/products?onSale=true").await;
    assert_eq!(on_sale.body["data"][0]["productId"], product);
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn it_is_changed_paused_and_deleted() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let id = create(&server, sale(-1, 3_600_000, &[part(product, 3)])).await;
    let path = format!("{PATH}/{id}");
    expect::success(&server.buy(product, 2, "ann").await, 201);
    expect::success(&server.post(&format!("{path}/pause"), json!({})).await, 200);
    let paused = server.buy(product, 1, "bob").await;
    expect::problem(&paused, 409, "sale-paused");
    assert_eq!(paused.body["retryable"], true);
    let resumed = server.post(&format!("{path}/resume"), json!({})).await;
    expect::success(&resumed, 200);
    let units = |units: u64| json!({ "products": [{ "productId": product, "units": units }] });
    expect::problem(&patch(&server, &path, units(1)).await, 422, "validation-failed");
    expect::problem(&patch(&server, &path, units(11)).await, 409, "insufficient-stock");
    expect::success(&patch(&server, &path, units(2)).await, 200);
    expect::problem(&server.buy(product, 1, "bob").await, 409, "sold-out");
    expect::success(&patch(&server, &path, units(10)).await, 200);
    expect::success(&server.buy(product, 1, "bob").await, 201);
    let moved = json!({ "startsAt": time(60_000) });
    expect::problem(&patch(&server, &path, moved).await, 409, "sale-running");
    let price = json!({ "amount": 801, "currency": "USD" });
    let dearer = json!({ "products": [{ "productId": product, "price": price }] });
    expect::problem(&patch(&server, &path, dearer).await, 409, "sale-running");
    let stale = client().patch(server.url(&path)).header("If-Match", resumed.header("etag"));
    let stale = Answer::of(stale.json(&json!({ "name": "other" }))).await;
    expect::problem(&stale, 412, "version-mismatch");
    let stale = client().post(server.url(&format!("{path}/end")));
    let stale = Answer::of(stale.header("If-Match", resumed.header("etag"))).await;
    expect::problem(&stale, 412, "version-mismatch");
    expect::problem(&server.delete(&path).await, 409, "sale-running");
    // Another one that has not begun.
    let product = server.create_product(1).await;
    let next = create(&server, sale(7_200_000, 9_000_000, &[part(product, 1)])).await;
    let path = format!("{PATH}/{next}");
    let early = server.post(&format!("{path}/end"), json!({})).await;
    expect::problem(&early, 409, "sale-not-open");
    assert_eq!(server.delete(&path).await.status, 204);
    expect::problem(&server.get(&path).await, 404, "sale-not-found");
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn bad_sales_are_refused() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let good = || sale(1_000, 3_600_000, &[part(product, 3)]);
    let with = |field: &str, value: Value| {
        let mut body = good();
        body[field] = value;
        body
    };
    let of_part = |field: &str, value: Value| {
        let mut part = part(product, 3);
        part[field] = value;
        sale(1_000, 3_600_000, &[part])
    };
    let many: Vec<_> = (1..=101).map(|product| part(product, 1)).collect();
    for body in [
        sale(2_000, 1_000, &[part(product, 3)]),
        sale(2_000, 2_000, &[part(product, 3)]),
        sale(-2_000, -1_000, &[part(product, 3)]),
        sale(1_000, 2_000, &[]),
        sale(1_000, 2_000, &[part(product, 1), part(product, 1)]),
        sale(1_000, 2_000, &many),
        with("name", json!("")),
        with("name", Value::Null),
        with("name", json!("n".repeat(201))),
        with("startsAt", json!("tomorrow")),
        with("endsAt", Value::Null),
        with("products", Value::Null),
        of_part("limitPerCustomer", json!(0)),
        of_part("units", json!(0)),
        of_part("units", json!(1_000_000_001)),
        of_part("productId", json!(0)),
        of_part("price", json!({ "amount": 0, "currency": "USD" })),
        of_part("price", json!({ "amount": 5, "currency": "EUR" })),
    ] {
        let answer = server.post(PATH, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (422, "validation-failed"), "{body}");
    }
    for body in
        [with("units", json!(3)), of_part("colour", json!("red")), of_part("units", json!("x"))]
    {
        let answer = server.post(PATH, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid-request"), "{body}");
    }
    let unknown = sale(1_000, 2_000, &[part(product, 3), part(999, 1)]);
    expect::problem(&server.post(PATH, unknown).await, 404, "product-not-found");
    let too_many = server.post(PATH, sale(1_000, 2_000, &[part(product, 11)])).await;
    expect::problem(&too_many, 409, "insufficient-stock");
    assert_eq!(too_many.body["available"], 10);
    // Nothing was left of any of them.
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let first = create(&server, sale(60_000, 120_000, &[part(product, 3)])).await;
    let second = server.post(PATH, sale(90_000, 180_000, &[part(product, 3)])).await;
    expect::problem(&second, 409, "sale-overlaps");
    assert_eq!(second.body["saleId"], first);
    expect::problem(&server.get("/api/v1/sales/abc").await, 404, "sale-not-found");
    expect::problem(&server.get("/api/v1/sales?state=odd").await, 400, "invalid-request");
}

/// A cart shows what a checkout charges, and what to ask for.
#[tokio::test]
async fn a_cart_shows_the_terms_of_the_sale() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let id = create(&server, sale(-1, 3_600_000, &[part(product, 3)])).await;
    let path = format!("/api/v1/cart/items/{product}");
    let put = client().put(server.url(&path)).header("X-Session-Id", "ann");
    let put = Answer::of(put.json(&json!({ "quantity": 2 }))).await;
    expect::success(&put, 200);
    assert_eq!((&put.body["price"]["amount"], &put.body["saleId"]), (&json!(800), &json!(id)));
    let cart = || async {
        let cart = client().get(server.url("/api/v1/cart")).header("X-Session-Id", "ann");
        let cart = Answer::of(cart).await;
        expect::success(&cart, 200);
        cart.body["lines"][0].clone()
    };
    let line = cart().await;
    assert_eq!((&line["available"], &line["priceChanged"]), (&json!(3), &json!(false)), "{line}");
    expect::success(&server.post(&format!("{PATH}/{id}/end"), json!({})).await, 200);
    let line = cart().await;
    assert_eq!((&line["price"]["amount"], &line["saleId"]), (&json!(999), &Value::Null), "{line}");
    assert_eq!((&line["available"], &line["priceChanged"]), (&json!(10), &json!(true)), "{line}");
    server.stop();
    stand.assert_audit();
}

/// A repetition gets the first sale again, however late it comes; no new one is made of the past.
#[tokio::test]
async fn a_late_repetition_gets_the_first_sale() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let body = sale(-1_000, 2_000, &[part(product, 3)]);
    let created = server.post_with_key(PATH, body.clone(), "late").await;
    expect::success(&created, 201);
    let path = created.header("location").to_owned();
    while server.get(&path).await.body["state"] != "ended" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let again = server.post_with_key(PATH, body.clone(), "late").await;
    expect::success(&again, 201);
    assert_eq!(again.body["saleId"], created.body["saleId"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let other = server.post_with_key(PATH, body, "other").await;
    expect::problem(&other, 422, "validation-failed");
    server.stop();
    stand.assert_audit();
}

/// A key stands for one sale, whatever products a repetition names and in whichever order.
#[tokio::test]
async fn the_key_of_a_sale_is_for_no_other_list_of_products() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut products = Vec::new();
    for _ in 0..5 {
        products.push(server.create_product(10).await);
    }
    let [one, two, three, four, five] = products[..] else { panic!("five products") };
    let mut body = sale(3_600_000, 7_200_000, &[part(two, 1), part(three, 2)]);
    let created = server.post_with_key(PATH, body.clone(), "drop").await;
    expect::success(&created, 201);
    let others: [&[u64]; 7] = [
        &[two],
        &[three],
        &[two, three, four],
        &[one, two, three],
        &[one, three],
        &[four, five],
        &[one, 999_999],
    ];
    let server = {
        let server = refused_with_other_products(server, &body, &others).await;
        server.kill();
        refused_with_other_products(stand.start(), &body, &others).await
    };
    body["products"] = json!([part(three, 2), part(two, 1)]);
    let again = server.post_with_key(PATH, body, "drop").await;
    expect::success(&again, 201);
    assert_eq!(again.body["saleId"], created.body["saleId"]);
    assert_eq!(again.header("idempotent-replayed"), "true");
    let all = server.get(PATH).await;
    assert_eq!(all.body["data"].as_array().map(Vec::len), Some(1), "{}", all.body);
    for product in [one, four, five] {
        expect::success(&server.buy(product, 10, "ann").await, 201);
    }
    server.stop();
    stand.assert_audit();
}

async fn refused_with_other_products(server: Server, body: &Value, lists: &[&[u64]]) -> Server {
    for products in lists {
        let mut other = body.clone();
        other["products"] = products.iter().map(|product| part(*product, 1)).collect();
        let answer = server.post_with_key(PATH, other, "drop").await;
        expect::problem(&answer, 422, "idempotency-key-reused");
    }
    server
}
