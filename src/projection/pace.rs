//! Pace: how long the projector rests, so that it never takes a core from the sale.
//!
//! Its own thread has a low priority, but a Postgres server's processes have not. So while the
//! engine is busy, each round is followed by a rest of some times its length: with the default of 9
//! the projection and its database get at most a tenth of the time. What waits meanwhile makes the
//! next round larger and cheaper per order; when the engine is idle there is no rest at all.

use std::time::Duration;

/// When to rest, and for how long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    /// Rest, as a multiple of the round.
    pub factor: u32,
    /// New durable batches a second from which on the engine is busy.
    pub busy_batches: u32,
}

impl Pace {
    /// Whether that many batches in that time mean a busy engine.
    pub(super) fn is_busy(self, arrived: u64, during: Duration) -> bool {
        let arrived_scaled = u128::from(arrived) * 1_000_000;
        arrived > 0 && arrived_scaled >= u128::from(self.busy_batches) * during.as_micros()
    }

    /// The rest after a round during which so many batches arrived.
    pub(super) fn rest(self, round: Duration, arrived: u64) -> Duration {
        if self.is_busy(arrived, round) {
            return round.saturating_mul(self.factor);
        }
        Duration::ZERO
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PACE: Pace = Pace { factor: 4, busy_batches: 200 };

    #[test]
    fn a_busy_engine_gets_four_fifths_of_the_time() {
        assert_eq!(PACE.rest(Duration::from_millis(50), 10), Duration::from_millis(200));
    }

    #[test]
    fn an_idle_engine_costs_no_rest() {
        assert_eq!(PACE.rest(Duration::from_millis(50), 9), Duration::ZERO);
        assert_eq!(PACE.rest(Duration::ZERO, 0), Duration::ZERO);
    }
}
