//! App: the commands of the program, and the one place where every stage is wired.
//!
//! `serve` builds the stages once, in the order data flows, and takes them down again; `offline` has
//! the commands that need no server; `demo` fills an empty store; `numbers` feeds the gauges.

mod demo;
mod numbers;
mod offline;
mod serve;

pub use offline::{audit, journal_cat, migrate, openapi, print};
pub use serve::serve;

use crate::cart::Carts;
use crate::clock::Clock;
use crate::config::{Config, ConfigError, StoreAddress};
use crate::http::server::ListenError;
use crate::journal::Location;
use crate::journal::cat::CatError;
use crate::journal::store::StoreError;
use crate::projection::{Database, DatabaseConfig, DatabaseError, QueryError};
use std::path::Path;
use std::time::Duration;

/// Why the program could not do what it was asked, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(String);

impl StartError {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// Errors that say all there is to say.
macro_rules! from_error {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for StartError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        }
    )*};
}

from_error!(
    crate::cart::OpenError,
    CatError,
    ConfigError,
    DatabaseError,
    ListenError,
    QueryError,
    StoreError,
    std::io::Error
);

/// Where the journal is.
fn journal_location(config: &Config) -> Location {
    match config.journal_address() {
        StoreAddress::Sqlite(path) => Location::Sqlite(path),
        StoreAddress::Postgres(url) => Location::Postgres(url.expose().to_owned()),
    }
}

/// Opens the store of carts; a Postgres or a Redis that is away is waited for later.
async fn open_carts(config: &Config, clock: Clock) -> Result<Carts, StartError> {
    Ok(Carts::open(config.cart_location(), config.cart.lifetime(), clock).await?)
}

/// Opens the database of the query tables; a Postgres that is away is not noticed here.
async fn open_database(config: &Config) -> Result<Database, StartError> {
    let url = match config.database_address() {
        StoreAddress::Sqlite(path) => format!("sqlite://{}", path.display()),
        StoreAddress::Postgres(url) => url.expose().to_owned(),
    };
    let options = DatabaseConfig {
        connections_max: config.database.connections_max,
        ..DatabaseConfig::default()
    };
    Ok(Database::open(&url, &options).await?)
}

/// Creates the folder of a file that is to be created.
fn prepare_folder(address: &StoreAddress) -> Result<(), StartError> {
    let StoreAddress::Sqlite(path) = address else { return Ok(()) };
    let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) else {
        return Ok(());
    };
    std::fs::create_dir_all(folder).map_err(|error| {
        StartError::new(format!(
            "cannot create the folder {}: {error}; choose another --data-dir or create it for the user lastunit runs as",
            folder.display()
        ))
    })
}

/// How long snapshots may take at shutdown; what is not stored by then is replayed at the next start.
const SNAPSHOTS_AT_SHUTDOWN: Duration = Duration::from_secs(5);
