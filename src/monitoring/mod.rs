//! Monitoring: the server watches itself, one look a second: what it does (samples), and what somebody
//! should know (alerts).
//!
//! ```text
//!   telemetry, engine, projection ─ one look a second ─▶ sampler
//!                                      │ sample: rates and quantiles of the last looks   pure
//!                                      │ alerts: rules with hysteresis                   pure
//!                                      ▼
//!                                   Monitor: the newest sample, an hour of them, alerts
//!                                      ▼
//!                                   routes and topics, whenever they are asked
//! ```
//!
//! Who owns it: one task on the runtime of live updates, at low priority; whoever asks reads what the last
//! look has left. Everything is in memory and bounded: a restart forgets history and alerts, and what is
//! still so is noticed again.
//!
//! What must never happen: that a look holds up a sale. It only reads what is counted anyway, and views,
//! which show durable state alone.
//!
//! What happens on failure: a look that comes late covers a longer time; rates are of the time that passed.

mod alerts;
mod history;
mod look;
mod products;
mod rules;
mod sample;
mod sampler;
#[cfg(test)]
mod tests;

pub use alerts::{ACTIVE_MAX, Alert, AlertName, Ended, RECENT_MAX, Severity};
pub use history::{HISTORY_SECONDS, History};
pub use look::ProjectionStanding;
pub use sample::{Journal, Latency, Process, Purchases, Queue, Sample, Stock};
pub use sampler::{Monitor, Sampler};
