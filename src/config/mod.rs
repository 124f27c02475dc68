//! Config: the settings of the server, in nested structures with one file per subject.
//!
//! `config/default.toml` is compiled in, is the first layer and is the manual; `load` puts the other
//! layers on it. Everything is read and checked before any file is opened or any port is bound, and
//! every complaint is one line that names the key. Passwords in URLs can be used but not printed.

mod address;
mod auth;
mod cart;
mod limits;
mod live;
mod load;
mod monitoring;
mod parts;
mod payment;
mod secret;
mod server;

pub use address::{StoreAddress, StoreUrl};
pub use auth::{AuthConfig, AuthMode};
pub use cart::{CartConfig, RedisConfig};
pub use limits::{LimitsConfig, Rate};
pub use live::LiveConfig;
pub use load::{ConfigError, Flags, PREFIX, load};
pub use monitoring::MonitoringConfig;
pub use parts::{
    DatabaseConfig, EngineConfig, HoldsConfig, JournalConfig, OrdersConfig, ProjectionConfig,
    QueueConfig, TelemetryConfig,
};
pub use payment::PaymentConfig;
pub use secret::Secret;
pub use server::{ANY_ORIGIN, ForwardingHeader, ServerConfig};

use serde::{Deserialize, Serialize};
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

/// The built-in layer, and the manual.
pub const DEFAULT: &str = include_str!("../../config/default.toml");

/// All settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub data_dir: PathBuf,
    pub server: ServerConfig,
    pub journal: JournalConfig,
    pub database: DatabaseConfig,
    pub projection: ProjectionConfig,
    pub engine: EngineConfig,
    pub holds: HoldsConfig,
    pub queue: QueueConfig,
    pub orders: OrdersConfig,
    pub payment: PaymentConfig,
    pub cart: CartConfig,
    pub redis: RedisConfig,
    pub auth: AuthConfig,
    pub limits: LimitsConfig,
    pub live: LiveConfig,
    pub monitoring: MonitoringConfig,
    pub telemetry: TelemetryConfig,
}

impl Config {
    /// Where the journal is.
    #[must_use]
    pub fn journal_address(&self) -> StoreAddress {
        self.journal.url.resolve(&self.data_dir, "journal.sqlite")
    }

    /// Where the tables for queries are.
    #[must_use]
    pub fn database_address(&self) -> StoreAddress {
        self.database.url.resolve(&self.data_dir, "database.sqlite")
    }

    /// Where carts are kept.
    #[must_use]
    pub fn cart_location(&self) -> crate::cart::Location {
        self.redis.carts(&self.data_dir, self.database_address(), self.database.connections_max)
    }

    /// What accounts are run with, for `auth.mode = "jwt"`.
    #[must_use]
    pub fn accounts(&self) -> crate::account::Settings {
        self.auth.accounts(&self.data_dir, self.database_address(), self.database.connections_max)
    }

    /// The settings as a file that would give them again, passwords hidden.
    ///
    /// # Errors
    /// When a value cannot be written as TOML, which only a path that is not UTF-8 can cause.
    pub fn to_toml(&self) -> Result<String, ConfigError> {
        toml::to_string_pretty(self).map_err(|error| ConfigError::new(error.to_string()))
    }

    /// Checks every value, and that they fit each other.
    fn check(&self) -> Result<(), ConfigError> {
        if self.data_dir == Path::new("") {
            return Err(ConfigError::new("data_dir must not be empty"));
        }
        self.server.check()?;
        self.journal.check()?;
        self.database.check()?;
        self.projection.check()?;
        self.engine.check()?;
        self.holds.check()?;
        self.queue.check()?;
        self.orders.check()?;
        self.payment.check()?;
        self.cart.check()?;
        self.redis.check()?;
        self.auth.check(self.server.listen)?;
        self.limits.check()?;
        self.live.check()?;
        self.telemetry.check()?;
        if self.journal_address() == self.database_address()
            && matches!(self.journal_address(), StoreAddress::Sqlite(_))
        {
            let message = "journal.url and database.url name the same SQLite file; they need two";
            return Err(ConfigError::new(message));
        }
        let others = [self.journal_address(), self.database_address()];
        auth::check_file(&self.data_dir, &others)?;
        cart::check_file(&self.cart_location(), others)
    }
}

/// Refuses a value out of range.
fn within<T: PartialOrd + Display>(
    key: &str,
    value: T,
    range: RangeInclusive<T>,
) -> Result<(), ConfigError> {
    if range.contains(&value) {
        return Ok(());
    }
    let (min, max) = range.into_inner();
    Err(ConfigError::new(format!("{key} is {value}; it must be from {min} to {max}")))
}
