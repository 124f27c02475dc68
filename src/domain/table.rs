//! Table: a hash map that costs little more than its entries, and grows without copying them.
//!
//! ```text
//!   index: hash ──▶ row number        (8 bytes a slot, some of them empty)
//!   rows:  [page of 1024] [page of 1024] [page …]     (dense: no empty room between them)
//! ```
//!
//! A plain hash map keeps its entries in its slots, of which up to half are empty: at a million
//! holds that is as much memory again. Here only the index has empty slots. What must never happen:
//! a row without its place in the index, or a place that names another row.

use hashbrown::HashTable;
use std::fmt;
use std::hash::{BuildHasher, Hash};

/// Rows of one page.
const PAGE: usize = 1_024;

/// A smaller index is never shrunk.
const SHRINK_ABOVE: usize = 4_096;

/// Where the row of a key is. The hash is kept so that growing the index never looks at the rows.
#[derive(Debug, Clone, Copy)]
struct Place {
    hash: u32,
    row: u32,
}

impl Place {
    /// The index takes its slot from the low bits and a fingerprint from the high ones.
    const fn spread(self) -> u64 {
        (self.hash as u64) << 32 | self.hash as u64
    }
}

/// Values by key, in no particular order.
#[derive(Clone)]
pub(super) struct Table<K, V, S> {
    index: HashTable<Place>,
    pages: Vec<Vec<(K, V)>>,
    hasher: S,
}

impl<K, V, S: Default> Default for Table<K, V, S> {
    fn default() -> Self {
        Self { index: HashTable::new(), pages: Vec::new(), hasher: S::default() }
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Table<K, V, S> {
    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let place = self.find(key)?;
        Some(&self.row(place.row).1)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        Some(&mut self.row_mut(place.row).1)
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.find(key).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pages.iter().flatten().map(|(key, value)| (key, value))
    }

    pub(super) fn reserve(&mut self, additional: usize) {
        self.index.reserve(additional, |place| place.spread());
    }

    /// Puts a value in; gives the one that was there under the same key.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(place) = self.find(&key) {
            return Some(std::mem::replace(&mut self.row_mut(place.row).1, value));
        }
        self.push(key, value);
        None
    }

    /// The value of a key, the default where there was none.
    pub(super) fn get_or_default(&mut self, key: &K) -> &mut V
    where
        K: Clone,
        V: Default,
    {
        let row = match self.find(key) {
            Some(place) => place.row,
            None => self.push(key.clone(), V::default()),
        };
        &mut self.row_mut(row).1
    }

    /// Takes a value out. The last row moves into its place, so the rows stay dense.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        let wanted = self.place_of(key, 0);
        let found = self
            .index
            .find_entry(wanted.spread(), |place| is_at(&self.pages, *place, wanted.hash, key));
        let (place, _) = found.ok()?.remove();
        let last = self.pages.last_mut()?.pop()?;
        if self.pages.last().is_some_and(Vec::is_empty) {
            self.pages.pop();
        }
        let last_row = number_of_row(self.index.len());
        let removed = if place.row == last_row {
            last
        } else {
            let moved = self.place_of(&last.0, last_row);
            if let Some(moved) = self.index.find_mut(moved.spread(), |other| other.row == last_row)
            {
                moved.row = place.row;
            }
            std::mem::replace(self.row_mut(place.row), last)
        };
        self.shrink();
        Some(removed.1)
    }

    /// A burst leaves room behind that nothing would ever use again.
    fn shrink(&mut self) {
        let (len, capacity) = (self.index.len(), self.index.capacity());
        if capacity > SHRINK_ABOVE && len < capacity / 4 {
            self.index.shrink_to(len * 2, |place| place.spread());
        }
    }

    fn push(&mut self, key: K, value: V) -> u32 {
        let place = self.place_of(&key, number_of_row(self.index.len()));
        self.index.insert_unique(place.spread(), place, |place| place.spread());
        match self.pages.last_mut() {
            Some(page) if page.len() < PAGE => page.push((key, value)),
            // The first page grows as it is needed: most products never fill it.
            None => self.pages.push(vec![(key, value)]),
            Some(_) => {
                let mut page = Vec::with_capacity(PAGE);
                page.push((key, value));
                self.pages.push(page);
            }
        }
        place.row
    }

    /// The place of a key if it is in `row`.
    fn place_of(&self, key: &K, row: u32) -> Place {
        // The upper half of a good hash is a good hash.
        Place { hash: (self.hasher.hash_one(key) >> 32) as u32, row }
    }

    fn find(&self, key: &K) -> Option<Place> {
        let wanted = self.place_of(key, 0);
        let found =
            self.index.find(wanted.spread(), |place| is_at(&self.pages, *place, wanted.hash, key));
        found.copied()
    }

    fn row(&self, row: u32) -> &(K, V) {
        &self.pages[row as usize / PAGE][row as usize % PAGE]
    }

    fn row_mut(&mut self, row: u32) -> &mut (K, V) {
        &mut self.pages[row as usize / PAGE][row as usize % PAGE]
    }
}

/// Whether the row of a place has this key; looks at the row only where the hashes agree.
fn is_at<K: Eq, V>(pages: &[Vec<(K, V)>], place: Place, hash: u32, key: &K) -> bool {
    place.hash == hash && pages[place.row as usize / PAGE][place.row as usize % PAGE].0 == *key
}

/// Every table's bound is far below 2^32 (see [`super::bounds`]).
fn number_of_row(row: usize) -> u32 {
    u32::try_from(row).unwrap_or_else(|_| unreachable!("a table beyond its bound"))
}

impl<K: Hash + Eq, V: PartialEq, S: BuildHasher> PartialEq for Table<K, V, S> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().all(|(key, value)| other.get(key) == Some(value))
    }
}

impl<K: Hash + Eq, V: Eq, S: BuildHasher> Eq for Table<K, V, S> {}

impl<K: Hash + Eq + fmt::Debug, V: fmt::Debug, S: BuildHasher> fmt::Debug for Table<K, V, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    type Small = Table<u64, u64, foldhash::fast::RandomState>;

    /// Every kind of change, many times over, against the standard library's map.
    #[test]
    fn a_table_is_a_map() {
        let (mut table, mut map) = (Small::default(), HashMap::new());
        let mut chance = 1u64;
        for round in 0..60_000u64 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(99);
            // It grows over several pages, then shrinks to nothing, then grows again.
            let (key, grows) = ((chance >> 33) % 5_000, round / 20_000 != 1);
            match (chance >> 50) % 4 {
                0 if grows => assert_eq!(table.insert(key, round), map.insert(key, round)),
                1 if grows => {
                    *table.get_or_default(&key) += round;
                    *map.entry(key).or_default() += round;
                }
                2 if grows => assert_eq!(table.get_mut(&key), map.get_mut(&key)),
                _ => assert_eq!(table.remove(&key), map.remove(&key)),
            }
            assert_eq!(table.len(), map.len());
            assert_eq!(table.get(&key), map.get(&key));
            assert_eq!(table.contains(&key), map.contains_key(&key));
            if round % 1_000 == 0 {
                let all: HashMap<_, _> = table.iter().map(|(key, value)| (*key, *value)).collect();
                assert_eq!(all, map);
                assert_eq!(table, table.clone());
            }
        }
    }

    #[test]
    fn tables_are_equal_whatever_the_order_of_their_rows() {
        let (mut one, mut other) = (Small::default(), Small::default());
        for key in 0..3_000 {
            one.insert(key, key);
            other.insert(2_999 - key, 2_999 - key);
        }
        assert_eq!(one, other);
        other.insert(7, 8);
        assert_ne!(one, other);
        assert_eq!(other.remove(&7), Some(8));
        assert_ne!(one, other);
    }

    #[test]
    fn an_emptied_table_gives_its_memory_back() {
        let mut table = Small::default();
        for key in 0..100_000 {
            table.insert(key, key);
        }
        for key in 0..100_000 {
            assert_eq!(table.remove(&key), Some(key));
        }
        assert!(table.is_empty() && table.pages.is_empty());
        assert!(table.index.capacity() <= SHRINK_ABOVE);
    }
}
