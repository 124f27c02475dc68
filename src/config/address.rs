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
        if self.is_postgres() {
            self.check_parameters(key)?;
        }
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
    /// and the last `@`, and every value of a parameter that is not known to be harmless.
    fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (place, query) = match rest.split_once('?') {
            None => (rest, None),
            Some((place, query)) => (place, Some(query)),
        };
        if query.is_some_and(|query| query.contains('@')) {
            // Nobody knows whether the `?` is part of a password: show what is before one.
            let shown = place.split(':').next().unwrap_or_default();
            return format!("{scheme}://{shown}:{HIDDEN}");
        }
        let place = match place.rsplit_once('@') {
            Some((user, host)) if user.contains(':') => {
                format!("{}:{HIDDEN}@{host}", user.split(':').next().unwrap_or_default())
            }
            _ => place.to_owned(),
        };
        let Some(query) = query else { return format!("{scheme}://{place}") };
        let shown: Vec<_> = query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((PASSWORD, _)) => format!("{PASSWORD}={HIDDEN}"),
                Some((name, _)) if is_harmless(name) => pair.to_owned(),
                _ => HIDDEN.to_owned(),
            })
            .collect();
        format!("{scheme}://{place}?{}", shown.join("&"))
    }

    /// Parameters that the driver does not know would be ignored, and a password cut in two by an
    /// `&`, `?` or `#` would be half a parameter: neither is named in the message.
    fn check_parameters(&self, key: &str) -> Result<(), ConfigError> {
        let refuse = |what: &str| {
            Err(ConfigError::new(format!(
                "{key} is \"{self}\"; {what} (in a password write % as %25, ? as %3F, # as %23, & as \
                 %26 and @ as %40)"
            )))
        };
        if self.0.contains('#') {
            return refuse("there must be no # in it");
        }
        let Some((_, query)) = self.0.split_once('?') else { return Ok(()) };
        if query.contains('@') {
            return refuse("there must be no @ after the ?");
        }
        let is_known = |pair: &str| {
            pair.split_once('=').is_some_and(|(name, _)| name == PASSWORD || is_harmless(name))
        };
        if query.split('&').all(is_known) {
            return self.check_tls(key, query);
        }
        refuse(&format!(
            "it has a parameter that is none of {PASSWORD}, {}, options[NAME]",
            HARMLESS.join(", ")
        ))
    }

    fn check_tls(&self, key: &str, query: &str) -> Result<(), ConfigError> {
        for pair in query.split('&') {
            if let Some(("sslmode" | "ssl-mode", mode)) = pair.split_once('=')
                && !TLS_MODES.contains(&mode)
            {
                return Err(ConfigError::new(format!(
                    "{key} is \"{self}\"; its sslmode must be one of {}",
                    TLS_MODES.join(", ")
                )));
            }
        }
        Ok(())
    }
}

/// Values of `sslmode`.
const TLS_MODES: [&str; 6] = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// The parameter that must not be shown.
const PASSWORD: &str = "password";

/// The parameters of the Postgres driver that may be shown.
const HARMLESS: [&str; 17] = [
    "user",
    "host",
    "hostaddr",
    "port",
    "dbname",
    "sslmode",
    "ssl-mode",
    "sslrootcert",
    "ssl-root-cert",
    "ssl-ca",
    "sslcert",
    "ssl-cert",
    "sslkey",
    "ssl-key",
    "statement-cache-capacity",
    "application_name",
    "options",
];

fn is_harmless(name: &str) -> bool {
    HARMLESS.contains(&name) || (name.starts_with("options[") && name.ends_with(']'))
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
            "postgres://db/shop?sslpassword=x&password=secret",
            "postgres://db/shop?sslpassword=secret&password=x",
            "postgres://db:5432/shop?password=se@cret",
            "postgres://db/shop?user=ann@corp&password=se@cret",
            "postgres://ann:se?cret@db/shop",
            "postgres://ann:se#cret@db/shop",
            "postgres://ann:se&cret@db/shop?password=secret",
            "postgres://db/shop?password=x&secret",
            "postgres://db/shop?password=x&secret=1",
            "postgres://db/shop?%70assword=secret",
            "postgres://db/shop?PASSWORD=secret",
        ] {
            let url = StoreUrl::new(url);
            let complaint = url.check("journal.url").err().map(|error| error.to_string());
            let printed = format!("{url} {url:?} {complaint:?} {}", serde_json::json!(url));
            assert!(!printed.contains("cret"), "{printed}");
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
        let unknown = "postgres://db/shop?user=ann&sslpassword=x&connect_timeout=3";
        let complaint = StoreUrl::new(unknown).check("journal.url").expect_err("unknown");
        let said = "journal.url is \"postgres://db/shop?user=ann&***&***\"; it has a parameter that \
                    is none of password, user, host, ";
        assert!(complaint.to_string().starts_with(said), "{complaint}");
        let known = "postgres://db/shop?user=ann&password=x&sslmode=require&options[search_path]=a";
        assert_eq!(StoreUrl::new("postgres://ann:a%26b@db/shop").check("journal.url"), Ok(()));
        assert!(!StoreUrl::new(known).to_string().contains("password=x"));
        for bad in
            ["mysql://db/shop", "./journal", "sqlite:", "sqlite://a?mode=ro", "postgres:// x"]
        {
            assert!(StoreUrl::new(bad).check("journal.url").is_err(), "{bad}");
        }
    }
}
