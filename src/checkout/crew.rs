//! A crew: a bounded number of tasks, one for each id, so that nothing slow holds up what comes behind it.
//!
//! Who owns it: one loop, which hands it what is due and looks for more after a while. What must never
//! happen: two tasks for one id; a panic that nobody notices (it goes on in the loop).

use futures::future::BoxFuture;
use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::Duration;
use tokio::task::JoinSet;

/// At most so many at work.
pub(super) struct Crew<Id> {
    most: usize,
    busy: HashSet<Id>,
    tasks: JoinSet<Id>,
}

impl<Id: Copy + Eq + Hash + Send + 'static> Crew<Id> {
    pub(super) fn of(most: usize) -> Self {
        Self { most, busy: HashSet::new(), tasks: JoinSet::new() }
    }

    /// Whether somebody is at it.
    pub(super) fn is_at(&self, id: &Id) -> bool {
        self.busy.contains(id)
    }

    /// Begins what is due, in its order, as soon as there is room, for as long as the pause lasts. What was
    /// not begun by then is dropped: it is still due.
    pub(super) async fn work<Item>(
        &mut self,
        mut due: VecDeque<Item>,
        pause: Duration,
        mut begin: impl FnMut(Item) -> (Id, BoxFuture<'static, ()>),
    ) {
        let end = tokio::time::sleep(pause);
        tokio::pin!(end);
        loop {
            while self.busy.len() < self.most
                && let Some(item) = due.pop_front()
            {
                let (id, work) = begin(item);
                if self.busy.insert(id) {
                    self.tasks.spawn(async move {
                        work.await;
                        id
                    });
                }
            }
            tokio::select! {
                () = &mut end => return,
                Some(done) = self.tasks.join_next() => match done {
                    Ok(id) => drop(self.busy.remove(&id)),
                    Err(error) if error.is_panic() => {
                        std::panic::resume_unwind(error.into_panic())
                    }
                    // The runtime is going away, and this process with it.
                    Err(_) => {}
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::time::Duration;

    const PAUSE: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn who_hangs_holds_up_nobody_and_is_not_doubled() {
        let done = Arc::new(AtomicUsize::new(0));
        let mut crew = Crew::of(2);
        for _ in 0..2 {
            let due = (0..20).collect();
            crew.work(due, PAUSE, |id: u32| {
                let done = done.clone();
                let work = async move {
                    if id == 0 {
                        std::future::pending::<()>().await;
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                };
                (id, Box::pin(work))
            })
            .await;
        }
        assert!(crew.is_at(&0) && !crew.is_at(&1));
        assert_eq!(done.load(Ordering::Relaxed), 2 * 19);
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_than_the_crew_are_at_work() {
        let begun = Arc::new(AtomicUsize::new(0));
        let mut crew = Crew::of(3);
        let due = (0..20).collect();
        crew.work(due, PAUSE, |id: u32| {
            begun.fetch_add(1, Ordering::Relaxed);
            (id, Box::pin(std::future::pending()))
        })
        .await;
        assert_eq!(begun.load(Ordering::Relaxed), 3);
    }

    #[tokio::test(start_paused = true)]
    #[should_panic(expected = "a bug")]
    async fn a_panic_is_noticed() {
        let due = VecDeque::from([1_u32]);
        Crew::of(1).work(due, PAUSE, |id| (id, Box::pin(async { panic!("a bug") }))).await;
    }
}
