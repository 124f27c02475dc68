//! The edge where time and chance enter: the only module that may read a clock or draw randomness
//! (`clippy.toml` bans both elsewhere). Everything inside takes them as values.

use crate::domain::{OrderId, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Where the time comes from. Cheap to clone; all clones of a manual clock move together.
#[derive(Debug, Clone, Default)]
pub struct Clock {
    source: Source,
}

#[derive(Debug, Clone, Default)]
enum Source {
    #[default]
    System,
    /// Milliseconds since the epoch, moved by a test or a simulation.
    Manual(Arc<AtomicU64>),
    /// `start`, and whatever has passed on the timers' clock since then.
    Timers { start: Timestamp, since: tokio::time::Instant },
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub const fn system() -> Self {
        Self { source: Source::System }
    }

    /// A clock that stands still until [`Clock::advance`].
    #[must_use]
    pub fn manual(start: Timestamp) -> Self {
        Self { source: Source::Manual(Arc::new(AtomicU64::new(start.as_millis()))) }
    }

    /// A clock that shows `start` now and goes as fast as the timers of this runtime: where a
    /// simulation runs them ahead, deadlines and timers stay together.
    #[must_use]
    pub fn following_timers(start: Timestamp) -> Self {
        Self { source: Source::Timers { start, since: moment() } }
    }

    #[must_use]
    #[allow(clippy::disallowed_methods)] // this is the place that the ban points to
    pub fn now(&self) -> Timestamp {
        match &self.source {
            Source::System => {
                let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
            }
            Source::Manual(millis) => Timestamp::from_millis(millis.load(Ordering::Relaxed)),
            Source::Timers { start, since } => {
                let passed = moment().saturating_duration_since(*since).as_millis();
                start.plus_millis(u64::try_from(passed).unwrap_or(u64::MAX))
            }
        }
    }

    /// Moves a manual clock; the others move by themselves.
    pub fn advance(&self, millis: u64) {
        if let Source::Manual(now) = &self.source {
            now.fetch_add(millis, Ordering::Relaxed);
        }
    }
}

/// A moment of the monotonic clock, for measuring how long something took.
#[must_use]
#[allow(clippy::disallowed_methods)] // this is the place that the ban points to
pub fn instant() -> std::time::Instant {
    std::time::Instant::now()
}

/// How long it is since then.
#[must_use]
pub fn since(earlier: std::time::Instant) -> std::time::Duration {
    instant().saturating_duration_since(earlier)
}

/// A moment for timers, which a simulation may run ahead.
#[must_use]
#[allow(clippy::disallowed_methods)] // this is the place that the ban points to
pub fn moment() -> tokio::time::Instant {
    tokio::time::Instant::now()
}

/// Stops this thread for less than a timer could measure (those of the runtime tick in milliseconds).
/// For threads that do one thing only.
pub fn pause(duration: std::time::Duration) {
    if !duration.is_zero() {
        std::thread::sleep(duration);
    }
}

/// Draws an id that nobody else has (a UUID of version 7).
#[must_use]
#[allow(clippy::disallowed_methods)] // this is the place that the ban points to
pub fn draw_uuid() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

/// Draws bytes that nobody can guess (16 or more), from the system; `None` when it has none to give.
#[must_use]
pub fn draw_secret<const BYTES: usize>() -> Option<[u8; BYTES]> {
    let mut secret = [0; BYTES];
    getrandom::fill(&mut secret).ok().map(|()| secret)
}

/// Draws a number from 0 up to 1: chance in a pause, nothing that must be hard to guess.
#[must_use]
pub fn draw_fraction() -> f64 {
    let [.., one, two, three, four] = *draw_uuid().as_bytes();
    f64::from(u32::from_be_bytes([one, two, three, four])) / f64::from(u32::MAX)
}

/// Draws a number, its upper 62 bits by chance: nothing that must be hard to guess.
#[must_use]
pub fn draw_number() -> u64 {
    let [_, _, _, _, _, _, _, _, rest @ ..] = draw_uuid().into_bytes();
    u64::from_be_bytes(rest) << 2
}

/// Draws an order id: a UUID of version 7 (RFC 9562), so ids sort by the time they were drawn.
#[must_use]
pub fn draw_order_id() -> OrderId {
    OrderId(draw_uuid().into_bytes())
}
