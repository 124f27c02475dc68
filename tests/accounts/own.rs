//! Own: a customer buys as themselves, and what is somebody else's is not there.

use crate::expect;
use crate::shop::{As, Person, create_product, register, send, send_with, stand, token};
use crate::support::Server;
use serde_json::{Value, json};

async fn buy(server: &Server, who: As<'_>, product: u64, more: Value) -> crate::support::Answer {
    let mut body = json!({"productId": product, "quantity": 1});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    send(server, who, "POST /api/v1/purchases", body).await
}

#[tokio::test]
async fn a_customer_is_the_subject_of_their_token() {
    let stand = stand();
    let server = stand.start();
    let [staff, admin] = ["staff", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 50).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);

    let bought = buy(&server, ann.token(), product, json!({})).await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["customerId"], ann.id.as_str());
    expect::success(&buy(&server, ann.token(), product, json!({"customerId": ann.id})).await, 201);
    let others = json!({"customerId": bob.id});
    let routes = [
        ("POST /api/v1/purchases", json!({"productId": product, "quantity": 1})),
        ("POST /api/v1/reservations", json!({"productId": product, "quantity": 1})),
        (
            "POST /api/v1/orders",
            json!({
                "items": [{"productId": product, "quantity": 1}],
                "payment": {"method": "simulated", "token": "tok_ok"},
            }),
        ),
        (
            "POST /api/v1/cart/checkout",
            json!({"payment": {"method": "simulated", "token": "tok_ok"}}),
        ),
    ];
    for (route, body) in &routes {
        let mut body = body.clone();
        body.as_object_mut().unwrap().extend(others.as_object().unwrap().clone());
        expect::problem(&send(&server, ann.token(), route, body).await, 403, "forbidden");
    }
    let list = format!("GET /api/v1/orders?customerId={}", bob.id);
    expect::problem(&send(&server, ann.token(), &list, Value::Null).await, 403, "forbidden");
    // Whoever runs the shop acts for anybody.
    expect::success(&buy(&server, As::Token(&staff), product, others).await, 201);
    expect::success(&send(&server, As::Token(&staff), &list, Value::Null).await, 200);
    let vip = json!({"priority": "vip"});
    let wait = [("prefer", "respond-async")];
    let body = json!({"productId": product, "quantity": 1, "priority": "vip"});
    let route = "POST /api/v1/purchases";
    let answer = send_with(&server, ann.token(), route, body.clone(), &wait).await;
    expect::problem(&answer, 403, "forbidden");
    assert_eq!(send_with(&server, As::Token(&staff), route, body, &wait).await.status, 202);
    assert_eq!(buy(&server, As::Token(&staff), product, vip).await.status, 422);
    let mine = send(&server, ann.token(), "GET /api/v1/orders", Value::Null).await;
    expect::success(&mine, 200);
    let orders = mine.body["data"].as_array().expect("a list");
    assert_eq!(orders.len(), 2, "{}", mine.text);
    assert!(orders.iter().all(|order| order["customerId"] == ann.id.as_str()), "{}", mine.text);
}

#[tokio::test]
async fn a_customer_sees_what_is_held_for_them_and_staff_what_is_held() {
    let stand = stand();
    let server = stand.start();
    let [staff, admin] = ["staff", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 50).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    for who in [&ann, &bob] {
        let hold = json!({"productId": product, "quantity": 1});
        let answer = send(&server, who.token(), "POST /api/v1/reservations", hold).await;
        expect::success(&answer, 201);
    }
    let route = "GET /api/v1/reservations";
    let (of_ann, of_bob) =
        (format!("{route}?customerId={}", ann.id), format!("{route}?customerId={}", bob.id));
    let of_product = format!("{route}?productId={product}");
    let (of_ann, of_bob, of_product) = (of_ann.as_str(), of_bob.as_str(), of_product.as_str());
    let (a, b) = (ann.id.as_str(), bob.id.as_str());
    let (own, shop) = (ann.token(), As::Token(&staff));
    server.until_projected().await;
    for (who, asked, expected) in [
        (own, route, vec![a]),
        (own, of_ann, vec![a]),
        (own, of_product, vec![a]),
        (shop, route, vec![b, a]),
        (shop, of_bob, vec![b]),
        (shop, of_product, vec![b, a]),
    ] {
        let answer = send(&server, who, asked, Value::Null).await;
        expect::success(&answer, 200);
        let holds = answer.body["data"].as_array().expect("a list").iter();
        let customers: Vec<_> = holds.filter_map(|hold| hold["customerId"].as_str()).collect();
        assert_eq!(customers, expected, "{asked}: {}", answer.text);
    }
    expect::problem(&send(&server, own, of_bob, Value::Null).await, 403, "forbidden");
    expect::problem(&send(&server, As::Nobody, route, Value::Null).await, 401, "unauthorized");
}

/// What ann has: an order of one line, one of several, a reservation, one that is confirmed, and a
/// purchase that waited.
async fn things(server: &Server, ann: &Person, product: u64) -> Vec<String> {
    let id = |answer: &crate::support::Answer, name: &str| {
        assert!(answer.status < 300, "{}", answer.text);
        answer.body[name].as_str().expect("an id").to_owned()
    };
    let one = buy(server, ann.token(), product, json!({})).await;
    let pay = json!({"method": "simulated", "token": "tok_pending"});
    let body = json!({"items": [{"productId": product, "quantity": 1}], "payment": pay});
    let waiting = send(server, ann.token(), "POST /api/v1/orders", body).await;
    let hold = json!({"productId": product, "quantity": 1});
    let held = send(server, ann.token(), "POST /api/v1/reservations", hold.clone()).await;
    let sold = send(server, ann.token(), "POST /api/v1/reservations", hold.clone()).await;
    let sold = id(&sold, "reservationId");
    let confirm = format!("POST /api/v1/reservations/{sold}/confirm");
    expect::success(&send(server, ann.token(), &confirm, Value::Null).await, 200);
    let queued = send_with(
        server,
        ann.token(),
        "POST /api/v1/purchases",
        hold,
        &[("prefer", "respond-async")],
    )
    .await;
    vec![
        id(&one, "orderId"),
        id(&waiting, "orderId"),
        id(&held, "reservationId"),
        sold,
        id(&queued, "purchaseId"),
    ]
}

#[tokio::test]
async fn what_is_somebody_elses_is_not_there() {
    let stand = stand();
    let server = stand.start();
    let [staff, admin] = ["staff", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 50).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    let things = things(&server, &ann, product).await;
    let (order, waiting, held, sold, queued) =
        (&things[0], &things[1], &things[2], &things[3], &things[4]);
    for (route, code) in [
        (format!("GET /api/v1/orders/{order}"), "order-not-found"),
        (format!("POST /api/v1/orders/{order}/cancel"), "order-not-found"),
        (format!("POST /api/v1/orders/{waiting}/payment"), "order-not-found"),
        (format!("POST /api/v1/orders/{waiting}/cancel"), "order-not-found"),
        (format!("GET /api/v1/reservations/{held}"), "reservation-not-found"),
        (format!("POST /api/v1/reservations/{held}/confirm"), "reservation-not-found"),
        (format!("POST /api/v1/reservations/{held}/extend"), "reservation-not-found"),
        (format!("DELETE /api/v1/reservations/{held}"), "reservation-not-found"),
        (format!("GET /api/v1/reservations/{sold}"), "reservation-not-found"),
        (format!("POST /api/v1/reservations/{sold}/confirm"), "reservation-not-found"),
        (format!("DELETE /api/v1/reservations/{sold}"), "reservation-not-found"),
        (format!("GET /api/v1/purchases/{order}"), "purchase-not-found"),
        (format!("GET /api/v1/purchases/{queued}"), "purchase-not-found"),
    ] {
        let body = if route.ends_with("cancel") || route.ends_with("extend") {
            json!({})
        } else {
            Value::Null
        };
        expect::problem(&send(&server, bob.token(), &route, body.clone()).await, 404, code);
        let nobody = send(&server, As::Nobody, &route, body).await;
        expect::problem(&nobody, 401, "unauthorized");
    }
    // All of it is there for its owner, and for the shop.
    for who in [ann.token(), As::Token(&staff)] {
        for route in [
            format!("GET /api/v1/orders/{order}"),
            format!("GET /api/v1/orders/{waiting}"),
            format!("GET /api/v1/reservations/{held}"),
            format!("GET /api/v1/reservations/{sold}"),
            format!("GET /api/v1/purchases/{queued}"),
        ] {
            expect::success(&send(&server, who, &route, Value::Null).await, 200);
        }
    }
    let repeated = format!("POST /api/v1/reservations/{sold}/confirm");
    let answer = send(&server, ann.token(), &repeated, Value::Null).await;
    expect::problem(&answer, 409, "reservation-confirmed");
    let extend = format!("POST /api/v1/reservations/{held}/extend");
    expect::success(&send(&server, ann.token(), &extend, json!({})).await, 200);
    let release = format!("DELETE /api/v1/reservations/{held}");
    expect::success(&send(&server, ann.token(), &release, Value::Null).await, 200);
    let refund = format!("POST /api/v1/orders/{order}/refund");
    // Money goes back by the shop alone.
    expect::problem(&send(&server, ann.token(), &refund, json!({})).await, 403, "forbidden");
    expect::success(&send(&server, As::Token(&staff), &refund, json!({})).await, 200);
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_cart_is_its_customers() {
    let stand = stand();
    let server = stand.start();
    let admin = token(&stand, "admin", "ops");
    let product = create_product(&server, &admin, 50).await;
    let other = create_product(&server, &admin, 50).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    let put = |product: u64| format!("PUT /api/v1/cart/items/{product}");
    let quantity = json!({"quantity": 2});
    let begun = send(&server, ann.token(), &put(product), quantity.clone()).await;
    expect::success(&begun, 200);
    assert!(begun.body.get("sessionId").is_none() && begun.header("x-session-id").is_empty());
    let lines = |answer: &crate::support::Answer| {
        expect::success(answer, 200);
        answer.body["lines"].as_array().expect("lines").len()
    };
    let cart = "GET /api/v1/cart";
    assert_eq!(lines(&send(&server, ann.token(), cart, Value::Null).await), 1);
    assert_eq!(lines(&send(&server, bob.token(), cart, Value::Null).await), 0);
    let session = [("x-session-id", ann.id.as_str())];
    assert_eq!(lines(&send_with(&server, As::Nobody, cart, Value::Null, &session).await), 0);
    // What was put into a cart before signing in comes along, once; to a customer and to nobody else.
    let session = [("x-session-id", "before-signing-in")];
    expect::success(&send_with(&server, As::Nobody, &put(other), quantity, &session).await, 200);
    let shop = As::Token(&admin);
    assert_eq!(lines(&send_with(&server, shop, cart, Value::Null, &session).await), 0);
    assert_eq!(lines(&send_with(&server, As::Nobody, cart, Value::Null, &session).await), 1);
    assert_eq!(lines(&send_with(&server, ann.token(), cart, Value::Null, &session).await), 2);
    assert_eq!(lines(&send_with(&server, As::Nobody, cart, Value::Null, &session).await), 0);

    let pay = json!({"payment": {"method": "simulated", "token": "tok_ok"}});
    let checkout = "POST /api/v1/cart/checkout";
    let nobody = send_with(&server, As::Nobody, checkout, pay.clone(), &session).await;
    expect::problem(&nobody, 401, "unauthorized");
    let ordered = send(&server, ann.token(), checkout, pay).await;
    expect::success(&ordered, 201);
    assert_eq!(ordered.body["customerId"], ann.id.as_str());
    assert_eq!(lines(&send(&server, ann.token(), cart, Value::Null).await), 0);
}
