//! The migrations of the tables of accounts, built into the binary. They have a table of their own to note
//! what is done: nothing can build accounts again.

use crate::migrations::{self, File};
use sqlx::migrate::{MigrateError, Migrator};

/// Where it is noted what is done.
const NOTED_IN: &str = "_sqlx_migrations_accounts";

const FILES: &[File] = &[
    File {
        version: 20_261_121_220_000,
        description: "create",
        sqlite: include_str!("../../migrations/accounts/sqlite/20261121220000_create.sql"),
        postgres: include_str!("../../migrations/accounts/postgres/20261121220000_create.sql"),
    },
    File {
        version: 20_261_122_000_000,
        description: "sign_ins_by_account",
        sqlite: include_str!(
            "../../migrations/accounts/sqlite/20261122000000_sign_ins_by_account.sql"
        ),
        postgres: include_str!(
            "../../migrations/accounts/postgres/20261122000000_sign_ins_by_account.sql"
        ),
    },
];

pub(super) fn sqlite() -> Migrator {
    migrations::noted_in(NOTED_IN, migrations::sqlite(FILES))
}

pub(super) fn postgres() -> Migrator {
    migrations::noted_in(NOTED_IN, migrations::postgres(FILES))
}

/// What is wrong with the tables of `place`, and what to do; `None` when it is only away.
pub(super) fn explain(place: &str, error: &MigrateError) -> Option<String> {
    migrations::explain("accounts", place, error)
}

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_is_built_in_for_both_databases() {
        let folders = ["migrations/accounts/sqlite", "migrations/accounts/postgres"];
        crate::migrations::assert_complete(FILES, folders);
    }
}
