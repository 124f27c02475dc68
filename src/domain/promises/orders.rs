//! Promise 5: an order over several products is all or nothing.
//!
//! [`Orders`] collects what became of each order's lines, from the facts of all products, and
//! [`all_or_nothing`] judges one order. It holds at every moment the journal can be read at, also
//! between two crashes: what the lead has decided, the other lines may not have done yet, but never
//! done otherwise.
//!
//! Facts of one product must come in their order; products may come in any, as an audit reads them.

use super::{Broken, broken};
use crate::domain::{Event, HoldEnd, Line, OrderId, Part, ProductId};
use std::collections::{BTreeMap, HashMap};

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Held {
    units: u32,
    /// `None` for the lead itself.
    lead: Option<ProductId>,
    /// `None` while it is held.
    end: Option<HoldEnd>,
}

/// One order, as the facts of all its products show it.
#[derive(Debug, Clone, Default)]
pub struct WholeOrder {
    held: BTreeMap<ProductId, Held>,
    /// What the lead knows; empty before the order is placed.
    placed: Box<[Line]>,
    /// Placed, and its lead not held anew since.
    stands: bool,
    paid_late: bool,
    refund_owed: bool,
}

impl WholeOrder {
    fn leading(&self) -> Option<(ProductId, Held)> {
        let mut leads = self.held.iter().filter(|(_, held)| held.lead.is_none());
        leads.next().map(|(product, held)| (*product, *held))
    }

    /// The product that decides; `None` where it was never held.
    #[must_use]
    pub fn lead(&self) -> Option<ProductId> {
        self.leading().map(|(product, _)| product)
    }

    /// Whether a line still waits for what becomes of the order.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.held.values().any(|held| held.end.is_none())
    }

    /// How the lead ended; `None` while it is held.
    #[must_use]
    pub fn end(&self) -> Option<HoldEnd> {
        self.leading().and_then(|(_, lead)| lead.end)
    }

    /// The lines the order was placed with; none before.
    #[must_use]
    pub fn lines(&self) -> &[Line] {
        &self.placed
    }

    /// Whether nothing of it ended otherwise than by its time.
    #[must_use]
    pub fn ran_out(&self) -> bool {
        self.held.values().all(|held| matches!(held.end, None | Some(HoldEnd::Expired)))
    }

    /// Whether it was paid when it was over.
    #[must_use]
    pub const fn is_paid_late(&self) -> bool {
        self.paid_late
    }

    /// Whether what was paid late goes back.
    #[must_use]
    pub const fn is_refund_owed(&self) -> bool {
        self.refund_owed
    }

    fn missing_line(&self, lead: ProductId) -> Option<ProductId> {
        let is_there = |line: &&Line| {
            let behind = if line.product == lead { None } else { Some(lead) };
            self.held
                .get(&line.product)
                .is_some_and(|held| held.units == line.quantity.get() && held.lead == behind)
        };
        self.placed.iter().find(|line| !is_there(line)).map(|line| line.product)
    }
}

/// Promise 5: of a placed order every line is held, or was; a line goes no other way than its lead,
/// and none is sold whose lead is not.
///
/// # Errors
/// Names the order and the line that stands alone.
pub fn all_or_nothing(order: OrderId, whole: &WholeOrder) -> Result<(), Broken> {
    let alone = |product: ProductId, what: String| {
        broken("all or nothing", format!("order {order:?}, product {product}: {what}"))
    };
    let sold = |held: &Held| held.end == Some(HoldEnd::Confirmed);
    let Some((lead_product, lead)) = whole.leading() else {
        return match whole.held.iter().find(|(_, held)| sold(held)) {
            Some((product, _)) => alone(*product, "sold without any lead".into()),
            None => Ok(()),
        };
    };
    // An order that ran out is held again line by line; it is bound together once more when it is
    // placed or sold.
    let bound = whole.stands || sold(&lead);
    if whole.refund_owed && whole.held.values().any(sold) {
        return alone(lead_product, "sold, and its money goes back".into());
    }
    if sold(&lead) && whole.placed.is_empty() {
        return alone(lead_product, "sold but never placed".into());
    }
    if let Some(product) = whole.missing_line(lead_product) {
        return alone(
            product,
            format!("a line of a placed order that {lead_product} leads, and not held for it"),
        );
    }
    for (product, held) in &whole.held {
        if held.lead.is_some_and(|lead| lead != lead_product) {
            return alone(*product, format!("led by {:?}, not by {lead_product}", held.lead));
        }
        if sold(held) && !sold(&lead) {
            return alone(*product, format!("sold, but its lead {lead_product} is {:?}", lead.end));
        }
        if bound && held.end.is_some() && held.end != lead.end {
            let ends = format!("{:?}, but its lead {lead_product} is {:?}", held.end, lead.end);
            return alone(*product, ends);
        }
    }
    Ok(())
}

/// All orders that were checked out; purchases and reservations of their own are none.
#[derive(Debug, Default)]
pub struct Orders {
    whole: HashMap<OrderId, WholeOrder>,
}

impl Orders {
    /// Takes the next fact of a product. Gives the order that it changed, if any.
    pub fn push(&mut self, product: ProductId, event: &Event) -> Option<OrderId> {
        match event {
            Event::Held { order, quantity, part: Some(part), .. } => {
                let lead = match &**part {
                    Part::Lead { .. } => None,
                    Part::Follower { lead } => Some(*lead),
                };
                let whole = self.whole.entry(*order).or_default();
                whole.stands &= lead.is_some();
                whole.held.insert(product, Held { units: quantity.get(), lead, end: None });
                Some(*order)
            }
            Event::Placed { order, lines, .. } => {
                let whole = self.whole.entry(*order).or_default();
                whole.placed.clone_from(lines);
                whole.stands = true;
                Some(*order)
            }
            Event::Ended { order, end, .. } => {
                let whole = self.whole.get_mut(order)?;
                whole.held.get_mut(&product)?.end = Some(*end);
                Some(*order)
            }
            Event::PaidLate { order, .. } => {
                self.whole.entry(*order).or_default().paid_late = true;
                Some(*order)
            }
            Event::RefundOwed { order, .. } => {
                let whole = self.whole.entry(*order).or_default();
                whole.refund_owed = true;
                // It ran out, and is released now: its lines may have gone either way.
                whole.stands = false;
                if let Some(lead) = whole.held.get_mut(&product) {
                    lead.end = Some(HoldEnd::Released);
                }
                Some(*order)
            }
            _ => None,
        }
    }

    /// Judges one order.
    ///
    /// # Errors
    /// See [`all_or_nothing`].
    pub fn check(&self, order: OrderId) -> Result<(), Broken> {
        self.whole.get(&order).map_or(Ok(()), |whole| all_or_nothing(order, whole))
    }

    #[must_use]
    pub fn get(&self, order: &OrderId) -> Option<&WholeOrder> {
        self.whole.get(order)
    }

    pub fn iter(&self) -> impl Iterator<Item = (&OrderId, &WholeOrder)> {
        self.whole.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{CustomerId, Payment, Quantity, Timestamp};

    const ORDER: OrderId = OrderId([7; 16]);

    fn product(number: u64) -> ProductId {
        ProductId::new(number).expect("a product id")
    }

    fn held(lead: Option<u64>) -> Event {
        let part = match lead {
            None => Part::new_lead(),
            Some(lead) => Part::Follower { lead: product(lead) },
        };
        Event::Held {
            order: ORDER,
            customer: CustomerId::from_journal("ann"),
            quantity: Quantity::from_journal(2),
            unit_price: 5,
            expires_at: Timestamp::from_millis(9),
            sale: None,
            part: Some(Box::new(part)),
            retry: None,
        }
    }

    fn placed(products: &[u64]) -> Event {
        let line = |number: &u64| Line {
            product: product(*number),
            quantity: Quantity::from_journal(2),
            unit_price: 5,
            sale: None,
        };
        let payment = Box::new(Payment { method: "simulated".into(), token: "".into() });
        let lines = products.iter().map(line).collect();
        Event::Placed {
            order: ORDER,
            lines,
            expires_at: Timestamp::from_millis(9),
            payment,
            retry: None,
        }
    }

    const fn ended(end: HoldEnd) -> Event {
        Event::Ended { order: ORDER, end, retry: None }
    }

    fn judge(facts: &[(u64, Event)]) -> Result<(), String> {
        let mut orders = Orders::default();
        for (number, event) in facts {
            assert_eq!(orders.push(product(*number), event), Some(ORDER));
        }
        orders.check(ORDER).map_err(|broken| broken.to_string())
    }

    #[test]
    fn whole_orders_are_well_at_every_step() {
        use HoldEnd::{Confirmed, Expired, Released};
        for end in [Confirmed, Released, Expired] {
            let steps = [
                (1, held(None)),
                (2, held(Some(1))),
                (1, placed(&[1, 2])),
                (1, ended(end)),
                (2, ended(end)),
            ];
            for count in 0..=steps.len() {
                assert_eq!(judge(&steps[..count]), Ok(()), "{count} steps to {end:?}");
            }
        }
        // Broken off: the lead runs out, what was told goes back before.
        let broken_off =
            [(1, held(None)), (2, held(Some(1))), (2, ended(Released)), (1, ended(Expired))];
        assert_eq!(judge(&broken_off), Ok(()));
        // Ran out, and is paid all the same: it is held and placed again.
        let late = [
            (1, held(None)),
            (2, held(Some(1))),
            (1, placed(&[1, 2])),
            (1, ended(Expired)),
            (2, ended(Expired)),
            (1, held(None)),
            (2, held(Some(1))),
            (1, placed(&[1, 2])),
            (1, ended(Confirmed)),
        ];
        for count in 0..=late.len() {
            assert_eq!(judge(&late[..count]), Ok(()), "{count} steps");
        }
    }

    #[test]
    fn half_orders_are_found() {
        use HoldEnd::{Confirmed, Expired, Released};
        let whole = [(1, held(None)), (2, held(Some(1))), (1, placed(&[1, 2]))];
        let after = |facts: &[(u64, Event)]| judge(&[&whole[..], facts].concat());
        for (facts, found) in [
            (&[(2, ended(Confirmed))][..], "sold, but its lead 1 is None"),
            (&[(1, ended(Released)), (2, ended(Confirmed))], "sold, but its lead 1 is Some(Rel"),
            (&[(1, ended(Confirmed)), (2, ended(Released))], "Some(Released), but its lead 1"),
            (&[(1, ended(Confirmed)), (2, ended(Expired))], "Some(Expired), but its lead 1"),
            (&[(2, ended(Released))], "Some(Released), but its lead 1 is None"),
            (&[(1, placed(&[1, 2, 3]))], "product 3: a line of a placed order"),
        ] {
            let said = after(facts).expect_err("half an order");
            assert!(said.contains(found), "{said}");
        }
        let late =
            [(1, ended(Expired)), (2, ended(Expired)), (1, held(None)), (1, ended(Confirmed))];
        let said = after(&late).expect_err("half an order, held again");
        assert!(said.contains("Some(Expired), but its lead 1"), "{said}");
        let said = judge(&[(1, held(None)), (1, ended(Confirmed))]).expect_err("not placed");
        assert!(said.contains("never placed"), "{said}");
        let said = judge(&[(2, held(Some(1))), (2, ended(Confirmed))]).expect_err("no lead");
        assert!(said.contains("without any lead"), "{said}");
    }
}
