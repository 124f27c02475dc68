-- Who buys and who runs the shop. Times are milliseconds since 1970 (UTC). Of tokens, keys and their like only
-- hashes are kept: whoever reads these tables can use none of them.

CREATE TABLE accounts (
    account_id    TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    email         TEXT    NOT NULL,
    -- The address in small letters: one account for each.
    email_key     TEXT    NOT NULL COLLATE "C" UNIQUE,
    password_hash TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL
);

-- Wrong passwords, for each address that was tried, known or not: the pause must not tell which are.
CREATE TABLE login_attempts (
    email_hash BYTEA   NOT NULL PRIMARY KEY,
    failures   BIGINT  NOT NULL CHECK (failures > 0),
    next_at    BIGINT  NOT NULL,
    seen_at    BIGINT  NOT NULL
);

CREATE INDEX login_attempts_by_age ON login_attempts (seen_at);

-- One row for each sign-in: its refresh tokens follow each other in token_hash.
CREATE TABLE sign_ins (
    family_hash BYTEA   NOT NULL PRIMARY KEY,
    token_hash  BYTEA   NOT NULL,
    account_id  TEXT    NOT NULL COLLATE "C" REFERENCES accounts (account_id) ON DELETE CASCADE,
    expires_at  BIGINT  NOT NULL,
    revoked_at  BIGINT
);

-- What ran out, for the sweep.
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

CREATE TABLE api_keys (
    key_id     TEXT    NOT NULL COLLATE "C" PRIMARY KEY,
    name       TEXT    NOT NULL,
    scopes     TEXT    NOT NULL,
    key_hash   BYTEA   NOT NULL,
    created_at BIGINT  NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);
