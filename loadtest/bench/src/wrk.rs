//! Runs the load generator and reads what it measured.

use std::{
    io::{Read, Write},
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;
use throwaway::{AtParentDeath, Tied, wait_until};

use crate::{contestant::Question, interrupt};

const SCRIPT: &str = include_str!("wrk.lua");
/// What `wrk` may take beyond the time it was told to run: start, script, last answers.
const GRACE: Duration = Duration::from_secs(30);

/// The installed `wrk` and the script it runs.
pub struct Wrk {
    script: NamedTempFile,
}

/// One run of the load.
#[derive(Debug, Clone, Copy)]
pub struct Run<'a> {
    pub address: SocketAddr,
    pub question: Question,
    /// The first of the products that the question needs.
    pub product: i64,
    pub connections: u32,
    pub seconds: u64,
    /// Read every answer and compare its status with this one.
    pub checked_status: Option<u16>,
    /// A file with the customers' tokens.
    pub tokens: Option<&'a Path>,
}

/// What one run of the load saw.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Load {
    pub requests: u64,
    pub microseconds: u64,
    pub p50_microseconds: u64,
    pub p99_microseconds: u64,
    /// Answers with a status of 400 or more.
    pub error_statuses: u64,
    pub socket_errors: u64,
    pub timeouts: u64,
    /// Answers with another status than the one asked for, where that was checked, and one of them.
    pub unexpected: u64,
    pub example: String,
}

impl Load {
    #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
    pub fn requests_per_second(&self) -> f64 {
        self.requests as f64 * 1e6 / self.microseconds.max(1) as f64
    }
}

impl Wrk {
    /// Checks that `wrk` is there and writes its script to a temporary file.
    pub fn prepare() -> Result<Self> {
        version()?;
        let mut script = tempfile::Builder::new()
            .prefix("lastunit-bench-")
            .suffix(".lua")
            .tempfile()
            .context("cannot create a temporary file for the script of wrk")?;
        script.write_all(SCRIPT.as_bytes()).context("cannot write the script of wrk")?;
        Ok(Self { script })
    }

    pub fn run(&self, run: Run<'_>) -> Result<Load> {
        let Run { address, question, product, connections, seconds, checked_status, tokens } = run;
        let mut command = Command::new("wrk");
        command.args(["--threads=1", "--timeout=30s", &format!("--connections={connections}")]);
        command.arg(format!("--duration={seconds}s")).arg("--script").arg(self.script.path());
        command.args([&format!("http://{address}"), "--"]);
        command.args([question.name(), &product.to_string()]);
        command.arg(checked_status.unwrap_or(0).to_string());
        command.args(tokens);
        command.stdout(Stdio::piped());
        let mut wrk = Tied::spawn(command, AtParentDeath::Kill)?;
        let mut output = wrk.take_stdout().context("wrk has no output")?;
        let limit = Duration::from_secs(seconds) + GRACE;
        let ended = wait_until(limit, || {
            interrupt::check()?;
            Ok(wrk.ended()?.is_some())
        })?;
        ensure!(ended, "wrk did not end within {limit:?}");
        let mut text = String::new();
        output.read_to_string(&mut text).context("cannot read the output of wrk")?;
        parse(&text)
    }
}

/// The line that the script writes when it is done.
fn parse(text: &str) -> Result<Load> {
    let Some(line) = text.lines().find_map(|line| line.strip_prefix("measured ")) else {
        bail!("wrk measured nothing; it wrote:\n{}", text.trim());
    };
    serde_json::from_str(line).with_context(|| format!("cannot read what wrk measured: {line}"))
}

/// The version of `wrk`, from the first line of its help.
pub fn version() -> Result<String> {
    let output = Command::new("wrk")
        .arg("--version")
        .output()
        .context("the load generator `wrk` is not installed: run `apt-get install wrk`")?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.split('[').next().unwrap_or("wrk").trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn the_line_of_the_script_is_read_and_anything_else_is_shown() {
        let line = "noise\nmeasured {\"requests\":10,\"microseconds\":5000000,\"p50Microseconds\":1,\
            \"p99Microseconds\":2,\"errorStatuses\":0,\"socketErrors\":0,\"timeouts\":0,\"unexpected\":0,\
            \"example\":\"\"}\n";
        let load = parse(line).expect("a good line");
        assert!((load.requests_per_second() - 2.0).abs() < 1e-9);
        let error = parse("unable to connect").expect_err("no line");
        assert!(error.to_string().contains("unable to connect"));
    }
}
