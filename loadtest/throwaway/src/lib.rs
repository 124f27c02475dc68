//! Throw-away Postgres clusters and Redis servers, for tests and benchmarks.
//!
//! What: [`Postgres::start`] and [`Redis::start`] run the binaries that are installed on the machine
//! (Debian packages `postgresql` and `redis-server`), each with fresh data in a temporary directory,
//! on a free port of 127.0.0.1. Dropping the value ends the processes and deletes the data.
//!
//! Why not containers or a shared server: a test that may stop, kill and restart its own store needs
//! no luck with its neighbours, and nothing is downloaded while it runs. Stores sync to disk exactly
//! as in production (`fsync` and `synchronous_commit` on), because numbers and promises measured
//! without that are worth nothing. `TMPDIR` decides which disk; on a tmpfs a sync costs nothing.
//!
//! Failure: a missing binary is reported with the package to install, a server that does not come
//! up with the end of its log, and every wait is bounded. The processes are tied to this one by the
//! kernel (`PR_SET_PDEATHSIG`), so they end even when it is killed with signal 9; only the temporary
//! directory (`lastunit-throwaway-*`) stays behind then.

#![deny(unsafe_code)]

mod account;
mod binaries;
mod cluster;
mod directory;
mod port;
mod postgres;
mod redis;
mod tied;
mod tree;
mod wait;

pub use postgres::Postgres;
pub use redis::{Appendfsync, Redis};
pub use tied::{AtParentDeath, Tied};
pub use {port::free_port, wait::wait_until};
