//! Handles: what the parts of the server call to count and to measure.
//!
//! Each part gets its own structure and clones it freely; all clones share the same numbers. The
//! recorder belongs to [`Metrics`], not to the process, so that two servers in one process (tests)
//! do not add up.

mod account;
mod live;
mod shown;

pub use account::{AccountMetrics, SignIn};
pub use live::{LiveClosed, LiveMetrics, LiveRefused, LiveTransport, TOPIC_KINDS};
pub use shown::SaleNumbers;

use super::admission::AdmissionMetrics;
use super::names::{self, Kind, Name};
use super::process::ProcessMetrics;
use crate::domain::{ProductId, Stock};
use metrics::{
    Counter, Gauge, Histogram, Key, KeyName, Label, Level, Metadata, Recorder, SharedString,
};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};
use shown::Shown;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often recorded samples are sorted into their buckets. At a hundred thousand requests a
/// second, a longer pause would keep megabytes of samples and make each round a visible pause.
const UPKEEP_PAUSE: Duration = Duration::from_secs(1);

/// All numbers of one server.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    rendering: PrometheusHandle,
    shown: Shown,
    pub process: ProcessMetrics,
    pub http: HttpMetrics,
    pub engine: EngineMetrics,
    pub journal: JournalMetrics,
    pub projection: ProjectionMetrics,
    pub jobs: JobMetrics,
    pub accounts: AccountMetrics,
    pub live: LiveMetrics,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// When a metric has no buckets, which a test rules out.
    pub fn new() -> Result<Self, BuildError> {
        let mut builder = PrometheusBuilder::new();
        for name in names::ALL {
            if let Kind::Histogram(buckets) = name.kind {
                builder =
                    builder.set_buckets_for_metric(Matcher::Full(name.text.to_owned()), buckets)?;
            }
        }
        let recorder = builder.build_recorder();
        for name in names::ALL {
            describe(&recorder, *name);
        }
        let rendering = recorder.handle();
        let registry = Registry(Arc::new(recorder));
        let shown = Shown::default();
        let version = Label::from_static_parts("version", env!("CARGO_PKG_VERSION"));
        registry.gauge(names::BUILD_INFO, vec![version]).set(1.0);
        Ok(Self {
            process: ProcessMetrics::register(&registry),
            http: HttpMetrics::register(&registry),
            engine: EngineMetrics::register(&registry, shown.clone()),
            journal: JournalMetrics::register(&registry),
            projection: ProjectionMetrics::register(&registry),
            jobs: JobMetrics::register(&registry),
            accounts: AccountMetrics::register(&registry),
            live: LiveMetrics::register(&registry),
            registry,
            rendering,
            shown,
        })
    }

    /// The text Prometheus reads.
    #[must_use]
    pub fn render(&self) -> String {
        self.process.look();
        let mut text = self.rendering.render();
        self.shown.render_to(&mut text);
        self.process.render_to(&mut text);
        text
    }

    /// The same without what is written by hand.
    pub(super) fn render_registered(&self) -> String {
        self.rendering.render()
    }

    /// Sorts samples into buckets for ever; run it as a task. Runs off the workers that serve.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(UPKEEP_PAUSE);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let rendering = self.rendering.clone();
            if tokio::task::spawn_blocking(move || rendering.run_upkeep()).await.is_err() {
                return;
            }
        }
    }

    /// Numbers of one route; `route` is its method and template.
    #[must_use]
    pub fn route(&self, route: &'static str) -> Arc<RouteMetrics> {
        Arc::new(RouteMetrics {
            route,
            registry: self.registry.clone(),
            panics: self.http.panics.clone(),
            by_status: [const { OnceLock::new() }; STATUSES.len() + 1],
        })
    }

    /// `lastunit_purchases_total` with these results.
    #[must_use]
    pub fn purchases(&self, results: &[&'static str]) -> Results {
        Results::register(&self.registry, names::PURCHASES, results)
    }

    /// `lastunit_payment_notices_total` with these results.
    #[must_use]
    pub fn payment_notices(&self, results: &[&'static str]) -> Results {
        Results::register(&self.registry, names::PAYMENT_NOTICES, results)
    }

    /// Numbers of admission, with these labels.
    #[must_use]
    pub fn admission(&self, limits: &[&'static str], budgets: &[&'static str]) -> AdmissionMetrics {
        AdmissionMetrics::register(&self.registry, limits, budgets)
    }

    /// `lastunit_reservations_total` with these results.
    #[must_use]
    pub fn reservations(&self, results: &[&'static str]) -> Results {
        Results::register(&self.registry, names::RESERVATIONS, results)
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Metrics")
    }
}

fn describe(recorder: &PrometheusRecorder, name: Name) {
    let (key, help) = (KeyName::from_const_str(name.text), SharedString::const_str(name.help));
    match name.kind {
        Kind::Counter => recorder.describe_counter(key, None, help),
        Kind::Gauge => recorder.describe_gauge(key, None, help),
        Kind::Histogram(_) => recorder.describe_histogram(key, None, help),
    }
}

#[derive(Clone)]
pub(in crate::telemetry) struct Registry(Arc<PrometheusRecorder>);

impl Registry {
    const METADATA: Metadata<'static> = Metadata::new("lastunit", Level::INFO, None);

    pub(super) fn counter(&self, name: Name, labels: Vec<Label>) -> Counter {
        self.0.register_counter(&Key::from_parts(name.text, labels), &Self::METADATA)
    }

    pub(super) fn gauge(&self, name: Name, labels: Vec<Label>) -> Gauge {
        self.0.register_gauge(&Key::from_parts(name.text, labels), &Self::METADATA)
    }

    pub(super) fn histogram(&self, name: Name, labels: Vec<Label>) -> Histogram {
        self.0.register_histogram(&Key::from_parts(name.text, labels), &Self::METADATA)
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Registry")
    }
}

/// Every status that a route answers; anything else would be shown as `other`.
const STATUSES: [(u16, &str); 24] = [
    (101, "101"),
    (200, "200"),
    (201, "201"),
    (202, "202"),
    (204, "204"),
    (303, "303"),
    (304, "304"),
    (400, "400"),
    (401, "401"),
    (402, "402"),
    (403, "403"),
    (404, "404"),
    (405, "405"),
    (408, "408"),
    (409, "409"),
    (410, "410"),
    (412, "412"),
    (413, "413"),
    (415, "415"),
    (422, "422"),
    (426, "426"),
    (429, "429"),
    (500, "500"),
    (503, "503"),
];

/// Latency of one route by status. A status is registered when it is answered for the first time,
/// so that `/metrics` shows no empty histograms.
#[derive(Debug)]
pub struct RouteMetrics {
    route: &'static str,
    registry: Registry,
    panics: Counter,
    by_status: [OnceLock<Histogram>; STATUSES.len() + 1],
}

impl RouteMetrics {
    pub fn answered(&self, status: u16, took: Duration) {
        let index = STATUSES.binary_search_by_key(&status, |(code, _)| *code);
        let index = index.unwrap_or(STATUSES.len());
        let histogram = self.by_status[index].get_or_init(|| {
            let text = STATUSES.get(index).map_or("other", |(_, text)| *text);
            let labels = [("route", self.route), ("status", text)];
            let labels = labels.map(|(key, value)| Label::from_static_parts(key, value));
            self.registry.histogram(names::REQUEST_SECONDS, labels.to_vec())
        });
        histogram.record(took.as_secs_f64());
    }

    /// A handler panicked.
    pub fn panicked(&self) {
        self.panics.increment(1);
    }
}

/// One counter with a closed list of results.
#[derive(Debug, Clone)]
pub struct Results(Arc<[Counter]>);

impl Results {
    fn register(registry: &Registry, name: Name, results: &[&'static str]) -> Self {
        let counter = |result: &&'static str| {
            registry.counter(name, vec![Label::from_static_parts("result", result)])
        };
        Self(results.iter().map(counter).collect())
    }

    /// Counts the result at this place of the list.
    pub fn count(&self, index: usize) {
        if let Some(counter) = self.0.get(index) {
            counter.increment(1);
        }
    }
}

/// Numbers of the HTTP server.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    pub connections: Gauge,
    pub accepted: Counter,
    pub refused: Counter,
    pub timed_out: Counter,
    pub accept_errors: Counter,
    panics: Counter,
}

impl HttpMetrics {
    fn register(registry: &Registry) -> Self {
        Self {
            connections: registry.gauge(names::CONNECTIONS, vec![]),
            accepted: registry.counter(names::CONNECTIONS_ACCEPTED, vec![]),
            refused: registry.counter(names::CONNECTIONS_REFUSED, vec![]),
            timed_out: registry.counter(names::CONNECTIONS_TIMED_OUT, vec![]),
            accept_errors: registry.counter(names::ACCEPT_ERRORS, vec![]),
            panics: registry.counter(names::HANDLER_PANICS, vec![]),
        }
    }
}

/// Numbers of the engine. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct EngineMetrics {
    /// Set it from a count that is kept anyway; it need not be exact.
    pub inflight: Gauge,
    pub actors: Gauge,
    pub holds: Gauge,
    pub holds_expired: Counter,
    pub queue_depth: Gauge,
    pub queue_age: Gauge,
    pub units_sold: Counter,
    queue_decided: [Counter; 3],
    stock_mismatches: Gauge,
    shown: Shown,
}

/// What the turn of a queued purchase came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueResult {
    Confirmed,
    Refused,
    /// A bound of the server, not a rule of the sale.
    Failed,
}

impl Default for EngineMetrics {
    fn default() -> Self {
        Self {
            inflight: Gauge::noop(),
            actors: Gauge::noop(),
            holds: Gauge::noop(),
            holds_expired: Counter::noop(),
            queue_depth: Gauge::noop(),
            queue_age: Gauge::noop(),
            units_sold: Counter::noop(),
            queue_decided: [(); 3].map(|()| Counter::noop()),
            stock_mismatches: Gauge::noop(),
            shown: Shown::default(),
        }
    }
}

impl EngineMetrics {
    fn register(registry: &Registry, shown: Shown) -> Self {
        Self {
            inflight: registry.gauge(names::INFLIGHT_COMMANDS, vec![]),
            actors: registry.gauge(names::ACTORS_ACTIVE, vec![]),
            holds: registry.gauge(names::HOLDS_ACTIVE, vec![]),
            holds_expired: registry.counter(names::HOLDS_EXPIRED, vec![]),
            queue_depth: registry.gauge(names::QUEUE_DEPTH, vec![]),
            queue_age: registry.gauge(names::QUEUE_OLDEST_AGE_SECONDS, vec![]),
            units_sold: registry.counter(names::UNITS_SOLD, vec![]),
            queue_decided: ["confirmed", "refused", "failed"].map(|result| {
                let label = Label::from_static_parts("result", result);
                registry.counter(names::QUEUE_DECIDED, vec![label])
            }),
            stock_mismatches: registry.gauge(names::STOCK_MISMATCHES, vec![]),
            shown,
        }
    }

    /// The turn of a queued purchase came.
    pub fn queue_decided(&self, result: QueueResult) {
        self.queue_decided[result as usize].increment(1);
    }

    /// Shows the units of these products from now on, and of no others. Of more than are shown, the
    /// newest are.
    pub fn show_stock(&self, stock: Vec<(ProductId, Stock)>) {
        self.shown.show_stock(stock);
    }

    /// Shows the numbers of these parts of sales from now on, and of no others.
    pub fn show_sales(&self, parts: Vec<SaleNumbers>) {
        self.shown.show_sales(parts);
    }

    /// How many products have units that do not add up.
    pub fn show_mismatches(&self, products: usize) {
        // Of the products that are shown, a hundred.
        #[allow(clippy::cast_precision_loss)]
        self.stock_mismatches.set(products as f64);
    }
}

/// Why a commit did not succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommitFailure {
    Unavailable,
    Full,
    Unknown,
    Fenced,
    Broken,
}

/// Numbers of the journal. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct JournalMetrics {
    commit_seconds: Histogram,
    batch_events: Histogram,
    failures: Results,
}

impl Default for JournalMetrics {
    fn default() -> Self {
        Self {
            commit_seconds: Histogram::noop(),
            batch_events: Histogram::noop(),
            failures: Results(Arc::new([])),
        }
    }
}

impl JournalMetrics {
    fn register(registry: &Registry) -> Self {
        let outcomes = ["unavailable", "full", "unknown", "fenced", "broken"];
        let counter = |outcome: &'static str| {
            let label = Label::from_static_parts("outcome", outcome);
            registry.counter(names::COMMIT_FAILURES, vec![label])
        };
        Self {
            commit_seconds: registry.histogram(names::COMMIT_SECONDS, vec![]),
            batch_events: registry.histogram(names::BATCH_EVENTS, vec![]),
            failures: Results(outcomes.into_iter().map(counter).collect()),
        }
    }

    /// A commit of `events` events is durable.
    pub fn committed(&self, events: usize, took: Duration) {
        // A batch has far fewer events than a float has exact integers.
        #[allow(clippy::cast_precision_loss)]
        self.batch_events.record(events as f64);
        self.commit_seconds.record(took.as_secs_f64());
    }

    pub fn failed(&self, failure: CommitFailure) {
        self.failures.count(failure as usize);
    }
}

/// Numbers of the projection. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct ProjectionMetrics {
    pub lag_seconds: Gauge,
    pub events: Counter,
    pub failures: Counter,
}

impl Default for ProjectionMetrics {
    fn default() -> Self {
        Self { lag_seconds: Gauge::noop(), events: Counter::noop(), failures: Counter::noop() }
    }
}

impl ProjectionMetrics {
    fn register(registry: &Registry) -> Self {
        Self {
            lag_seconds: registry.gauge(names::PROJECTION_LAG_SECONDS, vec![]),
            events: registry.counter(names::PROJECTION_EVENTS, vec![]),
            failures: registry.counter(names::PROJECTION_FAILURES, vec![]),
        }
    }
}

/// What became of an attempt at a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobResult {
    Done,
    Failed,
    Dead,
}

/// Numbers of jobs. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct JobMetrics {
    waiting: Gauge,
    dead: Gauge,
    attempts: Results,
}

impl Default for JobMetrics {
    fn default() -> Self {
        let attempts = Results(Arc::new([]));
        Self { waiting: Gauge::noop(), dead: Gauge::noop(), attempts }
    }
}

impl JobMetrics {
    fn register(registry: &Registry) -> Self {
        Self {
            waiting: registry.gauge(names::JOBS_WAITING, vec![]),
            dead: registry.gauge(names::JOBS_DEAD, vec![]),
            attempts: Results::register(registry, names::JOB_ATTEMPTS, &["done", "failed", "dead"]),
        }
    }

    /// How many are not done.
    pub fn show(&self, waiting: u64, dead: u64) {
        // Far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let number = |count: u64| count as f64;
        self.waiting.set(number(waiting));
        self.dead.set(number(dead));
    }

    pub fn attempted(&self, result: JobResult) {
        self.attempts.count(result as usize);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules() {
        for name in names::ALL {
            let text = name.text;
            assert!(text.starts_with("lastunit_"), "{text}");
            assert_eq!(text.ends_with("_total"), name.kind == Kind::Counter, "{text}");
            assert!(name.help.ends_with('.'), "{text}");
        }
    }

    #[test]
    fn what_is_recorded_is_rendered() {
        let metrics = Metrics::new().expect("buckets");
        let route = metrics.route("POST /api/v1/purchases");
        for status in [201, 409, 500, 599] {
            route.answered(status, Duration::from_millis(2));
        }
        metrics.purchases(&["sold", "sold-out"]).count(1);
        metrics.journal.committed(3, Duration::from_micros(150));
        metrics.journal.failed(CommitFailure::Fenced);
        let stock = Stock { available: 12, held: 3, sold: 5, stocked: 20 };
        metrics.engine.show_stock(vec![(ProductId::new(7).expect("in range"), stock)]);
        let text = metrics.render();
        for line in [
            r#"lastunit_request_seconds_count{route="POST /api/v1/purchases",status="201"} 1"#,
            r#"lastunit_request_seconds_count{route="POST /api/v1/purchases",status="500"} 1"#,
            r#"lastunit_purchases_total{result="sold-out"} 1"#,
            r#"lastunit_batch_events_bucket{le="4"} 1"#,
            r#"lastunit_commit_failures_total{outcome="fenced"} 1"#,
            r#"lastunit_stock_available{product="7"} 12"#,
            concat!(r#"lastunit_build_info{version=""#, env!("CARGO_PKG_VERSION"), r#""} 1"#),
            "# TYPE lastunit_process_cpu_seconds_total counter",
            "# HELP lastunit_connections Open HTTP connections.",
        ] {
            assert!(text.contains(line), "{line} is not in\n{text}");
        }
    }
}
