//! The contention suite itself: its types, its rules, its reports, and one scenario from the empty folder to
//! its verdict, with a kill -9 in the middle.
//!
//! What scenarios say of the server takes minutes and a quiet machine: `loadtest/run all`.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Runs a command in the repository's folder, which must end well; gives what it printed.
fn run(command: &mut Command) -> String {
    let output = command.current_dir(root()).output().expect("the command starts");
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{}: {text}", output.status);
    text
}

/// The tests that are written beside the files of a folder.
fn node_tests(folder: &str) {
    let files = fs::read_dir(root().join(folder)).expect("a folder");
    let mut files: Vec<PathBuf> = files.map(|file| file.expect("a file").path()).collect();
    files.retain(|file| file.to_string_lossy().ends_with(".test.mjs"));
    assert!(!files.is_empty(), "{folder} has no tests");
    let text = run(Command::new("node").arg("--test").args(files));
    assert!(text.contains("# skipped 0"), "{text}");
}

#[test]
fn the_types_of_runner_and_reports_hold() {
    let compiler = root().join("tests/browser/node_modules/.bin/tsc");
    assert!(compiler.exists(), "{} is missing: run ./scripts/test", compiler.display());
    run(Command::new(compiler).args(["--project", "loadtest/tsconfig.json"]));
}

#[test]
fn the_runner_keeps_its_rules() {
    node_tests("loadtest/runner");
}

#[test]
fn reports_show_what_was_measured() {
    node_tests("loadtest/report");
}

#[test]
fn a_scenario_ends_with_a_verdict_after_a_kill() {
    let results = tempfile::tempdir().expect("a folder");
    let scenario = ["limited-stock", "--quick", "--fault", "crash"];
    let mut command = Command::new(root().join("loadtest/run"));
    command.args(scenario).args(["--binary", env!("CARGO_BIN_EXE_lastunit")]);
    command.arg("--results").arg(results.path());
    let text = run(&mut command);
    let made = fs::read_dir(results.path()).expect("results").map(|it| it.unwrap().path()).next();
    let made = made.expect("one run");
    let result = fs::read_to_string(made.join("result.json")).expect("a result");
    let result: serde_json::Value = serde_json::from_str(&result).expect("JSON");
    assert_eq!(result["verdict"]["passed"], true, "{text}");
    assert_eq!(result["totals"]["unitsSold"], 5, "{result}");
    assert!(!result["faults"].as_array().expect("faults").is_empty(), "{text}");
    let report = fs::read_to_string(made.join("report.html")).expect("a report");
    assert!(report.contains("limited-stock"), "an empty report");
}
