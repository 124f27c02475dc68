//! Collecting: providers are asked again about orders that wait for their payment.
//!
//! Which orders those are stands in the journal, and so in the query tables: nothing has to be
//! remembered over a restart but when to ask next, and after a restart it is asked at once. Pauses grow
//! from try to try, with chance in them, so that a provider that comes back is not met by everybody at
//! the same moment. Shortly before an order runs out it is asked once more, early enough for an answer that
//! takes as long as one may.
//!
//! Who owns it: one task, which ends with the server. A provider that hangs holds up nobody else's order
//! ([`super::crew`]). While the tables are away, the orders that were known are asked about on and on: their
//! leads know all that is needed. On failure of the provider it tries again later; the order itself runs out
//! in any case.

use super::Checkout;
use super::crew::Crew;
use super::jobs::Tries;
use crate::clock::{self, Clock};
use crate::domain::{Grace, OrderId, Timestamp};
use crate::projection::{PendingOrder, Queries};
use std::collections::HashMap;
use std::time::Duration;

/// How often the tables are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Most orders that are looked at in one round, those that run out first before the others.
const ORDERS_MAX: u32 = 10_000;

/// Most providers that are asked at the same time.
const ASKED_AT_ONCE: usize = 64;

/// The longest pause.
const LONGEST_PAUSE_MS: u64 = 300_000;

/// So long after a provider has had its time the next one asks.
const AFTER_PATIENCE_MS: u64 = 1_000;

/// When orders are asked about.
#[derive(Debug, Clone, Copy)]
struct Rhythm {
    /// How long a provider may take.
    patience_ms: u64,
    /// Orders that ran out before the start end at its end.
    grace: Grace,
}

impl Rhythm {
    fn tries(self) -> Tries {
        Tries {
            // The request that placed the order has asked already, and may be waiting still.
            first_pause_ms: self.patience_ms + AFTER_PATIENCE_MS,
            longest_pause_ms: LONGEST_PAUSE_MS,
            most: u32::MAX,
        }
    }

    fn first(self, order: &PendingOrder) -> Try {
        Try { at: order.placed_at.plus_millis(self.tries().first_pause_ms), number: 1 }
    }

    /// When the order can be paid no more.
    fn ends_at(self, order: &PendingOrder) -> Timestamp {
        if order.expires_at <= self.grace.from { self.grace.until } else { order.expires_at }
    }

    /// Orders that end by then are over.
    fn over(self, now: Timestamp) -> Timestamp {
        if now < self.grace.until { Timestamp::default() } else { now }
    }

    /// The try after this one. `chance` is between 0 and 1.
    fn next(self, asked: Try, order: &PendingOrder, now: Timestamp, chance: f64) -> Try {
        let number = asked.number.saturating_add(1);
        let mut at = now.plus_millis(self.tries().pause_after(number, chance));
        // Twice: who was asked a moment before it may still be waiting for an answer.
        let last_call = self.ends_at(order).as_millis().saturating_sub(2 * self.patience_ms);
        let last_call = Timestamp::from_millis(last_call);
        if now < last_call {
            at = at.min(last_call);
        }
        Try { at, number }
    }
}

/// When an order is to be asked about next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Try {
    at: Timestamp,
    number: u32,
}

/// Orders that wait, and when each is to be asked about.
type Known = HashMap<OrderId, (PendingOrder, Try)>;

/// Asks for ever; run it as a task. `grace` is what orders get that ran out before the start.
pub async fn run(checkout: Checkout, queries: Queries, clock: Clock, grace: Duration) {
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let from = clock.now();
    let grace = Grace { from, until: from.plus_millis(millis(grace)) };
    let rhythm = Rhythm { patience_ms: millis(checkout.patience), grace };
    let mut known = Known::new();
    let mut crew = Crew::of(ASKED_AT_ONCE);
    loop {
        look(&queries, rhythm, clock.now(), &mut known).await;
        let now = clock.now();
        let due =
            known.values().filter(|(order, next)| next.at <= now && !crew.is_at(&order.order));
        let mut due: Vec<_> = due.map(|(order, _)| *order).collect();
        due.sort_unstable_by_key(|order| (rhythm.ends_at(order), order.order));
        let begin = |order: PendingOrder| {
            if let Some((_, next)) = known.get_mut(&order.order) {
                *next = rhythm.next(*next, &order, clock.now(), clock::draw_fraction());
            }
            let checkout = checkout.clone();
            let asking = async move {
                if let Err(error) = checkout.pay(order.product, order.order, |_| true).await {
                    tracing::debug!(order = ?order.order, %error, "an order is not paid");
                }
            };
            (order.order, Box::pin(asking) as _)
        };
        crew.work(due.into(), LOOK_EVERY, begin).await;
    }
}

/// Finds out which orders wait now; keeps to those that are known while nobody can tell.
async fn look(queries: &Queries, rhythm: Rhythm, now: Timestamp, known: &mut Known) {
    match queries.pending_orders(rhythm.over(now), ORDERS_MAX).await {
        Ok(pending) => {
            let next = |order: &PendingOrder| {
                known.get(&order.order).map_or_else(|| rhythm.first(order), |(_, next)| *next)
            };
            *known =
                pending.into_iter().map(|order| (order.order, (order, next(&order)))).collect();
        }
        Err(error) => {
            tracing::debug!(%error, "orders that wait for their payment cannot be looked up");
            known.retain(|_, (order, _)| rhythm.ends_at(order) > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ProductId;

    const RHYTHM: Rhythm = Rhythm {
        patience_ms: 3_000,
        grace: Grace { from: Timestamp::from_millis(20), until: Timestamp::from_millis(30_000) },
    };

    fn order(expires_at: u64) -> PendingOrder {
        PendingOrder {
            order: OrderId([1; 16]),
            product: ProductId::new(1).unwrap(),
            placed_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(expires_at),
        }
    }

    fn asked(at: u64, expires_at: u64) -> u64 {
        let before = Try { at: Timestamp::from_millis(at), number: 9 };
        RHYTHM.next(before, &order(expires_at), before.at, 1.0).at.as_millis()
    }

    #[test]
    fn pauses_grow_up_to_a_bound() {
        let order = order(10_000_000);
        let mut next = RHYTHM.first(&order);
        let mut pauses = vec![next.at.as_millis()];
        for _ in 0..12 {
            let now = next.at;
            next = RHYTHM.next(next, &order, now, 1.0);
            pauses.push(next.at.as_millis() - now.as_millis());
        }
        assert_eq!(pauses[..5], [4_000, 8_000, 16_000, 32_000, 64_000]);
        assert_eq!(pauses[12], LONGEST_PAUSE_MS);
        let least = RHYTHM.next(RHYTHM.first(&order), &order, Timestamp::from_millis(4_000), 0.0);
        assert_eq!(least.at.as_millis(), 8_000);
    }

    #[test]
    fn the_last_call_leaves_time_for_an_answer() {
        assert_eq!(asked(40_000, 60_000), 54_000);
        // After it nothing holds the pauses back.
        assert_eq!(asked(54_000, 60_000), 354_000);
    }

    #[test]
    fn what_ran_out_before_the_start_ends_with_the_grace() {
        assert_eq!(asked(1_000, 10), 24_000);
        assert_eq!(RHYTHM.over(Timestamp::from_millis(29_999)), Timestamp::default());
        assert_eq!(RHYTHM.over(Timestamp::from_millis(30_000)).as_millis(), 30_000);
    }
}
