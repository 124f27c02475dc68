//! Random histories: whatever the rules decide, the tables say the same.

use crate::databases;
use crate::follower::Follower;
use crate::sales::terms;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{
    Action, OrderId, Priority, ProductId, Quantity, ReturnReason, SaleId, SaleTerms,
};
use lastunit::projection::ProjectionConfig;

/// A small generator (splitmix64): a history is its seed.
pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }
}

pub async fn random_histories_look_like_the_rules_say(url: &str) {
    let seed = match std::env::var("LASTUNIT_TEST_SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => u64::from(std::process::id()),
    };
    println!("LASTUNIT_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let mut shop = Shop::new(3);
    for id in 1_u64..=6 {
        let limit = id.is_multiple_of(2).then_some(40);
        shop.create(id, 50 * id, limit);
    }
    shop.commit();
    for part in 0..6 {
        let batch_bytes_max = usize::try_from(1 + dice.below(20_000)).unwrap();
        let config = ProjectionConfig { batch_bytes_max, ..ProjectionConfig::default() };
        let follower = Follower::start_with(&shop, url, config).await;
        for _ in 0..500 {
            step(&mut shop, &mut dice);
        }
        shop.commit();
        follower.catch_up(&shop).await;
        follower.compare(&shop, &format!("seed {seed}, part {part}")).await;
        follower.end().await;
    }
    // Tables that are built at once, from nothing, say the same.
    let config = ProjectionConfig { batch_bytes_max: usize::MAX, ..ProjectionConfig::default() };
    let again = Follower::start_with(&shop, &databases::another(url).await, config).await;
    again.catch_up(&shop).await;
    again.compare(&shop, &format!("seed {seed}, built again")).await;
    again.end().await;
    let sold = shop.sold.values().filter(|line| line.sale.is_some()).count();
    assert!(sold > 20, "seed {seed}: {sold} sold under sales");
}

fn step(shop: &mut Shop, dice: &mut Dice) {
    let product = ProductId::new(1 + dice.below(6)).unwrap();
    let action = action(shop, dice, product);
    // Refusals are fine: they change nothing.
    let _ = shop.command(product, action);
    if dice.below(4) == 0 {
        shop.commit();
    }
    shop.now = shop.now.plus_millis(dice.below(40));
}

fn action(shop: &mut Shop, dice: &mut Dice, product: ProductId) -> Action {
    let customer = customer_id(&format!("customer {}", dice.below(30)));
    let quantity = Quantity::new(u32::try_from(1 + dice.below(4)).unwrap()).unwrap();
    let order = shop.draw_order();
    let held = some_hold(shop, dice, product);
    let sale = newest_sale(shop, dice, product);
    match (dice.below(18), held) {
        (13..=16, _) => sale_action(shop, dice, product),
        (10, _) => {
            let vip = dice.below(3) == 0;
            let priority = if vip { Priority::Vip } else { Priority::Normal };
            Action::Queue { order, customer, quantity, priority, sale }
        }
        (11, _) => Action::TakeTurn,
        (12, _) => Action::Pace { per_second: (dice.below(2) == 0).then_some(7) },
        (0..=2, _) => Action::Purchase { order, customer, quantity, sale },
        (3..=5, _) => Action::Hold {
            order,
            customer,
            quantity,
            hold_ms: 1 + dice.below(3_000),
            sale,
            part: None,
        },
        (6, Some(order)) => Action::Confirm { order },
        (7, Some(order)) => Action::Release { order },
        (8, Some(order)) => {
            Action::Extend { order, hold_ms: 1 + dice.below(3_000), extensions_max: 3 }
        }
        _ => {
            let delta = i64::try_from(dice.below(30)).unwrap() - 10;
            Action::Adjust { delta, reason: "delivery".into() }
        }
    }
}

/// Sometimes, the newest sale of a product.
fn newest_sale(shop: &Shop, dice: &mut Dice, product: ProductId) -> Option<SaleId> {
    let sales = shop.products[&product].sales();
    let newest = sales.iter().map(|part| part.terms.sale).max();
    newest.filter(|_| dice.below(4) == 0)
}

/// Sets a sale up, changes one, gives one up, or takes back what was sold.
fn sale_action(shop: &mut Shop, dice: &mut Dice, product: ProductId) -> Action {
    let sales = shop.products[&product].sales();
    let parts: Vec<_> = sales.iter().map(|part| part.terms.clone()).collect();
    let index = usize::try_from(dice.below(parts.len().max(1) as u64)).unwrap();
    let what = dice.below(9);
    let Some(before) = parts.get(index).filter(|_| what > 0) else {
        let sale = shop.draw_sale();
        let opens_at = shop.now.plus_millis(dice.below(300));
        let ends_at = opens_at.plus_millis(1 + dice.below(2_000));
        let (units, sells_before) = (1 + dice.below(12), dice.below(2) == 0);
        let new = SaleTerms { opens_at, ends_at, units, sells_before, ..terms(sale, product) };
        return Action::SetSale { terms: Box::new(new) };
    };
    if what == 1 {
        return Action::DropSale { sale: before.sale, undo: true };
    }
    if what < 5 {
        let mut after = SaleTerms { edition: before.edition + 1, ..before.clone() };
        match dice.below(5) {
            0 => after.paused = !after.paused,
            1 => after.units += 1,
            2 => after.units = after.units.saturating_sub(1).max(1),
            3 => after.price.amount += 1,
            _ => after.ends_at = shop.now.plus_millis(dice.below(500)),
        }
        return Action::SetSale { terms: Box::new(after) };
    }
    let mut sold = shop.sold.iter().filter(|((_, of), line)| *of == product && !line.returned);
    let mut under = sold.clone().filter(|(_, line)| line.sale == Some(before.sale));
    let line = if what < 8 { under.next_back() } else { sold.next_back() };
    let Some(((order, _), line)) = line else {
        return Action::Adjust { delta: 5, reason: "delivery".into() };
    };
    let (order, customer, quantity) = (*order, line.customer.clone(), line.quantity);
    Action::Return { order, customer, quantity, reason: ReturnReason::Refunded, sale: line.sale }
}

fn some_hold(shop: &Shop, dice: &mut Dice, product: ProductId) -> Option<OrderId> {
    let holds = shop.products[&product].holds();
    let count = u64::try_from(holds.len()).unwrap();
    let index = usize::try_from(dice.below(count.max(1))).unwrap();
    holds.iter().nth(index).map(|(order, _)| *order)
}
