//! The numbers that lastunit has to reach, beside what this run measured.

use crate::{
    contestant::Contestant::{
        self, CartsPostgres, CartsSqlite, Ceiling, Checkout, Guarded, LastunitPostgres,
        LastunitSqlite, ListPostgres, ListSqlite, Queued, RedisAlways, RedisEverysec, Refusals,
        RowLock,
    },
    statistics::{Results, median},
    wrk::Load,
};

/// One line of the comparison.
pub struct Comparison {
    pub what: &'static str,
    /// Nothing, if this run did not measure it.
    pub measured: Option<f64>,
    pub least: f64,
    pub aim: f64,
    pub unit: &'static str,
}

struct Goal {
    what: &'static str,
    contestant: Contestant,
    other: Contestant,
    least: f64,
    aim: f64,
}

const fn goal(
    what: &'static str,
    contestant: Contestant,
    other: Contestant,
    least: f64,
    aim: f64,
) -> Goal {
    Goal { what, contestant, other, least, aim }
}

const GOALS: [Goal; 12] = [
    goal("purchases, SQLite journal, of the ceiling", LastunitSqlite, Ceiling, 0.70, 0.85),
    goal("purchases, Postgres journal, of the ceiling", LastunitPostgres, Ceiling, 0.60, 0.75),
    goal("sold-out refusals, of the ceiling", Refusals, Ceiling, 0.90, 0.97),
    goal("SQLite journal against the Postgres row lock", LastunitSqlite, RowLock, 30.0, 40.0),
    goal("SQLite journal against Redis, appendfsync always", LastunitSqlite, RedisAlways, 1.8, 2.0),
    goal(
        "SQLite journal against Redis, appendfsync everysec",
        LastunitSqlite,
        RedisEverysec,
        1.1,
        1.3,
    ),
    goal("Postgres journal against the Postgres row lock", LastunitPostgres, RowLock, 30.0, 40.0),
    goal(
        "Postgres journal against Redis, appendfsync always",
        LastunitPostgres,
        RedisAlways,
        1.8,
        2.0,
    ),
    goal(
        "Postgres journal against Redis, appendfsync everysec",
        LastunitPostgres,
        RedisEverysec,
        1.1,
        1.3,
    ),
    goal(
        "purchases accepted to be decided later, of single purchases",
        Queued,
        LastunitSqlite,
        1.0,
        1.0,
    ),
    goal(
        "purchases with tokens and all limits, of those without",
        Guarded,
        LastunitSqlite,
        0.9,
        0.97,
    ),
    goal("orders of three products, of single purchases", Checkout, LastunitSqlite, 0.4, 0.4),
];

/// Requests a second that a contestant has to answer, in thousands.
const SPEEDS: [(&str, Contestant, f64); 4] = [
    ("changes of carts, SQLite", CartsSqlite, 3.0),
    ("changes of carts, Postgres", CartsPostgres, 3.0),
    ("list of 20 of 10,000 products, SQLite", ListSqlite, 5.0),
    ("list of 20 of 10,000 products, Postgres", ListPostgres, 5.0),
];

/// All goals, at the number of connections that this run compares at.
pub fn all(results: &Results) -> Vec<Comparison> {
    let of_goal = |goal: Goal| Comparison {
        what: goal.what,
        measured: results.times(goal.contestant, goal.other, results.compared_connections),
        least: goal.least,
        aim: goal.aim,
        unit: if matches!(goal.other, Ceiling | LastunitSqlite) { "" } else { " ×" },
    };
    let mut comparisons: Vec<Comparison> = GOALS.into_iter().map(of_goal).collect();
    comparisons.extend(SPEEDS.into_iter().map(|(what, contestant, least)| {
        let speed = |load: &Load| load.requests_per_second() / 1e3;
        let measured = results.median(contestant, results.compared_connections, speed);
        Comparison { what, measured, least, aim: least, unit: " k/s" }
    }));
    let speeds = results.engine.iter().map(|run| run.sales_per_second() / 1e6);
    comparisons.push(Comparison {
        what: "engine in process, durable",
        measured: median(speeds),
        least: 0.6,
        aim: 1.0,
        unit: " M/s",
    });
    comparisons
}

impl Comparison {
    pub fn verdict(&self) -> &'static str {
        match self.measured {
            None => "not measured",
            Some(measured) if measured >= self.aim => "aim reached",
            Some(measured) if measured >= self.least => "reached",
            Some(_) => "**missed**",
        }
    }
}
