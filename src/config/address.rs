//! Addresses of databases, with passwords that cannot be printed.

use super::ConfigError;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;
use std::path::{Path, PathBuf};

/// What stands in the place of a password.
const HIDDEN: &str = "***";

/// A URL of a database as configured; empty means the default file. Prints without its password.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct StoreUrl(String);

/// A database, ready to be opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAddress {
    Sqlite(PathBuf),
    Postgres(StoreUrl),
}

impl StoreUrl {
    #[must_use]
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The URL with its password, for the driver only.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    fn is_postgres(&self) -> bool {
        self.0.starts_with("postgres://") || self.0.starts_with("postgresql://")
    }

    fn sqlite_path(&self) -> Option<&str> {
        let rest = self.0.strip_prefix("sqlite:")?;
        Some(rest.strip_prefix("//").unwrap_or(rest))
    }

    pub(super) fn check(&self, key: &str) -> Result<(), ConfigError> {
        let fits = self.0.is_empty()
            || (self.is_postgres() && self.0.parse::<axum::http::Uri>().is_ok())
            || self.sqlite_path().is_some_and(|path| !path.is_empty() && !path.contains('?'));
        if fits {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "{key} is \"{self}\"; it must be empty, sqlite:PATH or postgres://USER:PASSWORD@HOST/DATABASE"
        )))
    }

    pub(super) fn resolve(&self, data_dir: &Path, default_file: &str) -> StoreAddress {
        match self.sqlite_path() {
            _ if self.is_postgres() => StoreAddress::Postgres(self.clone()),
            Some(path) => StoreAddress::Sqlite(PathBuf::from(path)),
            None => StoreAddress::Sqlite(data_dir.join(default_file)),
        }
    }

    /// The URL with whatever could be a password taken out: between the first `:` of the user part
    /// and the last `@`, and the value of a parameter that says so.
    fn redacted(&self) -> String {
        let mut shown = self.0.clone();
        if let Some(authority) = shown.find("://").map(|at| at + 3)
            && let Some(at) = shown.rfind('@')
            && let Some(colon) = shown.get(authority..at).and_then(|user| user.find(':'))
        {
            shown.replace_range(authority + colon + 1..at, HIDDEN);
        }
        for name in ["password=", "sslpassword="] {
            if let Some(start) = shown.find(name).map(|at| at + name.len()) {
                let end = shown[start..].find('&').map_or(shown.len(), |length| start + length);
                shown.replace_range(start..end, HIDDEN);
            }
        }
        shown
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.redacted())
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.redacted())
    }
}

impl Serialize for StoreUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.redacted())
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(formatter, "sqlite:{}", path.display()),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_not_printed() {
        for url in [
            "postgres://ann:secret@db/shop",
            "postgres://ann:se@cret@db:5432/shop?sslmode=require",
            "postgresql://db/shop?user=ann&password=secret",
            "postgresql://db/shop?password=secret&user=ann",
            "mysql://ann:secret@db/shop",
        ] {
            let url = StoreUrl::new(url);
            let complaint = url.check("journal.url").err().map(|error| error.to_string());
            let printed = format!("{url} {url:?} {complaint:?} {}", serde_json::json!(url));
            assert!(!printed.contains("secret") && !printed.contains("cret@"), "{printed}");
            assert!(printed.contains("***"), "{printed}");
        }
        let harmless = StoreUrl::new("postgres://ann@db/shop");
        assert_eq!(harmless.to_string(), harmless.expose());
    }

    #[test]
    fn addresses_are_resolved() {
        let resolve = |url: &str| StoreUrl::new(url).resolve(Path::new("/data"), "a.sqlite");
        assert_eq!(resolve(""), StoreAddress::Sqlite("/data/a.sqlite".into()));
        assert_eq!(resolve("sqlite:b.sqlite"), StoreAddress::Sqlite("b.sqlite".into()));
        assert_eq!(resolve("sqlite:///b.sqlite"), StoreAddress::Sqlite("/b.sqlite".into()));
        assert!(matches!(resolve("postgres://db/shop"), StoreAddress::Postgres(_)));
    }

    #[test]
    fn other_urls_are_refused() {
        for bad in
            ["mysql://db/shop", "./journal", "sqlite:", "sqlite://a?mode=ro", "postgres:// x"]
        {
            assert!(StoreUrl::new(bad).check("journal.url").is_err(), "{bad}");
        }
    }
}
