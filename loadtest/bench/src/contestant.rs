//! Who is measured, and what each guarantees.

use clap::ValueEnum;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Contestant {
    /// The same HTTP stack with an empty handler
    Ceiling,
    /// lastunit, journal and database in local files
    LastunitSqlite,
    /// lastunit, journal and database in Postgres
    LastunitPostgres,
    /// lastunit, in local files, with nothing left to sell
    Refusals,
    /// Postgres row lock
    RowLock,
    /// Redis Lua script, appendfsync always
    RedisAlways,
    /// Redis Lua script, appendfsync everysec
    RedisEverysec,
    /// lastunit, in local files: every purchase with a token of its customer, and all limits counted
    Guarded,
    /// lastunit, in local files: purchases that are accepted now and decided later
    Queued,
    /// lastunit, in local files: orders of three products
    Checkout,
    /// lastunit, in local files: changes of carts
    CartsSqlite,
    /// lastunit, journal and database in Postgres: changes of carts
    CartsPostgres,
    /// lastunit, in local files: a list of 20 of 10,000 products
    ListSqlite,
    /// lastunit, journal and database in Postgres: a list of 20 of 10,000 products
    ListPostgres,
}

/// What a contestant is asked; the names are those of the generator's script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    Purchase,
    SignedPurchase,
    Queue,
    Order,
    Cart,
    List,
}

impl Question {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Purchase => "purchase",
            Self::SignedPurchase => "signed",
            Self::Queue => "queue",
            Self::Order => "order",
            Self::Cart => "cart",
            Self::List => "list",
        }
    }

    /// How many products it needs.
    pub const fn products(self) -> u32 {
        match self {
            Self::Purchase | Self::SignedPurchase | Self::Queue => 1,
            Self::Order => 3,
            Self::Cart => 16,
            Self::List => 10_000,
        }
    }
}

impl Contestant {
    pub const ALL: [Self; 14] = [
        Self::Ceiling,
        Self::LastunitSqlite,
        Self::LastunitPostgres,
        Self::Refusals,
        Self::RowLock,
        Self::RedisAlways,
        Self::RedisEverysec,
        Self::Guarded,
        Self::Queued,
        Self::Checkout,
        Self::CartsSqlite,
        Self::CartsPostgres,
        Self::ListSqlite,
        Self::ListPostgres,
    ];

    /// As on the command line and in progress lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::LastunitSqlite => "lastunit-sqlite",
            Self::LastunitPostgres => "lastunit-postgres",
            Self::Refusals => "refusals",
            Self::RowLock => "row-lock",
            Self::RedisAlways => "redis-always",
            Self::RedisEverysec => "redis-everysec",
            Self::Guarded => "guarded",
            Self::Queued => "queued",
            Self::Checkout => "checkout",
            Self::CartsSqlite => "carts-sqlite",
            Self::CartsPostgres => "carts-postgres",
            Self::ListSqlite => "list-sqlite",
            Self::ListPostgres => "list-postgres",
        }
    }

    /// As in the report.
    pub const fn title(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling: the same axum stack, empty handler",
            Self::LastunitSqlite => "lastunit, SQLite journal",
            Self::LastunitPostgres => "lastunit, Postgres journal",
            Self::Refusals => "lastunit, sold out (409)",
            Self::RowLock => "Postgres row lock",
            Self::RedisAlways => "Redis Lua, appendfsync always",
            Self::RedisEverysec => "Redis Lua, appendfsync everysec",
            Self::Guarded => "lastunit, SQLite journal, tokens (EdDSA) and all limits",
            Self::Queued => "lastunit, purchases accepted to be decided later (202)",
            Self::Checkout => "lastunit, orders of three products",
            Self::CartsSqlite => "lastunit, changes of carts, SQLite",
            Self::CartsPostgres => "lastunit, changes of carts, Postgres",
            Self::ListSqlite => "lastunit, 20 of 10,000 products, SQLite",
            Self::ListPostgres => "lastunit, 20 of 10,000 products, Postgres",
        }
    }

    pub const fn guarantee(self) -> &'static str {
        match self {
            Self::Ceiling => "nothing: no stock, no order",
            Self::LastunitSqlite | Self::LastunitPostgres | Self::Guarded => {
                "every 201 is on disk, exact sale, order rows follow"
            }
            Self::Refusals => "no refusal while a unit is left",
            Self::RowLock => "every 201 is on disk, exact sale, order rows",
            Self::RedisAlways => "every 201 is in Redis' file on disk; no order rows",
            Self::RedisEverysec => "up to a second of 201s is lost with the machine; no order rows",
            Self::Queued => "every 202 is on disk and will be decided in turn",
            Self::Checkout => "every 201 is on disk with all three lines held",
            Self::CartsSqlite | Self::CartsPostgres => "every 200 is in the database",
            Self::ListSqlite | Self::ListPostgres => "what the query tables have",
        }
    }

    pub const fn question(self) -> Question {
        match self {
            Self::Guarded => Question::SignedPurchase,
            Self::Queued => Question::Queue,
            Self::Checkout => Question::Order,
            Self::CartsSqlite | Self::CartsPostgres => Question::Cart,
            Self::ListSqlite | Self::ListPostgres => Question::List,
            _ => Question::Purchase,
        }
    }

    pub const fn is_lastunit(self) -> bool {
        !matches!(self, Self::Ceiling | Self::RowLock | Self::RedisAlways | Self::RedisEverysec)
    }

    pub const fn needs_postgres(self) -> bool {
        matches!(
            self,
            Self::LastunitPostgres | Self::RowLock | Self::CartsPostgres | Self::ListPostgres
        )
    }

    /// The status every answer must have.
    pub const fn status(self) -> u16 {
        match (self, self.question()) {
            (Self::Refusals, _) => 409,
            (_, Question::Queue) => 202,
            (_, Question::Purchase | Question::SignedPurchase | Question::Order) => 201,
            (_, Question::Cart | Question::List) => 200,
        }
    }

    /// Whether it can be asked how many units it has sold or holds.
    pub const fn keeps_stock(self) -> bool {
        match self.question() {
            Question::Purchase | Question::SignedPurchase | Question::Queue | Question::Order => {
                !matches!(self, Self::Ceiling)
            }
            Question::Cart | Question::List => false,
        }
    }

    /// Whether its speed means anything beside the ceiling's: it does another thing.
    pub const fn sells_at_once(self) -> bool {
        matches!(self.question(), Question::Purchase | Question::SignedPurchase)
    }
}
