//! Starts the real thing for tests: the lastunit binary in a folder of its own on a free port, and
//! verbs to talk to it. The process dies with the test, also when the test is killed.
#![allow(dead_code, clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

pub mod collector;
pub mod provider;

use serde_json::{Value, json};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use throwaway::{AtParentDeath, Tied};

/// How long a server may take to say that it listens.
const START_MAX: Duration = Duration::from_secs(30);

/// Far longer than the query tables ever need, also on a machine that is busy with other tests.
const PROJECTED_WITHIN: Duration = Duration::from_mins(1);

/// A folder with data, and the settings that every start in it shares.
pub struct Stand {
    pub folder: TempDir,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Stand {
    /// Journal and database in SQLite; without limits, because a test asks more often than people do.
    pub fn embedded() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let stand = Self { folder, arguments: Vec::new(), environment: Vec::new() };
        stand.setting("LIMITS__ENABLED", false)
    }

    /// Adds a command line argument, such as `--journal-url=…`.
    pub fn argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds a setting by its environment name without the prefix, such as `HOLDS__SECONDS_MAX`.
    pub fn setting(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.push((format!("LASTUNIT_{name}"), value.to_string()));
        self
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A command of the binary with the stand's settings.
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lastunit"));
        command.args(words).args(&self.arguments).arg("--data-dir").arg(self.data_dir());
        // Settings of the tests themselves, such as LASTUNIT_SEED, are none of the server's.
        let names = std::env::vars_os().map(|(name, _)| name);
        for name in names.filter(|name| name.to_string_lossy().starts_with("LASTUNIT_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Starts the server and waits until it listens.
    pub fn start(&self) -> Server {
        let command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Server::start(command, &self.folder.path().join(format!("{}.log", free_name())))
    }

    /// Starts a server that may refuse: then gives what it said.
    pub fn start_or_give_up(&self) -> Result<Server, String> {
        let command = self.command(&["serve", "--listen", "127.0.0.1:0"]);
        Server::try_start(command, &self.folder.path().join(format!("{}.log", free_name())))
    }

    /// Tries to start a server that must refuse: its exit status and what it said.
    pub fn start_refused(&self) -> (ExitStatus, String) {
        let output =
            self.command(&["serve", "--listen", "127.0.0.1:0"]).output().expect("the binary runs");
        (output.status, String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Runs the audit: whether all is well, and its report.
    pub fn audit(&self) -> (bool, Value) {
        let output = self.command(&["audit", "--json"]).output().expect("the binary runs");
        let text = String::from_utf8_lossy(&output.stdout);
        let report = serde_json::from_str(&text).unwrap_or_else(|error| {
            let complaint = String::from_utf8_lossy(&output.stderr);
            panic!("the audit printed no report ({error}): {text}{complaint}")
        });
        (output.status.success(), report)
    }

    /// Fails with the whole report unless every promise holds and the query tables say the same.
    pub fn assert_audit(&self) {
        let (well, report) = self.audit();
        assert!(well, "the audit found problems: {report:#}");
        assert_eq!(report["database"]["compared"], true, "{report:#}");
    }
}

fn free_name() -> String {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("server-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// A running server.
pub struct Server {
    process: Tied,
    log: PathBuf,
    /// Such as `http://127.0.0.1:40123`.
    pub base: String,
}

impl Server {
    /// Starts a `serve` command and waits until it listens; its log goes to a file.
    pub fn start(command: Command, log: &Path) -> Self {
        Self::try_start(command, log).unwrap_or_else(|said| panic!("the server ended: {said}"))
    }

    /// The same where it may end instead: then gives its log.
    pub fn try_start(mut command: Command, log: &Path) -> Result<Self, String> {
        let file = File::create(log).expect("a log file");
        command.stderr(file);
        let process = Tied::spawn(command, AtParentDeath::Kill).expect("the binary starts");
        let mut server = Self { process, log: log.to_path_buf(), base: String::new() };
        let started = Instant::now();
        while server.base.is_empty() {
            let said = server.log();
            if let Some((_, rest)) = said.split_once("listening on ")
                && rest.contains('\n')
            {
                // The line may be JSON, too.
                let end = |char: char| char.is_whitespace() || char == '"';
                rest.split(end).next().unwrap_or_default().clone_into(&mut server.base);
                break;
            }
            if let Some(status) = server.process.ended().expect("the process can be asked") {
                return Err(format!("{status}: {}", server.log()));
            }
            assert!(started.elapsed() < START_MAX, "the server does not listen: {said}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(server)
    }

    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// kill -9.
    pub fn kill(mut self) {
        self.process.kill().expect("the process can be killed");
    }

    /// Sends a signal and goes on.
    pub fn signal(&mut self, signal: rustix::process::Signal) {
        self.process.signal(signal).expect("the process can be signalled");
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.wait_for_end(Duration::from_secs(30))
    }

    /// Waits until the process has ended by itself.
    pub fn wait_for_end(&mut self, most: Duration) -> ExitStatus {
        let started = Instant::now();
        loop {
            if let Some(status) = self.process.ended().expect("the process can be asked") {
                return status;
            }
            assert!(started.elapsed() < most, "the server does not end: {}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub async fn get(&self, path: &str) -> Answer {
        Answer::of(client().get(self.url(path))).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        Answer::of(client().post(self.url(path)).json(&body)).await
    }

    pub async fn post_with_key(&self, path: &str, body: Value, key: &str) -> Answer {
        Answer::of(client().post(self.url(path)).json(&body).header("Idempotency-Key", key)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        Answer::of(client().delete(self.url(path))).await
    }

    /// Creates a product and gives its id.
    pub async fn create_product(&self, stock: u64) -> u64 {
        self.create(json!({ "stock": stock })).await
    }

    /// Creates a product with more said about it (`limitPerCustomer`, `opensAt`, …).
    pub async fn create(&self, more: Value) -> u64 {
        let mut body = json!({ "name": "thing", "price": { "amount": 999, "currency": "USD" } });
        let (Value::Object(body_fields), Value::Object(more)) = (&mut body, more) else {
            panic!("an object")
        };
        body_fields.extend(more);
        let answer = self.post("/api/v1/products", body).await;
        assert_eq!(answer.status, 201, "{}", answer.body);
        answer.body["productId"].as_u64().expect("a product id")
    }

    pub async fn buy(&self, product: u64, quantity: u64, customer: &str) -> Answer {
        let body = json!({ "productId": product, "quantity": quantity, "customerId": customer });
        self.post("/api/v1/purchases", body).await
    }

    pub async fn hold(&self, product: u64, quantity: u64, customer: &str, seconds: u64) -> Answer {
        let body = json!({
            "productId": product, "quantity": quantity, "customerId": customer, "holdSeconds": seconds
        });
        self.post("/api/v1/reservations", body).await
    }

    /// One number of `/metrics`, by its name with its labels; 0 where it is not there.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// Waits until the query tables have everything that is durable.
    pub async fn until_projected(&self) {
        let started = Instant::now();
        loop {
            let health = self.get("/health").await;
            let projection = &health.body["checks"]["projection"];
            if projection["status"] == "ok" && projection["lagSeconds"] == 0.0 {
                return;
            }
            assert!(started.elapsed() < PROJECTED_WITHIN, "{}", health.text);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// `(available, held, sold, stocked)`.
    pub async fn stock(&self, product: u64) -> (u64, u64, u64, u64) {
        let answer = self.get(&format!("/api/v1/products/{product}/stock")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let count = |name: &str| answer.body[name].as_u64().expect("a count");
        (count("available"), count("held"), count("sold"), count("stocked"))
    }
}

/// One client for all requests of a test, so that connections are used again.
pub fn client() -> reqwest::Client {
    // A client belongs to the runtime that made it, and each test has its own.
    thread_local! {
        static CLIENT: reqwest::Client = client_builder()
            .timeout(Duration::from_mins(1))
            .build()
            .expect("a client");
    }
    CLIENT.with(Clone::clone)
}

/// Any client needs to know whose cryptography it uses, even where it is never asked for any.
pub fn client_builder() -> reqwest::ClientBuilder {
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    /// `Null` when it is not JSON.
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub async fn of(request: reqwest::RequestBuilder) -> Self {
        Self::try_of(request).await.expect("an answer")
    }

    /// The same where the server may be gone.
    pub async fn try_of(request: reqwest::RequestBuilder) -> Result<Self, reqwest::Error> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await?;
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Ok(Self { status, headers, body, text })
    }

    /// The stable code of a problem document; empty for anything else.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}
