-- Sales: their terms, what was sold under them, and to how many.

-- Under which sale a line was sold, or is held.
ALTER TABLE order_lines ADD COLUMN sale_id BIGINT;
ALTER TABLE reservations ADD COLUMN sale_id BIGINT;

-- What is the same for all products of a sale. products is a JSON list, ascending.
CREATE TABLE sales (
    sale_id      BIGINT NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    products     TEXT    NOT NULL,
    opens_at     BIGINT NOT NULL,
    ends_at      BIGINT NOT NULL,
    paused       BOOLEAN NOT NULL,
    sells_before BOOLEAN NOT NULL,
    edition      BIGINT NOT NULL,
    created_at   BIGINT NOT NULL
);

-- One product's part of a sale. sold and revenue are without what came back; sold_out_at is when the last unit
-- was sold, if it still is.
CREATE TABLE sale_products (
    sale_id            BIGINT NOT NULL,
    product_id         BIGINT NOT NULL,
    edition            BIGINT NOT NULL,
    price_amount       BIGINT NOT NULL,
    currency           TEXT    NOT NULL,
    limit_per_customer BIGINT,
    units              BIGINT NOT NULL,
    sold               BIGINT NOT NULL CHECK (sold >= 0),
    held               BIGINT NOT NULL CHECK (held >= 0),
    revenue            BIGINT NOT NULL CHECK (revenue >= 0),
    returned           BIGINT NOT NULL,
    sold_out_at        BIGINT,
    PRIMARY KEY (sale_id, product_id),
    CHECK (sold + held <= units)
);

CREATE INDEX sales_of_product ON sale_products (product_id);

-- Who bought something in a sale, also if it came back.
CREATE TABLE sale_customers (
    sale_id     BIGINT NOT NULL,
    customer_id TEXT    NOT NULL,
    PRIMARY KEY (sale_id, customer_id)
);

-- Requests that were refused. Not from the journal: tables that are built again count from 0.
CREATE TABLE sale_refusals (
    sale_id    BIGINT NOT NULL,
    product_id BIGINT NOT NULL,
    reason     TEXT    NOT NULL,
    count      BIGINT NOT NULL,
    PRIMARY KEY (sale_id, product_id, reason)
);
