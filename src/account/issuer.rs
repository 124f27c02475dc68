//! Issuer: registering, signing in, and staying signed in, for shops without an identity provider.
//!
//! An access token is short and cannot be taken back; a refresh token is long, random, used once, and kept
//! as a hash. It names its family, so a token that was used before is recognised and ends the whole family:
//! somebody has a copy, and nobody can tell who is the thief.

use super::accounts::{AccountError, Accounts, DAY_MILLIS};
use super::email::Email;
use super::passwords::{PasswordError, Place};
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
        let place = self.counted(self.0.passwords.place())?;
        let password_hash = self.0.passwords.hash(place, password).await?;
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

    /// Signs in with a password. Everything before the answer is the same for an unknown address. A try is
    /// noted when nothing can come between it and the password any more: a server that is busy, or a store
    /// that is away, is no wrong password.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn log_in(&self, email: &Email, password: String) -> Result<SignedIn, AccountError> {
        self.issues()?;
        let place = self.counted(self.0.passwords.place())?;
        let account = self.0.store.account_of(email).await?;
        let account = self.prove(email, account, (place, password)).await?;
        let signed_in = self.sign_in(account).await?;
        self.0.metrics.signed_in(SignIn::SignedIn);
        Ok(signed_in)
    }

    /// Lets an account through whose password this is; slows down whoever guesses.
    async fn prove(
        &self,
        email: &Email,
        account: Option<Account>,
        (place, password): (Place, String),
    ) -> Result<Account, AccountError> {
        if let Err(until) = self.0.store.attempt(email, self.0.clock.now()).await? {
            self.0.metrics.signed_in(SignIn::Throttled);
            return Err(AccountError::TooManyAttempts { until });
        }
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let is_right = self.0.passwords.verify(place, password, hash).await?;
        let Some(account) = account.filter(|_| is_right) else {
            self.0.metrics.signed_in(SignIn::Refused);
            return Err(AccountError::WrongCredentials);
        };
        self.0.store.forget_attempts(email).await?;
        Ok(account)
    }

    /// Exchanges a refresh token for the next one and a new access token. The exchange is the last step: a
    /// failure before it leaves the token as it was, so it may be sent again.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn refresh(&self, token: &str) -> Result<SignedIn, AccountError> {
        self.issues()?;
        let unknown = TokenError::Invalid("is no refresh token, or its sign-in has ended");
        let token = RefreshToken::parse(token).ok_or(unknown)?;
        let next = RefreshToken::draw(token.family).ok_or(AccountError::Failed)?;
        let account = self.0.store.account_of_family(token.family_hash()).await?.ok_or(unknown)?;
        let now = self.0.clock.now();
        let signed_in = self.signed_in(account, &next, now)?;
        let expires_at = signed_in.refresh_expires_at;
        let hashes = (token.secret_hash(), next.secret_hash());
        let rotated = self.0.store.rotate(token.family_hash(), hashes, (now, expires_at)).await?;
        match rotated {
            Rotated::Next => {
                self.0.metrics.signed_in(SignIn::Refreshed);
                Ok(signed_in)
            }
            Rotated::Unknown => Err(unknown.into()),
            Rotated::Expired => Err(TokenError::Expired.into()),
            Rotated::Reused => {
                self.0.metrics.signed_in(SignIn::Reused);
                Err(AccountError::Reused)
            }
        }
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

    /// Gives an account another password and ends all its sign-ins: whoever else is signed in may be why.
    ///
    /// # Errors
    /// [`AccountError`].
    pub async fn change_password(
        &self,
        subject: &CustomerId,
        current: String,
        new: String,
    ) -> Result<(), AccountError> {
        self.issues()?;
        // Both places first: who has proven the old password is not sent away with the new one.
        let place = self.counted(self.0.passwords.place())?;
        let next_place = self.counted(self.0.passwords.place())?;
        let account = self.account(subject).await?.ok_or(AccountError::NoAccount)?;
        let email = Email::parse(&account.email).ok_or(AccountError::Failed)?;
        let account = self.prove(&email, Some(account), (place, current)).await?;
        let password_hash = self.0.passwords.hash(next_place, new).await?;
        let now = self.0.clock.now();
        if self.0.store.set_password(&account, &password_hash, now).await? {
            self.0.metrics.signed_in(SignIn::PasswordChanged);
            return Ok(());
        }
        Err(AccountError::WrongCredentials)
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
        let signed_in = self.signed_in(account, &token, self.0.clock.now())?;
        let hashes = (token.family_hash(), token.secret_hash());
        let (account, expires_at) = (&signed_in.account, signed_in.refresh_expires_at);
        if self.0.store.sign_in(hashes, account, expires_at).await? {
            return Ok(signed_in);
        }
        // Its password was changed while this one was looked at.
        Err(AccountError::WrongCredentials)
    }

    fn signed_in(
        &self,
        account: Account,
        token: &RefreshToken,
        now: Timestamp,
    ) -> Result<SignedIn, AccountError> {
        let access_seconds = self.0.settings.access_seconds;
        let times = (now, access_seconds);
        let rules = &self.0.settings.rules;
        let access_token = rules.issue(&self.keys(), &account.id, account.role, times);
        let access_token = access_token.map_err(|error| {
            tracing::error!(%error, "an access token cannot be issued");
            AccountError::Failed
        })?;
        let refresh_token = token.text();
        let refresh_expires_at = now.plus_millis(self.0.settings.refresh_days * DAY_MILLIS);
        Ok(SignedIn { account, access_token, access_seconds, refresh_token, refresh_expires_at })
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
