//! Routes: everything that can be asked, by whom, and out of which budget, on one screen.

use super::access::Access::{self, Admin, Anyone, Customer, Monitor, Staff};
use super::access::Requirement;
use super::measured::{Measured, Route, measured};
use super::problem::{Code, Problem};
use super::{
    Api, api_keys, auth, carts, catalogue, changes, checkout, dead_letters, docs, health, held,
    live, monitoring, numbers, openapi, order_changes, orders, pages, payments, products,
    purchases, queue, queued, reservations, restock, sale_stats, sales, stock,
};
use crate::admission::Budget::{self, Buying, Changing, Listing, Reading, SigningIn, Unlimited};
use axum::Router;
use axum::http::Uri;
use axum::routing::{delete, get, patch, post, put};

/// The routes of the API.
#[rustfmt::skip] // one line for each route
pub fn router(api: Api) -> Router {
    let at = Measurer(api.clone());
    Router::new()
        .route("/api/v1/purchases", post(at.route("POST /api/v1/purchases", Customer, Buying, purchases::buy)))
        .route("/api/v1/purchases/{id}", get(at.route("GET /api/v1/purchases/{id}", Customer, Reading, queued::get)))
        .route("/api/v1/queue", get(at.route("GET /api/v1/queue", Anyone, Reading, queue::overview)))
        .route("/api/v1/products/{id}/queue", get(at.route("GET /api/v1/products/{id}/queue", Anyone, Reading, queue::get)))
        .route("/api/v1/products/{id}/queue", put(at.route("PUT /api/v1/products/{id}/queue", Admin, Changing, queue::pace)))
        .route("/api/v1/reservations", get(at.route("GET /api/v1/reservations", Customer, Listing, held::list)))
        .route("/api/v1/reservations", post(at.route("POST /api/v1/reservations", Customer, Buying, reservations::create)))
        .route("/api/v1/reservations/{id}", get(at.route("GET /api/v1/reservations/{id}", Customer, Reading, reservations::get)))
        .route("/api/v1/reservations/{id}", delete(at.route("DELETE /api/v1/reservations/{id}", Customer, Buying, reservations::release)))
        .route("/api/v1/reservations/{id}/confirm", post(at.route("POST /api/v1/reservations/{id}/confirm", Customer, Buying, reservations::confirm)))
        .route("/api/v1/reservations/{id}/extend", post(at.route("POST /api/v1/reservations/{id}/extend", Customer, Buying, reservations::extend)))
        .route("/api/v1/cart", get(at.route("GET /api/v1/cart", Anyone, Reading, carts::get)))
        .route("/api/v1/cart", delete(at.route("DELETE /api/v1/cart", Anyone, Changing, carts::clear)))
        .route("/api/v1/cart/checkout", post(at.route("POST /api/v1/cart/checkout", Customer, Buying, checkout::cart)))
        .route("/api/v1/cart/items/{productId}", put(at.route("PUT /api/v1/cart/items/{productId}", Anyone, Changing, carts::put)))
        .route("/api/v1/cart/items/{productId}", delete(at.route("DELETE /api/v1/cart/items/{productId}", Anyone, Changing, carts::remove)))
        .route("/api/v1/orders", get(at.route("GET /api/v1/orders", Customer, Listing, orders::list)))
        .route("/api/v1/orders", post(at.route("POST /api/v1/orders", Customer, Buying, checkout::order)))
        .route("/api/v1/orders/{id}/cancel", post(at.route("POST /api/v1/orders/{id}/cancel", Customer, Buying, order_changes::cancel)))
        .route("/api/v1/orders/{id}/refund", post(at.route("POST /api/v1/orders/{id}/refund", Staff, Changing, order_changes::refund)))
        .route("/api/v1/orders/{id}/payment", post(at.route("POST /api/v1/orders/{id}/payment", Customer, Buying, order_changes::pay)))
        .route("/api/v1/orders/{id}", get(at.route("GET /api/v1/orders/{id}", Customer, Reading, orders::get)))
        .route("/api/v1/payments/webhook", post(at.route("POST /api/v1/payments/webhook", Anyone, Unlimited, payments::notice)))
        .route("/api/v1/admin/dead-letters", get(at.route("GET /api/v1/admin/dead-letters", Staff, Listing, dead_letters::list)))
        .route("/api/v1/admin/dead-letters/{id}/retry", post(at.route("POST /api/v1/admin/dead-letters/{id}/retry", Staff, Changing, dead_letters::retry)))
        .route("/api/v1/admin/dead-letters/{id}/done", post(at.route("POST /api/v1/admin/dead-letters/{id}/done", Staff, Changing, dead_letters::done)))
        .route("/api/v1/products", get(at.route("GET /api/v1/products", Anyone, Listing, catalogue::list)))
        .route("/api/v1/products", post(at.route("POST /api/v1/products", Admin, Changing, products::create)))
        .route("/api/v1/products/{id}", get(at.route("GET /api/v1/products/{id}", Anyone, Reading, products::get)))
        .route("/api/v1/products/{id}", patch(at.route("PATCH /api/v1/products/{id}", Admin, Changing, changes::change)))
        .route("/api/v1/products/{id}", delete(at.route("DELETE /api/v1/products/{id}", Admin, Changing, changes::deactivate)))
        .route("/api/v1/categories", get(at.route("GET /api/v1/categories", Anyone, Listing, catalogue::categories)))
        .route("/api/v1/stock/adjustments", post(at.route("POST /api/v1/stock/adjustments", Staff, Changing, restock::adjust)))
        .route("/api/v1/products/{id}/stock", get(at.route("GET /api/v1/products/{id}/stock", Anyone, Reading, stock::get)))
        .route("/api/v1/products/{id}/stock/adjustments", post(at.route("POST /api/v1/products/{id}/stock/adjustments", Staff, Changing, stock::adjust)))
        .route("/api/v1/sales", get(at.route("GET /api/v1/sales", Anyone, Listing, sales::list)))
        .route("/api/v1/sales", post(at.route("POST /api/v1/sales", Admin, Changing, sales::create)))
        .route("/api/v1/sales/{id}", get(at.route("GET /api/v1/sales/{id}", Anyone, Reading, sales::get)))
        .route("/api/v1/sales/{id}", patch(at.route("PATCH /api/v1/sales/{id}", Admin, Changing, sales::change)))
        .route("/api/v1/sales/{id}", delete(at.route("DELETE /api/v1/sales/{id}", Admin, Changing, sales::delete)))
        .route("/api/v1/sales/{id}/pause", post(at.route("POST /api/v1/sales/{id}/pause", Admin, Changing, sales::pause)))
        .route("/api/v1/sales/{id}/resume", post(at.route("POST /api/v1/sales/{id}/resume", Admin, Changing, sales::resume)))
        .route("/api/v1/sales/{id}/end", post(at.route("POST /api/v1/sales/{id}/end", Admin, Changing, sales::end)))
        .route("/api/v1/sales/{id}/stats", get(at.route("GET /api/v1/sales/{id}/stats", Staff, Reading, sale_stats::stats)))
        .route("/api/v1/sales/{id}/eligibility", get(at.route("GET /api/v1/sales/{id}/eligibility", Anyone, Reading, sales::eligibility)))
        .route("/api/v1/auth/register", post(at.route("POST /api/v1/auth/register", Anyone, SigningIn, auth::register)))
        .route("/api/v1/auth/login", post(at.route("POST /api/v1/auth/login", Anyone, SigningIn, auth::log_in)))
        .route("/api/v1/auth/refresh", post(at.route("POST /api/v1/auth/refresh", Anyone, Buying, auth::refresh)))
        .route("/api/v1/auth/logout", post(at.route("POST /api/v1/auth/logout", Anyone, Changing, auth::log_out)))
        .route("/api/v1/auth/password", post(at.route("POST /api/v1/auth/password", Customer, SigningIn, auth::change_password)))
        .route("/api/v1/auth/me", get(at.route("GET /api/v1/auth/me", Customer, Reading, auth::me)))
        .route("/api/v1/api-keys", get(at.route("GET /api/v1/api-keys", Admin, Listing, api_keys::list)))
        .route("/api/v1/api-keys", post(at.route("POST /api/v1/api-keys", Admin, Changing, api_keys::create)))
        .route("/api/v1/api-keys/{id}", delete(at.route("DELETE /api/v1/api-keys/{id}", Admin, Changing, api_keys::revoke)))
        .route("/api/v1/monitoring/metrics", get(at.route("GET /api/v1/monitoring/metrics", Monitor, Unlimited, monitoring::metrics)))
        .route("/api/v1/monitoring/alerts", get(at.route("GET /api/v1/monitoring/alerts", Monitor, Unlimited, monitoring::alerts)))
        .route("/api/v1/monitoring/history", get(at.route("GET /api/v1/monitoring/history", Monitor, Listing, monitoring::history)))
        .route("/api/v1/monitoring/benchmark", get(at.route("GET /api/v1/monitoring/benchmark", Monitor, Listing, monitoring::benchmark)))
        .route("/.well-known/jwks.json", get(at.route("GET /.well-known/jwks.json", Anyone, Reading, auth::public_keys)))
        .route("/health", get(at.route("GET /health", Anyone, Unlimited, health::overall)))
        .route("/health/live", get(at.route("GET /health/live", Anyone, Unlimited, health::live)))
        .route("/health/ready", get(at.route("GET /health/ready", Anyone, Unlimited, health::ready)))
        .route("/metrics", get(at.route("GET /metrics", Monitor, Unlimited, numbers::metrics)))
        .route("/ws", get(at.route("GET /ws", Anyone, Reading, live::socket::connect)))
        .route("/events", get(at.route("GET /events", Anyone, Reading, live::events::events)))
        .route("/openapi.json", get(at.route("GET /openapi.json", Anyone, Reading, openapi::document)))
        .route("/docs", get(at.route("GET /docs", Anyone, Reading, docs::redirect)))
        .route("/docs/", get(at.route("GET /docs", Anyone, Reading, docs::index)))
        .route("/docs/{*file}", get(at.route("GET /docs", Anyone, Reading, docs::asset)))
        .route("/", get(at.route("GET /", Anyone, Reading, pages::store)))
        .route("/admin", get(at.route("GET /admin", Anyone, Reading, pages::admin)))
        .route("/monitor", get(at.route("GET /monitor", Anyone, Reading, pages::monitor)))
        .route("/assets/{*file}", get(at.route("GET /assets", Anyone, Reading, pages::asset)))
        .fallback(at.route("unknown route", Anyone, Reading, unknown_route))
        .method_not_allowed_fallback(at.route("unknown method", Anyone, Reading, unknown_method))
        .with_state(api)
}

/// Gives each handler its name in the metrics, who may use it, and what it counts as.
struct Measurer(Api);

impl Measurer {
    fn route<H>(
        &self,
        name: &'static str,
        access: Access,
        budget: Budget,
        handler: H,
    ) -> Measured<H> {
        let route = Route::new(name, &self.0);
        measured(route, Requirement::of(access, name), budget, handler)
    }
}

async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::new(Code::RouteNotFound, format!("there is nothing at {path}"))
}

async fn unknown_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "see the header Allow for the methods of this route")
}
