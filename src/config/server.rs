//! Settings of the HTTP server.

use super::{ConfigError, within};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::time::Duration;

/// See `[server]` in `config/default.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    pub listen: SocketAddr,
    pub connections_max: usize,
    pub body_bytes_max: usize,
    pub headers_max: usize,
    pub header_bytes_max: usize,
    pub header_timeout_ms: u64,
    pub body_timeout_ms: u64,
    pub idle_timeout_ms: u64,
    pub drain_timeout_ms: u64,
    pub worker_threads: usize,
}

impl ServerConfig {
    /// How long a body may take.
    #[must_use]
    pub const fn body_timeout(&self) -> Duration {
        Duration::from_millis(self.body_timeout_ms)
    }

    /// How long a stopping server waits.
    #[must_use]
    pub const fn drain_timeout(&self) -> Duration {
        Duration::from_millis(self.drain_timeout_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("server.connections_max", self.connections_max, 1..=1_000_000)?;
        within("server.body_bytes_max", self.body_bytes_max, 1_024..=1_048_576)?;
        within("server.headers_max", self.headers_max, 8..=1_000)?;
        within("server.header_bytes_max", self.header_bytes_max, 1_024..=65_536)?;
        within("server.header_timeout_ms", self.header_timeout_ms, 100..=600_000)?;
        within("server.body_timeout_ms", self.body_timeout_ms, 100..=600_000)?;
        within("server.idle_timeout_ms", self.idle_timeout_ms, 1_000..=3_600_000)?;
        within("server.drain_timeout_ms", self.drain_timeout_ms, 0..=600_000)?;
        within("server.worker_threads", self.worker_threads, 0..=1_024)
    }
}
