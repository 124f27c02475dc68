//! What one active hold costs in memory, counted by the allocator.
//!
//! Proves: a million holds of a million customers in one product take at most 200 bytes each, with
//! everything that belongs to them: the order, the customer's total, the index by time. Also at the
//! unkind counts, just behind the size at which a table doubles.
//!
//! Replay: `cargo test --test memory -- --nocapture` prints the numbers.
#![allow(unsafe_code, clippy::expect_used, clippy::unwrap_used)]

use lastunit::domain::{
    Action, Command, Currency, CustomerId, Event, Money, Offer, OrderId, Product, Quantity,
    Timestamp, Verdict,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering};

const BYTES_PER_HOLD_MAX: usize = 200;

/// Where the cost is measured. Tables of this kind double behind 7/8 of a power of two.
const COUNTS: [usize; 6] = [100_000, 458_753, 600_000, 800_000, 917_505, 1_000_000];

/// The system's allocator, counting the bytes that are taken and not given back.
struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(layout.size(), Ordering::Relaxed);
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        TAKEN.fetch_sub(layout.size(), Ordering::Relaxed);
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn an_active_hold_takes_at_most_200_bytes() {
    let last = *COUNTS.last().unwrap();
    let before = TAKEN.load(Ordering::Relaxed);
    let mut product = product(last as u64);
    for number in 0..last {
        hold(&mut product, number);
        if COUNTS.contains(&(number + 1)) {
            assert_eq!(product.holds().len(), number + 1);
            assert_eq!(product.customers().len(), number + 1);
            let each = (TAKEN.load(Ordering::Relaxed) - before) / (number + 1);
            println!("{} holds: {each} bytes each", number + 1);
            assert!(each <= BYTES_PER_HOLD_MAX, "{each} bytes a hold at {} holds", number + 1);
        }
    }
}

fn product(units: u64) -> Product {
    let price = Money { amount: 1_000, currency: Currency::NONE };
    let offer = Offer { price, limit_per_customer: Some(2), opens_at: None, closes_at: None };
    let mut product = Product::default();
    product.apply(&Event::Created { offer, units, entry: Box::default() }, Timestamp::default());
    product
}

/// One more customer with a name of ten characters and an order id as it is drawn: by time, then by
/// chance.
fn hold(product: &mut Product, number: usize) {
    let now = Timestamp::from_millis(1_790_000_000_000 + number as u64 / 20);
    let random = (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let order = (u128::from(now.as_millis()) << 80) | (7 << 76) | u128::from(random);
    let action = Action::Hold {
        order: OrderId(order.to_be_bytes()),
        customer: CustomerId::new(&format!("c{number:09}")).unwrap(),
        quantity: Quantity::new(1).unwrap(),
        hold_ms: 600_000,
        sale: None,
        part: None,
    };
    let Ok(Verdict::Record(event)) = product.decide(&Command::plain(action), now).verdict else {
        unreachable!("there is a unit for everybody");
    };
    product.apply(&event, now);
}
