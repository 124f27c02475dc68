//! Lives: one runtime after another over the same world.
//!
//! ```text
//!   life: start a node ─▶ shoppers, disturbances ─▶ crash: the runtime is dropped as it stands
//!   …                                               (downtime)
//!   last: calm weather, everything restarted ─▶ open wishes repeated ─▶ holds over ─▶ sold out
//! ```
//!
//! The last life is the liveness check: every unit is sold or the demand is exhausted, no hold is
//! stuck, nothing is in flight, every idle product has left the memory, and a restart shows the same.

use super::chance::Disturbance;
use super::nodes::{self, Node, Nodes};
use super::shop::customer;
use super::shopper::{self, End, pause};
use super::world::{Shared, Trouble, World};
use super::{late, orders, sales, sales_of_many};
use actix::System;
use lastunit::domain::{
    Action, Currency, Money, Offer, OrderId, Priority, ProductId, Quantity, promises,
};
use lastunit::journal::handle::JournalState;
use std::future::Future;
use std::rc::Rc;
use std::time::Duration;

/// Products at the beginning.
const PRODUCTS: u64 = 4;

/// More customers than units at the very end.
const TOO_MANY: u64 = 3;

/// Runs a future on a runtime of its own in virtual time and drops that as it stands. Whether all
/// promises have held so far.
fn in_one_life(world: &Shared, future: impl Future<Output = ()>) -> bool {
    let system = System::with_tokio_rt(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().start_paused(true).build().expect("a runtime")
    });
    system.block_on(async {
        begin(world);
        future.await;
        let mut world = world.lock();
        world.end_life();
        world.failure.is_none()
    })
}

/// Runs one seed to its end; the world then holds its log and what went wrong.
pub fn run(seed: u64) -> Shared {
    let world = World::new(seed);
    let crashes = world.lock().weather.lives;
    for life in 0..=crashes {
        if !in_one_life(&world, one_life(&world, life < crashes)) {
            return world;
        }
    }
    {
        let mut world = world.lock();
        world.weather.clear_up();
        world.trouble = Trouble::default();
    }
    in_one_life(&world, last_life(&world));
    world
}

/// A long queue at a slow disk, and nothing else in the way: whoever does not wait in it is answered in
/// time all the same.
pub fn run_beside_a_queue() -> Shared {
    let world = World::new(1);
    {
        let mut world = world.lock();
        world.weather.clear_up();
        world.weather.commit = (20, 20);
        world.weather.commit_timeout = 100;
        world.weather.drain = 100;
        world.weather.per_product_max = 900;
    }
    in_one_life(&world, buy_beside_a_queue(&world));
    world
}

async fn buy_beside_a_queue(world: &Shared) {
    let node = nodes::start_until_ready(world).await;
    let currency = Currency::new("EUR").expect("a currency");
    let price = Money { amount: 1_999, currency };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    let product = shopper::create(world, &node, offer, 1_000).await.expect("a product");
    let (order, quantity) = (OrderId([0; 16]), Quantity::from_journal(1));
    let wish = |number| {
        let (customer, priority) = (customer(number), Priority::Normal);
        let action = Action::Queue { order, customer, quantity, priority, sale: None };
        world.lock().wish(product, action)
    };
    let wishes: Vec<_> = (0..600).map(wish).collect();
    let asked = wishes.iter().map(|wish| shopper::attempt(world, &node, wish, false));
    futures::future::join_all(asked).await;
    for number in 0..20 {
        if !shopper::insist(world, &node, product, None, number).await {
            world.lock().fail("a unit was there and not sold");
        }
    }
    let left = node.engine.queued();
    if left == 0 {
        world.lock().fail("those who did not wait were answered when the queue was gone");
    }
    let_queues_drain(world, &node).await;
    world.lock().judge_turns();
}

fn begin(world: &Shared) {
    let mut world = world.lock();
    let downtime = world.weather.downtime;
    let downtime = world.chance.between(downtime);
    world.begin_life(downtime);
    world.shop.taking.clear();
    world.note(format_args!("---- a life begins after {downtime} ms"));
}

async fn one_life(world: &Shared, crashes: bool) {
    let day = async {
        let nodes = Nodes::default();
        nodes.push(nodes::start_until_ready(world).await);
        fill_the_shelves(world, &nodes).await;
        let disturbances = tokio::task::spawn_local(disturb(world.clone(), nodes.clone()));
        let count = world.lock().weather.shoppers;
        let shoppers = (0..count)
            .map(|_| tokio::task::spawn_local(shopper::shop(world.clone(), nodes.clone())));
        futures::future::join_all(shoppers).await;
        disturbances.abort();
        come_to_rest(world, &nodes).await;
    };
    if !crashes {
        day.await;
        return;
    }
    let (lasts, turns) = {
        let mut world = world.lock();
        let life = world.weather.life;
        (world.chance.between(life), world.chance.below(20))
    };
    let crash = async {
        pause(lasts).await;
        // Somewhere between two polls of whatever happens in this millisecond.
        for _ in 0..turns {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        biased;
        () = crash => world.lock().note("---- crash"),
        () = day => world.lock().note("---- the day is over"),
    }
}

async fn fill_the_shelves(world: &Shared, nodes: &Nodes) {
    while (world.lock().shop.products.len() as u64) < PRODUCTS {
        ensure_node(world, nodes).await;
        let Some(node) = nodes.newest() else { continue };
        let offer = shopper::draw_offer(world);
        let units = {
            let mut world = world.lock();
            let most = world.chance.pick(&[25, 25, 100]);
            world.chance.below(most)
        };
        if shopper::create(world, &node, offer, units).await.is_none() {
            pause(20).await;
        }
    }
}

/// A supervisor: starts a new node where the last one has ended.
async fn ensure_node(world: &Shared, nodes: &Nodes) {
    check_ends(world, nodes);
    if !nodes.newest().is_some_and(|node| node.is_alive()) {
        nodes.push(nodes::start_until_ready(world).await);
    }
}

/// Nobody gives up a journal that nobody has taken.
fn check_ends(world: &Shared, nodes: &Nodes) {
    for node in nodes.all() {
        let state = node.engine.journal().state();
        let mut world = world.lock();
        if state == JournalState::NotOwner && world.disk.owner() == Some(node.number) {
            world.fail(format_args!("node {} owns the journal and does not know", node.number));
        }
    }
}

/// Does something nasty now and then.
async fn disturb(world: Shared, nodes: Nodes) {
    loop {
        let (calm_for, disturbance, lasts) = {
            let mut world = world.lock();
            let calm_for = world.weather.calm_for;
            let disturbances = world.weather.disturbances.clone();
            let longest = world.weather.disturbed_max();
            let disturbance = world.chance.pick(&disturbances);
            // The one that is cut off comes back just when the other one has begun to sell.
            let shortest = match disturbance {
                Disturbance::SplitInTwo => world.weather.lease,
                _ => 1,
            };
            let short = longest.min(shortest + 200);
            let longest = world.chance.pick(&[short, longest]);
            let lasts = world.chance.between((shortest, longest));
            (world.chance.between(calm_for), disturbance, lasts)
        };
        pause(calm_for).await;
        ensure_node(&world, &nodes).await;
        let Some(newest) = nodes.newest() else { continue };
        {
            let mut world = world.lock();
            if disturbance != Disturbance::None {
                world.note(format_args!("-- {disturbance:?} for {lasts} ms"));
            }
            let until = world.now().plus_millis(lasts);
            match disturbance {
                Disturbance::DiskFull => world.trouble.disk_full = until,
                Disturbance::ReadsFail => world.trouble.reads_fail = until,
                Disturbance::Outage => world.trouble.outage = until,
                Disturbance::CutOff => world.trouble.cut_off = (newest.number, until),
                Disturbance::Silence | Disturbance::SplitInTwo => {
                    world.trouble.silent = (newest.number, until);
                }
                Disturbance::None | Disturbance::TakeOver | Disturbance::Restart => {}
            }
        }
        match disturbance {
            Disturbance::TakeOver | Disturbance::SplitInTwo => {
                if let Ok(node) = nodes::start(&world).await {
                    nodes.push(node);
                }
            }
            Disturbance::Restart => restart(&world, &nodes, newest).await,
            _ => {}
        }
    }
}

/// An orderly shutdown. A shared journal lets the next node start before the last one is done.
async fn restart(world: &Shared, nodes: &Nodes, node: Rc<Node>) {
    let leased = world.lock().weather.leased;
    let close = tokio::task::spawn_local(async move {
        node.engine.shut_down(Duration::from_millis(500)).await;
    });
    if leased {
        let ahead = world.lock().chance.pick(&[1, 30, 200, 1_000]);
        let ahead = world.lock().chance.below(ahead);
        pause(ahead).await;
    } else {
        drop(close.await);
    }
    nodes.push(nodes::start_until_ready(world).await);
}

/// Nobody asks any more: whatever was asked is over, at every node.
async fn come_to_rest(world: &Shared, nodes: &Nodes) {
    let longest = {
        let mut world = world.lock();
        world.note("---- rest");
        world.weather.answer_within() + 2 * world.weather.lease
    };
    check_ends(world, nodes);
    for _ in 0..20 {
        pause(longest).await;
        if nodes.all().iter().all(|node| node.engine.in_flight() == 0) {
            break;
        }
    }
    for node in nodes.all() {
        let left = node.engine.in_flight();
        let state = node.engine.journal().state();
        let mut world = world.lock();
        if left > 0 {
            world.fail(format_args!("node {} still counts {left} in flight", node.number));
        }
        // Whoever owns it no longer has renewed the lease by now, and has been told.
        let owns = !world.weather.leased || world.disk.owner() == Some(node.number);
        if state == JournalState::Ready && !owns {
            world.fail(format_args!("node {} does not know that it owns nothing", node.number));
        }
    }
}

async fn last_life(world: &Shared) {
    let node = nodes::start_until_ready(world).await;
    repeat_open_wishes(world, &node).await;
    orders::repeat_open(world, &node).await;
    sales_of_many::must_be_settled(world, &node).await;
    wait_for_sales(world, &node).await;
    let_queues_drain(world, &node).await;
    let (late, holds) = (late::last_orders(world, &node), wait_for_holds(world, &node));
    futures::future::join(late, holds).await;
    late::finish(world, &node).await;
    let_holds_end(world, &node).await;
    let products = world.lock().truth.products();
    let last = products.iter().map(|product| sales::hold_a_last_sale(world, &node, *product));
    futures::future::join_all(last).await;
    for product in &products {
        sell_out(world, &node, *product).await;
    }
    check_views(world, &node, &products).await;
    let idle_after = world.lock().weather.idle_after;
    pause(4 * idle_after + 1_000).await;
    let (in_flight, awake) = (node.engine.in_flight(), node.engine.awake());
    if (in_flight, awake) != (0, 0) {
        world.lock().fail(format_args!("at rest {in_flight} are in flight, {awake} awake"));
    }
    node.engine.shut_down(Duration::from_secs(10)).await;
    drop(node);
    let node = nodes::start_until_ready(world).await;
    check_views(world, &node, &products).await;
    let mut world = world.lock();
    let promise = promises::nothing_lost(&world.shop.acknowledged, world.truth.orders());
    world.check(promise);
    world.judge_never();
    world.judge_turns();
    world.judge_orders();
}

async fn repeat_open_wishes(world: &Shared, node: &Node) {
    let open: Vec<_> = world.lock().shop.open.values().cloned().collect();
    for wish in open {
        let mut ends = Vec::new();
        while !matches!(ends.last(), Some(End::Success | End::Refused(_))) {
            ends.push(shopper::attempt(world, node, &wish, false).await);
            if ends.len() > 20 {
                world.lock().fail(format_args!("wish {} is never answered: {ends:?}", wish.number));
                return;
            }
            pause(5 * ends.len() as u64).await;
        }
    }
}

/// Waits as long as it takes at the slowest rate until everybody had their turn.
async fn let_queues_drain(world: &Shared, node: &Node) {
    let settled_within = world.lock().weather.order_within();
    pause(settled_within).await;
    let (deepest, slowest) = {
        let world = world.lock();
        let queues = world.truth.products();
        let queues = queues.iter().map(|product| world.truth.newest(*product).queue().len());
        (queues.max().unwrap_or_default() as u64, world.weather.drain.min(10))
    };
    pause(deepest * 1_000 / u64::from(slowest) + 5_000).await;
    let left = node.engine.queued();
    if left > 0 {
        world.lock().fail(format_args!("{left} still wait, of {deepest}"));
    }
}

/// Waits until every hold must have run out, and looks whether it has.
async fn let_holds_end(world: &Shared, node: &Node) {
    wait_for_holds(world, node).await;
    let mut world = world.lock();
    for product in world.truth.products() {
        let stock = world.truth.newest(product).stock();
        if stock.held > 0 {
            world.fail(format_args!("holds of product {product} are stuck: {stock:?}"));
        }
    }
}

/// A paused sale keeps its queue, and units that are set aside are nobody else's.
async fn wait_for_sales(world: &Shared, node: &Node) {
    let settled_within = world.lock().weather.order_within();
    pause(settled_within).await;
    let wait = world.lock().last_sale_ends().millis_since(node.clock.now());
    pause(wait + 1_000).await;
}

async fn wait_for_holds(world: &Shared, node: &Node) {
    // What was decided for somebody who did not wait for it becomes durable.
    let settled_within = world.lock().weather.order_within();
    pause(settled_within).await;
    let wait = {
        let world = world.lock();
        world.truth.last_expiry().millis_since(node.clock.now()) + world.weather.grace + 5_000
    };
    pause(wait).await;
}

/// More customers come than there are units left: then all of them are sold, and no more.
async fn sell_out(world: &Shared, node: &Node, product: ProductId) {
    let (stock, offer) = {
        let world = world.lock();
        let state = world.truth.newest(product);
        (state.stock(), state.offer().copied())
    };
    // Where a sale ends, it is a matter of luck whether somebody comes in time.
    let Some(offer) = offer.filter(|offer| offer.closes_at.is_none()) else { return };
    let wait = offer.opens_at.map_or(0, |at| at.millis_since(node.clock.now()));
    pause(wait + 1).await;
    let customers = stock.available + TOO_MANY;
    let wanted = (0..customers).map(|number| shopper::insist(world, node, product, None, number));
    let sold = futures::future::join_all(wanted).await.into_iter().filter(|sold| *sold).count();
    let mut world = world.lock();
    let demand = stock.sold + customers;
    let after = world.truth.newest(product).stock();
    world.check(promises::sold_what_there_was(after.stocked, demand, after.sold));
    world.check(promises::sold_what_there_was(stock.available, customers, sold as u64));
}

async fn check_views(world: &Shared, node: &Node, products: &[ProductId]) {
    for product in products {
        shopper::view(world, node, *product).await;
    }
}
