//! Accounts: who may do what with `auth.mode = "jwt"`, asked of the real binary; and the store behind it
//! in both databases, asked through the library.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../http/expect.rs"]
#[allow(dead_code)]
mod expect;

mod api_keys;
mod behaviour;
mod forge;
mod issuer;
mod monitoring;
mod own;
mod routes;
mod sales;
mod secrets;
mod shop;
mod start;
mod tokens;

/// Each of these runs once on every database.
macro_rules! on_both_databases {
    ($($name:ident)*) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::behaviour::$name(crate::behaviour::Kit::sqlite()).await;
                }
            )*
        }
        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::behaviour::$name(crate::behaviour::Kit::postgres()).await;
                }
            )*
        }
    };
}

on_both_databases! {
    accounts_outlive_the_server
    of_two_registrations_of_an_address_one_wins
    of_two_refreshes_one_wins
    a_token_that_comes_again_ends_the_sign_in
    tries_are_slowed_down_alike
    what_ran_out_is_told
    api_keys_end
    one_request_looks_at_a_key_again
    known_keys_do_not_need_the_store
    a_busy_server_is_no_wrong_password
    a_refresh_that_fails_may_be_sent_again
}
