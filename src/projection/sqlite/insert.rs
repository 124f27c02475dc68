//! Many rows in few statements: `INSERT … VALUES (…), (…), …`.
//!
//! A statement's cost is its way to SQLite's thread and back, so rows go in blocks of fixed sizes;
//! fixed, so that each text is prepared once and then found in the connection's cache.

use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Sqlite, Type};
use std::collections::HashMap;
use std::sync::Arc;

/// Rows a statement: with up to thirty-two columns each below SQLite's bound of 32,766 parameters.
const BLOCKS: [usize; 4] = [1_000, 100, 10, 1];

/// A statement over rows: `head (?, ?), (?, ?) tail`.
pub(super) struct Statement {
    pub head: &'static str,
    pub columns: usize,
    pub tail: &'static str,
}

impl Statement {
    fn text(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        format!("{} VALUES {} {}", self.head, vec![row.as_str(); rows].join(","), self.tail)
    }
}

/// Values of one block of rows.
pub(super) struct Values(SqliteArguments);

impl Values {
    /// Adds the next value of the row.
    pub(super) fn push<'t, T>(&mut self, value: T) -> Result<(), sqlx::Error>
    where
        T: Encode<'t, Sqlite> + Type<Sqlite>,
    {
        self.0.add(value).map_err(sqlx::Error::Encode)
    }
}

/// Texts of statements by head, tail and number of rows.
#[derive(Default)]
pub(super) struct Texts(HashMap<(&'static str, &'static str, usize), Arc<str>>);

impl Texts {
    fn get(&mut self, statement: &Statement, rows: usize) -> Arc<str> {
        let text = self.0.entry((statement.head, statement.tail, rows));
        Arc::clone(text.or_insert_with(|| statement.text(rows).into()))
    }
}

/// Runs a statement over all rows, in blocks, and returns how many rows it changed.
pub(super) async fn run<Row: Sync>(
    connection: &mut SqliteConnection,
    texts: &mut Texts,
    statement: &Statement,
    rows: &[Row],
    bind: impl Fn(&mut Values, &Row) -> Result<(), sqlx::Error> + Send + Sync,
) -> Result<u64, sqlx::Error> {
    let mut changed = 0;
    let mut rest = rows;
    for block in BLOCKS {
        while rest.len() >= block {
            let (rows, later) = rest.split_at(block);
            rest = later;
            let mut values = Values(SqliteArguments::default());
            values.0.reserve(block * statement.columns, 0);
            for row in rows {
                bind(&mut values, row)?;
            }
            let text = texts.get(statement, block);
            let done =
                sqlx::query_with(AssertSqlSafe(text), values.0).execute(&mut *connection).await?;
            changed += done.rows_affected();
        }
    }
    Ok(changed)
}
