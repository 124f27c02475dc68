//! Snapshots: a product's whole state as bytes, so that recovery need not begin at the first fact.
//!
//! ```text
//!   version (1 byte = 4 or 5) | BLAKE3 of the rest (32 bytes)
//!   | StoredProduct | StoredOrders | StoredQueue | StoredSales | of version 5: StoredLineSales   (postcard)
//! ```
//!
//! Version 5 is written only where an answer that is remembered, or a line of a placed order, names a sale.
//!
//! Written by the product's actor through the journal writer, behind the facts it is made of; so a
//! snapshot never knows more than the journal. Read back by [`super::recovery`]. The rules of
//! [`super::stored`] about versions hold here too.

use super::stored::{self, DecodeError, StoredEnd, StoredLine, StoredOffer};
use super::stored_queue::{QueueToStore, StoredQueue};
use super::stored_sales::{LineSales, StoredSales, have_sales, sale_of};
use crate::domain::{
    Answer, Confirmed, CustomerId, Customers, Fingerprint, Hold, Holds, Line, Memory, OrderId,
    Owned, Part, Payment, Placed, Product, RequestKey, Returns, SaleId, Stock, Timestamp, promises,
};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

const SNAPSHOT_VERSION: u8 = 5;

/// Had no sales of lines, and none in answers.
const VERSION_4: u8 = 4;

/// Had no sales.
const VERSION_3: u8 = 3;

/// Had no queue.
const VERSION_2: u8 = 2;

/// Bytes before the state: the version and the digest.
const HEAD: usize = 1 + blake3::OUT_LEN;

#[derive(Serialize, Deserialize, Clone, Copy)]
struct StoredStock {
    available: u64,
    held: u64,
    sold: u64,
    stocked: u64,
}

#[derive(Serialize, Deserialize)]
struct StoredHold<'a> {
    order: [u8; 16],
    #[serde(borrow)]
    customer: &'a str,
    unit_price: u64,
    created_at: u64,
    expires_at: u64,
    quantity: u32,
    extensions: u8,
}

#[derive(Serialize, Deserialize)]
enum StoredAnswer<'a> {
    Purchased {
        order: [u8; 16],
        quantity: u32,
        unit_price: u64,
    },
    Held {
        order: [u8; 16],
        quantity: u32,
        unit_price: u64,
        expires_at: u64,
    },
    Confirmed {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        unit_price: u64,
    },
    Released {
        order: [u8; 16],
    },
    Extended {
        order: [u8; 16],
        expires_at: u64,
    },
    Adjusted(StoredStock),
    Placed {
        order: [u8; 16],
        lines: Vec<StoredLine>,
        expires_at: u64,
    },
    Returned {
        order: [u8; 16],
        quantity: u32,
    },
    Changed {
        edition: u64,
    },
    Queued {
        order: [u8; 16],
        position: u64,
    },
    SaleSet {
        sale: u64,
        edition: u64,
    },
    /// `Purchased`, `Held`, `Confirmed` and `Placed` under sales.
    PurchasedIn {
        order: [u8; 16],
        quantity: u32,
        unit_price: u64,
        sale: u64,
    },
    HeldIn {
        order: [u8; 16],
        quantity: u32,
        unit_price: u64,
        expires_at: u64,
        sale: u64,
    },
    ConfirmedIn {
        order: [u8; 16],
        customer: &'a str,
        quantity: u32,
        unit_price: u64,
        sale: u64,
    },
    PlacedIn {
        order: [u8; 16],
        lines: Vec<StoredLine>,
        sales: LineSales,
        expires_at: u64,
    },
}

impl StoredAnswer<'_> {
    /// Version 4 did not know it.
    const fn names_sale(&self) -> bool {
        matches!(
            self,
            Self::PurchasedIn { .. }
                | Self::HeldIn { .. }
                | Self::ConfirmedIn { .. }
                | Self::PlacedIn { .. }
        )
    }
}

/// The sales of placed orders' lines, by order.
type StoredLineSales = Vec<([u8; 16], LineSales)>;

#[derive(Serialize, Deserialize)]
struct StoredKey<'a> {
    key: [u8; 16],
    fingerprint: u64,
    at: u64,
    #[serde(borrow)]
    answer: StoredAnswer<'a>,
}

#[derive(Serialize, Deserialize)]
struct StoredPart {
    order: [u8; 16],
    /// As [`stored::lead_of`] has it.
    lead: u64,
    /// Of a placed order.
    lines: Vec<StoredLine>,
    /// Its method and token.
    payment: Option<(String, String)>,
}

/// What version 1 did not know: lines of orders, lines that came back, and changes of the product.
#[derive(Serialize, Deserialize)]
struct StoredOrders {
    parts: Vec<StoredPart>,
    returns: Vec<[u8; 16]>,
    inactive: bool,
    edition: u64,
}

impl StoredOrders {
    /// Of a state of version 1, in whose days the first fact was the only one about the product.
    fn of_version_1(stored: &StoredProduct<'_>) -> Self {
        let (parts, returns) = (Vec::new(), Vec::new());
        Self { parts, returns, inactive: false, edition: stored.offer.is_some().into() }
    }
}

#[derive(Serialize, Deserialize)]
struct StoredProduct<'a> {
    offer: Option<StoredOffer>,
    stock: StoredStock,
    revision: u64,
    changed_at: u64,
    #[serde(borrow)]
    customers: Vec<(&'a str, u32, u32)>,
    #[serde(borrow)]
    holds: Vec<StoredHold<'a>>,
    ended: Vec<(u64, [u8; 16], StoredEnd)>,
    #[serde(borrow)]
    keys: Vec<StoredKey<'a>>,
}

/// The bytes of a state.
#[must_use]
pub fn encode(product: &Product) -> Vec<u8> {
    let stored = StoredProduct {
        offer: product.offer().map(Into::into),
        stock: product.stock().into(),
        revision: product.revision(),
        changed_at: product.changed_at().as_millis(),
        customers: product
            .customers()
            .iter()
            .map(|(customer, owned)| (customer.as_str(), owned.sold, owned.held))
            .collect(),
        holds: product.holds().iter().map(stored_hold).collect(),
        ended: product
            .holds()
            .iter_ended()
            .map(|(at, order, end)| (at.as_millis(), order.0, end.into()))
            .collect(),
        keys: product.memory().iter().filter_map(stored_key).collect(),
    };
    let orders = StoredOrders {
        parts: product.holds().iter().filter_map(stored_part).collect(),
        returns: product.returns().iter().map(|order| order.0).collect(),
        inactive: !product.is_active(),
        edition: product.edition(),
    };
    let line_sales: StoredLineSales =
        product.holds().iter().filter_map(stored_line_sales).collect();
    let names_sales = stored.keys.iter().any(|key| key.answer.names_sale());
    let newest = names_sales || !line_sales.is_empty();
    let version = if newest { SNAPSHOT_VERSION } else { VERSION_4 };
    let mut bytes = Vec::with_capacity(64 + product.entries() * 40);
    bytes.resize(HEAD, version);
    let written = postcard::to_extend(&stored, bytes);
    let queue = QueueToStore::of(product);
    let written = written.and_then(|bytes| postcard::to_extend(&orders, bytes));
    let written = written.and_then(|bytes| postcard::to_extend(&queue, bytes));
    let written = written.and_then(|bytes| postcard::to_extend(&StoredSales::of(product), bytes));
    let written = match version {
        SNAPSHOT_VERSION => written.and_then(|bytes| postcard::to_extend(&line_sales, bytes)),
        _ => written,
    };
    match written {
        Ok(mut bytes) => {
            let digest = blake3::hash(&bytes[HEAD..]);
            bytes[1..HEAD].copy_from_slice(digest.as_bytes());
            bytes
        }
        // Writing to memory cannot fail: there is no value here that postcard cannot write.
        Err(error) => unreachable!("a state that cannot be encoded: {error}"),
    }
}

/// The state behind the bytes.
///
/// # Errors
/// [`DecodeError`] for anything that [`encode`] did not write.
pub fn decode(bytes: &[u8]) -> Result<Product, DecodeError> {
    let (stored, orders, queue, (mut sales, line_sales)) = parts(bytes)?;
    let names = sales.take_names();
    let mut line_sales: HashMap<_, _> = line_sales.into_iter().collect();
    let mut customers = Customers::default();
    customers.reserve(stored.customers.len());
    for (customer, sold, held) in stored.customers {
        customers.restore(CustomerId::from_journal(customer), Owned { sold, held });
    }
    let mut parts = HashMap::with_capacity(orders.parts.len());
    for StoredPart { order, lead, lines, payment } in orders.parts {
        let mut part = stored::part_of(lead)?;
        if let Part::Lead { lines: placed, payment: agreed } = &mut part {
            *placed = lines.into_iter().map(Line::try_from).collect::<Result<_, _>>()?;
            if let Some(sales) = line_sales.remove(&order) {
                sales.put_on(placed)?;
            }
            *agreed = payment.map(|(method, token)| {
                Box::new(Payment { method: method.into(), token: token.into() })
            });
        }
        parts.insert(order, Box::new(part));
    }
    let mut holds = Holds::default();
    for hold in stored.holds {
        let part = parts.remove(&hold.order);
        let sale = names.holds.get(&hold.order).copied();
        holds.restore(OrderId(hold.order), Hold { sale, part, ..hold_of(&hold) });
    }
    for (at, order, end) in stored.ended {
        holds.restore_end(OrderId(order), end.into(), Timestamp::from_millis(at));
    }
    let mut memory = Memory::default();
    for key in stored.keys {
        memory.insert(
            RequestKey(key.key),
            Fingerprint(key.fingerprint),
            Timestamp::from_millis(key.at),
            answer_of(key.answer)?,
        );
    }
    let mut returns = Returns::default();
    for order in orders.returns {
        returns.insert(OrderId(order));
    }
    let product = Product::restored(
        stored.offer.map(Into::into),
        (orders.inactive, orders.edition),
        stored.stock.into(),
        stored.revision,
        Timestamp::from_millis(stored.changed_at),
        (customers, holds, memory, returns),
        (queue.queue(&names.queued)?, sales.sales()?),
    );
    promises::exact_sale_in_full(&product).map_err(|broken| DecodeError::Value(broken.promise))?;
    Ok(product)
}

type Parts<'a> =
    (StoredProduct<'a>, StoredOrders, StoredQueue<'a>, (StoredSales<'a>, StoredLineSales));

/// All parts, of whatever version.
fn parts(bytes: &[u8]) -> Result<Parts<'_>, DecodeError> {
    match bytes.split_first() {
        None => Err(DecodeError::Empty),
        // Written before there was a digest.
        Some((1, rest)) => {
            let stored: StoredProduct<'_> = whole(rest)?;
            let orders = StoredOrders::of_version_1(&stored);
            Ok((stored, orders, StoredQueue::default(), Default::default()))
        }
        Some((&version @ (VERSION_2 | VERSION_3 | VERSION_4 | SNAPSHOT_VERSION), rest)) => {
            let (digest, rest) = rest
                .split_first_chunk::<{ blake3::OUT_LEN }>()
                .ok_or(DecodeError::Value("a snapshot without digest"))?;
            if blake3::hash(rest) != *digest {
                return Err(DecodeError::Value("a snapshot that is not the one written"));
            }
            let (stored, rest) = postcard::take_from_bytes(rest).map_err(DecodeError::Section)?;
            if version == VERSION_2 {
                return Ok((stored, whole(rest)?, StoredQueue::default(), Default::default()));
            }
            let (orders, rest) = postcard::take_from_bytes(rest).map_err(DecodeError::Section)?;
            if version == VERSION_3 {
                return Ok((stored, orders, whole(rest)?, Default::default()));
            }
            let (queue, rest) = postcard::take_from_bytes(rest).map_err(DecodeError::Section)?;
            if version == VERSION_4 {
                return Ok((stored, orders, queue, (whole(rest)?, StoredLineSales::new())));
            }
            let (sales, rest) = postcard::take_from_bytes(rest).map_err(DecodeError::Section)?;
            Ok((stored, orders, queue, (sales, whole(rest)?)))
        }
        Some((&version, _)) => Err(DecodeError::Version(version)),
    }
}

fn whole<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let (stored, behind) = postcard::take_from_bytes(bytes).map_err(DecodeError::Section)?;
    if behind.is_empty() { Ok(stored) } else { Err(DecodeError::Value("bytes behind the state")) }
}

impl From<Stock> for StoredStock {
    fn from(stock: Stock) -> Self {
        let Stock { available, held, sold, stocked } = stock;
        Self { available, held, sold, stocked }
    }
}

impl From<StoredStock> for Stock {
    fn from(stored: StoredStock) -> Self {
        let StoredStock { available, held, sold, stocked } = stored;
        Self { available, held, sold, stocked }
    }
}

fn stored_hold<'a>((order, hold): (&OrderId, &'a Hold)) -> StoredHold<'a> {
    StoredHold {
        order: order.0,
        customer: hold.customer.as_str(),
        unit_price: hold.unit_price,
        created_at: hold.created_at.as_millis(),
        expires_at: hold.expires_at.as_millis(),
        quantity: hold.quantity,
        extensions: hold.extensions,
    }
}

fn hold_of(stored: &StoredHold<'_>) -> Hold {
    Hold {
        customer: CustomerId::from_journal(stored.customer),
        unit_price: stored.unit_price,
        created_at: Timestamp::from_millis(stored.created_at),
        expires_at: Timestamp::from_millis(stored.expires_at),
        quantity: stored.quantity,
        extensions: stored.extensions,
        sale: None,
        part: None,
    }
}

fn stored_part((order, hold): (&OrderId, &Hold)) -> Option<StoredPart> {
    let part = hold.part.as_deref()?;
    let (lines, payment) = match part {
        Part::Lead { lines, payment } => (lines.as_ref(), payment.as_ref()),
        Part::Follower { .. } => ([].as_slice(), None),
    };
    Some(StoredPart {
        order: order.0,
        lead: stored::lead_of(part),
        lines: lines.iter().map(StoredLine::from).collect(),
        payment: payment.map(|payment| (payment.method.to_string(), payment.token.to_string())),
    })
}

fn stored_line_sales((order, hold): (&OrderId, &Hold)) -> Option<([u8; 16], LineSales)> {
    match hold.part.as_deref()? {
        Part::Lead { lines, .. } if have_sales(lines) => Some((order.0, LineSales::of(lines))),
        _ => None,
    }
}

/// Answers that are never remembered under a key have no stored form.
fn stored_key(
    (key, fingerprint, at, answer): (RequestKey, Fingerprint, Timestamp, &Answer),
) -> Option<StoredKey<'_>> {
    let answer = match answer {
        Answer::Purchased { order: OrderId(order), quantity, unit_price, sale } => {
            let (order, quantity, unit_price) = (*order, *quantity, *unit_price);
            match sale.map(SaleId::get) {
                None => StoredAnswer::Purchased { order, quantity, unit_price },
                Some(sale) => StoredAnswer::PurchasedIn { order, quantity, unit_price, sale },
            }
        }
        Answer::Held { order: OrderId(order), quantity, unit_price, expires_at, sale } => {
            let (order, quantity, unit_price) = (*order, *quantity, *unit_price);
            let expires_at = expires_at.as_millis();
            match sale.map(SaleId::get) {
                None => StoredAnswer::Held { order, quantity, unit_price, expires_at },
                Some(sale) => {
                    StoredAnswer::HeldIn { order, quantity, unit_price, expires_at, sale }
                }
            }
        }
        Answer::Confirmed(confirmed) => {
            let Confirmed { order: OrderId(order), quantity, unit_price, .. } = **confirmed;
            let customer = confirmed.customer.as_str();
            match confirmed.sale.map(SaleId::get) {
                None => StoredAnswer::Confirmed { order, customer, quantity, unit_price },
                Some(sale) => {
                    StoredAnswer::ConfirmedIn { order, customer, quantity, unit_price, sale }
                }
            }
        }
        Answer::Released { order } => StoredAnswer::Released { order: order.0 },
        Answer::Extended { order, expires_at } => {
            StoredAnswer::Extended { order: order.0, expires_at: expires_at.as_millis() }
        }
        Answer::Adjusted(stock) => StoredAnswer::Adjusted((**stock).into()),
        Answer::Placed(placed) if have_sales(&placed.lines) => StoredAnswer::PlacedIn {
            order: placed.order.0,
            lines: placed.lines.iter().map(StoredLine::from).collect(),
            sales: LineSales::of(&placed.lines),
            expires_at: placed.expires_at.as_millis(),
        },
        Answer::Placed(placed) => StoredAnswer::Placed {
            order: placed.order.0,
            lines: placed.lines.iter().map(StoredLine::from).collect(),
            expires_at: placed.expires_at.as_millis(),
        },
        Answer::Returned { order, quantity } => {
            StoredAnswer::Returned { order: order.0, quantity: *quantity }
        }
        Answer::Changed { edition } => StoredAnswer::Changed { edition: *edition },
        Answer::Queued { order, position } => {
            StoredAnswer::Queued { order: order.0, position: *position }
        }
        Answer::SaleSet { sale, edition } => {
            StoredAnswer::SaleSet { sale: sale.get(), edition: *edition }
        }
        Answer::Created
        | Answer::Expired { .. }
        | Answer::Settled { .. }
        | Answer::Noted { .. }
        | Answer::Shown(..)
        | Answer::SaleShown(_)
        | Answer::SaleDropped { .. }
        | Answer::Refused { .. }
        | Answer::Paced { .. }
        | Answer::InQueue(_) => return None,
    };
    Some(StoredKey { key: key.0, fingerprint: fingerprint.0, at: at.as_millis(), answer })
}

type OrderIn = ([u8; 16], Option<SaleId>);

fn purchased((order, sale): OrderIn, quantity: u32, unit_price: u64) -> Answer {
    Answer::Purchased { order: OrderId(order), quantity, unit_price, sale }
}

fn held((order, sale): OrderIn, quantity: u32, unit_price: u64, expires_at: u64) -> Answer {
    let expires_at = Timestamp::from_millis(expires_at);
    Answer::Held { order: OrderId(order), quantity, unit_price, expires_at, sale }
}

fn confirmed((order, sale): OrderIn, customer: &str, quantity: u32, unit_price: u64) -> Answer {
    let (order, customer) = (OrderId(order), CustomerId::from_journal(customer));
    Answer::Confirmed(Box::new(Confirmed { order, customer, quantity, unit_price, sale }))
}

fn placed(
    order: [u8; 16],
    lines: Vec<StoredLine>,
    sales: Option<LineSales>,
    expires_at: u64,
) -> Result<Answer, DecodeError> {
    let mut lines = lines.into_iter().map(Line::try_from).collect::<Result<Box<[_]>, _>>()?;
    if let Some(sales) = sales {
        sales.put_on(&mut lines)?;
    }
    let (order, expires_at) = (OrderId(order), Timestamp::from_millis(expires_at));
    Ok(Answer::Placed(Box::new(Placed { order, lines, expires_at })))
}

fn answer_of(stored: StoredAnswer<'_>) -> Result<Answer, DecodeError> {
    Ok(match stored {
        StoredAnswer::Purchased { order, quantity, unit_price } => {
            purchased((order, None), quantity, unit_price)
        }
        StoredAnswer::PurchasedIn { order, quantity, unit_price, sale } => {
            purchased((order, Some(sale_of(sale)?)), quantity, unit_price)
        }
        StoredAnswer::Held { order, quantity, unit_price, expires_at } => {
            held((order, None), quantity, unit_price, expires_at)
        }
        StoredAnswer::HeldIn { order, quantity, unit_price, expires_at, sale } => {
            held((order, Some(sale_of(sale)?)), quantity, unit_price, expires_at)
        }
        StoredAnswer::Confirmed { order, customer, quantity, unit_price } => {
            confirmed((order, None), customer, quantity, unit_price)
        }
        StoredAnswer::ConfirmedIn { order, customer, quantity, unit_price, sale } => {
            confirmed((order, Some(sale_of(sale)?)), customer, quantity, unit_price)
        }
        StoredAnswer::Released { order } => Answer::Released { order: OrderId(order) },
        StoredAnswer::Extended { order, expires_at } => Answer::Extended {
            order: OrderId(order),
            expires_at: Timestamp::from_millis(expires_at),
        },
        StoredAnswer::Adjusted(stock) => Answer::Adjusted(Box::new(stock.into())),
        StoredAnswer::Placed { order, lines, expires_at } => {
            placed(order, lines, None, expires_at)?
        }
        StoredAnswer::PlacedIn { order, lines, sales, expires_at } => {
            placed(order, lines, Some(sales), expires_at)?
        }
        StoredAnswer::Changed { edition } => Answer::Changed { edition },
        StoredAnswer::Queued { order, position } => {
            Answer::Queued { order: OrderId(order), position }
        }
        StoredAnswer::SaleSet { sale, edition } => {
            Answer::SaleSet { sale: sale_of(sale)?, edition }
        }
        StoredAnswer::Returned { order, quantity } => {
            Answer::Returned { order: OrderId(order), quantity }
        }
    })
}
