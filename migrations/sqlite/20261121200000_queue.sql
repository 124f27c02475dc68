-- Asynchronous purchases to which nothing was sold when their turn came. Those that were sold are orders.
CREATE TABLE refused_purchases (
    order_id    BLOB    NOT NULL PRIMARY KEY CHECK (length(order_id) = 16),
    product_id  INTEGER NOT NULL,
    customer_id TEXT    NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    queued_at   INTEGER NOT NULL,
    refused_at  INTEGER NOT NULL,
    reason      TEXT    NOT NULL,
    -- Units that were left, the limit, or a time, as the reason has it.
    number      INTEGER,
    -- Units the customer had.
    owned       INTEGER
) STRICT, WITHOUT ROWID;
