-- What the journal says, as tables. Times are milliseconds since 1970 (UTC), amounts minor units of their
-- currency, order ids the 16 bytes of a UUID (version 7: they grow, so inserts go to the end of the tree).
-- No CHECK of a table that grows with the orders calls a function: it would undo what OR ROLLBACK saves (see
-- src/projection/sqlite/write.rs). WITHOUT ROWID keeps a row in its key's own tree: one tree to write instead of two.

CREATE TABLE products (
    product_id         INTEGER NOT NULL PRIMARY KEY,
    name               TEXT    NOT NULL,
    sku                TEXT,
    description        TEXT,
    category           TEXT,
    price_amount       INTEGER NOT NULL CHECK (price_amount >= 0),
    currency           TEXT    NOT NULL,
    limit_per_customer INTEGER,
    opens_at           INTEGER,
    closes_at          INTEGER,
    created_at         INTEGER NOT NULL
) STRICT;

-- Apart from products, because it changes with every round while they hardly ever do.
CREATE TABLE stock (
    product_id INTEGER NOT NULL PRIMARY KEY,
    available  INTEGER NOT NULL CHECK (available >= 0),
    held       INTEGER NOT NULL CHECK (held >= 0),
    sold       INTEGER NOT NULL CHECK (sold >= 0),
    stocked    INTEGER NOT NULL,
    revision   INTEGER NOT NULL,
    CHECK (available + held + sold = stocked)
) STRICT;

CREATE TABLE orders (
    order_id     BLOB    NOT NULL PRIMARY KEY,
    product_id   INTEGER NOT NULL,
    customer_id  TEXT    NOT NULL,
    status       TEXT    NOT NULL,
    total_amount INTEGER NOT NULL,
    currency     TEXT    NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Orders of a customer, newest first. (The order id is at the end of it by itself: it is the table's key.)
CREATE INDEX orders_of_customer ON orders (customer_id, created_at);

CREATE TABLE order_lines (
    order_id   BLOB    NOT NULL,
    product_id INTEGER NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    unit_price INTEGER NOT NULL,
    PRIMARY KEY (order_id, product_id)
) STRICT, WITHOUT ROWID;

-- An order over several products holds each line under the same order id.
CREATE TABLE reservations (
    order_id    BLOB    NOT NULL,
    product_id  INTEGER NOT NULL,
    customer_id TEXT    NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    unit_price  INTEGER NOT NULL,
    currency    TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('held', 'confirmed', 'released', 'expired')),
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    ended_at    INTEGER,
    PRIMARY KEY (order_id, product_id),
    CHECK ((status = 'held') = (ended_at IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE customer_totals (
    customer_id TEXT    NOT NULL,
    product_id  INTEGER NOT NULL,
    sold        INTEGER NOT NULL CHECK (sold >= 0),
    held        INTEGER NOT NULL CHECK (held >= 0),
    PRIMARY KEY (customer_id, product_id)
) STRICT, WITHOUT ROWID;

-- How far each partition of the journal is contained in the tables above. The digest is that of the batch at
-- seq: it tells a cursor of this journal from one of another.
CREATE TABLE projection_cursor (
    "partition" INTEGER NOT NULL PRIMARY KEY,
    seq         INTEGER NOT NULL CHECK (seq >= 0),
    digest      BLOB    NOT NULL CHECK (length(digest) = 32)
) STRICT;
