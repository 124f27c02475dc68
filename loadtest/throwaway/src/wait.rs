//! Bounded waiting.

use std::{
    thread,
    time::{Duration, Instant},
};

use anyhow::Result;

const PAUSE: Duration = Duration::from_millis(20);

/// Calls `done` until it says yes or fails; false when that took longer than `limit`.
pub fn wait_until(limit: Duration, mut done: impl FnMut() -> Result<bool>) -> Result<bool> {
    let deadline = Instant::now() + limit;
    loop {
        if done()? {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            return Ok(false);
        }
        thread::sleep(PAUSE);
    }
}
