//! What clients say on `/ws`: over a real connection, after a real handshake. Whatever it is, the server answers
//! in documents of docs/api.md, keeps the bounds of one client, and ends the connection for the documented
//! reasons and no others.
//!
//! Each line of an input is one thing that is sent:
//!
//! ```text
//! {"type": "subscribe", "topics": ["stock:1"]}    a text message; $CUSTOMER and $ADMIN become tokens
//! !bytes    a binary message                      ?bytes    a ping       .bytes    a close
//! >bytes    a text message that is not ended      +bytes    its next part
//! =bytes    no frame: the bytes as they are
//! ```

use crate::frames::{BINARY, CLOSE, CONTINUED, Frame, PING, TEXT, frames};
use crate::shop::{Shop, replaced};
use lastunit::account::Role;
use lastunit::http::problem::Code;
use serde_json::{Map, Value};
use std::sync::LazyLock;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Bounds of the settings that the server runs with, and those of docs/api.md.
const MESSAGE_BYTES_MAX: usize = 4096;
const TOPICS_MAX: usize = 32;
const MESSAGES_MAX: usize = 100;
const NONSENSE_MAX: usize = 20;
/// A connection that is not over by then has been forgotten.
const ANSWER_MAX: Duration = Duration::from_secs(20);

const HANDSHAKE: &str = "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n\
    Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: lastunit.v1\r\n\r\n";

struct Stand {
    shop: Shop,
    customer: String,
    admin: String,
}

static STAND: LazyLock<Stand> = LazyLock::new(|| {
    let shop = Shop::open("jwt");
    let (customer, admin) = (shop.token("ann", Role::Customer), shop.token("ops", Role::Admin));
    Stand { shop, customer, admin }
});

pub fn check(input: &[u8]) {
    let mut sent = Vec::new();
    let mut script = Script::default();
    for line in input.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        script.say(line, &mut sent);
    }
    let conversation = async { timeout(ANSWER_MAX, talk(&sent)).await };
    let (heard, is_whole) =
        STAND.shop.runtime.block_on(conversation).expect("the server ends what is over");
    let (head, heard) = heard.split_at(end_of_head(&heard));
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", String::from_utf8_lossy(head));
    let told = Told::of(heard);
    // Who goes on after it was told to go may be cut off before it has heard the reason.
    script.is_plain &= is_whole;
    told.check(&script);
}

/// All that the server says to a client that says all it has to say and then listens, and whether it was heard
/// to its end.
async fn talk(sent: &[u8]) -> (Vec<u8>, bool) {
    let mut heard = Vec::new();
    let stream = TcpStream::connect(STAND.shop.server.address).await.expect("a connection");
    let (mut from, mut to) = stream.into_split();
    let listen = async { from.read_to_end(&mut heard).await.is_ok() };
    let say = async {
        let _ = to.write_all(HANDSHAKE.as_bytes()).await;
        let _ = to.write_all(sent).await;
        let _ = to.shutdown().await;
    };
    let (is_whole, ()) = tokio::join!(listen, say);
    (heard, is_whole)
}

fn end_of_head(heard: &[u8]) -> usize {
    const END: &[u8] = b"\r\n\r\n";
    heard.windows(END.len()).position(|part| part == END).map_or(heard.len(), |at| at + END.len())
}

/// What is certain about what was sent.
#[derive(Debug, Default)]
struct Script {
    /// All that was sent were whole messages.
    is_plain: bool,
    messages: usize,
    texts: usize,
    pings: usize,
    /// Messages of which it is certain that they make no sense.
    nonsense: usize,
    /// The first reason to end the connection that is certain.
    ends: Option<u16>,
    /// Names somebody else from here on, or leaves topics.
    changes: bool,
}

impl Script {
    fn say(&mut self, line: &[u8], sent: &mut Vec<u8>) {
        if self.messages == 0 && sent.is_empty() {
            self.is_plain = true;
        }
        let (kind, rest) = (line[0], &line[1..]);
        match kind {
            b'=' => {
                self.is_plain = false;
                sent.extend_from_slice(rest);
            }
            b'>' | b'+' => {
                self.is_plain = false;
                let opcode = if kind == b'>' { TEXT } else { CONTINUED };
                Frame { opcode, is_last: kind == b'+' && rest.is_empty(), data: rest }.write(sent);
            }
            b'!' | b'?' | b'.' => {
                let opcode = match kind {
                    b'!' => BINARY,
                    b'?' => PING,
                    _ => CLOSE,
                };
                // Longer ones are no frames (RFC 6455, 5.5).
                let data = if kind == b'!' { rest } else { &rest[..rest.len().min(125)] };
                self.is_plain &= kind != b'.';
                self.note(if kind == b'!' { Some(1003) } else { None }, data);
                Frame { opcode, is_last: true, data }.write(sent);
            }
            _ => {
                let stand = &*STAND;
                let text = replaced(line, b"$CUSTOMER", stand.customer.as_bytes());
                let text = replaced(&text, b"$ADMIN", stand.admin.as_bytes());
                self.say_text(&text);
                Frame { opcode: TEXT, is_last: true, data: &text }.write(sent);
            }
        }
    }

    fn say_text(&mut self, text: &[u8]) {
        let invalid = std::str::from_utf8(text).is_err();
        self.note(invalid.then_some(1007), text);
        if self.ends.is_some() {
            return;
        }
        self.texts += 1;
        match serde_json::from_slice::<Map<String, Value>>(text) {
            Err(_) => self.nonsense += 1,
            Ok(message) => {
                let kind = message.get("type").and_then(Value::as_str);
                self.pings += usize::from(text == br#"{"type": "ping"}"#);
                self.changes |= kind.is_some_and(|kind| kind != "subscribe" && kind != "ping");
                let known = ["subscribe", "unsubscribe", "authenticate", "ping"];
                self.nonsense += usize::from(kind.is_none_or(|kind| !known.contains(&kind)));
            }
        }
        if self.nonsense > NONSENSE_MAX {
            self.ends = Some(1008);
        }
    }

    /// One more message.
    fn note(&mut self, ends: Option<u16>, data: &[u8]) {
        self.messages += 1;
        let ends = if data.len() > MESSAGE_BYTES_MAX { Some(1009) } else { ends };
        let ends = if self.messages > MESSAGES_MAX { Some(1008) } else { ends };
        self.ends = self.ends.or(ends);
    }
}

/// What the server said.
#[derive(Debug, Default)]
struct Told {
    kinds: Vec<String>,
    topics: Vec<String>,
    closed: Option<u16>,
}

impl Told {
    fn of(heard: &[u8]) -> Self {
        let mut told = Self::default();
        for frame in frames(heard) {
            match frame.opcode {
                TEXT => told.hear(frame.data),
                CLOSE => {
                    let code = frame.data.first_chunk().map(|code| u16::from_be_bytes(*code));
                    told.closed = Some(code.unwrap_or(1005));
                }
                opcode => assert!((9..=10).contains(&opcode), "a frame of opcode {opcode}"),
            }
        }
        told
    }

    fn hear(&mut self, text: &[u8]) {
        let said = || String::from_utf8_lossy(text).into_owned();
        let message: Value = serde_json::from_slice(text).unwrap_or_else(|_| panic!("{}", said()));
        let kind = message["type"].as_str().unwrap_or_else(|| panic!("{}", said()));
        match kind {
            "welcome" => {
                assert!(self.kinds.is_empty(), "welcome comes first");
                assert_eq!(message["topicsMax"], TOPICS_MAX);
            }
            "snapshot" | "update" => {
                assert!(message["version"].is_string() && !message["data"].is_null(), "{}", said());
                let topic = message["topic"].as_str().unwrap_or_else(|| panic!("{}", said()));
                if kind == "snapshot" {
                    self.topics.push(topic.to_owned());
                }
            }
            "error" => {
                let code = message["code"].as_str().unwrap_or_default();
                let known = Code::ALL.iter().find(|known| known.as_str() == code);
                let known = known.unwrap_or_else(|| panic!("an unknown code: {}", said()));
                let status = known.status().as_u16();
                assert!(status < 500 || *known == Code::Overloaded, "{}", said());
                assert!(message["detail"].as_str().is_some_and(|detail| !detail.is_empty()));
            }
            "unsubscribed" | "authenticated" | "pong" => {}
            other => panic!("{other} is no message: {}", said()),
        }
        self.kinds.push(kind.to_owned());
    }

    fn count(&self, kind: &str) -> usize {
        self.kinds.iter().filter(|told| *told == kind).count()
    }

    fn check(&self, script: &Script) {
        assert_eq!(self.kinds.first().map(String::as_str), Some("welcome"), "{self:?}");
        if !script.changes {
            let mut topics = self.topics.clone();
            topics.sort_unstable();
            topics.dedup();
            assert!(topics.len() <= TOPICS_MAX, "it follows {topics:?}");
        }
        if !script.is_plain {
            return;
        }
        match (script.ends, self.closed) {
            // Each question has its answer.
            (None, None) => {
                let pongs = self.count("pong");
                assert!((script.pings..=script.texts).contains(&pongs), "{self:?} of {script:?}");
                let answers = self.count("error");
                assert!(answers >= script.nonsense, "{self:?} of {script:?}");
            }
            // More may make no sense than is certain, or too much may have been said already.
            (_, Some(1008)) => assert!(
                script.texts > NONSENSE_MAX || script.messages > MESSAGES_MAX,
                "{self:?} of {script:?}"
            ),
            (Some(ends), Some(code)) => assert_eq!(ends, code, "{self:?} of {script:?}"),
            // What comes in with the end of a connection may end it before its reason is told.
            (Some(1007 | 1009), None) => {}
            (Some(_), None) | (None, Some(_)) => panic!("{self:?} of {script:?}"),
        }
    }
}
