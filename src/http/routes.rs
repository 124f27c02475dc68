//! Routes: everything that can be asked, on one screen.

use super::measured::{Measured, measured};
use super::problem::{Code, Problem};
use super::{Api, purchases};
use axum::Router;
use axum::http::Uri;
use axum::routing::post;

/// The routes of the API.
pub fn router(api: Api) -> Router {
    let at = Measurer(api.clone());
    Router::new()
        .route("/api/v1/purchases", post(at.route("POST /api/v1/purchases", purchases::buy)))
        .fallback(at.route("(none)", unknown_route))
        .method_not_allowed_fallback(at.route("(method)", unknown_method))
        .with_state(api)
}

/// Gives each handler its name in the metrics.
struct Measurer(Api);

impl Measurer {
    fn route<H>(&self, name: &'static str, handler: H) -> Measured<H> {
        measured(self.0.metrics.route(name), handler)
    }
}

async fn unknown_route(uri: Uri) -> Problem {
    let path: String = uri.path().chars().take(100).collect();
    Problem::new(Code::RouteNotFound, format!("there is nothing at {path}"))
}

async fn unknown_method() -> Problem {
    Problem::new(Code::MethodNotAllowed, "see the header Allow for the methods of this route")
}
