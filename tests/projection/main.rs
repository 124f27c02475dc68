//! The projection against real databases: every scenario on SQLite and on Postgres.

// A test fails by panicking; counts of a measurement need no 64 bits.
#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::unimplemented,
    clippy::unwrap_used
)]

mod catalogue;
mod databases;
mod follower;
mod held;
mod payments;
mod random;
mod sales;
mod scenarios;
mod shop;
mod speed;

/// A SQLite file in a temporary directory.
struct SqliteFile {
    directory: tempfile::TempDir,
}

impl SqliteFile {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn url(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("database.db").display())
    }
}

macro_rules! on_both_databases {
    ($($module:ident :: $scenario:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $scenario() {
                let file = crate::SqliteFile::new();
                crate::$module::$scenario(&file.url()).await;
            })+
        }

        /// One cluster for all, with a database for each: making a cluster takes seconds.
        #[tokio::test(flavor = "multi_thread")]
        async fn postgres() {
            let cluster = throwaway::Postgres::start().unwrap();
            $(
                println!("{}", stringify!($scenario));
                cluster.create_database(stringify!($scenario)).unwrap();
                crate::$module::$scenario(&cluster.url(stringify!($scenario))).await;
            )+
        }
    };
}

on_both_databases! {
    scenarios::catches_up_from_zero,
    scenarios::goes_on_from_the_middle,
    scenarios::two_projectors_apply_everything_once,
    scenarios::holds_end_in_later_rounds,
    scenarios::turns_are_orders_or_refusals,
    scenarios::an_order_over_several_products_is_one_order,
    scenarios::a_damaged_batch_stops_the_projection,
    scenarios::another_journal_is_refused,
    scenarios::another_number_of_partitions_is_refused,
    scenarios::rows_that_do_not_fit_stop_the_projection,
    scenarios::lists_go_on_where_they_ended,
    payments::late_payments_are_jobs_until_they_are_decided,
    payments::what_comes_back_is_owed_once,
    payments::what_comes_back_is_owed_whatever_is_told_first,
    payments::orders_that_end_unpaid_are_asked_about,
    payments::carts_wait_for_their_orders,
    held::what_is_held_is_listed_until_it_is_over,
    catalogue::products_are_found_by_what_is_said_of_them,
    sales::a_sale_is_rows,
    sales::refusals_are_added_up,
    sales::sales_are_found_by_their_state,
    sales::what_came_back_goes_with_its_sale,
    random::random_histories_look_like_the_rules_say,
}
