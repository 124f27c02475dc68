//! A shop in which everything is there to be asked for, and what must be so at the end.

use crate::support::provider::{Notice, said};
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::fs;
use std::time::{Duration, Instant};

/// A server, and how whoever runs the shop says so.
pub struct Shop {
    pub server: Server,
    pub token: Option<String>,
}

impl Shop {
    /// Where nobody has to say who they are. There is a report for `GET /monitoring/benchmark`.
    pub fn open(stand: &Stand) -> Self {
        fs::create_dir_all(stand.data_dir()).expect("a folder");
        fs::write(stand.data_dir().join("benchmark.json"), "{}").expect("a report");
        Self { server: stand.start(), token: None }
    }

    /// As somebody who may do everything.
    pub fn with_token(mut self, stand: &Stand) -> Self {
        let output = stand.command(&["token", "--role", "admin", "--subject", "boss"]).output();
        let output = output.expect("the binary runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let token = String::from_utf8(output.stdout).expect("a token");
        self.token = Some(token.trim().to_owned());
        self
    }

    async fn send(&self, method: reqwest::Method, path: &str, body: Option<Value>) -> Answer {
        let mut request = client().request(method, self.server.url(path));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        Answer::of(request).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.send(reqwest::Method::GET, path, None).await
    }

    async fn make(&self, path: &str, body: Value, status: u16) -> Value {
        let answer = self.send(reqwest::Method::POST, path, Some(body)).await;
        assert_eq!(answer.status, status, "{path}: {}", answer.text);
        answer.body
    }

    /// Enough of everything that the examples of the description name, a sale, and what a provider has not done.
    pub async fn fill(&self) {
        let price = json!({ "amount": 999, "currency": "USD" });
        for _ in 0..3 {
            let product = json!({ "name": "thing", "price": price, "stock": 1_000_000 });
            self.make("/api/v1/products", product, 201).await;
        }
        let parts = json!([{ "productId": 3, "price": price, "units": 1_000 }]);
        let sale = json!({ "name": "drop", "endsAt": "2999-01-01T00:00:00Z", "products": parts });
        self.make("/api/v1/sales", sale, 201).await;
        for _ in 0..3 {
            self.leave_undone().await;
        }
        let dead = |answer: &Answer| answer.body["data"].as_array().map(Vec::len) == Some(3);
        self.until("/api/v1/admin/dead-letters", dead).await;
    }

    /// An order that was paid and cannot be refunded.
    async fn leave_undone(&self) {
        let order = json!({
            "customerId": "ann", "items": [{ "productId": 1, "quantity": 1 }],
            "payment": { "method": "webhook", "token": "a-token" }
        });
        let order = self.make("/api/v1/orders", order, 201).await;
        let id = order["orderId"].as_str().expect("an id");
        let paid = Notice::new(&said("payment.paid", id, 999)).send(&self.server).await;
        assert_eq!(paid.status, 200, "{}", paid.text);
        self.make(&format!("/api/v1/orders/{id}/refund"), json!({}), 200).await;
    }

    async fn until(&self, path: &str, is: impl Fn(&Answer) -> bool) {
        let started = Instant::now();
        loop {
            let answer = self.get(path).await;
            if is(&answer) {
                return;
            }
            assert!(started.elapsed() < Duration::from_mins(1), "{path}: {}", answer.text);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// It goes on selling, has caught up, and has said nothing of a bug.
    pub async fn is_well(&self) {
        self.server.until_projected().await;
        let health = self.server.get("/health").await;
        assert_eq!((health.status, &health.body["status"]), (200, &json!("ok")), "{}", health.text);
        let product = json!({
            "name": "thing", "price": { "amount": 999, "currency": "USD" }, "stock": 1
        });
        let product = self.make("/api/v1/products", product, 201).await;
        let purchase = json!({
            "productId": product["productId"], "quantity": 1, "customerId": "last"
        });
        self.make("/api/v1/purchases", purchase, 201).await;
        self.server.until_projected().await;
        let log = self.server.log();
        assert!(!log.contains("panicked"), "{log}");
    }
}
