//! One throw-away Postgres cluster: its life. The cluster may be stopped, killed and started again
//! on the same port and data.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rustix::process::Signal;

use crate::{
    binaries,
    cluster::{self, Cluster},
    free_port,
    tied::{AtParentDeath, Tied},
    tree, wait_until,
};

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(30);
const QUIT_LIMIT: Duration = Duration::from_secs(6);
/// A port found free may be taken by the time the server binds to it.
const ATTEMPTS: usize = 3;

/// A Postgres cluster with fresh data; dropping it ends it and deletes the data.
#[derive(Debug)]
pub struct Postgres {
    // Dropped before the directory it writes to.
    server: Option<Tied>,
    port: u16,
    cluster: Cluster,
}

impl Postgres {
    /// Creates a cluster with the newest installed Postgres and waits until it answers.
    pub fn start() -> Result<Self> {
        let mut postgres = Self { server: None, port: 0, cluster: Cluster::create()? };
        let mut attempt = 1;
        loop {
            postgres.port = free_port()?;
            match postgres.start_again() {
                Ok(()) => return Ok(postgres),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// Name and version of the Postgres that [`Self::start`] starts.
    pub fn version() -> Result<String> {
        binaries::version(&binaries::postgres_directory()?.join("postgres"))
    }

    /// `postgres://postgres@127.0.0.1:PORT/database`, without a password.
    #[must_use]
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    pub fn create_database(&self, name: &str) -> Result<()> {
        let mut command = self.cluster.client("createdb", self.port);
        command.args(["--username=postgres", "--maintenance-db=postgres", name]);
        cluster::run(command).with_context(|| format!("cannot create the database {name}"))
    }

    /// Ends the server with a fast shutdown (open transactions are rolled back) and keeps the data.
    pub fn stop(&mut self) -> Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        server.signal(Signal::INT)?;
        let ended = wait_until(STOP_LIMIT, || Ok(server.ended()?.is_some()))?;
        ensure!(
            ended,
            "Postgres did not stop within {STOP_LIMIT:?}; {}",
            self.cluster.end_of_log()
        );
        self.server = None;
        Ok(())
    }

    /// Kills the server and its children with signal 9, like a loss of power that spares the page
    /// cache, and keeps the data.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        tree::kill(&mut server)
    }

    /// Starts the server on the same port and data, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        self.server = Some(Tied::spawn(self.cluster.server(self.port)?, AtParentDeath::Quit)?);
        let answered = wait_until(START_LIMIT, || self.answers());
        match answered {
            Ok(true) => Ok(()),
            Ok(false) => {
                self.kill()?;
                bail!(
                    "Postgres did not answer within {START_LIMIT:?}; {}",
                    self.cluster.end_of_log()
                )
            }
            Err(error) => {
                self.server = None;
                Err(error)
            }
        }
    }

    /// An immediate shutdown. Unlike signal 9 it lets the server give back its piece of System V
    /// shared memory, of which a machine has only so many.
    fn end_at_once(&mut self) -> Result<()> {
        let Some(server) = &mut self.server else { return Ok(()) };
        server.signal(Signal::QUIT)?;
        if wait_until(QUIT_LIMIT, || Ok(server.ended()?.is_some()))? {
            self.server = None;
        }
        Ok(())
    }

    /// Whether the server takes connections; an error if it has ended.
    fn answers(&mut self) -> Result<bool> {
        if let Some(server) = &mut self.server
            && let Some(status) = server.ended()?
        {
            bail!("Postgres ended while it started ({status}); {}", self.cluster.end_of_log());
        }
        let mut command = self.cluster.client("pg_isready", self.port);
        command.args(["--quiet", "--username=postgres", "--dbname=postgres"]);
        Ok(command.status().context("cannot run pg_isready")?.success())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Err(error) = self.end_at_once().and_then(|()| self.kill()) {
            eprintln!("throwaway: Postgres on port {} may still be running: {error:#}", self.port);
        }
    }
}
