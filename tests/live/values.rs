//! Values: first a snapshot, then newer ones in order, and after a reconnect only what is new.

use crate::screen::Screen;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::Duration;

fn available(message: &Value) -> u64 {
    message["data"]["available"].as_u64().expect("available")
}

#[tokio::test]
async fn first_a_snapshot_then_newer_values_in_order() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(500).await;
    let topic = format!("stock:{product}");
    let mut screen = Screen::of(&server, &[&topic]).await;
    let first = screen.next().await;
    assert_eq!((&first["type"], &first["topic"]), (&json!("snapshot"), &json!(topic)));
    assert_eq!(first["data"], server.get(&format!("/api/v1/products/{product}/stock")).await.body);
    let mut seen = available(&first);
    let buying = async {
        for turn in 0..200 {
            assert_eq!(server.buy(product, 1, &format!("c{turn}")).await.status, 201);
        }
    };
    let watching = async {
        while seen > 300 {
            let update = screen.next().await;
            assert_eq!(update["type"], "update");
            assert!(available(&update) < seen, "{update} after {seen}");
            let stock = &update["data"];
            let count = |name: &str| stock[name].as_u64().unwrap();
            assert_eq!(count("stocked"), count("available") + count("held") + count("sold"));
            seen = available(&update);
        }
    };
    tokio::join!(buying, watching);
    assert_eq!(seen, 300);
}

#[tokio::test]
async fn who_comes_back_gets_what_is_new() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (first, second) = (server.create_product(5).await, server.create_product(5).await);
    let topics = [format!("stock:{first}"), format!("stock:{second}")];
    let mut screen = Screen::of(&server, &[&topics[0], &topics[1]]).await;
    let mut versions = serde_json::Map::new();
    for _ in 0..2 {
        let message = screen.next().await;
        versions.insert(message["topic"].as_str().unwrap().into(), message["version"].clone());
    }
    drop(screen);
    server.buy(second, 2, "ann").await;
    let mut screen = Screen::connect(&server).await;
    screen.say(json!({"type": "subscribe", "topics": topics, "versions": versions})).await;
    let message = screen.next().await;
    assert_eq!((&message["type"], &message["topic"]), (&json!("snapshot"), &json!(topics[1])));
    assert_eq!(available(&message), 3);
    // Of the one that has not changed nothing comes until it does.
    assert_eq!(screen.try_next(Duration::from_millis(500)).await, None);
    server.buy(first, 1, "ann").await;
    let message = screen.next().await;
    assert_eq!((&message["topic"], available(&message)), (&json!(topics[0]), 4));
}

#[tokio::test]
async fn a_restart_shows_nothing_that_it_takes_back() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(50).await;
    let topic = format!("stock:{product}");
    let mut screen = Screen::of(&server, &[&topic]).await;
    for turn in 0..10 {
        server.buy(product, 1, &format!("c{turn}")).await;
    }
    let last = screen.until(|message| available(message) == 40).await;
    server.kill();
    let server = stand.start();
    let mut screen = Screen::connect(&server).await;
    let versions = json!({ topic.as_str(): last["version"] });
    screen.say(json!({"type": "subscribe", "topics": [topic], "versions": versions})).await;
    // Whether the version is another one or not, never more is left than was shown.
    if let Some(message) = screen.try_next(Duration::from_millis(500)).await {
        assert_eq!(available(&message), 40);
    }
    server.buy(product, 1, "dan").await;
    assert_eq!(available(&screen.until(|message| available(message) < 40).await), 39);
}

async fn create_sale(server: &Server, product: u64, opens_in: i64) -> u64 {
    let now = jiff::Timestamp::now();
    let at = |seconds: i64| (now + jiff::SignedDuration::from_secs(seconds)).to_string();
    let body = json!({
        "name": "drop", "startsAt": at(opens_in), "endsAt": at(3_600),
        "products": [{"productId": product, "price": {"amount": 500, "currency": "USD"}, "units": 3}],
    });
    let answer = server.post("/api/v1/sales", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["saleId"].as_u64().expect("a sale id")
}

#[tokio::test]
async fn a_sale_opens_and_sells_out_on_the_screen() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let sale = create_sale(&server, product, 2).await;
    let mut screen =
        Screen::of(&server, &[&format!("sale:{sale}"), &format!("stock:{product}")]).await;
    let state = |message: &Value| message["data"]["state"].clone();
    let of_sale = |message: &Value| message["topic"] == json!(format!("sale:{sale}"));
    assert_eq!(state(&screen.until(of_sale).await), "scheduled");
    screen.until(|message| of_sale(message) && state(message) == "open").await;
    for turn in 0..3 {
        assert_eq!(server.buy(product, 1, &format!("c{turn}")).await.status, 201);
    }
    let left = |message: &Value| message["data"]["products"][0]["available"].clone();
    screen.until(|message| of_sale(message) && left(message) == 0).await;
    server.post(&format!("/api/v1/sales/{sale}/end"), json!({})).await;
    screen.until(|message| of_sale(message) && state(message) == "ended").await;
}

#[tokio::test]
async fn orders_and_queued_purchases_come_by_themselves() {
    let stand = Stand::embedded().setting("QUEUE__DRAIN_PER_SECOND", 1);
    let server = stand.start();
    let product = server.create_product(10).await;
    let mut screen = Screen::of(&server, &["orders:ann", "orders"]).await;
    for _ in 0..2 {
        assert_eq!(screen.next().await["data"], json!([]));
    }
    let bought = server.buy(product, 2, "ann").await.body;
    let is_there = |message: &Value| message["data"][0]["orderId"] == bought["orderId"];
    let mut topics = vec![];
    while topics.len() < 2 {
        topics.push(screen.until(is_there).await["topic"].clone());
    }
    assert!(topics.contains(&json!("orders:ann")) && topics.contains(&json!("orders")));
    let order = bought["orderId"].as_str().unwrap();
    server.post(&format!("/api/v1/orders/{order}/cancel"), json!({})).await;
    screen.until(|message| message["data"][0]["status"] == "cancelled").await;

    let queue = async |customer: &str| {
        let body = json!({"productId": product, "quantity": 1, "customerId": customer});
        let request = client().post(server.url("/api/v1/purchases")).json(&body);
        let answer = Answer::of(request.header("prefer", "respond-async")).await;
        assert_eq!(answer.status, 202, "{}", answer.text);
        answer.body["purchaseId"].as_str().unwrap().to_owned()
    };
    queue("bob").await;
    queue("cid").await;
    let last = queue("dan").await;
    let mut screen = Screen::of(&server, &[&format!("purchase:{last}")]).await;
    assert_eq!(screen.next().await["type"], "snapshot");
    let end = screen.until(|message| message["data"]["status"] == "confirmed").await;
    assert_eq!(end["data"]["customerId"], "dan");
}

#[tokio::test]
async fn a_topic_can_be_left() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let topic = format!("stock:{product}");
    let mut screen = Screen::of(&server, &[&topic]).await;
    screen.next().await;
    screen.say(json!({"type": "unsubscribe", "topics": [topic]})).await;
    assert_eq!(screen.next().await, json!({"type": "unsubscribed", "topics": [topic]}));
    server.buy(product, 1, "ann").await;
    assert_eq!(screen.try_next(Duration::from_millis(400)).await, None);
    screen.subscribe(&[&topic]).await;
    assert_eq!(available(&screen.next().await), 9);
    screen.say(json!({"type": "ping"})).await;
    assert_eq!(screen.next().await["type"], "pong");
}

#[tokio::test]
async fn what_changes_often_is_shown_at_the_pace() {
    let stand = Stand::embedded().setting("LIVE__UPDATES_PER_SECOND_MAX", 2);
    let server = stand.start();
    let product = server.create_product(1_000_000).await;
    let mut screen = Screen::of(&server, &[&format!("stock:{product}")]).await;
    assert_eq!(screen.welcome["updatesPerSecondMax"], 2);
    screen.next().await;
    let started = std::time::Instant::now();
    let mut bought = 0;
    while started.elapsed() < Duration::from_secs(2) {
        server.buy(product, 1, "ann").await;
        bought += 1;
    }
    let last = screen.until(|message| available(message) == 1_000_000 - bought).await;
    assert_eq!(last["type"], "update");
    let updates = server.metric("lastunit_live_updates_total{topic=\"stock\"}").await;
    let most = started.elapsed().as_secs_f64() * 2.0 + 2.0;
    assert!(updates <= most, "{updates} updates, {bought} changes, at most {most}");
}
