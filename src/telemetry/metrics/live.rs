//! Numbers of live updates.

use super::super::names;
use super::{Registry, Results};
use metrics::{Counter, Gauge, Histogram, Label};
use std::sync::Arc;
use std::time::Duration;

/// How a client is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveTransport {
    WebSocket,
    Events,
}

/// Why a client is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveClosed {
    Left,
    /// Did not answer a ping.
    Silent,
    /// Did not take what was written for too long.
    Slow,
    SignedOut,
    Misbehaved,
    Shutdown,
}

/// Why a client or a topic was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LiveRefused {
    Clients,
    Address,
    Topics,
    Unknown,
    Forbidden,
}

/// Numbers of live updates. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct LiveMetrics {
    clients: [Gauge; 2],
    /// By kind of topic.
    subscriptions: Arc<[Gauge]>,
    updates: Arc<[Counter]>,
    messages: Counter,
    closed: Results,
    refused: Results,
    round_seconds: Histogram,
}

/// The kinds of topics, in the order of the numbers.
pub const TOPIC_KINDS: [&str; 6] = ["stock", "sale", "orders", "purchase", "metrics", "alerts"];

impl Default for LiveMetrics {
    fn default() -> Self {
        let nowhere = Results(Arc::new([]));
        Self {
            clients: [(); 2].map(|()| Gauge::noop()),
            subscriptions: Arc::new([]),
            updates: Arc::new([]),
            messages: Counter::noop(),
            closed: nowhere.clone(),
            refused: nowhere,
            round_seconds: Histogram::noop(),
        }
    }
}

impl LiveMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        let labels = |key, value| vec![Label::from_static_parts(key, value)];
        let reasons = |name, reasons: &[&'static str]| {
            let counter = |reason: &&'static str| registry.counter(name, labels("reason", reason));
            Results(reasons.iter().map(counter).collect())
        };
        let gauge =
            |kind: &&'static str| registry.gauge(names::LIVE_SUBSCRIPTIONS, labels("topic", kind));
        let counter =
            |kind: &&'static str| registry.counter(names::LIVE_UPDATES, labels("topic", kind));
        Self {
            clients: ["websocket", "sse"]
                .map(|name| registry.gauge(names::LIVE_CLIENTS, labels("transport", name))),
            subscriptions: TOPIC_KINDS.iter().map(gauge).collect(),
            updates: TOPIC_KINDS.iter().map(counter).collect(),
            messages: registry.counter(names::LIVE_MESSAGES, vec![]),
            closed: reasons(
                names::LIVE_CLOSED,
                &["left", "silent", "slow", "signed-out", "misbehaved", "shutdown"],
            ),
            refused: reasons(
                names::LIVE_REFUSED,
                &["clients", "address", "topics", "unknown", "forbidden"],
            ),
            round_seconds: registry.histogram(names::LIVE_ROUND_SECONDS, vec![]),
        }
    }

    pub fn connected(&self, transport: LiveTransport) {
        self.clients[transport as usize].increment(1.0);
    }

    pub fn disconnected(&self, transport: LiveTransport, reason: LiveClosed) {
        self.clients[transport as usize].decrement(1.0);
        self.closed.count(reason as usize);
    }

    pub fn refused(&self, reason: LiveRefused) {
        self.refused.count(reason as usize);
    }

    /// A client follows a topic of this kind from now on.
    pub fn subscribed(&self, kind: usize) {
        if let Some(gauge) = self.subscriptions.get(kind) {
            gauge.increment(1.0);
        }
    }

    pub fn unsubscribed(&self, kind: usize) {
        if let Some(gauge) = self.subscriptions.get(kind) {
            gauge.decrement(1.0);
        }
    }

    /// A topic of this kind has a new value, and everybody who follows it knows after this time.
    pub fn updated(&self, kind: usize, took: Duration) {
        if let Some(counter) = self.updates.get(kind) {
            counter.increment(1);
        }
        self.round_seconds.record(took.as_secs_f64());
    }

    /// A value went to a client.
    pub fn sent(&self) {
        self.messages.increment(1);
    }
}
