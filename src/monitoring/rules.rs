//! Rules: what of the server itself somebody should know. Pure: looks in, verdicts out.

use super::alerts::{AlertName, Severity, Verdict};
use super::look::{Look, ProjectionStanding};
use super::sample::{QUANTILE_LOOKS, Rate, ago};
use crate::journal::handle::JournalState;
use std::collections::VecDeque;

/// Seconds that the query tables are behind: from the upper one on it is told, below the lower one not any
/// more. A rush alone costs them some seconds.
const LAG_HIGH: f64 = 15.0;
const LAG_LOW: f64 = 5.0;

/// Seconds of all but one of a hundred commits, and how many it takes to say so.
const COMMIT_HIGH: f64 = 0.25;
const COMMIT_LOW: f64 = 0.1;
const COMMITS_MIN: f64 = 5.0;

/// The part of answers that are 5xx, and how many it takes to say so.
const ERRORS_CRITICAL: f64 = 0.25;
const ERRORS_HIGH: f64 = 0.05;
const ERRORS_LOW: f64 = 0.02;
const ERRORS_MIN: f64 = 5.0;

/// Looks in a row that it takes to raise and to clear.
const RAISE: u32 = 3;
const CLEAR: u32 = 10;

/// What each rule says of a look beside those before it.
pub(super) fn judge(look: &Look, before: &VecDeque<Look>) -> [(AlertName, Verdict); 4] {
    [
        (AlertName::ProjectionBehind, projection_behind(look)),
        (AlertName::JournalSlow, journal_slow(look, before)),
        (AlertName::SheddingLoad, shedding_load(look, before)),
        (AlertName::ErrorRate, error_rate(look, before)),
    ]
}

fn on(severity: Severity, subject: &str, message: String, raise: u32) -> Verdict {
    Verdict::On { severity, subject: subject.to_owned(), message, since: None, raise }
}

fn projection_behind(look: &Look) -> Verdict {
    let (lag, reason) = (look.lag_seconds, &look.projection_reason);
    match look.projection {
        ProjectionStanding::Stopped => {
            let message =
                format!("the query tables are not filled any more; sales go on: {reason}");
            on(Severity::Critical, "projection", message, 1)
        }
        ProjectionStanding::Waiting => {
            let message = format!("the query tables cannot be filled; sales go on: {reason}");
            on(Severity::Warning, "projection", message, RAISE)
        }
        _ if lag >= LAG_HIGH => {
            let message = format!("the query tables are {lag:.0} seconds behind; sales go on");
            on(Severity::Warning, "projection", message, RAISE)
        }
        _ if lag >= LAG_LOW => Verdict::Between,
        _ => Verdict::Off { clear: CLEAR },
    }
}

fn journal_slow(look: &Look, before: &VecDeque<Look>) -> Verdict {
    let reason = &look.journal_reason;
    match look.journal {
        JournalState::Ready => {}
        JournalState::Stuck | JournalState::Broken => {
            let message = format!("the journal cannot be written, so nothing is sold: {reason}");
            return on(Severity::Critical, "journal", message, 1);
        }
        JournalState::NotOwner => {
            let message = format!("this server does not decide any more: {reason}");
            return on(Severity::Critical, "journal", message, 1);
        }
        JournalState::Closed => return Verdict::Between,
    }
    let earlier = ago(before, QUANTILE_LOOKS).unwrap_or(look);
    let commits = look.reading.commits.since(&earlier.reading.commits);
    match commits.quantile(0.99) {
        Some(seconds) if seconds >= COMMIT_HIGH && commits.count() >= COMMITS_MIN => {
            let message = format!(
                "one commit of a hundred takes {seconds:.2} seconds or more: the journal's disk or \
                 database is slow, and every purchase waits for it"
            );
            on(Severity::Warning, "journal", message, RAISE)
        }
        Some(seconds) if seconds >= COMMIT_LOW => Verdict::Between,
        _ => Verdict::Off { clear: CLEAR },
    }
}

fn shedding_load(look: &Look, before: &VecDeque<Look>) -> Verdict {
    let last = before.back().unwrap_or(look);
    let turned_away = Rate::between(last, look).of(|reading| reading.turned_away);
    if turned_away > 0.0 {
        let message = format!(
            "the server has more to do than it can: about {turned_away:.0} requests or connections a \
             second are turned away; purchases go first"
        );
        return on(Severity::Warning, "server", message, 1);
    }
    if look.reading.shedding_level > 0.0 { Verdict::Between } else { Verdict::Off { clear: CLEAR } }
}

fn error_rate(look: &Look, before: &VecDeque<Look>) -> Verdict {
    let earlier = ago(before, QUANTILE_LOOKS).unwrap_or(look);
    let requests = look.reading.requests - earlier.reading.requests;
    let errors = look.reading.errors - earlier.reading.errors;
    let part = if requests > 0.0 { errors / requests } else { 0.0 };
    if errors >= ERRORS_MIN && part >= ERRORS_HIGH {
        let severity = if part >= ERRORS_CRITICAL { Severity::Critical } else { Severity::Warning };
        let percent = part * 100.0;
        let message = format!(
            "{percent:.0} % of the answers of the last 10 seconds are errors of the server (5xx): look \
             at /health and the log"
        );
        return on(severity, "server", message, 2);
    }
    if part >= ERRORS_LOW { Verdict::Between } else { Verdict::Off { clear: CLEAR } }
}
