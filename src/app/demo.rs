//! The demo: five sample products and an open sale over two of them, for an empty store only. A start that was killed
//! half-way is made complete by the next one; a store with any other product is left alone.

use super::StartError;
use crate::catalog::{Catalog, NewPart, NewSale};
use crate::clock::Clock;
use crate::domain::{CatalogEntry, Currency, Money, Offer};
use crate::engine::Engine;
use crate::projection::{ProductRow, ProjectionProgress, Queries, SaleFilter};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the demo's sale stays open: 30 days.
const SALE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// How long the products that are there may take to be listed.
const LIST_MAX: Duration = Duration::from_secs(10);

/// What the sale is about: SKU, price in cents, units, limit per customer.
const IN_SALE: [(&str, u64, u64, Option<u32>); 2] =
    [("SNEAKER-LTD", 15_000, 20, Some(1)), ("POSTER-SIGNED", 1_900, 5, Some(2))];

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
    catalog: &Catalog,
) -> Result<(), StartError> {
    let there = if engine.has_products() {
        samples_there(engine, queries, progress).await
    } else {
        Some(BTreeMap::new())
    };
    let Some(there) = there else {
        tracing::info!("--demo: the store has products already, nothing is added");
        return Ok(());
    };
    let missing = PRODUCTS.into_iter().filter(|sample| !there.contains_key(sample.1));
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
    match samples_there(engine, queries, progress).await {
        Some(products) => open_sale((engine, clock), queries, catalog, &products).await,
        None => Ok(()),
    }
}

/// Opens the sale, unless the store has or had one.
async fn open_sale(
    (engine, clock): (&Engine, &Clock),
    queries: &Queries,
    catalog: &Catalog,
    products: &BTreeMap<String, ProductRow>,
) -> Result<(), StartError> {
    let any = SaleFilter { limit: 1, ..SaleFilter::default() };
    let none = queries.sales(any).await.is_ok_and(|sales| sales.is_empty());
    let part = |(sku, amount, units, limit_per_customer): (&str, u64, u64, Option<u32>)| {
        let row = products.get(sku)?;
        let price = Money { amount, ..row.offer.price };
        Some(NewPart { product: row.product, price, limit_per_customer, units })
    };
    let Some(mut parts) = IN_SALE.into_iter().map(part).collect::<Option<Vec<_>>>() else {
        return Ok(());
    };
    parts.sort_unstable_by_key(|part| part.product);
    // The last part is set when all others are. A product that knows more than its creation had its sale,
    // or is in use already: a sale that was deleted is not wanted.
    let last = match parts.last() {
        Some(part) => engine.view(part.product).await.ok(),
        None => None,
    };
    if !none || last.is_none_or(|shown| shown.view.revision > 1) {
        return Ok(());
    }
    let now = clock.now();
    let (opens_at, ends_at) = (now, now.plus_millis(SALE_MS));
    let name = "Opening sale".into();
    let sale = NewSale { name, opens_at, ends_at, sells_before: false, parts };
    let set = catalog
        .create_sale(sale, None, now)
        .await
        .map_err(|error| StartError::new(format!("the demo's sale cannot be created: {error}")))?;
    tracing::info!(sale = %set.terms.sale, "demo: an open sale");
    Ok(())
}

/// The demo's products in the store, by SKU; `None` when it has another product, or when the
/// products cannot be listed.
async fn samples_there(
    engine: &Engine,
    queries: &Queries,
    progress: &ProjectionProgress,
) -> Option<BTreeMap<String, ProductRow>> {
    let durable = engine.follow_durable().borrow().clone();
    if !progress.wait_for(&durable, LIST_MAX).await {
        return None;
    }
    let listed = queries.products(None, u32::try_from(PRODUCTS.len()).ok()? + 1).await.ok()?;
    let by_sku = listed.into_iter().map(|row| Some((row.entry.sku.clone()?, row)));
    let by_sku = by_sku.collect::<Option<BTreeMap<_, _>>>()?;
    by_sku.keys().all(|sku| PRODUCTS.iter().any(|sample| sample.1 == sku)).then_some(by_sku)
}
