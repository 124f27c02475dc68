//! Documents: what topics are worth at a moment, in the same form as their routes answer.
//!
//! Durable state only: stock and sales from what the engine shows after commits, orders from the tables.

use crate::domain::{ProductId, SaleId};
use crate::engine::EngineError;
use crate::http::Api;
use crate::http::monitoring::{self, AlertsDocument};
use crate::http::order_ref::OrderRef;
use crate::http::orders::OrderDocument;
use crate::http::problem::{Code, Problem};
use crate::http::sale_shown;
use crate::http::{queued, stock};
use crate::live::{Document, OrdersOf, Source, SourceFuture, Topic};
use compact_str::format_compact;
use foldhash::fast::FixedState;
use serde::Serialize;
use std::hash::BuildHasher;

/// Orders that a topic shows.
const ORDERS: u32 = 20;

/// The values of all topics.
pub struct Documents {
    api: Api,
}

impl Documents {
    #[must_use]
    pub const fn new(api: Api) -> Self {
        Self { api }
    }

    async fn document(&self, topic: &Topic) -> Result<Option<Document>, String> {
        match topic {
            Topic::Stock(product) => self.stock(*product).await,
            Topic::Sale(sale) => self.sale(*sale).await,
            Topic::Orders(of) => self.orders(of).await,
            Topic::Purchase(product, order, _) => {
                let reference = OrderRef { product: *product, order: *order };
                match queued::document(&self.api, reference).await {
                    Ok(data) => Ok(Some(Document::of(data))),
                    Err(problem) => nothing_or(&problem),
                }
            }
            Topic::Metrics => self.metrics(),
            Topic::Alerts => {
                json(&AlertsDocument::of(&self.api.monitor)).map(|data| Some(Document::of(data)))
            }
        }
    }

    fn metrics(&self) -> Result<Option<Document>, String> {
        let sample = self.api.monitor.newest();
        let data = json(&monitoring::shown(&self.api, &sample))?;
        Ok(Some(Document { version: format_compact!("{}", sample.at.as_millis()), data }))
    }

    async fn stock(&self, product: ProductId) -> Result<Option<Document>, String> {
        // One that sleeps is what it was; only its first value wakes it.
        match self.api.engine.view(product).await {
            Ok(shown) => {
                let (version, data) = stock::live(product, &shown, self.api.clock.now())?;
                Ok(Some(Document { version: version.into(), data }))
            }
            Err(EngineError::Refused(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    async fn sale(&self, sale: SaleId) -> Result<Option<Document>, String> {
        let row = self.api.queries.sale(sale).await.map_err(|error| error.to_string())?;
        let Some(row) = row else { return Ok(None) };
        match sale_shown::shown_one(&self.api, row).await {
            Ok(shown) => json(&shown.document(None)).map(|data| Some(Document::of(data))),
            Err(problem) => nothing_or(&problem),
        }
    }

    async fn orders(&self, of: &OrdersOf) -> Result<Option<Document>, String> {
        let queries = &self.api.queries;
        let rows = match of {
            OrdersOf::Customer(customer) => queries.orders_of(customer, None, ORDERS).await,
            OrdersOf::Everybody => queries.newest_orders(None, ORDERS).await,
        };
        let rows = rows.map_err(|error| error.to_string())?;
        let documents: Vec<_> = rows.iter().map(OrderDocument::of_row).collect();
        json(&documents).map(|data| Some(Document::of(data)))
    }
}

impl Source for Documents {
    fn mark(&self, topic: &Topic) -> Option<u64> {
        let api = &self.api;
        let hash = FixedState::default();
        match topic {
            Topic::Stock(product) => {
                let now = api.clock.now();
                let view = api.engine.peek(*product)?;
                let state = view.sale.map(|sale| sale.state(now) as u8);
                Some(hash.hash_one((view.revision, state)))
            }
            Topic::Purchase(product, ..) => Some(api.engine.peek(*product)?.revision),
            Topic::Orders(_) => Some(hash.hash_one(&*api.progress.applied.borrow())),
            // They are looked at once a second.
            Topic::Metrics | Topic::Alerts => Some(api.monitor.newest().number),
            // A sale has many products, and opens and ends by the time alone.
            Topic::Sale(_) => None,
        }
    }

    fn value<'a>(&'a self, topic: &'a Topic) -> SourceFuture<'a> {
        Box::pin(self.document(topic))
    }
}

/// What is not there is no failure.
fn nothing_or(problem: &Problem) -> Result<Option<Document>, String> {
    match problem.code() {
        Code::PurchaseNotFound | Code::SaleNotFound | Code::ProductNotFound => Ok(None),
        _ => Err(problem.detail().to_owned()),
    }
}

fn json<T: Serialize>(document: &T) -> Result<String, String> {
    serde_json::to_string(document).map_err(|error| error.to_string())
}
