//! The journal in Postgres: for shops that have one, and for several servers.
//!
//! One dedicated connection writes; it is not from a pool and no timeout ever cancels a statement on
//! it, because a cancelled commit is an unknown outcome; one that is silent for long is given up
//! whole. The insert of `(partition, seq)` is the
//! compare-and-swap that keeps two owners apart. `journal_partition.owner` says who answers from
//! memory: an owner may do so for [`LEASE`] after it last saw its own name there, so the next owner
//! writes its name and then waits that long.
//!
//! On failure: any error but a unique violation leaves the outcome unknown; the writer reconnects
//! and reads back what became of it.

use super::store::{
    CommitError, Group, Head, JournalReader, JournalStore, Lease, Ownership, SnapshotRow,
    StoreError,
};
use super::{Batch, Digest, Epoch, PartitionId, Partitions, Seq};
use crate::domain::{ProductId, Timestamp};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use std::io;
use std::str::FromStr;
use std::time::Duration;
use uuid::Uuid;

/// Format of the tables and rows that this program writes.
const FORMAT: i64 = 1;

/// How long an owner may answer from memory after it last confirmed its ownership.
const LEASE: Duration = Duration::from_millis(1_500);

/// A server that says nothing for this long is given up like a lost connection: its side may have
/// closed without our hearing of it, and then no answer ever comes.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// The same for a snapshot, which can be large.
const SNAPSHOT_READ_MAX: Duration = Duration::from_mins(1);

/// What the slowest disk writes in a second; large groups have so much more time.
const BYTES_PER_SECOND_MIN: u64 = 1 << 20;

/// How long a new connection may take: a firewall that swallows packets would hang for minutes.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long Postgres works on one statement of the readers.
const READ_TIMEOUT: &str = "60s";

/// The writing side.
pub struct PostgresJournal {
    options: PgConnectOptions,
    connection: Option<PgConnection>,
    owner: Uuid,
}

/// The reading side: a small pool of its own.
pub struct PostgresJournalReader {
    pool: PgPool,
    partitions: Partitions,
}

fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(|error| {
        StoreError::Unfit(format!("journal.url is not a Postgres URL: {error}"))
    })?;
    Ok(options.application_name("lastunit journal").disable_statement_logging())
}

/// Whatever Postgres answers within the limit. After it the connection must not be used again.
async fn in_time<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, sqlx::Error> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => Err(sqlx::Error::Io(io::Error::new(
            io::ErrorKind::TimedOut,
            format!("Postgres did not answer for {limit:?}"),
        ))),
    }
}

/// Time for writing a group.
fn limit_of(group: &Group) -> Duration {
    let batches: usize = group.batches.iter().map(|batch| batch.events.len()).sum();
    let snapshots: usize = group.snapshots.iter().map(|row| row.state.len()).sum();
    SILENCE_MAX + Duration::from_secs((batches + snapshots) as u64 / BYTES_PER_SECOND_MIN)
}

impl PostgresJournal {
    /// Connects, and creates the journal with `partitions` when it is not there yet. `owner` names
    /// this process.
    ///
    /// # Errors
    /// `Unavailable` when Postgres does not answer, `Unfit` for another format or partition count.
    pub async fn open(url: &str, partitions: Partitions, owner: Uuid) -> Result<Self, StoreError> {
        let mut journal = Self { options: options(url)?, connection: None, owner };
        let connection = journal.connected().await?;
        let mut transaction = connection.begin().await.map_err(read_error)?;
        // Two servers that start at once would otherwise race to create the tables.
        transaction.execute("SELECT pg_advisory_xact_lock(7561737)").await.map_err(read_error)?;
        transaction.execute(include_str!("schema_postgres.sql")).await.map_err(read_error)?;
        for (name, value) in [("format", FORMAT), ("partitions", i64::from(partitions.count()))] {
            sqlx::query("INSERT INTO journal_meta VALUES ($1, $2) ON CONFLICT DO NOTHING")
                .bind(name)
                .bind(value)
                .execute(&mut *transaction)
                .await
                .map_err(read_error)?;
        }
        check_meta(&mut transaction, Some(partitions)).await?;
        sqlx::query(
            "INSERT INTO journal_partition (partition)
             SELECT generate_series(0, $1::int - 1) ON CONFLICT DO NOTHING",
        )
        .bind(i32::from(partitions.count()))
        .execute(&mut *transaction)
        .await
        .map_err(read_error)?;
        transaction.commit().await.map_err(read_error)?;
        Ok(journal)
    }

    /// The settings that durability rests on, as this connection sees them:
    /// `synchronous_commit` and `fsync`.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn durability(&mut self) -> Result<(String, String), StoreError> {
        let connection = self.connected().await?;
        let commit =
            sqlx::query_scalar("SHOW synchronous_commit").fetch_one(&mut *connection).await;
        let fsync = sqlx::query_scalar("SHOW fsync").fetch_one(&mut *connection).await;
        Ok((commit.map_err(read_error)?, fsync.map_err(read_error)?))
    }

    /// The connection, made anew if the last one was lost.
    async fn connected(&mut self) -> Result<&mut PgConnection, StoreError> {
        let connection = if let Some(connection) = self.connection.take() {
            connection
        } else {
            let connecting = async {
                let mut connection = self.options.connect().await?;
                // The promise rests on these, whatever the role or the database has set.
                connection
                    .execute(
                        "SET synchronous_commit = on; SET statement_timeout = 0;
                         SET lock_timeout = 0; SET idle_session_timeout = 0;
                         SET tcp_keepalives_idle = 5; SET tcp_keepalives_interval = 2;
                         SET tcp_keepalives_count = 3",
                    )
                    .await?;
                Ok(connection)
            };
            let connected = tokio::time::timeout(CONNECT_TIMEOUT, connecting).await;
            connected.map_err(|_| no_answer())?.map_err(read_error)?
        };
        Ok(self.connection.insert(connection))
    }

    /// Runs on the connection; drops it after any failure that may have broken it.
    fn checked<T>(&mut self, result: Result<T, sqlx::Error>) -> Result<T, sqlx::Error> {
        if matches!(&result, Err(error) if error.as_database_error().is_none()) {
            self.connection = None;
        }
        result
    }
}

impl PostgresJournalReader {
    /// Connects to an existing journal.
    ///
    /// # Errors
    /// `Unavailable` when Postgres does not answer, `Unfit` when it holds no journal of this format.
    pub async fn open(url: &str) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new()
            .max_connections(4)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(options(url)?.options([("statement_timeout", READ_TIMEOUT)]))
            .await
            .map_err(read_error)?;
        let mut connection = pool.acquire().await.map_err(read_error)?;
        let partitions = check_meta(&mut connection, None).await?;
        drop(connection);
        Ok(Self { pool, partitions })
    }
}

fn no_answer() -> StoreError {
    StoreError::Unavailable(format!("no answer within {} seconds", CONNECT_TIMEOUT.as_secs()))
}

async fn check_meta(
    connection: &mut PgConnection,
    wanted: Option<Partitions>,
) -> Result<Partitions, StoreError> {
    let rows: Vec<(String, i64)> = sqlx::query_as("SELECT name, value FROM journal_meta")
        .fetch_all(connection)
        .await
        .map_err(|error| match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
            // undefined_table
            Some("42P01") => StoreError::Unfit(
                "there is no journal in this database: start `lastunit serve` once, or check journal.url".into(),
            ),
            _ => read_error(error),
        })?;
    super::store::check_meta(&rows, FORMAT, wanted)
}

fn read_error(error: sqlx::Error) -> StoreError {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
        Some("53100") => StoreError::Full(error.to_string()),
        // data_corrupted, index_corrupted
        Some("XX001" | "XX002") => StoreError::Damaged(error.to_string()),
        // wrong password, unknown user, database or permission: trying again will not help
        Some("28P01" | "28000" | "3D000" | "42501") => {
            StoreError::Unfit(format!("Postgres refuses journal.url: {error}"))
        }
        _ => StoreError::Unavailable(error.to_string()),
    }
}

fn commit_error(error: &sqlx::Error) -> CommitError {
    match error.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref() {
        Some("23505") => CommitError::Conflict,
        Some("53100") => CommitError::NotWritten(StoreError::Full(error.to_string())),
        // A disk that fails to sync makes Postgres itself stop (PANIC), which arrives here as a lost
        // connection: unknown until it has recovered and can be asked.
        _ => CommitError::Unknown(error.to_string()),
    }
}

async fn insert_batches(
    connection: &mut PgConnection,
    batches: &[Batch],
) -> Result<(), sqlx::Error> {
    if let [batch] = batches {
        // The usual case by far: everything in the group is of one partition.
        return sqlx::query("INSERT INTO journal VALUES ($1, $2, $3, $4, $5, $6)")
            .bind(batch.partition.0.cast_signed())
            .bind(batch.seq.0.cast_signed())
            .bind(batch.epoch.0.cast_signed())
            .bind(batch.recorded_at.as_millis().cast_signed())
            .bind(&batch.events[..])
            .bind(&batch.digest.0[..])
            .execute(connection)
            .await
            .map(|_| ());
    }
    let column = |of: fn(&Batch) -> u64| {
        batches.iter().map(|batch| of(batch).cast_signed()).collect::<Vec<i64>>()
    };
    let partitions: Vec<i16> =
        batches.iter().map(|batch| batch.partition.0.cast_signed()).collect();
    let events: Vec<&[u8]> = batches.iter().map(|batch| &batch.events[..]).collect();
    let digests: Vec<&[u8]> = batches.iter().map(|batch| &batch.digest.0[..]).collect();
    sqlx::query(
        "INSERT INTO journal SELECT * FROM
         UNNEST($1::smallint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::bytea[], $6::bytea[])",
    )
    .bind(partitions)
    .bind(column(|batch| batch.seq.0))
    .bind(column(|batch| batch.epoch.0))
    .bind(column(|batch| batch.recorded_at.as_millis()))
    .bind(events)
    .bind(digests)
    .execute(connection)
    .await
    .map(|_| ())
}

async fn write_group(connection: &mut PgConnection, group: &Group) -> Result<(), sqlx::Error> {
    if group.snapshots.is_empty() && group.checkpoints.is_empty() {
        return insert_batches(connection, &group.batches).await;
    }
    let mut transaction = connection.begin().await?;
    if !group.batches.is_empty() {
        insert_batches(&mut transaction, &group.batches).await?;
    }
    for row in &group.snapshots {
        sqlx::query(
            "INSERT INTO snapshot (product_id, partition, revision, next_expiry, state)
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (product_id) DO UPDATE SET
             revision = excluded.revision, next_expiry = excluded.next_expiry, state = excluded.state
             WHERE excluded.revision >= snapshot.revision",
        )
        .bind(row.product.to_column())
        .bind(row.partition.0.cast_signed())
        .bind(row.revision.cast_signed())
        .bind(row.next_expiry.map(|at| at.as_millis().cast_signed()))
        .bind(&row.state[..])
        .execute(&mut *transaction)
        .await?;
    }
    for (partition, seq) in &group.checkpoints {
        sqlx::query(
            "UPDATE journal_partition SET checkpoint = greatest(checkpoint, $1) WHERE partition = $2",
        )
        .bind(seq.0.cast_signed())
        .bind(partition.0.cast_signed())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await
}

#[async_trait]
impl JournalStore for PostgresJournal {
    async fn take_ownership(&mut self) -> Result<Ownership, StoreError> {
        let owner = self.owner;
        let connection = self.connected().await?;
        let mut transaction = connection.begin().await.map_err(read_error)?;
        let before: Vec<Option<Uuid>> =
            sqlx::query_scalar("SELECT owner FROM journal_partition ORDER BY partition FOR UPDATE")
                .fetch_all(&mut *transaction)
                .await
                .map_err(read_error)?;
        let mut epochs: Vec<(i16, i64)> = sqlx::query_as(
            "UPDATE journal_partition SET epoch = epoch + 1, owner = $1 RETURNING partition, epoch",
        )
        .bind(owner)
        .fetch_all(&mut *transaction)
        .await
        .map_err(read_error)?;
        transaction.commit().await.map_err(read_error)?;
        epochs.sort_unstable();
        let taken_over = before.iter().flatten().any(|before| *before != owner);
        Ok(Ownership {
            epochs: epochs.into_iter().map(|(_, epoch)| Epoch(epoch.cast_unsigned())).collect(),
            lease: Some(Lease {
                duration: LEASE,
                wait: if taken_over { LEASE } else { Duration::ZERO },
            }),
        })
    }

    async fn renew_ownership(&mut self) -> Result<bool, StoreError> {
        let owner = self.owner;
        let connection = self.connected().await?;
        let owned = sqlx::query_scalar(
            "SELECT coalesce(bool_and(owner = $1), false) FROM journal_partition",
        )
        .bind(owner)
        .fetch_one(connection);
        let owned: Result<bool, _> = in_time(SILENCE_MAX, owned).await;
        self.checked(owned).map_err(read_error)
    }

    async fn release_ownership(&mut self) -> Result<(), StoreError> {
        let owner = self.owner;
        let connection = self.connected().await?;
        let released = sqlx::query("UPDATE journal_partition SET owner = NULL WHERE owner = $1")
            .bind(owner)
            .execute(connection);
        let released = in_time(SILENCE_MAX, released).await;
        self.checked(released).map(|_| ()).map_err(read_error)
    }

    async fn commit(&mut self, group: &Group) -> Result<(), CommitError> {
        let connection = match self.connected().await {
            Ok(connection) => connection,
            // Not even connected: but an earlier attempt may have been, so it is still unknown.
            Err(error) => return Err(CommitError::Unknown(error.to_string())),
        };
        let written = in_time(limit_of(group), write_group(connection, group)).await;
        self.checked(written).map_err(|error| commit_error(&error))
    }

    async fn digest_at(
        &mut self,
        partition: PartitionId,
        seq: Seq,
    ) -> Result<Option<Digest>, StoreError> {
        let connection = self.connected().await?;
        let row =
            sqlx::query_scalar("SELECT digest FROM journal WHERE partition = $1 AND seq = $2")
                .bind(partition.0.cast_signed())
                .bind(seq.0.cast_signed())
                .fetch_optional(connection);
        let row: Result<Option<Vec<u8>>, _> = in_time(SILENCE_MAX, row).await;
        self.checked(row).map_err(read_error)?.map(|bytes| digest(&bytes)).transpose()
    }

    async fn next_product_id(&mut self) -> Result<ProductId, StoreError> {
        let connection = self.connected().await?;
        let id = sqlx::query_scalar(
            "INSERT INTO journal_meta VALUES ('last_product_id', 1)
             ON CONFLICT (name) DO UPDATE SET value = journal_meta.value + 1 RETURNING value",
        )
        .fetch_one(connection);
        let id: Result<i64, _> = in_time(SILENCE_MAX, id).await;
        product_id(self.checked(id).map_err(read_error)?)
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

fn number(row: &PgRow, column: usize) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column).map_err(read_error)?;
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("a negative number: {value}")))
}

fn bytes(row: &PgRow, column: usize) -> Result<Vec<u8>, StoreError> {
    row.try_get(column).map_err(read_error)
}

#[async_trait]
impl JournalReader for PostgresJournalReader {
    fn partitions(&self) -> Partitions {
        self.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let rows = sqlx::query(
            "SELECT p.partition, coalesce(j.seq, 0), coalesce(j.epoch, 0),
                    coalesce(j.digest, decode(repeat('00', 32), 'hex')), p.checkpoint
             FROM journal_partition p LEFT JOIN LATERAL
              (SELECT * FROM journal WHERE partition = p.partition ORDER BY seq DESC LIMIT 1) j ON true
             ORDER BY p.partition",
        )
        .fetch_all(&self.pool);
        let rows = in_time(SILENCE_MAX, rows).await.map_err(read_error)?;
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
        // The sizes first, from the index and the row heads: Postgres would otherwise read and send
        // every row up to the limit.
        let rows = sqlx::query(
            "SELECT seq, epoch, recorded_at, events, digest FROM journal
             WHERE partition = $1 AND seq > $2 AND seq <= coalesce((
                SELECT min(seq) FROM (
                    SELECT seq, sum(length(events)) OVER (ORDER BY seq) AS bytes FROM (
                        SELECT seq, events FROM journal WHERE partition = $1 AND seq > $2
                        ORDER BY seq LIMIT 4096) AS next
                ) AS running WHERE bytes >= $3), $2 + 4096)
             ORDER BY seq",
        )
        .bind(partition.0.cast_signed())
        .bind(after.0.cast_signed())
        .bind(i64::try_from(bytes_max).unwrap_or(i64::MAX))
        .fetch_all(&self.pool);
        let rows = in_time(SILENCE_MAX, rows).await.map_err(read_error)?;
        rows.iter()
            .map(|row| {
                Ok(Batch {
                    partition,
                    seq: Seq(number(row, 0)?),
                    epoch: Epoch(number(row, 1)?),
                    recorded_at: Timestamp::from_millis(number(row, 2)?),
                    events: bytes(row, 3)?,
                    digest: digest(&bytes(row, 4)?)?,
                })
            })
            .collect()
    }

    async fn snapshot(&self, product: ProductId) -> Result<Option<SnapshotRow>, StoreError> {
        let row = sqlx::query(
            "SELECT partition, revision, next_expiry, state FROM snapshot WHERE product_id = $1",
        )
        .bind(product.to_column())
        .fetch_optional(&self.pool);
        let row = in_time(SNAPSHOT_READ_MAX, row).await.map_err(read_error)?;
        let Some(row) = row else { return Ok(None) };
        let partition: i16 = row.try_get(0).map_err(read_error)?;
        let next_expiry: Option<i64> = row.try_get(2).map_err(read_error)?;
        Ok(Some(SnapshotRow {
            partition: PartitionId(partition.cast_unsigned()),
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
        .fetch_all(&self.pool);
        let rows = in_time(SILENCE_MAX, rows).await.map_err(read_error)?;
        rows.iter()
            .map(|row| {
                let id: i64 = row.try_get(0).map_err(read_error)?;
                Ok((product_id(id)?, Timestamp::from_millis(number(row, 1)?)))
            })
            .collect()
    }

    async fn last_product_id(&self) -> Result<u64, StoreError> {
        let id =
            sqlx::query_scalar("SELECT value FROM journal_meta WHERE name = 'last_product_id'")
                .fetch_optional(&self.pool);
        let id: Option<i64> = in_time(SILENCE_MAX, id).await.map_err(read_error)?;
        Ok(id.unwrap_or(0).cast_unsigned())
    }
}
