//! Checkout: orders of several products, all lines or none.
//!
//! ```text
//!   lines, ascending ──hold──▶ lead … followers ──place──▶ lead ──one wait──▶ pending_payment
//!        │ refused                                           │ paid | given up | run out
//!        ▼                                                   ▼
//!   release what this order took                 settle the lead, the others follow it
//! ```
//!
//! Lines are held in ascending order of product, so that of two orders over the same products one
//! always gets everything it wants. Each step is decided as soon as the one before is, and only the
//! last waits for the disk: the journal keeps the order of decisions, so a placed order means that
//! all its lines are held, also after a crash.
//!
//! Who owns it: nobody. Everything an order is stands in its lead's and its lines' journal; this is
//! only who walks from one to the next. What happens on failure: a line that was refused, or a
//! server that stops in the middle, leaves a lead that was never placed and runs out after
//! [`PLACING_MS`], or with the next start; its followers ask it (`engine::followers`). What must never happen: a line that is
//! sold while its order is not.

mod buy;
pub mod collect;
mod crew;
pub mod jobs;
mod keys;
mod late;
pub mod payment;
mod returns;
mod settle;
pub mod signature;
mod simulated;
mod webhook;
mod work;

pub use buy::{Bought, OrderState};
pub use late::{LateOrder, Noticed, Taken};
pub use returns::CancelError;
pub use settle::Open;
pub use simulated::Simulated;
pub use webhook::{Webhook, outside_client};

use crate::domain::{
    Action, Answer, Command, Currency, CustomerId, HoldEnd, Line, OrderId, Part, Payment,
    ProductId, Quantity, Refusal, RequestKey, Retry, SaleId, Timestamp,
};
use crate::engine::{Decided, Engine, EngineError};
use crate::journal::Seq;
use keys::Keys;
use parking_lot::Mutex;
use payment::Provider;
use std::collections::{BTreeMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;
use std::time::Duration;

/// How long lines are held for an order that is not placed yet.
const PLACING_MS: u64 = 30_000;

/// Most lines of one order.
pub const LINES_MAX: usize = 100;

/// What is to be ordered.
#[derive(Debug, Clone)]
pub struct NewOrder {
    /// Drawn at the edge, for this attempt. A known key gives the first one back all the same.
    pub order: OrderId,
    pub customer: CustomerId,
    /// Ascending, each product once, at least one and at most [`LINES_MAX`].
    pub items: Vec<(ProductId, Quantity)>,
    /// Products that are bought under this sale or not at all.
    pub sales: BTreeMap<ProductId, SaleId>,
    pub payment: Payment,
    pub retry: Option<Retry>,
}

/// An order whose lines are all held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedOrder {
    pub lead: ProductId,
    pub order: OrderId,
    pub lines: Box<[Line]>,
    pub currency: Currency,
    pub placed_at: Timestamp,
    /// Until when it can be paid.
    pub expires_at: Timestamp,
    /// This is what was answered to this key before.
    pub replayed: bool,
}

impl PlacedOrder {
    /// What all lines cost together, in minor units.
    #[must_use]
    pub fn total(&self) -> u64 {
        total(&self.lines)
    }
}

fn total(lines: &[Line]) -> u64 {
    let each = lines.iter().map(|line| line.unit_price.saturating_mul(line.quantity.get().into()));
    each.fold(0, u64::saturating_add)
}

/// Why there is no order. Nothing is held for it any more, or will not be for long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// One line stands in the way of all.
    #[error("product {product}: {error}")]
    Line { product: ProductId, error: EngineError },
    /// The products are not sold in one currency.
    #[error("the products are sold in different currencies")]
    MixedCurrencies,
    /// The same key is being worked on at this moment.
    #[error("the first request with this key is still running")]
    InProgress,
    /// The provider will not take the money.
    #[error("the payment was declined: {reason}")]
    Declined { reason: String },
    /// This key placed an order before, which was cancelled before anything was sold.
    #[error("the order was cancelled before it was paid")]
    GivenUp { order: OrderId },
}

/// Orders over several products. Cheap to clone.
#[derive(Clone)]
pub struct Checkout {
    engine: Engine,
    /// How long a placed order can be paid.
    pay_ms: u64,
    /// How long a customer waits for a provider.
    patience: Duration,
    providers: Arc<BTreeMap<&'static str, Box<dyn Provider>>>,
    /// Keys that are being worked on; never more than requests are.
    in_progress: RunningSet<RequestKey>,
    /// Orders whose provider is being asked; never more than requests and collectors are.
    asked: RunningSet<OrderId>,
    keys: Arc<Keys>,
}

type RunningSet<Key> = Arc<Mutex<HashSet<Key>>>;

/// Work on a key. Takes it out of the running ones, however the work ends.
pub struct Running<Key: Eq + Hash = RequestKey> {
    keys: RunningSet<Key>,
    key: Key,
}

impl<Key: Eq + Hash + Copy> Running<Key> {
    /// `None` while somebody else works on it.
    fn begin(keys: &RunningSet<Key>, key: Key) -> Option<Self> {
        keys.lock().insert(key).then(|| Self { keys: keys.clone(), key })
    }
}

impl<Key: Eq + Hash> Drop for Running<Key> {
    fn drop(&mut self) {
        self.keys.lock().remove(&self.key);
    }
}

impl Checkout {
    /// `providers` by the name of their method.
    #[must_use]
    pub fn new(
        engine: Engine,
        pay_ms: u64,
        patience: Duration,
        providers: BTreeMap<&'static str, Box<dyn Provider>>,
    ) -> Self {
        let keys = Arc::new(Keys::since(engine.durable()));
        let (in_progress, asked) = Default::default();
        let providers = providers.into();
        Self { engine, pay_ms, patience, providers, in_progress, asked, keys }
    }

    /// What the query tables must have (one position per partition) to know whether an order was placed
    /// under this key; `None`: everything that is durable.
    #[must_use]
    pub fn key_seen_at(&self, key: RequestKey) -> Option<Vec<Seq>> {
        self.keys.seen_at(key)
    }

    /// Who takes money by this method.
    #[must_use]
    pub fn provider(&self, method: &str) -> Option<&dyn Provider> {
        self.providers.get(method).map(AsRef::as_ref)
    }

    /// The names of all methods.
    #[must_use]
    pub fn methods(&self) -> Vec<&'static str> {
        self.providers.keys().copied().collect()
    }

    /// Keeps others from ordering under this key, or from this cart, as long as the guard lives.
    ///
    /// # Errors
    /// `InProgress` when somebody does.
    pub fn guard(&self, key: RequestKey) -> Result<Running, PlaceError> {
        Running::begin(&self.in_progress, key).ok_or(PlaceError::InProgress)
    }

    /// Holds all lines and places the order, or holds nothing. Runs to its end even if the caller
    /// goes away.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub async fn place(&self, wanted: NewOrder) -> Result<PlacedOrder, PlaceError> {
        let lead = wanted.items[0].0;
        let checkout = self.clone();
        let placing = tokio::spawn(async move { checkout.hold_and_place(wanted).await });
        let unknown = EngineError::OutcomeUnknown;
        placing.await.unwrap_or(Err(PlaceError::Line { product: lead, error: unknown }))
    }

    async fn hold_and_place(&self, wanted: NewOrder) -> Result<PlacedOrder, PlaceError> {
        let (lead, order) = (wanted.items[0].0, wanted.order);
        if let Some(retry) = wanted.retry {
            self.keys.begin(retry.key, || self.engine.durable());
        }
        if let Some(known) = self.recall(lead, order, wanted.retry).await? {
            return Ok(known);
        }
        let mut held = Held { order, lines: Vec::new(), waiting: Vec::new(), currency: None };
        if let Err(error) = self.hold_all(&wanted, &mut held).await {
            self.give_back(&held, HoldEnd::Released).await;
            return Err(error);
        }
        let place = Action::Place {
            order,
            lines: held.lines.clone().into(),
            pay_ms: self.pay_ms,
            payment: Box::new(wanted.payment),
        };
        let failed = |error| PlaceError::Line { product: lead, error };
        let placed = self.engine.decide(lead, Command { retry: wanted.retry, action: place }).await;
        let placed = match placed {
            Ok(placed) if placed.early().is_ok() => placed,
            // Nothing is placed: holding took too long.
            Ok(refused) => {
                let error = refused.durable().await.err().unwrap_or(EngineError::OutcomeUnknown);
                self.give_back(&held, HoldEnd::Released).await;
                return Err(failed(error));
            }
            Err(error) => {
                self.give_back(&held, HoldEnd::Released).await;
                return Err(failed(error));
            }
        };
        if placed.early().is_ok_and(|outcome| outcome.replayed) {
            // Another request with this key was faster: its order is the answer, this one is none.
            self.give_back(&held, HoldEnd::Released).await;
        }
        for (product, line) in std::mem::take(&mut held.waiting) {
            line.durable().await.map_err(|error| PlaceError::Line { product, error })?;
        }
        let outcome = placed.durable().await.map_err(failed)?;
        let Answer::Placed(placed) = outcome.answer else {
            return Err(failed(EngineError::OutcomeUnknown));
        };
        Ok(PlacedOrder {
            lead,
            order: placed.order,
            lines: placed.lines,
            currency: outcome.currency,
            placed_at: outcome.at,
            expires_at: placed.expires_at,
            replayed: outcome.replayed,
        })
    }

    /// The first answer under a known key. Asks for an order that nobody has, so that a new key
    /// changes nothing.
    async fn recall(
        &self,
        lead: ProductId,
        order: OrderId,
        retry: Option<Retry>,
    ) -> Result<Option<PlacedOrder>, PlaceError> {
        if retry.is_none() {
            return Ok(None);
        }
        let failed = |error| PlaceError::Line { product: lead, error };
        let action = Action::LookUp { order };
        let asked = self.engine.decide(lead, Command { retry, action }).await.map_err(failed)?;
        match asked.early() {
            Err(EngineError::Refused(Refusal::UnknownReservation)) => Ok(None),
            _ => match asked.durable().await.map_err(failed)? {
                outcome if !outcome.replayed => Ok(None),
                outcome => match outcome.answer {
                    Answer::Placed(placed) => Ok(Some(PlacedOrder {
                        lead,
                        order: placed.order,
                        lines: placed.lines,
                        currency: outcome.currency,
                        placed_at: outcome.at,
                        expires_at: placed.expires_at,
                        replayed: true,
                    })),
                    // The fingerprint says that it was an order; so this cannot be.
                    _ => Err(failed(EngineError::Refused(Refusal::KeyReused))),
                },
            },
        }
    }

    async fn hold_all(&self, wanted: &NewOrder, held: &mut Held) -> Result<(), PlaceError> {
        let lead = wanted.items[0].0;
        for (product, quantity) in &wanted.items {
            let (product, quantity) = (*product, *quantity);
            let (part, hold_ms) = if product == lead {
                (Part::new_lead(), PLACING_MS)
            } else {
                // When it is to ask its lead, should nobody have told it before.
                (Part::Follower { lead }, PLACING_MS + self.pay_ms)
            };
            let action = Action::Hold {
                order: held.order,
                customer: wanted.customer.clone(),
                quantity,
                hold_ms,
                sale: wanted.sales.get(&product).copied(),
                part: Some(part),
            };
            let failed = |error| PlaceError::Line { product, error };
            let line = self.engine.decide(product, Command::plain(action)).await.map_err(failed)?;
            let Ok(outcome) = line.early() else {
                // A refusal may rest on what is not durable yet, so it waits like an answer.
                let error = line.durable().await.err().unwrap_or(EngineError::OutcomeUnknown);
                return Err(failed(error));
            };
            let Answer::Held { unit_price, sale, .. } = outcome.answer else {
                return Err(failed(EngineError::OutcomeUnknown));
            };
            let currency = outcome.currency;
            held.lines.push(Line { product, quantity, unit_price, sale });
            held.waiting.push((product, line));
            if *held.currency.get_or_insert(currency) != currency {
                return Err(PlaceError::MixedCurrencies);
            }
        }
        Ok(())
    }

    /// Releases what this order took, and nothing else; whoever is refused finds it available again.
    ///
    /// The lead goes first, and the other lines go its way: nobody may know whether the order was
    /// placed after all, and a line that is gone from a placed order would make it half an order. Where
    /// the lead cannot be asked they stay, and ask it when their time comes.
    async fn give_back(&self, held: &Held, mut end: HoldEnd) {
        let mut released = Vec::with_capacity(held.lines.len());
        for line in &held.lines {
            let action = Action::Settle { order: held.order, end, held_until: None };
            let decided = self.engine.decide(line.product, Command::plain(action)).await;
            match decided.and_then(|decided| decided.early().map(|_| ()).map(|()| decided)) {
                Ok(decided) => released.push(decided),
                Err(EngineError::Refused(Refusal::HoldOver(ended))) => end = ended,
                Err(error) => {
                    tracing::debug!(product = %line.product, %error, "lines are left to run out");
                    break;
                }
            }
        }
        for decided in released {
            drop(decided.durable().await);
        }
    }
}

/// What an order has got so far.
struct Held {
    order: OrderId,
    lines: Vec<Line>,
    waiting: Vec<(ProductId, Decided)>,
    currency: Option<Currency>,
}
