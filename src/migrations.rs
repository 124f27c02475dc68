//! Migrations: dated files of SQL, in both dialects, built into the binary and run in order.
//!
//! Who has tables (`projection`, `cart`, `account`) names its files; the rules for new ones are in
//! `migrations/README.md`. What must never happen: a file that is there and not built in, so each list
//! is held against its folders by a test.

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// One dated file, in both dialects.
#[derive(Debug)]
pub struct File {
    pub version: i64,
    pub description: &'static str,
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

/// What makes the tables in SQLite.
#[must_use]
pub fn sqlite(files: &[File]) -> Migrator {
    migrator(files, |file| file.sqlite)
}

/// What makes the tables in Postgres.
#[must_use]
pub fn postgres(files: &[File]) -> Migrator {
    migrator(files, |file| file.postgres)
}

/// Has it noted in this table what is done: whose tables cannot be built again keeps apart from the query
/// tables, which can.
#[must_use]
pub fn noted_in(table: &'static str, mut migrator: Migrator) -> Migrator {
    migrator.dangerous_set_table_name(table);
    migrator
}

/// What is wrong with these tables of `place`, and what to do; `None` when it is only away.
#[must_use]
pub fn explain(tables: &str, place: &str, error: &MigrateError) -> Option<String> {
    match error {
        MigrateError::Execute(sqlx::Error::Io(_)) => None,
        MigrateError::VersionMissing(version) => Some(format!(
            "the {tables} in {place} were migrated by a newer lastunit (migration {version} is \
             unknown here): start that version"
        )),
        MigrateError::VersionMismatch(version) | MigrateError::Dirty(version) => Some(format!(
            "migration {version} of the {tables} in {place} is not the one built into this lastunit: \
             start the release that made it"
        )),
        other => Some(format!("the tables of {tables} in {place} cannot be made: {other}")),
    }
}

fn migrator(files: &[File], sql: impl Fn(&File) -> &'static str) -> Migrator {
    let migrations = files.iter().map(|file| {
        let sql = sql(file);
        Migration::new(
            file.version,
            Cow::Borrowed(file.description),
            MigrationType::Simple,
            sql.into_sql_str(),
            sql.starts_with("-- no-transaction"),
        )
    });
    Migrator::with_migrations(migrations.collect())
}

/// Fails unless these are all files of the two folders.
#[cfg(test)]
pub fn assert_complete(files: &[File], folders: [&str; 2]) {
    use std::collections::BTreeSet;
    use std::path::Path;
    let named: BTreeSet<String> =
        files.iter().map(|file| format!("{}_{}.sql", file.version, file.description)).collect();
    for folder in folders {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let found: BTreeSet<String> = std::fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(found, named, "{folder}");
    }
}
