//! Metrics.

use std::time::Duration;

/// What the journal's writer reports.
pub struct JournalMetrics {
    commit: metrics::Histogram,
    events: metrics::Histogram,
}

impl JournalMetrics {
    /// Handles of the metrics.
    #[must_use]
    pub fn new() -> Self {
        Self {
            commit: metrics::histogram!("lastunit_commit_seconds"),
            events: metrics::histogram!("lastunit_batch_events"),
        }
    }

    /// A group became durable after this long.
    pub fn commit_seconds(&self, taken: Duration) {
        self.commit.record(taken);
    }

    /// A batch held this many facts.
    pub fn batch_events(&self, count: u32) {
        self.events.record(f64::from(count));
    }
}
