//! lastunit: a reservation server that sells exactly what there is and forgets nothing it confirmed.
//!
//! The way of one purchase is the order of the modules below: `http` → `engine` (which asks
//! `domain`) → `journal` → the answer; `projection` follows the journal afterwards. ARCHITECTURE.md
//! is the map.

pub mod account;
pub mod admission;
pub mod app;
pub mod cart;
pub mod catalog;
pub mod checkout;
pub mod cli;
pub mod clock;
pub mod config;
pub mod domain;
pub mod engine;
pub mod http;
pub mod journal;
pub mod live;
mod migrations;
pub mod monitoring;
pub mod projection;
pub mod telemetry;
pub mod threads;
