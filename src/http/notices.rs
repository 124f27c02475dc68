//! Notices seen: what was said under each id, so that an id which says something else is found out. A guard
//! against mistakes of a provider and nothing more: repeating a notice does no harm, whatever is forgotten
//! here, and so this is kept in memory only.

use crate::domain::Timestamp;
use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};

/// Most ids that are kept, and how long; then the oldest is forgotten.
const IDS_MAX: usize = 65_536;
const KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// Half of a BLAKE3 hash: nobody finds two texts with one.
type Hash = [u8; 16];

/// Ids of notices, with what each said.
#[derive(Default)]
pub struct NoticesSeen(Mutex<Seen>);

#[derive(Default)]
struct Seen {
    said: HashMap<Hash, Hash>,
    /// Oldest first.
    order: VecDeque<(Timestamp, Hash)>,
}

impl NoticesSeen {
    /// Whether nothing else was said under this id.
    pub fn fits(&self, id: &str, body: &[u8], now: Timestamp) -> bool {
        let mut seen = self.0.lock();
        seen.forget(now);
        seen.said.get(&hash(id.as_bytes())).is_none_or(|said| *said == hash(body))
    }

    /// This was said under this id, and is durable.
    pub fn note(&self, id: &str, body: &[u8], now: Timestamp) {
        let mut seen = self.0.lock();
        let id = hash(id.as_bytes());
        if seen.said.insert(id, hash(body)).is_none() {
            seen.order.push_back((now, id));
        }
        seen.forget(now);
    }
}

impl Seen {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, id)) = self.order.front()
            && (self.order.len() > IDS_MAX || now.millis_since(*at) >= KEPT_MS)
        {
            self.said.remove(id);
            self.order.pop_front();
        }
    }
}

fn hash(text: &[u8]) -> Hash {
    let mut half = Hash::default();
    half.copy_from_slice(&blake3::hash(text).as_bytes()[..16]);
    half
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    #[test]
    fn an_id_says_one_thing_for_a_day() {
        let seen = NoticesSeen::default();
        assert!(seen.fits("a", b"paid", NOW), "nothing was said yet");
        seen.note("a", b"paid", NOW);
        seen.note("a", b"paid", NOW);
        assert!(seen.fits("a", b"paid", NOW) && seen.fits("b", b"declined", NOW));
        let last = NOW.plus_millis(KEPT_MS - 1);
        assert!(!seen.fits("a", b"declined", last));
        assert!(seen.fits("a", b"declined", last.plus_millis(1)));
    }

    #[test]
    fn of_a_great_many_the_oldest_is_forgotten() {
        let seen = NoticesSeen::default();
        for id in 0..=IDS_MAX {
            seen.note(&id.to_string(), b"paid", NOW);
        }
        assert!(seen.fits("0", b"declined", NOW) && !seen.fits("1", b"declined", NOW));
        let kept = seen.0.lock();
        assert_eq!((kept.said.len(), kept.order.len()), (IDS_MAX, IDS_MAX));
    }
}
