//! Pace: how fast a queue is drained. A generic cell rate algorithm: one time is all its state.
//!
//! Pure: times are values. Each turn moves the time of the next one by an interval; who was kept from
//! draining may catch up on [`BURST_MS`] of it, never on more, so that what stands behind is not
//! flooded after a pause.

use crate::domain::Timestamp;

/// How much of a pause may be caught up on, in milliseconds.
pub(super) const BURST_MS: u64 = 100;

const NANOS_PER_MILLI: u128 = 1_000_000;
const NANOS_PER_SECOND: u128 = 1_000_000_000;

/// The pace of one queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Pace {
    /// When the next turn is due, in nanoseconds since 1970.
    due: u128,
}

impl Pace {
    /// How many of at most `most` turns may be taken now; they count as taken.
    pub(super) fn take(&mut self, now: Timestamp, per_second: u32, most: usize) -> usize {
        let (now_nanos, interval) = (nanos(now), interval(per_second));
        let earliest = now_nanos.saturating_sub(u128::from(BURST_MS) * NANOS_PER_MILLI);
        // The upper bound: after a higher rate was set, or the clock set back, one interval is waited
        // and no more.
        self.due = self.due.clamp(earliest, now_nanos + interval);
        if self.due > now_nanos {
            return 0;
        }
        let ready = (now_nanos - self.due) / interval + 1;
        let taken = usize::try_from(ready).unwrap_or(usize::MAX).min(most);
        self.due += interval * taken as u128;
        taken
    }

    /// Gives back turns that were taken and not used.
    pub(super) fn give_back(&mut self, per_second: u32, turns: usize) {
        self.due = self.due.saturating_sub(interval(per_second) * turns as u128);
    }

    /// Milliseconds until the next turn is due.
    pub(super) fn wait(&self, now: Timestamp, per_second: u32) -> u64 {
        let wait = self.due.saturating_sub(nanos(now)).min(interval(per_second));
        u64::try_from(wait.div_ceil(NANOS_PER_MILLI)).unwrap_or(u64::MAX)
    }
}

const fn nanos(time: Timestamp) -> u128 {
    time.as_millis() as u128 * NANOS_PER_MILLI
}

/// Between two turns. A rate of 0 is no rate: the settings and the API refuse it.
fn interval(per_second: u32) -> u128 {
    NANOS_PER_SECOND / u128::from(per_second.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Timestamp {
        Timestamp::from_millis(1_000_000 + millis)
    }

    /// Turns taken when asked every `step` milliseconds for `millis`.
    fn taken(pace: &mut Pace, (from, millis, step): (u64, u64, u64), per_second: u32) -> u64 {
        let times = (from..from + millis).step_by(usize::try_from(step).unwrap());
        times.map(|now| pace.take(at(now), per_second, usize::MAX) as u64).sum()
    }

    #[test]
    fn the_rate_is_kept_however_often_it_is_asked() {
        for per_second in [1, 7, 50, 999, 1_000, 30_000, 100_000] {
            for step in [1, 3, 10, 50] {
                let mut pace = Pace::default();
                let count = taken(&mut pace, (0, 10_000, step), per_second);
                let (rate, burst) = (u64::from(per_second), u64::from(per_second) / 10 + 1);
                assert!(count <= rate * 10 + burst + 1, "{per_second}/s every {step} ms: {count}");
                assert!(
                    count + rate / 20 + 1 >= rate * 10,
                    "{per_second}/s every {step} ms: {count}"
                );
            }
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again_and_not_more() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(at(0), 1_000, usize::MAX), 101);
        pace.give_back(1_000, 40);
        assert_eq!(pace.wait(at(0), 1_000), 0);
        assert_eq!(pace.take(at(0), 1_000, usize::MAX), 40);
        pace.give_back(1_000, 0);
        assert_eq!(pace.take(at(0), 1_000, usize::MAX), 0);
    }

    #[test]
    fn a_pause_is_caught_up_on_a_little() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(at(0), 1_000, usize::MAX), 101);
        assert_eq!(pace.take(at(0), 1_000, usize::MAX), 0);
        assert_eq!(pace.take(at(60_000), 1_000, usize::MAX), 101);
        // What was not taken stays due.
        assert_eq!(pace.take(at(120_000), 1_000, 5), 5);
        assert_eq!(pace.take(at(120_000), 1_000, usize::MAX), 96);
    }

    #[test]
    fn a_new_rate_and_a_clock_set_back_hold_nobody_up() {
        let mut pace = Pace::default();
        assert_eq!(pace.take(at(0), 1, usize::MAX), 1);
        // It was due a burst ago.
        assert_eq!(pace.wait(at(0), 1), 900);
        assert_eq!(pace.wait(at(0), 50), 20);
        assert_eq!(pace.take(at(0), 50, usize::MAX), 0);
        assert_eq!(pace.take(at(20), 50, usize::MAX), 1);
        assert_eq!(pace.take(Timestamp::default(), 50, usize::MAX), 0);
        assert_eq!(pace.take(Timestamp::from_millis(20), 50, usize::MAX), 1);
    }
}
