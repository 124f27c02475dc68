//! The simulated provider, for demonstrations and tests: what happens is in the token.
//!
//! | token | what becomes of the charge |
//! |---|---|
//! | `tok_ok` | paid |
//! | `tok_declined` | declined |
//! | `tok_pending` | never decided: the order runs out |
//! | `tok_error` | the provider fails each time it is asked |
//! | `tok_hang` | the provider never answers |
//!
//! It remembers nothing: the same charge has the same answer each time, which is what idempotency
//! asks of a real one.

use super::payment::{Charge, ChargeState, Provider, ProviderError};
use async_trait::async_trait;
use std::time::Duration;

const TOKENS: [&str; 5] = ["tok_ok", "tok_declined", "tok_pending", "tok_error", "tok_hang"];

/// A provider that takes no money.
#[derive(Debug, Clone, Copy)]
pub struct Simulated {
    /// How long it takes to answer.
    pub latency: Duration,
}

#[async_trait]
impl Provider for Simulated {
    async fn charge(&self, charge: &Charge) -> Result<ChargeState, ProviderError> {
        if !self.latency.is_zero() {
            tokio::time::sleep(self.latency).await;
        }
        match &*charge.token {
            "tok_ok" => Ok(ChargeState::Paid),
            "tok_declined" => Ok(ChargeState::Declined { reason: "the card was declined".into() }),
            "tok_pending" => Ok(ChargeState::Pending),
            "tok_hang" => std::future::pending().await,
            _ => Err(ProviderError("the provider failed, as its token asks".into())),
        }
    }

    async fn refund(&self, charge: &Charge) -> Result<(), ProviderError> {
        match &*charge.token {
            "tok_error" => Err(ProviderError("the provider failed, as its token asks".into())),
            _ => Ok(()),
        }
    }

    fn accepts(&self, token: &str) -> Result<(), String> {
        if TOKENS.contains(&token) {
            return Ok(());
        }
        Err(format!("must be one of {}", TOKENS.join(", ")))
    }
}
