//! The report, as Markdown.

use std::fmt::Write;

use super::{Results, Round};
use crate::{report::machine, statistics::median};

pub fn markdown(results: &Results) -> String {
    let number = |value: &dyn Fn(&Round) -> f64| {
        median(results.rounds.iter().map(value)).unwrap_or_default()
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds are far below 2^52")]
    let delay = |value: &dyn Fn(&Round) -> u64| number(&|round| value(round) as f64);
    let (clients, stalled) = (results.clients, results.stalled);
    let rows = [
        (
            format!("purchases a second, {} connections, nobody watches", results.connections),
            format!("{:.0}", number(&|round| round.alone)),
        ),
        (
            format!("the same beside {clients} clients"),
            format!("{:.0}", number(&|round| round.watched.purchases)),
        ),
        (
            "of the rate without clients".into(),
            format!("{:.2}", number(&|round| round.watched.purchases / round.alone)),
        ),
        (
            format!("the same with {stalled} stalled clients more"),
            format!("{:.2}", number(&|round| round.beside_stalled.purchases / round.alone)),
        ),
        (
            "values a second that clients read beside the purchases".into(),
            format!("{:.0}", number(&|round| round.watched.values_beside_purchases)),
        ),
        (
            "memory of the server for each client, at rest".into(),
            format!("{:.1} KiB", number(&|round| round.bytes_at_rest) / 1_024.0),
        ),
        (
            "memory of the server for each client, after the updates".into(),
            format!("{:.1} KiB", number(&|round| round.bytes_after_updates) / 1_024.0),
        ),
        (
            format!("update delay at {} changes a second, p50", results.changes_per_second),
            format!("{:.0} ms", delay(&|round| round.watched.delay.p50_milliseconds)),
        ),
        ("p99".into(), format!("{:.0} ms", delay(&|round| round.watched.delay.p99_milliseconds))),
        (
            "longest".into(),
            format!("{:.0} ms", delay(&|round| round.watched.delay.most_milliseconds)),
        ),
        (
            format!("p99 with {stalled} stalled clients more"),
            format!("{:.0} ms", delay(&|round| round.beside_stalled.delay.p99_milliseconds)),
        ),
        (
            "values a second that clients read".into(),
            format!("{:.0}", number(&|round| round.watched.delay.values)),
        ),
        (
            "changes that a client had not heard of a second after the last".into(),
            format!("{:.0}", delay(&|round| round.watched.delay.missing)),
        ),
    ];
    let mut table = String::new();
    for (name, value) in rows {
        // Writing into a text cannot fail.
        let _ = writeln!(table, "| {name} | {value} |");
    }
    format!(
        "# Live updates\n\n{}\n\n{clients} WebSocket clients on one product; generators, clients and server share \
         the machine. Medians of {} rounds of {} s.\n\n| | |\n|---|---|\n{table}",
        machine(&results.machine),
        results.rounds.len(),
        results.seconds
    )
}
