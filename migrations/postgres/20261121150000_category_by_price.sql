-- GET /products?category=&sort=price, also with minPrice and maxPrice: twenty rows are read, not the whole
-- category. No sale writes this table, so the index costs the sale nothing, and building it holds nobody up.
CREATE INDEX products_of_category_by_price ON products (category COLLATE "C", price_amount, product_id);
