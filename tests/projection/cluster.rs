//! Databases for tests: a SQLite file, or a Postgres cluster that lives as long as one test.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

const BINARIES: &str = "/usr/lib/postgresql/15/bin";

/// A cluster in a temporary directory, on a port of its own.
pub struct Cluster {
    directory: TempDir,
    port: u16,
    server: Child,
}

impl Cluster {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let owner = directory.path().to_str().unwrap();
        assert!(Command::new("chown").args(["postgres", owner]).status().unwrap().success());
        let made = as_postgres(directory.path(), "initdb")
            .args(["--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"])
            .args(["--locale=C", "--pgdata=data"])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let server = serve(directory.path(), port);
        let cluster = Self { directory, port, server };
        cluster.wait();
        cluster
    }

    pub fn url(&self) -> String {
        self.url_of("postgres")
    }

    pub fn url_of(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// The server's process, for those who measure it.
    pub fn process(&self) -> u32 {
        self.server.id()
    }

    pub fn stop(&mut self) {
        let done = as_postgres(self.directory.path(), "pg_ctl")
            .args(["stop", "-D", "data", "-m", "immediate", "-w"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        assert!(done.unwrap().success());
        self.server.wait().unwrap();
    }

    pub fn restart(&mut self) {
        self.server = serve(self.directory.path(), self.port);
        self.wait();
    }

    fn wait(&self) {
        for _ in 0..600 {
            let ready = as_postgres(self.directory.path(), "pg_isready")
                .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
                .status();
            if ready.unwrap().success() {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("Postgres did not start");
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = as_postgres(self.directory.path(), "pg_ctl")
            .args(["stop", "-D", "data", "-m", "immediate", "-w"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let _ = self.server.wait();
    }
}

/// Postgres refuses to run as root.
fn as_postgres(directory: &Path, program: &str) -> Command {
    let mut command = Command::new("runuser");
    command.args(["-u", "postgres", "--", &format!("{BINARIES}/{program}")]).current_dir(directory);
    command
}

fn serve(directory: &Path, port: u16) -> Child {
    as_postgres(directory, "postgres")
        .args(["-D", "data", "-h", "127.0.0.1", "-k", ".", "-p", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}
