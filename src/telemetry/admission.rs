//! Numbers of what was turned away before anybody looked at it.

use super::metrics::Registry;
use super::names;
use metrics::{Counter, Gauge, Label};
use std::fmt;
use std::sync::Arc;

/// Counters by limit and budget. The default ones go nowhere.
#[derive(Clone)]
pub struct AdmissionMetrics {
    /// By limit, then by budget.
    limited: Arc<[Arc<[Counter]>]>,
    shed: Arc<[Counter]>,
    level: Gauge,
}

impl Default for AdmissionMetrics {
    fn default() -> Self {
        Self { limited: Arc::new([]), shed: Arc::new([]), level: Gauge::noop() }
    }
}

impl AdmissionMetrics {
    pub(super) fn register(
        registry: &Registry,
        limits: &[&'static str],
        budgets: &[&'static str],
    ) -> Self {
        let label = Label::from_static_parts;
        let limited = |limit: &&'static str| -> Arc<[Counter]> {
            let counter = |budget: &&'static str| {
                let labels = vec![label("limit", limit), label("budget", budget)];
                registry.counter(names::RATE_LIMITED, labels)
            };
            budgets.iter().map(counter).collect()
        };
        let shed =
            |budget: &&'static str| registry.counter(names::SHED, vec![label("budget", budget)]);
        Self {
            limited: limits.iter().map(limited).collect(),
            shed: budgets.iter().map(shed).collect(),
            level: registry.gauge(names::SHEDDING_LEVEL, vec![]),
        }
    }

    /// A request was over the limit at this place of the list, with the budget at that place.
    pub fn limited(&self, limit: usize, budget: usize) {
        if let Some(counter) = self.limited.get(limit).and_then(|by_budget| by_budget.get(budget)) {
            counter.increment(1);
        }
    }

    /// A request was shed.
    pub fn shed(&self, budget: usize) {
        if let Some(counter) = self.shed.get(budget) {
            counter.increment(1);
        }
    }

    pub fn level(&self, level: u8) {
        self.level.set(f64::from(level));
    }
}

impl fmt::Debug for AdmissionMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("AdmissionMetrics")
    }
}
