//! Problems: every failure a caller can see, as an `application/problem+json` document (RFC 9457).
//!
//! The one place where failures of the inner layers meet a status code: each variant of
//! [`EngineError`], [`Refusal`] and [`QueryError`] is mapped here exactly once, by matches without a
//! catch-all, so that a new variant does not compile until it has an answer. What went wrong inside
//! goes to the log, not to the caller.
//!
//! ```text
//! {"type":"urn:lastunit:problem:insufficient-stock","title":"Fewer units are left than asked for",
//!  "status":409,"code":"insufficient-stock","detail":"2 units are left","retryable":false,"available":2}
//! ```

mod code;
mod failures;

pub use code::Code;

use super::rate_limit;
use super::time::Rfc3339;
use crate::admission::Standing;
use crate::domain::{ProductId, SaleId, Timestamp};
use crate::telemetry::request_id::RequestId;
use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::borrow::Cow;
use std::sync::LazyLock;

/// One value that is out of range.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Name of the field, parameter or header.
    pub field: &'static str,
    /// What it must be.
    #[schema(value_type = String)]
    pub message: Cow<'static, str>,
}

/// What a problem tells beside its code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Members {
    #[default]
    None,
    Errors(Vec<FieldError>),
    Available(u64),
    Limit {
        limit: u32,
        owned: u64,
    },
    OpensAt(Timestamp),
    ClosedAt(Timestamp),
    ExtensionsMax(u8),
    RateLimited(Standing),
    Sale(SaleId),
}

/// A failure on its way to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    code: Code,
    detail: Cow<'static, str>,
    members: Members,
    /// Which of several products it is about.
    product: Option<ProductId>,
    retryable: bool,
    retry_after_seconds: Option<u64>,
}

impl Problem {
    /// A problem without further members. A retryable 503 asks to wait for a second.
    #[must_use]
    pub fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        let wait = code.status() == StatusCode::SERVICE_UNAVAILABLE && code.retryable();
        Self {
            code,
            detail: detail.into(),
            members: Members::None,
            product: None,
            retryable: code.retryable(),
            retry_after_seconds: wait.then_some(1),
        }
    }

    /// Values out of range, each named.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        let detail = match errors.as_slice() {
            [only] => format!("{} {}", only.field, only.message),
            several => format!("{} values are out of range, see errors", several.len()),
        };
        Self::new(Code::ValidationFailed, detail).with(Members::Errors(errors))
    }

    /// Somebody asked too often.
    #[must_use]
    pub(super) fn rate_limited(standing: Standing) -> Self {
        let (whom, seconds) = (standing.policy.limit.as_str(), standing.seconds);
        let detail = format!("too many requests for this {whom}; try again after {seconds} s");
        Self::new(Code::RateLimited, detail)
            .with(Members::RateLimited(standing))
            .retry_after(seconds.into())
    }

    #[must_use]
    fn with(mut self, members: Members) -> Self {
        self.members = members;
        self
    }

    /// Names the product it is about, where the request named several.
    #[must_use]
    pub const fn about(mut self, product: ProductId) -> Self {
        self.product = Some(product);
        self
    }

    /// The same request again might be a second one.
    #[must_use]
    const fn not_retryable(mut self) -> Self {
        self.retryable = false;
        self
    }

    #[must_use]
    pub const fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after_seconds = Some(seconds);
        self
    }

    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What happened this time, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }

    #[must_use]
    pub const fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// The document's bytes.
    #[must_use]
    pub fn body(&self) -> Bytes {
        // Almost every answer of a sale is this one.
        if self.code == Code::SoldOut && self.product.is_none() {
            return SOLD_OUT.clone();
        }
        self.render()
    }

    fn render(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(256);
        // Writing plain structures into memory cannot fail; an empty body would be the result.
        if serde_json::to_writer(&mut bytes, &Document::of(self)).is_err() {
            bytes.clear();
        }
        bytes.into()
    }
}

static SOLD_OUT: LazyLock<Bytes> =
    LazyLock::new(|| Problem::new(Code::SoldOut, failures::SOLD_OUT_DETAIL).render());

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(challenge) = self.code.challenge() {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Members::RateLimited(standing) = &self.members {
            rate_limit::tell(headers, standing);
        }
        response
    }
}

/// The document as it is written.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Problem, example = json!({
    "type": "urn:lastunit:problem:insufficient-stock",
    "title": "Fewer units are left than asked for",
    "status": 409,
    "code": "insufficient-stock",
    "detail": "2 units are left",
    "retryable": false,
    "available": 2
}))]
pub struct Document<'a> {
    /// A URN made of the code.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    kind: ProblemType,
    /// The same for every occurrence of this code.
    title: &'a str,
    /// The HTTP status again.
    status: u16,
    /// Stable name of the failure: what programs should look at.
    code: &'a str,
    /// What happened this time, for people.
    detail: &'a str,
    /// Whether the same request may succeed later.
    retryable: bool,
    /// Every value that is out of range (`validation-failed`).
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a [FieldError]>,
    /// Units that are left (`insufficient-stock`).
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<u64>,
    /// Units one customer may have (`customer-limit-reached`).
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u32>,
    /// Units the customer has (`customer-limit-reached`).
    #[serde(skip_serializing_if = "Option::is_none")]
    owned: Option<u64>,
    /// When the sale opens (`sale-not-open`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opens_at: Option<Rfc3339>,
    /// When the sale ended (`sale-ended`).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closed_at: Option<Rfc3339>,
    /// How often a reservation may be extended (`extension-limit-reached`).
    #[serde(skip_serializing_if = "Option::is_none")]
    extensions_max: Option<u8>,
    /// The other sale (`sale-overlaps`).
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<u64>,
    /// Which of several products it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    product_id: Option<u64>,
    /// Whose limit is reached: `address`, `server`, `customer` or `product` (`rate-limited`).
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_by: Option<&'a str>,
    /// What it counts: `reading`, `signing-in` or `buying` (`rate-limited`).
    #[serde(skip_serializing_if = "Option::is_none")]
    budget: Option<&'a str>,
    /// `X-Request-Id` of this request, under which the log says more (`internal-error`).
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

impl<'a> Document<'a> {
    fn of(problem: &'a Problem) -> Self {
        let mut document = Self {
            kind: ProblemType(problem.code),
            title: problem.code.title(),
            status: problem.status().as_u16(),
            code: problem.code.as_str(),
            detail: &problem.detail,
            retryable: problem.retryable,
            errors: None,
            available: None,
            limit: None,
            owned: None,
            opens_at: None,
            closed_at: None,
            extensions_max: None,
            sale_id: None,
            product_id: problem.product.map(ProductId::get),
            limited_by: None,
            budget: None,
            request_id: None,
        };
        if problem.status() == StatusCode::INTERNAL_SERVER_ERROR {
            document.request_id = RequestId::current().map(|id| id.as_str().to_owned());
        }
        match &problem.members {
            Members::None => {}
            Members::Errors(errors) => document.errors = Some(errors),
            Members::Available(available) => document.available = Some(*available),
            Members::Limit { limit, owned } => {
                document.limit = Some(*limit);
                document.owned = Some(*owned);
            }
            Members::OpensAt(time) => document.opens_at = Some(Rfc3339(*time)),
            Members::ClosedAt(time) => document.closed_at = Some(Rfc3339(*time)),
            Members::Sale(sale) => document.sale_id = Some(sale.get()),
            Members::ExtensionsMax(extensions) => document.extensions_max = Some(*extensions),
            Members::RateLimited(Standing { policy, .. }) => {
                document.limited_by = Some(policy.limit.as_str());
                document.budget = Some(policy.share);
            }
        }
        document
    }
}

struct ProblemType(Code);

impl Serialize for ProblemType {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("urn:lastunit:problem:{}", self.0.as_str()))
    }
}
