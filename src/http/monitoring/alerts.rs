//! Alerts as they are shown.

use crate::http::time::Rfc3339;
use crate::monitoring::{Alert, Ended, Monitor};
use serde::Serialize;

/// What is the matter, or was.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Alert, example = json!({
    "name": "sold-out", "severity": "info", "subject": "product 1",
    "message": "product 1 is sold out in sale 6", "since": "2026-01-31T09:00:02.113Z"
}))]
pub struct AlertDocument {
    /// `selling-fast`, `sold-out`, `projection-behind`, `journal-slow`, `shedding-load` or `error-rate`.
    name: &'static str,
    /// `info`, `warning` or `critical`.
    severity: &'static str,
    /// `product {id}`, `projection`, `journal` or `server`.
    subject: String,
    /// For people, of the moment when it was raised or became worse.
    message: String,
    #[schema(value_type = String, format = DateTime)]
    since: Rfc3339,
    /// When it was over; left out while it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Rfc3339>,
}

impl From<Alert> for AlertDocument {
    fn from(alert: Alert) -> Self {
        Self {
            name: alert.name.as_str(),
            severity: alert.severity.as_str(),
            subject: alert.subject,
            message: alert.message,
            since: Rfc3339(alert.since),
            until: None,
        }
    }
}

impl From<Ended> for AlertDocument {
    fn from(Ended { alert, until }: Ended) -> Self {
        Self { until: Some(Rfc3339(until)), ..alert.into() }
    }
}

/// What somebody should know.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Alerts)]
pub struct AlertsDocument {
    /// The worst first; of each name at most 50.
    active: Vec<AlertDocument>,
    /// What is over, newest first, at most 50.
    recent: Vec<AlertDocument>,
}

impl AlertsDocument {
    #[must_use]
    pub fn of(monitor: &Monitor) -> Self {
        let (active, recent) = monitor.alerts();
        Self {
            active: active.into_iter().map(AlertDocument::from).collect(),
            recent: recent.into_iter().map(AlertDocument::from).collect(),
        }
    }
}
