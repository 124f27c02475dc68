//! Messages: what clients say over a socket, and what they are told beside values.

use crate::http::problem::Problem;
use crate::http::time::Rfc3339;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// What a client says.
#[derive(Debug, Deserialize)]
#[serde(tag = "type", rename_all = "camelCase", deny_unknown_fields)]
pub(super) enum Said {
    /// Who asks: instead of a header, which pages cannot send.
    Authenticate {
        token: String,
    },
    Subscribe {
        topics: Vec<String>,
        /// The versions it has, by topic: what it has is not sent again.
        #[serde(default)]
        versions: BTreeMap<String, String>,
    },
    Unsubscribe {
        topics: Vec<String>,
    },
    /// A sign of life is asked for: pages cannot send pings.
    Ping {},
}

impl Said {
    /// How many topics it names.
    pub(super) const fn topics(&self) -> usize {
        match self {
            Self::Subscribe { topics, .. } | Self::Unsubscribe { topics } => topics.len(),
            Self::Authenticate { .. } | Self::Ping {} => 0,
        }
    }
}

/// What a client is told.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub(super) enum Told<'a> {
    /// The first message: the server's time, for countdowns.
    Welcome {
        time: Rfc3339,
        updates_per_second_max: u32,
        topics_max: usize,
    },
    Authenticated {
        subject: Option<&'a str>,
        role: &'static str,
    },
    Unsubscribed {
        topics: &'a [String],
    },
    Pong {
        time: Rfc3339,
    },
    /// A message, or a topic of it, could not be followed. The connection stays.
    Error {
        #[serde(skip_serializing_if = "Option::is_none")]
        topic: Option<&'a str>,
        code: &'static str,
        detail: &'a str,
        retryable: bool,
    },
}

impl<'a> Told<'a> {
    pub(super) fn error(topic: Option<&'a str>, problem: &'a Problem) -> Self {
        let (code, detail) = (problem.code().as_str(), problem.detail());
        Self::Error { topic, code, detail, retryable: problem.code().retryable() }
    }

    pub(super) fn text(&self) -> Utf8Bytes {
        // Plain structures: writing them cannot fail.
        serde_json::to_string(self).unwrap_or_default().into()
    }
}
