//! What the projector asks of a database; `sqlite` and `postgres` implement it side by side.

use super::changes::{Changes, Prior};
use super::columns::BadColumn;
use super::needs::Needs;
use super::rows::Cursor;
use crate::journal::{PartitionId, Partitions};
use async_trait::async_trait;

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error(transparent)]
    Database(#[from] sqlx::Error),
    /// Rows that must be there are not.
    #[error("{0}")]
    Rows(String),
}

/// The one writing connection. After any error it must be dropped: what it had begun is then rolled
/// back by the database.
#[async_trait]
pub(super) trait Writer: Send {
    /// All cursors, in order of partition.
    async fn cursors(&mut self) -> Result<Vec<Cursor>, WriteError>;

    /// Makes those that are missing. Never in tables that contain another journal.
    async fn make_cursors(&mut self, partitions: Partitions) -> Result<(), WriteError>;

    /// Begins a transaction that excludes other projectors from these partitions until it ends, and
    /// reads their cursors, in order of partition.
    async fn begin(&mut self, partitions: &[PartitionId]) -> Result<Vec<Cursor>, WriteError>;

    /// Reads the rows that facts build on. Within the transaction.
    async fn prior(&mut self, needs: &Needs) -> Result<Prior, WriteError>;

    /// Writes rows. Within the transaction.
    async fn write(&mut self, changes: &Changes) -> Result<(), WriteError>;

    /// Moves the cursors and ends the transaction.
    async fn commit(&mut self, cursors: &[Cursor]) -> Result<(), WriteError>;

    /// Gives the transaction up.
    async fn rollback(&mut self) -> Result<(), WriteError>;
}

impl From<BadColumn> for WriteError {
    fn from(bad: BadColumn) -> Self {
        Self::Database(bad.into())
    }
}

impl WriteError {
    /// An error unless every row that was to be changed was found.
    pub(super) fn unless_all(changed: u64, wanted: usize) -> Result<(), Self> {
        if usize::try_from(changed) == Ok(wanted) {
            return Ok(());
        }
        Err(Self::Rows(format!("{changed} of {wanted} totals of customers are in the database")))
    }
}
