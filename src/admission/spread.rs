//! Spread: the limit of the whole server, without one number that every thread writes to.
//!
//! A thread takes several permissions at once from the one counter and spends them by itself. What idle
//! threads still have is the price: the server may let through so many more than its burst, once; at most
//! a 256th of the burst for each of the [`SLOTS`].

use super::limits::{Direct, Ticker};
use crossbeam_utils::CachePadded;
use governor::clock::Clock as _;
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::time::Duration;

/// Threads with permissions of their own; more share them.
const SLOTS: usize = 64;
/// Most permissions that a thread takes at once, and which part of the burst that may be.
const TAKEN_MAX: u32 = 64;
const PARTS: u32 = 256;

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's slot.
    static SLOT: usize = NEXT.fetch_add(1, Ordering::Relaxed) % SLOTS;
}

#[derive(Debug)]
pub(super) struct Spread {
    limiter: CachePadded<Direct>,
    taken_at_once: NonZeroU32,
    slots: Box<[CachePadded<AtomicU32>]>,
}

impl Spread {
    pub(super) fn new(quota: Quota, ticker: &Ticker) -> Self {
        let part = (quota.burst_size().get() / PARTS).clamp(1, TAKEN_MAX);
        Self {
            limiter: CachePadded::new(RateLimiter::direct_with_clock(quota, ticker.clone())),
            taken_at_once: NonZeroU32::new(part).unwrap_or(NonZeroU32::MIN),
            slots: std::iter::repeat_with(CachePadded::default).take(SLOTS).collect(),
        }
    }

    /// Takes one permission, or says how long there will be none.
    pub(super) fn check(&self) -> Result<(), Duration> {
        let slot = &self.slots[SLOT.with(|slot| *slot)];
        let spend = |left: u32| left.checked_sub(1);
        if slot.fetch_update(Ordering::Relaxed, Ordering::Relaxed, spend).is_ok() {
            return Ok(());
        }
        let taken = self.taken_at_once;
        if taken.get() > 1 && matches!(self.limiter.check_n(taken), Ok(Ok(()))) {
            slot.fetch_add(taken.get() - 1, Ordering::Relaxed);
            return Ok(());
        }
        self.limiter.check().map_err(|until| until.wait_time_from(self.limiter.clock().now()))
    }
}
