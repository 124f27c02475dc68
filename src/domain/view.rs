//! View: what may be told about a product without asking its actor.

use super::{Offer, QueueView, Refusal, Stock, Timestamp};

/// A small copy of a product's state. The engine publishes one after each commit, so a view always
/// shows durable state and never something a crash could take back (promise 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub stock: Stock,
    pub offer: Offer,
    /// Whether it is sold.
    pub active: bool,
    /// Of what is said of it: see [`super::Product::edition`].
    pub edition: u64,
    /// When the newest fact was decided: for this product it is never earlier again.
    pub changed_at: Timestamp,
    /// Events of this product so far.
    pub revision: u64,
    /// When the earliest hold runs out; from then on `available` here may be too low.
    pub next_lapse: Option<Timestamp>,
    /// Idempotency keys remembered; while there are any, a keyed request must see the actor, for it
    /// may be a retry.
    pub keys: u64,
    pub queue: QueueView,
}

impl View {
    /// The refusal every purchase (also one that would wait) or hold without a known key would get now, whoever asks and for
    /// however many units; `None` where the answer depends on more than this view.
    ///
    /// The rules ([`super::Product::decide`]) run this same function, so the short way and the long
    /// way cannot disagree.
    #[must_use]
    pub fn closed_to_all(&self, now: Timestamp) -> Option<Refusal> {
        if !self.active {
            return Some(Refusal::Inactive);
        }
        let now = now.max(self.changed_at);
        if let Some(opens_at) = self.offer.opens_at.filter(|opens_at| now < *opens_at) {
            return Some(Refusal::NotOpen { opens_at });
        }
        if let Some(closed_at) = self.offer.closes_at.filter(|closes_at| now >= *closes_at) {
            return Some(Refusal::Closed { closed_at });
        }
        let lapsed = self.next_lapse.is_some_and(|lapse| lapse <= now);
        (self.stock.available == 0 && !lapsed).then_some(Refusal::SoldOut)
    }
}
