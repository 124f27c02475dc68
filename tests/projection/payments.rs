//! What facts owe the world, in one round of the projection and in many.

use crate::follower::Follower;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{
    Action, HoldEnd, Line, OrderId, Part, Payment, ProductId, Quantity, ReturnReason,
};
use lastunit::projection::{JobId, JobKind, JobState, OrderRow, OrderStatus, Payments};

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
    let lines = [Line { product: lead, quantity: one(), unit_price: 100 }].into();
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
    let due = payments.due(shop.now, 10).await.unwrap();
    let [job] = &due[..] else { panic!("one job, not {due:?}") };
    assert_eq!((job.id.order, job.id.product, job.amount.amount), (order, Some(product), 100));
    assert_eq!(payments.due(crate::shop::START, 10).await.unwrap().len(), 1);

    let later = shop.now.plus_millis(50);
    payments.failed(job.id, 1, later, &"x".repeat(1_000)).await.unwrap();
    assert_eq!(payments.due(shop.now, 10).await.unwrap(), []);
    assert_eq!(payments.due(later, 10).await.unwrap()[0].attempts, 1);
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
