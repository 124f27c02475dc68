//! The temporary directory of one server, and the ends of the log files in it.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use tempfile::TempDir;

/// How much of a log an error message carries.
const LOG_LINES: usize = 15;

/// A new private directory. The path stays short, because a Unix socket may have to fit into it.
pub fn temporary() -> Result<TempDir> {
    let parent = std::env::temp_dir();
    tempfile::Builder::new().prefix("lastunit-throwaway-").tempdir().with_context(|| {
        format!(
            "cannot create a temporary directory in {}; TMPDIR names another place",
            parent.display()
        )
    })
}

/// The last lines of a log, for an error message.
pub fn end_of_log(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    match text {
        Ok(text) if text.trim().is_empty() => "its log is empty".to_owned(),
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            let start = lines.len().saturating_sub(LOG_LINES);
            format!("its log ends with:\n{}", lines[start..].join("\n"))
        }
        Err(error) => format!("its log {} cannot be read: {error}", path.display()),
    }
}
