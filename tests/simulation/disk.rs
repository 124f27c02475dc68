//! The journal store of the simulation: tables in memory, and the ways a database can fail.
//!
//! A commit reaches the tables somewhere between its call and its answer; before, after and instead
//! of that things go wrong at the rates of the seed:
//!
//! ```text
//!   fine            written, said so          lost        not written, nobody knows
//!   not written     not written, said so      done        written, nobody knows
//!   disk full       for a while, said so      late        written after the caller was told "unknown"
//!   outage, cut off, silent: no call works, or none returns, for a while; broken: the disk is dead
//! ```
//!
//! Ownership works as in Postgres where the seed is leased, as in `SQLite` where it is not.

use super::world::{Connection, Shared, World};
use async_trait::async_trait;
use lastunit::domain::promises;
use lastunit::domain::{ProductId, Timestamp};
use lastunit::journal::store::{
    CommitError, Group, Head, JournalReader, JournalStore, Lease, Ownership, SnapshotRow,
    StoreError,
};
use lastunit::journal::{Batch, Digest, Epoch, PartitionId, Partitions, Seq};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is stored.
pub struct Disk {
    pub partitions: Partitions,
    pub rows: Vec<Vec<Batch>>,
    epochs: Vec<Epoch>,
    owner: Option<Connection>,
    /// The epoch each owner was given; none any more once it gave the journal up.
    owned: BTreeMap<Connection, Epoch>,
    checkpoints: Vec<Seq>,
    snapshots: BTreeMap<ProductId, SnapshotRow>,
    last_product_id: u64,
    /// Commits whose callers were told "unknown" and which the server still works on.
    late: Vec<(Timestamp, Connection, Group)>,
}

/// What becomes of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Fine,
    Lost,
    Done,
    Late,
    NotWritten,
    Broken,
}

impl Disk {
    pub fn new(count: u16) -> Self {
        let partitions = Partitions::new(count).expect("a valid number of partitions");
        Self {
            partitions,
            rows: partitions.all().map(|_| Vec::new()).collect(),
            epochs: partitions.all().map(|_| Epoch::default()).collect(),
            owner: None,
            owned: BTreeMap::new(),
            checkpoints: partitions.all().map(|_| Seq::default()).collect(),
            snapshots: BTreeMap::new(),
            last_product_id: 0,
            late: Vec::new(),
        }
    }

    pub fn row(&self, partition: PartitionId, seq: Seq) -> Option<&Batch> {
        let index = usize::try_from(seq.0.checked_sub(1)?).ok()?;
        self.rows[usize::from(partition.0)].get(index)
    }

    /// Whether another one may be selling: this one gave the journal up, or a later one opened it.
    pub fn is_fenced(&self, connection: Connection, partition: PartitionId) -> bool {
        let head = self.rows[usize::from(partition.0)].last().map(|row| row.epoch);
        self.owned.get(&connection).is_none_or(|epoch| head > Some(*epoch))
    }

    pub const fn owner(&self) -> Option<Connection> {
        self.owner
    }

    fn heads(&self) -> Vec<Head> {
        let head = |partition: PartitionId| {
            let last = self.rows[usize::from(partition.0)].last();
            Head {
                partition,
                seq: last.map_or(Seq(0), |row| row.seq),
                epoch: last.map_or(Epoch(0), |row| row.epoch),
                digest: last.map_or(Digest::GENESIS, |row| row.digest),
                checkpoint: self.checkpoints[usize::from(partition.0)],
            }
        };
        self.partitions.all().map(head).collect()
    }
}

impl World {
    /// One transaction: all of the group, or nothing where a position is taken.
    fn write(&mut self, by: Connection, group: &Group) -> bool {
        let taken = |batch: &Batch| self.disk.row(batch.partition, batch.seq).is_some();
        if group.batches.iter().any(taken) {
            self.note(format_args!("disk: {by} conflicts: {}", described(group)));
            return false;
        }
        self.note(format_args!("disk: {by} writes {}", described(group)));
        for batch in &group.batches {
            self.check_row(batch);
            self.disk.rows[usize::from(batch.partition.0)].push(batch.clone());
        }
        let whole = self.truth.check_orders();
        self.check(whole);
        for row in &group.snapshots {
            self.check(self.truth.check_snapshot(row));
            let kept = self.disk.snapshots.get(&row.product);
            if kept.is_none_or(|kept| row.revision >= kept.revision) {
                self.disk.snapshots.insert(row.product, row.clone());
            }
        }
        for (partition, seq) in &group.checkpoints {
            let disk = &self.disk;
            let promise =
                self.truth.check_checkpoint((*partition, *seq), disk.partitions, &disk.snapshots);
            self.check(promise);
            let kept = &mut self.disk.checkpoints[usize::from(partition.0)];
            *kept = (*kept).max(*seq);
        }
        true
    }

    /// The chain, the epochs and the facts of a row that is about to be stored.
    fn check_row(&mut self, batch: &Batch) {
        let head = self.disk.heads()[usize::from(batch.partition.0)];
        let Batch { partition, seq, epoch, recorded_at, events, digest } = batch;
        if *seq != head.seq.next() {
            self.fail(format_args!("batch {partition}:{seq} follows {}", head.seq));
        }
        if *digest != head.digest.next(*partition, *seq, *epoch, *recorded_at, events) {
            self.fail(format_args!("batch {partition}:{seq} does not continue the chain"));
        }
        self.check(promises::one_owner(head.epoch.0, epoch.0));
        let promise = self.truth.take(batch);
        self.check(promise);
    }

    /// Lets land what was late, as far as its time has come.
    pub fn land(&mut self, until: Timestamp) {
        while let Some(index) = self.disk.late.iter().position(|(due, _, _)| *due <= until) {
            let (_, by, group) = self.disk.late.remove(index);
            self.note("late:");
            self.write(by, &group);
        }
    }

    /// Whether no call of this connection works now; `reading` calls can fail for themselves.
    fn unreachable(&mut self, by: Connection, reading: bool) -> bool {
        let now = self.now();
        self.land(now);
        let trouble = self.trouble;
        let (cut_off, silent) = (trouble.cut_off, trouble.silent);
        let cut_off = cut_off.0 == by && now < cut_off.1;
        // A silence ends with a connection that turns out to be lost.
        let silent = silent.0 == by && now <= silent.1;
        let down = now < trouble.outage || cut_off || silent;
        let fails = self.weather.reads_fail;
        let failed = reading && (now < trouble.reads_fail || self.chance.happens(fails));
        if down || failed {
            self.note(format_args!("disk: {by} cannot reach it"));
        }
        down || failed
    }

    /// How long a silent connection stays so.
    fn silence(&self, by: Connection) -> u64 {
        let (silent, until) = self.trouble.silent;
        if silent == by { until.millis_since(self.now()) } else { 0 }
    }

    /// How long one read takes.
    fn read_time(&mut self, by: Connection) -> u64 {
        let rate = self.weather.slow_reads;
        let slow = self.chance.happens(rate);
        let extra = if slow { self.chance.below(3 * self.weather.commit_timeout) } else { 0 };
        let read = self.weather.read;
        (self.chance.between(read) + extra).max(self.silence(by))
    }

    fn fate(&mut self) -> Fate {
        let weather = &self.weather;
        let rates = [
            (Fate::Lost, weather.commits_lost),
            (Fate::Done, weather.commits_done_but_lost),
            (Fate::Late, weather.commits_late),
            (Fate::NotWritten, weather.commits_not_written),
            (Fate::Broken, weather.disk_breaks),
        ];
        let drawn = rates.into_iter().find(|(_, rate)| self.chance.happens(*rate));
        drawn.map_or(Fate::Fine, |(fate, _)| fate)
    }

    /// Time before and after the moment at which a commit is decided.
    fn commit_times(&mut self, by: Connection) -> (u64, u64) {
        let slow = self.chance.happens(self.weather.slow_commits);
        let extra = if slow { self.chance.below(3 * self.weather.commit_timeout) } else { 0 };
        let total = self.chance.between(self.weather.commit) + extra;
        let before = self.chance.between((0, total));
        (before.max(self.silence(by)), total - before)
    }

    fn commit(&mut self, by: Connection, group: &Group) -> Result<(), CommitError> {
        let now = self.now();
        if self.unreachable(by, false) {
            return Err(CommitError::Unknown("no connection".into()));
        }
        if now < self.trouble.disk_full {
            self.note(format_args!("disk: {by} finds it full"));
            return Err(CommitError::NotWritten(StoreError::Full("no room".into())));
        }
        let fate = self.fate();
        if fate != Fate::Fine {
            self.note(format_args!("disk: {by} commit {fate:?}"));
        }
        match fate {
            Fate::Fine if self.write(by, group) => Ok(()),
            Fate::Fine => Err(CommitError::Conflict),
            Fate::Lost => Err(CommitError::Unknown("lost".into())),
            Fate::Done => {
                self.write(by, group);
                Err(CommitError::Unknown("answer lost".into()))
            }
            Fate::Late => {
                let due = now.plus_millis(self.chance.between((0, 1_000)));
                self.disk.late.push((due, by, group.clone()));
                Err(CommitError::Unknown("cut off in the middle".into()))
            }
            Fate::NotWritten => {
                Err(CommitError::NotWritten(StoreError::Unavailable("busy".into())))
            }
            Fate::Broken => Err(CommitError::Broken("sync failed".into())),
        }
    }

    fn take_ownership(&mut self, by: Connection) -> Ownership {
        let before = self.disk.owner.replace(by);
        for epoch in &mut self.disk.epochs {
            *epoch = epoch.next();
        }
        let epochs = self.disk.epochs.clone();
        self.disk.owned.extend(epochs.first().map(|epoch| (by, *epoch)));
        self.note(format_args!("disk: {by} takes it over from {before:?}: {epochs:?}"));
        let duration = Duration::from_millis(self.weather.lease);
        let wait = if before.is_some() { duration } else { Duration::ZERO };
        let lease = self.weather.leased.then_some(Lease { duration, wait });
        Ownership { epochs, lease }
    }
}

/// A node's connection, as writer and as reader.
#[derive(Clone)]
pub struct MemoryJournal {
    pub world: Shared,
    pub connection: Connection,
}

impl MemoryJournal {
    /// One call that reads or changes what is not the journal itself.
    async fn call<T>(&self, answer: impl FnOnce(&mut World) -> T + Send) -> Result<T, StoreError> {
        let unavailable = || StoreError::Unavailable("no connection".into());
        let takes = self.world.lock().read_time(self.connection);
        pause(takes).await;
        let answered = {
            let mut world = self.world.lock();
            if world.unreachable(self.connection, true) {
                return Err(unavailable());
            }
            answer(&mut world)
        };
        let takes = self.world.lock().read_time(self.connection);
        pause(takes).await;
        let lost = {
            let mut world = self.world.lock();
            let rate = world.weather.reads_fail / 4;
            world.chance.happens(rate)
        };
        if lost { Err(unavailable()) } else { Ok(answered) }
    }
}

async fn pause(millis: u64) {
    if millis > 0 {
        tokio::time::sleep(Duration::from_millis(millis)).await;
    }
}

fn described(group: &Group) -> String {
    let batches = group.batches.iter().map(|batch| {
        let Batch { partition, seq, epoch, digest, .. } = batch;
        format!("{partition}:{seq} of {epoch} {}", &digest.to_string()[..8])
    });
    let snapshots =
        group.snapshots.iter().map(|row| format!("snapshot {}@{}", row.product, row.revision));
    let checkpoints =
        group.checkpoints.iter().map(|(partition, seq)| format!("checkpoint {partition}:{seq}"));
    batches.chain(snapshots).chain(checkpoints).collect::<Vec<_>>().join(", ")
}

#[async_trait]
impl JournalStore for MemoryJournal {
    async fn take_ownership(&mut self) -> Result<Ownership, StoreError> {
        let by = self.connection;
        self.call(|world| world.take_ownership(by)).await
    }

    async fn renew_ownership(&mut self) -> Result<bool, StoreError> {
        let by = self.connection;
        self.call(|world| !world.weather.leased || world.disk.owner == Some(by)).await
    }

    async fn release_ownership(&mut self) -> Result<(), StoreError> {
        let by = self.connection;
        self.call(|world| {
            if world.disk.owner == Some(by) {
                world.note(format_args!("disk: {by} gives it up"));
                world.disk.owner = None;
                if world.weather.leased {
                    world.disk.owned.remove(&by);
                }
            }
        })
        .await
    }

    async fn commit(&mut self, group: &Group) -> Result<(), CommitError> {
        let (before, after) = self.world.lock().commit_times(self.connection);
        pause(before).await;
        let result = self.world.lock().commit(self.connection, group);
        pause(after).await;
        result
    }

    async fn digest_at(
        &mut self,
        partition: PartitionId,
        seq: Seq,
    ) -> Result<Option<Digest>, StoreError> {
        self.call(|world| world.disk.row(partition, seq).map(|row| row.digest)).await
    }

    async fn next_product_id(&mut self) -> Result<ProductId, StoreError> {
        let next = |world: &mut World| {
            world.disk.last_product_id += 1;
            world.disk.last_product_id
        };
        let id = self.call(next).await?;
        ProductId::new(id).map_err(|error| StoreError::Damaged(error.to_string()))
    }
}

#[async_trait]
impl JournalReader for MemoryJournal {
    fn partitions(&self) -> Partitions {
        self.world.lock().disk.partitions
    }

    async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        self.call(|world| world.disk.heads()).await
    }

    async fn batches(
        &self,
        partition: PartitionId,
        after: Seq,
        _: usize,
    ) -> Result<Vec<Batch>, StoreError> {
        // A few at a time: so that reading on behind the last one is tested as well.
        let behind = |row: &&Batch| row.seq > after;
        let read = |world: &mut World| {
            let rows = &world.disk.rows[usize::from(partition.0)];
            rows.iter().filter(behind).take(20).cloned().collect()
        };
        self.call(read).await
    }

    async fn snapshot(&self, product: ProductId) -> Result<Option<SnapshotRow>, StoreError> {
        self.call(|world| world.disk.snapshots.get(&product).cloned()).await
    }

    async fn expiries(&self) -> Result<Vec<(ProductId, Timestamp)>, StoreError> {
        let read = |world: &mut World| {
            let rows = world.disk.snapshots.values();
            rows.filter_map(|row| Some((row.product, row.next_expiry?))).collect()
        };
        self.call(read).await
    }

    async fn last_product_id(&self) -> Result<u64, StoreError> {
        self.call(|world| world.disk.last_product_id).await
    }
}
