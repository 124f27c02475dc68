//! Channels: one topic that somebody follows, with its newest value and everybody who follows it.

use super::subscriber::Mailbox;
use super::value::Value;
use super::{Document, Source, Topic};
use crate::clock;
use crate::telemetry::metrics::LiveMetrics;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One topic.
pub(super) struct Channel {
    pub(super) topic: Topic,
    value: Mutex<Option<Arc<Value>>>,
    followers: Mutex<HashMap<u64, Follower>>,
    /// Held by whoever asks the source, so that an older answer never comes after a newer one.
    asking: tokio::sync::Mutex<Asked>,
    /// Whose key is drawn next.
    next: AtomicU64,
}

struct Follower {
    mailbox: Arc<Mailbox>,
    slot: u8,
}

/// When the source was asked, and what it showed then.
#[derive(Debug, Default)]
struct Asked {
    mark: Option<u64>,
    at: Option<Instant>,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Something,
    Nothing,
    /// It cannot be told at the moment.
    Unknown,
}

impl Channel {
    pub(super) fn new(topic: Topic) -> Self {
        Self {
            topic,
            value: Mutex::new(None),
            followers: Mutex::default(),
            asking: tokio::sync::Mutex::default(),
            next: AtomicU64::new(0),
        }
    }

    pub(super) fn value(&self) -> Option<Arc<Value>> {
        self.value.lock().clone()
    }

    /// Tells this mailbox of every new value from now on, as the topic in this slot.
    pub(super) fn add(&self, mailbox: Arc<Mailbox>, slot: u8) -> u64 {
        let key = self.next.fetch_add(1, Ordering::Relaxed);
        self.followers.lock().insert(key, Follower { mailbox, slot });
        key
    }

    pub(super) fn remove(&self, key: u64) {
        let mut followers = self.followers.lock();
        followers.remove(&key);
        // A topic that everybody followed for a minute must not keep the room for all of them.
        if followers.capacity() > 64 && followers.len() < followers.capacity() / 4 {
            followers.shrink_to_fit();
        }
    }

    pub(super) fn has_followers(&self) -> bool {
        !self.followers.lock().is_empty()
    }

    /// Asks the source where there is no value yet.
    pub(super) async fn first(&self, source: &dyn Source, metrics: &LiveMetrics) -> Found {
        let mut asked = self.asking.lock().await;
        if self.value.lock().is_some() {
            return Found::Something;
        }
        self.ask(source, &mut asked, metrics).await
    }

    /// Asks the source for a newer value, if the last one is older than `pace` and may have changed.
    pub(super) async fn refresh(&self, source: &dyn Source, pace: Duration, metrics: &LiveMetrics) {
        // Somebody else is asking: what they hear is newer than what we would.
        let Ok(mut asked) = self.asking.try_lock() else { return };
        if asked.at.is_some_and(|at| clock::since(at) < pace) {
            return;
        }
        let mark = source.mark(&self.topic);
        if mark.is_some() && mark == asked.mark {
            return;
        }
        self.ask(source, &mut asked, metrics).await;
    }

    async fn ask(&self, source: &dyn Source, asked: &mut Asked, metrics: &LiveMetrics) -> Found {
        // The mark before the value: what happens in between is looked at once more.
        (asked.mark, asked.at) = (source.mark(&self.topic), Some(clock::instant()));
        match source.value(&self.topic).await {
            Ok(Some(document)) => {
                self.publish(&document, metrics);
                Found::Something
            }
            Ok(None) => {
                // It is gone: whoever comes now is not told what it was.
                *self.value.lock() = None;
                Found::Nothing
            }
            Err(error) => {
                tracing::debug!(topic = %self.topic, %error, "a live value cannot be told");
                asked.mark = None;
                Found::Unknown
            }
        }
    }

    /// Has everybody told, if this is another version.
    fn publish(&self, document: &Document, metrics: &LiveMetrics) {
        let started = clock::instant();
        {
            let mut value = self.value.lock();
            if value.as_ref().is_some_and(|value| value.version() == document.version) {
                return;
            }
            *value = Some(Arc::new(Value::new(&self.topic, document)));
        }
        for Follower { mailbox, slot } in self.followers.lock().values() {
            mailbox.mark(*slot);
        }
        metrics.updated(self.topic.kind(), clock::since(started));
    }
}
