//! The migrations of the query tables.

use crate::migrations::File;

pub(super) const FILES: &[File] = &[
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
        version: 20_261_121_150_000,
        description: "category_by_price",
        sqlite: include_str!("../../migrations/sqlite/20261121150000_category_by_price.sql"),
        postgres: include_str!("../../migrations/postgres/20261121150000_category_by_price.sql"),
    },
    File {
        version: 20_261_121_200_000,
        description: "queue",
        sqlite: include_str!("../../migrations/sqlite/20261121200000_queue.sql"),
        postgres: include_str!("../../migrations/postgres/20261121200000_queue.sql"),
    },
    File {
        version: 20_261_121_210_000,
        description: "payments",
        sqlite: include_str!("../../migrations/sqlite/20261121210000_payments.sql"),
        postgres: include_str!("../../migrations/postgres/20261121210000_payments.sql"),
    },
    File {
        version: 20_261_121_220_000,
        description: "void_jobs",
        sqlite: include_str!("../../migrations/sqlite/20261121220000_void_jobs.sql"),
        postgres: include_str!("../../migrations/postgres/20261121220000_void_jobs.sql"),
    },
    File {
        version: 20_261_121_230_000,
        description: "sales",
        sqlite: include_str!("../../migrations/sqlite/20261121230000_sales.sql"),
        postgres: include_str!("../../migrations/postgres/20261121230000_sales.sql"),
    },
    File {
        version: 20_261_122_000_000,
        description: "sale_keys",
        sqlite: include_str!("../../migrations/sqlite/20261122000000_sale_keys.sql"),
        postgres: include_str!("../../migrations/postgres/20261122000000_sale_keys.sql"),
    },
    File {
        version: 20_261_122_010_000,
        description: "held",
        sqlite: include_str!("../../migrations/sqlite/20261122010000_held.sql"),
        postgres: include_str!("../../migrations/postgres/20261122010000_held.sql"),
    },
];

#[cfg(test)]
mod tests {
    use super::FILES;

    #[test]
    fn every_file_is_built_in_for_both_databases() {
        let folders = ["migrations/sqlite", "migrations/postgres"];
        crate::migrations::assert_complete(FILES, folders);
    }
}
