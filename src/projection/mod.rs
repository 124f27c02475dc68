//! The projection: journal → query tables, in SQLite or in Postgres.
//!
//! What it is for: lists and look-ups (orders of a customer, products, a reservation) that no actor
//! should be asked for. It follows the durable journal with its own cursor: it may lag, never leads,
//! and can be thrown away and built again. Nothing here can hold up or undo a sale.
//!
//! ```text
//!  journal ──batches──▶ follow ──facts──▶ changes (pure) ──rows──▶ sqlite | postgres
//!     ▲                   │                   ▲                       │  one transaction:
//!     └── durable (watch) ┘                   └── prior rows ─────────┤  rows and cursor
//!                         └──▶ progress                               └──▶ queries
//! ```
//!
//! Who owns it: one [`Projector`] a process, on a thread of its own at low priority, owns the
//! writing connection; [`Queries`] and [`ProjectionProgress`] are cheap handles for everybody.
//!
//! States: see [`ProjectionState`]. Failure: a database (or journal) that is away is waited for,
//! with growing pauses; a journal row that is damaged, or rows that contradict the journal, stop the
//! projection loudly and for good, while the sale goes on and queries are refused.

mod catalogue;
mod changes;
mod columns;
mod database;
mod follow;
mod held;
mod lag;
mod migrations;
mod moved;
mod needs;
mod origin;
mod owed;
mod pace;
mod payment_tables;
mod payments;
mod postgres;
mod progress;
mod queries;
mod refused;
mod round;
mod rows;
mod sale_tables;
mod sales;
mod sqlite;
mod write;

pub use catalogue::{CategoryRow, ProductCursor, ProductFilter, ProductKey, ProductSort};
pub use database::{Database, DatabaseConfig, DatabaseError};
pub use follow::{ProjectionConfig, Projector, ProjectorTask};
pub use held::{HeldCursor, HeldFilter};
pub use origin::check_origin;
pub use payments::{
    Job, JobCounts, JobCursor, JobId, JobKind, JobState, OrderedCart, Payments, Refund,
};
pub use progress::{ProjectionProgress, ProjectionState};
pub use queries::{Queries, QueryError};
pub use refused::RefusedPurchase;
pub use rows::{
    Cursor, LineStatus, OrderCursor, OrderLine, OrderRow, OrderStatus, PendingOrder, ProductRow,
    ProductTotals, ReservationRow, ReservationStatus, StockRow, Totals,
};
pub use sale_tables::SaleTables;
pub use sales::{SaleFilter, SaleKeyRow, SaleProductRow, SaleRefusals, SaleRow};
