//! Sales in the tables: rows, and what facts make of them. Pure.
//!
//! A sale has one row for what all its products share, and one for each product's part. Parts are
//! written as whole rows; what is shared is that of the highest edition that was seen, whichever part
//! it came with.
//!
//! What must never happen: more sold and held under a part than it has units.

use crate::domain::{
    CustomerId, Money, OrderId, ProductId, Retry, SaleId, SaleState, SaleTerms, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};

/// What all products of a sale share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRow {
    pub sale: SaleId,
    pub name: String,
    /// Ascending.
    pub products: Vec<ProductId>,
    pub opens_at: Timestamp,
    pub ends_at: Timestamp,
    pub paused: bool,
    pub sells_before: bool,
    pub edition: u64,
    pub created_at: Timestamp,
}

impl SaleRow {
    #[must_use]
    pub fn of(terms: &SaleTerms, created_at: Timestamp) -> Self {
        Self {
            sale: terms.sale,
            name: terms.name.to_string(),
            products: terms.products.to_vec(),
            opens_at: terms.opens_at,
            ends_at: terms.ends_at,
            paused: terms.paused,
            sells_before: terms.sells_before,
            edition: terms.edition,
            created_at,
        }
    }

    #[must_use]
    pub fn state(&self, now: Timestamp) -> SaleState {
        SaleState::of(self.opens_at, self.ends_at, self.paused, now)
    }
}

/// One product's part of a sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleProductRow {
    pub sale: SaleId,
    pub product: ProductId,
    pub edition: u64,
    pub price: Money,
    pub limit_per_customer: Option<u32>,
    pub units: u64,
    /// Without what came back.
    pub sold: u64,
    pub held: u64,
    /// Of what is sold, in minor units of the price's currency.
    pub revenue: u64,
    pub returned: u64,
    /// When the last unit was sold, if none has come back since.
    pub sold_out_at: Option<Timestamp>,
}

/// Requests of one reason that were refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleRefusals {
    pub sale: SaleId,
    pub product: ProductId,
    pub reason: String,
    pub count: u64,
}

/// With what a sale was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleKeyRow {
    pub sale: SaleId,
    pub retry: Retry,
    pub created_at: Timestamp,
}

/// Which sales are listed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SaleFilter {
    /// In this state at this time.
    pub state: Option<(SaleState, Timestamp)>,
    /// Older than this one: sales are numbered as they are created.
    pub before: Option<SaleId>,
    pub limit: u32,
}

/// What one round writes about sales.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct SaleChanges {
    pub sales: Vec<SaleRow>,
    pub parts: Vec<SaleProductRow>,
    /// Keys that sales were created with.
    pub keys: Vec<(SaleId, Retry)>,
    pub dropped: Vec<(SaleId, ProductId)>,
    pub customers: Vec<(SaleId, CustomerId)>,
    /// Lines that came back: their price is in the rows.
    pub returned: Vec<(SaleId, ProductId, OrderId)>,
}

/// Parts of sales while facts are taken in.
#[derive(Debug, Default)]
pub(super) struct SaleFolding {
    pub parts: BTreeMap<(SaleId, ProductId), SaleProductRow>,
    touched: BTreeSet<(SaleId, ProductId)>,
    dropped: BTreeSet<(SaleId, ProductId)>,
    sales: BTreeMap<SaleId, SaleRow>,
    keys: Vec<(SaleId, Retry)>,
    customers: BTreeSet<(SaleId, CustomerId)>,
    returned: Vec<(SaleId, ProductId, OrderId)>,
}

/// Units of one part that go from one place to another.
#[derive(Debug, Clone, Copy)]
pub(super) enum SaleMove {
    Hold,
    /// Of a hold, to the customer.
    Confirm,
    /// Of a hold, back.
    Release,
    Buy,
    Return,
}

impl SaleFolding {
    pub(super) fn new(prior: impl IntoIterator<Item = SaleProductRow>) -> Self {
        let parts = prior.into_iter().map(|row| ((row.sale, row.product), row));
        Self { parts: parts.collect(), ..Self::default() }
    }

    pub(super) fn set(
        &mut self,
        (terms, retry): (&SaleTerms, Option<Retry>),
        product: ProductId,
        at: Timestamp,
    ) {
        self.keys.extend(retry.map(|retry| (terms.sale, retry)));
        let key = (terms.sale, product);
        let before = self.parts.get(&key).copied();
        let part = SaleProductRow {
            sale: terms.sale,
            product,
            edition: terms.edition,
            price: terms.price,
            limit_per_customer: terms.limit_per_customer,
            units: terms.units,
            sold: before.map_or(0, |row| row.sold),
            held: before.map_or(0, |row| row.held),
            revenue: before.map_or(0, |row| row.revenue),
            returned: before.map_or(0, |row| row.returned),
            sold_out_at: before.and_then(|row| row.sold_out_at),
        };
        self.parts.insert(key, part);
        self.dropped.remove(&key);
        self.judge(key, at);
        // Whoever leaves a sale is over, the sale is not.
        if !terms.products.contains(&product) {
            return;
        }
        let row = SaleRow::of(terms, at);
        let newer = self.sales.get(&terms.sale).is_none_or(|seen| seen.edition <= row.edition);
        if newer {
            let created_at = self.sales.get(&terms.sale).map_or(at, |seen| seen.created_at);
            self.sales.insert(terms.sale, SaleRow { created_at, ..row });
        }
    }

    pub(super) fn drop_part(&mut self, sale: SaleId, product: ProductId) {
        self.parts.remove(&(sale, product));
        self.touched.remove(&(sale, product));
        // Its row may lack what came back in this very round, and goes anyway.
        self.returned.retain(|(of, line, _)| (*of, *line) != (sale, product));
        self.dropped.insert((sale, product));
    }

    /// Moves units; `amount` is what they cost together.
    pub(super) fn count(
        &mut self,
        sale: SaleId,
        product: ProductId,
        (what, units, amount): (SaleMove, u32, u64),
        at: Timestamp,
    ) -> Result<(), String> {
        let Some(part) = self.parts.get_mut(&(sale, product)) else {
            return Err(format!("a fact under sale {sale}, of which it has no part"));
        };
        let units = u64::from(units);
        let less = |count: &mut u64| {
            let rest = count.checked_sub(units);
            rest.map(|rest| *count = rest).ok_or(format!("too few units of sale {sale}"))
        };
        match what {
            SaleMove::Hold => part.held += units,
            SaleMove::Release | SaleMove::Confirm => less(&mut part.held)?,
            SaleMove::Buy => {}
            SaleMove::Return => {
                less(&mut part.sold)?;
                part.returned += units;
            }
        }
        if matches!(what, SaleMove::Confirm | SaleMove::Buy) {
            part.sold += units;
            part.revenue = part.revenue.saturating_add(amount);
        }
        self.judge((sale, product), at);
        Ok(())
    }

    /// A line that came back, whose price only the rows know.
    pub(super) fn give_back(&mut self, sale: SaleId, product: ProductId, order: OrderId) {
        self.returned.push((sale, product, order));
    }

    pub(super) fn bought(&mut self, sale: SaleId, customer: CustomerId) {
        self.customers.insert((sale, customer));
    }

    /// Notes the part as changed, and when its last unit was sold.
    fn judge(&mut self, key: (SaleId, ProductId), at: Timestamp) {
        self.touched.insert(key);
        if let Some(part) = self.parts.get_mut(&key) {
            let sold_out = part.sold >= part.units;
            part.sold_out_at = sold_out.then(|| part.sold_out_at.unwrap_or(at));
        }
    }

    pub(super) fn finish(self) -> SaleChanges {
        let touched = self.touched.iter();
        SaleChanges {
            parts: touched.filter_map(|key| self.parts.get(key).copied()).collect(),
            sales: self.sales.into_values().collect(),
            keys: self.keys,
            dropped: self.dropped.into_iter().collect(),
            customers: self.customers.into_iter().collect(),
            returned: self.returned,
        }
    }
}
