//! The engine without HTTP: one hot product, a journal in SQLite, so many purchases on their way.
//!
//! Everything a purchase needs is done for real: customers are distinct, order ids are drawn, every
//! answer is awaited and is durable. Only the customers' names are made before the clock starts.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use lastunit::{
    clock::{self, Clock},
    domain::{
        Action, CatalogEntry, Command, Currency, CustomerId, Money, Offer, ProductId, Quantity,
    },
    engine::{Engine, EngineOptions, Placement},
    journal::{self, Location, Partitions, writer::WriterOptions},
    telemetry::metrics::{EngineMetrics, JournalMetrics},
};
use tokio::runtime;

use crate::engine::EngineRun;

/// Purchases on their way at any time.
const IN_FLIGHT: usize = 4096;

/// Different customers; they take turns.
const CUSTOMERS: usize = 1 << 20;

const STOCK: u64 = 1_000_000_000;

/// Measures for so long and says what came of it. The journal is left in `keep`, or deleted.
pub fn measure(seconds: u64, keep: Option<&Path>) -> Result<EngineRun> {
    let workers = std::thread::available_parallelism().map_or(2, usize::from);
    let runtime = runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .enable_all()
        .build()
        .context("cannot start tokio")?;
    if let Some(folder) = keep {
        std::fs::create_dir_all(folder).context("cannot create the folder to keep")?;
        return runtime.block_on(run(seconds, folder));
    }
    let folder = tempfile::tempdir().context("no temporary folder")?;
    runtime.block_on(run(seconds, folder.path()))
}

async fn run(seconds: u64, folder: &Path) -> Result<EngineRun> {
    let (engine, product) = start(folder).await?;
    let customers: Arc<[CustomerId]> = (0..CUSTOMERS)
        .map(|number| CustomerId::new(&format!("c{number}")))
        .collect::<Result<_, _>>()?;
    let started = Instant::now();
    let buyers: Vec<_> = (0..IN_FLIGHT)
        .map(|buyer| {
            let (engine, customers) = (engine.clone(), customers.clone());
            tokio::spawn(buy(engine, product, customers, buyer, started, seconds))
        })
        .collect();
    let mut sales = 0;
    for buyer in buyers {
        sales += buyer.await??;
    }
    let seconds = started.elapsed().as_secs_f64();
    let sold = engine.view(product).await?.view.stock.sold;
    anyhow::ensure!(sold == sales, "{sales} sales were answered, {sold} units are sold");
    Ok(EngineRun { store: "SQLite".into(), in_flight: IN_FLIGHT as u64, sales, seconds })
}

async fn start(folder: &Path) -> Result<(Engine, ProductId)> {
    let clock = Clock::system();
    let location = Location::Sqlite(folder.join("journal.sqlite"));
    let partitions = Partitions::new(16).context("16 partitions")?;
    let writer = WriterOptions { commit_timeout: Duration::from_secs(10) };
    let opened =
        journal::open(location, partitions, clock.clone(), writer, JournalMetrics::default())
            .await?;
    let options = EngineOptions {
        in_flight_max: 100_000,
        in_flight_per_product_max: 50_000,
        idle_after: Duration::from_mins(5),
        grace_ms: 30_000,
        drain_per_second: 1_000,
        queued_max: 1_000_000,
        checkpoint_facts: 100_000,
    };
    let engine =
        Engine::start(opened, clock, options, Placement::Threads(1), EngineMetrics::default())
            .await?;
    let currency = Currency::new("USD").context("a currency")?;
    let offer = Offer {
        price: Money { amount: 99_999, currency },
        limit_per_customer: None,
        opens_at: None,
        closes_at: None,
    };
    let product = engine.create(offer, STOCK, CatalogEntry::default()).await?;
    Ok((engine, product))
}

/// One after the other, until the time is up.
async fn buy(
    engine: Engine,
    product: ProductId,
    customers: Arc<[CustomerId]>,
    buyer: usize,
    started: Instant,
    seconds: u64,
) -> Result<u64> {
    let mut sales = 0;
    let mut turn = buyer;
    while started.elapsed() < Duration::from_secs(seconds) {
        let action = Action::Purchase {
            order: clock::draw_order_id(),
            customer: customers[turn % CUSTOMERS].clone(),
            quantity: Quantity::new(1)?,
            sale: None,
        };
        engine.submit(product, Command::plain(action)).await?;
        turn += IN_FLIGHT;
        sales += 1;
    }
    Ok(sales)
}
