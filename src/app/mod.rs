//! App: the commands of the program, and the one place where every stage is wired.
//!
//! `start` builds the stages once, in the order data flows, `screens` those of live updates; `serve` runs
//! them and takes them down again; `signals` counts what is to end it; `offline` has the commands that
//! need no server; `health` asks a running server; `in_process` starts one for the program that asks it; `demo`
//! fills an empty store; `numbers` feeds the gauges, `tables` those that the query tables know; `load` watches
//! how busy the server is.

mod demo;
mod health;
mod in_process;
mod load;
mod numbers;
mod offline;
mod screens;
mod serve;
mod signals;
mod start;
mod tables;

pub use health::health;
pub use in_process::{InProcess, in_process};
pub use offline::{account, audit, journal_cat, migrate, openapi, print, token};
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
#[error("{message}")]
pub struct StartError {
    message: String,
    /// Whether it is in the log already, as its last line.
    told: bool,
}

impl StartError {
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), told: false }
    }

    fn already_told(self) -> Self {
        Self { told: true, ..self }
    }

    /// Whether nobody needs to print it any more.
    #[must_use]
    pub const fn is_told(&self) -> bool {
        self.told
    }
}

/// Errors that say all there is to say.
macro_rules! from_error {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for StartError {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        }
    )*};
}

from_error!(
    crate::account::OpenError,
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

/// Says what could not be done with the journal, and where it is.
fn journal_error(config: &Config, error: StoreError) -> StartError {
    let address = config.journal_address();
    match (error, &address) {
        (StoreError::Unavailable(reason), StoreAddress::Postgres(_)) => StartError::new(format!(
            "the journal {address} cannot be reached: start that Postgres or correct journal.url \
             ({reason})"
        )),
        (StoreError::Unavailable(reason), StoreAddress::Sqlite(_)) => StartError::new(format!(
            "the journal {address} cannot be used: check the file and journal.url ({reason})"
        )),
        (error, _) => error.into(),
    }
}

/// Says that a connection is being made: it may take a while, and then it should be known to what.
fn connecting(what: &str, address: &StoreAddress) {
    if let StoreAddress::Postgres(_) = address {
        tracing::info!("connecting to the {what} {address}");
    }
}

/// Opens the database of the query tables; a Postgres that is away is not noticed here.
async fn open_database(config: &Config) -> Result<Database, StartError> {
    let options = database_options(config);
    Ok(match config.database_address() {
        StoreAddress::Sqlite(path) => Database::open_file(&path, &options).await?,
        StoreAddress::Postgres(url) => Database::open(url.expose(), &options).await?,
    })
}

/// The same for reading alone: creates nothing and changes nothing.
async fn open_database_for_reading(config: &Config) -> Result<Database, StartError> {
    let options = database_options(config);
    Ok(match config.database_address() {
        StoreAddress::Sqlite(path) => Database::read_file(&path, &options).await?,
        StoreAddress::Postgres(url) => Database::open(url.expose(), &options).await?,
    })
}

fn database_options(config: &Config) -> DatabaseConfig {
    DatabaseConfig { connections_max: config.database.connections_max, ..DatabaseConfig::default() }
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

/// How long closing may take in all, those snapshots included: a journal that cannot be written must
/// not keep the process.
const CLOSE_MAX: Duration = Duration::from_secs(10);

/// The same after a second signal.
const CLOSE_IN_A_HURRY: Duration = Duration::from_secs(1);
