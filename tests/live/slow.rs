//! Slow clients: one that does not read gets the newest when it does, one that never does is let go, and
//! neither costs the others anything.

use crate::screen::{SOON, Screen, address, metric_becomes, try_connect};
use crate::support::Stand;
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_does_not_read_gets_the_newest_and_not_the_old() {
    let stand = Stand::embedded().setting("LIVE__UPDATES_PER_SECOND_MAX", 100);
    let server = stand.start();
    let product = server.create_product(100_000).await;
    let topic = format!("stock:{product}");
    let mut slow = Screen::of(&server, &[&topic]).await;
    let mut quick = Screen::of(&server, &[&topic]).await;
    let started = Instant::now();
    let mut bought = 0;
    // Long enough that far more was shown than the system keeps for one socket.
    while started.elapsed() < Duration::from_secs(6) {
        server.buy(product, 1, "ann").await;
        bought += 1;
    }
    let left = 100_000 - bought;
    for screen in [&mut quick, &mut slow] {
        screen.until(|message| message["data"]["available"] == json!(left)).await;
    }
}

#[tokio::test]
async fn a_half_open_connection_is_let_go() {
    let stand =
        Stand::embedded().setting("LIVE__PING_SECONDS", 1).setting("LIVE__SILENCE_SECONDS_MAX", 2);
    let server = stand.start();
    let product = server.create_product(10).await;
    let clients = "lastunit_live_clients{transport=\"websocket\"}";
    // It shakes hands and is never heard again: it reads nothing, so it answers no ping.
    let (silent, _) = try_connect(&server, &[]).await.expect("a WebSocket");
    let mut screen = Screen::of(&server, &[&format!("stock:{product}")]).await;
    screen.next().await;
    metric_becomes(&server, clients, 2.0).await;
    let closed = async {
        metric_becomes(&server, "lastunit_live_closed_total{reason=\"silent\"}", 1.0).await;
        metric_becomes(&server, clients, 1.0).await;
    };
    // The other one answers pings as it reads.
    tokio::select! {
        () = closed => {}
        message = screen.next() => panic!("{message}"),
    }
    server.buy(product, 1, "ann").await;
    assert_eq!(screen.next().await["data"]["available"], 9);
    drop(silent);
}

#[tokio::test]
async fn stalled_clients_keep_nobody_waiting() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1_000).await;
    let topic = format!("stock:{product}");
    let mut stalled = vec![];
    for _ in 0..100 {
        let mut screen = Screen::connect(&server).await;
        screen.subscribe(&[&topic]).await;
        stalled.push(screen);
    }
    let mut screen = Screen::of(&server, &[&topic]).await;
    screen.next().await;
    for left in (900..1_000).rev() {
        server.buy(product, 1, "ann").await;
        screen.until(|message| message["data"]["available"].as_u64() <= Some(left)).await;
    }
    metric_becomes(&server, "lastunit_live_clients{transport=\"websocket\"}", 101.0).await;
    drop(stalled);
    metric_becomes(&server, "lastunit_live_clients{transport=\"websocket\"}", 1.0).await;
    metric_becomes(&server, "lastunit_live_subscriptions{topic=\"stock\"}", 1.0).await;
}

#[tokio::test]
async fn a_shutdown_is_polite_and_waits_for_nobody() {
    use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
    let stand = Stand::embedded().setting("SERVER__DRAIN_TIMEOUT_MS", 30_000);
    let mut server = stand.start();
    let product = server.create_product(10).await;
    let topic = format!("stock:{product}");
    let mut screen = Screen::of(&server, &[&topic]).await;
    screen.next().await;
    let rude = Screen::of(&server, &[&topic]).await;
    let mut events = TcpStream::connect(address(&server)).await.expect("a connection");
    let request = format!("GET /events?topics={topic} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    events.write_all(request.as_bytes()).await.expect("sent");
    metric_becomes(&server, "lastunit_live_clients{transport=\"sse\"}", 1.0).await;
    server.signal(rustix::process::Signal::TERM);
    assert_eq!(screen.closed().await, Some(CloseCode::Away));
    let started = Instant::now();
    assert!(server.wait_for_end(SOON).success(), "{}", server.log());
    assert!(started.elapsed() < Duration::from_secs(15), "it waited for the drain's deadline");
    drop(rude);
}
