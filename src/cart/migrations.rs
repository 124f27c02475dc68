//! The migrations of the tables of carts, built into the binary. They have a table of their own to
//! note what is done: the query tables may be thrown away and built again, carts may not.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// Where it is noted what is done.
const NOTED_IN: &str = "_sqlx_migrations_carts";

/// One dated file, in both dialects.
struct File {
    version: i64,
    description: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const FILES: &[File] = &[File {
    version: 20_261_121_000_000,
    description: "create",
    sqlite: include_str!("../../migrations/carts/sqlite/20261121000000_create.sql"),
    postgres: include_str!("../../migrations/carts/postgres/20261121000000_create.sql"),
}];

pub(super) fn sqlite() -> Migrator {
    migrator(|file| file.sqlite)
}

pub(super) fn postgres() -> Migrator {
    migrator(|file| file.postgres)
}

fn migrator(sql: impl Fn(&File) -> &'static str) -> Migrator {
    let migrations = FILES.iter().map(|file| {
        let (name, sql) = (Cow::Borrowed(file.description), sql(file).into_sql_str());
        Migration::new(file.version, name, MigrationType::Simple, sql, false)
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(NOTED_IN);
    migrator
}

/// What is wrong with the tables of `place`, and what to do; `None` when it is only away.
pub(super) fn explain(place: &str, error: &MigrateError) -> Option<String> {
    match error {
        MigrateError::Execute(sqlx::Error::Io(_)) => None,
        MigrateError::VersionMissing(version) => Some(format!(
            "the carts in {place} were migrated by a newer lastunit (migration {version} is \
             unknown here): start that version"
        )),
        MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => Some(format!(
            "migration {version} of the carts in {place} is not the one built into this lastunit: \
             start the release that made it"
        )),
        other => Some(format!("the tables of carts in {place} cannot be made: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::FILES;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_is_built_in_for_both_databases() {
        let named: BTreeSet<String> =
            FILES.iter().map(|file| format!("{}_{}.sql", file.version, file.description)).collect();
        for folder in ["migrations/carts/sqlite", "migrations/carts/postgres"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let found: BTreeSet<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(found, named, "{folder}");
        }
    }
}
