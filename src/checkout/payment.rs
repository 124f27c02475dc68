//! Payment: asking a provider for money, outside every actor and every commit.
//!
//! A provider knows an order by its id and charges it once, however often it is asked: that is what
//! makes asking again after a crash or a time-out safe. What must never happen: an order that is
//! settled on anything but the provider's own word.

use crate::domain::{Money, OrderId, ProductId};
use async_trait::async_trait;
use std::time::Duration;

/// What is to be paid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Charge {
    /// The provider's idempotency key.
    pub order: OrderId,
    /// The first line's product, which is part of the order's public name.
    pub lead: ProductId,
    pub amount: Money,
    /// The customer's means of payment, as the provider knows it.
    pub token: Box<str>,
}

impl Charge {
    /// The order as customers and providers know it.
    #[must_use]
    pub fn order_text(&self) -> String {
        order_text(self.lead, self.order)
    }
}

fn order_text(lead: ProductId, order: OrderId) -> String {
    format!("{lead}-{}", uuid::Uuid::from_bytes(order.0))
}

/// What goes back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    pub order: OrderId,
    pub lead: ProductId,
    /// The line that is refunded; `None` for the whole order. With the order the provider's idempotency
    /// key: a line comes back once.
    pub product: Option<ProductId>,
    pub amount: Money,
    pub token: Box<str>,
}

impl Refund {
    /// The provider's idempotency key.
    #[must_use]
    pub fn id(&self) -> String {
        let order = uuid::Uuid::from_bytes(self.order.0);
        self.product.map_or_else(|| order.to_string(), |product| format!("{order}-{product}"))
    }

    /// The order as customers and providers know it.
    #[must_use]
    pub fn order_text(&self) -> String {
        order_text(self.lead, self.order)
    }
}

/// What is to be paid no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Void {
    /// As of the charge.
    pub order: OrderId,
    pub lead: ProductId,
    pub token: Box<str>,
}

impl Void {
    /// The order as customers and providers know it.
    #[must_use]
    pub fn order_text(&self) -> String {
        order_text(self.lead, self.order)
    }
}

/// What a provider says of an order that is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VoidState {
    /// It has no money for it, and takes none any more.
    Cancelled,
    /// The money is there.
    Paid,
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

/// Why money did not go back.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RefundError {
    /// Ask again.
    #[error("{0}")]
    Again(ProviderError),
    /// Asking will never help: a person has to.
    #[error("{0}")]
    Never(String),
}

/// Somebody who takes money.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Charges, or says what became of the charge with this order before.
    async fn charge(&self, charge: &Charge) -> Result<ChargeState, ProviderError>;

    /// Gives money back; safe to repeat.
    async fn refund(&self, refund: &Refund) -> Result<(), RefundError>;

    /// Takes no money for this order any more, unless it has; safe to repeat.
    async fn void(&self, void: &Void) -> Result<VoidState, ProviderError>;

    /// Whether it can take money at all; what to configure if not.
    fn ready(&self) -> Result<(), String> {
        Ok(())
    }

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

/// Has a provider give money back, but waits no longer than this.
///
/// # Errors
/// Its own, or that it took too long.
pub async fn refund_within(
    provider: &dyn Provider,
    refund: &Refund,
    limit: Duration,
) -> Result<(), RefundError> {
    tokio::time::timeout(limit, provider.refund(refund)).await.unwrap_or_else(|_| {
        Err(RefundError::Again(ProviderError(format!("no answer within {limit:?}"))))
    })
}

/// Has a provider take no money any more, but waits no longer than this.
///
/// # Errors
/// Its own, or that it took too long.
pub async fn void_within(
    provider: &dyn Provider,
    void: &Void,
    limit: Duration,
) -> Result<VoidState, ProviderError> {
    match tokio::time::timeout(limit, provider.void(void)).await {
        Ok(answer) => answer,
        Err(_) => Err(ProviderError(format!("no answer within {limit:?}"))),
    }
}
