//! Sampler: takes the looks, and keeps what follows from them for whoever asks.

use super::alerts::{Alert, Alerts, Ended};
use super::history::{History, Ring};
use super::look::{Look, ProductLook};
use super::products::{self, Paces, SOLD_OUT_SHOWN_MS};
use super::rules;
use super::sample::{LOOKS_KEPT, Sample};
use crate::clock::{self, Clock};
use crate::domain::Timestamp;
use crate::engine::Engine;
use crate::projection::{ProjectionProgress, ProjectionState};
use crate::telemetry::{Metrics, process};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(1);

/// Most products of one look: the newest changed.
const PRODUCTS_MAX: usize = 1_000;

/// What the last look has left, to be read by anybody. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Monitor(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    newest: Arc<Sample>,
    history: Ring,
    /// Before the newest one, oldest first.
    before: VecDeque<Look>,
    paces: Paces,
    alerts: Alerts,
}

impl Monitor {
    /// Begins with one look.
    pub(super) fn new(first: Look) -> Self {
        let newest = Arc::new(Sample::of(0, &first, &VecDeque::new()));
        let mut state = State {
            newest: Arc::clone(&newest),
            history: Ring::default(),
            before: VecDeque::with_capacity(LOOKS_KEPT),
            paces: Paces::default(),
            alerts: Alerts::default(),
        };
        state.conclude(first, newest);
        Self(Arc::new(Mutex::new(state)))
    }

    /// Draws conclusions from the next look.
    pub(super) fn take(&self, look: Look) {
        let mut state = self.0.lock();
        let sample = Arc::new(Sample::of(state.newest.number + 1, &look, &state.before));
        state.conclude(look, sample);
    }

    /// The newest sample.
    #[must_use]
    pub fn newest(&self) -> Arc<Sample> {
        Arc::clone(&self.0.lock().newest)
    }

    /// The samples of the last seconds, thinned out.
    #[must_use]
    pub fn history(&self, seconds: u64) -> History {
        let state = self.0.lock();
        state.history.part(seconds, state.newest.at)
    }

    /// What is active, the worst first; and what is over, newest first.
    #[must_use]
    pub fn alerts(&self) -> (Vec<Alert>, Vec<Ended>) {
        let state = self.0.lock();
        (state.alerts.active(), state.alerts.recent())
    }
}

impl State {
    fn conclude(&mut self, mut look: Look, sample: Arc<Sample>) {
        self.newest = Arc::clone(&sample);
        self.history.push(sample);
        for (name, verdict) in rules::judge(&look, &self.before) {
            self.alerts.judge((name, None), verdict, look.at);
        }
        self.paces.take(&look);
        products::judge(&mut self.alerts, &self.paces, &look);
        self.alerts.bound();
        // With looks that are over only counts are compared.
        look.products = Vec::new();
        if self.before.len() == LOOKS_KEPT {
            self.before.pop_front();
        }
        self.before.push_back(look);
    }
}

/// What is looked at.
#[derive(Clone)]
pub struct Sampler {
    pub metrics: Metrics,
    pub engine: Engine,
    pub progress: ProjectionProgress,
    pub clock: Clock,
}

impl Sampler {
    /// Takes the first look, and gives the task that takes the others, for ever.
    pub fn start(self) -> (Monitor, impl Future<Output = ()> + Send + 'static) {
        let started = clock::instant();
        let monitor = Monitor::new(self.look(started));
        (monitor.clone(), Arc::new(self).run(monitor, started))
    }

    async fn run(self: Arc<Self>, monitor: Monitor, started: Instant) {
        let mut ticks = tokio::time::interval_at(clock::moment() + EVERY, EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            // Some milliseconds where there are many connections and products.
            let sampler = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || sampler.look(started));
            // The runtime ends when the server does.
            let Ok(look) = looked.await else { return };
            monitor.take(look);
        }
    }

    fn look(&self, started: Instant) -> Look {
        let (engine, now) = (&self.engine, self.clock.now());
        let queues = engine.queues(now, 0);
        let journal = engine.journal();
        let state = self.progress.state();
        let since = now.as_millis().saturating_sub(SOLD_OUT_SHOWN_MS);
        let products = engine.watched(now, Timestamp::from_millis(since), PRODUCTS_MAX);
        Look {
            at: now,
            uptime: clock::since(started),
            reading: self.metrics.read(),
            journal: journal.state(),
            journal_reason: journal.reason(),
            projection: (&state).into(),
            projection_reason: match state {
                ProjectionState::Waiting { reason, .. } | ProjectionState::Stopped { reason } => {
                    reason
                }
                _ => String::new(),
            },
            lag_seconds: self.progress.lag(&engine.durable()),
            holds: engine.holds() as u64,
            in_flight: engine.in_flight() as u64,
            queue_depth: queues.depth,
            queue_per_second: queues.rate_per_second,
            queue_oldest: queues.oldest,
            cpu: process::cpu_time(),
            memory_bytes: process::resident_bytes(),
            open_files: process::open_files().map(|files| files as u64),
            products: products.into_iter().map(|product| ProductLook::of(product, now)).collect(),
        }
    }
}
