//! Statement: the little language of the tables, and the clerk who checks each row.
//!
//! ```text
//!   time | command | outcome | available/held/sold
//! ```
//!
//! `queue` accepts a purchase that waits, `turn` decides the one at the head, `where` looks one up.
//! Times are milliseconds, or sums such as `24h+1`. Orders, customers and keys are single words; a
//! key is written `key name#fingerprint`. `wake 100 until 200` is a restart with a grace.

use lastunit::domain::promises::{self, History};
use lastunit::domain::{
    Action, Answer, Change, Command, Currency, CustomerId, Decision, Event, Fingerprint, Grace,
    HoldEnd, Line, Money, Offer, OrderId, Outcome, Part, Payment, Priority, Product, ProductId,
    Quantity, Refusal, RequestKey, Retry, ReturnReason, Timestamp, TurnRefusal, Verdict,
};
use lastunit::journal::snapshot;
use std::fmt::Write as _;

/// What every unit costs in these tables.
const PRICE: u64 = 500;

/// Runs one table; panics with the statement as it really went if a row differs.
#[track_caller]
pub fn check(table: &str) {
    let mut clerk = Clerk::default();
    let mut went = String::new();
    let mut differs = false;
    for row in table.lines().map(str::trim).filter(|row| !row.is_empty() && !row.starts_with('#')) {
        let columns: Vec<_> = row.split('|').map(str::trim).collect();
        let [at, asked, answer, stock] = columns[..] else { panic!("not four columns: {row}") };
        let real_answer = clerk.take(asked, time(at));
        let real_stock = clerk.stock();
        let same = answer == real_answer && stock == real_stock;
        differs |= !same;
        let mark = if same { "  " } else { "! " };
        let _ = writeln!(went, "{mark}{at} | {asked} | {real_answer} | {real_stock}");
        if !same {
            let _ = writeln!(went, "    the table says: {answer} | {stock}");
        }
    }
    clerk.close();
    assert!(!differs, "rows marked with ! went another way:\n\n{went}");
}

/// One product under the rules, with everything that was ever decided.
#[derive(Default)]
pub struct Clerk {
    pub product: Product,
    facts: Vec<(Event, Timestamp)>,
    history: History,
}

impl Clerk {
    /// Does what a row asks and says what was answered.
    pub fn take(&mut self, asked: &str, now: Timestamp) -> String {
        let words = Words(asked.split_whitespace().collect());
        if words.0[0] == "wake" {
            self.come_back();
            let until = time(words.after("until").expect("wake needs until"));
            self.product.set_grace(Grace { from: time(words.0[1]), until });
            return String::from("awake");
        }
        let command = words.command();
        let decision = self.product.decide(&command, now);
        self.view_agrees(&command, &decision, now);
        let mut said = String::new();
        for order in &decision.lapsed {
            let _ = write!(said, "{} expired; ", name(order.0));
            self.record(Event::Ended { order: *order, end: HoldEnd::Expired, retry: None }, now);
        }
        match decision.verdict {
            Err(refusal) => said.push_str(&refused(refusal)),
            Ok(Verdict::Replay(outcome)) => said.push_str(&answered(&outcome)),
            Ok(Verdict::Record(event)) => {
                let outcome = self.record(event, now);
                assert!(!outcome.replayed && outcome.at == now, "{outcome:?}");
                said.push_str(&answered(&outcome));
            }
        }
        said
    }

    /// Applies a fact and checks every promise.
    fn record(&mut self, event: Event, now: Timestamp) -> Outcome {
        let outcome = self.product.apply(&event, now);
        self.history.push(self.product.revision(), &event, now).unwrap();
        promises::exact_sale_in_full(&self.product).unwrap();
        promises::limits_kept(&self.product).unwrap();
        self.facts.push((event, now));
        outcome
    }

    pub fn stock(&self) -> String {
        let stock = self.product.stock();
        format!("{}/{}/{}", stock.available, stock.held, stock.sold)
    }

    /// The short way to a refusal must say what the rules say, and only that.
    fn view_agrees(&self, command: &Command, decision: &Decision, now: Timestamp) {
        let sale = matches!(
            command.action,
            Action::Purchase { .. } | Action::Hold { .. } | Action::Queue { .. }
        );
        let known =
            command.retry.is_some_and(|retry| self.product.memory().get(&retry.key).is_some());
        let Some(view) = self.product.view().filter(|_| sale && !known) else { return };
        let to_all = match decision.verdict {
            Err(
                refusal @ (Refusal::Inactive
                | Refusal::NotOpen { .. }
                | Refusal::Closed { .. }
                | Refusal::SoldOut),
            ) => Some(refusal),
            _ => None,
        };
        assert_eq!(
            view.closed_to_all(None, now),
            to_all,
            "the view against {command:?} at {now:?}"
        );
    }

    /// A restart: the state from its snapshot.
    fn come_back(&mut self) {
        self.product = snapshot::decode(&snapshot::encode(&self.product)).unwrap();
        promises::exact_sale_in_full(&self.product).unwrap();
    }

    /// At the end: the state must come back from its facts and from its snapshot.
    pub fn close(&mut self) {
        let mut replayed = Product::default();
        for (event, at) in &self.facts {
            replayed.apply(event, *at);
        }
        let kept = self.product.clone();
        self.come_back();
        assert_eq!(self.product, replayed, "snapshot and replay");
        assert_eq!(self.product.view(), replayed.view());
        assert_eq!(kept.entries(), replayed.entries());
        assert_eq!(kept.changed_at(), replayed.changed_at());
    }
}

/// The words of a command.
struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn after(&self, word: &str) -> Option<&'a str> {
        let place = self.0.iter().position(|candidate| *candidate == word)?;
        self.0.get(place + 1).copied()
    }

    fn time_after(&self, word: &str) -> Option<Timestamp> {
        self.after(word).map(time)
    }

    fn command(&self) -> Command {
        let retry = self.after("key").map(|key| {
            let (key, fingerprint) = key.split_once('#').expect("a key is name#fingerprint");
            let fingerprint = Fingerprint(fingerprint.parse().expect("a fingerprint"));
            Retry { key: RequestKey(id(key)), fingerprint }
        });
        Command { retry, action: self.action() }
    }

    fn action(&self) -> Action {
        match self.0[0] {
            "create" => Action::Create {
                offer: self.offer(),
                units: self.0[1].parse().expect("units"),
                entry: Box::default(),
            },
            "adjust" => Action::Adjust {
                delta: self.0[1].parse().expect("a delta"),
                reason: "counted".into(),
            },
            "change" => Action::Change {
                change: Box::new(self.change()),
                expected: self.after("expected").map(|edition| edition.parse().expect("a number")),
            },
            "turn" => Action::TakeTurn,
            "pace" => Action::Pace { per_second: self.0[1].parse().ok() },
            verb => self.action_on(verb, OrderId(id(self.0[1]))),
        }
    }

    fn action_on(&self, verb: &str, order: OrderId) -> Action {
        let customer = || CustomerId::new(self.0[2]).expect("a customer");
        let quantity = || Quantity::new(self.0[3].parse().expect("a number")).expect("a quantity");
        let hold_ms = || self.time_after("for").expect("for").as_millis();
        match verb {
            "buy" => {
                Action::Purchase { order, customer: customer(), quantity: quantity(), sale: None }
            }
            "queue" => Action::Queue {
                order,
                customer: customer(),
                quantity: quantity(),
                priority: if self.0.contains(&"vip") { Priority::Vip } else { Priority::Normal },
                sale: None,
            },
            "where" => Action::LookUpQueued { order },
            "hold" => Action::Hold {
                order,
                customer: customer(),
                quantity: quantity(),
                hold_ms: hold_ms(),
                sale: None,
                part: self.part(),
            },
            "place" => Action::Place {
                order,
                lines: [1, 7].map(line).into(),
                pay_ms: hold_ms(),
                payment: Box::new(Payment { method: "simulated".into(), token: "tok_ok".into() }),
            },
            "settle" => Action::Settle {
                order,
                end: match self.0[2] {
                    "confirmed" => HoldEnd::Confirmed,
                    "released" => HoldEnd::Released,
                    "expired" => HoldEnd::Expired,
                    other => panic!("no such end: {other}"),
                },
                held_until: self.time_after("until"),
            },
            "late" => Action::PayLate { order, amount: 5 },
            "owe" => Action::OweRefund { order, amount: 5 },
            "return" => Action::Return {
                order,
                customer: customer(),
                quantity: quantity(),
                reason: ReturnReason::Cancelled,
                sale: None,
            },
            "confirm" => Action::Confirm { order },
            "release" => Action::Release { order },
            "extend" => Action::Extend {
                order,
                hold_ms: hold_ms(),
                extensions_max: self.after("max").expect("max").parse().expect("a number"),
            },
            "expire" => Action::Expire { order },
            "show" => Action::LookUp { order },
            other => panic!("no such command: {other}"),
        }
    }

    /// `off`, `on`, `name cup`, `price 700`, `price 700 in USD`.
    fn change(&self) -> Change {
        let active = match self.0.get(1) {
            Some(&"off") => Some(false),
            Some(&"on") => Some(true),
            _ => None,
        };
        let currency = Currency::new(self.after("in").unwrap_or("EUR")).expect("a currency");
        let amount = self.after("price").map(|amount| amount.parse().expect("an amount"));
        Change {
            active,
            name: self.after("name").map(Into::into),
            price: amount.map(|amount| Money { amount, currency }),
            ..Change::default()
        }
    }

    /// `lead` for the first line of an order, `behind 7` for one that follows product 7.
    fn part(&self) -> Option<Part> {
        if self.0.contains(&"lead") {
            return Some(Part::new_lead());
        }
        let lead = self.after("behind")?.parse().expect("a product");
        Some(Part::Follower { lead: ProductId::new(lead).expect("a product id") })
    }

    fn offer(&self) -> Offer {
        Offer {
            price: Money { amount: PRICE, currency: Currency::new("EUR").expect("a currency") },
            limit_per_customer: self.after("limit").map(|limit| limit.parse().expect("a limit")),
            opens_at: self.time_after("opens"),
            closes_at: self.time_after("closes"),
        }
    }
}

fn line(product: u64) -> Line {
    let product = ProductId::new(product).expect("a product id");
    Line { product, quantity: Quantity::new(1).expect("a quantity"), unit_price: PRICE, sale: None }
}

/// `90`, `24h`, `24h+1`, `last` (the largest time there is).
pub fn time(text: &str) -> Timestamp {
    if text == "last" {
        return Timestamp::MAX;
    }
    let millis = text.split('+').map(|part| match part.strip_suffix('h') {
        Some(hours) => hours.parse::<u64>().expect("hours") * 3_600_000,
        None => part.parse().expect("milliseconds"),
    });
    Timestamp::from_millis(millis.sum())
}

/// A word as 128 bits.
fn id(word: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..word.len()].copy_from_slice(word.as_bytes());
    bytes
}

fn name(bytes: [u8; 16]) -> String {
    String::from_utf8_lossy(&bytes).trim_end_matches('\0').to_string()
}

fn at(time: Timestamp) -> String {
    if time == Timestamp::MAX { String::from("last") } else { time.as_millis().to_string() }
}

fn answered(outcome: &Outcome) -> String {
    let again =
        if outcome.replayed { format!("as at {}: ", at(outcome.at)) } else { String::new() };
    let answer = match &outcome.answer {
        Answer::Created => String::from("created"),
        Answer::Purchased { order, quantity, unit_price, .. } => {
            assert_eq!(*unit_price, PRICE);
            format!("{} bought {quantity}", name(order.0))
        }
        Answer::Held { order, quantity, unit_price, expires_at, .. } => {
            assert_eq!(*unit_price, PRICE);
            format!("{} held {quantity} until {}", name(order.0), at(*expires_at))
        }
        Answer::Confirmed(sale) => {
            assert_eq!(sale.unit_price, PRICE);
            let (order, customer) = (name(sale.order.0), sale.customer.as_str());
            format!("{order} confirmed {} for {customer}", sale.quantity)
        }
        Answer::Released { order } => format!("{} released", name(order.0)),
        Answer::Extended { order, expires_at } => {
            format!("{} extended until {}", name(order.0), at(*expires_at))
        }
        Answer::Expired { order } => format!("{} expired", name(order.0)),
        Answer::Placed(placed) => {
            let (order, until) = (name(placed.order.0), at(placed.expires_at));
            format!("{order} placed with {} lines until {until}", placed.lines.len())
        }
        Answer::Queued { order, position } => format!("{} queued at {position}", name(order.0)),
        Answer::Refused { order, why: TurnRefusal::Full } => format!("{} failed", name(order.0)),
        Answer::Refused { order, why } => {
            format!("{} had its turn, {}", name(order.0), refused(why.refusal()))
        }
        Answer::Paced { per_second } => format!("paced at {per_second:?}"),
        Answer::InQueue(waiting) => {
            let (entry, position) = (&waiting.entry, waiting.position);
            let (customer, quantity) = (entry.customer.as_str(), entry.quantity.get());
            format!("{customer} waits at {position} for {quantity} since {}", at(entry.queued_at))
        }
        Answer::Settled { order, end } => format!("{} settled as {end:?}", name(order.0)),
        Answer::Returned { order, quantity } => format!("{} returned {quantity}", name(order.0)),
        Answer::Noted { order } => format!("{} noted", name(order.0)),
        Answer::Adjusted(stock) => {
            format!("adjusted to {} of {}", stock.available, stock.stocked)
        }
        Answer::Changed { edition } => format!("edition {edition}"),
        Answer::SaleSet { sale, edition } => format!("sale {sale} of edition {edition}"),
        Answer::SaleDropped { sale } => format!("sale {sale} dropped"),
        Answer::SaleShown(shown) => format!("sale {} has taken {}", shown.terms.sale, shown.taken),
        Answer::Shown(hold, _) => {
            let (until, extensions) = (at(hold.expires_at), hold.extensions);
            let (customer, quantity) = (hold.customer.as_str(), hold.quantity);
            format!("{customer} holds {quantity} until {until}, extended {extensions}")
        }
    };
    format!("{again}{answer}")
}

fn refused(refusal: Refusal) -> String {
    let why = match refusal {
        Refusal::KeyReused => String::from("key reused"),
        Refusal::UnknownProduct => String::from("unknown product"),
        Refusal::AlreadyCreated => String::from("already created"),
        Refusal::OtherVersion => String::from("another edition"),
        Refusal::OtherCurrency { currency } => format!("sold in {}", currency.as_str()),
        Refusal::Inactive => String::from("not sold"),
        Refusal::UnknownReservation => String::from("unknown reservation"),
        Refusal::NotQueued => String::from("does not wait"),
        Refusal::PartOfOrder => String::from("part of an order"),
        Refusal::ReturnedAlready => String::from("returned already"),
        Refusal::HoldOver(HoldEnd::Confirmed) => String::from("was confirmed"),
        Refusal::HoldOver(HoldEnd::Released) => String::from("was released"),
        Refusal::HoldOver(HoldEnd::Expired) => String::from("has expired"),
        Refusal::ExtensionsUsedUp { extensions_max } => format!("{extensions_max} extensions used"),
        Refusal::NotOpen { opens_at } => format!("opens at {}", at(opens_at)),
        Refusal::Closed { closed_at } => format!("closed at {}", at(closed_at)),
        Refusal::SoldOut => String::from("sold out"),
        Refusal::CustomerLimit { limit, owned } => format!("limit {limit}, has {owned}"),
        Refusal::Insufficient { available } => format!("only {available} left"),
        Refusal::AboveMaximum { stocked } => format!("above the maximum from {stocked}"),
        Refusal::UnknownSale => String::from("unknown sale"),
        Refusal::SaleRunning => String::from("the sale runs"),
        Refusal::SaleHasSales => String::from("the sale has sold"),
        Refusal::SaleOverlaps { sale } => format!("overlaps sale {sale}"),
        Refusal::BelowTaken { taken } => format!("below {taken} taken"),
        Refusal::EndsBeforeOpening => String::from("ends before it opens"),
        Refusal::SalePaused => String::from("paused"),
        Refusal::Full { table } => format!("{table} full"),
    };
    format!("no: {why}")
}
