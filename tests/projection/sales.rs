//! Sales in the tables, on both databases.

use crate::follower::Follower;
use crate::shop::{START, Shop, customer_id};
use lastunit::domain::{
    Action, Currency, Money, OrderId, ProductId, Quantity, ReturnReason, SaleId, SaleState,
    SaleTerms, Timestamp,
};
use lastunit::projection::{SaleFilter, SaleProductRow, SaleRefusals, SaleRow};

fn at(millis: u64) -> Timestamp {
    START.plus_millis(millis)
}

/// Five units of one product at 80, from 1000 to 2000 after the start.
pub fn terms(sale: SaleId, product: ProductId) -> SaleTerms {
    SaleTerms {
        sale,
        name: "Drop \u{2116} 1".into(),
        products: [product].into(),
        opens_at: at(1_000),
        ends_at: at(2_000),
        paused: false,
        sells_before: true,
        edition: 1,
        price: Money { amount: 80, currency: Currency::new("EUR").unwrap() },
        limit_per_customer: None,
        units: 5,
    }
}

fn set(shop: &mut Shop, product: ProductId, terms: SaleTerms) {
    shop.command(product, Action::SetSale { terms: Box::new(terms) }).unwrap();
}

fn give_back(shop: &mut Shop, product: ProductId, order: OrderId) {
    let line = shop.sold[&(order, product)].clone();
    let (customer, quantity, sale) = (line.customer, line.quantity, line.sale);
    let reason = ReturnReason::Refunded;
    shop.command(product, Action::Return { order, customer, quantity, reason, sale }).unwrap();
}

async fn part_of(follower: &Follower, sale: SaleId, product: ProductId) -> SaleProductRow {
    let parts = follower.queries.sale_products(&[sale]).await.unwrap();
    *parts.iter().find(|part| part.product == product).unwrap()
}

async fn sales(follower: &Follower, filter: SaleFilter) -> Vec<SaleId> {
    let rows: Vec<SaleRow> = follower.queries.sales(filter).await.unwrap();
    rows.iter().map(|row| row.sale).collect()
}

/// Over two products: what is bought, held, given up and returned, fact by fact.
pub async fn a_sale_is_rows(url: &str) {
    let mut shop = Shop::new(2);
    let products = [shop.create(1, 20, None), shop.create(2, 20, None)];
    let follower = Follower::start(&shop, url).await;
    let sale = shop.draw_sale();
    for product in products {
        set(&mut shop, product, SaleTerms { products: products.into(), ..terms(sale, product) });
    }
    shop.commit();
    follower.catch_up(&shop).await;
    let row = follower.queries.sale(sale).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), &row.products[..]), ("Drop \u{2116} 1", &products[..]));
    assert_eq!((row.opens_at, row.ends_at, row.created_at), (at(1_000), at(2_000), START));
    assert_eq!((row.paused, row.sells_before, row.edition), (false, true, 1));

    let [one, other] = products;
    let before = shop.buy(one, "ann", 1);
    shop.now = at(1_100);
    let bought = shop.buy(one, "ann", 2);
    let [kept, given_up, late] = ["bob", "cem", "dee"].map(|name| shop.hold(one, name, 1, 500));
    shop.commit();
    follower.catch_up(&shop).await;
    let part = part_of(&follower, sale, one).await;
    assert_eq!((part.sold, part.held, part.revenue, part.returned), (2, 3, 160, 0));
    assert_eq!(part.sold_out_at, None);
    follower.compare(&shop, "held").await;

    shop.command(one, Action::Confirm { order: kept }).unwrap();
    shop.command(one, Action::Release { order: given_up }).unwrap();
    shop.now = at(1_700);
    shop.command(one, Action::Expire { order: late }).unwrap();
    shop.buy(one, "eve", 2);
    shop.commit();
    follower.catch_up(&shop).await;
    let part = part_of(&follower, sale, one).await;
    assert_eq!((part.sold, part.held, part.revenue), (5, 0, 400));
    assert_eq!(part.sold_out_at, Some(at(1_700)));
    assert_eq!(follower.queries.sale_customers(sale).await.unwrap(), 3);

    // In the statistics, too, what comes back is not sold; whoever bought it has bought it.
    shop.now = at(1_800);
    give_back(&mut shop, one, bought);
    give_back(&mut shop, one, before);
    shop.commit();
    follower.catch_up(&shop).await;
    let part = part_of(&follower, sale, one).await;
    assert_eq!((part.sold, part.held, part.revenue, part.returned), (3, 0, 240, 2));
    assert_eq!(part.sold_out_at, None);
    assert_eq!(follower.queries.sale_customers(sale).await.unwrap(), 3);
    let lines = follower.queries.order(bought).await.unwrap().unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.sale).collect::<Vec<_>>(), [Some(sale)]);
    let lines = follower.queries.order(before).await.unwrap().unwrap().lines;
    assert_eq!(lines.iter().map(|line| line.sale).collect::<Vec<_>>(), [None]);

    // What one part says of the whole sale is old when another part has a higher edition.
    let whole = SaleTerms { products: products.into(), paused: true, ..terms(sale, other) };
    set(&mut shop, other, SaleTerms { edition: 3, ..whole });
    shop.commit();
    follower.catch_up(&shop).await;
    let whole = SaleTerms { products: products.into(), name: "old".into(), ..terms(sale, one) };
    set(&mut shop, one, SaleTerms { edition: 2, ..whole });
    shop.commit();
    follower.catch_up(&shop).await;
    let row = follower.queries.sale(sale).await.unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.paused, row.edition), ("Drop \u{2116} 1", true, 3));
    assert_eq!(part_of(&follower, sale, one).await.edition, 2);
    follower.compare(&shop, "changed").await;
    follower.end().await;
}

/// Counts are added, by product and reason, and are of their own sale.
pub async fn refusals_are_added_up(url: &str) {
    let mut shop = Shop::new(1);
    let product = shop.create(1, 20, None);
    let follower = Follower::start(&shop, url).await;
    let [sale, other] = [shop.draw_sale(), shop.draw_sale()];
    set(&mut shop, product, terms(sale, product));
    shop.commit();
    follower.catch_up(&shop).await;
    let row = |sale, reason: &str, count| {
        let reason = reason.to_owned();
        SaleRefusals { sale, product, reason, count }
    };
    let first = [row(sale, "sold-out", 2), row(sale, "sale-paused", 1), row(other, "sold-out", 9)];
    follower.queries.count_sale_refusals(&first).await.unwrap();
    follower.queries.count_sale_refusals(&[row(sale, "sold-out", 5)]).await.unwrap();
    follower.queries.count_sale_refusals(&[]).await.unwrap();
    let refusals = follower.queries.sale_refusals(sale).await.unwrap();
    assert_eq!(refusals, [row(sale, "sale-paused", 1), row(sale, "sold-out", 7)]);
    follower.end().await;
}

pub async fn sales_are_found_by_their_state(url: &str) {
    let mut shop = Shop::new(2);
    let products: Vec<_> = (1..=4).map(|id| shop.create(id, 20, None)).collect();
    let follower = Follower::start(&shop, url).await;
    let [open, paused, scheduled, ended] = [(500, 9_000), (500, 9_000), (8_000, 9_000), (500, 900)];
    let mut ids = Vec::new();
    for ((opens, ends), product) in [open, paused, scheduled, ended].into_iter().zip(&products) {
        let sale = shop.draw_sale();
        let (opens_at, ends_at, is_paused) = (at(opens), at(ends), ids.len() == 1);
        let terms = SaleTerms { opens_at, ends_at, paused: is_paused, ..terms(sale, *product) };
        set(&mut shop, *product, terms);
        ids.push(sale);
    }
    shop.commit();
    follower.catch_up(&shop).await;
    let all = SaleFilter { limit: 10, ..SaleFilter::default() };
    assert_eq!(sales(&follower, all).await, [ids[3], ids[2], ids[1], ids[0]]);
    let page = SaleFilter { before: Some(ids[2]), limit: 1, ..all };
    assert_eq!(sales(&follower, page).await, [ids[1]]);
    let states = [SaleState::Open, SaleState::Paused, SaleState::Scheduled, SaleState::Ended];
    for (state, sale) in states.into_iter().zip(&ids) {
        let found = SaleFilter { state: Some((state, at(1_000))), ..all };
        assert_eq!(sales(&follower, found).await, [*sale], "{state:?}");
    }
    // Each has all its parts.
    for now in [at(1_000), at(9_000)] {
        assert_eq!(follower.queries.unsettled_sales(None, now).await.unwrap(), []);
    }
    follower.end().await;
}

/// A sale of which everything came back is given up: in one round with that, or in the next.
pub async fn what_came_back_goes_with_its_sale(url: &str) {
    let mut shop = Shop::new(1);
    let product = shop.create(1, 20, None);
    let follower = Follower::start(&shop, url).await;
    for together in [true, false] {
        let (sale, now) = (shop.draw_sale(), shop.now);
        let times = (now.plus_millis(10), now.plus_millis(100));
        let terms = SaleTerms { opens_at: times.0, ends_at: times.1, ..terms(sale, product) };
        set(&mut shop, product, terms);
        shop.commit();
        follower.catch_up(&shop).await;
        shop.now = now.plus_millis(20);
        let order = shop.draw_order();
        let (customer, quantity) = (customer_id("ann"), Quantity::new(2).unwrap());
        let purchase = Action::Purchase { order, customer, quantity, sale: Some(sale) };
        shop.command(product, purchase).unwrap();
        give_back(&mut shop, product, order);
        if !together {
            shop.commit();
            follower.catch_up(&shop).await;
        }
        shop.now = now.plus_millis(200);
        shop.command(product, Action::DropSale { sale, undo: false }).unwrap();
        shop.commit();
        follower.catch_up(&shop).await;
        assert_eq!(follower.queries.sale(sale).await.unwrap(), None);
        assert_eq!(follower.queries.sale_products(&[sale]).await.unwrap(), []);
        follower.compare(&shop, "dropped").await;
    }
    follower.end().await;
}
