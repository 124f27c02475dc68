//! App: builds every stage once, in the order data flows, and takes them down again.
//!
//! ```text
//!   settings → telemetry → (journal → engine → projection) → http → wait for a signal
//!   first signal: http drains → engine finishes → journal flushes     second signal or deadline: end
//! ```

use crate::clock::Clock;
use crate::config::{Config, ConfigError};
use crate::engine::Engine;
use crate::http::server::{ListenError, Server, Stage};
use crate::http::{self, Api, ApiParts, BodyLimits, HoldLimits};
use crate::projection::{ProjectionProgress, Queries};
use crate::telemetry::{Metrics, logs};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Why the program could not do what it was asked, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl From<ConfigError> for StartError {
    fn from(error: ConfigError) -> Self {
        Self(error.to_string())
    }
}

impl From<ListenError> for StartError {
    fn from(error: ListenError) -> Self {
        Self(error.to_string())
    }
}

impl From<std::io::Error> for StartError {
    fn from(error: std::io::Error) -> Self {
        Self(error.to_string())
    }
}

/// Runs the server until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting.
pub fn serve(config: Config, _demo: bool) -> Result<(), StartError> {
    logs::start(config.telemetry.log, &config.telemetry.level);
    http_runtime(&config)?.block_on(serve_until_signal(config))
}

/// The runtime that serves HTTP.
fn http_runtime(config: &Config) -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.server.worker_threads > 0 {
        builder.worker_threads(config.server.worker_threads);
    }
    Ok(builder.thread_name("http").enable_all().build()?)
}

async fn serve_until_signal(config: Config) -> Result<(), StartError> {
    let metrics = Metrics::new().map_err(|error| StartError::new(error.to_string()))?;
    http::server::raise_descriptor_limit(config.server.connections_max);
    let server = Server::bind(config.server.clone(), metrics.http.clone())?;
    tokio::spawn(metrics.clone().upkeep());

    let api = Api::new(ApiParts {
        engine: Engine,
        queries: Queries,
        progress: ProjectionProgress,
        clock: Clock::system(),
        metrics,
        holds: HoldLimits::from(&config.holds),
        body_limits: BodyLimits::from(&config.server),
    });

    let (stage, stages) = watch::channel(Stage::Serving);
    let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];
    tracing::info!(address = %server.address(), "listening on http://{}", server.address());
    tokio::spawn(follow_signals(signals, stage, config.server.drain_timeout()));
    server.serve(http::router(api), stages).await;
    tracing::info!("stopped");
    Ok(())
}

/// The first signal drains, the deadline or a second one ends.
async fn follow_signals(
    [mut terminate, mut interrupt]: [Signal; 2],
    stage: watch::Sender<Stage>,
    deadline: std::time::Duration,
) {
    tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
    tracing::info!("stopping: finishing what is in flight; a second signal ends it at once");
    stage.send_replace(Stage::Draining);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        () = tokio::time::sleep(deadline) => {}
    }
    stage.send_replace(Stage::Ended);
}

/// Checks journal and database.
///
/// # Errors
/// When a store cannot be read, or something in it is wrong.
pub fn audit(_config: &Config, _json: bool) -> Result<(), StartError> {
    Err(StartError::new("audit is not wired yet"))
}

/// Prints the journal.
///
/// # Errors
/// When the journal cannot be read.
pub fn journal_cat(
    _config: &Config,
    _partition: Option<u16>,
    _product: Option<u64>,
) -> Result<(), StartError> {
    Err(StartError::new("journal cat is not wired yet"))
}

/// Creates or updates the tables.
///
/// # Errors
/// When a store cannot be reached or is newer than this program.
pub fn migrate(_config: &Config) -> Result<(), StartError> {
    Err(StartError::new("migrate is not wired yet"))
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// When it cannot be written, which a test rules out.
pub fn openapi() -> Result<String, StartError> {
    http::openapi().to_pretty_json().map_err(|error| StartError::new(error.to_string()))
}
