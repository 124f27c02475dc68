//! Samples as they are shown.

use crate::http::time::Rfc3339;
use crate::monitoring::{Latency, Sample, Stock};
use compact_str::CompactString;
use serde::Serialize;
use std::collections::BTreeMap;

/// The numbers of one second. Times are in seconds, rates per second; `null` where nothing happened.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringSample)]
pub struct SampleDocument {
    #[schema(value_type = String, format = DateTime)]
    at: Rfc3339,
    uptime_seconds: u64,
    version: &'static str,
    /// `limits.enabled`
    limits_enabled: bool,
    purchases: PurchasesDocument,
    requests: RequestsDocument,
    latency: LatenciesDocument,
    journal: JournalDocument,
    projection: ProjectionDocument,
    /// Active holds.
    holds: u64,
    queue: QueueSample,
    /// Commands that have no answer yet.
    in_flight: u64,
    /// What is turned away because of the load: 0 nothing, 1 lists, 2 other reading, 3 signing in, 4 changes.
    shedding: u64,
    /// HTTP connections.
    connections: u64,
    live: LiveDocument,
    process: ProcessDocument,
    /// Of sales that run and of products whose time window is open, at most 20: the newest products.
    stock: Vec<StockSample>,
}

/// Requests to buy.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringPurchases)]
pub struct PurchasesDocument {
    per_second: f64,
    /// Units, sold by purchases at once or in turn, by orders that were paid and by confirmed holds.
    sold_per_second: f64,
    refused_per_second: f64,
    /// `sold`, `queued`, `replayed`, or the code of the problem; those that there were in the last minute.
    #[schema(value_type = BTreeMap<String, f64>)]
    by_result: BTreeMap<CompactString, f64>,
}

/// All requests.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringRequests)]
pub struct RequestsDocument {
    per_second: f64,
    /// Answered 5xx.
    errors_per_second: f64,
}

/// How long purchases and reservations took, over the last 10 seconds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MonitoringLatencies)]
pub struct LatenciesDocument {
    /// Answered 2xx.
    success: QuantilesDocument,
    /// Answered 4xx.
    refusal: QuantilesDocument,
}

/// In how many seconds 50, 95 and 99 % were done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = MonitoringQuantiles)]
pub struct QuantilesDocument {
    p50: Option<f64>,
    p95: Option<f64>,
    p99: Option<f64>,
}

/// The journal, over the last 10 seconds.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringJournal)]
pub struct JournalDocument {
    commits_per_second: f64,
    commit: QuantilesDocument,
    events_per_commit: Option<f64>,
    /// `ready`, `stuck`, `not-owner`, `broken` or `closed`.
    state: &'static str,
}

/// The query tables.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringProjection)]
pub struct ProjectionDocument {
    lag_seconds: f64,
    /// `starting`, `following`, `waiting`, `stopped` or `ended`.
    state: &'static str,
}

/// Asynchronous purchases.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringQueue)]
pub struct QueueSample {
    depth: u64,
    /// Decided.
    per_second: f64,
    oldest_age_seconds: Option<f64>,
}

/// Live updates.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringLive)]
pub struct LiveDocument {
    clients: u64,
    messages_per_second: f64,
}

/// The process; `null` where the system does not tell.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringProcess)]
pub struct ProcessDocument {
    /// Cores that were busy with it.
    cpu: f64,
    memory_bytes: Option<u64>,
    open_files: Option<u64>,
}

/// One product that sells.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringStock)]
pub struct StockSample {
    product_id: u64,
    /// `null`: it sells in a time window of its own.
    sale_id: Option<u64>,
    /// Units that are left for whoever buys now: under a sale, those of the sale.
    available: u64,
    held: u64,
    sold: u64,
}

impl SampleDocument {
    #[must_use]
    pub fn of(sample: &Sample, limits_enabled: bool) -> Self {
        let Sample { purchases, journal, queue, process, .. } = sample;
        let by_result = purchases.by_result.iter();
        Self {
            at: Rfc3339(sample.at),
            uptime_seconds: sample.uptime.as_secs(),
            version: env!("CARGO_PKG_VERSION"),
            limits_enabled,
            purchases: PurchasesDocument {
                per_second: rate(purchases.per_second),
                sold_per_second: rate(purchases.sold_per_second),
                refused_per_second: rate(purchases.refused_per_second),
                by_result: by_result.map(|(name, found)| (name.clone(), rate(*found))).collect(),
            },
            requests: RequestsDocument {
                per_second: rate(sample.requests_per_second),
                errors_per_second: rate(sample.errors_per_second),
            },
            latency: LatenciesDocument {
                success: sample.success.into(),
                refusal: sample.refusal.into(),
            },
            journal: JournalDocument {
                commits_per_second: rate(journal.commits_per_second),
                commit: journal.commit.into(),
                events_per_commit: journal.events_per_commit.map(rate),
                state: journal.state.as_str(),
            },
            projection: ProjectionDocument {
                lag_seconds: sample.lag_seconds,
                state: sample.projection.as_str(),
            },
            holds: sample.holds,
            queue: QueueSample {
                depth: queue.depth,
                per_second: rate(queue.per_second),
                oldest_age_seconds: queue.oldest_age_seconds,
            },
            in_flight: sample.in_flight,
            shedding: whole(sample.shedding_level),
            connections: whole(sample.connections),
            live: LiveDocument {
                clients: whole(sample.live_clients),
                messages_per_second: rate(sample.live_messages_per_second),
            },
            process: ProcessDocument {
                cpu: rate(process.cpu),
                memory_bytes: process.memory_bytes,
                open_files: process.open_files,
            },
            stock: sample.stock.iter().map(StockSample::from).collect(),
        }
    }
}

impl From<Latency> for QuantilesDocument {
    fn from(latency: Latency) -> Self {
        // Microseconds.
        let [p50, p95, p99] = [latency.p50, latency.p95, latency.p99]
            .map(|found| found.map(|seconds| (seconds * 1e6).round() / 1e6));
        Self { p50, p95, p99 }
    }
}

impl From<&Stock> for StockSample {
    fn from(stock: &Stock) -> Self {
        Self {
            product_id: stock.product.get(),
            sale_id: stock.sale.map(crate::domain::SaleId::get),
            available: stock.available,
            held: stock.held,
            sold: stock.sold,
        }
    }
}

/// As many digits as anybody reads.
fn rate(exact: f64) -> f64 {
    (exact * 1e3).round() / 1e3
}

/// A count that was kept as a metric.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // counts are whole and never negative
const fn whole(count: f64) -> u64 {
    count as u64
}
