//! Memory: answers that were given under an idempotency key.
//!
//! Lives in the product's own state and is rebuilt from the same events as the stock, so a sale and
//! the memory of it can never come apart (promise 3). An answer is kept for at least 24 hours
//! counted in the product's own time, that is from event to event. Refusals are not remembered.

use super::bounds::KEYS_MAX;
use super::table::Table;
use super::{Answer, Fingerprint, RequestKey, Timestamp};
use foldhash::fast::RandomState;
use std::collections::VecDeque;

/// How long answers and ends of holds are remembered, in milliseconds: 24 hours.
pub const REMEMBERED_MS: u64 = 24 * 60 * 60 * 1_000;

/// Whether what happened `at` may be forgotten.
pub(super) const fn is_old(at: Timestamp, now: Timestamp) -> bool {
    now.millis_since(at) > REMEMBERED_MS
}

/// Keys of one product with their first answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Memory {
    /// Keys are hashes already; a fast second hash is enough.
    entries: Table<RequestKey, (Fingerprint, Timestamp, Answer), RandomState>,
    order: VecDeque<(Timestamp, RequestKey)>,
}

impl Memory {
    #[must_use]
    pub fn get(&self, key: &RequestKey) -> Option<(Fingerprint, Timestamp, Answer)> {
        self.entries.get(key).cloned()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// No room for one more key at `now`, not even in place of one that is old enough to forget.
    pub(super) fn is_full_at(&self, now: Timestamp) -> bool {
        let old = self.order.front().is_some_and(|(at, _)| is_old(*at, now));
        self.entries.len() >= KEYS_MAX && !old
    }

    /// Remembers an answer given at `at`.
    pub(crate) fn insert(
        &mut self,
        key: RequestKey,
        fingerprint: Fingerprint,
        at: Timestamp,
        answer: Answer,
    ) {
        self.entries.insert(key, (fingerprint, at, answer));
        self.order.push_back((at, key));
    }

    /// Forgets answers older than a day; at most two a call, which is faster than they can be added.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for _ in 0..2 {
            match self.order.front() {
                Some((at, key)) if is_old(*at, now) => {
                    self.entries.remove(key);
                    self.order.pop_front();
                }
                _ => break,
            }
        }
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (RequestKey, Fingerprint, Timestamp, &Answer)> {
        self.order.iter().filter_map(|(_, key)| {
            let (fingerprint, at, answer) = self.entries.get(key)?;
            Some((*key, *fingerprint, *at, answer))
        })
    }
}
