//! Decide, for sales themselves: setting one up, changing it and dropping it. What is bought under one
//! is decided in [`super::decide`].
//!
//! What must never happen: a unit that is set aside twice, or set aside and sold to somebody else.

use super::decide::{Decision, LAPSED, Verdict, orders_of, units_of};
use super::{
    Answer, CustomerId, Event, Outcome, Product, Refusal, Retry, SaleId, SalePart, SaleShown,
    SaleTerms, Timestamp,
};

impl Product {
    /// A new part of a sale, or all terms of one that is there.
    pub(super) fn decide_sale_terms(
        &self,
        terms: &SaleTerms,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        let part = self.sales.get(terms.sale);
        if part.is_some_and(|part| part.terms == *terms) {
            let (sale, edition) = (terms.sale, terms.edition);
            return self.said(Answer::SaleSet { sale, edition }, now);
        }
        if let Some(refusal) = self.terms_refused(terms, part, now) {
            return refusal.into();
        }
        if let Some(part) = part.filter(|part| terms.units < part.taken) {
            return self.decide_fewer(terms, part, now, retry);
        }
        // What is free for this sale: its own units, and those that are set aside for none.
        let left = part.map_or(0, SalePart::left);
        let taken = part.map_or(0, |part| part.taken);
        let wanted = terms.units.saturating_sub(taken);
        let free = left + self.ordinary(now);
        let (lapsed, complete) = self.lapsed_needed(None, wanted.saturating_sub(free), None, now);
        let free = free + units_of(lapsed.iter().filter(|(_, hold)| self.is_ordinary(hold, now)));
        let verdict = if wanted > free && !complete {
            Err(Refusal::Full { table: LAPSED })
        } else if wanted > free {
            Err(Refusal::Insufficient { available: taken + free })
        } else if retry.is_some() && self.memory.is_full_at(now) {
            Err(Refusal::Full { table: "keys" })
        } else {
            Ok(Verdict::Record(Event::SaleSet { terms: Box::new(terms.clone()), retry }))
        };
        Decision { lapsed: orders_of(&lapsed), verdict }
    }

    /// Fewer units than were taken: holds that have run out do not count.
    fn decide_fewer(
        &self,
        terms: &SaleTerms,
        part: &SalePart,
        now: Timestamp,
        retry: Option<Retry>,
    ) -> Decision {
        let above = part.taken - terms.units;
        let (lapsed, complete) = self.lapsed_behind(None, above, None, Some(part), now);
        let counted = lapsed.iter().filter(|(_, hold)| self.is_of(hold, Some(part), now));
        let taken = part.taken - units_of(counted);
        let verdict = if taken > terms.units && !complete {
            Err(Refusal::Full { table: LAPSED })
        } else if taken > terms.units {
            Err(Refusal::BelowTaken { taken })
        } else if retry.is_some() && self.memory.is_full_at(now) {
            Err(Refusal::Full { table: "keys" })
        } else {
            Ok(Verdict::Record(Event::SaleSet { terms: Box::new(terms.clone()), retry }))
        };
        Decision { lapsed: orders_of(&lapsed), verdict }
    }

    /// What speaks against these terms, the number of units apart.
    fn terms_refused(
        &self,
        terms: &SaleTerms,
        part: Option<&SalePart>,
        now: Timestamp,
    ) -> Option<Refusal> {
        let over = |terms: &SaleTerms| Refusal::Closed { closed_at: terms.ends_at };
        if terms.price.currency != self.currency() {
            return Some(Refusal::OtherCurrency { currency: self.currency() });
        }
        // At the very moment of its opening is an end too: of what is given up before it sells.
        if terms.ends_at < terms.opens_at {
            return Some(Refusal::EndsBeforeOpening);
        }
        if let Some(part) = part {
            if part.terms.is_over(now) {
                return Some(over(&part.terms));
            }
            if terms.edition <= part.terms.edition {
                return Some(Refusal::OtherVersion);
            }
            // Whoever sees the price of an open sale pays it.
            let stays = terms.opens_at == part.terms.opens_at && terms.price == part.terms.price;
            if part.terms.is_running(now) && !stays {
                return Some(Refusal::SaleRunning);
            }
        } else {
            if terms.is_over(now) {
                return Some(over(terms));
            }
            if self.sales.is_full(now) {
                return Some(Refusal::Full { table: "sales" });
            }
        }
        let overlapping = self.sales.overlapping(terms, now).filter(|_| !terms.is_over(now));
        overlapping.map(|sale| Refusal::SaleOverlaps { sale })
    }

    /// A sale that has not begun, or that is over and sold nothing. With `undo` also one that runs and
    /// has sold nothing yet: its creation did not come to its end.
    pub(super) fn decide_drop(&self, sale: SaleId, undo: bool, now: Timestamp) -> Decision {
        if !self.is_created() {
            return Refusal::UnknownProduct.into();
        }
        match self.sales.get(sale) {
            None => Refusal::UnknownSale.into(),
            Some(part) if part.terms.is_running(now) && !undo => Refusal::SaleRunning.into(),
            Some(part) if part.taken > part.held => Refusal::SaleHasSales.into(),
            Some(part) if part.held > 0 => self.decide_drop_of_held(part, now),
            Some(_) => Event::SaleDropped { sale }.into(),
        }
    }

    /// What the product still knows is dropped by its own rules.
    pub(super) fn decide_forget(&self, sale: SaleId, now: Timestamp) -> Decision {
        if self.is_created() && self.sales.get(sale).is_none() {
            return Event::SaleDropped { sale }.into();
        }
        self.decide_drop(sale, false, now)
    }

    /// Nothing was sold under it, but held: what has run out does not count.
    fn decide_drop_of_held(&self, part: &SalePart, now: Timestamp) -> Decision {
        let (lapsed, complete) = self.lapsed_behind(None, part.held, None, Some(part), now);
        let counted = lapsed.iter().filter(|(_, hold)| self.is_of(hold, Some(part), now));
        let verdict = if part.held == units_of(counted) {
            Ok(Verdict::Record(Event::SaleDropped { sale: part.terms.sale }))
        } else if complete {
            Err(Refusal::SaleHasSales)
        } else {
            Err(Refusal::Full { table: LAPSED })
        };
        Decision { lapsed: orders_of(&lapsed), verdict }
    }

    pub(super) fn look_up_sale(
        &self,
        sale: SaleId,
        customer: Option<&CustomerId>,
        now: Timestamp,
    ) -> Decision {
        let Some(part) = self.sales.get(sale) else {
            let created = self.is_created();
            return if created { Refusal::UnknownSale } else { Refusal::UnknownProduct }.into();
        };
        let SalePart { terms, taken, held, customers, .. } = part;
        let owned = customer.map_or(0, |customer| customers.owned(customer).total());
        let shown = SaleShown { terms: terms.clone(), taken: *taken, held: *held, owned };
        self.said(Answer::SaleShown(Box::new(shown)), now)
    }

    pub(super) fn said(&self, answer: Answer, now: Timestamp) -> Decision {
        let outcome = Outcome { answer, at: now, currency: self.currency(), replayed: false };
        Decision { lapsed: Vec::new(), verdict: Ok(Verdict::Replay(outcome)) }
    }
}
