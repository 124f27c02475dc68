//! Subscribers: one client each, with the topics it follows.
//!
//! What waits for a client is a bit for each topic. [`Subscriber::next`] takes a marked topic, in turn, and
//! looks its newest value up; whatever came in between is left out.

use super::Topic;
use super::channel::Channel;
use super::hub::{Admitted, Hub, TopicRefused};
use super::value::Value;
use compact_str::CompactString;
use futures::task::AtomicWaker;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The most topics one client can follow: a bit each.
pub(super) const SLOTS: usize = 63;

/// The bit that says: the hub closes.
const CLOSED: u64 = 1 << SLOTS;

/// What a client has to look at.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    marked: AtomicU64,
    waker: AtomicWaker,
}

impl Mailbox {
    /// The topic in this slot has a newer value.
    pub(super) fn mark(&self, slot: u8) {
        // Whoever is marked already has been woken already.
        if self.marked.fetch_or(1 << slot, Ordering::AcqRel) & (1 << slot) == 0 {
            self.waker.wake();
        }
    }

    pub(super) fn close(&self) {
        self.marked.fetch_or(CLOSED, Ordering::AcqRel);
        self.waker.wake();
    }
}

/// One topic that a client follows.
struct Slot {
    channel: Arc<Channel>,
    key: u64,
    /// The version it has.
    seen: Option<CompactString>,
    /// It was given a value, here or by another connection before.
    is_started: bool,
}

/// One value for one client.
#[derive(Debug, Clone)]
pub struct Update {
    pub value: Arc<Value>,
    /// The first one of its topic.
    pub is_first: bool,
}

/// One client.
pub struct Subscriber {
    hub: Hub,
    mailbox: Arc<Mailbox>,
    slots: Vec<Option<Slot>>,
    /// Whose turn it is: no topic keeps the others waiting.
    turn: u32,
    admitted: Admitted,
}

impl Subscriber {
    pub(super) fn new(hub: Hub, mailbox: Arc<Mailbox>, admitted: Admitted) -> Self {
        Self { hub, mailbox, slots: Vec::new(), turn: 0, admitted }
    }

    /// How many topics it follows.
    #[must_use]
    pub fn topics(&self) -> usize {
        self.slots.iter().flatten().count()
    }

    /// Follows a topic. Its value comes next, unless it is the version that was `seen` already.
    ///
    /// # Errors
    /// See [`TopicRefused`].
    pub async fn subscribe(
        &mut self,
        topic: Topic,
        seen: Option<&str>,
    ) -> Result<(), TopicRefused> {
        if self.slots.iter().flatten().any(|slot| slot.channel.topic == topic) {
            return Ok(());
        }
        let place = self.slots.iter().position(Option::is_none).unwrap_or(self.slots.len());
        if place >= self.hub.topics_per_client_max() {
            return Err(TopicRefused::TooMany);
        }
        // Below SLOTS.
        let slot = u8::try_from(place).map_err(|_| TopicRefused::TooMany)?;
        let (channel, key) = self.hub.join(topic, &self.mailbox, slot)?;
        let taken = Slot { channel, key, seen: seen.map(CompactString::new), is_started: false };
        match self.slots.get_mut(place) {
            Some(free) => *free = Some(taken),
            None => self.slots.push(Some(taken)),
        }
        // Taken first: dropped meanwhile, it leaves the channel again.
        if let Some(Some(Slot { channel, .. })) = self.slots.get(place)
            && let Err(refused) = self.hub.first_value(channel).await
        {
            self.leave(place);
            return Err(refused);
        }
        self.mailbox.mark(slot);
        Ok(())
    }

    /// `false` when it did not follow that topic.
    pub fn unsubscribe(&mut self, topic: &Topic) -> bool {
        let follows =
            |slot: &Option<Slot>| slot.as_ref().is_some_and(|slot| slot.channel.topic == *topic);
        match self.slots.iter().position(follows) {
            Some(place) => {
                self.leave(place);
                true
            }
            None => false,
        }
    }

    /// Follows nothing any more.
    pub fn leave_all(&mut self) {
        for place in 0..self.slots.len() {
            self.leave(place);
        }
    }

    fn leave(&mut self, place: usize) {
        if let Some(Slot { channel, key, .. }) = self.slots.get_mut(place).and_then(Option::take) {
            self.hub.leave(&channel, key);
        }
    }

    /// The next value; `None` when the hub closes.
    pub async fn next(&mut self) -> Option<Update> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// See [`Self::next`].
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Update>> {
        let taken = self.take();
        if taken.is_ready() {
            return taken;
        }
        self.mailbox.waker.register(context.waker());
        // What was marked before the waker was there woke nobody.
        self.take()
    }

    /// Pending where there is nothing to look at; then nobody is woken.
    fn take(&mut self) -> Poll<Option<Update>> {
        loop {
            let marked = self.mailbox.marked.load(Ordering::Acquire);
            if marked & CLOSED != 0 {
                return Poll::Ready(None);
            }
            if marked == 0 {
                return Poll::Pending;
            }
            // The first marked slot at or after the turn, around.
            let place = (self.turn + marked.rotate_right(self.turn).trailing_zeros()) % 64;
            self.turn = (place + 1) % 64;
            self.mailbox.marked.fetch_and(!(1 << place), Ordering::AcqRel);
            if let Some(update) = self.look(place as usize) {
                self.hub.count_sent();
                return Poll::Ready(Some(update));
            }
        }
    }

    /// The newest value of a slot, if the client has not seen it.
    fn look(&mut self, place: usize) -> Option<Update> {
        let slot = self.slots.get_mut(place)?.as_mut()?;
        let value = slot.channel.value()?;
        if slot.seen.as_deref() == Some(value.version()) {
            slot.is_started = true;
            return None;
        }
        slot.seen = Some(CompactString::new(value.version()));
        let is_first = !std::mem::replace(&mut slot.is_started, true);
        Some(Update { value, is_first })
    }

    /// Says why it goes, for the numbers.
    pub fn closes(&mut self, reason: crate::telemetry::metrics::LiveClosed) {
        self.admitted.reason = reason;
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.leave_all();
    }
}
