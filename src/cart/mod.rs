//! Carts: what a caller means to buy, kept for some days, in SQLite, in Postgres or in Redis.
//!
//! What it is for: a cart is a wish. It holds no stock and promises nothing, so it is an ordinary
//! table beside the sale and never on its way. `rules` says what each change does; the stores do the
//! same in one atomic step each, so that two requests of one caller never undo each other.
//!
//! ```text
//!                         ┌─▶ sqlite ─▶ writer (one task, groups) ─▶ carts.sqlite
//!  http ─▶ Carts ─▶ store ┼─▶ postgres ─▶ a function for each change, which locks the cart's row
//!            ▲            └─▶ redis ─▶ a script for each change, a hash for each cart
//!         upkeep: looks whether the store is there, removes what ran out
//! ```
//!
//! Who owns it: [`Carts`] is a cheap handle for everybody; the writing connection to SQLite belongs
//! to one task.
//!
//! States: a store is there or away; [`Carts::away`] tells why. Failure: while it is away every
//! question is answered with [`CartError::Unavailable`] after a bounded time, sales go on, and
//! upkeep notices when it is there again. A power failure, or a crash of the store, may take the
//! changes of the last second with it: a cart is not worth a wait for the disk that a sale needs.

mod carts;
mod migrations;
mod postgres;
mod redis;
mod rules;
mod session;
mod sqlite;
mod store;
mod writer;

pub use carts::{Carts, Location};
pub use redis::check_url as check_redis_url;
pub use rules::{Cart, CartFull, LINES_MAX, Lifetime, Line};
pub use session::{SESSION_CHARS_MAX, SessionError, SessionId};
pub use store::{CartError, OpenError};
