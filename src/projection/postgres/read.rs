//! Queries over Postgres.

use crate::domain::{CustomerId, OrderId, Owned, ProductId, RequestKey, Timestamp};
use crate::projection::catalogue::{self, CategoryRow, Dialect, ProductColumns, ProductFilter};
use crate::projection::columns::{
    self, CursorColumns, OrderColumns, PendingColumns, ReservationColumns, TotalsColumns,
    time_to_column,
};
use crate::projection::held::{self, HeldFilter};
use crate::projection::queries::Tables;
use crate::projection::refused::{RefusedColumns, RefusedPurchase, refused};
use crate::projection::rows::{
    Cursor, OrderCursor, OrderRow, PendingOrder, ProductRow, ReservationRow, StockRow, Totals,
};
use crate::projection::sale_tables::{ALL_CUSTOMERS, ALL_PARTS, PartColumns};
use async_trait::async_trait;
use sqlx::postgres::PgPool;
use uuid::Uuid;

const PRODUCTS: &str = "SELECT product_id, name, sku, description, category, image_url, \
     attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, created_at, active, \
     edition, available, held, sold, stocked, revision FROM products JOIN stock USING (product_id) \
     WHERE product_id > $1 ORDER BY product_id LIMIT $2";

const DIALECT: Dialect = Dialect {
    position: "strpos",
    bytes: " COLLATE \"C\"",
    searched_before: "lower(concat_ws(chr(10), name, sku, description))",
};

/// Ordered by bytes, like everything else.
const CATEGORIES: &str = "SELECT category, count(*) FROM products \
     WHERE active AND category COLLATE \"C\" > $1 GROUP BY category ORDER BY category COLLATE \"C\" LIMIT $2";

const PRODUCT_OF_SKU: &str =
    "SELECT product_id FROM products WHERE sku = $1 ORDER BY product_id LIMIT 1";

const ORDER: &str = "SELECT o.order_id, o.product_id, customer_id, status, total_amount, currency, \
     created_at, expires_at, paid_late, l.product_id, quantity::bigint, unit_price, returned, l.sale_id \
     FROM orders AS o LEFT JOIN order_lines AS l ON l.order_id = o.order_id \
     WHERE o.order_id = $1 ORDER BY l.product_id";

const ORDER_BY_KEY: &str = "SELECT o.order_id, o.product_id, customer_id, status, total_amount, currency, \
     created_at, expires_at, paid_late, l.product_id, quantity::bigint, unit_price, returned, l.sale_id \
     FROM orders AS o LEFT JOIN order_lines AS l ON l.order_id = o.order_id \
     WHERE request_key = $1 ORDER BY o.order_id, l.product_id";

const ORDERS_OF: &str = "SELECT o.order_id, o.product_id, customer_id, status, total_amount, \
     currency, created_at, expires_at, paid_late, l.product_id, quantity::bigint, unit_price, returned, l.sale_id \
     FROM (SELECT * FROM orders WHERE customer_id = $1 AND (created_at, order_id) < ($2, $3) \
     ORDER BY created_at DESC, order_id DESC LIMIT $4) AS o \
     LEFT JOIN order_lines AS l ON l.order_id = o.order_id \
     ORDER BY created_at DESC, o.order_id DESC, l.product_id";

const NEWEST_ORDERS: &str = "SELECT o.order_id, o.product_id, customer_id, status, total_amount, \
     currency, created_at, expires_at, paid_late, l.product_id, quantity::bigint, unit_price, returned, l.sale_id \
     FROM (SELECT * FROM orders WHERE order_id < $1 \
     ORDER BY order_id DESC LIMIT $2) AS o \
     LEFT JOIN order_lines AS l ON l.order_id = o.order_id \
     ORDER BY o.order_id DESC, l.product_id";

const PENDING: &str = "SELECT order_id, product_id, created_at, expires_at FROM orders \
     WHERE status = 'pending_payment' AND expires_at > $1 ORDER BY expires_at LIMIT $2";

const RESERVATIONS: &str = "SELECT order_id, product_id, customer_id, quantity::bigint, unit_price, \
     currency, status, created_at, expires_at, ended_at, lead_product_id, sale_id FROM reservations \
     WHERE order_id = $1 ORDER BY product_id";

const REFUSED: &str = "SELECT order_id, product_id, customer_id, quantity::bigint, queued_at, \
     refused_at, reason, number, owned FROM refused_purchases WHERE order_id = $1";

const CUSTOMER_TOTALS: &str =
    "SELECT sold, held FROM customer_totals WHERE customer_id = $1 AND product_id = $2";

const CURSORS: &str =
    "SELECT \"partition\"::bigint, seq, digest FROM projection_cursor ORDER BY \"partition\"";

/// The sum in two parts, because one 64-bit sum of amounts could overflow.
const ORDER_TOTALS: &str = "SELECT count(*), coalesce(sum(total_amount / 1000000), 0)::bigint, \
     coalesce(sum(total_amount % 1000000), 0)::bigint FROM orders";

const PRODUCT_TOTALS: &str = "SELECT product_id, available, stock.held, stock.sold, stocked, \
     revision, coalesce(line_count, 0), coalesce(line_units, 0), coalesce(hold_count, 0), \
     coalesce(hold_units, 0), coalesce(total_sold, 0), coalesce(total_held, 0) FROM stock \
     LEFT JOIN (SELECT product_id, count(*) AS line_count, sum(quantity)::bigint AS line_units \
     FROM order_lines WHERE returned IS NULL GROUP BY product_id) AS lines USING (product_id) \
     LEFT JOIN (SELECT product_id, count(*) AS hold_count, sum(quantity)::bigint AS hold_units \
     FROM reservations WHERE status = 'held' GROUP BY product_id) AS holds USING (product_id) \
     LEFT JOIN (SELECT product_id, sum(sold)::bigint AS total_sold, sum(held)::bigint AS total_held \
     FROM customer_totals GROUP BY product_id) AS totals USING (product_id) \
     ORDER BY product_id";

/// The pool for queries.
pub(in crate::projection) struct PostgresTables {
    pool: PgPool,
}

impl PostgresTables {
    pub(in crate::projection) const fn new(pool: PgPool) -> Self {
        Self { pool }
    }
}

#[async_trait]
impl Tables for PostgresTables {
    async fn products(&self, after: i64, limit: i64) -> Result<Vec<ProductRow>, sqlx::Error> {
        let rows: Vec<ProductColumns> =
            sqlx::query_as(PRODUCTS).bind(after).bind(limit).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(ProductColumns::row).collect())
    }

    async fn list(&self, filter: &ProductFilter) -> Result<Vec<ProductRow>, sqlx::Error> {
        let mut query = catalogue::list(filter, &DIALECT);
        let rows: Vec<ProductColumns> = query.build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(ProductColumns::row).collect())
    }

    async fn names(&self, products: &[ProductId]) -> Result<Vec<(ProductId, String)>, sqlx::Error> {
        let rows = catalogue::names(products).build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(catalogue::name).collect::<Result<_, _>>()?)
    }

    async fn stocks(&self, products: &[ProductId]) -> Result<Vec<StockRow>, sqlx::Error> {
        let rows = catalogue::stocks(products).build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(catalogue::stock).collect::<Result<_, _>>()?)
    }

    async fn categories(&self, after: &str, limit: i64) -> Result<Vec<CategoryRow>, sqlx::Error> {
        let rows: Vec<(String, i64)> =
            sqlx::query_as(CATEGORIES).bind(after).bind(limit).fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(CategoryRow::read).collect::<Result<_, _>>()?)
    }

    async fn product_of_sku(&self, sku: &str) -> Result<Option<ProductId>, sqlx::Error> {
        let id: Option<i64> =
            sqlx::query_scalar(PRODUCT_OF_SKU).bind(sku).fetch_optional(&self.pool).await?;
        Ok(id.map(columns::product_id).transpose()?)
    }

    async fn order(&self, order: OrderId) -> Result<Option<OrderRow>, sqlx::Error> {
        let rows: Vec<OrderColumns<Uuid>> =
            sqlx::query_as(ORDER).bind(uuid(order)).fetch_all(&self.pool).await?;
        Ok(columns::orders(rows)?.into_iter().next())
    }

    async fn order_by_key(&self, key: RequestKey) -> Result<Option<OrderRow>, sqlx::Error> {
        let rows: Vec<OrderColumns<Uuid>> =
            sqlx::query_as(ORDER_BY_KEY).bind(&key.0[..]).fetch_all(&self.pool).await?;
        Ok(columns::orders(rows)?.into_iter().next())
    }

    async fn pending(
        &self,
        after: Timestamp,
        limit: i64,
    ) -> Result<Vec<PendingOrder>, sqlx::Error> {
        let after = time_to_column(after);
        let rows: Vec<PendingColumns<Uuid>> =
            sqlx::query_as(PENDING).bind(after).bind(limit).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(columns::pending).collect::<Result<_, _>>()?)
    }

    async fn orders_of(
        &self,
        customer: &CustomerId,
        before: Option<OrderCursor>,
        limit: i64,
    ) -> Result<Vec<OrderRow>, sqlx::Error> {
        let time = before.map_or(i64::MAX, |before| time_to_column(before.created_at));
        let order = before.map_or(OrderId([0xff; 16]), |before| before.order);
        let rows: Vec<OrderColumns<Uuid>> = sqlx::query_as(ORDERS_OF)
            .bind(customer.as_str())
            .bind(time)
            .bind(uuid(order))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(columns::orders(rows)?)
    }

    async fn newest_orders(
        &self,
        before: OrderId,
        limit: i64,
    ) -> Result<Vec<OrderRow>, sqlx::Error> {
        let rows: Vec<OrderColumns<Uuid>> = sqlx::query_as(NEWEST_ORDERS)
            .bind(uuid(before))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        Ok(columns::orders(rows)?)
    }

    async fn reservations(&self, order: OrderId) -> Result<Vec<ReservationRow>, sqlx::Error> {
        let rows: Vec<ReservationColumns<Uuid>> =
            sqlx::query_as(RESERVATIONS).bind(uuid(order)).fetch_all(&self.pool).await?;
        Ok(rows.iter().map(columns::reservation).collect::<Result<_, _>>()?)
    }

    async fn held(&self, filter: &HeldFilter) -> Result<Vec<ReservationRow>, sqlx::Error> {
        let mut query = held::held(filter, uuid);
        let rows: Vec<ReservationColumns<Uuid>> =
            query.build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.iter().map(columns::reservation).collect::<Result<_, _>>()?)
    }

    async fn refused(&self, order: OrderId) -> Result<Option<RefusedPurchase>, sqlx::Error> {
        let row: Option<RefusedColumns<Uuid>> =
            sqlx::query_as(REFUSED).bind(uuid(order)).fetch_optional(&self.pool).await?;
        Ok(row.as_ref().map(refused).transpose()?)
    }

    async fn customer_totals(
        &self,
        customer: &CustomerId,
        product: ProductId,
    ) -> Result<Owned, sqlx::Error> {
        let row: Option<(i64, i64)> = sqlx::query_as(CUSTOMER_TOTALS)
            .bind(customer.as_str())
            .bind(product.to_column())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(columns::owned).transpose()?.unwrap_or_default())
    }

    async fn cursors(&self) -> Result<Vec<Cursor>, sqlx::Error> {
        let rows: Vec<CursorColumns> = sqlx::query_as(CURSORS).fetch_all(&self.pool).await?;
        Ok(columns::cursors(&rows)?)
    }

    async fn totals(&self) -> Result<Totals, sqlx::Error> {
        // One transaction sees one moment. Reading everything may take longer than a query.
        let mut transaction =
            self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        sqlx::query("SET LOCAL statement_timeout = 0").execute(&mut *transaction).await?;
        let cursors: Vec<CursorColumns> =
            sqlx::query_as(CURSORS).fetch_all(&mut *transaction).await?;
        let orders: (i64, i64, i64) =
            sqlx::query_as(ORDER_TOTALS).fetch_one(&mut *transaction).await?;
        let products: Vec<TotalsColumns> =
            sqlx::query_as(PRODUCT_TOTALS).fetch_all(&mut *transaction).await?;
        let parts: Vec<PartColumns> =
            sqlx::query_as(ALL_PARTS).fetch_all(&mut *transaction).await?;
        let customers: Vec<(i64, i64)> =
            sqlx::query_as(ALL_CUSTOMERS).fetch_all(&mut *transaction).await?;
        transaction.rollback().await?;
        Ok(columns::totals(&cursors, orders, products, (parts, customers))?)
    }
}

const fn uuid(order: OrderId) -> Uuid {
    Uuid::from_bytes(order.0)
}
