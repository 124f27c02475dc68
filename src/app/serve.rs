//! Serve: every stage, in the order data flows, and back.
//!
//! ```text
//!   settings → port → journal (connected) → database → carts → accounts → journal (taken over) → engine
//!   → projection
//!   → http ── wait for a signal
//!   first signal: http drains → engine stores snapshots, journal commits and closes → projection and carts end
//!   the deadline: connections are cut, then the same
//!   second signal: connections are cut, snapshots left out
//!   the journal does not close in [`CLOSE_MAX`], or a further signal: the process ends as it is
//! ```
//!
//! Taking the journal over ends the sale of whoever owned it, so everything that can refuse a start
//! is looked at before. A signal ends the process at any moment, also while it starts.

use super::signals::Signals;
use super::{
    CLOSE_IN_A_HURRY, CLOSE_MAX, SNAPSHOTS_AT_SHUTDOWN, StartError, connecting, demo,
    journal_error, journal_location, load, numbers, open_carts, open_database, prepare_folder,
};
use crate::account::Accounts;
use crate::admission::{Admission, Budget, Limit, Ticker};
use crate::cart::Carts;
use crate::catalog::{self, Catalog, RefusalLog};
use crate::checkout::jobs::{Tries, Worker};
use crate::checkout::payment::Provider;
use crate::checkout::signature::Signatures;
use crate::checkout::{Checkout, Simulated, Webhook, collect};
use crate::clock::Clock;
use crate::config::{AuthMode, Config};
use crate::engine::{Engine, EngineOptions, Placement};
use crate::http::hosts::HostNames;
use crate::http::server::{Server, Stage};
use crate::http::{self, Api, ApiParts, BodyLimits, Gate, HoldLimits, OperatorToken};
use crate::journal::handle::{JournalHandle, JournalState};
use crate::journal::writer::WriterOptions;
use crate::journal::{self, Connected, Partitions};
use crate::projection::{
    Database, JobKind, ProjectionConfig, Projector, ProjectorTask, Queries, check_origin,
};
use crate::telemetry::Metrics;
use crate::telemetry::logs::{self, LogFormat};
use crate::threads::spawn_task;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long refusals that are not written down may take at the end.
const REFUSALS_MAX: Duration = Duration::from_secs(1);

/// Runs the server until a signal ends it.
///
/// # Errors
/// Whatever keeps it from starting, or makes it unable to keep its promises.
pub fn serve(config: Config, demo: bool) -> Result<(), StartError> {
    logs::start(config.telemetry.log, &config.telemetry.level);
    let format = config.telemetry.log;
    let runtime = http_runtime(&config)?;
    let outcome = runtime.block_on(run(config, demo));
    // Whatever still hangs, such as a look-up of a host's name, must not hold the process.
    runtime.shutdown_background();
    match (outcome, format) {
        // The last line is for the same program as those before.
        (Err(error), LogFormat::Json) => {
            tracing::error!("{error}");
            Err(error.already_told())
        }
        (outcome, _) => outcome,
    }
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
    let signals = Signals::count()?;
    tokio::select! {
        biased;
        () = signals.first() => {
            tracing::info!("stopped by a signal before the start was complete");
            Ok(())
        }
        started = start(&config, demo) => serve_until_signal(started?, &config, signals).await,
    }
}

/// Everything that runs, and a port on which nobody is served yet.
struct Started {
    server: Server,
    engine: Engine,
    projector: ProjectorTask,
    carts: Carts,
    gate: Gate,
    /// Watches the store of carts until it is closed.
    upkeep: JoinHandle<()>,
    api: Api,
}

/// Names are looked at where whoever reaches the server is trusted, and where some are given.
fn host_names(config: &Config) -> Option<HostNames> {
    let names = &config.server.host_names;
    let looked_at = config.auth.mode == AuthMode::Open || !names.is_empty();
    looked_at.then(|| HostNames::new(names.clone()))
}

async fn start(config: &Config, with_demo: bool) -> Result<Started, StartError> {
    let clock = Clock::system();
    let metrics = Metrics::new().map_err(|error| StartError::new(error.to_string()))?;
    http::server::raise_descriptor_limit(config.server.connections_max);
    let mut server = Server::bind(config.server.clone(), metrics.http.clone())?;
    if let Some(names) = host_names(config) {
        server = server.only_as(names);
    }

    let journal = connect_journal(config, &clock, &metrics).await?;
    let (database, origin_is_known) = prepare_database(config, &journal).await?;
    let carts = open_carts(config, clock.clone()).await?;
    let gate = open_gate(config, &clock, &metrics).await?;
    let reader = journal.reader.clone();
    let engine = start_engine(config, &clock, &metrics, journal).await?;
    let projector = Projector {
        reader,
        durable: engine.follow_durable(),
        database: database.clone(),
        clock: clock.clone(),
        metrics: metrics.projection.clone(),
        config: ProjectionConfig {
            batch_bytes_max: config.projection.batch_bytes_max,
            rest_factor_busy: config.projection.rest_factor_busy,
            ..ProjectionConfig::default()
        },
    };
    let (progress, projector) = projector.start()?;
    let queries = Queries::following(&database, progress.clone(), origin_is_known);
    let catalog = Catalog::new(engine.clone(), queries.clone(), progress.clone());
    if with_demo {
        demo::fill(&engine, &clock, &queries, &progress, &catalog).await?;
    }
    tokio::spawn(metrics.clone().upkeep());
    tokio::spawn(numbers::feed(metrics.clone(), engine.clone(), progress.clone(), clock.clone()));
    let upkeep = tokio::spawn(carts.clone().upkeep());
    let signatures =
        Signatures::new(config.payment.webhook_keys(), config.payment.webhook_tolerance_seconds);
    let checkout = checkout(config, &engine, &clock, &signatures)?;
    let grace = Duration::from_secs(config.engine.grace_seconds);
    let collecting = collect::run(checkout.clone(), queries.clone(), clock.clone(), grace);
    spawn_task("payments", collecting);
    let worker = Worker {
        checkout: checkout.clone(),
        carts: carts.clone(),
        queries: queries.clone(),
        progress: progress.clone(),
        clock: clock.clone(),
        tries: Tries {
            first_pause_ms: config.payment.retry_base_ms,
            longest_pause_ms: config.payment.retry_max_ms,
            most: config.payment.retry_attempts_max,
        },
        metrics: metrics.jobs.clone(),
    };
    spawn_task("job counts", worker.clone().count());
    for kind in JobKind::ALL {
        spawn_task("jobs", worker.clone().run(kind));
    }
    let admission = start_admission(config, &metrics, &engine, &server);
    let (at_work, now) = (engine.clone(), clock.clone());
    let upkeep_of_sales = catalog::upkeep_of_sales(catalog.clone(), at_work, queries.clone(), now);
    spawn_task("sales", upkeep_of_sales);
    let api = Api::new(ApiParts {
        admission,
        gate: gate.clone(),
        engine: engine.clone(),
        catalog,
        checkout,
        signatures,
        queries,
        progress,
        carts: carts.clone(),
        clock,
        metrics,
        holds: HoldLimits::from(&config.holds),
        body_limits: BodyLimits::from(&config.server),
    });
    Ok(Started { server, engine, projector, carts, gate, upkeep, api })
}

/// How callers prove who they are. Keys that cannot be read refuse the start.
async fn open_gate(config: &Config, clock: &Clock, metrics: &Metrics) -> Result<Gate, StartError> {
    if config.auth.mode == AuthMode::Open {
        return Ok(Gate::Open(OperatorToken::new(config.auth.operator_token.expose())));
    }
    let accounts =
        Accounts::open(config.accounts(), clock.clone(), metrics.accounts.clone()).await?;
    tokio::spawn(accounts.clone().upkeep());
    Ok(Gate::Accounts(accounts))
}

/// The limits, and the watch over the load.
fn start_admission(
    config: &Config,
    metrics: &Metrics,
    engine: &Engine,
    server: &Server,
) -> Admission {
    let labelled = metrics.admission(&Limit::NAMES, &Budget::NAMES);
    let admission = Admission::new(&config.limits, &Ticker::system(), labelled);
    if admission.is_on() {
        let watch = load::Watch {
            admission: admission.clone(),
            engine: engine.clone(),
            connections: server.open_connections(),
            in_flight_max: config.engine.inflight_max,
            connections_max: config.server.connections_max,
            lag_max: config.limits.overload_lag(),
        };
        tokio::spawn(watch.run());
    } else {
        tracing::warn!(
            "limits.enabled is false: requests are neither limited nor turned away early"
        );
    }
    admission
}

/// Orders of several products, with everybody who takes money.
fn checkout(
    config: &Config,
    engine: &Engine,
    clock: &Clock,
    signatures: &Signatures,
) -> Result<Checkout, StartError> {
    let latency = Duration::from_millis(config.payment.simulated_latency_ms);
    let simulated: Box<dyn Provider> = Box::new(Simulated { latency, clock: clock.clone() });
    let (url, timeout) = (&config.payment.provider_url, config.payment.timeout());
    let webhook = Webhook::new(signatures.clone(), url, timeout, clock.clone())
        .map_err(|error| StartError::new(format!("cannot ask payment.provider_url: {error}")))?;
    let webhook: Box<dyn Provider> = Box::new(webhook);
    Ok(Checkout::new(
        engine.clone(),
        config.orders.pay_seconds * 1_000,
        timeout,
        BTreeMap::from([("simulated", simulated), ("webhook", webhook)]),
    ))
}

async fn connect_journal(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
) -> Result<Connected, StartError> {
    let address = config.journal_address();
    prepare_folder(&address)?;
    let partitions = Partitions::new(config.journal.partitions)
        .ok_or_else(|| StartError::new("journal.partitions is out of range"))?;
    let options = WriterOptions { commit_timeout: config.journal.commit_timeout() };
    connecting("journal", &address);
    let location = journal_location(config);
    journal::connect(location, partitions, clock.clone(), options, metrics.journal.clone())
        .await
        .map_err(|error| journal_error(config, error))
}

/// Opens and migrates the database, and finds out whether it is this journal's: `false` when it is
/// away and cannot be asked.
async fn prepare_database(
    config: &Config,
    journal: &Connected,
) -> Result<(Database, bool), StartError> {
    connecting("database", &config.database_address());
    let database = open_database(config).await?;
    let checked = async {
        database.migrate().await?;
        check_origin(&database, journal.reader.as_ref()).await
    };
    match checked.await {
        Ok(()) => Ok((database, true)),
        Err(error) if error.may_pass() => {
            tracing::warn!(%error, "the sale goes on without the database; its rows follow later");
            Ok((database, false))
        }
        Err(error) => Err(error.into()),
    }
}

async fn start_engine(
    config: &Config,
    clock: &Clock,
    metrics: &Metrics,
    journal: Connected,
) -> Result<Engine, StartError> {
    let opened = journal.take_over().await.map_err(|error| journal_error(config, error))?;
    let options = EngineOptions {
        in_flight_max: config.engine.inflight_max,
        in_flight_per_product_max: config.engine.inflight_per_product_max,
        idle_after: Duration::from_secs(config.engine.idle_after_seconds),
        grace_ms: config.engine.grace_seconds * 1_000,
        drain_per_second: config.queue.drain_per_second,
        queued_max: config.queue.waiting_max,
        checkpoint_facts: config.journal.checkpoint_events,
    };
    let threads = match config.engine.threads {
        // Deciding is cheap: most of the cores are for HTTP.
        0 => std::thread::available_parallelism().map_or(1, |cores| (cores.get() / 4).clamp(1, 16)),
        threads => threads,
    };
    let placement = Placement::Threads(threads);
    Engine::start(opened, clock.clone(), options, placement, metrics.engine.clone())
        .await
        .map_err(|error| journal_error(config, error))
}

async fn serve_until_signal(
    started: Started,
    config: &Config,
    signals: Signals,
) -> Result<(), StartError> {
    let Started { server, engine, projector, carts, gate, upkeep, api } = started;
    if config.auth.mode == AuthMode::Open {
        let may =
            if config.auth.operator_token.is_empty() { "do everything" } else { "buy for anybody" };
        tracing::warn!("auth.mode is \"open\": whoever reaches this address may {may}");
    }
    tracing::info!("listening on http://{}", server.address());
    let (stage, stages) = watch::channel(Stage::Serving);
    tokio::spawn(drain(signals.clone(), stage, config.server.drain_timeout()));
    tokio::select! {
        () = server.serve(http::router(api.clone()), stages) => {}
        reason = journal_broken(&engine) => {
            return Err(StartError::new(format!(
                "{reason}; the process ends, because it could not keep what it promises: \
                 check the disk, then start again"
            )));
        }
    }
    upkeep.abort();
    if let Gate::Accounts(accounts) = &gate {
        accounts.close().await;
    }
    // Best effort, and not for long: numbers for people, which no rule rests on.
    let mut refusals = RefusalLog::default();
    let _ = tokio::time::timeout(REFUSALS_MAX, refusals.write(&engine, &api.queries)).await;
    stop(&engine, projector, &carts, &signals).await
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

/// The first signal drains, the deadline or a second one cuts what is left.
async fn drain(signals: Signals, stage: watch::Sender<Stage>, deadline: Duration) {
    signals.first().await;
    tracing::info!("stopping: finishing what is in flight; a second signal ends it at once");
    stage.send_replace(Stage::Draining);
    tokio::select! {
        () = signals.second() => {}
        () = tokio::time::sleep(deadline) => {}
    }
    stage.send_replace(Stage::Ended);
}

/// Closes the journal, then ends the projection and the store of carts. None of them can hold the
/// process for ever: what a stuck journal still has was confirmed to nobody.
async fn stop(
    engine: &Engine,
    projector: ProjectorTask,
    carts: &Carts,
    signals: &Signals,
) -> Result<(), StartError> {
    // Whoever has sent a second signal wants no snapshots, only a moment to give the journal up.
    let hurry = signals.are_two();
    let (snapshots, close_max) =
        if hurry { (Duration::ZERO, CLOSE_IN_A_HURRY) } else { (SNAPSHOTS_AT_SHUTDOWN, CLOSE_MAX) };
    let enough = async {
        tokio::select! {
            () = signals.next() => true,
            () = tokio::time::sleep(close_max) => hurry,
        }
    };
    tokio::pin!(enough);
    tokio::select! {
        () = engine.shut_down(snapshots) => {}
        by_signal = &mut enough => return left_open(engine.journal(), by_signal),
    }
    tokio::select! {
        _ = async { tokio::join!(projector.stop(), carts.close()) } => {}
        _ = &mut enough => {
            tracing::warn!("the projection is not finished; the next start goes on with it");
        }
    }
    tracing::info!("stopped");
    Ok(())
}

/// What to say of a journal that was not closed.
fn left_open(journal: &JournalHandle, by_signal: bool) -> Result<(), StartError> {
    let reason = match journal.state() {
        JournalState::Ready if by_signal => {
            tracing::info!("stopped at once: the next start replays a little more");
            return Ok(());
        }
        JournalState::Ready => "it does not answer".to_owned(),
        _ => journal.reason(),
    };
    Err(StartError::new(format!(
        "stopped without closing the journal, which cannot be written ({reason}): nothing that was \
         confirmed is lost; start again when it can be written, and repeat requests that had no \
         answer with their keys"
    )))
}
