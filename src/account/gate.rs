//! Gate: who a token or an API key is of. On the way of every request that carries one.
//!
//! What was verified once is found again by the BLAKE3 hash of its text, in a bounded cache of many small
//! locks. An entry of a token ends with the token; one of an API key after [`KEY_CACHED_MILLIS`], so that
//! a revocation on another server is seen by then. New keys and revocations empty what they must: who inserts
//! looks afterwards whether there was one meanwhile, and takes the entry out again.

use super::accounts::{AccountError, Accounts};
use super::api_keys::{self, API_KEY_PREFIX};
use super::keys::Keys;
use super::rights::{Identity, Rights};
use super::tokens::TokenError;
use crate::domain::CustomerId;
use parking_lot::RwLock;
use quick_cache::sync::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::Semaphore;

/// How long an API key is taken without asking the store again.
pub(super) const KEY_CACHED_MILLIS: u64 = 5_000;
/// API keys that are looked up at one moment: unknown ones must not take the store from everybody else.
const LOOK_UPS_MAX: usize = 64;

type TokenHash = [u8; blake3::OUT_LEN];

/// What a token or an API key proves.
#[derive(Debug)]
pub enum Checked {
    Known(Arc<Identity>),
    Refused(AccountError),
    /// Only the store can tell: see [`Accounts::look_up`].
    Unasked(PresentedKey),
}

/// An API key that was sent, its secret as a hash.
#[derive(Debug)]
pub struct PresentedKey {
    id: String,
    hash: blake3::Hash,
}

/// The keys, and what was verified by them.
pub(super) struct Gate {
    keys: RwLock<Arc<Keys>>,
    known: Cache<TokenHash, Arc<Identity>>,
    /// Grows with everything that makes known ones unknown.
    changes: AtomicU64,
    look_ups: Semaphore,
}

impl Gate {
    pub(super) fn new(keys: Keys, cached_max: usize) -> Self {
        Self {
            keys: RwLock::new(Arc::new(keys)),
            known: Cache::new(cached_max),
            changes: AtomicU64::new(0),
            look_ups: Semaphore::new(LOOK_UPS_MAX),
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
    fn remember(&self, hash: TokenHash, identity: &Arc<Identity>, changes: u64) {
        self.known.insert(hash, Arc::clone(identity));
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
        if let Some(identity) = gate.known.get(hash.as_bytes()) {
            if now < identity.valid_until {
                return Checked::Known(identity);
            }
            if identity.is_person() {
                return Checked::Refused(TokenError::Expired.into());
            }
        }
        if presented.starts_with(API_KEY_PREFIX) {
            return match api_keys::id_of(presented) {
                Some(id) => Checked::Unasked(PresentedKey { id: id.to_owned(), hash }),
                None => Checked::Refused(self.refused(TokenError::Invalid("is no API key"))),
            };
        }
        let changes = gate.changes();
        match self.0.settings.rules.verify(&gate.keys(), presented, now) {
            Ok(identity) => {
                self.0.metrics.verified();
                let identity = Arc::new(identity);
                gate.remember(*hash.as_bytes(), &identity, changes);
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
        let PresentedKey { id, hash } = presented;
        let gate = &self.0.gate;
        let _permit = gate.look_ups.try_acquire().map_err(|_| AccountError::Busy)?;
        let changes = gate.changes();
        let unknown = || self.refused(TokenError::Invalid("is an API key that is not known here"));
        let key = self.0.store.key(&id).await?.ok_or_else(unknown)?;
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
        let look_again = now.plus_millis(KEY_CACHED_MILLIS);
        let valid_until = key.expires_at.map_or(look_again, |end| end.min(look_again));
        let subject = CustomerId::new(&format!("key:{id}")).map_err(|_| AccountError::Failed)?;
        self.0.metrics.verified();
        let rights = Rights::Machine(key.scopes);
        let identity = Arc::new(Identity { subject, rights, valid_until });
        gate.remember(*hash.as_bytes(), &identity, changes);
        Ok(identity)
    }

    fn refused(&self, error: TokenError) -> AccountError {
        self.0.metrics.token_refused();
        error.into()
    }
}
