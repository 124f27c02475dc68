//! The account that Postgres runs under: one's own, or `postgres` when one is root.

use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, bail};
use rustix::process::geteuid;

const USER: &str = "postgres";

/// User and group to change to, if any.
#[derive(Debug, Clone, Copy)]
pub struct Account {
    other: Option<(u32, u32)>,
}

impl Account {
    /// Root becomes the user `postgres`, which the Debian package creates; others stay who they are.
    pub fn for_postgres() -> Result<Self> {
        if !geteuid().is_root() {
            return Ok(Self { other: None });
        }
        let users = fs::read_to_string("/etc/passwd").context("cannot read /etc/passwd")?;
        match users.lines().find_map(ids_of_user) {
            Some(ids) => Ok(Self { other: Some(ids) }),
            None => bail!(
                "Postgres refuses to run as root and there is no user `{USER}`: \
                 run `apt-get install postgresql`, or start this as another user"
            ),
        }
    }

    /// A command that runs under this account, without the caller's `PG…` settings.
    pub fn command(self, program: &Path) -> Command {
        let mut command = Command::new(program);
        let settings = std::env::vars_os().map(|(name, _)| name);
        for name in settings.filter(|name| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some((user, group)) = self.other {
            command.uid(user).gid(group);
        }
        command
    }

    /// Makes this account the owner of `path`.
    pub fn give(self, path: &Path) -> Result<()> {
        let Some((user, group)) = self.other else { return Ok(()) };
        chown(path, Some(user), Some(group))
            .with_context(|| format!("cannot give {} to {USER}", path.display()))
    }
}

/// User and group id from a line `name:password:uid:gid:…` of /etc/passwd, if it is our user's.
fn ids_of_user(line: &str) -> Option<(u32, u32)> {
    let mut fields = line.split(':');
    if fields.next()? != USER {
        return None;
    }
    let user = fields.nth(1)?.parse().ok()?;
    let group = fields.next()?.parse().ok()?;
    Some((user, group))
}
