//! Tables: numbers of running sales that only the query tables know, and whether the tables tell of the
//! same units as the engine. Slow, seldom, and off everybody's way: a database that is away leaves what was
//! shown last, and `lastunit_projection_lag_seconds` says how old it is.

use crate::clock::Clock;
use crate::domain::{ProductId, View, promises};
use crate::engine::Engine;
use crate::projection::{Queries, QueryError, StockRow};
use crate::telemetry::metrics::{EngineMetrics, SaleNumbers};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The pause between two looks.
const EVERY: Duration = Duration::from_secs(2);

/// Most products that are looked at: those that are shown.
const PRODUCTS_MAX: usize = 100;

/// Runs for ever.
pub(super) async fn watch(metrics: EngineMetrics, at_work: (Engine, Queries), clock: Clock) {
    let (engine, queries) = at_work;
    let mut told = BTreeSet::new();
    loop {
        let mut open = engine.open_sales(clock.now());
        open.sort_unstable_by_key(|(product, _)| Reverse(*product));
        open.truncate(PRODUCTS_MAX);
        let open: BTreeMap<_, _> = open.into_iter().collect();
        if let Err(error) = look(&metrics, &queries, &open, &clock, &mut told).await {
            tracing::debug!(%error, "the numbers of sales are looked at later");
        }
        tokio::time::sleep(EVERY).await;
    }
}

async fn look(
    metrics: &EngineMetrics,
    queries: &Queries,
    open: &BTreeMap<ProductId, View>,
    clock: &Clock,
    told: &mut BTreeSet<ProductId>,
) -> Result<(), QueryError> {
    let now = clock.now();
    let running = |view: &View| {
        let sale = view.sale.filter(|sale| sale.opens_at <= now && now < sale.ends_at);
        sale.map(|sale| sale.sale)
    };
    let products: Vec<_> = open.keys().copied().collect();
    let rows = queries.stocks(&products).await?;
    let wrong = mismatches(open, &rows);
    metrics.show_mismatches(wrong.len());
    for (product, what) in wrong.iter().filter(|(product, _)| !told.contains(*product)) {
        tracing::error!(%product, what, "units do not add up: run `lastunit audit`");
    }
    // What lasts is said once, and again when it comes back.
    *told = wrong.into_keys().collect();
    let sales: BTreeSet<_> = open.values().filter_map(running).collect();
    let sales: Vec<_> = sales.into_iter().collect();
    let parts = if sales.is_empty() { Vec::new() } else { queries.sale_products(&sales).await? };
    let shown = parts.into_iter().filter(|part| {
        let sale = open.get(&part.product).and_then(running);
        sale == Some(part.sale)
    });
    let numbers = shown.map(|part| SaleNumbers {
        sale: part.sale,
        product: part.product,
        units: part.units,
        sold: part.sold,
        revenue: part.revenue,
        currency: part.price.currency,
    });
    metrics.show_sales(numbers.collect());
    Ok(())
}

/// Products whose units do not add up, or are others in the tables after the same facts. Tables that are
/// behind are no mismatch.
fn mismatches(open: &BTreeMap<ProductId, View>, rows: &[StockRow]) -> BTreeMap<ProductId, String> {
    let mut wrong = BTreeMap::new();
    let mut found = |product: ProductId, what: String| {
        wrong.insert(product, what);
    };
    for (product, view) in open {
        if let Err(broken) = promises::exact_stock(&view.stock) {
            found(*product, broken.to_string());
        }
    }
    for row in rows {
        if let Err(broken) = promises::exact_stock(&row.stock) {
            found(row.product, broken.to_string());
        }
        let view = open.get(&row.product).filter(|view| view.revision == row.revision);
        if let Some(view) = view.filter(|view| view.stock != row.stock) {
            let what = format!("the engine has {:?}, the tables {:?}", view.stock, row.stock);
            found(row.product, what);
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, Money, Offer, QueueView, Stock, Timestamp};

    fn view(stock: Stock, revision: u64) -> View {
        let price = Money { amount: 1, currency: Currency::NONE };
        let offer = Offer { price, limit_per_customer: None, opens_at: None, closes_at: None };
        View {
            stock,
            offer,
            active: true,
            edition: 1,
            changed_at: Timestamp::from_millis(1),
            revision,
            next_lapse: None,
            keys: 0,
            queue: QueueView::default(),
            sale: None,
            ended: None,
            sale_marks: 0,
            blocked: false,
            set_aside: 0,
        }
    }

    #[test]
    fn units_that_differ_after_the_same_facts_are_found() {
        let product = |id| ProductId::new(id).expect("in range");
        let stock = |sold| Stock { available: 9 - sold, held: 1, sold, stocked: 10 };
        let open: BTreeMap<_, _> = (1..=3).map(|id| (product(id), view(stock(4), 7))).collect();
        let row =
            |id, sold, revision| StockRow { product: product(id), stock: stock(sold), revision };
        assert_eq!(mismatches(&open, &[row(1, 4, 7), row(2, 4, 7)]).len(), 0);
        assert_eq!(
            mismatches(&open, &[row(1, 2, 5), row(2, 5, 8)]).len(),
            0,
            "behind, or ahead of a view"
        );
        assert_eq!(mismatches(&open, &[row(1, 3, 7), row(2, 4, 7)]).len(), 1);
        let lost = Stock { stocked: 11, ..stock(4) };
        let torn = StockRow { product: product(2), stock: lost, revision: 5 };
        assert_eq!(mismatches(&open, &[row(1, 3, 7), torn]).len(), 2);
        let broken = BTreeMap::from([(product(1), view(lost, 7))]);
        assert_eq!(mismatches(&broken, &[row(1, 4, 7)]).len(), 1, "counted once");
    }
}
