//! Serve: runs every stage until a signal ends it, and takes them down in order.
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
//! A signal ends the process at any moment, also while it starts ([`super::start`]).

use super::signals::Signals;
use super::start::{Started, start};
use super::{CLOSE_IN_A_HURRY, CLOSE_MAX, SNAPSHOTS_AT_SHUTDOWN, StartError};
use crate::cart::Carts;
use crate::catalog::RefusalLog;
use crate::config::{AuthMode, Config};
use crate::engine::Engine;
use crate::http::server::Stage;
use crate::http::{self, Gate};
use crate::journal::handle::{JournalHandle, JournalState};
use crate::projection::ProjectorTask;
use crate::telemetry::logs::{self, LogFormat};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;

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

async fn serve_until_signal(
    started: Started,
    config: &Config,
    signals: Signals,
) -> Result<(), StartError> {
    let Started { server, engine, projector, carts, gate, upkeep, live, traces, api } = started;
    if config.auth.mode == AuthMode::Open {
        let may =
            if config.auth.operator_token.is_empty() { "do everything" } else { "buy for anybody" };
        tracing::warn!("auth.mode is \"open\": whoever reaches this address may {may}");
    }
    tracing::info!("listening on http://{}", server.address());
    let (stage, stages) = watch::channel(Stage::Serving);
    tokio::spawn(drain(signals.clone(), stage, config.server.drain_timeout()));
    tokio::spawn(live.close_when_draining(stages.clone()));
    tokio::select! {
        () = server.serve(http::router(api.clone()), stages) => {}
        reason = journal_broken(&engine) => {
            return Err(StartError::new(format!(
                "{reason}; the process ends, because it could not keep what it promises: \
                 check the disk, then start again"
            )));
        }
    }
    live.end().await;
    upkeep.abort();
    if let Gate::Accounts(accounts) = &gate {
        accounts.close().await;
    }
    // Best effort, and not for long: numbers for people, which no rule rests on.
    let mut refusals = RefusalLog::default();
    let _ = tokio::time::timeout(REFUSALS_MAX, refusals.write(&engine, &api.queries)).await;
    let stopped = stop(&engine, projector, &carts, &signals).await;
    // It waits for the collector, which may be away.
    let _ = tokio::task::spawn_blocking(move || traces.close()).await;
    stopped
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
