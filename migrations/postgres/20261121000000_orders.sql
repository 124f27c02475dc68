-- Orders that are placed first and paid later, and lines that come back.

-- Until when an order that was placed can be paid, and how; NULL for one that was bought at once.
ALTER TABLE orders ADD COLUMN expires_at BIGINT;
ALTER TABLE orders ADD COLUMN payment_method TEXT;

-- The lead of the order a hold is a line of; NULL for a reservation of its own.
ALTER TABLE reservations ADD COLUMN lead_product_id BIGINT;

-- Why and when a sold line came back: 'cancelled' or 'refunded'.
ALTER TABLE order_lines ADD COLUMN returned TEXT CHECK (returned IN ('cancelled', 'refunded'));
ALTER TABLE order_lines ADD COLUMN returned_at BIGINT;

-- The idempotency key an order was placed with (its hash): a cart that was checked out is empty when the
-- request comes again, and only this finds the order.
ALTER TABLE orders ADD COLUMN request_key BYTEA;
CREATE INDEX orders_by_key ON orders (request_key) WHERE request_key IS NOT NULL;
