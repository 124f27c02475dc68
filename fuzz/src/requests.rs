//! Requests: whatever is sent to any route, in whichever order, is answered as docs/api.md says. Through the real
//! routes, readers of bodies, rules and stores; only the socket is left out.
//!
//! An input is one or several requests as text, separated by lines of `~~~`:
//!
//! ```text
//! POST /api/v1/orders/{id}/cancel        {id}, here and in the body: what the answer before has made
//! Idempotency-Key: a                     Content-Type is added where there is none
//!
//! {"productIds": [1]}
//! ```
//!
//! Tokens where accounts are needed, and the signatures of notices, are added where there are none.

use crate::shop::{Shop, replaced};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use lastunit::account::Role;
use lastunit::checkout::signature::Signatures;
use lastunit::clock::Clock;
use lastunit::http::problem::Code;
use serde_json::Value;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use tower::ServiceExt;

/// Stands between two requests, and how many of them one input may have.
const BETWEEN: &[u8] = b"\n~~~\n";
const REQUESTS_MAX: usize = 12;
/// More than any answer of a server that is fuzzed for a day.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Routes whose first answer is given again for a known key.
const REPEATED: [&str; 4] =
    ["/api/v1/purchases", "/api/v1/reservations", "/api/v1/orders", "/stock/adjustments"];

/// What comes after the path of a route whose body must be JSON.
const WITH_BODY: [(&str, &str); 11] = [
    ("POST", "/api/v1/purchases"),
    ("POST", "/api/v1/reservations"),
    ("POST", "/api/v1/orders"),
    ("POST", "/api/v1/cart/checkout"),
    ("PUT", "/api/v1/cart/items/1"),
    ("POST", "/api/v1/products"),
    ("PATCH", "/api/v1/products/1"),
    ("PUT", "/api/v1/products/1/queue"),
    ("POST", "/api/v1/stock/adjustments"),
    ("POST", "/api/v1/products/1/stock/adjustments"),
    ("POST", "/api/v1/sales"),
];

/// The server that trusts everybody, and the one with accounts, with a token for it.
static OPEN: LazyLock<Shop> = LazyLock::new(|| Shop::open("open"));
static ACCOUNTS: LazyLock<(Shop, String)> = LazyLock::new(|| {
    let shop = Shop::open("jwt");
    let token = shop.token("admin", Role::Admin);
    (shop, token)
});

static SIGNATURES: LazyLock<Signatures> =
    LazyLock::new(|| Signatures::new(OPEN.webhook_keys(), u64::MAX));

pub fn check(input: &[u8]) {
    let mut made = String::new();
    let mut changed = false;
    let mut rest = input;
    for _ in 0..REQUESTS_MAX {
        let end = rest.windows(BETWEEN.len()).position(|part| part == BETWEEN);
        let text = end.map_or(rest, |end| &rest[..end]);
        if let Some(question) = Question::read(text, &made) {
            let answer = question.ask();
            answer.check(&question);
            changed |= answer.status.is_success() && question.method != Method::GET;
            if let Some(id) = answer.id() {
                made = id;
            }
        }
        let Some(end) = end else { break };
        rest = &rest[end + BETWEEN.len()..];
    }
    if changed {
        check_stock();
    }
}

/// Promise 1, as everybody can see it.
fn check_stock() {
    for product in 1..=4 {
        let uri = format!("/api/v1/products/{product}/stock");
        let question = Question {
            method: Method::GET,
            uri: uri.parse().expect("a path"),
            headers: HeaderMap::new(),
            body: Vec::new(),
        };
        let stock = question.ask().json.expect("stock");
        let count = |name: &str| stock[name].as_u64().expect("a count");
        let sum = count("available") + count("held") + count("sold");
        assert_eq!(sum, count("stocked"), "{stock}");
    }
}

struct Question {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Question {
    /// `None` for what no request over HTTP could be.
    fn read(text: &[u8], made: &str) -> Option<Self> {
        let end = text.windows(2).position(|part| part == b"\n\n");
        let (head, body) = end.map_or((text, &[][..]), |end| (&text[..end], &text[end + 2..]));
        let body = replaced(body, b"{id}", made.as_bytes());
        let mut lines = head.split(|byte| *byte == b'\n');
        let (method, uri) = std::str::from_utf8(lines.next()?).ok()?.split_once(' ')?;
        let uri: Uri = uri.replace("{id}", made).parse().ok()?;
        let mut headers = HeaderMap::new();
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':')?;
            let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii()).ok()?;
            headers.append(HeaderName::from_bytes(&line[..colon]).ok()?, value);
        }
        if !headers.contains_key(header::CONTENT_TYPE) {
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        // Its frames come when the connection speaks WebSocket, which the target `websocket` sees to.
        if headers.contains_key(header::UPGRADE) {
            return None;
        }
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        uri.path().starts_with('/').then(|| Self { method, uri, headers, body })
    }

    fn ask(&self) -> Answer {
        let path = self.uri.path();
        let has_accounts = ["/api/v1/auth/", "/api/v1/api-keys", "/.well-known/"];
        let needs_account = has_accounts.iter().any(|start| path.starts_with(start));
        let mut headers = self.headers.clone();
        let shop = if needs_account {
            let (shop, token) = &*ACCOUNTS;
            if !headers.contains_key(header::AUTHORIZATION) && !headers.contains_key("x-api-key") {
                let bearer = format!("Bearer {token}").parse().expect("a header");
                headers.insert(header::AUTHORIZATION, bearer);
            }
            shop
        } else {
            &*OPEN
        };
        if path == "/api/v1/payments/webhook" && !headers.contains_key("webhook-id") {
            sign(&mut headers, &self.body);
        }
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = headers;
        shop.runtime.block_on(async {
            let answer = shop.server.router.clone().oneshot(request).await;
            let (parts, body) = answer.expect("routes always answer").into_parts();
            let kind = parts.headers.get(header::CONTENT_TYPE);
            let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_owned();
            // Events have no end.
            let body = if kind == "text/event-stream" { Body::empty() } else { body };
            let bytes = to_bytes(body, ANSWER_BYTES_MAX).await.expect("a whole answer");
            let json = serde_json::from_slice(&bytes).ok();
            Answer { status: parts.status, headers: parts.headers, kind, json, bytes: bytes.len() }
        })
    }
}

/// A notice of the provider that knows the secret.
fn sign(headers: &mut HeaderMap, body: &[u8]) {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let id = format!("notice-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let time = (Clock::system().now().as_millis() / 1_000).to_string();
    let signature = SIGNATURES.sign(&id, &time, body).expect("there is a secret");
    for (name, value) in
        [("webhook-id", id), ("webhook-timestamp", time), ("webhook-signature", signature)]
    {
        headers.insert(HeaderName::from_static(name), value.parse().expect("a header"));
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    kind: String,
    json: Option<Value>,
    bytes: usize,
}

impl Answer {
    fn check(&self, question: &Question) {
        let asked = || {
            let body = String::from_utf8_lossy(&question.body);
            format!("{} {} {:?}\n{body}", question.method, question.uri, question.headers)
        };
        if self.status.is_client_error() || self.status.is_server_error() {
            self.check_problem(&asked);
        } else if self.kind == "application/json" && question.method != Method::HEAD {
            assert!(self.json.is_some(), "an answer that is no JSON to {}", asked());
        }
        let route = (question.method.as_str(), question.uri.path());
        let plain = question.headers.len() == 1 && question.uri.query().is_none();
        if WITH_BODY.contains(&route) && plain && !is_object(&question.body) {
            // A number beyond all types is refused before the rest is read.
            let fits = matches!(self.status.as_u16(), 400 | 413 | 415 | 422);
            assert!(fits, "{} to no JSON object: {}", self.status, asked());
        }
        let path = question.uri.path();
        let repeated = question.method == Method::POST
            && question.headers.contains_key("idempotency-key")
            && REPEATED.iter().any(|end| path.ends_with(end));
        if repeated && self.status.is_success() {
            let again = question.ask();
            assert_eq!(again.status, self.status, "repeated: {}", asked());
            assert_eq!(again.id(), self.id(), "repeated: {}", asked());
            let replayed = again.headers.get("idempotent-replayed").map(HeaderValue::as_bytes);
            assert_eq!(replayed, Some(&b"true"[..]), "repeated: {}", asked());
        }
    }

    /// RFC 9457 and the table of codes.
    fn check_problem(&self, asked: &impl Fn() -> String) {
        if self.bytes == 0 {
            // To HEAD.
            return;
        }
        let problem = self.json.as_ref().unwrap_or_else(|| panic!("no JSON to {}", asked()));
        let said = || format!("{problem} to {}", asked());
        assert_eq!(self.kind, "application/problem+json", "{}", said());
        let text = |name: &str| problem[name].as_str().unwrap_or_else(|| panic!("{}", said()));
        let code = Code::ALL.iter().find(|code| code.as_str() == text("code"));
        let code = code.unwrap_or_else(|| panic!("an unknown code: {}", said()));
        assert_eq!(code.status(), self.status, "{}", said());
        assert_eq!(problem["status"], self.status.as_u16(), "{}", said());
        assert_eq!(text("type"), format!("urn:lastunit:problem:{}", code.as_str()));
        assert_eq!(text("title"), code.title());
        assert!(!text("detail").is_empty() && !text("detail").contains('\n'), "{}", said());
        if *code == Code::ValidationFailed {
            let errors = problem["errors"].as_array().unwrap_or_else(|| panic!("{}", said()));
            let told =
                |error: &Value, name: &str| error[name].as_str().is_some_and(|it| !it.is_empty());
            let whole = errors.iter().all(|error| told(error, "field") && told(error, "message"));
            assert!(!errors.is_empty() && whole, "{}", said());
        }
        if self.status.is_server_error() {
            // A question may wait too long for others'. Nothing here breaks a store.
            let may_be = [Code::Overloaded, Code::ProjectionBehind];
            assert!(may_be.contains(code), "{}", said());
        }
    }

    /// What was made, in the words of its kind.
    fn id(&self) -> Option<String> {
        let names = ["orderId", "reservationId", "purchaseId", "saleId", "productId", "id"];
        let json = self.json.as_ref().filter(|_| self.status.is_success())?;
        let id = names.into_iter().map(|name| &json[name]).find(|id| !id.is_null())?;
        Some(id.as_str().map_or_else(|| id.to_string(), str::to_owned))
    }
}

fn is_object(body: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Map<String, Value>>(body).is_ok()
}
