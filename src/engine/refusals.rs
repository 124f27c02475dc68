//! Refusals of sales, counted where they are answered: an atomic each, no lock while one sale runs.
//!
//! Whoever writes them down takes them every few seconds ([`super::Engine::take_refusals`]); what was
//! not taken is forgotten with the process. They are numbers for people: no rule rests on them.

use crate::domain::{Action, Command, Refusal, SaleId, SaleView, Timestamp, View};
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// The reasons that are counted.
const REASONS: [&str; 7] = [
    "sold-out",
    "insufficient-stock",
    "customer-limit-reached",
    "sale-not-open",
    "sale-paused",
    "sale-ended",
    "overloaded",
];

const fn index(refusal: Refusal) -> Option<usize> {
    match refusal {
        Refusal::SoldOut => Some(0),
        Refusal::Insufficient { .. } => Some(1),
        Refusal::CustomerLimit { .. } => Some(2),
        Refusal::NotOpen { .. } => Some(3),
        Refusal::SalePaused => Some(4),
        Refusal::Closed { .. } => Some(5),
        Refusal::Full { .. } => Some(6),
        _ => None,
    }
}

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// Neither buys nor holds.
    Nothing,
    /// Under whatever sells.
    Any,
    /// Under this sale or not at all.
    Under(SaleId),
}

pub(super) const fn wanted(command: &Command) -> Wanted {
    match &command.action {
        Action::Purchase { sale, .. } | Action::Hold { sale, .. } | Action::Queue { sale, .. } => {
            match sale {
                Some(sale) => Wanted::Under(*sale),
                None => Wanted::Any,
            }
        }
        _ => Wanted::Nothing,
    }
}

/// The sale that a refusal counts for: the one that was asked for, or else the one that is open at `now`; one
/// that is not open yet only counts who came too early.
pub(super) fn sale_of(
    wanted: Wanted,
    view: &View,
    refusal: Refusal,
    now: Timestamp,
) -> Option<SaleId> {
    let counts = |sale: &SaleView| match wanted {
        Wanted::Nothing => false,
        Wanted::Any => {
            now < sale.ends_at
                && (sale.opens_at <= now || matches!(refusal, Refusal::NotOpen { .. }))
        }
        Wanted::Under(wanted) => sale.sale == wanted,
    };
    match wanted {
        // A rule has looked whether there is such a sale; where none has, nobody may have made it up.
        Wanted::Under(sale) if !matches!(refusal, Refusal::Full { .. }) => Some(sale),
        _ => view.sale.filter(counts).map(|sale| sale.sale),
    }
}

type Counts = [u64; REASONS.len()];

/// The counts of one product, for the sale that is refused now and for those before.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    /// 0 for none.
    sale: AtomicU64,
    counts: [AtomicU64; REASONS.len()],
    /// Not taken yet, one entry for each sale.
    before: Mutex<Vec<(SaleId, Counts)>>,
}

/// Most sales of a product that are counted between two times of taking; beyond, counts are forgotten.
const BEFORE_MAX: usize = 64;

impl Refusals {
    pub(super) fn count(&self, sale: SaleId, refusal: Refusal) {
        let Some(reason) = index(refusal) else { return };
        if self.sale.load(Ordering::Acquire) != sale.get() {
            self.turn_to(sale.get());
        }
        self.counts[reason].fetch_add(1, Ordering::Relaxed);
    }

    fn turn_to(&self, sale: u64) {
        let mut before = self.before.lock();
        let last = self.sale.swap(sale, Ordering::AcqRel);
        let counts = self.counts.each_ref().map(|count| count.swap(0, Ordering::Relaxed));
        let Some(last) = SaleId::new(last) else { return };
        if let Some((_, known)) = before.iter_mut().find(|(sale, _)| *sale == last) {
            known.iter_mut().zip(counts).for_each(|(known, count)| *known += count);
        } else if before.len() < BEFORE_MAX {
            before.push((last, counts));
        }
    }

    pub(super) fn take(&self) -> Vec<(SaleId, &'static str, u64)> {
        let sale = self.sale.load(Ordering::Acquire);
        if sale == 0 {
            return Vec::new();
        }
        self.turn_to(sale);
        let taken = std::mem::take(&mut *self.before.lock()).into_iter();
        let each = taken.flat_map(|(sale, counts)| {
            REASONS.into_iter().zip(counts).map(move |(reason, count)| (sale, reason, count))
        });
        each.filter(|(.., count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once_and_by_sale() {
        let sale = |number| SaleId::new(number).expect("a sale");
        let refusals = Refusals::default();
        assert!(refusals.take().is_empty());
        for number in [1, 1, 2, 1] {
            refusals.count(sale(number), Refusal::SoldOut);
        }
        refusals.count(sale(1), Refusal::SalePaused);
        refusals.count(sale(1), Refusal::UnknownProduct);
        let taken = refusals.take();
        let sold_out = "sold-out";
        assert_eq!(
            taken,
            [(sale(1), sold_out, 3), (sale(1), "sale-paused", 1), (sale(2), sold_out, 1),]
        );
        assert!(refusals.take().is_empty());
    }
}
