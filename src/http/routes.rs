//! Routes: everything that can be asked, and by whom, on one screen.

use super::access::Access::{self, Admin, Anyone, Customer, Staff};
use super::measured::{Measured, measured};
use super::problem::{Code, Problem};
use super::{
    Api, carts, catalogue, changes, checkout, dead_letters, docs, health, numbers, openapi, orders,
    payments, products, purchases, queue, queued, reservations, restock, sale_stats, sales, stock,
};
use axum::Router;
use axum::http::Uri;
use axum::routing::{delete, get, patch, post, put};

/// The routes of the API.
#[rustfmt::skip] // one line for each route
pub fn router(api: Api) -> Router {
    let at = Measurer(api.clone());
    Router::new()
        .route("/api/v1/purchases", post(at.route("POST /api/v1/purchases", Customer, purchases::buy)))
        .route("/api/v1/purchases/{id}", get(at.route("GET /api/v1/purchases/{id}", Customer, queued::get)))
        .route("/api/v1/queue", get(at.route("GET /api/v1/queue", Anyone, queue::overview)))
        .route("/api/v1/products/{id}/queue", get(at.route("GET /api/v1/products/{id}/queue", Anyone, queue::get)))
        .route("/api/v1/products/{id}/queue", put(at.route("PUT /api/v1/products/{id}/queue", Admin, queue::pace)))
        .route("/api/v1/reservations", post(at.route("POST /api/v1/reservations", Customer, reservations::create)))
        .route("/api/v1/reservations/{id}", get(at.route("GET /api/v1/reservations/{id}", Customer, reservations::get)))
        .route("/api/v1/reservations/{id}", delete(at.route("DELETE /api/v1/reservations/{id}", Customer, reservations::release)))
        .route("/api/v1/reservations/{id}/confirm", post(at.route("POST /api/v1/reservations/{id}/confirm", Customer, reservations::confirm)))
        .route("/api/v1/reservations/{id}/extend", post(at.route("POST /api/v1/reservations/{id}/extend", Customer, reservations::extend)))
        .route("/api/v1/cart", get(at.route("GET /api/v1/cart", Anyone, carts::get)))
        .route("/api/v1/cart", delete(at.route("DELETE /api/v1/cart", Anyone, carts::clear)))
        .route("/api/v1/cart/checkout", post(at.route("POST /api/v1/cart/checkout", Customer, checkout::cart)))
        .route("/api/v1/cart/items/{productId}", put(at.route("PUT /api/v1/cart/items/{productId}", Anyone, carts::put)))
        .route("/api/v1/cart/items/{productId}", delete(at.route("DELETE /api/v1/cart/items/{productId}", Anyone, carts::remove)))
        .route("/api/v1/orders", get(at.route("GET /api/v1/orders", Customer, orders::list)))
        .route("/api/v1/orders", post(at.route("POST /api/v1/orders", Customer, checkout::order)))
        .route("/api/v1/orders/{id}/cancel", post(at.route("POST /api/v1/orders/{id}/cancel", Customer, checkout::cancel)))
        .route("/api/v1/orders/{id}/refund", post(at.route("POST /api/v1/orders/{id}/refund", Customer, checkout::refund)))
        .route("/api/v1/orders/{id}/payment", post(at.route("POST /api/v1/orders/{id}/payment", Customer, checkout::pay)))
        .route("/api/v1/orders/{id}", get(at.route("GET /api/v1/orders/{id}", Customer, orders::get)))
        .route("/api/v1/payments/webhook", post(at.route("POST /api/v1/payments/webhook", Anyone, payments::notice)))
        .route("/api/v1/admin/dead-letters", get(at.route("GET /api/v1/admin/dead-letters", Staff, dead_letters::list)))
        .route("/api/v1/admin/dead-letters/{id}/retry", post(at.route("POST /api/v1/admin/dead-letters/{id}/retry", Staff, dead_letters::retry)))
        .route("/api/v1/products", get(at.route("GET /api/v1/products", Anyone, catalogue::list)))
        .route("/api/v1/products", post(at.route("POST /api/v1/products", Admin, products::create)))
        .route("/api/v1/products/{id}", get(at.route("GET /api/v1/products/{id}", Anyone, products::get)))
        .route("/api/v1/products/{id}", patch(at.route("PATCH /api/v1/products/{id}", Admin, changes::change)))
        .route("/api/v1/products/{id}", delete(at.route("DELETE /api/v1/products/{id}", Admin, changes::deactivate)))
        .route("/api/v1/categories", get(at.route("GET /api/v1/categories", Anyone, catalogue::categories)))
        .route("/api/v1/stock/adjustments", post(at.route("POST /api/v1/stock/adjustments", Staff, restock::adjust)))
        .route("/api/v1/products/{id}/stock", get(at.route("GET /api/v1/products/{id}/stock", Anyone, stock::get)))
        .route("/api/v1/products/{id}/stock/adjustments", post(at.route("POST /api/v1/products/{id}/stock/adjustments", Staff, stock::adjust)))
        .route("/api/v1/sales", get(at.route("GET /api/v1/sales", Anyone, sales::list)))
        .route("/api/v1/sales", post(at.route("POST /api/v1/sales", Admin, sales::create)))
        .route("/api/v1/sales/{id}", get(at.route("GET /api/v1/sales/{id}", Anyone, sales::get)))
        .route("/api/v1/sales/{id}", patch(at.route("PATCH /api/v1/sales/{id}", Admin, sales::change)))
        .route("/api/v1/sales/{id}", delete(at.route("DELETE /api/v1/sales/{id}", Admin, sales::delete)))
        .route("/api/v1/sales/{id}/pause", post(at.route("POST /api/v1/sales/{id}/pause", Admin, sales::pause)))
        .route("/api/v1/sales/{id}/resume", post(at.route("POST /api/v1/sales/{id}/resume", Admin, sales::resume)))
        .route("/api/v1/sales/{id}/end", post(at.route("POST /api/v1/sales/{id}/end", Admin, sales::end)))
        .route("/api/v1/sales/{id}/stats", get(at.route("GET /api/v1/sales/{id}/stats", Staff, sale_stats::stats)))
        .route("/api/v1/sales/{id}/eligibility", get(at.route("GET /api/v1/sales/{id}/eligibility", Anyone, sales::eligibility)))
        .route("/health", get(at.route("GET /health", Anyone, health::overall)))
        .route("/health/live", get(at.route("GET /health/live", Anyone, health::live)))
        .route("/health/ready", get(at.route("GET /health/ready", Anyone, health::ready)))
        .route("/metrics", get(at.route("GET /metrics", Anyone, numbers::metrics)))
        .route("/openapi.json", get(at.route("GET /openapi.json", Anyone, openapi::document)))
        .route("/docs", get(at.route("GET /docs", Anyone, docs::redirect)))
        .route("/docs/", get(at.route("GET /docs", Anyone, docs::index)))
        .route("/docs/{*file}", get(at.route("GET /docs", Anyone, docs::asset)))
        .fallback(at.route("unknown route", Anyone, unknown_route))
        .method_not_allowed_fallback(at.route("unknown method", Anyone, unknown_method))
        .with_state(api)
}

/// Gives each handler its name in the metrics, and who may use it.
struct Measurer(Api);

impl Measurer {
    fn route<H>(&self, name: &'static str, access: Access, handler: H) -> Measured<H> {
        measured(self.0.metrics.route(name), access, handler)
    }
}

async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::new(Code::RouteNotFound, format!("there is nothing at {path}"))
}

async fn unknown_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "see the header Allow for the methods of this route")
}
