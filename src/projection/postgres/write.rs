//! Writing the query tables in Postgres.

use crate::domain::{CustomerId, OrderId, ProductId, SaleId, Timestamp};
use crate::journal::{Digest, PartitionId, Partitions};
use crate::projection::catalogue::{self, ProductColumns};
use crate::projection::changes::{
    Changes, Described, LateMoney, PlacedOrder, Prior, ReturnedLine, Sale, TotalDelta,
    merged_orders,
};
use crate::projection::columns::{
    self, CursorColumns, PriorColumns, ReservationColumns, time_to_column, to_column,
};
use crate::projection::needs::Needs;
use crate::projection::owed;
use crate::projection::payments::{CLOSE_LATE, JobKind};
use crate::projection::refused::{RefusedPurchase, reason_columns};
use crate::projection::rows::{Cursor, OrderStatus, returned};
use crate::projection::sale_tables;
use crate::projection::write::{WriteError, Writer};
use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

const INSERT_PRODUCTS: &str = "INSERT INTO products (product_id, name, sku, description, category, \
     image_url, attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, \
     created_at, active, edition, searched) \
     SELECT * FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
     $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], \
     $13::bigint[], $14::boolean[], $15::bigint[], $16::text[])";

/// Whole rows of products that are there.
const DESCRIBE_PRODUCTS: &str = "UPDATE products SET name = new.name, sku = new.sku, \
     description = new.description, category = new.category, image_url = new.image_url, \
     attributes = new.attributes, price_amount = new.price_amount, active = new.active, \
     edition = new.edition, searched = new.searched \
     FROM unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], \
     $7::text[], $8::bigint[], $9::text[], $10::bigint[], $11::bigint[], $12::bigint[], \
     $13::bigint[], $14::boolean[], $15::bigint[], $16::text[]) \
     AS new (product_id, name, sku, description, category, image_url, attributes, price_amount, \
     currency, limit_per_customer, opens_at, closes_at, created_at, active, edition, searched) \
     WHERE products.product_id = new.product_id";

const WRITE_STOCK: &str = "INSERT INTO stock (product_id, available, held, sold, stocked, revision) \
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], \
     $6::bigint[]) \
     ON CONFLICT (product_id) DO UPDATE SET available = excluded.available, \
     held = excluded.held, sold = excluded.sold, stocked = excluded.stocked, \
     revision = excluded.revision";

/// Sold at once: an order id that is there already is refused by the key.
const INSERT_ORDERS: &str = "INSERT INTO orders (order_id, product_id, customer_id, total_amount, \
     currency, created_at, status) \
     SELECT *, $7 FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], \
     $6::bigint[])";

/// Sold from holds: a further line adds to its order.
const ADD_TO_ORDERS: &str = "INSERT INTO orders (order_id, product_id, customer_id, total_amount, \
     currency, created_at, status) \
     SELECT *, $7 FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[], $5::text[], \
     $6::bigint[]) \
     ON CONFLICT (order_id) DO UPDATE SET \
     product_id = least(orders.product_id, excluded.product_id), \
     total_amount = orders.total_amount + excluded.total_amount, \
     created_at = least(orders.created_at, excluded.created_at)";

const INSERT_LINES: &str = "INSERT INTO order_lines (order_id, product_id, quantity, unit_price, \
     sale_id) \
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::integer[], $4::bigint[], $5::bigint[])";

const WRITE_RESERVATIONS: &str = "INSERT INTO reservations (order_id, product_id, customer_id, \
     quantity, unit_price, currency, status, created_at, expires_at, ended_at, lead_product_id, \
     sale_id) \
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[], \
     $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], \
     $12::bigint[]) \
     ON CONFLICT (order_id, product_id) DO UPDATE SET status = excluded.status, \
     expires_at = excluded.expires_at, ended_at = excluded.ended_at, sale_id = excluded.sale_id";

/// After the lines that were confirmed in the same round, which may have made the row.
const PLACE_ORDERS: &str = "INSERT INTO orders (order_id, product_id, customer_id, currency, \
     created_at, expires_at, payment_method, request_key, payment_token, status, total_amount) \
     SELECT *, $10, 0 FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::bigint[], \
     $6::bigint[], $7::text[], $8::bytea[], $9::text[]) \
     ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, \
     product_id = excluded.product_id, expires_at = excluded.expires_at, \
     created_at = least(orders.created_at, excluded.created_at), \
     payment_method = excluded.payment_method, payment_token = excluded.payment_token, \
     request_key = coalesce(orders.request_key, excluded.request_key)";

/// One that was never placed has no row.
const DECIDE_ORDERS: &str = "UPDATE orders SET status = decided.status \
     FROM unnest($1::uuid[], $2::text[]) AS decided (order_id, status) \
     WHERE orders.order_id = decided.order_id";

const RETURN_LINES: &str = "UPDATE order_lines AS line SET returned = back.returned, \
     returned_at = back.returned_at \
     FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::bigint[]) \
     AS back (order_id, product_id, returned, returned_at) \
     WHERE line.order_id = back.order_id AND line.product_id = back.product_id";

const INSERT_REFUSED: &str = "INSERT INTO refused_purchases (order_id, product_id, customer_id, \
     quantity, queued_at, refused_at, reason, number, owned) \
     SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::integer[], $5::bigint[], \
     $6::bigint[], $7::text[], $8::bigint[], $9::bigint[])";

/// What came back of an order that was paid for goes back to its customer. Asked for orders of which
/// something came back, and for those that were placed: how one is paid may be told after that.
const OWE_RETURNED: &str = "INSERT INTO jobs (order_id, kind, product_id, lead_product_id, amount, \
     currency, state, next_at, created_at) \
     SELECT line.order_id, 'refund', line.product_id, o.product_id, \
     line.unit_price * line.quantity, o.currency, 'waiting', line.returned_at, line.returned_at \
     FROM orders AS o JOIN order_lines AS line ON line.order_id = o.order_id \
     WHERE o.order_id = ANY($1) AND o.payment_method IS NOT NULL AND line.returned IS NOT NULL \
     ON CONFLICT DO NOTHING";

/// Orders that ended unpaid.
const OWE_VOIDS: &str = "INSERT INTO jobs (order_id, kind, product_id, lead_product_id, amount, \
     currency, state, next_at, created_at) \
     SELECT o.order_id, 'void', 0, o.product_id, 0, o.currency, 'waiting', ended.at, ended.at \
     FROM unnest($1::uuid[], $2::bigint[]) AS ended (order_id, at) \
     JOIN orders AS o ON o.order_id = ended.order_id \
     WHERE o.payment_method IS NOT NULL AND o.status IN ('cancelled', 'expired') \
     AND NOT o.paid_late ON CONFLICT DO NOTHING";

/// What was paid late needs no provider to be asked whether it was.
const CLOSE_VOIDS: &str = "UPDATE jobs SET state = 'done', last_error = NULL, died_at = NULL \
     WHERE order_id = ANY($1) AND kind = 'void' AND product_id = 0 AND state <> 'done'";

/// Their orders are decided now.
const HURRY_CARTS: &str = "UPDATE jobs SET next_at = 0 \
     WHERE order_id = ANY($1) AND kind = 'cart' AND product_id = 0 AND state = 'waiting'";

const OWE_LATE: &str = "INSERT INTO jobs (order_id, lead_product_id, amount, currency, next_at, \
     created_at, kind, product_id, state) \
     SELECT late.order_id, late.lead, late.amount, late.currency, late.at, late.at, $6, 0, 'waiting' \
     FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[]) \
     AS late (order_id, lead, amount, currency, at) ON CONFLICT DO NOTHING";

const MARK_PAID_LATE: &str = "UPDATE orders SET paid_late = TRUE WHERE order_id = ANY($1)";

const ADD_TO_TOTALS: &str = "INSERT INTO customer_totals (customer_id, product_id, sold, held) \
     SELECT * FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) \
     ON CONFLICT (customer_id, product_id) DO UPDATE SET \
     sold = customer_totals.sold + excluded.sold, held = customer_totals.held + excluded.held";

/// Differences that may be negative cannot be inserted: the CHECKs look at the new row first.
const MOVE_TOTALS: &str = "UPDATE customer_totals AS total SET sold = total.sold + delta.sold, \
     held = total.held + delta.held \
     FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::bigint[]) \
     AS delta (customer_id, product_id, sold, held) \
     WHERE total.customer_id = delta.customer_id AND total.product_id = delta.product_id";

const INSERT_SALE_CUSTOMERS: &str = "INSERT INTO sale_customers (sale_id, customer_id) \
     SELECT * FROM unnest($1::bigint[], $2::text[]) ON CONFLICT DO NOTHING";

const WRITE_CURSORS: &str = "UPDATE projection_cursor AS cursor SET seq = moved.seq, \
     digest = moved.digest FROM unnest($1::integer[], $2::bigint[], $3::bytea[]) \
     AS moved (\"partition\", seq, digest) WHERE cursor.\"partition\" = moved.\"partition\"";

const MAKE_CURSORS: &str = "INSERT INTO projection_cursor (\"partition\", seq, digest) \
     SELECT \"partition\", 0, $2 FROM unnest($1::integer[]) AS \"partition\" \
     ON CONFLICT DO NOTHING";

const CURSORS: &str = "SELECT \"partition\"::bigint, seq, digest FROM projection_cursor \
     ORDER BY \"partition\"";

/// Locked in one order, so that two projectors wait for each other and never in a circle.
const LOCK_CURSORS: &str = "SELECT \"partition\"::bigint, seq, digest FROM projection_cursor \
     WHERE \"partition\" = ANY($1) ORDER BY \"partition\" FOR UPDATE";

const PRIOR_PRODUCTS: &str = "SELECT product_id, currency, available, held, sold, stocked, revision \
     FROM stock JOIN products USING (product_id) WHERE product_id = ANY($1)";

const PRIOR_DESCRIBED: &str = "SELECT product_id, name, sku, description, category, image_url, \
     attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, created_at, active, \
     edition, available, held, sold, stocked, revision \
     FROM stock JOIN products USING (product_id) WHERE product_id = ANY($1)";

const PRIOR_HOLDS: &str = "SELECT order_id, product_id, customer_id, quantity::bigint, unit_price, \
     currency, status, created_at, expires_at, ended_at, lead_product_id, sale_id FROM reservations \
     WHERE order_id = ANY($1)";

/// The projector's connection.
pub(in crate::projection) struct PostgresWriter {
    connection: PgConnection,
}

impl PostgresWriter {
    pub(in crate::projection) const fn new(connection: PgConnection) -> Self {
        Self { connection }
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), WriteError> {
        sqlx::query(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn write_products(
        &mut self,
        sql: &'static str,
        rows: &[Described],
    ) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(sql)
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.entry.name.as_str()))
            .bind(column(rows, |row| row.entry.sku.as_deref()))
            .bind(column(rows, |row| row.entry.description.as_deref()))
            .bind(column(rows, |row| row.entry.category.as_deref()))
            .bind(column(rows, |row| row.entry.image_url.as_deref()))
            .bind(column(rows, |row| catalogue::attributes(&row.entry)))
            .bind(column(rows, |row| to_column(row.offer.price.amount)))
            .bind(column(rows, |row| row.offer.price.currency.as_str()))
            .bind(column(rows, |row| row.offer.limit_per_customer.map(i64::from)))
            .bind(column(rows, |row| row.offer.opens_at.map(time_to_column)))
            .bind(column(rows, |row| row.offer.closes_at.map(time_to_column)))
            .bind(column(rows, |row| time_to_column(row.created_at)))
            .bind(column(rows, |row| row.active))
            .bind(column(rows, |row| to_column(row.edition)))
            .bind(column(rows, |row| catalogue::searched(&row.entry)))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn write_stock(&mut self, changes: &Changes) -> Result<(), WriteError> {
        let rows = &changes.stock;
        sqlx::query(WRITE_STOCK)
            .bind(column(rows, |(product, ..)| product.to_column()))
            .bind(column(rows, |(_, stock, _)| to_column(stock.available)))
            .bind(column(rows, |(_, stock, _)| to_column(stock.held)))
            .bind(column(rows, |(_, stock, _)| to_column(stock.sold)))
            .bind(column(rows, |(_, stock, _)| to_column(stock.stocked)))
            .bind(column(rows, |(.., revision)| to_column(*revision)))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn insert_orders(&mut self, sql: &'static str, rows: &[Sale]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(sql)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.customer.as_str()))
            .bind(column(rows, |row| to_column(row.total.amount)))
            .bind(column(rows, |row| row.total.currency.as_str()))
            .bind(column(rows, |row| time_to_column(row.at)))
            .bind(OrderStatus::Confirmed.as_str())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn insert_lines(&mut self, rows: &[Sale]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(INSERT_LINES)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.quantity.cast_signed()))
            .bind(column(rows, |row| to_column(row.unit_price)))
            .bind(column(rows, |row| row.under.map(SaleId::to_column)))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn insert_refused(&mut self, rows: &[RefusedPurchase]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(INSERT_REFUSED)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.customer.as_str()))
            .bind(column(rows, |row| row.quantity.cast_signed()))
            .bind(column(rows, |row| time_to_column(row.queued_at)))
            .bind(column(rows, |row| time_to_column(row.refused_at)))
            .bind(column(rows, |row| reason_columns(row.why).0))
            .bind(column(rows, |row| reason_columns(row.why).1))
            .bind(column(rows, |row| reason_columns(row.why).2))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn insert_sale_customers(
        &mut self,
        rows: &[(SaleId, CustomerId)],
    ) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(INSERT_SALE_CUSTOMERS)
            .bind(column(rows, |(sale, _)| sale.to_column()))
            .bind(column(rows, |(_, customer)| customer.as_str()))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn write_reservations(&mut self, changes: &Changes) -> Result<(), WriteError> {
        let rows = &changes.reservations;
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(WRITE_RESERVATIONS)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.customer.as_str()))
            .bind(column(rows, |row| row.quantity.cast_signed()))
            .bind(column(rows, |row| to_column(row.unit_price.amount)))
            .bind(column(rows, |row| row.unit_price.currency.as_str()))
            .bind(column(rows, |row| row.status.as_str()))
            .bind(column(rows, |row| time_to_column(row.created_at)))
            .bind(column(rows, |row| time_to_column(row.expires_at)))
            .bind(column(rows, |row| row.ended_at.map(time_to_column)))
            .bind(column(rows, |row| row.lead.map(ProductId::to_column)))
            .bind(column(rows, |row| row.sale.map(SaleId::to_column)))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn place_orders(&mut self, rows: &[PlacedOrder]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(PLACE_ORDERS)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.customer.as_str()))
            .bind(column(rows, |row| row.currency.as_str()))
            .bind(column(rows, |row| time_to_column(row.at)))
            .bind(column(rows, |row| time_to_column(row.expires_at)))
            .bind(column(rows, |row| &*row.method))
            .bind(column(rows, |row| row.key.map(|key| key.0.to_vec())))
            .bind(column(rows, |row| &*row.token))
            .bind(OrderStatus::PendingPayment.as_str())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn decide_orders(
        &mut self,
        rows: &[(OrderId, OrderStatus, Timestamp)],
    ) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(DECIDE_ORDERS)
            .bind(column(rows, |(order, ..)| uuid(*order)))
            .bind(column(rows, |(_, status, _)| status.as_str()))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn return_lines(&mut self, rows: &[ReturnedLine]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        let done = sqlx::query(RETURN_LINES)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| returned(row.reason)))
            .bind(column(rows, |row| time_to_column(row.at)))
            .execute(&mut self.connection)
            .await?;
        WriteError::unless_all(done.rows_affected(), rows.len())
    }

    /// What these facts owe the world, and late payments that are decided by them.
    async fn write_jobs(&mut self, changes: &Changes) -> Result<(), WriteError> {
        let rows = &changes.paid_late;
        let late = column(rows, |row| uuid(row.order));
        for (sql, orders) in [
            (OWE_RETURNED, column(&owed::owing(changes), |order| uuid(*order))),
            (MARK_PAID_LATE, late.clone()),
            (CLOSE_VOIDS, late),
            (HURRY_CARTS, column(&changes.decided, |(order, ..)| uuid(*order))),
        ] {
            if !orders.is_empty() {
                sqlx::query(sql).bind(orders).execute(&mut self.connection).await?;
            }
        }
        if !changes.voids.is_empty() {
            sqlx::query(OWE_VOIDS)
                .bind(column(&changes.voids, |(order, _)| uuid(*order)))
                .bind(column(&changes.voids, |(_, at)| time_to_column(*at)))
                .execute(&mut self.connection)
                .await?;
        }
        self.owe_late(JobKind::LatePayment, rows).await?;
        self.owe_late(JobKind::Refund, &changes.refunds_owed).await?;
        if !(changes.decided.is_empty() && rows.is_empty()) {
            self.execute(CLOSE_LATE).await?;
        }
        Ok(())
    }

    async fn owe_late(&mut self, kind: JobKind, rows: &[LateMoney]) -> Result<(), WriteError> {
        if rows.is_empty() {
            return Ok(());
        }
        sqlx::query(OWE_LATE)
            .bind(column(rows, |row| uuid(row.order)))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| to_column(row.amount.amount)))
            .bind(column(rows, |row| row.amount.currency.as_str()))
            .bind(column(rows, |row| time_to_column(row.at)))
            .bind(kind.as_str())
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn write_totals(
        &mut self,
        sql: &'static str,
        rows: &[TotalDelta],
    ) -> Result<u64, WriteError> {
        if rows.is_empty() {
            return Ok(0);
        }
        let done = sqlx::query(sql)
            .bind(column(rows, |row| row.customer.as_str()))
            .bind(column(rows, |row| row.product.to_column()))
            .bind(column(rows, |row| row.sold))
            .bind(column(rows, |row| row.held))
            .execute(&mut self.connection)
            .await?;
        Ok(done.rows_affected())
    }
}

#[async_trait]
impl Writer for PostgresWriter {
    async fn cursors(&mut self) -> Result<Vec<Cursor>, WriteError> {
        let rows: Vec<CursorColumns> =
            sqlx::query_as(CURSORS).fetch_all(&mut self.connection).await?;
        Ok(columns::cursors(&rows)?)
    }

    async fn make_cursors(&mut self, partitions: Partitions) -> Result<(), WriteError> {
        let all: Vec<_> = partitions.all().map(|partition| i32::from(partition.0)).collect();
        sqlx::query(MAKE_CURSORS)
            .bind(all)
            .bind(&Digest::GENESIS.0[..])
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    async fn begin(&mut self, partitions: &[PartitionId]) -> Result<Vec<Cursor>, WriteError> {
        self.execute("BEGIN").await?;
        let rows: Vec<CursorColumns> = sqlx::query_as(LOCK_CURSORS)
            .bind(column(partitions, |partition| i32::from(partition.0)))
            .fetch_all(&mut self.connection)
            .await?;
        Ok(columns::cursors(&rows)?)
    }

    async fn prior(&mut self, needs: &Needs) -> Result<Prior, WriteError> {
        let mut prior = Prior::default();
        let rows: Vec<PriorColumns> = sqlx::query_as(PRIOR_PRODUCTS)
            .bind(column(&needs.products, |product| product.to_column()))
            .fetch_all(&mut self.connection)
            .await?;
        for row in &rows {
            let (product, state) = columns::prior(row)?;
            prior.products.insert(product, state);
        }
        if !needs.described.is_empty() {
            let rows: Vec<ProductColumns> = sqlx::query_as(PRIOR_DESCRIBED)
                .bind(column(&needs.described, |product| product.to_column()))
                .fetch_all(&mut self.connection)
                .await?;
            let described = rows.into_iter().map(ProductColumns::described);
            prior.described.extend(described.map(|row| (row.product, row)));
        }
        prior.sale_products =
            sale_tables::postgres_prior(&mut self.connection, &needs.on_sale).await?;
        if needs.holds.is_empty() {
            return Ok(prior);
        }
        let rows: Vec<ReservationColumns<Uuid>> = sqlx::query_as(PRIOR_HOLDS)
            .bind(column(&needs.holds, |order| uuid(*order)))
            .fetch_all(&mut self.connection)
            .await?;
        for row in &rows {
            let hold = columns::reservation(row)?;
            prior.holds.insert((hold.order, hold.product), hold);
        }
        Ok(prior)
    }

    async fn write(&mut self, changes: &Changes) -> Result<(), WriteError> {
        self.write_products(INSERT_PRODUCTS, &changes.products).await?;
        self.write_products(DESCRIBE_PRODUCTS, &changes.described).await?;
        self.write_stock(changes).await?;
        self.insert_orders(INSERT_ORDERS, &changes.purchases).await?;
        self.insert_lines(&changes.purchases).await?;
        self.insert_refused(&changes.refused).await?;
        self.insert_orders(ADD_TO_ORDERS, &merged_orders(&changes.confirmed)).await?;
        self.insert_lines(&changes.confirmed).await?;
        self.place_orders(&changes.placed).await?;
        self.decide_orders(&changes.decided).await?;
        self.return_lines(&changes.returned).await?;
        self.write_jobs(changes).await?;
        self.write_reservations(changes).await?;
        self.insert_sale_customers(&changes.sales.customers).await?;
        sale_tables::postgres_write(&mut self.connection, &changes.sales).await?;
        self.write_totals(ADD_TO_TOTALS, &changes.gains).await?;
        let moved = self.write_totals(MOVE_TOTALS, &changes.moves).await?;
        WriteError::unless_all(moved, changes.moves.len())
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), WriteError> {
        sqlx::query(WRITE_CURSORS)
            .bind(column(cursors, |cursor| i32::from(cursor.partition.0)))
            .bind(column(cursors, |cursor| to_column(cursor.seq.0)))
            .bind(column(cursors, |cursor| cursor.digest.0.to_vec()))
            .execute(&mut self.connection)
            .await?;
        self.execute("COMMIT").await
    }

    async fn rollback(&mut self) -> Result<(), WriteError> {
        self.execute("ROLLBACK").await
    }
}

/// One column of many rows, as an array.
fn column<'a, Row, Value>(rows: &'a [Row], value: impl Fn(&'a Row) -> Value) -> Vec<Value> {
    rows.iter().map(value).collect()
}

const fn uuid(order: OrderId) -> Uuid {
    Uuid::from_bytes(order.0)
}
