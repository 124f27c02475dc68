//! The catalogue in both databases: every filter and every order against the same in plain code.

use crate::follower::Follower;
use crate::shop::{START, Shop};
use lastunit::domain::{
    Action, CatalogEntry, Change, Currency, Field, Money, Offer, ProductId, Timestamp,
};
use lastunit::projection::{ProductFilter, ProductRow, ProductSort};
use std::collections::BTreeMap;

const NAMES: [&str; 6] = ["Cup", "cup, GR\u{dc}N", "Mug 100%", "mug_2", "Zebra", "\u{e9}clair"];

/// A product whose every trait follows from its number.
fn create(shop: &mut Shop, id: u64) -> ProductId {
    let product = ProductId::new(id).unwrap();
    let index = usize::try_from(id).unwrap();
    let currency = Currency::new(if id.is_multiple_of(4) { "USD" } else { "EUR" }).unwrap();
    let time =
        |offset: i64| Timestamp::from_millis(START.as_millis().saturating_add_signed(offset));
    let (opens_at, closes_at) = match id % 5 {
        0 => (Some(time(-10)), None),
        1 => (None, Some(time(1_000_000))),
        2 => (Some(time(1_000_000)), None),
        3 => (Some(time(-10)), Some(time(-5))),
        _ => (None, None),
    };
    let price = Money { amount: (id * 7) % 10, currency };
    let offer = Offer { price, limit_per_customer: None, opens_at, closes_at };
    let entry = Box::new(CatalogEntry {
        name: NAMES[index % NAMES.len()].into(),
        sku: id.is_multiple_of(2).then(|| format!("SKU-{id}")),
        description: id.is_multiple_of(3).then(|| "For Tea".into()),
        category: ["cups", "mugs", "\u{e4}nderes"].get(index % 4).map(|name| (*name).into()),
        image_url: id.is_multiple_of(7).then(|| "/image.png".into()),
        attributes: (0..id % 3).map(|key| (key.to_string(), "\"\u{e9}".into())).collect(),
    });
    shop.command(product, Action::Create { offer, units: id % 3, entry }).unwrap();
    product
}

fn matches(row: &ProductRow, filter: &ProductFilter) -> bool {
    let ProductRow { entry, offer, stock, .. } = row;
    let text = filter.text.as_ref().is_none_or(|text| {
        let inside = |field: &str| field.to_lowercase().contains(&text.to_lowercase());
        [Some(&entry.name), entry.sku.as_ref(), entry.description.as_ref()]
            .into_iter()
            .flatten()
            .any(|field| inside(field))
    });
    text && filter.category.is_none_or_equal(entry.category.as_ref())
        && filter.active.is_none_or(|active| active == row.active)
        && filter.price_min.is_none_or(|min| offer.price.amount >= min)
        && filter.price_max.is_none_or(|max| offer.price.amount <= max)
        && filter.currency.is_none_or(|currency| offer.price.currency == currency)
        && filter.in_stock.is_none_or(|some| (stock.available > 0) == some)
        && filter.on_sale.is_none_or(|(open, now)| {
            let window = offer.opens_at.is_some() || offer.closes_at.is_some();
            let opened = offer.opens_at.is_none_or(|at| at <= now);
            let running = offer.closes_at.is_none_or(|at| now < at);
            (window && opened && running) == open
        })
}

trait Wanted<T> {
    fn is_none_or_equal(&self, value: Option<&T>) -> bool;
}

impl<T: PartialEq> Wanted<T> for Option<T> {
    fn is_none_or_equal(&self, value: Option<&T>) -> bool {
        self.as_ref().is_none_or(|wanted| Some(wanted) == value)
    }
}

/// Page by page, with pages of a size that fits nothing.
async fn listed(follower: &Follower, filter: &ProductFilter) -> Vec<ProductRow> {
    let mut filter = ProductFilter { limit: 7, ..filter.clone() };
    let mut found: Vec<ProductRow> = Vec::new();
    loop {
        let page = follower.queries.list(&filter).await.unwrap();
        let Some(last) = page.last() else { return found };
        filter.after = Some(last.cursor(filter.sort));
        found.extend(page);
        assert!(found.len() < 1_000, "the list does not end");
    }
}

fn filters() -> Vec<ProductFilter> {
    let all = ProductFilter::default;
    let text = |text: &str| ProductFilter { text: Some(text.into()), ..all() };
    let category = |name: &str| ProductFilter { category: Some(name.into()), ..all() };
    let now = START;
    vec![
        all(),
        ProductFilter { active: Some(true), ..all() },
        ProductFilter { active: Some(false), ..all() },
        category("cups"),
        category("\u{e4}nderes"),
        category("Cups"),
        text("cup"),
        text("gr\u{fc}n"),
        text("\u{c9}CLAIR"),
        text("100%"),
        text("g_2"),
        text("%"),
        text("sku-1"),
        text("tea"),
        text("nothing like it"),
        ProductFilter { price_min: Some(3), ..all() },
        ProductFilter { price_max: Some(3), currency: Currency::new("USD"), ..all() },
        ProductFilter { price_min: Some(2), price_max: Some(5), ..all() },
        ProductFilter { in_stock: Some(true), ..all() },
        ProductFilter { in_stock: Some(false), ..all() },
        ProductFilter { on_sale: Some((true, now)), ..all() },
        ProductFilter { on_sale: Some((false, now)), ..all() },
        ProductFilter {
            category: Some("mugs".into()),
            text: Some("u".into()),
            in_stock: Some(true),
            active: Some(true),
            price_min: Some(1),
            ..all()
        },
    ]
}

async fn compare_lists(follower: &Follower, rows: &[ProductRow]) {
    for filter in filters() {
        for sort in [ProductSort::Id, ProductSort::Name, ProductSort::Price, ProductSort::Created] {
            for descending in [false, true] {
                let filter = ProductFilter { sort, descending, ..filter.clone() };
                let mut expected: Vec<_> =
                    rows.iter().filter(|row| matches(row, &filter)).cloned().collect();
                expected.sort_by_key(|row| match sort {
                    ProductSort::Id => (String::new(), 0, row.product),
                    ProductSort::Name => (row.entry.name.clone(), 0, row.product),
                    ProductSort::Price => (String::new(), row.offer.price.amount, row.product),
                    ProductSort::Created => {
                        (String::new(), row.created_at.as_millis(), row.product)
                    }
                });
                if descending {
                    expected.reverse();
                }
                assert_eq!(listed(follower, &filter).await, expected, "{filter:?}");
            }
        }
    }
}

pub async fn products_are_found_by_what_is_said_of_them(url: &str) {
    let mut shop = Shop::new(4);
    let products: Vec<_> = (1..=40).map(|id| create(&mut shop, id)).collect();
    shop.now = shop.now.plus_millis(5);
    let late: Vec<_> = (41..=50).map(|id| create(&mut shop, id)).collect();
    shop.commit();
    let follower = Follower::start(&shop, url).await;
    follower.catch_up(&shop).await;
    let rows = follower.queries.products(None, 100).await.unwrap();
    assert_eq!(rows.len(), products.len() + late.len());
    assert!(rows.iter().all(|row| row.active && row.edition == 1));
    compare_lists(&follower, &rows).await;

    // Changed in later rounds, several times in one, and in the round of its creation.
    let change = |shop: &mut Shop, product, change| {
        let action = Action::Change { change: Box::new(change), expected: None };
        shop.command(product, action).unwrap();
    };
    let euro = |amount| Some(Money { amount, currency: Currency::new("EUR").unwrap() });
    for product in &products[..20] {
        change(&mut shop, *product, Change { active: Some(false), ..Change::default() });
    }
    let whole = Change {
        name: Some("Renamed".into()),
        price: euro(9),
        active: Some(true),
        sku: Field::Set("NEW".into()),
        description: Field::Set("hidden treasure".into()),
        category: Field::Set("cups".into()),
        image_url: Field::Set("https://example.org/1.png".into()),
        attributes: Some(BTreeMap::from([("size".into(), "XL".into())])),
    };
    change(&mut shop, products[0], whole.clone());
    let newest = create(&mut shop, 51);
    let clear = Change {
        sku: Field::Clear,
        description: Field::Clear,
        category: Field::Clear,
        image_url: Field::Clear,
        attributes: Some(BTreeMap::new()),
        ..Change::default()
    };
    change(&mut shop, newest, clear.clone());
    shop.commit();
    follower.catch_up(&shop).await;
    follower.compare(&shop, "changed").await;
    let row = |product| follower_row(&follower.queries, product);
    let first = row(products[0]).await;
    let mut expected = rows[0].entry.clone();
    whole.describe(&mut expected);
    assert_eq!((first.entry, first.offer.price.amount, first.active), (expected, 9, true));
    assert_eq!(first.edition, 3);
    let last = row(newest).await;
    assert_eq!(
        last.entry,
        CatalogEntry { name: last.entry.name.clone(), ..CatalogEntry::default() }
    );
    assert_eq!(row(products[2]).await.edition, 2);
    let rows = follower.queries.products(None, 100).await.unwrap();
    compare_lists(&follower, &rows).await;

    assert_eq!(follower.queries.product_of_sku("NEW").await.unwrap(), Some(products[0]));
    assert_eq!(follower.queries.product_of_sku("SKU-2").await.unwrap(), Some(products[1]));
    assert_eq!(follower.queries.product_of_sku("sku-2").await.unwrap(), None);
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.active) {
        if let Some(category) = &row.entry.category {
            *counted.entry(category.clone()).or_default() += 1;
        }
    }
    let mut found = BTreeMap::new();
    let mut after: Option<String> = None;
    while let [row] = &follower.queries.categories(after.as_deref(), 1).await.unwrap()[..] {
        assert!(after.is_none_or(|after| after < row.category));
        after = Some(row.category.clone());
        found.insert(row.category.clone(), row.products);
    }
    assert_eq!(found, counted);
    follower.end().await;
}

async fn follower_row(queries: &lastunit::projection::Queries, product: ProductId) -> ProductRow {
    queries.product(product).await.unwrap().unwrap()
}
