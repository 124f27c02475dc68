//! Where actors run.

use actix::{ArbiterHandle, System};
use std::io;
use std::sync::mpsc;

/// What the engine's threads are called.
pub(super) const THREAD: &str = "engine";

/// Where the engine's actors are placed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Placement {
    /// On so many threads of their own, off the HTTP workers.
    Threads(usize),
    /// On the caller's own actix system: for a simulation in which one thread does everything.
    Here,
}

impl Placement {
    /// The arbiters that products are spread over.
    pub(super) fn arbiters(self) -> io::Result<Vec<ArbiterHandle>> {
        match self {
            Self::Here => Ok(vec![System::current().arbiter().clone()]),
            Self::Threads(count) => (0..count.max(1)).map(|_| start_thread()).collect(),
        }
    }
}

fn start_thread() -> io::Result<ArbiterHandle> {
    let (report, started) = mpsc::channel();
    std::thread::Builder::new().name(THREAD.into()).spawn(move || {
        let system = System::new();
        drop(report.send(System::current().arbiter().clone()));
        if let Err(error) = system.run() {
            tracing::error!(%error, "an engine thread ended");
        }
    })?;
    started.recv().map_err(|_| io::Error::other("the thread ended at once"))
}
