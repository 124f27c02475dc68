//! Stored types: how facts look in a journal row.
//!
//! Separate from the domain types, so that no refactor of the rules can change a stored byte. One
//! row is
//!
//! ```text
//!   version (1 byte = 1) | section | section | …
//!   section = StoredSection { product, first_revision, at, events: [StoredEvent] }   (postcard)
//! ```
//!
//! A section is written by the product's actor, the row is their concatenation. postcard's wire
//! format is stable and documented: integers are LEB128 varints, an enum is its variant number.
//! Rules: variants and fields are only ever appended behind a new variant number, never reordered;
//! a new row version is added beside the old one, and old versions decode for ever.

use super::batch::Section;
use super::stored_catalogue::{StoredChange, StoredCreation};
use super::stored_queue::{StoredQueued, StoredRefused};
use super::stored_sales::{
    StoredHeld, StoredPlaced, StoredPurchase, StoredQueuedSale, StoredReturn, StoredSaleSet,
    have_sales, sale_of,
};
use crate::domain::{
    CatalogEntry, Currency, CustomerId, Event, Fingerprint, HoldEnd, Line, Money, Offer, OrderId,
    Part, Payment, Priority, ProductId, Quantity, RequestKey, Retry, ReturnReason, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// First byte of every row of this version.
pub const ROW_VERSION: u8 = 1;

/// A row that is not what this program writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("unknown row version {0}: written by a newer lastunit, or damaged")]
    Version(u8),
    #[error("a section of the row cannot be read: {0}")]
    Section(postcard::Error),
    #[error("the row is empty")]
    Empty,
    #[error("the row holds an impossible value: {0}")]
    Value(&'static str),
}

#[derive(Serialize, Deserialize)]
struct StoredHeader {
    product: u64,
    first_revision: u64,
    at: u64,
    count: u32,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredRetry {
    key: [u8; 16],
    fingerprint: u64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredOffer {
    amount: u64,
    currency: [u8; 3],
    limit_per_customer: Option<u32>,
    opens_at: Option<u64>,
    closes_at: Option<u64>,
}

#[derive(Serialize, Deserialize)]
pub(super) enum StoredEnd {
    Confirmed,
    Released,
    Expired,
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredLine {
    product: u64,
    quantity: u32,
    unit_price: u64,
}

#[derive(Serialize, Deserialize)]
enum StoredEvent<'a> {
    Created {
        offer: StoredOffer,
        units: u64,
        name: &'a str,
        sku: Option<&'a str>,
        description: Option<&'a str>,
        category: Option<&'a str>,
    },
    Purchased {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        unit_price: u64,
        retry: Option<StoredRetry>,
    },
    Held {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        unit_price: u64,
        expires_at: u64,
        retry: Option<StoredRetry>,
    },
    Extended {
        order: [u8; 16],
        expires_at: u64,
        retry: Option<StoredRetry>,
    },
    Ended {
        order: [u8; 16],
        end: StoredEnd,
        retry: Option<StoredRetry>,
    },
    Adjusted {
        delta: i64,
        reason: &'a str,
        retry: Option<StoredRetry>,
    },
    /// `Held` for a line of an order.
    HeldLine {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        unit_price: u64,
        expires_at: u64,
        /// The lead's product; 0 for the lead itself.
        lead: u64,
        retry: Option<StoredRetry>,
    },
    Placed {
        order: [u8; 16],
        lines: Vec<StoredLine>,
        expires_at: u64,
        method: &'a str,
        token: &'a str,
        retry: Option<StoredRetry>,
    },
    Returned {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        refunded: bool,
        retry: Option<StoredRetry>,
    },
    /// `Created` with what it did not know.
    CreatedWith(#[serde(borrow)] StoredCreation<'a>),
    Changed(#[serde(borrow)] StoredChange<'a>),
    Queued(#[serde(borrow)] StoredQueued<'a>),
    Refused(#[serde(borrow)] StoredRefused<'a>),
    /// The queue's own drain rate.
    Paced(Option<u32>),
    PaidLate {
        order: [u8; 16],
        amount: u64,
    },
    RefundOwed {
        order: [u8; 16],
        amount: u64,
    },
    SaleSet(#[serde(borrow)] StoredSaleSet<'a>),
    SaleDropped {
        sale: u64,
    },
    /// `Purchased`, `Held` (also of a line), `Returned` and `Queued` under a sale.
    PurchasedIn(#[serde(borrow)] StoredPurchase<'a>),
    HeldIn(#[serde(borrow)] StoredHeld<'a>),
    ReturnedIn(#[serde(borrow)] StoredReturn<'a>),
    QueuedIn(#[serde(borrow)] StoredQueuedSale<'a>),
    /// `Placed` with a line under a sale.
    PlacedIn(#[serde(borrow)] StoredPlaced<'a>),
}

/// Appends one section to a buffer.
pub fn encode_section(
    buffer: &mut Vec<u8>,
    product: ProductId,
    first_revision: u64,
    at: Timestamp,
    events: &[Event],
) {
    let header = StoredHeader {
        product: product.get(),
        first_revision,
        at: at.as_millis(),
        count: u32::try_from(events.len()).unwrap_or(u32::MAX),
    };
    write(buffer, &header);
    for event in events {
        write(buffer, &StoredEvent::from(event));
    }
}

/// Writing to memory cannot fail: there is no value here that postcard cannot write.
fn write(buffer: &mut Vec<u8>, value: &impl Serialize) {
    let taken = std::mem::take(buffer);
    match postcard::to_extend(value, taken) {
        Ok(written) => *buffer = written,
        Err(error) => unreachable!("a fact that cannot be encoded: {error}"),
    }
}

/// Reads a whole row.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_section`] did not write.
pub fn decode_row(row: &[u8]) -> Result<Vec<Section>, DecodeError> {
    Ok(decode_ranges(row)?.into_iter().map(|(section, _)| section).collect())
}

/// Reads a whole row and says where in it each section is.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_section`] did not write.
pub fn decode_ranges(row: &[u8]) -> Result<Vec<(Section, Range<usize>)>, DecodeError> {
    let mut rest = match row.split_first() {
        None => return Err(DecodeError::Empty),
        Some((&ROW_VERSION, rest)) => rest,
        Some((&version, _)) => return Err(DecodeError::Version(version)),
    };
    let mut sections = Vec::new();
    while !rest.is_empty() {
        let start = row.len() - rest.len();
        let section;
        (section, rest) = decode_section(rest)?;
        sections.push((section, start..row.len() - rest.len()));
    }
    Ok(sections)
}

/// Reads one section of a row, as [`decode_ranges`] found it.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode_section`] did not write.
pub fn decode_piece(bytes: &[u8]) -> Result<Section, DecodeError> {
    decode_section(bytes).map(|(section, _)| section)
}

fn decode_section(bytes: &[u8]) -> Result<(Section, &[u8]), DecodeError> {
    let (header, mut rest) =
        postcard::take_from_bytes::<StoredHeader>(bytes).map_err(DecodeError::Section)?;
    let last = header.first_revision.checked_add(u64::from(header.count));
    if header.first_revision == 0 || last.is_none() {
        return Err(DecodeError::Value("revision"));
    }
    // A count can be damaged; room is made as facts are really read.
    let mut events = Vec::with_capacity(header.count.min(4096) as usize);
    for _ in 0..header.count {
        let stored;
        (stored, rest) =
            postcard::take_from_bytes::<StoredEvent<'_>>(rest).map_err(DecodeError::Section)?;
        events.push(Event::try_from(stored)?);
    }
    let section = Section {
        product: ProductId::new(header.product).map_err(|_| DecodeError::Value("product id"))?,
        first_revision: header.first_revision,
        at: Timestamp::from_millis(header.at),
        events,
    };
    Ok((section, rest))
}

impl From<&Retry> for StoredRetry {
    fn from(retry: &Retry) -> Self {
        Self { key: retry.key.0, fingerprint: retry.fingerprint.0 }
    }
}

impl From<StoredRetry> for Retry {
    fn from(stored: StoredRetry) -> Self {
        Self { key: RequestKey(stored.key), fingerprint: Fingerprint(stored.fingerprint) }
    }
}

impl From<&Offer> for StoredOffer {
    fn from(offer: &Offer) -> Self {
        Self {
            amount: offer.price.amount,
            currency: offer.price.currency.letters(),
            limit_per_customer: offer.limit_per_customer,
            opens_at: offer.opens_at.map(Timestamp::as_millis),
            closes_at: offer.closes_at.map(Timestamp::as_millis),
        }
    }
}

impl From<StoredOffer> for Offer {
    fn from(stored: StoredOffer) -> Self {
        Self {
            price: Money {
                amount: stored.amount,
                currency: Currency::from_journal(stored.currency),
            },
            limit_per_customer: stored.limit_per_customer,
            opens_at: stored.opens_at.map(Timestamp::from_millis),
            closes_at: stored.closes_at.map(Timestamp::from_millis),
        }
    }
}

impl From<HoldEnd> for StoredEnd {
    fn from(end: HoldEnd) -> Self {
        match end {
            HoldEnd::Confirmed => Self::Confirmed,
            HoldEnd::Released => Self::Released,
            HoldEnd::Expired => Self::Expired,
        }
    }
}

impl From<StoredEnd> for HoldEnd {
    fn from(stored: StoredEnd) -> Self {
        match stored {
            StoredEnd::Confirmed => Self::Confirmed,
            StoredEnd::Released => Self::Released,
            StoredEnd::Expired => Self::Expired,
        }
    }
}

/// How a line's place in its order is stored.
pub(super) fn lead_of(part: &Part) -> u64 {
    match part {
        Part::Lead { .. } => 0,
        Part::Follower { lead } => lead.get(),
    }
}

pub(super) fn part_of(lead: u64) -> Result<Part, DecodeError> {
    if lead == 0 {
        return Ok(Part::new_lead());
    }
    let lead = ProductId::new(lead).map_err(|_| DecodeError::Value("product id of a lead"))?;
    Ok(Part::Follower { lead })
}

impl From<&Line> for StoredLine {
    fn from(line: &Line) -> Self {
        let Line { product, quantity, unit_price, sale: _ } = *line;
        Self { product: product.get(), quantity: quantity.get(), unit_price }
    }
}

impl TryFrom<StoredLine> for Line {
    type Error = DecodeError;

    fn try_from(stored: StoredLine) -> Result<Self, DecodeError> {
        Ok(Self {
            product: ProductId::new(stored.product)
                .map_err(|_| DecodeError::Value("product id of a line"))?,
            quantity: Quantity::from_journal(stored.quantity),
            unit_price: stored.unit_price,
            sale: None,
        })
    }
}

impl<'a> From<&'a Event> for StoredEvent<'a> {
    #[allow(clippy::too_many_lines)] // one arm for each fact
    fn from(event: &'a Event) -> Self {
        let retry = event.retry().map(StoredRetry::from);
        match event {
            Event::Created { offer, units, entry } if StoredCreation::is_needed(entry) => {
                Self::CreatedWith(StoredCreation::new(offer, *units, entry))
            }
            Event::Created { offer, units, entry } => Self::Created {
                offer: offer.into(),
                units: *units,
                name: &entry.name,
                sku: entry.sku.as_deref(),
                description: entry.description.as_deref(),
                category: entry.category.as_deref(),
            },
            Event::Changed { change, .. } => Self::Changed(StoredChange::new(change, retry)),
            Event::SaleSet { terms, .. } => Self::SaleSet(StoredSaleSet::new(terms, retry)),
            Event::SaleDropped { sale } => Self::SaleDropped { sale: sale.get() },
            Event::Purchased {
                order, customer, quantity, unit_price, sale: Some(sale), ..
            } => {
                let who = (*order, customer);
                Self::PurchasedIn(StoredPurchase::new(who, *quantity, *unit_price, *sale, retry))
            }
            Event::Held {
                order,
                customer,
                quantity,
                unit_price,
                expires_at,
                sale: Some(sale),
                part,
                ..
            } => Self::HeldIn(StoredHeld::new(
                (*order, customer),
                (*quantity, *unit_price),
                *expires_at,
                *sale,
                part.as_deref(),
                retry,
            )),
            Event::Returned { order, customer, quantity, reason, sale: Some(sale), .. } => {
                let who = (*order, customer);
                Self::ReturnedIn(StoredReturn::new(who, *quantity, *reason, *sale, retry))
            }
            Event::Queued { order, customer, quantity, priority, sale: Some(sale), retry } => {
                let (who, vip) = ((*order, customer), *priority == Priority::Vip);
                Self::QueuedIn(StoredQueuedSale::new(who, *quantity, vip, *sale, retry.as_ref()))
            }
            Event::Queued { order, customer, quantity, priority, retry, sale: None } => {
                Self::Queued(StoredQueued::new(
                    (*order, customer),
                    *quantity,
                    *priority,
                    retry.as_ref(),
                ))
            }
            Event::Refused { order, customer, quantity, queued_at, why } => {
                Self::Refused(StoredRefused::new((*order, customer), *quantity, *queued_at, *why))
            }
            Event::Paced { per_second } => Self::Paced(*per_second),
            Event::PaidLate { order, amount } => Self::PaidLate { order: order.0, amount: *amount },
            Event::RefundOwed { order, amount } => {
                Self::RefundOwed { order: order.0, amount: *amount }
            }
            Event::Purchased { order, customer, quantity, unit_price, .. } => Self::Purchased {
                order: order.0,
                customer: customer.as_str(),
                quantity: quantity.get(),
                unit_price: *unit_price,
                retry,
            },
            Event::Held {
                order,
                customer,
                quantity,
                unit_price,
                expires_at,
                part: Some(part),
                ..
            } => Self::HeldLine {
                order: order.0,
                customer: customer.as_str(),
                quantity: quantity.get(),
                unit_price: *unit_price,
                expires_at: expires_at.as_millis(),
                lead: lead_of(part),
                retry,
            },
            Event::Placed { order, lines, expires_at, payment, .. } if have_sales(lines) => {
                Self::PlacedIn(StoredPlaced::new(*order, lines, *expires_at, payment, retry))
            }
            Event::Placed { order, lines, expires_at, payment, .. } => Self::Placed {
                order: order.0,
                lines: lines.iter().map(StoredLine::from).collect(),
                expires_at: expires_at.as_millis(),
                method: &payment.method,
                token: &payment.token,
                retry,
            },
            Event::Returned { order, customer, quantity, reason, .. } => Self::Returned {
                order: order.0,
                customer: customer.as_str(),
                quantity: quantity.get(),
                refunded: *reason == ReturnReason::Refunded,
                retry,
            },
            Event::Held { order, customer, quantity, unit_price, expires_at, .. } => Self::Held {
                order: order.0,
                customer: customer.as_str(),
                quantity: quantity.get(),
                unit_price: *unit_price,
                expires_at: expires_at.as_millis(),
                retry,
            },
            Event::Extended { order, expires_at, .. } => {
                Self::Extended { order: order.0, expires_at: expires_at.as_millis(), retry }
            }
            Event::Ended { order, end, .. } => {
                Self::Ended { order: order.0, end: (*end).into(), retry }
            }
            Event::Adjusted { delta, reason, .. } => {
                Self::Adjusted { delta: *delta, reason, retry }
            }
        }
    }
}

impl TryFrom<StoredEvent<'_>> for Event {
    type Error = DecodeError;

    #[allow(clippy::too_many_lines)] // one arm for each fact
    fn try_from(stored: StoredEvent<'_>) -> Result<Self, DecodeError> {
        Ok(match stored {
            StoredEvent::Created { offer, units, name, sku, description, category } => {
                let entry = CatalogEntry {
                    name: name.into(),
                    sku: sku.map(Into::into),
                    description: description.map(Into::into),
                    category: category.map(Into::into),
                    ..CatalogEntry::default()
                };
                Self::Created { offer: offer.into(), units, entry: Box::new(entry) }
            }
            StoredEvent::CreatedWith(creation) => creation.event(),
            StoredEvent::Changed(change) => change.event(),
            StoredEvent::SaleSet(set) => set.event()?,
            StoredEvent::SaleDropped { sale } => Self::SaleDropped { sale: sale_of(sale)? },
            StoredEvent::PurchasedIn(purchase) => purchase.event()?,
            StoredEvent::HeldIn(held) => held.event()?,
            StoredEvent::ReturnedIn(returned) => returned.event()?,
            StoredEvent::QueuedIn(queued) => queued.event()?,
            StoredEvent::PlacedIn(placed) => placed.event()?,
            StoredEvent::Queued(queued) => queued.event(),
            StoredEvent::Refused(refused) => refused.event(),
            StoredEvent::Paced(per_second) => Self::Paced { per_second },
            StoredEvent::PaidLate { order, amount } => {
                Self::PaidLate { order: OrderId(order), amount }
            }
            StoredEvent::RefundOwed { order, amount } => {
                Self::RefundOwed { order: OrderId(order), amount }
            }
            StoredEvent::Purchased { order, customer, quantity, unit_price, retry } => {
                Self::Purchased {
                    order: OrderId(order),
                    customer: CustomerId::from_journal(customer),
                    quantity: Quantity::from_journal(quantity),
                    unit_price,
                    sale: None,
                    retry: retry.map(Into::into),
                }
            }
            StoredEvent::Held { order, customer, quantity, unit_price, expires_at, retry } => {
                Self::Held {
                    order: OrderId(order),
                    customer: CustomerId::from_journal(customer),
                    quantity: Quantity::from_journal(quantity),
                    unit_price,
                    expires_at: Timestamp::from_millis(expires_at),
                    sale: None,
                    part: None,
                    retry: retry.map(Into::into),
                }
            }
            StoredEvent::HeldLine {
                order,
                customer,
                quantity,
                unit_price,
                expires_at,
                lead,
                retry,
            } => Self::Held {
                order: OrderId(order),
                customer: CustomerId::from_journal(customer),
                quantity: Quantity::from_journal(quantity),
                unit_price,
                expires_at: Timestamp::from_millis(expires_at),
                sale: None,
                part: Some(Box::new(part_of(lead)?)),
                retry: retry.map(Into::into),
            },
            StoredEvent::Placed { order, lines, expires_at, method, token, retry } => {
                Self::Placed {
                    order: OrderId(order),
                    lines: lines.into_iter().map(Line::try_from).collect::<Result<_, _>>()?,
                    expires_at: Timestamp::from_millis(expires_at),
                    payment: Box::new(Payment { method: method.into(), token: token.into() }),
                    retry: retry.map(Into::into),
                }
            }
            StoredEvent::Returned { order, customer, quantity, refunded, retry } => {
                let reason =
                    if refunded { ReturnReason::Refunded } else { ReturnReason::Cancelled };
                Self::Returned {
                    order: OrderId(order),
                    customer: CustomerId::from_journal(customer),
                    quantity: Quantity::from_journal(quantity),
                    reason,
                    sale: None,
                    retry: retry.map(Into::into),
                }
            }
            StoredEvent::Extended { order, expires_at, retry } => Self::Extended {
                order: OrderId(order),
                expires_at: Timestamp::from_millis(expires_at),
                retry: retry.map(Into::into),
            },
            StoredEvent::Ended { order, end, retry } => {
                Self::Ended { order: OrderId(order), end: end.into(), retry: retry.map(Into::into) }
            }
            StoredEvent::Adjusted { delta, reason, retry } => {
                Self::Adjusted { delta, reason: reason.into(), retry: retry.map(Into::into) }
            }
        })
    }
}
