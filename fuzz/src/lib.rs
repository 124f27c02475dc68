//! What must hold for bytes that nobody means: one module for each fuzz target, with one function that
//! takes the bytes of an input and panics where the server breaks a promise.
//!
//! The targets in `fuzz_targets/` only hand bytes over. README.md says how they are run.
#![allow(clippy::expect_used, clippy::missing_panics_doc)]

pub mod configuration;
mod frames;
pub mod idempotency;
pub mod journal;
pub mod requests;
mod rows;
mod shop;
pub mod snapshot;
pub mod websocket;
