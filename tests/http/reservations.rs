//! Reservations: the life of a hold over HTTP. Held, then confirmed, released, extended or expired;
//! every second decision is refused with the first one's name; every known key is answered again.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::Duration;

const ROUTE: &str = "/api/v1/reservations";

/// The id of a fresh hold, which must succeed.
async fn held(server: &Server, product: u64, quantity: u64, seconds: u64) -> String {
    let answer = server.hold(product, quantity, "ann", seconds).await;
    expect::success(&answer, 201);
    answer.body["reservationId"].as_str().expect("an id").to_owned()
}

async fn confirm(server: &Server, id: &str, key: &str) -> Answer {
    server.post_with_key(&format!("{ROUTE}/{id}/confirm"), json!({}), key).await
}

async fn extend(server: &Server, id: &str, body: Value) -> Answer {
    server.post(&format!("{ROUTE}/{id}/extend"), body).await
}

async fn release(server: &Server, id: &str, key: &str) -> Answer {
    let request = client().delete(server.url(&format!("{ROUTE}/{id}")));
    Answer::of(request.header("idempotency-key", key)).await
}

/// Whatever is asked of a hold that has ended is refused in the same way.
async fn assert_over(server: &Server, id: &str, status: u16, code: &str) {
    for answer in [
        confirm(server, id, "another try").await,
        release(server, id, "another try").await,
        extend(server, id, json!({})).await,
    ] {
        assert_eq!(expect::problem(&answer, status, code), json!({}));
    }
}

/// The milliseconds from one time of a document to another.
fn millis(from: &Value, to: &Value) -> i64 {
    expect::time(to).as_millisecond() - expect::time(from).as_millisecond()
}

#[tokio::test]
async fn a_hold_is_confirmed_once() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let wanted = json!({
        "productId": product, "quantity": 2, "customerId": "ann", "holdSeconds": 60
    });
    let hold = server.post_with_key(ROUTE, wanted.clone(), "hold").await;
    expect::success(&hold, 201);
    let id = hold.body["reservationId"].as_str().expect("an id").to_owned();
    assert_eq!(millis(&hold.body["createdAt"], &hold.body["expiresAt"]), 60_000);
    let expected = json!({
        "reservationId": id, "productId": product, "quantity": 2, "customerId": "ann",
        "status": "held", "unitPrice": { "amount": 999, "currency": "USD" },
        "total": { "amount": 1_998, "currency": "USD" },
        "createdAt": hold.body["createdAt"], "expiresAt": hold.body["expiresAt"],
    });
    assert_eq!(hold.body, expected);
    assert_eq!(server.get(&format!("{ROUTE}/{id}")).await.body, expected);
    assert_eq!(server.stock(product).await, (3, 2, 0, 5));

    let confirmed = confirm(&server, &id, "confirm").await;
    expect::success(&confirmed, 200);
    assert_eq!(
        (&confirmed.body["orderId"], &confirmed.body["status"]),
        (&json!(id), &json!("confirmed"))
    );
    assert_eq!(server.stock(product).await, (3, 0, 2, 5));
    expect::replay(&confirm(&server, &id, "confirm").await, &confirmed);
    expect::replay(&server.post_with_key(ROUTE, wanted, "hold").await, &hold);
    assert_over(&server, &id, 409, "reservation-confirmed").await;
    assert_eq!(server.stock(product).await, (3, 0, 2, 5));

    let shown = server.get(&format!("{ROUTE}/{id}")).await;
    assert_eq!(
        (&shown.body["status"], &shown.body["customerId"]),
        (&json!("confirmed"), &json!("ann"))
    );
    assert_eq!(shown.body["endedAt"], confirmed.body["createdAt"], "{}", shown.text);
    let stored = server.get(&format!("/api/v1/orders/{id}")).await;
    expect::success(&stored, 200);
    for (field, value) in confirmed.body.as_object().expect("an object") {
        assert_eq!(&stored.body[field], value, "{field}");
    }
}

#[tokio::test]
async fn a_hold_is_released_once_and_its_units_are_sold_on() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create(json!({ "stock": 1, "limitPerCustomer": 1 })).await;
    let id = held(&server, product, 1, 60).await;
    expect::problem(&server.buy(product, 1, "bob").await, 409, "sold-out");
    let released = release(&server, &id, "release").await;
    expect::success(&released, 200);
    let expected = json!({
        "reservationId": id, "productId": product, "status": "released",
        "endedAt": released.body["endedAt"],
    });
    assert_eq!(released.body, expected);
    expect::replay(&release(&server, &id, "release").await, &released);
    assert_over(&server, &id, 409, "reservation-released").await;
    let shown = server.get(&format!("{ROUTE}/{id}")).await;
    assert_eq!(shown.body["status"], "released", "{}", shown.text);
    assert_eq!(shown.body["endedAt"], released.body["endedAt"]);
    expect::problem(&server.get(&format!("/api/v1/orders/{id}")).await, 404, "order-not-found");
    // The units and the customer's share are both back.
    assert_eq!(server.stock(product).await, (1, 0, 0, 1));
    expect::success(&server.buy(product, 1, "ann").await, 201);
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_hold_is_extended_so_often_and_never_shortened() {
    let stand = Stand::embedded()
        .setting("HOLDS__EXTENSIONS_MAX", 2)
        .setting("HOLDS__SECONDS_DEFAULT", 100)
        .setting("HOLDS__SECONDS_MAX", 200);
    let server = stand.start();
    let product = server.create_product(5).await;
    let body = json!({ "productId": product, "quantity": 1, "customerId": "ann" });
    let hold = server.post(ROUTE, body).await;
    expect::success(&hold, 201);
    assert_eq!(millis(&hold.body["createdAt"], &hold.body["expiresAt"]), 100_000);
    let id = hold.body["reservationId"].as_str().expect("an id");

    let shorter = extend(&server, id, json!({ "holdSeconds": 1 })).await;
    expect::success(&shorter, 200);
    assert_eq!(shorter.body["expiresAt"], hold.body["expiresAt"]);
    let longer = extend(&server, id, json!({ "holdSeconds": 200 })).await;
    expect::success(&longer, 200);
    let expected = json!({
        "reservationId": id, "productId": product, "status": "held",
        "expiresAt": longer.body["expiresAt"],
    });
    assert_eq!(longer.body, expected);
    assert!(millis(&hold.body["expiresAt"], &longer.body["expiresAt"]) >= 100_000);
    let shown = server.get(&format!("{ROUTE}/{id}")).await;
    assert_eq!(shown.body["expiresAt"], longer.body["expiresAt"]);
    let refused = extend(&server, id, json!({})).await;
    let members = expect::problem(&refused, 409, "extension-limit-reached");
    assert_eq!(members, json!({ "extensionsMax": 2 }));
    expect::success(&confirm(&server, id, "confirm").await, 200);
}

#[tokio::test]
async fn a_hold_expires_and_its_units_are_sold_on() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(2).await;
    let watched = held(&server, product, 1, 1).await;
    let unwatched = held(&server, product, 1, 1).await;
    expect::problem(&server.buy(product, 1, "bob").await, 409, "sold-out");
    // The units come back by themselves, though nobody asks for this hold.
    let mut looks = 0;
    while server.stock(product).await != (2, 0, 0, 2) {
        tokio::time::sleep(Duration::from_millis(50)).await;
        looks += 1;
        assert!(looks < 200, "the holds do not expire: {:?}", server.stock(product).await);
    }
    assert_over(&server, &watched, 410, "reservation-expired").await;
    for id in [watched, unwatched] {
        let shown = server.get(&format!("{ROUTE}/{id}")).await;
        assert_eq!(shown.body["status"], "expired", "{}", shown.text);
        assert!(millis(&shown.body["expiresAt"], &shown.body["endedAt"]) >= 0, "{}", shown.text);
    }
    expect::success(&server.buy(product, 2, "bob").await, 201);
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn an_unknown_reservation_is_404_everywhere() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let bought = server.buy(product, 1, "ann").await;
    let order = bought.body["orderId"].as_str().expect("an id").to_owned();
    let uuid = "0190b6a0-7e50-7cc3-98c4-dc0c0c07398f";
    let hold = held(&server, product, 1, 60).await;
    let elsewhere = hold.replacen(&product.to_string(), &(product + 1).to_string(), 1);
    server.create_product(1).await;
    for id in [
        &format!("{product}-{uuid}"),
        &format!("999-{uuid}"),
        &format!("0{hold}"),
        &hold.to_uppercase().replace('-', "%2D"),
        &elsewhere,
        &order,
        "1",
        "nonsense",
        "%FF",
        "9223372036854775808-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f",
    ] {
        for answer in [
            server.get(&format!("{ROUTE}/{id}")).await,
            confirm(&server, id, "a key").await,
            release(&server, id, "a key").await,
            extend(&server, id, json!({})).await,
        ] {
            assert_eq!(expect::problem(&answer, 404, "reservation-not-found"), json!({}), "{id}");
        }
    }
    assert_eq!(server.stock(product).await, (3, 1, 1, 5));
}

#[tokio::test]
async fn keys_about_a_reservation_belong_to_it() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let (one, two) = (held(&server, product, 1, 60).await, held(&server, product, 1, 60).await);
    let first = confirm(&server, &one, "same").await;
    let second = confirm(&server, &two, "same").await;
    expect::success(&first, 200);
    expect::success(&second, 200);
    assert_eq!((&first.body["orderId"], &second.body["orderId"]), (&json!(one), &json!(two)));
    // The key of a confirmation does not release.
    let reused = release(&server, &one, "same").await;
    assert_eq!(expect::problem(&reused, 422, "idempotency-key-reused"), json!({}));
    assert_eq!(server.stock(product).await, (3, 0, 2, 5));
}
