//! Checkpoints keep recovery short: when enough facts have gathered in a partition, every product
//! with facts behind the last checkpoint stores a snapshot, and then the checkpoint moves up.
//!
//! A round costs what its snapshots cost, so it also waits until there are new facts in proportion to
//! the table entries to write: then snapshots cost each fact a constant, however large a product
//! grows. A fact can add several entries (a purchase: its customer and its key), so the proportion
//! must leave room for that, or a growing product would never come to its next round.

use super::actor::TakeSnapshot;
use super::api::EngineError;
use super::registry::Registry;
use crate::journal::PartitionId;
use crate::journal::handle::Work;
use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;
use tokio::sync::oneshot;

/// How often the partitions are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Most entries that a round writes for each new fact.
const ENTRIES_PER_FACT: u64 = 4;

/// After failures a partition is left alone for longer and longer, up to this many looks.
const LOOKS_SKIPPED_MAX: u32 = 256;

/// Runs until the engine is gone.
pub(super) async fn run(registry: Weak<Registry>, facts_min: u64) {
    let mut failures: HashMap<PartitionId, Failure> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let Some(registry) = registry.upgrade() else { return };
        for partition in registry.partitions.all() {
            let facts = registry.journal.facts_since_checkpoint(partition);
            if facts < facts_min || facts * ENTRIES_PER_FACT < registry.entries(partition) {
                continue;
            }
            if failures.get_mut(&partition).is_some_and(Failure::keeps_away) {
                continue;
            }
            if round(&registry, partition).await {
                failures.remove(&partition);
            } else {
                failures.entry(partition).or_default().again();
            }
        }
    }
}

/// Rounds of a partition that failed one after the other: a product that cannot be loaded or stored
/// must not have all its neighbours written again each second.
#[derive(Default)]
struct Failure {
    skip: u32,
    left: u32,
}

impl Failure {
    fn again(&mut self) {
        self.left = self.skip;
        self.skip = (self.skip * 2).clamp(1, LOOKS_SKIPPED_MAX);
    }

    fn keeps_away(&mut self) -> bool {
        let away = self.left > 0;
        self.left = self.left.saturating_sub(1);
        away
    }
}

/// One round: afterwards recovery of this partition begins at what is durable now.
pub(super) async fn round(registry: &Arc<Registry>, partition: PartitionId) -> bool {
    let seq = registry.journal.durable().borrow()[usize::from(partition.0)];
    let mut products = registry.products(partition);
    products.extend(
        registry
            .tail
            .lock()
            .products()
            .filter(|product| registry.partitions.of(*product) == partition),
    );
    // In one order, whatever the maps say: the same run writes the same journal.
    products.sort_unstable();
    products.dedup();
    for product in products {
        let desk = match registry.desk(product).await {
            Ok(desk) => desk,
            // Its id was drawn, but no fact of it is known: there is nothing to cover.
            Err(EngineError::Refused(_)) => continue,
            // It could not be loaded: its facts are in the journal alone and must stay in sight.
            Err(_) => return false,
        };
        let (stored, wait) = oneshot::channel();
        let Some(actor) = desk.actor() else { return false };
        actor.do_send(TakeSnapshot { stored });
        if wait.await.is_err() {
            // It just retired, or the journal is stuck; the next round comes in a second.
            return false;
        }
    }
    registry.journal.submit(Work::Checkpoint { partition, seq });
    true
}

impl Registry {
    /// What a round would have to write, in table entries.
    fn entries(&self, partition: PartitionId) -> u64 {
        self.products(partition)
            .into_iter()
            .filter_map(|product| self.awake(product))
            .map(|desk| desk.entries() as u64)
            .sum()
    }
}
