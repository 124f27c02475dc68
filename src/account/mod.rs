//! Accounts: who asks, and what they may do.
//!
//! What it is for: `auth.mode = "jwt"`. People carry signed tokens, of an identity provider or of the issuer
//! in here; machines carry API keys. [`Accounts`] is the handle on all of it.
//!
//! ```text
//!   request ─▶ gate ─▶ cache (by the hash of the token) ─▶ known
//!                       │ not there
//!                       ├─▶ tokens: signature and claims, by keys from files
//!                       └─▶ api_keys ─▶ store
//!   /auth/… ─▶ issuer ─▶ passwords (a few slow threads), store ─▶ tokens
//! ```
//!
//! Who owns it: everything behind the handle is shared; the threads that hash passwords end with it, and one
//! task (`upkeep`) reads key files again and removes what ran out. It is never on the way of a purchase beyond
//! one look into the cache.
//!
//! States: keys are there, or the start is refused; a file that is broken later leaves the keys of before. The
//! store is there or away: while it is away nobody signs in and API keys that were not in use are answered
//! [`AccountError::Unavailable`], but tokens and keys that are known go on, and so do sales.
//!
//! What must never happen: a token decides how it is verified; a secret is kept or logged in a form that
//! can be used; an unknown account can be told from a wrong password by signing
//! in (registering tells: it must refuse an address that is taken).

mod accounts;
mod api_keys;
mod crypto;
mod email;
mod gate;
mod issuer;
mod keys;
mod migrations;
mod passwords;
mod rights;
mod statements;
mod store;
mod tokens;

pub use accounts::{
    AccountChange, AccountError, Accounts, ChangedAccount, Settings, change_offline, sign_offline,
};
pub use api_keys::{API_KEY_PREFIX, NewApiKey};
pub use email::Email;
pub use gate::{Checked, PresentedKey};
pub use issuer::SignedIn;
pub use keys::{KeyError, KeyFiles, TokenAlgorithm};
pub use passwords::PASSWORD_CHARS;
pub use rights::{Identity, Rights, Role, Scopes};
pub use store::{Account, ApiKey, Location, OpenError};
pub use tokens::{TokenError, TokenRules};
