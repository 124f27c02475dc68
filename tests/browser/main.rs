//! The pages in a real Chromium: each test starts the real server and runs one script beside this file, which
//! drives Debian's `chromium` through playwright-core.
//!
//! Proves what people see: that all windows show the same stock, that pages come back by themselves, that no page
//! writes an error or breaks the policy for its content, and that nobody is shut out (axe-core). Pictures of
//! all pages are in target/screenshots.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use support::{Server, Stand};
use throwaway::{AtParentDeath, Tied, free_port};

/// The folder of the scripts.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser")
}

/// What `npm ci` has installed.
fn installed(file: &str) -> PathBuf {
    let path = folder().join("node_modules").join(file);
    assert!(path.exists(), "{} is missing: run ./scripts/test", path.display());
    path
}

/// A script that runs against a server.
struct Script {
    process: Tied,
    /// What it asks for, line by line.
    asked: std::io::Lines<BufReader<std::process::ChildStdout>>,
    log: PathBuf,
}

impl Script {
    fn start(name: &str, stand: &Stand, server: &Server, more: &[(&str, &str)]) -> Self {
        installed("playwright-core");
        let screenshots = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("screenshots");
        fs::create_dir_all(&screenshots).expect("a folder for pictures");
        let log = stand.folder.path().join("script.log");
        let mut command = Command::new("node");
        command.arg(folder().join(format!("{name}.mjs")));
        command.env("LASTUNIT_BASE", &server.base).env("LASTUNIT_SCREENSHOTS", screenshots);
        command.envs(more.iter().copied());
        command.stdout(Stdio::piped()).stderr(fs::File::create(&log).expect("a log file"));
        let mut process = Tied::spawn(command, AtParentDeath::Kill).expect("node starts");
        let stdout = process.take_stdout().expect("a pipe");
        Self { process, asked: BufReader::new(stdout).lines(), log }
    }

    /// What it asks for next; `None` when it has ended.
    fn asks(&mut self) -> Option<String> {
        self.asked.next().map(|line| line.expect("a line"))
    }

    /// Waits until it has ended, which must be well.
    fn finish(mut self) {
        while self.asks().is_some() {}
        let status = loop {
            match self.process.ended().expect("the process can be asked") {
                Some(status) => break status,
                None => std::thread::sleep(std::time::Duration::from_millis(5)),
            }
        };
        let said = fs::read_to_string(&self.log).unwrap_or_default();
        assert!(status.success(), "{status}: {said}");
    }
}

/// Runs a script against a server where nobody has to sign in.
fn run(name: &str) {
    // What fails once is given up: an operator sees it soon.
    let stand = Stand::embedded().setting("PAYMENT__RETRY_ATTEMPTS_MAX", 1);
    let stand = stand.setting("PAYMENT__RETRY_BASE_MS", 10).setting("PAYMENT__RETRY_MAX_MS", 10);
    let server = stand.start();
    Script::start(name, &stand, &server, &[]).finish();
    assert!(server.stop().success());
    stand.assert_audit();
}

#[test]
fn the_types_of_the_pages_hold() {
    for project in ["tsconfig.pages.json", "tsconfig.json"] {
        let mut command = Command::new(installed(".bin/tsc"));
        let output = command.current_dir(folder()).args(["--project", project]).output();
        let output = output.expect("tsc runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
}

#[test]
fn two_windows_see_the_same_stock() {
    run("two_windows");
}

#[test]
fn a_hold_counts_down() {
    run("hold");
}

#[test]
fn a_cart_is_paid_and_a_queue_moves() {
    run("cart");
}

#[test]
fn what_an_operator_does_is_seen_at_once() {
    run("operator");
}

#[test]
fn an_operator_shows_the_token() {
    let token = "an-operator-token-for-tests";
    let stand = Stand::embedded().setting("AUTH__OPERATOR_TOKEN", token);
    let server = stand.start();
    Script::start("token", &stand, &server, &[("LASTUNIT_ADMIN", token)]).finish();
}

#[test]
fn sales_open_by_the_clock_of_the_server() {
    run("opening");
}

#[test]
fn the_monitor_draws() {
    run("monitor");
}

#[test]
fn all_pages_are_for_everybody() {
    run("look");
}

#[test]
fn the_page_to_try_the_api_works() {
    run("docs");
}

#[test]
fn customers_and_operators_sign_in() {
    let stand = Stand::embedded().setting("AUTH__MODE", "jwt");
    let server = stand.start();
    let output = stand.command(&["token", "--role", "admin", "--subject", "boss"]).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let token = String::from_utf8(output.stdout).expect("a token");
    Script::start("accounts", &stand, &server, &[("LASTUNIT_ADMIN", token.trim())]).finish();
}

#[test]
fn pages_come_back_when_the_server_does() {
    let stand = Stand::embedded();
    let listen = format!("127.0.0.1:{}", free_port().expect("a free port"));
    let start = |log: &str| {
        let command = stand.command(&["serve", "--listen", &listen]);
        Server::start(command, &stand.folder.path().join(log))
    };
    let server = start("first.log");
    let mut script = Script::start("restart", &stand, &server, &[]);
    if script.asks().as_deref() == Some("kill") {
        server.kill();
        if script.asks().as_deref() == Some("start") {
            let server = start("second.log");
            script.finish();
            assert!(server.stop().success());
            stand.assert_audit();
            return;
        }
    }
    script.finish();
    panic!("the script has ended too early");
}
