//! Settings of the HTTP server.

use super::{ConfigError, within};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
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
    pub trusted_proxies: Vec<String>,
    pub forwarding_header: ForwardingHeader,
    pub cors_origins: Vec<String>,
    pub host_names: Vec<String>,
    pub hsts_seconds: u64,
}

/// The header in which the proxies in front say where a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardingHeader {
    XForwardedFor,
    Forwarded,
}

/// What may stand in the list of origins for all of them.
pub const ANY_ORIGIN: &str = "*";

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

    /// Whose forwarding header is believed.
    #[must_use]
    pub fn proxies(&self) -> Vec<IpNet> {
        // Checked at the start: nothing is left out.
        self.trusted_proxies.iter().filter_map(|text| network(text)).collect()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(wrong) = self.trusted_proxies.iter().find(|text| network(text).is_none()) {
            return Err(ConfigError::new(format!(
                "server.trusted_proxies has \"{wrong}\"; each must be an address or a network, such as \
                 10.0.0.0/8 or 2001:db8::1"
            )));
        }
        if let Some(wrong) = self.cors_origins.iter().find(|text| !is_origin(text)) {
            return Err(ConfigError::new(format!(
                "server.cors_origins has \"{wrong}\"; each must be an origin in small letters without a \
                 path, such as https://shop.example.com, or the only one \"*\""
            )));
        }
        if self.cors_origins.len() > 1 && self.cors_origins.iter().any(|text| text == ANY_ORIGIN) {
            let message = "server.cors_origins has \"*\" beside others; it must be the only one";
            return Err(ConfigError::new(message));
        }
        if let Some(wrong) = self.host_names.iter().find(|text| !is_host_name(text)) {
            return Err(ConfigError::new(format!(
                "server.host_names has \"{wrong}\"; each must be a name in small letters without a port, \
                 such as shop.example.com"
            )));
        }
        within("server.hsts_seconds", self.hsts_seconds, 0..=63_072_000)?;
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

/// A network, or an address as the network of itself alone.
fn network(text: &str) -> Option<IpNet> {
    let alone = || text.parse::<IpAddr>().ok().map(IpNet::from);
    text.parse().ok().or_else(alone)
}

/// `shop.example.com`, `lastunit`: as browsers and programs write a name in the header `Host`.
fn is_host_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    (1..=253).contains(&text.len())
        && text.bytes().all(|byte| plain(byte) || b".-_".contains(&byte))
}

/// `https://shop.example.com`, `http://localhost:3000`: as browsers write an origin.
fn is_origin(text: &str) -> bool {
    if text == ANY_ORIGIN {
        return true;
    }
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    ["http", "https"].contains(&scheme)
        && !host.is_empty()
        && host.bytes().all(|byte| plain(byte) || b".-:[]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_and_origins_are_read_as_people_write_them() {
        for text in ["10.0.0.0/8", "10.0.0.1", "2001:db8::/32", "::1"] {
            assert!(network(text).is_some(), "{text}");
        }
        for text in ["", "proxy", "10.0.0.0/33", "10.0.0.1:80", "10.0.0"] {
            assert!(network(text).is_none(), "{text}");
        }
        for text in ["*", "https://shop.example.com", "http://localhost:3000", "http://[::1]:80"] {
            assert!(is_origin(text), "{text}");
        }
        for text in
            ["", "shop.example.com", "https://", "https://a/", "ftp://a", "https://A", "null"]
        {
            assert!(!is_origin(text), "{text}");
        }
    }
}
