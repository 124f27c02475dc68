//! Passwords: hashed with Argon2id (19 MiB, two passes: what OWASP asks for at least), by a few threads of
//! their own. Hashing is slow on purpose, so the threads have a low priority and a bounded queue: a flood of
//! sign-ins is refused, and sales go on.

use crate::clock;
use crate::threads;
use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use parking_lot::Mutex;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// How long a password may be, in characters. Longer than this is no password, but work for us.
pub const PASSWORD_CHARS: RangeInclusive<usize> = 10..=128;

/// Passwords that wait for each thread: about two seconds of work.
const WAITING_PER_THREAD: usize = 32;
/// Below everything that serves a sale.
const NICE: i32 = 10;

/// A place in the queue. Whoever has one is served, so it is taken before anything is noted about a try.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

/// Why a password was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PasswordError {
    #[error("more passwords wait to be checked than are let in")]
    Busy,
    #[error("the password cannot be hashed: the log says more")]
    Failed,
}

enum Work {
    Hash(Place, String, oneshot::Sender<Result<String, PasswordError>>),
    Verify(Place, String, String, oneshot::Sender<bool>),
}

/// A handle on the threads that hash.
#[derive(Clone)]
pub(super) struct Passwords {
    work: SyncSender<Work>,
    places: Arc<Semaphore>,
    /// The hash of a password that nobody has: what an unknown account is compared with.
    nobodys: Arc<str>,
}

impl Passwords {
    /// Starts the threads. They end with the last handle.
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        // Those that wait, and one under way on each thread.
        let places = threads * (WAITING_PER_THREAD + 1);
        let (work, waiting) = sync_channel(places);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new().name("passwords".into()).spawn(move || run(&waiting))?;
        }
        let nobodys = hash(&clock::draw_uuid().to_string())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        let places = Arc::new(Semaphore::new(places));
        Ok(Self { work, places, nobodys: nobodys.into() })
    }

    /// Takes a place in the queue.
    pub(super) fn place(&self) -> Result<Place, PasswordError> {
        let permit = Arc::clone(&self.places).try_acquire_owned();
        permit.map(|permit| Place { _permit: permit }).map_err(|_| PasswordError::Busy)
    }

    pub(super) async fn hash(
        &self,
        place: Place,
        password: String,
    ) -> Result<String, PasswordError> {
        let (answer, hashed) = oneshot::channel();
        let work = Work::Hash(place, password, answer);
        self.work.try_send(work).map_err(|_| PasswordError::Busy)?;
        hashed.await.unwrap_or(Err(PasswordError::Failed))
    }

    /// Whether it is the password of this hash. Without one it takes as long and is `false`.
    pub(super) async fn verify(
        &self,
        place: Place,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let (answer, verified) = oneshot::channel();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys.to_string());
        let work = Work::Verify(place, password, hash, answer);
        self.work.try_send(work).map_err(|_| PasswordError::Busy)?;
        let same = verified.await.map_err(|_| PasswordError::Failed)?;
        Ok(known && same)
    }
}

fn run(waiting: &Mutex<Receiver<Work>>) {
    threads::lower_priority(NICE);
    loop {
        // One thread waits for work, the others for its place.
        let next = waiting.lock().recv();
        match next {
            // Whoever went away while waiting is not worked for.
            Ok(Work::Hash(_, _, answer)) if answer.is_closed() => {}
            Ok(Work::Verify(_, _, _, answer)) if answer.is_closed() => {}
            Ok(Work::Hash(place, password, answer)) => {
                let hashed = hash(&password);
                drop(place);
                let _ = answer.send(hashed);
            }
            Ok(Work::Verify(place, password, hash, answer)) => {
                let same = is_same(&password, &hash);
                drop(place);
                let _ = answer.send(same);
            }
            Err(_) => return,
        }
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let salt: [u8; 16] = clock::draw_secret().ok_or(PasswordError::Failed)?;
    let hashed: Result<PasswordHash, _> =
        Argon2::default().hash_password_with_salt(password.as_bytes(), &salt);
    hashed.map(|hash| hash.to_string()).map_err(|error| {
        tracing::error!(%error, "a password cannot be hashed");
        PasswordError::Failed
    })
}

/// The parameters are those of the stored hash: accounts of before stay good when they change.
fn is_same(password: &str, hash: &str) -> bool {
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_the_same() {
        let passwords = Passwords::start(1).expect("a thread");
        let hash = async || passwords.hash(passwords.place()?, "correct horse".into()).await;
        let stored = hash().await.expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let other = hash().await.expect("hashed");
        assert_ne!(stored, other, "each has a salt of its own");
        let verify = async |password: &str, hash: Option<String>| {
            passwords.verify(passwords.place()?, password.to_owned(), hash).await
        };
        assert_eq!(verify("correct horse", Some(stored.clone())).await, Ok(true));
        assert_eq!(verify("correct horse ", Some(stored)).await, Ok(false));
        assert_eq!(verify("correct horse", None).await, Ok(false));
        assert_eq!(verify("correct horse", Some("damaged".into())).await, Ok(false));
    }

    #[tokio::test]
    async fn more_than_the_queue_takes_is_refused() {
        let passwords = Passwords::start(1).expect("a thread");
        let most = WAITING_PER_THREAD + 1;
        let mut places: Vec<_> = (0..most).map_while(|_| passwords.place().ok()).collect();
        assert_eq!(places.len(), most);
        assert_eq!(passwords.place().err(), Some(PasswordError::Busy));
        // Whoever has a place is served, however many want one meanwhile.
        let place = places.pop().expect("a place");
        passwords.hash(place, "correct horse".into()).await.expect("hashed");
        assert!(passwords.place().is_ok(), "a place is free again when its work is done");
    }
}
