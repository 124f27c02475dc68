//! What callers of the engine see.

use crate::domain::{Outcome, Refusal, View};
use crate::journal::{Epoch, Seq};
use std::fmt;
use std::time::Duration;
use tokio::sync::oneshot;

/// Why a command got no outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// The rules turned it down; nothing was sold.
    #[error("refused: {0:?}")]
    Refused(Refusal),
    /// A bound was reached; nothing was decided. Safe to repeat.
    #[error("the bound on {0} is reached")]
    Overloaded(&'static str),
    /// The journal cannot be written at the moment; nothing was decided. Safe to repeat.
    #[error("the journal cannot be written")]
    JournalUnavailable,
    /// Whether it was recorded is not known. Safe to repeat with the same idempotency key only.
    #[error("the outcome of the commit is unknown")]
    OutcomeUnknown,
    /// Another server owns this journal now, or this one is shutting down. Safe to repeat there.
    #[error("this server no longer decides")]
    NotOwner,
}

impl From<Refusal> for EngineError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A command that is decided, and perhaps not durable yet.
pub struct Decided {
    pub(super) early: Result<Outcome, EngineError>,
    pub(super) answer: oneshot::Receiver<Result<Outcome, EngineError>>,
}

impl Decided {
    /// What was decided. For going on only: a crash could take it back.
    ///
    /// # Errors
    /// Why nothing was.
    pub const fn early(&self) -> Result<&Outcome, EngineError> {
        match &self.early {
            Ok(outcome) => Ok(outcome),
            Err(error) => Err(*error),
        }
    }

    /// Returns when it is durable.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn durable(self) -> Result<Outcome, EngineError> {
        self.answer.await.unwrap_or(Err(EngineError::OutcomeUnknown))
    }
}

/// Position of the batch that made a product what a view shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Version {
    pub epoch: Epoch,
    pub seq: Seq,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.epoch, self.seq)
    }
}

/// Durable state of a product with its version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    pub view: View,
    pub version: Version,
}

/// Numbers the engine works by.
#[derive(Debug, Clone, Copy)]
pub struct EngineOptions {
    /// Most commands without an answer, in all and for one product.
    pub in_flight_max: usize,
    pub in_flight_per_product_max: usize,
    /// A product that nobody has needed for this long leaves the memory.
    pub idle_after: Duration,
    /// Extra time for holds that ran out while the server was down, in milliseconds.
    pub grace_ms: u64,
    /// Turns of queued purchases in a second, for each product without a rate of its own.
    pub drain_per_second: u32,
    /// Most purchases that wait, over all products.
    pub queued_max: usize,
    /// A partition gets a checkpoint after this many facts.
    pub checkpoint_facts: u64,
}
