//! Shown: the gauges of products and sales, which come and go with what is sold.
//!
//! They are written by hand, because a registered gauge stays for ever, and a product whose sale is over
//! must not go on showing what was left then. Whoever feeds them replaces all of a kind at once; at most
//! [`PRODUCTS_MAX`] are kept of each, so that no shop makes the text long.

use crate::domain::{Currency, ProductId, SaleId, Stock};
use crate::telemetry::names::{self, Name};
use parking_lot::Mutex;
use std::cmp::Reverse;
use std::fmt::{Display, Write};
use std::sync::Arc;

/// Most products that are shown.
const PRODUCTS_MAX: usize = 100;

/// What one product's part of a sale has come to.
#[derive(Debug, Clone, Copy)]
pub struct SaleNumbers {
    pub sale: SaleId,
    pub product: ProductId,
    pub units: u64,
    pub sold: u64,
    /// In minor units.
    pub revenue: u64,
    pub currency: Currency,
}

/// What is shown at the moment; all clones show the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown(Arc<Mutex<Lists>>);

#[derive(Debug, Default)]
struct Lists {
    stock: Vec<(ProductId, Stock)>,
    sales: Vec<SaleNumbers>,
}

/// Which of a product's units are meant.
type Units = fn(&Stock) -> u64;

impl Shown {
    pub(super) fn show_stock(&self, mut stock: Vec<(ProductId, Stock)>) {
        stock.sort_unstable_by_key(|(product, _)| Reverse(*product));
        stock.truncate(PRODUCTS_MAX);
        self.0.lock().stock = stock;
    }

    pub(super) fn show_sales(&self, mut sales: Vec<SaleNumbers>) {
        sales.sort_unstable_by_key(|part| Reverse((part.product, part.sale)));
        sales.truncate(PRODUCTS_MAX);
        self.0.lock().sales = sales;
    }

    pub(super) fn render_to(&self, text: &mut String) {
        let shown = self.0.lock();
        let units: [(Name, Units); 3] = [
            (names::STOCK_AVAILABLE, |stock| stock.available),
            (names::STOCK_HELD, |stock| stock.held),
            (names::STOCK_SOLD, |stock| stock.sold),
        ];
        for (name, count) in units {
            let series = shown.stock.iter();
            let series =
                series.map(|(product, stock)| (format!("product=\"{product}\""), count(stock)));
            render(text, name, series);
        }
        let part = |part: &SaleNumbers| {
            let SaleNumbers { sale, product, .. } = part;
            format!("sale=\"{sale}\",product=\"{product}\"")
        };
        render(text, names::SALE_UNITS, shown.sales.iter().map(|it| (part(it), it.units)));
        render(text, names::SALE_SOLD, shown.sales.iter().map(|it| (part(it), it.sold)));
        let revenue = shown.sales.iter().map(|it| {
            let currency = it.currency.letters();
            let currency = str::from_utf8(&currency).unwrap_or_default();
            (format!("{},currency=\"{currency}\"", part(it)), it.revenue)
        });
        render(text, names::SALE_REVENUE, revenue);
    }
}

/// Writes one gauge; without series there is nothing to be said of it.
fn render(text: &mut String, name: Name, series: impl Iterator<Item = (String, impl Display)>) {
    let Name { text: name, help, .. } = name;
    let mut series = series.peekable();
    if series.peek().is_none() {
        return;
    }
    // Writing into a text cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    for (labels, value) in series {
        let _ = writeln!(text, "{name}{{{labels}}} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn product(id: u64) -> ProductId {
        ProductId::new(id).expect("in range")
    }

    fn stock(available: u64) -> Stock {
        Stock { available, held: 1, sold: 2, stocked: available + 3 }
    }

    fn lines(shown: &Shown, name: &str) -> Vec<String> {
        let mut text = String::new();
        shown.render_to(&mut text);
        let start = format!("{name}{{");
        text.lines().filter(|line| line.starts_with(&start)).map(str::to_owned).collect()
    }

    #[test]
    fn the_newest_products_are_shown_while_they_sell() {
        let shown = Shown::default();
        shown.show_stock((1..=200).map(|id| (product(id), stock(id))).collect());
        let available = lines(&shown, "lastunit_stock_available");
        assert_eq!(available.len(), PRODUCTS_MAX);
        assert_eq!(available[0], r#"lastunit_stock_available{product="200"} 200"#);
        assert_eq!(available[99], r#"lastunit_stock_available{product="101"} 101"#);
        assert_eq!(lines(&shown, "lastunit_stock_sold").len(), PRODUCTS_MAX);
        shown.show_stock(vec![(product(1), stock(3))]);
        let available = lines(&shown, "lastunit_stock_available");
        assert_eq!(available, [r#"lastunit_stock_available{product="1"} 3"#]);
        assert_eq!(lines(&shown, "lastunit_stock_held"), [r#"lastunit_stock_held{product="1"} 1"#]);
        shown.show_stock(Vec::new());
        let mut text = String::new();
        shown.render_to(&mut text);
        assert_eq!(text, "");
    }

    #[test]
    fn a_sale_is_shown_with_its_money() {
        let shown = Shown::default();
        let currency = Currency::new("EUR").expect("letters");
        let part = |id| SaleNumbers {
            sale: SaleId::new(9).expect("in range"),
            product: product(id),
            units: 10,
            sold: 4,
            revenue: 1_996,
            currency,
        };
        shown.show_sales((1..=200).map(part).collect());
        let revenue = lines(&shown, "lastunit_sale_revenue_minor_units");
        assert_eq!(revenue.len(), PRODUCTS_MAX);
        let expected =
            r#"lastunit_sale_revenue_minor_units{sale="9",product="200",currency="EUR"} 1996"#;
        assert_eq!(revenue[0], expected);
        let sold = lines(&shown, "lastunit_sale_sold");
        assert_eq!(sold[99], r#"lastunit_sale_sold{sale="9",product="101"} 4"#);
    }
}
