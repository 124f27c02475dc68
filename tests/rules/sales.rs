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
        let (order, quantity) = (self.order(), Quantity::new(units).unwrap());
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
