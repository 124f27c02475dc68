//! Distributions: how many things took how long, and what follows from it. Pure.

use super::names::SECONDS;

/// Places: one for each bound, and one for what is above all of them.
const PLACES: usize = SECONDS.len() + 1;

/// Durations in the buckets of the metrics, each count with all below it. Counts are floating-point
/// numbers, as metrics are written; they are whole.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distribution {
    counts: [f64; PLACES],
}

impl Distribution {
    /// Adds a bucket as it is written: its upper bound and its count with all below it.
    pub(super) fn add(&mut self, bound: &str, count: f64) {
        let place = match bound {
            "+Inf" => Some(PLACES - 1),
            text => text.parse().ok().and_then(|bound: f64| {
                SECONDS.iter().position(|known| known.to_bits() == bound.to_bits())
            }),
        };
        if let Some(place) = place {
            self.counts[place] += count;
        }
    }

    /// How many there were.
    #[must_use]
    pub const fn count(&self) -> f64 {
        self.counts[PLACES - 1]
    }

    /// What came since an earlier look at the same.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut counts = self.counts;
        for (count, before) in counts.iter_mut().zip(earlier.counts) {
            *count = (*count - before).max(0.0);
        }
        Self { counts }
    }

    /// In how many seconds this part (0 to 1) of them was done: between the bounds of its bucket, as if
    /// they were spread evenly. Of what is above all bounds only the last bound is known. `None` where
    /// there was nothing.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let wanted = part * self.count();
        if self.count() <= 0.0 {
            return None;
        }
        let (mut from, mut below) = (0.0, 0.0);
        for (bound, count) in SECONDS.iter().zip(self.counts) {
            if count >= wanted && count > below {
                return Some(from + (bound - from) * ((wanted - below) / (count - below)).max(0.0));
            }
            (from, below) = (*bound, count);
        }
        Some(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many up to each of these bounds, in all of them.
    fn of(buckets: &[(f64, f64)], all: f64) -> Distribution {
        let mut distribution = Distribution::default();
        for bound in SECONDS {
            let below = buckets.iter().filter(|(upper, _)| upper <= bound);
            distribution.add(&bound.to_string(), below.map(|(_, count)| count).sum());
        }
        distribution.add("+Inf", all);
        distribution
    }

    fn is(found: Option<f64>, expected: f64) {
        assert!(found.is_some_and(|found| (found - expected).abs() < 1e-9), "{found:?} {expected}");
    }

    #[test]
    fn quantiles_lie_between_the_bounds_of_their_bucket() {
        assert_eq!(Distribution::default().quantile(0.5), None);
        // A hundred from 1 to 2.5 ms.
        let even = of(&[(0.0025, 100.0)], 100.0);
        is(even.quantile(0.0), 0.001);
        is(even.quantile(0.5), 0.001_75);
        is(even.quantile(1.0), 0.0025);
        // One of them slow.
        let tail = of(&[(0.0025, 99.0), (1.0, 1.0)], 100.0);
        is(tail.quantile(0.99), 0.0025);
        assert!(tail.quantile(0.995).is_some_and(|seconds| seconds > 0.5 && seconds < 1.0));
        // The first bucket begins at nothing.
        is(of(&[(0.0001, 4.0)], 4.0).quantile(0.5), 0.000_05);
        // What took longer than can be told.
        is(of(&[], 3.0).quantile(0.5), 10.0);
    }

    #[test]
    fn what_came_since_is_the_difference() {
        let before = of(&[(0.001, 10.0)], 10.0);
        let now = of(&[(0.001, 10.0), (0.5, 5.0)], 15.0);
        let since = now.since(&before);
        assert!((since.count() - 5.0).abs() < f64::EPSILON);
        is(since.quantile(1.0), 0.5);
        assert_eq!(now.since(&now).quantile(0.5), None);
        // Another look at the same is never less than nothing.
        assert_eq!(before.since(&now).quantile(0.5), None);
    }

    #[test]
    fn a_bound_that_is_none_of_them_counts_nothing() {
        let mut distribution = Distribution::default();
        for bound in ["0.3", "", "x", "NaN"] {
            distribution.add(bound, 7.0);
        }
        assert_eq!(distribution, Distribution::default());
    }
}
