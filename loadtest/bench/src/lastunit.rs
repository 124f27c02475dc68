//! Finds the lastunit binary to measure.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

/// The binary named by `--lastunit`; otherwise the one beside this binary. When cargo runs this
/// driver, it builds that one first, so that nobody measures yesterday's server.
pub fn binary(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        ensure!(named.is_file(), "there is no lastunit binary at {}", named.display());
        return Ok(named.to_owned());
    }
    let own = env::current_exe().context("cannot find out where this binary is")?;
    let folder = own.parent().context("this binary is in no folder")?;
    if let Some(cargo) = env::var_os("CARGO") {
        build(Path::new(&cargo), folder)?;
    }
    let sibling = folder.join("lastunit");
    if !sibling.is_file() {
        bail!(
            "there is no lastunit binary at {}: build it with `cargo build --release`, name another one with \
             --lastunit FILE, or measure without it: --only ceiling,row-lock,redis-always,redis-everysec",
            sibling.display()
        );
    }
    Ok(sibling)
}

fn build(cargo: &Path, folder: &Path) -> Result<()> {
    let target = folder.parent().context("this binary is in no target folder")?;
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--package=lastunit", "--bin=lastunit"]);
    command.arg("--target-dir").arg(target);
    if let Some(manifest) = env::var_os("CARGO_MANIFEST_DIR") {
        command.current_dir(manifest);
    }
    let status = command.status().context("cannot run cargo to build lastunit")?;
    ensure!(
        status.success(),
        "cargo could not build lastunit; --lastunit FILE names a binary to measure"
    );
    Ok(())
}
