//! Queries: what may be asked of the tables.
//!
//! Every answer is as old as the projection's lag ([`super::ProjectionProgress`]); whoever needs to
//! see an own write waits for its position first. Queries share a small pool and never touch the
//! projector's connection.

use super::catalogue::{CategoryRow, ProductFilter};
use super::database::{Database, Kind};
use super::held::HeldFilter;
use super::payment_tables::{self, PaymentTables};
use super::postgres::PostgresTables;
use super::progress::ProjectionProgress;
use super::refused::RefusedPurchase;
use super::rows::{
    Cursor, OrderCursor, OrderRow, PendingOrder, ProductRow, ReservationRow, StockRow, Totals,
};
use super::sale_tables::{self, SaleTables};
use super::sales::{SaleFilter, SaleKeyRow, SaleProductRow, SaleRefusals, SaleRow};
use super::sqlite::SqliteTables;
use crate::domain::{CustomerId, OrderId, Owned, ProductId, RequestKey, SaleId, Timestamp};
use async_trait::async_trait;
use std::sync::Arc;

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum QueryError {
    /// Away, too busy or too slow; the same query may succeed later.
    #[error("the database cannot be asked at the moment: {0}")]
    Unavailable(String),
    /// It answers what this program never writes.
    #[error("the database holds what lastunit does not write: {0}")]
    Damaged(String),
}

impl From<sqlx::Error> for QueryError {
    fn from(error: sqlx::Error) -> Self {
        use sqlx::Error;
        match &error {
            Error::Decode(_)
            | Error::ColumnDecode { .. }
            | Error::ColumnNotFound(_)
            | Error::ColumnIndexOutOfBounds { .. }
            | Error::TypeNotFound { .. }
            | Error::RowNotFound => Self::Damaged(error.to_string()),
            _ => Self::Unavailable(error.to_string()),
        }
    }
}

/// What a database answers; `sqlite` and `postgres` implement it side by side.
#[async_trait]
pub(super) trait Tables: Send + Sync {
    async fn products(&self, after: i64, limit: i64) -> Result<Vec<ProductRow>, sqlx::Error>;
    async fn list(&self, filter: &ProductFilter) -> Result<Vec<ProductRow>, sqlx::Error>;
    async fn names(&self, products: &[ProductId]) -> Result<Vec<(ProductId, String)>, sqlx::Error>;
    async fn stocks(&self, products: &[ProductId]) -> Result<Vec<StockRow>, sqlx::Error>;
    async fn categories(&self, after: &str, limit: i64) -> Result<Vec<CategoryRow>, sqlx::Error>;
    async fn product_of_sku(&self, sku: &str) -> Result<Option<ProductId>, sqlx::Error>;
    async fn order(&self, order: OrderId) -> Result<Option<OrderRow>, sqlx::Error>;
    async fn pending(&self, after: Timestamp, limit: i64)
    -> Result<Vec<PendingOrder>, sqlx::Error>;
    async fn order_by_key(&self, key: RequestKey) -> Result<Option<OrderRow>, sqlx::Error>;
    async fn orders_of(
        &self,
        customer: &CustomerId,
        before: Option<OrderCursor>,
        limit: i64,
    ) -> Result<Vec<OrderRow>, sqlx::Error>;
    /// Of everybody, newest first, before this one.
    async fn newest_orders(
        &self,
        before: OrderId,
        limit: i64,
    ) -> Result<Vec<OrderRow>, sqlx::Error>;
    async fn reservations(&self, order: OrderId) -> Result<Vec<ReservationRow>, sqlx::Error>;
    async fn held(&self, filter: &HeldFilter) -> Result<Vec<ReservationRow>, sqlx::Error>;
    async fn refused(&self, order: OrderId) -> Result<Option<RefusedPurchase>, sqlx::Error>;
    async fn customer_totals(
        &self,
        customer: &CustomerId,
        product: ProductId,
    ) -> Result<Owned, sqlx::Error>;
    async fn cursors(&self) -> Result<Vec<Cursor>, sqlx::Error>;
    async fn totals(&self) -> Result<Totals, sqlx::Error>;
}

/// A cheap handle on the tables.
#[derive(Clone)]
pub struct Queries {
    tables: Arc<dyn Tables>,
    payments: Arc<dyn PaymentTables>,
    sales: Arc<dyn SaleTables>,
    gate: Option<Gate>,
}

/// Rows are shown only while they are known to be this journal's.
#[derive(Clone)]
struct Gate {
    progress: ProjectionProgress,
    origin_is_known: bool,
}

impl std::fmt::Debug for Queries {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Queries")
    }
}

impl Queries {
    /// Over the database's pool for queries, whatever it contains.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let tables: Arc<dyn Tables> = match &database.kind {
            Kind::Sqlite { readers, .. } => Arc::new(SqliteTables::new(readers.clone())),
            Kind::Postgres { readers, .. } => Arc::new(PostgresTables::new(readers.clone())),
        };
        let (payments, sales) =
            (payment_tables::of(&database.kind), sale_tables::of(&database.kind));
        Self { tables, payments, sales, gate: None }
    }

    /// The same for a server: while the projection has stopped, and before the tables are known to
    /// be this journal's (by [`super::check_origin`] or by the projector), nothing is answered.
    #[must_use]
    pub fn following(
        database: &Database,
        progress: ProjectionProgress,
        origin_is_known: bool,
    ) -> Self {
        Self { gate: Some(Gate { progress, origin_is_known }), ..Self::new(database) }
    }

    /// The same with other tables of sales, such as those of a simulation.
    #[must_use]
    pub fn with_sales(self, sales: Arc<dyn SaleTables>) -> Self {
        Self { sales, ..self }
    }

    fn tables(&self) -> Result<&dyn Tables, QueryError> {
        if let Some(Gate { progress, origin_is_known }) = &self.gate {
            progress.may_be_shown(*origin_is_known).map_err(QueryError::Unavailable)?;
        }
        Ok(self.tables.as_ref())
    }

    /// Payments, and what is to be done because of them.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub(super) fn payment_tables(&self) -> Result<&dyn PaymentTables, QueryError> {
        self.tables()?;
        Ok(self.payments.as_ref())
    }

    fn sale_tables(&self) -> Result<&dyn SaleTables, QueryError> {
        self.tables()?;
        Ok(self.sales.as_ref())
    }

    /// Sales, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sales(&self, filter: SaleFilter) -> Result<Vec<SaleRow>, QueryError> {
        Ok(self.sale_tables()?.sales(filter).await?)
    }

    /// One sale.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sale(&self, sale: SaleId) -> Result<Option<SaleRow>, QueryError> {
        Ok(self.sale_tables()?.sale(sale).await?)
    }

    /// Sales behind this one of which a part is missing, or of a lower edition than another: some, in
    /// order. One that is over at `now` misses no part any more.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn unsettled_sales(
        &self,
        behind: Option<SaleId>,
        now: Timestamp,
    ) -> Result<Vec<SaleRow>, QueryError> {
        Ok(self.sale_tables()?.unsettled(behind, now).await?)
    }

    /// The keys of sales that were created `since` then, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sale_keys(
        &self,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<SaleKeyRow>, QueryError> {
        Ok(self.sale_tables()?.keys(since, limit).await?)
    }

    /// The parts of these sales, of each in order of product.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sale_products(&self, sales: &[SaleId]) -> Result<Vec<SaleProductRow>, QueryError> {
        Ok(self.sale_tables()?.parts(sales).await?)
    }

    /// How many bought something in a sale.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sale_customers(&self, sale: SaleId) -> Result<u64, QueryError> {
        Ok(self.sale_tables()?.customers(sale).await?)
    }

    /// How many requests a sale refused, by product and reason.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn sale_refusals(&self, sale: SaleId) -> Result<Vec<SaleRefusals>, QueryError> {
        Ok(self.sale_tables()?.refusals(sale).await?)
    }

    /// Adds refused requests to those that were counted before.
    ///
    /// # Errors
    /// See [`QueryError`]; none is counted then.
    pub async fn count_sale_refusals(&self, rows: &[SaleRefusals]) -> Result<(), QueryError> {
        Ok(self.sale_tables()?.count_refusals(rows).await?)
    }

    /// How far the tables are.
    pub(super) async fn cursors(&self) -> Result<Vec<Cursor>, QueryError> {
        Ok(self.tables()?.cursors().await?)
    }

    /// One product.
    ///
    /// # Errors
    /// See [`QueryError`]; the same for all that follow.
    pub async fn product(&self, product: ProductId) -> Result<Option<ProductRow>, QueryError> {
        let found = self.tables()?.products(product.to_column() - 1, 1).await?;
        Ok(found.into_iter().find(|row| row.product == product))
    }

    /// Products in order of their ids, from the first after `after`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn products(
        &self,
        after: Option<ProductId>,
        limit: u32,
    ) -> Result<Vec<ProductRow>, QueryError> {
        let after = after.map_or(0, ProductId::to_column);
        Ok(self.tables()?.products(after, i64::from(limit)).await?)
    }

    /// Products of one kind, in the order that is asked for.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn list(&self, filter: &ProductFilter) -> Result<Vec<ProductRow>, QueryError> {
        Ok(self.tables()?.list(filter).await?)
    }

    /// The names of those of some products that are in the tables: at most a cart's worth.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn names(
        &self,
        products: &[ProductId],
    ) -> Result<Vec<(ProductId, String)>, QueryError> {
        if products.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.tables()?.names(products).await?)
    }

    /// The units of those of some products that are in the tables: at most a hundred.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn stocks(&self, products: &[ProductId]) -> Result<Vec<StockRow>, QueryError> {
        if products.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.tables()?.stocks(products).await?)
    }

    /// Categories in order, from the first after `after`, with their numbers of active products.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn categories(
        &self,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<CategoryRow>, QueryError> {
        Ok(self.tables()?.categories(after.unwrap_or_default(), i64::from(limit)).await?)
    }

    /// The product with a SKU.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn product_of_sku(&self, sku: &str) -> Result<Option<ProductId>, QueryError> {
        Ok(self.tables()?.product_of_sku(sku).await?)
    }

    /// One order with its lines.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn order(&self, order: OrderId) -> Result<Option<OrderRow>, QueryError> {
        let mut found = self.tables()?.order(order).await?;
        if let Some(row) = &mut found {
            self.complete(row).await?;
        }
        Ok(found)
    }

    /// Orders that wait for their payment and can be paid longer than `after`, those that run out first
    /// before the others.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn pending_orders(
        &self,
        after: Timestamp,
        limit: u32,
    ) -> Result<Vec<PendingOrder>, QueryError> {
        Ok(self.tables()?.pending(after, i64::from(limit)).await?)
    }

    /// The order that was placed with an idempotency key.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn order_by_key(&self, key: RequestKey) -> Result<Option<OrderRow>, QueryError> {
        let mut found = self.tables()?.order_by_key(key).await?;
        if let Some(row) = &mut found {
            self.complete(row).await?;
        }
        Ok(found)
    }

    /// A customer's orders, newest first, from the first one older than `before`.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn orders_of(
        &self,
        customer: &CustomerId,
        before: Option<OrderCursor>,
        limit: u32,
    ) -> Result<Vec<OrderRow>, QueryError> {
        let mut rows = self.tables()?.orders_of(customer, before, i64::from(limit)).await?;
        for row in &mut rows {
            self.complete(row).await?;
        }
        Ok(rows)
    }

    /// Orders of everybody, the newest first, from the one before `before` on. Their ids grow with time.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn newest_orders(
        &self,
        before: Option<OrderId>,
        limit: u32,
    ) -> Result<Vec<OrderRow>, QueryError> {
        let before = before.unwrap_or(OrderId([0xff; 16]));
        let mut rows = self.tables()?.newest_orders(before, i64::from(limit)).await?;
        for row in &mut rows {
            self.complete(row).await?;
        }
        Ok(rows)
    }

    /// Adds what is held of an order that was placed; one that was bought at once is complete.
    async fn complete(&self, row: &mut OrderRow) -> Result<(), QueryError> {
        if row.expires_at.is_some() {
            row.complete(&self.reservations(row.order).await?);
        }
        if row.may_be_refunded() {
            row.refunds = self.payment_tables()?.refunds(row.order).await?;
        }
        Ok(())
    }

    /// The hold of an order; of an order over several products, its lead's.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn reservation(&self, order: OrderId) -> Result<Option<ReservationRow>, QueryError> {
        Ok(self.reservations(order).await?.into_iter().next())
    }

    /// All holds of an order, in order of product.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn reservations(&self, order: OrderId) -> Result<Vec<ReservationRow>, QueryError> {
        Ok(self.tables()?.reservations(order).await?)
    }

    /// What is held right now, newest first.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn held(&self, filter: &HeldFilter) -> Result<Vec<ReservationRow>, QueryError> {
        Ok(self.tables()?.held(filter).await?)
    }

    /// The queued purchase to which nothing was sold.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn refused(&self, order: OrderId) -> Result<Option<RefusedPurchase>, QueryError> {
        Ok(self.tables()?.refused(order).await?)
    }

    /// What a customer owns and holds of a product.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn customer_totals(
        &self,
        customer: &CustomerId,
        product: ProductId,
    ) -> Result<Owned, QueryError> {
        Ok(self.tables()?.customer_totals(customer, product).await?)
    }

    /// What the tables add up to, seen at one moment. Reads all of them: for audits.
    ///
    /// # Errors
    /// See [`QueryError`].
    pub async fn totals(&self) -> Result<Totals, QueryError> {
        Ok(self.tables()?.totals().await?)
    }
}
