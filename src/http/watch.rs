//! Watch: what is told of single requests beyond numbers: a line about a slow one, and its trace.
//!
//! The way of a request that is quick costs one comparison here. Under load every request is slow, so only
//! some of the lines of a second are written, and each says how many were left out before it.

use crate::clock::{self, Clock};
use crate::telemetry::request_id::RequestId;
use crate::telemetry::traces::{Answered, Parent, Traces};
use axum::http::HeaderMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most lines in a second.
const LINES_MAX: u64 = 10;

/// Cheap to clone; all clones count their lines together.
#[derive(Debug, Clone)]
pub struct Watch {
    traces: Traces,
    /// From when on a request is slow.
    slow: Duration,
    clock: Clock,
    lines: Arc<Lines>,
}

impl Watch {
    /// `slow` is zero where no request is.
    #[must_use]
    pub fn new(traces: Traces, slow: Duration, clock: Clock) -> Self {
        let slow = if slow.is_zero() { Duration::MAX } else { slow };
        Self { traces, slow, clock, lines: Arc::default() }
    }

    /// Which trace a request belongs to.
    pub(super) fn parent(&self, headers: &HeaderMap) -> Parent {
        self.traces.parent(headers)
    }

    /// A request was answered.
    pub(super) fn answered(
        &self,
        route: &'static str,
        status: u16,
        took: Duration,
        parent: Parent,
    ) {
        if took >= self.slow || self.traces.is_on() {
            self.tell(route, status, took, parent);
        }
    }

    #[cold]
    fn tell(&self, route: &'static str, status: u16, took: Duration, parent: Parent) {
        let (at, slow) = (self.clock.now(), took >= self.slow);
        let chance = clock::draw_fraction();
        let id = RequestId::current();
        let request_id = id.as_ref().map(RequestId::as_str).unwrap_or_default();
        let answered = Answered { route, status, at, took, slow, chance, request_id };
        let trace = self.traces.answered(parent, &answered);
        if !slow {
            return;
        }
        if let Some(left_out) = self.lines.may_be_written(at.as_millis() / 1_000) {
            let trace_id = trace.map(|trace| trace.to_string());
            let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(route, status, milliseconds, trace_id, left_out, "a request was slow");
        }
    }
}

/// Counts lines of the second that runs, and those that were left out.
#[derive(Debug, Default)]
struct Lines {
    second: AtomicU64,
    written: AtomicU64,
    left_out: AtomicU64,
}

impl Lines {
    /// How many lines were left out before, if another one may be written. Not exact where many ask at
    /// the turn of a second, and it need not be.
    fn may_be_written(&self, second: u64) -> Option<u64> {
        if self.second.swap(second, Ordering::Relaxed) != second {
            self.written.store(0, Ordering::Relaxed);
        }
        if self.written.fetch_add(1, Ordering::Relaxed) < LINES_MAX {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_so_many_lines() {
        let lines = Lines::default();
        for _ in 0..LINES_MAX {
            assert_eq!(lines.may_be_written(7), Some(0));
        }
        for _ in 0..3 {
            assert_eq!(lines.may_be_written(7), None);
        }
        assert_eq!(lines.may_be_written(8), Some(3));
        assert_eq!(lines.may_be_written(8), Some(0));
    }
}
