//! How long the writer lets a group gather before it commits.
//!
//! A commit costs the processor about the same for forty sales as for a hundred, and on a busy
//! machine that processor is what the requests need. So after a group of medium size the writer
//! rests for a moment; the sales that come meanwhile share one commit. After a small group it never
//! waits: there the disk is idle and latency is all that counts. After a large one neither: they come
//! while the disk is slow, and are large already. Nor when nothing came for a while: the rush is over.

use std::time::Duration;

/// Facts in the last commit below which the next one starts at once.
const SMALL: usize = 32;

/// Facts in the last commit above which groups are large enough.
const LARGE: usize = 256;

/// Per fact above [`SMALL`]: the fuller the last group, the more is to be won by waiting.
const PER_FACT: Duration = Duration::from_micros(8);

/// No group waits longer. Measured: 200 µs bring half as much, 800 µs leave the processor idle.
const LONGEST: Duration = Duration::from_micros(400);

/// The pause before the next commit, after one of `facts` facts and `idle` time without work. Zero,
/// mostly.
pub(super) fn pause_after(facts: usize, idle: Duration) -> Duration {
    if idle > LONGEST || !(SMALL..=LARGE).contains(&facts) {
        return Duration::ZERO;
    }
    let beyond = u32::try_from(facts - SMALL).unwrap_or(u32::MAX);
    PER_FACT.saturating_mul(beyond).min(LONGEST)
}

#[cfg(test)]
mod tests {
    use super::pause_after;
    use std::time::Duration;

    #[test]
    fn only_groups_of_medium_size_wait_and_never_long() {
        let micros = |facts| pause_after(facts, Duration::ZERO).as_micros();
        let pauses = [0, 1, 32, 33, 57, 82, 200, 256, 257, 100_000].map(micros);
        assert_eq!(pauses, [0, 0, 0, 8, 200, 400, 400, 400, 0, 0]);
        assert_eq!(pause_after(200, Duration::from_millis(1)), Duration::ZERO);
    }
}
