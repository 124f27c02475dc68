//! Scenarios that both databases must pass.

use crate::follower::Follower;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{
    Action, HoldEnd, OrderId, Owned, Priority, ProductId, Stock, Timestamp, TurnRefusal,
};
use lastunit::projection::{
    Database, DatabaseConfig, LineStatus, OrderLine, ProjectionState, RefusedPurchase,
    ReservationStatus,
};
use std::time::Duration;

fn some_sales(shop: &mut Shop, product: ProductId, from: u32, count: u32) {
    for buyer in from..from + count {
        shop.buy(product, &format!("customer-{buyer}"), 1 + buyer % 3);
        if buyer % 7 == 0 {
            shop.commit();
        }
        shop.now = shop.now.plus_millis(1);
    }
    shop.commit();
}

pub async fn catches_up_from_zero(url: &str) {
    let mut shop = Shop::new(4);
    let products = [shop.create(1, 10_000, None), shop.create(2, 10_000, Some(5))];
    for product in products {
        some_sales(&mut shop, product, 0, 500);
    }
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    follower.compare(&shop, "from zero").await;
    assert_eq!(follower.progress.state(), ProjectionState::Following);
    assert!(follower.progress.lag(&shop.journal.positions()) < f64::EPSILON);
    let totals = follower.queries.totals().await.unwrap();
    assert_eq!(totals.orders, 1_000);
    follower.end().await;
}

pub async fn goes_on_from_the_middle(url: &str) {
    let mut shop = Shop::new(2);
    let product = shop.create(1, 100_000, None);
    for part in 0..4 {
        some_sales(&mut shop, product, part * 100, 150);
        let follower = Follower::start(&shop, url).await;
        follower.catch_up(&shop).await;
        some_sales(&mut shop, product, part * 100, 20);
        follower.catch_up(&shop).await;
        follower.compare(&shop, "from the middle").await;
        follower.end().await;
    }
}

pub async fn two_projectors_apply_everything_once(url: &str) {
    let mut shop = Shop::new(4);
    let products: Vec<_> = (1..=8).map(|id| shop.create(id, 100_000, None)).collect();
    shop.commit();
    let (one, other) = tokio::join!(Follower::start(&shop, url), Follower::start(&shop, url));
    for round in 0..20 {
        for product in &products {
            some_sales(&mut shop, *product, round * 10, 10);
            let order = shop.hold(*product, "holder", 2, 60_000);
            shop.commit();
            shop.command(*product, Action::Confirm { order }).unwrap();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    shop.commit();
    one.catch_up(&shop).await;
    other.catch_up(&shop).await;
    one.compare(&shop, "two projectors").await;
    assert_eq!(one.progress.state(), ProjectionState::Following);
    assert_eq!(other.progress.state(), ProjectionState::Following);
    one.end().await;
    other.end().await;
}

pub async fn holds_end_in_later_rounds(url: &str) {
    let mut shop = Shop::new(4);
    let product = shop.create(9, 100, None);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    let [kept, bought, given_up, late] =
        ["ann", "bob", "cem", "dee"].map(|customer| shop.hold(product, customer, 2, 60_000));
    shop.commit();
    follower.catch_up(&shop).await;
    follower.compare(&shop, "held").await;
    let extend = Action::Extend { order: kept, hold_ms: 600_000, extensions_max: 3 };
    shop.now = shop.now.plus_millis(1_000);
    shop.command(product, extend).unwrap();
    shop.command(product, Action::Confirm { order: bought }).unwrap();
    shop.command(product, Action::Release { order: given_up }).unwrap();
    shop.commit();
    follower.catch_up(&shop).await;
    shop.now = shop.now.plus_millis(100_000);
    shop.command(product, Action::Expire { order: late }).unwrap();
    // Begun and ended within one batch, so within one round.
    let quick = shop.hold(product, "eve", 3, 60_000);
    shop.command(product, Action::Confirm { order: quick }).unwrap();
    shop.commit();
    follower.catch_up(&shop).await;
    follower.compare(&shop, "ended").await;

    for (order, status) in [
        (kept, ReservationStatus::Held),
        (bought, ReservationStatus::Ended(HoldEnd::Confirmed)),
        (given_up, ReservationStatus::Ended(HoldEnd::Released)),
        (late, ReservationStatus::Ended(HoldEnd::Expired)),
        (quick, ReservationStatus::Ended(HoldEnd::Confirmed)),
    ] {
        let row = follower.queries.reservation(order).await.unwrap().unwrap();
        assert_eq!(row.status, status);
        let sold = status == ReservationStatus::Ended(HoldEnd::Confirmed);
        let order = follower.queries.order(order).await.unwrap();
        assert_eq!(order.is_some(), sold);
    }
    let order = follower.queries.order(bought).await.unwrap().unwrap();
    assert_eq!(order.customer, customer_id("bob"));
    assert_eq!((order.total.amount, order.total.currency.as_str()), (1_800, "EUR"));
    assert_eq!(
        order.lines,
        [OrderLine { product, quantity: 2, unit_price: 900, sale: None, status: LineStatus::Sold }]
    );
    let owned = follower.queries.customer_totals(&customer_id("cem"), product).await.unwrap();
    assert_eq!(owned, Owned::default());
    follower.end().await;
}

/// What became of those who waited: an order, or a refusal with its reason.
pub async fn turns_are_orders_or_refusals(url: &str) {
    let mut shop = Shop::new(2);
    let product = shop.create(1, 3, Some(2));
    let queued_at = shop.now;
    let mut orders = Vec::new();
    for (customer, units) in [("ann", 2), ("ann", 1), ("bob", 2), ("cem", 1), ("dan", 1)] {
        let order = shop.draw_order();
        let (customer, quantity) = (customer_id(customer), quantity(units));
        let priority = Priority::Normal;
        shop.command(product, Action::Queue { order, customer, quantity, priority, sale: None })
            .unwrap();
        orders.push(order);
    }
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    // Who waits is in no table.
    assert_eq!(follower.queries.order(orders[0]).await.unwrap(), None);
    assert_eq!(follower.queries.refused(orders[0]).await.unwrap(), None);
    shop.now = shop.now.plus_millis(50);
    for _ in &orders {
        shop.command(product, Action::TakeTurn).unwrap();
        shop.commit();
    }
    follower.catch_up(&shop).await;
    for (order, sold) in orders.iter().zip([true, false, false, true, false]) {
        assert_eq!(follower.queries.order(*order).await.unwrap().is_some(), sold);
        assert_eq!(follower.queries.refused(*order).await.unwrap().is_some(), !sold);
    }
    let refused = follower.queries.refused(orders[1]).await.unwrap().unwrap();
    let expected = RefusedPurchase {
        order: orders[1],
        product,
        customer: customer_id("ann"),
        quantity: 1,
        queued_at,
        refused_at: shop.now,
        why: TurnRefusal::CustomerLimit { limit: 2, owned: 2 },
    };
    assert_eq!(refused, expected);
    for (order, why) in
        [(orders[2], TurnRefusal::Insufficient { available: 1 }), (orders[4], TurnRefusal::SoldOut)]
    {
        let refused = follower.queries.refused(order).await.unwrap().unwrap();
        assert_eq!(refused.why, why);
    }
    follower.compare(&shop, "turns").await;
    follower.end().await;
}

/// Lines of one order in several partitions, confirmed in one round, in two, and in either order.
pub async fn an_order_over_several_products_is_one_order(url: &str) {
    let mut shop = Shop::new(8);
    let products: Vec<_> = (1..=3).map(|id| shop.create(id, 100, None)).collect();
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    for apart in [false, true] {
        let order = shop.draw_order();
        for product in &products {
            let (customer, quantity) = (customer_id("cart"), quantity(2));
            let hold_ms = 60_000;
            shop.command(
                *product,
                Action::Hold { order, customer, quantity, hold_ms, sale: None, part: None },
            )
            .unwrap();
        }
        shop.commit();
        for product in products.iter().rev() {
            shop.command(*product, Action::Confirm { order }).unwrap();
            if apart {
                shop.commit();
                follower.catch_up(&shop).await;
            }
        }
        shop.commit();
        follower.catch_up(&shop).await;
        let row = follower.queries.order(order).await.unwrap().unwrap();
        assert_eq!(row.product, products[0]);
        assert_eq!(row.total.amount, 2 * (100 + 200 + 300));
        assert_eq!(row.lines.iter().map(|line| line.product).collect::<Vec<_>>(), products);
        assert_eq!(follower.queries.reservations(order).await.unwrap().len(), 3);
    }
    follower.compare(&shop, "several lines").await;
    follower.end().await;
}

fn quantity(units: u32) -> lastunit::domain::Quantity {
    lastunit::domain::Quantity::new(units).unwrap()
}

pub async fn a_damaged_batch_stops_the_projection(url: &str) {
    let mut shop = Shop::new(1);
    let product = shop.create(1, 100, None);
    shop.buy(product, "ann", 1);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    follower.end().await;
    let before = shop.products[&product].stock();

    shop.buy(product, "bob", 1);
    shop.commit();
    shop.journal.damage();
    let follower = Follower::start(&shop, url).await;
    let reason = follower.stopped().await;
    assert!(reason.contains("the journal is damaged: the digest of batch 2"), "{reason}");
    let row = follower.queries.product(product).await.unwrap().unwrap();
    assert_eq!(row.stock, before);
    let [units] = follower.queries.stocks(&[product]).await.unwrap()[..] else { panic!("one row") };
    assert_eq!((units.product, units.stock), (product, before));
    assert_eq!(units.revision, row.revision);
    let positions = shop.journal.positions();
    assert!(!follower.progress.wait_for(&positions, Duration::from_secs(5)).await);
    follower.end().await;
}

pub async fn another_journal_is_refused(url: &str) {
    for (stranger, complaint) in [(30, "is another one"), (3, "is not there")] {
        let mut shop = Shop::new(1);
        let product = shop.create(1, 1_000, None);
        some_sales(&mut shop, product, 0, 100);
        let follower = Follower::start(&shop, url).await;
        // The second time round the first journal's rows are still there, and fit.
        follower.catch_up(&shop).await;
        follower.end().await;

        let mut other = Shop::new(1);
        let product = other.create(1, 1_000, Some(7));
        for part in 0..stranger {
            some_sales(&mut other, product, part, 1);
        }
        let follower = Follower::start(&other, url).await;
        let reason = follower.stopped().await;
        assert!(reason.contains(complaint) && reason.contains("another journal"), "{reason}");
        follower.compare(&shop, "untouched").await;
        follower.end().await;
    }
}

pub async fn another_number_of_partitions_is_refused(url: &str) {
    let mut shop = Shop::new(4);
    shop.create(1, 10, None);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    follower.end().await;
    let follower = Follower::start(&Shop::new(2), url).await;
    let reason = follower.stopped().await;
    assert!(reason.contains("a journal of 4 partitions, and this one has 2"), "{reason}");
    follower.end().await;
}

/// Somebody has changed rows by hand: the next sale would make a count negative.
pub async fn rows_that_do_not_fit_stop_the_projection(url: &str) {
    let mut shop = Shop::new(1);
    let product = shop.create(1, 100, None);
    let order = shop.hold(product, "ann", 5, 60_000);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    let oversold = "UPDATE stock SET available = -1, stocked = -1 + held + sold";
    assert!(crate::databases::execute(url, oversold).await.is_err());
    let lost = "UPDATE stock SET available = available - 1";
    assert!(crate::databases::execute(url, lost).await.is_err());
    crate::databases::execute(url, "UPDATE customer_totals SET held = 1").await.unwrap();

    shop.command(product, Action::Release { order }).unwrap();
    shop.commit();
    let reason = follower.stopped().await;
    assert!(
        reason.contains("do not fit the journal") && reason.to_lowercase().contains("check"),
        "{reason}"
    );
    // Nothing of the round was written.
    let row = follower.queries.product(product).await.unwrap().unwrap();
    assert_eq!(row.stock, Stock { available: 95, held: 5, sold: 0, stocked: 100 });
    follower.end().await;
}

pub async fn lists_go_on_where_they_ended(url: &str) {
    let mut shop = Shop::new(4);
    let products: Vec<_> = (1..=25).map(|id| shop.create(id, 100, None)).collect();
    let mut expected: Vec<(Timestamp, OrderId)> = Vec::new();
    for (index, product) in products.iter().enumerate() {
        expected.push((shop.now, shop.buy(*product, "ann", 1)));
        shop.buy(*product, "bob", 1);
        // Some orders share their time.
        shop.now = shop.now.plus_millis(u64::from(index % 3 == 0));
    }
    shop.commit();
    expected.sort_unstable();
    expected.reverse();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;

    let mut found = Vec::new();
    let mut cursor = None;
    loop {
        let page = follower.queries.orders_of(&customer_id("ann"), cursor, 4).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = Some(last.cursor());
        found.extend(page.iter().map(|order| (order.created_at, order.order)));
    }
    assert_eq!(found, expected);

    let first = follower.queries.products(None, 10).await.unwrap();
    let second = follower.queries.products(Some(first[9].product), 100).await.unwrap();
    let all: Vec<_> = first.iter().chain(&second).map(|row| row.product).collect();
    assert_eq!(all, products);
    assert_eq!(first[1].entry.sku.as_deref(), Some("SKU-2"));
    assert_eq!(first[1].offer, *shop.products[&products[1]].offer().unwrap());
    let unknown = ProductId::new(26).unwrap();
    assert_eq!(follower.queries.product(unknown).await.unwrap(), None);
    assert_eq!(follower.queries.stocks(&[unknown]).await.unwrap(), []);
    assert_eq!(follower.queries.stocks(&[]).await.unwrap(), []);
    assert_eq!(follower.queries.order(OrderId([7; 16])).await.unwrap(), None);
    follower.end().await;
    // Migrations that are there already are no work.
    Database::open(url, &DatabaseConfig::default()).await.unwrap().migrate().await.unwrap();
}
