//! Numbers of accounts: what signing in and verifying came to. Never whose.

use super::super::names;
use super::{Registry, Results};
use std::sync::Arc;

/// What became of a request to register, to sign in or to stay signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignIn {
    Registered,
    SignedIn,
    Refreshed,
    /// Address or password was wrong.
    Refused,
    /// Too many tries.
    Throttled,
    /// A refresh token was used twice.
    Reused,
    /// Too many at once.
    Busy,
    PasswordChanged,
}

const SIGN_INS: [&str; 8] = [
    "registered",
    "signed-in",
    "refreshed",
    "refused",
    "throttled",
    "reused",
    "busy",
    "password-changed",
];

/// Numbers of accounts. The default ones go nowhere.
#[derive(Debug, Clone)]
pub struct AccountMetrics {
    sign_ins: Results,
    checks: Results,
}

impl Default for AccountMetrics {
    fn default() -> Self {
        let nowhere = Results(Arc::new([]));
        Self { sign_ins: nowhere.clone(), checks: nowhere }
    }
}

impl AccountMetrics {
    pub(super) fn register(registry: &Registry) -> Self {
        Self {
            sign_ins: Results::register(registry, names::SIGN_INS, &SIGN_INS),
            checks: Results::register(registry, names::TOKEN_CHECKS, &["verified", "refused"]),
        }
    }

    pub fn signed_in(&self, what: SignIn) {
        self.sign_ins.count(what as usize);
    }

    pub fn verified(&self) {
        self.checks.count(0);
    }

    pub fn token_refused(&self) {
        self.checks.count(1);
    }
}
