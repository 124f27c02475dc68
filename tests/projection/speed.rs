//! How many orders a second the projection takes, on an otherwise idle machine. Not a test of
//! anything else; run by hand:
//!
//! ```text
//! cargo test --release --test projection speed -- --ignored --nocapture --test-threads 1
//! ```

use crate::SqliteFile;
use crate::follower::Follower;
use crate::random::Dice;
use crate::shop::Shop;
use lastunit::projection::ProjectionConfig;
use std::time::Duration;
use throwaway::Postgres;

const ORDERS: u64 = 1_000_000;
/// As a writer under full load makes them.
const ORDERS_A_BATCH: u64 = 40;

/// A million purchases of one product by distinct customers, as the server would journal them.
fn sold_out() -> Shop {
    let mut shop = Shop::new(16);
    let product = shop.create(1, ORDERS, None);
    let mut dice = Dice(1);
    for order in 0..ORDERS {
        // Customers do not come in the order of their ids.
        let customer = format!("{:016x}", (dice.below(1 << 40) << 20) | order);
        shop.buy(product, &customer, 1);
        if order % ORDERS_A_BATCH == 0 {
            shop.commit();
            shop.now = shop.now.plus_millis(1);
        }
    }
    shop.commit();
    shop
}

async fn project(name: &str, url: &str, cpu_before: impl Fn() -> f64) {
    let shop = sold_out();
    let config = ProjectionConfig { nice: 0, ..ProjectionConfig::default() };
    let (started, cpu) = (lastunit::clock::instant(), cpu_before());
    let follower = Follower::start_with(&shop, url, config).await;
    let done = follower.progress.wait_for(&shop.journal.positions(), Duration::from_mins(10)).await;
    assert!(done, "{:?}", follower.progress.state());
    let (seconds, cpu) = (lastunit::clock::since(started).as_secs_f64(), cpu_before() - cpu);
    let orders = ORDERS as f64;
    println!(
        "{name}: {:.0} orders/s, {:.2} µs of CPU an order",
        orders / seconds,
        cpu * 1e6 / orders
    );
    assert_eq!(follower.queries.totals().await.unwrap().orders, ORDERS);
    follower.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "measures; run by hand in release mode"]
async fn speed_sqlite() {
    let file = SqliteFile::new();
    project("SQLite", &file.url(), || cpu_seconds("self")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "measures; run by hand in release mode"]
async fn speed_postgres() {
    let cluster = Postgres::start().unwrap();
    project("Postgres", &cluster.url("postgres"), || cpu_seconds("self") + postgres_seconds())
        .await;
}

/// Time of all Postgres processes on the machine, of which there should be no others.
fn postgres_seconds() -> f64 {
    let processes = std::fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    processes
        .filter(|path| {
            std::fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "postgres\n")
        })
        .filter_map(|path| path.file_name().and_then(|name| name.to_str()).map(str::to_owned))
        .map(|process| cpu_seconds(&process))
        .sum()
}

/// User and system time of a process, from Linux.
fn cpu_seconds(process: &str) -> f64 {
    // A process may have ended meanwhile.
    let Ok(text) = std::fs::read_to_string(format!("/proc/{process}/stat")) else { return 0.0 };
    let fields: Vec<&str> = text.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap();
    ticks / 100.0
}
