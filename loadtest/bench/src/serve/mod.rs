//! The baselines: small axum servers with the same routes and documents as lastunit.

mod ceiling;
mod documents;
mod redis_script;
mod row_lock;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use axum::{
    Router,
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::get,
};
use lastunit::{
    config::{self, Flags},
    http::server::{Server, Stage, raise_descriptor_limit},
    telemetry::Metrics,
};
use tokio::{runtime, sync::watch};

use crate::options::Part;

/// Stock of the one product that a baseline sells: more than any run can buy.
const STOCK: i64 = 1_000_000_000;

/// Runs a baseline until it is killed.
pub fn run(part: Part) -> Result<()> {
    if let Part::Engine { seconds, keep } = part {
        let run = crate::in_process::measure(seconds, keep.as_deref())?;
        println!("{}", serde_json::to_string(&run)?);
        return Ok(());
    }
    let runtime =
        runtime::Builder::new_multi_thread().enable_all().build().context("cannot start tokio")?;
    runtime.block_on(async {
        match part {
            Part::Ceiling { listen } => listen_on(listen, ceiling::routes()).await,
            Part::RowLock { listen, database_url, pool_size } => {
                listen_on(listen, row_lock::routes(&database_url, pool_size).await?).await
            }
            Part::Redis { listen, redis_url } => {
                listen_on(listen, redis_script::routes(&redis_url).await?).await
            }
            Part::Engine { .. } | Part::Screens(_) => Ok(()),
        }
    })
}

/// Serves through lastunit's own server, limits and all: whoever is measured differs in the way it
/// sells, not in the way it speaks HTTP.
async fn listen_on(address: SocketAddr, routes: Router) -> Result<()> {
    let flags = Flags { listen: Some(address.to_string()), ..Flags::default() };
    let settings = config::load(None, std::iter::empty(), &flags)?.server;
    let metrics = Metrics::new().context("cannot count connections")?;
    raise_descriptor_limit(settings.connections_max);
    let server = Server::bind(settings, metrics.http.clone())?;
    let (_stage, stages) = watch::channel(Stage::Serving);
    server.serve(routes.route("/health/ready", get(async || "ready")), stages).await;
    Ok(())
}

/// A store that failed: 503, which the driver reports.
struct StoreFailed(anyhow::Error);

impl<E: Into<anyhow::Error>> From<E> for StoreFailed {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for StoreFailed {
    fn into_response(self) -> Response {
        (StatusCode::SERVICE_UNAVAILABLE, format!("{:#}", self.0)).into_response()
    }
}
