//! A real Prometheus with the repository's own configuration and rules. Two things are replaced: the
//! address of the server it asks, in the text of `prometheus.yml`, and on the command line the folder it
//! stores in and the address it listens on.

use crate::live::STEP;
use crate::names::root;
use crate::support::{Answer, Server, client};
use serde_json::Value;
use std::fs::{self, File};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use throwaway::{AtParentDeath, Tied, free_port};

/// The address in `prometheus.yml`.
const TARGET: &str = "\"lastunit:8080\"";

/// How long it may take to start.
const START_MAX: Duration = Duration::from_secs(20);

/// A port that was free may be taken by the time it is bound to.
const ATTEMPTS: usize = 3;

/// A running Prometheus; it ends with this value, and its data is deleted.
pub struct Prometheus {
    process: Tied,
    base: String,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that asks this server.
    pub async fn start(server: &Server) -> Self {
        for _ in 1..ATTEMPTS {
            if let Ok(prometheus) = Self::try_start(server).await {
                return prometheus;
            }
        }
        Self::try_start(server).await.unwrap_or_else(|said| panic!("Prometheus ended: {said}"))
    }

    async fn try_start(server: &Server) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let files = root().join("prometheus");
        let configuration = fs::read_to_string(files.join("prometheus.yml")).expect("a text");
        assert_eq!(configuration.matches(TARGET).count(), 1, "one target is replaced");
        let address = server.base.trim_start_matches("http://");
        let configuration = configuration.replace(TARGET, &format!("\"{address}\""));
        let place = folder.path().join("prometheus.yml");
        fs::write(&place, configuration).expect("a file");
        std::os::unix::fs::symlink(files.join("rules"), folder.path().join("rules"))
            .expect("a link");
        let log = File::create(folder.path().join("log")).expect("a log file");
        let port = free_port().expect("a free port");
        let mut command = Command::new("prometheus");
        command
            .arg(format!("--config.file={}", place.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--log.level=warn"])
            .stdout(log.try_clone().expect("a log file"))
            .stderr(log);
        let process = Tied::spawn(command, AtParentDeath::Kill)
            .expect("prometheus: run `apt-get install prometheus`, or ./scripts/test");
        let base = format!("http://127.0.0.1:{port}");
        let mut prometheus = Self { process, base, folder };
        let started = Instant::now();
        while !prometheus.is_ready().await {
            if prometheus.process.ended().expect("the process can be asked").is_some() {
                return Err(prometheus.log());
            }
            assert!(started.elapsed() < START_MAX, "not ready: {}", prometheus.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(prometheus)
    }

    async fn is_ready(&self) -> bool {
        let asked = Answer::try_of(client().get(format!("{}/-/ready", self.base))).await;
        asked.is_ok_and(|answer| answer.status == 200)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// What its API answers; fails where that is an error.
    pub async fn ask(&self, path: &str, form: &[(&str, &str)]) -> Value {
        let address = format!("{}/api/v1/{path}", self.base);
        let address = reqwest::Url::parse_with_params(&address, form).expect("an address");
        let answer = Answer::of(client().get(address)).await;
        assert!(answer.body["status"] == "success", "{path} {form:?}: {}", answer.text);
        assert!(answer.body["warnings"].is_null(), "{path} {form:?}: {}", answer.text);
        answer.body["data"].clone()
    }

    /// What a query answers over a time, step by step: the values of all series.
    pub async fn range(&self, query: &str, (from, to): (f64, f64)) -> Vec<f64> {
        let [from, to, step] = [from, to, STEP].map(|number| number.to_string());
        let form = [("query", query), ("start", &from), ("end", &to), ("step", &step)];
        let data = self.ask("query_range", &form).await;
        let series = data["result"].as_array().expect("a list of series").iter();
        let points = series.flat_map(|series| series["values"].as_array().expect("values"));
        let number = |point: &Value| point[1].as_str().and_then(|text| text.parse().ok());
        points.map(|point| number(point).expect("a number")).collect()
    }
}
