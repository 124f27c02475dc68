//! `[monitoring]`: what people see of the server.

use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// `[monitoring]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MonitoringConfig {
    pub benchmark_file: PathBuf,
}

impl MonitoringConfig {
    /// Where the last benchmark report is. There need not be one.
    #[must_use]
    pub fn benchmark_file(&self, data_dir: &Path) -> PathBuf {
        if self.benchmark_file == Path::new("") {
            data_dir.join("benchmark.json")
        } else {
            self.benchmark_file.clone()
        }
    }
}
