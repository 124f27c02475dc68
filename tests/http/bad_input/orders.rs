//! Bad input to what sells: purchases, reservations and their extensions.

use super::{OutOfRange, Refused, Request, Shop, Unreadable, With};
use super::{bad_headers, bad_numbers, post, unreadable_bodies};

const VALID: &str = r#"{"productId": $P, "quantity": 1, "customerId": "bob"}"#;
const SALES: [&str; 2] = ["/api/v1/purchases", "/api/v1/reservations"];

#[tokio::test]
async fn bodies_that_cannot_be_read() {
    let shop = Shop::open().await;
    for path in SALES {
        shop.refuses_bodies(path, unreadable_bodies(VALID)).await;
        // The values alone are no object, even in the right order.
        let lists = [r#"[$P, 1, "bob"]"#, r#"[$P, 1, "bob", 60]"#];
        shop.refuses_bodies(path, lists.map(|list| (list, Unreadable))).await;
    }
}

#[tokio::test]
async fn headers_that_mean_nothing() {
    let shop = Shop::open().await;
    for path in SALES {
        shop.refuses(bad_headers(path, VALID)).await;
    }
}

#[tokio::test]
async fn quantities() {
    let shop = Shop::open().await;
    let template = r#"{"productId": $P, "quantity": $N, "customerId": "bob"}"#;
    for path in SALES {
        let mut bodies = bad_numbers(template, &["quantity"]);
        bodies.push((template.replace("$N", "null"), Unreadable));
        bodies.push((template.replace("$N", "1001"), OutOfRange(&["quantity"])));
        let missing = r#"{"productId": $P, "customerId": "bob"}"#;
        bodies.push((missing.into(), OutOfRange(&["quantity"])));
        shop.refuses_bodies(path, bodies).await;
    }
}

/// Values of `productId`, and how they are answered.
fn product_ids() -> Vec<(String, Refused)> {
    let unknown = With(404, "product-not-found");
    let out = OutOfRange(&["productId"]);
    let rows = [
        ("0", out),
        ("-1", out),
        ("9223372036854775808", out),
        ("18446744073709551615", out),
        ("18446744073709551617", out),
        ("99999999999999999999", out),
        ("\"0\"", out),
        ("\"-1\"", out),
        ("\"9223372036854775808\"", out),
        ("\"99999999999999999999999999999999999999999999\"", out),
        ("9223372036854775807", unknown),
        ("4294967297", unknown),
        ("\"12345\"", unknown),
        ("1.5", Unreadable),
        ("1.5e0", Unreadable),
        ("9007199254740993.0", Unreadable),
        ("0.0", out),
        ("\"text\"", Unreadable),
        ("\"\"", Unreadable),
        ("\" 1\"", Unreadable),
        ("\"+1\"", Unreadable),
        ("\"1e0\"", Unreadable),
        ("\"\u{661}\"", Unreadable),
        ("null", Unreadable),
        ("true", Unreadable),
        ("[1]", Unreadable),
        ("{\"id\": 1}", Unreadable),
        ("1e400", out),
    ];
    let body = |id: &str| format!(r#"{{"productId": {id}, "quantity": 1, "customerId": "bob"}}"#);
    let mut bodies: Vec<_> = rows.iter().map(|(id, refused)| (body(id), *refused)).collect();
    bodies.push((r#"{"quantity": 1, "customerId": "bob"}"#.into(), out));
    bodies
}

/// Values of `customerId`, and how they are answered.
fn customer_ids() -> Vec<(String, Refused)> {
    let out = OutOfRange(&["customerId"]);
    let text = |characters: &str| format!("\"{characters}\"");
    let rows = [
        (text(""), out),
        (text(&"c".repeat(65)), out),
        (text(&"ä".repeat(65)), out),
        (text(&"c".repeat(10_000)), out),
        (text("a\\u0000b"), out),
        (text("a\\u0001"), out),
        (text("\\n"), out),
        (text("a\\tb"), out),
        (text("a\u{7f}"), out),
        (text("a\\u0085"), out),
        ("99999999999999999999".into(), out),
        ("1e400".into(), out),
        (text("a\u{0}b"), Unreadable),
        (text("\\ud800"), Unreadable),
        (text("\\x41"), Unreadable),
        ("null".into(), out),
        ("1.5".into(), Unreadable),
        ("true".into(), Unreadable),
        ("[\"bob\"]".into(), Unreadable),
        ("{}".into(), Unreadable),
    ];
    let mut bodies = Vec::new();
    for (customer, refused) in rows {
        for name in ["customerId", "userId"] {
            let body = format!(r#"{{"productId": $P, "quantity": 1, "{name}": {customer}}}"#);
            bodies.push((body, refused));
        }
    }
    bodies.push((r#"{"productId": $P, "quantity": 1}"#.into(), out));
    let both = r#"{"productId": $P, "quantity": 1, "customerId": "bob", "userId": "bob"}"#;
    bodies.push((both.into(), Unreadable));
    bodies
}

#[tokio::test]
async fn ids_of_products() {
    let shop = Shop::open().await;
    for path in SALES {
        shop.refuses_bodies(path, product_ids()).await;
    }
}

#[tokio::test]
async fn ids_of_customers() {
    let shop = Shop::open().await;
    for path in SALES {
        shop.refuses_bodies(path, customer_ids()).await;
        let invalid = b"{\"productId\": 1, \"quantity\": 1, \"customerId\": \"\xff\"}";
        shop.refuses_bodies(path, [(invalid, Unreadable)]).await;
    }
}

#[tokio::test]
async fn everything_wrong_is_named_at_once() {
    let shop = Shop::open().await;
    let all = OutOfRange(&["productId", "quantity", "customerId"]);
    shop.refuses_bodies(SALES[0], [("{}", all)]).await;
    let held = r#"{"productId": 0, "quantity": 0, "customerId": "", "holdSeconds": 0}"#;
    let all = OutOfRange(&["productId", "quantity", "customerId", "holdSeconds"]);
    shop.refuses_bodies(SALES[1], [(held, all)]).await;
}

#[tokio::test]
async fn durations_of_holds() {
    let shop = Shop::open().await;
    let hold = r#"{"productId": $P, "quantity": 1, "customerId": "bob", "holdSeconds": $N}"#;
    let extension = r#"{"holdSeconds": $N}"#;
    for (path, template) in
        [("/api/v1/reservations", hold), ("/api/v1/reservations/$R/extend", extension)]
    {
        let mut bodies = bad_numbers(template, &["holdSeconds"]);
        bodies.push((template.replace("$N", "86401"), OutOfRange(&["holdSeconds"])));
        shop.refuses_bodies(path, bodies).await;
    }
    // A purchase holds nothing.
    shop.refuses_bodies("/api/v1/purchases", [(hold.replace("$N", "60"), Unreadable)]).await;
}

#[tokio::test]
async fn requests_about_a_reservation() {
    let shop = Shop::open().await;
    let path = "/api/v1/reservations/$R/extend";
    let valid = r#"{"holdSeconds": 60}"#;
    shop.refuses_bodies(path, unreadable_bodies(valid)).await;
    shop.refuses_bodies(path, [("[60]", Unreadable)]).await;
    shop.refuses(bad_headers(path, valid)).await;
    let without_body = |method: &str, path: &str, key: &str| {
        let method = method.parse().expect("a method");
        let request = Request { method, path: path.into(), headers: vec![], body: vec![] };
        request.with_header("idempotency-key", key)
    };
    let (confirm, hold) = ("/api/v1/reservations/$R/confirm", "/api/v1/reservations/$R");
    for (method, path) in [("POST", confirm), ("DELETE", hold)] {
        let long = "k".repeat(256);
        let large = post(path, " ".repeat(16_385).as_bytes());
        let large = Request { method: method.parse().expect("a method"), ..large };
        shop.refuses([
            (without_body(method, path, &long), OutOfRange(&["Idempotency-Key"])),
            (without_body(method, path, "\"open"), Unreadable),
            (without_body(method, path, ""), Unreadable),
            (large, With(413, "body-too-large")),
        ])
        .await;
        // Nothing may be said in a body, for nobody would listen.
        for body in ["nonsense", "[]", "null", " ", r#"{"quantity": 1}"#, r#"{"holdSeconds": 60}"#]
        {
            let said = post(path, body.as_bytes());
            let said = Request { method: method.parse().expect("a method"), ..said };
            shop.refuses([(said, Unreadable)]).await;
        }
    }
}
