//! The digest chain: each batch's digest covers the one before it, so a changed, missing or moved
//! byte anywhere breaks every digest after it, and a sale can be proven afterwards.

use super::batch::{Epoch, PartitionId, Seq};
use crate::domain::Timestamp;
use std::fmt;

/// BLAKE3-256 over the digest before it and all columns of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// What the first batch of a partition follows.
    pub const GENESIS: Self = Self([0; 32]);

    /// The digest of the batch that follows this one. Part of the stored format: must never change.
    #[must_use]
    pub fn next(
        self,
        partition: PartitionId,
        seq: Seq,
        epoch: Epoch,
        recorded_at: Timestamp,
        events: &[u8],
    ) -> Self {
        let mut head = [0u8; 32 + 2 + 8 + 8 + 8];
        head[..32].copy_from_slice(&self.0);
        head[32..34].copy_from_slice(&partition.0.to_le_bytes());
        head[34..42].copy_from_slice(&seq.0.to_le_bytes());
        head[42..50].copy_from_slice(&epoch.0.to_le_bytes());
        head[50..58].copy_from_slice(&recorded_at.as_millis().to_le_bytes());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&head);
        hasher.update(events);
        Self(*hasher.finalize().as_bytes())
    }

    /// From a database column; `None` unless it has 32 bytes.
    #[must_use]
    pub fn from_column(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(formatter, "{byte:02x}"))
    }
}
