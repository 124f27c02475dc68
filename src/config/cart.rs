//! Settings of carts: how long they are kept, and in what.

use super::{ConfigError, StoreAddress, StoreUrl, within};
use crate::cart::{Lifetime, Location, check_redis_url};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Name of the file of carts, in the data directory.
const FILE: &str = "carts.sqlite";

/// `[cart]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CartConfig {
    pub ttl_days: u64,
}

impl CartConfig {
    #[must_use]
    pub const fn lifetime(&self) -> Lifetime {
        Lifetime::days(self.ttl_days)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        within("cart.ttl_days", self.ttl_days, 1..=365)
    }
}

/// `[redis]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RedisConfig {
    pub url: StoreUrl,
}

impl RedisConfig {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if self.url.expose().is_empty() || check_redis_url(self.url.expose()) {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "redis.url is \"{}\"; it must be empty or redis://USER:PASSWORD@HOST:PORT/NUMBER \
             (without TLS)",
            self.url
        )))
    }

    /// Where carts are kept: in Redis when there is one, else in the Postgres of the query tables, else
    /// in a file.
    pub(super) fn carts(
        &self,
        data_dir: &Path,
        database: StoreAddress,
        connections_max: u32,
    ) -> Location {
        if !self.url.expose().is_empty() {
            return Location::Redis(self.url.expose().to_owned());
        }
        match database {
            StoreAddress::Sqlite(_) => Location::Sqlite(data_dir.join(FILE)),
            StoreAddress::Postgres(url) => {
                Location::Postgres { url: url.expose().to_owned(), connections_max }
            }
        }
    }
}

/// The file of carts must be no other file's.
pub(super) fn check_file(carts: &Location, others: [StoreAddress; 2]) -> Result<(), ConfigError> {
    let Location::Sqlite(carts) = carts else { return Ok(()) };
    let taken = |path: PathBuf| {
        Err(ConfigError::new(format!(
            "{} is where carts are kept; give journal.url and database.url other files",
            path.display()
        )))
    };
    for other in others {
        if let StoreAddress::Sqlite(path) = other
            && path == *carts
        {
            return taken(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(url: &str) -> RedisConfig {
        RedisConfig { url: StoreUrl::new(url) }
    }

    #[test]
    fn carts_are_kept_in_redis_or_postgres_or_a_file() {
        let database = |url: &str| StoreUrl::new(url).resolve(Path::new("/data"), "a.sqlite");
        let place = |url: &str, base: &str| redis(url).carts(Path::new("/data"), database(base), 8);
        assert!(place("", "") == Location::Sqlite("/data/carts.sqlite".into()));
        assert!(place("", "sqlite:/x/b.sqlite") == Location::Sqlite("/data/carts.sqlite".into()));
        assert!(place("", "sqlite::memory:") == Location::Sqlite("/data/carts.sqlite".into()));
        assert!(matches!(place("", "postgres://db/shop"), Location::Postgres { .. }));
        assert!(place("redis://h", "") == Location::Redis("redis://h".to_owned()));
        let file = place("", "");
        assert!(check_file(&file, [database(""), database("")]).is_ok());
        let same = check_file(&file, [database(""), database("sqlite:/data/carts.sqlite")]);
        assert!(same.unwrap_err().to_string().contains("/data/carts.sqlite"));
    }

    #[test]
    fn other_urls_are_refused_without_their_password() {
        assert!(redis("").check().is_ok() && redis("redis://ann:secret@h/1").check().is_ok());
        for bad in ["rediss://ann:secret@h", "redis://ann:secret@h/x", "http://:secret@h", "here"] {
            let complaint = redis(bad).check().unwrap_err().to_string();
            assert!(complaint.starts_with("redis.url is "), "{complaint}");
            assert!(!complaint.contains("secret"), "{complaint}");
        }
    }
}
