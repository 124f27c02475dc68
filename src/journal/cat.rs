//! `lastunit journal cat`: the journal as JSON lines, for people and for other programs.
//!
//! One line a fact, in the order of the partitions and of their batches. Bytes are hex, times are
//! RFC 3339 in UTC.

use super::store::{JournalReader, StoreError};
use super::{Batch, Entry, PartitionId, Seq, stored};
use crate::domain::{
    Change, Event, Field, HoldEnd, OrderId, Part, Priority, ProductId, ReturnReason, SaleId,
    SaleTerms, Timestamp, TurnRefusal,
};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{self, Write};

/// Read in one go.
const READ_BYTES: usize = 4 << 20;

/// Why the journal could not be printed.
#[derive(Debug, thiserror::Error)]
pub enum CatError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("cannot write: {0}")]
    Output(#[from] io::Error),
}

/// Which facts are wanted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Only {
    pub partition: Option<PartitionId>,
    pub product: Option<ProductId>,
}

/// Prints all facts, or those of one partition or product.
///
/// # Errors
/// When the store cannot be read, a row cannot be decoded, or the output is closed.
pub async fn print(
    reader: &dyn JournalReader,
    only: Only,
    output: &mut (impl Write + Send),
) -> Result<(), CatError> {
    for head in reader.heads().await? {
        let elsewhere = |partition| partition != head.partition;
        let home = only.product.map(|product| reader.partitions().of(product));
        if only.partition.is_some_and(elsewhere) || home.is_some_and(elsewhere) {
            continue;
        }
        let mut after = Seq(0);
        while after < head.seq {
            let batches = reader.batches(head.partition, after, READ_BYTES).await?;
            let Some(last) = batches.last() else { break };
            after = last.seq;
            for batch in &batches {
                print_batch(batch, only.product, output)?;
            }
        }
    }
    output.flush()?;
    Ok(())
}

fn print_batch(
    batch: &Batch,
    only: Option<ProductId>,
    output: &mut impl Write,
) -> Result<(), CatError> {
    let sections = stored::decode_row(&batch.events).map_err(|error| {
        StoreError::Damaged(format!("partition {}, batch {}: {error}", batch.partition, batch.seq))
    })?;
    for entry in sections.iter().flat_map(super::Section::entries) {
        if only.is_none_or(|product| product == entry.product) {
            serde_json::to_writer(&mut *output, &line(batch, entry)).map_err(io::Error::from)?;
            output.write_all(b"\n")?;
        }
    }
    Ok(())
}

fn line(batch: &Batch, entry: Entry<'_>) -> Value {
    let mut line = json!({
        "partition": batch.partition.0,
        "seq": batch.seq.0,
        "epoch": batch.epoch.0,
        "productId": entry.product.get(),
        "revision": entry.revision,
        "at": time(entry.at),
    });
    let fact = fact(entry.event);
    if let (Value::Object(line), Value::Object(fact)) = (&mut line, fact) {
        line.extend(fact);
        if let Some(retry) = entry.event.retry() {
            line.insert("key".into(), hex(&retry.key.0).into());
            line.insert("fingerprint".into(), format!("{:016x}", retry.fingerprint.0).into());
        }
    }
    line
}

fn fact(event: &Event) -> Value {
    match event {
        Event::Created { offer, units, entry } => json!({
            "event": "created",
            "name": entry.name,
            "sku": entry.sku,
            "description": entry.description,
            "category": entry.category,
            "imageUrl": entry.image_url,
            "attributes": entry.attributes,
            "units": units,
            "price": { "amount": offer.price.amount, "currency": offer.price.currency.as_str() },
            "limitPerCustomer": offer.limit_per_customer,
            "opensAt": offer.opens_at.map(time),
            "closesAt": offer.closes_at.map(time),
        }),
        Event::Purchased { order, customer, quantity, unit_price, sale, .. } => json!({
            "event": "purchased",
            "orderId": uuid(*order),
            "customerId": customer.as_str(),
            "quantity": quantity.get(),
            "unitPrice": unit_price,
            "saleId": sale.map(SaleId::get),
        }),
        Event::Held { order, customer, quantity, unit_price, expires_at, sale, part, .. } => {
            json!({
                "event": "held",
                "orderId": uuid(*order),
                "customerId": customer.as_str(),
                "quantity": quantity.get(),
                "unitPrice": unit_price,
                "expiresAt": time(*expires_at),
                "saleId": sale.map(SaleId::get),
                "part": match part.as_deref() {
                    None => Value::Null,
                    Some(Part::Lead { .. }) => "lead".into(),
                    Some(Part::Follower { lead }) => json!({ "lead": lead.get() }),
                },
            })
        }
        Event::Placed { order, lines, expires_at, payment, .. } => json!({
            "event": "placed",
            "orderId": uuid(*order),
            "lines": lines.iter().map(|line| json!({
                "saleId": line.sale.map(SaleId::get),
                "productId": line.product.get(),
                "quantity": line.quantity.get(),
                "unitPrice": line.unit_price,
            })).collect::<Vec<_>>(),
            "expiresAt": time(*expires_at),
            "paymentMethod": payment.method,
        }),
        Event::Returned { order, customer, quantity, reason, sale, .. } => json!({
            "event": match reason {
                ReturnReason::Cancelled => "cancelled",
                ReturnReason::Refunded => "refunded",
            },
            "orderId": uuid(*order),
            "customerId": customer.as_str(),
            "quantity": quantity.get(),
            "saleId": sale.map(SaleId::get),
        }),
        Event::Extended { order, expires_at, .. } => json!({
            "event": "extended",
            "orderId": uuid(*order),
            "expiresAt": time(*expires_at),
        }),
        Event::Ended { order, end, .. } => json!({
            "event": match end {
                HoldEnd::Confirmed => "confirmed",
                HoldEnd::Released => "released",
                HoldEnd::Expired => "expired",
            },
            "orderId": uuid(*order),
        }),
        Event::Adjusted { delta, reason, .. } => json!({
            "event": "adjusted",
            "delta": delta,
            "reason": reason,
        }),
        Event::PaidLate { order, amount } => json!({
            "event": "paidLate",
            "orderId": uuid(*order),
            "amount": amount,
        }),
        Event::RefundOwed { order, amount } => json!({
            "event": "refundOwed",
            "orderId": uuid(*order),
            "amount": amount,
        }),
        Event::SaleSet { terms, .. } => sale_set(terms),
        Event::SaleDropped { sale } => json!({ "event": "saleDropped", "saleId": sale.get() }),
        Event::Changed { change, .. } => changed(change),
        Event::Queued { .. } | Event::Refused { .. } | Event::Paced { .. } => queue_fact(event),
    }
}

fn queue_fact(event: &Event) -> Value {
    match event {
        Event::Queued { order, customer, quantity, priority, sale, .. } => json!({
            "event": "queued",
            "orderId": uuid(*order),
            "customerId": customer.as_str(),
            "quantity": quantity.get(),
            "priority": match priority {
                Priority::Vip => "vip",
                Priority::Normal => "normal",
            },
            "saleId": sale.map(SaleId::get),
        }),
        Event::Refused { order, customer, quantity, queued_at, why } => json!({
            "event": "refused",
            "orderId": uuid(*order),
            "customerId": customer.as_str(),
            "quantity": quantity.get(),
            "queuedAt": time(*queued_at),
            "why": why_refused(*why),
        }),
        Event::Paced { per_second } => json!({ "event": "paced", "drainPerSecond": per_second }),
        _ => Value::Null,
    }
}

fn sale_set(terms: &SaleTerms) -> Value {
    json!({
        "event": "saleSet",
        "saleId": terms.sale.get(),
        "name": terms.name,
        "products": terms.products.iter().map(|product| product.get()).collect::<Vec<_>>(),
        "startsAt": time(terms.opens_at),
        "endsAt": time(terms.ends_at),
        "paused": terms.paused,
        "sellsBefore": terms.sells_before,
        "edition": terms.edition,
        "price": { "amount": terms.price.amount, "currency": terms.price.currency.as_str() },
        "limitPerCustomer": terms.limit_per_customer,
        "units": terms.units,
    })
}

fn why_refused(why: TurnRefusal) -> Value {
    match why {
        TurnRefusal::SoldOut => "sold-out".into(),
        TurnRefusal::Insufficient { available } => json!({ "available": available }),
        TurnRefusal::CustomerLimit { limit, owned } => json!({ "limit": limit, "owned": owned }),
        TurnRefusal::Closed { closed_at } => json!({ "closedAt": time(closed_at) }),
        TurnRefusal::Inactive => "inactive".into(),
        TurnRefusal::NotOpen { opens_at } => json!({ "opensAt": time(opens_at) }),
        TurnRefusal::UnknownSale => "sale-not-found".into(),
        TurnRefusal::Full => "table-full".into(),
    }
}

/// What was changed, and nothing else; `null` where it was taken away.
fn changed(change: &Change) -> Value {
    let mut fact = serde_json::Map::new();
    fact.insert("event".into(), "changed".into());
    if let Some(name) = &change.name {
        fact.insert("name".into(), name.as_str().into());
    }
    if let Some(price) = change.price {
        let price = json!({ "amount": price.amount, "currency": price.currency.as_str() });
        fact.insert("price".into(), price);
    }
    if let Some(active) = change.active {
        fact.insert("active".into(), active.into());
    }
    for (name, field) in [
        ("sku", &change.sku),
        ("description", &change.description),
        ("category", &change.category),
        ("imageUrl", &change.image_url),
    ] {
        match field {
            Field::Keep => {}
            Field::Clear => drop(fact.insert(name.into(), Value::Null)),
            Field::Set(text) => drop(fact.insert(name.into(), text.as_str().into())),
        }
    }
    if let Some(attributes) = &change.attributes {
        fact.insert("attributes".into(), json!(attributes));
    }
    Value::Object(fact)
}

fn uuid(order: OrderId) -> String {
    uuid::Uuid::from_bytes(order.0).to_string()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn time(at: Timestamp) -> String {
    let millis = i64::try_from(at.as_millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis)
        .map_or_else(|_| at.as_millis().to_string(), |at| format!("{at:.3}"))
}
