//! Payment: asking a provider for money, outside every actor and every commit.
//!
//! A provider knows an order by its id and charges it once, however often it is asked: that is what
//! makes asking again after a crash or a time-out safe. What must never happen: an order that is
//! settled on anything but the provider's own word.

use crate::domain::{Money, OrderId};
use async_trait::async_trait;
use std::time::Duration;

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The provider's idempotency key.
    pub order: OrderId,
    pub amount: Money,
    /// The customer's means of payment, as the provider knows it.
    pub token: Box<str>,
}

/// What a provider says of a charge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChargeState {
    /// The money is there.
    Paid,
    /// The provider will not take it. Final.
    Declined { reason: String },
    /// Not decided yet: ask again, or wait for its notice.
    Pending,
}

/// The provider could not be asked, or said nothing that makes sense. Ask again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ProviderError(pub String);

/// Somebody who takes money.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Charges, or says what became of the charge with this order before.
    async fn charge(&self, charge: &Charge) -> Result<ChargeState, ProviderError>;

    /// Gives the money back; safe to repeat.
    async fn refund(&self, charge: &Charge) -> Result<(), ProviderError>;

    /// Whether it would take such a token at all; the complaint if not.
    fn accepts(&self, token: &str) -> Result<(), String>;
}

/// Asks a provider, but not for longer than this.
///
/// # Errors
/// Its own, or that it took too long.
pub async fn charge_within(
    provider: &dyn Provider,
    charge: &Charge,
    limit: Duration,
) -> Result<ChargeState, ProviderError> {
    match tokio::time::timeout(limit, provider.charge(charge)).await {
        Ok(answer) => answer,
        Err(_) => Err(ProviderError(format!("no answer within {limit:?}"))),
    }
}
