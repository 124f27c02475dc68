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

use super::store::{Head, JournalReader, SnapshotRow, StoreError};
use super::stored::{self, DecodeError};
use super::{Digest, PartitionId, Partitions, Section, Seq, snapshot};
use crate::domain::{Event, OrderId, Part, Product, ProductId, Timestamp};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

/// Read in one go; large enough that the number of round trips does not matter.
const READ_BYTES: usize = 4 << 20;

/// Pieces that are replayed in one go.
const PIECES_PER_TURN: usize = 64;

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
    /// Products that may have a running hold or a queue, with a time at which to look.
    expiries: Vec<(ProductId, Timestamp)>,
    /// Orders that are being placed, as far as was read.
    placing: HashMap<OrderId, (ProductId, Timestamp)>,
    /// Lines that follow the lead of an order.
    followers: Vec<(OrderId, ProductId, Timestamp)>,
}

impl Tail {
    /// Reads all partitions from their checkpoints to their heads.
    ///
    /// # Errors
    /// When the store does not answer, or a row cannot be read.
    pub async fn read(reader: &dyn JournalReader, heads: &[Head]) -> Result<Self, StoreError> {
        let mut tail = Self { expiries: reader.expiries().await?, ..Self::default() };
        for head in heads {
            // From the checkpoint's own row on, for the digest that the chain goes on from.
            let mut after = Seq(head.checkpoint.0.saturating_sub(1));
            let mut chain = Digest::GENESIS;
            while after < head.seq {
                let batches = reader.batches(head.partition, after, READ_BYTES).await?;
                if batches.is_empty() {
                    return Err(gap(head.partition, after, head.seq));
                }
                for batch in batches {
                    if batch.seq != after.next() {
                        return Err(gap(head.partition, after, batch.seq));
                    }
                    after = batch.seq;
                    if batch.seq > head.checkpoint && !batch.follows(chain) {
                        return Err(StoreError::Damaged(format!(
                            "partition {}, batch {}: the digest is not that of the batch",
                            head.partition, batch.seq
                        )));
                    }
                    chain = batch.digest;
                    if batch.seq > head.checkpoint {
                        tail.take_row(batch.events.into())
                            .map_err(|error| damaged(head.partition, after, &error))?;
                    }
                }
            }
        }
        Ok(tail)
    }

    fn take_row(&mut self, row: Arc<[u8]>) -> Result<(), DecodeError> {
        for (section, range) in stored::decode_ranges(&row)? {
            // Whatever waits is looked at without delay.
            let wakes =
                |event: &Event| matches!(event, Event::Queued { .. } | Event::SaleSet { .. });
            if section.events.iter().any(wakes) {
                self.expiries.push((section.product, section.at));
            }
            for event in &section.events {
                self.note_placing(section.product, section.at, event);
                if let Event::Held { expires_at, .. }
                | Event::Extended { expires_at, .. }
                | Event::Placed { expires_at, .. } = event
                {
                    self.expiries.push((section.product, *expires_at));
                }
            }
            let facts = section.events.len() as u64;
            let piece = Piece { row: row.clone(), range, facts };
            self.pieces.entry(section.product).or_default().push(piece);
        }
        Ok(())
    }

    /// Nobody goes on with an order that was not placed: its lines are looked at without delay.
    fn note_placing(&mut self, product: ProductId, at: Timestamp, event: &Event) {
        match event {
            Event::Held { order, part: Some(part), .. } => match &**part {
                Part::Lead { payment: None, .. } => {
                    self.placing.insert(*order, (product, at));
                }
                Part::Lead { .. } => {}
                Part::Follower { .. } => self.followers.push((*order, product, at)),
            },
            Event::Placed { order, .. } | Event::Ended { order, .. } => {
                self.placing.remove(order);
            }
            _ => {}
        }
    }

    /// Takes out when which products must be looked at because of a running hold or a queue.
    pub fn take_expiries(&mut self) -> Vec<(ProductId, Timestamp)> {
        let mut expiries = std::mem::take(&mut self.expiries);
        let placing = std::mem::take(&mut self.placing);
        let followers = std::mem::take(&mut self.followers);
        let left = followers.into_iter().filter(|(order, ..)| placing.contains_key(order));
        expiries.extend(left.map(|(_, product, at)| (product, at)));
        expiries.extend(placing.into_values());
        expiries
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

    /// The facts of a product behind the checkpoint, for [`rebuild`].
    #[must_use]
    pub fn pieces(&self, product: ProductId) -> Pieces {
        Pieces(self.pieces.get(&product).cloned().unwrap_or_default())
    }

    /// The product was built with its pieces: nobody needs them any more. Only then: a product that
    /// could not be built must not be built without them next time.
    pub fn used_up(&mut self, product: ProductId) {
        self.pieces.remove(&product);
    }
}

/// Facts of one product, still encoded, in their order.
#[derive(Debug, Default)]
pub struct Pieces(Vec<Piece>);

/// Builds a product: its snapshot and the facts behind it. `None` when there is no fact of it
/// anywhere. Gives others their turn every now and then: the tail of a product can be long.
///
/// # Errors
/// `Damaged` when snapshot and facts do not fit together.
pub async fn rebuild(
    product: ProductId,
    snapshot: Option<&SnapshotRow>,
    Pieces(pieces): Pieces,
) -> Result<Option<Product>, StoreError> {
    if pieces.is_empty() && snapshot.is_none() {
        return Ok(None);
    }
    let mut state = match snapshot {
        None => Product::default(),
        Some(row) => snapshot::decode(&row.state).map_err(|error| {
            StoreError::Damaged(format!("the snapshot of product {product}: {error}"))
        })?,
    };
    let mut next = None;
    for (number, piece) in pieces.into_iter().enumerate() {
        if number % PIECES_PER_TURN == PIECES_PER_TURN - 1 {
            tokio::task::yield_now().await;
        }
        let section = stored::decode_piece(&piece.row[piece.range]).map_err(|error| {
            StoreError::Damaged(format!("a fact of product {product}: {error}"))
        })?;
        // A snapshot may know the first of these facts already; but no fact is there twice.
        if next.is_some_and(|next| section.first_revision != next) {
            return Err(misfit(&section, next.unwrap_or_default()));
        }
        next = section.first_revision.checked_add(piece.facts);
        replay(&mut state, &section)?;
    }
    Ok(Some(state))
}

/// Applies the facts of a section that the state does not have yet.
///
/// # Errors
/// `Damaged` when the section does not follow the state without a gap.
pub fn replay(state: &mut Product, section: &Section) -> Result<(), StoreError> {
    if section.first_revision > state.revision().saturating_add(1) {
        return Err(misfit(section, state.revision() + 1));
    }
    for entry in section.entries() {
        if entry.revision > state.revision() {
            state.apply(entry.event, entry.at);
        }
    }
    Ok(())
}

fn misfit(section: &Section, next: u64) -> StoreError {
    StoreError::Damaged(format!(
        "product {}: revision {} stands where {next} should",
        section.product, section.first_revision
    ))
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
    use super::super::{Batch, Epoch};
    use super::*;
    use crate::domain::{CustomerId, Payment, Priority, Quantity};
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
    fn batch(seq: u64, before: Digest) -> Batch {
        let product = ProductId::new(seq).unwrap();
        let adjusted = Event::Adjusted { delta: 0, reason: "counted".into(), retry: None };
        let mut events = vec![stored::ROW_VERSION];
        stored::encode_section(&mut events, product, 1, Timestamp::default(), &[adjusted]);
        let before = (Seq(seq - 1), before);
        Batch::behind(before, PartitionId(0), Epoch(1), Timestamp::default(), events)
    }

    /// The rows that are left of a journal of five when only `seqs` are.
    fn left(seqs: &[u64]) -> Vec<Batch> {
        let mut digest = Digest::GENESIS;
        let all = (1..=5).map(|seq| {
            let batch = batch(seq, digest);
            digest = batch.digest;
            batch
        });
        all.filter(|batch| seqs.contains(&batch.seq.0)).collect()
    }

    async fn products_of(seqs: &[u64]) -> Result<usize, String> {
        products_in(Rows(left(seqs))).await
    }

    async fn products_in(rows: Rows) -> Result<usize, String> {
        let heads = rows.heads().await.map_err(|error| error.to_string())?;
        let tail = Tail::read(&rows, &heads).await.map_err(|error| error.to_string())?;
        Ok(tail.products().count())
    }

    /// An order may be payable for less long than its lines are held.
    #[test]
    fn a_product_wakes_when_an_order_of_it_can_be_paid_no_longer() {
        let order = OrderId([7; 16]);
        let (product, at) = (ProductId::new(3).unwrap(), Timestamp::from_millis(10));
        let payment = Box::new(Payment { method: "simulated".into(), token: "".into() });
        let lines = Box::default();
        let placed = Event::Placed { order, lines, expires_at: at, payment, retry: None };
        let mut events = vec![stored::ROW_VERSION];
        stored::encode_section(&mut events, product, 2, Timestamp::default(), &[placed]);
        let mut tail = Tail::default();
        tail.take_row(events.into()).unwrap();
        assert_eq!(tail.take_expiries(), [(product, at)]);
    }

    /// Nobody may ask for a product whose buyers all wait: the start itself must wake it.
    #[test]
    fn a_product_wakes_at_once_when_somebody_waits() {
        let (product, at) = (ProductId::new(3).unwrap(), Timestamp::from_millis(10));
        let queued = Event::Queued {
            order: OrderId([7; 16]),
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(1),
            priority: Priority::Normal,
            sale: None,
            retry: None,
        };
        let mut events = vec![stored::ROW_VERSION];
        stored::encode_section(&mut events, product, 2, at, &[queued.clone(), queued]);
        let mut tail = Tail::default();
        tail.take_row(events.into()).unwrap();
        assert_eq!(tail.take_expiries(), [(product, at)]);
    }

    /// A crash cut the first order in two; the second was placed, and waits for its payment.
    #[test]
    fn products_of_an_order_that_was_being_placed_wake_at_once() {
        let [lead, follower] = [3, 4].map(|id| ProductId::new(id).unwrap());
        let [cut, placed] = [OrderId([7; 16]), OrderId([8; 16])];
        let [at, later] = [10, 900].map(Timestamp::from_millis);
        let held = |order, part| Event::Held {
            order,
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(1),
            unit_price: 5,
            expires_at: later,
            sale: None,
            part: Some(Box::new(part)),
            retry: None,
        };
        let payment = Box::new(Payment { method: "simulated".into(), token: "".into() });
        let (lines, retry) = (Box::default(), None);
        let place = Event::Placed { order: placed, lines, expires_at: later, payment, retry };
        let new = Part::new_lead;
        let of_lead = [held(cut, new()), held(placed, new()), place];
        let of_follower = [cut, placed].map(|order| held(order, Part::Follower { lead }));
        let mut tail = Tail::default();
        // In whatever order partitions are read.
        for (product, facts) in [(follower, &of_follower[..]), (lead, &of_lead[..])] {
            let mut events = vec![stored::ROW_VERSION];
            stored::encode_section(&mut events, product, 1, at, facts);
            tail.take_row(events.into()).unwrap();
        }
        let expiries = tail.take_expiries();
        let soon: Vec<_> = expiries.iter().filter(|(_, wake_at)| *wake_at == at).collect();
        assert_eq!(soon, [&(follower, at), &(lead, at)]);
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

    #[tokio::test]
    async fn a_changed_row_is_noticed_before_anything_is_sold() {
        for index in 0..5 {
            let mut rows = left(&[1, 2, 3, 4, 5]);
            // The last byte is text that decodes whatever it is.
            *rows[index].events.iter_mut().rev().nth(1).unwrap() ^= 1;
            let error = products_in(Rows(rows)).await.unwrap_err();
            assert!(error.contains("digest"), "row {index}: {error}");
        }
    }
}
