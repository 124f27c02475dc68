//! Facts in, rows out: each kind of fact, and each way in which facts cannot fit rows.

use super::super::needs::needs;
use super::*;
use crate::domain::Quantity;

const PRODUCT: ProductId = match ProductId::new(7) {
    Ok(product) => product,
    Err(_) => unreachable!(),
};
const AT: Timestamp = Timestamp::from_millis(1_000);

fn euro() -> Currency {
    Currency::new("EUR").unwrap()
}

fn customer(name: &str) -> CustomerId {
    CustomerId::new(name).unwrap()
}

const fn order(number: u8) -> OrderId {
    OrderId([number; 16])
}

fn purchased(number: u8, name: &str, units: u32) -> Event {
    Event::Purchased {
        order: order(number),
        customer: customer(name),
        quantity: Quantity::new(units).unwrap(),
        unit_price: 50,
        sale: None,
        retry: None,
    }
}

fn held(number: u8, name: &str, units: u32) -> Event {
    Event::Held {
        order: order(number),
        customer: customer(name),
        quantity: Quantity::new(units).unwrap(),
        unit_price: 50,
        expires_at: AT.plus_millis(60),
        sale: None,
        part: None,
        retry: None,
    }
}

const fn ended(number: u8, end: HoldEnd) -> Event {
    Event::Ended { order: order(number), end, retry: None }
}

const fn section(first_revision: u64, events: Vec<Event>) -> Section {
    Section { product: PRODUCT, first_revision, at: AT, events }
}

/// Ten units, two of them held by ann under order 1, after five facts.
fn prior() -> Prior {
    let stock = Stock { available: 8, held: 2, sold: 0, stocked: 10 };
    let product = PriorProduct { currency: euro(), stock, revision: 5 };
    let hold = ReservationRow {
        order: order(1),
        product: PRODUCT,
        customer: customer("ann"),
        quantity: 2,
        unit_price: Money { amount: 40, currency: euro() },
        status: ReservationStatus::Held,
        created_at: AT,
        expires_at: AT.plus_millis(9),
        ended_at: None,
        lead: None,
        sale: None,
    };
    Prior {
        products: HashMap::from([(PRODUCT, product)]),
        described: HashMap::from([(PRODUCT, described())]),
        holds: HashMap::from([((order(1), PRODUCT), hold)]),
        sale_products: Vec::new(),
    }
}

fn described() -> Described {
    let price = Money { amount: 50, currency: euro() };
    let entry = CatalogEntry { sku: Some("S".into()), ..CatalogEntry::default() };
    let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
    Described { product: PRODUCT, entry, offer, created_at: AT, active: true, edition: 1 }
}

fn changed(change: Change) -> Event {
    Event::Changed { change: Box::new(change), retry: None }
}

#[test]
fn changes_of_a_product_are_one_whole_row() {
    let price = Some(Money { amount: 60, currency: euro() });
    let changes = folded(vec![
        changed(Change { name: Some("a".into()), price, ..Change::default() }),
        purchased(2, "bob", 1),
        changed(Change { name: Some("b".into()), active: Some(false), ..Change::default() }),
    ]);
    let mut expected = described();
    expected.entry.name = "b".into();
    expected.offer.price.amount = 60;
    (expected.active, expected.edition) = (false, 8);
    assert_eq!(changes.described, [expected]);
    assert!(changes.products.is_empty());
    assert_eq!(folded(vec![purchased(2, "bob", 1)]).described, []);
    let sections = [section(6, vec![changed(Change::default())])];
    assert_eq!(needs(&sections).described, [PRODUCT]);
}

#[test]
fn a_product_that_is_created_and_changed_at_once_is_a_new_one() {
    let Described { offer, entry, .. } = described();
    let created = Event::Created { offer, units: 1, entry: Box::new(entry) };
    let sku = crate::domain::Field::Clear;
    let sections = vec![section(1, vec![created, changed(Change { sku, ..Change::default() })])];
    assert_eq!(needs(&sections).described, []);
    let changes = fold(sections, Prior::default()).unwrap();
    assert_eq!(changes.described, []);
    assert_eq!((changes.products[0].entry.sku.as_deref(), changes.products[0].edition), (None, 2));
    let mut without = prior();
    without.described.clear();
    let section = section(6, vec![changed(Change::default())]);
    let damage = fold(vec![section], without).unwrap_err();
    assert_eq!(damage.detail, "a change of a product that has no row");
}

fn folded(events: Vec<Event>) -> Changes {
    fold(vec![section(6, events)], prior()).unwrap()
}

fn refused(first_revision: u64, events: Vec<Event>) -> String {
    fold(vec![section(first_revision, events)], prior()).unwrap_err().detail
}

fn delta(name: &str, sold: i64, held: i64) -> TotalDelta {
    TotalDelta { customer: customer(name), product: PRODUCT, sold, held }
}

#[test]
fn a_new_product_needs_no_prior_row() {
    let offer = Offer {
        price: Money { amount: 50, currency: euro() },
        limit_per_customer: None,
        opens_at: None,
        closes_at: None,
    };
    let created = Event::Created { offer, units: 10, entry: Box::default() };
    let sections = vec![section(1, vec![created.clone(), purchased(2, "bob", 3)])];
    let changes = fold(sections, Prior::default()).unwrap();
    assert_eq!(changes.products[0].offer, offer);
    let stock = Stock { available: 7, held: 0, sold: 3, stocked: 10 };
    assert_eq!(changes.stock, [(PRODUCT, stock, 2)]);
    assert_eq!(changes.purchases[0].total, Money { amount: 150, currency: euro() });
    assert_eq!(refused(6, vec![created]), "created for a second time");
}

#[test]
fn purchases_of_one_customer_are_one_difference() {
    let changes =
        folded(vec![purchased(9, "bob", 1), purchased(8, "ann", 1), purchased(7, "bob", 2)]);
    assert_eq!(changes.gains, [delta("ann", 1, 0), delta("bob", 3, 0)]);
    let orders: Vec<_> = changes.purchases.iter().map(|sale| sale.order).collect();
    assert_eq!(orders, [order(7), order(8), order(9)]);
}

#[test]
fn a_confirmed_hold_is_sold_at_the_price_it_was_held_at() {
    let changes = folded(vec![ended(1, HoldEnd::Confirmed)]);
    assert_eq!(changes.confirmed[0].total.amount, 80);
    assert_eq!(changes.moves, [delta("ann", 2, -2)]);
    assert_eq!(changes.gains, []);
    let [hold] = &changes.reservations[..] else { panic!("one reservation") };
    assert_eq!(hold.status, ReservationStatus::Ended(HoldEnd::Confirmed));
    assert_eq!(hold.ended_at, Some(AT));
    let stock = Stock { available: 8, held: 0, sold: 2, stocked: 10 };
    assert_eq!(changes.stock, [(PRODUCT, stock, 6)]);
}

#[test]
fn a_hold_that_begins_and_ends_in_one_round_leaves_no_difference() {
    let changes = folded(vec![held(2, "bob", 3), ended(2, HoldEnd::Released)]);
    assert_eq!((changes.gains, changes.moves), (vec![], vec![]));
    assert_eq!(changes.reservations[0].status, ReservationStatus::Ended(HoldEnd::Released));
    assert_eq!(changes.stock[0].1, prior().products[&PRODUCT].stock);
}

#[test]
fn only_holds_from_before_are_needed() {
    let extended = |number| Event::Extended { order: order(number), expires_at: AT, retry: None };
    let events = vec![held(2, "bob", 1), extended(2), extended(1), ended(3, HoldEnd::Expired)];
    let needs = needs(&[section(6, events)]);
    assert_eq!(needs.products, [PRODUCT]);
    assert_eq!(needs.holds, [order(1), order(3)]);
}

#[test]
fn an_adjustment_beyond_the_bounds_changes_nothing_as_in_the_rules() {
    let adjusted = |delta| Event::Adjusted { delta, reason: "count".into(), retry: None };
    let changes = folded(vec![adjusted(-9), adjusted(-8), adjusted(5)]);
    let stock = Stock { available: 5, held: 2, sold: 0, stocked: 7 };
    assert_eq!(changes.stock, [(PRODUCT, stock, 8)]);
}

#[test]
fn lines_of_one_order_are_one_row() {
    let sale = |number, product, amount| Sale {
        order: order(number),
        product: ProductId::new(product).unwrap(),
        customer: customer("ann"),
        quantity: 1,
        unit_price: amount,
        total: Money { amount, currency: euro() },
        under: None,
        at: AT.plus_millis(product),
    };
    let orders = merged_orders(&[sale(1, 3, 10), sale(1, 4, 20), sale(2, 3, 5)]);
    assert_eq!(orders.len(), 2);
    assert_eq!((orders[0].product.get(), orders[0].total.amount), (3, 30));
    assert_eq!(orders[0].at, AT.plus_millis(3));
}

#[test]
fn facts_that_do_not_fit_are_damage() {
    assert_eq!(refused(5, vec![purchased(2, "bob", 1)]), "revision 6 should come next");
    assert_eq!(refused(7, vec![purchased(2, "bob", 1)]), "revision 6 should come next");
    let short = refused(6, vec![purchased(2, "bob", 9)]);
    assert_eq!(short, "9 units leave Available, where only 8 are");
    let unknown = refused(6, vec![ended(4, HoldEnd::Released)]);
    assert_eq!(unknown, "a fact about a hold that was never there");
    let again = refused(6, vec![ended(1, HoldEnd::Expired), ended(1, HoldEnd::Released)]);
    assert_eq!(again, "a fact about a hold that is expired already");
    assert_eq!(refused(6, vec![held(1, "ann", 1)]), "a hold that is there already");
}

#[test]
fn facts_about_an_unknown_product_are_damage() {
    let damage =
        fold(vec![section(3, vec![purchased(2, "bob", 1)])], Prior::default()).unwrap_err();
    assert_eq!(
        damage.to_string(),
        "product 7, revision 3: a fact about a product that was never created"
    );
}
