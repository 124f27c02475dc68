//! Recovery: how a product's state comes back.
//!
//! ```text
//!   state = newest snapshot + the facts behind it
//! ```
//!
//! At start the [`Tail`] reads, for every partition, the batches behind its checkpoint: everything
//! before is covered by snapshots. Nothing is rebuilt yet. A product is loaded when somebody first
//! asks for it (or when one of its holds is to run out): its snapshot, then its own pieces of the
//! tail. Replay only applies; it never decides again.
//!
//! What must never happen: a fact applied twice or left out. Every fact carries its product's
//! revision, so a gap is noticed here and not by a customer.

use super::store::{Head, JournalReader, StoreError};
use super::stored::{self, DecodeError};
use super::{PartitionId, Partitions, Section, Seq, snapshot};
use crate::domain::{Event, Product, ProductId, Timestamp};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Read in one go; large enough that the number of round trips does not matter.
const READ_BYTES: usize = 4 << 20;

/// Part of a journal row that belongs to one product.
#[derive(Debug, Clone)]
struct Piece {
    row: Arc<[u8]>,
    range: Range<usize>,
    facts: u64,
}

/// The facts behind the checkpoints, by product, still encoded.
#[derive(Debug, Default)]
pub struct Tail {
    pieces: HashMap<ProductId, Vec<Piece>>,
    /// Products that may have a running hold, with a time at which to look.
    expiries: Vec<(ProductId, Timestamp)>,
}

impl Tail {
    /// Reads all partitions from their checkpoints to their heads.
    ///
    /// # Errors
    /// When the store does not answer, or a row cannot be read.
    pub async fn read(reader: &dyn JournalReader, heads: &[Head]) -> Result<Self, StoreError> {
        let mut tail = Self { expiries: reader.expiries().await?, ..Self::default() };
        for head in heads {
            let mut after = head.checkpoint;
            while after < head.seq {
                let batches = reader.batches(head.partition, after, READ_BYTES).await?;
                if batches.is_empty() {
                    return Err(gap(head.partition, after, head.seq));
                }
                for batch in batches {
                    if batch.seq != after.next() {
                        return Err(gap(head.partition, after, batch.seq));
                    }
                    tail.take_row(batch.events.into())
                        .map_err(|error| damaged(head.partition, batch.seq, &error))?;
                    after = batch.seq;
                }
            }
        }
        Ok(tail)
    }

    fn take_row(&mut self, row: Arc<[u8]>) -> Result<(), DecodeError> {
        for (section, range) in stored::decode_ranges(&row)? {
            for event in &section.events {
                if let Event::Held { expires_at, .. } | Event::Extended { expires_at, .. } = event {
                    self.expiries.push((section.product, *expires_at));
                }
            }
            let facts = section.events.len() as u64;
            let piece = Piece { row: row.clone(), range, facts };
            self.pieces.entry(section.product).or_default().push(piece);
        }
        Ok(())
    }

    /// Takes out when which products must be looked at because of a running hold.
    pub fn take_expiries(&mut self) -> Vec<(ProductId, Timestamp)> {
        std::mem::take(&mut self.expiries)
    }

    /// How many facts are behind the checkpoint of each partition.
    #[must_use]
    pub fn facts_of(&self, partitions: Partitions) -> Vec<u64> {
        let mut facts = vec![0; usize::from(partitions.count())];
        for (product, pieces) in &self.pieces {
            facts[usize::from(partitions.of(*product).0)] +=
                pieces.iter().map(|piece| piece.facts).sum::<u64>();
        }
        facts
    }

    /// Products with facts behind the checkpoint that nobody has loaded yet.
    pub fn products(&self) -> impl Iterator<Item = ProductId> {
        self.pieces.keys().copied()
    }

    /// Builds a product: its snapshot and its pieces of this tail, which are thereby used up.
    /// `None` when there is no fact of it anywhere.
    ///
    /// # Errors
    /// `Damaged` when snapshot and facts do not fit together.
    pub fn rebuild(
        &mut self,
        product: ProductId,
        snapshot: Option<&super::store::SnapshotRow>,
    ) -> Result<Option<Product>, StoreError> {
        let pieces = self.pieces.get(&product);
        if pieces.is_none() && snapshot.is_none() {
            return Ok(None);
        }
        let mut state = match snapshot {
            None => Product::default(),
            Some(row) => snapshot::decode(&row.state).map_err(|error| {
                StoreError::Damaged(format!("the snapshot of product {product}: {error}"))
            })?,
        };
        for piece in pieces.into_iter().flatten() {
            let section =
                stored::decode_piece(&piece.row[piece.range.clone()]).map_err(|error| {
                    StoreError::Damaged(format!("a fact of product {product}: {error}"))
                })?;
            replay(&mut state, &section)?;
        }
        // Only now: a product that could not be built must not be built without them next time.
        self.pieces.remove(&product);
        Ok(Some(state))
    }
}

/// Applies the facts of a section that the state does not have yet.
///
/// # Errors
/// `Damaged` when the section does not follow the state without a gap.
pub fn replay(state: &mut Product, section: &Section) -> Result<(), StoreError> {
    if section.first_revision > state.revision().saturating_add(1) {
        return Err(StoreError::Damaged(format!(
            "product {}: revision {} follows {}",
            section.product,
            section.first_revision,
            state.revision()
        )));
    }
    for entry in section.entries() {
        if entry.revision > state.revision() {
            state.apply(entry.event, entry.at);
        }
    }
    Ok(())
}

fn gap(partition: PartitionId, after: Seq, found: Seq) -> StoreError {
    StoreError::Damaged(format!(
        "partition {partition}: batches after {after} and before {found} are missing"
    ))
}

fn damaged(partition: PartitionId, seq: Seq, error: &DecodeError) -> StoreError {
    StoreError::Damaged(format!("partition {partition}, batch {seq}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::store::SnapshotRow;
    use super::super::{Batch, Digest, Epoch};
    use super::*;
    use async_trait::async_trait;

    /// A store of one partition in which rows can be missing.
    struct Rows(Vec<Batch>);

    #[async_trait]
    impl JournalReader for Rows {
        fn partitions(&self) -> Partitions {
            Partitions::new(1).unwrap()
        }

        async fn heads(&self) -> Result<Vec<Head>, StoreError> {
            let seq = self.0.last().map_or(Seq(0), |batch| batch.seq);
            let (partition, epoch, digest) = (PartitionId(0), Epoch(1), Digest::GENESIS);
            Ok(vec![Head { partition, seq, epoch, digest, checkpoint: Seq(0) }])
        }

        async fn batches(
            &self,
            _: PartitionId,
            after: Seq,
            _: usize,
        ) -> Result<Vec<Batch>, StoreError> {
            Ok(self.0.iter().filter(|batch| batch.seq > after).take(2).cloned().collect())
        }

        async fn snapshot(&self, _: ProductId) -> Result<Option<SnapshotRow>, StoreError> {
            Ok(None)
        }

        async fn expiries(&self) -> Result<Vec<(ProductId, Timestamp)>, StoreError> {
            Ok(Vec::new())
        }

        async fn last_product_id(&self) -> Result<u64, StoreError> {
            Ok(1)
        }
    }

    /// One product for each row, so that no gap of a product's revisions gives a gap of rows away.
    fn batch(seq: u64) -> Batch {
        let product = ProductId::new(seq).unwrap();
        let adjusted = Event::Adjusted { delta: 0, reason: "counted".into(), retry: None };
        let mut events = vec![stored::ROW_VERSION];
        stored::encode_section(&mut events, product, 1, Timestamp::default(), &[adjusted]);
        Batch {
            partition: PartitionId(0),
            seq: Seq(seq),
            epoch: Epoch(1),
            recorded_at: Timestamp::default(),
            events,
            digest: Digest::GENESIS,
        }
    }

    async fn products_of(seqs: &[u64]) -> Result<usize, String> {
        let rows = Rows(seqs.iter().map(|seq| batch(*seq)).collect());
        let heads = rows.heads().await.map_err(|error| error.to_string())?;
        let tail = Tail::read(&rows, &heads).await.map_err(|error| error.to_string())?;
        Ok(tail.products().count())
    }

    #[tokio::test]
    async fn a_missing_row_is_noticed_wherever_it_was() {
        assert_eq!(products_of(&[]).await, Ok(0));
        assert_eq!(products_of(&[1, 2, 3, 4, 5]).await, Ok(5));
        for missing in [&[2, 3][..], &[1, 3, 4], &[1, 2, 4], &[1, 2, 3, 5]] {
            let error = products_of(missing).await.unwrap_err();
            assert!(error.contains("missing"), "{missing:?}: {error}");
        }
    }
}
