//! Promise 3, for purchases that waited: each is decided at most once, in order within its class, vip
//! before normal, for the units and the customer it was accepted for.
//!
//! That each is decided at all cannot be seen from one fact: where nothing waits any more,
//! [`Turns::count`] says so.

use super::{Broken, broken};
use crate::domain::{CustomerId, Event, OrderId, Priority, Quantity};
use std::collections::{HashMap, HashSet, VecDeque};

/// What was accepted, until it is decided.
#[derive(Debug, Clone)]
struct Accepted {
    customer: CustomerId,
    quantity: Quantity,
    priority: Priority,
}

/// The queue of one product as its facts tell it, kept in another way than the product keeps it.
#[derive(Debug, Default)]
pub(super) struct Turns {
    waiting: HashMap<OrderId, Accepted>,
    vip: VecDeque<OrderId>,
    normal: VecDeque<OrderId>,
    decided: HashSet<OrderId>,
    refused: HashSet<OrderId>,
}

impl Turns {
    /// Takes the next fact about purchases.
    pub(super) fn push(&mut self, event: &Event) -> Result<(), Broken> {
        match event {
            Event::Queued { order, customer, quantity, priority, .. } => {
                let (customer, quantity, priority) = (customer.clone(), *quantity, *priority);
                let accepted = Accepted { customer, quantity, priority };
                let again = self.waiting.insert(*order, accepted).is_some();
                if again || self.decided.contains(order) {
                    return broken("in turn", format!("{order:?} was queued twice"));
                }
                self.class(priority).push_back(*order);
                Ok(())
            }
            // Decided before, as `History` sees of those that were sold.
            Event::Purchased { order, .. } if self.decided.contains(order) => {
                broken("exactly once", format!("order {order:?} decided twice"))
            }
            // Bought at once: it never waited.
            Event::Purchased { order, .. } if !self.waiting.contains_key(order) => Ok(()),
            Event::Purchased { order, customer, quantity, .. } => {
                self.decide(*order, customer, *quantity)
            }
            Event::Refused { order, customer, quantity, .. } => {
                self.decide(*order, customer, *quantity)?;
                self.refused.insert(*order);
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn class(&mut self, priority: Priority) -> &mut VecDeque<OrderId> {
        match priority {
            Priority::Vip => &mut self.vip,
            Priority::Normal => &mut self.normal,
        }
    }

    fn decide(
        &mut self,
        order: OrderId,
        customer: &CustomerId,
        quantity: Quantity,
    ) -> Result<(), Broken> {
        let Some(accepted) = self.waiting.remove(&order) else {
            return broken("in turn", format!("{order:?} had its turn but does not wait"));
        };
        if accepted.priority == Priority::Normal && !self.vip.is_empty() {
            return broken("in turn", format!("{order:?} was decided before those of vip"));
        }
        if self.class(accepted.priority).pop_front() != Some(order) {
            return broken("in turn", format!("{order:?} was decided before its turn"));
        }
        if (&accepted.customer, accepted.quantity) != (customer, quantity) {
            return broken("in turn", format!("{order:?} was accepted as {accepted:?}"));
        }
        self.decided.insert(order);
        Ok(())
    }

    /// How many wait, and how many were decided.
    pub(super) fn count(&self) -> (usize, usize) {
        (self.waiting.len(), self.decided.len())
    }

    pub(super) fn was_refused(&self, order: &OrderId) -> bool {
        self.refused.contains(order)
    }
}

#[cfg(test)]
mod tests {
    use super::super::History;
    use super::*;
    use crate::domain::{Timestamp, TurnRefusal};

    fn queued(order: u8, priority: Priority) -> Event {
        Event::Queued {
            order: OrderId([order; 16]),
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(2),
            priority,
            sale: None,
            retry: None,
        }
    }

    fn bought(order: u8, units: u32) -> Event {
        Event::Purchased {
            order: OrderId([order; 16]),
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(units),
            unit_price: 5,
            sale: None,
            retry: None,
        }
    }

    fn refused(order: u8) -> Event {
        Event::Refused {
            order: OrderId([order; 16]),
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(2),
            queued_at: Timestamp::default(),
            why: TurnRefusal::SoldOut,
        }
    }

    fn judge(facts: &[Event]) -> Result<(usize, usize), String> {
        let mut history = History::default();
        for (fact, revision) in facts.iter().zip(1..) {
            let pushed = history.push(revision, fact, Timestamp::default());
            pushed.map_err(|broken| broken.to_string())?;
        }
        Ok(history.queued())
    }

    #[test]
    fn turns_come_in_order() {
        use Priority::{Normal, Vip};
        let facts = [
            queued(1, Normal),
            queued(2, Normal),
            bought(9, 1),
            bought(1, 2),
            queued(3, Vip),
            refused(3),
            bought(2, 2),
        ];
        assert_eq!(judge(&facts), Ok((0, 3)));
        assert_eq!(judge(&facts[..5]), Ok((2, 1)));
    }

    #[test]
    fn turns_out_of_order_are_found() {
        use Priority::{Normal, Vip};
        for (facts, found) in [
            (&[queued(1, Normal), queued(2, Normal), bought(2, 2)][..], "before its turn"),
            (&[queued(1, Normal), queued(2, Vip), refused(1)], "before those of vip"),
            (&[refused(1)], "does not wait"),
            (&[queued(1, Normal), refused(1), refused(1)], "does not wait"),
            (&[queued(1, Normal), refused(1), bought(1, 2)], "decided twice"),
            (&[queued(1, Normal), bought(1, 2), bought(1, 2)], "decided twice"),
            (&[queued(1, Normal), bought(1, 1)], "was accepted as"),
            (&[queued(1, Normal), queued(1, Normal)], "queued twice"),
            (&[queued(1, Normal), refused(1), queued(1, Normal)], "queued twice"),
            (&[bought(1, 2), queued(1, Normal)], "queued after it was decided"),
        ] {
            let said = judge(facts).expect_err(found);
            assert!(said.contains(found), "{said}");
        }
    }
}
