//! Threads of this process that are not request handlers, and what happens when one of them panics.
//!
//! A panic in an actor or in the journal's writer means that a promise may be broken: the process
//! ends at once, and the next start rebuilds everything from the journal.

use std::future::Future;
use std::io;
use std::thread::JoinHandle;

/// Exit status after a panic where no panic may be survived (`EX_SOFTWARE` of sysexits).
const EXIT_PANIC: i32 = 70;

/// Ends the process when it is dropped by a panic.
pub struct EndOnPanic(pub &'static str);

impl Drop for EndOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            tracing::error!(
                thread = self.0,
                "panicked: the process ends, a restart replays the journal"
            );
            std::process::exit(EXIT_PANIC);
        }
    }
}

/// Lets others go first. On Linux a priority is a thread's own, and is inherited by the threads it starts.
pub fn lower_priority(nice: i32) {
    #[cfg(target_os = "linux")]
    {
        let now = rustix::process::getpriority_process(None).unwrap_or(0);
        if let Err(error) = rustix::process::setpriority_process(None, nice.max(now)) {
            tracing::warn!(%error, "a thread for work in the background runs at normal priority");
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = nice;
}

/// Runs a task on this runtime that the process cannot do without.
pub fn spawn_task(name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(async move {
        let _guard = EndOnPanic(name);
        future.await;
    });
}

/// Runs a future to its end on a thread and a runtime of its own.
///
/// # Errors
/// When the system gives no thread.
pub fn spawn_runtime(
    name: &'static str,
    future: impl Future<Output = ()> + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name(name.into()).spawn(move || {
        let _guard = EndOnPanic(name);
        runtime.block_on(future);
    })
}
