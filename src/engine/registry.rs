//! The registry: which products are awake, and how a sleeping one is woken.
//!
//! Sharded by partition so that finding a hot product costs one short read lock. Each slot is filled
//! once, by whoever comes first; everybody else waits for that and gets the same, a failure as well:
//! a slot that failed is never filled again, so no product is ever started behind the registry's
//! back, and a slow failure is waited for once. Loading runs in a task of its own: a caller that
//! goes away in the middle must not leave half a product behind.

use super::actor::{ProductActor, Start};
use super::api::{EngineError, Shown, Version};
use super::desk::{Bounds, Desk};
use crate::clock::Clock;
use crate::domain::{
    Grace, Offer, Product, ProductId, QueueView, Refusal, SaleId, Timestamp, View,
};
use crate::journal::handle::JournalHandle;
use crate::journal::recovery::{self, Tail};
use crate::journal::store::{JournalReader, StoreError};
use crate::journal::{Epoch, PartitionId, Partitions};
use crate::telemetry::metrics::EngineMetrics;
use actix::{Actor, ArbiterHandle};
use parking_lot::{Mutex, RwLock};
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::OnceCell;

type Slot = Arc<OnceCell<Result<Arc<Desk>, EngineError>>>;

/// All that loading a product needs.
pub(super) struct Registry {
    shards: Vec<RwLock<HashMap<ProductId, Slot>>>,
    pub(super) partitions: Partitions,
    pub(super) journal: JournalHandle,
    pub(super) clock: Clock,
    pub(super) bounds: Arc<Bounds>,
    pub(super) tail: Mutex<Tail>,
    pub(super) epochs: Vec<Epoch>,
    reader: Arc<dyn JournalReader>,
    arbiters: Vec<ArbiterHandle>,
    grace: Grace,
    idle_after: Duration,
    pub(super) drain_per_second: u32,
    metrics: EngineMetrics,
    last_product_id: AtomicU64,
}

/// What a registry is made of.
pub(super) struct Parts {
    pub(super) journal: JournalHandle,
    pub(super) reader: Arc<dyn JournalReader>,
    pub(super) clock: Clock,
    pub(super) bounds: Arc<Bounds>,
    pub(super) tail: Tail,
    pub(super) epochs: Vec<Epoch>,
    pub(super) arbiters: Vec<ArbiterHandle>,
    pub(super) grace: Grace,
    pub(super) idle_after: Duration,
    pub(super) drain_per_second: u32,
    pub(super) metrics: EngineMetrics,
    pub(super) last_product_id: u64,
}

impl Registry {
    pub(super) fn new(parts: Parts) -> Arc<Self> {
        let partitions = parts.reader.partitions();
        Arc::new(Self {
            shards: partitions.all().map(|_| RwLock::default()).collect(),
            partitions,
            journal: parts.journal,
            clock: parts.clock,
            bounds: parts.bounds,
            tail: Mutex::new(parts.tail),
            epochs: parts.epochs,
            reader: parts.reader,
            arbiters: parts.arbiters,
            grace: parts.grace,
            idle_after: parts.idle_after,
            drain_per_second: parts.drain_per_second,
            metrics: parts.metrics,
            last_product_id: AtomicU64::new(parts.last_product_id),
        })
    }

    fn shard(&self, product: ProductId) -> &RwLock<HashMap<ProductId, Slot>> {
        &self.shards[usize::from(self.partitions.of(product).0)]
    }

    /// The desk of a product that is awake.
    pub(super) fn awake(&self, product: ProductId) -> Option<Arc<Desk>> {
        self.shard(product).read().get(&product)?.get()?.as_ref().ok().cloned()
    }

    /// The desk of a product; wakes it first if it sleeps.
    pub(super) async fn desk(
        self: &Arc<Self>,
        product: ProductId,
    ) -> Result<Arc<Desk>, EngineError> {
        if let Some(desk) = self.awake(product) {
            return Ok(desk);
        }
        if product.get() > self.last_product_id.load(Ordering::Acquire) {
            return Err(Refusal::UnknownProduct.into());
        }
        let registry = self.clone();
        let woken = tokio::spawn(async move { registry.wake(product).await }).await;
        woken.unwrap_or(Err(EngineError::JournalUnavailable))
    }

    async fn wake(self: Arc<Self>, product: ProductId) -> Result<Arc<Desk>, EngineError> {
        let slot = self.shard(product).write().entry(product).or_default().clone();
        let woken = slot.get_or_init(|| self.load(product)).await.clone();
        if woken.is_err() {
            self.remove(product, |found| Arc::ptr_eq(found, &slot));
        }
        woken
    }

    async fn load(self: &Arc<Self>, product: ProductId) -> Result<Arc<Desk>, EngineError> {
        let loaded = async {
            let snapshot = self.reader.snapshot(product).await?;
            let stored_revision = snapshot.as_ref().map_or(0, |row| row.revision);
            let pieces = self.tail.lock().pieces(product);
            let state = recovery::rebuild(product, snapshot.as_ref(), pieces).await?;
            self.tail.lock().used_up(product);
            Ok::<_, StoreError>(state.map(|state| (state, stored_revision)))
        };
        match loaded.await {
            Ok(Some((mut state, stored_revision))) => {
                state.set_grace(self.grace);
                Ok(self.start(product, state, stored_revision))
            }
            Ok(None) => Err(Refusal::UnknownProduct.into()),
            Err(error) => {
                tracing::error!(%product, %error, "a product cannot be loaded");
                Err(EngineError::JournalUnavailable)
            }
        }
    }

    /// Starts the actor of a product that has just got its id. Whoever is looking for it already
    /// finds nothing in the journal and is told so.
    pub(super) fn start_new(self: &Arc<Self>, product: ProductId) {
        let desk = self.start(product, Product::default(), 0);
        let slot = Arc::new(OnceCell::new_with(Some(Ok(desk))));
        self.shard(product).write().insert(product, slot);
        self.last_product_id.fetch_max(product.get(), Ordering::AcqRel);
    }

    fn start(
        self: &Arc<Self>,
        product: ProductId,
        state: Product,
        stored_revision: u64,
    ) -> Arc<Desk> {
        let partition = self.partitions.of(product);
        let index = usize::from(partition.0);
        let seq = self.journal.durable().borrow()[index];
        let version = Version { epoch: self.epochs[index], seq };
        let shown_at = self.clock.now();
        let shown = state.view_at(shown_at).map(|view| Shown { view, version });
        let desk = Arc::new(Desk::new(
            product,
            partition,
            shown.as_ref(),
            state.revision(),
            self.bounds.clone(),
        ));
        let actor = ProductActor::new(Start {
            desk: desk.clone(),
            state,
            stored_revision,
            shown_at,
            journal: self.journal.clone(),
            clock: self.clock.clone(),
            registry: Arc::downgrade(self),
            idle_after: self.idle_after,
            bounds: self.bounds.clone(),
            drain_per_second: self.drain_per_second,
            metrics: self.metrics.clone(),
        });
        let arbiter = &self.arbiters[index % self.arbiters.len()];
        desk.set_actor(ProductActor::start_in_arbiter(arbiter, |_| actor));
        desk
    }

    /// Lets go of a product whose actor has ended.
    pub(super) fn forget(&self, desk: &Arc<Desk>) {
        self.remove(
            desk.product,
            |slot| matches!(slot.get(), Some(Ok(found)) if Arc::ptr_eq(found, desk)),
        );
    }

    /// Takes a slot out, unless another one has taken its place.
    fn remove(&self, product: ProductId, is_the_one: impl Fn(&Slot) -> bool) {
        let mut shard = self.shard(product).write();
        if shard.get(&product).is_some_and(is_the_one) {
            shard.remove(&product);
        }
    }

    /// Products of a partition that are awake or being woken.
    pub(super) fn products(&self, partition: PartitionId) -> Vec<ProductId> {
        self.shards[usize::from(partition.0)].read().keys().copied().collect()
    }

    /// Everything in memory, as its durable state shows it.
    fn views(&self) -> impl Iterator<Item = (ProductId, View)> {
        let awake = self.shards.iter().flat_map(|shard| {
            let desks = shard.read();
            desks.values().filter_map(|slot| slot.get()?.clone().ok()).collect::<Vec<_>>()
        });
        awake.filter_map(|desk| Some((desk.product, desk.peek()?.view)))
    }

    /// See [`super::Engine::take_refusals`].
    pub(super) fn take_refusals(&self) -> Vec<(SaleId, ProductId, &'static str, u64)> {
        let awake = self.shards.iter().flat_map(|shard| {
            let desks = shard.read();
            desks.values().filter_map(|slot| slot.get()?.clone().ok()).collect::<Vec<_>>()
        });
        let of_desk = |desk: Arc<Desk>| {
            let taken = desk.take_refusals().into_iter();
            taken.map(move |(sale, reason, count)| (sale, desk.product, reason, count))
        };
        awake.flat_map(of_desk).collect()
    }

    /// The queues that are not empty.
    pub(super) fn queues(&self) -> Vec<(ProductId, QueueView)> {
        let queues = self.views().map(|(product, view)| (product, view.queue));
        queues.filter(|(_, queue)| queue.depth > 0).collect()
    }

    /// See [`super::Engine::open_sales`].
    pub(super) fn open_sales(&self, now: Timestamp) -> Vec<(ProductId, View)> {
        self.views().filter(|(_, view)| is_on_sale(view, now)).collect()
    }

    /// See [`super::Engine::watched`].
    pub(super) fn watched(
        &self,
        now: Timestamp,
        since: Timestamp,
        most: usize,
    ) -> Vec<(ProductId, View, bool)> {
        let marked = self.views().map(|(product, view)| (product, view, is_on_sale(&view, now)));
        let mut watched: Vec<_> =
            marked.filter(|(_, view, on_sale)| *on_sale || view.changed_at >= since).collect();
        watched.sort_unstable_by_key(|(product, view, _)| (Reverse(view.changed_at), *product));
        watched.truncate(most);
        watched
    }

    pub(super) fn last_product_id(&self) -> u64 {
        self.last_product_id.load(Ordering::Acquire)
    }

    /// How many products are awake.
    pub(super) fn awake_count(&self) -> usize {
        self.shards.iter().map(|shard| shard.read().len()).sum()
    }
}

/// Whether a sale of it runs, or its offer has a time window that is open.
fn is_on_sale(view: &View, now: Timestamp) -> bool {
    let Offer { opens_at, closes_at, .. } = view.offer;
    let runs = view.sale.is_some_and(|sale| sale.opens_at <= now && now < sale.ends_at);
    let window = (opens_at.is_some() || closes_at.is_some())
        && opens_at.is_none_or(|at| at <= now)
        && closes_at.is_none_or(|at| now < at);
    runs || window
}
