//! Writing the query tables in SQLite.

use super::insert::{self, Statement, Texts};
use crate::domain::{OrderId, ProductId, SaleId};
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
use crate::projection::payments::{CLOSE_LATE, JobKind, JobState};
use crate::projection::refused::{RefusedPurchase, reason_columns};
use crate::projection::rows::{Cursor, OrderStatus, ReservationRow, returned};
use crate::projection::sale_tables;
use crate::projection::write::{WriteError, Writer};
use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use std::fmt::Write as _;

const INSERT_PRODUCTS: Statement = Statement {
    head: "INSERT INTO products (product_id, name, sku, description, category, image_url, \
           attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, \
           created_at, active, edition, searched)",
    columns: 16,
    tail: "",
};

const DESCRIBE_PRODUCTS: Statement = Statement {
    head: INSERT_PRODUCTS.head,
    columns: INSERT_PRODUCTS.columns,
    tail: "ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, sku = excluded.sku, \
           description = excluded.description, category = excluded.category, \
           image_url = excluded.image_url, attributes = excluded.attributes, \
           price_amount = excluded.price_amount, active = excluded.active, \
           edition = excluded.edition, searched = excluded.searched",
};

const WRITE_STOCK: Statement = Statement {
    head: "INSERT INTO stock (product_id, available, held, sold, stocked, revision)",
    columns: 6,
    tail: "ON CONFLICT (product_id) DO UPDATE SET available = excluded.available, \
           held = excluded.held, sold = excluded.sold, stocked = excluded.stocked, \
           revision = excluded.revision",
};

/// Sold at once: an order id that is there already is refused by the key.
///
/// OR ROLLBACK: a refused row ends the whole transaction, which is all that ever follows anyway.
/// SQLite's usual answer, to undo this statement alone, would make it save a copy of every page
/// before changing it, and customers' pages are all over the index: a quarter of all time. (A CHECK
/// that calls a function brings the copies back.)
const INSERT_ORDERS: Statement = Statement {
    head: "INSERT OR ROLLBACK INTO orders (order_id, product_id, customer_id, status, total_amount, currency, \
           created_at)",
    columns: 7,
    tail: "",
};

/// Sold from holds: a further line adds to its order.
const ADD_TO_ORDERS: Statement = Statement {
    head: INSERT_ORDERS.head,
    columns: INSERT_ORDERS.columns,
    tail: "ON CONFLICT (order_id) DO UPDATE SET \
           product_id = min(product_id, excluded.product_id), \
           total_amount = total_amount + excluded.total_amount, \
           created_at = min(created_at, excluded.created_at)",
};

const INSERT_LINES: Statement = Statement {
    head: "INSERT OR ROLLBACK INTO order_lines (order_id, product_id, quantity, unit_price, \
           sale_id)",
    columns: 5,
    tail: "",
};

const WRITE_RESERVATIONS: Statement = Statement {
    head: "INSERT INTO reservations (order_id, product_id, customer_id, quantity, unit_price, \
           currency, status, created_at, expires_at, ended_at, lead_product_id, sale_id)",
    columns: 12,
    tail: "ON CONFLICT (order_id, product_id) DO UPDATE SET status = excluded.status, \
           expires_at = excluded.expires_at, ended_at = excluded.ended_at, \
           sale_id = excluded.sale_id",
};

/// After the lines that were confirmed in the same round, which may have made the row.
const PLACE_ORDERS: Statement = Statement {
    head: "INSERT INTO orders (order_id, product_id, customer_id, status, total_amount, currency, \
           created_at, expires_at, payment_method, request_key, payment_token)",
    columns: 11,
    tail: "ON CONFLICT (order_id) DO UPDATE SET status = excluded.status, \
           product_id = excluded.product_id, expires_at = excluded.expires_at, \
           created_at = min(created_at, excluded.created_at), \
           payment_method = excluded.payment_method, payment_token = excluded.payment_token, \
           request_key = coalesce(request_key, excluded.request_key)",
};

/// One that was never placed has no row.
const DECIDE_ORDERS: Statement = Statement {
    head: "UPDATE orders SET status = decided.column2 FROM (",
    columns: 2,
    tail: ") AS decided WHERE order_id = decided.column1",
};

const RETURN_LINES: Statement = Statement {
    head: "UPDATE order_lines SET returned = back.column3, returned_at = back.column4 FROM (",
    columns: 4,
    tail: ") AS back WHERE order_id = back.column1 AND product_id = back.column2",
};

const INSERT_REFUSED: Statement = Statement {
    head: "INSERT OR ROLLBACK INTO refused_purchases (order_id, product_id, customer_id, quantity, \
           queued_at, refused_at, reason, number, owned)",
    columns: 9,
    tail: "",
};

/// What came back of an order that was paid for goes back to its customer. Asked for orders of which
/// something came back, and for those that were placed: how one is paid may be told after that.
const OWE_RETURNED: Statement = Statement {
    head: "INSERT INTO jobs (order_id, kind, product_id, lead_product_id, amount, currency, state, \
           next_at, created_at) \
           SELECT line.order_id, 'refund', line.product_id, o.product_id, \
           line.unit_price * line.quantity, o.currency, 'waiting', line.returned_at, \
           line.returned_at FROM (",
    columns: 1,
    tail: ") AS owing CROSS JOIN orders AS o ON o.order_id = owing.column1 \
           CROSS JOIN order_lines AS line ON line.order_id = o.order_id \
           WHERE o.payment_method IS NOT NULL AND line.returned IS NOT NULL ON CONFLICT DO NOTHING",
};

/// Orders that ended unpaid.
const OWE_VOIDS: Statement = Statement {
    head: "INSERT INTO jobs (order_id, kind, product_id, lead_product_id, amount, currency, state, \
           next_at, created_at) \
           SELECT o.order_id, 'void', 0, o.product_id, 0, o.currency, 'waiting', ended.column2, \
           ended.column2 FROM (",
    columns: 2,
    tail: ") AS ended CROSS JOIN orders AS o ON o.order_id = ended.column1 \
           WHERE o.payment_method IS NOT NULL AND o.status IN ('cancelled', 'expired') \
           AND NOT o.paid_late ON CONFLICT DO NOTHING",
};

/// What was paid late needs no provider to be asked whether it was.
const CLOSE_VOIDS: Statement = Statement {
    head: "UPDATE jobs SET state = 'done', last_error = NULL, died_at = NULL FROM (",
    columns: 1,
    tail: ") AS late WHERE order_id = late.column1 AND kind = 'void' AND product_id = 0 \
           AND state <> 'done'",
};

/// Their orders are decided now.
const HURRY_CARTS: Statement = Statement {
    head: "UPDATE jobs SET next_at = 0 FROM (",
    columns: 1,
    tail: ") AS decided WHERE order_id = decided.column1 AND kind = 'cart' AND product_id = 0 \
           AND state = 'waiting'",
};

const OWE_LATE: Statement = Statement {
    head: "INSERT INTO jobs (order_id, kind, lead_product_id, amount, currency, next_at, created_at, \
           product_id, state)",
    columns: 9,
    tail: "ON CONFLICT DO NOTHING",
};

const MARK_PAID_LATE: Statement = Statement {
    head: "UPDATE orders SET paid_late = 1 FROM (",
    columns: 1,
    tail: ") AS late WHERE order_id = late.column1",
};

const ADD_TO_TOTALS: Statement = Statement {
    head: "INSERT INTO customer_totals (customer_id, product_id, sold, held)",
    columns: 4,
    tail: "ON CONFLICT (customer_id, product_id) DO UPDATE SET sold = sold + excluded.sold, \
           held = held + excluded.held",
};

/// Differences that may be negative cannot be inserted (the CHECKs look at the new row first), so
/// the sums are. CROSS JOIN keeps the order: by key into the table, for each difference.
const MOVE_TOTALS: Statement = Statement {
    head: "INSERT INTO customer_totals (customer_id, product_id, sold, held) \
           SELECT total.customer_id, total.product_id, total.sold + delta.column3, \
           total.held + delta.column4 FROM (",
    columns: 4,
    tail: ") AS delta CROSS JOIN customer_totals AS total \
           ON total.customer_id = delta.column1 AND total.product_id = delta.column2 WHERE true \
           ON CONFLICT (customer_id, product_id) DO UPDATE SET sold = excluded.sold, \
           held = excluded.held",
};

const INSERT_SALE_CUSTOMERS: Statement = Statement {
    head: "INSERT INTO sale_customers (sale_id, customer_id)",
    columns: 2,
    tail: "ON CONFLICT DO NOTHING",
};

const WRITE_CURSORS: Statement = Statement {
    head: "INSERT INTO projection_cursor (\"partition\", seq, digest)",
    columns: 3,
    tail: "ON CONFLICT (\"partition\") DO UPDATE SET seq = excluded.seq, digest = excluded.digest",
};

const MAKE_CURSORS: Statement = Statement {
    head: "INSERT OR IGNORE INTO projection_cursor (\"partition\", seq, digest)",
    columns: 3,
    tail: "",
};

const CURSORS: &str =
    "SELECT \"partition\", seq, digest FROM projection_cursor ORDER BY \"partition\"";

const PRIOR_PRODUCTS: &str = "SELECT product_id, currency, available, held, sold, stocked, revision \
     FROM json_each(?) AS wanted CROSS JOIN stock ON product_id = wanted.value \
     JOIN products USING (product_id)";

const PRIOR_DESCRIBED: &str = "SELECT product_id, name, sku, description, category, image_url, \
     attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, created_at, active, \
     edition, available, held, sold, stocked, revision \
     FROM json_each(?) AS wanted CROSS JOIN stock ON product_id = wanted.value \
     JOIN products USING (product_id)";

const PRIOR_HOLDS: &str = "SELECT order_id, product_id, customer_id, quantity, unit_price, \
     currency, status, created_at, expires_at, ended_at, lead_product_id, sale_id \
     FROM json_each(?) AS wanted CROSS JOIN reservations ON order_id = unhex(wanted.value)";

/// The projector's connection.
pub(in crate::projection) struct SqliteWriter {
    connection: SqliteConnection,
    texts: Texts,
}

impl SqliteWriter {
    pub(in crate::projection) fn new(connection: SqliteConnection) -> Self {
        Self { connection, texts: Texts::default() }
    }

    async fn execute(&mut self, sql: &'static str) -> Result<(), WriteError> {
        sqlx::query(sql).execute(&mut self.connection).await?;
        Ok(())
    }

    async fn read_cursors(&mut self) -> Result<Vec<Cursor>, WriteError> {
        let rows: Vec<CursorColumns> =
            sqlx::query_as(CURSORS).fetch_all(&mut self.connection).await?;
        Ok(columns::cursors(&rows)?)
    }

    /// What these facts owe the world, and late payments that are decided by them.
    async fn write_jobs(&mut self, changes: &Changes) -> Result<(), WriteError> {
        let owing = owed::owing(changes);
        self.run(&OWE_RETURNED, &owing, |values, order| values.push(&order.0[..])).await?;
        for statement in [&MARK_PAID_LATE, &CLOSE_VOIDS] {
            self.run(statement, &changes.paid_late, |values, row| values.push(&row.order.0[..]))
                .await?;
        }
        self.run(&OWE_VOIDS, &changes.voids, |values, (order, at)| {
            values.push(&order.0[..])?;
            values.push(time_to_column(*at))
        })
        .await?;
        self.run(&HURRY_CARTS, &changes.decided, |values, (order, ..)| values.push(&order.0[..]))
            .await?;
        for (kind, rows) in
            [(JobKind::LatePayment, &changes.paid_late), (JobKind::Refund, &changes.refunds_owed)]
        {
            self.run(&OWE_LATE, rows, |values, row| bind_late(values, kind, row)).await?;
        }
        if !(changes.decided.is_empty() && changes.paid_late.is_empty()) {
            self.execute(CLOSE_LATE).await?;
        }
        Ok(())
    }

    async fn run<Row: Sync>(
        &mut self,
        statement: &Statement,
        rows: &[Row],
        bind: impl Fn(&mut insert::Values, &Row) -> Result<(), sqlx::Error> + Send + Sync,
    ) -> Result<u64, sqlx::Error> {
        insert::run(&mut self.connection, &mut self.texts, statement, rows, bind).await
    }
}

#[async_trait]
impl Writer for SqliteWriter {
    async fn cursors(&mut self) -> Result<Vec<Cursor>, WriteError> {
        self.read_cursors().await
    }

    async fn make_cursors(&mut self, partitions: Partitions) -> Result<(), WriteError> {
        let all: Vec<_> = partitions.all().collect();
        self.run(&MAKE_CURSORS, &all, |values, partition| {
            values.push(i64::from(partition.0))?;
            values.push(0i64)?;
            values.push(&Digest::GENESIS.0[..])
        })
        .await?;
        Ok(())
    }

    async fn begin(&mut self, partitions: &[PartitionId]) -> Result<Vec<Cursor>, WriteError> {
        self.execute("BEGIN IMMEDIATE").await?;
        let mut cursors = self.read_cursors().await?;
        cursors.retain(|cursor| partitions.contains(&cursor.partition));
        Ok(cursors)
    }

    async fn prior(&mut self, needs: &Needs) -> Result<Prior, WriteError> {
        let mut prior = Prior::default();
        let rows: Vec<PriorColumns> = sqlx::query_as(PRIOR_PRODUCTS)
            .bind(json_of_products(&needs.products))
            .fetch_all(&mut self.connection)
            .await?;
        for row in &rows {
            let (product, state) = columns::prior(row)?;
            prior.products.insert(product, state);
        }
        if !needs.described.is_empty() {
            let rows: Vec<ProductColumns> = sqlx::query_as(PRIOR_DESCRIBED)
                .bind(json_of_products(&needs.described))
                .fetch_all(&mut self.connection)
                .await?;
            let described = rows.into_iter().map(ProductColumns::described);
            prior.described.extend(described.map(|row| (row.product, row)));
        }
        prior.sale_products =
            sale_tables::sqlite_prior(&mut self.connection, &needs.on_sale).await?;
        if needs.holds.is_empty() {
            return Ok(prior);
        }
        let rows: Vec<ReservationColumns<Vec<u8>>> = sqlx::query_as(PRIOR_HOLDS)
            .bind(json_of_orders(&needs.holds))
            .fetch_all(&mut self.connection)
            .await?;
        for row in &rows {
            let hold = columns::reservation(row)?;
            prior.holds.insert((hold.order, hold.product), hold);
        }
        Ok(prior)
    }

    async fn write(&mut self, changes: &Changes) -> Result<(), WriteError> {
        self.run(&INSERT_PRODUCTS, &changes.products, bind_product).await?;
        self.run(&DESCRIBE_PRODUCTS, &changes.described, bind_product).await?;
        self.run(&WRITE_STOCK, &changes.stock, |values, (product, stock, revision)| {
            values.push(product.to_column())?;
            values.push(to_column(stock.available))?;
            values.push(to_column(stock.held))?;
            values.push(to_column(stock.sold))?;
            values.push(to_column(stock.stocked))?;
            values.push(to_column(*revision))
        })
        .await?;
        self.run(&INSERT_ORDERS, &changes.purchases, bind_order).await?;
        self.run(&INSERT_LINES, &changes.purchases, bind_line).await?;
        self.run(&INSERT_REFUSED, &changes.refused, bind_refused).await?;
        self.run(&ADD_TO_ORDERS, &merged_orders(&changes.confirmed), bind_order).await?;
        self.run(&INSERT_LINES, &changes.confirmed, bind_line).await?;
        self.run(&PLACE_ORDERS, &changes.placed, bind_placed).await?;
        self.run(&DECIDE_ORDERS, &changes.decided, |values, (order, status, _)| {
            values.push(&order.0[..])?;
            values.push(status.as_str())
        })
        .await?;
        let returned = self.run(&RETURN_LINES, &changes.returned, bind_returned).await?;
        WriteError::unless_all(returned, changes.returned.len())?;
        self.write_jobs(changes).await?;
        self.run(&WRITE_RESERVATIONS, &changes.reservations, bind_reservation).await?;
        self.run(&INSERT_SALE_CUSTOMERS, &changes.sales.customers, |values, (sale, customer)| {
            values.push(sale.to_column())?;
            values.push(customer.as_str())
        })
        .await?;
        sale_tables::sqlite_write(&mut self.connection, &changes.sales).await?;
        self.run(&ADD_TO_TOTALS, &changes.gains, bind_total).await?;
        let moved = self.run(&MOVE_TOTALS, &changes.moves, bind_total).await?;
        WriteError::unless_all(moved, changes.moves.len())
    }

    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), WriteError> {
        self.run(&WRITE_CURSORS, cursors, |values, cursor| {
            values.push(i64::from(cursor.partition.0))?;
            values.push(to_column(cursor.seq.0))?;
            values.push(&cursor.digest.0[..])
        })
        .await?;
        self.execute("COMMIT").await
    }

    async fn rollback(&mut self) -> Result<(), WriteError> {
        self.execute("ROLLBACK").await
    }
}

fn bind_product(values: &mut insert::Values, row: &Described) -> Result<(), sqlx::Error> {
    values.push(row.product.to_column())?;
    values.push(row.entry.name.as_str())?;
    values.push(row.entry.sku.as_deref())?;
    values.push(row.entry.description.as_deref())?;
    values.push(row.entry.category.as_deref())?;
    values.push(row.entry.image_url.as_deref())?;
    values.push(catalogue::attributes(&row.entry))?;
    values.push(to_column(row.offer.price.amount))?;
    values.push(row.offer.price.currency.as_str())?;
    values.push(row.offer.limit_per_customer.map(i64::from))?;
    values.push(row.offer.opens_at.map(time_to_column))?;
    values.push(row.offer.closes_at.map(time_to_column))?;
    values.push(time_to_column(row.created_at))?;
    values.push(row.active)?;
    values.push(to_column(row.edition))?;
    values.push(catalogue::searched(&row.entry))
}

fn bind_order(values: &mut insert::Values, sale: &Sale) -> Result<(), sqlx::Error> {
    values.push(&sale.order.0[..])?;
    values.push(sale.product.to_column())?;
    values.push(sale.customer.as_str())?;
    values.push(OrderStatus::Confirmed.as_str())?;
    values.push(to_column(sale.total.amount))?;
    values.push(sale.total.currency.as_str())?;
    values.push(time_to_column(sale.at))
}

fn bind_refused(values: &mut insert::Values, row: &RefusedPurchase) -> Result<(), sqlx::Error> {
    let (reason, number, owned) = reason_columns(row.why);
    values.push(&row.order.0[..])?;
    values.push(row.product.to_column())?;
    values.push(row.customer.as_str())?;
    values.push(i64::from(row.quantity))?;
    values.push(time_to_column(row.queued_at))?;
    values.push(time_to_column(row.refused_at))?;
    values.push(reason)?;
    values.push(number)?;
    values.push(owned)
}

fn bind_line(values: &mut insert::Values, sale: &Sale) -> Result<(), sqlx::Error> {
    values.push(&sale.order.0[..])?;
    values.push(sale.product.to_column())?;
    values.push(i64::from(sale.quantity))?;
    values.push(to_column(sale.unit_price))?;
    values.push(sale.under.map(SaleId::to_column))
}

fn bind_reservation(values: &mut insert::Values, row: &ReservationRow) -> Result<(), sqlx::Error> {
    values.push(&row.order.0[..])?;
    values.push(row.product.to_column())?;
    values.push(row.customer.as_str())?;
    values.push(i64::from(row.quantity))?;
    values.push(to_column(row.unit_price.amount))?;
    values.push(row.unit_price.currency.as_str())?;
    values.push(row.status.as_str())?;
    values.push(time_to_column(row.created_at))?;
    values.push(time_to_column(row.expires_at))?;
    values.push(row.ended_at.map(time_to_column))?;
    values.push(row.lead.map(ProductId::to_column))?;
    values.push(row.sale.map(SaleId::to_column))
}

fn bind_placed(values: &mut insert::Values, row: &PlacedOrder) -> Result<(), sqlx::Error> {
    values.push(&row.order.0[..])?;
    values.push(row.product.to_column())?;
    values.push(row.customer.as_str())?;
    values.push(OrderStatus::PendingPayment.as_str())?;
    values.push(0i64)?;
    values.push(row.currency.as_str())?;
    values.push(time_to_column(row.at))?;
    values.push(time_to_column(row.expires_at))?;
    values.push(&*row.method)?;
    values.push(row.key.as_ref().map(|key| &key.0[..]))?;
    values.push(&*row.token)
}

fn bind_late(
    values: &mut insert::Values,
    kind: JobKind,
    row: &LateMoney,
) -> Result<(), sqlx::Error> {
    values.push(&row.order.0[..])?;
    values.push(kind.as_str())?;
    values.push(row.product.to_column())?;
    values.push(to_column(row.amount.amount))?;
    values.push(row.amount.currency.as_str())?;
    values.push(time_to_column(row.at))?;
    values.push(time_to_column(row.at))?;
    values.push(0i64)?;
    values.push(JobState::Waiting.as_str())
}

fn bind_returned(values: &mut insert::Values, row: &ReturnedLine) -> Result<(), sqlx::Error> {
    values.push(&row.order.0[..])?;
    values.push(row.product.to_column())?;
    values.push(returned(row.reason))?;
    values.push(time_to_column(row.at))
}

fn bind_total(values: &mut insert::Values, delta: &TotalDelta) -> Result<(), sqlx::Error> {
    values.push(delta.customer.as_str())?;
    values.push(delta.product.to_column())?;
    values.push(delta.sold)?;
    values.push(delta.held)
}

/// A list of numbers for `json_each`.
fn json_of_products(products: &[ProductId]) -> String {
    let mut json = String::from("[");
    for product in products {
        let separator = if json.len() > 1 { "," } else { "" };
        // Writing to a string cannot fail.
        let _ = write!(json, "{separator}{product}");
    }
    json.push(']');
    json
}

/// A list of hexadecimal texts for `json_each`.
fn json_of_orders(orders: &[OrderId]) -> String {
    let mut json = String::from("[");
    for order in orders {
        json.push_str(if json.len() > 1 { ",\"" } else { "\"" });
        for byte in order.0 {
            let _ = write!(json, "{byte:02x}");
        }
        json.push('"');
    }
    json.push(']');
    json
}
