//! What becomes of a placed order: its lead decides, the other lines follow in the same commit.

use super::Checkout;
use crate::domain::{
    Action, Answer, Command, Currency, CustomerId, HoldEnd, Line, OrderId, Part, Payment,
    ProductId, Refusal, Timestamp,
};
use crate::engine::EngineError;
use std::time::Duration;

/// How often a line that could not follow is told again, and after which pause. Afterwards, and after a
/// restart, it asks its lead by itself.
const TELLINGS: u32 = 120;
const TELLING_PAUSE: Duration = Duration::from_secs(1);

/// A placed order as its lead has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    pub lines: Box<[Line]>,
    pub currency: Currency,
    pub payment: Box<Payment>,
    pub customer: CustomerId,
    pub held_at: Timestamp,
    pub expires_at: Timestamp,
}

impl Open {
    /// What all lines cost together, in minor units.
    #[must_use]
    pub fn total(&self) -> u64 {
        super::total(&self.lines)
    }
}

impl Checkout {
    /// The order, while it waits for its payment. Asks its lead and nobody else: no table is needed. `None`
    /// for a hold that is no placed order.
    ///
    /// # Errors
    /// How it ended, or why nobody can tell; see [`EngineError`].
    pub async fn open(&self, lead: ProductId, order: OrderId) -> Result<Option<Open>, EngineError> {
        let look_up = Command::plain(Action::LookUp { order });
        let outcome = self.engine.submit(lead, look_up).await?;
        let Answer::Shown(hold, _) = outcome.answer else { return Ok(None) };
        Ok(match hold.part.as_deref() {
            Some(Part::Lead { lines, payment: Some(payment) }) => Some(Open {
                lines: lines.clone(),
                currency: outcome.currency,
                payment: payment.clone(),
                customer: hold.customer.clone(),
                held_at: hold.created_at,
                expires_at: hold.expires_at,
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
        let settle = Command::plain(Action::Settle { order, end, held_until: None });
        let decided = self.engine.decide(lead, settle).await?;
        let followers = lines.iter().map(|line| line.product).filter(|product| *product != lead);
        let followers: Vec<_> = followers.collect();
        if decided.early().is_err() {
            let refused = decided.durable().await.map(|_| ());
            // Both are for good. Whoever decided it may have been killed before the others heard of it.
            if let Err(EngineError::Refused(Refusal::HoldOver(
                ended @ (HoldEnd::Confirmed | HoldEnd::Released),
            ))) = refused
            {
                self.follow(order, followers, ended).await;
            }
            return refused;
        }
        let mut following = Vec::with_capacity(followers.len());
        let mut later = Vec::new();
        for product in followers {
            let settle = Command::plain(Action::Settle { order, end, held_until: None });
            match self.engine.decide(product, settle).await {
                Ok(line) => following.push((product, line)),
                Err(_) => later.push(product),
            }
        }
        let settled = decided.durable().await;
        for (product, line) in following {
            // A refusal says that it has followed already.
            if !matches!(line.durable().await, Ok(_) | Err(EngineError::Refused(_))) {
                later.push(product);
            }
        }
        if settled.is_ok() {
            self.follow_later(order, later, end);
        }
        settled.map(|_| ())
    }

    /// Lines of an order that has ended go its way. Gives those that could not.
    async fn follow(&self, order: OrderId, lines: Vec<ProductId>, end: HoldEnd) -> Vec<ProductId> {
        let mut later = Vec::new();
        for product in lines {
            let settle = Command::plain(Action::Settle { order, end, held_until: None });
            match self.engine.submit(product, settle).await {
                Ok(_) | Err(EngineError::Refused(_)) => {}
                Err(error) => {
                    tracing::debug!(%product, %error, "a line follows later");
                    later.push(product);
                }
            }
        }
        later
    }

    /// The same behind the caller's back, until all have heard of it or have to ask.
    fn follow_later(&self, order: OrderId, mut lines: Vec<ProductId>, end: HoldEnd) {
        if lines.is_empty() {
            return;
        }
        let checkout = self.clone();
        tokio::spawn(async move {
            for _ in 0..TELLINGS {
                tokio::time::sleep(TELLING_PAUSE).await;
                lines = checkout.follow(order, lines, end).await;
                if lines.is_empty() {
                    return;
                }
            }
        });
    }
}
