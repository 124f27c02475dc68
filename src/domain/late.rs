//! Late payments: money that came when its order was over already, and money that is owed back.
//!
//! ```text
//!   lead ended, not sold ──paid late──▶ held and placed again ──▶ confirmed
//!                             └───────▶ refund owed: released for good
//! ```
//!
//! Both are facts of the lead. What must never happen: money that goes back for an order that is held or
//! sold.

use super::decide::{Decision, Verdict};
use super::{Event, HoldEnd, OrderId, Part, Product, Refusal, Timestamp};

impl Product {
    /// The order was paid and is over. Whether there was such an order is what the query tables know:
    /// a product forgets how a hold ended.
    pub(super) fn decide_late(&self, order: OrderId, amount: u64, now: Timestamp) -> Decision {
        self.decide_unsold(order, now, Event::PaidLate { order, amount })
    }

    /// What was paid late goes back.
    pub(super) fn decide_owed(&self, order: OrderId, amount: u64, now: Timestamp) -> Decision {
        self.decide_unsold(order, now, Event::RefundOwed { order, amount })
    }

    fn decide_unsold(&self, order: OrderId, now: Timestamp, event: Event) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let Some(hold) = self.holds.get(&order) else {
            return match self.holds.end_of(&order) {
                Some(HoldEnd::Confirmed) => Refusal::HoldOver(HoldEnd::Confirmed).into(),
                _ => event.into(),
            };
        };
        match hold.part.as_deref() {
            Some(Part::Lead { .. }) if self.holds.lapses_at(hold.expires_at) <= now => {
                Decision { lapsed: vec![order], verdict: Ok(Verdict::Record(event)) }
            }
            Some(Part::Lead { .. }) => Refusal::PartOfOrder.into(),
            Some(Part::Follower { .. }) | None => Refusal::UnknownReservation.into(),
        }
    }
}
