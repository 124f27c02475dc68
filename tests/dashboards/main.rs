//! Dashboards and alerts: the very files of `grafana/` and `prometheus/`, read, checked by Prometheus' own
//! tools, and asked of a real Prometheus that watches a real server sell.
//!
//! Proves that no panel and no rule asks for what the server does not tell, that every query is answered,
//! that panels have data when there is something to show, and that each alert has a test and a page that
//! says what to do.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::disallowed_methods)]

#[path = "../support/mod.rs"]
mod support;

mod boards;
mod live;
mod load;
mod names;
mod prometheus;
mod rules;
mod stand;
