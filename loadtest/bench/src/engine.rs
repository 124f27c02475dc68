//! The engine in process, without HTTP: how many durable sales a second one hot product makes.
//!
//! The driver runs the subcommand `engine` of this same binary, once in each round, as
//! `lastunit-bench engine --seconds N`. The subcommand writes one line of JSON, an [`EngineRun`], to
//! its standard output. As long as the binary has no such subcommand, the report says so.

use std::{path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use clap::CommandFactory;
use serde::{Deserialize, Serialize};

use crate::options::Arguments;

const SUBCOMMAND: &str = "engine";

/// What the subcommand measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EngineRun {
    /// The store of the journal, such as `SQLite`.
    pub store: String,
    /// How many purchases were on their way at any time.
    pub in_flight: u64,
    pub sales: u64,
    pub seconds: f64,
}

impl EngineRun {
    #[expect(clippy::cast_precision_loss, reason = "sales of one run are far below 2^52")]
    pub fn sales_per_second(&self) -> f64 {
        self.sales as f64 / self.seconds
    }
}

/// Whether this binary can measure the engine.
pub fn is_available() -> bool {
    Arguments::command().find_subcommand(SUBCOMMAND).is_some()
}

/// Measures the engine in a process of its own.
pub fn measure(bench: &Path, seconds: u64) -> Result<EngineRun> {
    let output = Command::new(bench)
        .args([SUBCOMMAND, "--seconds", &seconds.to_string()])
        .output()
        .context("cannot run the subcommand `engine`")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "the engine failed ({}): {}", output.status, complaint.trim());
    let text = String::from_utf8_lossy(&output.stdout);
    let line = text.lines().last().unwrap_or_default();
    let run: EngineRun = serde_json::from_str(line)
        .with_context(|| format!("cannot read what the engine measured: {line}"))?;
    ensure!(run.seconds > 0.0, "the engine measured no time: {line}");
    Ok(run)
}
