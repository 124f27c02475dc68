//! Live updates: thousands of WebSocket clients that follow the stock of one hot product, on the same
//! machine as the server, and purchases beside them.
//!
//! Each round starts the server twice: once for purchases without anybody who watches, once with the
//! crowd, first as it is and then with clients beside it that take nothing any more. In which order the
//! two come changes from round to round.

mod crowd;
mod report;
mod rounds;

use std::path::PathBuf;

use clap::Args;
use serde::Serialize;

use crate::machine::Machine;

pub use report::markdown;
pub use rounds::run;

#[derive(Debug, Args)]
pub struct Options {
    /// Clients that follow the product
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub clients: u32,
    /// Clients beside them that stop reading
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub stalled: u32,
    /// How often everything is repeated; the report shows medians
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// Length of one measurement
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub seconds: u64,
    /// Connections of the buyers
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: u32,
    /// Purchases a second while delays are measured, each of which is an update
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub changes_per_second: u32,
    /// The lastunit binary [default: the one beside this binary, built first when run by cargo]
    #[arg(long, value_name = "FILE")]
    pub lastunit: Option<PathBuf>,
    /// Write every single measurement to this file as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// Everything the run found out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Results {
    pub machine: Machine,
    pub clients: u32,
    pub stalled: u32,
    pub seconds: u64,
    pub connections: u32,
    pub changes_per_second: u32,
    pub rounds: Vec<Round>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Round {
    /// Purchases a second while nobody watches.
    pub alone: f64,
    /// Memory of the server for each client, in bytes: when all are connected, and after many updates.
    pub bytes_at_rest: f64,
    pub bytes_after_updates: f64,
    /// With the crowd, and with the crowd and those that stalled.
    pub watched: Watched,
    pub beside_stalled: Watched,
}

/// One measurement with a crowd.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Watched {
    /// Purchases a second under full load, and values a second that clients read meanwhile.
    pub purchases: f64,
    pub values_beside_purchases: f64,
    pub delay: Delay,
}

/// From the moment a purchase is sent until a client has read a number at least as new, over all
/// purchases and clients.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Delay {
    pub p50_milliseconds: u64,
    pub p99_milliseconds: u64,
    pub most_milliseconds: u64,
    /// Pairs of a purchase and a client who had not read of it a second after the last one.
    pub missing: u64,
    /// Values that all clients have read, a second.
    pub values: f64,
}
