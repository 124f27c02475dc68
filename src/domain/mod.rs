//! The rules of a sale, as pure code.
//!
//! What it is for: everything that decides whether a customer gets a unit lives here and nowhere
//! else. [`Product::decide`] takes a command and a time and returns a decision or a refusal;
//! [`Product::apply`] takes a decided fact and changes the state. There is no clock, no randomness,
//! no I/O, no async and no serialization in this folder, and it depends on no other module: that is
//! what makes the model test, the replay and the simulation exact.
//!
//! ```text
//!   Command + now ──decide──▶ Verdict::Record(event) ──apply──▶ next state
//!                        ├──▶ Verdict::Replay(outcome)    (a known idempotency key)
//!                        └──▶ Refusal                     (nothing is sold)
//! ```
//!
//! Who owns it: each `Product` value belongs to exactly one actor (`engine`); readers of the
//! journal (audit, recovery) own private copies that they build by `apply` alone.

mod answer;
mod bounds;
mod change;
mod command;
mod customers;
mod decide;
mod decide_queue;
mod decide_sales;
mod event;
mod holds;
mod ids;
mod late;
mod memory;
mod offer;
mod order;
mod product;
pub mod promises;
mod queue;
mod refusal;
mod returns;
mod sales;
mod stock;
mod table;
mod view;

pub use answer::{Answer, Confirmed, Outcome, Placed, SaleShown};
pub use change::{Change, Field};
pub use command::{Action, Command, Retry};
pub use customers::{Customers, Owned};
pub use decide::{Decision, Verdict};
pub use event::{CatalogEntry, Event};
pub use holds::{Grace, Hold, HoldEnd, Holds};
pub use ids::{
    CUSTOMER_ID_CHARS_MAX, CustomerId, Fingerprint, IdError, OrderId, ProductId, QUANTITY_MAX,
    Quantity, RequestKey, Timestamp,
};
pub use memory::{Memory, REMEMBERED_MS};
pub use offer::{AMOUNT_MAX, Currency, Money, Offer};
pub use order::{Line, Part, Payment, ReturnReason};
pub use product::Product;
pub use queue::{DRAIN_RATE_MAX, Priority, Queue, QueueView, Queued, TurnRefusal, Waiting};
pub use refusal::Refusal;
pub use returns::Returns;
pub use sales::{SALE_PRODUCTS_MAX, SaleId, SalePart, SaleState, SaleTerms, SaleView, Sales};
pub use stock::{STOCKED_MAX, Stock};
pub use view::{Selling, View};
