//! What is done about sales though nobody asks: half-made ones are settled, and refusals written down.

use super::Catalog;
use crate::clock::Clock;
use crate::domain::{ProductId, SaleId};
use crate::engine::Engine;
use crate::projection::{Queries, SaleRefusals};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often refusals are written down: a crash forgets at most so many seconds of them.
const WRITE_EVERY: Duration = Duration::from_secs(3);

/// Half-made sales are looked for at the start, and then once in so many rounds: every 30 seconds.
const SETTLE_ROUNDS: u32 = 10;

/// Most counts that wait for a database that is away; beyond, new ones are forgotten.
const WAITING_MAX: usize = 10_000;

/// Refusals that are not in the tables yet.
#[derive(Default)]
pub struct RefusalLog(BTreeMap<(SaleId, ProductId, &'static str), u64>);

impl RefusalLog {
    /// Writes down what was refused since the last time.
    pub async fn write(&mut self, engine: &Engine, queries: &Queries) {
        for (sale, product, reason, count) in engine.take_refusals() {
            let key = (sale, product, reason);
            if self.0.len() < WAITING_MAX || self.0.contains_key(&key) {
                *self.0.entry(key).or_default() += count;
            }
        }
        if self.0.is_empty() {
            return;
        }
        let row = |((sale, product, reason), count): (&(SaleId, ProductId, &'static str), &u64)| {
            let reason = (*reason).to_owned();
            SaleRefusals { sale: *sale, product: *product, reason, count: *count }
        };
        let rows: Vec<_> = self.0.iter().map(row).collect();
        match queries.count_sale_refusals(&rows).await {
            Ok(()) => self.0.clear(),
            Err(error) => tracing::debug!(%error, "refusals of sales are written down later"),
        }
    }
}

/// Runs for ever; run it as a task.
pub async fn run(catalog: Catalog, engine: Engine, queries: Queries, clock: Clock) {
    let mut log = RefusalLog::default();
    let mut round = 0;
    loop {
        if round == 0
            && let Err(error) = catalog.settle_sales(clock.now()).await
        {
            tracing::debug!(%error, "half-made sales are looked for later");
        }
        round = (round + 1) % SETTLE_ROUNDS;
        log.write(&engine, &queries).await;
        tokio::time::sleep(WRITE_EVERY).await;
    }
}
