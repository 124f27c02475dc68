//! Children end when the process that started them is killed, but not with the thread that asked.

use std::{
    env, fs,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use throwaway::{AtParentDeath, Tied, wait_until};

/// Set for the copy of this test binary that plays the parent.
const PARENT: &str = "THROWAWAY_TEST_PARENT";

#[test]
fn children_die_with_the_process_and_not_with_the_thread() -> Result<()> {
    if env::var_os(PARENT).is_some() {
        return play_parent();
    }
    let mut parent = Command::new(env::current_exe()?)
        .args(["--exact", "children_die_with_the_process_and_not_with_the_thread", "--nocapture"])
        .env(PARENT, "1")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(parent.stdout.take().context("no pipe")?);
    let mut lines = output.lines().map_while(Result::ok);
    let child = lines.find_map(|line| line.split_once("child=").map(|(_, child)| child.to_owned()));
    let child = PathBuf::from(format!("/proc/{}", child.context("the parent told no child")?));
    assert!(runs(&child), "the child must outlive the thread that asked for it");
    parent.kill()?;
    parent.wait()?;
    assert!(
        wait_until(Duration::from_secs(5), || Ok(!runs(&child)))?,
        "the child must end with its parent"
    );
    Ok(())
}

fn play_parent() -> Result<()> {
    let mut command = Command::new("sleep");
    command.arg("60");
    let child = thread::spawn(|| Tied::spawn(command, AtParentDeath::Kill)).join();
    let child = child.map_err(|_| anyhow!("the thread panicked"))??;
    thread::sleep(Duration::from_millis(100));
    println!("child={}", child.id());
    thread::sleep(Duration::from_mins(1));
    Ok(())
}

/// Whether the process exists and is no zombie.
fn runs(process: &std::path::Path) -> bool {
    fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}
