//! Stored types of the queue: purchases that wait, and what became of them at their turn.
//!
//! Part of [`super::stored`] and [`super::snapshot`], whose rules about versions hold here too.

use super::stored::{DecodeError, StoredRetry};
use super::stored_sales::sale_of;
use crate::domain::{
    CustomerId, Event, OrderId, Priority, Product, Quantity, Queue, Queued, Retry, Timestamp,
    TurnRefusal,
};
use serde::{Deserialize, Serialize, Serializer};
use std::collections::HashMap;

/// A purchase that was accepted.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredQueued<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    vip: bool,
    retry: Option<StoredRetry>,
}

impl<'a> StoredQueued<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        quantity: Quantity,
        priority: Priority,
        retry: Option<&Retry>,
    ) -> Self {
        Self {
            order: order.0,
            customer: customer.as_str(),
            quantity: quantity.get(),
            vip: priority == Priority::Vip,
            retry: retry.map(Into::into),
        }
    }

    pub(super) fn event(self) -> Event {
        Event::Queued {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            priority: priority_of(self.vip),
            sale: None,
            retry: self.retry.map(Into::into),
        }
    }
}

pub(super) const fn priority_of(vip: bool) -> Priority {
    if vip { Priority::Vip } else { Priority::Normal }
}

#[derive(Serialize, Deserialize, Clone, Copy)]
enum StoredWhy {
    SoldOut,
    Insufficient(u64),
    CustomerLimit(u32, u64),
    Closed(u64),
    Inactive,
    NotOpen(u64),
    Full,
    UnknownSale,
}

impl From<TurnRefusal> for StoredWhy {
    fn from(why: TurnRefusal) -> Self {
        match why {
            TurnRefusal::SoldOut => Self::SoldOut,
            TurnRefusal::Insufficient { available } => Self::Insufficient(available),
            TurnRefusal::CustomerLimit { limit, owned } => Self::CustomerLimit(limit, owned),
            TurnRefusal::Closed { closed_at } => Self::Closed(closed_at.as_millis()),
            TurnRefusal::Inactive => Self::Inactive,
            TurnRefusal::NotOpen { opens_at } => Self::NotOpen(opens_at.as_millis()),
            TurnRefusal::Full => Self::Full,
            TurnRefusal::UnknownSale => Self::UnknownSale,
        }
    }
}

impl From<StoredWhy> for TurnRefusal {
    fn from(stored: StoredWhy) -> Self {
        match stored {
            StoredWhy::SoldOut => Self::SoldOut,
            StoredWhy::Insufficient(available) => Self::Insufficient { available },
            StoredWhy::CustomerLimit(limit, owned) => Self::CustomerLimit { limit, owned },
            StoredWhy::Closed(at) => Self::Closed { closed_at: Timestamp::from_millis(at) },
            StoredWhy::Inactive => Self::Inactive,
            StoredWhy::NotOpen(at) => Self::NotOpen { opens_at: Timestamp::from_millis(at) },
            StoredWhy::Full => Self::Full,
            StoredWhy::UnknownSale => Self::UnknownSale,
        }
    }
}

/// The turn of a queued purchase, when nothing was sold to it.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRefused<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    queued_at: u64,
    why: StoredWhy,
}

impl<'a> StoredRefused<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        quantity: Quantity,
        queued_at: Timestamp,
        why: TurnRefusal,
    ) -> Self {
        Self {
            order: order.0,
            customer: customer.as_str(),
            quantity: quantity.get(),
            queued_at: queued_at.as_millis(),
            why: why.into(),
        }
    }

    pub(super) fn event(self) -> Event {
        Event::Refused {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            queued_at: Timestamp::from_millis(self.queued_at),
            why: self.why.into(),
        }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredWaiting<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    queued_at: u64,
}

impl<'a> From<&'a Queued> for StoredWaiting<'a> {
    fn from(entry: &'a Queued) -> Self {
        Self {
            order: entry.order.0,
            customer: entry.customer.as_str(),
            quantity: entry.quantity.get(),
            queued_at: entry.queued_at.as_millis(),
        }
    }
}

/// One class as it is written: straight from the queue, for a copy of a long one would cost more than
/// the bytes.
struct Class<'a>(&'a Queue, Priority);

impl Serialize for Class<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter_class(self.1).map(StoredWaiting::from))
    }
}

/// A queue, as snapshots from version 3 on have it behind everything else; the same fields as
/// [`StoredQueue`] reads.
#[derive(Serialize)]
pub(super) struct QueueToStore<'a> {
    vip: Class<'a>,
    normal: Class<'a>,
    drain_per_second: Option<u32>,
    confirmed: u64,
    refused: u64,
}

impl<'a> QueueToStore<'a> {
    pub(super) fn of(product: &'a Product) -> Self {
        let queue = product.queue();
        let (confirmed, refused) = queue.decided();
        Self {
            vip: Class(queue, Priority::Vip),
            normal: Class(queue, Priority::Normal),
            drain_per_second: queue.drain_per_second(),
            confirmed,
            refused,
        }
    }
}

/// The same as it is read.
#[derive(Deserialize, Default)]
pub(super) struct StoredQueue<'a> {
    #[serde(borrow)]
    vip: Vec<StoredWaiting<'a>>,
    #[serde(borrow)]
    normal: Vec<StoredWaiting<'a>>,
    drain_per_second: Option<u32>,
    confirmed: u64,
    refused: u64,
}

impl StoredQueue<'_> {
    /// `sales` says which of them are to be bought under a sale.
    pub(super) fn queue(self, sales: &HashMap<[u8; 16], u64>) -> Result<Queue, DecodeError> {
        let mut queue = Queue::default();
        let vip = self.vip.into_iter().map(|stored| (Priority::Vip, stored));
        let normal = self.normal.into_iter().map(|stored| (Priority::Normal, stored));
        for (priority, stored) in vip.chain(normal) {
            let order = OrderId(stored.order);
            if queue.get(&order).is_some() {
                return Err(DecodeError::Value("an order that waits twice"));
            }
            queue.push(Queued {
                order,
                customer: CustomerId::from_journal(stored.customer),
                quantity: Quantity::from_journal(stored.quantity),
                priority,
                sale: sales.get(&stored.order).copied().map(sale_of).transpose()?,
                queued_at: Timestamp::from_millis(stored.queued_at),
            });
        }
        queue.restore(self.drain_per_second, (self.confirmed, self.refused));
        Ok(queue)
    }
}
