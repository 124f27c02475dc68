//! Bad input to what is only read: ids in paths, and parameters.

use super::{OutOfRange, Refused, Request, Shop, Unreadable, With};
use reqwest::Method;

fn get(path: impl Into<String>) -> Request {
    Request { method: Method::GET, path: path.into(), headers: vec![], body: vec![] }
}

#[tokio::test]
async fn ids_in_paths() {
    let shop = Shop::open().await;
    let long = "x".repeat(8_000);
    let ids = [
        "0",
        "-1",
        "999",
        "9223372036854775808",
        "99999999999999999999",
        "text",
        "1.5",
        "%00",
        "%FF",
        "$P-",
        "$P-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f",
        &long,
    ];
    let mut requests = Vec::new();
    for id in ids {
        let rows = [
            (format!("/api/v1/products/{id}"), "product-not-found"),
            (format!("/api/v1/products/{id}/stock"), "product-not-found"),
            (format!("/api/v1/orders/{id}"), "order-not-found"),
            (format!("/api/v1/reservations/{id}"), "reservation-not-found"),
        ];
        requests.extend(rows.map(|(path, code)| (get(path), With(404, code))));
    }
    shop.refuses(requests).await;
}

#[tokio::test]
async fn parameters() {
    let shop = Shop::open().await;
    let long = format!("customerId={}", "c".repeat(65));
    let orders: &[(&str, Refused)] = &[
        ("", OutOfRange(&["customerId"])),
        ("customerId=", OutOfRange(&["customerId"])),
        ("customerid=ann", OutOfRange(&["customerId"])),
        (&long, OutOfRange(&["customerId"])),
        ("customerId=a%00b", OutOfRange(&["customerId"])),
        ("customerId=a%0Ab", OutOfRange(&["customerId"])),
        ("userId=%7F", OutOfRange(&["customerId"])),
        ("customerId=ann&customerId=bob", Unreadable),
        ("customerId=ann&userId=bob", Unreadable),
    ];
    let held: &[(&str, Refused)] = &[
        ("customerId=", OutOfRange(&["customerId"])),
        (&long, OutOfRange(&["customerId"])),
        ("userId=%7F", OutOfRange(&["customerId"])),
        ("productId=0", OutOfRange(&["productId"])),
        ("productId=-1", OutOfRange(&["productId"])),
        ("productId=9223372036854775808", OutOfRange(&["productId"])),
        ("productId=0&customerId=", OutOfRange(&["productId", "customerId"])),
        ("productId=", Unreadable),
        ("productId=one", Unreadable),
        ("productId=1.0", Unreadable),
        ("productId=1&productId=2", Unreadable),
        ("customerId=ann&userId=bob", Unreadable),
        // Of another list.
        ("cursor=1768000000000-08080808080808080808080808080808", Unreadable),
        ("cursor=1768000000000-08080808080808080808080808080808-0", Unreadable),
    ];
    let pages: &[(&str, Refused)] = &[
        ("limit=0", OutOfRange(&["limit"])),
        ("limit=-1", OutOfRange(&["limit"])),
        ("limit=101", OutOfRange(&["limit"])),
        ("limit=4294967297", OutOfRange(&["limit"])),
        ("limit=99999999999999999999999999999999999999999999", OutOfRange(&["limit"])),
        ("limit=", Unreadable),
        ("limit=ten", Unreadable),
        ("limit=1.5", Unreadable),
        ("limit=1e1", Unreadable),
        ("limit=+1", Unreadable),
        ("limit=1&limit=2", Unreadable),
        ("cursor=", Unreadable),
        ("cursor=nonsense", Unreadable),
        ("cursor=-1", Unreadable),
        ("cursor=0", Unreadable),
        ("cursor=9223372036854775808", Unreadable),
        ("cursor=%00", Unreadable),
        ("cursor=1&cursor=2", Unreadable),
    ];
    let mut requests = Vec::new();
    for (query, refused) in orders {
        requests.push((get(format!("/api/v1/orders?{query}")), *refused));
    }
    for (query, refused) in held {
        requests.push((get(format!("/api/v1/reservations?{query}")), *refused));
    }
    for (query, refused) in pages {
        requests.push((get(format!("/api/v1/reservations?{query}")), *refused));
        requests.push((get(format!("/api/v1/orders?customerId=ann&{query}")), *refused));
        requests.push((get(format!("/api/v1/products?{query}")), *refused));
    }
    shop.refuses(requests).await;
}
