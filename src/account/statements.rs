//! Statements: the SQL of accounts, sign-ins and API keys, the same text for both databases. Each change that
//! two requests could race for is one of them.

pub(super) const CREATE_ACCOUNT: &str = "INSERT INTO accounts \
     (account_id, email, email_key, password_hash, role, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (email_key) DO NOTHING";

pub(super) const BY_EMAIL: &str = "SELECT account_id, email, password_hash, role, created_at \
     FROM accounts WHERE email_key = $1";

pub(super) const BY_ID: &str = "SELECT account_id, email, password_hash, role, created_at \
     FROM accounts WHERE account_id = $1";

pub(super) const BY_FAMILY: &str = "SELECT account_id, email, password_hash, role, created_at \
     FROM sign_ins JOIN accounts USING (account_id) WHERE family_hash = $1";

/// Counts a failure before the password is looked at, so that tries at the same moment cannot share one.
/// Four are free; then the pause doubles from one second up to 15 minutes. No row: it is too early.
pub(super) const ATTEMPT: &str = "INSERT INTO login_attempts AS attempt \
     (email_hash, failures, next_at, seen_at) VALUES ($1, 1, $2, $2) \
     ON CONFLICT (email_hash) DO UPDATE SET failures = attempt.failures + 1, seen_at = $2, \
     next_at = $2 + CASE WHEN attempt.failures < 4 THEN 0 WHEN attempt.failures < 14 \
     THEN CAST(1000 AS BIGINT) << CAST(attempt.failures - 4 AS INTEGER) ELSE 900000 END \
     WHERE attempt.next_at <= $2 RETURNING failures";

pub(super) const SET_ROLE: &str = "UPDATE accounts SET role = $2 WHERE account_id = $1";

/// Nothing, when somebody else has changed it meanwhile.
pub(super) const SET_PASSWORD: &str =
    "UPDATE accounts SET password_hash = $3 WHERE account_id = $1 AND password_hash = $2";

pub(super) const NEXT_ATTEMPT: &str = "SELECT next_at FROM login_attempts WHERE email_hash = $1";

pub(super) const FORGET_ATTEMPTS: &str = "DELETE FROM login_attempts WHERE email_hash = $1";

/// Nobody signs in with a password that was changed meanwhile.
pub(super) const SIGN_IN: &str = "INSERT INTO sign_ins (family_hash, token_hash, account_id, expires_at) \
     SELECT $1, $2, account_id, $4 FROM accounts WHERE account_id = $3 AND password_hash = $5";

/// Of two that come with one token, one finds it.
pub(super) const ROTATE: &str = "UPDATE sign_ins SET token_hash = $3, expires_at = $4 \
     WHERE family_hash = $1 AND token_hash = $2 AND revoked_at IS NULL AND expires_at > $5";

pub(super) const CURRENT: &str =
    "SELECT token_hash, expires_at FROM sign_ins WHERE family_hash = $1";

pub(super) const REVOKE: &str =
    "UPDATE sign_ins SET revoked_at = $2 WHERE family_hash = $1 AND revoked_at IS NULL";

pub(super) const REVOKE_ALL: &str =
    "UPDATE sign_ins SET revoked_at = $2 WHERE account_id = $1 AND revoked_at IS NULL";

pub(super) const SWEEP_SIGN_INS: &str = "DELETE FROM sign_ins WHERE family_hash IN \
     (SELECT family_hash FROM sign_ins WHERE expires_at <= $1 LIMIT $2)";

pub(super) const SWEEP_ATTEMPTS: &str = "DELETE FROM login_attempts WHERE email_hash IN \
     (SELECT email_hash FROM login_attempts WHERE seen_at <= $1 LIMIT $2)";

pub(super) const CREATE_KEY: &str = "INSERT INTO api_keys \
     (key_id, name, scopes, key_hash, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";

pub(super) const KEY: &str = "SELECT key_id, name, scopes, key_hash, created_at, expires_at, revoked_at \
     FROM api_keys WHERE key_id = $1";

pub(super) const KEYS: &str = "SELECT key_id, name, scopes, key_hash, created_at, expires_at, revoked_at \
     FROM api_keys WHERE key_id < $1 ORDER BY key_id DESC LIMIT $2";

pub(super) const REVOKE_KEY: &str =
    "UPDATE api_keys SET revoked_at = $2 WHERE key_id = $1 AND revoked_at IS NULL";
