//! Late payments: money that comes when its order is over.
//!
//! ```text
//!   paid ──▶ lead still held? ──yes──▶ confirmed
//!              │ over, not sold
//!              ▼
//!   paid late (a fact, durable before anybody is answered) ──a job──▶ take all lines again ──▶ confirmed
//!                                                                        │ one is refused
//!                                                                        ▼
//!                                                            give back, owe the money
//! ```
//!
//! Lines are taken again under the same order id, ascending, all or none, as for a new order; a line is
//! taken only at the price that was paid. Owner: whoever runs the job, one at a time for each order; it may
//! stop anywhere and begin again. What must never happen: units of an order whose money goes back, or an
//! order that is sold in parts.

use super::{Checkout, Held, NewOrder, PlaceError, total};
use crate::domain::{
    Action, Answer, Command, CustomerId, HoldEnd, Line, OrderId, Part, Payment, ProductId, Refusal,
};
use crate::engine::EngineError;
use std::time::Duration;

/// How often something that is held by somebody else for a moment is tried, and how long between.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// What a provider's notice has led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Noticed {
    Confirmed,
    Cancelled,
    /// The order was over: it is taken again, or its money goes back.
    Late,
    /// Nothing that was not so before.
    Ignored,
}

/// An order that was paid when it was over, as the query tables have it.
#[derive(Debug, Clone)]
pub struct LateOrder {
    pub lead: ProductId,
    pub order: OrderId,
    pub customer: CustomerId,
    /// Ascending.
    pub lines: Box<[Line]>,
    pub payment: Payment,
    /// What was paid, in minor units.
    pub amount: u64,
    /// Whether it ran out: what was cancelled is not taken again.
    pub ran_out: bool,
}

/// What became of a late payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    Sold,
    /// Its money goes back.
    Owed,
}

impl Checkout {
    /// The provider says that it has the money for an order that is in the query tables and was not
    /// sold there. Returns when what it led to is durable, and runs to its end even if the caller goes
    /// away. Safe to repeat.
    ///
    /// # Errors
    /// Nothing may have happened, and the notice must come again; see [`EngineError`].
    pub async fn paid(
        &self,
        lead: ProductId,
        order: OrderId,
        lines: Vec<Line>,
    ) -> Result<Noticed, EngineError> {
        let checkout = self.clone();
        let settling = tokio::spawn(async move {
            for _ in 0..TRIES {
                match checkout.settle(lead, order, &lines, HoldEnd::Confirmed).await {
                    Ok(()) | Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Confirmed))) => {
                        return Ok(Noticed::Confirmed);
                    }
                    Err(EngineError::Refused(
                        Refusal::HoldOver(_) | Refusal::UnknownReservation,
                    )) => {}
                    // It is being taken again at this moment.
                    Err(EngineError::Refused(Refusal::PartOfOrder)) => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                    Err(error) => return Err(error),
                }
                let late = Action::PayLate { order, amount: total(&lines) };
                match checkout.engine.submit(lead, Command::plain(late)).await {
                    Ok(_) => return Ok(Noticed::Late),
                    // Somebody was faster: ask again what it is now.
                    Err(EngineError::Refused(Refusal::PartOfOrder | Refusal::HoldOver(_))) => {}
                    Err(error) => return Err(error),
                }
            }
            Err(EngineError::OutcomeUnknown)
        });
        settling.await.unwrap_or(Err(EngineError::OutcomeUnknown))
    }

    /// The provider says that it will not take the money.
    ///
    /// # Errors
    /// As for [`Self::paid`].
    pub async fn declined(
        &self,
        lead: ProductId,
        order: OrderId,
        lines: Vec<Line>,
    ) -> Result<Noticed, EngineError> {
        let checkout = self.clone();
        let settling = tokio::spawn(async move {
            match checkout.settle(lead, order, &lines, HoldEnd::Released).await {
                Ok(()) => Ok(Noticed::Cancelled),
                Err(EngineError::Refused(Refusal::HoldOver(_) | Refusal::UnknownReservation)) => {
                    Ok(Noticed::Ignored)
                }
                Err(error) => Err(error),
            }
        });
        settling.await.unwrap_or(Err(EngineError::OutcomeUnknown))
    }

    /// Records that a provider was asked and has the money for an order that ended meanwhile. What cannot
    /// be recorded now is not lost: the order's end owes a job that asks the provider again.
    ///
    /// # Errors
    /// See [`EngineError`].
    pub(super) async fn note_late(
        &self,
        lead: ProductId,
        order: OrderId,
        amount: u64,
    ) -> Result<(), EngineError> {
        let late = Command::plain(Action::PayLate { order, amount });
        match self.engine.submit(lead, late).await {
            Ok(_) | Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Confirmed))) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes the units of a late order again, or owes its money. Safe to repeat, from wherever it was
    /// left; not to be called twice at once for one order.
    ///
    /// # Errors
    /// It is not decided yet, and to be repeated; see [`EngineError`].
    pub async fn take_late(&self, late: &LateOrder) -> Result<Taken, EngineError> {
        let (checkout, late) = (self.clone(), late.clone());
        let taking = tokio::spawn(async move {
            if checkout.take_again(&late).await? {
                return Ok(Taken::Sold);
            }
            let owe = Action::OweRefund { order: late.order, amount: late.amount };
            match checkout.engine.submit(late.lead, Command::plain(owe)).await {
                Ok(_) => Ok(Taken::Owed),
                Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Confirmed))) => Ok(Taken::Sold),
                Err(error) => Err(error),
            }
        });
        taking.await.unwrap_or(Err(EngineError::OutcomeUnknown))
    }

    /// `false` when the money is to go back.
    async fn take_again(&self, late: &LateOrder) -> Result<bool, EngineError> {
        match self.lead_of(late).await? {
            Lead::Sold => return Ok(true),
            Lead::Placed => return self.sell(late).await,
            Lead::Released => return Ok(false),
            Lead::Free => {}
        }
        self.free_followers(late).await?;
        if !late.ran_out || total(&late.lines) != late.amount {
            return Ok(false);
        }
        let mut held = Held { order: late.order, lines: vec![], waiting: vec![], currency: None };
        let items = late.lines.iter().map(|line| (line.product, line.quantity)).collect();
        let wanted = NewOrder {
            order: late.order,
            customer: late.customer.clone(),
            items,
            sales: std::collections::BTreeMap::new(),
            payment: late.payment.clone(),
            retry: None,
        };
        let refused = match self.hold_all(&wanted, &mut held).await {
            Ok(()) if *held.lines == *late.lines => return self.place_and_sell(late, &held).await,
            // The price is another one by now.
            Ok(()) => Ok(false),
            Err(error) => verdict(error),
        };
        // Not released: that would be for good.
        self.give_back(&held, HoldEnd::Expired).await;
        refused
    }

    /// How the lead stands; a hold of it that was left unplaced is ended.
    async fn lead_of(&self, late: &LateOrder) -> Result<Lead, EngineError> {
        let look_up = Command::plain(Action::LookUp { order: late.order });
        let outcome = match self.engine.submit(late.lead, look_up).await {
            Ok(outcome) => outcome,
            Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Confirmed))) => {
                return Ok(Lead::Sold);
            }
            Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Released))) => {
                return Ok(Lead::Released);
            }
            Err(EngineError::Refused(
                Refusal::HoldOver(HoldEnd::Expired) | Refusal::UnknownReservation,
            )) => return Ok(Lead::Free),
            Err(error) => return Err(error),
        };
        let Answer::Shown(hold, _) = outcome.answer else { return Ok(Lead::Free) };
        match hold.part.as_deref() {
            Some(Part::Lead { payment: Some(_), .. }) => Ok(Lead::Placed),
            _ => self.free(late.lead, late.order).await.map(|()| Lead::Free),
        }
    }

    /// Lines that are held from a try before, or have not heard yet that the order ran out.
    async fn free_followers(&self, late: &LateOrder) -> Result<(), EngineError> {
        for line in late.lines.iter().filter(|line| line.product != late.lead) {
            self.free(line.product, late.order).await?;
        }
        Ok(())
    }

    async fn free(&self, product: ProductId, order: OrderId) -> Result<(), EngineError> {
        let settle = Action::Settle { order, end: HoldEnd::Expired, held_until: None };
        match self.engine.submit(product, Command::plain(settle)).await {
            Ok(_)
            | Err(EngineError::Refused(Refusal::HoldOver(_) | Refusal::UnknownReservation)) => {
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    async fn place_and_sell(&self, late: &LateOrder, held: &Held) -> Result<bool, EngineError> {
        let place = Action::Place {
            order: late.order,
            lines: held.lines.clone().into(),
            pay_ms: self.pay_ms,
            payment: Box::new(late.payment.clone()),
        };
        let placed = self.engine.decide(late.lead, Command::plain(place)).await?;
        if placed.early().is_err() {
            let refused = placed.durable().await.err().unwrap_or(EngineError::OutcomeUnknown);
            self.give_back(held, HoldEnd::Expired).await;
            return Err(refused);
        }
        self.sell(late).await
    }

    async fn sell(&self, late: &LateOrder) -> Result<bool, EngineError> {
        match self.settle(late.lead, late.order, &late.lines, HoldEnd::Confirmed).await {
            Ok(()) | Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Confirmed))) => Ok(true),
            // The customer has given it up meanwhile.
            Err(EngineError::Refused(Refusal::HoldOver(HoldEnd::Released))) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// How the lead of a late order stands.
enum Lead {
    Sold,
    /// Taken again, and not sold yet.
    Placed,
    Released,
    /// Nothing of it is held.
    Free,
}

/// Whether a line that could not be held says no for good.
fn verdict(error: PlaceError) -> Result<bool, EngineError> {
    match error {
        PlaceError::Line {
            error:
                error @ EngineError::Refused(
                    Refusal::Full { .. } | Refusal::SalePaused | Refusal::PartOfOrder,
                ),
            ..
        } => Err(error),
        PlaceError::Line { error: EngineError::Refused(_), .. } | PlaceError::MixedCurrencies => {
            Ok(false)
        }
        PlaceError::Line { error, .. } => Err(error),
        PlaceError::InProgress | PlaceError::Declined { .. } | PlaceError::GivenUp { .. } => {
            Err(EngineError::OutcomeUnknown)
        }
    }
}
