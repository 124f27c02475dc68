//! The few requests that the driver itself makes: is it ready, create a product, buy, what is sold.

use std::{net::SocketAddr, thread, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use throwaway::wait_until;
use ureq::{Agent, Body, http::Response};

const LIMIT: Duration = Duration::from_secs(10);

/// A contestant as its customers see it.
pub struct Shop {
    agent: Agent,
    address: SocketAddr,
    /// What the driver's own requests carry.
    token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    product_id: i64,
}

#[derive(Deserialize)]
struct Stock {
    sold: u64,
    #[serde(default)]
    held: u64,
}

#[derive(Deserialize)]
struct Queue {
    depth: u64,
}

impl Shop {
    pub fn at(address: SocketAddr) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
        Self { agent: config.build().into(), address, token: None }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on requests carry this token.
    pub fn sign_in(&mut self, token: String) {
        self.token = Some(token);
    }

    pub fn is_ready(&self) -> bool {
        self.agent.get(self.url("/health/ready")).call().is_ok_and(|answer| answer.status() == 200)
    }

    /// Creates the product to sell and returns its id.
    pub fn create_product(&self, stock: u64) -> Result<i64> {
        let price = json!({"amount": 99_999, "currency": "USD"});
        let product = json!({"name": "benchmark", "price": price, "stock": stock});
        let text = self.post("/api/v1/products", &product, 201)?;
        let created: Created = serde_json::from_str(&text)
            .with_context(|| format!("the answer to a new product has no productId: {text}"))?;
        Ok(created.product_id)
    }

    /// Creates so many products in 100 categories, many at a time, and returns the first one's id.
    pub fn create_products(&self, count: u32, stock: u64) -> Result<i64> {
        const AT_ONCE: u32 = 16;
        if count < AT_ONCE {
            let created: Result<Vec<i64>> =
                (0..count).map(|_| self.create_product(stock)).collect();
            return created?.into_iter().min().context("no product is needed");
        }
        let create = |number: u32| {
            let price = json!({"amount": 100 + number % 1_000, "currency": "USD"});
            let (name, category) =
                (format!("Product {number}"), format!("category-{}", number % 100));
            let product =
                json!({"name": name, "category": category, "price": price, "stock": stock});
            self.post("/api/v1/products", &product, 201).map(drop)
        };
        thread::scope(|scope| {
            let share =
                |first: u32| move || (first..count).step_by(AT_ONCE as usize).try_for_each(create);
            let threads: Vec<_> = (0..AT_ONCE).map(|first| scope.spawn(share(first))).collect();
            threads.into_iter().try_for_each(|thread| {
                thread.join().unwrap_or_else(|_| bail!("a thread that created products failed"))
            })
        })?;
        Ok(1)
    }

    /// Waits until the query tables show this many products of the first category.
    pub fn wait_for_list(&self, products: u32, limit: Duration) -> Result<()> {
        let wanted = usize::try_from(products / 100)?.min(100);
        let path = "/api/v1/products?category=category-0&limit=100";
        let shown = wait_until(limit, || {
            let answer =
                self.agent.get(self.url(path)).call().with_context(|| format!("GET {path}"))?;
            let page: Value = serde_json::from_str(&expect(answer, 200)?)?;
            Ok(page["data"].as_array().is_some_and(|data| data.len() >= wanted))
        })?;
        ensure!(
            shown,
            "the query tables did not show {wanted} products of a category within {limit:?}"
        );
        Ok(())
    }

    /// Buys one unit; anything but `status` is an error.
    pub fn buy(&self, product: i64, status: u16) -> Result<()> {
        let purchase = json!({"productId": product, "quantity": 1, "customerId": "c999999"});
        self.post("/api/v1/purchases", &purchase, status).map(drop)
    }

    /// Units that are sold or held.
    pub fn taken(&self, product: i64) -> Result<u64> {
        let path = format!("/api/v1/products/{product}/stock");
        let answer =
            self.agent.get(self.url(&path)).call().with_context(|| format!("GET {path}"))?;
        let text = expect(answer, 200).with_context(|| format!("GET {path}"))?;
        let stock: Stock =
            serde_json::from_str(&text).with_context(|| format!("no stock: {text}"))?;
        Ok(stock.sold + stock.held)
    }

    /// Purchases that wait for their turn.
    pub fn queued(&self, product: i64) -> Result<u64> {
        let path = format!("/api/v1/products/{product}/queue");
        let answer =
            self.agent.get(self.url(&path)).call().with_context(|| format!("GET {path}"))?;
        let text = expect(answer, 200).with_context(|| format!("GET {path}"))?;
        let queue: Queue =
            serde_json::from_str(&text).with_context(|| format!("no queue: {text}"))?;
        Ok(queue.depth)
    }

    fn post(&self, path: &str, document: &Value, status: u16) -> Result<String> {
        let mut request = self.agent.post(self.url(path));
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        let answer = request.send_json(document);
        expect(answer.with_context(|| format!("POST {path}"))?, status)
            .with_context(|| format!("POST {path}"))
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

/// The text of an answer that has this status.
fn expect(mut answer: Response<Body>, status: u16) -> Result<String> {
    let text = answer.body_mut().read_to_string().context("cannot read the answer")?;
    ensure!(answer.status() == status, "expected {status}, got {}: {text}", answer.status());
    Ok(text)
}
