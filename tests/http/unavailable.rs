//! Unavailable: stores that are there and do not answer. Whoever asks meanwhile is told so instead of
//! waiting for ever, and finds the truth afterwards.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgPool, SqliteConnection};
use std::time::Duration;
use throwaway::Postgres;

/// The processes in Postgres that serve the journal, stopped until this is dropped.
pub struct Stopped(Vec<Pid>);

impl Stopped {
    pub async fn journal(operator: &PgPool) -> Self {
        let sql = "SELECT pid FROM pg_stat_activity WHERE application_name = 'lastunit journal'";
        let pids: Vec<i32> =
            sqlx::query_scalar(sql).fetch_all(operator).await.expect("Postgres answers");
        assert!(!pids.is_empty(), "nobody serves the journal");
        let pids: Vec<_> = pids.into_iter().filter_map(Pid::from_raw).collect();
        for pid in &pids {
            kill_process(*pid, Signal::STOP).expect("a process of Postgres");
        }
        Self(pids)
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for pid in &self.0 {
            // It may be gone: nobody is left to wait for it then.
            let _ = kill_process(*pid, Signal::CONT);
        }
    }
}

/// Asks until the server decides again.
async fn until_ready(server: &Server) {
    for _ in 0..600 {
        if server.get("/health/ready").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the server does not get ready: {}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_is_not_known_is_said_to_be_so() {
    let postgres = Postgres::start().expect("Postgres starts");
    postgres.create_database("journal").expect("a new database");
    let stand = Stand::embedded()
        .argument(format!("--journal-url={}", postgres.url("journal")))
        .setting("JOURNAL__COMMIT_TIMEOUT_MS", 300);
    let server = stand.start();
    let product = server.create_product(5).await;
    let pool = PgPoolOptions::new().max_connections(1);
    let operator = pool.connect(&postgres.url("postgres")).await.expect("Postgres answers");
    let order = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let thing = json!({ "name": "thing", "price": { "amount": 1, "currency": "USD" }, "stock": 1 });

    let stopped = Stopped::journal(&operator).await;
    let unknown = server.post_with_key("/api/v1/purchases", order.clone(), "once").await;
    assert_eq!(expect::problem(&unknown, 503, "outcome-unknown"), json!({}));
    // Whoever comes later knows at least that nothing was done for him.
    let late = server.buy(product, 1, "late").await;
    assert_eq!(expect::problem(&late, 503, "journal-unavailable"), json!({}));
    let created = server.post("/api/v1/products", thing).await;
    assert_eq!(expect::problem(&created, 503, "journal-unavailable"), json!({}));
    drop(stopped);

    until_ready(&server).await;
    let bought = server.post_with_key("/api/v1/purchases", order.clone(), "once").await;
    expect::success(&bought, 201);
    let again = server.post_with_key("/api/v1/purchases", order, "once").await;
    assert_eq!((again.status, &again.text), (201, &bought.text));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!(server.stock(product).await, (4, 0, 1, 5));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn what_is_not_in_the_tables_yet_is_never_said_to_be_unknown() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let shown = server.get(&format!("/api/v1/products/{product}")).await;
    expect::success(&shown, 200);

    // Somebody else writes to the tables: they can be read, and get no new rows.
    let path = stand.data_dir().join("database.sqlite");
    let mut tables = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("the tables can be opened");
    tables.execute("BEGIN IMMEDIATE").await.expect("nobody writes just now");
    let bought = server.buy(product, 1, "ann").await;
    expect::success(&bought, 201);
    let held = server.hold(product, 1, "ann", 60).await;
    expect::success(&held, 201);
    let reservation = held.body["reservationId"].as_str().expect("an id");
    let reservation = format!("/api/v1/reservations/{reservation}");
    expect::success(&server.delete(&reservation).await, 200);
    let order = format!("/api/v1/orders/{}", bought.body["orderId"].as_str().expect("an id"));
    let newer = server.create_product(1).await;
    let newer = format!("/api/v1/products/{newer}");
    for path in [&order, &reservation, &newer] {
        let answer = server.get(path).await;
        assert_eq!(expect::problem(&answer, 503, "projection-behind"), json!({}), "{path}");
    }
    assert_eq!(server.stock(product).await, (4, 0, 1, 5));
    tables.execute("ROLLBACK").await.expect("the lock is given back");

    for path in [&order, &reservation, &newer] {
        let mut answer = server.get(path).await;
        for _ in 0..30 {
            if answer.status == 200 {
                break;
            }
            assert_eq!(answer.code(), "projection-behind", "{path}: {}", answer.text);
            answer = server.get(path).await;
        }
        expect::success(&answer, 200);
    }
    tables.close().await.expect("the tables are closed");
    assert!(server.stop().success());
    stand.assert_audit();
}

/// In a burst the tables are behind, and whoever does the right thing and sends a key can order all the
/// same; so can who has waited for a turn see what became of it.
#[tokio::test]
async fn nobody_waits_for_tables_that_are_behind_but_who_needs_them() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(9).await;
    let put = client().put(server.url(&format!("/api/v1/cart/items/{product}")));
    let put = put.header("x-session-id", "ann-and-her-cart").json(&json!({ "quantity": 2 }));
    expect::success(&Answer::of(put).await, 200);
    let listed = server.get("/api/v1/orders?customerId=ann").await;
    assert_eq!((&listed.body["upToDate"], &listed.body["data"]), (&json!(true), &json!([])));

    let path = stand.data_dir().join("database.sqlite");
    let mut tables = SqliteConnection::connect(&format!("sqlite://{}", path.display()))
        .await
        .expect("the tables can be opened");
    tables.execute("BEGIN IMMEDIATE").await.expect("nobody writes just now");
    let check_out = |key: &'static str| {
        let request = client().post(server.url("/api/v1/cart/checkout"));
        let request = request.header("x-session-id", "ann-and-her-cart");
        let request = request.header("idempotency-key", key);
        let payment = json!({ "method": "simulated", "token": "tok_ok" });
        Answer::of(request.json(&json!({ "customerId": "ann", "payment": payment })))
    };
    let ordered = check_out("first").await;
    assert_eq!((ordered.status, &ordered.body["status"]), (201, &json!("confirmed")));
    // The same again needs the tables: whether it was ordered stands there alone.
    expect::problem(&check_out("first").await, 503, "projection-behind");
    let request = client().post(server.url("/api/v1/purchases")).header("prefer", "respond-async");
    let body = json!({ "productId": product, "quantity": 1, "customerId": "bob" });
    let accepted = Answer::of(request.json(&body)).await;
    expect::success(&accepted, 202);
    let path = accepted.header("location").to_owned();
    let shown = loop {
        let shown = server.get(&path).await;
        expect::success(&shown, 200);
        if shown.body["status"] != "queued" {
            break shown;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert_eq!(shown.body["status"], "confirmed", "{}", shown.text);
    assert_eq!(shown.body["total"], json!({ "amount": 999, "currency": "USD" }));
    let listed = server.get("/api/v1/orders?customerId=ann").await;
    assert_eq!((listed.status, &listed.body["upToDate"]), (200, &json!(false)), "{}", listed.text);
    tables.execute("ROLLBACK").await.expect("the lock is given back");
    tables.close().await.expect("the tables are closed");

    let listed = loop {
        let listed = server.get("/api/v1/orders?customerId=ann").await;
        if listed.body["upToDate"] == json!(true) {
            break listed;
        }
        expect::success(&listed, 200);
    };
    assert_eq!(listed.body["data"][0]["orderId"], ordered.body["orderId"]);
    let again = check_out("first").await;
    assert_eq!(
        (again.status, again.header("idempotent-replayed")),
        (201, "true"),
        "{}",
        again.text
    );
    assert!(server.stop().success());
    stand.assert_audit();
}
