//! The engine: one actor per product decides serially in memory; nobody is answered before the
//! journal has what the answer depends on.

mod api;

pub use api::{EngineError, Shown, Version};
