//! The few requests that the driver itself makes: is it ready, create a product, buy, what is sold.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use ureq::{Agent, Body, http::Response};

const LIMIT: Duration = Duration::from_secs(10);

/// A contestant as its customers see it.
pub struct Shop {
    agent: Agent,
    address: SocketAddr,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Created {
    product_id: i64,
}

#[derive(Deserialize)]
struct Stock {
    sold: u64,
}

impl Shop {
    pub fn at(address: SocketAddr) -> Self {
        let config =
            Agent::config_builder().http_status_as_error(false).timeout_global(Some(LIMIT));
        Self { agent: config.build().into(), address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
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

    /// Buys one unit; anything but `status` is an error.
    pub fn buy(&self, product: i64, status: u16) -> Result<()> {
        let purchase = json!({"productId": product, "quantity": 1, "customerId": "c999999"});
        self.post("/api/v1/purchases", &purchase, status).map(drop)
    }

    pub fn sold(&self, product: i64) -> Result<u64> {
        let path = format!("/api/v1/products/{product}/stock");
        let answer =
            self.agent.get(self.url(&path)).call().with_context(|| format!("GET {path}"))?;
        let text = expect(answer, 200).with_context(|| format!("GET {path}"))?;
        let stock: Stock =
            serde_json::from_str(&text).with_context(|| format!("no stock: {text}"))?;
        Ok(stock.sold)
    }

    fn post(&self, path: &str, document: &Value, status: u16) -> Result<String> {
        let answer = self.agent.post(self.url(path)).send_json(document);
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
