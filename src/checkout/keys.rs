//! Keys: under which idempotency keys orders were begun, as far as the query tables may not know yet.
//!
//! A cart that was ordered is empty, so whether a key was used before must be looked up in the query
//! tables. They follow the journal, and in a burst they are seconds behind. Waiting for them would keep
//! everybody from ordering who sends a key; but only a key that was used since this process began, and
//! not long ago, can be one that they do not have. Those keys are here.
//!
//! Who owns it: `Checkout`. It keeps [`KEYS_MAX`] and forgets the oldest; a forgotten key is in the
//! tables when they have what is durable at that moment ([`Keys::seen_at`]). A key is entered before its
//! order is placed, so one whose outcome is unknown is here as well.

use crate::domain::RequestKey;
use crate::journal::Seq;
use foldhash::fast::RandomState;
use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};

/// Most keys that are kept.
const KEYS_MAX: usize = 262_144;

/// How many are forgotten at once.
const FORGOTTEN: usize = KEYS_MAX / 4;

/// The keys of orders that were begun here.
#[derive(Debug)]
pub(super) struct Keys(Mutex<Begun>);

#[derive(Debug)]
struct Begun {
    keys: HashSet<RequestKey, RandomState>,
    /// Oldest first.
    age: VecDeque<RequestKey>,
    /// What was durable when the newest key that is not here could have been used.
    horizon: Vec<Seq>,
}

impl Keys {
    /// `durable`: what is durable before the first key is used here.
    pub(super) fn since(durable: Vec<Seq>) -> Self {
        let (keys, age) = (HashSet::default(), VecDeque::new());
        Self(Mutex::new(Begun { keys, age, horizon: durable }))
    }

    /// An order is about to be placed under this key.
    pub(super) fn begin(&self, key: RequestKey, durable: impl FnOnce() -> Vec<Seq>) {
        let mut begun = self.0.lock();
        if !begun.keys.insert(key) {
            return;
        }
        begun.age.push_back(key);
        if begun.age.len() > KEYS_MAX {
            for _ in 0..FORGOTTEN {
                let Some(oldest) = begun.age.pop_front() else { break };
                begun.keys.remove(&oldest);
            }
            begun.horizon = durable();
        }
    }

    /// How far the tables must be to know whether this key was used before; `None`: as far as they can.
    pub(super) fn seen_at(&self, key: RequestKey) -> Option<Vec<Seq>> {
        let begun = self.0.lock();
        (!begun.keys.contains(&key)).then(|| begun.horizon.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_that_were_used_here_need_the_newest_tables() {
        let keys = Keys::since(vec![Seq(7)]);
        let key = |number: u32| {
            let mut key = [0; 16];
            key[..4].copy_from_slice(&number.to_le_bytes());
            RequestKey(key)
        };
        assert_eq!(keys.seen_at(key(0)), Some(vec![Seq(7)]));
        let most = u32::try_from(KEYS_MAX).unwrap();
        for number in 0..most {
            keys.begin(key(number), || unreachable!("nothing is forgotten yet"));
        }
        assert_eq!(keys.seen_at(key(0)), None);
        assert_eq!(keys.seen_at(key(most)), Some(vec![Seq(7)]));
        keys.begin(key(most), || vec![Seq(9)]);
        assert_eq!(keys.seen_at(key(0)), Some(vec![Seq(9)]), "forgotten");
        assert_eq!(keys.seen_at(key(most)), None);
        let begun = keys.0.lock();
        assert_eq!(begun.keys.len(), begun.age.len());
    }
}
