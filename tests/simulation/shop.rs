//! The shop: what the customers know and still want. It outlives every crash, like people do.

use super::chance::Chance;
use super::orders::{Cart, Known};
use super::sales_of_many::Ask;
use super::world::World;
use lastunit::domain::{
    Action, Command, CustomerId, Fingerprint, OrderId, Priority, ProductId, Quantity, RequestKey,
    Retry,
};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// Distinct customers; few, so that limits matter.
pub const CUSTOMERS: u64 = 12;

/// A wish: kept under its number until it has a definite answer.
#[derive(Debug, Clone)]
pub struct Wish {
    pub number: u64,
    pub product: ProductId,
    pub command: Command,
}

/// What one step of a shopper is.
#[derive(Debug, Clone)]
pub enum Step {
    Ask(Wish),
    /// Very many ask for the same at the same time.
    Rush(Vec<Wish>),
    View(ProductId),
    /// Several products at once; sometimes twice, as by a nervous finger.
    CheckOut {
        cart: Cart,
        twice: bool,
    },
    Pay(Known),
    GiveUp(Known),
    /// The provider says that it has the money, whatever it said before.
    Notice(Known),
    /// The work that a late payment leaves.
    TakeLate(OrderId),
    /// About a sale over several products.
    SaleOfMany(Ask),
    Create {
        units: u64,
    },
}

/// Everything the customers remember.
pub struct Shop {
    pub products: Vec<ProductId>,
    /// Holds that were acknowledged and are not known to have ended.
    pub holds: Vec<(ProductId, OrderId)>,
    /// Wishes with an idempotency key whose outcome is not known.
    pub open: BTreeMap<u64, Wish>,
    /// Carts with an idempotency key whose order is not known.
    pub carts: BTreeMap<u64, Cart>,
    /// Orders over several products that were answered.
    pub known: Vec<Known>,
    /// Orders of which it was said that they were not placed.
    pub never_placed: HashSet<OrderId>,
    /// Purchases that were accepted, to be decided later.
    pub accepted: Vec<(ProductId, OrderId)>,
    /// Who ordered what is not known to be placed, and how it is paid.
    pub attempts: BTreeMap<OrderId, (CustomerId, &'static str)>,
    /// Orders whose payment was acknowledged to the provider.
    pub paid: BTreeSet<OrderId>,
    /// Late payments that are being worked on.
    pub taking: BTreeSet<OrderId>,
    /// Orders that were answered with success.
    pub acknowledged: Vec<OrderId>,
    /// Orders of which it was said that nothing was decided.
    pub never: HashSet<OrderId>,
    /// Sales that were ever wished for.
    pub sales: u64,
    commands_left: u64,
    wishes: u64,
}

impl Shop {
    pub fn new(commands: u64) -> Self {
        Self {
            products: Vec::new(),
            holds: Vec::new(),
            open: BTreeMap::new(),
            carts: BTreeMap::new(),
            known: Vec::new(),
            never_placed: HashSet::new(),
            accepted: Vec::new(),
            attempts: BTreeMap::new(),
            paid: BTreeSet::new(),
            taking: BTreeSet::new(),
            acknowledged: Vec::new(),
            never: HashSet::new(),
            sales: 0,
            commands_left: commands,
            wishes: 0,
        }
    }
}

/// The same command with an order id of its own: ids are drawn for each attempt, as at the edge of
/// the real server. A known key gives the first id back all the same.
pub fn with_new_order(command: &Command, chance: &mut Chance) -> Command {
    let mut command = command.clone();
    if let Action::Purchase { order, .. }
    | Action::Hold { order, .. }
    | Action::Queue { order, .. } = &mut command.action
    {
        *order = OrderId(chance.bytes());
    }
    command
}

/// The order a command would open.
pub const fn new_order(command: &Command) -> Option<OrderId> {
    match &command.action {
        Action::Purchase { order, .. }
        | Action::Hold { order, .. }
        | Action::Queue { order, .. } => Some(*order),
        _ => None,
    }
}

impl World {
    /// What a shopper does next; `None` when the day is over.
    pub fn next_step(&mut self) -> Option<Step> {
        self.shop.commands_left = self.shop.commands_left.checked_sub(1)?;
        let step = match self.chance.below(100) {
            0 => Step::Create { units: self.chance.below(20) },
            1..14 => Step::View(self.chance.pick(&self.shop.products)),
            _ if self.chance.happens(self.weather.rushes) => {
                let (product, action) = self.draw_action();
                let crowd = self.chance.between((500, 800));
                Step::Rush((0..crowd).map(|_| self.wish(product, action.clone())).collect())
            }
            _ if self.chance.happens(self.weather.sales / 3) => {
                Step::SaleOfMany(self.ask_of_many())
            }
            20..45 => self.order_step(),
            14..20 if !self.shop.open.is_empty() => Step::Ask(self.open_wish()),
            _ => {
                let (product, action) = self.draw_action();
                Step::Ask(self.wish(product, action))
            }
        };
        Some(step)
    }

    /// An open wish once more; sometimes its key is used for another request by mistake.
    fn open_wish(&mut self) -> Wish {
        let numbers: Vec<u64> = self.shop.open.keys().copied().collect();
        let wish = self.shop.open[&self.chance.pick(&numbers)].clone();
        if !self.chance.happens(50) {
            return wish;
        }
        let key = wish.command.retry.map(|retry| retry.key);
        let mut other = self.wish(wish.product, wish.command.action);
        let fingerprint = Fingerprint(other.number);
        other.command.retry = key.map(|key| Retry { key, fingerprint });
        self.shop.open.remove(&other.number);
        other
    }

    /// The number of a new wish or cart.
    pub const fn next_number(&mut self) -> u64 {
        self.shop.wishes += 1;
        self.shop.wishes
    }

    /// A new wish, mostly with a key.
    pub fn wish(&mut self, product: ProductId, action: Action) -> Wish {
        let number = self.next_number();
        let remembered = !matches!(
            action,
            Action::LookUp { .. }
                | Action::LookUpQueued { .. }
                | Action::LookUpSale { .. }
                | Action::DropSale { .. }
                | Action::ForgetSale { .. }
                | Action::Pace { .. }
        );
        let keyed = self.chance.happens(700) && remembered;
        let key = RequestKey(self.chance.bytes());
        let retry = keyed.then_some(Retry { key, fingerprint: Fingerprint(number) });
        Wish { number, product, command: Command { retry, action } }
    }

    fn draw_action(&mut self) -> (ProductId, Action) {
        let product = self.chance.pick(&self.shop.products);
        let order = OrderId([0; 16]);
        let customer = customer(self.chance.below(CUSTOMERS));
        let quantity = Quantity::from_journal(self.chance.pick(&[1, 1, 1, 1, 2, 3]));
        let hold_ms = self.chance.between(self.weather.hold);
        let sells = self.weather.sales;
        if self.chance.happens(sells) {
            return (product, self.sale_action(product));
        }
        let sale = self.wanted_sale(product);
        let draw = self.chance.below(100);
        if draw < 12 {
            let priority = self.chance.pick(&[Priority::Normal, Priority::Normal, Priority::Vip]);
            return (product, Action::Queue { order, customer, quantity, priority, sale });
        }
        if draw < 16 && !self.shop.accepted.is_empty() {
            let (product, order) = self.chance.pick(&self.shop.accepted);
            return (product, Action::LookUpQueued { order });
        }
        if draw == 16 {
            let per_second = self.chance.pick(&[None, Some(10), Some(500)]);
            return (product, Action::Pace { per_second });
        }
        if draw < 45 || (draw >= 70 && self.shop.holds.is_empty()) {
            return (product, Action::Purchase { order, customer, quantity, sale });
        }
        if draw < 70 {
            return (
                product,
                Action::Hold { order, customer, quantity, hold_ms, sale, part: None },
            );
        }
        if draw < 76 {
            let delta = self.chance.pick(&[-3, -1, 1, 2, 5]);
            return (product, Action::Adjust { delta, reason: "counted again".into() });
        }
        let (product, order) = self.chance.pick(&self.shop.holds);
        let action = match draw {
            ..86 => Action::Confirm { order },
            86..91 => Action::Release { order },
            91..95 => Action::Extend { order, hold_ms, extensions_max: 2 },
            _ => Action::LookUp { order },
        };
        (product, action)
    }
}

/// The customer of a number.
pub fn customer(number: u64) -> CustomerId {
    CustomerId::new(&format!("customer {number}")).expect("a valid customer")
}
