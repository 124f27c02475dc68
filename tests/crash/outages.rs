//! Databases that go away in the middle of a sale and come back: the sale goes on where it can, says
//! so where it cannot, and needs nobody's help afterwards.

use crate::chance::seed;
use crate::places::{
    assert_audit, assert_good_end, connect, half_on_postgres, on_postgres, postgres, run_sql,
    until, until_not_ready, until_ready,
};
use crate::shop::Shop;
use crate::support::Server;
use serde_json::json;
use std::time::Duration;
use throwaway::Postgres;
use tokio::task::block_in_place;

/// Stopped in order, or with signal 9.
#[derive(Debug, Clone, Copy)]
enum Loss {
    Stopped,
    Killed,
}

fn lose(postgres: &mut Postgres, loss: Loss) {
    block_in_place(|| match loss {
        Loss::Stopped => postgres.stop(),
        Loss::Killed => postgres.kill(),
    })
    .expect("Postgres ends");
}

fn bring_back(postgres: &mut Postgres) {
    block_in_place(|| postgres.start_again()).expect("Postgres starts again");
}

/// The part of `/health` about the query tables.
async fn projection(server: &Server) -> (String, String) {
    let health = server.get("/health").await;
    assert_eq!(health.status, 200, "{}", health.text);
    let check = &health.body["checks"]["projection"];
    assert_eq!(health.body["status"], check["status"], "{}", health.text);
    let text = |name: &str| check[name].as_str().unwrap_or_default().to_owned();
    (text("status"), text("reason"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sale_goes_on_without_the_database() {
    let (seed, mut postgres) = (seed(), postgres());
    let stand = half_on_postgres(&postgres);
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let crowd = shop.crowd(24, Duration::from_millis(8));
    for loss in [Loss::Stopped, Loss::Killed] {
        tokio::time::sleep(Duration::from_millis(300)).await;
        lose(&mut postgres, loss);
        let done = shop.done();
        until("the sale goes on", async || shop.done() > done + 100).await;
        until("the projection waits", async || projection(&server).await.0 == "degraded").await;
        let (_, reason) = projection(&server).await;
        assert!(!reason.is_empty());
        assert_eq!(server.get("/health/ready").await.status, 200);
        let orders = server.get("/api/v1/orders?customerId=regular-1").await;
        assert_eq!((orders.status, orders.code()), (503, "database-unavailable"));
        let done = shop.done();
        until("the sale still goes on", async || shop.done() > done + 100).await;
        bring_back(&mut postgres);
        until("the rows follow", async || projection(&server).await.0 == "ok").await;
    }
    crowd.leave().await;
    let refused = shop.ledger.lock().refused.clone();
    let unavailable = ["journal-unavailable", "outcome-unknown", "overloaded", "not-owner"];
    assert!(unavailable.iter().all(|code| !refused.contains_key(*code)), "{refused:?}");
    assert!(shop.ledger.lock().unanswered.is_empty());
    server.until_projected().await;
    shop.verify().await;
    shop.sell_out().await;
    assert_good_end(server, &stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_starts_while_the_database_is_away() {
    let (seed, mut postgres) = (seed(), postgres());
    let stand = half_on_postgres(&postgres);
    lose(&mut postgres, Loss::Stopped);
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let crowd = shop.crowd(8, Duration::from_millis(5));
    tokio::time::sleep(Duration::from_millis(300)).await;
    crowd.leave().await;
    assert_eq!(projection(&server).await.0, "degraded");
    // Not only the first start: rows that wait survive a crash as well.
    server.kill();
    let server = stand.start();
    shop.serve_at(&[&server]);
    shop.repeat_unanswered().await;
    shop.assert_counts().await;
    bring_back(&mut postgres);
    server.until_projected().await;
    shop.verify().await;
    assert!(server.stop().success());
    assert_audit(&stand);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journal_goes_away_and_comes_back() {
    let (seed, mut postgres) = (seed(), postgres());
    let stand = on_postgres(&postgres).setting("JOURNAL__COMMIT_TIMEOUT_MS", 1_000);
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let crowd = shop.crowd(24, Duration::from_millis(8));
    for loss in [Loss::Stopped, Loss::Killed] {
        tokio::time::sleep(Duration::from_millis(400)).await;
        lose(&mut postgres, loss);
        let reason = until_not_ready(&server).await;
        assert!(reason.contains("journal"), "{reason}");
        let done = shop.done();
        tokio::time::sleep(Duration::from_millis(1_500)).await;
        assert_eq!(shop.done(), done, "sold without a journal");
        let body = json!({ "productId": shop.products[0], "quantity": 1, "customerId": "late" });
        let late = server.post("/api/v1/purchases", body).await;
        assert_eq!((late.status, late.code()), (503, "journal-unavailable"), "{}", late.text);
        // Stock from memory would be a lie as soon as somebody else owned the journal.
        let stock = server.get(&format!("/api/v1/products/{}/stock", shop.products[0])).await;
        assert_eq!(stock.status, 503, "{}", stock.text);
        bring_back(&mut postgres);
        until_ready(&server).await;
        until("the sale goes on by itself", async || shop.done() > done + 50).await;
    }
    crowd.leave().await;
    assert!(shop.heard("journal-unavailable") > 0);
    shop.verify().await;
    shop.sell_out().await;
    shop.look_up_all().await;
    assert_good_end(server, &stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_journals_connection_is_cut_again_and_again() {
    let (seed, postgres) = (seed(), postgres());
    let stand = on_postgres(&postgres).setting("JOURNAL__COMMIT_TIMEOUT_MS", 1_000);
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let operator = connect(&postgres, "postgres").await;
    let crowd = shop.crowd(32, Duration::from_millis(2));
    let mut cut = 0;
    // Now and then there is none to cut, because the writer is just about to connect again.
    for _ in 0..120 {
        if cut >= 12 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(170)).await;
        cut += run_sql(
            &operator,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
             WHERE application_name = 'lastunit journal'",
        )
        .await;
    }
    assert!(cut >= 12, "only {cut} connections were cut");
    let done = shop.done();
    until("the sale goes on by itself", async || shop.done() > done + 50).await;
    crowd.leave().await;
    until_ready(&server).await;
    shop.verify().await;
    shop.sell_out().await;
    shop.look_up_all().await;
    assert_good_end(server, &stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_journal_no_start() {
    let mut postgres = postgres();
    let stand = on_postgres(&postgres);
    lose(&mut postgres, Loss::Stopped);
    let (status, said) = block_in_place(|| stand.start_refused());
    assert!(!status.success());
    let complaint: Vec<_> =
        said.lines().filter(|line| line.contains("cannot be reached")).collect();
    assert_eq!(complaint.len(), 1, "one clear line: {said}");
}
