//! Bad input to the catalogue: new products, and adjustments of their stock.

use super::{OutOfRange, Refused, Shop, Unreadable, With};
use super::{bad_headers, bad_numbers, post, unreadable_bodies};

const PRODUCTS: &str = "/api/v1/products";
const ADJUSTMENTS: &str = "/api/v1/products/$P/stock/adjustments";
const VALID: &str = r#"{"name": "a", "price": {"amount": 1, "currency": "USD"}, "stock": 1}"#;
const VALID_ADJUSTMENT: &str = r#"{"delta": 1, "reason": "found one"}"#;

/// A valid product with one field more.
fn with(field: &str, value: &str) -> String {
    format!(r#"{}, "{field}": {value}}}"#, VALID.trim_end_matches('}'))
}

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let shop = Shop::open().await;
    // The reader of `unreadable_bodies` cuts at the last brace, so the price comes first.
    let valid = r#"{"price": {"amount": 1, "currency": "USD"}, "name": "a", "stock": 1}"#;
    shop.refuses_bodies(PRODUCTS, unreadable_bodies(valid)).await;
    let price = |price: &str| format!(r#"{{"name": "a", "stock": 1, "price": {price}}}"#);
    let rows = [
        price(r#"[1, "USD"]"#),
        price("1"),
        price(r#""1 USD""#),
        price(r#"{"amount": 1, "currency": "USD", "unknown": 1}"#),
        price(r#"{"amount": 1, "amount": 1, "currency": "USD"}"#),
        price(r#"{"amount": 1, "currency": 1}"#),
        price(r#"{"amount": null, "currency": "USD"}"#),
    ];
    shop.refuses_bodies(PRODUCTS, rows.map(|row| (row, Unreadable))).await;
    let lists = [
        r#"["a", {"amount": 1, "currency": "USD"}, 1, null, null, null, null, null, null]"#,
        r#"["a", {"amount": 1, "currency": "USD"}, 1]"#,
    ];
    shop.refuses_bodies(PRODUCTS, lists.map(|list| (list, Unreadable))).await;
    assert_eq!(products(&shop).await, 1);
}

async fn products(shop: &Shop) -> usize {
    let listed = shop.server.get(PRODUCTS).await;
    listed.body["data"].as_array().map_or(0, Vec::len)
}

#[tokio::test]
async fn numbers_of_a_product() {
    let shop = Shop::open().await;
    let stock = r#"{"name": "a", "price": {"amount": 1, "currency": "USD"}, "stock": $N}"#;
    let amount = r#"{"name": "a", "price": {"amount": $N, "currency": "USD"}, "stock": 1}"#;
    let limit = with("limitPerCustomer", "$N");
    let zero_is_fine = |(body, _): &(String, Refused)| {
        let zeros = ["0", "0.0", "-0"]
            .iter()
            .flat_map(|zero| [format!(": {zero},"), format!(": {zero}}}")]);
        !zeros.into_iter().any(|zero| body.contains(&zero))
    };
    // An amount may be larger than 32 bits.
    let large_is_fine = |(body, _): &(String, Refused)| !body.contains(": 4294967297,");
    let mut bodies = bad_numbers(stock, &["stock"]);
    bodies.extend(bad_numbers(amount, &["price.amount"]).into_iter().filter(large_is_fine));
    bodies.retain(zero_is_fine);
    bodies.extend(bad_numbers(&limit, &["limitPerCustomer"]));
    bodies.push((stock.replace("$N", "1000000001"), OutOfRange(&["stock"])));
    bodies.push((stock.replace("$N", "null"), Unreadable));
    bodies.push((amount.replace("$N", "1000000000001"), OutOfRange(&["price.amount"])));
    bodies.push((limit.replace("$N", "1000000001"), OutOfRange(&["limitPerCustomer"])));
    shop.refuses_bodies(PRODUCTS, bodies).await;
    assert_eq!(products(&shop).await, 1);
}

#[tokio::test]
async fn texts_of_a_product() {
    let shop = Shop::open().await;
    let name = |name: &str| VALID.replace("\"a\"", &format!("\"{name}\""));
    let currency = |currency: &str| VALID.replace("USD", currency);
    let text = |length: usize| format!("\"{}\"", "x".repeat(length));
    let mut bodies = Vec::new();
    for bad in ["", " ", "\\n", "a\\u0000", "a\\u001b[0m", &"x".repeat(201), &"ä".repeat(201)] {
        bodies.push((name(bad), OutOfRange(&["name"][..])));
    }
    for bad in ["", "US", "USDX", "usd", "U D", "US1", "ÄÖÜ", "US\\u0000"] {
        bodies.push((currency(bad), OutOfRange(&["price.currency"])));
    }
    for (field, length, named) in [
        ("sku", 65, &["sku"][..]),
        ("sku", 0, &["sku"]),
        ("category", 101, &["category"]),
        ("category", 0, &["category"]),
        ("description", 4_001, &["description"]),
    ] {
        bodies.push((with(field, &text(length)), OutOfRange(named)));
    }
    bodies.push((with("description", "\"a\\u0000\""), OutOfRange(&["description"])));
    for (field, value) in [
        ("sku", "1"),
        ("sku", "1e400"),
        ("category", "[]"),
        ("description", "{}"),
        ("opensAt", "1"),
    ] {
        bodies.push((with(field, value), Unreadable));
    }
    let missing = OutOfRange(&["name", "price", "stock"]);
    bodies.push(("{}".into(), missing));
    let missing = OutOfRange(&["price.amount", "price.currency"]);
    bodies.push((r#"{"name": "a", "price": {}, "stock": 1}"#.into(), missing));
    shop.refuses_bodies(PRODUCTS, bodies).await;
    assert_eq!(products(&shop).await, 1);
}

#[tokio::test]
async fn times_of_a_product() {
    let shop = Shop::open().await;
    let mut bodies = Vec::new();
    for bad in [
        "",
        "soon",
        "2026-01-31",
        "2026-01-31T09:00:00",
        "2026-02-30T09:00:00Z",
        "2026-01-31T25:00:00Z",
        "1969-12-31T23:59:59Z",
        "10000-01-01T00:00:00Z",
        "-0001-01-01T00:00:00Z",
        "1769850000",
        "2026-01-31T09:00:00Z\\u0000",
    ] {
        let value = format!("\"{bad}\"");
        bodies.push((with("opensAt", &value), OutOfRange(&["opensAt"][..])));
        bodies.push((with("closesAt", &value), OutOfRange(&["closesAt"])));
    }
    let window = |opens: &str, closes: &str| {
        with("opensAt", &format!(r#""{opens}", "closesAt": "{closes}""#))
    };
    let same = "2026-01-31T09:00:00Z";
    bodies.push((window(same, same), OutOfRange(&["closesAt"])));
    bodies.push((window(same, "2026-01-31T09:59:59+01:00"), OutOfRange(&["closesAt"])));
    shop.refuses_bodies(PRODUCTS, bodies).await;
    assert_eq!(products(&shop).await, 1);
}

/// Nothing is remembered by a key here, so none is taken, however it is written.
#[tokio::test]
async fn keys_for_a_new_product() {
    let shop = Shop::open().await;
    let keys = [&b"a key"[..], b"\"quoted\"", b"\"open", b"", b"\xff", &[b'k'; 300]];
    let refused = OutOfRange(&["Idempotency-Key"]);
    let with_key = |key| post(PRODUCTS, VALID.as_bytes()).with_header("idempotency-key", key);
    shop.refuses(keys.map(|key| (with_key(key), refused))).await;
    let twice = with_key(b"a").with_header("idempotency-key", "b");
    shop.refuses([(twice, refused)]).await;
    assert_eq!(products(&shop).await, 1);
    let answer = with_key(b"a").send(&shop).await;
    let detail = answer.body["detail"].as_str().expect("text");
    assert!(detail.contains("look at GET /api/v1/products"), "{detail}");
}

#[tokio::test]
async fn adjustments() {
    let shop = Shop::open().await;
    shop.refuses_bodies(ADJUSTMENTS, unreadable_bodies(VALID_ADJUSTMENT)).await;
    shop.refuses_bodies(ADJUSTMENTS, [(r#"[1, "found one"]"#, Unreadable)]).await;
    shop.refuses(bad_headers(ADJUSTMENTS, VALID_ADJUSTMENT)).await;
    let delta = |delta: &str| format!(r#"{{"delta": {delta}, "reason": "counted"}}"#);
    let template = delta("$N");
    let minus_one = |(body, _): &(String, Refused)| !body.contains(": -1,");
    let mut bodies: Vec<_> =
        bad_numbers(&template, &["delta"]).into_iter().filter(minus_one).collect();
    let below = With(409, "insufficient-stock");
    let above = OutOfRange(&["delta"]);
    for (number, refused) in [
        ("-9", below),
        ("-10", below),
        ("-1000000000", below),
        // 10 units are stocked, so the last ten of the maximum do not fit.
        ("999999991", above),
        ("1000000000", above),
        ("1000000001", above),
        ("-1000000001", above),
        ("9223372036854775807", above),
        ("-9223372036854775808", above),
        ("null", Unreadable),
    ] {
        bodies.push((delta(number), refused));
    }
    let reason = |reason: &str| format!(r#"{{"delta": 1, "reason": "{reason}"}}"#);
    for bad in ["", "  ", "a\\u0000", "a\\u0007", &"r".repeat(201)] {
        bodies.push((reason(bad), OutOfRange(&["reason"])));
    }
    bodies.push((r#"{"delta": 1, "reason": 1}"#.into(), Unreadable));
    bodies.push((r#"{"reason": "counted"}"#.into(), OutOfRange(&["delta"])));
    bodies.push(("{}".into(), OutOfRange(&["delta", "reason"])));
    shop.refuses_bodies(ADJUSTMENTS, bodies).await;
}

#[tokio::test]
async fn adjustments_of_what_is_not_there() {
    let shop = Shop::open().await;
    let ids = [
        "0",
        "-1",
        "999",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551617",
        "99999999999999999999999",
        "text",
        "1.0",
        "+1",
        "1e0",
        "%00",
        "%FF",
        "$P%20",
        "%D9%A1",
    ];
    let path = |id: &str| format!("/api/v1/products/{id}/stock/adjustments");
    let requests = ids
        .map(|id| (post(&path(id), VALID_ADJUSTMENT.as_bytes()), With(404, "product-not-found")));
    shop.refuses(requests).await;
}
