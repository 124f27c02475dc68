//! Buying: an order is placed, its provider asked, and the order settled by what the provider says.

use super::payment::{self, Charge, ChargeState};
use super::{Checkout, NewOrder, PlaceError, PlacedOrder, Running};
use crate::domain::{CustomerId, HoldEnd, Money, OrderId, Payment, ProductId, Refusal};
use crate::engine::EngineError;

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderState {
    Pending,
    Confirmed,
    Cancelled,
    Expired,
}

impl From<HoldEnd> for OrderState {
    fn from(end: HoldEnd) -> Self {
        match end {
            HoldEnd::Confirmed => Self::Confirmed,
            HoldEnd::Released => Self::Cancelled,
            HoldEnd::Expired => Self::Expired,
        }
    }
}

/// An order, and how far its payment has come.
#[derive(Debug, Clone)]
pub struct Bought {
    pub placed: PlacedOrder,
    pub customer: CustomerId,
    pub state: OrderState,
}

impl Checkout {
    /// Places an order and has it paid. An order whose payment is not decided in time stays placed.
    ///
    /// # Errors
    /// See [`PlaceError`]; after `Declined` and `GivenUp` nothing is held any more.
    pub async fn buy(&self, wanted: NewOrder) -> Result<Bought, PlaceError> {
        let _running = wanted.retry.map(|retry| self.guard(retry.key)).transpose()?;
        let customer = wanted.customer.clone();
        let payment = wanted.payment.clone();
        let placed = self.place(wanted).await?;
        let charge = Charge {
            order: placed.order,
            lead: placed.lead,
            amount: Money { amount: placed.total(), currency: placed.currency },
            token: payment.token.clone(),
        };
        let state = if placed.replayed {
            // It may have been paid, or have run out, since it was answered first.
            match self.state(placed.lead, placed.order).await? {
                OrderState::Cancelled => {
                    return Err(PlaceError::GivenUp { order: placed.order });
                }
                state => state,
            }
        } else {
            self.charge(placed.lead, &placed.lines, &payment, &charge).await?
        };
        Ok(Bought { placed, customer, state })
    }

    /// Asks the provider of an order that waits for its payment; `None` for one that does not, and one of
    /// a customer for whom `may_pay` says no: what it is, the query tables know.
    ///
    /// # Errors
    /// See [`PlaceError`].
    pub async fn pay(
        &self,
        lead: ProductId,
        order: OrderId,
        may_pay: impl Fn(&CustomerId) -> bool,
    ) -> Result<Option<Bought>, PlaceError> {
        let open = match self.open(lead, order).await {
            Ok(Some(open)) if !may_pay(&open.customer) => return Ok(None),
            Ok(Some(open)) => open,
            // Where there is a hold, it was paid late and is being taken again at this moment.
            Ok(None) | Err(EngineError::Refused(Refusal::HoldOver(_))) => return Ok(None),
            Err(error) => return Err(PlaceError::Line { product: lead, error }),
        };
        let charge = Charge {
            order,
            lead,
            amount: Money { amount: open.total(), currency: open.currency },
            token: open.payment.token.clone(),
        };
        let state = self.charge(lead, &open.lines, &open.payment, &charge).await?;
        let placed = PlacedOrder {
            lead,
            order,
            lines: open.lines,
            currency: open.currency,
            placed_at: open.held_at,
            expires_at: open.expires_at,
            replayed: false,
        };
        Ok(Some(Bought { placed, customer: open.customer, state }))
    }

    /// Gives up an order that waits for its payment.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub async fn give_up(&self, lead: ProductId, order: OrderId) -> Result<(), EngineError> {
        let open = self.open(lead, order).await?;
        let lines = open.map(|open| open.lines).unwrap_or_default();
        self.settle(lead, order, &lines, HoldEnd::Released).await
    }

    async fn state(&self, lead: ProductId, order: OrderId) -> Result<OrderState, PlaceError> {
        match self.open(lead, order).await {
            Ok(_) => Ok(OrderState::Pending),
            Err(EngineError::Refused(Refusal::HoldOver(end))) => Ok(end.into()),
            Err(error) => Err(PlaceError::Line { product: lead, error }),
        }
    }

    /// Charges, and settles the order by what the provider says. Runs to its end even if the caller
    /// goes away. While the provider is asked about an order nobody else asks: they find it pending.
    async fn charge(
        &self,
        lead: ProductId,
        lines: &[crate::domain::Line],
        payment: &Payment,
        charge: &Charge,
    ) -> Result<OrderState, PlaceError> {
        let (checkout, lines) = (self.clone(), lines.to_vec());
        let (method, charge) = (payment.method.clone(), charge.clone());
        let charging = tokio::spawn(async move {
            let Some(provider) = checkout.provider(&method) else {
                tracing::error!(method = &*method, "no provider has this name any more");
                return Ok(OrderState::Pending);
            };
            let Some(_asking) = Running::begin(&checkout.asked, charge.order) else {
                return Ok(OrderState::Pending);
            };
            let asked = payment::charge_within(provider, &charge, checkout.patience).await;
            let (end, declined) = match asked {
                Ok(ChargeState::Paid) => (HoldEnd::Confirmed, None),
                Ok(ChargeState::Declined { reason }) => (HoldEnd::Released, Some(reason)),
                Ok(ChargeState::Pending) => return Ok(OrderState::Pending),
                Err(error) => {
                    tracing::warn!(%error, "a provider could not be asked; the order waits");
                    return Ok(OrderState::Pending);
                }
            };
            let paid = end == HoldEnd::Confirmed;
            let state = match checkout.settle(lead, charge.order, &lines, end).await {
                Ok(()) => end.into(),
                Err(EngineError::Refused(Refusal::HoldOver(end))) => {
                    if paid && end != HoldEnd::Confirmed {
                        let amount = charge.amount.amount;
                        if let Err(error) = checkout.note_late(lead, charge.order, amount).await {
                            tracing::warn!(%lead, %error, "a late payment is asked about again");
                        }
                    }
                    end.into()
                }
                // The order is there, and nobody may take this for an order that is not.
                Err(error) => {
                    tracing::warn!(%error, "an order could not be settled yet; it waits");
                    OrderState::Pending
                }
            };
            match declined {
                Some(reason) if state == OrderState::Cancelled => {
                    Err(PlaceError::Declined { reason })
                }
                _ => Ok(state),
            }
        });
        let unknown = PlaceError::Line { product: lead, error: EngineError::OutcomeUnknown };
        charging.await.unwrap_or(Err(unknown))
    }
}
