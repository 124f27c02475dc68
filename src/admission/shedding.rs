//! Shedding: what is turned away when the server has more to do than it can, the cheapest to lose first.
//!
//! A watcher looks at the load some twenty times a second and keeps one level, so a request costs one
//! look at a number that hardly ever changes. The level rises at once and falls by one step a look.
//!
//! ```text
//!   level      none   lists   reading   signing in   changes
//!   load from    0     50 %     65 %        80 %        90 %
//! ```
//!
//! Each level sheds what the ones before do. Purchases are shed by nobody here: the engine refuses them
//! at its own bound, when there is no room for one more.

use super::budget::Budget;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// From which share of connections on they count, in percent: most of them idle most of the time.
const CONNECTIONS_FREE: u64 = 80;

/// How much there is to do, and how much can be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Commands that have no answer yet.
    pub in_flight: usize,
    pub in_flight_max: usize,
    pub connections: usize,
    pub connections_max: usize,
    /// How late a task that is ready gets its turn.
    pub lag: Duration,
    /// The lag that counts as full load; zero: it does not count.
    pub lag_max: Duration,
}

impl Load {
    /// The share of what is scarcest, in percent.
    fn percent(&self) -> u64 {
        let commands = percent(self.in_flight as u64, self.in_flight_max as u64);
        let open = percent(self.connections as u64, self.connections_max as u64);
        let crowded = open.saturating_sub(CONNECTIONS_FREE) * 100 / (100 - CONNECTIONS_FREE);
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let late = if self.lag_max.is_zero() {
            0
        } else {
            percent(millis(self.lag), millis(self.lag_max))
        };
        commands.max(crowded).max(late)
    }
}

fn percent(part: u64, whole: u64) -> u64 {
    part.saturating_mul(100) / whole.max(1)
}

/// What is shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    Nothing,
    Lists,
    Reading,
    SigningIn,
    Changes,
}

impl Level {
    const ALL: [Self; 5] =
        [Self::Nothing, Self::Lists, Self::Reading, Self::SigningIn, Self::Changes];

    fn at(percent: u64) -> Self {
        match percent {
            0..50 => Self::Nothing,
            50..65 => Self::Lists,
            65..80 => Self::Reading,
            80..90 => Self::SigningIn,
            90.. => Self::Changes,
        }
    }

    /// The level after this one, under this load.
    fn next(self, load: &Load) -> Self {
        let step_down = Self::ALL[(self as usize).saturating_sub(1)];
        Self::at(load.percent()).max(step_down)
    }
}

/// The level that holds now.
#[derive(Debug, Default)]
pub(super) struct Shedding(AtomicU8);

impl Shedding {
    fn level(&self) -> Level {
        let level = usize::from(self.0.load(Ordering::Relaxed));
        Level::ALL.get(level).copied().unwrap_or(Level::Nothing)
    }

    pub(super) fn sheds(&self, budget: Budget) -> bool {
        budget.shed_from().is_some_and(|from| self.level() >= from)
    }

    /// Takes one look at the load. For one watcher.
    pub(super) fn observe(&self, load: &Load) -> Level {
        let before = self.level();
        let level = before.next(load);
        if level != before {
            self.0.store(level as u8, Ordering::Relaxed);
        }
        match (before, level) {
            (Level::Nothing, level) if level > before => {
                tracing::warn!(?load, "overloaded: lists and other reading are turned away first");
            }
            (before, Level::Nothing) if before > level => {
                tracing::info!("the load is back to normal: nothing is turned away any more");
            }
            _ => {}
        }
        level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Load = Load {
        in_flight: 0,
        in_flight_max: 100,
        connections: 0,
        connections_max: 1_000,
        lag: Duration::ZERO,
        lag_max: Duration::from_millis(200),
    };

    /// What is shed under a steady load.
    fn shed(load: &Load) -> Vec<Budget> {
        use Budget::{Buying, Changing, Listing, Reading, SigningIn, Unlimited};
        let shedding = Shedding::default();
        shedding.observe(load);
        let all = [Listing, Reading, SigningIn, Changing, Buying, Unlimited];
        all.into_iter().filter(|budget| shedding.sheds(*budget)).collect()
    }

    #[test]
    fn the_cheapest_to_lose_goes_first_and_purchases_never() {
        use Budget::{Changing, Listing, Reading, SigningIn};
        let all = [Listing, Reading, SigningIn, Changing];
        for (in_flight, shed_then) in [
            (0, 0),
            (49, 0),
            (50, 1),
            (64, 1),
            (65, 2),
            (79, 2),
            (80, 3),
            (89, 3),
            (90, 4),
            (500, 4),
        ] {
            let load = Load { in_flight, ..IDLE };
            assert_eq!(shed(&load), all[..shed_then], "{in_flight} in flight");
        }
    }

    #[test]
    fn connections_count_when_they_are_scarce_and_lag_where_it_is_watched() {
        for (connections, shed_then) in [(899, 0), (900, 1), (930, 2), (960, 3), (1_000, 4)] {
            assert_eq!(shed(&Load { connections, ..IDLE }).len(), shed_then, "{connections}");
        }
        for (millis, shed_then) in [(99, 0), (100, 1), (140, 2), (60_000, 4)] {
            let lag = Duration::from_millis(millis);
            assert_eq!(shed(&Load { lag, ..IDLE }).len(), shed_then, "{lag:?}");
            assert_eq!(shed(&Load { lag, lag_max: Duration::ZERO, ..IDLE }), [], "{lag:?}");
        }
    }

    #[test]
    fn it_rises_at_once_and_falls_step_by_step() {
        let shedding = Shedding::default();
        assert_eq!(shedding.observe(&Load { in_flight: 95, ..IDLE }), Level::Changes);
        let falling = [Level::SigningIn, Level::Reading, Level::Lists, Level::Nothing];
        for level in falling {
            assert_eq!(shedding.observe(&IDLE), level);
        }
        assert_eq!(shedding.observe(&IDLE), Level::Nothing);
    }
}
