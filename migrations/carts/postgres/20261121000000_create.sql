-- What callers mean to buy. Times are milliseconds since 1970 (UTC), amounts minor units of their currency.
-- Session ids compare by bytes (COLLATE "C"), as in SQLite.

CREATE TABLE carts (
    session_id TEXT   NOT NULL COLLATE "C" PRIMARY KEY,
    expires_at BIGINT NOT NULL
);

-- What ran out, for the sweep.
CREATE INDEX carts_by_expiry ON carts (expires_at);

CREATE TABLE cart_lines (
    product_id     BIGINT  NOT NULL,
    added_amount   BIGINT  NOT NULL CHECK (added_amount >= 0),
    added_at       BIGINT  NOT NULL,
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    session_id     TEXT    NOT NULL COLLATE "C" REFERENCES carts (session_id) ON DELETE CASCADE,
    added_currency TEXT    NOT NULL,
    PRIMARY KEY (session_id, product_id)
) WITH (fillfactor = 80);

-- Sets the quantity of one product and gives its line; no row when the cart is full. Each statement of a
-- function sees what was committed before it, and the first one locks the cart's row (ON CONFLICT locks it
-- also where WHERE spares the write), so changes of one cart go one after the other and the count is exact.
-- Every function locks the cart before its lines: in any other order two of them could wait for each other.
CREATE FUNCTION cart_put(
    in_session TEXT, in_product BIGINT, in_quantity INTEGER, in_amount BIGINT, in_currency TEXT,
    in_now BIGINT, in_expires_at BIGINT, in_added_at BIGINT, in_lines_max BIGINT
) RETURNS TABLE (line_amount BIGINT, line_currency TEXT, line_added_at BIGINT)
LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM carts WHERE session_id = in_session AND expires_at <= in_now;
    INSERT INTO carts AS cart (session_id, expires_at) VALUES (in_session, in_expires_at)
        ON CONFLICT (session_id) DO UPDATE SET expires_at = excluded.expires_at
        WHERE cart.expires_at <> excluded.expires_at;
    RETURN QUERY
        INSERT INTO cart_lines AS line
            (session_id, product_id, quantity, added_amount, added_currency, added_at)
        SELECT in_session, in_product, in_quantity, in_amount, in_currency, in_added_at
        WHERE (SELECT count(*) FROM cart_lines AS other
               WHERE other.session_id = in_session AND other.product_id <> in_product) < in_lines_max
        ON CONFLICT (session_id, product_id) DO UPDATE SET quantity = excluded.quantity
        RETURNING line.added_amount, line.added_currency, line.added_at;
END
$$;

-- Takes lines out and gives how many went: all when in_products is null, else each only if it still has the
-- quantity beside it, or any where that is null.
CREATE FUNCTION cart_take(
    in_session TEXT, in_products BIGINT[], in_quantities INTEGER[], in_now BIGINT, in_expires_at BIGINT
) RETURNS BIGINT
LANGUAGE plpgsql AS $$
DECLARE
    gone BIGINT;
BEGIN
    PERFORM 1 FROM carts WHERE session_id = in_session AND expires_at > in_now FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    IF in_products IS NULL THEN
        DELETE FROM cart_lines WHERE session_id = in_session;
    ELSE
        DELETE FROM cart_lines AS line
            USING unnest(in_products, in_quantities) AS taken (product_id, quantity)
            WHERE line.session_id = in_session AND line.product_id = taken.product_id
              AND (taken.quantity IS NULL OR taken.quantity = line.quantity);
    END IF;
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone > 0 THEN
        UPDATE carts SET expires_at = in_expires_at
            WHERE session_id = in_session AND expires_at <> in_expires_at;
    END IF;
    RETURN gone;
END
$$;
