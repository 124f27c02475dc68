//! Access: who may use a route. Each route declares it in [`super::routes`], and it is looked at before
//! the handler and the body, so that nothing is read for others.
//!
//! A trusted request is one of whoever runs the shop: it carries the token of `auth.operator_token`;
//! where there is none, everybody is trusted, as `auth.mode = "open"` says.

use super::Api;
use super::problem::{Code, Problem};
use axum::http::{HeaderMap, header};
use std::fmt;

/// The scheme of RFC 6750, in small letters.
const SCHEME: &str = "bearer";

/// What a trusted request carries. Only a hash is kept, and only hashes are compared: that takes the
/// same time whatever was sent.
#[derive(Clone, Copy)]
pub struct OperatorToken(Option<blake3::Hash>);

impl OperatorToken {
    /// The token as configured; with an empty one everybody is trusted.
    #[must_use]
    pub fn new(token: &str) -> Self {
        Self((!token.is_empty()).then(|| blake3::hash(token.as_bytes())))
    }

    fn admits(&self, sent: Option<&str>) -> bool {
        let Some(expected) = self.0 else { return true };
        sent.is_some_and(|sent| blake3::hash(sent.as_bytes()) == expected)
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "OperatorToken(***)" } else { "OperatorToken" })
    }
}

/// Whether a request with these headers is trusted.
#[must_use]
pub fn is_trusted(api: &Api, headers: &HeaderMap) -> bool {
    api.operator_token.admits(bearer(headers))
}

/// The token of the header, if exactly one was sent.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let mut sent = headers.get_all(header::AUTHORIZATION).iter();
    let (scheme, token) = sent.next()?.to_str().ok()?.split_once(' ')?;
    let only = sent.next().is_none() && scheme.eq_ignore_ascii_case(SCHEME);
    only.then(|| token.trim_start_matches(' '))
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// Whoever buys, for themselves; and everybody who runs the shop.
    Customer,
    /// Whoever looks after stock and orders.
    Staff,
    /// Whoever decides what is sold, and who else may do what.
    Admin,
}

impl Access {
    /// Whether a request with these headers may pass.
    ///
    /// # Errors
    /// The answer to one that may not.
    pub fn check(self, api: &Api, headers: &HeaderMap) -> Result<(), Problem> {
        match self {
            Self::Anyone | Self::Customer => Ok(()),
            Self::Staff | Self::Admin if is_trusted(api, headers) => Ok(()),
            Self::Staff | Self::Admin => Err(Problem::new(
                Code::Unauthorized,
                "this is for operators: send the header Authorization: Bearer with the token of \
                 auth.operator_token",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn the_token_is_sent_once_and_as_bearer() {
        let of = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(header::AUTHORIZATION, HeaderValue::from_static(value));
            }
            bearer(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(of(&["bearer  abc"]).as_deref(), Some("abc"));
        for refused in [&["Basic abc"][..], &["abc"], &[], &["Bearer abc", "Bearer abc"]] {
            assert_eq!(of(refused), None, "{refused:?}");
        }
    }

    #[test]
    fn without_a_token_everybody_is_trusted() {
        assert!(OperatorToken::new("").admits(None));
        let token = OperatorToken::new("abc");
        assert!(token.admits(Some("abc")));
        assert!(!token.admits(Some("ab")) && !token.admits(None) && !token.admits(Some("")));
    }
}
