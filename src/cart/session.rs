//! Session: whose cart it is. Whoever knows the id has the cart, so a new one cannot be guessed and
//! none is ever logged.

use crate::clock;
use crate::domain::CustomerId;
use compact_str::CompactString;
use std::fmt;

/// Longest session id, in characters.
pub const SESSION_CHARS_MAX: usize = 64;

/// Why a text is no session id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    #[error("must have 1 to {SESSION_CHARS_MAX} characters")]
    Length,
    #[error("may hold letters A to Z and a to z, digits, and - . _ ~ only")]
    Characters,
}

/// 1 to 64 of the characters that stand for themselves in a URL (RFC 3986: unreserved).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(CompactString);

impl SessionId {
    /// Takes an id that a caller sent.
    ///
    /// # Errors
    /// [`SessionError`], with the characters first: of other ones nobody knows how many there are.
    pub fn new(text: &str) -> Result<Self, SessionError> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        if !text.bytes().all(allowed) {
            return Err(SessionError::Characters);
        }
        if text.is_empty() || text.len() > SESSION_CHARS_MAX {
            return Err(SessionError::Length);
        }
        Ok(Self(CompactString::from(text)))
    }

    /// That of a customer who is known by other means. It begins with a character that no id has which
    /// somebody may send, so nobody can ask for another's.
    #[must_use]
    pub fn of_customer(customer: &CustomerId) -> Self {
        let hash = blake3::hash(customer.as_str().as_bytes()).to_hex();
        Self(compact_str::format_compact!("@{}", &hash[..32]))
    }

    /// Draws a new one of 128 bits that nobody can guess; `None` when the system gives none.
    #[must_use]
    pub fn draw() -> Option<Self> {
        let secret = clock::draw_secret()?;
        Some(Self(compact_str::format_compact!("{:032x}", u128::from_be_bytes(secret))))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SessionId(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_what_a_url_leaves_alone() {
        for good in ["a", "A-Z.0_9~", &"x".repeat(64), "0190b6a0-7e50-7cc3-98c4-dc0c0c07398f"] {
            assert_eq!(SessionId::new(good).map(|id| id.as_str().to_owned()).as_deref(), Ok(good));
        }
        assert_eq!(SessionId::new(""), Err(SessionError::Length));
        assert_eq!(SessionId::new(&"x".repeat(65)), Err(SessionError::Length));
        for bad in ["a b", "a\n", "a\0", "ä", "a/b", "a:b", "a\"", "{a}", "a,b", "*"] {
            assert_eq!(SessionId::new(bad), Err(SessionError::Characters), "{bad:?}");
        }
    }

    #[test]
    fn nobody_can_send_the_id_of_a_customer() {
        let [ann, bob] = ["ann", "bob"].map(|id| CustomerId::new(id).unwrap());
        let id = SessionId::of_customer(&ann);
        assert_eq!(id, SessionId::of_customer(&ann));
        assert_ne!(id, SessionId::of_customer(&bob));
        assert_eq!(SessionId::new(id.as_str()), Err(SessionError::Characters));
    }

    #[test]
    fn new_ids_are_valid_and_different_and_not_printed() {
        let (one, other) = (SessionId::draw().unwrap(), SessionId::draw().unwrap());
        assert_ne!(one, other);
        assert_eq!(SessionId::new(one.as_str()).as_ref(), Ok(&one));
        assert_eq!(one.as_str().len(), 32);
        assert!(!format!("{one:?}").contains(one.as_str()));
    }
}
