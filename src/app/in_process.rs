//! In process: all stages of a server behind its routes, for a program that asks them itself; without the
//! signals, the log and the exit status of [`super::serve`]. Fuzzing asks thousands of questions a second here.

use super::StartError;
use super::start::{Started, start};
use crate::config::Config;
use crate::http::{self, server::Stage};
use axum::Router;
use std::any::Any;
use std::net::SocketAddr;
use tokio::runtime::Handle;
use tokio::sync::watch;

/// A server that runs for as long as the runtime it was started on. Must be kept for as long.
pub struct InProcess {
    /// What it answers by, without a socket.
    pub router: Router,
    /// Where it listens as well.
    pub address: SocketAddr,
    /// Stages end when they are dropped.
    _stages: Box<dyn Any + Send + Sync>,
}

/// Starts a server in this process, which never stops.
///
/// # Errors
/// Whatever keeps a server from starting.
pub async fn in_process(config: &Config) -> Result<InProcess, StartError> {
    let Started { server, engine, projector, carts, gate, upkeep, live, traces, api } =
        start(config, false).await?;
    let (router, address) = (http::router(api), server.address());
    let (serving, stages) = watch::channel(Stage::Serving);
    let (runtime, routes) = (Handle::current(), router.clone());
    // Accepting stays on its thread.
    std::thread::Builder::new()
        .name("accept".to_owned())
        .spawn(move || runtime.block_on(server.serve(routes, stages)))?;
    let stages = (serving, engine, projector, carts, gate, upkeep, live, traces);
    Ok(InProcess { router, address, _stages: Box::new(stages) })
}
