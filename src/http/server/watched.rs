//! Watched: a client's socket that notes what moves, and says in words what hyper says with a bare
//! status.
//!
//! hyper answers a head that it cannot read by itself, 400 or 431 with an empty body, and then closes
//! the connection. Such an answer is replaced on its way to the socket by the problem document of the
//! same status. No answer of ours is ever taken for one: all of ours with these statuses have a body.
//! A bare answer that is written together with the end of another one (a client that sends requests
//! ahead, one of them malformed) stays bare.

use super::refusal;
use crate::http::problem::{Code, Problem};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What has moved on a connection. One task writes all of it; atomic only to be shared inside it.
#[derive(Debug, Default)]
pub(super) struct Progress {
    answering: AtomicBool,
    answered: AtomicU64,
    /// Bytes that came since the last answer: a head that is on its way.
    head_bytes: AtomicU64,
    written: AtomicU64,
}

impl Progress {
    pub(super) fn begin(&self) {
        self.answering.store(true, Ordering::Relaxed);
    }

    pub(super) fn finish(&self) {
        self.answering.store(false, Ordering::Relaxed);
        self.head_bytes.store(0, Ordering::Relaxed);
        add(&self.answered, 1);
    }

    pub(super) fn is_answering(&self) -> bool {
        self.answering.load(Ordering::Relaxed)
    }

    pub(super) fn has_head_bytes(&self) -> bool {
        self.head_bytes.load(Ordering::Relaxed) > 0
    }

    /// Answers so far.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Bytes written so far.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }
}

/// Adds without a locked instruction: there is only one writer.
fn add(count: &AtomicU64, more: u64) {
    count.store(count.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}

static MALFORMED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let detail = "the request line or a header cannot be read";
    refusal::closing_answer(&Problem::new(Code::InvalidRequest, detail), "")
});

static TOO_LARGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let detail = "the head of the request has too many bytes or too many header fields";
    refusal::closing_answer(&Problem::new(Code::HeadTooLarge, detail), "")
});

/// What to send instead of these bytes, if they are hyper's bare refusal of a head.
fn instead_of(bytes: &[u8]) -> Option<&'static [u8]> {
    let (version, rest) = bytes.split_at_checked(b"HTTP/1.1 ".len())?;
    if !version.starts_with(b"HTTP/1.") {
        return None;
    }
    let answer: &'static [u8] = match rest.get(..4)? {
        b"400 " => &MALFORMED,
        b"431 " => &TOO_LARGE,
        _ => return None,
    };
    let bare = b"\r\ncontent-length: 0\r\n";
    let has_no_body = bytes.windows(bare.len()).any(|window| window.eq_ignore_ascii_case(bare));
    (has_no_body && bytes.ends_with(b"\r\n\r\n")).then_some(answer)
}

/// A socket that notes what moves.
#[derive(Debug)]
pub(super) struct Watched {
    stream: TcpStream,
    progress: Arc<Progress>,
    /// What is left of an answer that is sent instead of hyper's.
    instead: &'static [u8],
}

impl Watched {
    pub(super) const fn new(stream: TcpStream, progress: Arc<Progress>) -> Self {
        Self { stream, progress, instead: &[] }
    }

    /// The socket alone, for whoever speaks something else than HTTP from now on.
    pub(super) fn into_inner(self) -> TcpStream {
        self.stream
    }

    fn wrote(&self, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(written)) = polled {
            add(&self.progress.written, written as u64);
        }
        polled
    }

    /// Whether `bytes` are to be replaced, or are being so already.
    fn is_replaced(&mut self, bytes: &[u8]) -> bool {
        if self.instead.is_empty() {
            self.instead = instead_of(bytes).unwrap_or_default();
        }
        !self.instead.is_empty()
    }

    /// Writes the other answer to its end, and then claims to have written `bytes`. While it is
    /// pending hyper offers the same bytes again: it has nothing else to say.
    fn poll_replace(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        while !self.instead.is_empty() {
            let polled = Pin::new(&mut self.stream).poll_write(context, self.instead);
            let written = ready!(self.wrote(polled))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.instead = &self.instead[written..];
        }
        Poll::Ready(Ok(bytes.len()))
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        if read > 0 {
            add(&self.progress.head_bytes, read as u64);
        }
        polled
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.is_replaced(bytes) {
            return self.poll_replace(context, bytes);
        }
        let polled = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.wrote(polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if let [head, rest @ ..] = slices
            && rest.iter().all(|slice| slice.is_empty())
            && self.is_replaced(head)
        {
            return self.poll_replace(context, head);
        }
        let polled = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.wrote(polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
