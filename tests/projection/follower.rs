//! A projector under test, and comparing its tables with the rules' own state.

use crate::shop::Shop;
use lastunit::clock::Clock;
use lastunit::domain::{Holds, Product, ProductId};
use lastunit::projection::{
    Database, DatabaseConfig, LineStatus, ProjectionConfig, ProjectionProgress, ProjectionState,
    Projector, ProjectorTask, Queries, ReservationStatus,
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
            self.compare_customers(row.product, product, context).await;
        }
        let seqs: Vec<_> = totals.cursors.iter().map(|cursor| cursor.seq).collect();
        assert_eq!(seqs, shop.journal.positions(), "{context}");
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

    async fn compare_customers(&self, product: ProductId, state: &Product, context: &str) {
        for (customer, owned) in state.customers().iter() {
            let row = self.queries.customer_totals(customer, product).await.unwrap();
            assert_eq!(row, owned, "{context}");
            let orders = self.queries.orders_of(customer, None, 10_000).await.unwrap();
            let newest_first =
                orders.is_sorted_by_key(|order| std::cmp::Reverse((order.created_at, order.order)));
            assert!(newest_first, "{context}");
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
