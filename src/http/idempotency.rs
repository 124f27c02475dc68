//! Idempotency keys: what makes a repeated request recognisable.
//!
//! The header is taken bare (`abc-1`) or as the quoted string of the IETF draft (`"abc-1"`); both
//! spell the same key. Neither the key nor the request is kept: the rules see 128 bits of BLAKE3
//! over whose key it is and the key, and 64 bits over what the request means. Two requests that ask
//! for the same thing in other words (another order of fields, `userId` for `customerId`, the
//! number as a string) mean the same and are the same request.

use super::order_ref::OrderRef;
use super::problem::{Code, FieldError, Problem};
use crate::domain::{CustomerId, Fingerprint, RequestKey, Retry, SaleId};
use axum::http::HeaderMap;
use std::borrow::Cow;

/// Name of the header, as clients spell it.
pub const HEADER: &str = "Idempotency-Key";
/// The same name as `HeaderMap` looks it up without converting it.
const HEADER_LOWER: &str = "idempotency-key";
/// Longest key, in characters.
pub const KEY_CHARS_MAX: usize = 255;

/// Whose key it is: the same key of another scope is another key.
#[derive(Debug, Clone, Copy)]
pub enum Scope<'a> {
    Customer(&'a CustomerId),
    /// Requests about a reservation do not name its customer, but belong to one.
    Reservation(OrderRef),
    /// Whoever runs the shop: each with keys of their own, where they prove who they are.
    Operator(Option<&'a CustomerId>),
}

/// Reads the key from the headers, `None` where the caller sent none.
///
/// # Errors
/// 400 for a malformed key or several of them, 422 for one that is too long.
pub fn key(headers: &HeaderMap) -> Result<Option<Cow<'_, str>>, Problem> {
    let Some(first) = headers.get(HEADER_LOWER) else { return Ok(None) };
    if headers.get_all(HEADER_LOWER).iter().nth(1).is_some() {
        return Err(malformed("may be sent once only"));
    }
    let text = first.to_str().map_err(|_| malformed("must be printable ASCII"))?;
    let key = match text.strip_prefix('"') {
        Some(rest) => unquote(rest)?,
        None if text.contains('"') => return Err(malformed("has unbalanced quotes")),
        None => Cow::Borrowed(text.trim_matches([' ', '\t'])),
    };
    if key.is_empty() {
        return Err(malformed("must not be empty"));
    }
    if key.bytes().any(|byte| !(b' '..=b'~').contains(&byte)) {
        return Err(malformed("must be printable ASCII"));
    }
    if key.len() > KEY_CHARS_MAX {
        let message = format!("must have 1 to {KEY_CHARS_MAX} characters");
        return Err(Problem::validation(vec![FieldError {
            field: HEADER,
            message: message.into(),
        }]));
    }
    Ok(Some(key))
}

/// Refuses any key, well-formed or not, where nothing is remembered by one: a caller that sends it
/// relies on being recognised, and would be wrong.
///
/// # Errors
/// 422 that says what to do instead.
pub fn refuse(headers: &HeaderMap) -> Result<(), Problem> {
    if !headers.contains_key(HEADER_LOWER) {
        return Ok(());
    }
    let message = "is not taken here, because creating products takes no key: look at GET \
        /api/v1/products before you repeat it";
    Err(Problem::validation(vec![FieldError { field: HEADER, message: message.into() }]))
}

/// The inside of a structured field string (RFC 9651) whose opening quote is taken already.
fn unquote(rest: &str) -> Result<Cow<'_, str>, Problem> {
    let Some(inside) = rest.strip_suffix('"') else {
        return Err(malformed("has unbalanced quotes"));
    };
    if !inside.contains(['"', '\\']) {
        return Ok(Cow::Borrowed(inside));
    }
    let mut key = String::with_capacity(inside.len());
    let mut chars = inside.chars();
    while let Some(char) = chars.next() {
        match char {
            '\\' => match chars.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(malformed("has a backslash that escapes nothing")),
            },
            '"' => return Err(malformed("has unbalanced quotes")),
            other => key.push(other),
        }
    }
    Ok(Cow::Owned(key))
}

fn malformed(what: &str) -> Problem {
    Problem::new(Code::InvalidRequest, format!("the header {HEADER} {what}"))
}

/// What the rules need to recognise this request when it comes again.
///
/// # Errors
/// See [`key`].
pub fn retry(
    headers: &HeaderMap,
    scope: Scope<'_>,
    meaning: impl FnOnce() -> Fingerprint,
) -> Result<Option<Retry>, Problem> {
    let Some(key) = key(headers)? else { return Ok(None) };
    Ok(Some(Retry { key: request_key(scope, &key), fingerprint: meaning() }))
}

/// What keeps two requests from ordering one cart at the same moment.
pub fn cart_guard(session: &str) -> RequestKey {
    RequestKey(Meaning::of("cart").text(session).first_bytes())
}

fn request_key(scope: Scope<'_>, key: &str) -> RequestKey {
    let hash = match scope {
        Scope::Customer(customer) => Meaning::of("key of a customer").text(customer.as_str()),
        Scope::Reservation(reservation) => {
            Meaning::of("key about a reservation").text(reservation.text().as_str())
        }
        Scope::Operator(who) => {
            Meaning::of("key of the operator").text(who.map_or("", CustomerId::as_str))
        }
    };
    RequestKey(hash.text(key).first_bytes())
}

/// Collects what a request asks for, part by part. Every part is hashed with its length, so no two
/// different lists of parts look the same.
#[derive(Debug)]
pub struct Meaning(blake3::Hasher);

impl Meaning {
    /// Starts with what kind of request it is.
    #[must_use]
    pub fn of(kind: &str) -> Self {
        Self(blake3::Hasher::new()).text("lastunit 1").text(kind)
    }

    #[must_use]
    pub fn text(mut self, part: &str) -> Self {
        self.0.update(&(part.len() as u64).to_le_bytes());
        self.0.update(part.as_bytes());
        self
    }

    #[must_use]
    pub fn number(mut self, part: u64) -> Self {
        self.0.update(&8_u64.to_le_bytes());
        self.0.update(&part.to_le_bytes());
        self
    }

    /// A request that names no sale means what it meant before there were any.
    #[must_use]
    pub fn sale(self, sale: Option<SaleId>) -> Self {
        match sale {
            Some(sale) => self.text("sale").number(sale.get()),
            None => self,
        }
    }

    #[must_use]
    pub fn fingerprint(self) -> Fingerprint {
        Fingerprint(u64::from_le_bytes(self.first_bytes()))
    }

    fn first_bytes<const COUNT: usize>(self) -> [u8; COUNT] {
        let mut bytes = [0; COUNT];
        bytes.copy_from_slice(&self.0.finalize().as_bytes()[..COUNT]);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn read(value: &[u8]) -> Result<Option<String>, u16> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER_LOWER, HeaderValue::from_bytes(value).expect("a header value"));
        match key(&headers) {
            Ok(key) => Ok(key.map(Cow::into_owned)),
            Err(problem) => Err(problem.status().as_u16()),
        }
    }

    #[test]
    fn bare_and_quoted_keys_are_the_same() {
        let longest = "k".repeat(KEY_CHARS_MAX);
        for (value, expected) in [
            ("abc-1", "abc-1"),
            ("\"abc-1\"", "abc-1"),
            ("two words", "two words"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (&longest, &longest),
            (&format!("\"{longest}\""), &longest),
        ] {
            assert_eq!(read(value.as_bytes()), Ok(Some(expected.to_owned())), "{value}");
        }
        assert_eq!(key(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn malformed_keys_are_400_and_long_ones_422() {
        for bad in [&b""[..], b"\"\"", b"\"abc", b"abc\"", b"\"a\"b\"", br#""a\b""#, b"\"", b"a\tb"]
        {
            assert_eq!(read(bad), Err(400), "{bad:?}");
        }
        assert_eq!(read("schlüssel".as_bytes()), Err(400));
        assert_eq!(read("k".repeat(KEY_CHARS_MAX + 1).as_bytes()), Err(422));
    }

    #[test]
    fn two_keys_in_one_request_are_400() {
        let mut headers = HeaderMap::new();
        headers.append(HEADER_LOWER, HeaderValue::from_static("a"));
        headers.append(HEADER_LOWER, HeaderValue::from_static("b"));
        assert_eq!(key(&headers).err().map(|problem| problem.status().as_u16()), Some(400));
    }

    #[test]
    fn scopes_and_lengths_separate_keys() {
        let [ann, annb] = ["ann", "annb"].map(|id| CustomerId::new(id).expect("valid"));
        let keys = [
            request_key(Scope::Customer(&ann), "bc"),
            request_key(Scope::Customer(&annb), "c"),
            request_key(Scope::Operator(None), "bc"),
        ];
        assert!(keys[0] != keys[1] && keys[0] != keys[2] && keys[1] != keys[2]);
        assert_eq!(keys[0], request_key(Scope::Customer(&ann), "bc"));
    }
}
