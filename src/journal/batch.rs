//! Batches: what one commit adds to one partition.

use super::chain::Digest;
use crate::domain::{Event, ProductId, Timestamp};
use std::fmt;

/// The unit of ordering and of ownership, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionId(pub u16);

/// Position of a batch in its partition: 1, 2, 3, … without gaps; 0 is "before the first".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Seq(pub u64);

/// Grows each time a partition changes its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Epoch(pub u64);

impl Seq {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Epoch {
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// How many partitions a journal has; fixed when it is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partitions(u16);

impl Partitions {
    /// Most partitions a journal may be created with.
    pub const MAX: u16 = 1024;

    /// `None` outside 1..=[`Partitions::MAX`].
    #[must_use]
    pub const fn new(count: u16) -> Option<Self> {
        if count == 0 || count > Self::MAX {
            return None;
        }
        Some(Self(count))
    }

    #[must_use]
    pub const fn count(self) -> u16 {
        self.0
    }

    /// Where a product lives. Part of the stored format: must never change. Fibonacci hashing
    /// (Knuth, TAOCP vol. 3, 6.4) spreads the consecutive ids that shops use.
    #[must_use]
    pub const fn of(self, product: ProductId) -> PartitionId {
        let hash = product.get().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        // The shift leaves 32 bits; the remainder is below 1024.
        #[allow(clippy::cast_possible_truncation)]
        PartitionId((hash % self.0 as u64) as u16)
    }

    pub fn all(self) -> impl Iterator<Item = PartitionId> {
        (0..self.0).map(PartitionId)
    }
}

/// One journal row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    pub partition: PartitionId,
    pub seq: Seq,
    pub epoch: Epoch,
    pub recorded_at: Timestamp,
    /// Sections of facts as [`super::stored`] encodes them.
    pub events: Vec<u8>,
    pub digest: Digest,
}

impl Batch {
    /// The batch that comes after the one at `seq` with the digest `digest`.
    #[must_use]
    pub fn behind(
        (seq, digest): (Seq, Digest),
        partition: PartitionId,
        epoch: Epoch,
        recorded_at: Timestamp,
        events: Vec<u8>,
    ) -> Self {
        let mut batch = Self { partition, seq: seq.next(), epoch, recorded_at, events, digest };
        batch.digest = batch.digest_after(digest);
        batch
    }

    /// The digest this batch has behind one with the digest `before`.
    fn digest_after(&self, before: Digest) -> Digest {
        before.next(self.partition, self.seq, self.epoch, self.recorded_at, &self.events)
    }

    /// Whether this is the very batch that was written behind one with the digest `before`.
    #[must_use]
    pub fn follows(&self, before: Digest) -> bool {
        self.digest == self.digest_after(before)
    }
}

/// Consecutive facts of one product that were decided in one turn of its actor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub product: ProductId,
    /// Revision of the first fact; the others follow without a gap.
    pub first_revision: u64,
    /// When all of them were decided.
    pub at: Timestamp,
    pub events: Vec<Event>,
}

/// One fact with all that is known about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub product: ProductId,
    pub revision: u64,
    pub at: Timestamp,
    pub event: &'a Event,
}

impl Section {
    /// The facts one by one.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        self.events.iter().zip(self.first_revision..).map(|(event, revision)| Entry {
            product: self.product,
            revision,
            at: self.at,
            event,
        })
    }
}
