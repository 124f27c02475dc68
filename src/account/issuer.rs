//! Issuer: registering, signing in, and staying signed in, for shops without an identity provider.
//!
//! An access token is short and cannot be taken back; a refresh token is long, random, used once, and kept
//! as a hash. It names its family, so a token that was used before is recognised and ends the whole family:
//! somebody has a copy, and nobody can tell who is the thief.

use super::accounts::{AccountError, Accounts};
use super::email::Email;
use super::passwords::PasswordError;
use super::rights::Role;
use super::store::{Account, Rotated};
use super::tokens::TokenError;
use crate::clock;
use crate::domain::{CustomerId, Timestamp};
use crate::telemetry::metrics::SignIn;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Bytes of a refresh token: whose it is, and the secret that changes.
const FAMILY_BYTES: usize = 16;
const SECRET_BYTES: usize = 32;

/// What somebody gets who is signed in.
pub struct SignedIn {
    pub account: Account,
    pub access_token: String,
    pub access_seconds: u64,
    pub refresh_token: String,
    pub refresh_expires_at: Timestamp,
}

/// A refresh token in its two parts.
struct RefreshToken {
    family: [u8; FAMILY_BYTES],
    secret: [u8; SECRET_BYTES],
}

impl RefreshToken {
    fn draw(family: [u8; FAMILY_BYTES]) -> Option<Self> {
        Some(Self { family, secret: clock::draw_secret()? })
    }

    fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (family, secret) = bytes.split_at_checked(FAMILY_BYTES)?;
        Some(Self { family: family.try_into().ok()?, secret: secret.try_into().ok()? })
    }

    fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode([self.family.as_slice(), &self.secret].concat())
    }

    // Both are random, so nobody finds them by trying: a fast hash is as good as a slow one.
    fn family_hash(&self) -> blake3::Hash {
        blake3::hash(&self.family)
    }

    fn secret_hash(&self) -> blake3::Hash {
        blake3::hash(&self.secret)
    }
}

impl Accounts {
    /// Makes an account and signs in.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn register(
        &self,
        email: &Email,
        password: String,
    ) -> Result<SignedIn, AccountError> {
        self.issues()?;
        if self.0.store.account_of(email).await?.is_some() {
            return Err(AccountError::Exists);
        }
        let password_hash = self.counted(self.0.passwords.hash(password).await)?;
        let id = clock::draw_uuid().to_string();
        let account = Account {
            id: CustomerId::new(&id).map_err(|_| AccountError::Failed)?,
            email: email.written().to_owned(),
            role: Role::Customer,
            created_at: self.0.clock.now(),
            password_hash,
        };
        // Somebody may have been faster; one of the two has the address.
        if !self.0.store.create_account(&account, email).await? {
            return Err(AccountError::Exists);
        }
        self.0.metrics.signed_in(SignIn::Registered);
        self.sign_in(account).await
    }

    /// Signs in with a password. Everything before the answer is the same for an unknown address.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn log_in(&self, email: &Email, password: String) -> Result<SignedIn, AccountError> {
        self.issues()?;
        if let Err(until) = self.0.store.attempt(email, self.0.clock.now()).await? {
            self.0.metrics.signed_in(SignIn::Throttled);
            return Err(AccountError::TooManyAttempts { until });
        }
        let account = self.0.store.account_of(email).await?;
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let is_right = self.counted(self.0.passwords.verify(password, hash).await)?;
        let Some(account) = account.filter(|_| is_right) else {
            self.0.metrics.signed_in(SignIn::Refused);
            return Err(AccountError::WrongCredentials);
        };
        self.0.store.forget_attempts(email).await?;
        let signed_in = self.sign_in(account).await?;
        self.0.metrics.signed_in(SignIn::SignedIn);
        Ok(signed_in)
    }

    /// Exchanges a refresh token for the next one and a new access token.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn refresh(&self, token: &str) -> Result<SignedIn, AccountError> {
        self.issues()?;
        let unknown = TokenError::Invalid("is no refresh token, or its sign-in has ended");
        let token = RefreshToken::parse(token).ok_or(unknown)?;
        let next = RefreshToken::draw(token.family).ok_or(AccountError::Failed)?;
        let now = self.0.clock.now();
        let expires_at = self.refresh_expires_at(now);
        let hashes = (token.secret_hash(), next.secret_hash());
        let rotated = self.0.store.rotate(token.family_hash(), hashes, (now, expires_at)).await?;
        let id = match rotated {
            Rotated::Next(id) => id,
            Rotated::Unknown => return Err(unknown.into()),
            Rotated::Expired => return Err(TokenError::Expired.into()),
            Rotated::Reused => {
                self.0.metrics.signed_in(SignIn::Reused);
                return Err(AccountError::Reused);
            }
        };
        let account = self.0.store.account(&id).await?.ok_or(unknown)?;
        self.0.metrics.signed_in(SignIn::Refreshed);
        self.signed_in(account, &next, expires_at)
    }

    /// Ends a sign-in. A token that is unknown has none, and that is as well.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn log_out(&self, token: &str) -> Result<(), AccountError> {
        self.issues()?;
        let Some(token) = RefreshToken::parse(token) else { return Ok(()) };
        Ok(self.0.store.revoke(token.family_hash(), self.0.clock.now()).await?)
    }

    /// The account of a subject; `None` where it is somebody else's.
    ///
    /// # Errors
    /// [`AccountError::Unavailable`].
    pub async fn account(&self, subject: &CustomerId) -> Result<Option<Account>, AccountError> {
        Ok(self.0.store.account(subject.as_str()).await?)
    }

    async fn sign_in(&self, account: Account) -> Result<SignedIn, AccountError> {
        let family = clock::draw_secret().ok_or(AccountError::Failed)?;
        let token = RefreshToken::draw(family).ok_or(AccountError::Failed)?;
        let expires_at = self.refresh_expires_at(self.0.clock.now());
        let hashes = (token.family_hash(), token.secret_hash());
        self.0.store.sign_in(hashes, account.id.as_str(), expires_at).await?;
        self.signed_in(account, &token, expires_at)
    }

    fn signed_in(
        &self,
        account: Account,
        token: &RefreshToken,
        refresh_expires_at: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let access_seconds = self.0.settings.access_seconds;
        let times = (self.0.clock.now(), access_seconds);
        let rules = &self.0.settings.rules;
        let access_token = rules.issue(&self.keys(), &account.id, account.role, times);
        let access_token = access_token.map_err(|error| {
            tracing::error!(%error, "an access token cannot be issued");
            AccountError::Failed
        })?;
        let refresh_token = token.text();
        Ok(SignedIn { account, access_token, access_seconds, refresh_token, refresh_expires_at })
    }

    fn refresh_expires_at(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.0.settings.refresh_days * 86_400_000)
    }

    fn issues(&self) -> Result<(), AccountError> {
        if self.0.settings.issues { Ok(()) } else { Err(AccountError::NoIssuer) }
    }

    fn counted<T>(&self, done: Result<T, PasswordError>) -> Result<T, AccountError> {
        done.map_err(|error| {
            if error == PasswordError::Busy {
                self.0.metrics.signed_in(SignIn::Busy);
            }
            error.into()
        })
    }
}
