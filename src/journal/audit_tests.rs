//! The audit of orders over several products, whose facts lie in several partitions: a journal of
//! whole orders is well, and one line that goes alone is found.

use super::*;
use crate::domain::{
    Currency, CustomerId, Line, Money, Offer, OrderId, Part, Payment, Quantity, SaleId, SaleTerms,
    Timestamp,
};
use crate::journal::Partitions;
use async_trait::async_trait;

const ORDER: OrderId = OrderId([7; 16]);

/// One batch of one section for each fact, in memory.
struct Written {
    partitions: Partitions,
    batches: Vec<Vec<Batch>>,
    revisions: BTreeMap<ProductId, u64>,
}

impl Written {
    fn new() -> Self {
        let partitions = Partitions::new(2).expect("two partitions");
        Self { partitions, batches: vec![Vec::new(); 2], revisions: BTreeMap::new() }
    }

    fn write(&mut self, product: ProductId, event: Event) {
        let revision = self.revisions.entry(product).or_default();
        *revision += 1;
        let first = *revision;
        self.write_section(product, first, &[event]);
    }

    fn write_section(&mut self, product: ProductId, first_revision: u64, facts: &[Event]) {
        let partition = self.partitions.of(product);
        let at = Timestamp::from_millis(10);
        let mut events = vec![stored::ROW_VERSION];
        stored::encode_section(&mut events, product, first_revision, at, facts);
        let batches = &mut self.batches[usize::from(partition.0)];
        let (seq, before) =
            batches.last().map_or((Seq(1), Digest::GENESIS), |last| (last.seq.next(), last.digest));
        let digest = before.next(partition, seq, Epoch(1), at, &events);
        batches.push(Batch { partition, seq, epoch: Epoch(1), recorded_at: at, events, digest });
    }
}

#[async_trait]
impl JournalReader for Written {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let head = |partition: PartitionId| {
            let last = self.batches[usize::from(partition.0)].last();
            Head {
                partition,
                seq: last.map_or(Seq(0), |last| last.seq),
                epoch: Epoch(1),
                digest: last.map_or(Digest::GENESIS, |last| last.digest),
                checkpoint: Seq(0),
            }
        };
        Ok(self.partitions.all().map(head).collect())
    }

    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        _: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        let batches = self.batches[usize::from(partition.0)].iter();
        Ok(batches.filter(|batch| batch.seq > after).cloned().collect())
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

fn product(number: u64) -> ProductId {
    ProductId::new(number).expect("a product id")
}

/// Two products and an order over both, placed; the audit of that and of the ends that follow.
async fn audit_of(ends: &[(u64, HoldEnd)]) -> Vec<String> {
    let quantity = Quantity::new(1).expect("one");
    let price = Money { amount: 5, currency: Currency::NONE };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    let mut written = Written::new();
    for number in [1, 2] {
        let part = match number {
            1 => Part::new_lead(),
            _ => Part::Follower { lead: product(1) },
        };
        written.write(product(number), Event::Created { offer, units: 3, entry: Box::default() });
        written.write(
            product(number),
            Event::Held {
                order: ORDER,
                customer: CustomerId::new("ann").expect("a customer"),
                quantity,
                unit_price: 5,
                expires_at: Timestamp::from_millis(90),
                sale: None,
                part: Some(Box::new(part)),
                retry: None,
            },
        );
    }
    let line = |number| Line { product: product(number), quantity, unit_price: 5, sale: None };
    let payment = Box::new(Payment { method: "simulated".into(), token: "tok_ok".into() });
    let (order, expires_at) = (ORDER, Timestamp::from_millis(99));
    let lines = [line(1), line(2)].into();
    written.write(product(1), Event::Placed { order, lines, expires_at, payment, retry: None });
    for (number, end) in ends {
        written.write(product(*number), Event::Ended { order, end: *end, retry: None });
    }
    assert_ne!(written.partitions.of(product(1)), written.partitions.of(product(2)));
    let report = audit(&written, &[], |_| {}).await.expect("readable");
    report.findings.into_iter().map(|finding| finding.problem).collect()
}

#[tokio::test]
async fn whole_orders_are_well() {
    use HoldEnd::{Confirmed, Expired, Released};
    assert_eq!(audit_of(&[]).await, Vec::<String>::new());
    for end in [Confirmed, Released, Expired] {
        assert_eq!(audit_of(&[(1, end)]).await, Vec::<String>::new());
        assert_eq!(audit_of(&[(1, end), (2, end)]).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn half_orders_are_findings() {
    use HoldEnd::{Confirmed, Released};
    for ends in [
        &[(2, Confirmed)][..],
        &[(2, Released)],
        &[(1, Released), (2, Confirmed)],
        &[(1, Confirmed), (2, Released)],
    ] {
        let found = audit_of(ends).await;
        assert_eq!(found.len(), 1, "{ends:?}: {found:?}");
        assert!(found[0].starts_with("all or nothing: "), "{ends:?}: {found:?}");
    }
}

/// Recovery refuses a section that does not fit behind the one before, also where it has no facts.
#[tokio::test]
async fn a_section_without_facts_is_found() {
    let mut written = Written::new();
    written.write_section(product(1), 41, &[]);
    let report = audit(&written, &[], |_| {}).await.expect("a journal");
    let problems: Vec<_> = report.findings.iter().map(|finding| &*finding.problem).collect();
    assert_eq!(problems, ["a section without facts, which nobody writes"]);
}

/// What sets more aside than there is, or sells what is set aside, is found and not applied.
#[tokio::test]
async fn sales_of_units_that_are_not_there_are_found() {
    let price = Money { amount: 5, currency: Currency::NONE };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    let created = |units| Event::Created { offer, units, entry: Box::default() };
    let sale = |number, units| {
        let sale = SaleId::new(number).expect("a sale");
        let terms = SaleTerms {
            sale,
            name: "Drop".into(),
            products: [product(1)].into(),
            opens_at: Timestamp::from_millis(20 * number),
            ends_at: Timestamp::from_millis(20 * number + 10),
            paused: false,
            sells_before: true,
            edition: number,
            price,
            limit_per_customer: None,
            units,
        };
        Event::SaleSet { terms: Box::new(terms), retry: None }
    };
    let bought = Event::Purchased {
        order: ORDER,
        customer: CustomerId::new("ann").expect("a customer"),
        quantity: Quantity::new(1).expect("one"),
        unit_price: 5,
        sale: None,
        retry: None,
    };
    let taken = Event::Adjusted { delta: -1, reason: "lost".into(), retry: None };
    for (facts, found) in [
        (vec![created(3), sale(1, 3)], 0),
        (vec![created(3), sale(1, 2), bought.clone()], 0),
        (vec![created(3), sale(1, 4)], 1),
        (vec![created(3), sale(1, 2), sale(2, 2)], 1),
        (vec![created(3), sale(1, 2), sale(2, u64::MAX)], 1),
        (vec![created(3), sale(1, 3), bought], 1),
        (vec![created(3), sale(1, 3), taken], 1),
        (vec![created(u64::MAX)], 1),
    ] {
        let mut written = Written::new();
        for fact in &facts {
            written.write(product(1), fact.clone());
        }
        let report = audit(&written, &[], |_| {}).await.expect("a journal");
        assert_eq!(report.findings_total, found, "{facts:?}: {:?}", report.findings);
    }
}
