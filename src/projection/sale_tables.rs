//! The tables behind [`super::sales`], in both databases. One text serves both: SQLite reads `$1` as
//! Postgres does.

use super::columns::{self, BadColumn, count, time_to_column, to_column};
use super::database::Kind;
use super::sales::{SaleChanges, SaleFilter, SaleKeyRow, SaleProductRow, SaleRefusals, SaleRow};
use crate::domain::{
    Fingerprint, OrderId, ProductId, RequestKey, Retry, SaleId, SaleState, Timestamp,
};
use async_trait::async_trait;
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use std::sync::Arc;
use uuid::Uuid;

/// What a database answers and counts.
#[async_trait]
pub trait SaleTables: Send + Sync {
    async fn sales(&self, filter: SaleFilter) -> Result<Vec<SaleRow>, sqlx::Error>;
    async fn sale(&self, sale: SaleId) -> Result<Option<SaleRow>, sqlx::Error>;
    async fn unsettled(
        &self,
        behind: Option<SaleId>,
        now: Timestamp,
    ) -> Result<Vec<SaleRow>, sqlx::Error>;
    async fn parts(&self, sales: &[SaleId]) -> Result<Vec<SaleProductRow>, sqlx::Error>;
    async fn keys(&self, since: Timestamp, limit: u32) -> Result<Vec<SaleKeyRow>, sqlx::Error>;
    async fn customers(&self, sale: SaleId) -> Result<u64, sqlx::Error>;
    async fn refusals(&self, sale: SaleId) -> Result<Vec<SaleRefusals>, sqlx::Error>;
    async fn count_refusals(&self, rows: &[SaleRefusals]) -> Result<(), sqlx::Error>;
}

pub(super) fn of(kind: &Kind) -> Arc<dyn SaleTables> {
    match kind {
        Kind::Sqlite { readers, jobs, .. } => {
            Arc::new(Sqlite { readers: readers.clone(), writers: jobs.clone() })
        }
        Kind::Postgres { readers, .. } => {
            Arc::new(Postgres { readers: readers.clone(), writers: readers.clone() })
        }
    }
}

/// Those before `$1`; behind it comes a text of [`state_condition`], with `$2` for the time.
const SALES: &str = "SELECT sale_id, name, products, opens_at, ends_at, paused, sells_before, \
     edition, created_at FROM sales WHERE sale_id < $1";

const SALE: &str = "SELECT sale_id, name, products, opens_at, ends_at, paused, sells_before, \
     edition, created_at FROM sales WHERE sale_id = $1";

/// Sales with a part of a lower edition, with one too few, or with one of a product that left and sold
/// nothing. Products are told apart by commas.
const UNSETTLED: &str = "SELECT sale_id, name, products, opens_at, ends_at, paused, sells_before, \
     edition, created_at FROM sales WHERE sale_id > $1 AND (EXISTS (SELECT 1 FROM sale_products AS part \
     WHERE part.sale_id = sales.sale_id AND (part.edition < sales.edition \
     OR (part.sold + part.held = 0 AND replace(replace(products, '[', ','), ']', ',') \
     NOT LIKE '%,' || part.product_id || ',%'))) \
     OR (ends_at > $2 AND (SELECT count(*) FROM sale_products AS part \
     WHERE part.sale_id = sales.sale_id) \
     < length(products) - length(replace(products, ',', '')) + 1)) ORDER BY sale_id LIMIT 100";

const KEYS: &str = "SELECT sale_id, request_key, request_meaning, created_at FROM sales \
     WHERE request_key IS NOT NULL AND created_at >= $1 ORDER BY sale_id DESC LIMIT $2";

/// Behind the sales of the same round.
const WRITE_KEY: &str =
    "UPDATE sales SET request_key = $2, request_meaning = $3 WHERE sale_id = $1";

/// Behind it comes a text of [`among`], and the order where there is one.
const PARTS: &str = "SELECT sale_id, product_id, edition, price_amount, currency, \
     limit_per_customer, units, sold, held, revenue, returned, sold_out_at FROM sale_products WHERE ";

/// For whoever compares all rows with the journal.
pub(super) const ALL_PARTS: &str = "SELECT sale_id, product_id, edition, price_amount, currency, \
     limit_per_customer, units, sold, held, revenue, returned, sold_out_at FROM sale_products \
     ORDER BY sale_id, product_id";

pub(super) const ALL_CUSTOMERS: &str =
    "SELECT sale_id, count(*) FROM sale_customers GROUP BY sale_id ORDER BY sale_id";

/// Most numbers of one statement, far below what either database takes.
const AMONG_MAX: usize = 1_000;

/// `column IN (1, 2)`: of numbers only, and at least one.
fn among(column: &str, numbers: impl Iterator<Item = i64>) -> String {
    let numbers = numbers.map(|number| number.to_string()).collect::<Vec<_>>();
    format!("{column} IN ({})", numbers.join(", "))
}

const CUSTOMERS: &str = "SELECT count(*) FROM sale_customers WHERE sale_id = $1";

const REFUSALS: &str = "SELECT product_id, reason, count FROM sale_refusals \
     WHERE sale_id = $1 ORDER BY product_id, reason";

const COUNT_REFUSALS: &str = "INSERT INTO sale_refusals (sale_id, product_id, reason, count) \
     VALUES ($1, $2, $3, $4) ON CONFLICT (sale_id, product_id, reason) \
     DO UPDATE SET count = sale_refusals.count + excluded.count";

/// What a product's part of a lower edition says of the whole sale is old.
const WRITE_SALE: &str = "INSERT INTO sales (sale_id, name, products, opens_at, ends_at, paused, \
     sells_before, edition, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     ON CONFLICT (sale_id) DO UPDATE SET name = excluded.name, products = excluded.products, \
     opens_at = excluded.opens_at, ends_at = excluded.ends_at, paused = excluded.paused, \
     sells_before = excluded.sells_before, edition = excluded.edition \
     WHERE excluded.edition >= sales.edition";

const WRITE_PART: &str = "INSERT INTO sale_products (sale_id, product_id, edition, price_amount, \
     currency, limit_per_customer, units, sold, held, revenue, returned, sold_out_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (sale_id, product_id) DO UPDATE SET edition = excluded.edition, \
     price_amount = excluded.price_amount, limit_per_customer = excluded.limit_per_customer, \
     units = excluded.units, sold = excluded.sold, held = excluded.held, \
     revenue = excluded.revenue, returned = excluded.returned, sold_out_at = excluded.sold_out_at";

/// Behind the lines and the parts of the same round.
const GIVE_BACK: &str = "UPDATE sale_products SET revenue = revenue - (SELECT quantity * unit_price \
     FROM order_lines AS line WHERE line.order_id = $3 AND line.product_id = $2) \
     WHERE sale_id = $1 AND product_id = $2";

const DROP_PART: &str = "DELETE FROM sale_products WHERE sale_id = $1 AND product_id = $2";

/// The last part takes the sale along.
const DROP_SALE: &str = "DELETE FROM sales WHERE sale_id = $1 \
     AND NOT EXISTS (SELECT 1 FROM sale_products WHERE sale_id = $1)";

/// What is told of a sale goes with it.
const DROP_CUSTOMERS: &str = "DELETE FROM sale_customers WHERE sale_id = $1 \
     AND NOT EXISTS (SELECT 1 FROM sales WHERE sale_id = $1)";

const DROP_REFUSALS: &str = "DELETE FROM sale_refusals WHERE sale_id = $1 \
     AND NOT EXISTS (SELECT 1 FROM sales WHERE sale_id = $1)";

const fn state_condition(state: SaleState) -> &'static str {
    match state {
        SaleState::Scheduled => " AND NOT paused AND opens_at > $2",
        SaleState::Open => " AND NOT paused AND opens_at <= $2 AND ends_at > $2",
        SaleState::Paused => " AND paused AND ends_at > $2",
        SaleState::Ended => " AND ends_at <= $2",
    }
}

type SaleColumns = (i64, String, String, i64, i64, bool, bool, i64, i64);

fn sale_row(columns: SaleColumns) -> Result<SaleRow, BadColumn> {
    let (sale, name, products, opens_at, ends_at, paused, sells_before, edition, created_at) =
        columns;
    let ids: Vec<i64> = serde_json::from_str(&products).map_err(|_| BadColumn("products"))?;
    Ok(SaleRow {
        sale: columns::sale_id(sale)?,
        name,
        products: ids.into_iter().map(columns::product_id).collect::<Result<_, _>>()?,
        opens_at: columns::time(opens_at, "opens_at")?,
        ends_at: columns::time(ends_at, "ends_at")?,
        paused,
        sells_before,
        edition: count(edition, "edition")?,
        created_at: columns::time(created_at, "created_at")?,
    })
}

pub(super) type PartColumns =
    (i64, i64, i64, i64, String, Option<i64>, i64, i64, i64, i64, i64, Option<i64>);

pub(super) fn part_row(columns: PartColumns) -> Result<SaleProductRow, BadColumn> {
    let (sale, product, edition, amount, currency, limit, ..) = columns;
    let (.., units, sold, held, revenue, returned, sold_out_at) = columns;
    Ok(SaleProductRow {
        sale: columns::sale_id(sale)?,
        product: columns::product_id(product)?,
        edition: count(edition, "edition")?,
        price: columns::money(amount, &currency)?,
        limit_per_customer: limit.map(columns::quantity).transpose()?,
        units: count(units, "units")?,
        sold: count(sold, "sold")?,
        held: count(held, "held")?,
        revenue: count(revenue, "revenue")?,
        returned: count(returned, "returned")?,
        sold_out_at: sold_out_at.map(|at| columns::time(at, "sold_out_at")).transpose()?,
    })
}

type KeyColumns = (i64, Vec<u8>, i64, i64);

fn key_row((sale, key, meaning, created_at): KeyColumns) -> Result<SaleKeyRow, BadColumn> {
    let key = key.try_into().map_err(|_| BadColumn("request_key"))?;
    let fingerprint = Fingerprint(meaning.cast_unsigned());
    Ok(SaleKeyRow {
        sale: columns::sale_id(sale)?,
        retry: Retry { key: RequestKey(key), fingerprint },
        created_at: columns::time(created_at, "created_at")?,
    })
}

fn all<Columns, Row>(
    rows: Vec<Columns>,
    row: impl Fn(Columns) -> Result<Row, BadColumn>,
) -> Result<Vec<Row>, sqlx::Error> {
    Ok(rows.into_iter().map(row).collect::<Result<_, _>>()?)
}

fn products_column(products: &[ProductId]) -> String {
    let ids = products.iter().map(ToString::to_string).collect::<Vec<_>>();
    format!("[{}]", ids.join(","))
}

/// Over the pool and the connection of one kind of database; `$key` is how it keeps an order id.
macro_rules! sale_tables {
    ($name:ident, $pool:ty, $connection:ty, $key:ident, $prior:ident, $write:ident) => {
        struct $name {
            readers: $pool,
            writers: $pool,
        }

        #[async_trait]
        impl SaleTables for $name {
            async fn sales(&self, filter: SaleFilter) -> Result<Vec<SaleRow>, sqlx::Error> {
                let before = filter.before.map_or(i64::MAX, SaleId::to_column);
                let now = filter.state.map(|(_, now)| time_to_column(now)).unwrap_or_default();
                let state = filter.state.map(|(state, _)| state_condition(state));
                let order = " AND $2 >= 0 ORDER BY sale_id DESC LIMIT $3";
                let text = [SALES, state.unwrap_or_default(), order].concat();
                let rows: Vec<SaleColumns> = sqlx::query_as(sqlx::AssertSqlSafe(text))
                    .bind(before)
                    .bind(now)
                    .bind(i64::from(filter.limit))
                    .fetch_all(&self.readers)
                    .await?;
                all(rows, sale_row)
            }

            async fn sale(&self, sale: SaleId) -> Result<Option<SaleRow>, sqlx::Error> {
                let row: Option<SaleColumns> = sqlx::query_as(SALE)
                    .bind(sale.to_column())
                    .fetch_optional(&self.readers)
                    .await?;
                Ok(row.map(sale_row).transpose()?)
            }

            async fn unsettled(
                &self,
                behind: Option<SaleId>,
                now: Timestamp,
            ) -> Result<Vec<SaleRow>, sqlx::Error> {
                let rows: Vec<SaleColumns> = sqlx::query_as(UNSETTLED)
                    .bind(behind.map_or(0, SaleId::to_column))
                    .bind(time_to_column(now))
                    .fetch_all(&self.readers)
                    .await?;
                all(rows, sale_row)
            }

            async fn parts(&self, sales: &[SaleId]) -> Result<Vec<SaleProductRow>, sqlx::Error> {
                let mut parts = Vec::new();
                for sales in sales.chunks(AMONG_MAX) {
                    let sales = among("sale_id", sales.iter().map(|sale| sale.to_column()));
                    let text = [PARTS, &sales, " ORDER BY sale_id, product_id"].concat();
                    // Each text is another one: kept prepared they would only push others out.
                    let query = sqlx::query_as(sqlx::AssertSqlSafe(text)).persistent(false);
                    let rows: Vec<PartColumns> = query.fetch_all(&self.readers).await?;
                    parts.extend(all(rows, part_row)?);
                }
                Ok(parts)
            }

            async fn keys(
                &self,
                since: Timestamp,
                limit: u32,
            ) -> Result<Vec<SaleKeyRow>, sqlx::Error> {
                let rows: Vec<KeyColumns> = sqlx::query_as(KEYS)
                    .bind(time_to_column(since))
                    .bind(i64::from(limit))
                    .fetch_all(&self.readers)
                    .await?;
                all(rows, key_row)
            }

            async fn customers(&self, sale: SaleId) -> Result<u64, sqlx::Error> {
                let customers: i64 = sqlx::query_scalar(CUSTOMERS)
                    .bind(sale.to_column())
                    .fetch_one(&self.readers)
                    .await?;
                Ok(count(customers, "customers")?)
            }

            async fn refusals(&self, sale: SaleId) -> Result<Vec<SaleRefusals>, sqlx::Error> {
                let rows: Vec<(i64, String, i64)> = sqlx::query_as(REFUSALS)
                    .bind(sale.to_column())
                    .fetch_all(&self.readers)
                    .await?;
                all(rows, |(product, reason, number)| {
                    let (product, count) = (columns::product_id(product)?, count(number, "count")?);
                    Ok(SaleRefusals { sale, product, reason, count })
                })
            }

            async fn count_refusals(&self, rows: &[SaleRefusals]) -> Result<(), sqlx::Error> {
                let mut transaction = self.writers.begin().await?;
                for row in rows {
                    sqlx::query(COUNT_REFUSALS)
                        .bind(row.sale.to_column())
                        .bind(row.product.to_column())
                        .bind(row.reason.as_str())
                        .bind(to_column(row.count))
                        .execute(&mut *transaction)
                        .await?;
                }
                transaction.commit().await
            }
        }

        /// The parts of these products, as they are before the facts.
        pub(super) async fn $prior(
            connection: &mut $connection,
            products: &[ProductId],
        ) -> Result<Vec<SaleProductRow>, sqlx::Error> {
            let mut parts = Vec::new();
            for products in products.chunks(AMONG_MAX) {
                let products =
                    among("product_id", products.iter().map(|product| product.to_column()));
                let text = [PARTS, &products].concat();
                let query = sqlx::query_as(sqlx::AssertSqlSafe(text)).persistent(false);
                let rows: Vec<PartColumns> = query.fetch_all(&mut *connection).await?;
                parts.extend(all(rows, part_row)?);
            }
            Ok(parts)
        }

        /// All but the customers, who may be many.
        pub(super) async fn $write(
            connection: &mut $connection,
            changes: &SaleChanges,
        ) -> Result<(), sqlx::Error> {
            for row in &changes.sales {
                sqlx::query(WRITE_SALE)
                    .bind(row.sale.to_column())
                    .bind(row.name.as_str())
                    .bind(products_column(&row.products))
                    .bind(time_to_column(row.opens_at))
                    .bind(time_to_column(row.ends_at))
                    .bind(row.paused)
                    .bind(row.sells_before)
                    .bind(to_column(row.edition))
                    .bind(time_to_column(row.created_at))
                    .execute(&mut *connection)
                    .await?;
            }
            for (sale, retry) in &changes.keys {
                sqlx::query(WRITE_KEY)
                    .bind(sale.to_column())
                    .bind(&retry.key.0[..])
                    .bind(retry.fingerprint.0.cast_signed())
                    .execute(&mut *connection)
                    .await?;
            }
            for row in &changes.parts {
                sqlx::query(WRITE_PART)
                    .bind(row.sale.to_column())
                    .bind(row.product.to_column())
                    .bind(to_column(row.edition))
                    .bind(to_column(row.price.amount))
                    .bind(row.price.currency.as_str())
                    .bind(row.limit_per_customer.map(i64::from))
                    .bind(to_column(row.units))
                    .bind(to_column(row.sold))
                    .bind(to_column(row.held))
                    .bind(to_column(row.revenue))
                    .bind(to_column(row.returned))
                    .bind(row.sold_out_at.map(time_to_column))
                    .execute(&mut *connection)
                    .await?;
            }
            for (sale, product, order) in &changes.returned {
                sqlx::query(GIVE_BACK)
                    .bind(sale.to_column())
                    .bind(product.to_column())
                    .bind($key(*order))
                    .execute(&mut *connection)
                    .await?;
            }
            for (sale, product) in &changes.dropped {
                sqlx::query(DROP_PART)
                    .bind(sale.to_column())
                    .bind(product.to_column())
                    .execute(&mut *connection)
                    .await?;
                for text in [DROP_SALE, DROP_CUSTOMERS, DROP_REFUSALS] {
                    sqlx::query(text).bind(sale.to_column()).execute(&mut *connection).await?;
                }
            }
            Ok(())
        }
    };
}

fn bytes(order: OrderId) -> Vec<u8> {
    order.0.to_vec()
}

const fn uuid(order: OrderId) -> Uuid {
    Uuid::from_bytes(order.0)
}

sale_tables!(Sqlite, SqlitePool, SqliteConnection, bytes, sqlite_prior, sqlite_write);
sale_tables!(Postgres, PgPool, PgConnection, uuid, postgres_prior, postgres_write);
