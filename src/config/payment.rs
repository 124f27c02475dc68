//! Settings of payment: how long providers may take, how refunds are tried, and the provider `webhook`.

use super::{ConfigError, Secret, within};
use axum::http::Uri;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// What a secret of the Standard Webhooks specification begins with.
const PREFIX: &str = "whsec_";

/// Fewest bytes of such a secret, and most secrets: one to begin with, one for each sender that changes it.
const BYTES_MIN: usize = 24;
const SECRETS_MAX: usize = 8;

/// `[payment]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaymentConfig {
    pub simulated_latency_ms: u64,
    pub timeout_ms: u64,
    pub retry_base_ms: u64,
    pub retry_max_ms: u64,
    pub retry_attempts_max: u32,
    pub webhook_secrets: Vec<Secret>,
    pub webhook_tolerance_seconds: u64,
    pub provider_url: String,
}

impl PaymentConfig {
    #[must_use]
    pub const fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// The bytes that notices are signed with.
    #[must_use]
    pub fn webhook_keys(&self) -> Vec<Vec<u8>> {
        self.webhook_secrets.iter().filter_map(|secret| key(secret.expose())).collect()
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("payment.simulated_latency_ms", self.simulated_latency_ms, 0..=60_000)?;
        within("payment.timeout_ms", self.timeout_ms, 100..=60_000)?;
        within("payment.retry_base_ms", self.retry_base_ms, 10..=3_600_000)?;
        within("payment.retry_max_ms", self.retry_max_ms, self.retry_base_ms..=86_400_000)?;
        within("payment.retry_attempts_max", self.retry_attempts_max, 1..=1_000)?;
        within("payment.webhook_tolerance_seconds", self.webhook_tolerance_seconds, 1..=3_600)?;
        within(
            "the number of payment.webhook_secrets",
            self.webhook_secrets.len(),
            0..=SECRETS_MAX,
        )?;
        if self.webhook_keys().len() < self.webhook_secrets.len() {
            return Err(ConfigError::new(format!(
                "payment.webhook_secrets has one that is no secret of the Standard Webhooks \
                 specification; each must be {PREFIX} and at least {BYTES_MIN} bytes in base64"
            )));
        }
        self.check_url()
    }

    /// What is behind a `?` or in front of an `@` could be a secret, which would be printed. Without TLS
    /// customers' means of payment would be on the network for everybody to read.
    fn check_url(&self) -> Result<(), ConfigError> {
        let url = &self.provider_url;
        if url.is_empty() {
            return Ok(());
        }
        let parsed = url.parse::<Uri>().ok().filter(|_| !url.contains(['@', '?', '#']));
        let scheme = parsed.as_ref().and_then(Uri::scheme_str).unwrap_or_default();
        let host = parsed.as_ref().and_then(Uri::host).unwrap_or_default();
        match scheme {
            _ if host.is_empty() => {}
            "https" => return Ok(()),
            "http" if is_this_machine(host) => return Ok(()),
            "http" => {
                return Err(ConfigError::new(
                    "payment.provider_url must be https:// unless the provider is on this machine: \
                     customers' means of payment are sent to it",
                ));
            }
            _ => {}
        }
        Err(ConfigError::new(
            "payment.provider_url must be empty, or https:// (http:// on this machine) with a host, a \
             port and a path and nothing else",
        ))
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

fn key(secret: &str) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    (key.len() >= BYTES_MIN).then_some(key)
}

#[cfg(test)]
mod tests {
    use crate::config::{Flags, load};
    use std::io::Write;

    fn with(line: &str) -> Result<crate::config::Config, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        writeln!(file, "[payment]\n{line}").expect("room");
        load(Some(file.path()), std::iter::empty(), &Flags::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn secrets_are_of_the_specification_and_never_printed() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let config = with(&format!("webhook_secrets = [\"{secret}\"]")).expect("valid");
        assert_eq!(config.payment.webhook_keys()[0].len(), 24);
        assert!(!config.to_toml().expect("TOML").contains("MfKQ"));
        assert!(!format!("{config:?}").contains("MfKQ"));
        for bad in [
            "webhook_secrets = [\"MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"]",
            "webhook_secrets = [\"whsec_MfKQ9r8G\"]",
            "webhook_secrets = [\"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!\"]",
            "webhook_secrets = [\"\"]",
            "webhook_secrets = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"",
        ] {
            let complaint = with(bad).expect_err(bad);
            assert!(complaint.contains("payment.webhook_secrets"), "{complaint}");
            assert!(!complaint.contains("MfKQ"), "{complaint}");
        }
    }

    #[test]
    fn secrets_come_from_the_environment_with_commas() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let name = "LASTUNIT_PAYMENT__WEBHOOK_SECRETS";
        for (text, count) in
            [(String::new(), 0), (secret.into(), 1), (format!("{secret}, {secret}"), 2)]
        {
            let environment = [(name.to_owned(), text)].into_iter();
            let config = load(None, environment, &Flags::default()).expect("valid");
            assert_eq!(config.payment.webhook_keys().len(), count);
        }
    }

    #[test]
    fn the_providers_address_has_no_place_for_a_secret() {
        for good in [
            "",
            "http://127.0.0.1:9",
            "http://[::1]:9/pay",
            "http://localhost",
            "https://pay.example.com/v2/",
        ] {
            with(&format!("provider_url = \"{good}\"")).expect(good);
        }
        for bad in [
            "pay.example.com",
            "ftp://a",
            "https://ann:secret@a",
            "https://a?key=secret",
            "http://",
            "https://",
            "http://pay.example.com",
            "http://10.0.0.1:80",
            "http://localhost.example.com",
        ] {
            let complaint = with(&format!("provider_url = \"{bad}\"")).expect_err(bad);
            assert!(complaint.contains("payment.provider_url"), "{complaint}");
            assert!(!complaint.contains("secret"), "{complaint}");
        }
    }
}
