//! Serve: every stage, in the order data flows, and back.
//!
//! ```text
//!   settings → port → journal → engine → projection → carts → http ── wait for a signal
//!   first signal: http drains → carts close → engine stores snapshots, journal commits and closes → projection ends
//!   second signal or the deadline: connections are cut, then the same
//! ```

use super::{
    SNAPSHOTS_AT_SHUTDOWN, StartError, demo, journal_location, numbers, open_carts, open_database,
    prepare_folder,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::engine::{Engine, EngineOptions, Placement};
use crate::http::server::{Server, Stage};
use crate::http::{self, Api, ApiParts, BodyLimits, HoldLimits};
use crate::journal::writer::{JournalState, WriterOptions};
use crate::journal::{self, Partitions};
use crate::projection::{ProjectionConfig, ProjectionProgress, Projector, ProjectorTask, Queries};
use crate::telemetry::{Metrics, logs};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Runs the server until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting, or makes it unable to keep its promises.
pub fn serve(config: Config, demo: bool) -> Result<(), StartError> {
    logs::start(config.telemetry.log, &config.telemetry.level);
    http_runtime(&config)?.block_on(run(config, demo))
}

/// The runtime that serves HTTP.
fn http_runtime(config: &Config) -> Result<Runtime, StartError> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if config.server.worker_threads > 0 {
        builder.worker_threads(config.server.worker_threads);
    }
    Ok(builder.thread_name("http").enable_all().build()?)
}

async fn run(config: Config, demo: bool) -> Result<(), StartError> {
    let clock = Clock::system();
    let metrics = Metrics::new().map_err(|error| StartError::new(error.to_string()))?;
    http::server::raise_descriptor_limit(config.server.connections_max);
    let server = Server::bind(config.server.clone(), metrics.http.clone())?;
    let signals = [signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?];

    let (engine, reader) = start_engine(&config, &clock, &metrics).await?;
    let (queries, progress, projector) =
        start_projection(&config, &clock, &metrics, &engine, reader).await?;
    let carts = open_carts(&config, clock.clone()).await?;
    if demo {
        demo::fill(&engine, &clock).await?;
    }
    tokio::spawn(metrics.clone().upkeep());
    tokio::spawn(numbers::feed(metrics.clone(), engine.clone(), progress.clone(), clock.clone()));
    let upkeep = tokio::spawn(carts.clone().upkeep());

    let api = Api::new(ApiParts {
        engine: engine.clone(),
        queries,
        progress,
        carts: carts.clone(),
        clock,
        metrics,
        holds: HoldLimits::from(&config.holds),
        body_limits: BodyLimits::from(&config.server),
    });
    if config.auth.mode == crate::config::AuthMode::Open {
        tracing::warn!("auth.mode is \"open\": whoever reaches this address may do everything");
    }
    tracing::info!("listening on http://{}", server.address());
    let (stage, stages) = watch::channel(Stage::Serving);
    tokio::spawn(follow_signals(signals, stage, config.server.drain_timeout()));
    tokio::select! {
        () = server.serve(http::router(api), stages) => {}
        reason = journal_broken(&engine) => {
            return Err(StartError::new(format!(
                "{reason}; the process ends, because it could not keep what it promises: \
                 check the disk, then start again"
            )));
        }
    }
    upkeep.abort();
    carts.close().await;
    engine.shut_down(SNAPSHOTS_AT_SHUTDOWN).await;
    projector.stop().await;
    tracing::info!("stopped");
    Ok(())
}

async fn start_engine(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<(Engine, std::sync::Arc<dyn journal::store::JournalReader>), StartError> {
    prepare_folder(&config.journal_address())?;
    let partitions = Partitions::new(config.journal.partitions)
        .ok_or_else(|| StartError::new("journal.partitions is out of range"))?;
    let options = WriterOptions { commit_timeout: config.journal.commit_timeout() };
    let location = journal_location(config);
    let opened =
        journal::open(location, partitions, clock.clone(), options, metrics.journal.clone())
            .await?;
    let reader = opened.reader.clone();
    let options = EngineOptions {
        in_flight_max: config.engine.inflight_max,
        in_flight_per_product_max: config.engine.inflight_per_product_max,
        idle_after: Duration::from_secs(config.engine.idle_after_seconds),
        grace_ms: config.engine.grace_seconds * 1_000,
        checkpoint_facts: config.journal.checkpoint_events,
    };
    let threads = match config.engine.threads {
        // Deciding is cheap: most of the cores are for HTTP.
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 4).clamp(1, 16)),
        threads => threads,
    };
    let placement = Placement::Threads(threads);
    let engine =
        Engine::start(opened, clock.clone(), options, placement, metrics.engine.clone()).await?;
    Ok((engine, reader))
}

async fn start_projection(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    engine: &Engine,
    reader: std::sync::Arc<dyn journal::store::JournalReader>,
) -> Result<(Queries, ProjectionProgress, ProjectorTask), StartError> {
    let database = open_database(config).await?;
    if let Err(error) = database.migrate().await {
        if !error.may_pass() {
            return Err(error.into());
        }
        tracing::warn!(%error, "the sale goes on without the database; its rows follow later");
    }
    let queries = Queries::new(&database);
    let projector = Projector {
        reader,
        durable: engine.follow_durable(),
        database,
        clock: clock.clone(),
        metrics: metrics.projection.clone(),
        config: ProjectionConfig {
            batch_bytes_max: config.projection.batch_bytes_max,
            rest_factor_busy: config.projection.rest_factor_busy,
            ..ProjectionConfig::default()
        },
    };
    let (progress, task) = projector.start()?;
    Ok((queries, progress, task))
}

/// Returns when the journal's disk has failed. Another owner is no reason to end: this server then
/// answers that it is not the owner.
async fn journal_broken(engine: &Engine) -> String {
    engine.journal().ended().await;
    match engine.journal().state() {
        JournalState::Broken => engine.journal().reason(),
        _ => std::future::pending().await,
    }
}

/// The first signal drains, the deadline or a second one ends.
async fn follow_signals(
    [mut terminate, mut interrupt]: [Signal; 2],
    stage: watch::Sender<Stage>,
    deadline: Duration,
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
