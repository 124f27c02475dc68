//! What is held right now, newest first: one text of a query for both databases.
//!
//! A hold is over with its time, though the fact that ends it comes a moment later; so its reader says
//! what time it is. A line of an order that was placed is held as long as that order can be paid: the time
//! in its own row only says when it asks its lead.

use super::columns::time_to_column;
use super::rows::ReservationRow;
use crate::domain::{CustomerId, OrderId, ProductId, Timestamp};
use sqlx::{Database, Encode, QueryBuilder, Type};

/// Which holds are listed. Those of one product alone are looked for among all.
#[derive(Debug, Clone)]
pub struct HeldFilter {
    pub product: Option<ProductId>,
    pub customer: Option<CustomerId>,
    /// What is over by then is not held.
    pub now: Timestamp,
    /// The last one that was seen.
    pub before: Option<HeldCursor>,
    pub limit: u32,
}

/// Where a list of holds goes on: the last one that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldCursor {
    pub created_at: Timestamp,
    pub order: OrderId,
    pub product: ProductId,
}

impl ReservationRow {
    /// Where a list that ended with this hold goes on.
    #[must_use]
    pub const fn cursor(&self) -> HeldCursor {
        HeldCursor { created_at: self.created_at, order: self.order, product: self.product }
    }
}

/// The query for a list, in columns of a reservation; `id` is how the database keeps an order's.
pub(super) fn held<Db, Id>(filter: &HeldFilter, id: impl Fn(OrderId) -> Id) -> QueryBuilder<Db>
where
    Db: Database,
    Db::Arguments: Default,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
    for<'q> String: Encode<'q, Db> + Type<Db>,
    for<'q> Id: Encode<'q, Db> + Type<Db>,
{
    let mut query = QueryBuilder::new(
        "SELECT hold.order_id, hold.product_id, hold.customer_id, CAST(quantity AS BIGINT), \
         unit_price, hold.currency, hold.status, hold.created_at, \
         coalesce(orders.expires_at, hold.expires_at), ended_at, lead_product_id, sale_id \
         FROM reservations AS hold LEFT JOIN orders ON orders.order_id = hold.order_id \
         WHERE hold.status = 'held' AND coalesce(orders.expires_at, hold.expires_at) > ",
    );
    query.push_bind(time_to_column(filter.now));
    if let Some(customer) = &filter.customer {
        query.push(" AND hold.customer_id = ").push_bind(customer.as_str().to_owned());
    }
    if let Some(product) = filter.product {
        query.push(" AND hold.product_id = ").push_bind(product.to_column());
    }
    if let Some(HeldCursor { created_at, order, product }) = filter.before {
        query.push(" AND (hold.created_at, hold.order_id, hold.product_id) < (");
        query.push_bind(time_to_column(created_at)).push(", ").push_bind(id(order));
        query.push(", ").push_bind(product.to_column()).push(")");
    }
    query.push(" ORDER BY hold.created_at DESC, hold.order_id DESC, hold.product_id DESC LIMIT ");
    query.push_bind(i64::from(filter.limit));
    query
}
