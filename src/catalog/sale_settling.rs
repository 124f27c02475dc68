//! Sales that a crash or a failure left half made: dropped where they were never whole, carried to the
//! end where only some parts have heard of a change, and taken back where a new product is missing.
//!
//! The tables say which sales those are, normally none. A part that is over needs nothing any more; it stays
//! as it is in the tables, so such a sale is remembered: its products must not be woken for it again and
//! again. What cannot be settled is said and left for the next time: it never stands in the way of another sale.

use super::sale_list::whole_terms;
use super::{Catalog, CatalogError, Inner, PATIENCE, SaleError};
use crate::domain::{Action, Command, ProductId, Refusal, SaleId, SaleShown, SaleTerms, Timestamp};
use crate::engine::EngineError;
use crate::projection::SaleRow;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Most sales that are remembered; the oldest make room, and are looked at once more.
const SETTLED_MAX: usize = 10_000;

/// Sales that differ in the tables and need nothing, with their editions.
#[derive(Debug, Default)]
pub(super) struct SettledSales(Mutex<BTreeMap<SaleId, u64>>);

impl SettledSales {
    fn has(&self, row: &SaleRow) -> bool {
        self.0.lock().get(&row.sale) == Some(&row.edition)
    }

    fn learn(&self, row: &SaleRow) {
        let mut sales = self.0.lock();
        sales.insert(row.sale, row.edition);
        if sales.len() > SETTLED_MAX {
            sales.pop_first();
        }
    }
}

impl Catalog {
    /// Makes half-made sales whole, or drops them. Does nothing while the tables are behind.
    ///
    /// # Errors
    /// See [`SaleError`]; what is left is seen to the next time.
    pub async fn settle_sales(&self, now: Timestamp) -> Result<(), SaleError> {
        self.0.settle_sales(now).await
    }
}

impl Inner {
    async fn settle_sales(&self, now: Timestamp) -> Result<(), SaleError> {
        let mut behind = None;
        loop {
            if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
                return Err(CatalogError::Behind.into());
            }
            // Held for a page, so that operators have their turn in between.
            let _changing = self.sales.lock().await;
            if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
                return Err(CatalogError::Behind.into());
            }
            let rows = self.queries.unsettled_sales(behind, now).await;
            let rows = rows.map_err(CatalogError::from)?;
            let Some(last) = rows.last() else { return Ok(()) };
            behind = Some(last.sale);
            for row in rows.iter().filter(|row| !self.settled_sales.has(row)) {
                if let Err(error) = self.settle_sale(row, now).await {
                    tracing::warn!(sale = %row.sale, %error, "a half-made sale is settled later");
                }
            }
        }
    }

    async fn settle_sale(&self, row: &SaleRow, now: Timestamp) -> Result<(), SaleError> {
        let known = self.queries.sale_products(&[row.sale]).await.map_err(CatalogError::from)?;
        let mut parts = Vec::with_capacity(known.len());
        for product in known.iter().map(|part| part.product) {
            // One that its product has forgotten is over.
            if let Some(shown) = self.part(product, row.sale).await? {
                parts.push((product, shown));
            }
        }
        if parts.is_empty() {
            self.settled_sales.learn(row);
            return Ok(());
        }
        let has = |product| known.iter().any(|part| part.product == product);
        let Some(target) = whole_terms(&parts, has) else {
            tracing::warn!(sale = %row.sale, "a sale that was never whole is dropped");
            let products: Vec<_> = parts.iter().map(|(product, _)| *product).collect();
            self.undo(row.sale, &products, now).await;
            return Ok(());
        };
        let needs = |(product, shown): &(ProductId, SaleShown)| {
            !shown.terms.is_over(now) || !target.products.contains(product)
        };
        parts.retain(needs);
        if parts.is_empty() {
            self.settled_sales.learn(row);
            return Ok(());
        }
        Ok(self.settle_parts(&parts, &target).await?)
    }

    /// Drops the parts of a sale that did not become whole. Under one that is open already somebody
    /// may have bought: that stands, and the part ends instead.
    pub(super) async fn undo(&self, sale: SaleId, products: &[ProductId], now: Timestamp) {
        self.known_sales.forget(sale);
        for product in products {
            let action = Action::DropSale { sale, undo: true };
            match self.engine.submit(*product, Command::plain(action)).await {
                Ok(_) | Err(EngineError::Refused(Refusal::UnknownSale)) => {}
                Err(EngineError::Refused(Refusal::SaleHasSales)) => {
                    self.end_part(sale, *product, now).await;
                }
                Err(error) => {
                    tracing::warn!(%sale, %product, %error, "a half-made sale is dropped later");
                }
            }
        }
    }

    async fn end_part(&self, sale: SaleId, product: ProductId, now: Timestamp) {
        if let Ok(Some(shown)) = self.part(product, sale).await {
            let edition = shown.terms.edition + 1;
            let ends_at = now.max(shown.terms.opens_at);
            let terms = SaleTerms { ends_at, edition, ..shown.terms };
            if let Err(error) = self.set_part(product, &terms, None).await {
                tracing::warn!(%sale, %product, %error, "a half-made sale is ended later");
            }
        }
    }
}
