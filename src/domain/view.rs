//! View: what may be told about a product without asking its actor.

use super::{Money, Offer, QueueView, Refusal, SaleId, SaleView, Stock, Timestamp};

/// A small copy of a product's state. The engine publishes one after each commit, so a view always
/// shows durable state and never something a crash could take back (promise 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    pub stock: Stock,
    pub offer: Offer,
    /// Whether it is sold.
    pub active: bool,
    /// Of what is said of it: see [`super::Product::edition`].
    pub edition: u64,
    /// When the newest fact was decided: for this product it is never earlier again.
    pub changed_at: Timestamp,
    /// Events of this product so far.
    pub revision: u64,
    /// When the earliest hold runs out; from then on `available` here may be too low.
    pub next_lapse: Option<Timestamp>,
    /// Idempotency keys remembered; while there are any, a keyed request must see the actor, for it
    /// may be a retry.
    pub keys: u64,
    pub queue: QueueView,
    /// The sale that runs, or comes next.
    pub sale: Option<SaleView>,
    /// The sale that ended last, and when.
    pub ended: Option<(SaleId, Timestamp)>,
    /// See [`SaleId`]: a sale whose bit is not among these is unknown to the product.
    pub sale_marks: u64,
    /// A sale comes, and the product is not sold before.
    pub blocked: bool,
    /// Units that only sales may sell.
    pub set_aside: u64,
}

/// At which terms a product is sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selling {
    pub price: Money,
    /// Units that are left at this price.
    pub available: u64,
    /// The sale whose terms these are.
    pub sale: Option<SaleId>,
}

impl View {
    /// What a buyer pays at `now`, and what is left for it: under the sale that runs, or that the
    /// product waits for, or else at the ordinary terms. Right also when a sale has opened or ended
    /// since this was seen.
    #[must_use]
    pub fn selling(&self, now: Timestamp) -> Selling {
        let now = now.max(self.changed_at);
        let (price, available) = (self.offer.price, self.ordinary());
        let ordinary = Selling { price, available, sale: None };
        match self.sale {
            None => ordinary,
            Some(sale) if now >= sale.ends_at => {
                Selling { available: available + sale.available(), ..ordinary }
            }
            Some(sale) if now < sale.opens_at && !self.blocked => ordinary,
            Some(sale) => {
                let (price, available) = (sale.price, sale.available());
                Selling { price, available, sale: Some(sale.sale) }
            }
        }
    }

    /// Units that are sold at the ordinary terms.
    #[must_use]
    pub const fn ordinary(&self) -> u64 {
        self.stock.available.saturating_sub(self.set_aside)
    }

    /// The refusal every purchase (also one that would wait) or hold without a known key would get now, whoever asks and for
    /// however many units, under the sale it asks for; `None` where the answer depends on more than
    /// this view, as it does when a sale has opened or ended since.
    ///
    /// The rules ([`super::Product::decide`]) run this same function, so the short way and the long
    /// way cannot disagree.
    #[must_use]
    pub fn closed_to_all(&self, wanted: Option<SaleId>, now: Timestamp) -> Option<Refusal> {
        if !self.active {
            return Some(Refusal::Inactive);
        }
        let now = now.max(self.changed_at);
        if let Some(refusal) = wanted.and_then(|wanted| self.closed_for(wanted, now)) {
            return Some(refusal);
        }
        let Some(sale) = self.sale else {
            return if wanted.is_some() { None } else { self.closed_ordinarily(now) };
        };
        if !sale.is_current(now) || wanted.is_some_and(|wanted| wanted != sale.sale) {
            return None;
        }
        if sale.is_open() {
            let empty = sale.available() == 0 && !self.has_lapsed(now);
            return if sale.paused {
                Some(Refusal::SalePaused)
            } else {
                empty.then_some(Refusal::SoldOut)
            };
        }
        let opens_at = sale.opens_at;
        if self.blocked || wanted.is_some() {
            return Some(Refusal::NotOpen { opens_at });
        }
        match self.closed_ordinarily(now)? {
            Refusal::NotOpen { opens_at: ordinarily } => {
                Some(Refusal::NotOpen { opens_at: opens_at.min(ordinarily) })
            }
            Refusal::SoldOut if self.set_aside == 0 => Some(Refusal::SoldOut),
            _ => Some(Refusal::NotOpen { opens_at }),
        }
    }

    /// A sale that is over, or that the product never had. A wrong answer cannot come of it: marks are
    /// only added to, and what is over stays so.
    fn closed_for(&self, wanted: SaleId, now: Timestamp) -> Option<Refusal> {
        if wanted.mark() & self.sale_marks == 0 {
            return Some(Refusal::UnknownSale);
        }
        let running = self.sale.map(|sale| (sale.sale, sale.ends_at));
        let over = |(sale, closed_at): (SaleId, Timestamp)| {
            (sale == wanted && now >= closed_at).then_some(Refusal::Closed { closed_at })
        };
        running.and_then(over).or_else(|| self.ended.and_then(over))
    }

    /// The same by the product's own offer.
    fn closed_ordinarily(&self, now: Timestamp) -> Option<Refusal> {
        if let Some(opens_at) = self.offer.opens_at.filter(|opens_at| now < *opens_at) {
            return Some(Refusal::NotOpen { opens_at });
        }
        if let Some(closed_at) = self.offer.closes_at.filter(|closes_at| now >= *closes_at) {
            return Some(Refusal::Closed { closed_at });
        }
        (self.ordinary() == 0 && !self.has_lapsed(now)).then_some(Refusal::SoldOut)
    }

    /// What is said when no unit is left, though holds had run out that were to be looked at first.
    pub(super) fn sold_out(&self) -> Refusal {
        match self.sale {
            Some(sale) if !sale.is_open() && self.set_aside > 0 => {
                Refusal::NotOpen { opens_at: sale.opens_at }
            }
            _ => Refusal::SoldOut,
        }
    }

    fn has_lapsed(&self, now: Timestamp) -> bool {
        self.next_lapse.is_some_and(|lapse| lapse <= now)
    }
}
