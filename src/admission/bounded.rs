//! Bounded: the state of a limit for any number of keys in a table of fixed size.
//!
//! governor's own stores keep every key they have seen until somebody sweeps them, behind locks. This
//! one is a [`StateStore`] of eight places for each hash of a key, one of which is a key's: its hash and
//! its theoretical arrival time, in which the debt of a caller shows.
//!
//! A new key takes the place with the **least debt**, and takes that debt over. So
//!
//! * whoever has debt keeps it as long as any neighbour has less: callers that come once, from however
//!   many addresses, replace each other;
//! * a place's debt never falls but by time, so nobody gets rid of a debt by having it pushed out: for
//!   that all eight neighbours must owe more, which costs more than it wins. Hashes have a secret seed:
//!   nobody can choose neighbours;
//! * when even the least is much, newcomers share it: the table as a whole lets through what its places
//!   may, and no more.
//!
//! No lock: both numbers are atomic, and every race between them charges a neighbour, which is what
//! sharing a place means anyway.

use governor::nanos::Nanos;
use governor::state::StateStore;
use std::sync::atomic::{AtomicU64, Ordering};

/// Places in which a key may be.
const WAYS: usize = 8;

/// The places of all keys that begin with the same bits: two lines of cache.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Bucket {
    /// Hashes of keys; 0 is nobody's.
    keys: [AtomicU64; WAYS],
    /// Nanoseconds since the limiter's start; in the past where there is no debt.
    arrivals: [AtomicU64; WAYS],
}

/// A table of fixed size.
#[derive(Debug)]
pub(super) struct Bounded {
    buckets: Box<[Bucket]>,
}

impl Bounded {
    /// With room for at least so many keys.
    pub(super) fn new(entries: usize) -> Self {
        let buckets = entries.div_ceil(WAYS).max(1).next_power_of_two();
        Self { buckets: std::iter::repeat_with(Bucket::default).take(buckets).collect() }
    }

    /// The arrival time of a key; of the place it takes over, if it is new.
    fn place(&self, key: u64) -> &AtomicU64 {
        // The table has at most 2^24 places: the lower bits of the hash are more than enough.
        #[allow(clippy::cast_possible_truncation)]
        let bucket = &self.buckets[key as usize & (self.buckets.len() - 1)];
        // 0 means that nobody is there.
        let key = key.max(1);
        if let Some(found) = bucket.keys.iter().position(|held| held.load(Ordering::Relaxed) == key)
        {
            return &bucket.arrivals[found];
        }
        let mut least = (0, u64::MAX);
        for (place, arrival) in bucket.arrivals.iter().enumerate() {
            let arrival = arrival.load(Ordering::Relaxed);
            if arrival < least.1 {
                least = (place, arrival);
            }
        }
        bucket.keys[least.0].store(key, Ordering::Relaxed);
        &bucket.arrivals[least.0]
    }
}

impl StateStore for Bounded {
    type Key = u64;

    fn measure_and_replace<T, F, E>(&self, key: &u64, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let place = self.place(*key);
        let mut before = place.load(Ordering::Relaxed);
        loop {
            let (result, after) = decide(Some(Nanos::new(before)))?;
            let swapped = place.compare_exchange_weak(
                before,
                after.into(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            );
            match swapped {
                Ok(_) => return Ok(result),
                Err(now) => before = now,
            }
        }
    }
}

#[cfg(test)]
impl Bounded {
    /// Places that are somebody's.
    pub(super) fn taken(&self) -> usize {
        let keys = self.buckets.iter().flat_map(|bucket| &bucket.keys);
        keys.filter(|key| key.load(Ordering::Relaxed) != 0).count()
    }

    /// All there are.
    pub(super) fn places(&self) -> usize {
        self.buckets.len() * WAYS
    }

    /// What all of it takes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.buckets)
    }
}
