//! Looks: everything that is read in one second, before anybody draws conclusions.

use crate::domain::{ProductId, SaleId, Timestamp, View};
use crate::journal::handle::JournalState;
use crate::projection::ProjectionState;
use crate::telemetry::Reading;
use std::time::Duration;

/// What the projection is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProjectionStanding {
    Starting,
    Following,
    /// Something that it needs is away.
    Waiting,
    /// Gave up: only a person helps.
    Stopped,
    /// Was asked to end.
    Ended,
}

impl ProjectionStanding {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Following => "following",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Ended => "ended",
        }
    }
}

impl From<&ProjectionState> for ProjectionStanding {
    fn from(state: &ProjectionState) -> Self {
        match state {
            ProjectionState::Starting => Self::Starting,
            ProjectionState::Following => Self::Following,
            ProjectionState::Waiting { .. } => Self::Waiting,
            ProjectionState::Stopped { .. } => Self::Stopped,
            ProjectionState::Ended => Self::Ended,
        }
    }
}

/// One product, as its durable state shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProductLook {
    pub(super) product: ProductId,
    /// The sale that runs.
    pub(super) sale: Option<SaleId>,
    /// A sale runs, or the time window of its offer is open.
    pub(super) on_sale: bool,
    /// Units that are left for whoever buys now.
    pub(super) available: u64,
    pub(super) held: u64,
    pub(super) sold: u64,
    /// Whether it is sold at all.
    pub(super) active: bool,
    pub(super) changed_at: Timestamp,
}

impl ProductLook {
    pub(super) fn of((product, view, on_sale): (ProductId, View, bool), now: Timestamp) -> Self {
        let running = view.sale.filter(|sale| sale.opens_at <= now && now < sale.ends_at);
        Self {
            product,
            sale: running.map(|sale| sale.sale),
            on_sale,
            available: view.selling(now).available,
            held: view.stock.held,
            sold: view.stock.sold,
            active: view.active,
            changed_at: view.changed_at,
        }
    }
}

/// Everything of one second.
#[derive(Debug, Clone)]
pub(super) struct Look {
    pub(super) at: Timestamp,
    /// Since the start of the server, on a clock that nobody sets.
    pub(super) uptime: Duration,
    pub(super) reading: Reading,
    pub(super) journal: JournalState,
    /// Why the journal is not ready.
    pub(super) journal_reason: String,
    pub(super) projection: ProjectionStanding,
    /// Why the projection does not follow.
    pub(super) projection_reason: String,
    pub(super) lag_seconds: f64,
    pub(super) holds: u64,
    pub(super) in_flight: u64,
    pub(super) queue_depth: u64,
    pub(super) queue_per_second: f64,
    pub(super) queue_oldest: Option<Timestamp>,
    pub(super) cpu: Duration,
    pub(super) memory_bytes: Option<u64>,
    pub(super) open_files: Option<u64>,
    /// Of products that sell or have changed lately, the newest changed first.
    pub(super) products: Vec<ProductLook>,
}
