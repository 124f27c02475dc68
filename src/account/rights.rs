//! Rights: what whoever asks may do. A person has a role, a machine has scopes; both are values, and
//! nothing here reads a token.

use crate::domain::{CustomerId, Timestamp};
use std::fmt;

/// What a person is to the shop. Each includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    Customer,
    Staff,
    Admin,
}

impl Role {
    pub const ALL: [Self; 3] = [Self::Customer, Self::Staff, Self::Admin];

    /// As claims, columns and documents spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::Staff => "staff",
            Self::Admin => "admin",
        }
    }

    /// `None` for a word that is no role.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// The names of scopes, each at the place of its bit.
const SCOPES: [&str; 8] = [
    "orders:read",
    "orders:write",
    "stock:write",
    "products:write",
    "sales:write",
    "purchases:write",
    "metrics:read",
    "admin",
];

/// What a machine may do: a set of scopes.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Scopes(u16);

impl Scopes {
    pub const NONE: Self = Self(0);
    pub const ORDERS_READ: Self = Self(1);
    pub const ORDERS_WRITE: Self = Self(1 << 1);
    pub const STOCK_WRITE: Self = Self(1 << 2);
    pub const PRODUCTS_WRITE: Self = Self(1 << 3);
    pub const SALES_WRITE: Self = Self(1 << 4);
    pub const PURCHASES_WRITE: Self = Self(1 << 5);
    pub const METRICS_READ: Self = Self(1 << 6);
    /// Includes every other one.
    pub const ADMIN: Self = Self(1 << 7);
    pub const ALL: Self = Self((1 << SCOPES.len()) - 1);

    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether they have one of these.
    #[must_use]
    pub const fn admit(self, any_of: Self) -> bool {
        self.0 & any_of.or(Self::ADMIN).0 != 0
    }

    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// `None` for a word that is no scope.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let place = SCOPES.iter().position(|name| *name == text)?;
        Some(Self(1 << place))
    }

    /// All names there are.
    #[must_use]
    pub fn known() -> String {
        SCOPES.join(", ")
    }

    pub fn names(self) -> impl Iterator<Item = &'static str> {
        SCOPES.into_iter().enumerate().filter(move |(at, _)| self.0 >> at & 1 == 1).map(|(_, n)| n)
    }

    /// As a column holds it. A name that this program does not know gives no right.
    pub(super) fn from_column(text: &str) -> Self {
        text.split(' ').filter_map(Self::parse).fold(Self::NONE, Self::or)
    }

    pub(super) fn to_column(self) -> String {
        self.names().collect::<Vec<_>>().join(" ")
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_set().entries(self.names()).finish()
    }
}

/// What somebody may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rights {
    /// A person with a token.
    Person(Role),
    /// A machine with an API key.
    Machine(Scopes),
}

/// Who asks, once that is proven.
#[derive(Clone, PartialEq, Eq)]
pub struct Identity {
    /// The customer a person is; of a machine, a name for its key.
    pub subject: CustomerId,
    pub rights: Rights,
    /// Until when the proof holds, whatever else is known by then.
    pub valid_until: Timestamp,
}

impl Identity {
    /// Whether they act for the shop, and so for any customer.
    #[must_use]
    pub fn runs_the_shop(&self) -> bool {
        match self.rights {
            Rights::Person(role) => role >= Role::Staff,
            Rights::Machine(_) => true,
        }
    }

    #[must_use]
    pub const fn is_person(&self) -> bool {
        matches!(self.rights, Rights::Person(_))
    }
}

// Who it is belongs into no log.
impl fmt::Debug for Identity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identity({:?})", self.rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_have_one_name_each() {
        for (place, name) in SCOPES.iter().enumerate() {
            assert_eq!(Scopes::parse(name), Some(Scopes(1 << place)));
        }
        assert_eq!(Scopes::parse("metrics:read"), Some(Scopes::METRICS_READ));
        assert_eq!(Scopes::parse("admin"), Some(Scopes::ADMIN));
        assert_eq!(Scopes::parse("Admin"), None);
        let both = Scopes::ORDERS_READ.or(Scopes::STOCK_WRITE);
        assert_eq!(Scopes::from_column(&both.to_column()), both);
        assert_eq!(Scopes::from_column("later:scope orders:read"), Scopes::ORDERS_READ);
    }

    #[test]
    fn admin_is_every_scope_and_nothing_else_is() {
        for name in SCOPES {
            let only = Scopes::parse(name).unwrap();
            assert!(Scopes::ADMIN.admit(only) && only.admit(only));
            assert_eq!(only.admit(Scopes::NONE), only == Scopes::ADMIN, "{name}");
        }
        assert!(!Scopes::ORDERS_READ.admit(Scopes::ORDERS_WRITE));
        assert!(!Scopes::NONE.admit(Scopes::ORDERS_READ));
    }

    #[test]
    fn roles_include_those_before() {
        assert!(Role::Admin > Role::Staff && Role::Staff > Role::Customer);
        assert_eq!(Role::parse("staff"), Some(Role::Staff));
        assert_eq!(Role::parse("root"), None);
    }
}
