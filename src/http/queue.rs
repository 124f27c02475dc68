//! Queue: how many purchases wait, how fast they are decided, and how fast they may be.

use super::Api;
use super::body::Json;
use super::checks::Checks;
use super::fields::{self, Whole};
use super::openapi::{EngineFailures, InputFailures, NotFound, OperatorsOnly};
use super::params::ProductPath;
use super::problem::Problem;
use super::respond;
use crate::domain::{Action, Command, DRAIN_RATE_MAX, Field, ProductId, QueueView, Timestamp};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Deserializer, Serialize};

/// Most products that are listed: the deepest queues.
const PRODUCTS_MAX: usize = 100;

/// All queues together.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Queues, example = json!({
    "depth": 214, "ratePerSecond": 998.4, "oldestAgeSeconds": 0.21,
    "products": [{"productId": 1, "depth": 214, "oldestAgeSeconds": 0.21, "drainPerSecond": 1000}]
}))]
pub struct QueuesDocument {
    /// Purchases that wait.
    depth: u64,
    /// Decided in a second, measured over the last five.
    rate_per_second: f64,
    /// How long the oldest one has been waiting; `null` while none waits.
    oldest_age_seconds: Option<f64>,
    /// The deepest queues first, at most 100 of them.
    products: Vec<QueueEntry>,
}

/// One queue of several.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct QueueEntry {
    product_id: u64,
    depth: u64,
    oldest_age_seconds: Option<f64>,
    /// Most that are decided in a second.
    drain_per_second: u32,
}

/// The queue of one product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ProductQueue, example = json!({
    "productId": 1, "depth": 214, "oldestAgeSeconds": 4.2, "drainPerSecond": 50,
    "ownDrainPerSecond": 50, "confirmed": 100, "refused": 0
}))]
pub struct QueueDocument {
    product_id: u64,
    /// Purchases that wait.
    depth: u64,
    /// How long the oldest one has been waiting; `null` while none waits.
    oldest_age_seconds: Option<f64>,
    /// Most that are decided in a second.
    drain_per_second: u32,
    /// The product's own rate; `null` while it has that of every product, `queue.drain_per_second`.
    own_drain_per_second: Option<u32>,
    /// Decided so far: sold.
    confirmed: u64,
    /// Decided so far: not sold.
    refused: u64,
}

/// How fast the queue of a product may be drained.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"drainPerSecond": 50}))]
pub struct PaceRequest {
    /// Decisions in a second; `null`: as every product.
    #[serde(default, deserialize_with = "number_or_null")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 100_000, required)]
    drain_per_second: Field<Whole>,
}

/// Missing is `Keep`, `null` is `Clear`.
fn number_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Field<Whole>, D::Error> {
    Ok(fields::optional_whole(deserializer)?.map_or(Field::Clear, Field::Set))
}

impl PaceRequest {
    fn check(self) -> Result<Option<u32>, Problem> {
        let mut checks = Checks::default();
        let wanted = match self.drain_per_second {
            Field::Clear => return Ok(None),
            Field::Set(rate) => Some(rate),
            Field::Keep => None,
        };
        let rate = checks.number("drainPerSecond", wanted, (1, DRAIN_RATE_MAX.into()));
        let rate = rate.and_then(|rate| u32::try_from(rate).ok());
        rate.map(Some).ok_or_else(|| checks.problem())
    }
}

fn age_seconds(oldest: Option<Timestamp>, now: Timestamp) -> Option<f64> {
    // Milliseconds of any real age are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    oldest.map(|at| now.millis_since(at) as f64 / 1_000.0)
}

/// Shows all queues.
#[utoipa::path(
    get, path = "/api/v1/queue", tag = "purchases", operation_id = "getQueues",
    responses((status = 200, description = "The queues", body = QueuesDocument), EngineFailures)
)]
pub async fn overview(State(api): State<Api>) -> Response {
    let now = api.clock.now();
    let queues = api.engine.queues(now, PRODUCTS_MAX);
    let entry = |(product, queue): (ProductId, QueueView)| QueueEntry {
        product_id: product.get(),
        depth: queue.depth,
        oldest_age_seconds: age_seconds(queue.oldest, now),
        drain_per_second: rate(&api, queue),
    };
    let document = QueuesDocument {
        depth: queues.depth,
        rate_per_second: queues.rate_per_second,
        oldest_age_seconds: age_seconds(queues.oldest, now),
        products: queues.products.into_iter().map(entry).collect(),
    };
    respond::json(StatusCode::OK, &document)
}

fn rate(api: &Api, queue: QueueView) -> u32 {
    queue.drain_per_second.unwrap_or_else(|| api.engine.drain_rate_of_all())
}

/// Shows the queue of a product.
#[utoipa::path(
    get, path = "/api/v1/products/{id}/queue", tag = "products", operation_id = "getQueue",
    params(("id" = u64, Path, description = "The product")),
    responses(
        (status = 200, description = "The queue", body = QueueDocument),
        NotFound, EngineFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
) -> Result<Response, Problem> {
    show(&api, product).await
}

async fn show(api: &Api, product: ProductId) -> Result<Response, Problem> {
    let shown = api.engine.view(product).await;
    let shown = shown.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    let queue = shown.view.queue;
    let document = QueueDocument {
        product_id: product.get(),
        depth: queue.depth,
        oldest_age_seconds: age_seconds(queue.oldest, api.clock.now()),
        drain_per_second: rate(api, queue),
        own_drain_per_second: queue.drain_per_second,
        confirmed: queue.confirmed,
        refused: queue.refused,
    };
    Ok(respond::json(StatusCode::OK, &document))
}

/// Sets how fast the queue of a product may be drained. May be repeated as it is.
#[utoipa::path(
    put, path = "/api/v1/products/{id}/queue", tag = "products", operation_id = "paceQueue",
    request_body = PaceRequest,
    params(("id" = u64, Path, description = "The product")),
    responses(
        (status = 200, description = "The queue, with its new rate", body = QueueDocument),
        NotFound, OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn pace(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
    Json { value, .. }: Json<PaceRequest>,
) -> Result<Response, Problem> {
    let per_second = value.check()?;
    let command = Command::plain(Action::Pace { per_second });
    let paced = api.engine.submit(product, command).await;
    paced.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    show(&api, product).await
}
