//! Simulation: the real engine and the real journal writer, in virtual time, over a journal store
//! that fails in every way a database can. It proves the promises of `domain::promises` end to end:
//! nothing acknowledged is lost, nothing is sold twice, no answer and no view is a lie, one owner at
//! a time, every question gets an answer in time, and in the end every unit is sold.
//!
//! A seed is a run: everything happens on one thread, and all chance comes from the seed.
//!
//! ```text
//!   LASTUNIT_SEED=7 cargo test --test simulation -- --nocapture seeds     replays one, with its log
//!   LASTUNIT_SEEDS=10000 cargo test --test simulation -- --nocapture seeds   a long run
//! ```
//!
//! Customers buy single products, and check out several at once with a provider that pays, declines,
//! fails or never answers; at the end no order is half an order. Others are told to wait for their turn;
//! at the end each of them had it, once and in order.
//!
//! `chance` draws what a seed is like, `disk` is the store, `nodes` are the servers, `shopper` and
//! `shop` the customers, `orders` what they check out, `late` what is paid late,
//! `sales` sales and their books, `sales_of_many` those over several products, `truth` and `witness` the checks, `lives` the course of a run.

// The helpers of a test fail loudly, like the test itself.
#![allow(clippy::expect_used, clippy::panic)]

mod simulation {
    pub mod chance;
    pub mod disk;
    pub mod late;
    pub mod lives;
    pub mod nodes;
    pub mod orders;
    pub mod sales;
    pub mod sales_of_many;
    pub mod shop;
    pub mod shopper;
    pub mod truth;
    pub mod witness;
    pub mod world;
}

use simulation::lives;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// Seeds of one test run.
const SEEDS: u64 = 2_000;

/// Lines of the log that a failure shows.
const SHOWN: usize = 60;

thread_local! {
    /// The first panic of this thread: tasks of a runtime catch theirs.
    static PANIC: RefCell<Option<String>> = const { RefCell::new(None) };
}

fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            PANIC.with_borrow_mut(|first| {
                first.get_or_insert_with(|| info.to_string());
            });
            usual(info);
        }));
    });
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// Runs a seed; gives its log, and what went wrong.
fn run(seed: u64) -> (Vec<String>, Option<String>) {
    watch_for_panics();
    PANIC.with_borrow_mut(|first| *first = None);
    let ended = panic::catch_unwind(|| {
        let world = lives::run(seed);
        let mut world = world.lock();
        (std::mem::take(&mut world.log), world.failure.take())
    });
    let panicked = PANIC.with_borrow_mut(Option::take);
    let (log, failure) = ended.unwrap_or_default();
    (log, panicked.or(failure))
}

/// Runs a seed that must hold every promise.
fn must_hold(seed: u64, shown: usize) -> Vec<String> {
    let (log, failure) = run(seed);
    if let Some(failure) = failure {
        let from = log.len().saturating_sub(shown);
        println!("{}", log[from..].join("\n"));
        panic!(
            "seed {seed}: {failure}\nreplay it with its whole log:\n  LASTUNIT_SEED={seed} cargo test --test simulation -- --nocapture seeds\n"
        );
    }
    log
}

#[test]
fn seeds_hold_every_promise() {
    if let Some(seed) = number("LASTUNIT_SEED") {
        println!("{}", must_hold(seed, usize::MAX).join("\n"));
        return;
    }
    let count = number("LASTUNIT_SEEDS").unwrap_or(SEEDS);
    let started = lastunit::clock::instant();
    let (mut events, mut paid, mut repeated, mut queued) = (0, 0, 0, 0);
    let (mut taken, mut owed) = (0, 0);
    let (mut under_sales, mut changes, mut paused) = (0, 0, 0);
    for seed in 0..count {
        let log = must_hold(seed, SHOWN);
        let orders = || log.iter().filter(|line| line.contains(" Ok(Bought "));
        events += log.len();
        queued += log.iter().filter(|line| line.contains("answer: Queued")).count() as u64;
        paid += orders().filter(|line| line.contains("state: Confirmed")).count() as u64;
        repeated += orders().filter(|line| line.contains("replayed: true")).count() as u64;
        let answers = |what: &str| log.iter().filter(|line| line.contains(what)).count() as u64;
        // The ordinary price is another one.
        let bought = || log.iter().filter(|line| line.contains("answer: Purchased"));
        under_sales += bought().filter(|line| !line.contains("unit_price: 1999")).count() as u64;
        changes += answers("answer: SaleSet");
        paused += answers("Err(Refused(SalePaused))");
        let late = |what: &str| log.iter().filter(|line| line.ends_with(what)).count() as u64;
        taken += late(": Ok(Sold)");
        owed += late(": Ok(Owed)");
    }
    let seconds = lastunit::clock::since(started).as_secs_f64();
    println!(
        "{count} seeds, {events} lines of log in {seconds:.1} s; {paid} orders paid, {repeated} repeated, \
         {queued} purchases queued, {taken} taken again late, {owed} owed; {under_sales} purchases under \
         sales, {changes} changes of sales, {paused} refused while one was paused"
    );
    // A run in which nothing is bought would prove nothing.
    assert!(count < 100 || (paid > count && repeated > count / 4), "too few orders");
    assert!(count < 100 || queued > count, "too few queued purchases");
    assert!(count < 100 || (under_sales > count && changes > count), "too few sales");
    assert!(count < 100 || paused > 0, "no paused sale");
    assert!(count < 100 || (taken > count / 4 && owed > count / 4), "too few late payments");
}

#[test]
fn a_queue_holds_nobody_up_who_does_not_wait_in_it() {
    let world = lives::run_beside_a_queue();
    let world = world.lock();
    let shown = &world.log[world.log.len().saturating_sub(SHOWN)..];
    assert_eq!(world.failure, None, "{}", shown.join("\n"));
}

#[test]
fn one_seed_is_one_run() {
    for seed in 0..50 {
        let (first, second) = (must_hold(seed, SHOWN), must_hold(seed, SHOWN));
        let differ = first.iter().zip(&second).position(|(first, second)| first != second);
        if let Some(line) = differ {
            panic!("seed {seed}, line {line}:\n  {}\n  {}", first[line], second[line]);
        }
        assert_eq!(first.len(), second.len(), "seed {seed}: one run is longer");
    }
}
