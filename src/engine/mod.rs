//! Local stand-in for the engine.

mod api;

pub use api::{EngineError, Shown, Version};

use crate::clock::Clock;
use crate::domain::{
    Action, Answer, CatalogEntry, Command, Currency, Money, Offer, Outcome, ProductId, Refusal,
    Stock, View,
};
use crate::journal::{Epoch, Seq};

#[derive(Debug, Clone)]
pub struct Engine;

impl Engine {
    pub async fn submit(
        &self,
        product: ProductId,
        command: Command,
    ) -> Result<Outcome, EngineError> {
        let now = Clock::system().now();
        let currency = Currency::from_journal(*b"EUR");
        let answer = match (product.get(), command.action) {
            (2, _) => return Err(Refusal::SoldOut.into()),
            (1, Action::Purchase { order, quantity, .. }) => {
                Answer::Purchased { order, quantity: quantity.get(), unit_price: 999 }
            }
            (1, Action::Hold { order, quantity, hold_ms, .. }) => Answer::Held {
                order,
                quantity: quantity.get(),
                unit_price: 999,
                expires_at: now.plus_millis(hold_ms),
            },
            (1, Action::Release { order }) => Answer::Released { order },
            (3, _) => panic!("a bug"),
            _ => return Err(Refusal::UnknownProduct.into()),
        };
        Ok(Outcome { answer, at: now, currency, replayed: false })
    }

    pub async fn view(&self, product: ProductId) -> Result<Shown, EngineError> {
        if product.get() > 2 {
            return Err(Refusal::UnknownProduct.into());
        }
        let view = View {
            stock: Stock { available: 1, held: 0, sold: 0, stocked: 1 },
            offer: Offer {
                price: Money { amount: 999, currency: Currency::from_journal(*b"EUR") },
                limit_per_customer: None,
                opens_at: None,
                closes_at: None,
            },
            revision: 1,
            next_lapse: None,
            keys: 0,
        };
        Ok(Shown { view, version: Version { epoch: Epoch(1), seq: Seq(1) } })
    }

    pub async fn create(
        &self,
        _offer: Offer,
        _units: u64,
        _entry: CatalogEntry,
    ) -> Result<ProductId, EngineError> {
        ProductId::new(1).map_err(|_| EngineError::JournalUnavailable)
    }

    pub fn durable(&self) -> Vec<Seq> {
        vec![Seq(1)]
    }

    pub fn readiness(&self) -> Result<(), String> {
        Ok(())
    }
}
