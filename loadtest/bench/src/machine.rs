//! What a number is worth depends on where it was measured.

use std::{env, fs, path::Path, thread};

use anyhow::Result;
use serde::Serialize;
use throwaway::{Postgres, Redis};

use crate::{contestant::Contestant, sync, wrk};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Machine {
    pub processor: String,
    pub cores: usize,
    pub memory_gibibytes: u64,
    pub kernel: String,
    /// Of the last minute before the run: anything near the number of cores spoils the numbers.
    pub load_average: f64,
    /// File system of the temporary directory, where all stores keep their data.
    pub file_system: String,
    /// Median time to overwrite 4 KiB of a file there and sync, while nothing else happens.
    pub idle_sync_microseconds: f64,
    /// The same while a processor is busy, as under load. A virtual machine whose processors sleep
    /// may take much longer to notice that the disk is done.
    pub busy_sync_microseconds: f64,
    /// Versions of the stores and of the load generator.
    pub versions: Vec<String>,
}

impl Machine {
    pub fn describe(contestants: &[Contestant]) -> Result<Self> {
        let load_average = load_average();
        if load_average > 1.0 {
            eprintln!(
                "the machine is busy (load average {load_average}): others will spoil the numbers"
            );
        }
        let mut versions = Vec::new();
        if contestants.iter().any(|contestant| contestant.needs_postgres()) {
            versions.push(Postgres::version()?);
        }
        if contestants
            .iter()
            .any(|one| matches!(one, Contestant::RedisAlways | Contestant::RedisEverysec))
        {
            versions.push(Redis::version()?);
        }
        versions.push(wrk::version()?);
        let memory = value("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kibibytes: u64 = memory.trim_end_matches("kB").trim().parse().unwrap_or(0);
        Ok(Self {
            processor: value("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned()),
            cores: thread::available_parallelism().map_or(0, usize::from),
            memory_gibibytes: (kibibytes + (1 << 19)) >> 20,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .unwrap_or_default()
                .trim()
                .to_owned(),
            load_average,
            file_system: file_system(&env::temp_dir()).unwrap_or_else(|| "unknown".to_owned()),
            idle_sync_microseconds: sync::microseconds()?,
            busy_sync_microseconds: sync::while_busy(sync::microseconds)?,
            versions,
        })
    }
}

/// Runnable processes, averaged over the last minute.
fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or(0.0)
}

/// The first `key : value` of a file of /proc.
fn value(file: &str, key: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let fields = text.lines().filter_map(|line| line.split_once(':'));
    fields
        .map(|(name, value)| (name.trim(), value.trim()))
        .find_map(|(name, value)| (name == key).then(|| value.to_owned()))
}

/// The type of the file system that is mounted nearest above `path`.
fn file_system(path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let mounts = fs::read_to_string("/proc/mounts").ok()?;
    let of_mount = |line: &str| {
        let mut fields = line.split(' ').skip(1);
        let (place, kind) = (fields.next()?, fields.next()?);
        path.starts_with(place).then(|| (place.len(), kind.to_owned()))
    };
    mounts.lines().filter_map(of_mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}
