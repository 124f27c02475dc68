//! Rules: what every change makes of a cart. Pure; the stores do the same in SQL and in scripts, and
//! their tests compare them with this.

use crate::domain::{Money, ProductId, Quantity, Timestamp};

/// Most different products in one cart.
pub const LINES_MAX: usize = 100;

const HOUR_MS: u64 = 60 * 60 * 1_000;
const DAY_MS: u64 = 24 * HOUR_MS;

/// One product in a cart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub product: ProductId,
    pub quantity: Quantity,
    /// The price when the product came into the cart: what the caller has seen.
    pub added_price: Money,
    pub added_at: Timestamp,
}

/// The cart has no room for another product.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a cart has room for {LINES_MAX} different products")]
pub struct CartFull;

/// What one caller means to buy: at most [`LINES_MAX`] lines of different products.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cart {
    lines: Vec<Line>,
}

impl Cart {
    /// A cart of these lines, which are of different products; the first added comes first.
    #[must_use]
    pub fn new(mut lines: Vec<Line>) -> Self {
        lines.sort_unstable_by_key(|line| (line.added_at, line.product));
        Self { lines }
    }

    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Sets the quantity of one product. A product that is there already keeps its price and its
    /// place. Gives the line as it is now.
    ///
    /// # Errors
    /// [`CartFull`] for one product more than there is room for.
    pub fn put(&mut self, line: Line) -> Result<Line, CartFull> {
        if let Some(there) = self.lines.iter_mut().find(|there| there.product == line.product) {
            there.quantity = line.quantity;
            return Ok(*there);
        }
        if self.lines.len() >= LINES_MAX {
            return Err(CartFull);
        }
        self.lines.push(line);
        *self = Self::new(std::mem::take(&mut self.lines));
        Ok(line)
    }

    /// Takes these products out, each only if it still has that quantity, or any when none is said.
    /// Gives how many lines went.
    pub fn remove(&mut self, products: &[(ProductId, Option<Quantity>)]) -> usize {
        let before = self.lines.len();
        self.lines.retain(|line| {
            !products.iter().any(|(product, quantity)| {
                *product == line.product && quantity.is_none_or(|only| only == line.quantity)
            })
        });
        before - self.lines.len()
    }

    /// Takes everything out. Gives how many lines went.
    pub fn clear(&mut self) -> usize {
        std::mem::take(&mut self.lines).len()
    }

    /// The lines that this cart is to get from another one of the same caller: products it has not,
    /// as far as there is room, and products of which the other one has more.
    #[must_use]
    pub fn wanted_from(&self, other: &Self) -> Vec<Line> {
        let mut merged = self.clone();
        let more = |line: &Line| {
            let there = self.lines.iter().find(|there| there.product == line.product);
            there.is_none_or(|there| there.quantity < line.quantity)
        };
        let wanted = other.lines.iter().filter(|line| more(line));
        wanted.filter(|line| merged.put(**line).is_ok()).copied().collect()
    }
}

/// How long a cart is kept after its last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    days: u64,
}

impl Lifetime {
    #[must_use]
    pub const fn days(days: u64) -> Self {
        Self { days }
    }

    /// When a cart that changes now runs out: at the next full hour after its days, so that few of
    /// its changes have to write the time again.
    #[must_use]
    pub const fn expires_at(self, now: Timestamp) -> Timestamp {
        let end = now.as_millis().saturating_add(self.days.saturating_mul(DAY_MS));
        Timestamp::from_millis(end.div_ceil(HOUR_MS).saturating_mul(HOUR_MS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Currency;

    fn product(id: u64) -> ProductId {
        ProductId::new(id).unwrap()
    }

    fn line(id: u64, quantity: u32, amount: u64, added_at: u64) -> Line {
        Line {
            product: product(id),
            quantity: Quantity::new(quantity).unwrap(),
            added_price: Money { amount, currency: Currency::new("USD").unwrap() },
            added_at: Timestamp::from_millis(added_at),
        }
    }

    #[test]
    fn a_product_keeps_the_price_and_the_place_it_came_with() {
        let mut cart = Cart::default();
        assert_eq!(cart.put(line(7, 1, 500, 10)), Ok(line(7, 1, 500, 10)));
        assert_eq!(cart.put(line(3, 1, 100, 20)), Ok(line(3, 1, 100, 20)));
        assert_eq!(cart.put(line(7, 4, 999, 30)), Ok(line(7, 4, 500, 10)));
        assert_eq!(cart.lines(), [line(7, 4, 500, 10), line(3, 1, 100, 20)]);
    }

    #[test]
    fn a_full_cart_takes_other_quantities_and_no_other_products() {
        let mut cart = Cart::default();
        for id in 1..=LINES_MAX as u64 {
            assert!(cart.put(line(id, 1, 1, id)).is_ok());
        }
        assert_eq!(cart.put(line(1_000, 1, 1, 1_000)), Err(CartFull));
        assert!(cart.put(line(5, 9, 1, 1_000)).is_ok());
        assert_eq!(cart.remove(&[(product(5), None)]), 1);
        assert!(cart.put(line(1_000, 1, 1, 1_000)).is_ok());
        assert_eq!(cart.clear(), LINES_MAX);
        assert_eq!(cart, Cart::default());
    }

    #[test]
    fn what_changed_meanwhile_stays() {
        let mut cart = Cart::new(vec![line(1, 1, 1, 1), line(2, 2, 1, 1), line(3, 3, 1, 1)]);
        let bought = |id, quantity| (product(id), Quantity::new(quantity).ok());
        assert_eq!(cart.remove(&[bought(1, 1), bought(2, 1), bought(9, 1)]), 1);
        assert_eq!(cart.lines(), [line(2, 2, 1, 1), line(3, 3, 1, 1)]);
    }

    #[test]
    fn a_merge_loses_nothing_and_stops_when_full() {
        let mine = Cart::new(vec![line(1, 5, 1, 1), line(2, 1, 1, 1)]);
        let other = Cart::new(vec![line(1, 4, 9, 2), line(2, 3, 9, 2), line(3, 1, 9, 2)]);
        assert_eq!(mine.wanted_from(&other), [line(2, 3, 9, 2), line(3, 1, 9, 2)]);
        let full = Cart::new((1..=LINES_MAX as u64).map(|id| line(id + 10, 1, 1, id)).collect());
        assert_eq!(full.wanted_from(&other), []);
    }

    #[test]
    fn a_cart_runs_out_at_the_hour_after_its_days() {
        let week = Lifetime::days(7);
        assert_eq!(week.expires_at(Timestamp::from_millis(0)).as_millis(), 7 * DAY_MS);
        assert_eq!(week.expires_at(Timestamp::from_millis(1)).as_millis(), 7 * DAY_MS + HOUR_MS);
        assert_eq!(week.expires_at(Timestamp::MAX), Timestamp::MAX);
    }
}
