//! Kills a server together with its children, which may sit in sessions of their own.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::{Tied, wait_until};

const LIMIT: Duration = Duration::from_secs(10);

/// Kills the server first, so that it starts no more children, then the children it had. Returns
/// when all are gone: a Postgres does not start on data that an old child still uses.
pub fn kill(server: &mut Tied) -> Result<()> {
    let children = children_of(server.id());
    server.kill()?;
    for child in &children {
        // One that has ended already is as good.
        if let Some(process) = i32::try_from(*child).ok().and_then(Pid::from_raw) {
            let _ = kill_process(process, Signal::KILL);
        }
    }
    let gone = wait_until(LIMIT, || Ok(children.iter().all(|child| !is_alive(*child))))?;
    ensure!(gone, "children of process {} are alive {LIMIT:?} after being killed", server.id());
    Ok(())
}

fn children_of(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else { return Vec::new() };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process| stat(*process).is_some_and(|(_, its_parent)| its_parent == parent))
        .collect()
}

/// A zombie is not alive: it holds nothing any more.
fn is_alive(process: u32) -> bool {
    stat(process).is_some_and(|(state, _)| state != 'Z' && state != 'X')
}

/// State and parent from /proc/PID/stat, `PID (name) STATE PARENT …`; the name may hold anything.
fn stat(process: u32) -> Option<(char, u32)> {
    let text = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, after_name) = text.rsplit_once(") ")?;
    let mut fields = after_name.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((state, fields.next()?.parse().ok()?))
}
