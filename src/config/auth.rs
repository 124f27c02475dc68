//! Settings of who may do what: `"open"` with an operator's token, or `"jwt"` with accounts.

use super::{ConfigError, Secret, StoreAddress, within};
use crate::account::{KeyFiles, Location, Settings, TokenAlgorithm, TokenRules};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Name of the file of accounts, in the data directory.
const FILE: &str = "accounts.sqlite";

/// Longest name of an issuer, an audience or a claim.
const NAME_CHARS_MAX: usize = 200;

/// Who may do what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// Nobody has to say who they are.
    Open,
    /// People carry signed tokens, machines API keys.
    Jwt,
}

/// `[auth]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    pub mode: AuthMode,
    pub open_to_network: bool,
    pub operator_token: Secret,
    pub algorithm: TokenAlgorithm,
    pub key_file: String,
    pub issuer: String,
    pub audience: String,
    pub role_claim: String,
    pub leeway_seconds: u64,
    pub cached_tokens_max: usize,
    pub issuer_enabled: bool,
    pub signing_key_file: String,
    pub access_token_seconds: u64,
    pub refresh_token_days: u64,
    pub password_threads: usize,
}

impl AuthConfig {
    pub(super) fn check(&self, listen: SocketAddr) -> Result<(), ConfigError> {
        self.operator_token.check("auth.operator_token")?;
        within("auth.leeway_seconds", self.leeway_seconds, 0..=300)?;
        within("auth.cached_tokens_max", self.cached_tokens_max, 100..=10_000_000)?;
        within("auth.access_token_seconds", self.access_token_seconds, 30..=86_400)?;
        within("auth.refresh_token_days", self.refresh_token_days, 1..=365)?;
        within("auth.password_threads", self.password_threads, 1..=64)?;
        for (key, name, least) in [
            ("auth.issuer", &self.issuer, 1),
            ("auth.audience", &self.audience, 1),
            ("auth.role_claim", &self.role_claim, 0),
        ] {
            if name.len() < least || name.len() > NAME_CHARS_MAX {
                return Err(ConfigError::new(format!(
                    "{key} must have {least} to {NAME_CHARS_MAX} characters"
                )));
            }
        }
        match self.mode {
            AuthMode::Jwt => self.check_keys(),
            AuthMode::Open if listen.ip().is_loopback() || self.open_to_network => Ok(()),
            AuthMode::Open => Err(ConfigError::new(format!(
                "auth.mode is \"open\" and server.listen is {listen}, which other machines can reach; \
                 listen on 127.0.0.1, set auth.mode = \"jwt\" or set auth.open_to_network = true"
            ))),
        }
    }

    fn check_keys(&self) -> Result<(), ConfigError> {
        let refuse = |message: &str| Err(ConfigError::new(message));
        if !self.operator_token.is_empty() {
            return refuse(
                "auth.operator_token is for auth.mode = \"open\"; take it out, and sign a token with \
                 `lastunit token --role admin` instead",
            );
        }
        let (keys, signs) = (!self.key_file.is_empty(), !self.signing_key_file.is_empty());
        if !self.issuer_enabled && !keys && !signs {
            return refuse(
                "auth.issuer_enabled is false and there is no key to verify tokens with; give \
                 auth.key_file",
            );
        }
        if self.issuer_enabled && keys && !signs && self.algorithm != TokenAlgorithm::Hs256 {
            return refuse(
                "auth.key_file only verifies tokens; set auth.issuer_enabled = false if somebody else \
                 issues them, or give auth.signing_key_file",
            );
        }
        if self.issuer_enabled && !keys && !signs && self.algorithm != TokenAlgorithm::EdDsa {
            return Err(ConfigError::new(format!(
                "auth.algorithm is {} and there is no key; give auth.signing_key_file (a key is made \
                 for EdDSA only)",
                self.algorithm.as_str()
            )));
        }
        Ok(())
    }

    pub(super) fn accounts(
        &self,
        data_dir: &Path,
        database: StoreAddress,
        connections_max: u32,
    ) -> Settings {
        let file = |path: &String| (!path.is_empty()).then(|| PathBuf::from(path));
        Settings {
            keys: KeyFiles {
                algorithm: self.algorithm,
                verifying: file(&self.key_file),
                signing: file(&self.signing_key_file),
                issues: self.issuer_enabled,
                data_dir: data_dir.to_owned(),
            },
            rules: TokenRules {
                issuer: self.issuer.clone(),
                audience: self.audience.clone(),
                leeway_seconds: self.leeway_seconds,
                role_claim: self.role_claim.clone(),
            },
            location: match database {
                StoreAddress::Sqlite(_) => Location::Sqlite(data_dir.join(FILE)),
                StoreAddress::Postgres(url) => {
                    Location::Postgres { url: url.expose().to_owned(), connections_max }
                }
            },
            issues: self.issuer_enabled,
            access_seconds: self.access_token_seconds,
            refresh_days: self.refresh_token_days,
            cached_tokens_max: self.cached_tokens_max,
            password_threads: self.password_threads,
        }
    }
}

/// The file of accounts must be no other file's.
pub(super) fn check_file(data_dir: &Path, others: &[StoreAddress]) -> Result<(), ConfigError> {
    let accounts = data_dir.join(FILE);
    if others.contains(&StoreAddress::Sqlite(accounts.clone())) {
        return Err(ConfigError::new(format!(
            "{} is where accounts are kept; give journal.url and database.url other files",
            accounts.display()
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Flags, load};
    use std::io::Write;

    fn with(lines: &str) -> Result<Config, String> {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        writeln!(file, "[auth]\n{lines}").expect("room");
        load(Some(file.path()), std::iter::empty(), &Flags::default())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn one_word_gives_a_shop_accounts() {
        assert!(with("mode = \"jwt\"").is_ok());
    }

    #[test]
    fn every_misconfiguration_is_one_clear_line() {
        let jwt = |lines: &str| with(&format!("mode = \"jwt\"\n{lines}"));
        for (lines, said) in [
            ("algorithm = \"none\"", "auth.algorithm is \"none\""),
            ("algorithm = \"RS256\"", "auth.algorithm is RS256 and there is no key"),
            ("algorithm = \"HS256\"", "auth.algorithm is HS256 and there is no key"),
            ("key_file = \"a\"", "auth.key_file only verifies tokens"),
            ("issuer_enabled = false", "there is no key to verify tokens with"),
            ("operator_token = \"an-operator-token-for-tests\"", "auth.operator_token is for"),
            ("issuer = \"\"", "auth.issuer must have 1 to 200"),
            ("audience = \"\"", "auth.audience must have 1 to 200"),
            ("leeway_seconds = 301", "auth.leeway_seconds is 301"),
            ("access_token_seconds = 0", "auth.access_token_seconds is 0"),
            ("refresh_token_days = 0", "auth.refresh_token_days is 0"),
            ("password_threads = 0", "auth.password_threads is 0"),
            ("cached_tokens_max = 1", "auth.cached_tokens_max is 1"),
        ] {
            let complaint = jwt(lines).expect_err(lines);
            assert!(complaint.contains(said) && !complaint.contains('\n'), "{complaint}");
        }
    }

    #[test]
    fn a_token_of_the_wrong_kind_is_not_repeated() {
        let complaint = with("operator_token = 123456789012345678").expect_err("no text");
        assert!(complaint.contains("auth.operator_token"), "{complaint}");
        assert!(!complaint.contains("123456789012345678"), "{complaint}");
    }
}
