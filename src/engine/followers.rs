//! Followers: lines of an order whose time has come ask their lead what became of the order, and go
//! its way. Nobody else tells them after a crash, so all of them ask once when their product is loaded;
//! without a crash they hear of it before they ask.
//!
//! What must never happen: a line that runs out by itself while its order was paid.

use super::registry::Registry;
use super::{Engine, EngineError};
use crate::domain::{Action, Command, HoldEnd, OrderId, ProductId, Refusal, Timestamp};
use std::sync::Arc;

/// Most lines of one product that ask at once because their time has come.
pub(super) const QUESTIONS_MAX: usize = 1_000;

/// Pause before a line whose order is still open, or whose lead cannot answer, asks again.
pub(super) const ASK_AGAIN_MS: u64 = 1_000;

/// Asks the lead of each line and settles those whose order is decided.
pub(super) async fn ask(
    registry: Arc<Registry>,
    product: ProductId,
    questions: Vec<(OrderId, ProductId, Timestamp)>,
) {
    let engine = Engine { registry };
    for (order, lead, held_until) in questions {
        let asked = engine.submit(lead, Command::plain(Action::LookUp { order })).await;
        let end = match asked {
            Err(EngineError::Refused(Refusal::HoldOver(end))) => end,
            // Its lead was never held: the order broke off before anything else.
            Err(EngineError::Refused(Refusal::UnknownReservation | Refusal::UnknownProduct)) => {
                HoldEnd::Released
            }
            // Still open, or nobody can tell at the moment.
            Ok(_) | Err(_) => continue,
        };
        // The answer is about this hold: a late payment may have the line held again by now.
        let settle = Action::Settle { order, end, held_until: Some(held_until) };
        let settle = Command::plain(settle);
        if let Err(error) = engine.submit(product, settle).await {
            tracing::debug!(%product, ?order, %error, "a line could not follow its order yet");
        }
    }
}
