//! Settings of everything but the HTTP server; see the sections of `config/default.toml`.

use super::{ConfigError, StoreUrl, within};
use crate::domain::DRAIN_RATE_MAX;
use crate::journal::Partitions;
use crate::telemetry::logs::{self, LogFormat};
use axum::http::Uri;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[journal]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalConfig {
    pub url: StoreUrl,
    pub partitions: u16,
    pub commit_timeout_ms: u64,
    pub checkpoint_events: u64,
}

impl JournalConfig {
    #[must_use]
    pub const fn commit_timeout(&self) -> Duration {
        Duration::from_millis(self.commit_timeout_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.url.check("journal.url")?;
        within("journal.partitions", self.partitions, 1..=Partitions::MAX)?;
        within("journal.commit_timeout_ms", self.commit_timeout_ms, 100..=600_000)?;
        within("journal.checkpoint_events", self.checkpoint_events, 1_000..=100_000_000)
    }
}

/// `[database]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseConfig {
    pub url: StoreUrl,
    pub connections_max: u32,
}

impl DatabaseConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        self.url.check("database.url")?;
        within("database.connections_max", self.connections_max, 1..=1_000)
    }
}

/// `[projection]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProjectionConfig {
    pub batch_bytes_max: usize,
    pub rest_factor_busy: u32,
}

impl ProjectionConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("projection.batch_bytes_max", self.batch_bytes_max, 4_096..=67_108_864)?;
        within("projection.rest_factor_busy", self.rest_factor_busy, 0..=100)
    }
}

/// `[engine]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EngineConfig {
    pub threads: usize,
    pub inflight_max: usize,
    pub inflight_per_product_max: usize,
    pub idle_after_seconds: u64,
    pub grace_seconds: u64,
}

impl EngineConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("engine.threads", self.threads, 0..=256)?;
        within("engine.inflight_max", self.inflight_max, 1..=10_000_000)?;
        let per_product = self.inflight_per_product_max;
        within("engine.inflight_per_product_max", per_product, 1..=self.inflight_max)?;
        within("engine.idle_after_seconds", self.idle_after_seconds, 1..=86_400)?;
        within("engine.grace_seconds", self.grace_seconds, 0..=3_600)
    }
}

/// `[holds]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HoldsConfig {
    pub seconds_default: u64,
    pub seconds_max: u64,
    pub extensions_max: u8,
}

impl HoldsConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("holds.seconds_max", self.seconds_max, 1..=2_592_000)?;
        within("holds.seconds_default", self.seconds_default, 1..=self.seconds_max)
    }
}

/// `[queue]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QueueConfig {
    pub drain_per_second: u32,
    pub waiting_max: usize,
}

impl QueueConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("queue.drain_per_second", self.drain_per_second, 1..=DRAIN_RATE_MAX)?;
        within("queue.waiting_max", self.waiting_max, 1..=100_000_000)
    }
}

/// `[orders]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrdersConfig {
    pub pay_seconds: u64,
}

impl OrdersConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        // Half of the day for which a product remembers how a lead ended: a line that could not be told
        // asks after this time, and must not find that forgotten.
        within("orders.pay_seconds", self.pay_seconds, 10..=43_200)
    }
}

/// `[telemetry]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TelemetryConfig {
    pub log: LogFormat,
    pub level: String,
    pub slow_request_ms: u64,
    pub otlp_endpoint: String,
    pub otlp_sampled_one_in: u32,
}

impl TelemetryConfig {
    /// From when on a request is slow; zero where none is.
    #[must_use]
    pub const fn slow_request(&self) -> Duration {
        Duration::from_millis(self.slow_request_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        logs::check_level(&self.level)
            .map_err(|error| ConfigError::new(format!("telemetry.level: {error}")))?;
        within("telemetry.slow_request_ms", self.slow_request_ms, 0..=600_000)?;
        within("telemetry.otlp_sampled_one_in", self.otlp_sampled_one_in, 0..=1_000_000_000)?;
        self.check_endpoint()
    }

    /// What is behind a `?` or in front of an `@` could be a secret, which would be printed.
    fn check_endpoint(&self) -> Result<(), ConfigError> {
        let endpoint = &self.otlp_endpoint;
        let uri = endpoint.parse::<Uri>().ok().filter(|_| !endpoint.contains(['@', '?', '#']));
        let known = uri.is_some_and(|uri| {
            let scheme = uri.scheme_str().is_some_and(|it| ["http", "https"].contains(&it));
            scheme && uri.host().is_some_and(|host| !host.is_empty())
        });
        if endpoint.is_empty() || known {
            return Ok(());
        }
        Err(ConfigError::new(
            "telemetry.otlp_endpoint must be empty, or http:// or https:// with a host, a port and a path \
             and nothing else",
        ))
    }
}
