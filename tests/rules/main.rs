//! The rules of a sale, as tables.
//!
//! Proves: every rule and every refusal of `domain::decide`, the order in which refusals win, what
//! each command does to a hold in each of its states, and that the short way to a refusal
//! (`View::closed_to_all`) always says what the rules say.
//!
//! The rows read like a bank statement: when, what was asked, what was answered, and the stock
//! after it. After each row every promise is checked; after each table the state must come back
//! from its facts and from its snapshot (see `statement`).
//!
//! Replay: `cargo test --test rules <name of the table>`; a failure prints the whole statement as it
//! really went.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod agreement;
mod changes;
mod grace;
mod hold_life;
mod keys;
mod orders;
mod precedence;
mod queue;
mod sale;
mod sales;
mod statement;
