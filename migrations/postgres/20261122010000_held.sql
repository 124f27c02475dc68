-- What is held right now, newest first: of everybody, and of one customer. Only rows that are held are in
-- here, so both stay as small as what is held; a purchase writes neither.
-- Not CONCURRENTLY: the table is read once, and meanwhile only the projection waits, never a sale; and two
-- servers that migrate at once would be a deadlock: one waits for the lock of migrations, the other, which has
-- it, for every query that began before.

-- GET /reservations of an operator.
CREATE INDEX reservations_held ON reservations (created_at, order_id, product_id) WHERE status = 'held';

-- GET /reservations?customerId=.
CREATE INDEX reservations_held_for ON reservations (customer_id, created_at, order_id, product_id)
    WHERE status = 'held';
