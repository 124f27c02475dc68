//! Returns: sold lines come back, each exactly once.

use super::Checkout;
use crate::domain::{Action, Command, Quantity, Refusal, ReturnReason};
use crate::engine::EngineError;
use crate::projection::{LineStatus, OrderLine, OrderRow};

/// Why nothing came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CancelError {
    /// All of it came back before.
    #[error("this came back before")]
    ReturnedAlready,
    /// A line is not sold.
    #[error("a line is not sold")]
    NotSold,
    #[error("{0}")]
    Engine(EngineError),
}

impl Checkout {
    /// Takes sold lines of an order back. The rows say what was sold, and never change again; the
    /// product itself remembers what came back, so two requests at once return a line once.
    ///
    /// # Errors
    /// See [`CancelError`]. After `NotSold` nothing has come back; after a failure of the engine lines before
    /// the failing one have.
    pub async fn take_back(
        &self,
        row: &OrderRow,
        lines: &[OrderLine],
        reason: ReturnReason,
    ) -> Result<(), CancelError> {
        let returned = |line: &&OrderLine| matches!(line.status, LineStatus::Returned(_));
        let wanted: Vec<_> = lines.iter().filter(|line| !returned(line)).collect();
        // Before anything comes back: what has cannot be taken back again.
        if let Some(line) = wanted.iter().find(|line| line.status != LineStatus::Sold) {
            // Where it has not heard that it is sold: loaded, it asks its lead.
            let _ = self.engine.view(line.product).await;
            return Err(CancelError::NotSold);
        }
        let mut waiting = Vec::with_capacity(wanted.len());
        for line in wanted {
            let action = Action::Return {
                order: row.order,
                customer: row.customer.clone(),
                quantity: Quantity::from_journal(line.quantity),
                reason,
                sale: line.sale,
            };
            let decided = self.engine.decide(line.product, Command::plain(action)).await;
            waiting.push(decided.map_err(CancelError::Engine)?);
        }
        let mut returned = 0;
        for line in waiting {
            match line.durable().await {
                Ok(_) => returned += 1,
                // Somebody else was faster.
                Err(EngineError::Refused(Refusal::ReturnedAlready)) => {}
                Err(error) => return Err(CancelError::Engine(error)),
            }
        }
        if returned == 0 { Err(CancelError::ReturnedAlready) } else { Ok(()) }
    }
}
