//! The world around the nodes: what survives a crash. The disk, the true history, what the customers
//! know and still want, the log of the run, and the first promise that was broken.
//!
//! Nodes and shoppers live inside one runtime and die with it; the world is handed from one life to
//! the next. Everything happens on one thread: the lock is never waited for.

use super::chance::{Chance, Weather};
use super::disk::Disk;
use super::shop::Shop;
use super::truth::Truth;
use lastunit::clock::Clock;
use lastunit::domain::promises::Broken;
use lastunit::domain::{ProductId, Timestamp};
use lastunit::engine::Version;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

/// The time a run begins at: some day in 2026.
const BEGINNING: Timestamp = Timestamp::from_millis(1_780_000_000_000);

/// A connection to the disk; each node has one of its own.
pub type Connection = u64;

/// Until when a kind of failure lasts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trouble {
    pub disk_full: Timestamp,
    pub reads_fail: Timestamp,
    pub outage: Timestamp,
    pub cut_off: (Connection, Timestamp),
    pub silent: (Connection, Timestamp),
}

/// Everything but the nodes.
pub struct World {
    pub chance: Chance,
    pub weather: Weather,
    pub trouble: Trouble,
    pub disk: Disk,
    pub truth: Truth,
    pub shop: Shop,
    pub log: Vec<String>,
    pub failure: Option<String>,
    /// Questions to nodes so far.
    pub questions: u64,
    /// The newest revision of each product that some answer depended on.
    pub told: BTreeMap<ProductId, usize>,
    /// The newest version of each product that anybody was shown.
    pub shown: BTreeMap<ProductId, Version>,
    clock: Clock,
    connections: Connection,
}

pub type Shared = Arc<Mutex<World>>;

impl World {
    pub fn new(seed: u64) -> Shared {
        let mut chance = Chance::new(seed);
        let weather = Weather::draw(&mut chance);
        let disk = Disk::new(weather.partitions);
        let log = vec![format!("{weather:?}")];
        Arc::new(Mutex::new(Self {
            chance,
            trouble: Trouble::default(),
            disk,
            truth: Truth::default(),
            shop: Shop::new(weather.commands),
            log,
            failure: None,
            questions: 0,
            told: BTreeMap::new(),
            shown: BTreeMap::new(),
            clock: Clock::manual(BEGINNING),
            connections: 0,
            weather,
        }))
    }

    /// A new runtime begins, `downtime` after the last one ended. Call inside of it.
    pub fn begin_life(&mut self, downtime: u64) {
        self.clock = Clock::following_timers(self.now().plus_millis(downtime));
    }

    /// The runtime ends: time stands still until the next one.
    pub fn end_life(&mut self) {
        self.clock = Clock::manual(self.now());
    }

    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    pub const fn connect(&mut self) -> Connection {
        self.connections += 1;
        self.connections
    }

    /// A clock for one node, somewhat wrong.
    pub fn skewed_clock(&mut self) -> Clock {
        let skew = self.chance.between((0, 2 * self.weather.skew_max));
        let start = self.now().as_millis() + skew - self.weather.skew_max;
        Clock::following_timers(Timestamp::from_millis(start))
    }

    /// Writes a line into the log of the run.
    pub fn note(&mut self, line: impl Display) {
        let millis = self.now().millis_since(BEGINNING);
        self.log.push(format!("{millis:>7} {line}"));
    }

    /// Keeps the first promise that was broken.
    pub fn fail(&mut self, why: impl Display) {
        self.note(format_args!("BROKEN {why}"));
        self.failure.get_or_insert_with(|| why.to_string());
    }

    pub fn check(&mut self, promise: Result<(), Broken>) {
        if let Err(broken) = promise {
            self.fail(broken);
        }
    }
}
