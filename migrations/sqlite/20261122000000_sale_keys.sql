-- What a sale was created with: its idempotency key, and what the request with it meant. Both hashes.
ALTER TABLE sales ADD COLUMN request_key BLOB;
ALTER TABLE sales ADD COLUMN request_meaning INTEGER;
CREATE INDEX sales_by_key ON sales (created_at) WHERE request_key IS NOT NULL;
