-- Sales: their terms, what was sold under them, and to how many.

-- Under which sale a line was sold, or is held.
ALTER TABLE order_lines ADD COLUMN sale_id INTEGER;
ALTER TABLE reservations ADD COLUMN sale_id INTEGER;

-- What is the same for all products of a sale. products is a JSON list, ascending.
CREATE TABLE sales (
    sale_id      INTEGER NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    products     TEXT    NOT NULL,
    opens_at     INTEGER NOT NULL,
    ends_at      INTEGER NOT NULL,
    paused       INTEGER NOT NULL,
    sells_before INTEGER NOT NULL,
    edition      INTEGER NOT NULL,
    created_at   INTEGER NOT NULL
) STRICT;

-- One product's part of a sale. sold and revenue are without what came back; sold_out_at is when the last unit
-- was sold, if it still is.
CREATE TABLE sale_products (
    sale_id            INTEGER NOT NULL,
    product_id         INTEGER NOT NULL,
    edition            INTEGER NOT NULL,
    price_amount       INTEGER NOT NULL,
    currency           TEXT    NOT NULL,
    limit_per_customer INTEGER,
    units              INTEGER NOT NULL,
    sold               INTEGER NOT NULL CHECK (sold >= 0),
    held               INTEGER NOT NULL CHECK (held >= 0),
    revenue            INTEGER NOT NULL CHECK (revenue >= 0),
    returned           INTEGER NOT NULL,
    sold_out_at        INTEGER,
    PRIMARY KEY (sale_id, product_id),
    CHECK (sold + held <= units)
) STRICT, WITHOUT ROWID;

CREATE INDEX sales_of_product ON sale_products (product_id);

-- Who bought something in a sale, also if it came back.
CREATE TABLE sale_customers (
    sale_id     INTEGER NOT NULL,
    customer_id TEXT    NOT NULL,
    PRIMARY KEY (sale_id, customer_id)
) STRICT, WITHOUT ROWID;

-- Requests that were refused. Not from the journal: tables that are built again count from 0.
CREATE TABLE sale_refusals (
    sale_id    INTEGER NOT NULL,
    product_id INTEGER NOT NULL,
    reason     TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    PRIMARY KEY (sale_id, product_id, reason)
) STRICT, WITHOUT ROWID;
