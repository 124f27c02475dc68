//! lastunit: a reservation server that sells exactly what there is and forgets nothing it confirmed.
//!
//! The way of one purchase is the order of the modules below: `http` → `admission` → `engine`
//! (which asks `domain`) → `journal` → the answer; `projection` follows the journal afterwards.
//! ARCHITECTURE.md is the map.

pub mod clock;
pub mod domain;
pub mod engine;
pub mod journal;
pub mod projection;
pub mod telemetry;
pub mod threads;
