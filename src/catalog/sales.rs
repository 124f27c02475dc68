//! Sales over many products: setting one up, changing it, giving it up, and making half-made ones whole.
//!
//! Each product decides for itself, so a sale is set part by part:
//!
//! ```text
//!   parts in ascending order of product ──all set──▶ durable ──▶ answered
//!        └─ one is refused ──▶ what this request set is taken back ──▶ refused
//! ```
//!
//! Every part names all products and the edition of the sale. After a crash in the middle a part is
//! missing, or of a lower edition; [`Catalog::settle_sales`] sees that, drops what was never whole and
//! carries a change to its end. One change of a sale runs at a time. What must never happen: a sale
//! that is answered and not there for all its products.

use super::{Catalog, CatalogError, Inner, PATIENCE, finished};
use crate::domain::{
    Action, Answer, Command, CustomerId, Field, Money, OrderId, ProductId, Refusal, Retry, SaleId,
    SaleShown, SaleState, SaleTerms, Timestamp,
};
use crate::engine::{Decided, EngineError};
use crate::projection::SaleRow;

/// No order has this id, so looking it up only tells whether a key is known.
const NO_ORDER: OrderId = OrderId([0; 16]);

/// A sale that is to be.
#[derive(Debug, Clone)]
pub struct NewSale {
    pub name: Box<str>,
    pub opens_at: Timestamp,
    pub ends_at: Timestamp,
    pub sells_before: bool,
    /// Ascending, each product once, at least one.
    pub parts: Vec<NewPart>,
}

/// One product of it.
#[derive(Debug, Clone, Copy)]
pub struct NewPart {
    pub product: ProductId,
    pub price: Money,
    pub limit_per_customer: Option<u32>,
    pub units: u64,
}

/// New values; whatever is not named stays as it is.
#[derive(Debug, Clone, Default)]
pub struct SaleChange {
    pub name: Option<Box<str>>,
    pub opens_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub sells_before: Option<bool>,
    pub paused: Option<bool>,
    pub parts: Vec<PartChange>,
}

/// New values of one product's part.
#[derive(Debug, Clone)]
pub struct PartChange {
    pub product: ProductId,
    pub price: Option<Money>,
    pub limit_per_customer: Field<u32>,
    pub units: Option<u64>,
}

impl SaleChange {
    fn take(&self, terms: &SaleTerms, edition: u64) -> SaleTerms {
        SaleTerms {
            name: self.name.clone().unwrap_or_else(|| terms.name.clone()),
            opens_at: self.opens_at.unwrap_or(terms.opens_at),
            ends_at: self.ends_at.unwrap_or(terms.ends_at),
            sells_before: self.sells_before.unwrap_or(terms.sells_before),
            paused: self.paused.unwrap_or(terms.paused),
            edition,
            ..terms.clone()
        }
    }
}

/// Why a sale was not set, changed or given up.
#[derive(Debug, thiserror::Error)]
pub enum SaleError {
    /// No such sale.
    #[error("there is no such sale")]
    Unknown,
    /// Somebody else was faster.
    #[error("the sale is of another edition")]
    OtherEdition,
    /// A change names a product that has no part of the sale.
    #[error("product {0} is not in the sale")]
    NotIn(ProductId),
    /// One product stands in the way.
    #[error("product {0}: {1}")]
    Part(ProductId, EngineError),
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

impl From<EngineError> for SaleError {
    fn from(error: EngineError) -> Self {
        Self::Catalog(error.into())
    }
}

impl Catalog {
    /// Sets up a sale; says whether this is the first answer to a known key again.
    ///
    /// # Errors
    /// See [`SaleError`]; nothing is left of it then.
    pub async fn create_sale(
        &self,
        new: NewSale,
        retry: Option<Retry>,
    ) -> Result<(SaleId, bool), SaleError> {
        let inner = self.0.clone();
        finished(tokio::spawn(async move { inner.create_sale(new, retry).await })).await?
    }

    /// Changes a sale and gives its new edition; with `expected`, only while it is of one of these.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn change_sale(
        &self,
        sale: SaleId,
        change: SaleChange,
        expected: Option<Vec<u64>>,
    ) -> Result<u64, SaleError> {
        let inner = self.0.clone();
        let change = async move { inner.change_sale(sale, &change, expected.as_deref()).await };
        finished(tokio::spawn(change)).await?
    }

    /// Ends a sale that is open at `now`, paused or not.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn end_sale(&self, sale: SaleId, now: Timestamp) -> Result<u64, SaleError> {
        let inner = self.0.clone();
        let ending = async move {
            if let Some(row) = inner.engine_row(sale).await?
                && now < row.opens_at
            {
                let opens_at = row.opens_at;
                return Err(EngineError::Refused(Refusal::NotOpen { opens_at }).into());
            }
            let change = SaleChange { ends_at: Some(now), ..SaleChange::default() };
            inner.change_sale(sale, &change, None).await
        };
        finished(tokio::spawn(ending)).await?
    }

    /// Gives up a sale that has not begun, or that is over and sold nothing.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn drop_sale(
        &self,
        sale: SaleId,
        expected: Option<Vec<u64>>,
        now: Timestamp,
    ) -> Result<(), SaleError> {
        let inner = self.0.clone();
        let dropping = async move { inner.drop_sale(sale, expected.as_deref(), now).await };
        finished(tokio::spawn(dropping)).await?
    }

    /// What a product knows of its part of a sale, and what a customer has in it.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn sale_part(
        &self,
        product: ProductId,
        sale: SaleId,
        customer: Option<CustomerId>,
    ) -> Result<SaleShown, EngineError> {
        let look_up = Command::plain(Action::LookUpSale { sale, customer });
        match self.0.engine.submit(product, look_up).await?.answer {
            Answer::SaleShown(shown) => Ok(*shown),
            _ => Err(EngineError::OutcomeUnknown),
        }
    }

    /// Makes half-made sales whole, or drops them. Does nothing while the tables are behind.
    ///
    /// # Errors
    /// See [`SaleError`]; what is left is seen to the next time.
    pub async fn settle_sales(&self, now: Timestamp) -> Result<(), SaleError> {
        self.0.settle_sales(now).await
    }
}

impl Inner {
    async fn create_sale(
        &self,
        new: NewSale,
        retry: Option<Retry>,
    ) -> Result<(SaleId, bool), SaleError> {
        let _changing = self.sales.lock().await;
        let Some(last) = new.parts.last().map(|part| part.product) else {
            return Err(SaleError::Unknown);
        };
        // The key is kept by the part that is set last: where it is known, the sale was whole.
        if let Some(retry) = retry
            && let Some(sale) = self.recall_sale(last, retry).await?
        {
            return Ok((sale, true));
        }
        let sale = self.engine.draw_sale_id().await?;
        let products: Box<[ProductId]> = new.parts.iter().map(|part| part.product).collect();
        let terms = |part: &NewPart| SaleTerms {
            sale,
            name: new.name.clone(),
            products: products.clone(),
            opens_at: new.opens_at,
            ends_at: new.ends_at,
            paused: false,
            sells_before: new.sells_before,
            edition: 1,
            price: part.price,
            limit_per_customer: part.limit_per_customer,
            units: part.units,
        };
        let all: Vec<SaleTerms> = new.parts.iter().map(terms).collect();
        let mut set = Vec::with_capacity(all.len());
        for (part, terms) in new.parts.iter().zip(&all) {
            let key = retry.filter(|_| part.product == last);
            match self.set_part(part.product, terms, key).await {
                Ok(decided) => set.push((part.product, decided)),
                Err(error) => {
                    let products: Vec<_> = set.iter().map(|(product, _)| *product).collect();
                    self.undo(sale, &products, new.opens_at).await;
                    return Err(SaleError::Part(part.product, error));
                }
            }
        }
        durable(set).await?;
        Ok((sale, false))
    }

    async fn recall_sale(
        &self,
        product: ProductId,
        retry: Retry,
    ) -> Result<Option<SaleId>, SaleError> {
        let action = Action::LookUp { order: NO_ORDER };
        match self.engine.submit(product, Command { retry: Some(retry), action }).await {
            Ok(outcome) => match outcome.answer {
                Answer::SaleSet { sale, .. } => Ok(Some(sale)),
                _ => Err(EngineError::Refused(Refusal::KeyReused).into()),
            },
            Err(EngineError::Refused(Refusal::UnknownReservation)) => Ok(None),
            Err(error) => Err(SaleError::Part(product, error)),
        }
    }

    /// Sets one part; what is decided is waited for at the end.
    async fn set_part(
        &self,
        product: ProductId,
        terms: &SaleTerms,
        retry: Option<Retry>,
    ) -> Result<Decided, EngineError> {
        let action = Action::SetSale { terms: Box::new(terms.clone()) };
        let decided = self.engine.decide(product, Command { retry, action }).await?;
        if decided.early().is_ok() {
            return Ok(decided);
        }
        // A refusal may rest on what is not durable yet, so it waits like an answer.
        Err(decided.durable().await.err().unwrap_or(EngineError::OutcomeUnknown))
    }

    /// Drops the parts of a sale that did not become whole. Under one that is open already somebody
    /// may have bought: that stands, and the part ends instead.
    async fn undo(&self, sale: SaleId, products: &[ProductId], now: Timestamp) {
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

    /// The product's part; `None` where it has none.
    async fn part(
        &self,
        product: ProductId,
        sale: SaleId,
    ) -> Result<Option<SaleShown>, EngineError> {
        let look_up = Command::plain(Action::LookUpSale { sale, customer: None });
        match self.engine.submit(product, look_up).await {
            Ok(outcome) => match outcome.answer {
                Answer::SaleShown(shown) => Ok(Some(*shown)),
                _ => Err(EngineError::OutcomeUnknown),
            },
            Err(EngineError::Refused(Refusal::UnknownSale)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The sale's row, as of everything that is durable now.
    async fn engine_row(&self, sale: SaleId) -> Result<Option<SaleRow>, SaleError> {
        if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
            return Err(CatalogError::Behind.into());
        }
        Ok(self.queries.sale(sale).await.map_err(CatalogError::from)?)
    }

    /// All parts as they are, in order of product.
    async fn parts(
        &self,
        sale: SaleId,
        expected: Option<&[u64]>,
    ) -> Result<Vec<(ProductId, SaleShown)>, SaleError> {
        let row = self.engine_row(sale).await?.ok_or(SaleError::Unknown)?;
        let mut parts = Vec::with_capacity(row.products.len());
        for product in row.products {
            // One that is over so long that the product has forgotten it is not changed any more.
            let closed_at = row.ends_at;
            let over = || SaleError::from(EngineError::Refused(Refusal::Closed { closed_at }));
            let shown = self.part(product, sale).await?;
            parts.push((product, shown.ok_or_else(over)?));
        }
        let edition = edition_of(&parts);
        match expected {
            Some(expected) if !expected.contains(&edition) => Err(SaleError::OtherEdition),
            _ => Ok(parts),
        }
    }

    async fn change_sale(
        &self,
        sale: SaleId,
        change: &SaleChange,
        expected: Option<&[u64]>,
    ) -> Result<u64, SaleError> {
        let _changing = self.sales.lock().await;
        let parts = self.parts(sale, expected).await?;
        let edition = edition_of(&parts) + 1;
        let strange =
            |part: &&PartChange| parts.iter().all(|(product, _)| *product != part.product);
        if let Some(part) = change.parts.iter().find(strange) {
            return Err(SaleError::NotIn(part.product));
        }
        let mut set = Vec::with_capacity(parts.len());
        for (product, shown) in &parts {
            let mut terms = change.take(&shown.terms, edition);
            if let Some(part) = change.parts.iter().find(|part| part.product == *product) {
                terms.price = part.price.unwrap_or(terms.price);
                terms.units = part.units.unwrap_or(terms.units);
                part.limit_per_customer.change(&mut terms.limit_per_customer);
            }
            match self.set_part(*product, &terms, None).await {
                Ok(decided) => set.push((*product, decided)),
                Err(error) => {
                    self.revert(&parts, set.len(), edition + 1).await;
                    return Err(SaleError::Part(*product, error));
                }
            }
        }
        durable(set).await?;
        Ok(edition)
    }

    /// Gives the first parts their terms before a change back. All parts get the same edition, or the
    /// next look at half-made sales would carry the change on.
    async fn revert(&self, parts: &[(ProductId, SaleShown)], changed: usize, edition: u64) {
        if changed == 0 {
            return;
        }
        for (product, shown) in parts {
            let terms = SaleTerms { edition, ..shown.terms.clone() };
            let mut set = self.set_part(*product, &terms, None).await;
            // Units that the change gave free are sold by now: what is left for the sale stays.
            if let Err(EngineError::Refused(Refusal::Insufficient { available })) = set {
                let terms = SaleTerms { units: available, ..terms };
                set = self.set_part(*product, &terms, None).await;
            }
            if let Err(error) = set {
                let sale = shown.terms.sale;
                tracing::warn!(%sale, %product, %error, "a change of a sale was not taken back");
            }
        }
    }

    async fn drop_sale(
        &self,
        sale: SaleId,
        expected: Option<&[u64]>,
        now: Timestamp,
    ) -> Result<(), SaleError> {
        let _changing = self.sales.lock().await;
        let parts = self.parts(sale, expected).await?;
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
        Ok(())
    }

    async fn settle_sales(&self, now: Timestamp) -> Result<(), SaleError> {
        let _changing = self.sales.lock().await;
        if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
            return Err(CatalogError::Behind.into());
        }
        let rows = self.queries.sales_to_come(now).await.map_err(CatalogError::from)?;
        for row in rows.iter().filter(|row| row.state(now) != SaleState::Ended) {
            self.settle_sale(row, now).await?;
        }
        Ok(())
    }

    async fn settle_sale(&self, row: &SaleRow, now: Timestamp) -> Result<(), SaleError> {
        let mut parts = Vec::with_capacity(row.products.len());
        for product in &row.products {
            if let Some(shown) = self.part(*product, row.sale).await? {
                parts.push((*product, shown));
            }
        }
        if parts.len() < row.products.len() {
            tracing::warn!(sale = %row.sale, "a sale that was never whole is dropped");
            let products: Vec<_> = parts.iter().map(|(product, _)| *product).collect();
            self.undo(row.sale, &products, now).await;
            return Ok(());
        }
        let newest = parts.iter().map(|(_, shown)| &shown.terms).max_by_key(|terms| terms.edition);
        let Some(newest) = newest else { return Ok(()) };
        for (product, shown) in &parts {
            if shown.terms.edition < newest.edition {
                let terms = SaleTerms {
                    price: shown.terms.price,
                    limit_per_customer: shown.terms.limit_per_customer,
                    units: shown.terms.units,
                    ..newest.clone()
                };
                self.set_part(*product, &terms, None)
                    .await
                    .map_err(|error| SaleError::Part(*product, error))?;
                tracing::info!(sale = %row.sale, %product, "a change of a sale was carried on");
            }
        }
        Ok(())
    }
}

fn edition_of(parts: &[(ProductId, SaleShown)]) -> u64 {
    parts.iter().map(|(_, shown)| shown.terms.edition).max().unwrap_or_default()
}

async fn durable(set: Vec<(ProductId, Decided)>) -> Result<(), SaleError> {
    for (product, decided) in set {
        decided.durable().await.map_err(|error| SaleError::Part(product, error))?;
    }
    Ok(())
}
