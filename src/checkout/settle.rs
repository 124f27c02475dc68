//! What becomes of a placed order: its lead decides, the other lines follow in the same commit.

use super::Checkout;
use crate::domain::{
    Action, Answer, Command, Currency, HoldEnd, Line, OrderId, Part, Payment, ProductId,
};
use crate::engine::EngineError;

/// A placed order as its lead has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Open {
    pub lines: Box<[Line]>,
    pub currency: Currency,
    pub payment: Box<Payment>,
}

impl Checkout {
    /// The order, while it waits for its payment.
    ///
    /// # Errors
    /// How it ended, or why nobody can tell; see [`EngineError`].
    pub(super) async fn open(
        &self,
        lead: ProductId,
        order: OrderId,
    ) -> Result<Option<Open>, EngineError> {
        let look_up = Command::plain(Action::LookUp { order });
        let outcome = self.engine.submit(lead, look_up).await?;
        let Answer::Shown(hold) = outcome.answer else { return Ok(None) };
        Ok(match hold.part.as_deref() {
            Some(Part::Lead { lines, payment: Some(payment) }) => Some(Open {
                lines: lines.clone(),
                currency: outcome.currency,
                payment: payment.clone(),
            }),
            _ => None,
        })
    }

    /// Ends a placed order, all lines the same way. Safe to repeat: once the lead has decided, the
    /// other lines follow it whatever is asked here.
    ///
    /// # Errors
    /// Why the lead could not: it has ended already (`HoldOver`), or see [`EngineError`].
    pub(super) async fn settle(
        &self,
        lead: ProductId,
        order: OrderId,
        lines: &[Line],
        end: HoldEnd,
    ) -> Result<(), EngineError> {
        let settle = || Command::plain(Action::Settle { order, end, held_until: None });
        let decided = self.engine.decide(lead, settle()).await?;
        if decided.early().is_err() {
            return decided.durable().await.map(|_| ());
        }
        let mut following = Vec::with_capacity(lines.len());
        for line in lines.iter().filter(|line| line.product != lead) {
            match self.engine.decide(line.product, settle()).await {
                Ok(line) => following.push(line),
                // It asks its lead when its time comes.
                Err(error) => {
                    tracing::debug!(product = %line.product, %error, "a line follows later");
                }
            }
        }
        decided.durable().await?;
        for line in following {
            // Decided by the lead: a line that cannot be written now follows when it asks.
            drop(line.durable().await);
        }
        Ok(())
    }
}
