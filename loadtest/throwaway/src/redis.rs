//! One throw-away Redis server with an append-only file.

use std::{
    fs::File,
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::{
    binaries, directory, free_port,
    tied::{AtParentDeath, Tied},
    wait_until,
};

const START_LIMIT: Duration = Duration::from_secs(15);
const PING_LIMIT: Duration = Duration::from_secs(1);
/// A port found free may be taken by the time the server binds to it.
const ATTEMPTS: usize = 3;

/// When Redis syncs its append-only file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Appendfsync {
    /// Before it answers.
    Always,
    /// Once a second: a crash of the machine loses up to a second of answers.
    EverySecond,
}

/// A Redis server with fresh data; dropping it ends it and deletes the data.
#[derive(Debug)]
pub struct Redis {
    // Dropped before the directory it writes to.
    server: Option<Tied>,
    appendfsync: Appendfsync,
    port: u16,
    directory: TempDir,
}

impl Redis {
    /// Starts a server and waits until it answers.
    pub fn start(appendfsync: Appendfsync) -> Result<Self> {
        let mut attempt = 1;
        loop {
            match Self::start_once(appendfsync) {
                Ok(redis) => return Ok(redis),
                Err(error) if attempt == ATTEMPTS => return Err(error),
                Err(_) => attempt += 1,
            }
        }
    }

    /// Name and version of the Redis that [`Self::start`] starts.
    pub fn version() -> Result<String> {
        let text = binaries::version(&binaries::binary("redis-server", "redis-server")?)?;
        // Checksums and build numbers follow.
        Ok(text.split(" sha=").next().unwrap_or(&text).to_owned())
    }

    /// `redis://127.0.0.1:PORT/`
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/", self.port)
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Kills the server with signal 9 and keeps its append-only file.
    pub fn kill(&mut self) -> Result<()> {
        let Some(mut server) = self.server.take() else { return Ok(()) };
        server.kill()
    }

    /// Starts the server on the same port and data, and waits until it answers.
    pub fn start_again(&mut self) -> Result<()> {
        if self.server.is_some() {
            return Ok(());
        }
        self.server = Some(Tied::spawn(self.command()?, AtParentDeath::Kill)?);
        if !wait_until(START_LIMIT, || self.answers())? {
            bail!("Redis did not answer within {START_LIMIT:?}; {}", self.end_of_log());
        }
        Ok(())
    }

    fn start_once(appendfsync: Appendfsync) -> Result<Self> {
        let (directory, port) = (directory::temporary()?, free_port()?);
        let mut redis = Self { server: None, appendfsync, port, directory };
        redis.start_again()?;
        Ok(redis)
    }

    fn command(&self) -> Result<Command> {
        let mut command = Command::new(binaries::binary("redis-server", "redis-server")?);
        let log = File::create(log(&self.directory)).context("cannot create the log")?;
        let policy = match self.appendfsync {
            Appendfsync::Always => "always",
            Appendfsync::EverySecond => "everysec",
        };
        let port = self.port.to_string();
        command.args(["--bind", "127.0.0.1", "--port", &port]);
        command.args(["--save", "", "--daemonize", "no"]);
        command
            .args(["--appendonly", "yes", "--appendfsync", policy])
            .arg("--dir")
            .arg(self.directory.path());
        command.stdout(log.try_clone().context("cannot share the log")?).stderr(log);
        Ok(command)
    }

    /// Whether it answers a PING with PONG; an error if it has ended.
    fn answers(&mut self) -> Result<bool> {
        if let Some(server) = &mut self.server
            && let Some(status) = server.ended()?
        {
            bail!("Redis ended while it started ({status}); {}", self.end_of_log());
        }
        Ok(ping(self.port).is_ok_and(|answer| answer == *b"+PONG\r\n"))
    }

    fn end_of_log(&self) -> String {
        directory::end_of_log(&log(&self.directory))
    }
}

fn ping(port: u16) -> std::io::Result<[u8; 7]> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(PING_LIMIT))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 7];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

fn log(directory: &TempDir) -> PathBuf {
    directory.path().join("redis.log")
}
