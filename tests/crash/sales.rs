//! Sales that a crash left half made: one that is not set for all its products, a change and an end that
//! not all of them have heard of.

use crate::support::{Server, Stand};
use lastunit::domain::{
    CatalogEntry, Currency, Event, Money, Offer, ProductId, SaleId, SaleTerms, Timestamp,
};
use lastunit::journal::store::Group;
use lastunit::journal::{
    Batch, Digest, Location, PartitionId, Partitions, Seq, connect_store, stored,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// 2026-09-21, and far behind every run of this test.
const BEFORE: u64 = 1_790_000_000_000;
const ENDS: u64 = 4_000_000_000_000;

fn terms(sale: u64, products: &[u64], edition: u64) -> SaleTerms {
    SaleTerms {
        sale: SaleId::new(sale).unwrap(),
        name: format!("edition {edition}").into(),
        products: products.iter().map(|product| ProductId::new(*product).unwrap()).collect(),
        opens_at: Timestamp::from_millis(ENDS - 1_000),
        ends_at: Timestamp::from_millis(ENDS),
        paused: false,
        sells_before: false,
        edition,
        price: Money { amount: 5, currency: Currency::new("USD").unwrap() },
        limit_per_customer: None,
        units: 2,
    }
}

/// Open since long ago, and of the second edition over as soon.
fn ended(edition: u64) -> SaleTerms {
    let opens_at = Timestamp::from_millis(BEFORE);
    let ends_at = Timestamp::from_millis(if edition == 1 { ENDS } else { BEFORE + 1 });
    SaleTerms { opens_at, ends_at, ..terms(10, &[5, 6], edition) }
}

/// Products 1 to 15. Of sale 11 only product 1 has heard; of the change of sale 12 only product 3; of the
/// end of sale 10 only product 5. Into sale 21 comes product 9, whose part is set; into sale 22 come 12, whose
/// part is set, and 13; sale 23 is left by product 15, which has not heard.
async fn write_journal(stand: &Stand) {
    std::fs::create_dir_all(stand.data_dir()).unwrap();
    let location = Location::Sqlite(stand.data_dir().join("journal.sqlite"));
    let partitions = Partitions::new(16).unwrap();
    let mut store = connect_store(&location, partitions).await.unwrap();
    let epochs = store.take_ownership().await.unwrap().epochs;
    let price = Money { amount: 999, currency: Currency::new("USD").unwrap() };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    let at = Timestamp::from_millis(BEFORE);
    let mut rows: BTreeMap<_, Vec<u8>> = BTreeMap::new();
    let set = |terms| Event::SaleSet { terms: Box::new(terms), retry: None };
    for number in 1..=15 {
        let product = store.next_product_id().await.unwrap();
        assert_eq!(product.get(), number);
        let entry = CatalogEntry { name: "thing".into(), ..CatalogEntry::default() };
        let mut events = vec![Event::Created { offer, units: 10, entry: Box::new(entry) }];
        match number {
            1 => events.push(set(terms(11, &[1, 2], 1))),
            3 => events.extend([set(terms(12, &[3, 4], 1)), set(terms(12, &[3, 4], 2))]),
            4 => events.push(set(terms(12, &[3, 4], 1))),
            5 => events.extend([set(ended(1)), set(ended(2))]),
            6 => events.push(set(ended(1))),
            7 | 8 => events.push(set(terms(21, &[7, 8], 1))),
            9 => events.push(set(terms(21, &[7, 8, 9], 2))),
            10 | 11 => events.push(set(terms(22, &[10, 11], 1))),
            12 => events.push(set(terms(22, &[10, 11, 12, 13], 2))),
            14 => events.extend([set(terms(23, &[14, 15], 1)), set(terms(23, &[14], 2))]),
            15 => events.push(set(terms(23, &[14, 15], 1))),
            _ => {}
        }
        let row = rows.entry(partitions.of(product)).or_insert_with(|| vec![stored::ROW_VERSION]);
        stored::encode_section(row, product, 1, at, &events);
    }
    for _ in 16..=23 {
        store.next_product_id().await.unwrap();
    }
    let batch = |(partition, events): (PartitionId, Vec<u8>)| {
        let epoch = epochs[usize::from(partition.0)];
        Batch::behind((Seq(0), Digest::GENESIS), partition, epoch, at, events)
    };
    let batches = rows.into_iter().map(batch).collect();
    store.commit(&Group { batches, ..Group::default() }).await.unwrap();
}

/// Asks until it is so; a test that waits in vain is ended from outside.
async fn until(server: &Server, path: &str, so: impl Fn(&crate::support::Answer) -> bool) {
    while !so(&server.get(path).await) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn half_made_sales_are_settled_at_the_start() {
    let stand = Stand::embedded();
    write_journal(&stand).await;
    let server = stand.start();
    until(&server, "/api/v1/sales/11", |answer| answer.status == 404).await;
    assert_eq!(server.buy(1, 10, "ann").await.status, 201, "its units are ordinary stock again");
    // Of sales 10 and 12 one part each, of 21 and 22 two.
    while server.log().matches("a change of a sale was carried on").count() < 6 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sale = server.get("/api/v1/sales/12").await;
    assert_eq!(sale.body["name"], "edition 2", "{}", sale.body);
    assert_eq!(sale.body["products"][1]["units"], 2);
    // Its other product had ended too: all units of this one are ordinary stock.
    let bought = server.buy(6, 10, "ann").await;
    assert_eq!((bought.status, &bought.body["unitPrice"]["amount"]), (201, &999.into()));
    // Whole again, so it can be changed and deleted.
    assert_eq!(server.delete("/api/v1/sales/12").await.status, 204);
    assert_eq!(server.buy(4, 10, "ann").await.status, 201);
    for (sale, products) in [(21, vec![7, 8, 9]), (22, vec![10, 11]), (23, vec![14])] {
        let path = format!("/api/v1/sales/{sale}");
        let is = |answer: &crate::support::Answer| {
            let shown = answer.body["products"].as_array().into_iter().flatten();
            shown.map(|part| part["productId"].as_u64().unwrap()).eq(products.iter().copied())
        };
        until(&server, &path, is).await;
        for product in products {
            assert_eq!(server.buy(product, 1, "ann").await.code(), "sale-not-open", "{product}");
        }
    }
    // What did not come in after all, and what has left, is ordinary stock.
    for product in [12, 13, 15] {
        while server.buy(product, 10, "ann").await.status != 201 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    for sale in [21, 22, 23] {
        assert_eq!(server.delete(&format!("/api/v1/sales/{sale}")).await.status, 204);
    }
    assert_eq!(server.buy(8, 10, "ann").await.status, 201);
    assert!(server.stop().success());
    stand.assert_audit();
}
