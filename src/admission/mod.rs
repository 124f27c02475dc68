//! Admission: who is let in how often, and what is turned away first when there is too much to do.
//!
//! What it is for: honest customers get their turn whatever others send. `address` finds out where a
//! request comes from; `limits` count it (`bounded` keeps their memory small, `spread` the limit of the
//! whole server off one cache line); `shedding` watches the load. Nothing here waits, locks or allocates.
//!
//! ```text
//!   request ──▶ shedding ──▶ its address ──▶ the whole server ──▶ handler ──▶ customer ──▶ products ──▶ engine
//!                  503           429              429                            429          429
//! ```
//!
//! The address comes before the whole server, so that what is over its own limit takes nothing from the
//! others. A waiting room in front of a sale will stand here, too: [`Admission::buyer`] is where every
//! purchase, hold and order passes once its customer and products are known.
//!
//! Who owns it: one [`Admission`] a server, shared by all handlers. All of it is in memory: a restart
//! forgives everybody, and two servers count apart.
//!
//! What happens on failure: there is nothing that can fail. With `limits.enabled = false` everybody
//! passes, and `/health` says so.

pub mod address;
mod bounded;
mod budget;
mod limits;
mod shedding;
mod spread;

pub use budget::{Budget, Limit};
pub use limits::{Policy, Standing, Ticker};
pub use shedding::{Level, Load};

use crate::config::LimitsConfig;
use crate::domain::{CustomerId, ProductId};
use crate::telemetry::admission::AdmissionMetrics;
use limits::Limits;
use shedding::Shedding;
use std::net::IpAddr;
use std::sync::Arc;

/// The limits and the watch over the load. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Admission(Arc<Inside>);

#[derive(Debug)]
struct Inside {
    /// `None`: everybody passes.
    limits: Option<Limits>,
    shedding: Shedding,
    metrics: AdmissionMetrics,
}

/// Why a request is turned away before anybody looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Too often.
    Limited(Standing),
    /// The server has more to do than it can.
    Overloaded,
}

impl Admission {
    #[must_use]
    pub fn new(settings: &LimitsConfig, ticker: &Ticker, metrics: AdmissionMetrics) -> Self {
        let limits = settings.enabled.then(|| Limits::new(settings, ticker));
        Self(Arc::new(Inside { limits, shedding: Shedding::default(), metrics }))
    }

    /// Whether anything is limited or shed at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.limits.is_some()
    }

    /// Lets a request in, before its handler. `Some`: where the address stands, once it has used up
    /// half of what it may.
    ///
    /// # Errors
    /// Why it is turned away.
    pub fn request(
        &self,
        address: Option<IpAddr>,
        budget: Budget,
    ) -> Result<Option<Standing>, Turned> {
        let Some(limits) = &self.0.limits else { return Ok(None) };
        if self.0.shedding.sheds(budget) {
            self.0.metrics.shed(budget as usize);
            return Err(Turned::Overloaded);
        }
        let standing = match address {
            Some(address) => self.counted(limits.address(address, budget), budget)?,
            None => None,
        };
        self.counted(limits.server(budget), budget)?;
        Ok(standing)
    }

    /// Lets whoever buys, holds or orders through to the engine. A waiting room would be asked here,
    /// after the limits: what is over them must not take a place in it.
    ///
    /// # Errors
    /// The limit that is reached.
    pub fn buyer(
        &self,
        customer: &CustomerId,
        products: impl IntoIterator<Item = ProductId>,
    ) -> Result<(), Turned> {
        let Some(limits) = &self.0.limits else { return Ok(()) };
        self.counted(limits.customer(customer), Budget::Buying)?;
        for product in products {
            self.counted(limits.product(product), Budget::Buying)?;
        }
        Ok(())
    }

    fn counted<T>(&self, checked: Result<T, Standing>, budget: Budget) -> Result<T, Turned> {
        checked.map_err(|standing| {
            self.0.metrics.limited(standing.policy.limit as usize, budget as usize);
            Turned::Limited(standing)
        })
    }

    /// Takes note of the load; call it at a steady pace.
    pub fn observe(&self, load: &Load) {
        if self.is_on() {
            self.0.metrics.level(self.0.shedding.observe(load) as u8);
        }
    }
}

#[cfg(test)]
mod tests;
