-- Two more kinds of jobs: 'void', a provider must take no money any more; 'cart', what was in a cart comes
-- back unless its order is paid.
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check
    CHECK (kind IN ('refund', 'late_payment', 'void', 'cart'));

-- Whose cart it is; taken out when the job is done. Never shown.
ALTER TABLE jobs ADD COLUMN session TEXT;

-- What is to be done next, of each kind: none waits behind another. Few jobs wait, so the lock is short.
DROP INDEX jobs_waiting;
CREATE INDEX jobs_waiting ON jobs (kind, next_at) WHERE state = 'waiting';
