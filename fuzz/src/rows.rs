//! A journal of one partition in memory, whose chain of digests is whole whatever its rows say: as somebody
//! would leave it who can write to the store and knows how digests are made.

use async_trait::async_trait;
use lastunit::domain::{ProductId, Timestamp};
use lastunit::journal::store::{Head, JournalReader, SnapshotRow, StoreError};
use lastunit::journal::{Batch, Digest, Epoch, PartitionId, Partitions, Seq};

/// The rows, in order.
pub struct Rows {
    batches: Vec<Batch>,
    partitions: Partitions,
}

impl Rows {
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut before = (Seq(0), Digest::GENESIS);
        let batches = rows.into_iter().map(|row| {
            let at = Timestamp::default();
            let batch = Batch::behind(before, PartitionId(0), Epoch(1), at, row.to_vec());
            before = (batch.seq, batch.digest);
            batch
        });
        let batches = batches.collect();
        Self { batches, partitions: Partitions::new(1).expect("a valid number") }
    }
}

#[async_trait]
impl JournalReader for Rows {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let last = self.batches.last();
        Ok(vec![Head {
            partition: PartitionId(0),
            seq: last.map_or(Seq(0), |batch| batch.seq),
            epoch: Epoch(1),
            digest: last.map_or(Digest::GENESIS, |batch| batch.digest),
            checkpoint: Seq(0),
        }])
    }

    async fn batches(
        &self,
        _: PartitionId,
        after: Seq,
        _: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        Ok(self.batches.iter().filter(|batch| batch.seq > after).cloned().collect())
    }

    async fn snapshot(&self, _: ProductId) -> Result<Option<SnapshotRow>, StoreError> {
        Ok(None)
    }

    async fn expiries(&self) -> Result<Vec<(ProductId, Timestamp)>, StoreError> {
        Ok(Vec::new())
    }

    async fn last_product_id(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}
