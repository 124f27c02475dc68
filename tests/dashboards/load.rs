//! A little of everything that a shop has to do, so that every number moves.

use crate::support::{Answer, Server, client};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Units of the hot product: fewer than are asked for.
const UNITS: u64 = 60;

/// What is sold.
pub struct Shop {
    /// Sold in a sale, until nothing is left.
    hot: u64,
    /// Sold to those who wait, and one by one.
    slow: u64,
    /// Ordered and paid.
    paid: u64,
}

impl Shop {
    pub async fn open(server: &Server) -> Self {
        let hot = server.create_product(UNITS).await;
        let price = json!({ "amount": 450, "currency": "USD" });
        let part = json!({ "productId": hot, "price": price, "units": UNITS });
        let sale = json!({
            "name": "night", "startsAt": "2020-01-01T00:00:00Z", "endsAt": "2999-01-01T00:00:00Z",
            "products": [part],
        });
        let answer = server.post("/api/v1/sales", sale).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        let slow =
            server.create(json!({ "stock": 10_000, "opensAt": "2020-01-01T00:00:00Z" })).await;
        let paid = server.create_product(10_000).await;
        let shop = Self { hot, slow, paid };
        let rate = json!({ "drainPerSecond": 20 });
        let path = format!("/api/v1/products/{slow}/queue");
        let answer = Answer::of(client().put(server.url(&path)).json(&rate)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        shop
    }

    /// Sells, refuses, holds, queues, lists and fails for so long.
    pub async fn sell(&self, server: &Server, how_long: Duration) {
        let mut screen = self.screen(server).await;
        let started = Instant::now();
        let mut round = 0_u64;
        while started.elapsed() < how_long {
            self.turn(server, round).await;
            round += 1;
            // A screen that takes what it is sent.
            tokio::time::timeout(Duration::from_millis(1), screen.chunk()).await.ok();
            tokio::time::sleep(Duration::from_millis(40)).await;
        }
        assert_eq!(server.stock(self.hot).await, (0, 0, UNITS, UNITS), "sold out, exactly");
    }

    /// Somebody who watches what is left.
    async fn screen(&self, server: &Server) -> reqwest::Response {
        let topics = format!("stock:{},stock:{}", self.hot, self.slow);
        let feed = client().get(server.url(&format!("/events?topics={topics}")));
        let feed = feed.send().await.expect("an answer");
        assert_eq!(feed.status(), 200);
        feed
    }

    async fn turn(&self, server: &Server, round: u64) {
        let customer = format!("c{round}");
        let bought = server.buy(self.hot, 1, &customer).await;
        assert!(matches!(bought.status, 201 | 409), "{}", bought.text);
        for _ in 0..2 {
            let body = json!({ "productId": self.slow, "quantity": 1, "customerId": customer });
            server.post_with_key("/api/v1/purchases", body, &customer).await;
        }
        let queued = json!({ "productId": self.slow, "quantity": 1, "customerId": customer });
        let queued = client().post(server.url("/api/v1/purchases")).json(&queued);
        let queued = Answer::of(queued.header("Prefer", "respond-async")).await;
        assert_eq!(queued.status, 202, "{}", queued.text);
        let held = server.hold(self.slow, 2, &customer, 1).await;
        assert_eq!(held.status, 201, "{}", held.text);
        server.hold(self.hot, 1, &customer, 1).await;
        let order = self.order(&customer);
        let placed = server.post("/api/v1/orders", order).await;
        assert_eq!(placed.status, 201, "{}", placed.text);
        let path = format!("/api/v1/orders?customerId={customer}");
        for path in ["/api/v1/products", path.as_str(), "/nowhere", "/health"] {
            server.get(path).await;
        }
    }

    /// Two lines, paid at once.
    fn order(&self, customer: &str) -> Value {
        let line = |product: u64| json!({ "productId": product, "quantity": 1 });
        json!({
            "customerId": customer, "items": [line(self.slow), line(self.paid)],
            "payment": { "method": "simulated", "token": "tok_ok" },
        })
    }
}
