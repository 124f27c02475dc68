//! The handle on accounts: what everybody else calls.

use super::email::Email;
use super::gate::Gate;
use super::keys::{KeyError, KeyFiles, Keys};
use super::passwords::{PasswordError, Passwords};
use super::rights::Role;
use super::store::{Account, Location, OpenError, Store, StoreError};
use super::tokens::{TokenError, TokenRules};
use crate::clock::Clock;
use crate::domain::{CustomerId, Timestamp};
use crate::telemetry::metrics::AccountMetrics;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// How often key files and the store are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Every how many looks the sweep goes through the tables.
const SWEEP_AT: u32 = 60;
/// Steps of one sweep, and the pause between them.
const SWEEPS_IN_A_ROW: u32 = 100;
const SWEEP_PAUSE: Duration = Duration::from_millis(20);
pub(super) const DAY_MILLIS: u64 = 86_400_000;

/// What accounts are run with.
#[derive(Clone)]
pub struct Settings {
    pub keys: KeyFiles,
    pub rules: TokenRules,
    pub location: Location,
    /// Whether people register and sign in here.
    pub issues: bool,
    pub access_seconds: u64,
    pub refresh_days: u64,
    pub cached_tokens_max: usize,
    pub password_threads: usize,
}

/// Why somebody does not get what they want.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The same for an unknown address and a wrong password.
    #[error("address or password is wrong")]
    WrongCredentials,
    #[error("this address has an account: sign in")]
    Exists,
    /// Wrong too often; nothing is looked at before then.
    #[error("the password was wrong too often: wait before the next try")]
    TooManyAttempts { until: Timestamp },
    /// A copy of the token is about, so the whole sign-in is ended.
    #[error("the refresh token was used before, so this sign-in is ended: sign in again")]
    Reused,
    #[error("more requests to sign in wait than are let in")]
    Busy,
    #[error("{0}")]
    Unavailable(String),
    #[error("this is for customers with a password here, and there is no account behind the token")]
    NoAccount,
    /// Tokens are not issued here.
    #[error("nobody signs in here: auth.issuer_enabled is false")]
    NoIssuer,
    /// The system gives no random bytes, or signing fails.
    #[error("the server failed; the log says more")]
    Failed,
}

impl From<StoreError> for AccountError {
    fn from(error: StoreError) -> Self {
        // The store has told the log, once.
        tracing::debug!(%error, "a question about accounts has no answer");
        Self::Unavailable("accounts cannot be asked at the moment".to_owned())
    }
}

impl From<PasswordError> for AccountError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Busy,
            PasswordError::Failed => Self::Failed,
        }
    }
}

/// A cheap handle.
#[derive(Clone)]
pub struct Accounts(pub(super) Arc<Shared>);

pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) gate: Gate,
    pub(super) store: Store,
    pub(super) passwords: Passwords,
    pub(super) clock: Clock,
    pub(super) metrics: AccountMetrics,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Accounts")
    }
}

impl Accounts {
    /// Reads the keys and opens the store. A Postgres that is away is no reason not to start.
    ///
    /// # Errors
    /// What waiting cannot mend, in one sentence.
    pub async fn open(
        settings: Settings,
        clock: Clock,
        metrics: AccountMetrics,
    ) -> Result<Self, OpenError> {
        let keys = settings.keys.make_and_load().map_err(|error| OpenError(error.to_string()))?;
        let passwords = Passwords::start(settings.password_threads).map_err(|error| {
            OpenError(format!("no thread can be started for passwords: {error}"))
        })?;
        let store = Store::open(&settings.location).await?;
        let gate = Gate::new(keys, settings.cached_tokens_max);
        let shared = Shared { settings, gate, store, passwords, clock, metrics };
        Ok(Self(Arc::new(shared)))
    }

    /// The public keys that tokens are verified with, as a JWKS document.
    #[must_use]
    pub fn public_keys(&self) -> String {
        self.0.gate.keys().public.clone()
    }

    /// Follows the key files, watches the store and removes what ran out, for ever; run it as a task.
    pub async fn upkeep(self) {
        let mut ticks = tokio::time::interval(LOOK_EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut broken: Option<KeyError> = None;
        for tick in (1..=SWEEP_AT).cycle() {
            ticks.tick().await;
            let files = self.0.settings.keys.clone();
            match tokio::task::spawn_blocking(move || files.load()).await {
                Ok(Ok(keys)) => {
                    broken = None;
                    self.0.gate.take_keys(keys);
                }
                Ok(Err(error)) => {
                    // Said once, not with every look.
                    if broken.as_ref() != Some(&error) {
                        tracing::warn!(%error, "the keys of before stay in use");
                    }
                    broken = Some(error);
                }
                Err(_) => {}
            }
            self.0.store.look().await;
            if tick == SWEEP_AT {
                self.sweep().await;
            }
        }
    }

    async fn sweep(&self) {
        for _ in 0..SWEEPS_IN_A_ROW {
            let now = self.0.clock.now();
            let day_ago = Timestamp::from_millis(now.as_millis().saturating_sub(DAY_MILLIS));
            match self.0.store.sweep(now, day_ago).await {
                Ok(true) => tokio::time::sleep(SWEEP_PAUSE).await,
                Ok(false) => return,
                Err(error) => {
                    tracing::debug!(%error, "sign-ins that ran out could not be removed yet");
                    return;
                }
            }
        }
    }

    /// Why the store cannot be asked at the moment; `None` while it can.
    #[must_use]
    pub fn away(&self) -> Option<String> {
        self.0.store.away()
    }

    /// Ends the connections.
    pub async fn close(&self) {
        self.0.store.close().await;
    }

    pub(super) fn keys(&self) -> Arc<Keys> {
        self.0.gate.keys()
    }
}

/// What is to become of an account.
#[derive(Debug, Clone, Copy)]
pub struct AccountChange {
    pub role: Option<Role>,
    /// Ends every sign-in.
    pub sign_out: bool,
}

/// An account after a change.
pub struct ChangedAccount {
    pub account: Account,
    pub role_before: Role,
    /// How many sign-ins were ended.
    pub signed_out: u64,
}

/// Changes an account without a server, for whoever may write to its store. A server beside it sees the
/// change when the account refreshes its token.
///
/// # Errors
/// When there is no such account, or its store cannot be asked; in one sentence.
pub async fn change_offline(
    location: &Location,
    email: &Email,
    change: AccountChange,
    now: Timestamp,
) -> Result<ChangedAccount, OpenError> {
    if let Location::Sqlite(path) = location
        && !path.exists()
    {
        return Err(OpenError(format!(
            "there is no file of accounts {}: give --data-dir and settings as the server has them",
            path.display()
        )));
    }
    let store = Store::open(location).await?;
    let changed = change_in(&store, email, change, now).await;
    store.close().await;
    changed.map_err(|error| OpenError(error.to_string()))?.ok_or_else(|| {
        OpenError(format!("there is no account with the address {}", email.written()))
    })
}

async fn change_in(
    store: &Store,
    email: &Email,
    AccountChange { role, sign_out }: AccountChange,
    now: Timestamp,
) -> Result<Option<ChangedAccount>, StoreError> {
    let Some(mut account) = store.account_of(email).await? else { return Ok(None) };
    let role_before = account.role;
    if let Some(role) = role {
        store.set_role(&account.id, role).await?;
        account.role = role;
    }
    let signed_out = if sign_out { store.revoke_all(&account.id, now).await? } else { 0 };
    Ok(Some(ChangedAccount { account, role_before, signed_out }))
}

/// Signs a token without a server, for whoever may read the key.
///
/// # Errors
/// When there is no key that signs, in one sentence that says what to do.
pub fn sign_offline(
    files: &KeyFiles,
    rules: &TokenRules,
    (subject, role): (&CustomerId, Role),
    (now, seconds): (Timestamp, u64),
) -> Result<String, OpenError> {
    let keys = files.load_to_sign().map_err(|error| OpenError(error.to_string()))?;
    if keys.signing.is_none() {
        return Err(OpenError(
            "there is no key to sign with: give auth.signing_key_file, or ask whoever issues the \
             tokens of auth.issuer for one"
                .to_owned(),
        ));
    }
    rules.issue(&keys, subject, role, (now, seconds)).map_err(|error| OpenError(error.to_string()))
}
