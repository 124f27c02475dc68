-- The journal in Postgres. Format 1: see journal_meta.
CREATE TABLE IF NOT EXISTS journal_meta (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);

CREATE TABLE IF NOT EXISTS journal (
    partition   SMALLINT NOT NULL,
    seq         BIGINT   NOT NULL,
    epoch       BIGINT   NOT NULL,
    recorded_at BIGINT   NOT NULL, -- milliseconds since 1970 UTC
    events      BYTEA    NOT NULL,
    digest      BYTEA    NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (partition, seq)
);
-- Rows are dense already: trying to compress them would cost a commit more than it saves.
ALTER TABLE journal ALTER COLUMN events SET STORAGE EXTERNAL;

-- checkpoint: every fact up to this seq is covered by a snapshot.
-- owner: who writes this partition now; NULL once given up.
CREATE TABLE IF NOT EXISTS journal_partition (
    partition  SMALLINT PRIMARY KEY,
    epoch      BIGINT NOT NULL DEFAULT 0,
    checkpoint BIGINT NOT NULL DEFAULT 0,
    owner      UUID
);

CREATE TABLE IF NOT EXISTS snapshot (
    product_id  BIGINT   PRIMARY KEY,
    partition   SMALLINT NOT NULL,
    revision    BIGINT   NOT NULL,
    next_expiry BIGINT, -- when the next hold runs out; NULL without holds
    state       BYTEA    NOT NULL
);
ALTER TABLE snapshot ALTER COLUMN state SET STORAGE EXTERNAL;

CREATE INDEX IF NOT EXISTS snapshot_expiry ON snapshot (next_expiry) WHERE next_expiry IS NOT NULL;
