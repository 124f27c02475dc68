//! Everything that may end or stop a server in the middle of a sale, done to the real binary and to
//! real stores: kill -9 (`kill`, `queue`), a second server on the same journal (`fencing`), databases that go
//! away and come back (`outages`), a full disk (`disk`), bytes changed behind its back (`flipped`),
//! time that passed while it was down or asleep (`restart`), a second server that is refused
//! (`refused`), and signals at bad moments (`stopping`); payments that come late while the server is
//! killed again and again (`payments`).
//!
//! What is proven, each time: whatever was answered with success is found again; a request without
//! an answer, repeated with its key, counts once; the stock is exactly what the answers add up to; no
//! unit is sold twice and none is lost; and `lastunit audit` agrees, the query tables included.
//! `ledger` keeps the books of the test, `shop` is the crowd that fills them.
//!
//! Longer: `LASTUNIT_CRASHES=200 ./scripts/test crash` (rounds of kill -9 for each kind of store).
//! Every random choice comes from a seed that is printed; `LASTUNIT_SEED=7` draws the same again.
//! The moments of a real machine cannot be replayed, so a seed may need several runs.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

mod chance;
mod disk;
mod fencing;
mod flipped;
mod kill;
mod ledger;
mod outages;
mod panic;
mod payments;
mod places;
mod queue;
mod refused;
mod request;
mod restart;
mod sales;
mod shop;
mod silence;
mod stopping;
