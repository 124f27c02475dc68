//! A screen: one client that follows topics over a WebSocket.

use crate::support::Server;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Response;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Longest anything may take; only a broken server is as slow.
pub const SOON: Duration = Duration::from_secs(20);

pub struct Screen {
    pub socket: WebSocketStream<TcpStream>,
    /// The first message.
    pub welcome: Value,
}

/// Where the server listens.
pub fn address(server: &Server) -> &str {
    server.base.strip_prefix("http://").expect("a base URL")
}

/// Connects with these headers; the answer to one that may not.
pub async fn try_connect(
    server: &Server,
    headers: &[(&'static str, &str)],
) -> Result<(WebSocketStream<TcpStream>, Response), Error> {
    let mut request = format!("ws://{}/ws", address(server)).into_client_request().unwrap();
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_str(value).unwrap());
    }
    let stream = TcpStream::connect(address(server)).await.expect("a connection");
    tokio_tungstenite::client_async(request, stream).await
}

impl Screen {
    pub async fn connect(server: &Server) -> Self {
        Self::connect_as(server, &[]).await
    }

    pub async fn connect_as(server: &Server, headers: &[(&'static str, &str)]) -> Self {
        let (socket, _) = try_connect(server, headers).await.expect("a WebSocket");
        let mut screen = Self { socket, welcome: Value::Null };
        screen.welcome = screen.next().await;
        assert_eq!(screen.welcome["type"], "welcome", "{}", screen.welcome);
        screen
    }

    /// Connects and follows these topics.
    pub async fn of(server: &Server, topics: &[&str]) -> Self {
        let mut screen = Self::connect(server).await;
        screen.subscribe(topics).await;
        screen
    }

    pub async fn say(&mut self, message: Value) {
        self.send(Message::text(message.to_string())).await;
    }

    pub async fn send(&mut self, message: Message) {
        self.socket.send(message).await.expect("a message is sent");
    }

    pub async fn subscribe(&mut self, topics: &[&str]) {
        self.say(json!({"type": "subscribe", "topics": topics})).await;
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        self.try_next(SOON).await.expect("a message in time")
    }

    /// The same, if one comes in this time.
    pub async fn try_next(&mut self, most: Duration) -> Option<Value> {
        let text = async {
            loop {
                match self.socket.next().await.expect("open").expect("a message") {
                    Message::Text(text) => break serde_json::from_str(&text).expect("JSON"),
                    Message::Ping(_) | Message::Pong(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        };
        tokio::time::timeout(most, text).await.ok()
    }

    /// Reads until a value fits.
    pub async fn until(&mut self, fits: impl Fn(&Value) -> bool) -> Value {
        let wait = async {
            loop {
                let message = self.next().await;
                if fits(&message) {
                    break message;
                }
            }
        };
        tokio::time::timeout(SOON, wait).await.expect("such a message in time")
    }

    /// How the server closes, read to its end.
    pub async fn closed(&mut self) -> Option<CloseCode> {
        let close = async {
            loop {
                match self.socket.next().await {
                    Some(Ok(Message::Close(frame))) => break frame.map(|frame| frame.code),
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => break None,
                }
            }
        };
        tokio::time::timeout(SOON, close).await.expect("a close in time")
    }

    /// The code of the next message, which must be an error.
    pub async fn error(&mut self) -> String {
        let message = self.until(|message| message["type"] == "error").await;
        message["code"].as_str().expect("a code").to_owned()
    }
}

/// Waits until a number of `/metrics` is what it should be.
pub async fn metric_becomes(server: &Server, name: &str, wanted: f64) {
    let started = std::time::Instant::now();
    while (server.metric(name).await - wanted).abs() > f64::EPSILON {
        assert!(started.elapsed() < SOON, "{name} is {}", server.metric(name).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
