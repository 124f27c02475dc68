//! The ceiling: everything a purchase needs of HTTP and JSON, and nothing else. No server on this
//! stack can answer purchases faster.

use axum::{Json, Router, response::Response, routing::post};
use uuid::Uuid;

use super::documents::{self, Purchase};

const UNIT_PRICE: i64 = 99_999;

pub fn routes() -> Router {
    Router::new().route("/api/v1/purchases", post(purchase))
}

async fn purchase(Json(purchase): Json<Purchase>) -> Response {
    documents::sold(Uuid::now_v7(), purchase, UNIT_PRICE)
}
