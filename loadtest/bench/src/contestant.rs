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
}

impl Contestant {
    pub const ALL: [Self; 7] = [
        Self::Ceiling,
        Self::LastunitSqlite,
        Self::LastunitPostgres,
        Self::Refusals,
        Self::RowLock,
        Self::RedisAlways,
        Self::RedisEverysec,
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
        }
    }

    pub const fn guarantee(self) -> &'static str {
        match self {
            Self::Ceiling => "nothing: no stock, no order",
            Self::LastunitSqlite | Self::LastunitPostgres => {
                "every 201 is on disk, exact sale, order rows follow"
            }
            Self::Refusals => "no refusal while a unit is left",
            Self::RowLock => "every 201 is on disk, exact sale, order rows",
            Self::RedisAlways => "every 201 is in Redis' file on disk; no order rows",
            Self::RedisEverysec => "up to a second of 201s is lost with the machine; no order rows",
        }
    }

    pub const fn is_lastunit(self) -> bool {
        matches!(self, Self::LastunitSqlite | Self::LastunitPostgres | Self::Refusals)
    }

    pub const fn needs_postgres(self) -> bool {
        matches!(self, Self::LastunitPostgres | Self::RowLock)
    }

    /// The status every answer must have.
    pub const fn status(self) -> u16 {
        if matches!(self, Self::Refusals) { 409 } else { 201 }
    }

    /// Whether it can be asked how many units it has sold.
    pub const fn keeps_stock(self) -> bool {
        !matches!(self, Self::Ceiling)
    }
}
