//! What is held right now, as a list.

use crate::follower::Follower;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{
    Action, CustomerId, Line, OrderId, Part, Payment, ProductId, Quantity, Timestamp,
};
use lastunit::projection::{HeldFilter, ReservationRow, ReservationStatus};

const LONG_MS: u64 = 600_000;
const SHORT_MS: u64 = 1_000;

/// An order that waits for its payment, over these products.
fn place(shop: &mut Shop, products: [ProductId; 2]) -> OrderId {
    let [lead, _] = products;
    let order = shop.draw_order();
    let quantity = Quantity::new(1).unwrap();
    let lines = products.map(|product| Line { product, quantity, unit_price: 100, sale: None });
    for product in products {
        let follows = (product != lead).then_some(Part::Follower { lead });
        let part = Some(follows.unwrap_or_else(Part::new_lead));
        let customer = customer_id("ann");
        let hold = Action::Hold { order, customer, quantity, hold_ms: SHORT_MS, part, sale: None };
        shop.command(product, hold).unwrap();
    }
    let payment = Box::new(Payment { method: "simulated".into(), token: "t".into() });
    let place = Action::Place { order, lines: lines.into(), pay_ms: LONG_MS, payment };
    shop.command(lead, place).unwrap();
    order
}

/// All pages of a list.
async fn listed(
    follower: &Follower,
    product: Option<ProductId>,
    customer: Option<CustomerId>,
    now: Timestamp,
    limit: u32,
) -> Vec<ReservationRow> {
    let mut filter = HeldFilter { product, customer, now, before: None, limit };
    let mut found = Vec::new();
    loop {
        let page = follower.queries.held(&filter).await.unwrap();
        assert!(page.len() <= limit as usize);
        let Some(last) = page.last() else { return found };
        filter.before = Some(last.cursor());
        found.extend(page);
    }
}

fn keys(rows: &[ReservationRow]) -> Vec<(OrderId, ProductId)> {
    rows.iter().map(|row| (row.order, row.product)).collect()
}

pub async fn what_is_held_is_listed_until_it_is_over(url: &str) {
    let mut shop = Shop::new(4);
    let [one, two, three] = [1, 2, 3].map(|id| shop.create(id, 100, None));
    let mut kept = Vec::new();
    for (index, product) in [one, two, one, three, one, two].into_iter().enumerate() {
        let customer = if index % 2 == 0 { "ann" } else { "bob" };
        kept.push((shop.hold(product, customer, 2, LONG_MS), product));
        // Some share their time.
        shop.now = shop.now.plus_millis(u64::from(index % 3 == 2));
    }
    let placed = place(&mut shop, [two, three]);
    let short = shop.hold(one, "bob", 1, SHORT_MS);
    let over = shop.now.plus_millis(SHORT_MS);
    let [released, sold] = [(); 2].map(|()| shop.hold(one, "ann", 1, LONG_MS));
    shop.command(one, Action::Release { order: released }).unwrap();
    shop.command(one, Action::Confirm { order: sold }).unwrap();
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;

    let now = shop.now;
    let all = listed(&follower, None, None, now, 100).await;
    let mut newest_first = kept;
    newest_first.extend([(placed, two), (placed, three), (short, one)]);
    newest_first.sort_unstable();
    newest_first.reverse();
    assert_eq!(keys(&all), newest_first);
    assert!(all.iter().all(|row| row.status == ReservationStatus::Held && row.ended_at.is_none()));
    for limit in [1, 3, 4] {
        assert_eq!(listed(&follower, None, None, now, limit).await, all, "by {limit}");
    }

    // At its very end a hold is over. The lines of an order are held as long as it can be paid.
    let later = listed(&follower, None, None, over, 100).await;
    let still: Vec<_> = all.iter().filter(|row| row.expires_at > over).cloned().collect();
    assert_eq!(later, still);
    assert_eq!(later.len(), all.len() - 1);
    for row in later.iter().filter(|row| row.order == placed) {
        assert_eq!((row.lead, row.expires_at), (Some(two), shop.now.plus_millis(LONG_MS)));
    }
    assert!(later.iter().all(|row| row.order == placed || row.lead.is_none()));

    for (product, customer) in
        [(Some(one), None), (None, Some("ann")), (None, Some("bob")), (Some(two), Some("ann"))]
    {
        let customer = customer.map(customer_id);
        let fits = |row: &&ReservationRow| {
            product.is_none_or(|product| row.product == product)
                && customer.as_ref().is_none_or(|customer| row.customer == *customer)
        };
        let some: Vec<_> = all.iter().filter(fits).cloned().collect();
        assert!(!some.is_empty() && some.len() < all.len());
        for limit in [2, 100] {
            let found = listed(&follower, product, customer.clone(), now, limit).await;
            assert_eq!(found, some, "{product:?} {customer:?} by {limit}");
        }
    }
    assert_eq!(listed(&follower, None, Some(customer_id("eve")), now, 5).await, []);
    follower.end().await;
}
