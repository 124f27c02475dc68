//! The journal: the ordered batches of every partition. It is the truth; everything else follows it.
//!
//! One SQL row holds one whole group of decisions, so a database does one small insert for hundreds
//! of sales. `store` is the trait that `SQLite`, Postgres and the simulation implement; `writer` is
//! the one task that commits, `handle` the way to it; `stored` turns facts into bytes and back; `chain` makes any change of
//! a byte visible; `recovery` builds a product again; `audit` checks all of it from the outside.
//!
//! ```text
//!  actors ──Submission──▶ writer ──commit(group)──▶ store (SQLite | Postgres)
//!                           │  after the commit, never before:
//!                           ├──▶ views published, parked answers sent
//!                           └──▶ durable positions (watch) ──▶ projection, tail, metrics
//! ```

pub mod audit;
mod batch;
pub mod cat;
mod chain;
mod gather;
pub mod handle;
mod open;
pub mod postgres;
mod queue;
pub mod recovery;
pub mod snapshot;
pub mod sqlite;
pub mod store;
pub mod stored;
mod stored_catalogue;
mod stored_queue;
mod stored_sales;
pub mod writer;

pub use batch::{Batch, Entry, Epoch, PartitionId, Partitions, Section, Seq};
pub use chain::Digest;
pub use open::{
    Connected, Location, Opened, connect, connect_reader, connect_store, open, take_over,
};
