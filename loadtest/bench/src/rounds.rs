//! The run: every contestant at every number of connections, round after round. Interleaved, so
//! that whatever else the machine does in these minutes hits all of them alike.

use std::env;

use anyhow::{Context, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::{
    check,
    contestant::Contestant,
    engine, interrupt, lastunit,
    machine::Machine,
    options::Options,
    pool::{self, Pool},
    server::{Binaries, Server},
    statistics::{Measurement, Results},
    tokens::CUSTOMERS,
    wrk::{Load, Run, Wrk},
};

struct Driver<'a> {
    options: &'a Options,
    binaries: Binaries,
    wrk: Wrk,
    pool: Pool,
}

pub fn run(options: &Options) -> Result<Results> {
    interrupt::listen()?;
    let most = options.connections.iter().copied().max().unwrap_or(0);
    raise_file_limit(u64::from(most) * 2 + 1_000)?;
    let contestants = options.contestants();
    let needs_lastunit = contestants.iter().any(|contestant| contestant.is_lastunit());
    let bench = env::current_exe().context("cannot find out where this binary is")?;
    let lastunit =
        needs_lastunit.then(|| lastunit::binary(options.lastunit.as_deref())).transpose()?;
    let binaries = Binaries { bench, lastunit, limits: options.limits, settings: Vec::new() };
    let wrk = Wrk::prepare()?;
    let machine = Machine::describe(&contestants)?;
    for contestant in &contestants {
        eprintln!("trying {}", contestant.name());
        Server::start(*contestant, &binaries, pool::SIZES[0])?;
    }
    let pool = Pool::choose(options, &binaries, &wrk)?;
    let driver = Driver { options, binaries, wrk, pool };
    let mut results = Results {
        machine,
        rounds: options.rounds,
        seconds: options.seconds,
        warm_up_seconds: options.warm_up_seconds,
        connections: options.connections.clone(),
        compared_connections: options.compared_connections(),
        contestants,
        limits: options.limits,
        pool: driver.pool.clone(),
        measurements: Vec::new(),
        engine: Vec::new(),
    };
    for round in 1..=options.rounds {
        driver.round(round, &mut results)?;
    }
    Ok(results)
}

impl Driver<'_> {
    fn round(&self, round: u32, results: &mut Results) -> Result<()> {
        for connections in &self.options.connections {
            for contestant in results.contestants.clone() {
                let measurement = self.measure(contestant, *connections, round);
                interrupt::check()?;
                results.measurements.push(measurement);
                self.tell(results);
            }
        }
        if self.options.only.is_empty() && engine::is_available() {
            let run = engine::measure(&self.binaries.bench, self.options.seconds)?;
            eprintln!("round {round}: engine in process: {:.0} sales/s", run.sales_per_second());
            results.engine.push(run);
        }
        Ok(())
    }

    /// Whatever goes wrong is part of the result: the others are measured all the same.
    fn measure(&self, contestant: Contestant, connections: u32, round: u32) -> Measurement {
        let mut failures = Vec::new();
        let load = self.load(contestant, connections, &mut failures).map_err(|error| {
            failures.push(format!("{error:#}"));
        });
        Measurement { contestant, connections, round, load: load.ok(), failures }
    }

    fn load(
        &self,
        contestant: Contestant,
        connections: u32,
        failures: &mut Vec<String>,
    ) -> Result<Load> {
        let server = Server::start(contestant, &self.binaries, self.pool.size)?;
        let run = Run {
            address: server.shop.address(),
            question: contestant.question(),
            product: server.product,
            connections,
            seconds: self.options.warm_up_seconds,
            checked_status: Some(contestant.status()),
            tokens: server.tokens(),
        };
        let mut loads = vec![self.wrk.run(run)?];
        // Tokens are verified once and remembered: customers come more than once. What it costs when
        // they come for the first time is in docs/performance.md.
        while server.tokens().is_some()
            && loads.last().is_some_and(|load| (1..u64::from(CUSTOMERS)).contains(&load.requests))
        {
            loads.push(self.wrk.run(run)?);
        }
        let load =
            self.wrk.run(Run { seconds: self.options.seconds, checked_status: None, ..run })?;
        loads.push(load.clone());
        for load in &loads {
            failures.extend(check::answers(contestant, load));
        }
        failures.extend(check::stock(contestant, &server, &loads, connections)?);
        if !failures.is_empty() {
            let log = server.log();
            eprintln!("the log of {} ends with: {log}", contestant.name());
        }
        Ok(load)
    }

    /// One progress line for the newest measurement, and its failures as loud as it gets.
    fn tell(&self, results: &Results) {
        let Some(newest) = results.measurements.last() else { return };
        let rounds = usize::try_from(self.options.rounds).unwrap_or(usize::MAX);
        let all = rounds * self.options.connections.len() * results.contestants.len();
        let place = format!("[{}/{all}] round {}", results.measurements.len(), newest.round);
        let who =
            format!("{:>5} connections  {:<17}", newest.connections, newest.contestant.name());
        if let Some(load) = &newest.load {
            let speed = load.requests_per_second();
            let (p50, p99) = (load.p50_microseconds, load.p99_microseconds);
            eprintln!("{place} {who} {speed:>9.0} requests/s  p50 {p50} µs  p99 {p99} µs");
        }
        for failure in &newest.failures {
            eprintln!("{place} {who} FAILED: {failure}");
        }
    }
}

/// Every connection is a file, on both sides; the servers inherit the limit.
pub fn raise_file_limit(wanted: u64) -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    let maximum = limit.maximum;
    setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum }).with_context(|| {
        format!("this run needs {wanted} open files, this account may have {maximum:?}: raise `ulimit -Hn`")
    })
}
