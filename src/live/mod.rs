//! Live: every screen shows what is durable, a moment after it is.
//!
//! What it is for: clients follow topics (the stock of a product, a sale, orders, one purchase, numbers)
//! and get the value of each, then every newer one. Values are absolute, never differences, so whoever
//! missed some has missed nothing with the newest.
//!
//! ```text
//!   journal ─ durable ─▶ Source (documents, durable state only)
//!                           │ pump: asks topics somebody follows, each at most so often
//!                           ▼
//!                        Channel (one a topic): newest value, encoded once
//!                           │ marks the mailbox of each follower: one bit a topic
//!                           ▼
//!                        Subscriber (one a client): takes the newest value of each marked topic
//!                           ▼
//!                        the client's own task writes it, as fast as the client reads
//! ```
//!
//! Who owns it: a runtime of its own, at low priority; sales go first. No queue is anywhere: what waits
//! for a client is a bit, and the value is looked up when it can be written. So a slow client gets fewer
//! updates and never old ones (but for what its connection holds), and costs the others nothing.
//!
//! What must never happen: a value of state that a crash could take back. A source reads durable state
//! only; see [`Source`].
//!
//! What happens on failure: a source that cannot tell leaves the topic at its last value and is asked
//! again at the next turn.

mod channel;
mod hub;
mod pump;
mod subscriber;
mod topic;
mod value;

pub use hub::{ClientRefused, Hub, HubOptions, TopicRefused};
pub use pump::pump;
pub use subscriber::{Subscriber, Update};
pub use topic::{OrdersOf, Topic};
pub use value::{Document, Value};

use std::future::Future;
use std::pin::Pin;

/// Where values come from. All of it is asked often: nothing here wakes a product that sleeps, but for the
/// first value of a topic.
pub trait Source: Send + Sync + 'static {
    /// A mark that changes whenever the topic's value may have changed; `None` where only looking tells.
    /// Costs nothing worth mentioning.
    fn mark(&self, topic: &Topic) -> Option<u64>;

    /// The topic's value now, from durable state; `None` where there is no such thing (any more).
    ///
    /// # Errors
    /// A sentence for the log: it cannot be told at the moment.
    fn value<'a>(&'a self, topic: &'a Topic) -> SourceFuture<'a>;
}

/// What a source answers.
pub type SourceFuture<'a> =
    Pin<Box<dyn Future<Output = Result<Option<Document>, String>> + Send + 'a>>;
