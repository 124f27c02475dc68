//! Numbers: `/metrics`, as Prometheus reads it.

use super::Api;
use super::openapi::OperatorsOnly;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::Response;

/// All numbers in the text format of Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "operation", operation_id = "getMetrics",
    responses((status = 200, description = "Metrics, all with the prefix `lastunit_`",
        body = String, content_type = "text/plain"), OperatorsOnly)
)]
pub async fn metrics(State(api): State<Api>) -> Response {
    // An age grows by itself, so it is looked at when it is asked for.
    api.metrics.projection.lag_seconds.set(api.progress.lag(&api.engine.durable()));
    // Thousands of lines, and a folder of open files: not on a thread that serves customers.
    let metrics = api.metrics.clone();
    let text = tokio::task::spawn_blocking(move || metrics.render()).await.unwrap_or_default();
    let mut response = Response::new(Body::from(text));
    let text = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, text);
    response
}
