//! A shop without an engine: real rules decide, a journal in memory remembers.

use async_trait::async_trait;
use lastunit::domain::{
    Action, CatalogEntry, Command, Currency, CustomerId, Decision, Event, HoldEnd, Money, Offer,
    OrderId, Outcome, Product, ProductId, Quantity, Refusal, SaleId, Timestamp, Verdict,
};
use lastunit::journal::store::{Head, JournalReader, SnapshotRow, StoreError};
use lastunit::journal::{Batch, Digest, Epoch, PartitionId, Partitions, Seq, stored};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

pub const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// Batches in memory, and the newest of each partition as the writer would publish it.
pub struct MemoryJournal {
    partitions: Partitions,
    batches: Mutex<Vec<Vec<Batch>>>,
    durable: watch::Sender<Vec<Seq>>,
}

impl MemoryJournal {
    pub fn new(partitions: u16) -> Arc<Self> {
        let durable = watch::Sender::new(vec![Seq(0); usize::from(partitions)]);
        let batches = Mutex::new(vec![Vec::new(); usize::from(partitions)]);
        Arc::new(Self { partitions: Partitions::new(partitions).unwrap(), batches, durable })
    }

    pub fn durable(&self) -> watch::Receiver<Vec<Seq>> {
        self.durable.subscribe()
    }

    pub fn positions(&self) -> Vec<Seq> {
        self.durable.borrow().clone()
    }

    /// Commits sections as the next batch of a partition.
    pub fn commit(&self, partition: PartitionId, at: Timestamp, sections: &[u8]) {
        let mut events = vec![stored::ROW_VERSION];
        events.extend_from_slice(sections);
        let index = usize::from(partition.0);
        let seq = {
            let mut batches = self.batches.lock().unwrap();
            let last = batches[index].last();
            let before = last.map_or((Seq(0), Digest::GENESIS), |last| (last.seq, last.digest));
            let batch = Batch::behind(before, partition, Epoch(1), at, events);
            let seq = batch.seq;
            batches[index].push(batch);
            seq
        };
        self.durable.send_modify(|durable| durable[index] = seq);
    }

    /// Changes one byte of the newest batch that is not empty.
    pub fn damage(&self) {
        let mut batches = self.batches.lock().unwrap();
        let batch = batches.iter_mut().find_map(|batches| batches.last_mut()).unwrap();
        *batch.events.last_mut().unwrap() ^= 1;
    }
}

#[async_trait]
impl JournalReader for MemoryJournal {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let batches = self.batches.lock().unwrap();
        let head = |(partition, batches): (PartitionId, &Vec<Batch>)| {
            let last = batches.last();
            Head {
                partition,
                seq: last.map_or(Seq(0), |batch| batch.seq),
                epoch: last.map_or(Epoch(0), |batch| batch.epoch),
                digest: last.map_or(Digest::GENESIS, |batch| batch.digest),
                checkpoint: Seq(0),
            }
        };
        Ok(self.partitions.all().zip(batches.iter()).map(head).collect())
    }

    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let batches = self.batches.lock().unwrap();
        let start = usize::try_from(after.0).unwrap().min(batches[usize::from(partition.0)].len());
        let mut bytes = 0;
        let rest = batches[usize::from(partition.0)][start..].iter();
        let some = rest.take_while(|batch| {
            let first = bytes == 0;
            bytes += batch.events.len();
            first || bytes <= bytes_max
        });
        Ok(some.cloned().collect())
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

/// Products that decide, and journal what they decided.
pub struct Shop {
    pub journal: Arc<MemoryJournal>,
    pub products: BTreeMap<ProductId, Product>,
    pub now: Timestamp,
    /// What the next commit writes, by partition.
    waiting: BTreeMap<PartitionId, Vec<u8>>,
    orders: u128,
    sales: u64,
    /// What was ever sold, also if it came back.
    pub sold: BTreeMap<(OrderId, ProductId), SoldLine>,
}

/// A line that was sold.
#[derive(Debug, Clone)]
pub struct SoldLine {
    pub customer: CustomerId,
    pub quantity: Quantity,
    pub unit_price: u64,
    pub sale: Option<SaleId>,
    pub returned: bool,
}

impl Shop {
    pub fn new(partitions: u16) -> Self {
        Self {
            journal: MemoryJournal::new(partitions),
            products: BTreeMap::new(),
            now: START,
            waiting: BTreeMap::new(),
            orders: 0,
            sales: 0,
            sold: BTreeMap::new(),
        }
    }

    /// Decides, applies and writes; `commit` makes it durable.
    pub fn command(&mut self, product: ProductId, action: Action) -> Result<Outcome, Refusal> {
        let state = self.products.entry(product).or_default();
        let Decision { lapsed, verdict } = state.decide(&Command::plain(action), self.now);
        let first_revision = state.revision() + 1;
        let expired = |order| Event::Ended { order, end: HoldEnd::Expired, retry: None };
        let mut events: Vec<Event> = lapsed.into_iter().map(expired).collect();
        let known = match verdict {
            Ok(Verdict::Record(event)) => {
                events.push(event);
                None
            }
            Ok(Verdict::Replay(known)) => Some(Ok(known)),
            Err(refusal) => Some(Err(refusal)),
        };
        let mut applied = Vec::new();
        for event in &events {
            note_sold(&mut self.sold, product, state, event);
            applied.push(state.apply(event, self.now));
        }
        if !events.is_empty() {
            let partition = self.journal.partitions.of(product);
            let buffer = self.waiting.entry(partition).or_default();
            stored::encode_section(buffer, product, first_revision, self.now, &events);
        }
        known.unwrap_or_else(|| Ok(applied.into_iter().next_back().unwrap()))
    }

    /// Makes everything decided so far durable: one batch for each partition.
    pub fn commit(&mut self) {
        for (partition, sections) in std::mem::take(&mut self.waiting) {
            self.journal.commit(partition, self.now, &sections);
        }
    }

    pub fn create(&mut self, id: u64, units: u64, limit: Option<u32>) -> ProductId {
        let product = ProductId::new(id).unwrap();
        let offer = Offer {
            price: Money { amount: 100 * id, currency: Currency::new("EUR").unwrap() },
            limit_per_customer: limit,
            opens_at: None,
            closes_at: Some(Timestamp::MAX),
        };
        let entry = Box::new(CatalogEntry {
            name: format!("Product {id}"),
            sku: id.is_multiple_of(2).then(|| format!("SKU-{id}")),
            description: None,
            category: Some("things".to_owned()),
            ..CatalogEntry::default()
        });
        self.command(product, Action::Create { offer, units, entry }).unwrap();
        product
    }

    pub fn buy(&mut self, product: ProductId, customer: &str, units: u32) -> OrderId {
        let order = self.draw_order();
        let (customer, quantity) = (customer_id(customer), Quantity::new(units).unwrap());
        self.command(product, Action::Purchase { order, customer, quantity, sale: None }).unwrap();
        order
    }

    pub fn hold(
        &mut self,
        product: ProductId,
        customer: &str,
        units: u32,
        hold_ms: u64,
    ) -> OrderId {
        let order = self.draw_order();
        let (customer, quantity) = (customer_id(customer), Quantity::new(units).unwrap());
        self.command(
            product,
            Action::Hold { order, customer, quantity, hold_ms, sale: None, part: None },
        )
        .unwrap();
        order
    }

    pub fn draw_sale(&mut self) -> SaleId {
        self.sales += 1;
        SaleId::new(self.sales).unwrap()
    }

    /// Ids that grow with the time, like those of version 7.
    pub fn draw_order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId(((u128::from(self.now.as_millis()) << 80) | self.orders).to_be_bytes())
    }
}

/// Keeps what a fact sells of a product in this state, or takes back.
fn note_sold(
    sold: &mut BTreeMap<(OrderId, ProductId), SoldLine>,
    product: ProductId,
    state: &Product,
    event: &Event,
) {
    let returned = false;
    match event {
        Event::Purchased { order, customer, quantity, unit_price, sale, .. } => {
            let (customer, quantity) = (customer.clone(), *quantity);
            let (unit_price, sale) = (*unit_price, *sale);
            let line = SoldLine { customer, quantity, unit_price, sale, returned };
            sold.insert((*order, product), line);
        }
        Event::Ended { order, end: HoldEnd::Confirmed, .. } => {
            let hold = state.holds().get(order).unwrap();
            let line = SoldLine {
                customer: hold.customer.clone(),
                quantity: Quantity::new(hold.quantity).unwrap(),
                unit_price: hold.unit_price,
                sale: state.sales().numbered(hold.sale).map(|part| part.terms.sale),
                returned,
            };
            sold.insert((*order, product), line);
        }
        Event::Returned { order, .. } => {
            sold.get_mut(&(*order, product)).unwrap().returned = true;
        }
        _ => {}
    }
}

pub fn customer_id(text: &str) -> CustomerId {
    CustomerId::new(text).unwrap()
}
