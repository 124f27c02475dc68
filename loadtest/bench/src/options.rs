//! The command line.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::contestant::Contestant;

#[derive(Debug, Parser)]
#[command(version, about, args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    pub part: Option<Part>,
    #[command(flatten)]
    pub options: Options,
}

/// What the driver does.
#[derive(Debug, Args)]
pub struct Options {
    /// How often every measurement is repeated; the report shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Length of the warm-up before each measurement, in which every answer is read and checked
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub warm_up_seconds: u64,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = [64, 256, 1000],
          value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Vec<u32>,
    /// Measure only these contestants
    #[arg(long, value_delimiter = ',', value_name = "NAME,...")]
    pub only: Vec<Contestant>,
    /// The lastunit binary [default: the one beside this binary, built first when run by cargo]
    #[arg(long, value_name = "FILE")]
    pub lastunit: Option<PathBuf>,
    /// Request limits of lastunit
    #[arg(long, value_enum, default_value_t = Limits::Off)]
    pub limits: Limits,
    /// Write every single measurement to this file as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Connections of the row lock's pool [default: the best of a short calibration]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=190))]
    pub pool_size: Option<u32>,
}

/// What lastunit does about request limits while it is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Limits {
    /// Nothing is counted
    Off,
    /// Everything is counted, and nobody reaches a limit
    On,
    /// Nothing is said about limits, for a binary that knows none
    Unset,
}

impl Limits {
    /// The settings of lastunit, without their prefix.
    pub fn settings(self) -> Vec<(String, String)> {
        let said = |name: &str, value: &str| (format!("LASTUNIT_LIMITS__{name}"), value.to_owned());
        match self {
            Self::Unset => Vec::new(),
            Self::Off => vec![said("ENABLED", "false")],
            Self::On => {
                let counted = [
                    "ADDRESS_READING",
                    "ADDRESS_BUYING",
                    "CUSTOMER_BUYING",
                    "PRODUCT_BUYING",
                    "SERVER_READING",
                    "SERVER_BUYING",
                ];
                let counted = counted.into_iter().flat_map(|name| {
                    [format!("{name}_PER_SECOND"), format!("{name}_BURST")]
                        .map(|name| said(&name, "10000000"))
                });
                // One late turn must not turn a whole measurement into refusals.
                let mut settings = vec![said("ENABLED", "true"), said("OVERLOAD_LAG_MS", "0")];
                settings.extend(counted);
                settings
            }
        }
    }

    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Off => "Request limits of lastunit are off",
            Self::On => "Request limits of lastunit are on, and so high that nobody reaches one",
            Self::Unset => "Request limits of lastunit are as its binary has them",
        }
    }
}

impl Options {
    /// The contestants to measure, in the order of the report.
    pub fn contestants(&self) -> Vec<Contestant> {
        let wanted =
            |contestant: &Contestant| self.only.is_empty() || self.only.contains(contestant);
        Contestant::ALL.into_iter().filter(wanted).collect()
    }

    /// The number of connections at which contestants are compared with each other.
    pub fn compared_connections(&self) -> u32 {
        const USUAL: u32 = 256;
        if self.connections.contains(&USUAL) { USUAL } else { self.connections[0] }
    }
}

/// The parts of a run that the driver starts from this same binary, each a process of its own; and the
/// measurement of live updates, which is one for itself.
#[derive(Debug, Subcommand)]
pub enum Part {
    /// Parse the request, answer it, do nothing
    #[command(name = "serve-ceiling")]
    Ceiling {
        #[arg(long)]
        listen: SocketAddr,
    },
    /// UPDATE … WHERE stock >= n, INSERT, COMMIT in Postgres
    #[command(name = "serve-row-lock")]
    RowLock {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        database_url: String,
        #[arg(long)]
        pool_size: u32,
    },
    /// A Lua script in Redis that decrements the stock and appends the order to a stream
    #[command(name = "serve-redis")]
    Redis {
        #[arg(long)]
        listen: SocketAddr,
        #[arg(long)]
        redis_url: String,
    },
    /// Clients that follow the stock of one hot product, and purchases beside them
    #[command(name = "screens")]
    Screens(crate::screens::Options),
    /// The engine in process: one line of JSON at the end
    #[command(name = "engine")]
    Engine {
        #[arg(long, default_value_t = 5)]
        seconds: u64,
        /// Leave the journal here, as a crash would: `lastunit serve --data-dir DIR` then shows how
        /// long a restart takes
        #[arg(long, value_name = "DIR")]
        keep: Option<PathBuf>,
    },
}
