//! Migrations: dated files of SQL, in both dialects, built into the binary and run in order.
//!
//! Who has tables (`projection`, `cart`) names its files; the rules for new ones are in
//! `migrations/README.md`. What must never happen: a file that is there and not built in, so each list
//! is held against its folders by a test.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
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
