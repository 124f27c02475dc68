//! Lag: since when the tables lack something. Pure; the oldest partition counts, because a round may
//! take from one partition only while another waits.

use super::rows::Cursor;
use crate::domain::Timestamp;
use crate::journal::{PartitionId, Seq};

/// Since when each partition is behind; by partition.
#[derive(Debug, Default)]
pub(super) struct Lag {
    since: Vec<Option<Timestamp>>,
}

impl Lag {
    /// Since when anything is missing, `None` when nothing is. `applied` says when the newest batch
    /// was recorded that was just applied of a partition: what is still missing there is younger. Of
    /// a partition that fell behind unseen, all that is known is that it is behind now.
    pub(super) fn oldest(
        &mut self,
        cursors: &[Cursor],
        durable: &[Seq],
        applied: &[(PartitionId, Timestamp)],
        now: Timestamp,
    ) -> Option<Timestamp> {
        self.since.resize(cursors.len(), None);
        for (partition, recorded_at) in applied {
            self.since[usize::from(partition.0)] = Some(*recorded_at);
        }
        for ((since, cursor), durable) in self.since.iter_mut().zip(cursors).zip(durable) {
            *since = (*durable > cursor.seq).then(|| since.unwrap_or(now));
        }
        self.since.iter().flatten().min().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Digest;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn cursors(seqs: [u64; 2]) -> Vec<Cursor> {
        let cursor = |(partition, seq)| Cursor {
            partition: PartitionId(partition),
            seq: Seq(seq),
            digest: Digest::GENESIS,
        };
        (0..).zip(seqs).map(cursor).collect()
    }

    #[test]
    fn the_partition_that_waits_longest_counts() {
        let mut lag = Lag::default();
        let durable = [Seq(9), Seq(9)];
        assert_eq!(lag.oldest(&cursors([0, 0]), &durable, &[], at(100)), Some(at(100)));
        // A round of the first partition alone says nothing about the second.
        let first = [(PartitionId(0), at(190))];
        assert_eq!(lag.oldest(&cursors([5, 0]), &durable, &first, at(200)), Some(at(100)));
        let second = [(PartitionId(1), at(150))];
        assert_eq!(lag.oldest(&cursors([5, 4]), &durable, &second, at(300)), Some(at(150)));
        assert_eq!(lag.oldest(&cursors([5, 9]), &durable, &[], at(400)), Some(at(190)));
        assert_eq!(lag.oldest(&cursors([9, 9]), &durable, &[], at(500)), None);
        // What falls behind after a pause has not been behind all the time.
        assert_eq!(lag.oldest(&cursors([9, 9]), &[Seq(9), Seq(10)], &[], at(900)), Some(at(900)));
    }
}
