//! Ctrl-C and SIGTERM end the run in order, so that no server and no temporary directory stays.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, ensure};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From here on the signals only set a flag; a second one ends the process at once.
pub fn listen() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM] {
        flag::register_conditional_shutdown(signal, 130, Arc::clone(asked))
            .and_then(|_| flag::register(signal, Arc::clone(asked)))
            .context("cannot handle signals")?;
    }
    Ok(())
}

/// An error once somebody has asked for the end.
pub fn check() -> Result<()> {
    ensure!(!ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed)), "interrupted");
    Ok(())
}
