//! Opening a journal: find it, make it this process's own, start its writer.
//!
//! Connecting and taking over are two steps, and whoever starts a server looks at everything else
//! between them: a start that is refused must never have stopped the server that sells already.
//!
//! Ownership is taken in three steps. The store writes our name and a new epoch; we wait until the
//! owner before may no longer answer from memory; then an empty batch of the new epoch is written to
//! every partition. From that batch on the owner before cannot commit any more, because its next
//! position is taken; and what it committed until then is in front of it, so recovery sees it.

use super::handle::JournalHandle;
use super::postgres::{PostgresJournal, PostgresJournalReader};
use super::sqlite::{SqliteJournal, SqliteJournalReader};
use super::store::{CommitError, Group, Head, JournalReader, JournalStore, StoreError};
use super::writer::{Writer, WriterOptions};
use super::{Batch, Epoch, Partitions, stored};
use crate::clock::{self, Clock};
use crate::telemetry::metrics::JournalMetrics;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Where a journal is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Sqlite(PathBuf),
    Postgres(String),
}

/// A journal that this process owns: what recovery and the engine need.
pub struct Opened {
    pub handle: JournalHandle,
    pub reader: Arc<dyn JournalReader>,
    /// The heads right after the opening batches.
    pub heads: Vec<Head>,
}

/// Connects the writing side; creates the journal when there is none.
///
/// # Errors
/// See [`StoreError`].
pub async fn connect_store(
    location: &Location,
    partitions: Partitions,
) -> Result<Box<dyn JournalStore>, StoreError> {
    Ok(match location {
        Location::Sqlite(path) => Box::new(SqliteJournal::open(path, partitions).await?),
        Location::Postgres(url) => {
            let owner = clock::draw_uuid();
            Box::new(PostgresJournal::open(url, partitions, owner).await?)
        }
    })
}

/// Connects the reading side of an existing journal.
///
/// # Errors
/// See [`StoreError`].
pub async fn connect_reader(location: &Location) -> Result<Arc<dyn JournalReader>, StoreError> {
    Ok(match location {
        Location::Sqlite(path) => Arc::new(SqliteJournalReader::open(path).await?),
        Location::Postgres(url) => Arc::new(PostgresJournalReader::open(url).await?),
    })
}

/// Takes the journal over and gives its writer, not yet running.
///
/// # Errors
/// When the store fails before the opening batches are written.
pub async fn take_over(
    mut store: Box<dyn JournalStore>,
    reader: Arc<dyn JournalReader>,
    clock: Clock,
    options: WriterOptions,
    metrics: JournalMetrics,
) -> Result<(Opened, Writer), StoreError> {
    let ownership = store.take_ownership().await?;
    if let Some(lease) = ownership.lease.filter(|lease| !lease.wait.is_zero()) {
        tracing::info!(wait = ?lease.wait, "waiting until the owner before has stopped answering");
        tokio::time::sleep(lease.wait).await;
    }
    let heads = write_opening(store.as_mut(), reader.as_ref(), &ownership.epochs, &clock).await?;
    let (handle, writer) = Writer::new(store, &heads, ownership.lease, clock, options, metrics);
    Ok((Opened { handle, reader, heads }, writer))
}

/// Writes the first batch of the new epoch to every partition, behind whatever the owner before
/// still managed to write.
async fn write_opening(
    store: &mut dyn JournalStore,
    reader: &dyn JournalReader,
    epochs: &[Epoch],
    clock: &Clock,
) -> Result<Vec<Head>, StoreError> {
    loop {
        let heads = reader.heads().await?;
        if let Some(newer) = heads.iter().zip(epochs).find(|(head, epoch)| head.epoch > **epoch) {
            return Err(StoreError::InUse(format!(
                "another server took this journal over (epoch {}) while this one was starting",
                newer.0.epoch
            )));
        }
        let recorded_at = clock.now();
        let batches: Vec<Batch> = heads
            .iter()
            .zip(epochs)
            .map(|(head, epoch)| {
                let events = vec![stored::ROW_VERSION];
                Batch::behind((head.seq, head.digest), head.partition, *epoch, recorded_at, events)
            })
            .collect();
        let opened: Vec<Head> = heads
            .iter()
            .zip(&batches)
            .map(|(head, batch)| Head {
                seq: batch.seq,
                epoch: batch.epoch,
                digest: batch.digest,
                ..*head
            })
            .collect();
        match store.commit(&Group { batches, ..Group::default() }).await {
            Ok(()) => return Ok(opened),
            // The owner before wrote once more: open behind it.
            Err(CommitError::Conflict) => {}
            Err(CommitError::NotWritten(error)) => return Err(error),
            Err(CommitError::Broken(reason)) => return Err(StoreError::Broken(reason)),
            Err(CommitError::Unknown(reason)) => return Err(StoreError::Unavailable(reason)),
        }
    }
}

/// A journal that is connected and fits this program, and is not this process's own yet: until
/// [`Connected::take_over`] its owner sells on undisturbed. Dropped, it leaves everything as it was.
pub struct Connected {
    /// Lives on the runtime of whoever connected.
    pub reader: Arc<dyn JournalReader>,
    go: oneshot::Sender<()>,
    opened: oneshot::Receiver<Result<Opened, StoreError>>,
}

/// Connects a journal, and creates it when there is none, on a thread of its own that its writer
/// will run on, so that no request handler and no actor can delay a commit.
///
/// # Errors
/// See [`StoreError`].
pub async fn connect(
    location: Location,
    partitions: Partitions,
    clock: Clock,
    options: WriterOptions,
    metrics: JournalMetrics,
) -> Result<Connected, StoreError> {
    let (connected, is_connected) = oneshot::channel();
    let (go, gone) = oneshot::channel();
    let (report, opened) = oneshot::channel();
    let read_from = location.clone();
    let body = async move {
        let stores = async {
            let store = connect_store(&location, partitions).await?;
            Ok((store, connect_reader(&location).await?))
        };
        let (store, reader) = match stores.await {
            Ok(stores) => stores,
            Err(error) => return drop(connected.send(Err(error))),
        };
        // Nobody hears it, or nobody says go: then this process must not take the journal over.
        if connected.send(Ok(())).is_err() || gone.await.is_err() {
            return;
        }
        match take_over(store, reader, clock, options, metrics).await {
            Err(error) => drop(report.send(Err(error))),
            Ok((opened, writer)) => {
                if report.send(Ok(opened)).is_ok() {
                    writer.run().await;
                }
            }
        }
    };
    crate::threads::spawn_runtime("journal", body)
        .map_err(|error| StoreError::Unavailable(format!("cannot start a thread: {error}")))?;
    is_connected.await.unwrap_or_else(|_| Err(thread_ended()))?;
    // Readers live on the caller's runtime: the writer's ends with the writer.
    Ok(Connected { reader: connect_reader(&read_from).await?, go, opened })
}

impl Connected {
    /// Makes the journal this process's own and starts its writer. From here on another owner
    /// cannot sell any more: whatever could refuse the start must have been looked at before.
    ///
    /// # Errors
    /// See [`StoreError`].
    pub async fn take_over(self) -> Result<Opened, StoreError> {
        // A thread that has ended is noticed by the answer that does not come.
        let _ = self.go.send(());
        let mut opened = self.opened.await.unwrap_or_else(|_| Err(thread_ended()))?;
        opened.reader = self.reader;
        Ok(opened)
    }
}

fn thread_ended() -> StoreError {
    StoreError::Unavailable("the journal's thread ended".into())
}

/// Connects a journal and takes it over at once.
///
/// # Errors
/// See [`StoreError`].
pub async fn open(
    location: Location,
    partitions: Partitions,
    clock: Clock,
    options: WriterOptions,
    metrics: JournalMetrics,
) -> Result<Opened, StoreError> {
    connect(location, partitions, clock, options, metrics).await?.take_over().await
}
