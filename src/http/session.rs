//! Session: whose cart a request is about: that of the customer whose token was sent, else that of the header
//! `X-Session-Id`. A caller with neither gets a new session, in the header and in the body of the answer.
//! A customer who also sends a session has just signed in: what is in that cart moves into their own.

use super::Api;
use super::caller::Caller;
use super::problem::{Code, FieldError, Problem};
use crate::cart::{SessionError, SessionId};
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;

/// Name of the header, as clients spell it.
const HEADER: &str = "X-Session-Id";
/// The same name as `HeaderMap` knows it.
const HEADER_LOWER: HeaderName = HeaderName::from_static("x-session-id");

/// The caller's session, sent or new.
#[derive(Debug)]
pub struct Session {
    pub id: SessionId,
    /// Drawn for this request: nobody has a cart under it yet.
    pub is_new: bool,
    /// Of a customer with a token; its id is nothing that could be sent.
    is_customers: bool,
}

impl FromRequestParts<Api> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let sent = sent(&parts.headers)?;
        let caller = Caller::from_request_parts(parts, api).await?;
        if let Some(customer) = caller.person() {
            let id = SessionId::of_customer(customer);
            // Whoever runs the shop may look at a customer's page without taking what is in the cart.
            if let Some(before) = sent.filter(|_| !caller.is_operator()) {
                let merged = api.carts.merge(&before, &id).await;
                merged.map_err(|error| Problem::of_cart(&error))?;
            }
            return Ok(Self { id, is_new: false, is_customers: true });
        }
        let session = |id, is_new| Self { id, is_new, is_customers: false };
        match sent {
            Some(id) => Ok(session(id, false)),
            None => SessionId::draw().map(|id| session(id, true)).ok_or_else(|| {
                tracing::error!("the system gives no random bytes for a new session");
                Problem::new(Code::Internal, "no new session can be made; the log says more")
            }),
        }
    }
}

impl Session {
    /// What the caller may send to come back to this cart; nothing where the token says it.
    pub fn shown(&self) -> Option<&str> {
        (!self.is_customers).then(|| self.id.as_str())
    }

    /// Puts the id on an answer, which is for this caller only.
    pub fn mark(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Some(Ok(id)) = self.shown().map(HeaderValue::from_str) {
            headers.insert(HEADER_LOWER, id);
        }
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// The id that was sent, if one was.
fn sent(headers: &HeaderMap) -> Result<Option<SessionId>, Problem> {
    let mut values = headers.get_all(HEADER_LOWER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let malformed = |what: &dyn std::fmt::Display| {
        Problem::new(Code::InvalidRequest, format!("the header {HEADER} {what}"))
    };
    if values.next().is_some() {
        return Err(malformed(&"may be sent once only"));
    }
    let text = value.to_str().map_err(|_| malformed(&SessionError::Characters))?;
    SessionId::new(text).map(Some).map_err(|error| match error {
        SessionError::Characters => malformed(&error),
        SessionError::Length => Problem::validation(vec![FieldError {
            field: HEADER,
            message: error.to_string().into(),
        }]),
    })
}
