//! Signals: SIGTERM and Ctrl-C, counted from before the start until the process ends, so that there
//! is no moment at which they do nothing.
//!
//! Owner: one task, for the life of the process. A place that can be ended waits for the signal that
//! ends it: the first one a start or the serving, a further one whatever follows.

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// A handle on the count.
#[derive(Debug, Clone)]
pub(super) struct Signals(watch::Receiver<u32>);

impl Signals {
    /// Begins to count. From here on the system's own action, to end the process, is replaced.
    pub(super) fn count() -> std::io::Result<Self> {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let (counted, count) = watch::channel(0);
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = terminate.recv() => {} _ = interrupt.recv() => {} }
                counted.send_modify(|count: &mut u32| *count = count.saturating_add(1));
            }
        });
        Ok(Self(count))
    }

    /// Returns when there was any signal.
    pub(super) async fn first(&self) {
        self.after(0).await;
    }

    /// Returns when there were two.
    pub(super) async fn second(&self) {
        self.after(1).await;
    }

    /// Whether there were two.
    pub(super) fn are_two(&self) -> bool {
        *self.0.borrow() > 1
    }

    /// Returns at the next signal, not for one that came before the call.
    pub(super) async fn next(&self) {
        let seen = *self.0.borrow();
        self.after(seen).await;
    }

    async fn after(&self, seen: u32) {
        // The task that counts never ends before the runtime does.
        let _ = self.0.clone().wait_for(|count| *count > seen).await;
    }
}
