//! Holds: units that are promised to a customer until a time.
//!
//! ```text
//!            ┌──────── extend (bounded) ───────┐
//!   Held ────┴───▶ Confirmed   (units sold)
//!        ├───────▶ Released    (units available)
//!        └───────▶ Expired     (units available)
//! ```
//!
//! A hold that is a line of an order (`order`) ends as its order does: a follower's time is when it
//! asks its lead, not when it runs out.
//!
//! A hold ends exactly once (promise 4). How it ended is remembered for a day (of a great many holds
//! in a day: how the newest ended), so that a late confirm is told the truth. A hold whose time is past is never counted or confirmed, even if the
//! timer that journals its expiry has not come yet.

use super::bounds::{ENDS_MAX, HOLDS_MAX};
use super::memory::is_old;
use super::table::Table;
use super::{CustomerId, Line, OrderId, Part, Payment, ProductId, Timestamp};
use foldhash::fast::RandomState;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::num::NonZeroU8;

/// An active hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    pub customer: CustomerId,
    pub unit_price: u64,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub quantity: u32,
    pub extensions: u8,
    /// The sale it was held under, by its number at this product.
    pub sale: Option<NonZeroU8>,
    /// `None` for a reservation of its own.
    pub part: Option<Box<Part>>,
}

impl Hold {
    /// A line that waits for what becomes of its lead, and never runs out by itself.
    #[must_use]
    pub fn lead(&self) -> Option<ProductId> {
        match self.part.as_deref() {
            Some(Part::Follower { lead }) => Some(*lead),
            _ => None,
        }
    }

    /// The lead of an order whose lines are not all held.
    #[must_use]
    pub fn is_unplaced_lead(&self) -> bool {
        matches!(self.part.as_deref(), Some(Part::Lead { payment: None, .. }))
    }
}

/// The one way a hold went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HoldEnd {
    Confirmed,
    Released,
    Expired,
}

/// Extra time for holds that ran out while the server was down: they lapse at `until`, not before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grace {
    /// When the server started; holds that end later get no grace.
    pub from: Timestamp,
    pub until: Timestamp,
}

/// The holds of one product, by order and by time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    active: Table<OrderId, Hold, RandomState>,
    by_time: BTreeSet<(Timestamp, OrderId)>,
    /// Followers, by the time from which on they ask their lead.
    followers: BTreeSet<(Timestamp, OrderId)>,
    ended: HashMap<OrderId, HoldEnd, RandomState>,
    ended_order: VecDeque<(Timestamp, OrderId)>,
    grace: Option<Grace>,
}

impl Holds {
    #[must_use]
    pub fn get(&self, order: &OrderId) -> Option<&Hold> {
        self.active.get(order)
    }

    /// How a hold ended, if that is still remembered.
    #[must_use]
    pub fn end_of(&self, order: &OrderId) -> Option<HoldEnd> {
        self.ended.get(order).copied()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.active.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OrderId, &Hold)> {
        self.active.iter()
    }

    /// Ended holds that are still remembered, oldest first.
    pub fn iter_ended(&self) -> impl Iterator<Item = (Timestamp, OrderId, HoldEnd)> {
        self.ended_order.iter().filter_map(|(at, order)| Some((*at, *order, self.end_of(order)?)))
    }

    pub(super) fn is_full(&self) -> bool {
        self.active.len() >= HOLDS_MAX
    }

    /// When a hold that ends at `expires_at` really lapses.
    #[must_use]
    pub fn lapses_at(&self, expires_at: Timestamp) -> Timestamp {
        match self.grace {
            Some(grace) if expires_at <= grace.from => grace.until,
            _ => expires_at,
        }
    }

    /// When the next hold lapses.
    #[must_use]
    pub fn next_lapse(&self) -> Option<Timestamp> {
        let first = self.by_time.first()?.0;
        let Some(grace) = self.grace.filter(|grace| first <= grace.from) else {
            return Some(first);
        };
        // Holds in grace come first by time but lapse late: one that ends normally may lapse sooner.
        let after = (grace.from.plus_millis(1), OrderId([0; 16]));
        let normal = self.by_time.range(after..).next().map(|(at, _)| *at);
        Some(normal.map_or(grace.until, |normal| normal.min(grace.until)))
    }

    /// Holds whose time is past at `now`, earliest first.
    pub fn lapsed(&self, now: Timestamp) -> impl Iterator<Item = (OrderId, &Hold)> {
        let in_grace = self.grace.filter(|grace| now < grace.until);
        let from = in_grace.map_or(Timestamp::default(), |grace| grace.from.plus_millis(1));
        // While the grace lasts, `now` may even lie before its beginning (a clock set back).
        let to = now.max(from);
        self.by_time
            .range((from, OrderId([0; 16]))..=(to, OrderId([0xff; 16])))
            .filter(move |(at, _)| *at <= now)
            .filter_map(|(_, order)| Some((*order, self.active.get(order)?)))
    }

    /// Lines whose order may have been decided by now, with their leads and until when they are held;
    /// earliest first.
    pub fn asking(&self, now: Timestamp) -> impl Iterator<Item = (OrderId, ProductId, Timestamp)> {
        self.followers
            .range(..=(now, OrderId([0xff; 16])))
            .filter_map(|(at, order)| Some((*order, self.active.get(order)?.lead()?, *at)))
    }

    /// Leads whose orders are not placed. Of a state that comes from the journal nobody is placing them any more.
    pub fn unplaced(&self) -> impl Iterator<Item = OrderId> {
        self.active.iter().filter(|(_, hold)| hold.is_unplaced_lead()).map(|(order, _)| *order)
    }

    /// When the next line asks its lead.
    #[must_use]
    pub fn next_question(&self) -> Option<Timestamp> {
        self.followers.first().map(|(at, _)| *at)
    }

    /// When something is to be done about any hold.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        [self.next_lapse(), self.next_question()].into_iter().flatten().min()
    }

    fn index_of(&mut self, hold: &Hold) -> &mut BTreeSet<(Timestamp, OrderId)> {
        if hold.lead().is_some() { &mut self.followers } else { &mut self.by_time }
    }

    pub(super) fn insert(&mut self, order: OrderId, hold: Hold) {
        if hold.part.is_some() {
            self.forget_end(&order);
        }
        self.index_of(&hold).insert((hold.expires_at, order));
        self.active.insert(order, hold);
    }

    /// The order of a lead is placed: its lines are known, and its time is that of the payment.
    pub(super) fn place(
        &mut self,
        order: &OrderId,
        lines: &[Line],
        payment: &Payment,
        expires_at: Timestamp,
    ) {
        let Some(hold) = self.active.get_mut(order) else { return };
        self.by_time.remove(&(hold.expires_at, *order));
        hold.expires_at = expires_at;
        let payment = Some(Box::new(payment.clone()));
        hold.part = Some(Box::new(Part::Lead { lines: lines.into(), payment }));
        self.by_time.insert((expires_at, *order));
    }

    pub(super) fn extend(&mut self, order: &OrderId, expires_at: Timestamp) {
        let Some(hold) = self.active.get_mut(order) else { return };
        self.by_time.remove(&(hold.expires_at, *order));
        hold.expires_at = expires_at;
        hold.extensions = hold.extensions.saturating_add(1);
        self.by_time.insert((expires_at, *order));
    }

    /// Takes an active hold out and remembers how it went.
    pub(super) fn end(&mut self, order: &OrderId, end: HoldEnd, at: Timestamp) -> Option<Hold> {
        let hold = self.active.remove(order)?;
        self.index_of(&hold).remove(&(hold.expires_at, *order));
        self.restore_end(*order, end, at);
        Some(hold)
    }

    /// However an order's hold ended, nobody takes it again: it was released.
    pub(super) fn give_up(&mut self, order: &OrderId, at: Timestamp) {
        if self.active.get(order).is_none() {
            self.forget_end(order);
            self.restore_end(*order, HoldEnd::Released, at);
        }
    }

    /// Forgets ends older than a day; at most two a call, which is faster than they can be added.
    pub(super) fn forget(&mut self, now: Timestamp) {
        for _ in 0..2 {
            if self.ended_order.front().is_some_and(|(at, _)| is_old(*at, now)) {
                self.forget_oldest_end();
            }
        }
    }

    /// A line that is held again has not ended: or its next end would be forgotten with this one. What
    /// ran out a moment ago is near the back.
    fn forget_end(&mut self, order: &OrderId) {
        if self.ended.remove(order).is_some()
            && let Some(place) = self.ended_order.iter().rposition(|(_, ended)| ended == order)
        {
            self.ended_order.remove(place);
        }
    }

    fn forget_oldest_end(&mut self) {
        if let Some((_, order)) = self.ended_order.pop_front() {
            self.ended.remove(&order);
        }
    }

    /// Gives holds that ran out during a downtime their extra time. Not journaled: the expiry that
    /// follows is.
    pub fn set_grace(&mut self, grace: Grace) {
        self.grace = Some(grace);
    }

    pub(crate) fn restore(&mut self, order: OrderId, hold: Hold) {
        self.insert(order, hold);
    }

    pub(crate) fn restore_end(&mut self, order: OrderId, end: HoldEnd, at: Timestamp) {
        if self.ended_order.len() >= ENDS_MAX {
            self.forget_oldest_end();
        }
        self.ended.insert(order, end);
        self.ended_order.push_back((at, order));
    }

    /// The sum over all holds, and whether the index by time holds exactly the active ones. Walks
    /// everything: for audits and tests.
    pub(super) fn count(&self) -> (u64, bool) {
        let units = self.active.iter().map(|(_, hold)| u64::from(hold.quantity)).sum();
        let indexed = self.by_time.len() + self.followers.len() == self.active.len()
            && self.active.iter().all(|(order, hold)| {
                let index = if hold.lead().is_some() { &self.followers } else { &self.by_time };
                index.contains(&(hold.expires_at, *order))
            });
        (units, indexed)
    }
}
