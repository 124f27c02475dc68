//! Rights: who may follow what, and how they say who they are.

use crate::screen::{Screen, try_connect};
use crate::shop::{create_product, register, send, stand, token};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

#[tokio::test]
async fn everybody_sees_the_stock_and_only_their_own_orders() {
    let stand = stand();
    let server = stand.start();
    let [staff, admin] = ["staff", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 10).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    let buy = json!({"productId": product, "quantity": 1});
    let bought = send(&server, ann.token(), "POST /api/v1/purchases", buy).await;
    assert_eq!(bought.status, 201, "{}", bought.text);
    let order = bought.body["orderId"].as_str().unwrap();
    let (stock, purchase) = (format!("stock:{product}"), format!("purchase:{order}"));
    let (anns, bobs) = (format!("orders:{}", ann.id), format!("orders:{}", bob.id));
    let private = ["orders", &anns, &purchase, "metrics", "alerts"];

    let mut nobody = Screen::of(&server, &[&stock]).await;
    assert_eq!(nobody.next().await["data"]["available"], 9);
    for topic in private {
        nobody.subscribe(&[topic]).await;
        assert_eq!(nobody.error().await, "unauthorized", "{topic}");
    }
    // A page says who it is in a message.
    nobody.say(json!({"type": "authenticate", "token": "abc"})).await;
    assert_eq!(nobody.error().await, "invalid-token");
    nobody.say(json!({"type": "authenticate", "token": ann.access})).await;
    let told = nobody.until(|message| message["type"] == "authenticated").await;
    assert_eq!((&told["subject"], &told["role"]), (&json!(ann.id), &json!("customer")));
    for topic in ["orders", &anns] {
        nobody.subscribe(&[topic]).await;
        nobody.until(|message| message["data"][0]["orderId"] == order).await;
        nobody.say(json!({"type": "unsubscribe", "topics": [topic]})).await;
    }
    for (topic, code) in [(bobs.as_str(), "forbidden"), ("metrics", "forbidden")] {
        nobody.subscribe(&[topic]).await;
        assert_eq!(nobody.error().await, code, "{topic}");
    }

    // What belongs to somebody else is not there.
    let bearer = format!("Bearer {}", bob.access);
    let mut bob = Screen::connect_as(&server, &[("authorization", &bearer)]).await;
    bob.subscribe(&[&purchase]).await;
    assert_eq!(bob.error().await, "purchase-not-found");
    bob.subscribe(&[&anns]).await;
    assert_eq!(bob.error().await, "forbidden");

    // A subprotocol is the only header that a page can fill; the token does not come back.
    let protocols = format!("lastunit.v1, bearer.{staff}");
    let headers = [("sec-websocket-protocol", protocols.as_str())];
    let (_, response) = try_connect(&server, &headers).await.expect("a WebSocket");
    assert_eq!(response.headers()["sec-websocket-protocol"], "lastunit.v1");
    let mut shop = Screen::connect_as(&server, &headers).await;
    for topic in ["orders", &anns, &purchase] {
        shop.subscribe(&[topic]).await;
        let message = shop.until(|message| message["topic"] == topic).await;
        assert_eq!(message["type"], "snapshot", "{topic}: {message}");
    }
}

#[tokio::test]
async fn a_bad_token_opens_nothing() {
    let stand = stand();
    let server = stand.start();
    for headers in [
        [("authorization", "Bearer abc")],
        [("sec-websocket-protocol", "lastunit.v1, bearer.abc")],
        [("x-api-key", "lu_abc")],
    ] {
        let Err(Error::Http(response)) = try_connect(&server, &headers).await else {
            panic!("{headers:?} opened a socket")
        };
        assert_eq!(response.status().as_u16(), 401, "{headers:?}");
    }
    let events = server.get("/events?topics=orders").await;
    assert_eq!((events.status, events.code()), (401, "unauthorized"));
    // Not in the URL: it would be in every log on the way.
    let events = server.get("/events?topics=metrics&token=abc&access_token=abc").await;
    assert_ne!(events.status, 200);
}

#[tokio::test]
async fn a_token_that_runs_out_ends_the_connection() {
    let stand = stand().setting("AUTH__LEEWAY_SECONDS", 0);
    let server = stand.start();
    let output = stand
        .command(&["token", "--role", "customer", "--subject", "ann", "--ttl", "3s"])
        .output()
        .expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let short = String::from_utf8(output.stdout).unwrap();
    let bearer = format!("Bearer {}", short.trim());
    let mut screen = Screen::connect_as(&server, &[("authorization", &bearer)]).await;
    screen.subscribe(&["orders"]).await;
    assert_eq!(screen.next().await["data"], Value::Array(vec![]));
    assert_eq!(screen.closed().await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn who_signs_in_anew_leaves_what_they_followed() {
    let stand = stand();
    let server = stand.start();
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    let mut screen = Screen::connect(&server).await;
    screen.say(json!({"type": "authenticate", "token": ann.access})).await;
    screen.subscribe(&["orders"]).await;
    screen.until(|message| message["topic"] == json!(format!("orders:{}", ann.id))).await;
    screen.say(json!({"type": "authenticate", "token": bob.access})).await;
    screen.until(|message| message["type"] == "authenticated").await;
    crate::screen::metric_becomes(&server, "lastunit_live_subscriptions{topic=\"orders\"}", 0.0)
        .await;
}
