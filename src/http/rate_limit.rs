//! Rate limit: what callers are told about limits, in the header fields `RateLimit` and
//! `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers-10 (structured fields, RFC 9651):
//!
//! ```text
//!   RateLimit-Policy: "address-buying";q=200;w=4     200 requests, all of them again after 4 seconds
//!   RateLimit: "address-buying";r=0;t=1              none is left, the next one in a second
//! ```
//!
//! A 429 always has them. An answer that passed has them once half of the address's burst is used up: who is
//! far from a limit need not pay for reading and writing them, as the draft suggests.

use super::problem::{Code, Problem};
use crate::admission::{Standing, Turned};
use axum::http::{HeaderMap, HeaderName, HeaderValue};

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Writes where somebody stands.
pub(super) fn tell(headers: &mut HeaderMap, standing: &Standing) {
    let Standing { policy, remaining, seconds } = standing;
    let name = format!("\"{}-{}\"", policy.limit.as_str(), policy.share);
    let fields = [
        (RATE_LIMIT, format!("{name};r={remaining};t={seconds}")),
        (POLICY, format!("{name};q={};w={}", policy.burst, policy.window_seconds())),
    ];
    for (field, text) in fields {
        // Names and numbers always fit.
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(field, value);
        }
    }
}

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Overloaded => Self::new(
                Code::Overloaded,
                "the server has more to do than it can, and purchases go first; try again in a moment",
            ),
            Turned::Limited(standing) => Self::rate_limited(standing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::{Limit, Policy};
    use axum::response::IntoResponse;
    use std::num::NonZeroU32;

    #[test]
    fn a_limit_is_told_in_the_fields_of_the_draft() {
        let number = |number| NonZeroU32::new(number).expect("not 0");
        let (per_second, burst) = (number(50), number(201));
        let policy = Policy { limit: Limit::Address, share: "buying", per_second, burst };
        let standing = Standing { policy, remaining: 0, seconds: 3 };
        let response = Problem::from(Turned::Limited(standing)).into_response();
        assert_eq!(response.status().as_u16(), 429);
        let headers = response.headers();
        assert_eq!(headers["retry-after"], "3");
        assert_eq!(headers["ratelimit"], "\"address-buying\";r=0;t=3");
        assert_eq!(headers["ratelimit-policy"], "\"address-buying\";q=201;w=5");
    }
}
