//! The documents that lastunit takes and gives, as far as a purchase needs them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use super::STOCK;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Purchase {
    pub product_id: i64,
    pub quantity: i64,
    pub customer_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[allow(clippy::struct_field_names, reason = "the names of the document")]
struct Order {
    order_id: Uuid,
    product_id: i64,
    quantity: i64,
    customer_id: String,
    status: &'static str,
    unit_price: Money,
    total: Money,
    #[serde(serialize_with = "with_milliseconds")]
    created_at: Timestamp,
}

#[derive(Debug, Serialize)]
struct Money {
    amount: i64,
    currency: &'static str,
}

#[derive(Debug, Serialize)]
struct Stock {
    sold: i64,
}

fn with_milliseconds<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

/// 201 with the order.
pub fn sold(order: Uuid, purchase: Purchase, unit_price: i64) -> Response {
    let money = |amount| Money { amount, currency: "USD" };
    let order = Order {
        order_id: order,
        product_id: purchase.product_id,
        quantity: purchase.quantity,
        customer_id: purchase.customer_id,
        status: "confirmed",
        unit_price: money(unit_price),
        total: money(unit_price.saturating_mul(purchase.quantity)),
        created_at: Timestamp::now(),
    };
    (StatusCode::CREATED, Json(order)).into_response()
}

/// 409; no run gets there.
pub fn sold_out() -> Response {
    (StatusCode::CONFLICT, "sold out").into_response()
}

/// How much is sold, from what is left.
pub fn stock(left: i64) -> Response {
    Json(Stock { sold: STOCK.saturating_sub(left) }).into_response()
}
