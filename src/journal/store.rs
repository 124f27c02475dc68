//! What the journal asks of a database: two small traits, implemented by `SQLite`, by Postgres and by
//! the simulation's faulty memory.

use super::{Batch, Digest, Epoch, PartitionId, Partitions, Seq};
use crate::domain::{ProductId, Timestamp};
use async_trait::async_trait;
use std::time::Duration;

/// Why a store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database could not be reached or did not answer; it may be back later.
    #[error("the journal store cannot be reached: {0}")]
    Unavailable(String),
    /// No room left; nothing was written.
    #[error("the journal's disk is full: {0}")]
    Full(String),
    /// The disk failed to read, write or sync: nothing this process says can be trusted to last.
    #[error("the journal's disk failed: {0}")]
    Broken(String),
    /// What is stored is not what this program writes.
    #[error("the journal is damaged: {0}")]
    Damaged(String),
    /// Another process works on this journal.
    #[error("{0}")]
    InUse(String),
    /// The store does not fit this program or its configuration.
    #[error("{0}")]
    Unfit(String),
}

/// Why a commit did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// A row `(partition, seq)` is there already; nothing of the group was written. It may be
    /// another owner's or, after a lost answer, our own.
    #[error("a batch of this position is in the journal already")]
    Conflict,
    /// Nothing was written, and the same group may be sent again later.
    #[error(transparent)]
    NotWritten(StoreError),
    /// It may or may not have been written: read it back before anyone is answered.
    #[error("the outcome of a commit is unknown: {0}")]
    Unknown(String),
    /// The disk failed: see [`StoreError::Broken`].
    #[error("the journal's disk failed: {0}")]
    Broken(String),
}

/// A product's state at a revision, as the journal store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRow {
    pub partition: PartitionId,
    pub product: ProductId,
    pub revision: u64,
    /// When the product's next hold runs out: then its actor must be awake.
    pub next_expiry: Option<Timestamp>,
    pub state: Vec<u8>,
}

/// Everything one commit writes: all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Group {
    /// At most one per partition.
    pub batches: Vec<Batch>,
    pub snapshots: Vec<SnapshotRow>,
    /// Every fact up to this batch is covered by a snapshot.
    pub checkpoints: Vec<(PartitionId, Seq)>,
}

/// Newest batch of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    pub partition: PartitionId,
    pub seq: Seq,
    pub epoch: Epoch,
    pub digest: Digest,
    /// Recovery reads the batches after this one.
    pub checkpoint: Seq,
}

/// What taking ownership gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ownership {
    /// The new epoch of each partition, in order of partition.
    pub epochs: Vec<Epoch>,
    /// `None` where nobody else can ever own this journal while we do.
    pub lease: Option<Lease>,
}

/// For how long an owner may answer from memory without asking the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Counted from before ownership was last taken or confirmed.
    pub duration: Duration,
    /// How long the owner before may still do so: serve nobody until then.
    pub wait: Duration,
}

/// Compares the stored format and partition count with what this program can work on; gives the
/// stored count.
pub(super) fn check_meta(
    rows: &[(String, i64)],
    format: i64,
    wanted: Option<Partitions>,
) -> Result<Partitions, StoreError> {
    let value = |name: &str| rows.iter().find(|row| row.0 == name).map(|row| row.1);
    match value("format") {
        Some(stored) if stored == format => {}
        Some(stored) => {
            return Err(StoreError::Unfit(format!(
                "the journal has format {stored}, this lastunit writes format {format}: use the lastunit that wrote it, or a newer one"
            )));
        }
        None => return Err(StoreError::Damaged("journal_meta has no format".into())),
    }
    let stored = value("partitions").and_then(|count| Partitions::new(u16::try_from(count).ok()?));
    let Some(stored) = stored else {
        return Err(StoreError::Damaged("journal_meta has no valid partition count".into()));
    };
    if let Some(wanted) = wanted.filter(|wanted| *wanted != stored) {
        return Err(StoreError::Unfit(format!(
            "the journal was created with {} partitions and journal.partitions says {}: set it to {}, the number cannot change",
            stored.count(),
            wanted.count(),
            stored.count()
        )));
    }
    Ok(stored)
}

/// The writing side: one connection, one user, never cancelled in the middle of a call.
#[async_trait]
pub trait JournalStore: Send {
    /// Makes the journal this process's own: draws a new epoch for every partition.
    async fn take_ownership(&mut self) -> Result<Ownership, StoreError>;

    /// Says that this process still owns the journal. `false`: another one took it over.
    async fn renew_ownership(&mut self) -> Result<bool, StoreError>;

    /// Gives the journal up, so that the next owner need not wait.
    async fn release_ownership(&mut self) -> Result<(), StoreError>;

    /// Writes the group in one transaction and returns when it is durable.
    async fn commit(&mut self, group: &Group) -> Result<(), CommitError>;

    /// The digest of a batch, to find out what became of a commit. Reconnects if it must.
    async fn digest_at(
        &mut self,
        partition: PartitionId,
        seq: Seq,
    ) -> Result<Option<Digest>, StoreError>;

    /// Draws the next product id. An id may be lost in a crash, never given twice.
    async fn next_product_id(&mut self) -> Result<ProductId, StoreError>;
}

/// The reading side: shared, concurrent, sees only what is committed.
#[async_trait]
pub trait JournalReader: Send + Sync {
    fn partitions(&self) -> Partitions;

    /// The newest batch of each partition, in order of partition; seq 0 where there is none.
    async fn heads(&self) -> Result<Vec<Head>, StoreError>;

    /// Batches after `after`, in order, at least one if there is any, and not much more than
    /// `bytes_max` of events together.
    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, StoreError>;

    /// The newest snapshot of a product.
    async fn snapshot(&self, product: ProductId) -> Result<Option<SnapshotRow>, StoreError>;

    /// Products whose snapshot holds a running hold, with its end.
    async fn expiries(&self) -> Result<Vec<(ProductId, Timestamp)>, StoreError>;

    /// The largest product id given out so far; 0 if none.
    async fn last_product_id(&self) -> Result<u64, StoreError>;
}
