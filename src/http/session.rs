//! Session: whose cart a request is about, from the header `X-Session-Id`. A caller without one gets
//! a new one, in the header and in the body of the answer.

use super::Api;
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
}

impl FromRequestParts<Api> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Api) -> Result<Self, Problem> {
        match sent(&parts.headers)? {
            Some(id) => Ok(Self { id, is_new: false }),
            None => SessionId::draw().map(|id| Self { id, is_new: true }).ok_or_else(|| {
                tracing::error!("the system gives no random bytes for a new session");
                Problem::new(Code::Internal, "no new session can be made; the log says more")
            }),
        }
    }
}

impl Session {
    /// Puts the id on an answer, which is for this caller only.
    pub fn mark(&self, response: &mut Response) {
        let headers = response.headers_mut();
        if let Ok(id) = HeaderValue::from_str(self.id.as_str()) {
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
