//! Wire: HTTP/1.1 by hand, for what a well-behaved client does not do: half a request, one byte at a
//! time, never reading, or a thousand sockets that speak in the same moment.

use crate::support::Server;
use serde_json::Value;
use std::io;
use std::pin::Pin;
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// Longest wait for anything the server owes.
const PATIENCE: Duration = Duration::from_secs(30);

/// So many header fields with values of so many bytes.
pub fn header_fields(count: usize, bytes: usize) -> String {
    let value = "v".repeat(bytes);
    let fields: Vec<_> = (0..count).map(|field| format!("x-{field}: {value}\r\n")).collect();
    fields.concat()
}

/// One connection.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
}

/// One answer.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub head: String,
    pub text: String,
    /// `Null` when it is not JSON.
    pub body: Value,
}

impl Reply {
    /// The value of a header; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        let fields = self.head.lines().filter_map(|line| line.split_once(':'));
        let mut named = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        named.next().map(|(_, value)| value.trim()).unwrap_or_default()
    }

    /// The stable code of a problem document; empty for anything else.
    pub fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A whole request with a JSON body, or without one for `Null`.
pub fn request(method: &str, path: &str, key: &str, body: &Value) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let key = if key.is_empty() { String::new() } else { format!("idempotency-key: {key}\r\n") };
    let head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n{key}");
    if body.is_empty() {
        return format!("{head}\r\n").into_bytes();
    }
    let length = body.len();
    format!("{head}content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

impl Wire {
    pub async fn connect(server: &Server) -> Self {
        Self::try_connect(server).await.expect("a connection")
    }

    /// The same where the server may be gone.
    pub async fn try_connect(server: &Server) -> io::Result<Self> {
        let address = server.base.trim_start_matches("http://");
        Ok(Self { stream: TcpStream::connect(address).await?, received: Vec::new() })
    }

    /// Sends all of it.
    pub async fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).await.expect("the server takes it");
    }

    /// The same where the server may have closed the connection.
    pub async fn try_send(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Says that nothing more will be sent, and goes on reading.
    pub async fn end_sending(&mut self) {
        let stream = &mut self.stream;
        std::future::poll_fn(|context| Pin::new(&mut *stream).poll_shutdown(context))
            .await
            .expect("half a connection");
    }

    /// Sends a GET and gives the answer.
    pub async fn get(&mut self, path: &str) -> Reply {
        self.send(&request("GET", path, "", &Value::Null)).await;
        self.reply().await.expect("an answer")
    }

    /// The next answer; `None` when the connection ends before it is complete.
    pub async fn reply(&mut self) -> Option<Reply> {
        loop {
            if let Some(reply) = self.take_reply() {
                return Some(reply);
            }
            if !self.receive().await {
                return None;
            }
        }
    }

    /// Waits until the server has closed the connection; false when it takes longer than `most`.
    pub async fn is_closed_within(&mut self, most: Duration) -> bool {
        let closed = async { while self.receive().await {} };
        tokio::time::timeout(most, closed).await.is_ok()
    }

    /// Reads once; false at the end of the connection, also when it was reset.
    async fn receive(&mut self) -> bool {
        let mut scratch = [0; 4 * 1024];
        loop {
            let readable = tokio::time::timeout(PATIENCE, self.stream.readable()).await;
            readable.expect("the server answers or closes").expect("a socket");
            match self.stream.try_read(&mut scratch) {
                Ok(count) => {
                    self.received.extend_from_slice(&scratch[..count]);
                    return count > 0;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
    }

    fn take_reply(&mut self) -> Option<Reply> {
        let end = self.received.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = String::from_utf8_lossy(&self.received[..end]).into_owned();
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.unwrap_or_else(|| panic!("no status: {head}"));
        let mut reply = Reply { status, head, text: String::new(), body: Value::Null };
        let length = reply.header("content-length").parse().unwrap_or(0);
        let body = self.received.get(end..end + length)?;
        reply.text = String::from_utf8_lossy(body).into_owned();
        reply.body = serde_json::from_slice(body).unwrap_or(Value::Null);
        self.received.drain(..end + length);
        Some(reply)
    }
}
