//! Limits from inside, where the time can be moved.

use super::bounded::Bounded;
use super::*;
use crate::config::{Flags, load};
use governor::clock::FakeRelativeClock;
use governor::middleware::StateInformationMiddleware;
use std::net::Ipv4Addr;
use std::time::Duration;

fn settings(keys: &[(&str, u32)]) -> LimitsConfig {
    let name = |key: &str| format!("LASTUNIT_LIMITS__{}", key.to_ascii_uppercase());
    let environment = keys.iter().map(|(key, value)| (name(key), value.to_string()));
    load(None, environment, &Flags::default()).expect("valid").limits
}

fn admission(keys: &[(&str, u32)]) -> (Admission, FakeRelativeClock) {
    let clock = FakeRelativeClock::default();
    let ticker = Ticker::Manual(clock.clone());
    (Admission::new(&settings(keys), &ticker, AdmissionMetrics::default()), clock)
}

fn ip(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number))
}

fn customer(name: &str) -> CustomerId {
    CustomerId::new(name).expect("a customer")
}

fn product(id: u64) -> ProductId {
    ProductId::new(id).expect("a product")
}

/// How many of `count` requests pass.
fn passed(count: u32, mut ask: impl FnMut() -> bool) -> u32 {
    (0..count).map(|_| u32::from(ask())).sum()
}

#[test]
fn a_burst_passes_and_comes_back_at_its_rate() {
    let (admission, clock) =
        admission(&[("address_buying_per_second", 2), ("address_buying_burst", 10)]);
    let ask = |address| admission.request(Some(ip(address)), Budget::Buying);
    assert_eq!(passed(50, || ask(1).is_ok()), 10);
    assert_eq!(passed(50, || ask(2).is_ok()), 10, "somebody else");
    let Err(Turned::Limited(standing)) = ask(1) else { panic!("not limited") };
    assert_eq!((standing.policy.limit, standing.policy.share), (Limit::Address, "buying"));
    assert_eq!((standing.remaining, standing.seconds), (0, 1));
    assert_eq!(standing.policy.window_seconds(), 5);
    clock.advance(Duration::from_secs(2));
    assert_eq!(passed(50, || ask(1).is_ok()), 4);
    clock.advance(Duration::from_hours(1));
    assert_eq!(passed(50, || ask(1).is_ok()), 10);
}

#[test]
fn budgets_are_apart_and_nothing_else_is_counted() {
    let (admission, _) = admission(&[
        ("address_reading_burst", 4),
        ("address_signing_in_burst", 2),
        ("address_buying_burst", 3),
    ]);
    let ask = |budget| passed(50, || admission.request(Some(ip(1)), budget).is_ok());
    assert_eq!(ask(Budget::SigningIn), 2);
    assert_eq!(ask(Budget::Buying), 3);
    assert_eq!(ask(Budget::Listing), 4);
    // Lists, other reading and changes share one budget.
    assert_eq!((ask(Budget::Reading), ask(Budget::Changing)), (0, 0));
    assert_eq!(ask(Budget::Unlimited), 50);
}

#[test]
fn whoever_comes_near_a_limit_is_told() {
    let (admission, _) =
        admission(&[("address_buying_per_second", 1), ("address_buying_burst", 4)]);
    let ask = || admission.request(Some(ip(1)), Budget::Buying).expect("it passes");
    assert_eq!((ask(), ask()), (None, None));
    let near = [ask(), ask()].map(|standing| standing.expect("near the limit"));
    assert_eq!(near.map(|standing| (standing.remaining, standing.seconds)), [(1, 3), (0, 4)]);
}

#[test]
fn customers_and_products_have_limits_of_their_own() {
    let (admission, _) = admission(&[("customer_buying_burst", 3), ("product_buying_burst", 5)]);
    let buy = |name: &str, id| admission.buyer(&customer(name), [product(id)]);
    assert_eq!(passed(10, || buy("ann", 1).is_ok()), 3);
    assert_eq!(passed(10, || buy("bob", 1).is_ok()), 2, "the product's");
    let Err(Turned::Limited(standing)) = buy("cat", 1) else { panic!("not limited") };
    assert_eq!(standing.policy.limit, Limit::Product);
    assert_eq!(passed(10, || buy("dan", 2).is_ok()), 3);
    let Err(Turned::Limited(standing)) = buy("ann", 3) else { panic!("not limited") };
    assert_eq!(standing.policy.limit, Limit::Customer);
}

/// What is over the limit of its address takes nothing from the others.
#[test]
fn the_server_counts_only_what_addresses_let_through() {
    let (admission, clock) = admission(&[
        ("address_buying_burst", 2),
        ("server_buying_per_second", 1),
        ("server_buying_burst", 6),
    ]);
    let ask =
        |address| passed(100, || admission.request(Some(ip(address)), Budget::Buying).is_ok());
    assert_eq!([ask(1), ask(2), ask(3)], [2, 2, 2]);
    let Err(Turned::Limited(standing)) = admission.request(Some(ip(4)), Budget::Buying) else {
        panic!("not limited")
    };
    assert_eq!((standing.policy.limit, standing.seconds), (Limit::Server, 1));
    clock.advance(Duration::from_secs(1));
    assert_eq!(ask(5), 1);
}

/// Threads take permissions ahead, so the burst may be passed by as many as they can have ahead.
#[test]
fn the_server_lets_through_what_it_may_whoever_asks() {
    let burst = 2_560;
    let (admission, _) = admission(&[
        ("address_buying_per_second", 0),
        ("server_buying_per_second", 1),
        ("server_buying_burst", burst),
    ]);
    let threads = 8;
    let ask = || passed(burst, || admission.request(Some(ip(1)), Budget::Buying).is_ok());
    let passed: u32 = std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|_| scope.spawn(ask)).collect();
        running.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    // What a thread took ahead is what it did not spend: nothing is let through twice.
    assert!((burst - threads * 10..=burst).contains(&passed), "{passed}");
}

#[test]
fn a_rate_of_0_is_no_limit_and_off_is_off() {
    let (admission, _) =
        admission(&[("address_buying_per_second", 0), ("address_buying_burst", 1)]);
    assert_eq!(passed(100, || admission.request(Some(ip(1)), Budget::Buying).is_ok()), 100);
    let off = LimitsConfig { enabled: false, ..settings(&[("customer_buying_burst", 1)]) };
    let off = Admission::new(&off, &Ticker::system(), AdmissionMetrics::default());
    assert!(!off.is_on());
    assert_eq!(passed(100, || off.buyer(&customer("ann"), [product(1)]).is_ok()), 100);
    let busy = Load {
        in_flight: 1,
        in_flight_max: 1,
        connections: 1,
        connections_max: 1,
        lag: Duration::ZERO,
        lag_max: Duration::ZERO,
    };
    off.observe(&busy);
    assert!(off.request(Some(ip(1)), Budget::Listing).is_ok());
}

#[test]
fn load_turns_away_what_is_not_a_purchase() {
    let (admission, _) = admission(&[]);
    let load = |in_flight| Load {
        in_flight,
        in_flight_max: 100,
        connections: 0,
        connections_max: 1,
        lag: Duration::ZERO,
        lag_max: Duration::ZERO,
    };
    admission.observe(&load(99));
    for budget in [Budget::Listing, Budget::Reading, Budget::SigningIn, Budget::Changing] {
        assert_eq!(admission.request(Some(ip(1)), budget), Err(Turned::Overloaded), "{budget:?}");
    }
    for budget in [Budget::Buying, Budget::Unlimited] {
        assert_eq!(admission.request(Some(ip(1)), budget), Ok(None), "{budget:?}");
    }
}

/// Ten million addresses, a hundred thousand a second, one request each; among them a hundred callers
/// that ask as often as they may, and one that has used its burst up.
#[test]
fn ten_million_addresses_fit_into_the_table_and_reset_nobody() {
    let (admission, clock) = admission(&[
        ("address_buying_per_second", 10),
        ("address_buying_burst", 100),
        ("server_buying_per_second", 0),
        ("address_entries_max", 65_536),
    ]);
    let ask = |address| admission.request(Some(ip(address)), Budget::Buying).is_ok();
    let (flood, honest, greedy) = (0x0a00_0000, 0xc000_0200..0xc000_0264_u32, 0xc633_6401);
    let mut greedily = passed(1_000, || ask(greedy));
    let mut refused = 0;
    for count in 0..10_000_000_u32 {
        refused += u32::from(!ask(flood + count));
        if count.is_multiple_of(100) {
            clock.advance(Duration::from_millis(1));
        }
        // Ten times a second: exactly their rate. The greedy one asks as often.
        if count.is_multiple_of(10_000) {
            for address in honest.clone() {
                assert!(ask(address), "an honest caller is refused");
            }
            greedily += passed(10, || ask(greedy));
        }
    }
    assert_eq!(refused, 0, "callers that come once pass");
    // A hundred seconds at ten a second and the burst, and not one more.
    assert!((1_000..=1_101).contains(&greedily), "{greedily}");
    assert!(passed(1_000, || ask(greedy)) <= 1, "its debt was not pushed out");
}

#[test]
fn the_table_takes_what_it_is_given_and_no_more() {
    let quota = governor::Quota::per_second(std::num::NonZeroU32::MIN);
    let clock = FakeRelativeClock::default();
    let limiter: governor::RateLimiter<_, _, _, StateInformationMiddleware> =
        governor::RateLimiter::new(quota, Bounded::new(65_536), clock);
    for count in 0..10_000_000_u64 {
        // Any bits will do: what a hash would be.
        let _ = limiter.check_key(&count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    }
    let table = limiter.into_state_store();
    assert_eq!((table.places(), table.bytes()), (65_536, 65_536 * 16));
    assert_eq!(table.taken(), table.places());
}
