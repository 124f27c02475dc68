//! Local stand-in for the projection.

use crate::domain::{
    CatalogEntry, CustomerId, HoldEnd, Money, Offer, OrderId, ProductId, Stock, Timestamp,
};
use crate::journal::Seq;
use std::time::Duration;

/// Why a query could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    #[error("the database cannot be reached: {0}")]
    Unavailable(String),
    #[error("a stored row cannot be read: {0}")]
    Damaged(String),
}

#[derive(Debug, Clone)]
pub struct ProductRow {
    pub product: ProductId,
    pub entry: CatalogEntry,
    pub offer: Offer,
    pub created_at: Timestamp,
    pub stock: Stock,
    pub revision: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    Confirmed,
}

impl OrderStatus {
    pub const fn as_str(self) -> &'static str {
        "confirmed"
    }
}

#[derive(Debug, Clone, Copy)]
pub struct OrderLine {
    pub product: ProductId,
    pub quantity: u32,
    pub unit_price: u64,
}

#[derive(Debug, Clone)]
pub struct OrderRow {
    pub order: OrderId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub status: OrderStatus,
    pub total: Money,
    pub created_at: Timestamp,
    pub lines: Vec<OrderLine>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCursor {
    pub created_at: Timestamp,
    pub order: OrderId,
}

impl OrderRow {
    pub const fn cursor(&self) -> OrderCursor {
        OrderCursor { created_at: self.created_at, order: self.order }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationStatus {
    Held,
    Ended(HoldEnd),
}

impl ReservationStatus {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Ended(HoldEnd::Confirmed) => "confirmed",
            Self::Ended(HoldEnd::Released) => "released",
            Self::Ended(HoldEnd::Expired) => "expired",
        }
    }
}

#[derive(Debug, Clone)]
pub struct ReservationRow {
    pub order: OrderId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub unit_price: Money,
    pub status: ReservationStatus,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(Clone)]
pub struct Queries;

impl Queries {
    pub async fn product(&self, _product: ProductId) -> Result<Option<ProductRow>, QueryError> {
        Ok(None)
    }
    pub async fn products(
        &self,
        _after: Option<ProductId>,
        _limit: u32,
    ) -> Result<Vec<ProductRow>, QueryError> {
        Ok(Vec::new())
    }
    pub async fn order(&self, _order: OrderId) -> Result<Option<OrderRow>, QueryError> {
        Ok(None)
    }
    pub async fn orders_of(
        &self,
        _customer: &CustomerId,
        _before: Option<OrderCursor>,
        _limit: u32,
    ) -> Result<Vec<OrderRow>, QueryError> {
        Ok(Vec::new())
    }
    pub async fn reservation(&self, _order: OrderId) -> Result<Option<ReservationRow>, QueryError> {
        Ok(None)
    }
}

/// How the projection is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProjectionState {
    Starting,
    Following,
    Waiting { since: Timestamp, reason: String },
    Stopped { reason: String },
    Ended,
}

#[derive(Debug, Clone)]
pub struct ProjectionProgress;

impl ProjectionProgress {
    pub async fn wait_for(&self, _durable: &[Seq], _patience: Duration) -> bool {
        true
    }
    pub fn lag(&self) -> f64 {
        0.0
    }
    pub fn state(&self) -> ProjectionState {
        ProjectionState::Following
    }
}
