//! kill -9 between a provider's notice and the end of what it leaves to be done: whatever was answered 200
//! is sold or goes back, each refund once for the provider, and no unit is lost.

use crate::chance::{Chance, seed};
use crate::places::{assert_audit, on_postgres, postgres};
use crate::support::provider::{FakeProvider, Mood, Notice, SECRET, order, said, shown, until};
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use std::time::Duration;

const ROUNDS: u64 = 6;
const TOTAL: u64 = 2 * 999;

/// Every order with its money, and where its money must be in the end.
async fn assert_settled(server: &Server, provider: &FakeProvider, late: &[String]) -> u64 {
    let mut sold = 0;
    for id in late {
        let over = |order: &Value| match order["status"].as_str() {
            Some("confirmed") => true,
            Some("refunded") => order["refunds"][0]["status"] == "done",
            _ => false,
        };
        let order = until(server, id, over).await;
        let uuid = id.split_once('-').expect("an id").1;
        let refunded = provider.refunds().contains_key(uuid);
        assert_eq!(order["paidLate"], true, "{order}");
        assert_eq!(order["status"] == "refunded", refunded, "{order}");
        sold += u64::from(!refunded);
    }
    sold
}

async fn killed_while_late_payments_are_worked_on(stand: Stand) {
    let seed = seed();
    let mut chance = Chance::new(seed, u64::MAX);
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand
        .setting("PAYMENT__WEBHOOK_SECRETS", SECRET)
        .setting("PAYMENT__PROVIDER_URL", &provider.url)
        .setting("PAYMENT__RETRY_BASE_MS", 20)
        .setting("PAYMENT__RETRY_MAX_MS", 100)
        .setting("PAYMENT__RETRY_ATTEMPTS_MAX", 1_000)
        .setting("ENGINE__GRACE_SECONDS", 0)
        .setting("ORDERS__PAY_SECONDS", 10);
    let mut server = stand.start();
    let products = [server.create_product(20).await, server.create_product(20).await];
    let mut late = Vec::new();
    for number in 0..20 {
        late.push(order(&server, &format!("customer {number}"), &products).await);
    }
    for id in &late {
        until(&server, id, |order| order["status"] == "expired").await;
    }
    // Twelve can be taken again, and eight must go back.
    let taken = json!({ "productId": products[0], "quantity": 8, "customerId": "dan" });
    assert_eq!(server.post("/api/v1/purchases", taken).await.status, 201);
    let mut unheard = late.clone();
    for round in 0..ROUNDS {
        let mood =
            [Mood::Hangs, Mood::Fails, Mood::Says("pending")][usize::try_from(round % 3).unwrap()];
        provider.become_(mood);
        let moment = Duration::from_millis(chance.between(0, 400));
        let share = unheard.len().div_ceil(2);
        let notices = unheard.drain(..share).map(|id| {
            let server = &server;
            async move {
                let notice = Notice::new(&said("payment.paid", &id, TOTAL)).send(server).await;
                assert_eq!(notice.status, 200, "{}", notice.text);
            }
        });
        futures::future::join_all(notices).await;
        tokio::time::sleep(moment).await;
        server.kill();
        println!("round {round}: killed after {moment:?}");
        server = stand.start();
    }
    provider.become_(Mood::Says("pending"));
    for id in unheard {
        assert_eq!(Notice::new(&said("payment.paid", &id, TOTAL)).send(&server).await.status, 200);
    }
    let sold = assert_settled(&server, &provider, &late).await;
    assert_eq!(sold, 12, "what can be taken again is");
    assert_eq!(provider.refunds().len(), 8);
    provider.assert_signed();
    assert_eq!(server.stock(products[0]).await, (0, 0, 20, 20));
    assert_eq!(server.stock(products[1]).await, (8, 0, 12, 20));
    // A line comes back while the provider fails, and the server is killed before it is asked again.
    provider.become_(Mood::Fails);
    let mut bought = None;
    for id in &late {
        if shown(&server, id).await["status"] == "confirmed" {
            bought = Some(id);
        }
    }
    let bought = bought.expect("an order");
    let cancelled = server.post(&format!("/api/v1/orders/{bought}/cancel"), json!({})).await;
    assert_eq!(cancelled.status, 200, "{}", cancelled.text);
    server.kill();
    server = stand.start();
    provider.become_(Mood::Says("pending"));
    let done = |order: &Value| {
        let refunds = order["refunds"].as_array().map(Vec::as_slice).unwrap_or_default();
        refunds.len() == 2 && refunds.iter().all(|refund| refund["status"] == "done")
    };
    until(&server, bought, done).await;
    assert_eq!(provider.refunds().len(), 10);
    server.until_projected().await;
    assert!(server.stop().success());
    assert_audit(&stand);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_payments_survive_kills_on_sqlite() {
    killed_while_late_payments_are_worked_on(Stand::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_payments_survive_kills_on_postgres() {
    let postgres = postgres();
    killed_while_late_payments_are_worked_on(on_postgres(&postgres)).await;
}
