//! Carts in SQLite: a file of their own, `carts.sqlite` in the data directory, so that a projector with
//! a long transaction never makes a caller wait (SQLite lets one write at a time).
//!
//! Readers have a small pool; changes go through the one writer (`writer`).

use super::migrations;
use super::rules::Line;
use super::session::SessionId;
use super::store::{CartError, CartStore, OpenError, StoredLine, Taken, Unprepared, When, column};
use super::writer::{Done, Work, Writer};
use crate::domain::Timestamp;
use async_trait::async_trait;
use sqlx::pool::PoolOptions;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use std::path::Path;
use std::time::Duration;

/// How long a change waits for somebody else who writes to the file, such as a backup.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
const READERS: u32 = 4;

const READ: &str = "SELECT product_id, quantity, added_amount, added_currency, added_at \
     FROM carts JOIN cart_lines USING (session_id) WHERE session_id = ? AND expires_at > ?";

pub(super) struct SqliteCarts {
    readers: SqlitePool,
    writer: Writer,
}

impl SqliteCarts {
    /// Opens the file, creates it where there is none, and brings its tables up to date.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let place = path.display().to_string();
        let unusable = |reason: String| {
            OpenError(format!(
                "the file of carts {place} cannot be opened or created: give the server a directory \
                 it may write to, by --data-dir ({reason})"
            ))
        };
        if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
            std::fs::create_dir_all(folder).map_err(|error| unusable(error.to_string()))?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            // A power failure may take the newest changes with it, never the file's order; and no
            // cart makes the disk sync while a sale waits for it.
            .synchronous(SqliteSynchronous::Normal)
            .foreign_keys(true)
            .busy_timeout(BUSY_TIMEOUT)
            .disable_statement_logging();
        // The writer alone creates the file and switches it to its log: SQLite refuses two at once.
        let mut connection =
            options.connect().await.map_err(|error| unusable(error.to_string()))?;
        if let Err(error) = migrations::sqlite().run(&mut connection).await {
            let reason = migrations::explain(&place, &error);
            let _ = connection.close().await;
            return Err(reason.map_or_else(|| unusable(error.to_string()), OpenError));
        }
        let readers = PoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(BUSY_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.pragma("query_only", "ON"))
            .await
            .map_err(|error| unusable(error.to_string()))?;
        Ok(Self { readers, writer: Writer::start(connection) })
    }
}

#[async_trait]
impl CartStore for SqliteCarts {
    async fn prepare(&self) -> Result<(), Unprepared> {
        // Removes nothing, and shows that the file can be written.
        let looked = self.writer.ask(Work::Sweep(Timestamp::default(), 0)).await;
        match looked {
            // Busy is not away.
            Ok(_) | Err(CartError::Overloaded) => Ok(()),
            Err(error) => Err(Unprepared::Away(error.to_string())),
        }
    }

    async fn read(&self, session: &SessionId, now: Timestamp) -> Result<Vec<Line>, CartError> {
        let rows: Vec<(i64, i64, i64, String, i64)> = sqlx::query_as(READ)
            .bind(session.as_str())
            .bind(column(now.as_millis()))
            .fetch_all(&self.readers)
            .await
            .map_err(|error| CartError::Unavailable(error.to_string()))?;
        let line =
            |(product, quantity, amount, currency, added_at): &(i64, i64, i64, String, i64)| {
                let (product, quantity, amount, added_at) =
                    (*product, *quantity, *amount, *added_at);
                StoredLine { product, quantity, amount, currency, added_at }.read()
            };
        rows.iter().map(line).collect()
    }

    async fn put(&self, session: &SessionId, line: Line, when: When) -> Result<Line, CartError> {
        match self.writer.ask(Work::Put(session.clone(), line, when)).await? {
            Done::Put(line) => line,
            Done::Gone(_) => Err(mixed_up()),
        }
    }

    async fn take(&self, session: &SessionId, taken: Taken, when: When) -> Result<u64, CartError> {
        gone(self.writer.ask(Work::Take(session.clone(), taken, when)).await?)
    }

    async fn sweep(&self, now: Timestamp, most: u32) -> Result<u64, CartError> {
        gone(self.writer.ask(Work::Sweep(now, most)).await?)
    }

    async fn close(&self) {
        self.writer.close().await;
        self.readers.close().await;
    }
}

fn gone(done: Done) -> Result<u64, CartError> {
    match done {
        Done::Gone(count) => Ok(count),
        Done::Put(_) => Err(mixed_up()),
    }
}

/// The writer answers what it was asked; anything else is a bug.
fn mixed_up() -> CartError {
    CartError::Damaged("an answer to another question".to_owned())
}
