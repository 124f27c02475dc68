-- What the journal says, as tables. Times are milliseconds since 1970 (UTC), amounts minor units of their
-- currency, order ids UUIDs (version 7: they grow, so inserts go to the end of the index).
-- Customer ids compare by bytes (COLLATE "C"): many times cheaper than a language's rules, and the same order
-- as in SQLite.

CREATE TABLE products (
    product_id         BIGINT NOT NULL PRIMARY KEY,
    name               TEXT   NOT NULL,
    sku                TEXT,
    description        TEXT,
    category           TEXT,
    price_amount       BIGINT NOT NULL CHECK (price_amount >= 0),
    currency           TEXT   NOT NULL,
    limit_per_customer BIGINT,
    opens_at           BIGINT,
    closes_at          BIGINT,
    created_at         BIGINT NOT NULL
);

-- Apart from products, because it changes with every round while they hardly ever do: with room in each page
-- a changed row stays where it is and no index is touched.
CREATE TABLE stock (
    product_id BIGINT NOT NULL PRIMARY KEY,
    available  BIGINT NOT NULL CHECK (available >= 0),
    held       BIGINT NOT NULL CHECK (held >= 0),
    sold       BIGINT NOT NULL CHECK (sold >= 0),
    stocked    BIGINT NOT NULL,
    revision   BIGINT NOT NULL,
    CHECK (available + held + sold = stocked)
) WITH (fillfactor = 50);

CREATE TABLE orders (
    order_id     UUID   NOT NULL PRIMARY KEY,
    product_id   BIGINT NOT NULL,
    total_amount BIGINT NOT NULL,
    created_at   BIGINT NOT NULL,
    customer_id  TEXT   NOT NULL COLLATE "C",
    status       TEXT   NOT NULL,
    currency     TEXT   NOT NULL
);

-- Orders of a customer, newest first.
CREATE INDEX orders_of_customer ON orders (customer_id, created_at, order_id);

CREATE TABLE order_lines (
    order_id   UUID    NOT NULL,
    product_id BIGINT  NOT NULL,
    unit_price BIGINT  NOT NULL,
    quantity   INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (order_id, product_id)
);

-- An order over several products holds each line under the same order id.
CREATE TABLE reservations (
    order_id    UUID    NOT NULL,
    product_id  BIGINT  NOT NULL,
    unit_price  BIGINT  NOT NULL,
    created_at  BIGINT  NOT NULL,
    expires_at  BIGINT  NOT NULL,
    ended_at    BIGINT,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    customer_id TEXT    NOT NULL COLLATE "C",
    currency    TEXT    NOT NULL,
    status      TEXT    NOT NULL CHECK (status IN ('held', 'confirmed', 'released', 'expired')),
    PRIMARY KEY (order_id, product_id),
    CHECK ((status = 'held') = (ended_at IS NULL))
);

CREATE TABLE customer_totals (
    product_id  BIGINT NOT NULL,
    sold        BIGINT NOT NULL CHECK (sold >= 0),
    held        BIGINT NOT NULL CHECK (held >= 0),
    customer_id TEXT   NOT NULL COLLATE "C",
    PRIMARY KEY (customer_id, product_id)
);

-- How far each partition of the journal is contained in the tables above. The digest is that of the batch at
-- seq: it tells a cursor of this journal from one of another.
CREATE TABLE projection_cursor (
    "partition" INTEGER NOT NULL PRIMARY KEY,
    seq         BIGINT  NOT NULL CHECK (seq >= 0),
    digest      BYTEA   NOT NULL CHECK (length(digest) = 32)
) WITH (fillfactor = 50);
