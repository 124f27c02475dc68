//! The engine: one actor per product decides serially in memory; nobody is answered before the
//! journal has what the answer depends on.
//!
//! ```text
//!   callers ──Engine::submit──▶ desk (inbox, bound) ──ring──▶ actor: decide, apply
//!      ▲                          │ view: refusals                  │ facts + parked answers
//!      │                          ▼ that need no actor              ▼
//!      └────────────────────── answers ◀──── after the commit ── journal::writer
//! ```
//!
//! Callers hold an [`Engine`], a cheap clone with ordinary async methods; nobody else sees a message
//! or a channel. Products wake on first use and retire when idle (`registry`, `actor`); `checkpoint`
//! keeps recovery short; `wake` ends holds on time and drains queues after a restart.

mod actor;
mod api;
mod checkpoint;
mod decided;
mod desk;
mod followers;
mod pace;
mod queues;
mod refusals;
mod registry;
mod threads;
mod turn;
mod wake;

pub use api::{Decided, EngineError, EngineOptions, Shown, Version};
pub use decided::{DecidedPurchase, TurnResult};
pub use queues::Queues;
pub use threads::Placement;

use crate::clock::Clock;
use crate::domain::{
    Action, CatalogEntry, Command, Grace, Offer, Outcome, ProductId, SaleId, Stock, Timestamp, View,
};
use crate::journal::handle::{JournalHandle, JournalState, Position, Settle, Work};
use crate::journal::recovery::Tail;
use crate::journal::store::StoreError;
use crate::journal::{Opened, PartitionId, Seq};
use crate::telemetry::metrics::EngineMetrics;
use crate::threads::spawn_task;
use desk::{Admitted, Bounds, Desk, NotIn};
use queues::Decisions;
use registry::{Parts, Registry};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{oneshot, watch};

/// The way to every product. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    registry: Arc<Registry>,
}

impl Engine {
    /// Reads what is behind the checkpoints and is then ready to decide. Products are loaded later,
    /// each when it is first needed.
    ///
    /// # Errors
    /// When the journal cannot be read, or is damaged.
    pub async fn start(
        opened: Opened,
        clock: Clock,
        options: EngineOptions,
        placement: Placement,
        metrics: EngineMetrics,
    ) -> Result<Self, StoreError> {
        let Opened { handle, reader, heads } = opened;
        let mut tail = Tail::read(reader.as_ref(), &heads).await?;
        for (head, facts) in heads.iter().zip(tail.facts_of(reader.partitions())) {
            handle.add_facts(head.partition, facts);
        }
        let last_product_id = reader.last_product_id().await?;
        let expiries = tail.take_expiries();
        let now = clock.now();
        let arbiters = placement.arbiters().map_err(|error| {
            StoreError::Unfit(format!("cannot start the engine's threads: {error}"))
        })?;
        let registry = Registry::new(Parts {
            journal: handle,
            epochs: heads.iter().map(|head| head.epoch).collect(),
            reader,
            clock,
            bounds: Arc::new(Bounds {
                in_flight: AtomicUsize::new(0),
                holds: AtomicUsize::new(0),
                queued: AtomicUsize::new(0),
                queued_max: options.queued_max,
                decisions: Decisions::default(),
                decided: decided::DecidedPurchases::default(),
                in_flight_max: options.in_flight_max,
                per_product_max: options.in_flight_per_product_max,
            }),
            tail,
            arbiters,
            grace: Grace { from: now, until: now.plus_millis(options.grace_ms) },
            idle_after: options.idle_after,
            drain_per_second: options.drain_per_second,
            metrics,
            last_product_id,
        });
        let facts_min = options.checkpoint_facts;
        spawn_task("checkpoints", checkpoint::run(Arc::downgrade(&registry), facts_min));
        spawn_task("wake", wake::run(Arc::downgrade(&registry), expiries));
        Ok(Self { registry })
    }

    /// Has a command decided; returns when the answer is durable.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn submit(
        &self,
        product: ProductId,
        mut command: Command,
    ) -> Result<Outcome, EngineError> {
        let journal = &self.registry.journal;
        loop {
            self.check_ready()?;
            let desk = self.desk(product).await?;
            let (wanted, now) = (refusals::wanted(&command), self.registry.clock.now());
            if let Some((refusal, sale)) = desk.refusal_at_once(&command, wanted, now)
                && journal.may_answer_from_memory()
            {
                desk.count(sale, refusal);
                return Err(refusal.into());
            }
            match desk.put(command, None) {
                Ok(answer) => {
                    let answer = answer.await.unwrap_or(Err(EngineError::OutcomeUnknown));
                    if let Err(EngineError::Refused(refusal)) = answer {
                        desk.count_refusal(wanted, refusal, now);
                    }
                    return answer;
                }
                Err(NotIn::Full(error)) => {
                    desk.count_overload(wanted, now);
                    return Err(error);
                }
                // It retired between the look-up and the question; the registry wakes it again.
                Err(NotIn::Closed(returned)) => command = *returned,
            }
            self.registry.forget(&desk);
        }
    }

    /// Has a command decided and returns as soon as it is, for whoever has more to decide before
    /// anybody is answered. What follows in the journal follows this; what was decided may be shown
    /// to nobody before [`Decided::durable`] has returned.
    ///
    /// # Errors
    /// See [`EngineError`]; a refusal is in [`Decided`], for it may rest on what is not durable.
    pub async fn decide(
        &self,
        product: ProductId,
        mut command: Command,
    ) -> Result<Decided, EngineError> {
        loop {
            self.check_ready()?;
            let desk = self.desk(product).await?;
            let (decided, wait) = oneshot::channel();
            let (wanted, now) = (refusals::wanted(&command), self.registry.clock.now());
            match desk.put(command, Some(decided)) {
                Ok(answer) => {
                    let early = wait.await.unwrap_or(Err(EngineError::OutcomeUnknown));
                    if let Err(EngineError::Refused(refusal)) = early {
                        desk.count_refusal(wanted, refusal, now);
                    }
                    return Ok(Decided { early, answer });
                }
                Err(NotIn::Full(error)) => {
                    desk.count_overload(wanted, now);
                    return Err(error);
                }
                Err(NotIn::Closed(returned)) => command = *returned,
            }
            self.registry.forget(&desk);
        }
    }

    /// What a product's durable state shows.
    ///
    /// # Errors
    /// `Refused(UnknownProduct)`, or why this server cannot tell.
    pub async fn view(&self, product: ProductId) -> Result<Shown, EngineError> {
        self.check_ready()?;
        let desk = self.desk(product).await?;
        if !self.registry.journal.may_answer_from_memory() {
            self.barrier(desk.partition).await?;
        }
        desk.shown().ok_or(EngineError::Refused(crate::domain::Refusal::UnknownProduct))
    }

    /// The same of a product that is in memory, without waking it: for lists, that are read by anybody.
    #[must_use]
    pub fn peek(&self, product: ProductId) -> Option<View> {
        Some(self.registry.awake(product)?.peek()?.view)
    }

    /// Starts selling a new product.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn create(
        &self,
        offer: Offer,
        units: u64,
        entry: CatalogEntry,
    ) -> Result<ProductId, EngineError> {
        let product = self.draw_product_id().await?;
        self.registry.start_new(product);
        let action = Action::Create { offer, units, entry: Box::new(entry) };
        self.submit(product, Command::plain(action)).await?;
        Ok(product)
    }

    async fn draw_product_id(&self) -> Result<ProductId, EngineError> {
        self.check_ready()?;
        let _admitted = self.registry.bounds.admit()?;
        let (drawn, id) = oneshot::channel();
        self.registry.journal.submit(Work::NextProductId { drawn });
        match id.await {
            Ok(Ok(product)) => Ok(product),
            Ok(Err(error)) => {
                tracing::error!(%error, "no product id could be drawn");
                Err(EngineError::JournalUnavailable)
            }
            // Dropped: the writer has ended, or is stuck and nobody is to wait for that.
            Err(_) => {
                self.check_ready()?;
                Err(EngineError::JournalUnavailable)
            }
        }
    }

    /// Draws the id of a new sale, from the same numbers as those of products: none is given twice.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn draw_sale_id(&self) -> Result<SaleId, EngineError> {
        let number = self.draw_product_id().await?;
        SaleId::new(number.get()).ok_or(EngineError::JournalUnavailable)
    }

    /// Refused requests since the last call, by sale, product and reason.
    #[must_use]
    pub fn take_refusals(&self) -> Vec<(SaleId, ProductId, &'static str, u64)> {
        self.registry.take_refusals()
    }

    /// The newest durable batch of each partition.
    #[must_use]
    pub fn durable(&self) -> Vec<Seq> {
        self.registry.journal.durable().borrow().clone()
    }

    /// The same, to follow.
    #[must_use]
    pub fn follow_durable(&self) -> watch::Receiver<Vec<Seq>> {
        self.registry.journal.durable()
    }

    /// Whether [`Self::durable`] is the newest there is. Not so when another server may have taken the journal
    /// over and written to it.
    #[must_use]
    pub fn knows_what_is_durable(&self) -> bool {
        self.registry.journal.may_answer_from_memory()
    }

    /// Why nothing can be decided at the moment.
    ///
    /// # Errors
    /// The reason, in words.
    pub fn readiness(&self) -> Result<(), String> {
        match self.registry.journal.state() {
            JournalState::Ready => Ok(()),
            JournalState::Stuck => {
                Err(format!("the journal cannot be written: {}", self.registry.journal.reason()))
            }
            JournalState::NotOwner | JournalState::Broken | JournalState::Closed => {
                Err(self.registry.journal.reason())
            }
        }
    }

    /// Commands that have no answer yet.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.registry.bounds.in_flight.load(Ordering::Relaxed)
    }

    /// Active holds.
    #[must_use]
    pub fn holds(&self) -> usize {
        self.registry.bounds.holds.load(Ordering::Relaxed)
    }

    /// Products in memory that sell under a sale or in a time window (those are marked), or that have changed
    /// since then, with their durable state: the newest changed first, at most `most` of them.
    #[must_use]
    pub fn watched(
        &self,
        now: Timestamp,
        since: Timestamp,
        most: usize,
    ) -> Vec<(ProductId, View, bool)> {
        self.registry.watched(now, since, most)
    }

    /// Products in memory.
    #[must_use]
    pub fn awake(&self) -> usize {
        self.registry.awake_count()
    }

    /// Whether any product was ever created.
    #[must_use]
    pub fn has_products(&self) -> bool {
        self.registry.last_product_id() > 0
    }

    /// Copies what is counted anyway to the gauges.
    pub fn report(&self, metrics: &EngineMetrics, now: Timestamp) {
        // Gauges take floating point numbers; these counts are far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let number = |count: u64| count as f64;
        metrics.inflight.set(number(self.in_flight() as u64));
        metrics.actors.set(number(self.awake() as u64));
        metrics.holds.set(number(self.holds() as u64));
        metrics.queue_depth.set(number(self.queued() as u64));
        let oldest = self.queues(now, 0).oldest;
        metrics.queue_age.set(number(oldest.map_or(0, |at| now.millis_since(at))) / 1_000.0);
        let open = self.open_sales(now).into_iter();
        // Of what is set aside for another sale, or otherwise not for sale now, nothing is available.
        let shown = |(product, view): (ProductId, View)| {
            let available = view.selling(now).available;
            (product, Stock { available, ..view.stock })
        };
        metrics.show_stock(open.map(shown).collect());
    }

    /// Products in memory of which a sale runs, or whose offer has a time window that is open, with
    /// their durable state.
    #[must_use]
    pub fn open_sales(&self, now: Timestamp) -> Vec<(ProductId, View)> {
        self.registry.open_sales(now)
    }

    /// The journal's writer: its state, and when it ended.
    #[must_use]
    pub fn journal(&self) -> &JournalHandle {
        &self.registry.journal
    }

    /// Stores snapshots, commits everything and gives the journal up. Commands that come later are
    /// refused.
    pub async fn shut_down(&self, snapshots_for: Duration) {
        let rounds = async {
            for partition in self.registry.partitions.all() {
                if self.registry.journal.facts_since_checkpoint(partition) > 0 {
                    checkpoint::round(&self.registry, partition).await;
                }
            }
        };
        if tokio::time::timeout(snapshots_for, rounds).await.is_err() {
            tracing::info!(
                "not all snapshots were stored in time: the next start replays a little more"
            );
        }
        self.registry.journal.close().await;
    }

    fn check_ready(&self) -> Result<(), EngineError> {
        match self.registry.journal.state() {
            JournalState::Ready => Ok(()),
            JournalState::Stuck | JournalState::Broken => Err(EngineError::JournalUnavailable),
            JournalState::NotOwner | JournalState::Closed => Err(EngineError::NotOwner),
        }
    }

    /// Finds a product. That there is none is said by an owner only: the next one may have created it.
    async fn desk(&self, product: ProductId) -> Result<Arc<Desk>, EngineError> {
        let found = self.registry.desk(product).await;
        if let Err(EngineError::Refused(_)) = found
            && !self.registry.journal.may_answer_from_memory()
        {
            self.barrier(self.registry.partitions.of(product)).await?;
        }
        found
    }

    async fn barrier(&self, partition: PartitionId) -> Result<(), EngineError> {
        let (passed, wait) = oneshot::channel();
        let admitted = self.registry.bounds.admit()?;
        let settle = Box::new(Passed { passed: Some(passed), _admitted: admitted });
        self.registry.journal.submit(Work::Barrier { partition, settle });
        wait.await.map_err(|_| EngineError::NotOwner)?
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Engine").field("awake", &self.awake()).finish_non_exhaustive()
    }
}

/// Whoever waits for nothing but the confirmation that this server still owns the journal.
struct Passed {
    passed: Option<oneshot::Sender<Result<(), EngineError>>>,
    _admitted: Admitted,
}

impl Settle for Passed {
    fn durable(mut self: Box<Self>, _: Position) {
        if let Some(passed) = self.passed.take() {
            let _ = passed.send(Ok(()));
        }
    }

    fn uncertain(&mut self) {
        if let Some(passed) = self.passed.take() {
            let _ = passed.send(Err(EngineError::JournalUnavailable));
        }
    }
}
