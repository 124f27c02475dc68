//! Gate: who a token or an API key is of. On the way of every request that carries one.
//!
//! What was verified once is found again by the BLAKE3 hash of its text, in a bounded cache of many small
//! locks. An entry of a token ends with the token. One of an API key is looked at again ([`Looks`]), so that a
//! revocation on another server is seen within five seconds; but a store that is slow or away must not keep a
//! machine from buying, so a key that was known goes on for [`KEY_KNOWN_MILLIS`]. New keys and revocations empty what they must: who inserts
//! looks afterwards whether there was one meanwhile, and takes the entry out again.

use super::accounts::{AccountError, Accounts};
use super::api_keys::{self, API_KEY_PREFIX};
use super::keys::Keys;
use super::rights::{Identity, Rights};
use super::store::ApiKey;
use super::tokens::TokenError;
use crate::domain::{CustomerId, Timestamp};
use parking_lot::RwLock;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// After how long one request looks at an API key again, while the others use what is known.
const KEY_FRESH_MILLIS: u64 = 4_000;
/// How long an API key is taken without asking the store again.
const KEY_CACHED_MILLIS: u64 = 5_000;
/// How long it is taken when the store does not answer.
const KEY_KNOWN_MILLIS: u64 = 600_000;
/// How long the store may take to tell of a key that is known, and when it is asked again after that.
const LOOK_PATIENCE: Duration = Duration::from_secs(1);
const LOOK_AGAIN_MILLIS: u64 = 1_000;
/// API keys that are looked up at one moment: unknown ones must not take the store from everybody else,
/// nor from those that are known.
const LOOK_UPS_MAX: usize = 64;
const LOOKS_AGAIN_MAX: usize = 16;

type TokenHash = [u8; blake3::OUT_LEN];

/// What a token or an API key proves.
#[derive(Debug)]
pub enum Checked {
    Known(Arc<Identity>),
    Refused(AccountError),
    /// Only the store can tell, or should be asked again: see [`Accounts::look_up`].
    Unasked(PresentedKey),
}

/// An API key that was sent, its secret as a hash.
#[derive(Debug)]
pub struct PresentedKey {
    id: String,
    hash: blake3::Hash,
    /// What was known of it; the store has to be asked whether it still holds.
    known: Option<Remembered>,
}

/// What was verified.
#[derive(Debug, Clone)]
struct Remembered {
    identity: Arc<Identity>,
    /// Of an API key.
    looks: Option<Arc<Looks>>,
}

/// When the store is asked about an API key again, in milliseconds since 1970.
#[derive(Debug)]
struct Looks {
    /// From then on by one request.
    due_at: AtomicU64,
    /// From then on by every request.
    overdue_at: AtomicU64,
}

impl Looks {
    /// The store has answered.
    fn after(now: Timestamp) -> Arc<Self> {
        let at = |millis| AtomicU64::new(now.plus_millis(millis).as_millis());
        Arc::new(Self { due_at: at(KEY_FRESH_MILLIS), overdue_at: at(KEY_CACHED_MILLIS) })
    }

    /// Whether whoever asks this has to ask the store. Of many at one moment one has to; when it goes away
    /// without an answer, the next one has to soon.
    fn fall_to_us(&self, now: Timestamp) -> bool {
        let now_millis = now.as_millis();
        if now_millis >= self.overdue_at.load(Ordering::Relaxed) {
            return true;
        }
        let due_at = self.due_at.load(Ordering::Relaxed);
        let next = now.plus_millis(LOOK_AGAIN_MILLIS).as_millis();
        now_millis >= due_at
            && self
                .due_at
                .compare_exchange(due_at, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The store has not answered: nobody has to wait for it for a while, and one tries again soon.
    fn put_off(&self, now: Timestamp) {
        let at = |millis| now.plus_millis(millis).as_millis();
        self.due_at.store(at(LOOK_AGAIN_MILLIS), Ordering::Relaxed);
        self.overdue_at.store(at(KEY_CACHED_MILLIS), Ordering::Relaxed);
    }
}

/// The keys, and what was verified by them.
pub(super) struct Gate {
    keys: RwLock<Arc<Keys>>,
    known: Cache<TokenHash, Remembered>,
    /// Grows with everything that makes known ones unknown.
    changes: AtomicU64,
    look_ups: Semaphore,
    looks_again: Semaphore,
}

impl Gate {
    pub(super) fn new(keys: Keys, cached_max: usize) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            known: Cache::new(cached_max),
            changes: AtomicU64::new(0),
            look_ups: Semaphore::new(LOOK_UPS_MAX),
            looks_again: Semaphore::new(LOOKS_AGAIN_MAX),
        }
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        Arc::clone(&self.keys.read())
    }

    /// Uses other keys from now on, if they are others.
    pub(super) fn take_keys(&self, keys: Keys) {
        if self.keys.read().digest == keys.digest {
            return;
        }
        tracing::info!(?keys, "the key files have changed: these verify tokens now");
        *self.keys.write() = Arc::new(keys);
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.clear();
    }

    /// Forgets an API key at once.
    pub(super) fn forget(&self, hash: blake3::Hash) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.known.remove(hash.as_bytes());
    }

    fn changes(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Remembers what was found out while there were `changes`.
    fn remember(&self, hash: TokenHash, remembered: Remembered, changes: u64) {
        self.known.insert(hash, remembered);
        if self.changes() != changes {
            self.known.remove(&hash);
        }
    }
}

impl Accounts {
    /// Who a token or an API key is of, as far as that can be told at once.
    #[must_use]
    pub fn check(&self, presented: &str) -> Checked {
        let gate = &self.0.gate;
        let now = self.0.clock.now();
        let hash = blake3::hash(presented.as_bytes());
        let mut known = None;
        if let Some(remembered) = gate.known.get(hash.as_bytes()) {
            if now < remembered.identity.valid_until {
                match &remembered.looks {
                    Some(looks) if looks.fall_to_us(now) => known = Some(remembered),
                    _ => return Checked::Known(remembered.identity),
                }
            } else if remembered.identity.is_person() {
                return Checked::Refused(TokenError::Expired.into());
            }
        }
        if presented.starts_with(API_KEY_PREFIX) {
            return match api_keys::id_of(presented) {
                Some(id) => Checked::Unasked(PresentedKey { id: id.to_owned(), hash, known }),
                None => Checked::Refused(self.refused(TokenError::Invalid("is no API key"))),
            };
        }
        let changes = gate.changes();
        match self.0.settings.rules.verify(&gate.keys(), presented, now) {
            Ok(identity) => {
                self.0.metrics.verified();
                let identity = Arc::new(identity);
                let remembered = Remembered { identity: Arc::clone(&identity), looks: None };
                gate.remember(*hash.as_bytes(), remembered, changes);
                Checked::Known(identity)
            }
            Err(error) => Checked::Refused(self.refused(error)),
        }
    }

    /// Who an API key is of.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn look_up(&self, presented: PresentedKey) -> Result<Arc<Identity>, AccountError> {
        let PresentedKey { id, hash, known } = presented;
        let gate = &self.0.gate;
        let changes = gate.changes();
        let key = match &known {
            None => {
                let _permit = gate.look_ups.try_acquire().map_err(|_| AccountError::Busy)?;
                self.0.store.key(&id).await?
            }
            Some(known) => {
                let Some(key) = self.look_again(&id).await else {
                    if let Some(looks) = &known.looks {
                        looks.put_off(self.0.clock.now());
                    }
                    return Ok(Arc::clone(&known.identity));
                };
                key
            }
        };
        let identity = self.machine(key, hash).inspect_err(|_| {
            if known.is_some() {
                gate.forget(hash);
            }
        })?;
        self.0.metrics.verified();
        let looks = Some(Looks::after(self.0.clock.now()));
        let remembered = Remembered { identity: Arc::clone(&identity), looks };
        gate.remember(*hash.as_bytes(), remembered, changes);
        Ok(identity)
    }

    /// What the store says of an API key that is known; `None` when it does not say it soon.
    async fn look_again(&self, id: &str) -> Option<Option<ApiKey>> {
        let _permit = self.0.gate.looks_again.try_acquire().ok()?;
        let asked = tokio::time::timeout(LOOK_PATIENCE, self.0.store.key(id)).await;
        asked.ok()?.ok()
    }

    /// Who a stored API key is, if the one with this hash is good.
    fn machine(
        &self,
        key: Option<ApiKey>,
        hash: blake3::Hash,
    ) -> Result<Arc<Identity>, AccountError> {
        let unknown = || self.refused(TokenError::Invalid("is an API key that is not known here"));
        let key = key.ok_or_else(unknown)?;
        // Hashes compare in constant time.
        if key.hash != hash {
            return Err(unknown());
        }
        if key.revoked_at.is_some() {
            return Err(self.refused(TokenError::Invalid("is an API key that was revoked")));
        }
        let now = self.0.clock.now();
        if key.expires_at.is_some_and(|expires_at| expires_at <= now) {
            return Err(self.refused(TokenError::Expired));
        }
        let until = now.plus_millis(KEY_KNOWN_MILLIS);
        let valid_until = key.expires_at.map_or(until, |end| end.min(until));
        let subject =
            CustomerId::new(&format!("key:{}", key.id)).map_err(|_| AccountError::Failed)?;
        Ok(Arc::new(Identity { subject, rights: Rights::Machine(key.scopes), valid_until }))
    }

    fn refused(&self, error: TokenError) -> AccountError {
        self.0.metrics.token_refused();
        error.into()
    }
}
