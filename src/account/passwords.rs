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
use tokio::sync::oneshot;

/// How long a password may be, in characters. Longer than this is no password, but work for us.
pub const PASSWORD_CHARS: RangeInclusive<usize> = 10..=128;

/// Passwords that wait for each thread: about two seconds of work.
const WAITING_PER_THREAD: usize = 32;
/// Below everything that serves a sale.
const NICE: i32 = 10;

/// Why a password was not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum PasswordError {
    #[error("more passwords wait to be checked than are let in")]
    Busy,
    #[error("the password cannot be hashed: the log says more")]
    Failed,
}

enum Work {
    Hash(String, oneshot::Sender<Result<String, PasswordError>>),
    Verify(String, String, oneshot::Sender<bool>),
}

/// A handle on the threads that hash.
#[derive(Clone)]
pub(super) struct Passwords {
    work: SyncSender<Work>,
    /// The hash of a password that nobody has: what an unknown account is compared with.
    nobodys: Arc<str>,
}

impl Passwords {
    /// Starts the threads. They end with the last handle.
    pub(super) fn start(threads: usize) -> std::io::Result<Self> {
        let (work, waiting) = sync_channel(threads * WAITING_PER_THREAD);
        let waiting = Arc::new(Mutex::new(waiting));
        for _ in 0..threads {
            let waiting = Arc::clone(&waiting);
            std::thread::Builder::new().name("passwords".into()).spawn(move || run(&waiting))?;
        }
        let nobodys = hash(&clock::draw_uuid().to_string())
            .map_err(|error| std::io::Error::other(error.to_string()))?;
        Ok(Self { work, nobodys: nobodys.into() })
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, PasswordError> {
        let (answer, hashed) = oneshot::channel();
        self.work.try_send(Work::Hash(password, answer)).map_err(|_| PasswordError::Busy)?;
        hashed.await.unwrap_or(Err(PasswordError::Failed))
    }

    /// Whether it is the password of this hash. Without one it takes as long and is `false`.
    pub(super) async fn verify(
        &self,
        password: String,
        hash: Option<String>,
    ) -> Result<bool, PasswordError> {
        let (answer, verified) = oneshot::channel();
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys.to_string());
        self.work
            .try_send(Work::Verify(password, hash, answer))
            .map_err(|_| PasswordError::Busy)?;
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
            Ok(Work::Hash(_, answer)) if answer.is_closed() => {}
            Ok(Work::Verify(_, _, answer)) if answer.is_closed() => {}
            Ok(Work::Hash(password, answer)) => {
                let _ = answer.send(hash(&password));
            }
            Ok(Work::Verify(password, hash, answer)) => {
                let _ = answer.send(is_same(&password, &hash));
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
        let stored = passwords.hash("correct horse".into()).await.expect("hashed");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        let other = passwords.hash("correct horse".into()).await.expect("hashed");
        assert_ne!(stored, other, "each has a salt of its own");
        let verify = async |password: &str, hash: Option<String>| {
            passwords.verify(password.to_owned(), hash).await
        };
        assert_eq!(verify("correct horse", Some(stored.clone())).await, Ok(true));
        assert_eq!(verify("correct horse ", Some(stored)).await, Ok(false));
        assert_eq!(verify("correct horse", None).await, Ok(false));
        assert_eq!(verify("correct horse", Some("damaged".into())).await, Ok(false));
    }

    #[tokio::test]
    async fn more_than_the_queue_takes_is_refused() {
        let passwords = Passwords::start(1).expect("a thread");
        let most = 2 * WAITING_PER_THREAD;
        let asked = (0..most).map(|_| passwords.hash("correct horse".into()));
        let answers = futures::future::join_all(asked).await;
        let refused = answers.iter().filter(|answer| **answer == Err(PasswordError::Busy)).count();
        // One may be under way while the queue is filled.
        assert!(refused > 0 && refused <= most - WAITING_PER_THREAD, "{refused}");
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), most - refused);
    }
}
