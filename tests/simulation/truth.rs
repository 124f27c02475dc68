//! The truth: every product's history, rebuilt from the rows at the moment they become durable.
//!
//! It proves, row by row, that the journal decodes, that no revision is missing or written twice
//! (`promises::History`), that each state is an exact sale and keeps the limits, that a snapshot is
//! the state the journal gives, and that a checkpoint hides nothing from recovery. It keeps every
//! state there ever was, against which the answers are judged (`witness.rs`).

use super::sales::Books;
use lastunit::domain::promises::{self, Broken, History, Orders};
use lastunit::domain::{
    Action, Command, Event, OrderId, Outcome, Product, ProductId, Retry, Timestamp, Verdict,
};
use lastunit::journal::store::SnapshotRow;
use lastunit::journal::{Batch, PartitionId, Partitions, Section, Seq, snapshot, stored};
use std::collections::{BTreeMap, HashSet};

/// A product right after one fact.
#[derive(Debug, Clone, Default)]
pub struct Moment {
    pub state: Product,
    /// The batch that made it durable.
    pub seq: Seq,
    pub outcome: Option<Outcome>,
    pub retry: Option<Retry>,
}

/// All moments of one product; the index is the revision.
struct Told {
    history: History,
    books: Books,
    moments: Vec<Moment>,
}

/// All products.
#[derive(Default)]
pub struct Truth {
    products: BTreeMap<ProductId, Told>,
    /// What a product is before its first fact.
    nothing: [Moment; 1],
    orders: HashSet<OrderId>,
    whole: Orders,
    /// Orders that the transaction at work has changed.
    changed: Vec<OrderId>,
}

impl Truth {
    /// Takes a row that has just become durable.
    pub fn take(&mut self, batch: &Batch) -> Result<(), Broken> {
        let sections = stored::decode_row(&batch.events)
            .map_err(|error| broken("decodes", format!("batch {}: {error}", batch.seq)))?;
        sections.iter().try_for_each(|section| self.take_section(section, batch.seq))
    }

    fn take_section(&mut self, section: &Section, seq: Seq) -> Result<(), Broken> {
        let told = self.products.entry(section.product).or_insert_with(|| Told {
            history: History::default(),
            books: Books::default(),
            moments: vec![Moment::default()],
        });
        for entry in section.entries() {
            told.history.push(entry.revision, entry.event, entry.at)?;
            self.changed.extend(self.whole.push(section.product, entry.event));
            let mut state = told.moments.last().map(|last| last.state.clone()).unwrap_or_default();
            if entry.at < state.changed_at() {
                return Err(broken("time", format!("{:?} goes back to {:?}", state, entry.at)));
            }
            check_turn(&state, entry.event, entry.at)?;
            told.books.take(entry.event, entry.at)?;
            let outcome = Some(state.apply(entry.event, entry.at));
            promises::exact_sale_in_full(&state)?;
            promises::limits_kept(&state)?;
            if let Event::Purchased { order, .. }
            | Event::Held { order, .. }
            | Event::Queued { order, .. } = entry.event
            {
                self.orders.insert(*order);
            }
            told.moments.push(Moment { state, seq, outcome, retry: entry.event.retry().copied() });
        }
        Ok(())
    }

    /// No order is half an order once a transaction is written whole.
    pub fn check_orders(&mut self) -> Result<(), Broken> {
        let changed = std::mem::take(&mut self.changed);
        changed.into_iter().try_for_each(|order| self.whole.check(order))
    }

    /// Orders over several products.
    pub const fn whole(&self) -> &Orders {
        &self.whole
    }

    /// A snapshot must be the very state that the journal gives.
    pub fn check_snapshot(&self, row: &SnapshotRow) -> Result<(), Broken> {
        let moments = self.moments(row.product);
        let Some(moment) = usize::try_from(row.revision).ok().and_then(|at| moments.get(at)) else {
            let detail = format!("product {} has no durable {}", row.product, row.revision);
            return Err(broken("snapshot behind its facts", detail));
        };
        let state = snapshot::decode(&row.state)
            .map_err(|error| broken("decodes", format!("snapshot of {}: {error}", row.product)))?;
        if state == moment.state {
            return Ok(());
        }
        let detail = format!("product {}: {state:?} is not {:?}", row.product, moment.state);
        Err(broken("snapshot is the state", detail))
    }

    /// Behind a checkpoint no product may have a fact that its snapshot lacks.
    pub fn check_checkpoint(
        &self,
        (partition, seq): (PartitionId, Seq),
        partitions: Partitions,
        snapshots: &BTreeMap<ProductId, SnapshotRow>,
    ) -> Result<(), Broken> {
        for (product, told) in &self.products {
            if partitions.of(*product) != partition {
                continue;
            }
            let behind = told.moments.iter().rposition(|moment| moment.seq <= seq).unwrap_or(0);
            let kept = snapshots.get(product).map_or(0, |row| row.revision);
            if kept < behind as u64 {
                let detail = format!(
                    "checkpoint {partition}:{seq} hides revisions {kept}..{behind} of product {product}"
                );
                return Err(broken("nothing lost", detail));
            }
        }
        Ok(())
    }

    pub fn history(&self, product: ProductId) -> Option<&History> {
        self.products.get(&product).map(|told| &told.history)
    }

    pub fn books(&self, product: ProductId) -> Option<&Books> {
        self.products.get(&product).map(|told| &told.books)
    }

    /// Every durable moment of a product, by revision.
    pub fn moments(&self, product: ProductId) -> &[Moment] {
        self.products.get(&product).map_or(&self.nothing, |told| &told.moments)
    }

    pub fn revision(&self, product: ProductId) -> usize {
        self.moments(product).len() - 1
    }

    pub fn newest(&self, product: ProductId) -> &Product {
        let moments = self.moments(product);
        &moments[moments.len() - 1].state
    }

    pub fn products(&self) -> Vec<ProductId> {
        self.products.keys().copied().collect()
    }

    pub const fn orders(&self) -> &HashSet<OrderId> {
        &self.orders
    }

    /// When the last running hold of all products ends.
    pub fn last_expiry(&self) -> Timestamp {
        let states = self.products.keys().map(|product| self.newest(*product));
        let ends = states.flat_map(|state| state.holds().iter().map(|(_, hold)| hold.expires_at));
        ends.max().unwrap_or_default()
    }
}

/// What a turn came to is what the rules say of the state before it. Where a hold may be in its grace,
/// only the node that decided knew.
fn check_turn(state: &Product, event: &Event, at: Timestamp) -> Result<(), Broken> {
    let turn = match event {
        Event::Refused { .. } => true,
        Event::Purchased { order, .. } => state.queue().get(order).is_some(),
        _ => false,
    };
    if !turn || state.holds().lapsed(at).next().is_some() {
        return Ok(());
    }
    match state.decide(&Command::plain(Action::TakeTurn), at).verdict {
        Ok(Verdict::Record(decided)) if decided == *event => Ok(()),
        other => Err(broken("in turn", format!("{event:?} is not {other:?}"))),
    }
}

const fn broken(promise: &'static str, detail: String) -> Broken {
    Broken { promise, detail }
}
