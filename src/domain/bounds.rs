//! Bounds: how much of everything one product keeps in memory (promise 8).
//!
//! The tests of this crate's inside reach every bound, so for them the bounds are small.

/// Most active holds. One more is refused.
pub(super) const HOLDS_MAX: usize = bound(4_000_000);

/// Most holds that one decision finds lapsed. Beyond, it is refused until their expiry has caught up.
pub(super) const LAPSED_MAX: usize = 1_000;

/// Most lines of orders that have come back. One more is refused: they are never forgotten, so that
/// none comes back twice.
pub(super) const RETURNS_MAX: usize = bound(4_000_000);

/// Most ends of holds that are remembered. One more pushes the oldest out.
pub(super) const ENDS_MAX: usize = bound(4_000_000);

/// Most customers that units are counted for. One more is refused.
pub(super) const CUSTOMERS_MAX: usize = bound(8_000_000);

/// Most purchases that wait for their turn. One more is refused.
pub(super) const QUEUE_MAX: usize = bound(1_000_000);

/// Most sales of one product that are not over. One more is refused.
pub(super) const SALES_MAX: usize = 64;

/// Most sales of one product that are remembered: those that are over make room, the oldest first.
/// Holds name them by one byte.
pub(super) const SALES_KEPT: usize = 2 * SALES_MAX;

/// Most idempotency keys that are remembered. One more is refused.
pub(super) const KEYS_MAX: usize = bound(4_000_000);

const fn bound(entries: usize) -> usize {
    if cfg!(test) { 5_000 } else { entries }
}

#[cfg(test)]
mod tests {
    use super::super::{
        Action, Command, CustomerId, Event, Fingerprint, HoldEnd, Money, Offer, OrderId, Product,
        Quantity, REMEMBERED_MS, Refusal, RequestKey, Retry, STOCKED_MAX, Timestamp, Verdict,
    };
    use super::*;

    const FULL_HOLDS: Refusal = Refusal::Full { table: "holds" };
    const FULL_KEYS: Refusal = Refusal::Full { table: "keys" };
    const FULL_CUSTOMERS: Refusal = Refusal::Full { table: "customers" };

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn order(number: usize) -> OrderId {
        OrderId((number as u128).to_be_bytes())
    }

    fn keyed(number: usize, action: Action) -> Command {
        let key = RequestKey((number as u128).to_be_bytes());
        Command { retry: Some(Retry { key, fingerprint: Fingerprint(7) }), action }
    }

    fn buy(number: usize, customer: &str, units: u32) -> Action {
        let customer = CustomerId::new(customer).unwrap();
        Action::Purchase {
            order: order(number),
            customer,
            quantity: Quantity::new(units).unwrap(),
            sale: None,
        }
    }

    fn hold(number: usize, customer: &str, units: u32) -> Action {
        let customer = CustomerId::new(customer).unwrap();
        let quantity = Quantity::new(units).unwrap();
        Action::Hold {
            order: order(number),
            customer,
            quantity,
            hold_ms: 100,
            sale: None,
            part: None,
        }
    }

    fn adjust(delta: i64) -> Action {
        Action::Adjust { delta, reason: "counted".into() }
    }

    /// A product of so many units that closes at 1000 and sells each customer at most 5500.
    fn product(units: u64) -> Product {
        let price = Money { amount: 1, currency: super::super::Currency::NONE };
        let offer = Offer {
            price,
            limit_per_customer: Some(5_500),
            opens_at: None,
            closes_at: Some(at(1_000)),
        };
        let mut product = Product::default();
        let created = Event::Created { offer, units, entry: Box::default() };
        product.apply(&created, at(0));
        product
    }

    /// Decides and applies; the refusal if there was one.
    fn take(product: &mut Product, command: &Command, now: u64) -> Option<Refusal> {
        let decision = product.decide(command, at(now));
        for order in decision.lapsed {
            let expired = Event::Ended { order, end: HoldEnd::Expired, retry: None };
            product.apply(&expired, at(now));
        }
        match decision.verdict {
            Ok(Verdict::Record(event)) => drop(product.apply(&event, at(now))),
            Ok(Verdict::Replay(_)) => {}
            Err(refusal) => return Some(refusal),
        }
        None
    }

    #[test]
    fn a_full_table_of_holds_is_the_last_reason_to_refuse() {
        let mut product = product(HOLDS_MAX as u64 + 2);
        for number in 0..HOLDS_MAX {
            assert_eq!(take(&mut product, &Command::plain(hold(number, "ann", 1)), 1), None);
        }
        let mut refusal = |action, now| take(&mut product, &Command::plain(action), now);
        let next = HOLDS_MAX;
        assert_eq!(refusal(hold(next, "bob", 1), 2), Some(FULL_HOLDS));
        // What comes before it.
        assert_eq!(
            refusal(hold(next, "bob", 1), 1_000),
            Some(Refusal::Closed { closed_at: at(1_000) })
        );
        assert_eq!(refusal(hold(next, "bob", 3), 2), Some(Refusal::Insufficient { available: 2 }));
        let limit = Refusal::CustomerLimit { limit: 5_500, owned: HOLDS_MAX as u64 };
        assert_eq!(refusal(hold(next, "ann", 501), 2), Some(limit));
        // A purchase needs no room for a hold; then nothing is left, and that comes first.
        assert_eq!(refusal(buy(next, "bob", 2), 2), None);
        assert_eq!(refusal(hold(next + 1, "bob", 1), 2), Some(Refusal::SoldOut));
        // One hold less, and there is room again.
        assert_eq!(refusal(Action::Release { order: order(0) }, 3), None);
        assert_eq!(refusal(hold(next + 1, "bob", 1), 3), None);
    }

    /// More holds than one decision may find lapsed: it expires its share and asks to come again.
    #[test]
    fn one_decision_expires_a_bounded_number_of_holds() {
        let mut product = product(4_000);
        for number in 0..LAPSED_MAX + 10 {
            assert_eq!(take(&mut product, &Command::plain(hold(number, "ann", 1)), 1), None);
        }
        let everything = Command::plain(adjust(-4_000));
        let decision = product.decide(&everything, at(120));
        assert_eq!(decision.lapsed.len(), LAPSED_MAX);
        assert_eq!(decision.verdict, Err(Refusal::Full { table: "lapsed holds" }));
        // What it expired is expired, so that asking again succeeds.
        let refusal = Some(Refusal::Full { table: "lapsed holds" });
        assert_eq!(take(&mut product, &everything, 120), refusal);
        assert_eq!(product.holds().len(), 10);
        assert_eq!(take(&mut product, &everything, 120), None);
    }

    #[test]
    fn a_full_memory_of_keys_is_the_last_reason_to_refuse() {
        let mut product = product(10_000);
        assert_eq!(take(&mut product, &Command::plain(hold(1, "bob", 1)), 0), None);
        for number in 0..KEYS_MAX {
            assert_eq!(take(&mut product, &keyed(number, buy(100 + number, "ann", 1)), 1), None);
        }
        let mut refusal = |action, now| take(&mut product, &keyed(KEYS_MAX, action), now);
        let extend =
            |extensions_max| Action::Extend { order: order(1), hold_ms: 9, extensions_max };
        for action in [
            buy(99_999, "bob", 1),
            hold(99_999, "bob", 1),
            Action::Confirm { order: order(1) },
            Action::Release { order: order(1) },
            extend(1),
            adjust(1),
        ] {
            assert_eq!(refusal(action, 2), Some(FULL_KEYS));
        }
        // What comes before it.
        let used_up = Refusal::ExtensionsUsedUp { extensions_max: 0 };
        assert_eq!(refusal(extend(0), 2), Some(used_up));
        let limit = Refusal::CustomerLimit { limit: 5_500, owned: KEYS_MAX as u64 };
        assert_eq!(refusal(buy(99_999, "ann", 501), 2), Some(limit));
        assert_eq!(refusal(adjust(-9_999), 2), Some(Refusal::Insufficient { available: 4_999 }));
        let above = Refusal::AboveMaximum { stocked: 10_000 };
        assert_eq!(refusal(adjust(STOCKED_MAX.cast_signed()), 2), Some(above));
        let expired = Refusal::HoldOver(HoldEnd::Expired);
        assert_eq!(refusal(Action::Confirm { order: order(1) }, 200), Some(expired));
        // Without a key there is nothing to remember.
        assert_eq!(take(&mut product, &Command::plain(adjust(1)), 201), None);
        assert_eq!(product.memory().len(), KEYS_MAX);
    }

    #[test]
    fn a_full_queue_is_the_last_reason_to_refuse() {
        let queue = |number: usize| {
            let Action::Purchase { order, customer, quantity, sale } = buy(number, "ann", 1) else {
                unreachable!("a purchase")
            };
            Action::Queue {
                order,
                customer,
                quantity,
                priority: super::super::Priority::Normal,
                sale,
            }
        };
        let mut product = product(1);
        for number in 0..QUEUE_MAX {
            assert_eq!(take(&mut product, &keyed(number, queue(number)), 1), None);
        }
        let mut refusal = |command: &Command, now| take(&mut product, command, now);
        let full = Some(Refusal::Full { table: "queue" });
        let next = keyed(QUEUE_MAX, queue(QUEUE_MAX));
        assert_eq!(refusal(&next, 2), full);
        // What comes before it: a known key, the window, sold out.
        assert_eq!(refusal(&keyed(0, queue(0)), 2), None);
        assert_eq!(refusal(&next, 1_000), Some(Refusal::Closed { closed_at: at(1_000) }));
        assert_eq!(refusal(&Command::plain(Action::TakeTurn), 3), None);
        assert_eq!(refusal(&next, 3), Some(Refusal::SoldOut));
        assert_eq!(refusal(&Command::plain(adjust(1)), 4), None);
        // One turn has made room; but by now the keys are full.
        assert_eq!(refusal(&next, 4), Some(FULL_KEYS));
        assert_eq!(refusal(&Command::plain(queue(QUEUE_MAX)), 4), None);
        assert_eq!(refusal(&Command::plain(queue(QUEUE_MAX + 1)), 4), full);
    }

    /// Whoever waits is told that there is no room, and is not left waiting for it.
    #[test]
    fn a_turn_that_finds_a_full_table_fails() {
        let mut product = product(CUSTOMERS_MAX as u64 + 2);
        let customer = CustomerId::new("one more").unwrap();
        let (quantity, priority) = (Quantity::new(1).unwrap(), super::super::Priority::Vip);
        let queue =
            Action::Queue { order: order(77_777), customer, quantity, priority, sale: None };
        assert_eq!(take(&mut product, &Command::plain(queue), 1), None);
        for number in 0..CUSTOMERS_MAX {
            let action = buy(number, &format!("customer {number}"), 1);
            assert_eq!(take(&mut product, &Command::plain(action), 1), None);
        }
        let Ok(Verdict::Record(event)) =
            product.decide(&Command::plain(Action::TakeTurn), at(2)).verdict
        else {
            panic!("a turn is decided")
        };
        let why = super::super::TurnRefusal::Full;
        assert!(matches!(event, Event::Refused { why: found, .. } if found == why), "{event:?}");
        product.apply(&event, at(2));
        assert!(product.queue().is_empty());
    }

    /// So many lapsed holds stand in the way that the turn comes a little later; it is not lost.
    #[test]
    fn a_turn_waits_until_lapsed_holds_are_out_of_the_way() {
        let units = u32::try_from(LAPSED_MAX).unwrap() + 500;
        let mut product = product(u64::from(units));
        for number in 0..LAPSED_MAX + 500 {
            assert_eq!(take(&mut product, &Command::plain(hold(number, "bob", 1)), 1), None);
        }
        let customer = CustomerId::new("ann").unwrap();
        let (quantity, priority) = (Quantity::from_journal(units), super::super::Priority::Normal);
        let queue =
            Action::Queue { order: order(77_777), customer, quantity, priority, sale: None };
        assert_eq!(take(&mut product, &Command::plain(queue), 200), None);
        let turn = Command::plain(Action::TakeTurn);
        let refusal = Some(Refusal::Full { table: "lapsed holds" });
        assert_eq!(take(&mut product, &turn, 200), refusal);
        assert_eq!((product.queue().len(), product.holds().len()), (1, 500));
        assert_eq!(take(&mut product, &turn, 200), None);
        assert_eq!((product.queue().len(), product.stock().sold), (0, u64::from(units)));
    }

    /// Keyed commands alone must make their own room once the old keys may be forgotten.
    #[test]
    fn old_keys_give_way_to_new_ones() {
        let mut product = product(10_000);
        for number in 0..KEYS_MAX {
            assert_eq!(take(&mut product, &keyed(number, adjust(0)), 1), None);
        }
        let next = keyed(KEYS_MAX, adjust(0));
        assert_eq!(take(&mut product, &next, 1 + REMEMBERED_MS), Some(FULL_KEYS));
        assert_eq!(take(&mut product, &next, 2 + REMEMBERED_MS), None);
        assert!(product.memory().len() < KEYS_MAX);
    }

    #[test]
    fn customers_that_are_not_counted_yet_find_a_full_table() {
        let mut product = product(CUSTOMERS_MAX as u64 + 1);
        for number in 0..CUSTOMERS_MAX {
            let action = buy(number, &format!("customer {number}"), 1);
            assert_eq!(take(&mut product, &Command::plain(action), 1), None);
        }
        let mut refusal = |action, now| take(&mut product, &Command::plain(action), now);
        let next = CUSTOMERS_MAX;
        assert_eq!(refusal(buy(next, "one more", 1), 1), Some(FULL_CUSTOMERS));
        assert_eq!(refusal(hold(next, "one more", 1), 1), Some(FULL_CUSTOMERS));
        assert_eq!(
            refusal(buy(next, "one more", 2), 1),
            Some(Refusal::Insufficient { available: 1 })
        );
        assert_eq!(refusal(buy(next, "customer 0", 1), 1), None);
        assert_eq!(refusal(buy(next + 1, "one more", 1), 1), Some(Refusal::SoldOut));
    }

    #[test]
    fn of_too_many_ends_the_newest_are_remembered() {
        let mut product = product(10);
        for number in 0..=ENDS_MAX {
            assert_eq!(take(&mut product, &Command::plain(hold(number, "ann", 1)), 1), None);
            let release = Action::Release { order: order(number) };
            assert_eq!(take(&mut product, &Command::plain(release), 1), None);
        }
        assert_eq!(product.holds().iter_ended().count(), ENDS_MAX);
        assert_eq!(product.holds().end_of(&order(0)), None);
        assert_eq!(product.holds().end_of(&order(1)), Some(HoldEnd::Released));
        assert_eq!(product.holds().end_of(&order(ENDS_MAX)), Some(HoldEnd::Released));
    }
}
