//! Load: looks at how busy the server is, and tells admission.
//!
//! How late its own timer comes says how long a request that is ready waits for a worker: it runs among
//! the requests, on the same workers.

use crate::admission::{Admission, Load};
use crate::clock;
use crate::engine::Engine;
use crate::http::server::OpenConnections;
use std::time::Duration;

/// The pause between two looks.
const EVERY: Duration = Duration::from_millis(50);

/// What is looked at, and whom it is told.
pub(super) struct Watch {
    pub(super) admission: Admission,
    pub(super) engine: Engine,
    pub(super) connections: OpenConnections,
    pub(super) in_flight_max: usize,
    pub(super) connections_max: usize,
    pub(super) lag_max: Duration,
}

impl Watch {
    /// Runs for ever.
    pub(super) async fn run(self) {
        let mut before = Duration::ZERO;
        loop {
            let due = clock::moment() + EVERY;
            tokio::time::sleep_until(due).await;
            let late = clock::moment().saturating_duration_since(due);
            // Once is chance, a process that was stopped for a moment; twice in a row is load.
            let lag = late.min(before);
            before = late;
            self.admission.observe(&Load {
                in_flight: self.engine.in_flight(),
                in_flight_max: self.in_flight_max,
                connections: self.connections.count(),
                connections_max: self.connections_max,
                lag,
                lag_max: self.lag_max,
            });
        }
    }
}
