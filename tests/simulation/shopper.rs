//! Shoppers: they ask, wait, hang up, and repeat what they do not know the outcome of.

use super::nodes::{Node, Nodes};
use super::shop::{Step, Wish, customer, with_new_order};
use super::world::Shared;
use super::{late, orders, sales_of_many};
use lastunit::domain::{
    Action, CatalogEntry, Currency, Money, Offer, OrderId, ProductId, Quantity, Refusal, SaleId,
};
use lastunit::engine::EngineError;
use std::time::Duration;

/// How an attempt ended, as the customer sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Success,
    Refused(Refusal),
    /// Nothing was decided: ask again later.
    NotNow,
    Unknown,
}

/// Spends its share of the day.
pub async fn shop(world: Shared, nodes: Nodes) {
    loop {
        let thinks = {
            let mut world = world.lock();
            let think = world.weather.think;
            world.chance.between(think)
        };
        pause(thinks).await;
        let Some(node) = nodes.any(&world) else {
            pause(10).await;
            continue;
        };
        let Some(step) = world.lock().next_step() else { return };
        match step {
            Step::Ask(wish) => persist(&world, &nodes, wish).await,
            Step::Rush(wishes) => {
                let rush = wishes.iter().map(|wish| attempt(&world, &node, wish, true));
                futures::future::join_all(rush).await;
            }
            Step::CheckOut { cart, twice } => orders::persist(&world, &nodes, cart, twice).await,
            Step::Pay(known) => orders::pay(&world, &node, &known).await,
            Step::GiveUp(known) => orders::give_up(&world, &node, &known).await,
            Step::Notice(known) => late::notice(&world, &node, &known).await,
            Step::TakeLate(order) => late::take(&world, &node, order).await,
            Step::SaleOfMany(ask) => sales_of_many::ask(&world, &node, ask).await,
            Step::View(product) => view(&world, &node, product).await,
            Step::Create { units } => {
                let offer = draw_offer(&world);
                create(&world, &node, offer, units).await;
            }
        }
    }
}

/// Asks, and with a key asks again a few times, at whatever node there is.
async fn persist(world: &Shared, nodes: &Nodes, wish: Wish) {
    for _ in 0..4 {
        let Some(node) = nodes.any(world) else { return };
        let end = attempt(world, &node, &wish, true).await;
        let again = end == End::NotNow || (end == End::Unknown && wish.command.retry.is_some());
        if !again || world.lock().chance.happens(300) {
            return;
        }
        let rest = world.lock().chance.between((1, 300));
        pause(rest).await;
    }
}

/// One attempt.
pub async fn attempt(world: &Shared, node: &Node, wish: &Wish, may_hang_up: bool) -> End {
    let (command, asked, hangs_up, patience) = {
        let mut world = world.lock();
        let command = with_new_order(&wish.command, &mut world.chance);
        let asked = world.ask(node, wish.product, &(command.retry.is_some(), &command.action));
        if command.retry.is_some() {
            world.shop.open.insert(wish.number, wish.clone());
        }
        let rate = world.weather.hang_ups;
        let hangs_up = may_hang_up && world.chance.happens(rate);
        let within = world.weather.answer_within();
        let patience = if hangs_up { world.chance.below(40) } else { within };
        (command, asked, hangs_up, patience)
    };
    let answer = node.engine.submit(wish.product, command.clone());
    let reply = tokio::time::timeout(Duration::from_millis(patience), answer).await;
    let mut world = world.lock();
    let Ok(reply) = reply else {
        if hangs_up {
            world.hung_up(&asked);
        } else {
            world.no_answer(&asked);
        }
        return End::Unknown;
    };
    world.judge(&asked, node, &command, &reply);
    let end = match reply {
        Ok(_) => End::Success,
        Err(EngineError::Refused(refusal)) => End::Refused(refusal),
        Err(EngineError::OutcomeUnknown) => End::Unknown,
        Err(_) => End::NotNow,
    };
    if matches!(end, End::Success | End::Refused(_)) {
        world.shop.open.remove(&wish.number);
    }
    end
}

/// Looks at a product.
pub async fn view(world: &Shared, node: &Node, product: ProductId) {
    let (asked, patience) = {
        let mut world = world.lock();
        (world.ask(node, product, &"view"), world.weather.answer_within())
    };
    let shown = node.engine.view(product);
    let reply = tokio::time::timeout(Duration::from_millis(patience), shown).await;
    let mut world = world.lock();
    match reply {
        Ok(reply) => world.judge_view(&asked, node, &reply),
        Err(_) => world.no_answer(&asked),
    }
}

/// Starts selling something. An unknown outcome may leave a product that nobody was told of.
pub async fn create(world: &Shared, node: &Node, offer: Offer, units: u64) -> Option<ProductId> {
    let (asked, patience) = {
        let mut world = world.lock();
        let nobody = ProductId::new(u64::MAX / 2).expect("an id");
        (world.ask(node, nobody, &("create", units)), world.weather.answer_within())
    };
    let created = node.engine.create(offer, units, CatalogEntry::default());
    let reply = tokio::time::timeout(Duration::from_millis(patience), created).await;
    let mut world = world.lock();
    let Ok(reply) = reply else {
        world.no_answer(&asked);
        return None;
    };
    world.note(format_args!("created: {reply:?}"));
    match reply {
        Ok(product) => {
            if world.truth.revision(product) == 0 {
                world.fail(format_args!("nothing lost: product {product} is not in the journal"));
            }
            world.shop.products.push(product);
            Some(product)
        }
        Err(EngineError::Refused(refusal)) => {
            world.fail(format_args!("a new product was refused: {refusal:?}"));
            None
        }
        Err(_) => None,
    }
}

/// Terms of a new product.
pub fn draw_offer(world: &Shared) -> Offer {
    let mut world = world.lock();
    let now = world.now();
    let opens_at = world.chance.happens(200).then(|| now.plus_millis(world.chance.below(2_000)));
    let closes_at = world.chance.happens(100).then(|| now.plus_millis(world.chance.below(9_000)));
    let limit_per_customer = world.chance.pick(&[None, None, Some(1), Some(2), Some(4)]);
    let currency = Currency::new("EUR").expect("a currency");
    Offer { price: Money { amount: 1_999, currency }, limit_per_customer, opens_at, closes_at }
}

/// A customer who comes at the very end, wants one unit and takes the trouble to get an answer.
/// Whether the unit was sold.
pub async fn insist(
    world: &Shared,
    node: &Node,
    product: ProductId,
    sale: Option<SaleId>,
    number: u64,
) -> bool {
    let quantity = Quantity::from_journal(1);
    let customer = customer(1_000 + number);
    let action = Action::Purchase { order: OrderId([0; 16]), customer, quantity, sale };
    let wish = world.lock().wish(product, action);
    loop {
        match attempt(world, node, &wish, false).await {
            End::Success => return true,
            End::Refused(Refusal::SoldOut) => return false,
            End::NotNow => pause(3).await,
            end => {
                let mut world = world.lock();
                world.fail(format_args!("the last customers got {end:?}"));
                return false;
            }
        }
        if world.lock().failure.is_some() {
            return false;
        }
    }
}

pub async fn pause(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}
