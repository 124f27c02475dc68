//! Samples: what the numbers say of one second. Pure: looks in, a sample out.

use super::look::{Look, ProjectionStanding};
use crate::domain::{ProductId, SaleId, Timestamp};
use crate::journal::handle::JournalState;
use crate::telemetry::{Distribution, Reading};
use compact_str::CompactString;
use std::collections::VecDeque;
use std::time::Duration;

/// Looks that quantiles are taken over, and those for which a result is named after it was seen.
pub(super) const QUANTILE_LOOKS: usize = 10;
pub(super) const LOOKS_KEPT: usize = 60;

/// Most products whose stock a sample shows: the newest of those that sell.
const STOCK_MAX: usize = 20;

/// Requests to buy, in a second.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Purchases {
    pub per_second: f64,
    /// Units, sold by purchases, orders and confirmed holds.
    pub sold_per_second: f64,
    pub refused_per_second: f64,
    /// Of results that there were in the last minute.
    pub by_result: Vec<(CompactString, f64)>,
}

/// How many seconds answers took; nothing where there was none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Latency {
    pub p50: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

impl Latency {
    fn of(distribution: &Distribution) -> Self {
        let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|part| distribution.quantile(part));
        Self { p50, p95, p99 }
    }
}

/// The journal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Journal {
    pub commits_per_second: f64,
    pub commit: Latency,
    pub events_per_commit: Option<f64>,
    pub state: JournalState,
}

/// Asynchronous purchases.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Queue {
    pub depth: u64,
    /// Decided in a second.
    pub per_second: f64,
    pub oldest_age_seconds: Option<f64>,
}

/// What the system says of the process.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Process {
    /// Cores that were busy with it.
    pub cpu: f64,
    pub memory_bytes: Option<u64>,
    pub open_files: Option<u64>,
}

/// A product that sells under a sale, or in a time window of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stock {
    pub product: ProductId,
    pub sale: Option<SaleId>,
    pub available: u64,
    pub held: u64,
    pub sold: u64,
}

/// One second of the server.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Counted from the start.
    pub number: u64,
    pub at: Timestamp,
    pub uptime: Duration,
    pub purchases: Purchases,
    pub requests_per_second: f64,
    pub errors_per_second: f64,
    pub success: Latency,
    pub refusal: Latency,
    pub journal: Journal,
    pub lag_seconds: f64,
    pub projection: ProjectionStanding,
    pub holds: u64,
    pub queue: Queue,
    pub in_flight: u64,
    /// 0 to 4.
    pub shedding_level: f64,
    pub connections: f64,
    pub live_clients: f64,
    pub live_messages_per_second: f64,
    pub process: Process,
    pub stock: Vec<Stock>,
}

impl Sample {
    /// What the newest look says beside those before it, oldest first.
    pub(super) fn of(number: u64, look: &Look, before: &VecDeque<Look>) -> Self {
        let last = before.back().unwrap_or(look);
        let rate = Rate::between(last, look);
        let some_ago = ago(before, QUANTILE_LOOKS).unwrap_or(look);
        let recent =
            |of: fn(&Reading) -> &Distribution| of(&look.reading).since(of(&some_ago.reading));
        let commits = recent(|reading| &reading.commits);
        let events = look.reading.events - some_ago.reading.events;
        Self {
            number,
            at: look.at,
            uptime: look.uptime,
            purchases: purchases(look, last, before.front().unwrap_or(look), rate),
            requests_per_second: rate.of(|reading| reading.requests),
            errors_per_second: rate.of(|reading| reading.errors),
            success: Latency::of(&recent(|reading| &reading.successes)),
            refusal: Latency::of(&recent(|reading| &reading.refusals)),
            journal: Journal {
                commits_per_second: rate.of(|reading| reading.commits.count()),
                commit: Latency::of(&commits),
                events_per_commit: (commits.count() > 0.0).then(|| events / commits.count()),
                state: look.journal,
            },
            lag_seconds: look.lag_seconds,
            projection: look.projection,
            holds: look.holds,
            queue: Queue {
                depth: look.queue_depth,
                per_second: look.queue_per_second,
                oldest_age_seconds: look.queue_oldest.map(|oldest| {
                    Duration::from_millis(look.at.millis_since(oldest)).as_secs_f64()
                }),
            },
            in_flight: look.in_flight,
            shedding_level: look.reading.shedding_level,
            connections: look.reading.connections,
            live_clients: look.reading.live_clients,
            live_messages_per_second: rate.of(|reading| reading.live_messages),
            process: Process {
                cpu: rate.per_second(look.cpu.saturating_sub(last.cpu).as_secs_f64()),
                memory_bytes: look.memory_bytes,
                open_files: look.open_files,
            },
            stock: stock(look),
        }
    }
}

/// The look that was so many before the newest, or the oldest there is.
pub(super) fn ago(before: &VecDeque<Look>, looks: usize) -> Option<&Look> {
    before.get(before.len().saturating_sub(looks))
}

/// What happened in a second, between two looks.
#[derive(Clone, Copy)]
pub(super) struct Rate<'a> {
    from: &'a Reading,
    to: &'a Reading,
    seconds: f64,
}

impl<'a> Rate<'a> {
    pub(super) fn between(from: &'a Look, to: &'a Look) -> Self {
        let seconds = to.uptime.saturating_sub(from.uptime).as_secs_f64();
        Self { from: &from.reading, to: &to.reading, seconds }
    }

    pub(super) fn of(self, count: impl Fn(&Reading) -> f64) -> f64 {
        self.per_second(count(self.to) - count(self.from))
    }

    fn per_second(self, amount: f64) -> f64 {
        if self.seconds > 0.0 { amount.max(0.0) / self.seconds } else { 0.0 }
    }
}

fn purchases(look: &Look, last: &Look, oldest: &Look, rate: Rate<'_>) -> Purchases {
    /// Results that are no refusals.
    const TAKEN: [&str; 3] = ["sold", "queued", "replayed"];
    let count =
        |look: &Look, result: &str| look.reading.purchases.get(result).copied().unwrap_or_default();
    let each = |result: &CompactString| {
        (result.clone(), rate.per_second(count(look, result) - count(last, result)))
    };
    let seen = look.reading.purchases.keys();
    let lately = seen.filter(|result| count(look, result) > count(oldest, result));
    let by_result: Vec<_> = lately.map(each).collect();
    let sum = |wanted: &dyn Fn(&str) -> bool| -> f64 {
        let wanted = by_result.iter().filter(|(result, _)| wanted(result));
        // Not `sum`: that of nothing is -0.0.
        wanted.fold(0.0, |sum, (_, rate)| sum + rate)
    };
    Purchases {
        per_second: sum(&|_| true),
        sold_per_second: rate.of(|reading| reading.units_sold),
        refused_per_second: sum(&|result| !TAKEN.contains(&result)),
        by_result,
    }
}

fn stock(look: &Look) -> Vec<Stock> {
    let mut selling: Vec<_> = look.products.iter().filter(|product| product.on_sale).collect();
    selling.sort_unstable_by_key(|product| std::cmp::Reverse(product.product));
    let of = |product: &&super::look::ProductLook| Stock {
        product: product.product,
        sale: product.sale,
        available: product.available,
        held: product.held,
        sold: product.sold,
    };
    selling.iter().take(STOCK_MAX).map(of).collect()
}
