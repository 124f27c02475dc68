//! The catalogue: creating and changing products, and restocking many of them.
//!
//! What it is for: whatever an operator's request needs beyond one command to one product. The facts
//! are the journal's, like every other: this module owns no table. It keeps SKUs apart (`skus`),
//! makes one promise of many adjustments (`restock`), and one sale of many products' parts (`sales`).
//!
//! Each request runs in a task of its own, to its end: a caller that goes away in the middle leaves no
//! SKU claimed for nobody and no restocking half done. On failure the caller is told, and nothing is
//! kept that a later request could stumble over; an unknown outcome keeps its SKU.

mod restock;
mod sale_deletion;
mod sale_keys;
mod sale_known;
mod sale_list;
mod sale_settling;
mod sale_upkeep;
mod sales;
mod skus;

pub use restock::{Adjusted, Adjustment, LINES_MAX, RestockError};
pub use sale_list::ListChange;
pub use sale_upkeep::{RefusalLog, run as upkeep_of_sales};
pub use sales::{NewPart, NewSale, PartChange, SaleAsSet, SaleChange, SaleError};

use crate::domain::{
    Action, CatalogEntry, Change, Command, Field, Offer, Outcome, ProductId, Refusal, Retry,
};
use crate::engine::{Engine, EngineError};
use crate::projection::{ProjectionProgress, Queries, QueryError};
use skus::Skus;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// How long the query tables are waited for where they must have caught up.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why the catalogue did not take something.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// Another product has the SKU, or is about to get it.
    #[error("the SKU is taken")]
    SkuTaken(Option<ProductId>),
    /// Whether a SKU is taken cannot be told: the query tables are behind the journal.
    #[error("the query tables are behind")]
    Behind,
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// The way to the catalogue. Cheap to clone.
#[derive(Clone)]
pub struct Catalog(Arc<Inner>);

struct Inner {
    engine: Engine,
    queries: Queries,
    progress: ProjectionProgress,
    skus: Skus,
    /// Only one change of a SKU at a time: it has to know which one the product gives up.
    changing: Mutex<()>,
    restocking: restock::Running,
    /// Only one change of a sale at a time.
    sales: Mutex<()>,
    known_sales: sale_known::KnownSales,
    settled_sales: sale_settling::SettledSales,
    sale_keys: sale_keys::SaleKeys,
}

impl Catalog {
    /// From here on all SKUs must be claimed here: what was created before is in the journal.
    #[must_use]
    pub fn new(engine: Engine, queries: Queries, progress: ProjectionProgress) -> Self {
        let skus = Skus::since(engine.durable());
        let (changing, restocking) = (Mutex::default(), restock::Running::default());
        let (sales, known_sales) = (Mutex::default(), sale_known::KnownSales::default());
        let sale_keys = sale_keys::SaleKeys::default();
        Self(Arc::new(Inner {
            engine,
            queries,
            progress,
            skus,
            changing,
            restocking,
            sales,
            known_sales,
            settled_sales: sale_settling::SettledSales::default(),
            sale_keys,
        }))
    }

    /// Starts selling a new product.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub async fn create(
        &self,
        offer: Offer,
        units: u64,
        entry: CatalogEntry,
    ) -> Result<ProductId, CatalogError> {
        let inner = self.0.clone();
        finished(tokio::spawn(async move { inner.create(offer, units, entry).await })).await?
    }

    /// Changes a product; with `expected`, only while that is its edition.
    ///
    /// # Errors
    /// See [`CatalogError`].
    pub async fn change(
        &self,
        product: ProductId,
        change: Change,
        expected: Option<u64>,
        retry: Option<Retry>,
    ) -> Result<Outcome, CatalogError> {
        let inner = self.0.clone();
        let change =
            tokio::spawn(async move { inner.change(product, change, expected, retry).await });
        finished(change).await?
    }
}

/// The result of a task; one that panicked has decided nobody knows what.
async fn finished<T>(task: tokio::task::JoinHandle<T>) -> Result<T, EngineError> {
    task.await.map_err(|_| EngineError::OutcomeUnknown)
}

impl Inner {
    async fn create(
        &self,
        offer: Offer,
        units: u64,
        entry: CatalogEntry,
    ) -> Result<ProductId, CatalogError> {
        let Some(sku) = entry.sku.clone() else {
            return Ok(self.engine.create(offer, units, entry).await?);
        };
        let claim = self.claim(&sku, None).await?;
        let created = self.engine.create(offer, units, entry).await;
        match &created {
            Ok(product) => self.skus.settle(claim, *product),
            Err(error) => self.give_up(claim, *error),
        }
        Ok(created?)
    }

    async fn change(
        &self,
        product: ProductId,
        change: Change,
        expected: Option<u64>,
        retry: Option<Retry>,
    ) -> Result<Outcome, CatalogError> {
        let sku = change.sku.clone();
        let action = Action::Change { change: Box::new(change), expected };
        let command = Command { retry, action };
        if sku == Field::Keep {
            return Ok(self.engine.submit(product, command).await?);
        }
        let changing = tokio::time::timeout(PATIENCE, self.changing.lock()).await;
        let _changing = changing.map_err(|_| EngineError::Overloaded("changes of SKUs"))?;
        self.engine.view(product).await?;
        // A repetition gets its first answer, whoever has the SKU by now.
        if let Some(first) = self.first_answer(product, retry).await? {
            return Ok(first);
        }
        let before = self.sku_of(product).await?;
        let claim = match &sku {
            Field::Set(wanted) if before.as_ref() != Some(wanted) => {
                Some(self.claim(wanted, Some(product)).await?)
            }
            _ => None,
        };
        let outcome = self.engine.submit(product, command).await;
        match (&outcome, claim) {
            (Ok(outcome), claim) if !outcome.replayed => {
                let same = matches!(&sku, Field::Set(wanted) if before.as_ref() == Some(wanted));
                if let Some(before) = before.filter(|_| !same) {
                    self.skus.free(&before, product);
                }
                if let Some(claim) = claim {
                    self.skus.settle(claim, product);
                }
            }
            // The first answer again: nothing was changed this time.
            (Ok(_), Some(claim)) => self.skus.let_go(claim),
            (Err(error), Some(claim)) => self.give_up(claim, *error),
            (_, None) => {}
        }
        Ok(outcome?)
    }

    /// What was answered to this key before.
    async fn first_answer(
        &self,
        product: ProductId,
        retry: Option<Retry>,
    ) -> Result<Option<Outcome>, CatalogError> {
        let Some(retry) = retry else { return Ok(None) };
        let action = Action::LookUp { order: restock::NO_ORDER };
        match self.engine.submit(product, Command { retry: Some(retry), action }).await {
            Ok(outcome) => Ok(Some(outcome)),
            Err(EngineError::Refused(Refusal::UnknownReservation)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The SKU a product has now. Called while nobody changes one.
    async fn sku_of(&self, product: ProductId) -> Result<Option<String>, CatalogError> {
        if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
            return Err(CatalogError::Behind);
        }
        let row = self.queries.product(product).await?.ok_or(CatalogError::Behind)?;
        Ok(row.entry.sku)
    }

    async fn claim(&self, sku: &str, by: Option<ProductId>) -> Result<skus::Claim, CatalogError> {
        if self.skus.are_many() {
            let moment = self.skus.moment();
            let durable = self.engine.durable();
            if self.progress.wait_for(&durable, PATIENCE).await {
                self.skus.forget(moment, durable);
            }
        }
        if self.skus.are_too_many() {
            return Err(EngineError::Overloaded("SKUs the query tables do not have yet").into());
        }
        let claim = self.skus.claim(sku, by).map_err(CatalogError::SkuTaken)?;
        if claim.is_decided() {
            return Ok(claim);
        }
        match self.holder_before(sku).await {
            Ok(holder) if holder.is_none() || holder == by => Ok(claim),
            Ok(holder) => {
                self.skus.let_go(claim);
                Err(CatalogError::SkuTaken(holder))
            }
            Err(error) => {
                self.skus.let_go(claim);
                Err(error)
            }
        }
    }

    /// Who had a SKU before this server began to watch them.
    async fn holder_before(&self, sku: &str) -> Result<Option<ProductId>, CatalogError> {
        if !self.progress.wait_for(&self.skus.since_when(), PATIENCE).await {
            return Err(CatalogError::Behind);
        }
        Ok(self.queries.product_of_sku(sku).await?)
    }

    /// What was certainly not decided claims nothing.
    fn give_up(&self, claim: skus::Claim, error: EngineError) {
        match error {
            EngineError::OutcomeUnknown => {}
            EngineError::Refused(_)
            | EngineError::Overloaded(_)
            | EngineError::JournalUnavailable
            | EngineError::NotOwner => self.skus.let_go(claim),
        }
    }
}
