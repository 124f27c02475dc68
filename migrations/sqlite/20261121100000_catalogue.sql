-- The catalogue: what a product is described by, whether it is sold, and lists of products by it.
-- No sale writes this table, so its indexes cost the sale nothing.

ALTER TABLE products ADD COLUMN image_url TEXT;
-- An object of texts, as JSON; NULL without any.
ALTER TABLE products ADD COLUMN attributes TEXT;
ALTER TABLE products ADD COLUMN active INTEGER NOT NULL DEFAULT 1;
-- The revision that last changed something here; the first fact where nothing ever did.
ALTER TABLE products ADD COLUMN edition INTEGER NOT NULL DEFAULT 1;
-- Name, SKU and description in small letters, for GET /products?q=; NULL from a program that does not know it.
ALTER TABLE products ADD COLUMN searched TEXT;

-- GET /products?category= and GET /categories.
CREATE INDEX products_of_category ON products (category, product_id);
-- GET /products?sort=name, price, newest.
CREATE INDEX products_by_name ON products (name, product_id);
CREATE INDEX products_by_price ON products (price_amount, product_id);
CREATE INDEX products_by_age ON products (created_at, product_id);
-- Whether a SKU is taken. Not UNIQUE: this table follows the journal and refuses nothing that it says.
CREATE INDEX products_of_sku ON products (sku);
