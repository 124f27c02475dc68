//! Nodes: the real engine over the real writer, each with a connection and a clock of its own.
//!
//! All nodes of one life share a runtime, so two of them can be alive at once, one of them without
//! knowing yet that the other has taken the journal over.

use super::chance::PATIENCE;
use super::disk::MemoryJournal;
use super::sales_of_many;
use super::world::{Connection, Shared};
use lastunit::catalog::Catalog;
use lastunit::checkout::payment::Provider;
use lastunit::checkout::{Checkout, Simulated};
use lastunit::clock::Clock;
use lastunit::domain::Grace;
use lastunit::engine::{Engine, EngineOptions, Placement};
use lastunit::journal::handle::JournalState;
use lastunit::journal::store::StoreError;
use lastunit::journal::take_over;
use lastunit::journal::writer::WriterOptions;
use lastunit::telemetry::metrics::{EngineMetrics, JournalMetrics};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// One server.
pub struct Node {
    pub number: Connection,
    pub engine: Engine,
    pub checkout: Checkout,
    pub catalog: Catalog,
    pub clock: Clock,
    pub grace: Grace,
}

impl Node {
    /// Whether it has not ended; it may be stuck.
    pub fn is_alive(&self) -> bool {
        matches!(self.engine.journal().state(), JournalState::Ready | JournalState::Stuck)
    }
}

/// The nodes of this life, oldest first.
#[derive(Clone, Default)]
pub struct Nodes {
    started: Rc<RefCell<Vec<Rc<Node>>>>,
}

impl Nodes {
    pub fn push(&self, node: Node) {
        self.started.borrow_mut().push(Rc::new(node));
    }

    pub fn newest(&self) -> Option<Rc<Node>> {
        self.started.borrow().last().cloned()
    }

    pub fn all(&self) -> Vec<Rc<Node>> {
        self.started.borrow().clone()
    }

    /// The newest, mostly; sometimes one that is older and may not know it.
    pub fn any(&self, world: &Shared) -> Option<Rc<Node>> {
        let started = self.started.borrow();
        let mut world = world.lock();
        let older = started.len() > 1 && world.chance.happens(400);
        let index = if older { world.chance.below(started.len() as u64) } else { u64::MAX };
        let picked = usize::try_from(index).ok().and_then(|index| started.get(index));
        picked.or_else(|| started.last()).cloned()
    }
}

/// Starts a server as the real one starts: take the journal over, read the tail, be ready.
///
/// # Errors
/// When the store fails meanwhile.
pub async fn start(world: &Shared) -> Result<Node, StoreError> {
    let (journal, clock, writer_options, engine_options) = {
        let mut world = world.lock();
        let connection = world.connect();
        let weather = world.weather.clone();
        world.note(format_args!("node {connection} starts"));
        let writer_options =
            WriterOptions { commit_timeout: Duration::from_millis(weather.commit_timeout) };
        let engine_options = EngineOptions {
            drain_per_second: weather.drain,
            queued_max: 1_000_000,
            in_flight_max: 1_000,
            in_flight_per_product_max: usize::try_from(weather.per_product_max).expect("small"),
            idle_after: Duration::from_millis(weather.idle_after),
            grace_ms: weather.grace,
            checkpoint_facts: weather.checkpoint_facts,
        };
        let clock = world.skewed_clock();
        (connection, clock, writer_options, engine_options)
    };
    let journal = MemoryJournal { world: world.clone(), connection: journal };
    let number = journal.connection;
    let started = async {
        let reader = Arc::new(journal.clone());
        let (opened, writer) = take_over(
            Box::new(journal),
            reader,
            clock.clone(),
            writer_options,
            JournalMetrics::default(),
        )
        .await?;
        tokio::task::spawn_local(writer.run());
        Engine::start(
            opened,
            clock.clone(),
            engine_options,
            Placement::Here,
            EngineMetrics::default(),
        )
        .await
    };
    let engine = started.await.inspect_err(|error| {
        world.lock().note(format_args!("node {number} does not start: {error}"));
    })?;
    world.lock().note(format_args!("node {number} is ready"));
    let from = clock.now();
    let grace = Grace { from, until: from.plus_millis(engine_options.grace_ms) };
    let checkout = check_outs(world, &engine, &clock);
    let catalog = sales_of_many::catalog(world, &engine, &clock);
    Ok(Node { number, engine, checkout, catalog, clock, grace })
}

fn check_outs(world: &Shared, engine: &Engine, clock: &Clock) -> Checkout {
    let weather = world.lock().weather.clone();
    let simulated: Box<dyn Provider> = Box::new(Simulated {
        latency: Duration::from_millis(weather.latency),
        clock: clock.clone(),
    });
    let providers = BTreeMap::from([("simulated", simulated)]);
    Checkout::new(engine.clone(), weather.pay, Duration::from_millis(PATIENCE), providers)
}

/// Starts one as an operator would: again, until it succeeds.
pub async fn start_until_ready(world: &Shared) -> Node {
    loop {
        match start(world).await {
            Ok(node) => return node,
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
