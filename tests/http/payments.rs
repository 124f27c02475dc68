//! Payments by an outside provider: signed notices, late payments, refunds and what becomes of those that
//! fail. After everything that goes wrong the stock is exact, and nothing was forgotten.

use crate::expect;
use crate::support::provider::{
    FakeProvider, Mood, NOTICES, Notice, SECRET, notice, now, order, said, shown, until,
};
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn stand() -> Stand {
    Stand::embedded()
        .setting("PAYMENT__WEBHOOK_SECRETS", SECRET)
        .setting("PAYMENT__RETRY_BASE_MS", 50)
        .setting("PAYMENT__RETRY_MAX_MS", 200)
        .setting("PAYMENT__TIMEOUT_MS", 300)
}

fn status(order: &Value) -> &str {
    order["status"].as_str().unwrap_or_default()
}

async fn dead_letters(server: &Server) -> Vec<Value> {
    let answer = server.get("/api/v1/admin/dead-letters").await;
    expect::success(&answer, 200);
    answer.body["data"].as_array().expect("a list").clone()
}

async fn until_dead(server: &Server, count: usize) -> Vec<Value> {
    let started = Instant::now();
    loop {
        let dead = dead_letters(server).await;
        if dead.len() == count {
            return dead;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{dead:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn notices_decide_orders_and_may_be_repeated() {
    let stand = stand();
    let server = stand.start();
    let [one, two] = [server.create_product(5).await, server.create_product(5).await];
    let paid = order(&server, "ann", &[one, two]).await;
    for expected in ["confirmed", "confirmed"] {
        assert_eq!(notice(&server, "payment.paid", &paid, 1_998).await, expected);
    }
    assert_eq!(notice(&server, "payment.declined", &paid, 1_998).await, "ignored");
    assert_eq!(status(&shown(&server, &paid).await), "confirmed");
    let declined = order(&server, "bob", &[one, two]).await;
    for expected in ["cancelled", "ignored"] {
        assert_eq!(notice(&server, "payment.declined", &declined, 1_998).await, expected);
    }
    assert_eq!(status(&shown(&server, &declined).await), "cancelled");
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (4, 0, 1, 5));
    }
    assert!(!server.log().contains("a-secret-token") && !server.log().contains(&SECRET[6..]));
    let metrics = server.get("/metrics").await.text;
    for (result, count) in [("confirmed", 2), ("cancelled", 1), ("ignored", 2)] {
        let line = format!("lastunit_payment_notices_total{{result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn notices_that_are_not_believed_change_nothing() {
    let stand = stand();
    let server = stand.start();
    let product = server.create_product(5).await;
    let waiting = order(&server, "ann", &[product]).await;
    let body = json!({
        "customerId": "ann", "items": [{ "productId": product, "quantity": 1 }],
        "payment": { "method": "simulated", "token": "tok_pending" },
    });
    let simulated = server.post("/api/v1/orders", body).await.body["orderId"].clone();
    let simulated = simulated.as_str().expect("an id");
    let bought = server.buy(product, 1, "ann").await.body["orderId"].clone();
    let good = Notice::new(&said("payment.paid", &waiting, 999));
    let with = |change: &dyn Fn(&mut Notice)| {
        let mut notice = good.clone();
        change(&mut notice);
        notice
    };
    let old = |seconds| Notice::at(good.body.clone(), seconds);
    let about = |order: &str, amount| Notice::new(&said("payment.paid", order, amount));
    let text = |body: &str| Notice::at(body.to_owned(), now());
    let data = |data: Value| Notice::new(&json!({ "type": "payment.paid", "data": data }));
    let other = format!("{product}-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f");
    let mut dollars = said("payment.paid", &waiting, 999);
    dollars["data"]["amount"]["currency"] = json!("EUR");
    let table = [
        (with(&|notice| notice.signature = "v1,AAAA".into()), 401, "invalid-signature"),
        (with(&|notice| notice.signature = String::new()), 401, "invalid-signature"),
        (with(&|notice| notice.id = "another".into()), 401, "invalid-signature"),
        (with(&|notice| notice.body.push(' ')), 401, "invalid-signature"),
        (with(&|notice| notice.timestamp = (now() + 1).to_string()), 401, "invalid-signature"),
        (with(&|notice| notice.body = "{".into()), 401, "invalid-signature"),
        (old(now() - 1_000), 400, "notice-too-old"),
        (old(now() + 1_000), 400, "notice-too-old"),
        (about(&other, 999), 404, "order-not-found"),
        (about("nonsense", 999), 404, "order-not-found"),
        // Said twice, because nothing but a 200 is remembered.
        (
            Notice::named("a".into(), said("payment.paid", &other, 1).to_string(), now()),
            404,
            "order-not-found",
        ),
        (
            Notice::named("a".into(), said("payment.paid", &waiting, 998).to_string(), now()),
            422,
            "payment-mismatch",
        ),
        (Notice::new(&dollars), 422, "payment-mismatch"),
        (about(simulated, 999), 409, "other-payment-method"),
        (about(bought.as_str().expect("an id"), 999), 409, "other-payment-method"),
        (text(""), 400, "invalid-request"),
        (text("{"), 400, "invalid-request"),
        (text("[]"), 400, "invalid-request"),
        (text("{}"), 400, "invalid-request"),
        (data(Value::Null), 400, "invalid-request"),
        (data(json!({ "orderId": waiting })), 400, "invalid-request"),
        (
            data(json!({ "orderId": waiting, "amount": { "amount": -1, "currency": "USD" } })),
            400,
            "invalid-request",
        ),
    ];
    let count = table.len();
    for (notice, status, code) in table {
        let answer = notice.send(&server).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{notice:?}: {}", answer.text);
    }
    // No header at all, and one of them twice.
    let bare = client().post(server.url(NOTICES)).body(good.body.clone());
    assert_eq!(Answer::of(bare).await.code(), "invalid-signature");
    let twice = client().post(server.url(NOTICES)).header("webhook-id", "msg_1");
    let twice = twice.header("webhook-id", "msg_1").header("webhook-timestamp", &good.timestamp);
    let twice = twice.header("webhook-signature", &good.signature).body(good.body.clone());
    assert_eq!(Answer::of(twice).await.code(), "invalid-signature");
    // Types that come in future are fine, and mean nothing.
    let unknown = Notice::new(&json!({ "type": "payment.thought_about", "data": 7 }));
    let answer = unknown.send(&server).await;
    assert_eq!((answer.status, &answer.body), (200, &json!({ "result": "ignored" })));

    assert_eq!(status(&shown(&server, &waiting).await), "pending_payment");
    assert_eq!(server.stock(product).await, (2, 2, 1, 5));
    let metrics = server.get("/metrics").await.text;
    for (result, count) in [("mismatch", 2), ("refused", count)] {
        let line = format!("lastunit_payment_notices_total{{result=\"{result}\"}} {count}");
        assert!(metrics.contains(&line), "{line} is not in\n{metrics}");
    }
    assert_eq!(good.send(&server).await.status, 200, "the good one is still believed");
    assert_eq!(server.stock(product).await, (2, 1, 2, 5));
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn without_secrets_there_is_no_webhook() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let body = json!({
        "customerId": "ann", "items": [{ "productId": product, "quantity": 1 }],
        "payment": { "method": "webhook" },
    });
    let refused = server.post("/api/v1/orders", body).await;
    let members = expect::problem(&refused, 422, "validation-failed");
    assert_eq!(members["errors"][0]["field"], "payment.method");
    assert!(refused.text.contains("payment.webhook_secrets"), "{}", refused.text);
    let answer = Notice::new(&said("payment.paid", "1-2", 3)).send(&server).await;
    assert_eq!((answer.status, answer.code()), (503, "webhook-not-configured"));
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
}

/// The hold has run out when the money comes: the units are taken again if they are there, else the money
/// goes back.
#[tokio::test]
async fn late_payments_take_the_stock_again_or_go_back() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand =
        stand().setting("ORDERS__PAY_SECONDS", 10).setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let [one, two] = [server.create_product(2).await, server.create_product(2).await];
    let [taken, gone, dear] = [
        order(&server, "ann", &[one, two]).await,
        order(&server, "bob", &[one, two]).await,
        order(&server, "cher", &[server.create_product(1).await]).await,
    ];
    for late in [&taken, &gone, &dear] {
        until(&server, late, |order| status(order) == "expired").await;
    }
    // The price of what cher has paid for is another one by now.
    let third: u64 = dear.split('-').next().expect("a product").parse().expect("a number");
    let change = json!({ "price": { "amount": 1, "currency": "USD" } });
    let request = client().patch(server.url(&format!("/api/v1/products/{third}"))).json(&change);
    expect::success(&Answer::of(request).await, 200);

    assert_eq!(notice(&server, "payment.paid", &taken, 1_998).await, "late");
    let order_of_ann = until(&server, &taken, |order| status(order) == "confirmed").await;
    assert_eq!(order_of_ann["paidLate"], true, "{order_of_ann}");
    assert_eq!(order_of_ann["refunds"], Value::Null, "{order_of_ann}");
    assert_eq!(notice(&server, "payment.paid", &taken, 1_998).await, "confirmed");
    // Somebody else takes what was left of the first product.
    assert_eq!(server.buy(one, 1, "dan").await.status, 201);
    for late in [&gone, &dear] {
        let amount = if late == &gone { 1_998 } else { 999 };
        assert_eq!(notice(&server, "payment.paid", late, amount).await, "late");
        let refunded = |order: &Value| order["refunds"][0]["status"] == "done";
        let order = until(&server, late, refunded).await;
        assert_eq!((status(&order), &order["paidLate"]), ("refunded", &json!(true)), "{order}");
        assert_eq!(order["refunds"].as_array().expect("refunds").len(), 1, "{order}");
        assert_eq!(order["refunds"][0]["amount"]["amount"], amount, "{order}");
        assert_eq!(notice(&server, "payment.paid", late, amount).await, "late");
        assert_eq!(notice(&server, "payment.declined", late, amount).await, "ignored");
    }
    assert_eq!(server.stock(one).await, (0, 0, 2, 2));
    assert_eq!(server.stock(two).await, (1, 0, 1, 2));
    assert_eq!(server.stock(third).await, (1, 0, 0, 1));
    let ids: Vec<_> =
        [&gone, &dear].map(|order| order.split_once('-').unwrap().1.to_owned()).into();
    let refunds = provider.refunds();
    assert_eq!(refunds.len(), 2, "{refunds:?}");
    assert!(ids.iter().all(|id| refunds.contains_key(id)), "{ids:?} {refunds:?}");
    provider.assert_signed();
    server.stop();
    stand.assert_audit();
}

/// Cancelled, and paid all the same: it is not taken again, and its money goes back.
#[tokio::test]
async fn what_was_declined_and_then_paid_goes_back() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = stand().setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let product = server.create_product(5).await;
    for by in ["payment.declined", "cancel"] {
        let late = order(&server, "ann", &[product]).await;
        if by == "cancel" {
            let cancel = format!("/api/v1/orders/{late}/cancel");
            expect::success(&server.post(&cancel, json!({})).await, 200);
        } else {
            assert_eq!(notice(&server, by, &late, 999).await, "cancelled");
        }
        assert_eq!(notice(&server, "payment.paid", &late, 999).await, "late");
        let order = until(&server, &late, |order| order["refunds"][0]["status"] == "done").await;
        assert_eq!(status(&order), "refunded", "{order}");
    }
    assert_eq!(provider.refunds().len(), 2);
    assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    server.stop();
    stand.assert_audit();
}

/// Whatever a provider does, an order waits for it, and nothing is taken or given twice.
#[tokio::test]
async fn a_provider_in_any_mood_loses_nothing() {
    let provider = FakeProvider::start(Mood::Hangs).await;
    let stand = stand().setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    let product = server.create_product(10).await;
    let mut orders = Vec::new();
    for mood in [Mood::Hangs, Mood::Nonsense, Mood::Huge, Mood::Fails, Mood::Says("perhaps")] {
        provider.become_(mood);
        let waiting = order(&server, "ann", &[product]).await;
        let asked = server.post(&format!("/api/v1/orders/{waiting}/payment"), json!({})).await;
        assert_eq!(asked.body["status"], "pending_payment", "{mood:?}: {}", asked.text);
        orders.push(waiting);
    }
    assert_eq!(server.stock(product).await, (5, 5, 0, 10));
    provider.become_(Mood::Says("declined"));
    let declined = orders.pop().expect("an order");
    // Who asks while the provider is being asked already finds the order waiting.
    let started = Instant::now();
    loop {
        let answer = server.post(&format!("/api/v1/orders/{declined}/payment"), json!({})).await;
        if ["payment-declined", "order-over"].contains(&answer.code()) {
            break;
        }
        assert_eq!(answer.body["status"], "pending_payment", "{}", answer.text);
        assert!(started.elapsed() < Duration::from_mins(1), "it is never declined");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    provider.become_(Mood::Says("paid"));
    for paid in &orders {
        // Some were declined meanwhile: they were asked about in the background.
        let started = Instant::now();
        while status(&shown(&server, paid).await) == "pending_payment" {
            server.post(&format!("/api/v1/orders/{paid}/payment"), json!({})).await;
            assert!(started.elapsed() < Duration::from_mins(1), "{paid} is never decided");
        }
    }
    let mut sold = Vec::new();
    for order in orders {
        if status(&shown(&server, &order).await) == "confirmed" {
            sold.push(order);
        }
    }
    let count = sold.len() as u64;
    assert_eq!(server.stock(product).await, (10 - count, 0, count, 10));
    for (order, mood) in
        sold.iter().zip([Mood::Hangs, Mood::Nonsense, Mood::Huge, Mood::Fails].into_iter().cycle())
    {
        provider.become_(mood);
        let asked_before = provider.questions();
        let refund = server.post(&format!("/api/v1/orders/{order}/refund"), json!({})).await;
        assert_eq!(refund.body["refunds"][0]["status"], "pending", "{}", refund.text);
        let started = Instant::now();
        while provider.questions() < asked_before + 2 {
            assert!(started.elapsed() < Duration::from_mins(1), "{mood:?} is not asked again");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        provider.become_(Mood::Says("paid"));
        until(&server, order, |order| order["refunds"][0]["status"] == "done").await;
    }
    assert_eq!(provider.refunds().len(), sold.len());
    assert_eq!(server.stock(product).await, (10, 0, 0, 10));
    assert_eq!(dead_letters(&server).await, Vec::<Value>::new());
    server.stop();
    stand.assert_audit();
}

/// Without an address nobody can be told to refund: an operator reads so, sets it, and retries.
#[tokio::test]
async fn refunds_that_cannot_be_made_are_dead_letters() {
    let token = "an-operator-token-for-tests";
    let server_stand = stand();
    let server = server_stand.start();
    let [one, two] = [server.create_product(5).await, server.create_product(5).await];
    let paid = order(&server, "ann", &[one, two]).await;
    assert_eq!(notice(&server, "payment.paid", &paid, 1_998).await, "confirmed");
    let refund = format!("/api/v1/orders/{paid}/refund");
    expect::success(&server.post(&refund, json!({ "productIds": [two] })).await, 200);
    let dead = until_dead(&server, 1).await;
    let letter = &dead[0];
    let id = letter["id"].as_str().expect("an id").to_owned();
    assert_eq!((&letter["kind"], &letter["orderId"]), (&json!("refund"), &json!(paid)));
    assert_eq!((&letter["state"], &letter["attempts"]), (&json!("dead"), &json!(1)));
    assert_eq!(letter["amount"], json!({ "amount": 999, "currency": "USD" }));
    assert_eq!(letter["productId"], two);
    assert!(
        letter["lastError"].as_str().expect("why").contains("payment.provider_url"),
        "{letter}"
    );
    assert!(letter["createdAt"].is_string() && letter["diedAt"].is_string(), "{letter}");
    let order = shown(&server, &paid).await;
    assert_eq!(order["refunds"][0]["status"], "failed", "{order}");
    assert!(server.get("/metrics").await.text.contains("lastunit_jobs_dead"));
    // The other line later, so that there are two, newest first, on two pages.
    expect::success(&server.post(&refund, json!({})).await, 200);
    until_dead(&server, 2).await;
    let first = server.get("/api/v1/admin/dead-letters?limit=1").await;
    assert_eq!(first.body["data"][0]["productId"], one, "{}", first.text);
    let cursor = first.body["nextCursor"].as_str().expect("a cursor");
    let next = server.get(&format!("/api/v1/admin/dead-letters?limit=1&cursor={cursor}")).await;
    assert_eq!(next.body["data"][0]["id"], json!(id), "{}", next.text);
    let bad = server.get("/api/v1/admin/dead-letters?cursor=nonsense").await;
    assert_eq!(bad.code(), "invalid-request");
    server.kill();

    // What died is still dead after a restart, and only operators see it.
    let provider = FakeProvider::start(Mood::Says("paid")).await;
    let stand = server_stand
        .setting("PAYMENT__PROVIDER_URL", &provider.url)
        .setting("AUTH__OPERATOR_TOKEN", token);
    let server = stand.start();
    let retry = format!("/api/v1/admin/dead-letters/{id}/retry");
    assert_eq!(server.get("/api/v1/admin/dead-letters").await.code(), "unauthorized");
    assert_eq!(server.post(&retry, json!({})).await.code(), "unauthorized");
    let post = async |path: &str| {
        let request = client().post(server.url(path)).bearer_auth(token);
        Answer::of(request).await
    };
    let unknown = "/api/v1/admin/dead-letters/refund-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f-1/retry";
    for path in [unknown, "/api/v1/admin/dead-letters/nonsense/retry"] {
        expect::problem(&post(path).await, 404, "dead-letter-not-found");
    }
    let retried = post(&retry).await;
    expect::success(&retried, 202);
    assert_eq!((&retried.body["state"], &retried.body["attempts"]), (&json!("waiting"), &json!(0)));
    expect::problem(&post(&retry).await, 409, "not-dead");
    let done = |order: &Value| {
        let refunds = order["refunds"].as_array().expect("refunds").iter();
        refunds.filter(|refund| refund["status"] == "done").count() == 1
    };
    until(&server, &paid, done).await;
    expect::problem(&post(&retry).await, 409, "not-dead");
    // The other one was given back by hand.
    let (of_order, _) = id.rsplit_once('-').expect("the id ends with its product");
    let close = |product: u64| format!("/api/v1/admin/dead-letters/{of_order}-{product}/done");
    assert_eq!(server.post(&close(one), json!({})).await.code(), "unauthorized");
    let closed = post(&close(one)).await;
    expect::success(&closed, 200);
    assert_eq!((&closed.body["state"], &closed.body["diedAt"]), (&json!("done"), &Value::Null));
    for product in [one, two] {
        expect::problem(&post(&close(product)).await, 409, "not-dead");
    }
    expect::problem(&post(&close(two + 1)).await, 404, "dead-letter-not-found");
    let uuid = paid.split_once('-').expect("an id").1;
    assert_eq!(provider.refunds().into_keys().collect::<Vec<_>>(), [format!("{uuid}-{two}")]);
    for product in [one, two] {
        assert_eq!(server.stock(product).await, (5, 0, 0, 5));
    }
    server.stop();
    stand.assert_audit();
}
