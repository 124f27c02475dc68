//! The ends of payments that nobody waits for: money that was taken for an order that is over, tables that
//! are away while the money comes, two who ask or decide at the same moment.

use crate::expect;
use crate::support::provider::{
    FakeProvider, Mood, Notice, SECRET, notice, now, order, said, shown, until,
};
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection};
use std::sync::Arc;
use std::time::{Duration, Instant};

fn stand() -> Stand {
    Stand::embedded()
        .setting("PAYMENT__WEBHOOK_SECRETS", SECRET)
        .setting("PAYMENT__RETRY_BASE_MS", 50)
        .setting("PAYMENT__RETRY_MAX_MS", 200)
        .setting("PAYMENT__TIMEOUT_MS", 300)
}

async fn cancel(server: &Server, order: &str) {
    let path = format!("/api/v1/orders/{order}/cancel");
    expect::success(&server.post(&path, json!({})).await, 200);
}

async fn until_told(provider: &FakeProvider, order: &str, times: u64) {
    let started = Instant::now();
    while provider.cancellations(order) < times {
        assert!(started.elapsed() < Duration::from_mins(1), "nobody is told that {order} is over");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The provider had taken the money when the order was given up, and nobody heard of it: it is asked until
/// it says so, also by the next server, and the money goes back.
#[tokio::test]
async fn money_of_an_order_that_is_over_is_found_out() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand().setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let product = server.create_product(5).await;
    let [paid, unpaid] =
        [order(&server, "ann", &[product]).await, order(&server, "bob", &[product]).await];
    provider.take_money_of(&paid);
    provider.become_(Mood::Fails);
    for order in [&paid, &unpaid] {
        cancel(&server, order).await;
        until_told(&provider, order, 1).await;
    }
    server.kill();
    let server = stand.start();
    for mood in [Mood::Nonsense, Mood::Huge, Mood::Hangs, Mood::Fails] {
        provider.become_(mood);
        // The first of them may have been on its way.
        let told = provider.cancellations(&paid) + 2;
        until_told(&provider, &paid, told).await;
    }
    assert_eq!(shown(&server, &paid).await["paidLate"], Value::Null);
    provider.become_(Mood::Says("pending"));
    let order = until(&server, &paid, |order| order["refunds"][0]["status"] == "done").await;
    assert_eq!((&order["status"], &order["paidLate"]), (&json!("refunded"), &json!(true)));
    assert_eq!(order["refunds"][0]["amount"]["amount"], 999, "{order}");
    let started = Instant::now();
    while !server.get("/metrics").await.text.contains("lastunit_jobs_waiting 0") {
        assert!(started.elapsed() < Duration::from_mins(1), "a job is never done");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let order = shown(&server, &unpaid).await;
    assert_eq!((&order["status"], &order["paidLate"]), (&json!("cancelled"), &Value::Null));
    assert_eq!(provider.refunds().len(), 1);
    provider.assert_signed();
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    server.stop();
    stand.assert_audit();
}

/// Whoever is paid is sold to, whether or not the tables can tell who that is.
#[tokio::test]
async fn orders_are_paid_while_the_tables_stand_still() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand().setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let [one, two] = [server.create_product(5).await, server.create_product(5).await];
    let path = stand.data_dir().join("database.sqlite");
    let url = format!("sqlite://{}", path.display());
    let mut tables = SqliteConnection::connect(&url).await.expect("the tables can be opened");
    tables.execute("BEGIN IMMEDIATE").await.expect("nobody writes just now");
    let [noticed, asked, declined] = [
        order(&server, "ann", &[one, two]).await,
        order(&server, "bob", &[one, two]).await,
        order(&server, "cher", &[one, two]).await,
    ];
    let other = Notice::new(&said("payment.paid", &noticed, 1_997)).send(&server).await;
    expect::problem(&other, 422, "payment-mismatch");
    assert_eq!(notice(&server, "payment.paid", &noticed, 1_998).await, "confirmed");
    assert_eq!(notice(&server, "payment.declined", &declined, 1_998).await, "cancelled");
    provider.become_(Mood::Says("paid"));
    let paid = server.post(&format!("/api/v1/orders/{asked}/payment"), json!({})).await;
    expect::success(&paid, 200);
    assert_eq!(
        (&paid.body["status"], &paid.body["orderId"], &paid.body["total"]["amount"]),
        (&json!("confirmed"), &json!(asked), &json!(1_998)),
        "{}",
        paid.text
    );
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (3, 0, 2, 5));
    }
    // Of what is over only the tables tell.
    let again = Notice::new(&said("payment.paid", &noticed, 1_998)).send(&server).await;
    expect::problem(&again, 503, "projection-behind");
    tables.execute("ROLLBACK").await.expect("the lock is given back");
    tables.close().await.expect("the tables are closed");
    for (order, expected) in
        [(&noticed, "confirmed"), (&asked, "confirmed"), (&declined, "cancelled")]
    {
        // They may not have heard of it yet.
        let started = Instant::now();
        while shown(&server, order).await["status"] != expected {
            assert!(started.elapsed() < Duration::from_mins(1), "{order} is never {expected}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    assert_eq!(notice(&server, "payment.paid", &noticed, 1_998).await, "confirmed");
    server.stop();
    stand.assert_audit();
}

/// Five impatient clicks on "pay": the provider is asked once, and four find the order waiting.
#[tokio::test]
async fn a_provider_is_asked_about_an_order_once_at_a_time() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand()
        .setting("PAYMENT__PROVIDER_URL", &provider.url)
        .setting("PAYMENT__TIMEOUT_MS", 60_000);
    let server = Arc::new(stand.start());
    let product = server.create_product(5).await;
    let waiting = order(&server, "ann", &[product]).await;
    provider.become_(Mood::Hangs);
    let mut clicks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (server, path) = (server.clone(), format!("/api/v1/orders/{waiting}/payment"));
        clicks.spawn(async move { server.post(&path, json!({})).await });
    }
    for _ in 0..4 {
        let answer = clicks.join_next().await.expect("an answer").expect("no panic");
        assert_eq!((answer.status, &answer.body["status"]), (200, &json!("pending_payment")));
    }
    // Once when the order was placed, and once more.
    assert_eq!(provider.charges(&waiting), 2);
}

/// One id is one notice.
#[tokio::test]
async fn a_notice_says_one_thing_under_its_id() {
    let stand = stand();
    let server = stand.start();
    let product = server.create_product(5).await;
    let waiting = order(&server, "ann", &[product]).await;
    let named = |kind| {
        let body = said(kind, &waiting, 999).to_string();
        Notice::named("msg_of_this_test".to_owned(), body, now())
    };
    let declined = named("payment.declined");
    assert_eq!(declined.send(&server).await.body, json!({ "result": "cancelled" }));
    let other = named("payment.paid").send(&server).await;
    expect::problem(&other, 409, "notice-id-reused");
    assert_eq!(declined.send(&server).await.body, json!({ "result": "ignored" }));
    assert_eq!(shown(&server, &waiting).await["paidLate"], Value::Null);
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    server.stop();
    stand.assert_audit();
}

/// A notice and a customer who gives up at the same moment: the customer is never told of a reservation, and
/// the units come back, whoever was first.
#[tokio::test]
async fn paid_and_cancelled_at_the_same_moment_comes_back() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand().setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let product = server.create_product(5).await;
    for _ in 0..15 {
        let both = order(&server, "ann", &[product]).await;
        let paid = Notice::new(&said("payment.paid", &both, 999));
        let path = format!("/api/v1/orders/{both}/cancel");
        let (paid, cancelled) = tokio::join!(paid.send(&server), server.post(&path, json!({})));
        assert_eq!(paid.status, 200, "{}", paid.text);
        assert_eq!(cancelled.status, 200, "{}", cancelled.text);
        until(&server, &both, |order| order["refunds"][0]["status"] == "done").await;
    }
    assert_eq!(provider.refunds().len(), 15);
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    server.stop();
    stand.assert_audit();
}
