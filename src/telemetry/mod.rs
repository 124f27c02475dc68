//! Telemetry: what the server tells about itself, as log lines (`logs`) and as numbers (`metrics`).
//!
//! All names, help texts and buckets are in `names`; `metrics` makes typed handles of them, one
//! structure for each part of the server, registered once at start. Using a handle is an atomic
//! operation: nobody looks a name or a label up while a request is served. `reading` gives the numbers back
//! to whoever shows them here, `process` what the system says of the process. `request_id` names the request
//! that a line is about, `traces` sends spans of requests elsewhere. No part can fail once the server runs.

pub mod admission;
mod distribution;
pub mod logs;
pub mod metrics;
mod names;
pub mod process;
mod reading;
pub mod request_id;
pub mod traces;

pub use distribution::Distribution;
pub use metrics::Metrics;
pub use reading::Reading;
