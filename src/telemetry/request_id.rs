//! Request id: the name that one request has in its answer and in every log line about it.
//!
//! A caller may send its own (`X-Request-Id`), from whoever it comes: it names nothing but lines about that
//! very request, and its characters cannot break a line. Without one, or with one that does not fit, it is
//! the connection's number, drawn at random, and the place of the request on it. It is a value without a
//! heap, and follows the request's task, so that carrying it costs next to nothing.

use std::fmt::{self, Write};

/// Longest id that is taken from a caller.
const LENGTH_MAX: usize = 64;
/// Hexadecimal digits of a connection's number.
const CONNECTION_DIGITS: usize = 12;

tokio::task_local! {
    static CURRENT: RequestId;
}

/// The name of one request.
#[derive(Clone, Copy)]
pub struct RequestId {
    bytes: [u8; LENGTH_MAX],
    length: u8,
}

impl RequestId {
    const EMPTY: Self = Self { bytes: [0; LENGTH_MAX], length: 0 };

    /// An id as a caller sent it, if it fits: 1 to 64 of `A-Z a-z 0-9 - . _ ~`.
    #[must_use]
    pub fn sent(text: &[u8]) -> Option<Self> {
        let fits = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~".contains(byte);
        if text.is_empty() || !text.iter().all(fits) {
            return None;
        }
        let mut id = Self::EMPTY;
        id.bytes.get_mut(..text.len())?.copy_from_slice(text);
        id.length = u8::try_from(text.len()).ok()?;
        Some(id)
    }

    /// The id of a request of this connection.
    #[must_use]
    pub fn made(connection: u64, place: u64) -> Self {
        let mut id = Self::EMPTY;
        // 12 digits, a hyphen and at most 20 more fit.
        let _ = write!(id, "{:0CONNECTION_DIGITS$x}-{place}", connection >> 16);
        id
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        str::from_utf8(&self.bytes[..usize::from(self.length)]).unwrap_or_default()
    }

    /// Runs something on behalf of this request.
    pub fn scope<T>(self, run: impl FnOnce() -> T) -> T {
        CURRENT.sync_scope(self, run)
    }

    /// The same work for a task of its own, which does not know by itself whose it is.
    pub fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
        let id = Self::current();
        async move {
            match id {
                Some(id) => CURRENT.scope(id, work).await,
                None => work.await,
            }
        }
    }

    /// The id of the request that this task is serving.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.try_with(|id| *id).ok()
    }
}

impl Write for RequestId {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let from = usize::from(self.length);
        let end = from + text.len();
        self.bytes.get_mut(from..end).ok_or(fmt::Error)?.copy_from_slice(text.as_bytes());
        self.length = u8::try_from(end).map_err(|_| fmt::Error)?;
        Ok(())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_not_taken() {
        for text in ["a", "3f-9A.b_c~", &"x".repeat(64)] {
            let id = RequestId::sent(text.as_bytes());
            assert_eq!(id.map(|id| id.as_str().to_owned()).as_deref(), Some(text));
        }
        for text in ["", "a b", "a\"b", "a,b", "é", "a\n", &"x".repeat(65)] {
            assert!(RequestId::sent(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn those_of_one_connection_belong_together() {
        assert_eq!(RequestId::made(0x0000_00ab_cdef_1234, 7).as_str(), "000000abcdef-7");
        assert_eq!(RequestId::made(u64::MAX, u64::MAX).as_str().len(), 33);
    }

    #[test]
    fn it_holds_while_the_request_is_served() {
        assert!(RequestId::current().is_none());
        let seen = RequestId::made(0, 1).scope(RequestId::current);
        assert_eq!(seen.map(|id| id.as_str().to_owned()).as_deref(), Some("000000000000-1"));
        assert!(RequestId::current().is_none());
    }
}
