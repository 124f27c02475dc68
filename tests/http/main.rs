//! HTTP from outside: the real binary, asked over real sockets.
//!
//! Proves that every row of the outcome table is answered as documented, that bad input changes
//! nothing, that a crowd buys exactly what there is, that slow and broken clients hold nobody up,
//! and that a start that cannot work says why in one line.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

mod bad_input;
mod cart_checkout;
mod catalogue;
mod contention;
mod drain;
mod expect;
mod held;
mod limits;
mod lists;
mod monitoring;
mod operation;
mod operators;
mod order_states;
mod orders;
mod outcomes;
mod pages;
mod payment_ends;
mod payments;
mod queue;
mod rate_limits;
mod reservations;
mod restock;
mod sale_orders;
mod sale_products;
mod sale_proofs;
mod sales;
mod slow_clients;
mod start;
mod surface;
mod traces;
mod unavailable;
mod values;
mod wire;
