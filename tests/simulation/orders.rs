//! Orders over several products: what customers check out, and whether they get what they were told.
//!
//! Each answer is judged at once: an order that is answered is in the journal, with all its lines and
//! under its key; a state that is answered is durable; a line that is refused is refused by a state
//! there was. At the end every order is whole: all its lines went the same way.

use super::nodes::{Node, Nodes};
use super::shop::{CUSTOMERS, Step, customer};
use super::shopper::{End, pause};
use super::witness::Asked;
use super::world::{Shared, World};
use lastunit::checkout::{Bought, NewOrder, OrderState, PlaceError, PlacedOrder};
use lastunit::domain::promises::WholeOrder;
use lastunit::domain::{
    Action, Answer, Command, CustomerId, Fingerprint, HoldEnd, Line, OrderId, Outcome, Payment,
    ProductId, Quantity, Refusal, RequestKey, Retry, Timestamp,
};
use lastunit::engine::EngineError;
use std::time::Duration;

/// What becomes of payments; mostly they succeed.
const TOKENS: [&str; 8] = [
    "tok_ok",
    "tok_ok",
    "tok_ok",
    "tok_ok",
    "tok_declined",
    "tok_declined",
    "tok_pending",
    "tok_error",
];

/// What is to be checked out: kept under its number until its order is known.
#[derive(Debug, Clone)]
pub struct Cart {
    number: u64,
    customer: CustomerId,
    /// Ascending, each product once.
    items: Vec<(ProductId, Quantity)>,
    token: &'static str,
    retry: Option<Retry>,
}

/// An order that somebody was told of.
#[derive(Debug, Clone)]
pub struct Known {
    pub lead: ProductId,
    pub order: OrderId,
    pub lines: Box<[Line]>,
    pub placed_at: Timestamp,
}

impl World {
    /// Something about orders.
    pub fn order_step(&mut self) -> Step {
        let draw = self.chance.below(100);
        if draw < 12 && !self.shop.carts.is_empty() {
            let numbers: Vec<u64> = self.shop.carts.keys().copied().collect();
            let cart = self.shop.carts[&self.chance.pick(&numbers)].clone();
            return Step::CheckOut { cart, twice: false };
        }
        if draw < 40 && !self.shop.known.is_empty() {
            let index = self.chance.below(self.shop.known.len() as u64);
            let known = self.shop.known[usize::try_from(index).expect("an index")].clone();
            return match draw {
                ..24 => Step::Pay(known),
                24..32 => Step::GiveUp(known),
                _ => Step::Notice(known),
            };
        }
        if draw < 55
            && let Some(order) = self.a_late_order()
        {
            return Step::TakeLate(order);
        }
        let cart = self.draw_cart();
        Step::CheckOut { twice: self.chance.happens(150), cart }
    }

    fn draw_cart(&mut self) -> Cart {
        let number = self.next_number();
        let mut items = Vec::new();
        for _ in 0..self.chance.pick(&[1, 2, 2, 3, 3]) {
            let product = self.chance.pick(&self.shop.products);
            let quantity = Quantity::from_journal(self.chance.pick(&[1, 1, 1, 2]));
            items.push((product, quantity));
        }
        items.sort_unstable_by_key(|(product, _)| *product);
        items.dedup_by_key(|(product, _)| *product);
        let token = match self.chance.below(20) {
            0 => "tok_hang",
            _ => self.chance.pick(&TOKENS),
        };
        let key = RequestKey(self.chance.bytes());
        let keyed = self.chance.happens(800);
        let retry = keyed.then_some(Retry { key, fingerprint: Fingerprint(number) });
        let customer = customer(self.chance.below(CUSTOMERS));
        Cart { number, customer, items, token, retry }
    }

    /// An order that was answered: there is a durable placing that says the very same.
    fn judge_placed(&mut self, asked: &[Asked], cart: &Cart, placed: &PlacedOrder) {
        let PlacedOrder { lead, order, lines, placed_at, expires_at, .. } = placed;
        self.judge_owner(&asked[0], true);
        let is_it = |outcome: &Outcome| match &outcome.answer {
            Answer::Placed(first) => {
                (first.order, &first.lines, first.expires_at, outcome.at)
                    == (*order, lines, *expires_at, *placed_at)
            }
            _ => false,
        };
        let mut moments = self.truth.moments(*lead).iter();
        let found = moments.position(|moment| {
            moment.retry == cart.retry && moment.outcome.as_ref().is_some_and(is_it)
        });
        let number = asked[0].number;
        let Some(revision) = found else {
            self.fail(format_args!(
                "no lie: #{number} was answered {placed:?}, which is not there"
            ));
            return;
        };
        self.tell(*lead, revision);
        let wanted: Vec<_> = lines.iter().map(|line| (line.product, line.quantity)).collect();
        if wanted != cart.items {
            self.fail(format_args!("#{number} asked for {:?} and got {wanted:?}", cart.items));
        }
        if placed.replayed && cart.retry.is_none() {
            self.fail(format_args!("#{number} has no key and was answered before"));
        }
        if self.shop.known.iter().all(|known| known.order != *order) {
            self.shop.acknowledged.push(*order);
            let (lines, placed_at) = (lines.clone(), *placed_at);
            self.shop.known.push(Known { lead: *lead, order: *order, lines, placed_at });
        }
    }

    /// A state that was answered is durable.
    fn judge_state(&mut self, number: u64, order: OrderId, state: OrderState) {
        let told = match state {
            // It was so a moment ago.
            OrderState::Pending => return,
            OrderState::Confirmed => HoldEnd::Confirmed,
            OrderState::Cancelled => HoldEnd::Released,
            OrderState::Expired => HoldEnd::Expired,
        };
        let whole = self.truth.whole().get(&order);
        let end = whole.and_then(WholeOrder::end);
        // What had run out may be taken again, and sold, while the answer is on its way.
        let was_so = told == HoldEnd::Expired && whole.is_some_and(WholeOrder::is_paid_late);
        if end != Some(told) && !was_so {
            self.fail(format_args!("no lie: #{number} says {told:?} of {order:?}, it is {end:?}"));
        }
    }

    fn judge_bought(
        &mut self,
        asked: &[Asked],
        node: &Node,
        cart: &Cart,
        order: OrderId,
        reply: &Result<Bought, PlaceError>,
    ) -> End {
        let number = asked[0].number;
        self.note(format_args!("#{number} {reply:?}"));
        match reply {
            Ok(bought) => {
                self.judge_placed(asked, cart, &bought.placed);
                self.judge_state(number, bought.placed.order, bought.state);
                End::Success
            }
            Err(PlaceError::Declined { .. }) => {
                self.judge_state(number, order, OrderState::Cancelled);
                End::Success
            }
            Err(PlaceError::GivenUp { order }) => {
                self.judge_state(number, *order, OrderState::Cancelled);
                End::Success
            }
            Err(PlaceError::InProgress) => {
                self.shop.never_placed.insert(order);
                End::NotNow
            }
            Err(PlaceError::MixedCurrencies) => {
                self.fail(format_args!("#{number}: there is one currency only"));
                End::NotNow
            }
            Err(PlaceError::Line { error: EngineError::OutcomeUnknown, .. }) => End::Unknown,
            Err(PlaceError::Line { product, error }) => {
                self.shop.never_placed.insert(order);
                let EngineError::Refused(refusal) = *error else { return End::NotNow };
                self.judge_refused_line(asked, node, cart, *product, refusal);
                End::Refused(refusal)
            }
        }
    }

    fn judge_refused_line(
        &mut self,
        asked: &[Asked],
        node: &Node,
        cart: &Cart,
        product: ProductId,
        refusal: Refusal,
    ) {
        // It took so long that the lead ran out.
        if refusal == Refusal::HoldOver(HoldEnd::Expired) && product == cart.items[0].0 {
            return;
        }
        let line = cart.items.iter().zip(asked).find(|((line, _), _)| *line == product);
        let Some(((_, quantity), asked)) = line else {
            self.fail(format_args!("#{}: {product} is no line", asked[0].number));
            return;
        };
        let action = Action::Hold {
            order: OrderId([0; 16]),
            customer: cart.customer.clone(),
            quantity: *quantity,
            hold_ms: 30_000,
            sale: None,
            part: None,
        };
        self.judge_refusal(asked, node, &Command::plain(action), refusal);
    }

    /// At the end: no order is open, none is half, and what was told is so.
    pub fn judge_orders(&mut self) {
        let open = self.truth.whole().iter().filter(|(_, whole)| whole.is_open());
        if let Some(order) = open.map(|(order, _)| *order).min() {
            self.fail(format_args!("all or nothing: lines of {order:?} are stuck"));
        }
        let orders: Vec<OrderId> = self.truth.whole().iter().map(|(order, _)| *order).collect();
        for order in orders {
            let whole = self.truth.whole().check(order);
            self.check(whole);
        }
        self.judge_late();
        let placed = |order: &OrderId| {
            self.truth.whole().get(order).map(WholeOrder::lines).unwrap_or_default()
        };
        let other = self.shop.known.iter().find(|known| placed(&known.order) != &*known.lines);
        let never = self.shop.never_placed.iter().filter(|order| !placed(order).is_empty()).min();
        let (other, never) = (other.map(|known| known.order), never.copied());
        if let Some(order) = other {
            self.fail(format_args!("nothing lost: {order:?} was answered and is another one"));
        }
        if let Some(order) = never {
            self.fail(format_args!("no lie: {order:?} was not to be placed, and is"));
        }
    }
}

/// Checks out, and with a key again a few times, at whatever node there is.
pub async fn persist(world: &Shared, nodes: &Nodes, cart: Cart, twice: bool) {
    for _ in 0..4 {
        let Some(node) = nodes.any(world) else { return };
        let end = if twice {
            let again = nodes.any(world).unwrap_or_else(|| node.clone());
            let both = futures::future::join(
                attempt(world, &node, &cart, true),
                attempt(world, &again, &cart, true),
            );
            both.await.0
        } else {
            attempt(world, &node, &cart, true).await
        };
        let again = end == End::NotNow || (end == End::Unknown && cart.retry.is_some());
        if !again || world.lock().chance.happens(300) {
            return;
        }
        let rest = world.lock().chance.between((1, 300));
        pause(rest).await;
    }
}

/// One attempt at a checkout.
async fn attempt(world: &Shared, node: &Node, cart: &Cart, may_hang_up: bool) -> End {
    let (wanted, asked, hangs_up, patience) = {
        let mut world = world.lock();
        let order = OrderId(world.chance.bytes());
        let asked: Vec<_> = cart
            .items
            .iter()
            .map(|(product, quantity)| {
                let what = (cart.number, order, cart.token, quantity, cart.retry.is_some());
                world.ask(node, *product, &what)
            })
            .collect();
        if cart.retry.is_some() {
            world.shop.carts.insert(cart.number, cart.clone());
        }
        world.shop.attempts.insert(order, (cart.customer.clone(), cart.token));
        let wanted = NewOrder {
            order,
            customer: cart.customer.clone(),
            items: cart.items.clone(),
            sales: std::collections::BTreeMap::new(),
            payment: Payment { method: "simulated".into(), token: cart.token.into() },
            retry: cart.retry,
        };
        let rate = world.weather.hang_ups;
        let hangs_up = may_hang_up && world.chance.happens(rate);
        let within = world.weather.order_within();
        let patience = if hangs_up { world.chance.below(60) } else { within };
        (wanted, asked, hangs_up, patience)
    };
    let order = wanted.order;
    let answer = node.checkout.buy(wanted);
    let reply = tokio::time::timeout(Duration::from_millis(patience), answer).await;
    let mut world = world.lock();
    let Ok(reply) = reply else {
        if hangs_up {
            world.hung_up(&asked[0]);
        } else {
            world.no_answer(&asked[0]);
        }
        return End::Unknown;
    };
    let end = world.judge_bought(&asked, node, cart, order, &reply);
    if matches!(end, End::Success | End::Refused(_)) {
        world.shop.carts.remove(&cart.number);
    }
    end
}

/// Pays an order that waits for it, or learns how it ended.
pub async fn pay(world: &Shared, node: &Node, known: &Known) {
    let (asked, patience) = ask(world, node, known, "pay");
    let paid = node.checkout.pay(known.lead, known.order, |_| true);
    let reply = tokio::time::timeout(Duration::from_millis(patience), paid).await;
    let mut world = world.lock();
    let Ok(reply) = reply else { return world.no_answer(&asked) };
    world.note(format_args!("#{} {reply:?}", asked.number));
    match reply {
        Ok(Some(bought)) => world.judge_state(asked.number, known.order, bought.state),
        Err(PlaceError::Declined { .. }) => {
            world.judge_state(asked.number, known.order, OrderState::Cancelled);
        }
        Err(PlaceError::Line { error: EngineError::Refused(refusal), .. }) => {
            world.fail(format_args!("#{}: an order cannot be paid: {refusal:?}", asked.number));
        }
        // It is over, is being taken again, or nobody knows.
        Ok(None) | Err(_) => {}
    }
}

/// Gives an order up, or learns how it ended.
pub async fn give_up(world: &Shared, node: &Node, known: &Known) {
    let (asked, patience) = ask(world, node, known, "give up");
    let given_up = node.checkout.give_up(known.lead, known.order);
    let reply = tokio::time::timeout(Duration::from_millis(patience), given_up).await;
    let mut world = world.lock();
    let Ok(reply) = reply else { return world.no_answer(&asked) };
    world.note(format_args!("#{} {reply:?}", asked.number));
    match reply {
        Ok(()) => world.judge_state(asked.number, known.order, OrderState::Cancelled),
        Err(EngineError::Refused(Refusal::HoldOver(end))) => {
            world.judge_state(asked.number, known.order, end.into());
        }
        Err(EngineError::Refused(refusal)) => {
            world.fail(format_args!("#{}: an order is not there: {refusal:?}", asked.number));
        }
        Err(_) => {}
    }
}

pub fn ask(world: &Shared, node: &Node, known: &Known, what: &str) -> (Asked, u64) {
    let mut world = world.lock();
    let asked = world.ask(node, known.lead, &(what, known.order));
    (asked, world.weather.order_within())
}

/// Every cart with a key gets its order in the end, or is refused.
pub async fn repeat_open(world: &Shared, node: &Node) {
    let open: Vec<_> = world.lock().shop.carts.values().cloned().collect();
    for cart in open {
        let mut ends = Vec::new();
        while !matches!(ends.last(), Some(End::Success | End::Refused(_))) {
            ends.push(attempt(world, node, &cart, false).await);
            if ends.len() > 20 {
                let number = cart.number;
                world.lock().fail(format_args!("cart {number} is never answered: {ends:?}"));
                return;
            }
            // Longer each time: lines that ask their leads, and a queue, may fill what a product takes.
            pause(5 * ends.len() as u64).await;
        }
    }
}
