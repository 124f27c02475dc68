-- Two more kinds of jobs: 'void', a provider must take no money any more; 'cart', what was in a cart comes
-- back unless its order is paid. SQLite cannot change a CHECK, so the table is made again.
CREATE TABLE new_jobs (
    order_id BLOB NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('refund', 'late_payment', 'void', 'cart')),
    product_id INTEGER NOT NULL,
    lead_product_id INTEGER NOT NULL,
    amount INTEGER NOT NULL CHECK (amount >= 0),
    currency TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('waiting', 'done', 'dead')),
    attempts INTEGER NOT NULL DEFAULT 0,
    next_at INTEGER NOT NULL,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    died_at INTEGER,
    -- Whose cart it is; taken out when the job is done. Never shown.
    session TEXT,
    PRIMARY KEY (order_id, kind, product_id)
) STRICT, WITHOUT ROWID;

INSERT INTO new_jobs (order_id, kind, product_id, lead_product_id, amount, currency, state, attempts,
    next_at, last_error, created_at, died_at)
SELECT order_id, kind, product_id, lead_product_id, amount, currency, state, attempts, next_at, last_error,
    created_at, died_at FROM jobs;
DROP TABLE jobs;
ALTER TABLE new_jobs RENAME TO jobs;

-- What is to be done next, of each kind: none waits behind another.
CREATE INDEX jobs_waiting ON jobs (kind, next_at) WHERE state = 'waiting';

-- What an operator has to look at, newest first.
CREATE INDEX jobs_dead ON jobs (died_at, order_id, kind, product_id) WHERE state = 'dead';

-- Late payments that are not decided; closed when their order is.
CREATE INDEX jobs_late ON jobs (order_id) WHERE kind = 'late_payment' AND state <> 'done';
