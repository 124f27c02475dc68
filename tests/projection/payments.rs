//! What facts owe the world, in one round of the projection and in many.

use crate::follower::Follower;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{
    Action, HoldEnd, Line, OrderId, Part, Payment, ProductId, Quantity, ReturnReason,
};
use lastunit::journal::store::JournalReader;
use lastunit::projection::{
    JobId, JobKind, JobState, OrderRow, OrderStatus, OrderedCart, Payments, ProjectionConfig,
};

const PAY_MS: u64 = 1_000;

fn one() -> Quantity {
    Quantity::new(1).unwrap()
}

fn hold(shop: &mut Shop, lead: ProductId, order: OrderId) {
    let customer = customer_id("ann");
    let part = Some(Part::new_lead());
    let action =
        Action::Hold { order, customer, quantity: one(), hold_ms: PAY_MS, sale: None, part };
    shop.command(lead, action).unwrap();
    let lines = [Line { product: lead, quantity: one(), unit_price: 100, sale: None }].into();
    let payment = Box::new(Payment { method: "webhook".into(), token: "t".into() });
    shop.command(lead, Action::Place { order, lines, pay_ms: PAY_MS, payment }).unwrap();
}

fn settle(shop: &mut Shop, lead: ProductId, order: OrderId, end: HoldEnd) {
    shop.command(lead, Action::Settle { order, end, held_until: None }).unwrap();
}

/// An order that was placed, ran out, was paid late, and then was sold or is owed back. `step` comes
/// between any two facts.
async fn paid_late(shop: &mut Shop, sold: bool, step: impl AsyncFn(&mut Shop)) -> OrderId {
    let lead = ProductId::new(1).unwrap();
    let order = shop.draw_order();
    hold(shop, lead, order);
    step(shop).await;
    settle(shop, lead, order, HoldEnd::Expired);
    step(shop).await;
    shop.command(lead, Action::PayLate { order, amount: 100 }).unwrap();
    step(shop).await;
    shop.command(lead, Action::PayLate { order, amount: 100 }).unwrap();
    step(shop).await;
    if sold {
        hold(shop, lead, order);
        step(shop).await;
        settle(shop, lead, order, HoldEnd::Confirmed);
    } else {
        shop.command(lead, Action::OweRefund { order, amount: 100 }).unwrap();
    }
    step(shop).await;
    order
}

async fn row(follower: &Follower, order: OrderId) -> OrderRow {
    follower.queries.order(order).await.unwrap().unwrap()
}

pub async fn late_payments_are_jobs_until_they_are_decided(url: &str) {
    let mut shop = Shop::new(1);
    shop.create(1, 100, None);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    let payments = Payments::new(follower.queries.clone());
    let nothing = async |_: &mut Shop| {};
    let a_round = async |shop: &mut Shop| {
        shop.commit();
        follower.catch_up(shop).await;
    };
    let mut orders = Vec::new();
    for sold in [true, false] {
        // All of it in one round, and each fact in a round of its own.
        orders.push((sold, paid_late(&mut shop, sold, nothing).await));
        orders.push((sold, paid_late(&mut shop, sold, a_round).await));
    }
    shop.commit();
    follower.catch_up(&shop).await;
    follower.compare(&shop, "late payments").await;
    for (sold, order) in orders {
        let row = row(&follower, order).await;
        let expected = if sold { OrderStatus::Confirmed } else { OrderStatus::Refunded };
        assert_eq!((row.status, row.paid_late, row.total.amount), (expected, true, 100));
        let job = |kind| payments.find(JobId { kind, order, product: None });
        let late = job(JobKind::LatePayment).await.unwrap().unwrap();
        assert_eq!(late.state, JobState::Done, "{late:?}");
        let refund = job(JobKind::Refund).await.unwrap();
        assert_eq!(refund.map(|job| job.state), (!sold).then_some(JobState::Waiting));
        assert_eq!(&*payments.of(order).await.unwrap().unwrap().token, "t");
    }
    follower.end().await;
}

pub async fn what_comes_back_is_owed_once(url: &str) {
    let mut shop = Shop::new(1);
    let product = shop.create(1, 100, None);
    let order = shop.draw_order();
    hold(&mut shop, product, order);
    settle(&mut shop, product, order, HoldEnd::Confirmed);
    let bought = shop.buy(product, "bob", 1);
    let back = |shop: &mut Shop, order, customer: &str| {
        let (customer, reason) = (customer_id(customer), ReturnReason::Cancelled);
        shop.command(
            product,
            Action::Return { order, customer, quantity: one(), reason, sale: None },
        )
        .unwrap();
    };
    back(&mut shop, order, "ann");
    // Nobody took money for this one.
    back(&mut shop, bought, "bob");
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    let payments = Payments::new(follower.queries.clone());
    let due = payments.due(JobKind::Refund, shop.now, 10).await.unwrap();
    let [job] = &due[..] else { panic!("one job, not {due:?}") };
    assert_eq!((job.id.order, job.id.product, job.amount.amount), (order, Some(product), 100));
    assert_eq!(payments.due(JobKind::Refund, crate::shop::START, 10).await.unwrap().len(), 1);

    let later = shop.now.plus_millis(50);
    payments.failed(job.id, 1, later, &"x".repeat(1_000)).await.unwrap();
    assert_eq!(payments.due(JobKind::Refund, shop.now, 10).await.unwrap(), []);
    assert_eq!(payments.due(JobKind::Refund, later, 10).await.unwrap()[0].attempts, 1);
    payments.died(job.id, 2, later, "no").await.unwrap();
    let dead = payments.dead(None, 10).await.unwrap();
    assert_eq!((dead[0].state, dead[0].last_error.as_deref()), (JobState::Dead, Some("no")));
    assert_eq!(payments.dead(Some(dead[0].cursor()), 10).await.unwrap(), []);
    // What is dead is not done by whoever comes late.
    payments.done(job.id).await.unwrap();
    let counts = payments.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (0, 1));
    assert!(payments.retry(job.id, later).await.unwrap());
    assert!(!payments.retry(job.id, later).await.unwrap());
    payments.done(job.id).await.unwrap();
    assert_eq!(row(&follower, order).await.refunds[0].state, JobState::Done);
    let counts = payments.counts().await.unwrap();
    assert_eq!((counts.waiting, counts.dead), (0, 0));
    follower.end().await;
}

/// Tables that are built again may hear that a line came back before they hear how its order was paid: its
/// lead is in another partition, which is far behind.
pub async fn what_comes_back_is_owed_whatever_is_told_first(url: &str) {
    let mut shop = Shop::new(8);
    let lead = shop.create(1, 100, None);
    let other = |shop: &Shop, id: u64| {
        let partitions = shop.journal.partitions();
        partitions.of(ProductId::new(id).unwrap()) != partitions.of(lead)
    };
    let follower = (2..1_000).find(|id| other(&shop, *id)).unwrap();
    let follower = shop.create(follower, 100, None);
    for _ in 0..30 {
        shop.buy(lead, "bob", 1);
        shop.commit();
    }
    let order = shop.draw_order();
    let part = |product| {
        let lead = (product != lead).then_some(lead);
        lead.map_or_else(Part::new_lead, |lead| Part::Follower { lead })
    };
    let products = [lead, follower];
    let lines =
        products.map(|product| Line { product, quantity: one(), unit_price: 100, sale: None });
    for product in products {
        let (customer, part) = (customer_id("ann"), Some(part(product)));
        let action =
            Action::Hold { order, customer, quantity: one(), hold_ms: PAY_MS, part, sale: None };
        shop.command(product, action).unwrap();
    }
    let payment = Box::new(Payment { method: "webhook".into(), token: "t".into() });
    let place = Action::Place { order, lines: lines.into(), pay_ms: PAY_MS, payment };
    shop.command(lead, place).unwrap();
    for product in products {
        settle(&mut shop, product, order, HoldEnd::Confirmed);
    }
    for product in products {
        let (customer, reason) = (customer_id("ann"), ReturnReason::Refunded);
        let back = Action::Return { order, customer, quantity: one(), reason, sale: None };
        shop.command(product, back).unwrap();
    }
    shop.commit();
    // One batch a round, each partition in its turn.
    let config = ProjectionConfig { batch_bytes_max: 1, ..ProjectionConfig::default() };
    let tables = Follower::start_with(&shop, url, config).await;
    tables.catch_up(&shop).await;
    let payments = Payments::new(tables.queries.clone());
    for product in products {
        let id = JobId { kind: JobKind::Refund, order, product: Some(product) };
        let job = payments.find(id).await.unwrap().expect("a refund of each line");
        let price = 100 * product.get();
        assert_eq!((job.lead, job.amount.amount, job.state), (lead, price, JobState::Waiting));
        assert_eq!(job.created_at, shop.now);
    }
    assert_eq!(row(&tables, order).await.refunds.len(), 2);
    tables.end().await;
}

/// Whoever ends unpaid is asked about, once, and no more when it is paid late.
pub async fn orders_that_end_unpaid_are_asked_about(url: &str) {
    let mut shop = Shop::new(1);
    let lead = shop.create(1, 100, None);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    let payments = Payments::new(follower.queries.clone());
    let a_round = async |shop: &mut Shop| {
        shop.commit();
        follower.catch_up(shop).await;
    };
    let void = |order| payments.find(JobId { kind: JobKind::Void, order, product: None });
    for apart in [false, true] {
        for end in [HoldEnd::Released, HoldEnd::Expired, HoldEnd::Confirmed] {
            let order = shop.draw_order();
            hold(&mut shop, lead, order);
            if apart {
                a_round(&mut shop).await;
            }
            settle(&mut shop, lead, order, end);
            a_round(&mut shop).await;
            let job = void(order).await.unwrap();
            let expected = (end != HoldEnd::Confirmed).then_some(JobState::Waiting);
            assert_eq!(job.map(|job| job.state), expected, "{end:?}, apart: {apart}");
            if end == HoldEnd::Expired {
                shop.command(lead, Action::PayLate { order, amount: 100 }).unwrap();
                a_round(&mut shop).await;
                assert_eq!(void(order).await.unwrap().unwrap().state, JobState::Done);
            }
        }
        // Paid late before the tables have heard that it ended.
        let order = shop.draw_order();
        hold(&mut shop, lead, order);
        settle(&mut shop, lead, order, HoldEnd::Expired);
        shop.command(lead, Action::PayLate { order, amount: 100 }).unwrap();
        a_round(&mut shop).await;
        assert_eq!(void(order).await.unwrap(), None);
    }
    assert_eq!(payments.due(JobKind::Void, shop.now, 10).await.unwrap().len(), 2);
    follower.end().await;
}

/// A cart waits for its order, and is looked at as soon as that is decided.
pub async fn carts_wait_for_their_orders(url: &str) {
    let mut shop = Shop::new(1);
    let lead = shop.create(1, 100, None);
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    let payments = Payments::new(follower.queries.clone());
    let order = shop.draw_order();
    hold(&mut shop, lead, order);
    let currency = lastunit::domain::Currency::new("EUR").unwrap();
    let cart = OrderedCart { order, lead, currency, session: "ann's", at: shop.now };
    // Twice is once, and before the tables have heard of the order.
    payments.keep_cart(&cart).await.unwrap();
    payments.keep_cart(&OrderedCart { session: "bob's", ..cart }).await.unwrap();
    let due = async |at| payments.due(JobKind::Cart, at, 10).await.unwrap();
    let job = due(shop.now).await.remove(0);
    let later = shop.now.plus_millis(1_000);
    payments.deferred(&job, later).await.unwrap();
    assert_eq!(due(shop.now).await, []);
    assert_eq!(payments.due(JobKind::Refund, later, 10).await.unwrap(), []);
    let job = due(later).await.remove(0);
    assert_eq!(payments.session(order).await.unwrap().as_deref(), Some("ann's"));
    settle(&mut shop, lead, order, HoldEnd::Released);
    shop.commit();
    follower.catch_up(&shop).await;
    // Whoever had looked before the decision cannot put it off again.
    payments.deferred(&job, later).await.unwrap();
    assert_eq!(due(shop.now).await.len(), 1);
    payments.died(job.id, 1, later, "no").await.unwrap();
    assert_eq!(payments.session(order).await.unwrap().as_deref(), Some("ann's"));
    assert!(payments.close(job.id).await.unwrap() && !payments.close(job.id).await.unwrap());
    assert_eq!(payments.session(order).await.unwrap(), None);
    assert_eq!(payments.find(job.id).await.unwrap().unwrap().state, JobState::Done);
    follower.end().await;
}
