//! Time that passes while a server is down, or a product asleep: holds that ran out meanwhile get
//! their grace and then end by themselves, and nothing that was ever answered is forgotten, wherever
//! it is kept by now: in memory, in a snapshot, or behind a checkpoint.

use crate::places::{assert_audit, assert_good_end, until};
use crate::support::{Answer, Server, Stand};
use futures::StreamExt;
use serde_json::{Value, json};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;

async fn held(server: &Server, product: u64, customer: &str, seconds: u64) -> String {
    let hold = server.hold(product, 1, customer, seconds).await;
    assert_eq!(hold.status, 201, "{}", hold.text);
    hold.body["reservationId"].as_str().expect("an id").to_owned()
}

async fn confirm(server: &Server, reservation: &str) -> Answer {
    server.post(&format!("/api/v1/reservations/{reservation}/confirm"), json!({})).await
}

/// What the journal says happened to a product, read past the server: asking it would wake it up.
fn facts(stand: &Stand, product: u64) -> Vec<String> {
    let product = product.to_string();
    let output = stand.command(&["journal", "cat", "--product", &product]).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let event = |line: &str| {
        let fact: Value = serde_json::from_str(line).expect("JSON");
        fact["event"].as_str().expect("an event").to_owned()
    };
    lines.lines().map(event).collect()
}

#[tokio::test]
async fn holds_that_ran_out_meanwhile_get_their_grace_and_end_by_themselves() {
    let stand = Stand::embedded().setting("ENGINE__GRACE_SECONDS", 4);
    let server = stand.start();
    let mut products = [0; 4];
    for product in &mut products {
        *product = server.create_product(2).await;
    }
    let [kept, lost, later, full] = products;
    let to_keep = held(&server, kept, "ann", 1).await;
    held(&server, lost, "bob", 1).await;
    let long = held(&server, later, "cher", 3_600).await;
    for customer in ["ann", "bob"] {
        held(&server, full, customer, 1).await;
    }
    server.kill();
    tokio::time::sleep(Duration::from_millis(1_500)).await;

    let server = stand.start();
    let confirmed = confirm(&server, &to_keep).await;
    assert_eq!(confirmed.status, 200, "within its grace: {}", confirmed.text);
    // Within the grace its units are not sold to anybody else.
    let greedy = server.buy(full, 1, "dora").await;
    assert_eq!((greedy.status, greedy.code()), (409, "sold-out"), "{}", greedy.text);
    until("a hold ends without being asked for", async || {
        facts(&stand, lost) == ["created", "held", "expired"]
    })
    .await;
    assert_eq!(server.stock(lost).await, (2, 0, 0, 2));
    assert_eq!(server.stock(kept).await, (1, 0, 1, 2));
    until("units come back", async || server.stock(full).await == (2, 0, 0, 2)).await;
    assert_eq!(server.stock(later).await, (1, 1, 0, 2));
    assert_eq!(confirm(&server, &long).await.status, 200);
    assert_good_end(server, &stand).await;
}

/// A grace of nothing: what ran out is over the moment the server is back.
#[tokio::test]
async fn without_grace_a_hold_that_ran_out_is_over() {
    let stand = Stand::embedded().setting("ENGINE__GRACE_SECONDS", 0);
    let server = stand.start();
    let product = server.create_product(1).await;
    let hold = held(&server, product, "ann", 1).await;
    server.kill();
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    let server = stand.start();
    assert_eq!(server.buy(product, 1, "bob").await.status, 201, "the unit is free again");
    let late = confirm(&server, &hold).await;
    assert_eq!((late.status, late.code()), (410, "reservation-expired"), "{}", late.text);
    assert_good_end(server, &stand).await;
}

/// What one product must remember: stock, limits, keys, ended and open holds.
struct Remembered {
    product: u64,
    bought: Answer,
    confirmed: String,
    released: String,
}

async fn live_a_little(server: &Server) -> Remembered {
    let product = server.create(json!({ "stock": 10, "limitPerCustomer": 2 })).await;
    let order = json!({ "productId": product, "quantity": 2, "customerId": "ann" });
    let bought = server.post_with_key("/api/v1/purchases", order, "ann-1").await;
    assert_eq!(bought.status, 201, "{}", bought.text);
    let confirmed = held(server, product, "bob", 60).await;
    assert_eq!(confirm(server, &confirmed).await.status, 200);
    let released = held(server, product, "cher", 60).await;
    let gone = server.delete(&format!("/api/v1/reservations/{released}")).await;
    assert_eq!(gone.status, 200, "{}", gone.text);
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let adjusted =
        server.post_with_key(&path, json!({ "delta": 5, "reason": "a box" }), "box-1").await;
    assert_eq!(adjusted.status, 200, "{}", adjusted.text);
    Remembered { product, bought, confirmed, released }
}

async fn assert_remembered(server: &Server, remembered: &Remembered) {
    let Remembered { product, bought, confirmed, released } = remembered;
    assert_eq!(server.stock(*product).await, (12, 0, 3, 15));
    let order = json!({ "productId": product, "quantity": 2, "customerId": "ann" });
    let again = server.post_with_key("/api/v1/purchases", order, "ann-1").await;
    assert_eq!((again.status, &again.body), (201, &bought.body));
    assert_eq!(again.header("idempotent-replayed"), "true");
    let path = format!("/api/v1/products/{product}/stock/adjustments");
    let again =
        server.post_with_key(&path, json!({ "delta": 5, "reason": "a box" }), "box-1").await;
    assert_eq!((again.status, again.header("idempotent-replayed")), (200, "true"));
    let other = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let reused = server.post_with_key("/api/v1/purchases", other, "ann-1").await;
    assert_eq!((reused.status, reused.code()), (422, "idempotency-key-reused"));
    assert_eq!(server.buy(*product, 1, "ann").await.code(), "customer-limit-reached");
    assert_eq!(server.buy(*product, 2, "bob").await.code(), "customer-limit-reached");
    assert_eq!(confirm(server, confirmed).await.code(), "reservation-confirmed");
    assert_eq!(confirm(server, released).await.code(), "reservation-released");
    assert_eq!(server.stock(*product).await, (12, 0, 3, 15));
}

async fn until_asleep(server: &Server, awake: f64) {
    until("idle products sleep", async || {
        let now = server.metric("lastunit_actors_active").await;
        (now - awake).abs() < 0.5
    })
    .await;
}

#[tokio::test]
async fn a_product_that_slept_remembers_everything() {
    let stand = Stand::embedded().setting("ENGINE__IDLE_AFTER_SECONDS", 1);
    let server = stand.start();
    let remembered = live_a_little(&server).await;
    let busy = server.create_product(5).await;
    let hold = held(&server, busy, "ann", 3_600).await;
    // A product with an open hold stays awake: its hold must end on time.
    until_asleep(&server, 1.0).await;
    assert_remembered(&server, &remembered).await;
    until_asleep(&server, 1.0).await;
    server.kill();
    let server = stand.start();
    assert_remembered(&server, &remembered).await;
    until_asleep(&server, 0.0).await;
    assert_eq!(server.stock(busy).await, (4, 1, 0, 5));
    assert_eq!(confirm(&server, &hold).await.status, 200);
    assert_remembered(&server, &remembered).await;
    server.until_projected().await;
    assert!(server.stop().success());
    let server = stand.start();
    assert_remembered(&server, &remembered).await;
    assert!(server.stop().success());
    assert_audit(&stand);
}

/// The lowest checkpoint of a partition with sales.
async fn checkpoint(stand: &Stand) -> i64 {
    let options = SqliteConnectOptions::new().filename(stand.data_dir().join("journal.sqlite"));
    let mut connection = SqliteConnection::connect_with(&options).await.expect("opens");
    let sql = AssertSqlSafe("SELECT min(checkpoint) FROM journal_partition".to_owned());
    let checkpoint = sqlx::query_scalar(sql).fetch_one(&mut connection).await.expect("a number");
    connection.close().await.expect("closed");
    checkpoint
}

async fn buy_many(server: &Server, product: u64, from: u64, count: u64) -> Vec<(u64, Answer)> {
    let buying = futures::stream::iter(from..from + count)
        .map(|number| async move { (number, buy_numbered(server, product, number).await) });
    buying.buffer_unordered(32).collect().await
}

async fn buy_numbered(server: &Server, product: u64, number: u64) -> Answer {
    let customer = format!("customer-{number}");
    let order = json!({ "productId": product, "quantity": 1, "customerId": customer });
    server.post_with_key("/api/v1/purchases", order, &format!("key-{number}")).await
}

#[tokio::test]
async fn what_is_behind_a_checkpoint_is_kept() {
    let stand = Stand::embedded()
        .setting("JOURNAL__PARTITIONS", 1)
        .setting("JOURNAL__CHECKPOINT_EVENTS", 1_000);
    let server = stand.start();
    let remembered = live_a_little(&server).await;
    let product = server.create_product(10_000).await;
    let hold = held(&server, product, "holder", 3_600).await;
    let mut bought = Vec::new();
    let mut before = checkpoint(&stand).await;
    // A later one comes later: each round costs as much as the tables have grown.
    for count in [1_500, 2_500] {
        bought.extend(buy_many(&server, product, bought.len() as u64, count).await);
        until("the checkpoint moves up", async || checkpoint(&stand).await > before).await;
        before = checkpoint(&stand).await;
    }
    bought.extend(buy_many(&server, product, bought.len() as u64, 500).await);
    assert!(bought.iter().all(|(_, answer)| answer.status == 201));
    server.kill();

    let server = stand.start();
    assert_remembered(&server, &remembered).await;
    assert_eq!(server.stock(product).await, (5_499, 1, 4_500, 10_000));
    for (number, first) in bought.iter().step_by(45) {
        let again = buy_numbered(&server, product, *number).await;
        assert_eq!((again.status, &again.body), (201, &first.body));
        assert_eq!(again.header("idempotent-replayed"), "true");
    }
    assert_eq!(confirm(&server, &hold).await.status, 200);
    server.until_projected().await;
    assert!(server.stop().success());
    let report = assert_audit(&stand);
    assert_eq!(report["snapshots"], 2, "{report:#}");
}
