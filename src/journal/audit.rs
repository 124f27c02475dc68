//! The audit: proves a journal from the outside, or says where it breaks.
//!
//! It reads every batch of every partition from the first, recomputes the chain of digests, decodes
//! every fact, replays every product by `apply` alone and checks every promise; and it compares each
//! snapshot with the replay at the same revision, and makes sure that recovery, which begins at the
//! checkpoint, would miss nothing. It decides nothing and writes nothing, so it may run beside a live
//! server: it then covers what was durable when it began.

mod sales;

use super::store::{Head, JournalReader, SnapshotRow, StoreError};
use super::{Batch, Digest, Epoch, PartitionId, Section, Seq, snapshot, stored};
use crate::domain::promises::{self, Broken, History, Orders};
use crate::domain::{Event, HoldEnd, Product, ProductId, STOCKED_MAX, Stock, Timestamp};
use sales::SaleBooks;
pub use sales::{SaleSummaries, SaleSummary};
use std::collections::{BTreeMap, HashMap};

/// Read in one go.
const READ_BYTES: usize = 4 << 20;

/// Most findings that are kept; the rest is only counted.
const FINDINGS_MAX: usize = 100;

/// Something that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub partition: PartitionId,
    pub seq: Option<Seq>,
    pub product: Option<ProductId>,
    pub problem: String,
}

/// What the tables derived from the journal must say of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    pub stock: Stock,
    pub revision: u64,
    /// Lines that are sold and have not come back.
    pub orders: u64,
    /// Active holds.
    pub holds: u64,
}

/// What an audit found.
#[derive(Debug, Default)]
pub struct Report {
    pub batches: u64,
    pub facts: u64,
    pub products: u64,
    pub snapshots: u64,
    pub units: Stock,
    pub findings: Vec<Finding>,
    pub findings_total: u64,
    /// Products as they were at the positions asked for.
    pub summaries: BTreeMap<ProductId, Summary>,
    /// Their sales at the same positions.
    pub sales: SaleSummaries,
}

impl Report {
    /// Notes a problem.
    pub fn find(&mut self, finding: Finding) {
        self.findings_total += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Audits a whole journal. `compare_at` says for each partition at which batch the summaries are to
/// be taken: where the projection stands. `progress` hears how many facts are done, now and then.
///
/// # Errors
/// When the store cannot be read; what it holds is never an error but a finding.
pub async fn audit(
    reader: &dyn JournalReader,
    compare_at: &[Seq],
    mut progress: impl FnMut(u64),
) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut orders = Orders::default();
    // All heads are of one moment, so what one transaction wrote is read whole or not at all.
    for head in reader.heads().await? {
        let at = compare_at.get(usize::from(head.partition.0)).copied().unwrap_or_default();
        if at > head.seq {
            report.find(Finding {
                partition: head.partition,
                seq: Some(at),
                product: None,
                problem: format!("the database is at batch {at}, the journal ends at {}", head.seq),
            });
        }
        let audit = PartitionAudit::new(reader, head, at, &mut orders);
        audit.run(&mut report, &mut progress).await?;
    }
    check_orders(reader, &orders, &mut report);
    Ok(report)
}

/// What only all partitions together can show: no order is half an order.
fn check_orders(reader: &dyn JournalReader, orders: &Orders, report: &mut Report) {
    for (order, whole) in orders.iter() {
        if let Err(broken) = promises::all_or_nothing(*order, whole) {
            let product = whole.lead();
            let partition =
                product.map_or(PartitionId(0), |product| reader.partitions().of(product));
            let problem = broken.to_string();
            report.find(Finding { partition, seq: None, product, problem });
        }
    }
}

/// One product under audit.
#[derive(Default)]
struct Replayed {
    state: Product,
    history: History,
    sales: SaleBooks,
    orders: u64,
    /// Its stored snapshot, until the replay has reached it.
    snapshot: Option<SnapshotRow>,
    /// The revision of its snapshot; 0 without one.
    stored_revision: u64,
    /// The revision that its snapshot must have at least: what is up to here, recovery does not read.
    checkpoint_revision: u64,
    broken: bool,
}

struct PartitionAudit<'a> {
    reader: &'a dyn JournalReader,
    head: Head,
    compare_at: Seq,
    digest: Digest,
    epoch: Epoch,
    products: HashMap<ProductId, Replayed>,
    orders: &'a mut Orders,
}

impl<'a> PartitionAudit<'a> {
    fn new(
        reader: &'a dyn JournalReader,
        head: Head,
        compare_at: Seq,
        orders: &'a mut Orders,
    ) -> Self {
        let (digest, epoch) = (Digest::GENESIS, Epoch(0));
        Self { reader, head, compare_at, digest, epoch, products: HashMap::new(), orders }
    }

    async fn run(
        mut self,
        report: &mut Report,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), StoreError> {
        let checkpoint = self.head.checkpoint;
        if checkpoint > self.head.seq {
            let problem = format!("the checkpoint is at batch {checkpoint}, behind the end");
            self.find(report, Some(checkpoint), None, problem);
        }
        let mut expected = Seq(1);
        while expected <= self.head.seq {
            let after = Seq(expected.0 - 1);
            let batches = self.reader.batches(self.head.partition, after, READ_BYTES).await?;
            if batches.is_empty() {
                self.find(report, Some(expected), None, "the batch is missing".into());
                break;
            }
            let last = self.head.seq;
            for batch in batches.into_iter().filter(|batch| batch.seq <= last) {
                if batch.seq != expected {
                    let problem = format!("batches {expected} to {} are missing", batch.seq.0 - 1);
                    self.find(report, Some(expected), None, problem);
                }
                expected = batch.seq.next();
                self.check_batch(&batch, report).await?;
                report.batches += 1;
            }
            progress(report.facts);
        }
        // A live server goes on writing, and may store snapshots of what this audit has not read.
        let heads = self.reader.heads().await?;
        let grew = heads
            .iter()
            .any(|head| head.partition == self.head.partition && head.seq != self.head.seq);
        self.finish(report, grew);
        Ok(())
    }

    async fn check_batch(&mut self, batch: &Batch, report: &mut Report) -> Result<(), StoreError> {
        if !batch.follows(self.digest) {
            let problem = "the digest does not follow from the batch and the one before: \
                           one of them was changed, or one is missing";
            self.find(report, Some(batch.seq), None, problem.into());
        }
        // From here on the chain is checked as it is stored: one damaged batch is one finding.
        self.digest = batch.digest;
        if let Err(broken) = promises::one_owner(self.epoch.0, batch.epoch.0) {
            self.find(report, Some(batch.seq), None, broken.to_string());
        }
        self.epoch = self.epoch.max(batch.epoch);
        match stored::decode_row(&batch.events) {
            Err(error) => self.find(report, Some(batch.seq), None, error.to_string()),
            Ok(sections) => {
                for section in &sections {
                    self.replay(section, batch.seq, report).await?;
                }
            }
        }
        if batch.seq == self.head.checkpoint {
            for replayed in self.products.values_mut() {
                replayed.checkpoint_revision = replayed.state.revision();
            }
        }
        if batch.seq == self.compare_at {
            let summaries =
                self.products.iter().map(|(product, replayed)| (*product, replayed.summary()));
            report.summaries.extend(summaries);
            for (product, replayed) in &self.products {
                replayed.sales.summarize(*product, &mut report.sales);
            }
        }
        Ok(())
    }

    async fn replay(
        &mut self,
        section: &Section,
        seq: Seq,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        let product = section.product;
        if self.reader.partitions().of(product) != self.head.partition {
            let problem = "the product belongs to another partition".into();
            self.find(report, Some(seq), Some(product), problem);
        }
        if section.events.is_empty() {
            // Recovery would look at its revision all the same.
            let problem = "a section without facts, which nobody writes".into();
            self.find(report, Some(seq), Some(product), problem);
        }
        if !self.products.contains_key(&product) {
            let snapshot = self.reader.snapshot(product).await?;
            let stored_revision = snapshot.as_ref().map_or(0, |row| row.revision);
            let replayed = Replayed { snapshot, stored_revision, ..Replayed::default() };
            self.products.insert(product, replayed);
        }
        let Some(replayed) = self.products.get_mut(&product) else { return Ok(()) };
        let mut problems = Vec::new();
        for entry in section.entries() {
            report.facts += 1;
            let _ = self.orders.push(product, entry.event);
            if let Err(broken) = replayed.take(entry.revision, entry.event, entry.at) {
                problems.push(broken.to_string());
            }
            if let Some(problem) = replayed.compare_snapshot(report) {
                problems.push(problem);
            }
        }
        for problem in problems {
            self.find(report, Some(seq), Some(product), problem);
        }
        Ok(())
    }

    /// The checks that walk a whole state, once for each product.
    fn finish(self, report: &mut Report, grew: bool) {
        let partition = self.head.partition;
        for (product, replayed) in self.products {
            report.products += 1;
            let stock = replayed.state.stock();
            report.units.available += stock.available;
            report.units.held += stock.held;
            report.units.sold += stock.sold;
            report.units.stocked += stock.stocked;
            let mut check = |result: Result<(), Broken>| {
                if let Err(broken) = result {
                    let problem = broken.to_string();
                    report.find(Finding { partition, seq: None, product: Some(product), problem });
                }
            };
            check(promises::exact_sale_in_full(&replayed.state));
            check(promises::limits_kept(&replayed.state));
            let mut find = |problem: String| {
                report.find(Finding { partition, seq: None, product: Some(product), problem });
            };
            let (stored, needed) = (replayed.stored_revision, replayed.checkpoint_revision);
            if stored < needed {
                find(format!(
                    "recovery begins after batch {}, revision {needed}, but the snapshot is of revision {stored}",
                    self.head.checkpoint
                ));
            }
            if replayed.snapshot.is_some() && !grew && !replayed.broken {
                find(format!(
                    "a snapshot of revision {stored}, but the journal ends at revision {}",
                    replayed.state.revision()
                ));
            }
        }
    }

    fn find(
        &self,
        report: &mut Report,
        seq: Option<Seq>,
        product: Option<ProductId>,
        problem: String,
    ) {
        report.find(Finding { partition: self.head.partition, seq, product, problem });
    }
}

impl Replayed {
    /// Checks one fact, then applies it. After the first broken promise the product is only walked:
    /// one fault must not drown the report in its consequences.
    fn take(&mut self, revision: u64, event: &Event, at: Timestamp) -> Result<(), Broken> {
        if self.broken {
            return Ok(());
        }
        let checked =
            self.history.push(revision, event, at).and_then(|()| possible(&self.state, event, at));
        if let Err(broken) = checked {
            self.broken = true;
            return Err(broken);
        }
        self.state.apply(event, at);
        self.sales.take(event);
        match event {
            Event::Purchased { .. } | Event::Ended { end: HoldEnd::Confirmed, .. } => {
                self.orders += 1;
            }
            Event::Returned { .. } => self.orders = self.orders.saturating_sub(1),
            _ => {}
        }
        promises::exact_sale(&self.state)
    }

    /// When the replay has reached the stored snapshot: what is wrong with it, if anything.
    fn compare_snapshot(&mut self, report: &mut Report) -> Option<String> {
        let revision = self.stored_revision;
        if self.broken || self.snapshot.is_none() || revision != self.state.revision() {
            return None;
        }
        let row = self.snapshot.take()?;
        report.snapshots += 1;
        match snapshot::decode(&row.state) {
            Err(error) => Some(format!("the snapshot cannot be read: {error}")),
            Ok(state) if state != self.state => {
                Some(format!("the snapshot of revision {revision} is not what the facts make"))
            }
            // When exactly depends on the grace of the server that wrote it.
            Ok(state) if row.next_expiry.is_some() != state.next_deadline().is_some() => {
                let (at, holds, queued) =
                    (row.next_expiry, state.holds().len(), state.queue().len());
                Some(format!(
                    "the snapshot says {at:?} is its next expiry, and has {holds} holds, {queued} queued"
                ))
            }
            Ok(_) => None,
        }
    }

    fn summary(&self) -> Summary {
        Summary {
            stock: self.state.stock(),
            revision: self.state.revision(),
            orders: self.orders,
            holds: self.state.holds().len() as u64,
        }
    }
}

/// Whether a fact can be applied without a count falling below zero or growing past its bound, and without
/// breaking the promises that `apply` relies on.
fn possible(state: &Product, event: &Event, at: Timestamp) -> Result<(), Broken> {
    let stock = state.stock();
    let now = at.max(state.changed_at());
    let set_aside = state.sales().set_aside(now);
    let fits = match event {
        Event::Purchased { quantity, sale, .. } | Event::Held { quantity, sale, .. } => {
            sales::may_take(state, *sale, quantity.get().into(), now)
        }
        Event::Ended { order, .. }
        | Event::Extended { order, .. }
        | Event::Placed { order, .. } => state.holds().get(order).is_some(),
        Event::Returned { customer, quantity, sale, .. } => {
            let units = quantity.get();
            let part = sale.and_then(|sale| state.sales().get(sale));
            part.is_none_or(|part| part.may_return(customer, units))
                && stock.sold >= u64::from(units)
                && state.customers().owned(customer).sold >= units
        }
        Event::Adjusted { delta, .. } => stock.adjusted(*delta).is_some_and(|adjusted| {
            adjusted.available >= set_aside && adjusted.stocked <= STOCKED_MAX
        }),
        Event::Created { units, .. } => !state.is_created() && *units <= STOCKED_MAX,
        Event::SaleSet { terms, .. } => state.is_created() && sales::may_set(state, terms, now),
        Event::Changed { .. } | Event::Queued { .. } | Event::Paced { .. } => state.is_created(),
        Event::SaleDropped { sale } => state.sales().get(*sale).is_none_or(|part| part.taken == 0),
        Event::Refused { order, .. } => state.queue().get(order).is_some(),
        Event::PaidLate { order, .. } | Event::RefundOwed { order, .. } => {
            state.is_created() && state.holds().get(order).is_none()
        }
    };
    if fits {
        return Ok(());
    }
    Err(Broken { promise: "exact sale", detail: format!("{event:?} with {stock:?}") })
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
