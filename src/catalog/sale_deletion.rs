//! Deleting a sale: of one that has not begun, or that is over and sold nothing, all parts are dropped.
//!
//! Products forget their oldest sales. Of those parts only the tables know whether something was sold; they
//! are dropped all the same, by a fact, so tables that are built again do not bring them back. What must
//! never happen: a sale under which something was sold is gone.

use super::sale_known::KnownSale;
use super::sales::{as_expected, newest_of};
use super::{CatalogError, Inner, SaleError};
use crate::domain::{Action, Command, ProductId, Refusal, SaleId, SaleShown, Timestamp};
use crate::engine::EngineError;

impl Inner {
    pub(super) async fn drop_sale(
        &self,
        sale: SaleId,
        expected: Option<&[u64]>,
        now: Timestamp,
    ) -> Result<(), SaleError> {
        let _changing = self.changing_sales().await?;
        self.make_list_whole(sale).await?;
        let (parts, known) = self.known_parts(sale).await?;
        if let Some(newest) = newest_of(&parts) {
            as_expected(newest.edition, expected)?;
        }
        let forgotten = self.forgotten((&parts, &known), sale, expected).await?;
        let refuse = |refusal| Err(SaleError::from(EngineError::Refused(refusal)));
        if parts.iter().any(|(_, shown)| shown.terms.is_running(now)) {
            return refuse(Refusal::SaleRunning);
        }
        if parts.iter().any(|(_, shown)| shown.taken > 0) {
            return refuse(Refusal::SaleHasSales);
        }
        for (index, (product, _)) in parts.iter().enumerate() {
            let action = Action::DropSale { sale, undo: true };
            let Err(error) = self.engine.submit(*product, Command::plain(action)).await else {
                continue;
            };
            // It opened this moment and sold something: then it is kept, with all its products.
            for (product, shown) in &parts[..index] {
                if let Err(error) = self.set_part(*product, &shown.terms, None).await {
                    tracing::warn!(%sale, %product, %error, "a part of a sale was not put back");
                }
            }
            return Err(SaleError::Part(*product, error));
        }
        for product in forgotten {
            let action = Action::ForgetSale { sale };
            let forgot = self.engine.submit(product, Command::plain(action)).await;
            forgot.map_err(|error| SaleError::Part(product, error))?;
        }
        self.known_sales.forget(sale);
        Ok(())
    }

    /// Products that have forgotten their part of a sale, which is over then. What was sold under it,
    /// only the tables know.
    async fn forgotten(
        &self,
        (parts, known): (&[(ProductId, SaleShown)], &KnownSale),
        sale: SaleId,
        expected: Option<&[u64]>,
    ) -> Result<Vec<ProductId>, SaleError> {
        let has = |product: &ProductId| parts.iter().any(|(known, _)| known == product);
        if known.products.iter().all(has) {
            return Ok(Vec::new());
        }
        let row = self.engine_row(sale).await?.ok_or(SaleError::Unknown)?;
        if parts.is_empty() {
            as_expected(row.edition, expected)?;
        }
        let mut rows = self.queries.sale_products(&[sale]).await.map_err(CatalogError::from)?;
        rows.retain(|part| !has(&part.product));
        if rows.iter().any(|part| part.sold + part.held > 0) {
            return Err(EngineError::Refused(Refusal::SaleHasSales).into());
        }
        Ok(rows.iter().map(|part| part.product).collect())
    }
}
