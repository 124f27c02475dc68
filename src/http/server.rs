//! Server: owns the listening socket and every connection.
//!
//! ```text
//!   bind ──▶ accept ──┬─ room ──▶ Connection task (hyper) ──▶ routes
//!                     └─ full ──▶ 503 and close
//!   first signal: stop accepting, finish what runs, close idle connections
//!   deadline or second signal: drop what is left
//! ```
//!
//! Above the limit on connections a client is answered 503 and closed, instead of being left in the
//! kernel's queue: it learns at once that the server is there and busy, and can go elsewhere or come
//! back. When the process is out of file descriptors, accepting pauses for a moment and goes on.
//!
//! Nothing here panics on what a client sends; a connection that breaks is dropped and counted.

mod connection;
mod refusal;
mod watched;

use super::hosts::HostNames;
use super::surface::Surface;
use crate::config::ServerConfig;
use crate::telemetry::metrics::HttpMetrics;
use axum::Router;
use connection::{Connection, Timing};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

/// Connections that wait to be accepted.
const BACKLOG: u32 = 4_096;
/// How long accepting rests after it failed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How far the server has come on its way down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Accepting and answering.
    Serving,
    /// Accepts nothing new, answers what is there.
    Draining,
    /// Whatever is left is dropped.
    Ended,
}

/// Why the server could not listen.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {cause}")]
pub struct ListenError {
    address: SocketAddr,
    cause: String,
}

/// A bound server that does not accept yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    address: SocketAddr,
    settings: ServerConfig,
    names: Option<HostNames>,
    metrics: HttpMetrics,
    open: OpenConnections,
}

impl Server {
    /// Takes the port. Port 0 takes a free one.
    ///
    /// # Errors
    /// One sentence that says which address could not be had, and why.
    pub fn bind(settings: ServerConfig, metrics: HttpMetrics) -> Result<Self, ListenError> {
        let wanted = settings.listen;
        let failed = |error: io::Error| ListenError { address: wanted, cause: explain(&error) };
        let socket = match wanted {
            SocketAddr::V4(_) => TcpSocket::new_v4(),
            SocketAddr::V6(_) => TcpSocket::new_v6(),
        }
        .map_err(failed)?;
        // A restart must not wait for the old connections' last packets.
        socket.set_reuseaddr(true).map_err(failed)?;
        socket.bind(wanted).map_err(failed)?;
        let listener = socket.listen(BACKLOG).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let open = OpenConnections::default();
        Ok(Self { listener, address, settings, names: None, metrics, open })
    }

    /// Answers under these names only; without this under any.
    #[must_use]
    pub fn only_as(mut self, names: HostNames) -> Self {
        self.names = Some(names);
        self
    }

    /// Where it really listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections are open, to look at while it serves.
    #[must_use]
    pub fn open_connections(&self) -> OpenConnections {
        self.open.clone()
    }

    /// Serves until `stage` says otherwise. Returns when the last connection is closed, or at
    /// [`Stage::Ended`]; the caller turns the deadline and the second signal into that stage.
    pub async fn serve(self, router: Router, mut stage: watch::Receiver<Stage>) {
        let shared = Arc::new(connection::Shared::new(
            router,
            Timing::of(&self.settings),
            Surface::new(&self.settings, self.names.clone()),
            &self.settings,
            stage.clone(),
        ));
        let open = self.open.0.clone();
        let ended = |stage: &Stage| *stage >= Stage::Draining;
        loop {
            tokio::select! {
                biased;
                _ = stage.wait_for(ended) => break,
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.admit(stream, peer.ip(), &shared, &open),
                    Err(error) => self.rest(&error).await,
                },
            }
        }
        drop(self.listener);
        let left = async {
            while open.count() > 0 {
                open.closed.notified().await;
            }
        };
        // The stage first: connections see it too, and may be gone before this task looks.
        tokio::select! {
            biased;
            _ = stage.wait_for(|stage| *stage == Stage::Ended) => {
                tracing::warn!("the connections that were left are dropped");
            }
            () = left => {}
        }
    }

    /// Gives the connection its task, or the answer that there is no room.
    fn admit(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        shared: &Arc<connection::Shared>,
        open: &Arc<Open>,
    ) {
        // Answers are small and whole: waiting for more to send would only add latency.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection broke before it was served");
            return;
        }
        if open.count() >= self.settings.connections_max {
            self.metrics.refused.increment(1);
            refusal::send(stream);
            return;
        }
        let guard = open.clone().enter(&self.metrics);
        let connection =
            Connection::new(stream, peer, shared.clone(), self.metrics.timed_out.clone());
        tokio::spawn(async move {
            let _guard = guard;
            connection.await;
        });
    }

    /// A failed accept: a client that left again, or no descriptors. Either way a short rest keeps
    /// the loop from spinning.
    async fn rest(&self, error: &io::Error) {
        if is_the_clients(error) {
            return;
        }
        self.metrics.accept_errors.increment(1);
        tracing::warn!(%error, "a connection could not be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}

/// Descriptors for everything that is not a client's connection.
const DESCRIPTORS_APART: u64 = 256;

/// Raises the soft limit on file descriptors to the hard one: distributions choose a soft limit that
/// a thousand clients use up. Says so when even the hard limit is too low.
pub fn raise_descriptor_limit(connections_max: usize) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard }) {
        tracing::debug!(%error, "the limit on file descriptors stays as it is");
    }
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    if limit < connections_max as u64 + DESCRIPTORS_APART {
        tracing::warn!(
            limit,
            connections_max,
            "server.connections_max needs more file descriptors than the system allows"
        );
    }
}

/// What is wrong with the address, and what to do about it.
fn explain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::AddrInUse => {
            "the port is taken; stop what uses it or choose another one with --listen".into()
        }
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address".into(),
        io::ErrorKind::PermissionDenied => {
            "not allowed; ports below 1024 need a privilege, choose a higher one".into()
        }
        _ => error.to_string(),
    }
}

fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}

/// The number of open connections.
#[derive(Debug, Clone, Default)]
pub struct OpenConnections(Arc<Open>);

impl OpenConnections {
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count()
    }
}

/// Counts open connections.
#[derive(Debug, Default)]
struct Open {
    count: AtomicUsize,
    closed: tokio::sync::Notify,
}

impl Open {
    fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    fn enter(self: Arc<Self>, metrics: &HttpMetrics) -> OpenGuard {
        self.count.fetch_add(1, Ordering::Relaxed);
        metrics.accepted.increment(1);
        metrics.connections.increment(1.0);
        OpenGuard { open: self, gauge: metrics.connections.clone() }
    }
}

/// One open connection; counted down however its task ends.
struct OpenGuard {
    open: Arc<Open>,
    gauge: metrics::Gauge,
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        self.open.count.fetch_sub(1, Ordering::Relaxed);
        self.gauge.decrement(1.0);
        self.open.closed.notify_one();
    }
}
