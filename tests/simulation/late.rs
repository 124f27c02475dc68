//! Late payments: a provider's notices come whenever they like, also for orders that are over, and what
//! they leave is worked on by whatever node is there, crash after crash. At the end every order whose
//! payment was acknowledged is sold, or its money goes back, and never both.

use super::nodes::Node;
use super::orders::{Known, ask};
use super::shopper::pause;
use super::world::{Shared, World};
use lastunit::checkout::{LateOrder, Noticed, Taken};
use lastunit::domain::promises::WholeOrder;
use lastunit::domain::{Action, Answer, Command, HoldEnd, OrderId, Payment};
use std::time::Duration;

/// Tries at one late payment at the very end.
const TRIES: u64 = 40;

impl World {
    /// Orders whose late payment is not decided, as the tables would have them.
    fn late_orders(&self) -> Vec<OrderId> {
        let open = |whole: &WholeOrder| {
            whole.is_paid_late()
                && !whole.is_refund_owed()
                && whole.end() != Some(HoldEnd::Confirmed)
        };
        let orders = self.truth.whole().iter();
        let mut late: Vec<_> =
            orders.filter(|(_, whole)| open(whole)).map(|(order, _)| *order).collect();
        late.sort_unstable();
        late
    }

    pub fn a_late_order(&mut self) -> Option<OrderId> {
        let late = self.late_orders();
        if late.is_empty() { None } else { Some(self.chance.pick(&late)) }
    }

    fn late_order(&self, order: OrderId) -> Option<LateOrder> {
        let whole = self.truth.whole().get(&order)?;
        let (customer, token) = self.shop.attempts.get(&order)?.clone();
        let lines: Box<[_]> = whole.lines().into();
        let each = lines.iter().map(|line| line.unit_price * u64::from(line.quantity.get()));
        Some(LateOrder {
            lead: whole.lead()?,
            order,
            customer,
            amount: each.sum(),
            lines,
            payment: Payment { method: "simulated".into(), token: token.into() },
            ran_out: whole.ran_out(),
        })
    }

    /// At the end no payment is undecided, and none that was acknowledged is forgotten.
    pub fn judge_late(&mut self) {
        if let Some(order) = self.late_orders().first() {
            self.fail(format_args!("nothing lost: {order:?} was paid late and is not decided"));
        }
        let settled = |order: &OrderId| {
            self.truth.whole().get(order).is_some_and(|whole| {
                whole.end() == Some(HoldEnd::Confirmed) || whole.is_refund_owed()
            })
        };
        let forgotten = self.shop.paid.iter().find(|order| !settled(order)).copied();
        if let Some(order) = forgotten {
            self.fail(format_args!(
                "nothing lost: {order:?} was paid, and is neither sold nor owed"
            ));
        }
    }
}

/// The provider says that an order is paid.
pub async fn notice(world: &Shared, node: &Node, known: &Known) {
    let (asked, patience) = ask(world, node, known, "notice");
    let paid = node.checkout.paid(known.lead, known.order, known.lines.to_vec());
    let reply = tokio::time::timeout(Duration::from_millis(patience), paid).await;
    let mut world = world.lock();
    // It may wait for somebody who takes it again, and for whatever that one waits for.
    let Ok(reply) = reply else { return };
    world.note(format_args!("#{} {reply:?}", asked.number));
    let Ok(noticed) = reply else { return };
    let truth = world.truth.whole().get(&known.order);
    let as_told = truth.is_some_and(|whole| match noticed {
        Noticed::Confirmed => whole.end() == Some(HoldEnd::Confirmed),
        Noticed::Late => whole.is_paid_late(),
        Noticed::Cancelled | Noticed::Ignored => false,
    });
    if !as_told {
        world.fail(format_args!("no lie: #{} was told {noticed:?}", asked.number));
    }
    world.shop.paid.insert(known.order);
}

/// Works on a late payment, unless somebody does.
pub async fn take(world: &Shared, node: &Node, order: OrderId) {
    let late = {
        let mut world = world.lock();
        if !world.shop.taking.insert(order) {
            return;
        }
        let late = world.late_order(order);
        world.note(format_args!("takes {order:?} at node {}: {late:?}", node.number));
        late
    };
    let Some(late) = late else {
        world.lock().fail(format_args!("nobody knows who ordered {order:?}"));
        return;
    };
    let old_answers = deliver_old_answers(world, node, &late);
    let (reply, ()) = futures::future::join(node.checkout.take_late(&late), old_answers).await;
    let mut world = world.lock();
    world.note(format_args!("taken {order:?}: {reply:?}"));
    world.shop.taking.remove(&order);
    let whole = world.truth.whole().get(&order);
    let as_told = whole.is_some_and(|whole| match reply {
        Ok(Taken::Sold) => whole.end() == Some(HoldEnd::Confirmed),
        Ok(Taken::Owed) => whole.is_refund_owed(),
        Err(_) => true,
    });
    if !as_told {
        world.fail(format_args!("no lie: {order:?} is said to be {reply:?}"));
    }
}

/// Lines that asked their lead before now hear only now that the order ran out: of the hold they had then.
async fn deliver_old_answers(world: &Shared, node: &Node, late: &LateOrder) {
    let (answers, wait) = {
        let mut world = world.lock();
        let followers = late.lines.iter().filter(|line| line.product != late.lead);
        let held_until = |product| {
            let mut moments = world.truth.moments(product).iter().rev();
            moments.find_map(|moment| match moment.outcome.as_ref()?.answer {
                Answer::Held { order, expires_at, .. } if order == late.order => Some(expires_at),
                _ => None,
            })
        };
        let answers: Vec<_> =
            followers.filter_map(|line| Some((line.product, held_until(line.product)?))).collect();
        (answers, world.chance.below(120))
    };
    if !late.ran_out {
        return;
    }
    pause(wait).await;
    for (product, held_until) in answers {
        let (order, end) = (late.order, HoldEnd::Expired);
        let settle = Action::Settle { order, end, held_until: Some(held_until) };
        drop(node.engine.submit(product, Command::plain(settle)).await);
    }
}

/// Notices that come at the very moment at which the lines of an order ask what became of it.
pub async fn last_orders(world: &Shared, node: &Node) {
    let known = world.lock().shop.known.clone();
    let each = known.iter().map(|known| async {
        let wait = {
            let mut world = world.lock();
            let asks_at = known.placed_at.plus_millis(30_000 + world.weather.pay);
            let wait = asks_at.millis_since(world.now()) + world.chance.below(150);
            world.chance.happens(500).then_some(wait.saturating_sub(100))
        };
        let Some(wait) = wait else { return };
        pause(wait).await;
        notice(world, node, known).await;
        let (again, rest) = {
            let mut world = world.lock();
            (world.late_orders().contains(&known.order), world.chance.below(30))
        };
        pause(rest).await;
        if again {
            take(world, node, known.order).await;
        }
    });
    futures::future::join_all(each).await;
}

/// Every late payment is decided in the end.
pub async fn finish(world: &Shared, node: &Node) {
    for _ in 0..TRIES {
        let late = world.lock().late_orders();
        if late.is_empty() {
            return;
        }
        for order in late {
            take(world, node, order).await;
        }
        pause(200).await;
    }
}
