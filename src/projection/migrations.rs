//! The migrations, built into the binary. `migrations/README.md` has the rules for new ones.

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// One dated file, in both dialects.
struct File {
    version: i64,
    description: &'static str,
    sqlite: &'static str,
    postgres: &'static str,
}

const FILES: &[File] = &[
    File {
        version: 20_261_120_000_000,
        description: "create",
        sqlite: include_str!("../../migrations/sqlite/20261120000000_create.sql"),
        postgres: include_str!("../../migrations/postgres/20261120000000_create.sql"),
    },
    File {
        version: 20_261_121_000_000,
        description: "orders",
        sqlite: include_str!("../../migrations/sqlite/20261121000000_orders.sql"),
        postgres: include_str!("../../migrations/postgres/20261121000000_orders.sql"),
    },
    File {
        version: 20_261_121_100_000,
        description: "catalogue",
        sqlite: include_str!("../../migrations/sqlite/20261121100000_catalogue.sql"),
        postgres: include_str!("../../migrations/postgres/20261121100000_catalogue.sql"),
    },
    File {
        version: 20_261_121_200_000,
        description: "payments",
        sqlite: include_str!("../../migrations/sqlite/20261121200000_payments.sql"),
        postgres: include_str!("../../migrations/postgres/20261121200000_payments.sql"),
    },
];

/// What makes the tables in SQLite.
pub(super) fn sqlite() -> Migrator {
    migrator(|file| file.sqlite)
}

/// What makes the tables in Postgres.
pub(super) fn postgres() -> Migrator {
    migrator(|file| file.postgres)
}

fn migrator(sql: impl Fn(&File) -> &'static str) -> Migrator {
    let migrations = FILES.iter().map(|file| {
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

#[cfg(test)]
mod tests {
    use super::FILES;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_file_is_built_in_for_both_databases() {
        let named: BTreeSet<String> =
            FILES.iter().map(|file| format!("{}_{}.sql", file.version, file.description)).collect();
        for folder in ["migrations/sqlite", "migrations/postgres"] {
            let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
            let found: BTreeSet<String> = std::fs::read_dir(path)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            assert_eq!(found, named, "{folder}");
        }
    }
}
