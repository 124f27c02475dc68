//! The demo: five sample products and an open sale, for an empty store only.

use super::StartError;
use crate::clock::Clock;
use crate::domain::{CatalogEntry, Currency, Money, Offer};
use crate::engine::Engine;

/// How long the demo's sale stays open: 30 days.
const SALE_MS: u64 = 30 * 24 * 60 * 60 * 1_000;

/// Name, SKU, category, price in cents, units, limit per customer (only in the sale).
type Sample = (&'static str, &'static str, &'static str, u64, u64, Option<u32>);

const PRODUCTS: [Sample; 5] = [
    ("Phone X, midnight blue", "PHONE-X-BLUE", "phones", 99_999, 100, Some(1)),
    ("Turntable, walnut", "TURNTABLE-WALNUT", "audio", 34_900, 250, Some(2)),
    ("Concert ticket, standing", "TICKET-STANDING", "tickets", 6_500, 1_000, Some(4)),
    ("Sneaker, limited run", "SNEAKER-LTD", "shoes", 18_000, 50, Some(1)),
    ("Poster, numbered and signed", "POSTER-SIGNED", "art", 2_500, 10, None),
];

/// Fills a store that has no product yet; does nothing to any other.
pub async fn fill(engine: &Engine, clock: &Clock) -> Result<(), StartError> {
    if engine.has_products() {
        tracing::info!("--demo: the store has products already, nothing is added");
        return Ok(());
    }
    let currency = Currency::new("USD").unwrap_or(Currency::NONE);
    let now = clock.now();
    for (name, sku, category, amount, units, limit_per_customer) in PRODUCTS {
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
        };
        let product = engine.create(offer, units, entry).await.map_err(|error| {
            StartError::new(format!("the demo's products cannot be created: {error}"))
        })?;
        tracing::info!(%product, units, "demo: {name}");
    }
    Ok(())
}
