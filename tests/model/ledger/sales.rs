//! Sales in the ledger: what the clerk has set aside, for whom, at what price and until when.
//!
//! A sale is its terms and nothing else: what was taken of it is counted again from the lines.

use super::{Ledger, Line, Remembers, State};
use lastunit::domain::{
    Action, Answer, CustomerId, Offer, Refusal, SaleId, SaleShown, SaleTerms, Selling, Timestamp,
    TurnRefusal,
};

/// Most sales that are not over, and most in all.
const MOST_TO_COME: usize = 64;
const MOST_KEPT: usize = 128;

pub struct Sale {
    pub terms: SaleTerms,
    /// Something was written down since it ended: nobody is told any more what they had in it.
    pub closed: bool,
}

impl Ledger {
    /// In the order they were set up.
    pub fn sales(&self) -> &[Sale] {
        &self.sales
    }

    fn sale(&self, sale: SaleId) -> Option<&Sale> {
        self.sales.iter().find(|known| known.terms.sale == sale)
    }

    fn terms_running(&self, now: Timestamp) -> Option<&SaleTerms> {
        let mut all = self.sales.iter().map(|sale| &sale.terms);
        all.find(|terms| terms.opens_at <= now && now < terms.ends_at)
    }

    fn terms_to_come(&self, now: Timestamp) -> impl Iterator<Item = &SaleTerms> {
        let all = self.sales.iter().map(|sale| &sale.terms);
        all.filter(move |terms| now < terms.opens_at && now < terms.ends_at)
    }

    fn terms_next(&self, now: Timestamp) -> Option<&SaleTerms> {
        self.terms_to_come(now).min_by_key(|terms| terms.opens_at)
    }

    /// Nothing is sold until a sale opens.
    fn waits_for_sale(&self, now: Timestamp) -> bool {
        self.terms_to_come(now).any(|terms| !terms.sells_before)
    }

    /// When the next sale opens or ends.
    pub fn next_boundary(&self, now: Timestamp) -> Option<Timestamp> {
        let times = self.sales.iter().flat_map(|sale| [sale.terms.opens_at, sale.terms.ends_at]);
        times.filter(|at| now < *at).min()
    }

    pub fn last_sale_ends(&self) -> Option<Timestamp> {
        self.sales.iter().map(|sale| sale.terms.ends_at).max()
    }

    fn units_of(&self, sale: SaleId, counts: impl Fn(&Line) -> bool) -> u64 {
        let lines = self.lines.iter().filter(|line| line.sale == Some(sale) && counts(line));
        lines.map(|line| u64::from(line.units)).sum()
    }

    /// Units that were taken of a sale and still are at `now`.
    fn taken(&self, sale: SaleId, now: Timestamp) -> u64 {
        self.units_of(sale, |line| line.is_sold() || self.runs(line, now))
    }

    /// Sold and held units of a sale, of one customer or of all, as far as written down.
    pub fn written_under(&self, sale: SaleId, customer: Option<&CustomerId>) -> (u64, u64) {
        let asked = |line: &Line| customer.is_none_or(|customer| line.customer == *customer);
        let sold = self.units_of(sale, |line| asked(line) && line.is_sold());
        let held = |line: &Line| matches!(line.state, State::Held { .. });
        (sold, self.units_of(sale, |line| asked(line) && held(line)))
    }

    fn left(&self, terms: &SaleTerms, now: Timestamp) -> u64 {
        terms.units - self.taken(terms.sale, now)
    }

    fn left_as_written(&self, terms: &SaleTerms) -> u64 {
        let (sold, held) = self.written_under(terms.sale, None);
        terms.units - sold - held
    }

    fn set_aside(&self, now: Timestamp, left: impl Fn(&SaleTerms) -> u64) -> u64 {
        let terms = self.sales.iter().map(|sale| &sale.terms);
        terms.filter(|terms| now < terms.ends_at).map(left).sum()
    }

    /// Free units that no sale has set aside.
    pub fn ordinary(&self, now: Timestamp) -> u64 {
        self.free(now) - self.set_aside(now, |terms| self.left(terms, now))
    }

    /// The same as far as written down.
    pub fn ordinary_as_written(&self, now: Timestamp) -> u64 {
        self.stock().available - self.set_aside(now, |terms| self.left_as_written(terms))
    }

    /// What a look at the product shows, as far as written down.
    pub fn selling(&self, now: Timestamp) -> Option<Selling> {
        let waits = self.waits_for_sale(now);
        let terms = match self.terms_running(now) {
            None if waits => self.terms_next(now),
            running => running,
        };
        if let Some(terms) = terms {
            let (price, sale) = (terms.price, Some(terms.sale));
            return Some(Selling { price, available: self.left_as_written(terms), sale });
        }
        let (price, available) = (self.offer?.price, self.ordinary_as_written(now));
        Some(Selling { price, available, sale: None })
    }

    /// The sale that sells, and the units it has left; `None` where nobody may buy under it.
    pub fn sells_under(&self, now: Timestamp) -> Option<(SaleId, u64)> {
        let terms = self.terms_running(now)?;
        let shut = terms.paused || terms.limit_per_customer == Some(0);
        (!shut).then(|| (terms.sale, self.left(terms, now)))
    }

    /// What everybody would be refused for, if anything.
    pub fn closed_to_all(&self, wanted: Option<SaleId>, now: Timestamp) -> Option<Refusal> {
        self.shut(wanted, now).or_else(|| self.empty(now))
    }

    /// The same for whoever is to wait: where holds have run out, nobody counts at the door whose units
    /// those were.
    pub(super) fn closed_at_the_door(
        &self,
        wanted: Option<SaleId>,
        now: Timestamp,
    ) -> Option<Refusal> {
        let lapsed = self.next_lapse().is_some_and(|lapse| lapse <= now);
        self.shut(wanted, now).or_else(|| self.empty(now).filter(|_| !lapsed))
    }

    /// However many units there are.
    fn shut(&self, wanted: Option<SaleId>, now: Timestamp) -> Option<Refusal> {
        let offer = self.offer?;
        if let Some(wanted) = wanted {
            let Some(Sale { terms, .. }) = self.sale(wanted) else {
                return Some(Refusal::UnknownSale);
            };
            if now >= terms.ends_at {
                return Some(Refusal::Closed { closed_at: terms.ends_at });
            }
            if now < terms.opens_at {
                return Some(Refusal::NotOpen { opens_at: terms.opens_at });
            }
        }
        if let Some(terms) = self.terms_running(now) {
            return terms.paused.then_some(Refusal::SalePaused);
        }
        let next = self.terms_next(now).map(|terms| terms.opens_at);
        let waits = Refusal::NotOpen { opens_at: next.unwrap_or_default() };
        if self.waits_for_sale(now) {
            return Some(waits);
        }
        match (offer.opens_at, offer.closes_at) {
            (Some(opens_at), _) if now < opens_at => {
                let opens_at = next.map_or(opens_at, |next| next.min(opens_at));
                Some(Refusal::NotOpen { opens_at })
            }
            (_, Some(closed_at)) if now >= closed_at => {
                Some(if next.is_some() { waits } else { Refusal::Closed { closed_at } })
            }
            _ => None,
        }
    }

    fn empty(&self, now: Timestamp) -> Option<Refusal> {
        if let Some(terms) = self.terms_running(now) {
            return (self.left(terms, now) == 0).then_some(Refusal::SoldOut);
        }
        if self.ordinary(now) > 0 {
            return None;
        }
        // Whoever comes back when it opens may get what is set aside.
        let next = self.terms_next(now).filter(|_| self.free(now) > 0);
        Some(next.map_or(Refusal::SoldOut, |next| Refusal::NotOpen { opens_at: next.opens_at }))
    }

    /// Whether a customer may have so many units, and if so at what price and under which sale.
    pub(super) fn may_have(
        &self,
        customer: &CustomerId,
        units: u32,
        (offer, wanted): (&Offer, Option<SaleId>),
        now: Timestamp,
    ) -> Result<(u64, Option<SaleId>), Refusal> {
        if let Some(refusal) = self.closed_to_all(wanted, now) {
            return Err(refusal);
        }
        let terms = self.terms_running(now);
        let counts =
            |line: &Line| line.customer == *customer && (line.is_sold() || self.runs(line, now));
        let (price, limit, owned, available) = match terms {
            Some(terms) => (
                terms.price,
                terms.limit_per_customer,
                self.units_of(terms.sale, counts),
                self.left(terms, now),
            ),
            None => {
                (offer.price, offer.limit_per_customer, self.has(customer, now), self.ordinary(now))
            }
        };
        if let Some(limit) = limit
            && owned + u64::from(units) > u64::from(limit)
        {
            return Err(Refusal::CustomerLimit { limit, owned });
        }
        if available < u64::from(units) {
            return Err(Refusal::Insufficient { available });
        }
        Ok((price.amount, terms.map(|terms| terms.sale)))
    }

    /// What a customer has bought already, and may have, when a purchase is to wait.
    pub(super) fn bought(
        &self,
        customer: &CustomerId,
        offer: &Offer,
        now: Timestamp,
    ) -> (u64, Option<u32>) {
        match self.terms_running(now) {
            Some(terms) => {
                (self.written_under(terms.sale, Some(customer)).0, terms.limit_per_customer)
            }
            None => (self.written(Some(customer)).0, offer.limit_per_customer),
        }
    }

    pub(super) fn take_sale(&mut self, action: &Action, now: Timestamp) -> Result<Answer, Refusal> {
        match action {
            Action::SetSale { terms } => self.set_sale(terms, now),
            Action::DropSale { sale, undo } => {
                let terms = &self.sale(*sale).ok_or(Refusal::UnknownSale)?.terms;
                if terms.opens_at <= now && now < terms.ends_at && !undo {
                    return Err(Refusal::SaleRunning);
                }
                if self.taken(*sale, now) > 0 {
                    return Err(Refusal::SaleHasSales);
                }
                self.sales.retain(|known| known.terms.sale != *sale);
                Ok(Answer::SaleDropped { sale: *sale })
            }
            Action::ForgetSale { sale } if self.sale(*sale).is_none() => {
                Ok(Answer::SaleDropped { sale: *sale })
            }
            Action::ForgetSale { sale } => {
                self.take_sale(&Action::DropSale { sale: *sale, undo: false }, now)
            }
            Action::LookUpSale { sale, customer } => {
                let Sale { terms, closed } = self.sale(*sale).ok_or(Refusal::UnknownSale)?;
                let (sold, held) = self.written_under(*sale, None);
                let asks = customer.as_ref().filter(|_| !closed);
                let own = asks.map_or((0, 0), |asks| self.written_under(*sale, Some(asks)));
                let (taken, owned) = (sold + held, own.0 + own.1);
                let shown = SaleShown { terms: terms.clone(), taken, held, owned };
                Ok(Answer::SaleShown(Box::new(shown)))
            }
            other => panic!("not about a sale: {other:?}"),
        }
    }

    fn set_sale(&mut self, terms: &SaleTerms, now: Timestamp) -> Result<Answer, Refusal> {
        let (sale, edition) = (terms.sale, terms.edition);
        let before = self.sale(sale).map(|known| known.terms.clone());
        if before.as_ref() == Some(terms) {
            return Ok(Answer::SaleSet { sale, edition });
        }
        self.may_set(terms, before.as_ref(), now)?;
        if let Some(known) = self.sales.iter_mut().find(|known| known.terms.sale == sale) {
            known.terms = terms.clone();
        } else {
            self.make_room(now);
            self.sales.push(Sale { terms: terms.clone(), closed: false });
        }
        Ok(Answer::SaleSet { sale, edition })
    }

    fn may_set(
        &self,
        terms: &SaleTerms,
        before: Option<&SaleTerms>,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        let currency = self.offer.ok_or(Refusal::UnknownProduct)?.price.currency;
        if terms.price.currency != currency {
            return Err(Refusal::OtherCurrency { currency });
        }
        if terms.ends_at < terms.opens_at {
            return Err(Refusal::EndsBeforeOpening);
        }
        let closed_at = before.unwrap_or(terms).ends_at;
        if now >= closed_at {
            return Err(Refusal::Closed { closed_at });
        }
        if let Some(before) = before {
            if terms.edition <= before.edition {
                return Err(Refusal::OtherVersion);
            }
            let moved = terms.opens_at != before.opens_at || terms.price != before.price;
            if before.opens_at <= now && moved {
                return Err(Refusal::SaleRunning);
            }
        } else if self.is_full(now) {
            return Err(Refusal::Full { table: "sales" });
        }
        let mut others = self.sales.iter().map(|sale| &sale.terms).filter(|other| {
            other.sale != terms.sale
                && now < other.ends_at
                && now < terms.ends_at
                && terms.opens_at < other.ends_at
                && other.opens_at < terms.ends_at
        });
        if let Some(other) = others.next() {
            return Err(Refusal::SaleOverlaps { sale: other.sale });
        }
        let taken = self.taken(terms.sale, now);
        if terms.units < taken {
            return Err(Refusal::BelowTaken { taken });
        }
        let available = before.map_or(0, |before| before.units) + self.ordinary(now);
        if terms.units > available {
            return Err(Refusal::Insufficient { available });
        }
        Ok(())
    }

    fn is_full(&self, now: Timestamp) -> bool {
        let to_come = self.sales.iter().filter(|sale| now < sale.terms.ends_at).count();
        let kept = self.sales.len() >= MOST_KEPT && self.forgettable(now).is_none();
        to_come >= MOST_TO_COME || kept
    }

    /// The sale that ended first and of which nothing is held.
    fn forgettable(&self, now: Timestamp) -> Option<SaleId> {
        let over = self.sales.iter().map(|sale| &sale.terms).filter(|terms| now >= terms.ends_at);
        let over = over.filter(|terms| self.written_under(terms.sale, None).1 == 0);
        over.min_by_key(|terms| (terms.ends_at, terms.sale)).map(|terms| terms.sale)
    }

    fn make_room(&mut self, now: Timestamp) {
        if self.sales.len() >= MOST_KEPT
            && let Some(forgotten) = self.forgettable(now)
        {
            self.sales.retain(|known| known.terms.sale != forgotten);
        }
    }

    /// Sales that are over at `now`.
    pub(super) fn over_at(&self, now: Timestamp) -> Vec<SaleId> {
        let over = self.sales.iter().filter(|sale| !sale.closed && now >= sale.terms.ends_at);
        over.map(|sale| sale.terms.sale).collect()
    }

    /// Something is written down: what was over before is closed with it.
    pub(super) fn close(&mut self, over: &[SaleId]) {
        for known in self.sales.iter_mut().filter(|known| over.contains(&known.terms.sale)) {
            known.closed = true;
        }
    }

    /// What a look-up names the sale of a line by.
    pub(super) fn number(line: &Line, remembers: &impl Remembers) -> Option<std::num::NonZeroU8> {
        line.sale.and_then(|sale| remembers.number_of(sale))
    }
}

/// What somebody who waited is told at their turn.
pub(super) fn turned_down(refusal: Refusal) -> TurnRefusal {
    match refusal {
        Refusal::SoldOut => TurnRefusal::SoldOut,
        Refusal::Closed { closed_at } => TurnRefusal::Closed { closed_at },
        Refusal::NotOpen { opens_at } => TurnRefusal::NotOpen { opens_at },
        Refusal::UnknownSale => TurnRefusal::UnknownSale,
        Refusal::CustomerLimit { limit, owned } => TurnRefusal::CustomerLimit { limit, owned },
        Refusal::Insufficient { available } => TurnRefusal::Insufficient { available },
        other => panic!("no reason at a turn: {other:?}"),
    }
}
