//! Live: the doors to the hub, `/ws` (WebSocket) and `/events` (server-sent events). Both show the same.
//!
//! `messages` is what is said over a socket, `topics` what may be followed by whom, `documents` what a topic
//! is worth at a moment; `socket` and `events` carry it. The task of a socket runs on the hub's own runtime, at
//! low priority, so no screen slows a sale; events are answers like others, on the threads of requests.

mod documents;
pub(super) mod events;
mod messages;
pub(super) mod socket;
mod topics;

pub use documents::Documents;

use super::problem::{Code, Problem};
use crate::live::{ClientRefused, Hub};
use std::time::Duration;
use tokio::runtime::Handle;

/// Seconds to wait before connecting again.
const AGAIN_SECONDS: u64 = 5;

/// How clients are served.
#[derive(Debug, Clone, Copy)]
pub struct LiveOptions {
    /// Of one message from a client.
    pub message_bytes_max: usize,
    /// Between two signs of life that are asked for.
    pub ping: Duration,
    /// A client that gives none for this long, or takes nothing, is gone.
    pub silence_max: Duration,
    /// Bytes the system keeps for a client that is slow: what is in there is old.
    pub send_buffer_bytes: usize,
}

/// What the doors need.
#[derive(Clone)]
pub struct Live {
    pub hub: Hub,
    /// Where clients' tasks run.
    pub runtime: Handle,
    pub options: LiveOptions,
}

/// Why somebody is not let in.
fn refused(refused: ClientRefused) -> Problem {
    match refused {
        ClientRefused::TooMany => {
            Problem::new(Code::Overloaded, "no more clients of live updates are taken")
                .retry_after(AGAIN_SECONDS)
        }
        ClientRefused::TooManyOfAddress => {
            let detail = "this address has as many live connections as it may have";
            Problem::new(Code::RateLimited, detail).retry_after(AGAIN_SECONDS)
        }
        ClientRefused::Closing => Problem::new(Code::Overloaded, "the server is going down"),
    }
}
