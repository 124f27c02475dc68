//! A round: the batches that go into the tables in one transaction.

use super::rows::Cursor;
use crate::domain::Timestamp;
use crate::journal::{Batch, PartitionId, Section, stored};

/// Consecutive batches of some partitions, checked and decoded.
#[derive(Debug, Default)]
pub(super) struct Round {
    pub sections: Vec<Section>,
    /// Where the partitions of this round stood, in order of partition.
    pub before: Vec<Cursor>,
    /// And where they stand afterwards.
    pub after: Vec<Cursor>,
    /// When the newest batch of each partition of this round was recorded.
    pub recorded_at: Vec<(PartitionId, Timestamp)>,
}

impl Round {
    pub(super) fn is_empty(&self) -> bool {
        self.after.is_empty()
    }

    /// Adds the batches after `cursor`. Each must follow the one before by number and by digest.
    ///
    /// # Errors
    /// A sentence that names the batch which does not follow, or cannot be read.
    pub(super) fn push(&mut self, cursor: Cursor, batches: &[Batch]) -> Result<(), String> {
        let mut end = cursor;
        for batch in batches {
            end = follow(end, batch)?;
            let sections = stored::decode_row(&batch.events).map_err(|error| {
                format!("batch {} of partition {}: {error}", batch.seq, batch.partition)
            })?;
            self.sections.extend(sections);
        }
        if let Some(newest) = batches.last() {
            self.recorded_at.push((newest.partition, newest.recorded_at));
            self.before.push(cursor);
            self.after.push(end);
        }
        Ok(())
    }

    /// Puts the partitions in order.
    pub(super) fn sort(&mut self) {
        self.before.sort_unstable_by_key(|cursor| cursor.partition);
        self.after.sort_unstable_by_key(|cursor| cursor.partition);
    }
}

fn follow(cursor: Cursor, batch: &Batch) -> Result<Cursor, String> {
    let Batch { partition, seq, epoch, recorded_at, events, digest } = batch;
    if *partition != cursor.partition || *seq != cursor.seq.next() {
        return Err(format!(
            "batch {seq} of partition {partition} was read where batch {} of partition {} follows",
            cursor.seq.next(),
            cursor.partition
        ));
    }
    if *digest != cursor.digest.next(*partition, *seq, *epoch, *recorded_at, events) {
        return Err(format!(
            "the digest of batch {seq} of partition {partition} does not follow from the batch \
             before it and from its own content"
        ));
    }
    Ok(Cursor { partition: *partition, seq: *seq, digest: *digest })
}
