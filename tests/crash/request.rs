//! Requests that can be repeated: what is asked for, and the key under which it counts once.

use crate::support::Answer;
use serde_json::json;

/// Long enough that nothing runs out during a test.
pub const HOLD_SECONDS: u64 = 3_600;

/// An open reservation.
#[derive(Debug, Clone)]
pub struct Hold {
    pub id: String,
    pub product: u64,
    pub quantity: u64,
    pub customer: String,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub enum Ask {
    Buy { product: u64, quantity: u64, customer: String },
    Hold { product: u64, quantity: u64, customer: String },
    Confirm(Hold),
    Release(Hold),
    Adjust { product: u64, delta: i64 },
}

/// A request with its idempotency key.
#[derive(Debug, Clone)]
pub struct Request {
    pub key: String,
    pub ask: Ask,
}

impl Request {
    /// Sends it, the first time or again.
    pub async fn send(
        &self,
        client: &reqwest::Client,
        base: &str,
    ) -> Result<Answer, reqwest::Error> {
        let url = |path: String| format!("{base}/api/v1/{path}");
        let request = match &self.ask {
            Ask::Buy { product, quantity, customer } => {
                client.post(url("purchases".into())).json(&json!({
                    "productId": product, "quantity": quantity, "customerId": customer,
                }))
            }
            Ask::Hold { product, quantity, customer } => {
                client.post(url("reservations".into())).json(&json!({
                    "productId": product, "quantity": quantity, "customerId": customer,
                    "holdSeconds": HOLD_SECONDS,
                }))
            }
            Ask::Confirm(hold) => client.post(url(format!("reservations/{}/confirm", hold.id))),
            Ask::Release(hold) => client.delete(url(format!("reservations/{}", hold.id))),
            Ask::Adjust { product, delta } => client
                .post(url(format!("products/{product}/stock/adjustments")))
                .json(&json!({ "delta": delta, "reason": "counted again" })),
        };
        Answer::try_of(request.header("Idempotency-Key", &self.key)).await
    }
}
