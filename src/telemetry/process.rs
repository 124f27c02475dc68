//! Process: what the system says of this process, for whoever shows it.
//!
//! Read when somebody asks, and owned by nobody. What the system does not tell is not shown.

use rustix::time::{ClockId, clock_gettime};
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_tells_of_this_process() {
        let before = cpu_time();
        let files = open_files().expect("a system that tells");
        assert!(files >= 3, "{files}");
        let bytes = resident_bytes().expect("a system that tells");
        assert!((1 << 20..1 << 40).contains(&bytes), "{bytes}");
        let mut sum = 0_u64;
        while cpu_time() == before {
            sum = std::hint::black_box(sum.wrapping_add(1));
        }
    }
}
