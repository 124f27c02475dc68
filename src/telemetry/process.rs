//! Process: what the system says of this process, for `/metrics` and whoever else shows it.
//!
//! Read when somebody asks, and owned by nobody. What the system does not tell is not shown.

use super::metrics::Registry;
use super::names::{self, Name};
use metrics::Gauge;
use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};
use std::fmt::{self, Write};
use std::fs;
use std::time::Duration;

/// CPU time that the process has used, on all cores together. A count that only grows: it says nothing
/// about what time it is.
#[must_use]
pub fn cpu_time() -> Duration {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(used.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(used.tv_nsec).unwrap_or_default())
}

/// Memory of the process that is in RAM.
#[must_use]
pub fn resident_bytes() -> Option<u64> {
    let pages = fs::read_to_string("/proc/self/statm").ok()?;
    let resident: u64 = pages.split_whitespace().nth(1)?.parse().ok()?;
    resident.checked_mul(rustix::param::page_size() as u64)
}

/// Open file descriptors.
#[must_use]
pub fn open_files() -> Option<usize> {
    // One of them reads the list.
    fs::read_dir("/proc/self/fd").ok().map(|files| files.count().saturating_sub(1))
}

/// Numbers of the process.
#[derive(Clone)]
pub struct ProcessMetrics {
    resident: Gauge,
    open_files: Gauge,
    open_files_max: Gauge,
    started: Gauge,
}

impl ProcessMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            resident: registry.gauge(names::PROCESS_RESIDENT_BYTES, vec![]),
            open_files: registry.gauge(names::PROCESS_OPEN_FILES, vec![]),
            open_files_max: registry.gauge(names::PROCESS_OPEN_FILES_MAX, vec![]),
            started: registry.gauge(names::PROCESS_START_SECONDS, vec![]),
        }
    }

    /// Shows since when the process runs.
    pub fn started(&self, at: crate::domain::Timestamp) {
        self.started.set(Duration::from_millis(at.as_millis()).as_secs_f64());
    }

    // All of these are far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    pub(super) fn look(&self) {
        if let Some(bytes) = resident_bytes() {
            self.resident.set(bytes as f64);
        }
        if let Some(files) = open_files() {
            self.open_files.set(files as f64);
        }
        // Without a limit there is no number.
        self.open_files_max
            .set(getrlimit(Resource::Nofile).current.map_or(f64::INFINITY, |it| it as f64));
    }

    /// Written by hand: a registered counter counts whole things only.
    #[allow(clippy::unused_self)] // belongs to the numbers it stands among
    pub(super) fn render_to(&self, text: &mut String) {
        let Name { text: name, help, .. } = names::PROCESS_CPU_SECONDS;
        let seconds = cpu_time().as_secs_f64();
        // Writing into a text cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {seconds}");
    }
}

impl fmt::Debug for ProcessMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("ProcessMetrics")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let before = cpu_time();
        let files = open_files().expect("a system that tells");
        let file = fs::File::open("/proc/self/statm").expect("a file");
        // Other tests open and close files meanwhile, but not this one.
        assert!(files >= 3, "{files}");
        let bytes = resident_bytes().expect("a system that tells");
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
        let mut sum = 0_u64;
        while cpu_time() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
        drop(file);
    }
}
