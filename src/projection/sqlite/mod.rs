//! The query tables in SQLite: `write` for the projector, `read` for queries. `postgres` is its
//! parallel, statement by statement.

mod insert;
mod read;
mod write;

pub(super) use read::SqliteTables;
pub(super) use write::SqliteWriter;
