//! Bounds, and clients that do not keep to the protocol.

use crate::screen::{SOON, Screen, address, metric_becomes, try_connect};
use crate::support::Stand;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// The problem document of a handshake that was refused.
fn refusal(error: Error) -> (u16, Value) {
    let Error::Http(response) = error else { panic!("{error}") };
    let body = response.body().as_deref().unwrap_or_default();
    (response.status().as_u16(), serde_json::from_slice(body).unwrap_or(Value::Null))
}

#[tokio::test]
async fn clients_are_counted_in_all_and_by_address() {
    for (setting, status, code) in [
        ("LIVE__CLIENTS_MAX", 503, "overloaded"),
        ("LIVE__CLIENTS_PER_ADDRESS_MAX", 429, "rate-limited"),
    ] {
        let stand = Stand::embedded().setting(setting, 2);
        let server = stand.start();
        let product = server.create_product(10).await;
        let screens = [Screen::connect(&server).await, Screen::connect(&server).await];
        let (refused, problem) =
            refusal(try_connect(&server, &[]).await.expect_err("one too many"));
        assert_eq!((refused, &problem["code"]), (status, &json!(code)), "{problem}");
        let events = server.get(&format!("/events?topics=stock:{product}")).await;
        assert_eq!((events.status, events.code()), (status, code));
        drop(screens);
        metric_becomes(&server, "lastunit_live_clients{transport=\"websocket\"}", 0.0).await;
        Screen::connect(&server).await;
    }
}

#[tokio::test]
async fn topics_are_counted_and_must_be_there() {
    let stand = Stand::embedded().setting("LIVE__TOPICS_PER_CLIENT_MAX", 2);
    let server = stand.start();
    let mut topics = vec![];
    for _ in 0..3 {
        topics.push(format!("stock:{}", server.create_product(10).await));
    }
    let mut screen = Screen::of(&server, &[&topics[0], &topics[1], &topics[2]]).await;
    assert_eq!(screen.error().await, "validation-failed");
    // The same again is no other one.
    screen.subscribe(&[&topics[1]]).await;
    screen.say(json!({"type": "unsubscribe", "topics": [topics[0]]})).await;
    screen.until(|message| message["type"] == "unsubscribed").await;
    screen.subscribe(&[&topics[2]]).await;
    screen.until(|message| message["topic"] == json!(topics[2])).await;
    screen.say(json!({"type": "unsubscribe", "topics": topics})).await;
    screen.until(|message| message["type"] == "unsubscribed").await;
    for (topic, code) in [
        ("stock:99999", "product-not-found"),
        ("stock:-1", "product-not-found"),
        ("stock:", "product-not-found"),
        ("stock:18446744073709551616", "product-not-found"),
        ("sale:99999", "sale-not-found"),
        ("purchase:1", "purchase-not-found"),
        ("purchase:1-01a1fdd1-376e-7493-b22e-a2d4a80c26f0", "purchase-not-found"),
        ("orders:", "topic-not-found"),
        ("weather", "topic-not-found"),
        ("weather:1", "topic-not-found"),
        ("", "topic-not-found"),
    ] {
        screen.subscribe(&[topic]).await;
        let message = screen.next().await;
        assert_eq!(
            (&message["type"], &message["code"]),
            (&json!("error"), &json!(code)),
            "{topic}"
        );
        assert_eq!(message["topic"], topic);
    }
}

#[tokio::test]
async fn nonsense_is_answered_and_too_much_of_it_is_the_end() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut screen = Screen::connect(&server).await;
    for nonsense in [
        "",
        "{",
        "[]",
        "null",
        "\"subscribe\"",
        "{\"type\":\"shout\"}",
        "{\"type\":\"subscribe\"}",
        "{\"type\":\"subscribe\",\"topics\":\"stock:1\"}",
        "{\"type\":\"ping\",\"more\":1}",
    ] {
        screen.send(Message::text(nonsense)).await;
        let message = screen.next().await;
        assert_eq!(message["code"], "invalid-request", "{nonsense}: {message}");
    }
    for _ in 0..30 {
        let _ = futures::SinkExt::send(&mut screen.socket, Message::text("?")).await;
    }
    assert_eq!(screen.closed().await, Some(CloseCode::Policy));
}

#[tokio::test]
async fn frames_have_bounds() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let mut bystander = Screen::of(&server, &[&format!("stock:{product}")]).await;
    bystander.next().await;
    let long = json!({"type": "subscribe", "topics": ["x".repeat(8_000)]}).to_string();
    for (message, code) in [
        (Message::text(long), CloseCode::Size),
        (Message::binary(vec![0; 10]), CloseCode::Unsupported),
    ] {
        let mut screen = Screen::connect(&server).await;
        screen.send(message).await;
        assert_eq!(screen.closed().await, Some(code));
    }
    let mut chatty = Screen::connect(&server).await;
    for _ in 0..200 {
        let ping = Message::text("{\"type\":\"ping\"}");
        if futures::SinkExt::send(&mut chatty.socket, ping).await.is_err() {
            break;
        }
    }
    assert_eq!(chatty.closed().await, Some(CloseCode::Policy));
    server.buy(product, 1, "ann").await;
    assert_eq!(bystander.next().await["data"]["available"], 9);
}

/// Shakes hands by hand, then sends these bytes, and reads to the end.
async fn after_the_handshake(server: &crate::support::Server, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address(server)).await.expect("a connection");
    let head = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
        sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    // In one piece: what follows the head is the client's first frames.
    let all = [head.as_bytes(), bytes].concat();
    stream.write_all(&all).await.expect("sent");
    let mut answer = vec![];
    let reading = tokio::time::timeout(SOON, stream.read_to_end(&mut answer));
    let _ = reading.await.expect("an end in time");
    answer
}

#[tokio::test]
async fn garbage_closes_that_connection_alone() {
    let stand = Stand::embedded();
    let server = stand.start();
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        // Not masked, reserved bits, an unknown kind, a fragmented ping, a length of 2^63.
        b"\x81\x02hi",
        b"\xf1\x82\0\0\0\0hi",
        b"\x83\x82\0\0\0\0hi",
        b"\x09\x82\0\0\0\0hi",
        b"\x81\xff\x80\0\0\0\0\0\0\0\0\0\0\0",
        // Text that is not UTF-8.
        b"\x81\x82\0\0\0\0\xff\xfe",
    ] {
        let answer = after_the_handshake(&server, garbage).await;
        assert!(answer.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(&answer));
    }
    metric_becomes(&server, "lastunit_live_clients{transport=\"websocket\"}", 0.0).await;
    assert_eq!(server.get("/health/ready").await.status, 200);
}

#[tokio::test]
async fn a_handshake_must_be_one() {
    let stand = Stand::embedded();
    let server = stand.start();
    let plain = server.get("/ws").await;
    assert_eq!((plain.status, plain.code()), (426, "upgrade-required"));
    assert_eq!(plain.header("upgrade"), "websocket");
    let foreign = try_connect(&server, &[("origin", "https://evil.example")]).await;
    assert_eq!(refusal(foreign.expect_err("another origin")).0, 403);
    let own = format!("http://{}", address(&server));
    Screen::connect_as(&server, &[("origin", &own)]).await;
    let (_, response) =
        try_connect(&server, &[("sec-websocket-protocol", "lastunit.v1")]).await.expect("spoken");
    assert_eq!(response.headers()["sec-websocket-protocol"], "lastunit.v1");
}

/// The newest orders may be long: their followers are shown them all the same.
#[tokio::test]
async fn a_long_value_is_shown_whole() {
    const LINES: u64 = 100;
    let stand = Stand::embedded();
    let server = stand.start();
    let mut items = vec![];
    for _ in 0..LINES {
        let price = json!({ "amount": 1_000_000_007, "currency": "USD" });
        let product = json!({ "stock": 1_000, "price": price });
        items.push(json!({ "productId": server.create(product).await, "quantity": 1 }));
    }
    for _ in 0..20 {
        let order = json!({
            "customerId": "ann", "items": items,
            "payment": { "method": "simulated", "token": "tok_ok" },
        });
        let answer = server.post("/api/v1/orders", order).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
    }
    server.until_projected().await;
    let mut screen = Screen::of(&server, &["orders:ann"]).await;
    let shown = screen.until(|message| message["data"][19]["lines"][99].is_object()).await;
    assert!(shown.to_string().len() > 256 * 1024, "{}", shown.to_string().len());
    // The connection stays.
    screen.say(json!({ "type": "ping" })).await;
    screen.until(|message| message["type"] == "pong").await;
}

/// Each topic is a question: whoever asks too many is told so, as over HTTP.
#[tokio::test]
async fn topics_are_limited_like_requests() {
    let stand = Stand::embedded()
        .setting("LIMITS__ENABLED", true)
        .setting("LIMITS__OVERLOAD_LAG_MS", 0)
        .setting("LIMITS__ADDRESS_READING_PER_SECOND", 1)
        .setting("LIMITS__ADDRESS_READING_BURST", 10);
    let server = stand.start();
    let mut screen = Screen::connect(&server).await;
    let topics: Vec<_> = (1..=30).map(|sale| format!("sale:{sale}")).collect();
    let topics: Vec<_> = topics.iter().map(String::as_str).collect();
    screen.subscribe(&topics).await;
    assert_eq!(screen.error().await, "sale-not-found");
    let limited = screen.until(|message| message["code"] == "rate-limited").await;
    assert_eq!((&limited["type"], &limited["retryable"]), (&json!("error"), &json!(true)));
    // A message that names more topics than anybody may follow is not looked at.
    let many = vec!["sale:1"; 65];
    screen.subscribe(&many).await;
    screen.until(|message| message["code"] == "validation-failed").await;
}
