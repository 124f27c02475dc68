//! Which products a sale has: while it has not opened, new ones come in and others leave.
//!
//! Every part names all products of the sale, so another list is written part by part, in this order:
//!
//! ```text
//!   parts of new products ──▶ parts that stay ──▶ parts that leave ──durable──▶ those are dropped
//! ```
//!
//! A list is whole when all its products have a part. After a crash the newest whole list says what the
//! sale is: while a new product is missing the change is taken back, after that it is carried to its end
//! (by `sale_settling`, or before the next change). A part that leaves is over as it opens, and then dropped;
//! if its product opened at that very moment and sold something, that stands. What must never happen: a sale
//! without one of its products, or units set aside for a sale that does not have the product.

use super::sales::{newest_of, shared};
use super::{Inner, NewPart, SaleError};
use crate::domain::{
    Action, Command, ProductId, Refusal, SALE_PRODUCTS_MAX, SaleId, SaleShown, SaleTerms, Timestamp,
};
use crate::engine::{Decided, EngineError};

/// Products that come into a sale and leave it.
#[derive(Debug, Clone)]
pub struct ListChange {
    /// Ascending, each product once.
    pub added: Vec<NewPart>,
    pub removed: Vec<ProductId>,
    /// A sale that has opened by then keeps its products.
    pub asked_at: Timestamp,
}

impl ListChange {
    /// All products of the sale, ascending.
    pub(super) fn list(&self, newest: &SaleTerms) -> Result<Box<[ProductId]>, SaleError> {
        if newest.is_over(self.asked_at) {
            return Err(EngineError::Refused(Refusal::Closed { closed_at: newest.ends_at }).into());
        }
        if newest.is_running(self.asked_at) {
            return Err(EngineError::Refused(Refusal::SaleRunning).into());
        }
        let has = |product: &ProductId| newest.products.contains(product);
        if let Some(strange) = self.removed.iter().find(|product| !has(product)) {
            return Err(SaleError::NotIn(*strange));
        }
        let staying = newest.products.iter().filter(|product| !self.removed.contains(product));
        let added = self.added.iter().map(|part| part.product);
        let mut list: Vec<_> = staying.copied().chain(added.clone()).collect();
        list.sort_unstable();
        // The request was checked against the list it saw; somebody was faster.
        if list.is_empty() || list.len() > SALE_PRODUCTS_MAX || added.clone().any(|new| has(&new)) {
            return Err(SaleError::OtherEdition);
        }
        Ok(list.into())
    }
}

/// A part that leaves for a sale of this list: over as it opens.
pub(super) fn leaving(part: &SaleTerms, list: &[ProductId], edition: u64) -> SaleTerms {
    SaleTerms { products: list.into(), ends_at: part.opens_at, edition, ..part.clone() }
}

/// What the sale is: the newest terms whose list is whole, of an edition that all parts may have. `None`
/// where it never was whole. `has` says whether a product ever got its part.
pub(super) fn whole_terms(
    parts: &[(ProductId, SaleShown)],
    has: impl Fn(ProductId) -> bool,
) -> Option<SaleTerms> {
    let is_whole = |terms: &SaleTerms| terms.products.iter().all(|product| has(*product));
    let stays = |(product, shown): &&(ProductId, SaleShown)| shown.terms.products.contains(product);
    let whole = parts.iter().filter(stays).map(|(_, shown)| &shown.terms);
    let whole = whole.filter(|terms| is_whole(terms)).max_by_key(|terms| terms.edition)?;
    let newest = parts.iter().map(|(_, shown)| shown.terms.edition).max()?;
    let edition = if whole.edition == newest { newest } else { newest + 1 };
    Some(SaleTerms { edition, ..whole.clone() })
}

impl Inner {
    /// Sees to a change of the list that stopped halfway. Called while no other sale is changed.
    pub(super) async fn make_list_whole(&self, sale: SaleId) -> Result<(), SaleError> {
        let parts = self.known_parts(sale).await?.0;
        let has = |product| parts.iter().any(|(known, _)| *known == product);
        let Some(target) = whole_terms(&parts, has) else { return Ok(()) };
        let taken_back = newest_of(&parts).is_some_and(|newest| newest.edition < target.edition);
        let left = parts.iter().any(|(product, shown)| {
            let sold = !shown.terms.products.contains(product) && shown.taken > 0;
            !target.products.contains(product) && !sold
        });
        if taken_back || left {
            self.settle_parts(&parts, &target).await?;
        }
        Ok(())
    }

    /// Gives all parts what the sale is, and drops those it does not have. Goes on behind a failure.
    pub(super) async fn settle_parts(
        &self,
        parts: &[(ProductId, SaleShown)],
        target: &SaleTerms,
    ) -> Result<(), EngineError> {
        let mut failed = None;
        for (product, shown) in parts {
            let settled = if !target.products.contains(product) {
                self.leave(*product, shown, target).await
            } else if shown.terms.edition < target.edition {
                self.carry_on(*product, shown, target).await
            } else {
                Ok(())
            };
            failed = settled.err().or(failed);
        }
        failed.map_or(Ok(()), Err)
    }

    /// Gives a part what is known of the whole sale. One that is over needs it no more.
    async fn carry_on(
        &self,
        product: ProductId,
        shown: &SaleShown,
        target: &SaleTerms,
    ) -> Result<(), EngineError> {
        let mut terms = shared(target, &shown.terms);
        match self.set_shared(product, &mut terms, shown.terms.opens_at).await {
            Ok(_) => {
                let sale = target.sale;
                tracing::info!(%sale, %product, "a change of a sale was carried on");
                Ok(())
            }
            Err(EngineError::Refused(Refusal::Closed { .. })) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Ends the part of a product that the sale does not have, and drops it unless it sold something.
    pub(super) async fn leave(
        &self,
        product: ProductId,
        shown: &SaleShown,
        target: &SaleTerms,
    ) -> Result<(), EngineError> {
        if shown.terms.products.contains(&product) {
            let terms = leaving(&shown.terms, &target.products, target.edition);
            match self.set_part(product, &terms, None).await {
                Ok(_) | Err(EngineError::Refused(Refusal::Closed { .. })) => {}
                Err(error) => return Err(error),
            }
        } else if shown.taken > 0 {
            return Ok(());
        }
        self.drop_part(product, target.sale).await
    }

    async fn drop_part(&self, product: ProductId, sale: SaleId) -> Result<(), EngineError> {
        let action = Action::DropSale { sale, undo: true };
        match self.engine.submit(product, Command::plain(action)).await {
            Ok(_) | Err(EngineError::Refused(Refusal::UnknownSale | Refusal::SaleHasSales)) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Sets the parts of new products, before any other part names them. Where one is refused, none is
    /// left: the sale is what `before` says.
    pub(super) async fn add_parts(
        &self,
        added: &[NewPart],
        (terms, before): (&SaleTerms, &SaleTerms),
    ) -> Result<(Vec<(ProductId, SaleShown)>, Vec<(ProductId, Decided)>), SaleError> {
        let (mut shown, mut set) = (Vec::with_capacity(added.len()), Vec::new());
        for NewPart { product, price, limit_per_customer, units } in added.iter().copied() {
            let terms = SaleTerms { price, limit_per_customer, units, ..terms.clone() };
            match self.set_part(product, &terms, None).await {
                Ok(decided) => {
                    set.push((product, decided));
                    shown.push((product, SaleShown { terms, taken: 0, held: 0, owned: 0 }));
                }
                Err(error) => {
                    self.take_out(&shown, before).await;
                    // Refused, or nobody knows.
                    if !matches!(error, EngineError::Refused(_)) {
                        self.drop_part(product, before.sale).await.ok();
                    }
                    return Err(SaleError::Part(product, error));
                }
            }
        }
        Ok((shown, set))
    }

    /// Parts that leave: at once, or at the next look at half-made sales.
    pub(super) async fn take_out(&self, parts: &[(ProductId, SaleShown)], target: &SaleTerms) {
        for (product, shown) in parts {
            if let Err(error) = self.leave(*product, shown, target).await {
                let sale = target.sale;
                tracing::warn!(%sale, %product, %error, "a product leaves a sale later");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, Money};

    fn part(product: u64, list: &[u64], edition: u64) -> (ProductId, SaleShown) {
        let id = |number: u64| ProductId::new(number).expect("a product");
        let terms = SaleTerms {
            sale: SaleId::new(1).expect("a sale"),
            name: "sale".into(),
            products: list.iter().map(|number| id(*number)).collect(),
            opens_at: Timestamp::from_millis(5),
            ends_at: Timestamp::from_millis(9),
            paused: false,
            sells_before: false,
            edition,
            price: Money { amount: 5, currency: Currency::NONE },
            limit_per_customer: None,
            units: 2,
        };
        (id(product), SaleShown { terms, taken: 0, held: 0, owned: 0 })
    }

    /// The products and the edition of what the sale is.
    fn whole(parts: &[(ProductId, SaleShown)]) -> Option<(Vec<u64>, u64)> {
        let has = |product| parts.iter().any(|(known, _)| *known == product);
        let terms = whole_terms(parts, has)?;
        Some((terms.products.iter().map(|product| product.get()).collect(), terms.edition))
    }

    #[test]
    fn the_newest_whole_list_says_what_a_sale_is() {
        let (old, new): (&[u64], &[u64]) = (&[1, 2], &[2, 3, 4]);
        // One new product after the other, then the one that stays, then the one that leaves.
        let mut parts = vec![part(1, old, 1), part(2, old, 1)];
        assert_eq!(whole(&parts), Some((vec![1, 2], 1)));
        parts.push(part(3, new, 2));
        assert_eq!(whole(&parts), Some((vec![1, 2], 3)), "taken back");
        parts.push(part(4, new, 2));
        assert_eq!(whole(&parts), Some((vec![2, 3, 4], 2)), "carried on");
        parts[1] = part(2, new, 2);
        assert_eq!(whole(&parts), Some((vec![2, 3, 4], 2)));
        parts[0] = part(1, new, 2);
        assert_eq!(whole(&parts), Some((vec![2, 3, 4], 2)));
        parts.remove(0);
        assert_eq!(whole(&parts), Some((vec![2, 3, 4], 2)));
        assert_eq!(whole(&[part(1, old, 1)]), None, "never whole");
    }
}
