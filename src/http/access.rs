//! Access: who may use a route. Each route declares it in [`super::routes`], and it is looked at before
//! the handler and the body, so that nothing is read for others.
//!
//! With `auth.mode = "open"` a request of whoever runs the shop carries the token of
//! `auth.operator_token`; where there is none, everybody is trusted. With `"jwt"` people carry tokens with
//! a role, and machines API keys with scopes.

use super::Api;
use super::problem::{Code, Problem};
use crate::account::{Accounts, Checked, Identity, PresentedKey, Rights, Role, Scopes};
use crate::domain::Timestamp;
use axum::http::{HeaderMap, HeaderName, header};
use std::fmt;
use std::sync::Arc;

/// The scheme of RFC 6750, in small letters.
const SCHEME: &str = "bearer";

/// Another place for an API key, for clients that can only set a header of their own.
const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// How callers prove who they are.
#[derive(Debug, Clone)]
pub enum Gate {
    /// `auth.mode = "open"`
    Open(OperatorToken),
    /// `auth.mode = "jwt"`
    Accounts(Accounts),
}

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

    /// Whether a request with these headers is trusted.
    pub(super) fn admits(self, headers: &HeaderMap) -> bool {
        let Some(expected) = self.0 else { return true };
        let sent = credentials(headers).ok().flatten();
        sent.is_some_and(|sent| blake3::hash(sent.as_bytes()) == expected)
    }
}

impl fmt::Debug for OperatorToken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "OperatorToken(***)" } else { "OperatorToken" })
    }
}

/// The token or the API key that was sent, if one was.
///
/// # Errors
/// 401 where it is not clear which one is meant: a proxy in front might have understood another.
pub(super) fn credentials(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let ambiguous =
        || Problem::new(Code::InvalidToken, "send one token or one API key, in one header, once");
    let bearers = headers.get_all(header::AUTHORIZATION).iter();
    let mut sent = bearers.chain(headers.get_all(API_KEY).iter());
    let Some(value) = sent.next() else { return Ok(None) };
    if sent.next().is_some() {
        return Err(ambiguous());
    }
    let text = value.to_str().map_err(|_| ambiguous())?;
    if headers.contains_key(API_KEY) {
        return Ok(Some(text));
    }
    match text.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(SCHEME) => {
            Ok(Some(token.trim_start_matches(' ')))
        }
        _ => Err(Problem::new(
            Code::Unauthorized,
            "the header Authorization must be Bearer and a token, or Bearer and an API key",
        )),
    }
}

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Anyone,
    /// Whoever buys, for themselves; and everybody who runs the shop.
    Customer,
    /// Whoever watches the server: staff; with `"open"` everybody.
    Monitor,
    /// Whoever looks after stock and orders.
    Staff,
    /// Whoever decides what is sold, and who else may do what.
    Admin,
}

/// Who may use a route, and which scopes let a machine do so.
#[derive(Debug, Clone, Copy)]
pub struct Requirement {
    access: Access,
    scopes: Scopes,
}

/// What a request is answered before its handler is asked.
pub enum Passage {
    /// Nobody has to know who it is.
    Anybody,
    Known(Known),
    Refused(Problem),
    /// Only the store can tell.
    Unasked(Accounts, PresentedKey),
}

/// Who asks, as handlers find it with the request.
#[derive(Debug, Clone)]
pub struct Known(pub Arc<Identity>);

impl Requirement {
    /// What the route with this name requires.
    #[must_use]
    pub fn of(access: Access, name: &str) -> Self {
        Self { access, scopes: scopes(name) }
    }

    /// Whether a request with these headers may pass.
    pub fn check(self, api: &Api, headers: &HeaderMap) -> Passage {
        if self.access == Access::Anyone {
            return Passage::Anybody;
        }
        let accounts = match &api.gate {
            Gate::Open(operator) => return self.check_open(*operator, headers),
            Gate::Accounts(accounts) => accounts,
        };
        let presented = match credentials(headers) {
            Ok(Some(presented)) => presented,
            Ok(None) => return Passage::Refused(sign_in()),
            Err(problem) => return Passage::Refused(problem),
        };
        match accounts.check(presented) {
            Checked::Known(identity) => match self.admit(identity) {
                Ok(known) => Passage::Known(known),
                Err(problem) => Passage::Refused(problem),
            },
            Checked::Refused(error) => {
                Passage::Refused(Problem::of_account(&error, api.clock.now()))
            }
            Checked::Unasked(key) => Passage::Unasked(accounts.clone(), key),
        }
    }

    fn check_open(self, operator: OperatorToken, headers: &HeaderMap) -> Passage {
        match self.access {
            Access::Staff | Access::Admin if !operator.admits(headers) => {
                Passage::Refused(Problem::new(
                    Code::Unauthorized,
                    "this is for operators: send the header Authorization: Bearer with the token of \
                     auth.operator_token",
                ))
            }
            _ => Passage::Anybody,
        }
    }

    /// The same for an API key that the store has to be asked about.
    ///
    /// # Errors
    /// The answer to one that may not pass.
    pub async fn look_up(
        self,
        accounts: &Accounts,
        key: PresentedKey,
        now: Timestamp,
    ) -> Result<Known, Problem> {
        let identity = accounts.look_up(key).await;
        self.admit(identity.map_err(|error| Problem::of_account(&error, now))?)
    }

    /// Whether somebody who is known may use the route.
    ///
    /// # Errors
    /// 403, with what it takes.
    pub fn admit(self, identity: Arc<Identity>) -> Result<Known, Problem> {
        let least = match self.access {
            Access::Anyone | Access::Customer => Role::Customer,
            Access::Monitor | Access::Staff => Role::Staff,
            Access::Admin => Role::Admin,
        };
        match identity.rights {
            Rights::Person(role) if role >= least => Ok(Known(identity)),
            Rights::Machine(scopes) if scopes.admit(self.scopes) => Ok(Known(identity)),
            Rights::Person(_) => {
                let detail = format!("this takes the role \"{}\"", least.as_str());
                Err(Problem::new(Code::Forbidden, detail))
            }
            Rights::Machine(_) => {
                let names: Vec<_> = self.scopes.or(Scopes::ADMIN).names().collect();
                let detail =
                    format!("this takes an API key with one of the scopes: {}", names.join(", "));
                Err(Problem::new(Code::Forbidden, detail))
            }
        }
    }
}

pub(super) fn sign_in() -> Problem {
    Problem::new(
        Code::Unauthorized,
        "say who you are: send the header Authorization: Bearer with a token or an API key",
    )
}

/// The scopes that let a machine use a route, by what the route is about; `admin` always does. A route
/// of a kind that is not named here is for that one alone.
fn scopes(name: &str) -> Scopes {
    let (method, path) = name.split_once(' ').unwrap_or_default();
    let reads = method == "GET";
    let resource = path.strip_prefix("/api/v1").unwrap_or(path);
    let first = resource.split('/').nth(1).unwrap_or_default();
    match first {
        _ if resource.ends_with("/stock/adjustments") => Scopes::STOCK_WRITE,
        // A list tells of everybody.
        "reservations" if reads && resource == "/reservations" => Scopes::ORDERS_READ,
        "purchases" | "reservations" | "cart" if reads => {
            Scopes::ORDERS_READ.or(Scopes::PURCHASES_WRITE)
        }
        "purchases" | "reservations" | "cart" => Scopes::PURCHASES_WRITE,
        "orders" if reads => Scopes::ORDERS_READ,
        "admin" if reads && resource == "/admin/dead-letters" => Scopes::ORDERS_READ,
        "orders" if resource == "/orders" => Scopes::PURCHASES_WRITE,
        "orders" => Scopes::ORDERS_WRITE,
        "admin" if resource.starts_with("/admin/dead-letters/") => Scopes::ORDERS_WRITE,
        // Every key may ask what it is.
        "auth" if reads && resource == "/auth/me" => Scopes::ALL,
        "products" | "categories" => Scopes::PRODUCTS_WRITE,
        "sales" if reads => Scopes::SALES_WRITE.or(Scopes::METRICS_READ),
        "sales" => Scopes::SALES_WRITE,
        "metrics" | "monitoring" | "reports" => Scopes::METRICS_READ,
        _ => Scopes::NONE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn headers(sent: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in sent {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn one_credential_is_sent_once() {
        let of = |sent: &[(&'static str, &'static str)]| {
            let headers = headers(sent);
            credentials(&headers).map(|text| text.map(str::to_owned)).map_err(|error| error.code())
        };
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(of(&[]), Ok(None));
        assert_eq!(of(&[("authorization", "Bearer abc")]), some("abc"));
        assert_eq!(of(&[("authorization", "bearer  abc")]), some("abc"));
        assert_eq!(of(&[("x-api-key", "lu_abc")]), some("lu_abc"));
        for basic in ["Basic abc", "abc", "", "Bearer"] {
            assert_eq!(of(&[("authorization", basic)]), Err(Code::Unauthorized), "{basic}");
        }
        let twice = [("authorization", "Bearer abc"), ("authorization", "Bearer abc")];
        let both = [("authorization", "Bearer abc"), ("x-api-key", "lu_abc")];
        for ambiguous in [twice, both] {
            assert_eq!(of(&ambiguous), Err(Code::InvalidToken), "{ambiguous:?}");
        }
    }

    #[test]
    fn without_a_token_everybody_is_trusted() {
        assert!(OperatorToken::new("").admits(&headers(&[])));
        let token = OperatorToken::new("abc");
        assert!(token.admits(&headers(&[("authorization", "Bearer abc")])));
        for sent in ["Bearer ab", "Bearer ", "abc"] {
            assert!(!token.admits(&headers(&[("authorization", sent)])), "{sent}");
        }
        assert!(!token.admits(&headers(&[])));
    }

    #[test]
    fn each_kind_of_route_has_its_scope() {
        for (name, expected) in [
            ("POST /api/v1/purchases", Scopes::PURCHASES_WRITE),
            ("POST /api/v1/orders", Scopes::PURCHASES_WRITE),
            ("GET /api/v1/orders", Scopes::ORDERS_READ),
            ("GET /api/v1/reservations", Scopes::ORDERS_READ),
            ("GET /api/v1/reservations/{id}", Scopes::ORDERS_READ.or(Scopes::PURCHASES_WRITE)),
            ("POST /api/v1/orders/{id}/refund", Scopes::ORDERS_WRITE),
            ("POST /api/v1/products/{id}/stock/adjustments", Scopes::STOCK_WRITE),
            ("POST /api/v1/stock/adjustments", Scopes::STOCK_WRITE),
            ("PATCH /api/v1/products/{id}", Scopes::PRODUCTS_WRITE),
            ("POST /api/v1/sales", Scopes::SALES_WRITE),
            ("GET /metrics", Scopes::METRICS_READ),
            ("POST /api/v1/api-keys", Scopes::NONE),
            ("POST /api/v1/admin/anything", Scopes::NONE),
            ("GET /api/v1/admin/anything", Scopes::NONE),
            ("GET /api/v1/admin/dead-letters", Scopes::ORDERS_READ),
            ("POST /api/v1/admin/dead-letters/{id}/retry", Scopes::ORDERS_WRITE),
            ("GET /api/v1/auth/me", Scopes::ALL),
            ("POST /api/v1/auth/password", Scopes::NONE),
        ] {
            assert_eq!(scopes(name), expected, "{name}");
        }
    }
}
