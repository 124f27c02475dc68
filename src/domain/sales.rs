//! Sales: what one product sells under terms of their own for a time, and the units set aside for it.
//!
//! A sale covers many products; each of them keeps its own part of it. States follow from the time and
//! are no facts, so a sale opens and ends by the clock alone:
//!
//! ```text
//!   scheduled ──opens_at──▶ open ──ends_at──▶ ended: what is left is ordinary stock again
//!       └──── paused ◀────────┘
//! ```
//!
//! `units − taken` of a sale that is not over are set aside: neither ordinary buyers nor another sale
//! nor an adjustment takes them. What must never happen: more taken than there are units, or more set
//! aside than is available. The one who owns the product's state owns this.

use super::bounds::{SALES_KEPT, SALES_MAX};
use super::{CustomerId, Customers, Money, ProductId, Timestamp};
use std::fmt;
use std::num::{NonZeroU8, NonZeroU64};

/// Most products of one sale.
pub const SALE_PRODUCTS_MAX: usize = 100;

/// A sale: a positive integer that also fits a signed 64-bit database column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SaleId(NonZeroU64);

impl SaleId {
    /// `None` for 0 and for anything above 2^63 - 1.
    #[must_use]
    pub const fn new(raw: u64) -> Option<Self> {
        match NonZeroU64::new(raw) {
            Some(id) if raw <= i64::MAX as u64 => Some(Self(id)),
            _ => None,
        }
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0.get()
    }

    /// Its bit among 64: several sales share one.
    pub(super) const fn mark(self) -> u64 {
        // The fraction of the golden ratio: numbers close to each other get bits far from each other.
        1 << (self.get().wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58)
    }

    /// The same number as a database column holds it; always positive.
    #[must_use]
    pub const fn to_column(self) -> i64 {
        self.get().cast_signed()
    }
}

impl fmt::Display for SaleId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Where a sale is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleState {
    Scheduled,
    Open,
    Paused,
    Ended,
}

impl SaleState {
    /// At `now`. One that is paused before it opens is paused already.
    #[must_use]
    pub fn of(opens_at: Timestamp, ends_at: Timestamp, paused: bool, now: Timestamp) -> Self {
        if now >= ends_at {
            Self::Ended
        } else if paused {
            Self::Paused
        } else if now >= opens_at {
            Self::Open
        } else {
            Self::Scheduled
        }
    }
}

/// The terms of one product's part of a sale. Price, limit, units and nothing else are the part's own;
/// the rest is the same for all products of the sale of one edition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaleTerms {
    pub sale: SaleId,
    pub name: Box<str>,
    /// All of the sale, ascending.
    pub products: Box<[ProductId]>,
    /// Half open: sells from `opens_at` on, and no longer at `ends_at`.
    pub opens_at: Timestamp,
    pub ends_at: Timestamp,
    pub paused: bool,
    /// Whether the product sells at its ordinary terms until the sale opens.
    pub sells_before: bool,
    /// Grows with every change of the sale.
    pub edition: u64,
    pub price: Money,
    /// Units one customer may buy or hold together in this sale; `None` is no limit.
    pub limit_per_customer: Option<u32>,
    /// Set aside for the sale, sold ones included.
    pub units: u64,
}

impl SaleTerms {
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.ends_at
    }

    /// Between its times, paused or not.
    #[must_use]
    pub fn is_running(&self, now: Timestamp) -> bool {
        self.opens_at <= now && now < self.ends_at
    }

    /// Neither open yet nor over.
    #[must_use]
    pub fn is_to_come(&self, now: Timestamp) -> bool {
        now < self.opens_at && !self.is_over(now)
    }

    #[must_use]
    pub fn state(&self, now: Timestamp) -> SaleState {
        SaleState::of(self.opens_at, self.ends_at, self.paused, now)
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.opens_at < other.ends_at && other.opens_at < self.ends_at
    }
}

/// One product's part of one sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SalePart {
    pub terms: SaleTerms,
    /// Sold or held under it.
    pub taken: u64,
    /// Of these, held.
    pub held: u64,
    /// It is over, and whose units those were is forgotten.
    pub closed: bool,
    /// The widest limit it ever had: after a lower one, customers may have more than the newest.
    pub widest_limit: Option<u32>,
    pub customers: Customers,
    /// What holds name it by: small, for there are many of them.
    pub number: NonZeroU8,
}

impl SalePart {
    /// Units that are left for this sale.
    #[must_use]
    pub const fn left(&self) -> u64 {
        self.terms.units.saturating_sub(self.taken)
    }

    pub(super) fn buys(&mut self, customer: &CustomerId, units: u32) {
        self.taken += u64::from(units);
        if !self.closed {
            self.customers.buys(customer, units);
        }
    }

    pub(super) fn holds(&mut self, customer: &CustomerId, units: u32) {
        self.taken += u64::from(units);
        self.held += u64::from(units);
        if !self.closed {
            self.customers.holds(customer, units);
        }
    }

    pub(super) fn ends_hold(&mut self, customer: &CustomerId, units: u32, sold: bool) {
        self.held -= u64::from(units);
        if !sold {
            self.taken -= u64::from(units);
        }
        if !self.closed {
            self.customers.ends_hold(customer, units, sold);
        }
    }

    pub(super) fn returns(&mut self, customer: &CustomerId, units: u32) {
        self.taken -= u64::from(units);
        if !self.closed {
            self.customers.returns(customer, units);
        }
    }

    /// Whether so many units of this customer can have been sold under it.
    #[must_use]
    pub fn may_return(&self, customer: &CustomerId, units: u32) -> bool {
        let sold = self.taken.saturating_sub(self.held) >= u64::from(units);
        sold && (self.closed || self.customers.owned(customer).sold >= units)
    }
}

/// The sales of one product: those that are not over, and the newest of the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sales {
    parts: Vec<SalePart>,
    /// Some unit was taken under a sale once: the limit of the ordinary offer is not the only one then.
    ever_taken: bool,
}

impl Sales {
    #[must_use]
    pub fn get(&self, sale: SaleId) -> Option<&SalePart> {
        self.parts.iter().find(|part| part.terms.sale == sale)
    }

    pub(super) fn get_mut(&mut self, sale: SaleId) -> Option<&mut SalePart> {
        self.parts.iter_mut().find(|part| part.terms.sale == sale)
    }

    pub fn iter(&self) -> impl Iterator<Item = &SalePart> {
        self.parts.iter()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.parts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    #[must_use]
    pub const fn ever_taken(&self) -> bool {
        self.ever_taken
    }

    /// Entries of all tables.
    pub(super) fn entries(&self) -> usize {
        self.parts.iter().map(|part| 1 + part.customers.len()).sum()
    }

    /// The sale that sells at `now`, paused or not.
    #[must_use]
    pub fn running(&self, now: Timestamp) -> Option<&SalePart> {
        self.parts.iter().find(|part| part.terms.is_running(now))
    }

    /// The sale that opens next.
    #[must_use]
    pub fn next(&self, now: Timestamp) -> Option<&SalePart> {
        let scheduled = self.parts.iter().filter(|part| part.terms.is_to_come(now));
        scheduled.min_by_key(|part| part.terms.opens_at)
    }

    /// A sale that is to come does not want the product to be sold before.
    #[must_use]
    pub fn is_blocked(&self, now: Timestamp) -> bool {
        self.parts.iter().any(|part| part.terms.is_to_come(now) && !part.terms.sells_before)
    }

    /// Units that only sales may sell.
    #[must_use]
    pub fn set_aside(&self, now: Timestamp) -> u64 {
        let kept = self.parts.iter().filter(|part| !part.terms.is_over(now));
        // Facts that nobody decided may set more aside than can be counted: that is more than there is.
        kept.map(SalePart::left).fold(0, u64::saturating_add)
    }

    /// When the next sale opens or ends.
    #[must_use]
    pub fn next_boundary(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self.parts.iter().flat_map(|part| [part.terms.opens_at, part.terms.ends_at]);
        times.filter(|at| now < *at).min()
    }

    /// Another sale that is not over and wants the product at the same time.
    pub(super) fn overlapping(&self, terms: &SaleTerms, now: Timestamp) -> Option<SaleId> {
        let others = self.parts.iter().map(|part| &part.terms);
        let mut others = others.filter(|other| other.sale != terms.sale && !other.is_over(now));
        others.find(|other| other.overlaps(terms)).map(|other| other.sale)
    }

    /// No room for one more.
    pub(super) fn is_full(&self, now: Timestamp) -> bool {
        let running = self.parts.iter().filter(|part| !part.terms.is_over(now)).count();
        let kept = self.parts.len() >= SALES_KEPT && self.forgettable(now).is_none();
        running >= SALES_MAX || kept
    }

    /// The sale that ended first and that no hold names.
    fn forgettable(&self, now: Timestamp) -> Option<usize> {
        let over = self.parts.iter().enumerate();
        let over = over.filter(|(_, part)| part.terms.is_over(now) && part.held == 0);
        over.min_by_key(|(_, part)| (part.terms.ends_at, part.terms.sale)).map(|(index, _)| index)
    }

    /// New terms of a sale, or a new one.
    pub(super) fn set(&mut self, terms: &SaleTerms, at: Timestamp) {
        if let Some(part) = self.get_mut(terms.sale) {
            let wider = part.widest_limit.zip(terms.limit_per_customer);
            part.widest_limit = wider.map(|(before, limit)| before.max(limit));
            part.terms = terms.clone();
            return;
        }
        if self.parts.len() >= SALES_KEPT
            && let Some(index) = self.forgettable(at)
        {
            self.parts.remove(index);
        }
        let used = |number: &NonZeroU8| self.parts.iter().any(|part| part.number == *number);
        // There are fewer parts than numbers.
        let free = (1..=u8::MAX).filter_map(NonZeroU8::new).find(|number| !used(number));
        self.parts.push(SalePart {
            terms: terms.clone(),
            taken: 0,
            held: 0,
            closed: false,
            widest_limit: terms.limit_per_customer,
            customers: Customers::default(),
            number: free.unwrap_or(NonZeroU8::MAX),
        });
    }

    pub(super) fn drop_sale(&mut self, sale: SaleId) {
        self.parts.retain(|part| part.terms.sale != sale);
    }

    /// Forgets whose units those of sales that are over were: nobody asks any more.
    pub(super) fn close(&mut self, at: Timestamp) {
        for part in self.parts.iter_mut().filter(|part| !part.closed && part.terms.is_over(at)) {
            part.closed = true;
            part.customers = Customers::default();
        }
    }

    pub(super) const fn has_taken(&mut self) {
        self.ever_taken = true;
    }

    /// What a hold under this sale is to name it by.
    pub(super) fn number_of(&self, sale: SaleId) -> Option<NonZeroU8> {
        self.get(sale).map(|part| part.number)
    }

    /// The sale a hold names.
    #[must_use]
    pub fn numbered(&self, number: Option<NonZeroU8>) -> Option<&SalePart> {
        let number = number?;
        self.parts.iter().find(|part| part.number == number)
    }

    pub(super) fn numbered_mut(&mut self, number: Option<NonZeroU8>) -> Option<&mut SalePart> {
        let number = number?;
        self.parts.iter_mut().find(|part| part.number == number)
    }

    /// Puts back what a snapshot has.
    pub(crate) fn restored(parts: Vec<SalePart>, ever_taken: bool) -> Self {
        Self { parts, ever_taken }
    }

    /// The sale that ended last, and when.
    pub(super) fn last_ended(&self, now: Timestamp) -> Option<(SaleId, Timestamp)> {
        let over = self.parts.iter().map(|part| &part.terms).filter(|terms| terms.is_over(now));
        over.map(|terms| (terms.sale, terms.ends_at)).max_by_key(|(sale, at)| (*at, *sale))
    }

    /// One bit for each sale: who asks for another one asks for nothing the product knows.
    pub(super) fn marks(&self) -> u64 {
        self.parts.iter().fold(0, |marks, part| marks | part.terms.sale.mark())
    }

    /// What may be shown of the sale that runs, or comes next.
    pub(super) fn view(&self, now: Timestamp) -> Option<SaleView> {
        let (part, open) = match self.running(now) {
            Some(part) => (part, true),
            None => (self.next(now)?, false),
        };
        Some(SaleView {
            sale: part.terms.sale,
            opens_at: part.terms.opens_at,
            ends_at: part.terms.ends_at,
            price: part.terms.price,
            limit_per_customer: part.terms.limit_per_customer,
            units: part.terms.units,
            taken: part.taken,
            paused: part.terms.paused,
            open,
        })
    }
}

/// The sale of a product that runs, or comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaleView {
    pub sale: SaleId,
    pub opens_at: Timestamp,
    pub ends_at: Timestamp,
    pub price: Money,
    pub limit_per_customer: Option<u32>,
    pub units: u64,
    pub taken: u64,
    pub paused: bool,
    /// It was running when this was seen.
    pub(super) open: bool,
}

impl SaleView {
    /// Units that are left for it.
    #[must_use]
    pub const fn available(&self) -> u64 {
        self.units.saturating_sub(self.taken)
    }

    #[must_use]
    pub fn state(&self, now: Timestamp) -> SaleState {
        SaleState::of(self.opens_at, self.ends_at, self.paused, now)
    }

    /// Whether it still is what it was when this was seen: running, or to come.
    pub(super) fn is_current(&self, now: Timestamp) -> bool {
        now < if self.open { self.ends_at } else { self.opens_at }
    }

    pub(super) const fn is_open(&self) -> bool {
        self.open
    }
}
