-- What is held right now, newest first: of everybody, and of one customer. Only rows that are held are in
-- here, so both stay as small as what is held; a purchase writes neither.

-- GET /reservations of an operator.
CREATE INDEX reservations_held ON reservations (created_at, order_id, product_id) WHERE status = 'held';

-- GET /reservations?customerId=.
CREATE INDEX reservations_held_for ON reservations (customer_id, created_at, order_id, product_id)
    WHERE status = 'held';
