//! The ledger: what a test was told, kept apart from the server. From the answers alone it knows how
//! many units of each product must be sold, held and available, and what must be found again.

use crate::request::{Ask, Hold, Request};
use crate::support::Answer;
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};

/// Available, held, sold, stocked.
pub type Counts = (u64, u64, u64, u64);

/// What an answer means for the one who asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// It is done.
    Done,
    /// It is not done, and asking again is another question.
    Refused,
    /// The server cannot decide now, and says that nothing happened.
    Nothing,
    /// It may have happened or not: ask again with the same key.
    Unknown,
    /// An answer that should not be.
    Wrong,
}

/// A request that was answered with success, and the document of the answer.
#[derive(Debug, Clone)]
pub struct Done {
    pub request: Request,
    pub document: Value,
}

/// What was answered so far.
#[derive(Debug, Default)]
pub struct Ledger {
    stocked: BTreeMap<u64, i64>,
    limits: HashMap<u64, u64>,
    /// Everything that was answered with success, in the order of the answers.
    pub done: Vec<Done>,
    /// Requests whose outcome is not known yet.
    pub unanswered: Vec<Request>,
    open: HashMap<String, Hold>,
    /// Open holds that no request is about at the moment.
    idle: Vec<String>,
    sold: BTreeMap<u64, u64>,
    owned: HashMap<(u64, String), u64>,
    orders: HashMap<String, String>,
    /// How often each refusal was heard.
    pub refused: BTreeMap<String, u64>,
    /// What should not be.
    pub wrong: Vec<String>,
}

impl Ledger {
    pub fn add_product(&mut self, product: u64, stock: u64, limit: Option<u64>) {
        self.stocked.insert(product, i64::try_from(stock).expect("a small number"));
        if let Some(limit) = limit {
            self.limits.insert(product, limit);
        }
    }

    /// What the stock of a product must be, once every request has its answer.
    pub fn counts(&self, product: u64) -> Counts {
        let stocked = u64::try_from(self.stocked[&product]).expect("never below zero");
        let of_product = self.open.values().filter(|hold| hold.product == product);
        let held = of_product.map(|hold| hold.quantity).sum();
        let sold = self.sold.get(&product).copied().unwrap_or(0);
        let available = stocked.checked_sub(sold + held).expect("oversold");
        (available, held, sold, stocked)
    }

    /// Takes an open hold to be confirmed or released.
    pub fn take_hold(&mut self, index: u64) -> Option<Hold> {
        let count = self.idle.len() as u64;
        let place = index.checked_rem(count)?;
        let id = self.idle.swap_remove(usize::try_from(place).expect("an index"));
        self.open.get(&id).cloned()
    }

    /// A request got no answer at all.
    pub fn silent(&mut self, request: Request) {
        self.unanswered.push(request);
    }

    /// Nothing will be asked again: its hold is free for others.
    pub fn give_up(&mut self, request: &Request) {
        if let Ask::Confirm(hold) | Ask::Release(hold) = &request.ask {
            self.idle.push(hold.id.clone());
        }
    }

    /// Takes an answer in.
    pub fn hear(&mut self, request: &Request, answer: &Answer) -> Meaning {
        let meaning = meaning(request, answer);
        match meaning {
            Meaning::Done => self.note_done(request, &answer.body),
            Meaning::Refused | Meaning::Nothing | Meaning::Unknown => {
                *self.refused.entry(answer.code().to_owned()).or_default() += 1;
            }
            Meaning::Wrong => self.complain(request, answer, "nobody should hear this"),
        }
        meaning
    }

    pub fn complain(&mut self, request: &Request, answer: &Answer, what: &str) {
        let (status, text) = (answer.status, &answer.text);
        self.wrong.push(format!("{what}: {request:?} was answered {status} {text}"));
    }

    fn note_done(&mut self, request: &Request, document: &Value) {
        let fits = match &request.ask {
            Ask::Buy { product, quantity, customer } => {
                let id = text(document, "orderId");
                self.note_new(&id, &request.key);
                self.note_sold(*product, *quantity);
                self.note_owned(*product, customer, *quantity);
                describes(document, *product, *quantity, customer)
            }
            Ask::Hold { product, quantity, customer } => {
                let id = text(document, "reservationId");
                self.note_new(&id, &request.key);
                self.note_owned(*product, customer, *quantity);
                let (product, quantity, customer) = (*product, *quantity, customer.clone());
                let fits = describes(document, product, quantity, &customer);
                self.open.insert(id.clone(), Hold { id: id.clone(), product, quantity, customer });
                self.idle.push(id);
                fits
            }
            Ask::Confirm(hold) => {
                let was_open = self.open.remove(&hold.id).is_some();
                self.note_sold(hold.product, hold.quantity);
                let same = text(document, "orderId") == hold.id;
                was_open && same && describes(document, hold.product, hold.quantity, &hold.customer)
            }
            Ask::Release(hold) => {
                let was_open = self.open.remove(&hold.id).is_some();
                if let Some(owned) = self.owned.get_mut(&(hold.product, hold.customer.clone())) {
                    *owned -= hold.quantity;
                }
                was_open && text(document, "status") == "released"
            }
            Ask::Adjust { product, delta } => {
                *self.stocked.get_mut(product).expect("a known product") += delta;
                let count = |name: &str| document[name].as_u64().unwrap_or(u64::MAX / 4);
                count("available") + count("held") + count("sold") == count("stocked")
            }
        };
        if !fits {
            self.wrong.push(format!("{request:?} was answered with success: {document}"));
        }
        self.done.push(Done { request: request.clone(), document: document.clone() });
    }

    fn note_new(&mut self, id: &str, key: &str) {
        if let Some(other) = self.orders.insert(id.to_owned(), key.to_owned()) {
            self.wrong.push(format!("{id} is the order of key {other} and of key {key}"));
        }
    }

    fn note_sold(&mut self, product: u64, quantity: u64) {
        *self.sold.entry(product).or_default() += quantity;
    }

    fn note_owned(&mut self, product: u64, customer: &str, quantity: u64) {
        *self.owned.entry((product, customer.to_owned())).or_default() += quantity;
    }

    /// Customers who own more than they may, once every request has its answer.
    pub fn above_limit(&self) -> Vec<String> {
        let limit_of = |product: &u64| self.limits.get(product).copied().unwrap_or(u64::MAX);
        self.owned
            .iter()
            .filter(|((product, _), owned)| **owned > limit_of(product))
            .map(|((product, customer), owned)| format!("{customer}: {owned} of {product}"))
            .collect()
    }
}

fn meaning(request: &Request, answer: &Answer) -> Meaning {
    let buys = matches!(request.ask, Ask::Buy { .. } | Ask::Hold { .. });
    let adjusts = matches!(request.ask, Ask::Adjust { .. });
    match (answer.status, answer.code()) {
        (201, "") if buys => Meaning::Done,
        (200, "") if !buys => Meaning::Done,
        (409, "sold-out" | "customer-limit-reached") if buys => Meaning::Refused,
        (409, "insufficient-stock") if buys || adjusts => Meaning::Refused,
        (503, "outcome-unknown") => Meaning::Unknown,
        (503, "journal-unavailable" | "not-owner" | "overloaded") => Meaning::Nothing,
        _ => Meaning::Wrong,
    }
}

fn text(document: &Value, name: &str) -> String {
    document[name].as_str().unwrap_or_default().to_owned()
}

fn describes(document: &Value, product: u64, quantity: u64, customer: &str) -> bool {
    document["productId"] == product
        && document["quantity"] == quantity
        && document["customerId"] == customer
}
