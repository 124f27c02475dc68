//! Order states: every action in every state of an order over two products, as one table. What is
//! refused changes nothing; what is done leaves every unit where it belongs.

use crate::expect;
use crate::support::provider::{FakeProvider, Mood, Notice, SECRET, notice, said, until};
use crate::support::{Answer, Server, Stand};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What a pair of state and action is answered with.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// The order, in this status and with these of its two lines.
    Is(&'static str, [&'static str; 2]),
    /// 409 with this code; everything stays.
    No(&'static str),
}

use Then::{Is, No};

/// The whole order, or its second line alone.
const ACTIONS: [&str; 5] = ["pay", "cancel", "refund", "cancel line", "refund line"];

/// The provider's notices, in every state; what each leads to is in [`NOTICES`].
const PAID: &str = "payment.paid";
const DECLINED: &str = "payment.declined";

const OVER: Then = No("order-over");
const NOT_PAID: Then = No("order-not-paid");
const RETURNED: Then = No("order-returned");
const PENDING: Then = Is("pending_payment", ["held", "held"]);
const CONFIRMED: Then = Is("confirmed", ["sold", "sold"]);
const GIVEN_UP: Then = Is("cancelled", ["released", "released"]);
const CANCELLED: Then = Is("cancelled", ["cancelled", "cancelled"]);
const REFUNDED: Then = Is("refunded", ["refunded", "refunded"]);
const ONE_CANCELLED: Then = Is("confirmed", ["sold", "cancelled"]);
const ONE_REFUNDED: Then = Is("confirmed", ["sold", "refunded"]);

/// A state, the actions that lead to it after the order, and what each action is answered in it.
type Row = (&'static str, &'static str, &'static [&'static str], [Then; 5]);

#[rustfmt::skip]
const TABLE: [Row; 8] = [
    // state               token          by                pay        cancel     refund     one line cancelled, refunded
    ("pending_payment",    "tok_pending", &[],              [PENDING,  GIVEN_UP,  NOT_PAID,  NOT_PAID, NOT_PAID]),
    ("confirmed",          "tok_ok",      &[],              [CONFIRMED, CANCELLED, REFUNDED, ONE_CANCELLED, ONE_REFUNDED]),
    ("cancelled, unpaid",  "tok_pending", &["cancel"],      [OVER; 5]),
    ("cancelled, paid",    "tok_ok",      &["cancel"],      [OVER; 5]),
    ("refunded",           "tok_ok",      &["refund"],      [OVER; 5]),
    ("one line cancelled", "tok_ok",      &["cancel line"], [ONE_CANCELLED, CANCELLED,
        Is("refunded", ["refunded", "cancelled"]), RETURNED, RETURNED]),
    ("one line refunded",  "tok_ok",      &["refund line"], [ONE_REFUNDED,
        Is("refunded", ["cancelled", "refunded"]), REFUNDED, RETURNED, RETURNED]),
    ("each line by itself", "tok_ok",     &["refund line", "cancel"], [OVER; 5]),
];

/// An order of one unit of the first product and two of the second, of five each.
struct Order<'a> {
    server: &'a Server,
    id: String,
    products: [u64; 2],
}

impl<'a> Order<'a> {
    async fn of(server: &'a Server, token: &str) -> Self {
        Self::paid_by(server, "simulated", token).await
    }

    async fn paid_by(server: &'a Server, method: &str, token: &str) -> Self {
        let products = [server.create_product(5).await, server.create_product(5).await];
        let body = json!({
            "customerId": "ann",
            "items": [
                { "productId": products[0], "quantity": 1 },
                { "productId": products[1], "quantity": 2 },
            ],
            "payment": { "method": method, "token": token },
        });
        let answer = server.post("/api/v1/orders", body).await;
        expect::success(&answer, 201);
        let id = answer.body["orderId"].as_str().expect("an id").to_owned();
        Self { server, id, products }
    }

    async fn act(&self, action: &str) -> Answer {
        let path = |what: &str| format!("/api/v1/orders/{}/{what}", self.id);
        let line = json!({ "productIds": [self.products[1]] });
        match action {
            "pay" => self.server.post(&path("payment"), json!({})).await,
            "cancel" | "refund" => self.server.post(&path(action), json!({})).await,
            "cancel line" => self.server.post(&path("cancel"), line).await,
            "refund line" => self.server.post(&path("refund"), line).await,
            other => panic!("no such action: {other}"),
        }
    }

    /// Without its refunds: they are done when they are done.
    async fn shown(&self) -> Value {
        without_refunds(self.server.get(&format!("/api/v1/orders/{}", self.id)).await.body)
    }

    /// The order as it is shown, and the stock of both products.
    async fn everything(&self) -> (Value, [(u64, u64, u64, u64); 2]) {
        let [first, second] = self.products;
        let stock = [self.server.stock(first).await, self.server.stock(second).await];
        (self.shown().await, stock)
    }

    /// Does it, and looks whether the answer, the order and the stock are what the table says.
    async fn check(&self, state: &str, action: &str, then: Then) {
        let pair = format!("{action} when {state}");
        let before = self.everything().await;
        let answer = self.act(action).await;
        match then {
            No(code) => {
                assert_eq!(answer.code(), code, "{pair}: {}", answer.text);
                expect::problem(&answer, 409, code);
                assert_eq!(self.everything().await, before, "{pair}");
            }
            Is(status, lines) => {
                assert_eq!(answer.status, 200, "{pair}: {}", answer.text);
                let line = |index: usize| answer.body["lines"][index]["status"].clone();
                let told = (answer.body["status"].clone(), line(0), line(1));
                let expected = (json!(status), json!(lines[0]), json!(lines[1]));
                assert_eq!(told, expected, "{pair}: {}", answer.text);
                let stock = [stock_of(lines[0], 1), stock_of(lines[1], 2)];
                let shown = without_refunds(answer.body);
                assert_eq!(self.everything().await, (shown, stock), "{pair}");
            }
        }
    }
}

fn without_refunds(mut order: Value) -> Value {
    if let Some(members) = order.as_object_mut() {
        members.remove("refunds");
    }
    order
}

/// Where the units of a line are.
fn stock_of(line: &str, units: u64) -> (u64, u64, u64, u64) {
    match line {
        "held" => (5 - units, units, 0, 5),
        "sold" => (5 - units, 0, units, 5),
        _ => (5, 0, 0, 5),
    }
}

#[tokio::test]
async fn every_action_in_every_state() {
    let stand = Stand::embedded();
    let server = stand.start();
    for (state, token, by, outcomes) in TABLE {
        for (action, then) in ACTIONS.into_iter().zip(outcomes) {
            let order = Order::of(&server, token).await;
            for step in by {
                expect::success(&order.act(step).await, 200);
            }
            order.check(state, action, then).await;
            // The same once more finds what the first one has left.
            let again = order.act(action).await;
            assert!([200, 409].contains(&again.status), "{action} again: {}", again.text);
        }
    }
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn every_action_on_an_order_that_ran_out() {
    let stand = Stand::embedded().setting("ORDERS__PAY_SECONDS", 10);
    let server = stand.start();
    let mut orders = Vec::new();
    for _ in ACTIONS {
        orders.push(Order::of(&server, "tok_pending").await);
    }
    for (order, action) in orders.iter().zip(ACTIONS) {
        let started = Instant::now();
        while order.shown().await["status"] != "expired" {
            assert!(started.elapsed() < Duration::from_mins(1), "{}", order.shown().await);
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        // The units of the lead are free at once; its followers ask it when their time comes.
        assert_eq!(server.stock(order.products[0]).await, (5, 0, 0, 5));
        let before = order.shown().await;
        let answer = order.act(action).await;
        expect::problem(&answer, 409, "order-over");
        assert_eq!(order.shown().await["status"], before["status"], "{action}");
    }
    server.stop();
    stand.assert_audit();
}

/// Steps that lead to a state, what `paid` and `declined` are answered in it, and the status it is in after
/// each, with the lines' units. (A late payment of what ran out is in `payments`.)
type NoticeRow = (&'static [&'static str], [(&'static str, &'static str, [&'static str; 2]); 2]);

#[rustfmt::skip]
const NOTICES: [NoticeRow; 8] = [
    (&[],                  [("confirmed", "confirmed", ["sold", "sold"]), ("cancelled", "cancelled", ["", ""])]),
    (&[PAID],              [("confirmed", "confirmed", ["sold", "sold"]), ("ignored", "confirmed", ["sold", "sold"])]),
    (&["cancel"],          [("late", "refunded", ["", ""]), ("ignored", "cancelled", ["", ""])]),
    (&[DECLINED],          [("late", "refunded", ["", ""]), ("ignored", "cancelled", ["", ""])]),
    (&[DECLINED, PAID],    [("late", "refunded", ["", ""]), ("ignored", "refunded", ["", ""])]),
    (&[PAID, "cancel"],    [("ignored", "cancelled", ["", ""]), ("ignored", "cancelled", ["", ""])]),
    (&[PAID, "refund"],    [("ignored", "refunded", ["", ""]), ("ignored", "refunded", ["", ""])]),
    (&[PAID, "refund line"], [("confirmed", "confirmed", ["sold", ""]), ("ignored", "confirmed", ["sold", ""])]),
];

/// One unit of the first product and two of the second.
const TOTAL: u64 = 3 * 999;

#[tokio::test]
async fn every_notice_in_every_state() {
    let provider = FakeProvider::start(Mood::Says("pending")).await;
    let stand = Stand::embedded()
        .setting("PAYMENT__WEBHOOK_SECRETS", SECRET)
        .setting("PAYMENT__PROVIDER_URL", &provider.url);
    let server = stand.start();
    for (steps, outcomes) in NOTICES {
        for (kind, (result, status, lines)) in [PAID, DECLINED].into_iter().zip(outcomes) {
            let what = format!("{kind} after {steps:?}");
            let order = Order::paid_by(&server, "webhook", "t").await;
            for step in steps {
                if [PAID, DECLINED].contains(step) {
                    notice(&server, step, &order.id, TOTAL).await;
                } else {
                    expect::success(&order.act(step).await, 200);
                }
            }
            assert_eq!(notice(&server, kind, &order.id, TOTAL).await, result, "{what}");
            until(&server, &order.id, |order| order["status"] == status).await;
            let stock = [stock_of(lines[0], 1), stock_of(lines[1], 2)];
            assert_eq!(order.everything().await.1, stock, "{what}");
            let again = notice(&server, kind, &order.id, TOTAL).await;
            let expected = if result == "cancelled" { "ignored" } else { result };
            assert_eq!(again, expected, "{what}, again");
            // Somebody else's order, or another amount, is none of its business.
            let other = Notice::new(&said(kind, &order.id, TOTAL + 1)).send(&server).await;
            assert_eq!(other.code(), "payment-mismatch", "{what}");
            assert_eq!(order.everything().await.1, stock, "{what}");
        }
    }
    server.stop();
    stand.assert_audit();
}
