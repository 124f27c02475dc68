//! The migrations of the tables of carts, built into the binary. They have a table of their own to
//! note what is done: the query tables may be thrown away and built again, carts may not.

use crate::migrations::{self, File};
use sqlx::migrate::{MigrateError, Migrator};

/// Where it is noted what is done.
const NOTED_IN: &str = "_sqlx_migrations_carts";

const FILES: &[File] = &[File {
    version: 20_261_121_000_000,
    description: "create",
    sqlite: include_str!("../../migrations/carts/sqlite/20261121000000_create.sql"),
    postgres: include_str!("../../migrations/carts/postgres/20261121000000_create.sql"),
}];

pub(super) fn sqlite() -> Migrator {
    migrations::noted_in(NOTED_IN, migrations::sqlite(FILES))
}

pub(super) fn postgres() -> Migrator {
    migrations::noted_in(NOTED_IN, migrations::postgres(FILES))
}

/// What is wrong with the tables of `place`, and what to do; `None` when it is only away.
pub(super) fn explain(place: &str, error: &MigrateError) -> Option<String> {
    migrations::explain("carts", place, error)
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_is_built_in_for_both_databases() {
        let folders = ["migrations/carts/sqlite", "migrations/carts/postgres"];
        crate::migrations::assert_complete(FILES, folders);
    }
}
