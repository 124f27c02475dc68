//! The query tables in Postgres: `write` for the projector, `read` for queries. `sqlite` is its
//! parallel, statement by statement.

mod read;
mod write;

pub(super) use read::PostgresTables;
pub(super) use write::PostgresWriter;
