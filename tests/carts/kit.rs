//! Kit: one store of carts, fresh, and how to reach it from the library and from the binary.

use crate::support::Stand;
use lastunit::cart::{Carts, Lifetime, Location, SessionId};
use lastunit::clock::Clock;
use lastunit::domain::{Currency, Money, ProductId, Quantity};
use sqlx::{Connection, Executor, SqliteConnection};
use throwaway::{Appendfsync, Postgres, Redis};

/// What keeps the carts.
pub enum Store {
    Sqlite,
    Postgres(Postgres),
    Redis(Redis),
}

pub struct Kit {
    pub store: Store,
    pub stand: Stand,
    /// Somebody else who writes to the file, while there is one.
    blocker: Option<SqliteConnection>,
}

impl Kit {
    pub fn sqlite() -> Self {
        Self { store: Store::Sqlite, stand: Stand::embedded(), blocker: None }
    }

    pub fn postgres() -> Self {
        let postgres = Postgres::start().expect("Postgres starts");
        let url = format!("--database-url={}", postgres.url("postgres"));
        let stand = Stand::embedded().argument(url);
        Self { store: Store::Postgres(postgres), stand, blocker: None }
    }

    pub fn redis() -> Self {
        let redis = Redis::start(Appendfsync::Always).expect("Redis starts");
        let stand = Stand::embedded().setting("REDIS__URL", redis.url());
        Self { store: Store::Redis(redis), stand, blocker: None }
    }

    pub fn location(&self) -> Location {
        match &self.store {
            Store::Sqlite => Location::Sqlite(self.stand.data_dir().join("carts.sqlite")),
            Store::Postgres(postgres) => {
                Location::Postgres { url: postgres.url("postgres"), connections_max: 8 }
            }
            Store::Redis(redis) => Location::Redis(redis.url()),
        }
    }

    /// The store's own handle, with carts that last a week by this clock.
    pub async fn carts(&self, clock: &Clock) -> Carts {
        Carts::open(self.location(), Lifetime::days(7), clock.clone()).await.expect("the store")
    }

    /// Makes the store unable to answer changes.
    pub async fn take_away(&mut self) {
        match &mut self.store {
            Store::Sqlite => {
                let path = self.stand.data_dir().join("carts.sqlite");
                let url = format!("sqlite://{}", path.display());
                let mut blocker = SqliteConnection::connect(&url).await.expect("the file");
                blocker.execute("BEGIN IMMEDIATE").await.expect("nobody writes just now");
                self.blocker = Some(blocker);
            }
            Store::Postgres(postgres) => postgres.kill().expect("Postgres can be killed"),
            Store::Redis(redis) => redis.kill().expect("Redis can be killed"),
        }
    }

    pub async fn bring_back(&mut self) {
        match &mut self.store {
            Store::Sqlite => {
                let blocker = self.blocker.take().expect("a blocker");
                blocker.close().await.expect("closed");
            }
            Store::Postgres(postgres) => postgres.start_again().expect("Postgres starts"),
            Store::Redis(redis) => redis.start_again().expect("Redis starts"),
        }
    }
}

pub fn session(text: &str) -> SessionId {
    SessionId::new(text).expect("a session id")
}

pub fn product(id: u64) -> ProductId {
    ProductId::new(id).expect("a product id")
}

pub fn quantity(units: u32) -> Quantity {
    Quantity::new(units).expect("a quantity")
}

pub fn usd(amount: u64) -> Money {
    Money { amount, currency: Currency::new("USD").expect("a currency") }
}
