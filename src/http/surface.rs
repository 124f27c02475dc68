//! Surface: what every answer carries beside its document: headers that keep browsers from doing more with
//! it than it is for, the request's id, and what pages of other origins may see (CORS).
//!
//! Done by hand and not as a layer around the routes: a layer would put every request of a sale into a
//! box of its own, for headers that are always the same. tower-http's CORS has the same price.
//!
//! No answer ever allows credentials (cookies): there are none here, tokens are headers. So an origin that
//! is allowed can do with a token it has what anybody with that token can, and nothing else.

use super::hosts::HostNames;
use super::problem::{Code, Problem};
use crate::config::{ANY_ORIGIN, ServerConfig};
use crate::telemetry::request_id::RequestId;
use axum::body::Body;
use axum::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, header,
};
use axum::response::IntoResponse;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What every answer says, also those that no route has written. `no-store` and the policy for content
/// give way to a route's own.
pub(super) const ALWAYS: [(HeaderName, HeaderValue); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
];

/// The same for the page at `/docs`: its scripts are files of its own, its styles are also written by them.
pub(super) const DOCS_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// For pages: another window cannot hold on to them.
pub(super) const OPENER_POLICY: (HeaderName, HeaderValue) = (
    HeaderName::from_static("cross-origin-opener-policy"),
    HeaderValue::from_static("same-origin"),
);

const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");
/// What pages may send.
const SENT: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Prefer, X-Api-Key, \
     X-Request-Id, X-Session-Id",
);
/// What pages may read.
const EXPOSED: HeaderValue = HeaderValue::from_static(
    "ETag, Idempotent-Replayed, Location, Preference-Applied, RateLimit, RateLimit-Policy, Retry-After, \
     X-Request-Id, X-Session-Id",
);
/// How long a browser may remember what it was allowed, in seconds.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// The surface as it is configured.
#[derive(Debug)]
pub(super) struct Surface {
    strict_transport: Option<HeaderValue>,
    origins: Vec<HeaderValue>,
    names: Option<HostNames>,
}

impl Surface {
    pub(super) fn new(settings: &ServerConfig, names: Option<HostNames>) -> Self {
        let seconds = settings.hsts_seconds;
        let strict_transport = format!("max-age={seconds}").try_into().ok();
        let origins = settings.cors_origins.iter();
        Self {
            strict_transport: strict_transport.filter(|_| seconds > 0),
            // Checked at the start: each is a value.
            origins: origins.filter_map(|origin| HeaderValue::from_str(origin).ok()).collect(),
            names,
        }
    }

    /// The refusal of a request under a name that is not ours; `None` for any other.
    pub(super) fn misdirected<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let refusal = self.names.as_ref()?.refusal(request.headers())?;
        Some(refusal.into_response())
    }

    /// The allowed origin that a request comes from, as its answer names it.
    pub(super) fn origin(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        if self.origins.is_empty() {
            return None;
        }
        let sent = headers.get(header::ORIGIN)?;
        let fits = |origin: &&HeaderValue| *origin == sent || *origin == ANY_ORIGIN;
        self.origins.iter().find(fits).cloned()
    }

    /// The answer to a browser that asks what a page of this origin may do; `None` for any other request.
    /// It comes before limits: it costs less than looking at one.
    pub(super) fn preflight<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let asks = request.method() == Method::OPTIONS
            && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if !asks {
            return None;
        }
        self.origin(request.headers())?;
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, SENT);
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
        Some(response)
    }

    /// The refusal of a change that a page of another origin asks for; `None` for any other request. A
    /// browser sends some of these without asking before (CORS only hides the answer from the page), and
    /// with `auth.mode = "open"` whoever reaches the server may change things: so may not every page that
    /// somebody at this machine looks at. Programs send no `Origin`.
    pub(super) fn foreign<B>(&self, request: &Request<B>) -> Option<Response<Body>> {
        let origin = request.headers().get(header::ORIGIN)?;
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        if reads || self.origin(request.headers()).is_some() {
            return None;
        }
        let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
        let own = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
        if own.is_some_and(|(_, name)| host.is_some_and(|host| name.eq_ignore_ascii_case(host))) {
            return None;
        }
        let detail =
            "a page of this origin may not change anything here: name it in server.cors_origins";
        Some(Problem::new(Code::Forbidden, detail).into_response())
    }

    /// Completes an answer.
    pub(super) fn complete(
        &self,
        headers: &mut HeaderMap,
        id: &RequestId,
        origin: Option<HeaderValue>,
    ) {
        let origins = self.origins.len().min(1) + 2 * usize::from(origin.is_some());
        let always = ALWAYS.len() + 1 + usize::from(self.strict_transport.is_some());
        headers.reserve(always + origins);
        for (name, value) in ALWAYS {
            if let header::Entry::Vacant(entry) = headers.entry(name) {
                entry.insert(value);
            }
        }
        if let Ok(id) = HeaderValue::from_str(id.as_str()) {
            headers.insert(REQUEST_ID, id);
        }
        if let Some(value) = &self.strict_transport {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, value.clone());
        }
        if !self.origins.is_empty() {
            // Also where nothing is allowed: a cache must not give that answer to another origin.
            headers.append(header::VARY, HeaderValue::from_name(header::ORIGIN));
        }
        if let Some(origin) = origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, load};

    fn surface(name: &str, value: &str) -> Surface {
        let environment = [(name.to_owned(), value.to_owned())].into_iter();
        Surface::new(&load(None, environment, &Flags::default()).expect("valid").server, None)
    }

    fn completed(surface: &Surface, origin: &'static str) -> HeaderMap {
        let mut asked = HeaderMap::new();
        asked.insert(header::ORIGIN, HeaderValue::from_static(origin));
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        surface.complete(&mut headers, &RequestId::made(0, 1), surface.origin(&asked));
        headers
    }

    #[test]
    fn what_a_route_says_itself_stays() {
        let headers = completed(&surface("LASTUNIT_SERVER__HSTS_SECONDS", "60"), "https://a");
        assert_eq!(headers[header::CACHE_CONTROL], "no-cache");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(headers[header::STRICT_TRANSPORT_SECURITY], "max-age=60");
        assert_eq!(headers[REQUEST_ID], "000000000000-1");
        assert!(!headers.contains_key(header::VARY));
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN));
    }

    #[test]
    fn pages_of_other_origins_change_nothing() {
        let refused = |surface: &Surface, method: &str, origin: &str| {
            let request = Request::builder().method(method).header("host", "Shop.example:8080");
            let request = request.header("origin", origin).body(()).expect("a request");
            surface.foreign(&request).map(|response| response.status().as_u16())
        };
        let named = surface("LASTUNIT_SERVER__CORS_ORIGINS", "https://a");
        for method in ["POST", "PUT", "PATCH", "DELETE"] {
            for own in ["https://a", "http://shop.example:8080", "https://shop.example:8080"] {
                assert_eq!(refused(&named, method, own), None, "{method} {own}");
            }
            for other in
                ["https://b", "null", "", "http://shop.example", "http://evil/shop.example:8080"]
            {
                assert_eq!(refused(&named, method, other), Some(403), "{method} {other}");
            }
        }
        assert_eq!(refused(&named, "GET", "https://b"), None);
        let program = Request::builder().method("POST").body(()).expect("a request");
        assert!(named.foreign(&program).is_none());
    }

    #[test]
    fn origins_are_allowed_one_by_one_or_all() {
        let named = surface("LASTUNIT_SERVER__CORS_ORIGINS", "https://a,https://b:8443");
        for origin in ["https://a", "https://b:8443"] {
            let headers = completed(&named, origin);
            assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], origin);
            assert_eq!(headers[header::VARY], "origin");
        }
        for origin in ["https://b", "http://a", "https://a.evil", "null", "*", ""] {
            let headers = completed(&named, origin);
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{origin}");
            assert_eq!(headers[header::VARY], "origin");
        }
        let all = surface("LASTUNIT_SERVER__CORS_ORIGINS", "*");
        assert_eq!(completed(&all, "https://c")[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!completed(&all, "https://c").contains_key("access-control-allow-credentials"));
    }
}
