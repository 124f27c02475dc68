//! Limits: how often addresses, customers, products and the whole server may ask. Each is GCRA, by
//! governor: a steady rate, and a burst that comes back with time.

use super::bounded::Bounded;
use super::budget::{Budget, Limit, Share};
use super::spread::Spread;
use crate::clock;
use crate::config::{LimitsConfig, Rate};
use crate::domain::{CustomerId, ProductId};
use governor::clock::{Clock, FakeRelativeClock};
use governor::middleware::{NoOpMiddleware, StateInformationMiddleware};
use governor::nanos::Nanos;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// A limit with one state.
pub(super) type Direct = RateLimiter<NotKeyed, InMemoryState, Ticker, NoOpMiddleware<Nanos>>;

/// Where the time of limits comes from.
#[derive(Debug, Clone)]
pub enum Ticker {
    /// Since this moment, by the monotonic clock.
    Since(Instant),
    /// Moved by a test.
    Manual(FakeRelativeClock),
}

impl Ticker {
    #[must_use]
    pub fn system() -> Self {
        Self::Since(clock::instant())
    }
}

impl Clock for Ticker {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        match self {
            // governor would end the thread on a time of more than 584 years.
            Self::Since(start) => {
                u64::try_from(clock::since(*start).as_nanos()).unwrap_or(u64::MAX / 2).into()
            }
            Self::Manual(clock) => clock.now(),
        }
    }
}

/// A limit as it is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub limit: Limit,
    /// The setting that counts it: reading, signing-in or buying.
    pub share: &'static str,
    pub per_second: NonZeroU32,
    pub burst: NonZeroU32,
}

impl Policy {
    /// `None` where the setting is 0: no limit.
    fn new(limit: Limit, share: Share, rate: Rate) -> Option<Self> {
        let per_second = NonZeroU32::new(rate.per_second)?;
        let burst = NonZeroU32::new(rate.burst).unwrap_or(NonZeroU32::MIN);
        Some(Self { limit, share: share.as_str(), per_second, burst })
    }

    fn quota(self) -> Quota {
        Quota::per_second(self.per_second).allow_burst(self.burst)
    }

    /// Seconds in which a burst that is used up has come back.
    #[must_use]
    pub const fn window_seconds(self) -> u32 {
        self.burst.get().div_ceil(self.per_second.get())
    }
}

/// Where somebody stands with a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub policy: Policy,
    /// Requests that would pass now.
    pub remaining: u32,
    /// Until the next one passes if none does now, else until the whole burst is there again.
    pub seconds: u32,
}

impl Standing {
    fn over(policy: Policy, wait: Duration) -> Self {
        let seconds = wait.as_millis().div_ceil(1_000).max(1);
        Self { policy, remaining: 0, seconds: u32::try_from(seconds).unwrap_or(u32::MAX) }
    }

    fn within(policy: Policy, remaining: u32) -> Self {
        let used = policy.burst.get().saturating_sub(remaining);
        Self { policy, remaining, seconds: used.div_ceil(policy.per_second.get()) }
    }
}

/// A limit with a state for each key.
#[derive(Debug)]
struct Keyed {
    policy: Policy,
    limiter: RateLimiter<u64, Bounded, Ticker, StateInformationMiddleware>,
}

impl Keyed {
    fn new(policy: Option<Policy>, entries: usize, ticker: &Ticker) -> Option<Self> {
        let policy = policy?;
        let limiter = RateLimiter::new(policy.quota(), Bounded::new(entries), ticker.clone());
        Some(Self { policy, limiter })
    }

    /// Requests that are left after this one.
    fn check(&self, key: u64) -> Result<u32, Standing> {
        match self.limiter.check_key(&key) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(until) => {
                let now = self.limiter.clock().now();
                Err(Standing::over(self.policy, until.wait_time_from(now)))
            }
        }
    }
}

#[derive(Debug)]
struct OfServer {
    policy: Policy,
    spread: Spread,
}

impl OfServer {
    fn new(policy: Option<Policy>, ticker: &Ticker) -> Option<Self> {
        let policy = policy?;
        Some(Self { policy, spread: Spread::new(policy.quota(), ticker) })
    }

    fn check(&self) -> Result<(), Standing> {
        self.spread.check().map_err(|wait| Standing::over(self.policy, wait))
    }
}

/// One of each share.
#[derive(Debug)]
struct Shares<T> {
    reading: T,
    signing_in: T,
    buying: T,
}

impl<T> Shares<T> {
    fn of(mut make: impl FnMut(Share) -> T) -> Self {
        Self {
            reading: make(Share::Reading),
            signing_in: make(Share::SigningIn),
            buying: make(Share::Buying),
        }
    }

    const fn get(&self, share: Share) -> &T {
        match share {
            Share::Reading => &self.reading,
            Share::SigningIn => &self.signing_in,
            Share::Buying => &self.buying,
        }
    }
}

/// All limits of one server.
#[derive(Debug)]
pub(super) struct Limits {
    /// Its seed is secret, so that nobody can choose keys that share a place.
    hashes: RandomState,
    addresses: Shares<Option<Keyed>>,
    server: Shares<Option<OfServer>>,
    customers: Option<Keyed>,
    products: Option<Keyed>,
}

impl Limits {
    pub(super) fn new(settings: &LimitsConfig, ticker: &Ticker) -> Self {
        let of_address = |share| match share {
            Share::Reading => settings.address_reading(),
            Share::SigningIn => settings.address_signing_in(),
            Share::Buying => settings.address_buying(),
        };
        let of_server = |share| match share {
            Share::Reading => settings.server_reading(),
            Share::SigningIn => settings.server_signing_in(),
            Share::Buying => settings.server_buying(),
        };
        let customer = Policy::new(Limit::Customer, Share::Buying, settings.customer_buying());
        let product = Policy::new(Limit::Product, Share::Buying, settings.product_buying());
        Self {
            hashes: RandomState::new(),
            addresses: Shares::of(|share| {
                let policy = Policy::new(Limit::Address, share, of_address(share));
                Keyed::new(policy, settings.address_entries_max, ticker)
            }),
            server: Shares::of(|share| {
                OfServer::new(Policy::new(Limit::Server, share, of_server(share)), ticker)
            }),
            customers: Keyed::new(customer, settings.customer_entries_max, ticker),
            products: Keyed::new(product, settings.product_entries_max, ticker),
        }
    }

    /// Counts a request of an address, as [`super::address::counted`] gives it. `Some`: where it
    /// stands, once half of the burst is used up; whoever is far from the limit needs no answer.
    pub(super) fn address(
        &self,
        address: IpAddr,
        budget: Budget,
    ) -> Result<Option<Standing>, Standing> {
        let keyed = budget.share().and_then(|share| self.addresses.get(share).as_ref());
        let Some(keyed) = keyed else { return Ok(None) };
        let remaining = keyed.check(self.hash(address))?;
        let is_near = remaining < keyed.policy.burst.get() / 2;
        Ok(is_near.then(|| Standing::within(keyed.policy, remaining)))
    }

    pub(super) fn server(&self, budget: Budget) -> Result<(), Standing> {
        let limit = budget.share().and_then(|share| self.server.get(share).as_ref());
        limit.map_or(Ok(()), OfServer::check)
    }

    pub(super) fn customer(&self, customer: &CustomerId) -> Result<(), Standing> {
        self.keyed(self.customers.as_ref(), customer.as_str())
    }

    pub(super) fn product(&self, product: ProductId) -> Result<(), Standing> {
        self.keyed(self.products.as_ref(), product.get())
    }

    fn keyed(&self, limit: Option<&Keyed>, key: impl Hash) -> Result<(), Standing> {
        limit.map_or(Ok(()), |keyed| keyed.check(self.hash(key)).map(|_| ()))
    }

    fn hash(&self, key: impl Hash) -> u64 {
        self.hashes.hash_one(key)
    }
}
