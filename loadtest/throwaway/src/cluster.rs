//! The files and programs of one Postgres cluster.
//!
//! `initdb` and `postgres` refuse to run as root, so root runs them as the user `postgres`, who
//! owns the temporary directory then.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{account::Account, binaries, directory};

/// Full durability, as in production; loopback only.
const SETTINGS: [&str; 5] = [
    "listen_addresses=127.0.0.1",
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "max_connections=200",
];

/// An initialised cluster, and the programs to use it with.
#[derive(Debug)]
pub struct Cluster {
    binaries: PathBuf,
    account: Account,
    directory: TempDir,
}

impl Cluster {
    /// Initialises a cluster of the newest installed Postgres in a temporary directory.
    pub fn create() -> Result<Self> {
        let binaries = binaries::postgres_directory()?;
        let account = Account::for_postgres()?;
        let directory = directory::temporary()?;
        account.give(directory.path())?;
        let cluster = Self { binaries, account, directory };
        let mut command = cluster.command("initdb");
        command.args([
            "--username=postgres",
            "--auth=trust",
            "--no-sync",
            "--encoding=UTF8",
            "--locale=C",
        ]);
        command.arg("--pgdata").arg(cluster.data());
        run(command).context("cannot create a Postgres cluster")?;
        Ok(cluster)
    }

    /// The server itself, on `port` and with its socket in the temporary directory.
    pub fn server(&self, port: u16) -> Result<Command> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .context("cannot open the log")?;
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).arg("-k").arg(self.directory.path());
        command.args(["-p", &port.to_string()]);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.stdout(log.try_clone().context("cannot share the log")?).stderr(log);
        Ok(command)
    }

    /// One of the client programs that come with the server.
    pub fn client(&self, program: &str, port: u16) -> Command {
        let mut command = self.command(program);
        command.args(["--host=127.0.0.1", &format!("--port={port}")]);
        command
    }

    pub fn end_of_log(&self) -> String {
        directory::end_of_log(&self.log())
    }

    /// In the temporary directory, because the caller's may be closed to the other user.
    fn command(&self, program: &str) -> Command {
        let mut command = self.account.command(&self.binaries.join(program));
        command.current_dir(self.directory.path());
        command
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn log(&self) -> PathBuf {
        self.directory.path().join("postgres.log")
    }
}

/// Runs a program to its end; its complaint becomes the error.
pub fn run(mut command: Command) -> Result<()> {
    let program = Path::new(command.get_program()).display().to_string();
    let output = command.output().with_context(|| format!("cannot run {program}"))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} failed ({}): {}", output.status, complaint.trim());
    Ok(())
}
