//! Schemathesis as `requirements.txt` names it, which `scripts/test` has installed.

use crate::shop::Shop;
use crate::support::Stand;
use crate::support::provider::SECRET;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use throwaway::{AtParentDeath, Tied};

/// Requests of each phase for each operation.
const EXAMPLES: u64 = 10;
/// Walks along links for each of those.
const WALKS: u64 = 6;

/// One run, before it has a server.
pub struct Run {
    succeed_min: u64,
    without: Option<&'static str>,
    only: Option<&'static str>,
}

impl Run {
    /// So many operations succeed, once at least: less would prove little.
    pub const fn of(succeed_min: u64) -> Self {
        Self { succeed_min, without: None, only: None }
    }

    /// Leaves out a check.
    pub const fn without(mut self, check: &'static str) -> Self {
        self.without = Some(check);
        self
    }

    /// Only follows links, and only those between the operations with this tag.
    pub const fn walks(mut self, tag: &'static str) -> Self {
        self.only = Some(tag);
        self
    }

    /// Fails with what Schemathesis says, unless that is nothing.
    pub async fn against(&self, stand: &Stand, shop: &Shop) {
        let folder = stand.folder.path();
        let (seed, examples) = (seed(), number("LASTUNIT_EXAMPLES").unwrap_or(EXAMPLES));
        let log = folder.join("schemathesis.log");
        let mut command = self.command(folder, shop.token.as_deref(), WALKS * examples);
        command.arg(shop.server.url("/openapi.json"));
        command.arg("--no-color");
        command.arg(format!("--seed={seed}")).arg(format!("--max-examples={examples}"));
        if let Some(tag) = self.only {
            command.args(["--phases", "stateful", "--include-tag", tag]);
        }
        let file = File::create(&log).expect("a log file");
        command.stderr(file.try_clone().expect("the same file")).stdout(file);
        let mut process = Tied::spawn(command, AtParentDeath::Kill).expect("python3 starts");
        let status = loop {
            match process.ended().expect("the process can be asked") {
                Some(status) => break status,
                // Not the thread: connections that end meanwhile have to be noticed.
                None => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let said = fs::read_to_string(&log).unwrap_or_default();
        println!("{said}");
        let server = shop.server.log();
        assert!(
            status.success(),
            "{status}, see above; the server said: {server}\nto send the same again:\n  \
             LASTUNIT_SEED={seed} LASTUNIT_EXAMPLES={examples} cargo test --test contract\n"
        );
    }

    fn command(&self, folder: &Path, token: Option<&str>, walks: u64) -> Command {
        let (own, installed) = (own(), installed());
        let mut settings = fs::read_to_string(own.join("schemathesis.toml")).expect("settings");
        let walks = format!("generation.max-examples = {walks}");
        // Sent wherever the description has a place for one.
        let token = token.map(|token| format!("openapi.token.bearer = \"{token}\""));
        let without = self.without.map(|check| format!("{check}.enabled = false"));
        let more =
            [("[phases.stateful]\n", Some(walks)), ("[auth]\n", token), ("[checks]\n", without)];
        for (section, line) in more {
            assert!(settings.contains(section), "schemathesis.toml has no {section}");
            if let Some(line) = line {
                settings = settings.replacen(section, &format!("{section}{line}\n"), 1);
            }
        }
        let file = folder.join("schemathesis.toml");
        fs::write(&file, settings).expect("settings");
        let mut command = Command::new("python3");
        command.args(["-m", "schemathesis.cli", "--config-file"]).arg(file).arg("run");
        let paths = std::env::join_paths([&installed, &own]).expect("paths");
        // It writes what it has seen where it runs.
        command
            .current_dir(folder)
            .env("PYTHONPATH", paths)
            .env("PYTHONPYCACHEPREFIX", installed.join(".cache"));
        command.env("CONTRACT_WEBHOOK_SECRET", SECRET.trim_start_matches("whsec_"));
        command.env("CONTRACT_SUCCEED_MIN", self.succeed_min.to_string());
        command
    }
}

fn own() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}

fn installed() -> PathBuf {
    let folder = own().join(".tools");
    let wanted = fs::read_to_string(own().join("requirements.txt")).expect("requirements");
    let there = fs::read_to_string(folder.join(".installed")).unwrap_or_default();
    assert!(wanted == there, "{} is missing or old: run ./scripts/test", folder.display());
    folder
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// `LASTUNIT_SEED`, or one that is the same for everybody: what others find is looked for on purpose, and does not
/// meet whoever has changed something else.
fn seed() -> u64 {
    number("LASTUNIT_SEED").unwrap_or(1)
}
