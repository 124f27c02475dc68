//! Shop: carts over HTTP, asked of the real binary.

use crate::expect;
use crate::kit::{Kit, product, quantity, session, usd};
use crate::support::{Answer, Server, Stand, client};
use lastunit::cart::Lifetime;
use lastunit::clock::Clock;
use lastunit::domain::Timestamp;
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::time::Duration;

/// A request about the cart of a session, or of nobody yet when the id is empty.
pub async fn ask(server: &Server, method: &str, item: &str, id: &str, body: Value) -> Answer {
    let method = method.parse().expect("a method");
    let mut request = client().request(method, server.url(&format!("/api/v1/cart{item}")));
    if !id.is_empty() {
        request = request.header("X-Session-Id", id);
    }
    if !body.is_null() {
        request = request.json(&body);
    }
    Answer::of(request).await
}

pub async fn put(server: &Server, id: &str, product: u64, quantity: u64) -> Answer {
    let item = format!("/items/{product}");
    ask(server, "PUT", &item, id, json!({ "quantity": quantity })).await
}

pub async fn cart(server: &Server, id: &str) -> Value {
    let answer = ask(server, "GET", "", id, Value::Null).await;
    expect::success(&answer, 200);
    assert_eq!(answer.header("x-session-id"), answer.body["sessionId"]);
    assert_eq!(answer.header("cache-control"), "no-store");
    answer.body
}

/// Product and quantity of each line.
pub fn lines(cart: &Value) -> Vec<(u64, u64)> {
    let number = |line: &Value, name: &str| line[name].as_u64().expect("a number");
    let lines = cart["lines"].as_array().expect("lines").iter();
    lines.map(|line| (number(line, "productId"), number(line, "quantity"))).collect()
}

pub async fn a_cart_over_http(kit: Kit) {
    let server = kit.stand.start();
    let first = server.create(json!({ "stock": 10, "name": "first thing" })).await;
    let second = server.create_product(5).await;
    // Whoever has no session gets one: an empty cart, and a new id each time.
    let empty = cart(&server, "").await;
    assert_eq!((lines(&empty), &empty["mixedCurrencies"]), (vec![], &json!(false)));
    assert!(empty.get("total").is_none());
    let begun = put(&server, "", second, 2).await;
    expect::success(&begun, 200);
    let id = begun.header("x-session-id").to_owned();
    assert_eq!(id.len(), 32, "{id}");
    assert_ne!(json!(id), empty["sessionId"]);
    let price = json!({ "amount": 999, "currency": "USD" });
    assert_eq!((&begun.body["sessionId"], &begun.body["productId"]), (&json!(id), &json!(second)));
    assert_eq!((&begun.body["addedPrice"], &begun.body["price"]), (&price, &price));
    expect::time(&begun.body["addedAt"]);

    // Lines have the time they came at, in milliseconds.
    tokio::time::sleep(Duration::from_millis(5)).await;
    expect::success(&put(&server, &id, first, 1).await, 200);
    let again = put(&server, &id, first, 7).await;
    assert_eq!(again.body["total"]["amount"], 7 * 999);
    let shown = cart(&server, &id).await;
    // In the order in which they came.
    assert_eq!(lines(&shown), [(second, 2), (first, 7)]);
    assert_eq!(shown["total"], json!({ "amount": 9 * 999, "currency": "USD" }));
    let line = &shown["lines"][1];
    assert_eq!(line["available"], 10);
    for mark in ["priceChanged", "soldOut", "insufficient", "unavailable"] {
        assert_eq!(line[mark], false, "{mark}");
    }
    named(&server, &id, "first thing").await;

    let item = format!("/items/{first}");
    for removed in [1, 0] {
        let gone = ask(&server, "DELETE", &item, &id, Value::Null).await;
        expect::success(&gone, 200);
        assert_eq!(gone.body, json!({ "sessionId": id, "removed": removed }));
    }
    for removed in [1, 0] {
        let gone = ask(&server, "DELETE", "", &id, json!({})).await;
        assert_eq!((gone.status, &gone.body["removed"]), (200, &json!(removed)), "{}", gone.text);
    }
    assert_eq!(lines(&cart(&server, &id).await), []);
    // No cart has held anything.
    assert_eq!(server.stock(first).await, (10, 0, 0, 10));
    assert!(server.stop().success());
}

/// The name comes from the query tables, which may be a moment behind.
async fn named(server: &Server, id: &str, name: &str) {
    for _ in 0..200 {
        if cart(server, id).await["lines"][1]["name"] == name {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the line has no name: {}", server.log());
}

pub async fn two_sessions_do_not_see_each_other(kit: Kit) {
    let server = kit.stand.start();
    let chosen = server.create_product(10).await;
    // One id is the beginning of the other.
    for (id, units) in [("ann", 1), ("ann-2", 2)] {
        expect::success(&put(&server, id, chosen, units).await, 200);
    }
    assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 1)]);
    assert_eq!(lines(&cart(&server, "ann-2").await), [(chosen, 2)]);
    assert_eq!(ask(&server, "DELETE", "", "ann", Value::Null).await.body["removed"], 1);
    assert_eq!(lines(&cart(&server, "ann").await), []);
    assert_eq!(lines(&cart(&server, "ann-2").await), [(chosen, 2)]);
    assert_eq!(lines(&cart(&server, "Ann-2").await), [], "capitals are other letters");
    assert!(!server.log().contains("ann"), "a session in the log");
}

pub async fn what_changed_is_marked(kit: Kit) {
    let server = kit.stand.start();
    let plenty = server.create_product(10).await;
    let scarce = server.create_product(10).await;
    let gone = server.create_product(10).await;
    for chosen in [scarce, gone] {
        expect::success(&put(&server, "ann", chosen, 3).await, 200);
    }
    // Somebody saw another price, and a product that is not sold here.
    let carts = kit.carts(&Clock::system()).await;
    let ann = session("ann");
    carts.put(&ann, product(plenty), quantity(3), usd(1_099)).await.expect("put");
    carts.put(&ann, product(999), quantity(3), usd(5)).await.expect("put");
    expect::success(&server.buy(scarce, 8, "bob").await, 201);
    expect::success(&server.buy(gone, 10, "bob").await, 201);

    let shown = cart(&server, "ann").await;
    let marks = |id: u64| {
        let all = shown["lines"].as_array().expect("lines");
        let line = all.iter().find(|line| line["productId"] == id).expect("the line");
        let set = ["priceChanged", "soldOut", "insufficient", "unavailable"]
            .into_iter()
            .filter(|mark| line[mark] == true)
            .collect::<Vec<_>>();
        (set.join(" "), line["available"].as_u64(), line["price"]["amount"].as_u64())
    };
    assert_eq!(marks(plenty), ("priceChanged".to_owned(), Some(10), Some(999)));
    assert_eq!(marks(scarce), ("insufficient".to_owned(), Some(2), Some(999)));
    assert_eq!(marks(gone), ("soldOut".to_owned(), Some(0), Some(999)));
    assert_eq!(marks(999), ("unavailable".to_owned(), None, None));
    assert_eq!(shown["total"]["amount"], 9 * 999);
    // A product that is there no more can be taken out, and not put in.
    let unknown = put(&server, "ann", 999, 1).await;
    assert_eq!(expect::problem(&unknown, 404, "product-not-found"), json!({}));
    assert_eq!(ask(&server, "DELETE", "/items/999", "ann", Value::Null).await.body["removed"], 1);

    let price = json!({ "amount": 5, "currency": "EUR" });
    let foreign = server.create(json!({ "stock": 1, "price": price })).await;
    expect::success(&put(&server, "ann", foreign, 1).await, 200);
    let mixed = cart(&server, "ann").await;
    assert_eq!((mixed.get("total"), &mixed["mixedCurrencies"]), (None, &json!(true)));
    carts.close().await;
}

/// `cart.ttl_days` is what the store is told.
#[tokio::test]
async fn the_days_are_as_configured() {
    let stand = Stand::embedded().setting("CART__TTL_DAYS", 2);
    let server = stand.start();
    let chosen = server.create_product(1).await;
    let before = Clock::system().now();
    expect::success(&put(&server, "ann", chosen, 1).await, 200);
    let url = format!("sqlite://{}", stand.data_dir().join("carts.sqlite").display());
    let mut file = SqliteConnection::connect(&url).await.expect("the file");
    let sql = "SELECT expires_at FROM carts WHERE session_id = 'ann'";
    let stored: i64 = sqlx::query_scalar(sql).fetch_one(&mut file).await.expect("the cart");
    file.close().await.expect("closed");
    let stored = Timestamp::from_millis(stored.cast_unsigned());
    let two_days = Lifetime::days(2);
    let possible = [before, Clock::system().now()].map(|time| two_days.expires_at(time));
    assert!(possible.contains(&stored), "{stored:?} is none of {possible:?}");
}

pub async fn a_restart_keeps_the_cart(kit: Kit) {
    let server = kit.stand.start();
    let chosen = server.create_product(10).await;
    expect::success(&put(&server, "ann", chosen, 3).await, 200);
    server.kill();
    let server = kit.stand.start();
    assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 3)]);
    expect::success(&put(&server, "ann", chosen, 4).await, 200);
    assert!(server.stop().success());
    let server = kit.stand.start();
    assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 4)]);
    assert!(server.stop().success());
    kit.stand.assert_audit();
}
