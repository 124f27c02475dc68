//! Body: reads a JSON body into a request type. On the hot path.
//!
//! A body that came with its head is read without a timer and without a copy. Only one that lets us
//! wait gets a timer; one that is not there in time is answered 408. A body above the limit is
//! answered 413; a moderate rest of it is read and thrown away first, because a peer that is cut off
//! while it still sends may never see the answer.

use super::Api;
use super::fields::Object;
use super::problem::{Code, FieldError, Problem};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde::de::DeserializeOwned;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// Most bytes of a too large body that are read to no end.
const DISCARDED_MAX: usize = 4 * 1024 * 1024;

/// Longest part of a reader's complaint that is passed on to the caller.
const COMPLAINT_CHARS_MAX: usize = 200;

/// The limits of a body.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimits {
    pub bytes_max: usize,
    pub timeout: Duration,
}

/// Extracts a JSON body, and the headers it came with (moved, not copied).
#[derive(Debug)]
pub struct Json<T> {
    pub headers: HeaderMap,
    pub value: T,
}

impl<T: DeserializeOwned> FromRequest<Api> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        read_json(request, api.body_limits).await
    }
}

/// The same for a list that may be long: up to [`LONG_BYTES_MAX`], or what the settings allow.
#[derive(Debug)]
pub struct LongJson<T>(pub Json<T>);

/// A thousand lines with their reasons.
const LONG_BYTES_MAX: usize = 1024 * 1024;

impl<T: DeserializeOwned> FromRequest<Api> for LongJson<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let BodyLimits { bytes_max, timeout } = api.body_limits;
        let bytes_max = bytes_max.max(LONG_BYTES_MAX);
        read_json(request, BodyLimits { bytes_max, timeout }).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(
    request: Request,
    limits: BodyLimits,
) -> Result<Json<T>, Problem> {
    let (parts, body) = request.into_parts();
    let bytes = read(body, limits).await?;
    let value = json(&parts.headers, &bytes)?;
    Ok(Json { headers: parts.headers, value })
}

/// The bytes of a body as they came, for whoever has to check them before they are read.
#[derive(Debug)]
pub struct Raw {
    pub headers: HeaderMap,
    pub bytes: Bytes,
}

impl FromRequest<Api> for Raw {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, api.body_limits).await?;
        Ok(Self { headers: parts.headers, bytes })
    }
}

impl Raw {
    /// Reads the body as JSON.
    ///
    /// # Errors
    /// As for [`Json`].
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        json(&self.headers, &self.bytes)
    }
}

fn json<T: DeserializeOwned>(headers: &HeaderMap, bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        return Err(Problem::new(Code::InvalidRequest, "the body is missing"));
    }
    if !says_json(headers) {
        let detail = "the Content-Type must be application/json";
        return Err(Problem::new(Code::UnsupportedMediaType, detail));
    }
    parse(bytes)
}

/// The headers of a request that says everything in its path. Clients that cannot send a POST without
/// a body may send an empty object; anything more would be ignored, so it is refused.
#[derive(Debug)]
pub struct NoBody {
    pub headers: HeaderMap,
}

impl FromRequest<Api> for NoBody {
    type Rejection = Problem;

    async fn from_request(request: Request, api: &Api) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, api.body_limits).await?;
        if says_something(&bytes) {
            let detail = "this request takes no body, or an empty JSON object";
            return Err(Problem::new(Code::InvalidRequest, detail));
        }
        Ok(Self { headers: parts.headers })
    }
}

fn says_something(bytes: &[u8]) -> bool {
    #[derive(serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    !bytes.is_empty() && serde_json::from_slice::<Object<Nothing>>(bytes).is_err()
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let read = serde_json::from_slice::<Object<T>>(bytes).map(|object| object.0);
    read.map_err(|error| {
        let complaint = error.to_string();
        // More digits than any number type has: out of range where a number may stand.
        if complaint.starts_with("number out of range")
            && let Some(field) = number_before(bytes, &error)
        {
            let message = "is a number far too large".into();
            return Problem::validation(vec![FieldError { field, message }]);
        }
        let short: String = complaint.chars().take(COMPLAINT_CHARS_MAX).collect();
        Problem::new(Code::InvalidRequest, short)
    })
}

/// Every field that takes a number, as it is written and by its path.
const NUMBERS: [(&str, &str); 12] = [
    ("productId", "productId"),
    ("quantity", "quantity"),
    ("customerId", "customerId"),
    ("userId", "customerId"),
    ("holdSeconds", "holdSeconds"),
    ("delta", "delta"),
    ("stock", "stock"),
    ("limitPerCustomer", "limitPerCustomer"),
    ("amount", "price.amount"),
    ("saleId", "saleId"),
    ("units", "units"),
    ("drainPerSecond", "drainPerSecond"),
];

/// Which of them the reader was at: the name in front of the last colon before the error, for there
/// is none inside a number.
fn number_before(bytes: &[u8], error: &serde_json::Error) -> Option<&'static str> {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines.take(error.line().saturating_sub(1)).map(<[u8]>::len).sum();
    let seen = bytes.get(..before + error.column()).unwrap_or(bytes);
    let text = String::from_utf8_lossy(seen);
    let (named, _) = text.rsplit_once(':')?;
    let (_, name) = named.trim_end().strip_suffix('"')?.rsplit_once('"')?;
    NUMBERS.into_iter().find(|(written, _)| *written == name).map(|(_, path)| path)
}

/// `application/json`, `application/json; charset=utf-8`, `application/merge-patch+json`.
fn says_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return false };
    if value.as_bytes() == b"application/json" {
        return true;
    }
    let text = value.to_str().unwrap_or_default();
    let essence = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    subtype == "json" || subtype.ends_with("+json")
}

/// Reads a whole body within its limits.
async fn read(mut body: Body, limits: BodyLimits) -> Result<Bytes, Problem> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let announced = body.size_hint().lower();
    let first = if announced > limits.bytes_max as u64 { None } else { at_hand(&mut body).await };
    match first {
        Some(frame) => {
            let bytes = frame?;
            if body.is_end_stream() && bytes.len() <= limits.bytes_max {
                return Ok(bytes);
            }
            in_time(limits, collect(body, bytes, limits.bytes_max)).await
        }
        None => in_time(limits, collect(body, Bytes::new(), limits.bytes_max)).await,
    }
}

type Chunk = Result<Bytes, Problem>;

/// The first chunk if it is here already. A body that arrived together with its head is handed over
/// one turn of the connection's task later at the most, so one turn is waited for, without a timer.
async fn at_hand(body: &mut Body) -> Option<Chunk> {
    let mut waited = false;
    poll_fn(|context| match Pin::new(&mut *body).poll_frame(context) {
        Poll::Ready(frame) => Poll::Ready(Some(chunk(frame))),
        Poll::Pending if waited => Poll::Ready(None),
        Poll::Pending => {
            waited = true;
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await
}

async fn in_time(limits: BodyLimits, reading: impl Future<Output = Chunk>) -> Chunk {
    tokio::time::timeout(limits.timeout, reading).await.unwrap_or_else(|_| {
        Err(Problem::new(Code::RequestTimeout, "the body did not arrive in time"))
    })
}

/// Reads the rest of a body, chunk by chunk.
async fn collect(mut body: Body, first: Bytes, bytes_max: usize) -> Chunk {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > DISCARDED_MAX {
        return Err(too_large(bytes_max));
    }
    let mut bytes = Vec::with_capacity((first.len() + announced).min(bytes_max));
    bytes.extend_from_slice(&first);
    let mut total = first.len();
    while !body.is_end_stream() {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let ended = frame.is_none();
        let next = chunk(frame)?;
        total += next.len();
        if total > DISCARDED_MAX {
            return Err(too_large(bytes_max));
        }
        if total <= bytes_max {
            bytes.extend_from_slice(&next);
        }
        if ended {
            break;
        }
    }
    if total > bytes_max { Err(too_large(bytes_max)) } else { Ok(bytes.into()) }
}

/// Data of a frame; trailers and the end carry none.
fn chunk(frame: Option<Result<hyper::body::Frame<Bytes>, axum::Error>>) -> Chunk {
    match frame {
        None => Ok(Bytes::new()),
        Some(Ok(frame)) => Ok(frame.into_data().unwrap_or_default()),
        Some(Err(error)) => {
            tracing::debug!(%error, "a body broke off");
            Err(Problem::new(Code::InvalidRequest, "the body broke off before its end"))
        }
    }
}

fn too_large(bytes_max: usize) -> Problem {
    Problem::new(Code::BodyTooLarge, format!("a body may have {bytes_max} bytes"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt;

    const LIMITS: BodyLimits = BodyLimits { bytes_max: 8, timeout: Duration::from_secs(10) };

    fn chunks(parts: &[&'static str]) -> Body {
        let parts: Vec<_> = parts.iter().map(|part| Ok::<_, axum::Error>(*part)).collect();
        Body::from_stream(futures::stream::iter(parts))
    }

    async fn status(body: Body) -> Result<Bytes, u16> {
        read(body, LIMITS).await.map_err(|problem| problem.status().as_u16())
    }

    #[tokio::test]
    async fn bodies_are_read_up_to_the_limit() {
        assert_eq!(status(Body::empty()).await, Ok(Bytes::new()));
        assert_eq!(status(Body::from("12345678")).await, Ok("12345678".into()));
        assert_eq!(status(Body::from("123456789")).await, Err(413));
        assert_eq!(status(chunks(&["1234", "5678"])).await, Ok("12345678".into()));
        assert_eq!(status(chunks(&["1234", "5678", "9"])).await, Err(413));
        assert_eq!(status(chunks(&["123456789"])).await, Err(413));
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_a_timeout() {
        let never = futures::stream::pending::<Result<&str, axum::Error>>();
        let slow = futures::stream::iter([Ok("1")]).chain(never);
        assert_eq!(status(Body::from_stream(slow)).await, Err(408));
    }

    #[test]
    fn json_has_several_names() {
        for (value, expected) in [
            ("application/json", true),
            ("Application/JSON; charset=utf-8", true),
            ("application/problem+json", true),
            ("text/plain", false),
            ("application/x-www-form-urlencoded", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, value.parse().expect("a header value"));
            assert_eq!(says_json(&headers), expected, "{value}");
        }
    }

    #[derive(Debug, Default, serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    #[allow(dead_code)]
    struct Request {
        product_id: Option<u64>,
        quantity: Option<u64>,
        name: Option<String>,
    }

    #[test]
    fn what_cannot_be_read_is_400() {
        let nested = "[".repeat(10_000);
        let inside = format!("{{\"quantity\":{nested}");
        let bodies = ["{", "nonsense", "", "[1, 1]", "null", "1", "\"a\"", &nested, &inside];
        for json in bodies.map(str::as_bytes).into_iter().chain([&b"{\"\xff\": 1}"[..]]) {
            let problem = parse::<Request>(json).expect_err("malformed");
            assert_eq!(problem.code(), Code::InvalidRequest, "{:?}", String::from_utf8_lossy(json));
        }
    }

    #[test]
    fn a_number_beyond_all_types_is_out_of_range() {
        let body = format!("{{\"productId\": 1,\n \"quantity\": {}}}", "9".repeat(400));
        let problem = parse::<Request>(body.as_bytes()).expect_err("too large");
        assert_eq!(problem.code(), Code::ValidationFailed);
        let document = String::from_utf8_lossy(&problem.body()).into_owned();
        assert!(document.contains(r#""field":"quantity""#), "{document}");
        // Not where it is no number that should stand there.
        for json in ["1e400", r#"{"name": 1e400}"#, r#"{"quantity": 1, "name": 1e400}"#] {
            let problem = parse::<Request>(json.as_bytes()).expect_err("malformed");
            assert_eq!(problem.code(), Code::InvalidRequest, "{json}");
        }
    }

    #[test]
    fn nothing_may_be_said_by_an_empty_object() {
        for (body, says) in [("", false), ("{}", false), (" { }\n", false), (" ", true)] {
            assert_eq!(says_something(body.as_bytes()), says, "{body:?}");
        }
        for body in ["[]", "null", "1e400", "{", "{}{}", r#"{"quantity": 1}"#, "nonsense"] {
            assert!(says_something(body.as_bytes()), "{body}");
        }
    }
}
