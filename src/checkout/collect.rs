//! Collecting: providers are asked again about orders that wait for their payment.
//!
//! Which orders those are stands in the journal, and so in the query tables: nothing has to be
//! remembered over a restart but when to ask next, and after a restart it is asked at once. Pauses grow
//! from try to try, with chance in them, so that a provider that comes back is not met by everybody at
//! the same moment. Shortly before an order runs out it is asked once more.
//!
//! Who owns it: one task, which ends with the server. On failure of the tables or the provider it tries
//! again later; the order itself runs out in any case.

use super::Checkout;
use crate::clock::{self, Clock};
use crate::domain::{OrderId, Timestamp};
use crate::projection::{PendingOrder, Queries};
use futures::StreamExt;
use futures::stream;
use std::collections::HashMap;
use std::time::Duration;

/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Most orders that are looked at in one round, those that run out first before the others.
const ORDERS_MAX: u32 = 1_000;

/// Most providers that are asked at the same time.
const ASKED_AT_ONCE: usize = 16;

/// The first pause. The request that placed the order has asked already.
const FIRST_PAUSE_MS: u64 = 2_000;

/// The longest pause.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// So long before an order runs out its provider is asked for the last time.
const LAST_CALL_MS: u64 = 4_000;

/// When an order is to be asked about next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Try {
    at: Timestamp,
    number: u32,
}

impl Try {
    fn first(order: &PendingOrder) -> Self {
        Self { at: order.placed_at.plus_millis(FIRST_PAUSE_MS), number: 1 }
    }

    /// The try after this one. `chance` is between 0 and 1.
    fn next(self, order: &PendingOrder, now: Timestamp, chance: f64) -> Self {
        let doubled = FIRST_PAUSE_MS.saturating_mul(1 << self.number.min(20));
        let pause = doubled.min(LONGEST_PAUSE_MS);
        // Between half the pause and the whole.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let pause = pause / 2 + (pause as f64 / 2.0 * chance.clamp(0.0, 1.0)) as u64;
        let mut at = now.plus_millis(pause);
        let last_call =
            Timestamp::from_millis(order.expires_at.as_millis().saturating_sub(LAST_CALL_MS));
        if now < last_call {
            at = at.min(last_call);
        }
        Self { at, number: self.number.saturating_add(1) }
    }
}

/// Asks for ever; run it as a task.
pub async fn run(checkout: Checkout, queries: Queries, clock: Clock) {
    let mut tries: HashMap<OrderId, Try> = HashMap::new();
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let pending = match queries.pending_orders(ORDERS_MAX).await {
            Ok(pending) => pending,
            Err(error) => {
                tracing::debug!(%error, "orders that wait for their payment cannot be looked up");
                continue;
            }
        };
        let now = clock.now();
        let mut due = Vec::new();
        let mut still = HashMap::with_capacity(pending.len());
        for order in pending {
            let mut next = tries.get(&order.order).copied().unwrap_or_else(|| Try::first(&order));
            if next.at <= now {
                due.push(order);
                next = next.next(&order, now, clock::draw_fraction());
            }
            still.insert(order.order, next);
        }
        tries = still;
        stream::iter(due)
            .for_each_concurrent(ASKED_AT_ONCE, async |order| {
                if let Err(error) = checkout.pay(order.product, order.order).await {
                    tracing::debug!(order = ?order.order, %error, "an order is not paid");
                }
            })
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProductId;

    fn order(expires_at: u64) -> PendingOrder {
        PendingOrder {
            order: OrderId([1; 16]),
            product: ProductId::new(1).unwrap(),
            placed_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(expires_at),
        }
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let order = order(10_000_000);
        let mut next = Try::first(&order);
        let mut pauses = vec![next.at.as_millis()];
        for _ in 0..12 {
            let now = next.at;
            next = next.next(&order, now, 1.0);
            pauses.push(next.at.as_millis() - now.as_millis());
        }
        assert_eq!(pauses[..5], [2_000, 4_000, 8_000, 16_000, 32_000]);
        assert_eq!(pauses[12], LONGEST_PAUSE_MS);
        let least = Try::first(&order).next(&order, Timestamp::from_millis(2_000), 0.0);
        assert_eq!(least.at.as_millis(), 4_000);
    }

    #[test]
    fn the_last_call_comes_before_the_order_runs_out() {
        let order = order(60_000);
        let asked = Try { at: Timestamp::from_millis(40_000), number: 9 };
        let last = asked.next(&order, Timestamp::from_millis(40_000), 1.0);
        assert_eq!(last.at.as_millis(), 56_000);
        // After it nothing holds the pauses back.
        let after = last.next(&order, Timestamp::from_millis(56_000), 1.0);
        assert_eq!(after.at.as_millis(), 356_000);
    }
}
