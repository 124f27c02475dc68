//! A panic where no panic may be survived: the process ends, and says nothing it cannot keep.

use crate::support::{Server, Stand, client};
use lastunit::domain::{
    CatalogEntry, Currency, CustomerId, Event, Money, Offer, OrderId, ProductId, Quantity,
    Timestamp,
};
use lastunit::journal::store::Group;
use lastunit::journal::{Batch, Digest, Location, Partitions, Seq, connect_store, stored};
use serde_json::json;
use std::time::Duration;

/// How the process ends (`EX_SOFTWARE`).
const EXIT_PANIC: i32 = 70;

/// A journal as no rule would have written it: one customer owns as many units as can be counted.
/// Counting one more is the panic.
async fn write_journal(stand: &Stand) {
    std::fs::create_dir_all(stand.data_dir()).unwrap();
    let location = Location::Sqlite(stand.data_dir().join("journal.sqlite"));
    let partitions = Partitions::new(16).unwrap();
    let mut store = connect_store(&location, partitions).await.unwrap();
    let epochs = store.take_ownership().await.unwrap().epochs;
    let product = store.next_product_id().await.unwrap();
    let partition = partitions.of(product);
    let price = Money { amount: 999, currency: Currency::new("USD").unwrap() };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    let entry = CatalogEntry { name: "thing".into(), ..CatalogEntry::default() };
    let created = Event::Created { offer, units: 1 << 33, entry: Box::new(entry) };
    let sold = Event::Purchased {
        order: OrderId([7; 16]),
        customer: CustomerId::new("ann").unwrap(),
        quantity: Quantity::from_journal(u32::MAX),
        unit_price: 999,
        sale: None,
        retry: None,
    };
    let at = Timestamp::from_millis(1_790_000_000_000);
    let mut events = vec![stored::ROW_VERSION];
    stored::encode_section(&mut events, product, 1, at, &[created, sold]);
    let epoch = epochs[usize::from(partition.0)];
    let batch = Batch::behind((Seq(0), Digest::GENESIS), partition, epoch, at, events);
    store.commit(&Group { batches: vec![batch], ..Group::default() }).await.unwrap();
    assert_eq!(product, ProductId::new(1).unwrap());
}

#[tokio::test]
async fn a_panic_in_an_actor_ends_the_process() {
    let stand = Stand::embedded();
    write_journal(&stand).await;
    let mut server: Server = stand.start();
    assert_eq!(server.buy(1, 1, "bob").await.status, 201);
    let body = json!({ "productId": 1, "quantity": 1, "customerId": "ann" });
    let answer = client().post(server.url("/api/v1/purchases")).json(&body).send().await;
    // Cut off, or told in the last moment that nobody knows.
    assert!(answer.is_err() || answer.is_ok_and(|answer| answer.status() == 503));
    let status = server.wait_for_end(Duration::from_secs(30));
    assert_eq!(status.code(), Some(EXIT_PANIC), "{}", server.log());
    assert!(server.log().contains("the process ends"), "{}", server.log());
    // What was answered before is there after a restart.
    drop(server);
    let server = stand.start();
    assert_eq!(server.stock(1).await.2, u64::from(u32::MAX) + 1);
}
