//! HTTP: requests become commands and queries, outcomes become documents.
//!
//! What it is for: `routes` is the list of everything that can be asked; each resource has a file
//! with its request type, its document and its handlers; `problem` is the one place where a failure
//! gets its status; `server` owns the sockets. A handler parses, calls one function and answers.
//!
//! Who owns it: handlers run on the workers of the HTTP runtime and own nothing; everything they
//! share is in [`Api`]. They never touch a product's state, and never wait for anything but the
//! engine's answer or a query.
//!
//! What happens on failure: a client that goes away drops its handler, so whatever was sent to the
//! engine runs to its end without it. A panic in a handler is a 500 and nothing else.

mod access;
mod api_keys;
mod auth;
mod body;
mod caller;
mod carts;
mod catalogue;
mod changes;
mod checkout;
mod checks;
mod client;
mod dead_letters;
mod described;
mod docs;
mod fields;
mod health;
mod held;
pub mod hosts;
mod idempotency;
mod links;
mod live;
mod measured;
mod monitoring;
mod notices;
mod numbers;
mod openapi;
mod order_changes;
pub mod order_ref;
mod orders;
mod pages;
mod params;
mod payments;
mod prefer;
pub mod problem;
mod products;
mod purchases;
mod queue;
mod queued;
mod rate_limit;
mod reservations;
mod respond;
mod restock;
mod routes;
mod sale_requests;
mod sale_shown;
mod sale_stats;
mod sales;
pub mod server;
mod session;
mod stock;
mod surface;
mod time;
mod waiting;
mod watch;

pub use access::{Gate, OperatorToken};
pub use body::BodyLimits;
pub use idempotency::key as idempotency_key;
pub use live::{Documents, Live, LiveOptions};
pub use openapi::openapi;
pub use routes::router;
pub use watch::Watch;

use crate::admission::Admission;
use crate::cart::Carts;
use crate::catalog::Catalog;
use crate::checkout::Checkout;
use crate::checkout::signature::Signatures;
use crate::clock::Clock;
use crate::config::{HoldsConfig, ServerConfig};
use crate::engine::Engine;
use crate::monitoring::Monitor;
use crate::projection::{ProjectionProgress, Queries};
use crate::telemetry::Metrics;
use crate::telemetry::metrics::Results;
use notices::NoticesSeen;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

/// How long a reservation may last.
#[derive(Debug, Clone, Copy)]
pub struct HoldLimits {
    pub seconds_default: u64,
    pub seconds_max: u64,
    pub extensions_max: u8,
}

impl From<&HoldsConfig> for HoldLimits {
    fn from(settings: &HoldsConfig) -> Self {
        Self {
            seconds_default: settings.seconds_default,
            seconds_max: settings.seconds_max,
            extensions_max: settings.extensions_max,
        }
    }
}

impl From<&ServerConfig> for BodyLimits {
    fn from(settings: &ServerConfig) -> Self {
        Self { bytes_max: settings.body_bytes_max, timeout: settings.body_timeout() }
    }
}

/// What the handlers need, as the start of the server hands it over.
#[derive(Clone)]
pub struct ApiParts {
    pub admission: Admission,
    pub engine: Engine,
    pub catalog: Catalog,
    pub checkout: Checkout,
    /// What notices of payments are signed with.
    pub signatures: Signatures,
    pub queries: Queries,
    pub progress: ProjectionProgress,
    pub carts: Carts,
    pub clock: Clock,
    pub metrics: Metrics,
    /// What is told of single requests.
    pub watch: Watch,
    pub holds: HoldLimits,
    pub body_limits: BodyLimits,
    /// How callers prove who they are.
    pub gate: Gate,
    /// Whoever follows what happens.
    pub live: Live,
    /// What the server sees of itself.
    pub monitor: Monitor,
    /// Where the last benchmark report is, if there is one.
    pub benchmark_file: Arc<Path>,
}

/// What the handlers share. Cheap to clone.
#[derive(Clone)]
pub struct Api(Arc<Shared>);

/// The inside of [`Api`].
pub struct Shared {
    parts: ApiParts,
    purchase_results: Results,
    reservation_results: Results,
    notice_results: Results,
    notices_seen: NoticesSeen,
}

impl Api {
    #[must_use]
    pub fn new(parts: ApiParts) -> Self {
        let mut bought = purchases::results("sold");
        debug_assert_eq!(bought.len(), purchases::QUEUED);
        bought.push("queued");
        let purchase_results = parts.metrics.purchases(&bought);
        let reservation_results = parts.metrics.reservations(&purchases::results("held"));
        let notice_results = parts.metrics.payment_notices(&payments::RESULTS);
        Self(Arc::new(Shared {
            parts,
            purchase_results,
            reservation_results,
            notice_results,
            notices_seen: NoticesSeen::default(),
        }))
    }
}

impl Deref for Api {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Deref for Shared {
    type Target = ApiParts;

    fn deref(&self) -> &ApiParts {
        &self.parts
    }
}
