//! Random histories: whatever the rules decide, the tables say the same.

use crate::follower::Follower;
use crate::shop::{Shop, customer_id};
use lastunit::domain::{Action, OrderId, Priority, ProductId, Quantity};
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
    match (dice.below(13), held) {
        (10, _) => {
            let vip = dice.below(3) == 0;
            let priority = if vip { Priority::Vip } else { Priority::Normal };
            Action::Queue { order, customer, quantity, priority, sale: None }
        }
        (11, _) => Action::TakeTurn,
        (12, _) => Action::Pace { per_second: (dice.below(2) == 0).then_some(7) },
        (0..=2, _) => Action::Purchase { order, customer, quantity, sale: None },
        (3..=5, _) => Action::Hold {
            order,
            customer,
            quantity,
            hold_ms: 1 + dice.below(3_000),
            sale: None,
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

fn some_hold(shop: &Shop, dice: &mut Dice, product: ProductId) -> Option<OrderId> {
    let holds = shop.products[&product].holds();
    let count = u64::try_from(holds.len()).unwrap();
    let index = usize::try_from(dice.below(count.max(1))).unwrap();
    holds.iter().nth(index).map(|(order, _)| *order)
}
