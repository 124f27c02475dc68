//! The journal in `SQLite`: the embedded default.
//!
//! One writer connection in WAL mode with `synchronous = FULL`: a commit returns when the log file
//! is synced. The file belongs to one process at a time, by a lock on `<file>.lock` that the system
//! drops when the process dies, however it dies; so there is never an owner to wait for.
//!
//! On failure: a full disk leaves nothing behind and may be tried again; a failed sync or read ends
//! the process (`Broken`), because nobody knows what the disk still holds.

use super::store::{
    CommitError, Group, Head, JournalReader, JournalStore, Ownership, SnapshotRow, StoreError,
};
use super::{Batch, Digest, Epoch, PartitionId, Partitions, Seq};
use crate::domain::{ProductId, Timestamp};
use async_trait::async_trait;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, Row};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Format of the tables and rows that this program writes.
const FORMAT: i64 = 1;

/// The log is folded into the file after this many pages (16 MiB): rarely enough that few commits
/// wait for it, often enough that the log stays small.
const WAL_PAGES: &str = "4096";

/// The writing side, and the lock that makes it the only one.
pub struct SqliteJournal {
    connection: SqliteConnection,
    _lock: File,
}

/// The reading side: its own connections, which never make the writer wait.
pub struct SqliteJournalReader {
    pool: SqlitePool,
    partitions: Partitions,
}

fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(Duration::from_secs(5))
        .pragma("wal_autocheckpoint", WAL_PAGES)
        .disable_statement_logging()
}

impl SqliteJournal {
    /// Opens the journal for writing; creates it with `partitions` when it is not there yet.
    ///
    /// # Errors
    /// `InUse` when another process has it, `Unfit` when it has another partition count or format.
    pub async fn open(path: &Path, partitions: Partitions) -> Result<Self, StoreError> {
        let lock = lock(path)?;
        let mut connection = options(path)
            .create_if_missing(true)
            .connect()
            .await
            .map_err(|error| cannot_open(path, &error))?;
        connection
            .execute(include_str!("schema_sqlite.sql"))
            .await
            .map_err(|error| cannot_open(path, &error))?;
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(read_error)?;
        for (name, value) in [("format", FORMAT), ("partitions", i64::from(partitions.count()))] {
            sqlx::query("INSERT INTO journal_meta VALUES (?, ?) ON CONFLICT DO NOTHING")
                .bind(name)
                .bind(value)
                .execute(&mut *transaction)
                .await
                .map_err(read_error)?;
        }
        for partition in partitions.all() {
            sqlx::query(
                "INSERT INTO journal_partition (partition) VALUES (?) ON CONFLICT DO NOTHING",
            )
            .bind(partition.0)
            .execute(&mut *transaction)
            .await
            .map_err(read_error)?;
        }
        check_meta(&mut transaction, Some(partitions)).await?;
        transaction.commit().await.map_err(read_error)?;
        Ok(Self { connection, _lock: lock })
    }

    /// The settings that durability rests on, as `SQLite` reports them: journal mode, synchronous.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability(&mut self) -> Result<(String, i64), StoreError> {
        let mode = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut self.connection).await;
        let sync = sqlx::query_scalar("PRAGMA synchronous").fetch_one(&mut self.connection).await;
        Ok((mode.map_err(read_error)?, sync.map_err(read_error)?))
    }
}

impl SqliteJournalReader {
    /// Opens an existing journal for reading.
    ///
    /// # Errors
    /// `Unfit` when there is none or it is of another format.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        if !path.exists() {
            return Err(StoreError::Unfit(format!(
                "there is no journal at {}: start `lastunit serve` once, or check --data-dir and journal.url",
                path.display()
            )));
        }
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options(path))
            .await
            .map_err(|error| cannot_open(path, &error))?;
        let mut connection = pool.acquire().await.map_err(read_error)?;
        let partitions = check_meta(&mut connection, None).await?;
        drop(connection);
        Ok(Self { pool, partitions })
    }
}

/// Compares format and partition count with what is stored; gives the stored count.
async fn check_meta(
    connection: &mut SqliteConnection,
    wanted: Option<Partitions>,
) -> Result<Partitions, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, value FROM journal_meta")
        .fetch_all(connection)
        .await
        .map_err(read_error)?;
    super::store::check_meta(&rows, FORMAT, wanted)
}

fn lock(path: &Path) -> Result<File, StoreError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let name = PathBuf::from(name);
    let file = File::options().create(true).truncate(false).write(true).open(&name).map_err(|error| {
        StoreError::Unfit(format!(
            "cannot write {}: {error}; choose another --data-dir or give this one to the user lastunit runs as",
            name.display()
        ))
    })?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(StoreError::InUse(format!(
            "another lastunit is using {}: stop it, or choose another --data-dir",
            path.display()
        ))),
    }
}

fn cannot_open(path: &Path, error: &sqlx::Error) -> StoreError {
    StoreError::Unfit(format!("cannot open the journal {}: {error}", path.display()))
}

/// `SQLite`'s extended result code, if the error came from `SQLite`.
fn code(error: &sqlx::Error) -> Option<i32> {
    error.as_database_error()?.code()?.parse().ok()
}

const SQLITE_FULL: i32 = 13;
const SQLITE_IOERR: i32 = 10;
const SQLITE_CORRUPT: i32 = 11;
const SQLITE_NOTADB: i32 = 26;
/// The shared index of the log could not grow: seen when the disk is full.
const SQLITE_IOERR_SHMSIZE: i32 = SQLITE_IOERR | (19 << 8);
const SQLITE_CONSTRAINT: i32 = 19;

fn read_error(error: sqlx::Error) -> StoreError {
    match code(&error) {
        Some(SQLITE_FULL | SQLITE_IOERR_SHMSIZE) => StoreError::Full(error.to_string()),
        Some(code) if code & 0xff == SQLITE_IOERR => StoreError::Broken(error.to_string()),
        Some(code) if matches!(code & 0xff, SQLITE_CORRUPT | SQLITE_NOTADB) => {
            StoreError::Damaged(error.to_string())
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn commit_error(error: sqlx::Error) -> CommitError {
    if code(&error).is_some_and(|code| code & 0xff == SQLITE_CONSTRAINT) {
        return CommitError::Conflict;
    }
    match read_error(error) {
        StoreError::Full(text) => CommitError::NotWritten(StoreError::Full(text)),
        StoreError::Broken(text) | StoreError::Damaged(text) => CommitError::Broken(text),
        other => CommitError::Unknown(other.to_string()),
    }
}

fn insert_statement(rows: usize) -> String {
    let mut sql = String::from(
        "INSERT INTO journal (partition, seq, epoch, recorded_at, events, digest) VALUES (?,?,?,?,?,?)",
    );
    for _ in 1..rows {
        sql.push_str(",(?,?,?,?,?,?)");
    }
    sql
}

/// One statement is one transaction of its own: nothing to begin, nothing to forget to end.
async fn insert_batches(
    connection: &mut SqliteConnection,
    batches: &[Batch],
) -> Result<(), sqlx::Error> {
    if batches.is_empty() {
        return Ok(());
    }
    let mut query = sqlx::query(AssertSqlSafe(insert_statement(batches.len())));
    for batch in batches {
        query = query
            .bind(batch.partition.0)
            .bind(batch.seq.0.cast_signed())
            .bind(batch.epoch.0.cast_signed())
            .bind(batch.recorded_at.as_millis().cast_signed())
            .bind(&batch.events[..])
            .bind(&batch.digest.0[..]);
    }
    query.execute(connection).await.map(|_| ())
}

/// Not with sqlx's transactions: a full disk makes `SQLite` roll back by itself, sqlx's own rollback
/// then fails, and the connection would count as inside a transaction for ever.
async fn write_group(connection: &mut SqliteConnection, group: &Group) -> Result<(), CommitError> {
    if group.snapshots.is_empty() && group.checkpoints.is_empty() {
        return insert_batches(connection, &group.batches).await.map_err(commit_error);
    }
    match write_transaction(connection, group).await {
        Ok(()) => Ok(()),
        Err(error) => {
            // Fails where there is nothing left to roll back.
            drop(connection.execute("ROLLBACK").await);
            match connection.execute("BEGIN; ROLLBACK").await {
                Ok(_) => Err(commit_error(error)),
                // Whatever is written into an open transaction is not durable when it is answered.
                Err(open) => Err(CommitError::Broken(format!("{error}, and afterwards {open}"))),
            }
        }
    }
}

async fn write_transaction(
    connection: &mut SqliteConnection,
    group: &Group,
) -> Result<(), sqlx::Error> {
    connection.execute("BEGIN IMMEDIATE").await?;
    insert_batches(connection, &group.batches).await?;
    for row in &group.snapshots {
        sqlx::query(
            "INSERT INTO snapshot (product_id, partition, revision, next_expiry, state)
             VALUES (?,?,?,?,?) ON CONFLICT (product_id) DO UPDATE SET
             revision = excluded.revision, next_expiry = excluded.next_expiry, state = excluded.state
             WHERE excluded.revision >= snapshot.revision",
        )
        .bind(row.product.to_column())
        .bind(row.partition.0)
        .bind(row.revision.cast_signed())
        .bind(row.next_expiry.map(|at| at.as_millis().cast_signed()))
        .bind(&row.state[..])
        .execute(&mut *connection)
        .await?;
    }
    for (partition, seq) in &group.checkpoints {
        sqlx::query(
            "UPDATE journal_partition SET checkpoint = max(checkpoint, ?) WHERE partition = ?",
        )
        .bind(seq.0.cast_signed())
        .bind(partition.0)
        .execute(&mut *connection)
        .await?;
    }
    connection.execute("COMMIT").await.map(|_| ())
}

#[async_trait]
impl JournalStore for SqliteJournal {
    async fn take_ownership(&mut self) -> Result<Ownership, StoreError> {
        let mut epochs: Vec<(i64, i64)> = sqlx::query_as(
            "UPDATE journal_partition SET epoch = epoch + 1 RETURNING partition, epoch",
        )
        .fetch_all(&mut self.connection)
        .await
        .map_err(read_error)?;
        epochs.sort_unstable();
        let epochs = epochs.into_iter().map(|(_, epoch)| Epoch(epoch.cast_unsigned())).collect();
        Ok(Ownership { epochs, lease: None })
    }

    async fn renew_ownership(&mut self) -> Result<bool, StoreError> {
        Ok(true)
    }

    async fn release_ownership(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    async fn commit(&mut self, group: &Group) -> Result<(), CommitError> {
        write_group(&mut self.connection, group).await
    }

    async fn digest_at(
        &mut self,
        partition: PartitionId,
        seq: Seq,
    ) -> Result<Option<Digest>, StoreError> {
        let row: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT digest FROM journal WHERE partition = ? AND seq = ?")
                .bind(partition.0)
                .bind(seq.0.cast_signed())
                .fetch_optional(&mut self.connection)
                .await
                .map_err(read_error)?;
        row.map(|bytes| digest(&bytes)).transpose()
    }

    async fn next_product_id(&mut self) -> Result<ProductId, StoreError> {
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO journal_meta VALUES ('last_product_id', 1)
             ON CONFLICT (name) DO UPDATE SET value = value + 1 RETURNING value",
        )
        .fetch_one(&mut self.connection)
        .await
        .map_err(read_error)?;
        product_id(id)
    }
}

fn digest(bytes: &[u8]) -> Result<Digest, StoreError> {
    Digest::from_column(bytes)
        .ok_or_else(|| StoreError::Damaged(format!("a digest of {} bytes", bytes.len())))
}

fn product_id(column: i64) -> Result<ProductId, StoreError> {
    ProductId::new(column.cast_unsigned())
        .map_err(|_| StoreError::Damaged(format!("product id {column}")))
}

fn number(row: &SqliteRow, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column).map_err(read_error)?;
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("a negative number: {value}")))
}

fn bytes(row: &SqliteRow, column: usize) -> Result<Vec<u8>, StoreError> {
    row.try_get(column).map_err(read_error)
}

#[async_trait]
impl JournalReader for SqliteJournalReader {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.partition, coalesce(j.seq, 0), coalesce(j.epoch, 0),
                    coalesce(j.digest, zeroblob(32)), p.checkpoint
             FROM journal_partition p LEFT JOIN journal j ON j.partition = p.partition
              AND j.seq = (SELECT max(seq) FROM journal WHERE partition = p.partition)
             ORDER BY p.partition",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(read_error)?;
        rows.iter()
            .zip(self.partitions.all())
            .map(|(row, partition)| {
                Ok(Head {
                    partition,
                    seq: Seq(number(row, 1)?),
                    epoch: Epoch(number(row, 2)?),
                    digest: digest(&bytes(row, 3)?)?,
                    checkpoint: Seq(number(row, 4)?),
                })
            })
            .collect()
    }

    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        use futures::TryStreamExt as _;
        let mut rows = sqlx::query(
            "SELECT seq, epoch, recorded_at, events, digest FROM journal
             WHERE partition = ? AND seq > ? ORDER BY seq LIMIT 4096",
        )
        .bind(partition.0)
        .bind(after.0.cast_signed())
        .fetch(&self.pool);
        let mut batches = Vec::new();
        let mut size = 0;
        while size < bytes_max {
            let Some(row) = rows.try_next().await.map_err(read_error)? else { break };
            let batch = Batch {
                partition,
                seq: Seq(number(&row, 0)?),
                epoch: Epoch(number(&row, 1)?),
                recorded_at: Timestamp::from_millis(number(&row, 2)?),
                events: bytes(&row, 3)?,
                digest: digest(&bytes(&row, 4)?)?,
            };
            size += batch.events.len();
            batches.push(batch);
        }
        Ok(batches)
    }

    async fn snapshot(&self, product: ProductId) -> Result<Option<SnapshotRow>, StoreError> {
        let row = sqlx::query(
            "SELECT partition, revision, next_expiry, state FROM snapshot WHERE product_id = ?",
        )
        .bind(product.to_column())
        .fetch_optional(&self.pool)
        .await
        .map_err(read_error)?;
        let Some(row) = row else { return Ok(None) };
        let next_expiry: Option<i64> = row.try_get(2).map_err(read_error)?;
        Ok(Some(SnapshotRow {
            partition: PartitionId(row.try_get(0).map_err(read_error)?),
            product,
            revision: number(&row, 1)?,
            next_expiry: next_expiry.map(|at| Timestamp::from_millis(at.cast_unsigned())),
            state: bytes(&row, 3)?,
        }))
    }

    async fn expiries(&self) -> Result<Vec<(ProductId, Timestamp)>, StoreError> {
        let rows = sqlx::query(
            "SELECT product_id, next_expiry FROM snapshot WHERE next_expiry IS NOT NULL",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let id: i64 = row.try_get(0).map_err(read_error)?;
                Ok((product_id(id)?, Timestamp::from_millis(number(row, 1)?)))
            })
            .collect()
    }

    async fn last_product_id(&self) -> Result<u64, StoreError> {
        let id: Option<i64> =
            sqlx::query_scalar("SELECT value FROM journal_meta WHERE name = 'last_product_id'")
                .fetch_optional(&self.pool)
                .await
                .map_err(read_error)?;
        Ok(id.unwrap_or(0).cast_unsigned())
    }
}
