//! Refusal: what a connection above the limit gets, 503 and a close, with next to no work.

use crate::http::problem::{Code, Problem};
use crate::http::surface;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncWrite;
use tokio::net::TcpStream;

/// Refused connections that may linger at a time; beyond it they are just closed.
const LINGERING_MAX: usize = 64;
/// How long a refused connection may linger until its client has read the answer.
const LINGER: Duration = Duration::from_millis(500);

static LINGERING: AtomicUsize = AtomicUsize::new(0);

static ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let detail = "every connection is taken; try again in a moment";
    closing_answer(&Problem::new(Code::TooManyConnections, detail), "retry-after: 1\r\n")
});

/// A whole answer as it goes over the wire, the last one of its connection. `more` are further header
/// lines, each with its end.
pub(super) fn closing_answer(problem: &Problem, more: &str) -> Vec<u8> {
    let (status, body) = (problem.status(), problem.body());
    let mut answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\ncontent-length: {}\r\n\
         {more}connection: close\r\n",
        body.len()
    )
    .into_bytes();
    for (name, value) in surface::ALWAYS {
        answer.extend_from_slice(
            &[name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat(),
        );
    }
    answer.extend_from_slice(b"\r\n");
    answer.extend_from_slice(&body);
    answer
}

/// Answers 503 and closes. The socket's buffer is empty, so the answer fits without waiting; a
/// moment of lingering lets the client's request arrive, because closing a socket with unread bytes
/// resets it and may cost the client the answer.
pub(super) fn send(stream: TcpStream) {
    if stream.try_write(&ANSWER).is_err() || LINGERING.load(Ordering::Relaxed) >= LINGERING_MAX {
        return;
    }
    LINGERING.fetch_add(1, Ordering::Relaxed);
    tokio::spawn(async move {
        let _ = tokio::time::timeout(LINGER, finish(stream)).await;
        LINGERING.fetch_sub(1, Ordering::Relaxed);
    });
}

/// Says that nothing more comes, and throws away what the client sends until it closes.
async fn finish(mut stream: TcpStream) {
    if poll_fn(|context| Pin::new(&mut stream).poll_shutdown(context)).await.is_err() {
        return;
    }
    let mut scratch = [0; 1024];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut scratch) {
            Ok(0) => return,
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
            Ok(_) | Err(_) => {}
        }
    }
}
