//! Orders, carts and queued purchases that name their sale: bought under it or not at all. And what
//! comes back is counted as come back.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::{Duration, Instant, SystemTime};

const SESSION: &str = "a-session-of-ann";

/// How long tables and queues of this test may take; machines differ.
const PATIENCE: Duration = Duration::from_mins(1);

/// So many milliseconds from now, as RFC 3339.
fn time(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let millis = i64::try_from(now.as_millis()).expect("in range") + from_now;
    let at = jiff::Timestamp::from_millisecond(millis).expect("a time");
    format!("{at:.3}")
}

/// A sale of five units of each product at 800, which begins so many milliseconds from now.
async fn sale(server: &Server, starts: i64, products: &[u64]) -> u64 {
    let price = json!({ "amount": 800, "currency": "USD" });
    let part = |id: &u64| json!({ "productId": id, "price": price, "units": 5 });
    let products: Vec<_> = products.iter().map(part).collect();
    let (starts, ends) = (time(starts), time(3_600_000));
    let body = json!({
        "name": "drop", "startsAt": starts, "endsAt": ends, "products": products,
        "sellsBefore": true
    });
    let answer = server.post("/api/v1/sales", body).await;
    expect::success(&answer, 201);
    answer.body["saleId"].as_u64().expect("an id")
}

fn payment() -> Value {
    json!({ "method": "simulated", "token": "tok_ok" })
}

async fn order(server: &Server, items: Value, key: &str) -> Answer {
    let body = json!({ "customerId": "ann", "items": items, "payment": payment() });
    server.post_with_key("/api/v1/orders", body, key).await
}

fn item(product: u64, sale: u64) -> Value {
    json!({ "productId": product, "quantity": 1, "saleId": sale })
}

/// What an order says of its lines when it is asked for: their prices and their sales.
async fn prices(server: &Server, placed: &Answer) -> Vec<(Value, Value)> {
    let id = placed.body["orderId"].as_str().expect("an id");
    let shown = server.get(&format!("/api/v1/orders/{id}")).await;
    expect::success(&shown, 200);
    let lines = shown.body["lines"].as_array().expect("lines");
    lines.iter().map(|line| (line["unitPrice"]["amount"].clone(), line["saleId"].clone())).collect()
}

/// Waits until the numbers of a sale are so.
async fn counted(server: &Server, sale: u64, expected: [u64; 5]) -> Value {
    let started = Instant::now();
    loop {
        let stats = server.get(&format!("/api/v1/sales/{sale}/stats")).await;
        expect::success(&stats, 200);
        let names = ["units", "sold", "held", "returned", "customers"];
        let numbers = names.map(|name| stats.body[name].as_u64().expect("a number"));
        if numbers == expected {
            return stats.body;
        }
        assert!(started.elapsed() < PATIENCE, "{} is not {expected:?}", stats.text);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn each_line_of_an_order_is_bought_under_its_sale() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let open = sale(&server, -1_000, &[one]).await;
    let later = sale(&server, 3_000_000, &[two]).await;
    // The other product sells at its ordinary terms until then.
    let plain = json!({ "productId": two, "quantity": 1 });
    let bought = order(&server, json!([item(one, open), plain]), "k-1").await;
    expect::success(&bought, 201);
    assert_eq!(
        prices(&server, &bought).await,
        [(json!(800), json!(open)), (json!(999), Value::Null)]
    );
    let early = order(&server, json!([item(one, open), item(two, later)]), "k-2").await;
    let members = expect::problem(&early, 409, "sale-not-open");
    assert_eq!(members["productId"], two);
    for wrong in [later, 999_999] {
        let answer = order(&server, json!([item(one, wrong)]), "k-3").await;
        expect::problem(&answer, 404, "sale-not-found");
    }
    for bad in [json!(0), json!("x"), json!(-1)] {
        let mut item = item(one, open);
        item["saleId"] = bad.clone();
        let answer = order(&server, json!([item]), "k-4").await;
        assert!([400, 422].contains(&answer.status), "{bad}: {}", answer.text);
    }
    let sales = |answer: &Answer| {
        let lines = answer.body["lines"].as_array().expect("lines").iter();
        lines.map(|line| line.get("saleId").cloned()).collect::<Vec<_>>()
    };
    let again = order(&server, json!([item(one, open), plain]), "k-1").await;
    expect::replay(&again, &bought);
    assert_eq!(sales(&bought), [Some(json!(open)), None]);
    // Another sale is another request.
    let other = order(&server, json!([item(one, later), plain]), "k-1").await;
    expect::problem(&other, 422, "idempotency-key-reused");
    // Nothing is left held of those that were refused.
    assert_eq!(server.stock(one).await, (9, 0, 1, 10));
    assert_eq!(server.stock(two).await, (9, 0, 1, 10));
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn a_cart_is_checked_out_under_a_sale() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let both = sale(&server, -1_000, &[one, two]).await;
    let three = server.create_product(10).await;
    let check_out = async |sale: Value| {
        let body = json!({ "customerId": "ann", "payment": payment(), "saleId": sale });
        let request = client().post(server.url("/api/v1/cart/checkout"));
        Answer::of(request.header("x-session-id", SESSION).json(&body)).await
    };
    let cart = async |product: u64, quantity: u64| {
        let request = client().put(server.url(&format!("/api/v1/cart/items/{product}")));
        let request =
            request.header("x-session-id", SESSION).json(&json!({ "quantity": quantity }));
        expect::success(&Answer::of(request).await, 200);
    };
    for product in [one, two, three] {
        cart(product, 1).await;
    }
    // One line that the sale does not have is in the way of all.
    let refused = check_out(json!(both)).await;
    assert_eq!(expect::problem(&refused, 404, "sale-not-found")["productId"], three);
    let bad = check_out(json!(0)).await;
    expect::problem(&bad, 422, "validation-failed");
    let request = client().delete(server.url(&format!("/api/v1/cart/items/{three}")));
    let left = Answer::of(request.header("x-session-id", SESSION)).await;
    assert!(left.status < 300, "{}", left.text);
    let bought = check_out(json!(both)).await;
    expect::success(&bought, 201);
    assert_eq!(
        prices(&server, &bought).await,
        [(json!(800), json!(both)), (json!(800), json!(both))]
    );
    assert_eq!(bought.body["lines"][0]["saleId"], both);
    assert_eq!(bought.body["lines"][1]["saleId"], both);
    counted(&server, both, [10, 2, 0, 0, 1]).await;
    server.stop();
    stand.assert_audit();
}

/// It is decided by the rules of its turn, and its sale is none that came meanwhile.
#[tokio::test]
async fn a_queued_purchase_keeps_to_its_sale() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1_000);
    let server = stand.start();
    let product = server.create_product(10).await;
    let open = sale(&server, -1_000, &[product]).await;
    let wait = async |sale: u64| {
        let mut body = item(product, sale);
        body["customerId"] = json!("ann");
        let request = client().post(server.url("/api/v1/purchases"));
        Answer::of(request.header("Prefer", "respond-async").json(&body)).await
    };
    let decided = async |accepted: &Answer, status: &str| {
        expect::success(accepted, 202);
        let id = accepted.body["purchaseId"].as_str().expect("an id");
        let started = Instant::now();
        loop {
            let shown = server.get(&format!("/api/v1/purchases/{id}")).await;
            if shown.body["status"] == status {
                return shown.body;
            }
            assert!(started.elapsed() < PATIENCE, "{}", shown.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let bought = decided(&wait(open).await, "confirmed").await;
    assert_eq!(bought["unitPrice"]["amount"], 800, "{bought}");
    expect::problem(&wait(999_999).await, 404, "sale-not-found");
    // Nobody has their turn while it is paused, and none can come after it has ended.
    let path = format!("/api/v1/sales/{open}");
    let pace = client().put(server.url(&format!("/api/v1/products/{product}/queue")));
    expect::success(&Answer::of(pace.json(&json!({ "drainPerSecond": 1 }))).await, 200);
    let waiting = [wait(open).await, wait(open).await];
    expect::success(&server.post(&format!("{path}/pause"), json!({})).await, 200);
    expect::problem(&wait(open).await, 409, "sale-paused");
    expect::success(&server.post(&format!("{path}/end"), json!({})).await, 200);
    expect::problem(&wait(open).await, 409, "sale-ended");
    let pace = client().put(server.url(&format!("/api/v1/products/{product}/queue")));
    expect::success(&Answer::of(pace.json(&json!({ "drainPerSecond": null }))).await, 200);
    let mut refused = 0;
    for accepted in &waiting {
        expect::success(accepted, 202);
        let id = accepted.body["purchaseId"].as_str().expect("an id");
        let started = Instant::now();
        let state = loop {
            let shown = server.get(&format!("/api/v1/purchases/{id}")).await.body;
            if shown["status"] != "queued" {
                break shown;
            }
            assert!(started.elapsed() < PATIENCE, "{shown}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        if state["status"] == "refused" {
            assert_eq!(state["code"], "sale-ended", "{state}");
            refused += 1;
        } else {
            // It had its turn before the sale was paused: then at the price of the sale.
            assert_eq!(state["unitPrice"]["amount"], 800, "{state}");
        }
    }
    assert!(refused > 0, "both were sold at one in a second");
    server.stop();
    stand.assert_audit();
}

/// What comes back is not sold any more, and can be bought again at the price of the sale.
#[tokio::test]
async fn what_comes_back_is_in_the_numbers() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let open = sale(&server, -1_000, &[product]).await;
    let bought = order(&server, json!([item(product, open)]), "k-1").await;
    expect::success(&bought, 201);
    expect::success(&server.buy(product, 4, "bob").await, 201);
    let stats = counted(&server, open, [5, 5, 0, 0, 2]).await;
    assert_eq!(stats["revenue"], json!([{ "amount": 4_000, "currency": "USD" }]));
    assert_eq!(stats["sellThrough"], 1.0);
    assert!(stats["timeToSellOutMs"].is_u64(), "{stats}");
    expect::problem(&server.buy(product, 1, "cat").await, 409, "sold-out");

    let id = bought.body["orderId"].as_str().expect("an id");
    let back = server.post(&format!("/api/v1/orders/{id}/refund"), json!({})).await;
    expect::success(&back, 200);
    let stats = counted(&server, open, [5, 4, 0, 1, 2]).await;
    assert_eq!(stats["revenue"], json!([{ "amount": 3_200, "currency": "USD" }]));
    assert_eq!(stats["timeToSellOutMs"], Value::Null);
    let again = order(&server, json!([item(product, open)]), "k-2").await;
    expect::success(&again, 201);
    assert_eq!(prices(&server, &again).await, [(json!(800), json!(open))]);
    counted(&server, open, [5, 5, 0, 1, 2]).await;
    server.stop();
    stand.assert_audit();
}

/// Answers name the sale that was bought or held under, also when they are given again by a server that was
/// started since, or are about a hold that has ended.
#[tokio::test]
async fn answers_name_their_sale() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let open = sale(&server, -1_000, &[one]).await;
    let body = |product: u64| json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let purchases = "/api/v1/purchases";
    let bought = server.post_with_key(purchases, body(one), "p-1").await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["saleId"], open);
    let plain = server.post_with_key(purchases, body(two), "p-2").await;
    expect::success(&plain, 201);
    assert_eq!(plain.body.get("saleId"), None, "{}", plain.text);
    let reservations = "/api/v1/reservations";
    let held = server.post_with_key(reservations, body(one), "r-1").await;
    expect::success(&held, 201);
    assert_eq!(held.body["saleId"], open);
    let freely = server.post_with_key(reservations, body(two), "r-2").await;
    assert_eq!(freely.body.get("saleId"), None, "{}", freely.text);
    let id = held.body["reservationId"].as_str().expect("an id").to_owned();
    let path = format!("{reservations}/{id}");
    assert_eq!(server.get(&path).await.body["saleId"], open);
    let items = json!([item(one, open), { "productId": two, "quantity": 1 }]);
    let placed = order(&server, items.clone(), "o-1").await;
    expect::success(&placed, 201);
    let confirm = format!("{path}/confirm");
    let confirmed = server.post_with_key(&confirm, json!({}), "c-1").await;
    assert_eq!((confirmed.status, &confirmed.body["saleId"]), (200, &json!(open)));
    assert!(server.stop().success());
    let server = stand.start();
    let again = server.post_with_key(purchases, body(one), "p-1").await;
    expect::replay(&again, &bought);
    expect::replay(&server.post_with_key(reservations, body(one), "r-1").await, &held);
    expect::replay(&order(&server, items, "o-1").await, &placed);
    let again = server.post_with_key(&confirm, json!({}), "c-1").await;
    assert_eq!(again.body, confirmed.body);
    let shown = server.get(&path).await;
    assert_eq!((&shown.body["status"], &shown.body["saleId"]), (&json!("confirmed"), &json!(open)));
    server.stop();
    stand.assert_audit();
}
