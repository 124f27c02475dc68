//! The report: Markdown for people, JSON with every single measurement for programs.

use std::{fmt::Write, fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{
    comparisons, contestant::Contestant, machine::Machine, statistics::Results, wrk::Load,
};

pub fn markdown(results: &Results) -> String {
    let sections =
        [run(results), table(results), compared(results), guarantees(results), failures(results)];
    sections.join("\n").trim_end().to_owned()
}

pub fn write_json(results: &impl Serialize, path: &Path) -> Result<()> {
    let text = serde_json::to_string_pretty(results).context("cannot write the results as JSON")?;
    fs::write(path, text + "\n").with_context(|| format!("cannot write {}", path.display()))
}

/// Where it was measured.
pub fn machine(machine: &Machine) -> String {
    format!(
        "{}, {} cores, {} GiB, Linux {}; load generator on the same machine, \
         load average {:.1} before the run.\n\
         Stores on {}, where overwriting 4 KiB and syncing takes {:.0} µs, {:.0} µs \
         while a core is busy as under load (medians). {}.",
        machine.processor,
        machine.cores,
        machine.memory_gibibytes,
        machine.kernel,
        machine.load_average,
        machine.file_system,
        machine.idle_sync_microseconds,
        machine.busy_sync_microseconds,
        machine.versions.join(", "),
    )
}

fn run(results: &Results) -> String {
    let connections: Vec<String> = results.connections.iter().map(u32::to_string).collect();
    format!(
        "## Machine\n\n{}\n\n\
         {} rounds, interleaved, of {} s after {} s of warm-up; {} connections; fresh data for every \
         measurement. Pool of the row lock: {}. {}.\n",
        machine(&results.machine),
        results.rounds,
        results.seconds,
        results.warm_up_seconds,
        connections.join(", "),
        results.pool.choice,
        results.limits.sentence(),
    )
}

/// Medians over the rounds.
fn table(results: &Results) -> String {
    let mut text = "## Requests\n\n\
        | contestant | connections | requests/s | p50 | p99 | of the ceiling |\n\
        |---|---:|---:|---:|---:|---:|\n"
        .to_owned();
    for contestant in &results.contestants {
        for connections in &results.connections {
            let number = |of: fn(&Load) -> f64| results.median(*contestant, *connections, of);
            let ratio = contestant
                .sells_at_once()
                .then(|| results.times(*contestant, Contestant::Ceiling, *connections))
                .flatten();
            let _ = writeln!(
                text,
                "| {} | {connections} | {} | {} | {} | {} |",
                contestant.title(),
                number(Load::requests_per_second).map_or_else(failed, thousands),
                number(|load| milliseconds(load.p50_microseconds)).map_or_else(failed, with_unit),
                number(|load| milliseconds(load.p99_microseconds)).map_or_else(failed, with_unit),
                ratio.map_or_else(|| "-".to_owned(), significant),
            );
        }
    }
    text
}

fn compared(results: &Results) -> String {
    let mut text = format!(
        "## Goals, at {} connections\n\n\
         | what | measured | at least | aim | |\n|---|---:|---:|---:|---|\n",
        results.compared_connections
    );
    for comparison in comparisons::all(results) {
        let with_unit = |number: f64| format!("{}{}", significant(number), comparison.unit);
        let measured = comparison.measured.map_or_else(|| "-".to_owned(), with_unit);
        let (least, aim) = (with_unit(comparison.least), with_unit(comparison.aim));
        let _ = writeln!(
            text,
            "| {} | {measured} | {least} | {aim} | {} |",
            comparison.what,
            comparison.verdict()
        );
    }
    text
}

fn guarantees(results: &Results) -> String {
    let mut text = "## Guarantees\n\n| contestant | guarantees |\n|---|---|\n".to_owned();
    for contestant in &results.contestants {
        let _ = writeln!(text, "| {} | {} |", contestant.title(), contestant.guarantee());
    }
    text
}

fn failures(results: &Results) -> String {
    let failures = results.failures();
    if failures.is_empty() {
        return "Every answer had the right status, and every contestant sold what it said.\n"
            .to_owned();
    }
    format!("## FAILURES: these numbers are worth nothing\n\n* {}\n", failures.join("\n* "))
}

fn failed() -> String {
    "failed".to_owned()
}

#[expect(clippy::cast_precision_loss, reason = "latencies are far below 2^52 µs")]
fn milliseconds(microseconds: u64) -> f64 {
    microseconds as f64 / 1e3
}

fn with_unit(milliseconds: f64) -> String {
    format!("{milliseconds:.2} ms")
}

/// Two decimals for small numbers, one for large ones, three below a tenth.
fn significant(number: f64) -> String {
    match number {
        0.1..10.0 => format!("{number:.2}"),
        10.0.. => format!("{number:.1}"),
        _ => format!("{number:.3}"),
    }
}

/// A whole number with its thousands apart.
fn thousands(number: f64) -> String {
    let digits = format!("{number:.0}");
    let mut text = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{significant, thousands};

    #[test]
    fn numbers_are_readable() {
        assert_eq!(thousands(999.4), "999");
        assert_eq!(thousands(1_234_567.0), "1,234,567");
        assert_eq!(significant(0.023_4), "0.023");
        assert_eq!(significant(0.701), "0.70");
        assert_eq!(significant(41.26), "41.3");
    }
}
