//! `[live]`: updates for screens.

use super::{ConfigError, within};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// `[live]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LiveConfig {
    pub clients_max: usize,
    pub clients_per_address_max: usize,
    pub topics_per_client_max: usize,
    pub updates_per_second_max: u32,
    pub message_bytes_max: usize,
    pub send_buffer_bytes: usize,
    pub ping_seconds: u64,
    pub silence_seconds_max: u64,
    pub threads: usize,
}

impl LiveConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("live.clients_max", self.clients_max, 0..=1_000_000)?;
        within("live.clients_per_address_max", self.clients_per_address_max, 1..=1_000_000)?;
        within("live.topics_per_client_max", self.topics_per_client_max, 1..=63)?;
        within("live.updates_per_second_max", self.updates_per_second_max, 1..=100)?;
        within("live.message_bytes_max", self.message_bytes_max, 256..=1_048_576)?;
        within("live.send_buffer_bytes", self.send_buffer_bytes, 2_048..=1_048_576)?;
        within("live.ping_seconds", self.ping_seconds, 1..=3_600)?;
        within("live.silence_seconds_max", self.silence_seconds_max, self.ping_seconds..=7_200)?;
        within("live.threads", self.threads, 1..=64)
    }

    /// Between two values of a topic.
    #[must_use]
    pub fn pace(&self) -> Duration {
        Duration::from_secs(1) / self.updates_per_second_max
    }

    #[must_use]
    pub const fn ping(&self) -> Duration {
        Duration::from_secs(self.ping_seconds)
    }

    #[must_use]
    pub const fn silence_max(&self) -> Duration {
        Duration::from_secs(self.silence_seconds_max)
    }
}
