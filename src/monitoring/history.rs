//! History: the samples of the last hour, and a choice of them for whoever draws a picture. Bounded.

use super::Sample;
use crate::domain::Timestamp;
use std::collections::VecDeque;
use std::sync::Arc;

/// How far back it goes.
pub const HISTORY_SECONDS: u64 = 3_600;

/// Most samples of one answer: more points than a screen shows.
const SAMPLES_MAX: u64 = 720;

/// Seconds between two samples of an answer.
const STEPS: [u64; 3] = [1, 5, 10];

/// A part of the history.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// Seconds from one sample to the next.
    pub step_seconds: u64,
    /// Where the part begins; the samples may begin later.
    pub from: Timestamp,
    /// Oldest first.
    pub samples: Vec<Arc<Sample>>,
}

/// The samples of an hour.
#[derive(Debug, Default)]
pub(super) struct Ring(VecDeque<Arc<Sample>>);

impl Ring {
    /// Takes the next sample; the oldest one makes room for it.
    pub(super) fn push(&mut self, sample: Arc<Sample>) {
        // One a second.
        if self.0.len() as u64 >= HISTORY_SECONDS {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// The samples of the last seconds before `now`, thinned out to what one answer holds. The same ones
    /// are chosen whenever somebody asks, so that a line does not change its form as it moves.
    pub(super) fn part(&self, seconds: u64, now: Timestamp) -> History {
        let window = seconds.saturating_mul(1_000).min(now.as_millis());
        let from = Timestamp::from_millis(now.as_millis() - window);
        let within: Vec<_> = self.0.iter().filter(|sample| sample.at >= from).collect();
        let fits = |step: &u64| (within.len() as u64).div_ceil(*step) <= SAMPLES_MAX;
        let step_seconds = STEPS.into_iter().find(fits).unwrap_or(STEPS[STEPS.len() - 1]);
        let chosen = within.into_iter().filter(|sample| sample.number.is_multiple_of(step_seconds));
        History { step_seconds, from, samples: chosen.map(Arc::clone).collect() }
    }
}
