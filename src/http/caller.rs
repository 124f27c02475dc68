//! Caller: who asks, as far as a handler needs to know: for whom they may act, and whose things they may see.
//!
//! With `auth.mode = "open"` it is whoever the request names. With `"jwt"` a customer is the subject of the
//! token and nobody else; whoever runs the shop acts for anybody.

use super::Api;
use super::access::{self, Gate, Known};
use super::problem::{Code, Problem};
use crate::account::{Checked, Identity, Rights};
use crate::domain::{CustomerId, Timestamp};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::request::Parts;
use std::sync::Arc;

/// Who asks.
#[derive(Debug, Clone)]
pub enum Caller {
    /// Nobody is asked who they are; `trusted`: an operator.
    Open {
        trusted: bool,
    },
    /// Somebody without a token, on a route for everybody.
    Nobody,
    Known(Arc<Identity>),
}

impl FromRequestParts<Api> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        Self::of(api, &parts.headers, parts.extensions.get()).await
    }
}

impl Caller {
    /// Whoever sends these headers, if the route has not found that out already.
    ///
    /// # Errors
    /// 401 for credentials that are none, or not clear.
    pub async fn of(
        api: &Api,
        headers: &HeaderMap,
        known: Option<&Known>,
    ) -> Result<Self, Problem> {
        let accounts = match &api.gate {
            Gate::Open(operator) => return Ok(Self::Open { trusted: operator.admits(headers) }),
            Gate::Accounts(accounts) => accounts,
        };
        if let Some(Known(identity)) = known {
            return Ok(Self::Known(Arc::clone(identity)));
        }
        // A route for everybody: a token is looked at where somebody wants to know.
        let Some(presented) = access::credentials(headers)? else { return Ok(Self::Nobody) };
        let known = match accounts.check(presented) {
            Checked::Known(identity) => Ok(identity),
            Checked::Refused(error) => Err(error),
            Checked::Unasked(key) => accounts.look_up(key).await,
        };
        known.map(Self::Known).map_err(|error| Problem::of_account(&error, api.clock.now()))
    }

    /// When their token is over; `None` for those without one.
    #[must_use]
    pub fn valid_until(&self) -> Option<Timestamp> {
        match self {
            Self::Known(identity) => Some(identity.valid_until),
            Self::Open { .. } | Self::Nobody => None,
        }
    }

    /// What they may do, in a word.
    #[must_use]
    pub fn role(&self) -> &'static str {
        match self {
            Self::Open { trusted: true } => "admin",
            Self::Open { trusted: false } | Self::Nobody => "customer",
            Self::Known(identity) => match identity.rights {
                Rights::Person(role) => role.as_str(),
                Rights::Machine(_) => "machine",
            },
        }
    }

    /// Whoever has proven in another way who they are: a payment provider, by its signature.
    pub const SIGNED: Self = Self::Open { trusted: true };

    /// Whether they run the shop.
    #[must_use]
    pub fn is_operator(&self) -> bool {
        match self {
            Self::Open { trusted } => *trusted,
            Self::Nobody => false,
            Self::Known(identity) => identity.runs_the_shop(),
        }
    }

    /// The customer that a token is of.
    #[must_use]
    pub fn person(&self) -> Option<&CustomerId> {
        match self {
            Self::Known(identity) if identity.is_person() => Some(&identity.subject),
            _ => None,
        }
    }

    /// Whoever has proven who they are: a person or a machine.
    #[must_use]
    pub fn subject(&self) -> Option<&CustomerId> {
        match self {
            Self::Known(identity) => Some(&identity.subject),
            Self::Open { .. } | Self::Nobody => None,
        }
    }

    /// The customer that is meant: the one that was named, or the caller.
    #[must_use]
    pub fn customer<'a>(&'a self, named: Option<&'a str>) -> Option<&'a str> {
        named.or_else(|| self.person().map(CustomerId::as_str))
    }

    /// Whether they may see what belongs to this customer. What they may not see does not exist for them.
    #[must_use]
    pub fn may_see(&self, customer: &CustomerId) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Nobody => false,
            Self::Known(identity) => identity.runs_the_shop() || identity.subject == *customer,
        }
    }

    /// Whether everything is theirs to see, so that nobody needs to look whose it is.
    #[must_use]
    pub fn sees_everything(&self) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Nobody => false,
            Self::Known(identity) => identity.runs_the_shop(),
        }
    }

    /// Refuses to act for somebody else.
    ///
    /// # Errors
    /// 403.
    pub fn act_for(&self, customer: &CustomerId) -> Result<(), Problem> {
        if self.may_see(customer) {
            return Ok(());
        }
        let detail = "customerId is somebody else: leave it out, or sign in as them";
        Err(Problem::new(Code::Forbidden, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{Rights, Role, Scopes};
    use crate::domain::Timestamp;

    fn customer(id: &str) -> CustomerId {
        CustomerId::new(id).expect("valid")
    }

    fn known(rights: Rights) -> Caller {
        let valid_until = Timestamp::MAX;
        Caller::Known(Arc::new(Identity { subject: customer("ann"), rights, valid_until }))
    }

    #[test]
    fn customers_are_themselves_and_the_shop_is_anybody() {
        let ann = known(Rights::Person(Role::Customer));
        assert_eq!((ann.customer(None), ann.customer(Some("bob"))), (Some("ann"), Some("bob")));
        assert!(ann.act_for(&customer("ann")).is_ok());
        let refused = ann.act_for(&customer("bob")).expect_err("somebody else");
        assert_eq!(refused.code(), Code::Forbidden);
        assert!(!ann.sees_everything() && !ann.is_operator());
        let key = known(Rights::Machine(Scopes::ORDERS_READ));
        assert_eq!((key.customer(None), key.person()), (None, None));
        for shop in [key, known(Rights::Person(Role::Staff)), Caller::Open { trusted: false }] {
            assert!(shop.act_for(&customer("bob")).is_ok() && shop.sees_everything());
        }
        let nobody = Caller::Nobody;
        assert!(!nobody.may_see(&customer("ann")) && nobody.customer(None).is_none());
    }
}
