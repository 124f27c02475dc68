//! Seller: random sales of one product, one after the other, and what becomes of them.

use crate::chance::Chance;
use crate::ledger::Sale;
use crate::shopper::index_below;
use lastunit::domain::{
    Action, Currency, CustomerId, Money, ProductId, SaleId, SaleTerms, Timestamp,
};

/// Of the known sales, so many of the newest are changed.
const CHANGED: usize = 4;

/// A new sale, a change of one, its end, or a look at it.
pub fn action(
    customers: &[CustomerId],
    chance: &mut Chance,
    now: Timestamp,
    sales: &[Sale],
) -> Action {
    let newest = &sales[sales.len().saturating_sub(CHANGED)..];
    let draw = chance.below(100);
    if newest.is_empty() || draw < 35 {
        return Action::SetSale { terms: Box::new(new_terms(chance, now, sales)) };
    }
    let terms = &newest[index_below(newest.len(), chance)].terms;
    match draw {
        ..75 => Action::SetSale { terms: Box::new(changed(terms, chance, now)) },
        75..80 => Action::SetSale { terms: Box::new(terms.clone()) },
        80..86 => Action::DropSale { sale: terms.sale, undo: chance.one_in(2) },
        86..88 => Action::ForgetSale { sale: terms.sale },
        _ => {
            let customer = customers[index_below(customers.len(), chance)].clone();
            Action::LookUpSale { sale: terms.sale, customer: Some(customer) }
        }
    }
}

/// Mostly behind the sale before, or right now; also such as nobody may set up.
fn new_terms(chance: &mut Chance, now: Timestamp, sales: &[Sale]) -> SaleTerms {
    // The number of one that was given up is drawn again.
    let number = sales.iter().map(|sale| sale.terms.sale.get()).max().unwrap_or(0) + 1;
    let last = sales.iter().map(|sale| sale.terms.ends_at).max();
    let soon = now.plus_millis(chance.pick(&[0, 0, 1, 10, 100]));
    let opens_at = last.filter(|_| chance.one_in(3)).unwrap_or(soon);
    let lasts = chance.pick(&[0, 1, 20, 100, 400, 1_500]);
    let too_early = Timestamp::from_millis(opens_at.as_millis() - 1);
    let inverted = chance.one_in(30);
    SaleTerms {
        sale: SaleId::new(number).expect("a sale"),
        name: "drop".into(),
        products: [ProductId::new(7).expect("an id")].into(),
        opens_at,
        ends_at: if inverted { too_early } else { opens_at.plus_millis(lasts) },
        paused: chance.one_in(12),
        sells_before: !chance.one_in(6),
        edition: 1,
        price: price(chance),
        limit_per_customer: limit(chance),
        units: chance.pick(&[0, 1, 2, 3, 5, 8, 20, 1_000_000_000]),
    }
}

/// A change of one thing; of a careless seller also of an edition that is not the newest.
fn changed(before: &SaleTerms, chance: &mut Chance, now: Timestamp) -> SaleTerms {
    let mut terms = before.clone();
    terms.edition += u64::from(!chance.one_in(20));
    match chance.below(10) {
        0..2 => terms.paused = !terms.paused,
        2 => terms.units += chance.between(1, 5),
        3 => terms.units = terms.units.saturating_sub(chance.between(1, 5)),
        4 => terms.price = price(chance),
        5 => terms.limit_per_customer = limit(chance),
        6 => terms.ends_at = terms.ends_at.plus_millis(chance.between(1, 100)),
        7 => terms.ends_at = now,
        8 => {
            let later = chance.below(50);
            terms.opens_at = terms.opens_at.plus_millis(later);
            terms.ends_at = terms.ends_at.plus_millis(later);
        }
        _ => terms.sells_before = !terms.sells_before,
    }
    terms
}

fn price(chance: &mut Chance) -> Money {
    let other = Currency::new("EUR").expect("a currency");
    let currency = if chance.one_in(40) { other } else { Currency::NONE };
    Money { amount: chance.below(1_000), currency }
}

fn limit(chance: &mut Chance) -> Option<u32> {
    chance.pick(&[None, None, Some(0), Some(1), Some(2), Some(5)])
}
