//! Expiry at scale: a million holds of one product run out within one second.
//!
//! Proves: they are worked off in small steps, so that other products, on the same engine thread and in
//! the same journal, and the product itself go on selling in between; and all units come back, each once. The engine and its
//! journal in `SQLite` are real, the clock is not: it is moved when the holds are there.
//!
//! And lines of an order that were not told what became of it hear so after a restart, not at their time; an order
//! that was still being placed holds nothing after it.
//!
//! Replay: `cargo test --test expiry -- --nocapture` prints what happened.
#![allow(clippy::expect_used, clippy::unwrap_used)]

use lastunit::clock::{self, Clock};
use lastunit::domain::{
    Action, CatalogEntry, Command, Currency, CustomerId, HoldEnd, Line, Money, Offer, OrderId,
    Part, Payment, ProductId, Quantity, Refusal, Timestamp,
};
use lastunit::engine::{Engine, EngineError, EngineOptions, Placement};
use lastunit::journal::store::StoreError;
use lastunit::journal::{self, Location, Partitions, writer::WriterOptions};
use lastunit::telemetry::metrics::{EngineMetrics, JournalMetrics};
use std::path::Path;
use std::time::Duration;

const HOLDS: u64 = 1_000_000;
const HOLD_MS: u64 = 600_000;
/// Who holds, and how many at a time.
const AT_ONCE: u64 = 2_000;

/// Most holds that may run out between two sales of another product: a tick takes a thousand, and a
/// purchase waits for a commit or two.
const BETWEEN_SALES_MAX: u64 = HOLDS / 20;

async fn start(folder: &Path, clock: &Clock) -> Engine {
    let location = Location::Sqlite(folder.join("journal.sqlite"));
    let partitions = Partitions::new(4).unwrap();
    let writer = WriterOptions { commit_timeout: Duration::from_mins(1) };
    let metrics = JournalMetrics::default();
    let mut tries = 0;
    let opened = loop {
        let (location, metrics) = (location.clone(), metrics.clone());
        match journal::open(location, partitions, clock.clone(), writer, metrics).await {
            // The engine before is about to let go of it.
            Err(StoreError::InUse(_)) if tries < 600 => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            opened => break opened.unwrap(),
        }
    };
    let options = EngineOptions {
        in_flight_max: 100_000,
        in_flight_per_product_max: 50_000,
        idle_after: Duration::from_mins(5),
        grace_ms: 0,
        drain_per_second: 1_000,
        queued_max: 1_000_000,
        checkpoint_facts: 100_000,
    };
    let (placement, metrics) = (Placement::Threads(1), EngineMetrics::default());
    Engine::start(opened, clock.clone(), options, placement, metrics).await.unwrap()
}

async fn create(engine: &Engine, units: u64) -> ProductId {
    let price = Money { amount: 100, currency: Currency::new("USD").unwrap() };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    engine.create(offer, units, CatalogEntry::default()).await.unwrap()
}

/// Holds a unit for each customer; all run out within one second. Gives the order that runs out first.
async fn hold_everything(engine: &Engine, product: ProductId) -> OrderId {
    let earliest = clock::draw_order_id();
    let crowd: Vec<_> = (0..AT_ONCE)
        .map(|first| {
            let engine = engine.clone();
            tokio::spawn(async move {
                for number in (first..HOLDS).step_by(usize::try_from(AT_ONCE).unwrap()) {
                    let order = if number == 0 { earliest } else { clock::draw_order_id() };
                    let action = Action::Hold {
                        order,
                        customer: CustomerId::new(&format!("c{number}")).unwrap(),
                        quantity: Quantity::new(1).unwrap(),
                        // The first of all is alone with its time.
                        hold_ms: if number == 0 { HOLD_MS - 1 } else { HOLD_MS + number % 1_000 },
                        sale: None,
                        part: None,
                    };
                    engine.submit(product, Command::plain(action)).await.unwrap();
                }
            })
        })
        .collect();
    for one in crowd {
        one.await.unwrap();
    }
    earliest
}

async fn held(engine: &Engine, product: ProductId) -> u64 {
    engine.view(product).await.unwrap().view.stock.held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_million_holds_run_out_while_others_sell() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_790_000_000_000));
    let engine = start(folder.path(), &clock).await;
    let hot = create(&engine, HOLDS).await;
    let mut others = Vec::new();
    for _ in 0..8 {
        others.push(create(&engine, 1_000_000).await);
    }
    let started = clock::instant();
    let first = hold_everything(&engine, hot).await;
    println!("{HOLDS} holds took {:?}", clock::since(started));
    assert_eq!(held(&engine, hot).await, HOLDS);

    // The timers of a runtime know nothing of a clock that is moved: whoever asks for the hold that ran
    // out first has the timer set anew.
    clock.advance(HOLD_MS + 1_000);
    let asked = engine.submit(hot, Command::plain(Action::LookUp { order: first })).await;
    assert_eq!(asked, Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Expired))));

    let (mut sales, mut between_max, mut wait_max) = (0, 0, Duration::ZERO);
    let (expiring, mut before) = (clock::instant(), held(&engine, hot).await);
    while before > 0 {
        // The hot product itself, too: its units are for sale again as they come back.
        for product in others.iter().chain([&hot]) {
            let action = Action::Purchase {
                order: clock::draw_order_id(),
                customer: CustomerId::new("ann").unwrap(),
                quantity: Quantity::new(1).unwrap(),
                sale: None,
            };
            let asked = clock::instant();
            engine.submit(*product, Command::plain(action)).await.unwrap();
            wait_max = wait_max.max(clock::since(asked));
            sales += 1;
            let now = held(&engine, hot).await;
            between_max = between_max.max(before - now);
            before = now;
        }
    }
    println!(
        "expired in {:?}; meanwhile {sales} sales of others one after the other, at most \
         {between_max} expiries between two, longest wait {wait_max:?}",
        clock::since(expiring)
    );
    assert!(between_max <= BETWEEN_SALES_MAX, "{between_max} holds ran out between two sales");
    let stock = engine.view(hot).await.unwrap().view.stock;
    assert_eq!((stock.available + stock.sold, stock.held, stock.stocked), (HOLDS, 0, HOLDS));
    assert!(stock.sold > 0, "the product sold while its holds ran out");
    let over = engine.submit(hot, Command::plain(Action::Confirm { order: first })).await;
    assert_eq!(over, Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Expired))));
    engine.shut_down(Duration::from_mins(1)).await;
}

/// Two units of each of two products held for one order, of which the first is the lead.
async fn hold_lines(engine: &Engine) -> (OrderId, [ProductId; 2]) {
    let [lead, follower] = [create(engine, 5).await, create(engine, 5).await];
    let (order, quantity) = (clock::draw_order_id(), Quantity::new(2).unwrap());
    for (product, part) in [(lead, Part::new_lead()), (follower, Part::Follower { lead })] {
        let customer = CustomerId::new("ann").unwrap();
        let (hold_ms, part) = (HOLD_MS, Some(part));
        let action = Action::Hold { order, customer, quantity, hold_ms, part, sale: None };
        engine.submit(product, Command::plain(action)).await.unwrap();
    }
    (order, [lead, follower])
}

/// Whoever looks at a product loads it.
async fn until_nothing_is_held(engine: &Engine, product: ProductId) {
    let started = clock::instant();
    while held(engine, product).await > 0 {
        assert!(clock::since(started) < Duration::from_mins(1), "the line has not heard of it");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_were_not_told_ask_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let engine = start(folder.path(), &clock).await;
    let (order, [lead, follower]) = hold_lines(&engine).await;
    let quantity = Quantity::new(2).unwrap();
    let lines =
        [lead, follower].map(|product| Line { product, quantity, unit_price: 100, sale: None });
    let payment = Box::new(Payment { method: "simulated".into(), token: "t".into() });
    let place = Action::Place { order, lines: lines.into(), pay_ms: HOLD_MS, payment };
    engine.submit(lead, Command::plain(place)).await.unwrap();
    // Killed before the other line hears of it.
    let settle = Action::Settle { order, end: HoldEnd::Confirmed, held_until: None };
    engine.submit(lead, Command::plain(settle)).await.unwrap();
    assert_eq!(held(&engine, follower).await, 2);
    engine.shut_down(Duration::ZERO).await;
    drop(engine);

    let engine = start(folder.path(), &clock).await;
    until_nothing_is_held(&engine, follower).await;
    assert_eq!(engine.view(follower).await.unwrap().view.stock.sold, 2);
    engine.shut_down(Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_was_being_placed_holds_nothing_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual(Timestamp::from_millis(1_790_000_000_000));
    let engine = start(folder.path(), &clock).await;
    let (order, products) = hold_lines(&engine).await;
    engine.shut_down(Duration::ZERO).await;
    drop(engine);

    // A clock that was set back, or that of another machine, changes nothing.
    let clock = Clock::manual(Timestamp::from_millis(1_789_990_000_000));
    let engine = start(folder.path(), &clock).await;
    for product in products {
        until_nothing_is_held(&engine, product).await;
        assert_eq!(engine.view(product).await.unwrap().view.stock.available, 5);
    }
    let look_up = Command::plain(Action::LookUp { order });
    let ended = EngineError::Refused(Refusal::HoldOver(HoldEnd::Expired));
    assert_eq!(engine.submit(products[0], look_up).await.unwrap_err(), ended);
    // One that is being placed now goes on.
    let (_, [lead, _]) = hold_lines(&engine).await;
    assert_eq!(held(&engine, lead).await, 2);
    engine.shut_down(Duration::ZERO).await;
}
