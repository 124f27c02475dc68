//! Chance: all random choices of a test, from one seed.

use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The seed of this run: `LASTUNIT_SEED`, or a new one. Printed, so that a failure shows it.
pub fn seed() -> u64 {
    let given = env::var("LASTUNIT_SEED").ok().map(|text| text.parse().expect("a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish() >> 32);
    println!("seed {seed}: LASTUNIT_SEED={seed} draws the same choices again");
    seed
}

/// A small generator (`SplitMix64`: Steele, Lea and Flood, 2014).
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    /// One generator for each use, so that one's number of draws does not shift another's.
    pub const fn new(seed: u64, what_for: u64) -> Self {
        Self(seed ^ what_for.wrapping_mul(0x2545_F491_4F6C_DD1D))
    }

    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound - 1`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// From `low` to `high`, both included.
    pub const fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        let index = self.below(from.len() as u64);
        &from[usize::try_from(index).expect("an index")]
    }
}
