-- What callers mean to buy. Times are milliseconds since 1970 (UTC), amounts minor units of their currency.
-- WITHOUT ROWID keeps a row in its key's own tree: all lines of a cart lie side by side.

CREATE TABLE carts (
    session_id TEXT    NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What ran out, for the sweep.
CREATE INDEX carts_by_expiry ON carts (expires_at);

CREATE TABLE cart_lines (
    session_id     TEXT    NOT NULL REFERENCES carts (session_id) ON DELETE CASCADE,
    product_id     INTEGER NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    added_amount   INTEGER NOT NULL CHECK (added_amount >= 0),
    added_currency TEXT    NOT NULL,
    added_at       INTEGER NOT NULL,
    PRIMARY KEY (session_id, product_id)
) STRICT, WITHOUT ROWID;
