//! The demo: five sample products and an open sale, for an empty store only. A start that was killed
//! half-way is made complete by the next one; a store with any other product is left alone.

use super::StartError;
use crate::clock::Clock;
use crate::domain::{CatalogEntry, Currency, Money, Offer};
use crate::engine::Engine;
use crate::projection::{ProjectionProgress, Queries};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long the demo's sale stays open: 30 days.
const SALE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// How long the products that are there may take to be listed.
const LIST_MAX: Duration = Duration::from_secs(10);

/// Name, SKU, category, price in cents, units, limit per customer (only in the sale).
type Sample = (&'static str, &'static str, &'static str, u64, u64, Option<u32>);

const PRODUCTS: [Sample; 5] = [
    ("Phone X, midnight blue", "PHONE-X-BLUE", "phones", 99_999, 100, Some(1)),
    ("Turntable, walnut", "TURNTABLE-WALNUT", "audio", 34_900, 250, Some(2)),
    ("Concert ticket, standing", "TICKET-STANDING", "tickets", 6_500, 1_000, Some(4)),
    ("Sneaker, limited run", "SNEAKER-LTD", "shoes", 18_000, 50, Some(1)),
    ("Poster, numbered and signed", "POSTER-SIGNED", "art", 2_500, 10, None),
];

/// Creates the products that a store of the demo lacks; does nothing to any other store.
pub async fn fill(
    engine: &Engine,
    clock: &Clock,
    queries: &Queries,
    progress: &ProjectionProgress,
) -> Result<(), StartError> {
    let there = if engine.has_products() {
        samples_there(engine, queries, progress).await
    } else {
        Some(BTreeSet::new())
    };
    let Some(there) = there.filter(|there| there.len() < PRODUCTS.len()) else {
        tracing::info!("--demo: the store has products already, nothing is added");
        return Ok(());
    };
    let missing = PRODUCTS.into_iter().filter(|sample| !there.contains(sample.1));
    let currency = Currency::new("USD").unwrap_or(Currency::NONE);
    let now = clock.now();
    for (name, sku, category, amount, units, limit_per_customer) in missing {
        let in_sale = limit_per_customer.is_some();
        let offer = Offer {
            price: Money { amount, currency },
            limit_per_customer,
            opens_at: in_sale.then_some(now),
            closes_at: in_sale.then_some(now.plus_millis(SALE_MS)),
        };
        let entry = CatalogEntry {
            name: name.into(),
            sku: Some(sku.into()),
            description: None,
            category: Some(category.into()),
            ..CatalogEntry::default()
        };
        let product = engine.create(offer, units, entry).await.map_err(|error| {
            StartError::new(format!("the demo's products cannot be created: {error}"))
        })?;
        tracing::info!(%product, units, "demo: {name}");
    }
    Ok(())
}

/// The SKUs of the demo's products in the store; `None` when it has another product, or when the
/// products cannot be listed.
async fn samples_there(
    engine: &Engine,
    queries: &Queries,
    progress: &ProjectionProgress,
) -> Option<BTreeSet<String>> {
    let durable = engine.follow_durable().borrow().clone();
    if !progress.wait_for(&durable, LIST_MAX).await {
        return None;
    }
    let listed = queries.products(None, u32::try_from(PRODUCTS.len()).ok()? + 1).await.ok()?;
    let skus = listed.into_iter().map(|row| row.entry.sku);
    let skus = skus.collect::<Option<BTreeSet<_>>>()?;
    skus.iter().all(|sku| PRODUCTS.iter().any(|sample| sample.1 == sku)).then_some(skus)
}
