//! Queue: purchases that were accepted and are decided later, each when its turn comes.
//!
//! ```text
//!   accepted ──▶ vip:    first come, first served ──┐
//!            └─▶ normal: first come, first served ──┴──▶ its turn: sold, or refused
//! ```
//!
//! No normal purchase has its turn while a vip one waits. Places are running numbers, so a position is
//! a subtraction however long the queue is.
//!
//! What must never happen: an entry that leaves without a decision, or is decided twice. An entry
//! leaves by the fact that decides it and by nothing else (see [`super::Product::apply`]).

use super::bounds::QUEUE_MAX;
use super::table::Table;
use super::{CustomerId, OrderId, Quantity, Refusal, SaleId, Timestamp};
use foldhash::fast::RandomState;
use std::collections::VecDeque;

/// A class that was longer than this gives its memory back when it is empty.
const KEPT_MAX: usize = 4_096;

/// Highest drain rate, in turns a second.
pub const DRAIN_RATE_MAX: u32 = 100_000;

/// Which class a purchase waits in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// Before all normal ones.
    Vip,
    #[default]
    Normal,
}

/// A purchase that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    pub order: OrderId,
    pub customer: CustomerId,
    pub quantity: Quantity,
    pub priority: Priority,
    /// That it is to be bought under.
    pub sale: Option<SaleId>,
    pub queued_at: Timestamp,
}

/// A waiting purchase with its place: 1 is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    pub entry: Queued,
    pub position: u64,
}

/// Why a purchase was not sold when its turn came. The refusals of a purchase in a form that is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnRefusal {
    SoldOut,
    Insufficient {
        available: u64,
    },
    CustomerLimit {
        limit: u32,
        owned: u64,
    },
    Closed {
        closed_at: Timestamp,
    },
    Inactive,
    NotOpen {
        opens_at: Timestamp,
    },
    /// The sale it was to be bought under was given up.
    UnknownSale,
    /// A bounded table of the product was full: no fault of the customer's.
    Full,
}

impl TurnRefusal {
    /// `None` for what a purchase is never refused with.
    pub(super) const fn of(refusal: Refusal) -> Option<Self> {
        match refusal {
            Refusal::SoldOut => Some(Self::SoldOut),
            Refusal::Insufficient { available } => Some(Self::Insufficient { available }),
            Refusal::CustomerLimit { limit, owned } => Some(Self::CustomerLimit { limit, owned }),
            Refusal::Closed { closed_at } => Some(Self::Closed { closed_at }),
            Refusal::Inactive => Some(Self::Inactive),
            Refusal::NotOpen { opens_at } => Some(Self::NotOpen { opens_at }),
            Refusal::UnknownSale => Some(Self::UnknownSale),
            Refusal::Full { .. } => Some(Self::Full),
            _ => None,
        }
    }

    /// The refusal a purchase would have got that did not wait.
    #[must_use]
    pub const fn refusal(self) -> Refusal {
        match self {
            Self::SoldOut => Refusal::SoldOut,
            Self::Insufficient { available } => Refusal::Insufficient { available },
            Self::CustomerLimit { limit, owned } => Refusal::CustomerLimit { limit, owned },
            Self::Closed { closed_at } => Refusal::Closed { closed_at },
            Self::Inactive => Refusal::Inactive,
            Self::NotOpen { opens_at } => Refusal::NotOpen { opens_at },
            Self::UnknownSale => Refusal::UnknownSale,
            Self::Full => Refusal::Full { table: "customers" },
        }
    }
}

/// What is shown of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueView {
    /// Purchases that wait.
    pub depth: u64,
    /// When the one that waits longest was accepted.
    pub oldest: Option<Timestamp>,
    /// The product's own drain rate, if it has one.
    pub drain_per_second: Option<u32>,
    /// Decided so far: sold, and not sold.
    pub confirmed: u64,
    pub refused: u64,
}

/// One class: its first entry has the number `first`, the next one the next.
#[derive(Debug, Clone, Default)]
struct Class {
    first: u64,
    entries: VecDeque<Queued>,
}

impl Class {
    fn index_of(&self, number: u64) -> usize {
        usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX)
    }
}

/// The queue of one product.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    vip: Class,
    normal: Class,
    /// The class and the number of each waiting order.
    places: Table<OrderId, (Priority, u64), RandomState>,
    drain_per_second: Option<u32>,
    confirmed: u64,
    refused: u64,
}

impl Queue {
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whose turn is next.
    #[must_use]
    pub fn head(&self) -> Option<&Queued> {
        self.vip.entries.front().or_else(|| self.normal.entries.front())
    }

    /// A waiting purchase with its position.
    #[must_use]
    pub fn get(&self, order: &OrderId) -> Option<(&Queued, u64)> {
        let (priority, number) = *self.places.get(order)?;
        let class = self.class(priority);
        let before = if priority == Priority::Normal { self.vip.entries.len() } else { 0 };
        let index = class.index_of(number);
        Some((class.entries.get(index)?, (before + index) as u64 + 1))
    }

    /// In the order of their turns.
    pub fn iter(&self) -> impl Iterator<Item = &Queued> {
        self.vip.entries.iter().chain(&self.normal.entries)
    }

    /// Those of one class, in the order they came.
    pub fn iter_class(&self, priority: Priority) -> impl ExactSizeIterator<Item = &Queued> {
        self.class(priority).entries.iter()
    }

    /// When the one that waits longest was accepted.
    #[must_use]
    pub fn oldest(&self) -> Option<Timestamp> {
        let fronts = [&self.vip, &self.normal].map(|class| class.entries.front());
        fronts.into_iter().flatten().map(|entry| entry.queued_at).min()
    }

    /// The product's own drain rate, if it has one.
    #[must_use]
    pub const fn drain_per_second(&self) -> Option<u32> {
        self.drain_per_second
    }

    /// How many were decided: sold, and not sold.
    #[must_use]
    pub const fn decided(&self) -> (u64, u64) {
        (self.confirmed, self.refused)
    }

    #[must_use]
    pub fn view(&self) -> QueueView {
        QueueView {
            depth: self.len() as u64,
            oldest: self.oldest(),
            drain_per_second: self.drain_per_second,
            confirmed: self.confirmed,
            refused: self.refused,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.places.len() >= QUEUE_MAX
    }

    /// Puts an entry at the end of its class and gives its position.
    pub(crate) fn push(&mut self, entry: Queued) -> u64 {
        let (order, priority) = (entry.order, entry.priority);
        let class = self.class_mut(priority);
        let number = class.first + class.entries.len() as u64;
        class.entries.push_back(entry);
        self.places.insert(order, (priority, number));
        let before = if priority == Priority::Normal { self.vip.entries.len() } else { 0 };
        (before + self.class(priority).entries.len()) as u64
    }

    /// Takes a purchase out that was sold; `false` where it did not wait here.
    pub(super) fn sold(&mut self, order: &OrderId) -> bool {
        let waited = !self.is_empty() && self.remove(order);
        self.confirmed += u64::from(waited);
        waited
    }

    /// Takes a purchase out that was refused.
    pub(super) fn refused(&mut self, order: &OrderId) {
        let waited = self.remove(order);
        self.refused += u64::from(waited);
    }

    pub(super) const fn set_drain_rate(&mut self, per_second: Option<u32>) {
        self.drain_per_second = per_second;
    }

    /// Puts back what a snapshot has beside the entries.
    pub(crate) const fn restore(&mut self, per_second: Option<u32>, decided: (u64, u64)) {
        self.drain_per_second = per_second;
        (self.confirmed, self.refused) = decided;
    }

    const fn class(&self, priority: Priority) -> &Class {
        match priority {
            Priority::Vip => &self.vip,
            Priority::Normal => &self.normal,
        }
    }

    const fn class_mut(&mut self, priority: Priority) -> &mut Class {
        match priority {
            Priority::Vip => &mut self.vip,
            Priority::Normal => &mut self.normal,
        }
    }

    fn remove(&mut self, order: &OrderId) -> bool {
        let Some((priority, number)) = self.places.remove(order) else { return false };
        let class = self.class_mut(priority);
        let index = class.index_of(number);
        if index == 0 {
            class.entries.pop_front();
            class.first += 1;
            if class.entries.is_empty() && class.entries.capacity() > KEPT_MAX {
                class.entries = VecDeque::new();
            }
            return true;
        }
        // The rules take the head alone; this is for a journal that was decided by other rules.
        class.entries.remove(index);
        let moved: Vec<_> = class.entries.iter().skip(index).map(|entry| entry.order).collect();
        for (order, number) in moved.into_iter().zip(number..) {
            self.places.insert(order, (priority, number));
        }
        true
    }

    /// Whether every entry is found at its place, and nothing else is. Walks everything: for audits
    /// and tests.
    pub(super) fn is_whole(&self) -> bool {
        let found = |(position, entry): (u64, &Queued)| {
            self.get(&entry.order).is_some_and(|(found, at)| found == entry && at == position)
        };
        (1..).zip(self.iter()).all(found)
            && self.iter().count() == self.places.len()
            && self.vip.entries.iter().all(|entry| entry.priority == Priority::Vip)
            && self.normal.entries.iter().all(|entry| entry.priority == Priority::Normal)
    }
}

/// Running numbers begin anew in a state from a snapshot, and mean nothing outside.
impl PartialEq for Queue {
    fn eq(&self, other: &Self) -> bool {
        let rest = |queue: &Self| (queue.drain_per_second, queue.confirmed, queue.refused);
        self.len() == other.len() && self.iter().eq(other.iter()) && rest(self) == rest(other)
    }
}

impl Eq for Queue {}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(number: u8) -> OrderId {
        OrderId([number; 16])
    }

    fn entry(number: u8, priority: Priority) -> Queued {
        Queued {
            order: order(number),
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(1),
            priority,
            sale: None,
            queued_at: Timestamp::from_millis(number.into()),
        }
    }

    fn positions(queue: &Queue) -> Vec<(u8, u64)> {
        let all = queue.iter().map(|entry| entry.order);
        all.map(|order| (order.0[0], queue.get(&order).unwrap().1)).collect()
    }

    #[test]
    fn vip_goes_first_and_each_class_by_age() {
        use Priority::{Normal, Vip};
        let mut queue = Queue::default();
        let pushed: Vec<_> = [(1, Normal), (2, Normal), (3, Vip), (4, Normal), (5, Vip)]
            .map(|(number, priority)| queue.push(entry(number, priority)))
            .into();
        assert_eq!(pushed, [1, 2, 1, 4, 2]);
        assert_eq!(positions(&queue), [(3, 1), (5, 2), (1, 3), (2, 4), (4, 5)]);
        assert_eq!(queue.oldest(), Some(Timestamp::from_millis(1)));
        assert!(queue.sold(&order(3)) && !queue.sold(&order(3)) && !queue.sold(&order(9)));
        assert_eq!(positions(&queue), [(5, 1), (1, 2), (2, 3), (4, 4)]);
        queue.refused(&order(5));
        assert_eq!(queue.head().map(|head| head.order), Some(order(1)));
        assert_eq!(queue.decided(), (1, 1));
        assert!(queue.is_whole());
    }

    #[test]
    fn who_leaves_from_the_middle_leaves_no_gap() {
        let mut queue = Queue::default();
        for number in 1..6 {
            queue.push(entry(number, Priority::Normal));
        }
        queue.refused(&order(1));
        queue.refused(&order(3));
        assert_eq!(positions(&queue), [(2, 1), (4, 2), (5, 3)]);
        assert!(queue.is_whole());
        let mut same = Queue::default();
        for number in [2, 4, 5] {
            same.push(entry(number, Priority::Normal));
        }
        same.restore(None, (0, 2));
        assert_eq!(queue, same);
    }
}
