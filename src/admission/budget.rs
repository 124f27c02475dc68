//! Budget: what kind of work a route is. Each route declares one in `http::routes`; it decides which
//! limits count a request and how early it is shed.

use super::shedding::Level;

/// The kind of work a request is, from what is shed first to what is never shed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Budget {
    /// Pages of lists: the dearest reads, and the ones nobody needs to finish a purchase.
    Listing,
    /// Other reading.
    Reading,
    /// Registering, signing in and changing a password: each costs a slow hash.
    SigningIn,
    /// Changes that sell nothing: carts, the catalogue, stock.
    Changing,
    /// Buying, holding, ordering, paying, and what finishes or undoes those. Staying signed in, too: it
    /// costs no slow hash, and a buyer must not be locked out by those who sign in. Shed by nothing but
    /// the engine's own bound.
    Buying,
    /// Neither limited nor shed: health, metrics, and the signed notices of a payment provider, who
    /// sends those of all customers from one address.
    Unlimited,
}

/// Which of the settings count a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Share {
    Reading,
    SigningIn,
    Buying,
}

impl Budget {
    /// Names, in the order of declaration, as metrics and documents have them.
    pub const NAMES: [&'static str; 6] =
        ["listing", "reading", "signing-in", "changing", "buying", "unlimited"];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    pub(super) const fn share(self) -> Option<Share> {
        match self {
            Self::Listing | Self::Reading | Self::Changing => Some(Share::Reading),
            Self::SigningIn => Some(Share::SigningIn),
            Self::Buying => Some(Share::Buying),
            Self::Unlimited => None,
        }
    }

    /// The level from which on it is shed.
    pub(super) const fn shed_from(self) -> Option<Level> {
        match self {
            Self::Listing => Some(Level::Lists),
            Self::Reading => Some(Level::Reading),
            Self::SigningIn => Some(Level::SigningIn),
            Self::Changing => Some(Level::Changes),
            Self::Buying | Self::Unlimited => None,
        }
    }
}

impl Share {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Reading => "reading",
            Self::SigningIn => "signing-in",
            Self::Buying => "buying",
        }
    }
}

/// Whom a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    Address,
    Server,
    Customer,
    Product,
}

impl Limit {
    /// Names, in the order of declaration.
    pub const NAMES: [&'static str; 4] = ["address", "server", "customer", "product"];

    #[must_use]
    pub const fn as_str(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}
