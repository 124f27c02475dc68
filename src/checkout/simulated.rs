//! The simulated provider, for demonstrations and tests: what happens is in the token.
//!
//! | token | what becomes of the charge |
//! |---|---|
//! | `tok_ok` | paid |
//! | `tok_declined` | declined |
//! | `tok_later` | paid, once the order is three seconds old |
//! | `tok_pending` | never decided: the order runs out |
//! | `tok_error` | the provider fails each time it is asked |
//! | `tok_hang` | the provider never answers |
//!
//! It remembers nothing: what it says follows from the charge and the time, so it charges once however
//! often it is asked. Of an order that ended unpaid it says the same: it has the money where it would have
//! been paid by now.

use super::payment::{
    Charge, ChargeState, Provider, ProviderError, Refund, RefundError, Void, VoidState,
};
use crate::clock::Clock;
use crate::domain::{OrderId, Timestamp};
use async_trait::async_trait;
use std::time::Duration;

/// Age from which on `tok_later` is paid.
const LATER_MS: u64 = 3_000;

const TOKENS: [&str; 6] =
    ["tok_ok", "tok_declined", "tok_later", "tok_pending", "tok_error", "tok_hang"];

/// A provider that takes no money.
#[derive(Debug, Clone)]
pub struct Simulated {
    pub clock: Clock,
    /// How long it takes to answer.
    pub latency: Duration,
}

impl Simulated {
    /// Whether `tok_later` is paid by now.
    fn is_later(&self, order: OrderId) -> bool {
        self.clock.now() >= drawn_at(order).plus_millis(LATER_MS)
    }
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
            "tok_later" if self.is_later(charge.order) => Ok(ChargeState::Paid),
            "tok_later" | "tok_pending" => Ok(ChargeState::Pending),
            "tok_hang" => std::future::pending().await,
            _ => Err(ProviderError("the provider failed, as its token asks".into())),
        }
    }

    async fn refund(&self, refund: &Refund) -> Result<(), RefundError> {
        match &*refund.token {
            "tok_error" => {
                let error = ProviderError("the provider failed, as its token asks".into());
                Err(RefundError::Again(error))
            }
            _ => Ok(()),
        }
    }

    async fn void(&self, void: &Void) -> Result<VoidState, ProviderError> {
        match &*void.token {
            "tok_ok" => Ok(VoidState::Paid),
            "tok_later" if self.is_later(void.order) => Ok(VoidState::Paid),
            "tok_error" => Err(ProviderError("the provider failed, as its token asks".into())),
            _ => Ok(VoidState::Cancelled),
        }
    }

    fn accepts(&self, token: &str) -> Result<(), String> {
        if TOKENS.contains(&token) {
            return Ok(());
        }
        Err(format!("must be one of {}", TOKENS.join(", ")))
    }
}

/// When an order id was drawn: the first 48 bits of a UUID of version 7 (RFC 9562).
fn drawn_at(OrderId(bytes): OrderId) -> Timestamp {
    let millis = bytes[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte));
    Timestamp::from_millis(millis)
}
