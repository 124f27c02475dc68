//! Logs: tracing to standard error, for people or as JSON lines. A panic is a log line like any
//! other, so that whoever reads the log sees it.

use super::request_id::RequestId;
use serde::{Deserialize, Serialize};
use std::io::{self, IsTerminal, Write};
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
    let writer = move || Lines { format, inner: std::io::stderr() };
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
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

/// Adds to each line the id of the request that it is about. A span for each request would do that, too,
/// and cost every request what now only those pay that are logged.
struct Lines<W> {
    format: LogFormat,
    inner: W,
}

impl<W: Write> Write for Lines<W> {
    /// Gets one whole line each time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let Some(id) = RequestId::current() else { return self.inner.write(line) };
        let id = id.as_str();
        let named = match (self.format, line) {
            (LogFormat::Json, [b'{', rest @ ..]) => {
                [b"{\"request_id\":\"", id.as_bytes(), b"\",", rest].concat()
            }
            (LogFormat::Human, [text @ .., b'\n']) => {
                [text, b" request_id=", id.as_bytes(), b"\n"].concat()
            }
            _ => return self.inner.write(line),
        };
        self.inner.write_all(&named).map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn lines_name_the_request_they_are_about() {
        let written = |format, line: &str| {
            let mut lines = Lines { format, inner: Vec::new() };
            lines.write_all(line.as_bytes()).expect("memory");
            String::from_utf8(lines.inner).expect("text")
        };
        let id = RequestId::sent(b"abc-1").expect("it fits");
        for (format, line, named) in [
            (LogFormat::Human, "WARN slow\n", "WARN slow request_id=abc-1\n"),
            (LogFormat::Json, "{\"a\":1}\n", "{\"request_id\":\"abc-1\",\"a\":1}\n"),
        ] {
            assert_eq!(written(format, line), line, "outside of a request");
            assert_eq!(id.scope(|| written(format, line)), named);
        }
    }

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
