//! The projector: follows the durable journal into the database.
//!
//! Owner: one thread of its own, with a current-thread runtime, at low priority; it alone writes
//! the tables. The journal is read on the caller's runtime, to which the reader's connections
//! belong.
//!
//! ```text
//!   connect: migrate, read the cursors, check them against the journal
//!      │  ▲ anything is away: pause, longer each time
//!      ▼  │
//!   wait for durable batches ─▶ read ─▶ begin, compare cursors, write, commit ─▶ rest ─┐
//!      ▲                                                                               │
//!      └───────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! Exactly once: cursors are compared and moved in the transaction that writes the rows. Where
//! another server got there first, or a commit's outcome is unknown, all begins again at "connect".

use super::changes::{self, Damage};
use super::database::{Database, DatabaseError};
use super::lag::Lag;
use super::needs::needs;
use super::pace::Pace;
use super::progress::{self, ProjectionProgress, Reporter};
use super::round::Round;
use super::rows::Cursor;
use super::write::{WriteError, Writer};
use super::{origin, owed};
use crate::clock::{self, Clock};
use crate::domain::Timestamp;
use crate::journal::store::{JournalReader, StoreError};
use crate::journal::{Batch, PartitionId, Partitions, Seq};
use crate::telemetry::metrics::ProjectionMetrics;
use crate::threads;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

/// Longest a round may take in the database before the connection is given up.
const ROUND_TIMEOUT: Duration = Duration::from_mins(3);
/// A rest is taken in pieces, to notice that the engine has become idle.
const REST_PIECE: Duration = Duration::from_millis(50);

/// How hard the projector works.
#[derive(Debug, Clone)]
pub struct ProjectionConfig {
    /// Most bytes of journal in one round, that is in one transaction and in memory.
    pub batch_bytes_max: usize,
    /// Rest after a round while the engine is busy, as a multiple of the round's time.
    pub rest_factor_busy: u32,
    /// New batches a second from which on the engine counts as busy.
    pub busy_batches_per_second: u32,
    /// Priority of the projector's threads (Linux): 0 is normal, 19 is lowest.
    pub nice: i32,
    /// First and longest pause before something that is away is tried again.
    pub retry_after: Duration,
    pub retry_after_max: Duration,
}

impl Default for ProjectionConfig {
    fn default() -> Self {
        Self {
            batch_bytes_max: 4 << 20,
            rest_factor_busy: 9,
            busy_batches_per_second: 200,
            nice: 10,
            retry_after: Duration::from_millis(100),
            retry_after_max: Duration::from_secs(5),
        }
    }
}

/// Everything a projector needs.
pub struct Projector {
    pub reader: Arc<dyn JournalReader>,
    /// Newest durable batch of each partition.
    pub durable: watch::Receiver<Vec<Seq>>,
    pub database: Database,
    pub clock: Clock,
    pub metrics: ProjectionMetrics,
    pub config: ProjectionConfig,
}

/// The running projector. Dropping it asks it to end, without waiting.
pub struct ProjectorTask {
    stop: watch::Sender<bool>,
    finished: oneshot::Receiver<()>,
    thread: JoinHandle<()>,
}

impl ProjectorTask {
    /// Finishes the round at hand and ends.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        // The other end is dropped when the thread is done, whichever way.
        let _ = self.finished.await;
        let _ = self.thread.join();
    }
}

impl Projector {
    /// Starts the projector's thread. Call it on the runtime that the reader's connections live on.
    ///
    /// # Errors
    /// No thread or no runtime can be had.
    pub fn start(self) -> std::io::Result<(ProjectionProgress, ProjectorTask)> {
        let (reporter, progress) = progress::channel(self.reader.partitions().count(), &self.clock);
        let (stop, stopping) = watch::channel(false);
        let (finish, finished) = oneshot::channel::<()>();
        let pace = Pace {
            factor: self.config.rest_factor_busy,
            busy_batches: self.config.busy_batches_per_second,
        };
        let follower = Follower {
            journal: Journal { reader: self.reader, runtime: Handle::current() },
            durable: self.durable,
            database: self.database,
            pause: self.config.retry_after,
            config: self.config,
            metrics: self.metrics,
            pace,
            reporter,
            stopping,
            clock: self.clock,
            lag: Lag::default(),
            cursors: Vec::new(),
            first: 0,
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("projector".into()).spawn(move || {
            threads::lower_priority(follower.config.nice);
            runtime.block_on(follower.run());
            drop(finish);
        })?;
        Ok((progress, ProjectorTask { stop, finished, thread }))
    }
}

/// Why the projector does not just go on.
enum Trouble {
    /// Asked to end.
    Stop,
    /// Another server has moved the cursors: read them again.
    Overtaken,
    /// Try again later.
    Away(String),
    /// No trying helps.
    Damaged(String),
}

/// The journal's reading side, used from another runtime than its own.
struct Journal {
    reader: Arc<dyn JournalReader>,
    runtime: Handle,
}

impl Journal {
    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        bytes_max: usize,
    ) -> Result<Vec<Batch>, Trouble> {
        let reader = Arc::clone(&self.reader);
        let reading = async move { reader.batches(partition, after, bytes_max).await };
        match self.runtime.spawn(reading).await {
            Ok(batches) => Ok(batches?),
            Err(error) if error.is_panic() => {
                Err(Trouble::Damaged(format!("reading the journal panicked: {error}")))
            }
            // The runtime is going away, and this process with it.
            Err(_) => Err(Trouble::Stop),
        }
    }
}

struct Follower {
    journal: Journal,
    durable: watch::Receiver<Vec<Seq>>,
    database: Database,
    config: ProjectionConfig,
    metrics: ProjectionMetrics,
    pace: Pace,
    reporter: Reporter,
    stopping: watch::Receiver<bool>,
    clock: Clock,
    lag: Lag,
    /// By partition.
    cursors: Vec<Cursor>,
    /// The partition a round begins with: each in turn, so that none is left behind.
    first: usize,
    /// Before the next try.
    pause: Duration,
}

impl Follower {
    async fn run(mut self) {
        loop {
            match self.follow().await {
                Trouble::Stop => break self.reporter.ended(),
                Trouble::Overtaken => {
                    tracing::info!("another server projects into the same database");
                }
                Trouble::Away(reason) => {
                    tracing::warn!(%reason, "the projection waits");
                    self.metrics.failures.increment(1);
                    self.reporter.waiting(reason);
                    if self.sleep(self.pause).await.is_err() {
                        break self.reporter.ended();
                    }
                    self.pause = (self.pause * 2).min(self.config.retry_after_max);
                }
                Trouble::Damaged(reason) => {
                    tracing::error!(%reason, "the projection has stopped");
                    break self.reporter.stopped(reason);
                }
            }
        }
    }

    /// Connects and follows until something is in the way.
    async fn follow(&mut self) -> Trouble {
        let mut writer = match self.connect().await {
            Ok(writer) => writer,
            Err(trouble) => return trouble,
        };
        self.reporter.following();
        loop {
            if let Err(trouble) = self.step(writer.as_mut()).await {
                return trouble;
            }
        }
    }

    async fn connect(&mut self) -> Result<Box<dyn Writer>, Trouble> {
        self.database.migrate().await?;
        let mut writer = self.database.writer().await?;
        let partitions = self.journal.reader.partitions();
        let mut cursors = in_time(writer.cursors()).await?;
        self.check(&cursors, partitions).await?;
        if cursors.len() != usize::from(partitions.count()) {
            in_time(writer.make_cursors(partitions)).await?;
            cursors = in_time(writer.cursors()).await?;
            self.check(&cursors, partitions).await?;
        }
        self.cursors = cursors;
        self.reporter.applied(self.positions());
        Ok(writer)
    }

    /// Whether the cursors stand on batches of this journal.
    async fn check(&self, cursors: &[Cursor], partitions: Partitions) -> Result<(), Trouble> {
        let digest_at = async |partition, seq: Seq| {
            let before = Seq(seq.0.saturating_sub(1));
            let batches = self.journal.batches(partition, before, 1).await?;
            Ok::<_, Trouble>(
                batches.first().filter(|batch| batch.seq == seq).map(|batch| batch.digest),
            )
        };
        match origin::foreign(&self.database.name(), cursors, partitions, digest_at).await? {
            Some(reason) => Err(Trouble::Damaged(reason)),
            None => Ok(()),
        }
    }

    /// Waits for batches, applies some, rests.
    async fn step(&mut self, writer: &mut dyn Writer) -> Result<(), Trouble> {
        self.wait_for_work().await?;
        let arrived_before = self.arrived();
        let started = clock::instant();
        let round = self.read().await?;
        if round.is_empty() {
            // Said to be durable but not to be seen yet.
            return self.sleep(REST_PIECE).await;
        }
        let (after, recorded_at) = (round.after.clone(), round.recorded_at.clone());
        let facts: usize = round.sections.iter().map(|section| section.events.len()).sum();
        in_time(apply(writer, round, self.clock.now())).await?;
        for cursor in after {
            self.cursors[usize::from(cursor.partition.0)] = cursor;
        }
        self.metrics.events.increment(facts as u64);
        self.pause = self.config.retry_after;
        self.report_lag(&recorded_at);
        self.reporter.applied(self.positions());
        let rest = self.pace.rest(clock::since(started), self.arrived() - arrived_before);
        self.rest(rest).await
    }

    async fn wait_for_work(&mut self) -> Result<(), Trouble> {
        loop {
            if *self.stopping.borrow() {
                return Err(Trouble::Stop);
            }
            self.durable.mark_unchanged();
            if self.report_lag(&[]) {
                return Ok(());
            }
            tokio::select! {
                // No more positions will come, or no one is left to say stop.
                changed = self.durable.changed() => changed.map_err(|_| Trouble::Stop)?,
                changed = self.stopping.changed() => changed.map_err(|_| Trouble::Stop)?,
            }
        }
    }

    /// Batches after the cursors, up to the bound, beginning with another partition each time.
    async fn read(&mut self) -> Result<Round, Trouble> {
        let mut round = Round::default();
        let mut room = self.config.batch_bytes_max;
        let count = self.cursors.len();
        for partition in (self.first..count).chain(0..self.first) {
            let cursor = self.cursors[partition];
            let durable = self.durable.borrow().get(partition).copied().unwrap_or_default();
            if durable <= cursor.seq || room == 0 {
                continue;
            }
            let batches = self.journal.batches(cursor.partition, cursor.seq, room).await?;
            let bytes = batches.iter().map(|batch| batch.events.len()).sum();
            room = room.saturating_sub(bytes);
            round.push(cursor, &batches).map_err(|reason| {
                Trouble::Damaged(format!("the journal is damaged: {reason}; run lastunit audit"))
            })?;
        }
        self.first = (self.first + 1) % count.max(1);
        round.sort();
        Ok(round)
    }

    /// Rests, but no longer than the engine is busy.
    async fn rest(&mut self, total: Duration) -> Result<(), Trouble> {
        let mut left = total;
        while !left.is_zero() {
            let piece = left.min(REST_PIECE);
            let arrived_before = self.arrived();
            self.sleep(piece).await?;
            left -= piece;
            if !self.pace.is_busy(self.arrived() - arrived_before, piece) {
                break;
            }
        }
        Ok(())
    }

    async fn sleep(&mut self, time: Duration) -> Result<(), Trouble> {
        match timeout(time, self.stopping.wait_for(|stop| *stop)).await {
            Err(_) => Ok(()),
            Ok(_) => Err(Trouble::Stop),
        }
    }

    /// Durable batches so far, over all partitions.
    fn arrived(&self) -> u64 {
        self.durable.borrow().iter().map(|seq| seq.0).sum()
    }

    /// Says since when the tables are behind, and whether they are. `applied` as for [`Lag::oldest`].
    fn report_lag(&mut self, applied: &[(PartitionId, Timestamp)]) -> bool {
        let now = self.clock.now();
        let oldest = self.lag.oldest(&self.cursors, &self.durable.borrow(), applied, now);
        match oldest {
            Some(since) => self.reporter.behind(since),
            None => self.reporter.caught_up(),
        }
        oldest.is_some()
    }

    fn positions(&self) -> Vec<Seq> {
        self.cursors.iter().map(|cursor| cursor.seq).collect()
    }
}

/// One round in one transaction.
async fn apply(writer: &mut dyn Writer, round: Round, now: Timestamp) -> Result<(), Trouble> {
    let partitions: Vec<_> = round.before.iter().map(|cursor| cursor.partition).collect();
    if writer.begin(&partitions).await? != round.before {
        writer.rollback().await?;
        return Err(Trouble::Overtaken);
    }
    let prior = writer.prior(&needs(&round.sections)).await?;
    let mut changes = changes::fold(round.sections, prior)?;
    changes.voids = owed::voids(&changes.decided, now);
    writer.write(&changes).await?;
    writer.commit(&round.after).await?;
    Ok(())
}

/// A server that no longer answers must not hold the projector for ever. Whoever gives up here
/// drops the connection.
async fn in_time<Value, Failure: Into<Trouble>>(
    work: impl Future<Output = Result<Value, Failure>>,
) -> Result<Value, Trouble> {
    match timeout(ROUND_TIMEOUT, work).await {
        Ok(outcome) => outcome.map_err(Into::into),
        Err(_) => Err(Trouble::Away("the database did not answer for three minutes".into())),
    }
}

impl From<StoreError> for Trouble {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) | StoreError::Full(_) | StoreError::InUse(_) => {
                Self::Away(error.to_string())
            }
            StoreError::Broken(_) | StoreError::Damaged(_) | StoreError::Unfit(_) => {
                Self::Damaged(error.to_string())
            }
        }
    }
}

impl From<DatabaseError> for Trouble {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::Unreachable { .. }
            | DatabaseError::Refused { .. }
            | DatabaseError::Unwritable { .. }
            | DatabaseError::Missing { .. }
            | DatabaseError::Unreadable { .. }
            | DatabaseError::Failed { .. } => Self::Away(error.to_string()),
            DatabaseError::BadUrl(_)
            | DatabaseError::Unfit(_)
            | DatabaseError::Newer { .. }
            | DatabaseError::Changed { .. } => Self::Damaged(error.to_string()),
        }
    }
}

impl From<Damage> for Trouble {
    fn from(damage: Damage) -> Self {
        Self::Damaged(format!("the database's rows do not fit the journal: {damage}; {REBUILD}"))
    }
}

const REBUILD: &str = "run lastunit audit, and give the server an empty database, which it fills \
                       from its journal";

impl From<WriteError> for Trouble {
    fn from(error: WriteError) -> Self {
        use sqlx::Error;
        let lasting = match &error {
            WriteError::Database(Error::Database(error)) => {
                let broken = ["11", "26", "XX001", "XX002"];
                error.is_check_violation()
                    || error.is_unique_violation()
                    || error.code().is_some_and(|code| broken.contains(&code.as_ref()))
            }
            WriteError::Rows(_)
            | WriteError::Database(Error::Decode(_) | Error::ColumnDecode { .. }) => true,
            WriteError::Database(_) => false,
        };
        if lasting {
            return Self::Damaged(format!(
                "the database's rows do not fit the journal: {error}; {REBUILD}"
            ));
        }
        Self::Away(format!("the database failed: {error}"))
    }
}
