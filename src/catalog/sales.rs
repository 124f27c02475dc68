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
//! missing, or of a lower edition; `sale_settling` sees to those, and `sale_list` to
//! products that come and go. What all parts share is always taken
//! from the part of the highest edition, so a change of a half-changed sale does not keep the difference.
//! A part that is over needs no change any more. One change of a sale runs at a time. What must never
//! happen: a sale that is answered and not there for all its products.

use super::sale_known::KnownSale;
use super::sale_list::{ListChange, leaving};
use super::{Catalog, CatalogError, Inner, PATIENCE, finished};
use crate::domain::{
    Action, Answer, Command, CustomerId, Field, Money, OrderId, ProductId, Refusal, Retry, SaleId,
    SaleShown, SaleTerms, Timestamp,
};
use crate::engine::{Decided, EngineError};
use crate::projection::SaleRow;
use tokio::sync::MutexGuard;

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
    /// `None` where the products stay.
    pub list: Option<ListChange>,
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

    /// What becomes of one part; `whole` is what becomes of the sale.
    fn of_part(&self, product: ProductId, part: &SaleTerms, whole: &SaleTerms) -> SaleTerms {
        if !whole.products.contains(&product) {
            return leaving(part, &whole.products, whole.edition);
        }
        let mut terms = shared(whole, part);
        if let Some(part) = self.parts.iter().find(|part| part.product == product) {
            terms.price = part.price.unwrap_or(terms.price);
            terms.units = part.units.unwrap_or(terms.units);
            part.limit_per_customer.change(&mut terms.limit_per_customer);
        }
        terms
    }
}

/// A sale as it was just set, whether the tables have it or not.
#[derive(Debug, Clone)]
pub struct SaleAsSet {
    /// Of them, price, limit and units are those of one product.
    pub terms: SaleTerms,
    pub parts: Vec<(ProductId, SaleShown)>,
    pub created_at: Timestamp,
    /// It is the first answer to a known key again.
    pub replayed: bool,
}

/// Why a sale was not set, changed or given up.
#[derive(Debug, thiserror::Error)]
pub enum SaleError {
    /// No such sale.
    #[error("there is no such sale")]
    Unknown,
    /// A new sale that would be over already.
    #[error("the sale would be over already")]
    Past,
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
    /// Sets up a sale.
    ///
    /// # Errors
    /// See [`SaleError`]; nothing is left of it then.
    pub async fn create_sale(
        &self,
        new: NewSale,
        retry: Option<Retry>,
        now: Timestamp,
    ) -> Result<SaleAsSet, SaleError> {
        let inner = self.0.clone();
        finished(tokio::spawn(async move { inner.create_sale(new, retry, now).await })).await?
    }

    /// Changes a sale; with `expected`, only while it is of one of these.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn change_sale(
        &self,
        sale: SaleId,
        change: SaleChange,
        expected: Option<Vec<u64>>,
    ) -> Result<SaleAsSet, SaleError> {
        let inner = self.0.clone();
        let change =
            async move { inner.change_sale(sale, &change, expected.as_deref(), None).await };
        finished(tokio::spawn(change)).await?
    }

    /// Ends a sale that is open at `now`, paused or not.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn end_sale(
        &self,
        sale: SaleId,
        expected: Option<Vec<u64>>,
        now: Timestamp,
    ) -> Result<SaleAsSet, SaleError> {
        let inner = self.0.clone();
        let ending = async move {
            let change = SaleChange { ends_at: Some(now), ..SaleChange::default() };
            inner.change_sale(sale, &change, expected.as_deref(), Some(now)).await
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

    /// What all products of a sale share, as its newest part has it.
    ///
    /// # Errors
    /// See [`SaleError`].
    pub async fn sale_terms(&self, sale: SaleId) -> Result<SaleTerms, SaleError> {
        Ok(self.0.parts(sale, None).await?.newest)
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
}

impl Inner {
    async fn create_sale(
        &self,
        new: NewSale,
        retry: Option<Retry>,
        now: Timestamp,
    ) -> Result<SaleAsSet, SaleError> {
        let _changing = self.changing_sales().await?;
        let Some(last) = new.parts.last().map(|part| part.product) else {
            return Err(SaleError::Unknown);
        };
        if let Some(retry) = retry
            && let Some(sale) = self.recall_sale(last, retry, now).await?
        {
            let Parts { all: parts, newest: terms, created_at } = self.parts(sale, None).await?;
            return Ok(SaleAsSet { terms, parts, created_at, replayed: true });
        }
        if new.ends_at <= now {
            return Err(SaleError::Past);
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
        let mut parts = Vec::with_capacity(new.parts.len());
        let mut set = Vec::with_capacity(new.parts.len());
        for part in &new.parts {
            let terms = terms(part);
            let key = retry.filter(|_| part.product == last);
            match self.set_part(part.product, &terms, key).await {
                Ok(decided) => {
                    set.push((part.product, decided));
                    let shown = SaleShown { terms, taken: 0, held: 0, owned: 0 };
                    parts.push((part.product, shown));
                }
                Err(error) => {
                    let products: Vec<_> = set.iter().map(|(product, _)| *product).collect();
                    self.undo(sale, &products, new.opens_at).await;
                    return Err(SaleError::Part(part.product, error));
                }
            }
        }
        // Decided for good, also where it is not known yet whether it is durable.
        if let Some(retry) = retry {
            self.sale_keys.learn(retry, sale, now);
        }
        let created_at = durable(set).await?.unwrap_or(now);
        self.known_sales.learn(sale, KnownSale { products, created_at });
        let terms = newest_of(&parts).cloned().ok_or(SaleError::Unknown)?;
        Ok(SaleAsSet { terms, parts, created_at, replayed: false })
    }

    /// The sale of a key: of any of the last day, and of those that the product remembers longer. The part
    /// that is set last keeps the key: where it is known, the sale was whole.
    async fn recall_sale(
        &self,
        product: ProductId,
        retry: Retry,
        now: Timestamp,
    ) -> Result<Option<SaleId>, SaleError> {
        if let Some(sale) = self.sale_of_key(retry, now).await? {
            return Ok(Some(sale));
        }
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
    pub(super) async fn set_part(
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

    /// Sets one part to what all share. One that has opened already, of a sale of which a change of its
    /// opening stopped halfway, keeps its own.
    pub(super) async fn set_shared(
        &self,
        product: ProductId,
        terms: &mut SaleTerms,
        own_opening: Timestamp,
    ) -> Result<Decided, EngineError> {
        match self.set_part(product, terms, None).await {
            Err(EngineError::Refused(Refusal::SaleRunning)) if terms.opens_at != own_opening => {
                terms.opens_at = own_opening;
                terms.ends_at = terms.ends_at.max(own_opening);
                self.set_part(product, terms, None).await
            }
            set => set,
        }
    }

    /// The product's part; `None` where it has none.
    pub(super) async fn part(
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
            Err(EngineError::Refused(Refusal::UnknownSale | Refusal::UnknownProduct)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The sale's row, as of everything that is durable now.
    pub(super) async fn engine_row(&self, sale: SaleId) -> Result<Option<SaleRow>, SaleError> {
        if !self.progress.wait_for(&self.engine.durable(), PATIENCE).await {
            return Err(CatalogError::Behind.into());
        }
        Ok(self.queries.sale(sale).await.map_err(CatalogError::from)?)
    }

    async fn known_sale(&self, sale: SaleId) -> Result<KnownSale, SaleError> {
        if let Some(known) = self.known_sales.get(sale) {
            return Ok(known);
        }
        let row = self.engine_row(sale).await?.ok_or(SaleError::Unknown)?;
        let parts = self.queries.sale_products(&[sale]).await.map_err(CatalogError::from)?;
        let mut products = row.products;
        products.extend(parts.iter().map(|part| part.product));
        products.sort_unstable();
        products.dedup();
        let known = KnownSale { products: products.into(), created_at: row.created_at };
        self.known_sales.learn(sale, known.clone());
        Ok(known)
    }

    /// Waits for the change of a sale before, for a bounded time.
    pub(super) async fn changing_sales(&self) -> Result<MutexGuard<'_, ()>, SaleError> {
        let changing = tokio::time::timeout(PATIENCE, self.sales.lock()).await;
        Ok(changing.map_err(|_| EngineError::Overloaded("changes of sales"))?)
    }

    /// All parts that their products have not forgotten, in order of product, also of products that the
    /// sale does not have any more; and what is known of the sale.
    pub(super) async fn known_parts(
        &self,
        sale: SaleId,
    ) -> Result<(Vec<(ProductId, SaleShown)>, KnownSale), SaleError> {
        let known = self.known_sale(sale).await?;
        let mut parts = Vec::with_capacity(known.products.len());
        for product in &known.products {
            if let Some(shown) = self.part(*product, sale).await? {
                parts.push((*product, shown));
            }
        }
        Ok((parts, known))
    }

    /// The parts of the products that the sale has.
    async fn parts(&self, sale: SaleId, expected: Option<&[u64]>) -> Result<Parts, SaleError> {
        let (mut parts, KnownSale { created_at, .. }) = self.known_parts(sale).await?;
        let Some(newest) = newest_of(&parts).cloned() else {
            let row = self.engine_row(sale).await?.ok_or(SaleError::Unknown)?;
            return Err(EngineError::Refused(Refusal::Closed { closed_at: row.ends_at }).into());
        };
        parts.retain(|(product, _)| newest.products.contains(product));
        as_expected(newest.edition, expected)?;
        Ok(Parts { all: parts, newest, created_at })
    }

    /// Changes what is not over; `ending` says that it is to end, which it does not before it opens.
    async fn change_sale(
        &self,
        sale: SaleId,
        change: &SaleChange,
        expected: Option<&[u64]>,
        ending: Option<Timestamp>,
    ) -> Result<SaleAsSet, SaleError> {
        let _changing = self.changing_sales().await?;
        self.make_list_whole(sale).await?;
        let Parts { all: mut parts, newest, created_at } = self.parts(sale, expected).await?;
        let opens_at = newest.opens_at;
        if ending.is_some_and(|now| now < opens_at) {
            return Err(EngineError::Refused(Refusal::NotOpen { opens_at }).into());
        }
        let strange = |part: &&PartChange| !newest.products.contains(&part.product);
        if let Some(part) = change.parts.iter().find(strange) {
            return Err(SaleError::NotIn(part.product));
        }
        let mut whole = change.take(&newest, newest.edition + 1);
        let taken_back = SaleTerms { edition: whole.edition + 1, ..newest.clone() };
        let (mut as_set, mut set) = (Vec::new(), Vec::with_capacity(parts.len()));
        if let Some(list) = &change.list {
            whole.products = list.list(&newest)?;
            let added = list.added.iter().map(|part| part.product);
            let products = newest.products.iter().copied().chain(added).collect();
            self.known_sales.learn(sale, KnownSale { products, created_at });
            (as_set, set) = self.add_parts(&list.added, (&whole, &taken_back)).await?;
        }
        let added = as_set.len();
        // Those that leave come last: one of them that has heard says that all others have.
        parts.sort_by_key(|(product, _)| !whole.products.contains(product));
        let (mut failed, mut over) = (None, None);
        for (index, (product, shown)) in parts.iter().enumerate() {
            let mut terms = change.of_part(*product, &shown.terms, &whole);
            let own = if change.opens_at.is_some() { terms.opens_at } else { shown.terms.opens_at };
            match self.set_shared(*product, &mut terms, own).await {
                Ok(decided) => {
                    set.push((*product, decided));
                    as_set.push((*product, SaleShown { terms, ..shown.clone() }));
                }
                Err(EngineError::Refused(refusal @ Refusal::Closed { .. })) => {
                    over = Some(refusal);
                    as_set.push((*product, shown.clone()));
                }
                // What has ended for one product ends for the others too, now or at the next look at
                // half-made sales: it is never taken back.
                Err(error) if ending.is_some() => {
                    failed = Some((*product, error));
                    as_set.push((*product, shown.clone()));
                }
                Err(error) => {
                    if set.len() > added {
                        self.revert((&parts, &newest), index, taken_back.edition).await;
                    }
                    self.take_out(&as_set[..added], &taken_back).await;
                    return Err(SaleError::Part(*product, error));
                }
            }
        }
        if let Some(refusal) = over.filter(|_| set.is_empty() && failed.is_none()) {
            return Err(EngineError::Refused(refusal).into());
        }
        durable(set).await?;
        if let Some((product, error)) = failed {
            return Err(SaleError::Part(product, error));
        }
        self.as_changed((as_set, &whole), created_at).await
    }

    /// The sale as it was changed; parts of products that it does not have any more are dropped.
    async fn as_changed(
        &self,
        (mut parts, whole): (Vec<(ProductId, SaleShown)>, &SaleTerms),
        created_at: Timestamp,
    ) -> Result<SaleAsSet, SaleError> {
        let left: Vec<_> =
            parts.extract_if(.., |(product, _)| !whole.products.contains(product)).collect();
        self.take_out(&left, whole).await;
        let products = whole.products.clone();
        self.known_sales.learn(whole.sale, KnownSale { products, created_at });
        parts.sort_unstable_by_key(|(product, _)| *product);
        let terms = newest_of(&parts).cloned().ok_or(SaleError::Unknown)?;
        Ok(SaleAsSet { terms, parts, created_at, replayed: false })
    }

    /// Gives the first parts their terms before a change back. All parts get the same edition, or the
    /// next look at half-made sales would carry the change on.
    async fn revert(
        &self,
        (parts, newest): (&[(ProductId, SaleShown)], &SaleTerms),
        changed: usize,
        edition: u64,
    ) {
        for (index, (product, shown)) in parts.iter().enumerate() {
            let terms = SaleTerms { edition, ..shared(newest, &shown.terms) };
            let mut set = self.set_part(*product, &terms, None).await;
            // Units that the change gave free are sold by now: what is left for the sale stays.
            if let Err(EngineError::Refused(Refusal::Insufficient { available })) = set {
                let terms = SaleTerms { units: available, ..terms };
                set = self.set_part(*product, &terms, None).await;
            }
            match set {
                Ok(_) | Err(EngineError::Refused(Refusal::Closed { .. })) => {}
                Err(error) => {
                    let (sale, was_changed) = (shown.terms.sale, index < changed);
                    tracing::warn!(%sale, %product, %error, was_changed, "a change of a sale was not taken back");
                }
            }
        }
    }
}

pub(super) fn as_expected(edition: u64, expected: Option<&[u64]>) -> Result<(), SaleError> {
    match expected {
        Some(expected) if !expected.contains(&edition) => Err(SaleError::OtherEdition),
        _ => Ok(()),
    }
}

/// The parts of a sale, and the terms of the one of the highest edition.
struct Parts {
    all: Vec<(ProductId, SaleShown)>,
    newest: SaleTerms,
    created_at: Timestamp,
}

/// Whoever has left a sale knows nothing of it.
pub(super) fn newest_of(parts: &[(ProductId, SaleShown)]) -> Option<&SaleTerms> {
    let stays = |(product, shown): &&(ProductId, SaleShown)| shown.terms.products.contains(product);
    let terms = parts.iter().filter(stays).map(|(_, shown)| &shown.terms);
    terms.max_by_key(|terms| terms.edition)
}

/// A part's own values, and all else as the newest part has it.
pub(super) fn shared(newest: &SaleTerms, part: &SaleTerms) -> SaleTerms {
    SaleTerms {
        price: part.price,
        limit_per_customer: part.limit_per_customer,
        units: part.units,
        ..newest.clone()
    }
}

/// When the first of them was decided.
async fn durable(set: Vec<(ProductId, Decided)>) -> Result<Option<Timestamp>, SaleError> {
    let mut first = None;
    for (product, decided) in set {
        let outcome = decided.durable().await;
        let outcome = outcome.map_err(|error| SaleError::Part(product, error))?;
        first = first.or(Some(outcome.at));
    }
    Ok(first)
}
