//! Sales of a product: when they sell, to whom, and whose units they keep.

use lastunit::domain::{
    Action, Answer, Command, Currency, CustomerId, Event, HoldEnd, Money, Offer, OrderId, Product,
    ProductId, Quantity, Refusal, SaleId, SaleState, SaleTerms, Timestamp, Verdict, promises,
};

const EUR: Currency = Currency::from_journal(*b"EUR");

fn at(millis: u64) -> Timestamp {
    Timestamp::from_millis(millis)
}

fn sale(number: u64) -> SaleId {
    SaleId::new(number).unwrap()
}

fn customer(name: &str) -> CustomerId {
    CustomerId::new(name).unwrap()
}

/// Sale 1 of some units from 1000 to 2000.
fn terms(units: u64) -> SaleTerms {
    SaleTerms {
        sale: sale(1),
        name: "drop".into(),
        products: [ProductId::new(7).unwrap()].into(),
        opens_at: at(1_000),
        ends_at: at(2_000),
        paused: false,
        sells_before: false,
        edition: 1,
        price: Money { amount: 80, currency: EUR },
        limit_per_customer: Some(2),
        units,
    }
}

/// One product under the rules; every state it comes to keeps the promises.
struct Shop {
    product: Product,
    orders: u8,
}

impl Shop {
    /// Of ten units at 100, one customer may have five.
    fn new() -> Self {
        let price = Money { amount: 100, currency: EUR };
        let limit_per_customer = Some(5);
        let offer = Offer { price, limit_per_customer, opens_at: None, closes_at: None };
        let mut product = Product::default();
        product.apply(&Event::Created { offer, units: 10, entry: Box::default() }, at(0));
        Self { product, orders: 0 }
    }

    fn with(terms: SaleTerms) -> Self {
        let mut shop = Self::new();
        shop.set(terms, 1).unwrap();
        shop
    }

    fn take(&mut self, action: Action, now: u64) -> Result<Answer, Refusal> {
        let command = Command::plain(action);
        let decision = self.product.decide(&command, at(now));
        for order in decision.lapsed {
            self.apply(&Event::Ended { order, end: HoldEnd::Expired, retry: None }, now);
        }
        match decision.verdict? {
            Verdict::Record(event) => Ok(self.apply(&event, now)),
            Verdict::Replay(outcome) => Ok(outcome.answer),
        }
    }

    fn apply(&mut self, event: &Event, now: u64) -> Answer {
        let answer = self.product.apply(event, at(now)).answer;
        promises::exact_sale_in_full(&self.product).unwrap();
        promises::limits_kept(&self.product).unwrap();
        let bytes = lastunit::journal::snapshot::encode(&self.product);
        assert_eq!(lastunit::journal::snapshot::decode(&bytes).as_ref(), Ok(&self.product));
        answer
    }

    fn set(&mut self, terms: SaleTerms, now: u64) -> Result<Answer, Refusal> {
        self.take(Action::SetSale { terms: Box::new(terms) }, now)
    }

    fn order(&mut self) -> OrderId {
        self.orders += 1;
        OrderId([self.orders; 16])
    }

    /// The price it was bought at. The short way must never say otherwise.
    fn buy(
        &mut self,
        name: &str,
        units: u32,
        sale: Option<SaleId>,
        now: u64,
    ) -> Result<u64, Refusal> {
        let order = self.order();
        self.buy_as(order, name, units, sale, now)
    }

    fn buy_as(
        &mut self,
        order: OrderId,
        name: &str,
        units: u32,
        sale: Option<SaleId>,
        now: u64,
    ) -> Result<u64, Refusal> {
        let quantity = Quantity::new(units).unwrap();
        let at_once = self.product.view().unwrap().closed_to_all(sale, at(now));
        let action = Action::Purchase { order, customer: customer(name), quantity, sale };
        let bought = self.take(action, now).map(|answer| match answer {
            Answer::Purchased { unit_price, .. } => unit_price,
            other => panic!("not a purchase: {other:?}"),
        });
        if let Some(refusal) = at_once {
            assert_eq!(bought, Err(refusal));
        }
        bought
    }

    fn hold(&mut self, name: &str, units: u32, now: u64) -> OrderId {
        let (order, customer) = (self.order(), customer(name));
        let quantity = Quantity::new(units).unwrap();
        let action =
            Action::Hold { order, customer, quantity, hold_ms: 100, sale: None, part: None };
        self.take(action, now).unwrap();
        order
    }
}

const NOT_OPEN: Refusal = Refusal::NotOpen { opens_at: Timestamp::from_millis(1_000) };
const ENDED: Refusal = Refusal::Closed { closed_at: Timestamp::from_millis(2_000) };

#[test]
fn it_opens_and_ends_to_the_millisecond() {
    let mut shop = Shop::with(terms(4));
    assert_eq!(shop.buy("ann", 1, None, 999), Err(NOT_OPEN));
    assert_eq!(shop.buy("ann", 1, Some(sale(1)), 999), Err(NOT_OPEN));
    assert_eq!(shop.buy("ann", 1, None, 1_000), Ok(80));
    assert_eq!(shop.buy("bob", 1, Some(sale(1)), 1_999), Ok(80));
    // What is left is ordinary stock, and costs what it costs.
    assert_eq!(shop.buy("cat", 1, Some(sale(1)), 2_000), Err(ENDED));
    assert_eq!(shop.buy("cat", 5, None, 2_000), Ok(100));
    assert_eq!(shop.product.ordinary(at(2_000)), 3);
}

#[test]
fn states_follow_from_the_time() {
    let mut paused = terms(1);
    paused.paused = true;
    for (now, running, halted) in [
        (0, SaleState::Scheduled, SaleState::Paused),
        (999, SaleState::Scheduled, SaleState::Paused),
        (1_000, SaleState::Open, SaleState::Paused),
        (1_999, SaleState::Open, SaleState::Paused),
        (2_000, SaleState::Ended, SaleState::Ended),
    ] {
        assert_eq!((terms(1).state(at(now)), paused.state(at(now))), (running, halted), "{now}");
    }
}

#[test]
fn before_it_opens_only_what_is_not_set_aside_is_sold() {
    let mut early = terms(4);
    early.sells_before = true;
    let mut shop = Shop::with(early);
    assert_eq!(shop.buy("ann", 5, None, 10), Ok(100));
    let available = Refusal::Insufficient { available: 1 };
    assert_eq!(shop.buy("bob", 2, None, 11), Err(available));
    assert_eq!(shop.buy("bob", 1, None, 12), Ok(100));
    // The rest waits for the opening.
    assert_eq!(shop.buy("bob", 1, None, 13), Err(NOT_OPEN));
    let less = Action::Adjust { delta: -1, reason: "lost".into() };
    assert_eq!(shop.take(less, 14), Err(Refusal::Insufficient { available: 0 }));
    assert_eq!(shop.buy("bob", 2, None, 1_000), Ok(80));
}

#[test]
fn a_sale_sells_its_own_units_only() {
    let mut shop = Shop::with(terms(3));
    assert_eq!(shop.buy("ann", 2, None, 1_000), Ok(80));
    let available = Refusal::Insufficient { available: 1 };
    assert_eq!(shop.buy("bob", 2, None, 1_001), Err(available));
    assert_eq!(shop.buy("bob", 1, None, 1_002), Ok(80));
    assert_eq!(shop.buy("cat", 1, None, 1_003), Err(Refusal::SoldOut));
    assert_eq!(shop.product.stock().available, 7);
}

#[test]
fn its_limit_counts_what_was_bought_in_it() {
    let mut early = terms(6);
    early.sells_before = true;
    let mut shop = Shop::with(early);
    assert_eq!(shop.buy("ann", 4, None, 10), Ok(100));
    let order = shop.hold("ann", 1, 1_000);
    let limit = |owned| Err(Refusal::CustomerLimit { limit: 2, owned });
    assert_eq!(shop.buy("ann", 2, None, 1_001), limit(1));
    assert_eq!(shop.buy("ann", 1, None, 1_002), Ok(80));
    assert_eq!(shop.buy("ann", 1, None, 1_003), limit(2));
    // The hold has run out, though nobody has recorded it.
    assert_eq!(shop.buy("ann", 1, None, 1_100), Ok(80));
    assert_eq!(shop.product.holds().end_of(&order), Some(HoldEnd::Expired));
}

#[test]
fn a_hold_gives_its_unit_back_to_its_sale() {
    let mut shop = Shop::with(terms(2));
    let first = shop.hold("ann", 2, 1_000);
    assert_eq!(shop.buy("bob", 1, None, 1_050), Err(Refusal::SoldOut));
    shop.take(Action::Release { order: first }, 1_060).unwrap();
    let second = shop.hold("bob", 1, 1_990);
    assert_eq!(shop.product.sales().get(sale(1)).map(|part| part.taken), Some(1));
    // It is confirmed when the sale is over, and stays what it was held as.
    shop.take(Action::Confirm { order: second }, 2_050).unwrap();
    assert_eq!(shop.product.sales().get(sale(1)).map(|part| (part.taken, part.held)), Some((1, 0)));
    assert_eq!(shop.product.ordinary(at(2_050)), 9);
}

#[test]
fn what_comes_back_goes_to_its_sale_while_there_is_one() {
    let back = |order, sale| Action::Return {
        order,
        customer: customer("ann"),
        quantity: Quantity::new(1).unwrap(),
        reason: lastunit::domain::ReturnReason::Cancelled,
        sale,
    };
    let mut shop = Shop::with(terms(1));
    assert_eq!(shop.buy("ann", 1, None, 1_000), Ok(80));
    let order = OrderId([shop.orders; 16]);
    assert_eq!(shop.buy("bob", 1, None, 1_001), Err(Refusal::SoldOut));
    shop.take(back(order, Some(sale(1))), 1_002).unwrap();
    assert_eq!(shop.buy("ann", 1, None, 1_003), Ok(80));
    let order = OrderId([shop.orders; 16]);
    shop.take(back(order, Some(sale(1))), 2_001).unwrap();
    assert_eq!(shop.product.ordinary(at(2_001)), 10);
}

#[test]
fn paused_it_refuses_and_its_queue_waits() {
    let mut shop = Shop::with(terms(3));
    let order = shop.order();
    let queue = Action::Queue {
        order,
        customer: customer("ann"),
        quantity: Quantity::new(1).unwrap(),
        priority: lastunit::domain::Priority::Normal,
        sale: Some(sale(1)),
    };
    shop.take(queue, 1_000).unwrap();
    let paused = SaleTerms { paused: true, edition: 2, ..terms(3) };
    shop.set(paused, 1_001).unwrap();
    assert_eq!(shop.buy("bob", 1, None, 1_002), Err(Refusal::SalePaused));
    assert_eq!(shop.take(Action::TakeTurn, 1_003), Err(Refusal::SalePaused));
    assert_eq!(shop.product.queue().len(), 1);
    shop.set(SaleTerms { edition: 3, ..terms(3) }, 1_004).unwrap();
    let sold = shop.take(Action::TakeTurn, 1_005);
    assert!(matches!(sold, Ok(Answer::Purchased { unit_price: 80, .. })), "{sold:?}");
}

#[test]
fn terms_that_do_not_fit_are_refused() {
    let mut shop = Shop::new();
    let refused = |shop: &mut Shop, terms, now| shop.set(terms, now).unwrap_err();
    assert_eq!(refused(&mut shop, terms(11), 1), Refusal::Insufficient { available: 10 });
    assert_eq!(refused(&mut shop, terms(1), 2_000), ENDED);
    let dollars = Money { amount: 1, currency: Currency::NONE };
    let currency = EUR;
    let other = SaleTerms { price: dollars, ..terms(1) };
    assert_eq!(refused(&mut shop, other, 1), Refusal::OtherCurrency { currency });
    shop.set(terms(6), 2).unwrap();
    let second = SaleTerms { sale: sale(2), ..terms(1) };
    for (opens_at, ends_at) in [(500, 1_001), (1_999, 3_000), (1_200, 1_300), (1, 9_000)] {
        let second = SaleTerms { opens_at: at(opens_at), ends_at: at(ends_at), ..second.clone() };
        assert_eq!(refused(&mut shop, second, 3), Refusal::SaleOverlaps { sale: sale(1) });
    }
    let inverted = SaleTerms { ends_at: at(999), edition: 2, ..terms(6) };
    assert_eq!(refused(&mut shop, inverted, 3), Refusal::EndsBeforeOpening);
    // Beside it, and only of what it has left.
    let beside = SaleTerms { opens_at: at(2_000), ends_at: at(3_000), units: 5, ..second };
    assert_eq!(refused(&mut shop, beside.clone(), 4), Refusal::Insufficient { available: 4 });
    shop.set(SaleTerms { units: 4, ..beside }, 5).unwrap();
    assert_eq!(shop.buy("ann", 1, Some(sale(9)), 6), Err(Refusal::UnknownSale));
}

#[test]
fn a_change_neither_loses_nor_duplicates_a_unit() {
    let mut shop = Shop::with(terms(6));
    let edition = |units, edition| SaleTerms { edition, ..terms(units) };
    assert_eq!(shop.buy("ann", 2, None, 1_000), Ok(80));
    assert_eq!(shop.buy("bob", 1, None, 1_001), Ok(80));
    assert_eq!(shop.set(edition(2, 2), 1_002), Err(Refusal::BelowTaken { taken: 3 }));
    assert_eq!(shop.set(edition(11, 2), 1_003), Err(Refusal::Insufficient { available: 10 }));
    assert_eq!(shop.set(edition(5, 1), 1_004), Err(Refusal::OtherVersion));
    let moved = SaleTerms { opens_at: at(1_500), ..edition(6, 2) };
    assert_eq!(shop.set(moved, 1_005), Err(Refusal::SaleRunning));
    // Whoever has seen the price pays it, also while it is paused.
    let price = Money { amount: 81, currency: EUR };
    let dearer = SaleTerms { price, paused: true, ..edition(6, 2) };
    assert_eq!(shop.set(dearer, 1_005), Err(Refusal::SaleRunning));
    shop.set(edition(3, 2), 1_006).unwrap();
    assert_eq!(shop.buy("cat", 1, None, 1_007), Err(Refusal::SoldOut));
    assert_eq!(shop.product.ordinary(at(1_007)), 7);
    shop.set(edition(10, 3), 1_008).unwrap();
    assert_eq!(shop.buy("cat", 2, None, 1_009), Ok(80));
    // It ends now: nobody buys under it any more, and nobody changes it.
    shop.set(SaleTerms { ends_at: at(1_010), ..edition(10, 4) }, 1_010).unwrap();
    assert_eq!(shop.buy("dan", 1, None, 1_010), Ok(100));
    let closed_at = at(1_010);
    assert_eq!(shop.set(edition(10, 5), 1_011), Err(Refusal::Closed { closed_at }));
    let drop = Action::DropSale { sale: sale(1), undo: false };
    assert_eq!(shop.take(drop, 1_012), Err(Refusal::SaleHasSales));
}

/// What is given up before it sells ends when it opens: it blocks nothing and keeps nothing.
#[test]
fn it_may_end_as_it_opens() {
    let mut shop = Shop::with(terms(6));
    let ends_at = at(1_000);
    shop.set(SaleTerms { ends_at, edition: 2, ..terms(6) }, 900).unwrap();
    assert_eq!(shop.buy("ann", 1, None, 999), Err(NOT_OPEN));
    assert_eq!(
        shop.buy("ann", 1, Some(sale(1)), 1_000),
        Err(Refusal::Closed { closed_at: ends_at })
    );
    assert_eq!(shop.buy("ann", 5, None, 1_000), Ok(100));
}

/// Whoever asks for a sale that is over, or that never was, needs no actor to hear it.
#[test]
fn sales_that_cannot_be_bought_in_are_refused_at_once() {
    let mut shop = Shop::with(terms(6));
    let before = shop.product.view_at(at(1_500)).unwrap();
    let after = shop.product.view_at(at(2_000)).unwrap();
    let unknown = (2..100)
        .map(sale)
        .find(|other| before.closed_to_all(Some(*other), at(1_500)) == Some(Refusal::UnknownSale));
    for view in [before, after] {
        assert_eq!(view.closed_to_all(Some(sale(1)), at(2_000)), Some(ENDED));
        assert_eq!(view.closed_to_all(unknown, at(2_000)), Some(Refusal::UnknownSale));
    }
    for number in 2..100 {
        assert_eq!(shop.buy("ann", 1, Some(sale(number)), 2_001), Err(Refusal::UnknownSale));
    }
    assert_eq!(shop.buy("ann", 1, Some(sale(1)), 2_002), Err(ENDED));
}

/// One look shows the right price and the right units before, in and after a sale.
#[test]
fn what_is_shown_is_what_is_charged() {
    for sells_before in [true, false] {
        let shop = Shop::with(SaleTerms { sells_before, ..terms(6) });
        let seen = [1, 1_500, 2_500].map(|seen| shop.product.view_at(at(seen)).unwrap());
        for (index, view) in seen.into_iter().enumerate() {
            let terms = |now| {
                let selling = view.selling(at(now));
                (selling.price.amount, selling.available, selling.sale)
            };
            if index == 0 {
                let before = if sells_before { (100, 4, None) } else { (80, 6, Some(sale(1))) };
                assert_eq!(terms(999), before);
            }
            if index < 2 {
                assert_eq!(terms(1_000), (80, 6, Some(sale(1))));
                assert_eq!(terms(1_999), (80, 6, Some(sale(1))));
            }
            assert_eq!(terms(2_600), (100, 10, None));
        }
    }
}

#[test]
fn it_is_dropped_before_it_opens_or_when_it_sold_nothing() {
    let drop = |undo| Action::DropSale { sale: sale(1), undo };
    let mut shop = Shop::with(terms(6));
    assert_eq!(shop.take(drop(false), 1_000), Err(Refusal::SaleRunning));
    shop.take(drop(true), 1_000).unwrap();
    assert_eq!(shop.take(drop(false), 1_001), Err(Refusal::UnknownSale));
    for now in [999, 2_000] {
        let mut shop = Shop::with(terms(6));
        shop.take(drop(false), now).unwrap();
        assert_eq!(shop.product.ordinary(at(now)), 10);
    }
}

/// What the product has forgotten only the tables know; what it still knows is dropped by its own rules.
#[test]
fn a_forgotten_sale_is_given_up() {
    let forget = |number| Action::ForgetSale { sale: sale(number) };
    let mut shop = Shop::with(terms(6));
    assert_eq!(shop.take(forget(1), 1_000), Err(Refusal::SaleRunning));
    let before = shop.product.clone();
    shop.take(forget(2), 1_000).unwrap();
    assert_eq!(shop.product.sales(), before.sales());
    assert_eq!(shop.product.revision(), before.revision() + 1);
    shop.buy("ann", 1, None, 1_000).unwrap();
    assert_eq!(shop.take(forget(1), 2_000), Err(Refusal::SaleHasSales));
    let none = Product::default().decide(&Command::plain(forget(2)), at(1)).verdict;
    assert_eq!(none, Err(Refusal::UnknownProduct));
}

/// A hold that has run out is over for every rule, recorded or not.
#[test]
fn what_ran_out_keeps_no_sale_from_being_changed_or_dropped() {
    let mut shop = Shop::with(terms(6));
    let held = shop.hold("ann", 2, 1_000);
    let fewer = SaleTerms { edition: 2, ..terms(1) };
    assert_eq!(shop.set(fewer.clone(), 1_099), Err(Refusal::BelowTaken { taken: 2 }));
    shop.set(fewer, 1_100).unwrap();
    assert_eq!(shop.product.holds().end_of(&held), Some(HoldEnd::Expired));
    let held = shop.hold("ann", 1, 1_950);
    let drop = Action::DropSale { sale: sale(1), undo: false };
    assert_eq!(shop.take(drop.clone(), 2_049), Err(Refusal::SaleHasSales));
    shop.take(drop, 2_050).unwrap();
    assert_eq!(shop.product.holds().end_of(&held), Some(HoldEnd::Expired));
    assert_eq!(shop.product.ordinary(at(2_050)), 10);
}

/// Many sales, one after the other: the oldest make room, and none that is not over does.
#[test]
fn sales_are_bounded() {
    let mut shop = Shop::new();
    let numbered = |number: u64, from: u64| SaleTerms {
        sale: sale(number),
        opens_at: at(from),
        ends_at: at(from + 1),
        units: 0,
        ..terms(0)
    };
    for number in 1..=64 {
        shop.set(numbered(number, 1_000 + number), 1).unwrap();
    }
    let full = Err(Refusal::Full { table: "sales" });
    assert_eq!(shop.set(numbered(65, 9_000), 1), full);
    for number in 65..=300 {
        shop.set(numbered(number, 9_000 + number), 9_000 + number).unwrap();
    }
    assert_eq!(shop.product.sales().len(), 128);
    assert!(shop.product.sales().get(sale(1)).is_none());
}

/// What a shop should know of its sales: counted beside the rules, from their answers alone.
#[derive(Default)]
struct Book {
    terms: std::collections::BTreeMap<SaleId, SaleTerms>,
    sold: std::collections::BTreeMap<SaleId, u64>,
}

/// Thousands of sales, changes, purchases and adjustments in no order, with a clock that jumps over
/// openings and ends. `Shop` checks the promises behind each fact, `Book` what is bought under which.
#[test]
fn whatever_happens_no_sale_sells_more_than_it_has() {
    for seed in 1..=40_u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut below = |most: u64| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state % most
        };
        let (mut shop, mut book, mut now, mut order) = (Shop::new(), Book::default(), 1, 0_u64);
        let (mut bought, mut refused) = (0, 0);
        for _ in 0..400 {
            now += below(4) * below(30);
            let number = sale(1 + below(6));
            let running = shop.product.sales().running(at(now)).map(|part| part.terms.sale);
            order += 1;
            let id = OrderId(u128::from(order).to_be_bytes());
            match below(10) {
                0..=1 => {
                    let opens = now + below(80);
                    let edition = book.terms.get(&number).map_or(1, |terms| terms.edition + 1);
                    let old = book.terms.get(&number).filter(|terms| terms.is_running(at(now)));
                    let new = SaleTerms {
                        sale: number,
                        opens_at: old.map_or(at(opens), |terms| terms.opens_at),
                        ends_at: at(opens + 1 + below(120)),
                        paused: below(6) == 0,
                        sells_before: below(2) == 0,
                        edition,
                        limit_per_customer: [None, Some(2), Some(3)]
                            [usize::try_from(below(3)).unwrap()],
                        ..terms(below(8))
                    };
                    if shop.set(new.clone(), now).is_ok() {
                        book.terms.insert(number, new);
                    }
                }
                2 => {
                    let undo = below(2) == 0;
                    if shop.take(Action::DropSale { sale: number, undo }, now).is_ok() {
                        assert_eq!(book.sold.get(&number).copied().unwrap_or(0), 0, "seed {seed}");
                        book.terms.remove(&number);
                    }
                }
                3 => {
                    let delta = below(7).cast_signed() - 3;
                    let _ = shop.take(Action::Adjust { delta, reason: "count".into() }, now);
                }
                4 => {
                    let name = ["ann", "bob", "cat"][usize::try_from(below(3)).unwrap()];
                    let quantity = Quantity::new(1).unwrap();
                    let (customer, sale, part) = (customer(name), None, None);
                    let hold_ms = 1 + below(60);
                    let action =
                        Action::Hold { order: id, customer, quantity, hold_ms, sale, part };
                    let _ = shop.take(action, now);
                }
                5 => {
                    let held: Vec<_> = shop
                        .product
                        .holds()
                        .iter()
                        .map(|(order, hold)| (*order, hold.sale))
                        .collect();
                    if held.is_empty() {
                        continue;
                    }
                    let (order, _) = held[usize::try_from(below(held.len() as u64)).unwrap()];
                    let confirm = below(2) == 0;
                    let action =
                        if confirm { Action::Confirm { order } } else { Action::Release { order } };
                    let _ = shop.take(action, now);
                }
                _ => {
                    let name = ["ann", "bob", "cat", "dan"][usize::try_from(below(4)).unwrap()];
                    let wanted = (below(3) == 0).then_some(number);
                    match shop.buy_as(id, name, 1, wanted, now) {
                        Ok(80) => {
                            let sale = running.expect("a sale price without a sale");
                            assert!(wanted.is_none_or(|wanted| wanted == sale), "seed {seed}");
                            assert!(!book.terms[&sale].paused, "seed {seed}");
                            *book.sold.entry(sale).or_default() += 1;
                            bought += 1;
                        }
                        Ok(price) => {
                            assert_eq!((price, running, wanted), (100, None, None), "seed {seed}");
                            bought += 1;
                        }
                        Err(_) => refused += 1,
                    }
                }
            }
            let view = shop.product.view_at(at(now)).unwrap();
            assert!(view.set_aside <= view.stock.available, "seed {seed} at {now}");
        }
        assert!(bought > 0 && refused > 0, "seed {seed} tried nothing: {bought}, {refused}");
    }
}
