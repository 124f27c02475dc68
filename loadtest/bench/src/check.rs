//! The verdict on one measurement: a fast server that sells something else than it says has not
//! been measured, it has failed.

use std::time::Duration;

use anyhow::Result;
use throwaway::wait_until;

use crate::{contestant::Contestant, server::Server, wrk::Load};

/// For units sold after the last answer was read: they may still be on their way to the disk.
const LIMIT: Duration = Duration::from_secs(2);

/// What is wrong with the answers of a run; nothing, if all is well.
pub fn answers(contestant: Contestant, load: &Load) -> Vec<String> {
    let mut failures = Vec::new();
    if load.requests == 0 {
        failures.push("no request was answered".to_owned());
    }
    if load.unexpected > 0 {
        let status = contestant.status();
        failures.push(format!(
            "{} answers were not {status}, such as: {}",
            load.unexpected, load.example
        ));
    }
    if contestant.status() < 400 && load.error_statuses > 0 {
        failures.push(format!("{} of {} answers were errors", load.error_statuses, load.requests));
    }
    if contestant.status() >= 400 && load.error_statuses < load.requests {
        let answers = load.requests - load.error_statuses;
        failures.push(format!("{answers} of {} answers were no refusals", load.requests));
    }
    if load.socket_errors + load.timeouts > 0 {
        failures.push(format!("{} socket errors, {} timeouts", load.socket_errors, load.timeouts));
    }
    failures
}

/// Compares the units sold, held or queued for with the answers that `loads` counted. The generator leaves without the
/// last answer of each connection, so up to that many units more may be sold.
pub fn stock(
    contestant: Contestant,
    server: &Server,
    loads: &[Load],
    connections: u32,
) -> Result<Option<String>> {
    if !contestant.keeps_stock() {
        return Ok(None);
    }
    let (least, most) = if contestant == Contestant::Refusals {
        (1, 1)
    } else {
        let answered: u64 = loads.iter().map(|load| load.requests).sum();
        let runs = u64::try_from(loads.len())?;
        (answered, answered + runs * u64::from(connections))
    };
    let mut sold = 0;
    let right = wait_until(LIMIT, || {
        sold = server.shop.taken(server.product)?;
        if contestant == Contestant::Queued {
            sold += server.shop.queued(server.product)?;
        }
        Ok((least..=most).contains(&sold))
    })?;
    Ok((!right)
        .then(|| format!("{sold} units are sold or held, {least} to {most} were answered so")))
}

#[cfg(test)]
mod tests {
    use super::{Contestant, Load, answers};

    fn load(requests: u64, error_statuses: u64) -> Load {
        Load {
            requests,
            microseconds: 1_000_000,
            p50_microseconds: 1,
            p99_microseconds: 1,
            error_statuses,
            socket_errors: 0,
            timeouts: 0,
            unexpected: 0,
            example: String::new(),
        }
    }

    #[test]
    fn sellers_must_sell_and_refusals_must_refuse() {
        assert!(answers(Contestant::LastunitSqlite, &load(10, 0)).is_empty());
        assert_eq!(
            answers(Contestant::LastunitSqlite, &load(10, 1)),
            ["1 of 10 answers were errors"]
        );
        assert!(answers(Contestant::Refusals, &load(10, 10)).is_empty());
        assert_eq!(
            answers(Contestant::Refusals, &load(10, 9)),
            ["1 of 10 answers were no refusals"]
        );
        assert_eq!(answers(Contestant::Ceiling, &load(0, 0)), ["no request was answered"]);
    }
}
