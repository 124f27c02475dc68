//! How many connections the row lock's pool has: too few leave Postgres idle, too many fight for the
//! row. The baseline gets the best of a short calibration, not a default that makes it look bad.

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    contestant::Contestant,
    options::Options,
    server::{Binaries, Server},
    wrk::{Run, Wrk},
};

pub const SIZES: [u32; 4] = [4, 8, 16, 32];
/// Each size has two tries, apart in time, and its better one counts.
const PASSES: usize = 2;
const SECONDS: u64 = 2;

#[derive(Debug, Clone, Serialize)]
pub struct Pool {
    pub size: u32,
    /// How it was chosen, for the report.
    pub choice: String,
}

impl Pool {
    /// The size that sells most, unless it was given or nobody needs one.
    pub fn choose(options: &Options, binaries: &Binaries, wrk: &Wrk) -> Result<Self> {
        if let Some(size) = options.pool_size {
            return Ok(Self { size, choice: format!("{size}, as told") });
        }
        if !options.contestants().contains(&Contestant::RowLock) {
            return Ok(Self { size: SIZES[0], choice: "not needed".to_owned() });
        }
        let connections = options.compared_connections();
        let mut found = SIZES.map(|size| (size, 0.0_f64));
        for _ in 0..PASSES {
            for (size, best) in &mut found {
                let speed = try_size(*size, connections, binaries, wrk)?;
                eprintln!("calibration: row lock with a pool of {size}: {speed:.0} requests/s");
                *best = best.max(speed);
            }
        }
        let fastest = found.iter().max_by(|one, other| one.1.total_cmp(&other.1));
        let (size, _) = *fastest.context("no pool size was tried")?;
        let tried = found.map(|(size, speed)| format!("{size}: {speed:.0}/s")).join(", ");
        let choice = format!("{size}, the best at {connections} connections of {tried}");
        Ok(Self { size, choice })
    }
}

fn try_size(size: u32, connections: u32, binaries: &Binaries, wrk: &Wrk) -> Result<f64> {
    let server = Server::start(Contestant::RowLock, binaries, size)?;
    let (address, product) = (server.shop.address(), server.product);
    let question = Contestant::RowLock.question();
    let run = Run {
        address,
        question,
        product,
        connections,
        seconds: 1,
        checked_status: None,
        tokens: None,
    };
    wrk.run(run)?;
    Ok(wrk.run(Run { seconds: SECONDS, ..run })?.requests_per_second())
}
