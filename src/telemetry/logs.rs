//! Logs: tracing to standard error, for people or as JSON lines. A panic is a log line like any
//! other, so that whoever reads the log sees it.

use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    Human,
    Json,
}

/// Whether the text is a filter: a level, or a list such as `info,lastunit::engine=debug`.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_level(level: &str) -> Result<(), String> {
    EnvFilter::builder().parse(level).map(|_| ()).map_err(|error| error.to_string())
}

/// Starts logging for the whole process. A second call changes nothing.
pub fn start(format: LogFormat, level: &str) {
    let filter = EnvFilter::builder().parse_lossy(level);
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let started = match format {
        LogFormat::Human => lines.with_ansi(std::io::stderr().is_terminal()).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(error, "logging had been started before");
        return;
    }
    std::panic::set_hook(Box::new(|panic| {
        let thread = std::thread::current();
        let backtrace = std::backtrace::Backtrace::capture();
        let backtrace = matches!(backtrace.status(), std::backtrace::BacktraceStatus::Captured)
            .then(|| backtrace.to_string());
        tracing::error!(
            thread = thread.name().unwrap_or_default(),
            place = panic.location().map(ToString::to_string),
            backtrace,
            "panicked: {}",
            panic.payload_as_str().unwrap_or("without a message")
        );
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Logging is the whole process's, so the test runs itself once more as another one.
    #[test]
    fn a_panic_is_a_log_line() {
        const INSIDE: &str = "LASTUNIT_TEST_PANICS";
        if std::env::var_os(INSIDE).is_some() {
            start(LogFormat::Json, "info");
            panic!("on {}", "purpose");
        }
        let test = "telemetry::logs::tests::a_panic_is_a_log_line";
        let itself = std::env::current_exe().expect("a path");
        let mut again = Command::new(itself);
        again.args([test, "--exact", "--nocapture"]).env(INSIDE, "1").env("RUST_BACKTRACE", "1");
        let output = again.output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        let lines = said.lines().filter_map(|line| serde_json::from_str(line).ok());
        let lines: Vec<serde_json::Value> = lines.collect();
        let [line] = &lines[..] else { panic!("not one line of JSON: {said}") };
        assert_eq!(line["message"], "panicked: on purpose");
        assert_eq!(line["level"], "ERROR");
        assert!(line["place"].as_str().is_some_and(|place| place.contains("logs.rs:")), "{line}");
        assert!(!said.contains("panicked at"), "{said}");
    }
}
