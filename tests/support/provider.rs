//! A payment provider for tests: an HTTP server that pays, refuses, hangs, fails or talks nonsense, and
//! remembers what it was asked; and the notices it would send.

use super::{Answer, Server, client};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// 32 bytes that the servers of these tests know.
pub const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

pub const NOTICES: &str = "/api/v1/payments/webhook";

/// How a provider behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Answers charges with this status.
    Says(&'static str),
    Hangs,
    Nonsense,
    Huge,
    Fails,
}

#[derive(Default)]
struct Asked {
    mood: Option<Mood>,
    /// How often each refund was asked for, and for how much.
    refunds: BTreeMap<String, (u64, Value)>,
    charges: BTreeMap<String, u64>,
    /// How often it was told to take no money for an order.
    cancellations: BTreeMap<String, u64>,
    /// Orders whose money it has, whatever it says of charges.
    paid: BTreeSet<String>,
    signed_wrong: u64,
}

/// A running provider. It ends with the test's runtime.
#[derive(Clone)]
pub struct FakeProvider {
    pub url: String,
    asked: Arc<Mutex<Asked>>,
}

impl FakeProvider {
    pub async fn start(mood: Mood) -> Self {
        let asked = Arc::new(Mutex::new(Asked { mood: Some(mood), ..Asked::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().route("/{what}", post(answer)).with_state(asked.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, asked }
    }

    pub fn become_(&self, mood: Mood) {
        self.asked.lock().expect("the lock").mood = Some(mood);
    }

    /// The amounts of all refunds that were asked for, by their id, however often.
    pub fn refunds(&self) -> BTreeMap<String, Value> {
        let asked = self.asked.lock().expect("the lock");
        asked.refunds.iter().map(|(id, (_, amount))| (id.clone(), amount.clone())).collect()
    }

    /// From now on it has the money of this order.
    pub fn take_money_of(&self, order: &str) {
        self.asked.lock().expect("the lock").paid.insert(order.to_owned());
    }

    /// How often it was told to take no money for this order.
    pub fn cancellations(&self, order: &str) -> u64 {
        let asked = self.asked.lock().expect("the lock");
        asked.cancellations.get(order).copied().unwrap_or_default()
    }

    /// How often it was asked to charge this order.
    pub fn charges(&self, order: &str) -> u64 {
        let asked = self.asked.lock().expect("the lock");
        asked.charges.get(order).copied().unwrap_or_default()
    }

    /// How often a charge or a refund was asked for.
    pub fn questions(&self) -> u64 {
        let asked = self.asked.lock().expect("the lock");
        asked.refunds.values().map(|(count, _)| count).sum::<u64>()
            + asked.charges.values().sum::<u64>()
    }

    /// Every question was signed.
    pub fn assert_signed(&self) {
        assert_eq!(self.asked.lock().expect("the lock").signed_wrong, 0);
    }
}

async fn answer(
    State(asked): State<Arc<Mutex<Asked>>>,
    Path(what): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let question: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| question[name].as_str().unwrap_or_default().to_owned();
    let mood = {
        let mut asked = asked.lock().expect("the lock");
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let header = |name: &str| header(name).unwrap_or_default().to_owned();
        let signature = sign(KEY, &header("webhook-id"), &header("webhook-timestamp"), &body);
        asked.signed_wrong += u64::from(header("webhook-signature") != signature);
        if what == "refunds" {
            let amount = question["amount"].clone();
            let entry = asked.refunds.entry(text("refundId")).or_insert((0, amount.clone()));
            assert_eq!(entry.1, amount, "one refund has one amount");
            entry.0 += 1;
        } else if what == "cancellations" {
            *asked.cancellations.entry(text("orderId")).or_default() += 1;
        } else {
            *asked.charges.entry(text("orderId")).or_default() += 1;
        }
        match asked.mood.unwrap_or(Mood::Fails) {
            Mood::Says(_) if what == "cancellations" => {
                let paid = asked.paid.contains(&text("orderId"));
                Mood::Says(if paid { "paid" } else { "cancelled" })
            }
            mood => mood,
        }
    };
    match mood {
        Mood::Says(status) => axum_json(&json!({ "status": status, "reason": "no funds" })),
        Mood::Hangs => std::future::pending().await,
        Mood::Nonsense if what == "refunds" => StatusCode::IM_A_TEAPOT.into_response(),
        Mood::Nonsense => "<html>hello</html>".into_response(),
        Mood::Huge if what == "refunds" => StatusCode::FOUND.into_response(),
        Mood::Huge => "x".repeat(100_000).into_response(),
        Mood::Fails => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn axum_json(value: &Value) -> Response {
    value.to_string().into_response()
}

fn sign(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

/// A notice on its way.
#[derive(Debug, Clone)]
pub struct Notice {
    pub id: String,
    pub timestamp: String,
    pub body: String,
    pub signature: String,
}

impl Notice {
    /// Signed now.
    pub fn new(body: &Value) -> Self {
        Self::at(body.to_string(), now())
    }

    /// Signed at another time, in seconds. Each has an id of its own.
    pub fn at(body: String, seconds: u64) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::named(format!("msg_{number}"), body, seconds)
    }

    pub fn named(id: String, body: String, seconds: u64) -> Self {
        let timestamp = seconds.to_string();
        let signature = sign(KEY, &id, &timestamp, body.as_bytes());
        Self { id, timestamp, body, signature }
    }

    pub async fn send(&self, server: &Server) -> Answer {
        let request = client()
            .post(server.url(NOTICES))
            .header("content-type", "application/json")
            .header("webhook-id", &self.id)
            .header("webhook-timestamp", &self.timestamp)
            .header("webhook-signature", &self.signature);
        Answer::of(request.body(self.body.clone())).await
    }
}

pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

/// What a provider says of an order.
pub fn said(kind: &str, order: &str, amount: u64) -> Value {
    let amount = json!({ "amount": amount, "currency": "USD" });
    json!({ "type": kind, "data": { "orderId": order, "amount": amount, "more": [1] }, "more": 1 })
}

/// Sends a notice that an order was paid or declined, and gives what it led to.
pub async fn notice(server: &Server, kind: &str, order: &str, amount: u64) -> String {
    let answer = Notice::new(&said(kind, order, amount)).send(server).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.body["result"].as_str().expect("a result").to_owned()
}

/// Orders one unit of each product by the method `webhook`; it waits for its payment.
pub async fn order(server: &Server, customer: &str, products: &[u64]) -> String {
    let items: Vec<_> =
        products.iter().map(|product| json!({ "productId": product, "quantity": 1 })).collect();
    let payment = json!({ "method": "webhook", "token": "a-secret-token" });
    let body = json!({ "customerId": customer, "items": items, "payment": payment });
    let answer = server.post("/api/v1/orders", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    assert_eq!(answer.body["status"], "pending_payment", "{}", answer.text);
    answer.body["orderId"].as_str().expect("an id").to_owned()
}

pub async fn shown(server: &Server, order: &str) -> Value {
    server.get(&format!("/api/v1/orders/{order}")).await.body
}

/// Waits until the order is shown as this.
pub async fn until(server: &Server, order: &str, is: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let order = shown(server, order).await;
        if is(&order) {
            return order;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "{order}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
