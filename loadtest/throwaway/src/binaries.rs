//! Finds installed server binaries, and says which package brings a missing one.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, anyhow};

/// Where Debian keeps one directory for each major version of Postgres, none of them in `PATH`.
const DEBIAN_POSTGRES: &str = "/usr/lib/postgresql";

/// The directory with `initdb`, `postgres` and their kin: the newest Debian version, else `PATH`.
pub fn postgres_directory() -> Result<PathBuf> {
    newest_debian_postgres()
        .or_else(|| in_path("initdb").and_then(|found| found.parent().map(Path::to_path_buf)))
        .ok_or_else(|| missing("initdb", "postgresql"))
}

/// The path of `name`, which the Debian package `package` installs.
pub fn binary(name: &str, package: &str) -> Result<PathBuf> {
    in_path(name).ok_or_else(|| missing(name, package))
}

/// What a binary answers to `--version`.
pub fn version(binary: &Path) -> Result<String> {
    let output = Command::new(binary).arg("--version").output();
    let output = output.with_context(|| format!("cannot run {}", binary.display()))?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn newest_debian_postgres() -> Option<PathBuf> {
    let versions = fs::read_dir(DEBIAN_POSTGRES).ok()?;
    versions
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let binaries = entry.path().join("bin");
            let complete = ["initdb", "postgres"].iter().all(|name| binaries.join(name).is_file());
            complete.then_some((version, binaries))
        })
        .max()
        .map(|(_, binaries)| binaries)
}

fn in_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH")?;
    env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn missing(name: &str, package: &str) -> anyhow::Error {
    anyhow!("`{name}` is not installed: run `apt-get install {package}`")
}
