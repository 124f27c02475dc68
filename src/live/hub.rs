//! Hub: everybody who is connected, and every topic that is followed. Bounded in both.

use super::channel::{Channel, Found};
use super::subscriber::{Mailbox, SLOTS, Subscriber};
use super::topic::Place;
use super::{Source, Topic};
use crate::telemetry::metrics::{LiveClosed, LiveMetrics, LiveRefused, LiveTransport};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// The bounds of a hub.
#[derive(Debug, Clone, Copy)]
pub struct HubOptions {
    pub clients_max: usize,
    /// Of one address (IPv6: of one /64).
    pub clients_per_address_max: usize,
    /// At most [`SLOTS`].
    pub topics_per_client_max: usize,
    /// Between two values of a topic.
    pub pace: Duration,
}

/// Why a client may not connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientRefused {
    TooMany,
    TooManyOfAddress,
    /// The server is going down.
    Closing,
}

/// Why a topic may not be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TopicRefused {
    /// This client follows as many as it may.
    TooMany,
    /// There is no such thing.
    Unknown,
    /// It cannot be told at the moment.
    Unavailable,
    Closing,
}

/// All clients and topics. Cheap to clone.
#[derive(Clone)]
pub struct Hub(Arc<Inner>);

struct Inner {
    options: HubOptions,
    metrics: LiveMetrics,
    source: OnceLock<Arc<dyn Source>>,
    channels: Mutex<HashMap<Topic, Arc<Channel>>>,
    clients: Mutex<Clients>,
    /// How many there are, for whoever waits until none is.
    count: watch::Sender<usize>,
}

#[derive(Default)]
struct Clients {
    is_closed: bool,
    next: u64,
    mailboxes: HashMap<u64, Weak<Mailbox>>,
    by_address: HashMap<IpAddr, usize>,
}

impl Hub {
    #[must_use]
    pub fn new(options: HubOptions, metrics: LiveMetrics) -> Self {
        let topics_per_client_max = options.topics_per_client_max.min(SLOTS);
        Self(Arc::new(Inner {
            options: HubOptions { topics_per_client_max, ..options },
            metrics,
            source: OnceLock::new(),
            channels: Mutex::default(),
            clients: Mutex::default(),
            count: watch::Sender::new(0),
        }))
    }

    /// Says where values come from. Before that every topic is unavailable.
    pub fn follow(&self, source: Arc<dyn Source>) {
        drop(self.0.source.set(source));
    }

    #[must_use]
    pub fn options(&self) -> HubOptions {
        self.0.options
    }

    #[must_use]
    pub fn metrics(&self) -> &LiveMetrics {
        &self.0.metrics
    }

    /// Clients that are connected.
    #[must_use]
    pub fn clients(&self) -> usize {
        *self.0.count.borrow()
    }

    /// Lets a client in.
    ///
    /// # Errors
    /// See [`ClientRefused`].
    pub fn connect(
        &self,
        address: IpAddr,
        transport: LiveTransport,
    ) -> Result<Subscriber, ClientRefused> {
        let refused = self.try_connect(address, transport);
        match refused {
            Err(ClientRefused::TooMany) => self.0.metrics.refused(LiveRefused::Clients),
            Err(ClientRefused::TooManyOfAddress) => self.0.metrics.refused(LiveRefused::Address),
            _ => {}
        }
        refused
    }

    fn try_connect(
        &self,
        address: IpAddr,
        transport: LiveTransport,
    ) -> Result<Subscriber, ClientRefused> {
        let mut clients = self.0.clients.lock();
        if clients.is_closed {
            return Err(ClientRefused::Closing);
        }
        if clients.mailboxes.len() >= self.0.options.clients_max {
            return Err(ClientRefused::TooMany);
        }
        let of_address = clients.by_address.entry(address).or_default();
        if *of_address >= self.0.options.clients_per_address_max {
            return Err(ClientRefused::TooManyOfAddress);
        }
        *of_address += 1;
        let number = clients.next;
        clients.next += 1;
        let mailbox = Arc::new(Mailbox::default());
        clients.mailboxes.insert(number, Arc::downgrade(&mailbox));
        self.0.count.send_replace(clients.mailboxes.len());
        self.0.metrics.connected(transport);
        let reason = LiveClosed::Left;
        let admitted = Admitted { hub: self.clone(), number, address, transport, reason };
        Ok(Subscriber::new(self.clone(), mailbox, admitted))
    }

    /// Closes every client, and lets none in any more.
    pub fn close(&self) {
        let mut clients = self.0.clients.lock();
        clients.is_closed = true;
        for mailbox in clients.mailboxes.values().filter_map(Weak::upgrade) {
            mailbox.close();
        }
    }

    /// Returns when nobody is connected.
    pub async fn left(&self) {
        // The sender lives as long as the hub.
        let _ = self.0.count.subscribe().wait_for(|count| *count == 0).await;
    }

    pub(super) fn topics_per_client_max(&self) -> usize {
        self.0.options.topics_per_client_max
    }

    /// The channel of a topic, with this follower in it.
    pub(super) fn join(
        &self,
        topic: Topic,
        mailbox: &Arc<Mailbox>,
        slot: u8,
    ) -> Result<(Arc<Channel>, u64), TopicRefused> {
        if self.0.source.get().is_none() {
            return Err(TopicRefused::Closing);
        }
        let kind = topic.kind();
        let mut channels = self.0.channels.lock();
        let channel =
            channels.entry(topic).or_insert_with_key(|topic| Arc::new(Channel::new(topic.clone())));
        let (channel, key) = (Arc::clone(channel), channel.add(Arc::clone(mailbox), slot));
        drop(channels);
        self.0.metrics.subscribed(kind);
        Ok((channel, key))
    }

    pub(super) fn leave(&self, channel: &Arc<Channel>, key: u64) {
        self.0.metrics.unsubscribed(channel.topic.kind());
        // Under the lock, under which others join.
        let mut channels = self.0.channels.lock();
        channel.remove(key);
        if !channel.has_followers() {
            channels.remove(&channel.topic);
        }
    }

    /// Has the channel a value now?
    pub(super) async fn first_value(&self, channel: &Channel) -> Result<(), TopicRefused> {
        let source = self.0.source.get().ok_or(TopicRefused::Closing)?;
        match channel.first(source.as_ref(), &self.0.metrics).await {
            Found::Something => Ok(()),
            Found::Nothing => {
                self.0.metrics.refused(LiveRefused::Unknown);
                Err(TopicRefused::Unknown)
            }
            Found::Unknown => Err(TopicRefused::Unavailable),
        }
    }

    /// Every topic that is followed and has its value in this place.
    pub(super) fn channels(&self, place: Place) -> Vec<Arc<Channel>> {
        let channels = self.0.channels.lock();
        let wanted = channels.values().filter(|it| it.topic.place() == place);
        wanted.map(Arc::clone).collect()
    }

    pub(super) fn source(&self) -> Option<Arc<dyn Source>> {
        self.0.source.get().map(Arc::clone)
    }

    pub(super) fn count_sent(&self) {
        self.0.metrics.sent();
    }
}

/// Counted as connected as long as it lives.
pub(super) struct Admitted {
    hub: Hub,
    number: u64,
    address: IpAddr,
    transport: LiveTransport,
    pub(super) reason: LiveClosed,
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let inner = &self.hub.0;
        let mut clients = inner.clients.lock();
        clients.mailboxes.remove(&self.number);
        if let Some(count) = clients.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                clients.by_address.remove(&self.address);
            }
        }
        inner.count.send_replace(clients.mailboxes.len());
        inner.metrics.disconnected(self.transport, self.reason);
    }
}
