-- Payments after the order: money that comes late, money that goes back, and what is still to be done.

-- What the provider knows the customer's means of payment by. Never shown.
ALTER TABLE orders ADD COLUMN payment_token TEXT;

-- It was paid when it was over.
ALTER TABLE orders ADD COLUMN paid_late BOOLEAN NOT NULL DEFAULT FALSE;

-- What facts of the journal owe the world, written together with their rows. product_id is 0 where a job is
-- about the whole order.
CREATE TABLE jobs (
    order_id UUID NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'late_payment')),
    product_id BIGINT NOT NULL,
    lead_product_id BIGINT NOT NULL,
    amount BIGINT NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    attempts BIGINT NOT NULL DEFAULT 0,
    next_at BIGINT NOT NULL,
    last_error TEXT,
    created_at BIGINT NOT NULL,
    died_at BIGINT,
    PRIMARY KEY (order_id, kind, product_id)
);

-- What is to be done next.
CREATE INDEX jobs_waiting ON jobs (next_at) WHERE state = 'waiting';

-- What an operator has to look at, newest first.
CREATE INDEX jobs_dead ON jobs (died_at, order_id, kind, product_id) WHERE state = 'dead';

-- Late payments that are not decided; closed when their order is.
CREATE INDEX jobs_late ON jobs (order_id) WHERE kind = 'late_payment' AND state <> 'done';
