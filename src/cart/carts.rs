//! The handle on carts: what everybody else calls.

use super::postgres::PostgresCarts;
use super::redis::RedisCarts;
use super::rules::{Cart, Lifetime, Line};
use super::session::SessionId;
use super::sqlite::SqliteCarts;
use super::store::{CartError, CartStore, OpenError, Taken, Unprepared, When};
use crate::clock::Clock;
use crate::domain::{Money, ProductId, Quantity};
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often upkeep looks whether a store that is away is there again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Every how many such looks it removes what ran out, and looks at a store that nobody complained of.
const SWEEP_AT: u32 = 10;
/// Carts that one transaction of the sweep removes at most, and transactions in one go: the rest waits
/// for the next one, so that no caller waits long behind a sweep.
const SWEPT_AT_ONCE: u32 = 200;
const SWEEPS_IN_A_ROW: u32 = 100;
const SWEEP_PAUSE: Duration = Duration::from_millis(20);

/// Where carts are kept. Not `Debug`: a URL may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres { url: String, connections_max: u32 },
    Redis(String),
}

/// A cheap handle on the store of carts.
#[derive(Clone)]
pub struct Carts {
    shared: Arc<Shared>,
}

struct Shared {
    store: Box<dyn CartStore>,
    lifetime: Lifetime,
    clock: Clock,
    /// Why the store is away; `None` while it is there.
    away: Mutex<Option<String>>,
}

impl std::fmt::Debug for Carts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Carts")
    }
}

impl Carts {
    /// Opens the store and makes its tables. A Postgres or a Redis that is away is no reason not to
    /// start: that is said once in the log, and carts answer [`CartError::Unavailable`] until it is
    /// there.
    ///
    /// # Errors
    /// What waiting cannot mend, in one sentence.
    pub async fn open(
        location: Location,
        lifetime: Lifetime,
        clock: Clock,
    ) -> Result<Self, OpenError> {
        let store: Box<dyn CartStore> = match location {
            Location::Sqlite(path) => Box::new(SqliteCarts::open(&path).await?),
            Location::Postgres { url, connections_max } => {
                Box::new(PostgresCarts::open(&url, connections_max)?)
            }
            Location::Redis(url) => Box::new(RedisCarts::open(&url)?),
        };
        let carts =
            Self { shared: Arc::new(Shared { store, lifetime, clock, away: Mutex::new(None) }) };
        match carts.shared.store.prepare().await {
            Ok(()) => {}
            Err(Unprepared::Away(reason)) => carts.is_away(&reason),
            Err(Unprepared::Wrong(reason)) => return Err(OpenError(reason)),
        }
        Ok(carts)
    }

    /// Why the store cannot be asked at the moment; `None` while it can.
    #[must_use]
    pub fn away(&self) -> Option<String> {
        self.shared.away.lock().clone()
    }

    /// The cart of a session; empty when there is none or it ran out.
    ///
    /// # Errors
    /// See [`CartError`]; the same for all that follow.
    pub async fn read(&self, session: &SessionId) -> Result<Cart, CartError> {
        let read = self.shared.store.read(session, self.shared.clock.now()).await;
        self.noted(read).map(Cart::new)
    }

    /// Sets the quantity of one product in a cart, whatever happens to its other lines meanwhile.
    /// `price` is what the caller sees now; a product that is there already keeps the one it has.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn put(
        &self,
        session: &SessionId,
        product: ProductId,
        quantity: Quantity,
        price: Money,
    ) -> Result<Line, CartError> {
        let when = self.when();
        let line = Line { product, quantity, added_price: price, added_at: when.now };
        let put = self.shared.store.put(session, line, when).await;
        self.noted(put)
    }

    /// Takes one product out of a cart. Gives whether it was there.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn remove(&self, session: &SessionId, product: ProductId) -> Result<bool, CartError> {
        let taken = Taken::Products(vec![(product, None)]);
        Ok(self.take(session, taken).await? > 0)
    }

    /// Empties a cart. Gives how many lines it had.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn clear(&self, session: &SessionId) -> Result<u64, CartError> {
        self.take(session, Taken::All).await
    }

    /// Takes out exactly what was bought: a line whose quantity has changed since stays, because the
    /// caller means to buy something else by now. Gives how many lines went.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn clear_lines(
        &self,
        session: &SessionId,
        bought: &[(ProductId, Quantity)],
    ) -> Result<u64, CartError> {
        let exactly = |(product, quantity): &(ProductId, Quantity)| (*product, Some(*quantity));
        self.take(session, Taken::Products(bought.iter().map(exactly).collect())).await
    }

    /// Puts lines back that were taken out to be bought, and were not. What the caller has put in meanwhile
    /// stays as it is, and what there is no room for stays out.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn put_back(
        &self,
        session: &SessionId,
        lines: &[(ProductId, Quantity, Money)],
    ) -> Result<(), CartError> {
        let there = self.read(session).await?;
        for (product, quantity, price) in lines {
            if there.lines().iter().any(|line| line.product == *product) {
                continue;
            }
            match self.put(session, *product, *quantity, *price).await {
                Ok(_) | Err(CartError::Full(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Moves the lines of one cart into another one of the same caller. A product that both have
    /// keeps the larger quantity; what there is no room for stays where it was. A line is put before
    /// it is taken away, so a failure in between leaves it in both, and repeating it mends that.
    ///
    /// # Errors
    /// See [`CartError`].
    pub async fn merge(&self, from: &SessionId, into: &SessionId) -> Result<(), CartError> {
        if from == into {
            return Ok(());
        }
        let other = self.read(from).await?;
        if other.lines().is_empty() {
            return Ok(());
        }
        let mine = self.read(into).await?;
        let wanted = mine.wanted_from(&other);
        for line in &wanted {
            let put = self.shared.store.put(into, *line, self.when()).await;
            self.noted(put)?;
        }
        // What the other cart already has in at least that quantity is settled, too.
        let settled = |line: &&Line| {
            wanted.contains(line) || mine.lines().iter().any(|there| there.product == line.product)
        };
        let moved = other.lines().iter().filter(settled);
        let moved: Vec<_> = moved.map(|line| (line.product, line.quantity)).collect();
        self.clear_lines(from, &moved).await.map(drop)
    }

    async fn take(&self, session: &SessionId, taken: Taken) -> Result<u64, CartError> {
        let gone = self.shared.store.take(session, taken, self.when()).await;
        self.noted(gone)
    }

    fn when(&self) -> When {
        let now = self.shared.clock.now();
        When { now, expires_at: self.shared.lifetime.expires_at(now) }
    }

    /// Watches the store and removes what ran out, for ever; run it as a task. It alone says that a
    /// store is there again: one that answers every other caller must not fill the log.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for tick in (0..SWEEP_AT).cycle() {
            ticks.tick().await;
            if tick > 0 && self.away().is_none() {
                continue;
            }
            match self.shared.store.prepare().await {
                Ok(()) => self.is_there(),
                Err(Unprepared::Away(reason) | Unprepared::Wrong(reason)) => self.is_away(&reason),
            }
            if tick == 0 && self.away().is_none() {
                self.sweep().await;
            }
        }
    }

    /// Removes carts that ran out, a bounded number. Gives how many went.
    pub async fn sweep(&self) -> u64 {
        let mut gone = 0;
        for _ in 0..SWEEPS_IN_A_ROW {
            let now = self.shared.clock.now();
            let swept = self.shared.store.sweep(now, SWEPT_AT_ONCE).await;
            let Ok(swept) = self.noted(swept) else { break };
            gone += swept;
            if swept < u64::from(SWEPT_AT_ONCE) {
                break;
            }
            tokio::time::sleep(SWEEP_PAUSE).await;
        }
        if gone > 0 {
            tracing::debug!(carts = gone, "carts ran out and were removed");
        }
        gone
    }

    /// Ends the connections; changes that wait are done first.
    pub async fn close(&self) {
        self.shared.store.close().await;
    }

    /// Notes when an answer tells that the store is away.
    fn noted<T>(&self, answer: Result<T, CartError>) -> Result<T, CartError> {
        if let Err(CartError::Unavailable(reason)) = &answer {
            self.is_away(reason);
        }
        answer
    }

    /// Said once, however many callers notice.
    fn is_away(&self, reason: &str) {
        let mut away = self.shared.away.lock();
        if away.is_none() {
            tracing::warn!(reason, "the store of carts is away: carts answer 503, sales go on");
        }
        *away = Some(reason.to_owned());
    }

    fn is_there(&self) {
        if self.shared.away.lock().take().is_some() {
            tracing::info!("the store of carts is there again");
        }
    }
}
