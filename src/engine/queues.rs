//! Queues: what the engine tells of all queues together, and how fast they are drained.

use super::Engine;
use super::decided::{DecidedPurchase, TurnResult};
use crate::domain::{OrderId, ProductId, QueueView, Timestamp, TurnRefusal};
use crate::telemetry::metrics::QueueResult;
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::sync::atomic::Ordering;

/// Whole seconds over which the rate of decisions is measured.
const SECONDS: u64 = 5;

/// Those and the running one.
const SLOTS: usize = 6;

/// All queues of a server.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Queues {
    /// Purchases that wait.
    pub depth: u64,
    /// Decided in a second, measured over the last ones.
    pub rate_per_second: f64,
    /// When the one that waits longest was accepted.
    pub oldest: Option<Timestamp>,
    /// The deepest first.
    pub products: Vec<(ProductId, QueueView)>,
}

/// Decisions in the seconds that just passed, and in the running one.
#[derive(Debug, Default)]
pub(super) struct Decisions(Mutex<[(u64, u64); SLOTS]>);

impl Decisions {
    pub(super) fn count(&self, now: Timestamp, decisions: u64) {
        let second = now.as_millis() / 1_000;
        let mut slots = self.0.lock();
        let index = slot_of(second);
        let slot = &mut slots[index];
        if slot.0 != second {
            *slot = (second, 0);
        }
        slot.1 += decisions;
    }

    /// In a second, over the whole ones that passed last.
    pub(super) fn per_second(&self, now: Timestamp) -> f64 {
        let second = now.as_millis() / 1_000;
        let passed = second.saturating_sub(SECONDS)..second;
        let slots = self.0.lock();
        let counted = slots.iter().filter(|(at, _)| passed.contains(at)).map(|(_, count)| count);
        let counted = counted.sum::<u64>();
        // Far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = counted as f64 / SECONDS as f64;
        rate
    }
}

/// Below the number of slots, so it always fits.
fn slot_of(second: u64) -> usize {
    usize::try_from(second % SLOTS as u64).unwrap_or_default()
}

/// What a turn is counted as.
pub(super) const fn result_of(purchase: &DecidedPurchase) -> QueueResult {
    match purchase.result {
        TurnResult::Sold { .. } => QueueResult::Confirmed,
        TurnResult::Refused { why: TurnRefusal::Full, .. } => QueueResult::Failed,
        TurnResult::Refused { .. } => QueueResult::Refused,
    }
}

impl Engine {
    /// All queues, and the deepest of them, at most `most`. Of products in memory, which those with a
    /// queue always are, but for a moment after a start.
    #[must_use]
    pub fn queues(&self, now: Timestamp, most: usize) -> Queues {
        let mut products = self.registry.queues();
        let depth = products.iter().map(|(_, queue)| queue.depth).sum();
        let oldest = products.iter().filter_map(|(_, queue)| queue.oldest).min();
        products.sort_unstable_by_key(|(product, queue)| (Reverse(queue.depth), *product));
        products.truncate(most);
        let rate_per_second = self.registry.bounds.decisions.per_second(now);
        Queues { depth, rate_per_second, oldest, products }
    }

    /// A purchase whose turn came a moment ago, before the query tables may have it. To be asked after
    /// a look-up that was answered `NotQueued`: whatever was decided before that is durable.
    #[must_use]
    pub fn decided(&self, product: ProductId, order: OrderId) -> Option<DecidedPurchase> {
        self.registry.bounds.decided.get(order).filter(|purchase| purchase.product == product)
    }

    /// How many turns of a product may come in a second: its own rate, or that of every product.
    #[must_use]
    pub fn drain_rate(&self, product: ProductId) -> u32 {
        let shown = self.registry.awake(product).and_then(|desk| desk.peek());
        let own = shown.and_then(|shown| shown.view.queue.drain_per_second);
        own.unwrap_or(self.registry.drain_per_second)
    }

    /// The rate of products that have none of their own.
    #[must_use]
    pub fn drain_rate_of_all(&self) -> u32 {
        self.registry.drain_per_second
    }

    /// Purchases that wait, durable or not.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.registry.bounds.queued.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_seconds_before() {
        let decisions = Decisions::default();
        let at = |millis: u64| Timestamp::from_millis(100_000 + millis);
        for millis in 0..3_000 {
            decisions.count(at(millis), 2);
        }
        let is = |millis, rate: f64| (decisions.per_second(at(millis)) - rate).abs() < 0.01;
        assert!(is(3_000, 1_200.0) && is(4_999, 1_200.0));
        assert!(is(5_999, 1_200.0) && is(6_999, 800.0) && is(8_000, 0.0));
        // A slot is used again.
        decisions.count(at(9_000), 5);
        assert!(is(10_000, 1.0));
    }
}
