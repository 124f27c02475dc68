//! Restocking: many adjustments in one request, while buyers buy.
//!
//! Each line by itself, or all of them or none. Products decide for themselves, so all or none is done
//! in this order:
//!
//! ```text
//!   lines that take units away, in ascending order of product
//!     └─ one is refused ──▶ what this request did is undone, first line first ──▶ nothing is left of it
//!   lines that add units (before this nobody could buy what might be taken back)
//! ```
//!
//! Every decision follows the one before in the journal, and nobody is answered before all are durable.
//! A crash leaves a beginning of this row behind. The keys of the lines are made of the request's key,
//! so its repetition finds what is done, does the rest, and never applies a line twice; where the undoing
//! had begun (the first line was undone) it ends that, and then tries anew under new keys.
//!
//! What must never happen: two of the same request at work at once (the second is refused).

use super::{Catalog, Inner, finished};
use crate::domain::{
    Action, Command, OrderId, Outcome, ProductId, Refusal, RequestKey, Retry, STOCKED_MAX,
};
use crate::engine::{Decided, EngineError};
use futures::StreamExt as _;
use parking_lot::Mutex;
use std::collections::HashSet;
use std::time::Duration;

/// Most lines of one request.
pub const LINES_MAX: usize = 1_000;

/// Lines that are on their way at once where each stands by itself.
const AT_ONCE: usize = 64;

/// Most times that one key is tried again after its lines were undone.
const ATTEMPTS_MAX: u32 = 100;

/// How often undoing a line is tried while there is too much to do, and the pause between.
const UNDO_TRIES: u32 = 20;
const UNDO_PAUSE: Duration = Duration::from_millis(50);

/// No order has this id, so looking it up only tells whether a key is known.
pub(super) const NO_ORDER: OrderId = OrderId([0; 16]);

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adjustment {
    pub product: ProductId,
    pub delta: i64,
    pub reason: Box<str>,
}

/// What became of a line.
pub type Adjusted = Result<Outcome, EngineError>;

/// Why nothing was adjusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestockError {
    /// The same request is at work.
    InProgress,
    /// This line could not be; nothing is left of the others, or its key will tell.
    Line(ProductId, EngineError),
}

/// Keys of requests that are at work.
#[derive(Default)]
pub(super) struct Running(Mutex<HashSet<RequestKey>>);

/// Takes the key out again, however the request ends.
struct AtWork<'a>(&'a Running, Option<RequestKey>);

impl Running {
    fn begin(&self, key: Option<RequestKey>) -> Option<AtWork<'_>> {
        let begun = key.is_none_or(|key| self.0.lock().insert(key));
        begun.then_some(AtWork(self, key))
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.1 {
            self.0.0.lock().remove(&key);
        }
    }
}

/// What is done under a line's key.
#[derive(Clone, Copy)]
enum Step {
    Apply,
    Undo,
}

/// The key of a step: of the same request always the same.
fn step_key(retry: Retry, product: ProductId, attempt: u32, step: Step) -> Retry {
    let mut hash = blake3::Hasher::new();
    hash.update(b"lastunit 1 line of a restocking");
    hash.update(&retry.key.0);
    hash.update(&product.get().to_le_bytes());
    hash.update(&attempt.to_le_bytes());
    hash.update(&[step as u8]);
    let mut key = [0; 16];
    key.copy_from_slice(&hash.finalize().as_bytes()[..16]);
    Retry { key: RequestKey(key), fingerprint: retry.fingerprint }
}

fn adjust(line: &Adjustment, retry: Option<Retry>) -> Command {
    Command { retry, action: Action::Adjust { delta: line.delta, reason: line.reason.clone() } }
}

impl Catalog {
    /// Adjusts each product by itself; the results are in the order of the lines.
    ///
    /// # Errors
    /// When the same request is at work; what becomes of a line is in the results.
    pub async fn restock_each(
        &self,
        lines: Vec<Adjustment>,
        retry: Option<Retry>,
    ) -> Result<Vec<Adjusted>, RestockError> {
        let inner = self.0.clone();
        let first = lines.first().map(|line| line.product);
        let each = tokio::spawn(async move { inner.restock_each(&lines, retry).await });
        finished(each).await.unwrap_or_else(|error| lost(first, error))
    }

    /// Adjusts all products or none; each product once. The results are in the order of the lines.
    ///
    /// # Errors
    /// See [`RestockError`].
    pub async fn restock_all(
        &self,
        lines: Vec<Adjustment>,
        retry: Option<Retry>,
    ) -> Result<Vec<Outcome>, RestockError> {
        let inner = self.0.clone();
        let first = lines.first().map(|line| line.product);
        let all = tokio::spawn(async move { inner.restock_all(&lines, retry).await });
        finished(all).await.unwrap_or_else(|error| lost(first, error))
    }
}

/// The task of a request panicked.
fn lost<T>(first: Option<ProductId>, error: EngineError) -> Result<T, RestockError> {
    Err(first.map_or(RestockError::InProgress, |product| RestockError::Line(product, error)))
}

impl Inner {
    async fn restock_each(
        &self,
        lines: &[Adjustment],
        retry: Option<Retry>,
    ) -> Result<Vec<Adjusted>, RestockError> {
        let _at_work =
            self.restocking.begin(retry.map(|retry| retry.key)).ok_or(RestockError::InProgress)?;
        let commands: Vec<(ProductId, Command)> = lines
            .iter()
            .map(|line| {
                let retry = retry.map(|retry| step_key(retry, line.product, 0, Step::Apply));
                (line.product, adjust(line, retry))
            })
            .collect();
        let adjusted = commands.into_iter().map(|(product, command)| {
            let engine = self.engine.clone();
            async move { engine.submit(product, command).await }
        });
        Ok(futures::stream::iter(adjusted).buffered(AT_ONCE).collect().await)
    }

    async fn restock_all(
        &self,
        lines: &[Adjustment],
        retry: Option<Retry>,
    ) -> Result<Vec<Outcome>, RestockError> {
        let _at_work =
            self.restocking.begin(retry.map(|retry| retry.key)).ok_or(RestockError::InProgress)?;
        let mut order: Vec<usize> = (0..lines.len()).collect();
        order.sort_unstable_by_key(|index| (lines[*index].delta > 0, lines[*index].product));
        let row: Vec<&Adjustment> = order.iter().map(|index| &lines[*index]).collect();
        let attempt = Attempt { inner: self, row, retry, number: 0 };
        let outcomes = attempt.run().await?;
        let mut sorted: Vec<_> = order.into_iter().zip(outcomes).collect();
        sorted.sort_unstable_by_key(|(index, _)| *index);
        Ok(sorted.into_iter().map(|(_, outcome)| outcome).collect())
    }
}

/// All lines of a request, in the order they are applied and undone.
struct Attempt<'a> {
    inner: &'a Inner,
    row: Vec<&'a Adjustment>,
    retry: Option<Retry>,
    number: u32,
}

impl Attempt<'_> {
    fn key(&self, line: &Adjustment, step: Step) -> Option<Retry> {
        self.retry.map(|retry| step_key(retry, line.product, self.number, step))
    }

    /// Whether a step was done before; nothing can have been done without a key.
    async fn is_done(&self, line: &Adjustment, step: Step) -> Result<bool, RestockError> {
        let Some(key) = self.key(line, step) else { return Ok(false) };
        let look_up = Action::LookUp { order: NO_ORDER };
        let command = Command { retry: Some(key), action: look_up };
        match self.inner.engine.submit(line.product, command).await {
            Ok(_) => Ok(true),
            Err(EngineError::Refused(Refusal::UnknownReservation)) => Ok(false),
            Err(error) => Err(RestockError::Line(line.product, error)),
        }
    }

    async fn run(mut self) -> Result<Vec<Outcome>, RestockError> {
        let Some(first) = self.row.first().copied() else { return Ok(Vec::new()) };
        while self.is_done(first, Step::Undo).await? {
            let done = self.done_before().await?;
            for undone in self.undo(done).await? {
                settled(undone).await?;
            }
            self.number += 1;
            if self.number == ATTEMPTS_MAX {
                let too_often = EngineError::Overloaded("attempts under one Idempotency-Key");
                return Err(RestockError::Line(first.product, too_often));
            }
        }
        if !self.is_done(first, Step::Apply).await? {
            self.check_room().await?;
        }
        self.apply().await
    }

    /// What can be seen beforehand need not be undone: whether all are there, and have room.
    async fn check_room(&self) -> Result<(), RestockError> {
        for line in &self.row {
            let refuse = |error| RestockError::Line(line.product, error);
            let stocked =
                self.inner.engine.view(line.product).await.map_err(refuse)?.view.stock.stocked;
            if stocked.saturating_add_signed(line.delta) > STOCKED_MAX {
                return Err(refuse(Refusal::AboveMaximum { stocked }.into()));
            }
        }
        Ok(())
    }

    async fn apply(&self) -> Result<Vec<Outcome>, RestockError> {
        let mut done: Vec<(&Adjustment, Decided)> = Vec::with_capacity(self.row.len());
        let mut failed = None;
        for line in &self.row {
            let command = adjust(line, self.key(line, Step::Apply));
            match self.inner.engine.decide(line.product, command).await {
                Ok(decided) => match decided.early() {
                    Ok(_) => done.push((line, decided)),
                    Err(error) => {
                        // It may rest on what is not durable yet: then it waits for that.
                        let error = decided.durable().await.err().unwrap_or(error);
                        failed = Some((line.product, error));
                    }
                },
                Err(error) => failed = Some((line.product, error)),
            }
            if failed.is_some() {
                break;
            }
        }
        let applied: Vec<&Adjustment> = done.iter().map(|(line, _)| *line).collect();
        // Nobody knows, and nothing can be decided now: the key will tell.
        let unknown = |error| matches!(error, EngineError::OutcomeUnknown | EngineError::NotOwner);
        let mut undone = Vec::new();
        if failed.is_some_and(|(_, error)| !unknown(error)) {
            undone = self.undo(applied).await?;
        }
        let mut outcomes = Vec::with_capacity(done.len());
        for (line, decided) in done {
            outcomes.push(settled((line.product, decided)).await?);
        }
        for decided in undone {
            settled(decided).await?;
        }
        match failed {
            None => Ok(outcomes),
            Some((product, error)) => Err(RestockError::Line(product, error)),
        }
    }

    /// The lines of this attempt that an earlier run of the request has applied.
    async fn done_before(&self) -> Result<Vec<&Adjustment>, RestockError> {
        let mut done = Vec::new();
        for line in &self.row {
            if self.is_done(line, Step::Apply).await? {
                done.push(*line);
            }
        }
        Ok(done)
    }

    /// Undoes lines, the first one first: that one says that the attempt was given up.
    async fn undo(
        &self,
        lines: Vec<&Adjustment>,
    ) -> Result<Vec<(ProductId, Decided)>, RestockError> {
        let mut undone = Vec::with_capacity(lines.len());
        for line in lines {
            let back = Adjustment { delta: -line.delta, ..line.clone() };
            let mut tries = 0;
            let decided = loop {
                let command = adjust(&back, self.key(line, Step::Undo));
                let decided = self.inner.engine.decide(line.product, command).await;
                tries += 1;
                match &decided {
                    Err(EngineError::Overloaded(_)) if tries < UNDO_TRIES => {
                        tokio::time::sleep(UNDO_PAUSE).await;
                    }
                    _ => break decided,
                }
            };
            let early = decided
                .as_ref()
                .map_or_else(|error| Err(*error), |decided| decided.early().map(|_| ()));
            if let Err(error) = early {
                tracing::error!(product = %line.product, delta = line.delta, %error,
                    "an adjustment of a request that was given up could not be undone");
                return Err(RestockError::Line(line.product, EngineError::OutcomeUnknown));
            }
            if let Ok(decided) = decided {
                undone.push((line.product, decided));
            }
        }
        Ok(undone)
    }
}

async fn settled((product, decided): (ProductId, Decided)) -> Result<Outcome, RestockError> {
    decided.durable().await.map_err(|error| RestockError::Line(product, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Fingerprint;

    #[test]
    fn every_step_has_a_key_of_its_own() {
        let [one, two] =
            [1, 2].map(|byte| Retry { key: RequestKey([byte; 16]), fingerprint: Fingerprint(7) });
        let product = |id| ProductId::new(id).unwrap();
        let keys = [
            step_key(one, product(1), 0, Step::Apply),
            step_key(two, product(1), 0, Step::Apply),
            step_key(one, product(2), 0, Step::Apply),
            step_key(one, product(1), 1, Step::Apply),
            step_key(one, product(1), 0, Step::Undo),
        ];
        let different: HashSet<_> = keys.iter().map(|retry| retry.key).collect();
        assert_eq!(different.len(), keys.len());
        assert_eq!(keys[0], step_key(one, product(1), 0, Step::Apply));
    }

    #[test]
    fn a_key_is_at_work_until_its_request_ends() {
        let running = Running::default();
        let key = Some(RequestKey([1; 16]));
        let first = running.begin(key);
        assert!(first.is_some() && running.begin(key).is_none());
        assert!(running.begin(None).is_some() && running.begin(None).is_some());
        drop(first);
        assert!(running.begin(key).is_some());
    }
}
