//! Columns to domain types and back: what both databases share. A value that no lastunit writes is
//! an error, never a guess.

use super::changes::PriorProduct;
use super::rows::{
    Cursor, LineStatus, OrderLine, OrderRow, OrderStatus, PendingOrder, ProductTotals,
    ReservationRow, ReservationStatus, Totals,
};
use super::sale_tables::{PartColumns, part_row};
use crate::domain::{
    Currency, CustomerId, Money, OrderId, Owned, ProductId, ReturnReason, SaleId, Stock, Timestamp,
};
use crate::journal::{Digest, PartitionId, Seq};

/// A column holds what this program never writes.
#[derive(Debug, thiserror::Error)]
#[error("column {0} holds an impossible value")]
pub(super) struct BadColumn(pub &'static str);

impl From<BadColumn> for sqlx::Error {
    fn from(bad: BadColumn) -> Self {
        Self::Decode(Box::new(bad))
    }
}

// order_id, product_id, customer_id, status, total_amount, currency, created_at, expires_at,
// paid_late; of a line, if there is one: product_id, quantity, unit_price, returned, sale_id
pub(super) type OrderColumns<Id> = (
    Id,
    i64,
    String,
    String,
    i64,
    String,
    i64,
    Option<i64>,
    bool,
    Option<i64>,
    Option<i64>,
    Option<i64>,
    Option<String>,
    Option<i64>,
);

// order_id, product_id, created_at, expires_at
pub(super) type PendingColumns<Id> = (Id, i64, i64, i64);

// order_id, product_id, customer_id, quantity, unit_price, currency, status, created_at,
// expires_at, ended_at, lead_product_id, sale_id
pub(super) type ReservationColumns<Id> =
    (Id, i64, String, i64, i64, String, String, i64, i64, Option<i64>, Option<i64>, Option<i64>);

// partition, seq, digest
pub(super) type CursorColumns = (i64, i64, Vec<u8>);

// product_id, currency, available, held, sold, stocked, revision
pub(super) type PriorColumns = (i64, String, i64, i64, i64, i64, i64);

// product_id, available, held, sold, stocked, revision, lines, their units, active reservations,
// their units, units sold to customers, units held for them
pub(super) type TotalsColumns = (i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64, i64);

/// A count for a column. Every count, time and amount that the rules allow fits.
pub(super) fn to_column(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A time for a column.
pub(super) fn time_to_column(time: Timestamp) -> i64 {
    to_column(time.as_millis())
}

pub(super) fn count(column: i64, name: &'static str) -> Result<u64, BadColumn> {
    u64::try_from(column).map_err(|_| BadColumn(name))
}

pub(super) fn quantity(column: i64) -> Result<u32, BadColumn> {
    u32::try_from(column).map_err(|_| BadColumn("quantity"))
}

pub(super) fn time(column: i64, name: &'static str) -> Result<Timestamp, BadColumn> {
    count(column, name).map(Timestamp::from_millis)
}

pub(super) fn product_id(column: i64) -> Result<ProductId, BadColumn> {
    let id = count(column, "product_id")?;
    ProductId::new(id).map_err(|_| BadColumn("product_id"))
}

pub(super) fn sale_id(column: i64) -> Result<SaleId, BadColumn> {
    SaleId::new(count(column, "sale_id")?).ok_or(BadColumn("sale_id"))
}

fn currency(column: &str) -> Result<Currency, BadColumn> {
    Currency::new(column).ok_or(BadColumn("currency"))
}

pub(super) fn money(amount: i64, code: &str) -> Result<Money, BadColumn> {
    Ok(Money { amount: count(amount, "amount")?, currency: currency(code)? })
}

pub(super) fn stock(
    available: i64,
    held: i64,
    sold: i64,
    stocked: i64,
) -> Result<Stock, BadColumn> {
    Ok(Stock {
        available: count(available, "available")?,
        held: count(held, "held")?,
        sold: count(sold, "sold")?,
        stocked: count(stocked, "stocked")?,
    })
}

/// How a database keeps an order id: SQLite as 16 bytes, Postgres as a UUID.
pub(super) trait OrderIdColumn {
    fn order_id(&self) -> Result<OrderId, BadColumn>;
}

impl OrderIdColumn for Vec<u8> {
    fn order_id(&self) -> Result<OrderId, BadColumn> {
        self.as_slice().try_into().map(OrderId).map_err(|_| BadColumn("order_id"))
    }
}

impl OrderIdColumn for uuid::Uuid {
    fn order_id(&self) -> Result<OrderId, BadColumn> {
        Ok(OrderId(self.into_bytes()))
    }
}

pub(super) fn prior(columns: &PriorColumns) -> Result<(ProductId, PriorProduct), BadColumn> {
    let (id, code, available, held, sold, stocked, revision) = columns;
    let prior = PriorProduct {
        currency: currency(code)?,
        stock: stock(*available, *held, *sold, *stocked)?,
        revision: count(*revision, "revision")?,
    };
    Ok((product_id(*id)?, prior))
}

/// Rows of orders joined with their lines, the lines of an order next to each other.
pub(super) fn orders<Id: OrderIdColumn>(
    rows: Vec<OrderColumns<Id>>,
) -> Result<Vec<OrderRow>, BadColumn> {
    let mut orders: Vec<OrderRow> = Vec::new();
    for columns in rows {
        let (order, id, customer, status, amount, code, created_at, ..) = columns;
        let (.., expires_at, paid_late, line_id, units, unit_price, returned, sale) = columns;
        let order = order.order_id()?;
        let line = line(line_id, units, unit_price, (returned.as_deref(), sale))?;
        match orders.last_mut().filter(|last| last.order == order) {
            Some(last) => last.lines.extend(line),
            None => orders.push(OrderRow {
                order,
                product: product_id(id)?,
                customer: CustomerId::from_journal(&customer),
                status: OrderStatus::parse(&status).ok_or(BadColumn("status"))?,
                total: money(amount, &code)?,
                created_at: time(created_at, "created_at")?,
                expires_at: expires_at.map(|at| time(at, "expires_at")).transpose()?,
                lines: line.into_iter().collect(),
                paid_late,
                refunds: Vec::new(),
            }),
        }
    }
    for order in orders.iter_mut().filter(|order| order.expires_at.is_none()) {
        order.judge();
    }
    Ok(orders)
}

/// The line beside an order, if it has one.
fn line(
    id: Option<i64>,
    units: Option<i64>,
    unit_price: Option<i64>,
    (returned, sale): (Option<&str>, Option<i64>),
) -> Result<Option<OrderLine>, BadColumn> {
    let (Some(id), Some(units), Some(unit_price)) = (id, units, unit_price) else {
        return Ok(None);
    };
    let status = match returned {
        None => LineStatus::Sold,
        Some("cancelled") => LineStatus::Returned(ReturnReason::Cancelled),
        Some("refunded") => LineStatus::Returned(ReturnReason::Refunded),
        Some(_) => return Err(BadColumn("returned")),
    };
    let (product, quantity) = (product_id(id)?, quantity(units)?);
    let (unit_price, sale) = (count(unit_price, "unit_price")?, sale.map(sale_id).transpose()?);
    Ok(Some(OrderLine { product, quantity, unit_price, sale, status }))
}

pub(super) fn pending<Id: OrderIdColumn>(
    (order, id, placed_at, expires_at): &PendingColumns<Id>,
) -> Result<PendingOrder, BadColumn> {
    Ok(PendingOrder {
        order: order.order_id()?,
        product: product_id(*id)?,
        placed_at: time(*placed_at, "created_at")?,
        expires_at: time(*expires_at, "expires_at")?,
    })
}

pub(super) fn reservation<Id: OrderIdColumn>(
    columns: &ReservationColumns<Id>,
) -> Result<ReservationRow, BadColumn> {
    let (order, id, customer, units, amount, code, status, ..) = columns;
    let (.., created_at, expires_at, ended_at, lead, sale) = columns;
    Ok(ReservationRow {
        order: order.order_id()?,
        product: product_id(*id)?,
        customer: CustomerId::from_journal(customer),
        quantity: quantity(*units)?,
        unit_price: money(*amount, code)?,
        status: ReservationStatus::parse(status).ok_or(BadColumn("status"))?,
        created_at: time(*created_at, "created_at")?,
        expires_at: time(*expires_at, "expires_at")?,
        ended_at: ended_at.map(|at| time(at, "ended_at")).transpose()?,
        lead: lead.map(product_id).transpose()?,
        sale: sale.map(sale_id).transpose()?,
    })
}

pub(super) fn cursors(rows: &[CursorColumns]) -> Result<Vec<Cursor>, BadColumn> {
    rows.iter().map(cursor).collect()
}

fn cursor((partition, seq, digest): &CursorColumns) -> Result<Cursor, BadColumn> {
    Ok(Cursor {
        partition: u16::try_from(*partition)
            .map(PartitionId)
            .map_err(|_| BadColumn("partition"))?,
        seq: Seq(count(*seq, "seq")?),
        digest: Digest::from_column(digest).ok_or(BadColumn("digest"))?,
    })
}

/// sold, held
pub(super) fn owned((sold, held): (i64, i64)) -> Result<Owned, BadColumn> {
    Ok(Owned { sold: quantity(sold)?, held: quantity(held)? })
}

/// Orders come as their number, the sum of their millions and the sum of the rests.
pub(super) fn totals(
    cursors: &[CursorColumns],
    (orders, millions, rests): (i64, i64, i64),
    products: Vec<TotalsColumns>,
    (parts, customers): (Vec<PartColumns>, Vec<(i64, i64)>),
) -> Result<Totals, BadColumn> {
    let bought = |(sale, customers)| -> Result<_, BadColumn> {
        Ok((sale_id(sale)?, count(customers, "customers")?))
    };
    let millions = u128::from(count(millions, "total_amount")?);
    Ok(Totals {
        cursors: self::cursors(cursors)?,
        orders: count(orders, "orders")?,
        amount: millions * 1_000_000 + u128::from(count(rests, "total_amount")?),
        products: products.into_iter().map(product_totals).collect::<Result<_, _>>()?,
        sale_products: parts.into_iter().map(part_row).collect::<Result<_, _>>()?,
        sale_customers: customers.into_iter().map(bought).collect::<Result<_, _>>()?,
    })
}

fn product_totals(columns: TotalsColumns) -> Result<ProductTotals, BadColumn> {
    let (id, available, held, sold, stocked, revision, ..) = columns;
    let (.., lines, line_units, holds, hold_units, customers_sold, customers_held) = columns;
    Ok(ProductTotals {
        product: product_id(id)?,
        stock: stock(available, held, sold, stocked)?,
        revision: count(revision, "revision")?,
        lines: count(lines, "lines")?,
        line_units: count(line_units, "quantity")?,
        reservations: count(holds, "reservations")?,
        reserved_units: count(hold_units, "quantity")?,
        customers_sold: count(customers_sold, "sold")?,
        customers_held: count(customers_held, "held")?,
    })
}
