//! What one durable write costs here: all that the durable contestants have in common.

use std::{
    hint,
    io::{Seek, Write},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result};

use crate::statistics::median;

const LENGTH: usize = 4096;
const SYNCS: usize = 100;

/// Median time to overwrite 4 KiB of a file in the temporary directory and sync it.
pub fn microseconds() -> Result<f64> {
    let mut file = tempfile::tempfile().context("cannot create a temporary file")?;
    // As in a write-ahead log, the file has its length already.
    let prepared = file.write_all(&vec![0; LENGTH * SYNCS]).and_then(|()| file.rewind());
    prepared.and_then(|()| file.sync_all()).context("cannot prepare a temporary file")?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let start = Instant::now();
        let written = file.write_all(&[0xA5; LENGTH]).and_then(|()| file.sync_data());
        written.context("cannot write and sync a file")?;
        times.push(start.elapsed());
    }
    let numbers = times.iter().map(Duration::as_secs_f64).map(|seconds| seconds * 1e6);
    Ok(median(numbers).unwrap_or(0.0))
}

/// Calls `work` while another thread keeps a processor from sleeping.
pub fn while_busy<T>(work: impl FnOnce() -> T) -> T {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                hint::spin_loop();
            }
        });
        let result = work();
        done.store(true, Ordering::Relaxed);
        result
    })
}
