//! The provider `webhook`: somebody else takes the money, and says so by signed notices
//! (`POST /api/v1/payments/webhook`). Where its address is known it is also asked, and refunds.
//!
//! | question | answer |
//! |---|---|
//! | `POST {url}/charges {orderId, amount, token}` | `{"status": "paid" \| "declined" \| "pending", "reason"?}` |
//! | `POST {url}/refunds {refundId, orderId, amount}` | 2xx |
//! | `POST {url}/cancellations {orderId}` | `{"status": "cancelled" \| "paid"}` |
//!
//! All are to be safe to repeat, by `orderId` and by `refundId`; they are signed as notices are, with the
//! first secret. Without an address an order waits for its notice, and a refund for a person; money that
//! was taken for an order that is over is told by its notice alone.

use super::payment::{
    Charge, ChargeState, Provider, ProviderError, Refund, RefundError, Void, VoidState,
};
use super::signature::Signatures;
use crate::clock::{self, Clock};
use crate::domain::Money;
use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Largest answer that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// Longest reason that is passed on to a customer.
const REASON_CHARS_MAX: usize = 200;

/// A provider outside.
#[derive(Debug, Clone)]
pub struct Webhook {
    signatures: Signatures,
    /// Who is asked, and where; the address has no slash at its end.
    api: Option<(reqwest::Client, String)>,
    clock: Clock,
}

/// The answer to a charge, and to a cancellation.
#[derive(Deserialize)]
struct Said {
    status: String,
    reason: Option<String>,
}

impl Webhook {
    /// `url` is empty where the provider cannot be asked.
    ///
    /// # Errors
    /// When no client can be made, in words.
    pub fn new(
        signatures: Signatures,
        url: &str,
        timeout: Duration,
        clock: Clock,
    ) -> Result<Self, String> {
        let url = url.trim_end_matches('/');
        let api =
            if url.is_empty() { None } else { Some((outside_client(timeout)?, url.to_owned())) };
        Ok(Self { signatures, api, clock })
    }

    async fn post(
        &self,
        (client, url): &(reqwest::Client, String),
        path: &str,
        body: &Value,
    ) -> Result<Vec<u8>, ProviderError> {
        let body = body.to_string();
        let id = clock::draw_uuid().to_string();
        let timestamp = (self.clock.now().as_millis() / 1_000).to_string();
        let signature = self.signatures.sign(&id, &timestamp, body.as_bytes());
        let request = client
            .post(format!("{url}/{path}"))
            .header(CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature.unwrap_or_default())
            .body(body);
        let mut response = request.send().await.map_err(unreachable)?;
        let status = response.status().as_u16();
        if !response.status().is_success() {
            return Err(ProviderError(format!("the provider answered {status}")));
        }
        let mut answer = Vec::new();
        while let Some(part) = response.chunk().await.map_err(unreachable)? {
            if answer.len() + part.len() > ANSWER_BYTES_MAX {
                let error =
                    format!("the provider's answer is larger than {ANSWER_BYTES_MAX} bytes");
                return Err(ProviderError(error));
            }
            answer.extend_from_slice(&part);
        }
        Ok(answer)
    }
}

/// A client for whoever is asked outside. Cryptography and roots are those of the database connections; no
/// proxy, no redirection.
///
/// # Errors
/// When there is no cryptography to be had.
pub fn outside_client(timeout: Duration) -> Result<reqwest::Client, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(timeout)
        .build()
        .map_err(|error| error.to_string())
}

fn unreachable(error: reqwest::Error) -> ProviderError {
    let what = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
    ProviderError(format!("the provider {what} ({})", error.without_url()))
}

fn money(amount: Money) -> Value {
    json!({ "amount": amount.amount, "currency": amount.currency.as_str() })
}

#[async_trait]
impl Provider for Webhook {
    async fn charge(&self, charge: &Charge) -> Result<ChargeState, ProviderError> {
        let Some(api) = &self.api else { return Ok(ChargeState::Pending) };
        let question = json!({
            "orderId": charge.order_text(),
            "amount": money(charge.amount),
            "token": charge.token,
        });
        let answer = self.post(api, "charges", &question).await?;
        let unclear = || ProviderError("the provider's answer to a charge makes no sense".into());
        let answer: Said = serde_json::from_slice(&answer).map_err(|_| unclear())?;
        match answer.status.as_str() {
            "paid" => Ok(ChargeState::Paid),
            "pending" => Ok(ChargeState::Pending),
            "declined" => {
                let reason = answer.reason.unwrap_or_else(|| "the provider gave no reason".into());
                Ok(ChargeState::Declined {
                    reason: reason.chars().take(REASON_CHARS_MAX).collect(),
                })
            }
            _ => Err(unclear()),
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<(), RefundError> {
        let Some(api) = &self.api else {
            let Money { amount, currency } = refund.amount;
            return Err(RefundError::Never(format!(
                "payment.provider_url is not set: give {amount} {} (minor units) of order {} back by \
                 hand, or set it and retry",
                currency.as_str(),
                refund.order_text()
            )));
        };
        let question = json!({
            "refundId": refund.id(),
            "orderId": refund.order_text(),
            "amount": money(refund.amount),
        });
        self.post(api, "refunds", &question).await.map(|_| ()).map_err(RefundError::Again)
    }

    async fn void(&self, void: &Void) -> Result<VoidState, ProviderError> {
        let Some(api) = &self.api else { return Ok(VoidState::Cancelled) };
        let question = json!({ "orderId": void.order_text() });
        let answer = self.post(api, "cancellations", &question).await?;
        let answer = serde_json::from_slice::<Said>(&answer).map(|said| said.status);
        match answer.as_deref() {
            Ok("cancelled") => Ok(VoidState::Cancelled),
            Ok("paid") => Ok(VoidState::Paid),
            _ => {
                Err(ProviderError("the provider's answer to a cancellation makes no sense".into()))
            }
        }
    }

    fn ready(&self) -> Result<(), String> {
        if self.signatures.is_empty() {
            return Err("is not configured: set payment.webhook_secrets".into());
        }
        Ok(())
    }

    /// Only the provider knows its tokens.
    fn accepts(&self, _: &str) -> Result<(), String> {
        Ok(())
    }
}
