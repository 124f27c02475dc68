//! The rounds: starts the server, brings the crowd, and measures.

use std::{env, fs, thread, time::Duration};

use anyhow::{Context, Result, ensure};

use super::{
    Delay, Options, Results, Round, Watched,
    crowd::{Crowd, Manner},
};
use crate::{
    contestant::{Contestant, Question},
    interrupt, lastunit,
    machine::Machine,
    options::Limits,
    rounds::raise_file_limit,
    server::{Binaries, Server},
    wrk::{Run, Wrk},
};

const CONTESTANT: Contestant = Contestant::LastunitSqlite;

/// Between two measurements, so that the first one's last updates are sent.
const REST: Duration = Duration::from_secs(2);

struct Driver<'a> {
    options: &'a Options,
    binaries: Binaries,
    wrk: Wrk,
}

pub fn run(options: &Options) -> Result<Results> {
    interrupt::listen()?;
    let clients = options.clients + options.stalled;
    raise_file_limit(u64::from(clients + options.connections) + 1_000)?;
    let bench = env::current_exe().context("cannot find out where this binary is")?;
    let lastunit = Some(lastunit::binary(options.lastunit.as_deref())?);
    let setting = |name: &str, value: u32| (format!("LASTUNIT_{name}"), value.to_string());
    let settings = vec![
        setting("LIVE__CLIENTS_MAX", clients),
        // One machine stands for a crowd.
        setting("LIVE__CLIENTS_PER_ADDRESS_MAX", clients),
        setting("SERVER__CONNECTIONS_MAX", 2_000 + options.connections),
    ];
    let binaries = Binaries { bench, lastunit, limits: Limits::Off, settings };
    let driver = Driver { options, binaries, wrk: Wrk::prepare()? };
    let mut results = Results {
        machine: Machine::describe(&[CONTESTANT])?,
        clients: options.clients,
        stalled: options.stalled,
        seconds: options.seconds,
        connections: options.connections,
        changes_per_second: options.changes_per_second,
        rounds: Vec::new(),
    };
    for number in 1..=options.rounds {
        eprintln!("round {number} of {}", options.rounds);
        results.rounds.push(driver.round(number)?);
    }
    Ok(results)
}

impl Driver<'_> {
    fn round(&self, number: u32) -> Result<Round> {
        let first = if number % 2 == 1 { Some(self.alone()?) } else { None };
        let (mut round, server) = self.with_crowd(number)?;
        drop(server);
        round.alone = match first {
            Some(alone) => alone,
            None => self.alone()?,
        };
        Ok(round)
    }

    fn alone(&self) -> Result<f64> {
        let server = Server::start(CONTESTANT, &self.binaries, 0)?;
        let purchases = self.purchases(&server)?;
        eprintln!("  {purchases:.0} purchases/s while nobody watches");
        Ok(purchases)
    }

    fn with_crowd(&self, number: u32) -> Result<(Round, Server)> {
        let server = Server::start(CONTESTANT, &self.binaries, 0)?;
        let (address, product) = (server.shop.address(), server.product);
        // Whatever the server needs once for itself is not the clients'.
        thread::sleep(REST);
        let before = resident_bytes(server.id())?;
        let crowd = Crowd::connect(address, product, self.options.clients, Manner::Reads)?;
        thread::sleep(REST);
        let clients = f64::from(self.options.clients);
        let each = |after: u64| {
            #[expect(clippy::cast_precision_loss, reason = "memory is far below 2^52 bytes")]
            let grown = after.saturating_sub(before) as f64;
            grown / clients
        };
        let bytes_at_rest = each(resident_bytes(server.id())?);
        eprintln!("  {} clients, {bytes_at_rest:.0} bytes each", self.options.clients);
        let delay = self.delay(&server, &crowd, "clients")?;
        // Before the purchases, which are remembered, too.
        let bytes_after_updates = each(resident_bytes(server.id())?);
        let stall = || Crowd::connect(address, product, self.options.stalled, Manner::Stalls);
        let stalled = stall()?;
        // Until their buffers are full they are clients like the others.
        self.delay(&server, &crowd, "until the stalled ones have stalled")?;
        let beside = "stalled ones beside them";
        let delay_beside = self.delay(&server, &crowd, beside)?;
        // Purchases leave work for later: each of the two comes first in every other round, and the delays
        // before them.
        let (watched, beside_stalled) = if number % 2 == 1 {
            let beside_stalled = self.watched(&server, &crowd, beside, delay_beside)?;
            drop(stalled);
            (self.watched(&server, &crowd, "clients", delay)?, beside_stalled)
        } else {
            drop(stalled);
            let watched = self.watched(&server, &crowd, "clients", delay)?;
            let _stalled = stall()?;
            (watched, self.watched(&server, &crowd, beside, delay_beside)?)
        };
        crowd.ensure_whole()?;
        drop(crowd);
        let round =
            Round { alone: 0.0, bytes_at_rest, bytes_after_updates, watched, beside_stalled };
        Ok((round, server))
    }

    fn watched(&self, server: &Server, crowd: &Crowd, who: &str, delay: Delay) -> Result<Watched> {
        let values = crowd.values();
        let purchases = self.purchases(server)?;
        #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
        let values = (crowd.values() - values) as f64 / (self.options.seconds + 1) as f64;
        eprintln!("  {who}: {purchases:.0} purchases/s, {values:.0} values/s read beside them");
        thread::sleep(REST);
        Ok(Watched { purchases, values_beside_purchases: values, delay })
    }

    fn delay(&self, server: &Server, crowd: &Crowd, who: &str) -> Result<Delay> {
        let often = Duration::from_secs(1) / self.options.changes_per_second;
        let count = u32::try_from(self.options.seconds)? * self.options.changes_per_second;
        let sell = || server.shop.buy(server.product, 201);
        let delay = crowd.time_changes(server.shop.taken(server.product)?, often, count, sell)?;
        eprintln!(
            "  {who}: updates after {} ms, p99 {} ms, {:.0} values/s",
            delay.p50_milliseconds, delay.p99_milliseconds, delay.values
        );
        Ok(delay)
    }

    /// Purchases a second under full load, of which each must be a sale.
    fn purchases(&self, server: &Server) -> Result<f64> {
        let run = Run {
            address: server.shop.address(),
            question: Question::Purchase,
            product: server.product,
            connections: self.options.connections,
            seconds: 1,
            checked_status: Some(CONTESTANT.status()),
            tokens: None,
        };
        let warm_up = self.wrk.run(run)?;
        ensure!(warm_up.unexpected == 0, "an unexpected answer: {}", warm_up.example);
        let load =
            self.wrk.run(Run { seconds: self.options.seconds, checked_status: None, ..run })?;
        let wrong = load.error_statuses + load.socket_errors + load.timeouts;
        ensure!(wrong == 0, "{wrong} purchases were not answered with a sale: {load:?}");
        Ok(load.requests_per_second())
    }
}

/// Memory of a process that is in RAM.
fn resident_bytes(process: u32) -> Result<u64> {
    let path = format!("/proc/{process}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches("kB").trim().parse().ok());
    let kibibytes: u64 = kibibytes.with_context(|| format!("{path} does not tell the memory"))?;
    Ok(kibibytes * 1_024)
}
