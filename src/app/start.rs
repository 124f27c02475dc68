//! Start: builds every stage, in the order data flows.
//!
//! Taking the journal over ends the sale of whoever owned it, so everything that can refuse a start
//! is looked at before. What is built here is run and taken down by [`super::serve`].

use super::screens::LiveRuntime;
use super::{
    StartError, connecting, demo, journal_error, journal_location, load, numbers, open_carts,
    open_database, prepare_folder, tables,
};
use crate::account::Accounts;
use crate::admission::{Admission, Budget, Limit, Ticker};
use crate::cart::Carts;
use crate::catalog::{self, Catalog};
use crate::checkout::jobs::{Tries, Worker};
use crate::checkout::payment::Provider;
use crate::checkout::signature::Signatures;
use crate::checkout::{Checkout, Simulated, Webhook, collect, outside_client};
use crate::clock::Clock;
use crate::config::{AuthMode, Config};
use crate::engine::{Engine, EngineOptions, Placement};
use crate::http::hosts::HostNames;
use crate::http::server::Server;
use crate::http::{self, Api, ApiParts, BodyLimits, Gate, HoldLimits, OperatorToken, Watch};
use crate::journal::writer::WriterOptions;
use crate::journal::{self, Connected, Partitions};
use crate::monitoring::{Monitor, Sampler};
use crate::projection::{
    Database, JobKind, ProjectionConfig, Projector, ProjectorTask, Queries, check_origin,
};
use crate::telemetry::Metrics;
use crate::telemetry::traces::Traces;
use crate::threads::spawn_task;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long a collector of traces may take to answer.
const TRACES_MAX: Duration = Duration::from_secs(5);

/// Everything that runs, and a port on which nobody is served yet.
pub(super) struct Started {
    pub(super) server: Server,
    pub(super) engine: Engine,
    pub(super) projector: ProjectorTask,
    pub(super) carts: Carts,
    pub(super) gate: Gate,
    /// Watches the store of carts until it is closed.
    pub(super) upkeep: JoinHandle<()>,
    pub(super) live: LiveRuntime,
    pub(super) traces: Traces,
    pub(super) api: Api,
}

/// Names are looked at where whoever reaches the server is trusted, and where some are given.
fn host_names(config: &Config) -> Option<HostNames> {
    let names = &config.server.host_names;
    let looked_at = config.auth.mode == AuthMode::Open || !names.is_empty();
    looked_at.then(|| HostNames::new(names.clone()))
}

pub(super) async fn start(config: &Config, with_demo: bool) -> Result<Started, StartError> {
    let clock = Clock::system();
    let metrics = Metrics::new().map_err(|error| StartError::new(error.to_string()))?;
    let sockets = config.server.connections_max.saturating_add(config.live.clients_max);
    http::server::raise_descriptor_limit(sockets);
    let mut server = Server::bind(config.server.clone(), metrics.http.clone())?;
    if let Some(names) = host_names(config) {
        server = server.only_as(names);
    }
    let traces = open_traces(config)?;

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
    metrics.process.started(clock.now());
    let upkeep = tokio::spawn(carts.clone().upkeep());
    let signatures =
        Signatures::new(config.payment.webhook_keys(), config.payment.webhook_tolerance_seconds);
    let checkout = checkout(config, &engine, &clock, &signatures)?;
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
    start_payments(worker, Duration::from_secs(config.engine.grace_seconds));
    let admission = start_admission(config, &metrics, &engine, &server);
    let (at_work, now) = (engine.clone(), clock.clone());
    let upkeep_of_sales = catalog::upkeep_of_sales(catalog.clone(), at_work, queries.clone(), now);
    spawn_task("sales", upkeep_of_sales);
    let watch = Watch::new(traces.clone(), config.telemetry.slow_request(), clock.clone());
    let live = LiveRuntime::start(&config.live, &metrics)?;
    let sampler = Sampler {
        metrics: metrics.clone(),
        engine: engine.clone(),
        progress: progress.clone(),
        clock: clock.clone(),
    };
    let monitor = start_watching(&live, sampler, queries.clone());
    let api = Api::new(ApiParts {
        watch,
        admission,
        live: live.parts.clone(),
        monitor,
        benchmark_file: config.monitoring.benchmark_file(&config.data_dir).into(),
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
    live.follow(&api);
    Ok(Started { server, engine, projector, carts, gate, upkeep, live, traces, api })
}

/// Whoever only looks at products once in a while, on the threads of live updates: it takes no time from those
/// who buy.
fn start_watching(live: &LiveRuntime, sampler: Sampler, queries: Queries) -> Monitor {
    let Sampler { metrics, engine, progress, clock } = sampler.clone();
    let (monitor, sampling) = sampler.start();
    let runtime = &live.parts.runtime;
    runtime.spawn(sampling);
    runtime.spawn(tables::watch(metrics.engine.clone(), (engine.clone(), queries), clock.clone()));
    runtime.spawn(numbers::feed(metrics, engine, progress, clock));
    monitor
}

/// Where spans of requests are sent, if anywhere.
fn open_traces(config: &Config) -> Result<Traces, StartError> {
    let (endpoint, one_in) =
        (&config.telemetry.otlp_endpoint, config.telemetry.otlp_sampled_one_in);
    if endpoint.is_empty() {
        return Ok(Traces::default());
    }
    let failed = |error: String| {
        StartError::new(format!("cannot send traces to telemetry.otlp_endpoint: {error}"))
    };
    let client = outside_client(TRACES_MAX).map_err(failed)?;
    Traces::to(endpoint, one_in, client).map_err(|error| failed(error.to_string()))
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

/// The tasks that ask for money and give it back: they outlive every request.
fn start_payments(worker: Worker, grace: Duration) {
    let (orders, queries, clock) =
        (worker.checkout.clone(), worker.queries.clone(), worker.clock.clone());
    spawn_task("payments", collect::run(orders, queries, clock, grace));
    spawn_task("job counts", worker.clone().count());
    for kind in JobKind::ALL {
        spawn_task("jobs", worker.clone().run(kind));
    }
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
