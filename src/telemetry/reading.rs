//! Readings: the numbers of the server at one moment, for whoever shows or judges them here.
//!
//! The recorder can only be rendered, so what is read is the very text that Prometheus gets: both say the
//! same. Once a second that is a few thousand short lines; nothing of it is on the way of a request.

use super::distribution::Distribution;
use super::metrics::Metrics;
use super::names::{self, Kind};
use compact_str::CompactString;
use std::collections::BTreeMap;

/// The routes whose answers are purchases and reservations.
const BUYING: [&str; 2] = ["POST /api/v1/purchases", "POST /api/v1/reservations"];

/// Counts since the start, and what is the case now. Counts are floating-point numbers, as metrics are
/// written; they are whole.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Reading {
    /// Requests to buy by result, of results that there were.
    pub purchases: BTreeMap<CompactString, f64>,
    /// Units that were sold, in whatever way.
    pub units_sold: f64,
    /// All answers.
    pub requests: f64,
    /// Answers 5xx.
    pub errors: f64,
    /// Purchases and reservations answered 2xx.
    pub successes: Distribution,
    /// The same answered 4xx.
    pub refusals: Distribution,
    pub commits: Distribution,
    /// Events of all commits.
    pub events: f64,
    /// Requests and connections that were turned away because of the load.
    pub turned_away: f64,
    /// 0 to 4.
    pub shedding_level: f64,
    pub connections: f64,
    pub live_clients: f64,
    pub live_messages: f64,
}

impl Metrics {
    /// Reads the numbers. Takes a millisecond or so: not for workers that serve.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mut reading = Reading::default();
        for line in self.render_registered().lines().filter(|line| !line.starts_with('#')) {
            // A name, perhaps labels, and a number.
            let Some((series, number)) = line.rsplit_once(' ') else { continue };
            let Ok(number) = number.parse() else { continue };
            let (name, labels) = series.split_once('{').unwrap_or((series, ""));
            reading.note(name, labels, number);
        }
        reading
    }
}

impl Reading {
    fn note(&mut self, name: &str, labels: &str, number: f64) {
        let is = |known: names::Name| match (known.kind, name.strip_prefix(known.text)) {
            (Kind::Histogram(_), Some(rest)) => !rest.is_empty(),
            (_, Some(rest)) => rest.is_empty(),
            (_, None) => false,
        };
        if is(names::REQUEST_SECONDS) {
            self.note_requests(name, labels, number);
        } else if is(names::COMMIT_SECONDS) {
            if let Some(bound) = label(labels, "le") {
                self.commits.add(bound, number);
            }
        } else if is(names::BATCH_EVENTS) && name.ends_with("_sum") {
            self.events = number;
        } else if is(names::PURCHASES) {
            if number > 0.0
                && let Some(result) = label(labels, "result")
            {
                self.purchases.insert(result.into(), number);
            }
        } else if is(names::UNITS_SOLD) {
            self.units_sold = number;
        } else if is(names::SHED) || is(names::CONNECTIONS_REFUSED) {
            self.turned_away += number;
        } else if is(names::SHEDDING_LEVEL) {
            self.shedding_level = number;
        } else if is(names::CONNECTIONS) {
            self.connections = number;
        } else if is(names::LIVE_CLIENTS) {
            self.live_clients += number;
        } else if is(names::LIVE_MESSAGES) {
            self.live_messages = number;
        }
    }

    fn note_requests(&mut self, name: &str, labels: &str, number: f64) {
        let status = label(labels, "status").unwrap_or_default();
        if name.ends_with("_count") {
            self.requests += number;
            if status.starts_with('5') {
                self.errors += number;
            }
        }
        let (Some(bound), Some(route)) = (label(labels, "le"), label(labels, "route")) else {
            return;
        };
        if BUYING.contains(&route) {
            match status.as_bytes().first() {
                Some(b'2') => self.successes.add(bound, number),
                Some(b'4') => self.refusals.add(bound, number),
                _ => {}
            }
        }
    }
}

/// The value of a label. All of ours come from closed lists without quotes in them.
fn label<'a>(labels: &'a str, name: &str) -> Option<&'a str> {
    let mut parts = labels.split('"');
    loop {
        let (before, value) = (parts.next()?, parts.next()?);
        if before.trim_start_matches(',').strip_suffix('=') == Some(name) {
            return Some(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::metrics::LiveTransport;
    use std::time::Duration;

    #[test]
    fn labels_are_found_among_others() {
        let labels = "route=\"GET /a/{id}\",status=\"200\",le=\"+Inf\"}";
        assert_eq!(label(labels, "route"), Some("GET /a/{id}"));
        assert_eq!(label(labels, "le"), Some("+Inf"));
        assert_eq!(label(labels, "us"), None);
        assert_eq!(label("", "le"), None);
    }

    #[test]
    fn what_was_counted_is_read() {
        let metrics = Metrics::new().expect("buckets");
        assert_eq!(metrics.read(), Reading::default());
        let millisecond = Duration::from_millis(1);
        let (buy, hold) =
            (metrics.route("POST /api/v1/purchases"), metrics.route("POST /api/v1/reservations"));
        buy.answered(201, millisecond);
        buy.answered(409, millisecond);
        buy.answered(503, millisecond);
        hold.answered(201, millisecond);
        metrics.route("GET /api/v1/products/{id}").answered(200, millisecond);
        let results = metrics.purchases(&["sold", "sold-out"]);
        results.count(0);
        metrics.engine.units_sold.increment(4);
        metrics.journal.committed(3, millisecond);
        metrics.journal.committed(4, millisecond);
        let admission = metrics.admission(&["address"], &["reading", "buying"]);
        admission.shed(0);
        admission.shed(1);
        admission.level(2);
        metrics.http.refused.increment(1);
        metrics.http.connections.set(5.0);
        metrics.live.connected(LiveTransport::WebSocket);
        metrics.live.connected(LiveTransport::Events);
        metrics.live.sent();
        let read = metrics.read();
        assert_eq!(read.purchases, BTreeMap::from([("sold".into(), 1.0)]));
        let numbers = [
            (read.requests, 5.0),
            (read.errors, 1.0),
            (read.successes.count(), 2.0),
            (read.refusals.count(), 1.0),
            (read.units_sold, 4.0),
            (read.commits.count(), 2.0),
            (read.events, 7.0),
            (read.turned_away, 3.0),
            (read.shedding_level, 2.0),
            (read.connections, 5.0),
            (read.live_clients, 2.0),
            (read.live_messages, 1.0),
        ];
        for (place, (found, expected)) in numbers.into_iter().enumerate() {
            assert!((found - expected).abs() < f64::EPSILON, "{place}: {found}, not {expected}");
        }
        assert!(read.successes.quantile(0.99).is_some_and(|seconds| seconds <= 0.001));
    }
}
