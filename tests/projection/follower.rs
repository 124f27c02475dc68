//! A projector under test, and comparing its tables with the rules' own state.

use crate::shop::Shop;
use lastunit::clock::Clock;
use lastunit::domain::{Holds, ProductId, SaleTerms};
use lastunit::projection::{
    Database, DatabaseConfig, LineStatus, ProjectionConfig, ProjectionProgress, ProjectionState,
    Projector, ProjectorTask, Queries, ReservationStatus, SaleFilter, SaleProductRow, SaleRow,
};
use lastunit::telemetry::metrics::Metrics;
use std::collections::BTreeSet;
use std::time::Duration;

pub const PATIENCE: Duration = Duration::from_mins(1);

pub struct Follower {
    pub database: Database,
    pub queries: Queries,
    pub progress: ProjectionProgress,
    task: ProjectorTask,
}

impl Follower {
    /// Starts a projector with small rounds, so that a test has many.
    pub async fn start(shop: &Shop, url: &str) -> Self {
        let config = ProjectionConfig { batch_bytes_max: 2_000, ..ProjectionConfig::default() };
        Self::start_with(shop, url, config).await
    }

    pub async fn start_with(shop: &Shop, url: &str, config: ProjectionConfig) -> Self {
        let database = Database::open(url, &DatabaseConfig::default()).await.unwrap();
        let projector = Projector {
            reader: shop.journal.clone(),
            durable: shop.journal.durable(),
            database: database.clone(),
            clock: Clock::system(),
            metrics: Metrics::new().unwrap().projection,
            config,
        };
        let (progress, task) = projector.start().unwrap();
        Self { queries: Queries::new(&database), database, progress, task }
    }

    /// Waits until everything durable is in the tables.
    pub async fn catch_up(&self, shop: &Shop) {
        let reached = self.progress.wait_for(&shop.journal.positions(), PATIENCE).await;
        assert!(reached, "not caught up: {:?}", self.progress.state());
    }

    /// Waits until the projector has given up, and says why.
    pub async fn stopped(&self) -> String {
        for _ in 0..6_000 {
            if let ProjectionState::Stopped { reason } = self.progress.state() {
                return reason;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("still {:?}", self.progress.state());
    }

    pub async fn end(self) {
        self.task.stop().await;
        self.database.close().await;
    }

    /// Compares every table with the rules' state.
    pub async fn compare(&self, shop: &Shop, context: &str) {
        let totals = self.queries.totals().await.unwrap();
        assert_eq!(totals.products.len(), shop.products.len(), "{context}");
        for row in &totals.products {
            assert_eq!(row.disagreement(), None, "{context}");
            let product = &shop.products[&row.product];
            assert_eq!(row.stock, product.stock(), "{context}");
            assert_eq!(row.revision, product.revision(), "{context}");
            assert_eq!(row.reservations, product.holds().len() as u64, "{context}");
            self.compare_holds(row.product, product.holds(), context).await;
            self.compare_customers(shop, row.product, context).await;
        }
        self.compare_sales(shop, context).await;
        let seqs: Vec<_> = totals.cursors.iter().map(|cursor| cursor.seq).collect();
        assert_eq!(seqs, shop.journal.positions(), "{context}");
    }

    /// Every sale of every product, and no other.
    async fn compare_sales(&self, shop: &Shop, context: &str) {
        let all = SaleFilter { limit: 10_000, ..SaleFilter::default() };
        let rows = self.queries.sales(all).await.unwrap();
        let mut seen = 0;
        for row in &rows {
            let parts = self.queries.sale_products(&[row.sale]).await.unwrap();
            assert!(!parts.is_empty(), "{context}: {row:?} has no product");
            for part in &parts {
                compare_part(shop, row, part, context);
            }
            seen += parts.len();
            let lines = shop.sold.values().filter(|line| line.sale == Some(row.sale));
            let customers: BTreeSet<_> = lines.map(|line| line.customer.clone()).collect();
            let counted = self.queries.sale_customers(row.sale).await.unwrap();
            assert_eq!(counted, customers.len() as u64, "{context}: {row:?}");
        }
        let parts = shop.products.values().map(|product| product.sales().len());
        assert_eq!(seen, parts.sum::<usize>(), "{context}");
    }

    async fn compare_holds(&self, product: ProductId, holds: &Holds, context: &str) {
        for (order, hold) in holds.iter() {
            let row = self.queries.reservation(*order).await.unwrap().expect(context);
            assert_eq!(row.product, product, "{context}");
            assert_eq!(row.customer, hold.customer, "{context}");
            assert_eq!((row.quantity, row.unit_price.amount), (hold.quantity, hold.unit_price));
            assert_eq!((row.created_at, row.expires_at), (hold.created_at, hold.expires_at));
            assert_eq!((row.status, row.ended_at), (ReservationStatus::Held, None), "{context}");
        }
        for (at, order, end) in holds.iter_ended() {
            let row = self.queries.reservation(order).await.unwrap().expect(context);
            assert_eq!(row.status, ReservationStatus::Ended(end), "{context}");
            assert_eq!(row.ended_at, Some(at), "{context}");
        }
    }

    async fn compare_customers(&self, shop: &Shop, product: ProductId, context: &str) {
        for (customer, owned) in shop.products[&product].customers().iter() {
            let row = self.queries.customer_totals(customer, product).await.unwrap();
            assert_eq!(row, owned, "{context}");
            let orders = self.queries.orders_of(customer, None, 10_000).await.unwrap();
            let newest_first =
                orders.is_sorted_by_key(|order| std::cmp::Reverse((order.created_at, order.order)));
            assert!(newest_first, "{context}");
            for order in &orders {
                for line in &order.lines {
                    let sold = shop.sold.get(&(order.order, line.product));
                    assert!(sold.is_none_or(|sold| sold.sale == line.sale), "{context}");
                }
            }
            let distinct: BTreeSet<_> = orders.iter().map(|order| order.order).collect();
            assert_eq!(distinct.len(), orders.len(), "{context}");
            let sold = orders
                .iter()
                .flat_map(|order| &order.lines)
                .filter(|line| line.product == product && line.status == LineStatus::Sold);
            let units: u32 = sold.map(|line| line.quantity).sum();
            assert_eq!(units, owned.sold, "{context}");
        }
    }
}

fn compare_part(shop: &Shop, row: &SaleRow, part: &SaleProductRow, context: &str) {
    let context = format!("{context}: {row:?} {part:?}");
    let state = shop.products[&part.product].sales().get(row.sale).expect(&context);
    let SaleTerms { price, limit_per_customer, units, edition, .. } = state.terms;
    assert_eq!((part.price, part.limit_per_customer), (price, limit_per_customer), "{context}");
    assert_eq!((part.units, part.edition), (units, edition), "{context}");
    assert_eq!((part.sold, part.held), (state.taken - state.held, state.held), "{context}");
    if row.edition == edition {
        let SaleTerms { name, products, opens_at, ends_at, paused, sells_before, .. } =
            &state.terms;
        assert_eq!((&*row.name, &*row.products), (&**name, &**products), "{context}");
        assert_eq!((row.opens_at, row.ends_at), (*opens_at, *ends_at), "{context}");
        assert_eq!((row.paused, row.sells_before), (*paused, *sells_before), "{context}");
    }
    assert!(row.edition >= edition, "{context}");
    let lines = shop
        .sold
        .iter()
        .filter(|((_, product), line)| (*product, line.sale) == (part.product, Some(part.sale)));
    let (back, kept): (Vec<_>, Vec<_>) =
        lines.map(|(_, line)| line).partition(|line| line.returned);
    let revenue = kept.iter().map(|line| line.unit_price * u64::from(line.quantity.get()));
    assert_eq!(part.revenue, revenue.sum::<u64>(), "{context}");
    let returned = back.iter().map(|line| u64::from(line.quantity.get()));
    assert_eq!(part.returned, returned.sum::<u64>(), "{context}");
    assert_eq!(part.sold_out_at.is_some(), part.sold >= part.units, "{context}");
}
