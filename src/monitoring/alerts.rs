//! Alerts: what somebody should know, from when it became so until it is over. Pure: verdicts and times in,
//! facts out.
//!
//! ```text
//!   quiet ── so, for `raise` looks ──▶ active ── not so, for `clear` looks ──▶ recent
//!     ▲         └ not so ─▶ quiet         └ so, or between the two limits ─▶ active
//! ```
//!
//! A rule has two limits: what is above the upper one is so, what is below the lower one is not; between
//! them all stays as it is. So no alert flickers.

use crate::domain::{ProductId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

/// Most alerts of one name that are active: the newest.
pub const ACTIVE_MAX: usize = 50;

/// Most alerts that are over and still shown.
pub const RECENT_MAX: usize = 50;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertName {
    SellingFast,
    SoldOut,
    ProjectionBehind,
    JournalSlow,
    SheddingLoad,
    ErrorRate,
}

impl AlertName {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SellingFast => "selling-fast",
            Self::SoldOut => "sold-out",
            Self::ProjectionBehind => "projection-behind",
            Self::JournalSlow => "journal-slow",
            Self::SheddingLoad => "shedding-load",
            Self::ErrorRate => "error-rate",
        }
    }
}

/// How much it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look at it.
    Warning,
    /// Somebody must do something.
    Critical,
}

impl Severity {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// What is the matter. The sentence is that of the moment when it was raised, or became worse.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    pub name: AlertName,
    pub severity: Severity,
    /// Such as `product 1`.
    pub subject: String,
    pub message: String,
    pub since: Timestamp,
}

/// An alert that is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub alert: Alert,
    pub until: Timestamp,
}

/// Of what and about what: there is one alert at a time for each.
pub(super) type Key = (AlertName, Option<ProductId>);

/// What a rule says at one look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is so.
    On {
        severity: Severity,
        subject: String,
        message: String,
        /// Since when, where that is known.
        since: Option<Timestamp>,
        /// Looks that it must have been so, this one included.
        raise: u32,
    },
    /// Between the two limits.
    Between,
    /// It is not so; over for looks, this one included.
    Off { clear: u32 },
}

/// What is known of one key.
#[derive(Debug, Default)]
struct Standing {
    active: Option<Alert>,
    /// Looks in a row that speak for a change, and when the first was.
    streak: Option<(u32, Timestamp)>,
}

impl Standing {
    /// Counts a look that speaks for a change: how many there were in a row, and when the first was.
    fn count(&mut self, now: Timestamp) -> (u32, Timestamp) {
        let (looks, first) = self.streak.unwrap_or((0, now));
        let counted = (looks.saturating_add(1), first);
        self.streak = Some(counted);
        counted
    }
}

/// All alerts.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    standings: BTreeMap<Key, Standing>,
    /// Newest first.
    recent: VecDeque<Ended>,
}

impl Alerts {
    /// Takes what one rule says of one key.
    pub(super) fn judge(&mut self, key: Key, verdict: Verdict, now: Timestamp) {
        let standing = self.standings.entry(key).or_default();
        match verdict {
            Verdict::On { severity, subject, message, since, raise } => {
                if let Some(alert) = &mut standing.active {
                    standing.streak = None;
                    if severity > alert.severity {
                        (alert.severity, alert.message) = (severity, message);
                    }
                } else {
                    let (looks, first) = standing.count(now);
                    if looks >= raise {
                        let (name, since) = (key.0, since.unwrap_or(first));
                        let alert = Alert { name, severity, subject, message, since };
                        *standing = Standing { active: Some(alert), streak: None };
                    }
                }
            }
            Verdict::Off { clear } if standing.active.is_some() => {
                let (looks, until) = standing.count(now);
                if looks >= clear
                    && let Some(alert) = std::mem::take(standing).active
                {
                    self.recent.push_front(Ended { alert, until });
                    self.recent.truncate(RECENT_MAX);
                }
            }
            Verdict::Between | Verdict::Off { .. } => standing.streak = None,
        }
        if standing.active.is_none() && standing.streak.is_none() {
            self.standings.remove(&key);
        }
    }

    /// What is active under a name, by product.
    pub(super) fn active_of(&self, name: AlertName) -> Vec<(ProductId, Timestamp)> {
        let of = |(key, standing): (&Key, &Standing)| {
            let alert = standing.active.as_ref().filter(|_| key.0 == name)?;
            Some((key.1?, alert.since))
        };
        self.standings.iter().filter_map(of).collect()
    }

    /// Keeps the newest of each name; of more nothing is said, not even that it is over.
    pub(super) fn bound(&mut self) {
        let mut by_age: Vec<_> = self
            .standings
            .iter()
            .filter_map(|(key, standing)| {
                Some((key.0, Reverse(standing.active.as_ref()?.since), *key))
            })
            .collect();
        by_age.sort_unstable();
        let of_one_name = by_age.chunk_by(|one, other| one.0 == other.0);
        for (.., key) in of_one_name.flat_map(|alerts| alerts.iter().skip(ACTIVE_MAX)) {
            self.standings.remove(key);
        }
    }

    /// The worst first, then the newest.
    pub(super) fn active(&self) -> Vec<Alert> {
        let standings = self.standings.values();
        let mut active: Vec<_> = standings.filter_map(|standing| standing.active.clone()).collect();
        active.sort_by_key(|alert| (Reverse(alert.severity), Reverse(alert.since), alert.name));
        active
    }

    /// Newest first.
    pub(super) fn recent(&self) -> Vec<Ended> {
        self.recent.iter().cloned().collect()
    }
}
