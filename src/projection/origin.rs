//! Origin: whether the tables were filled from this journal.
//!
//! Rows of another journal must never be shown nor added to, so this is asked before the server
//! listens, and again by the projector whenever it connects. Asking changes nothing: the tables may
//! be another server's.

use super::database::{Database, DatabaseError};
use super::queries::{Queries, QueryError};
use super::rows::Cursor;
use crate::journal::store::JournalReader;
use crate::journal::{Digest, PartitionId, Partitions, Seq};

/// Checks the tables before anything is started.
///
/// # Errors
/// [`DatabaseError::Unfit`] when they are another journal's; [`DatabaseError::Unreachable`] when they
/// or the journal cannot be asked at the moment.
pub async fn check_origin(
    database: &Database,
    reader: &dyn JournalReader,
) -> Result<(), DatabaseError> {
    let unreachable =
        |reason: String| DatabaseError::Unreachable { database: database.name(), reason };
    let cursors = Queries::new(database).cursors().await.map_err(|error| match error {
        QueryError::Unavailable(reason) => unreachable(reason),
        QueryError::Damaged(_) => DatabaseError::Unfit(error.to_string()),
    })?;
    let digest_at = async |partition, seq: Seq| {
        let batches = reader.batches(partition, Seq(seq.0.saturating_sub(1)), 1).await?;
        Ok(batches.first().filter(|batch| batch.seq == seq).map(|batch| batch.digest))
    };
    let foreign = foreign(&database.name(), &cursors, reader.partitions(), digest_at).await;
    match foreign
        .map_err(|error: crate::journal::store::StoreError| unreachable(error.to_string()))?
    {
        Some(reason) => Err(DatabaseError::Unfit(reason)),
        None => Ok(()),
    }
}

/// Why these cursors are not of this journal, if they are not. `digest_at` looks a batch up.
pub(super) async fn foreign<Failure>(
    database: &str,
    cursors: &[Cursor],
    partitions: Partitions,
    digest_at: impl AsyncFn(PartitionId, Seq) -> Result<Option<Digest>, Failure>,
) -> Result<Option<String>, Failure> {
    // Tables that contain nothing yet belong to nobody.
    if cursors.iter().all(|cursor| cursor.seq == Seq(0) && cursor.digest == Digest::GENESIS) {
        return Ok(None);
    }
    if cursors.len() != usize::from(partitions.count()) {
        return Ok(Some(format!(
            "the database {database} was filled from a journal of {} partitions, and this one has \
             {}: give the server an empty database, which it fills from its journal",
            cursors.len(),
            partitions.count()
        )));
    }
    for cursor in cursors {
        let Cursor { partition, seq, digest } = *cursor;
        let found = match seq {
            Seq(0) => Some(Digest::GENESIS),
            seq => digest_at(partition, seq).await?,
        };
        if found == Some(digest) {
            continue;
        }
        let what = found.map_or("is not there", |_| "is another one");
        return Ok(Some(format!(
            "the database {database} contains partition {partition} up to batch {seq}, which {what} \
             in this journal: it belongs to another journal, or this one was put back from an older \
             copy; give the server an empty database, which it fills from its journal"
        )));
    }
    Ok(None)
}
