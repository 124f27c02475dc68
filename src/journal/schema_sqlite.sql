-- The journal in SQLite. Format 1: see journal_meta.
CREATE TABLE IF NOT EXISTS journal_meta (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS journal (
    partition   INTEGER NOT NULL,
    seq         INTEGER NOT NULL,
    epoch       INTEGER NOT NULL,
    recorded_at INTEGER NOT NULL, -- milliseconds since 1970 UTC
    events      BLOB    NOT NULL,
    digest      BLOB    NOT NULL CHECK (length(digest) = 32),
    PRIMARY KEY (partition, seq)
) STRICT, WITHOUT ROWID;

-- checkpoint: every fact up to this seq is covered by a snapshot.
CREATE TABLE IF NOT EXISTS journal_partition (
    partition  INTEGER PRIMARY KEY,
    epoch      INTEGER NOT NULL DEFAULT 0,
    checkpoint INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE IF NOT EXISTS snapshot (
    product_id  INTEGER PRIMARY KEY,
    partition   INTEGER NOT NULL,
    revision    INTEGER NOT NULL,
    next_expiry INTEGER, -- when the next hold runs out; NULL without holds
    state       BLOB    NOT NULL
) STRICT;

CREATE INDEX IF NOT EXISTS snapshot_expiry ON snapshot (next_expiry) WHERE next_expiry IS NOT NULL;
