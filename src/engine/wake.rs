//! Wakes products whose holds run out, or in whose queue somebody waits, though nobody asks for them:
//! after a restart nothing is loaded, yet a hold must end on time and every turn must come. From then on the product's own timer takes over.

use super::api::EngineError;
use super::registry::Registry;
use crate::domain::{ProductId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Weak;
use std::time::Duration;

/// Pause before a product that could not be loaded is tried again.
const RETRY_PAUSE_MS: u64 = 1_000;

/// Runs until every product on the list was awake once, or the engine is gone.
pub(super) async fn run(registry: Weak<Registry>, expiries: Vec<(ProductId, Timestamp)>) {
    let mut first: HashMap<ProductId, Timestamp> = HashMap::new();
    for (product, at) in expiries {
        let known = first.entry(product).or_insert(at);
        *known = at.min(*known);
    }
    let mut queue: BinaryHeap<_> =
        first.into_iter().map(|(product, at)| Reverse((at, product))).collect();
    while let Some(Reverse((at, product))) = queue.pop() {
        let Some(now) = registry.upgrade().map(|registry| registry.clock.now()) else { return };
        if at > now {
            tokio::time::sleep(Duration::from_millis(at.millis_since(now))).await;
        }
        let Some(registry) = registry.upgrade() else { return };
        if let Err(EngineError::JournalUnavailable | EngineError::Overloaded(_)) =
            registry.desk(product).await
        {
            queue.push(Reverse((registry.clock.now().plus_millis(RETRY_PAUSE_MS), product)));
        }
    }
}
