-- Orders that are placed first and paid later, and lines that come back.

-- Until when an order that was placed can be paid, and how; NULL for one that was bought at once.
ALTER TABLE orders ADD COLUMN expires_at BIGINT;
ALTER TABLE orders ADD COLUMN payment_method TEXT;

-- The lead of the order a hold is a line of; NULL for a reservation of its own.
ALTER TABLE reservations ADD COLUMN lead_product_id BIGINT;

-- Why and when a sold line came back: 'cancelled' or 'refunded'.
ALTER TABLE order_lines ADD COLUMN returned TEXT CHECK (returned IN ('cancelled', 'refunded'));
ALTER TABLE order_lines ADD COLUMN returned_at BIGINT;
