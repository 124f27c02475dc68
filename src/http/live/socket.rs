//! Sockets: WebSocket (RFC 6455) by tokio-tungstenite, one task a client on the hub's runtime.
//!
//! ```text
//!   GET /ws ─ 101 ─▶ welcome ─▶ ┌ a value waits ─▶ write it (no longer than silence_max)
//!                               │ the client says something ─▶ answer
//!                               │ ping time ─▶ ping; nothing heard since the last two ─▶ close
//!                               └ token over, shutdown, misbehaviour ─▶ close, with the reason
//! ```
//!
//! A token comes in a header, as the subprotocol `bearer.TOKEN` beside `lastunit.v1`, or in a message;
//! never in the URL, which is logged on the way. Buffers are as small as they may be: there are thousands
//! of clients, and each says little.

use super::messages::{Said, Told};
use super::topics::topic;
use super::{LiveOptions, events};
use crate::admission::Budget;
use crate::domain::Timestamp;
use crate::http::Api;
use crate::http::caller::Caller;
use crate::http::client;
use crate::http::problem::{Code, Problem};
use crate::http::server::into_stream;
use crate::http::time::Rfc3339;
use crate::live::{Subscriber, Update};
use crate::telemetry::metrics::{LiveClosed, LiveRefused, LiveTransport};
use axum::body::Body;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures::{SinkExt, StreamExt};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until, timeout};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{self, Error, Message, Utf8Bytes};

/// What is spoken here.
const PROTOCOL: &str = "lastunit.v1";
/// A token among the subprotocols: the only header that a page can fill.
const BEARER: &str = "bearer.";
/// Bytes read at once: clients say short things.
const READ_BYTES: usize = 1024;
/// Messages of one client in [`RATE_TIME`], above which it misbehaves; and those that make no sense, in all.
const RATE_MAX: u32 = 100;
const RATE_TIME: Duration = Duration::from_secs(10);
const NONSENSE_MAX: u32 = 20;
/// Topics that one message may name: more than any client may follow.
const NAMES_MAX: usize = 64;
/// What may be said, for whoever says something else.
const MESSAGES: &str = "send a JSON object with type subscribe or unsubscribe and topics, authenticate and token, \
     or ping, and nothing else in it";

/// Opens a WebSocket.
#[utoipa::path(
    get, path = "/ws", tag = "live", operation_id = "connect",
    responses(
        (status = 101, description = "The connection speaks WebSocket from here on, subprotocol \
            `lastunit.v1`; docs/api.md has its messages"),
        (status = 426, description = "`upgrade-required`: this was no WebSocket handshake",
            body = crate::http::problem::Document, content_type = "application/problem+json"),
        crate::http::openapi::SignInFailures,
    )
)]
pub async fn connect(State(api): State<Api>, request: Request) -> Response {
    match accept(api, request).await {
        Ok(response) => response,
        Err(problem) => {
            let upgrade = problem.code() == Code::UpgradeRequired;
            let mut response = problem.into_response();
            if upgrade {
                let headers = response.headers_mut();
                headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            }
            response
        }
    }
}

async fn accept(api: Api, request: Request) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    let protocols = protocols(&parts.headers);
    if let Some(token) = protocols.iter().find_map(|name| name.strip_prefix(BEARER)) {
        let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
        parts.headers.append(header::AUTHORIZATION, bearer.map_err(|_| not_a_handshake())?);
    }
    let caller = Caller::from_request_parts(&mut parts, &api).await?;
    let response = create_response(&parts_of(&parts)).map_err(|_| not_a_handshake())?;
    let upgrade = hyper::upgrade::on(Request::from_parts(parts, body));
    let address = client::address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let subscriber =
        api.live.hub.connect(address, LiveTransport::WebSocket).map_err(super::refused)?;
    let live = api.live.clone();
    live.runtime.spawn(async move {
        let Ok(upgraded) = upgrade.await else { return };
        let Some((stream, read)) = into_stream(upgraded) else { return };
        // What was read may be a few bytes, or none, of a large buffer: it must not stay for the sake of them.
        let begun = read.to_vec();
        drop(read);
        if let Err(error) = keep_little(&stream, live.options.send_buffer_bytes) {
            tracing::debug!(%error, "a slow client may be shown old values");
        }
        let limits = limits(live.options);
        let socket =
            WebSocketStream::from_partially_read(stream, begun, Role::Server, Some(limits)).await;
        Client::new(api, caller, address, subscriber, socket).run().await;
    });
    let mut response = response.map(|()| Body::empty());
    if protocols.iter().any(|name| name == PROTOCOL) {
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(PROTOCOL));
    }
    debug_assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
    Ok(response)
}

/// What the handshake is checked by.
fn parts_of(parts: &axum::http::request::Parts) -> axum::http::Request<()> {
    let mut request = axum::http::Request::new(());
    *request.method_mut() = parts.method.clone();
    *request.version_mut() = parts.version;
    *request.headers_mut() = parts.headers.clone();
    request
}

fn not_a_handshake() -> Problem {
    let detail =
        "this is for WebSocket (version 13): connect with ws://, or follow /events instead";
    Problem::new(Code::UpgradeRequired, detail)
}

fn protocols(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let texts = values.filter_map(|value| value.to_str().ok());
    texts.flat_map(|text| text.split(',')).map(|name| name.trim().to_owned()).collect()
}

/// What the system keeps for a client is old by the time it is read.
fn keep_little(stream: &TcpStream, bytes: usize) -> std::io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_send_buffer_size(stream, bytes)?)
}

fn limits(options: LiveOptions) -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BYTES)
        // Nothing gathers: a message is written before the next is taken.
        .write_buffer_size(0)
        .max_message_size(Some(options.message_bytes_max))
        .max_frame_size(Some(options.message_bytes_max))
}

/// One client on its socket.
struct Client {
    api: Api,
    caller: Caller,
    address: IpAddr,
    subscriber: Subscriber,
    socket: WebSocketStream<TcpStream>,
    ping: Interval,
    heard_at: Instant,
    /// Messages since, for the limit on their rate.
    rate: (Instant, u32),
    nonsense: u32,
}

/// Why a client is let go, and what it is told.
struct Goodbye(LiveClosed, Option<(CloseCode, &'static str)>);

impl Goodbye {
    const LEFT: Self = Self(LiveClosed::Left, None);

    const fn misbehaved(reason: &'static str) -> Self {
        Self(LiveClosed::Misbehaved, Some((CloseCode::Policy, reason)))
    }
}

impl Client {
    fn new(
        api: Api,
        caller: Caller,
        address: IpAddr,
        subscriber: Subscriber,
        socket: WebSocketStream<TcpStream>,
    ) -> Self {
        let mut ping = interval(api.live.options.ping);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let now = crate::clock::moment();
        let (rate, nonsense) = ((now, 0), 0);
        Self { api, caller, address, subscriber, socket, ping, heard_at: now, rate, nonsense }
    }

    async fn run(mut self) {
        let Err(Goodbye(reason, told)) = self.serve().await;
        self.subscriber.closes(reason);
        if let Some((code, reason)) = told {
            let frame = CloseFrame { code, reason: Utf8Bytes::from_static(reason) };
            let silence_max = self.api.live.options.silence_max;
            // Polite, and not for long.
            let _ = timeout(silence_max.min(Duration::from_secs(2)), async {
                let _ = self.socket.close(Some(frame)).await;
                while let Some(Ok(_)) = self.socket.next().await {}
            })
            .await;
        }
    }

    async fn serve(&mut self) -> Result<std::convert::Infallible, Goodbye> {
        let options = self.api.live.hub.options();
        let per_second = 1_000 / u32::try_from(options.pace.as_millis()).unwrap_or(1).max(1);
        let welcome = Told::Welcome {
            time: Rfc3339(self.api.clock.now()),
            updates_per_second_max: per_second,
            topics_max: options.topics_per_client_max,
        };
        self.send(welcome.text()).await?;
        let mut until = self.until();
        loop {
            tokio::select! {
                update = self.subscriber.next() => match update {
                    Some(Update { value, is_first }) => self.send(value.message(is_first)).await?,
                    None => return Err(Goodbye(
                        LiveClosed::Shutdown,
                        Some((CloseCode::Away, "the server is going down: connect again")),
                    )),
                },
                message = self.socket.next() => {
                    self.hear(message).await?;
                    until = self.until();
                }
                _ = self.ping.tick() => self.ping().await?,
                () = sleep_until(until) => return Err(Goodbye(
                    LiveClosed::SignedOut,
                    Some((CloseCode::Policy, "the token is over: connect again with a new one")),
                )),
            }
        }
    }

    /// When the caller's token is over.
    fn until(&self) -> Instant {
        /// For whom it never is.
        const LONG: Duration = Duration::from_hours(24 * 365);
        let left =
            |until: Timestamp| Duration::from_millis(until.millis_since(self.api.clock.now()));
        crate::clock::moment() + self.caller.valid_until().map_or(LONG, left).min(LONG)
    }

    /// Writes, for as long as a client may take.
    async fn send(&mut self, text: Utf8Bytes) -> Result<(), Goodbye> {
        self.write(Message::Text(text)).await
    }

    async fn write(&mut self, message: Message) -> Result<(), Goodbye> {
        match timeout(self.api.live.options.silence_max, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Goodbye::LEFT),
            Err(_) => Err(Goodbye(LiveClosed::Slow, None)),
        }
    }

    async fn ping(&mut self) -> Result<(), Goodbye> {
        if crate::clock::moment() - self.heard_at > self.api.live.options.silence_max {
            return Err(Goodbye(LiveClosed::Silent, None));
        }
        self.write(Message::Ping(tungstenite::Bytes::new())).await
    }

    async fn hear(&mut self, message: Option<Result<Message, Error>>) -> Result<(), Goodbye> {
        self.heard_at = crate::clock::moment();
        if self.heard_at - self.rate.0 > RATE_TIME {
            self.rate = (self.heard_at, 0);
        }
        self.rate.1 += 1;
        if self.rate.1 > RATE_MAX {
            return Err(Goodbye::misbehaved("too many messages"));
        }
        match message {
            Some(Ok(Message::Text(text))) => self.answer(&text).await,
            // Pings are answered by the library, with the next write or read.
            Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
            Some(Ok(Message::Binary(_))) => Err(Goodbye(
                LiveClosed::Misbehaved,
                Some((CloseCode::Unsupported, "messages are JSON in text frames")),
            )),
            Some(Err(Error::Capacity(_))) => Err(Goodbye(
                LiveClosed::Misbehaved,
                Some((CloseCode::Size, "the message is longer than it may be")),
            )),
            Some(Err(Error::Protocol(_))) => Err(Goodbye(
                LiveClosed::Misbehaved,
                Some((CloseCode::Protocol, "this is no WebSocket frame")),
            )),
            Some(Err(Error::Utf8(_))) => Err(Goodbye(
                LiveClosed::Misbehaved,
                Some((CloseCode::Invalid, "text must be UTF-8")),
            )),
            Some(Ok(Message::Close(_) | Message::Frame(_)) | Err(_)) | None => Err(Goodbye::LEFT),
        }
    }

    async fn answer(&mut self, text: &str) -> Result<(), Goodbye> {
        let Ok(said) = serde_json::from_str::<Said>(text) else {
            self.nonsense += 1;
            if self.nonsense > NONSENSE_MAX {
                return Err(Goodbye::misbehaved("too many messages that make no sense"));
            }
            let problem = Problem::new(Code::InvalidRequest, MESSAGES);
            return self.send(Told::error(None, &problem).text()).await;
        };
        if said.topics() > NAMES_MAX {
            let problem = events::too_many_topics();
            return self.send(Told::error(None, &problem).text()).await;
        }
        match said {
            Said::Authenticate { token } => self.authenticate(&token).await,
            Said::Subscribe { topics, versions } => {
                for name in topics {
                    let seen = versions.get(&name).map(String::as_str);
                    if let Err(problem) = self.subscribe(&name, seen).await {
                        if problem.code() == Code::Forbidden || problem.code() == Code::Unauthorized
                        {
                            self.api.live.hub.metrics().refused(LiveRefused::Forbidden);
                        }
                        self.send(Told::error(Some(&name), &problem).text()).await?;
                    }
                }
                Ok(())
            }
            Said::Unsubscribe { topics } => {
                for name in &topics {
                    if let Ok(topic) = topic(&self.api, &self.caller, name).await {
                        self.subscriber.unsubscribe(&topic);
                    }
                }
                self.send(Told::Unsubscribed { topics: &topics }.text()).await
            }
            Said::Ping {} => {
                let time = Rfc3339(self.api.clock.now());
                self.send(Told::Pong { time }.text()).await
            }
        }
    }

    /// Each topic is a question like any other: over the limits, or under too much load, it is not asked.
    async fn subscribe(&mut self, name: &str, seen: Option<&str>) -> Result<(), Problem> {
        self.api.admission.request(Some(self.address), Budget::Reading)?;
        let topic = topic(&self.api, &self.caller, name).await?;
        let followed = self.subscriber.subscribe(topic, seen).await;
        followed.map_err(|refused| events::refused_topic(refused, name))
    }

    async fn authenticate(&mut self, token: &str) -> Result<(), Goodbye> {
        let mut headers = HeaderMap::new();
        if let Ok(bearer) = HeaderValue::from_str(&format!("Bearer {token}")) {
            headers.insert(header::AUTHORIZATION, bearer);
        }
        match Caller::of(&self.api, &headers, None).await {
            // Whoever sent a token wants to be somebody.
            Ok(Caller::Nobody) => {
                let problem = Problem::new(Code::InvalidToken, "this is no token");
                self.send(Told::error(None, &problem).text()).await
            }
            Ok(caller) => {
                // What the one before followed is theirs.
                self.subscriber.leave_all();
                self.caller = caller;
                let (subject, role) = (self.caller.subject(), self.caller.role());
                let subject = subject.map(|subject| subject.as_str().to_owned());
                let told = Told::Authenticated { subject: subject.as_deref(), role };
                self.send(told.text()).await
            }
            Err(problem) => self.send(Told::error(None, &problem).text()).await,
        }
    }
}
