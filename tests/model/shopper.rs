//! Shopper: random commands to one product, chosen so that the interesting ones are common.

use crate::chance::Chance;
use crate::ledger::Sale;
use crate::seller;
use lastunit::domain::{
    Action, Command, Currency, CustomerId, Fingerprint, HoldEnd, Line, Money, Offer, OrderId, Part,
    Payment, Priority, ProductId, Quantity, RequestKey, Retry, ReturnReason, SaleId, Timestamp,
};
use std::collections::VecDeque;

/// Orders and keys that are asked about again.
const RECENT: usize = 24;

/// Lines of orders that are asked about again.
const LINES: usize = 6;

/// What all commands of one product have in common.
pub struct Shopper {
    pub customers: Vec<CustomerId>,
    hold_ms_max: u64,
    orders: Vec<OrderId>,
    /// Of these, the newest that are lines of orders.
    lines: VecDeque<OrderId>,
    keyed: Vec<Command>,
}

impl Shopper {
    pub fn new(chance: &mut Chance) -> Self {
        let count = chance.between(1, 9);
        let customers = (0..count).map(|number| CustomerId::new(&format!("customer {number}")));
        Self {
            customers: customers.collect::<Result<_, _>>().expect("customers"),
            hold_ms_max: chance.pick(&[5, 50, 500]),
            orders: Vec::new(),
            lines: VecDeque::new(),
            keyed: Vec::new(),
        }
    }

    pub fn create(chance: &mut Chance, now: Timestamp) -> Action {
        let soon = now.as_millis() + chance.below(300);
        let later = soon + chance.below(3_000);
        let offer = Offer {
            price: Money { amount: chance.below(1_000), currency: Currency::NONE },
            limit_per_customer: chance.one_in(2).then(|| narrow(chance.pick(&[0, 1, 2, 3, 5, 20]))),
            opens_at: chance.one_in(4).then(|| Timestamp::from_millis(soon)),
            closes_at: chance.one_in(8).then(|| Timestamp::from_millis(later)),
        };
        let units = chance.pick(&[0, 1, 3, 10, 40, 1_000, 1_000_000_000, 1_000_000_001]);
        Action::Create { offer, units, entry: Box::default() }
    }

    /// The next command: new, or one that was sent before.
    pub fn command(&mut self, chance: &mut Chance, now: Timestamp, sales: &[Sale]) -> Command {
        if !self.keyed.is_empty() && chance.one_in(12) {
            return self.again(chance);
        }
        let action = self.action(chance, now, sales);
        if !chance.one_in(3) {
            return Command::plain(action);
        }
        let key = RequestKey(chance.bytes());
        let fingerprint = Fingerprint(chance.below(3));
        let command = Command { retry: Some(Retry { key, fingerprint }), action };
        remember(&mut self.keyed, command.clone(), chance);
        command
    }

    /// A retry: the same key and request under a newly drawn order id; or, of a careless caller,
    /// another request under the same key.
    fn again(&mut self, chance: &mut Chance) -> Command {
        let index = index_below(self.keyed.len(), chance);
        let mut command = self.keyed[index].clone();
        if let Action::Purchase { order, .. }
        | Action::Hold { order, .. }
        | Action::Queue { order, .. } = &mut command.action
        {
            *order = OrderId(chance.bytes());
            remember(&mut self.orders, *order, chance);
        }
        if let Some(retry) = command.retry.as_mut().filter(|_| chance.one_in(8)) {
            retry.fingerprint.0 += 7;
        }
        command
    }

    fn action(&mut self, chance: &mut Chance, now: Timestamp, sales: &[Sale]) -> Action {
        let hold_ms = chance.between(0, self.hold_ms_max);
        let sale = wanted(chance, sales);
        match chance.below(108) {
            0..6 => {
                let (customer, quantity) = (self.customer(chance), quantity(chance));
                let priority = chance.pick(&[Priority::Normal, Priority::Normal, Priority::Vip]);
                Action::Queue { order: self.new_order(chance), customer, quantity, priority, sale }
            }
            6 => Action::LookUpQueued { order: self.order(chance) },
            7..9 => Action::TakeTurn,
            9 if chance.one_in(4) => Action::Pace { per_second: chance.pick(&[None, Some(7)]) },
            9..22 => {
                let (customer, quantity) = (self.customer(chance), quantity(chance));
                Action::Purchase { order: self.new_order(chance), customer, quantity, sale }
            }
            22..50 => {
                let (customer, quantity) = (self.customer(chance), quantity(chance));
                let part = if chance.one_in(2) { Some(part(chance)) } else { None };
                // A line may be held again; it is looked into elsewhere whether anybody would.
                let again = part.is_some() && chance.one_in(4);
                let order = if again { self.line(chance) } else { self.new_order(chance) };
                if part.is_some() && !again {
                    self.lines.truncate(LINES - 1);
                    self.lines.push_front(order);
                }
                Action::Hold { order, customer, quantity, hold_ms, sale, part }
            }
            50..58 => Action::Confirm { order: self.order(chance) },
            58..64 => Action::Release { order: self.order(chance) },
            64..70 => {
                let extensions_max = chance.pick(&[0, 1, 2, 3, 255]);
                Action::Extend { order: self.order(chance), hold_ms, extensions_max }
            }
            70..77 => Action::Place {
                order: self.line(chance),
                lines: (0..chance.between(1, 3)).map(|_| line(chance)).collect(),
                pay_ms: hold_ms,
                payment: Box::new(Payment { method: "simulated".into(), token: "tok_ok".into() }),
            },
            77..84 => {
                let ends = [HoldEnd::Confirmed, HoldEnd::Released, HoldEnd::Expired];
                Action::Settle {
                    order: self.line(chance),
                    end: chance.pick(&ends),
                    held_until: None,
                }
            }
            84..88 => Action::Return {
                order: self.order(chance),
                // Somebody else's, unless it was sold (see there).
                customer: CustomerId::new("stranger").expect("a customer"),
                quantity: quantity(chance),
                reason: chance.pick(&[ReturnReason::Cancelled, ReturnReason::Refunded]),
                sale: None,
            },
            88..91 => Action::Expire { order: self.order(chance) },
            91..94 => Action::LookUp { order: self.order(chance) },
            94..99 => Action::Adjust { delta: delta(chance), reason: "counted".into() },
            99 => Self::create(chance, now),
            _ => seller::action(&self.customers, chance, now, sales),
        }
    }

    fn customer(&self, chance: &mut Chance) -> CustomerId {
        self.customers[index_below(self.customers.len(), chance)].clone()
    }

    fn new_order(&mut self, chance: &mut Chance) -> OrderId {
        let order = OrderId(chance.bytes());
        remember(&mut self.orders, order, chance);
        order
    }

    /// A line of an order, mostly.
    fn line(&self, chance: &mut Chance) -> OrderId {
        if self.lines.is_empty() || chance.one_in(10) {
            return self.order(chance);
        }
        self.lines[index_below(self.lines.len(), chance)]
    }

    fn order(&self, chance: &mut Chance) -> OrderId {
        if self.orders.is_empty() || chance.one_in(50) {
            return OrderId(chance.bytes());
        }
        self.orders[index_below(self.orders.len(), chance)]
    }
}

fn remember<T>(all: &mut Vec<T>, one: T, chance: &mut Chance) {
    if all.len() < RECENT {
        all.push(one);
    } else {
        let index = index_below(RECENT, chance);
        all[index] = one;
    }
}

/// Mostly whatever runs; else one of the newest sales, or one that never was.
fn wanted(chance: &mut Chance, sales: &[Sale]) -> Option<SaleId> {
    if !chance.one_in(5) {
        return None;
    }
    let newest = chance.between(1, 4);
    let known = sales.iter().rev().map(|sale| sale.terms.sale).take(index(newest)).next_back();
    known.filter(|_| !chance.one_in(20)).or(SaleId::new(1_000_000))
}

fn quantity(chance: &mut Chance) -> Quantity {
    let units = match chance.below(20) {
        0..12 => 1,
        12..19 => chance.between(1, 4),
        _ => chance.between(1, 1_000),
    };
    Quantity::new(narrow(units)).expect("a quantity")
}

fn part(chance: &mut Chance) -> Part {
    if chance.one_in(3) {
        return Part::Follower { lead: ProductId::new(chance.between(1, 6)).expect("an id") };
    }
    Part::new_lead()
}

fn line(chance: &mut Chance) -> Line {
    Line {
        product: ProductId::new(chance.between(7, 9)).expect("an id"),
        quantity: quantity(chance),
        unit_price: chance.below(1_000),
        sale: None,
    }
}

fn delta(chance: &mut Chance) -> i64 {
    match chance.below(24) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => -1_000_000_000,
        3 => 1_000_000_000,
        _ => chance.below(9).cast_signed() - 4,
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).expect("a small number")
}

pub fn index_below(end: usize, chance: &mut Chance) -> usize {
    index(chance.below(end as u64))
}

fn index(number: u64) -> usize {
    usize::try_from(number).expect("an index")
}
