//! Sales when something is in the way: a database that is away, rows that somebody changed, and what is
//! left of a sale that was given up.

use crate::expect;
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::time::Duration;
use throwaway::Postgres;

const PATH: &str = "/api/v1/sales";

/// An open sale of some units of each product at 800; whoever buys has at most two.
async fn open(server: &Server, products: &[u64], units: u64) -> u64 {
    let price = json!({ "amount": 800, "currency": "USD" });
    let part = |product: &u64| json!({ "productId": product, "price": price, "units": units, "limitPerCustomer": 2 });
    let products: Vec<Value> = products.iter().map(part).collect();
    let body = json!({ "name": "drop", "endsAt": "2999-01-01T00:00:00Z", "products": products });
    let answer = server.post(PATH, body).await;
    expect::success(&answer, 201);
    answer.body["saleId"].as_u64().expect("an id")
}

async fn order(server: &Server, sale: u64, verb: &str) -> String {
    let answer = server.post(&format!("{PATH}/{sale}/{verb}"), json!({})).await;
    expect::success(&answer, 200);
    answer.body["state"].as_str().expect("a state").to_owned()
}

/// Asks until it is so; a test that waits in vain is ended from outside.
async fn until(server: &Server, path: &str, so: impl Fn(&Value) -> bool) {
    while !so(&server.get(path).await.body) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sale_is_paused_resumed_and_ended_without_the_database() {
    let mut postgres = Postgres::start().expect("Postgres starts");
    postgres.create_database("tables").expect("a new database");
    let stand = Stand::embedded().argument(format!("--database-url={}", postgres.url("tables")));
    let server = stand.start();
    let product = server.create_product(10).await;
    let sale = open(&server, &[product], 3).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    postgres.stop().expect("Postgres stops");

    assert_eq!(order(&server, sale, "pause").await, "paused");
    expect::problem(&server.buy(product, 1, "bob").await, 409, "sale-paused");
    assert_eq!(order(&server, sale, "resume").await, "open");
    let bought = server.buy(product, 1, "bob").await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["unitPrice"]["amount"], 800);
    assert_eq!(order(&server, sale, "end").await, "ended");
    let ordinary = server.buy(product, 8, "cat").await;
    expect::success(&ordinary, 201);
    assert_eq!(ordinary.body["unitPrice"]["amount"], 999);

    postgres.start_again().expect("Postgres starts again");
    until(&server, &format!("{PATH}/{sale}/stats"), |stats| stats["sold"] == 2).await;
    let shown = server.get(&format!("{PATH}/{sale}")).await;
    assert_eq!(shown.body["state"], "ended", "{}", shown.text);
    assert!(server.stop().success());
    stand.assert_audit();
}

async fn tables(stand: &Stand) -> SqliteConnection {
    let url = format!("sqlite://{}", stand.data_dir().join("database.sqlite").display());
    SqliteConnection::connect(&url).await.expect("the tables can be opened")
}

#[tokio::test]
async fn an_audit_names_rows_of_sales_that_are_not_the_journals() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let sale = open(&server, &[one, two], 5).await;
    expect::success(&server.buy(one, 2, "ann").await, 201);
    expect::success(&server.buy(two, 1, "bob").await, 201);
    let returned = server.buy(two, 1, "cat").await;
    expect::success(&returned, 201);
    let returned = returned.body["orderId"].as_str().expect("an id").to_owned();
    let path = format!("/api/v1/orders/{returned}/refund");
    until(&server, &format!("/api/v1/orders/{returned}"), |order| order["orderId"].is_string())
        .await;
    expect::success(&server.post(&path, json!({})).await, 200);
    let held = server.hold(one, 1, "dan", 3_600).await;
    expect::success(&held, 201);
    assert!(server.stop().success());
    stand.assert_audit();

    let mut tables = tables(&stand).await;
    let part =
        format!("UPDATE sale_products SET {{}} WHERE sale_id = {sale} AND product_id = {one}");
    let part = |change: &str| part.replace("{}", change);
    let said = format!("sale: SaleId({sale})");
    for (change, back, said) in [
        (part("sold = sold - 1"), part("sold = sold + 1"), said.clone()),
        (part("units = units + 1"), part("units = units - 1"), said.clone()),
        (part("revenue = revenue + 1"), part("revenue = revenue - 1"), said.clone()),
        (part("held = held - 1"), part("held = held + 1"), said),
        (
            format!("DELETE FROM sale_customers WHERE customer_id = 'cat' AND sale_id = {sale}"),
            format!("INSERT INTO sale_customers VALUES ({sale}, 'cat')"),
            format!("2 customers of sale {sale}, but the journal says 3"),
        ),
        (
            format!("UPDATE sale_products SET sale_id = 999 WHERE product_id = {one}"),
            format!("UPDATE sale_products SET sale_id = {sale} WHERE product_id = {one}"),
            "a part of sale 999 that no fact set".into(),
        ),
        (
            format!("UPDATE sale_products SET sale_id = 999 WHERE product_id = {one}"),
            format!("UPDATE sale_products SET sale_id = {sale} WHERE product_id = {one}"),
            format!("its part of sale {sale} is missing"),
        ),
    ] {
        let altered = sqlx::query(sqlx::AssertSqlSafe(change.clone())).execute(&mut tables).await;
        assert_eq!(altered.expect("the table").rows_affected(), 1, "{change}");
        let (well, report) = stand.audit();
        assert!(!well && report.to_string().contains(&said), "{change}: {report:#}");
        sqlx::query(sqlx::AssertSqlSafe(back)).execute(&mut tables).await.expect("the table");
        stand.assert_audit();
    }
}

#[tokio::test]
async fn a_demo_sale_that_was_deleted_stays_so() {
    let stand = Stand::embedded();
    let demo = || {
        let command = stand.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
        Server::start(command, &stand.folder.path().join("demo.log"))
    };
    let server = demo();
    until(&server, PATH, |sales| sales["data"][0]["saleId"].is_u64()).await;
    let sale = server.get(PATH).await.body["data"][0]["saleId"].as_u64().expect("an id");
    assert_eq!(order(&server, sale, "end").await, "ended");
    assert_eq!(server.delete(&format!("{PATH}/{sale}")).await.status, 204);
    assert!(server.stop().success());
    for _ in 0..2 {
        let server = demo();
        assert_eq!(server.get(PATH).await.body["data"], json!([]));
        assert!(server.stop().success());
    }
    stand.assert_audit();
}

#[tokio::test]
async fn nothing_is_left_of_a_sale_that_was_given_up() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let sale = open(&server, &[one, two], 1).await;
    let bought = server.buy(one, 1, "ann").await;
    expect::success(&bought, 201);
    expect::problem(&server.buy(one, 1, "bob").await, 409, "sold-out");
    let stats = format!("{PATH}/{sale}/stats");
    until(&server, &stats, |stats| stats["refusals"]["sold-out"] == 1).await;
    let id = bought.body["orderId"].as_str().expect("an id");
    let refund = server.post(&format!("/api/v1/orders/{id}/refund"), json!({})).await;
    expect::success(&refund, 200);
    assert_eq!(order(&server, sale, "end").await, "ended");
    let path = format!("{PATH}/{sale}");
    assert_eq!(server.delete(&path).await.status, 204);
    until(&server, &path, |shown| shown["code"] == "sale-not-found").await;
    assert_eq!(
        (server.stock(one).await, server.stock(two).await),
        ((10, 0, 0, 10), (10, 0, 0, 10))
    );
    assert!(server.stop().success());
    stand.assert_audit();
    let mut tables = tables(&stand).await;
    for table in ["sales", "sale_products", "sale_customers", "sale_refusals"] {
        let count =
            sqlx::query_scalar(sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}")));
        let rows: i64 = count.fetch_one(&mut tables).await.expect("the table");
        assert_eq!(rows, 0, "{table}");
    }
}
