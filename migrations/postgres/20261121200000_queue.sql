-- Asynchronous purchases to which nothing was sold when their turn came. Those that were sold are orders.
CREATE TABLE refused_purchases (
    order_id    uuid    NOT NULL PRIMARY KEY,
    product_id  bigint  NOT NULL,
    customer_id text    NOT NULL,
    quantity    integer NOT NULL CHECK (quantity > 0),
    queued_at   bigint  NOT NULL,
    refused_at  bigint  NOT NULL,
    reason      text    NOT NULL,
    -- Units that were left, the limit, or a time, as the reason has it.
    number      bigint,
    -- Units the customer had.
    owned       bigint
);
