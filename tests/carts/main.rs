//! Carts in each of their three stores: SQLite, a real Postgres and a real Redis.
//!
//! `behaviour` asks the stores themselves: they do what the pure rules say, lose nothing when many
//! change one cart at once, and forget what ran out. `shop` and `bad_input` ask the real binary over
//! HTTP, and `away` takes the store away while it runs.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

#[path = "../crash/chance.rs"]
#[allow(dead_code)]
mod chance;
#[path = "../http/expect.rs"]
#[allow(dead_code)]
mod expect;

mod away;
mod bad_input;
mod behaviour;
mod kit;
mod shop;

/// Each of these runs once on every store.
macro_rules! on_every_store {
    ($($module:ident :: $name:ident)*) => {
        on_every_store!(@ sqlite $($module::$name)*);
        on_every_store!(@ postgres $($module::$name)*);
        on_every_store!(@ redis $($module::$name)*);
    };
    (@ $store:ident $($module:ident :: $name:ident)*) => {
        mod $store {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    crate::$module::$name(crate::kit::Kit::$store()).await;
                }
            )*
        }
    };
}

on_every_store! {
    behaviour::a_store_does_what_the_rules_say
    behaviour::changes_of_one_cart_at_once_lose_nothing
    behaviour::a_cart_is_never_more_than_full
    behaviour::only_what_was_bought_goes
    behaviour::a_merge_moves_every_line
    behaviour::a_cart_runs_out
    behaviour::what_ran_out_is_swept
    shop::a_cart_over_http
    shop::two_sessions_do_not_see_each_other
    shop::what_changed_is_marked
    shop::a_restart_keeps_the_cart
    bad_input::bad_input_changes_nothing
    away::a_store_that_is_away_is_503_and_comes_back
}
