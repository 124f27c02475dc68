//! Stored types of sales: their terms, what is bought under them, and a product's parts of them.
//!
//! Part of [`super::stored`] and [`super::snapshot`], whose rules about versions hold here too. What
//! was bought under no sale is stored as it was before there were any.

use super::stored::{DecodeError, StoredLine, StoredRetry, lead_of, part_of};
use crate::domain::{
    Currency, CustomerId, Customers, Event, Line, Money, OrderId, Owned, Part, Payment, Product,
    ProductId, Quantity, Retry, ReturnReason, SaleId, SalePart, SaleTerms, Sales, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU8;

pub(super) fn sale_of(raw: u64) -> Result<SaleId, DecodeError> {
    SaleId::new(raw).ok_or(DecodeError::Value("sale id"))
}

/// The terms of a part.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredTerms<'a> {
    sale: u64,
    name: &'a str,
    products: Vec<u64>,
    opens_at: u64,
    ends_at: u64,
    paused: bool,
    sells_before: bool,
    edition: u64,
    amount: u64,
    currency: [u8; 3],
    limit_per_customer: Option<u32>,
    units: u64,
}

impl<'a> From<&'a SaleTerms> for StoredTerms<'a> {
    fn from(terms: &'a SaleTerms) -> Self {
        Self {
            sale: terms.sale.get(),
            name: &terms.name,
            products: terms.products.iter().map(|product| product.get()).collect(),
            opens_at: terms.opens_at.as_millis(),
            ends_at: terms.ends_at.as_millis(),
            paused: terms.paused,
            sells_before: terms.sells_before,
            edition: terms.edition,
            amount: terms.price.amount,
            currency: terms.price.currency.letters(),
            limit_per_customer: terms.limit_per_customer,
            units: terms.units,
        }
    }
}

impl TryFrom<StoredTerms<'_>> for SaleTerms {
    type Error = DecodeError;

    fn try_from(stored: StoredTerms<'_>) -> Result<Self, DecodeError> {
        let product =
            |raw| ProductId::new(raw).map_err(|_| DecodeError::Value("product of a sale"));
        let currency = Currency::from_journal(stored.currency);
        Ok(Self {
            sale: sale_of(stored.sale)?,
            name: stored.name.into(),
            products: stored.products.into_iter().map(product).collect::<Result<_, _>>()?,
            opens_at: Timestamp::from_millis(stored.opens_at),
            ends_at: Timestamp::from_millis(stored.ends_at),
            paused: stored.paused,
            sells_before: stored.sells_before,
            edition: stored.edition,
            price: Money { amount: stored.amount, currency },
            limit_per_customer: stored.limit_per_customer,
            units: stored.units,
        })
    }
}

#[derive(Serialize, Deserialize)]
pub(super) struct StoredSaleSet<'a> {
    #[serde(borrow)]
    terms: StoredTerms<'a>,
    retry: Option<StoredRetry>,
}

impl<'a> StoredSaleSet<'a> {
    pub(super) fn new(terms: &'a SaleTerms, retry: Option<StoredRetry>) -> Self {
        Self { terms: terms.into(), retry }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        let terms = Box::new(self.terms.try_into()?);
        Ok(Event::SaleSet { terms, retry: self.retry.map(Into::into) })
    }
}

/// A purchase under a sale.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredPurchase<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    unit_price: u64,
    sale: u64,
    retry: Option<StoredRetry>,
}

impl<'a> StoredPurchase<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        quantity: Quantity,
        unit_price: u64,
        sale: SaleId,
        retry: Option<StoredRetry>,
    ) -> Self {
        let (order, customer, quantity) = (order.0, customer.as_str(), quantity.get());
        Self { order, customer, quantity, unit_price, sale: sale.get(), retry }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        Ok(Event::Purchased {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            unit_price: self.unit_price,
            sale: Some(sale_of(self.sale)?),
            retry: self.retry.map(Into::into),
        })
    }
}

/// A hold under a sale.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredHeld<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    unit_price: u64,
    expires_at: u64,
    sale: u64,
    /// As [`lead_of`] has it, for a line of an order.
    lead: Option<u64>,
    retry: Option<StoredRetry>,
}

impl<'a> StoredHeld<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        (quantity, unit_price): (Quantity, u64),
        expires_at: Timestamp,
        sale: SaleId,
        part: Option<&Part>,
        retry: Option<StoredRetry>,
    ) -> Self {
        Self {
            order: order.0,
            customer: customer.as_str(),
            quantity: quantity.get(),
            unit_price,
            expires_at: expires_at.as_millis(),
            sale: sale.get(),
            lead: part.map(lead_of),
            retry,
        }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        Ok(Event::Held {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            unit_price: self.unit_price,
            expires_at: Timestamp::from_millis(self.expires_at),
            sale: Some(sale_of(self.sale)?),
            part: self.lead.map(part_of).transpose()?.map(Box::new),
            retry: self.retry.map(Into::into),
        })
    }
}

/// The sale of each line of an order, 0 for none: beside lines that are stored as before there were any.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct LineSales(Vec<u64>);

pub(super) fn have_sales(lines: &[Line]) -> bool {
    lines.iter().any(|line| line.sale.is_some())
}

impl LineSales {
    pub(super) fn of(lines: &[Line]) -> Self {
        Self(lines.iter().map(|line| line.sale.map_or(0, SaleId::get)).collect())
    }

    /// Gives the lines back their sales.
    pub(super) fn put_on(self, lines: &mut [Line]) -> Result<(), DecodeError> {
        if self.0.len() != lines.len() {
            return Err(DecodeError::Value("sales of lines"));
        }
        for (line, sale) in lines.iter_mut().zip(self.0) {
            line.sale = if sale == 0 { None } else { Some(sale_of(sale)?) };
        }
        Ok(())
    }
}

/// An order with lines under sales.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredPlaced<'a> {
    order: [u8; 16],
    lines: Vec<StoredLine>,
    sales: LineSales,
    expires_at: u64,
    method: &'a str,
    token: &'a str,
    retry: Option<StoredRetry>,
}

impl<'a> StoredPlaced<'a> {
    pub(super) fn new(
        order: OrderId,
        lines: &[Line],
        expires_at: Timestamp,
        payment: &'a Payment,
        retry: Option<StoredRetry>,
    ) -> Self {
        let Payment { method, token } = payment;
        Self {
            order: order.0,
            lines: lines.iter().map(StoredLine::from).collect(),
            sales: LineSales::of(lines),
            expires_at: expires_at.as_millis(),
            method,
            token,
            retry,
        }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        let lines = self.lines.into_iter().map(Line::try_from);
        let mut lines = lines.collect::<Result<Box<[_]>, _>>()?;
        self.sales.put_on(&mut lines)?;
        Ok(Event::Placed {
            order: OrderId(self.order),
            lines,
            expires_at: Timestamp::from_millis(self.expires_at),
            payment: Box::new(Payment { method: self.method.into(), token: self.token.into() }),
            retry: self.retry.map(Into::into),
        })
    }
}

/// A return of what was sold under a sale.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredReturn<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    refunded: bool,
    sale: u64,
    retry: Option<StoredRetry>,
}

impl<'a> StoredReturn<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        quantity: Quantity,
        reason: ReturnReason,
        sale: SaleId,
        retry: Option<StoredRetry>,
    ) -> Self {
        let refunded = reason == ReturnReason::Refunded;
        let (order, customer, quantity) = (order.0, customer.as_str(), quantity.get());
        Self { order, customer, quantity, refunded, sale: sale.get(), retry }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        let reason = if self.refunded { ReturnReason::Refunded } else { ReturnReason::Cancelled };
        Ok(Event::Returned {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            reason,
            sale: Some(sale_of(self.sale)?),
            retry: self.retry.map(Into::into),
        })
    }
}

/// A purchase that waits, to be bought under a sale.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredQueuedSale<'a> {
    order: [u8; 16],
    customer: &'a str,
    quantity: u32,
    vip: bool,
    sale: u64,
    retry: Option<StoredRetry>,
}

impl<'a> StoredQueuedSale<'a> {
    pub(super) fn new(
        (order, customer): (OrderId, &'a CustomerId),
        quantity: Quantity,
        vip: bool,
        sale: SaleId,
        retry: Option<&Retry>,
    ) -> Self {
        let (order, customer, quantity) = (order.0, customer.as_str(), quantity.get());
        Self { order, customer, quantity, vip, sale: sale.get(), retry: retry.map(Into::into) }
    }

    pub(super) fn event(self) -> Result<Event, DecodeError> {
        Ok(Event::Queued {
            order: OrderId(self.order),
            customer: CustomerId::from_journal(self.customer),
            quantity: Quantity::from_journal(self.quantity),
            priority: super::stored_queue::priority_of(self.vip),
            sale: Some(sale_of(self.sale)?),
            retry: self.retry.map(Into::into),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct StoredPart<'a> {
    #[serde(borrow)]
    terms: StoredTerms<'a>,
    number: NonZeroU8,
    taken: u64,
    held: u64,
    closed: bool,
    widest_limit: Option<u32>,
    #[serde(borrow)]
    customers: Vec<(&'a str, u32, u32)>,
}

/// What a snapshot before version 4 did not know: the parts of sales, and which holds and which waiting
/// purchases belong to one.
#[derive(Serialize, Deserialize, Default)]
pub(super) struct StoredSales<'a> {
    #[serde(borrow)]
    parts: Vec<StoredPart<'a>>,
    ever_taken: bool,
    holds: Vec<([u8; 16], NonZeroU8)>,
    queued: Vec<([u8; 16], u64)>,
}

impl<'a> StoredSales<'a> {
    pub(super) fn of(product: &'a Product) -> Self {
        let part = |part: &'a SalePart| StoredPart {
            terms: (&part.terms).into(),
            number: part.number,
            taken: part.taken,
            held: part.held,
            closed: part.closed,
            widest_limit: part.widest_limit,
            customers: part
                .customers
                .iter()
                .map(|(customer, owned)| (customer.as_str(), owned.sold, owned.held))
                .collect(),
        };
        let sales = product.sales();
        let holds = product.holds().iter();
        let queued = product.queue().iter();
        Self {
            parts: sales.iter().map(part).collect(),
            ever_taken: sales.ever_taken(),
            holds: holds.filter_map(|(order, hold)| Some((order.0, hold.sale?))).collect(),
            queued: queued.filter_map(|entry| Some((entry.order.0, entry.sale?.get()))).collect(),
        }
    }

    /// The sale of each hold and of each waiting purchase that has one.
    pub(super) fn take_names(&mut self) -> Names {
        let holds = std::mem::take(&mut self.holds).into_iter();
        let queued = std::mem::take(&mut self.queued).into_iter();
        Names { holds: holds.collect(), queued: queued.collect() }
    }

    pub(super) fn sales(self) -> Result<Sales, DecodeError> {
        let part = |stored: StoredPart<'_>| {
            let mut customers = Customers::default();
            for (customer, sold, held) in stored.customers {
                customers.restore(CustomerId::from_journal(customer), Owned { sold, held });
            }
            Ok(SalePart {
                terms: stored.terms.try_into()?,
                taken: stored.taken,
                held: stored.held,
                closed: stored.closed,
                widest_limit: stored.widest_limit,
                customers,
                number: stored.number,
            })
        };
        let parts = self.parts.into_iter().map(part).collect::<Result<_, DecodeError>>()?;
        Ok(Sales::restored(parts, self.ever_taken))
    }
}

/// Which sale holds and waiting purchases belong to, by order.
pub(super) struct Names {
    pub(super) holds: std::collections::HashMap<[u8; 16], NonZeroU8>,
    pub(super) queued: std::collections::HashMap<[u8; 16], u64>,
}
