//! The small types everything else is made of: an id, a quantity and a time are not just integers.
//!
//! Parsed once at the edge, trusted afterwards. Every constructor that can fail says why.

use compact_str::CompactString;
use std::fmt;

/// Longest accepted customer id, in characters.
pub const CUSTOMER_ID_CHARS_MAX: usize = 64;

/// Most units one command may ask for.
pub const QUANTITY_MAX: u32 = 1_000;

/// Why a value is not an id, a quantity or a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("must be an integer from 1 to 9223372036854775807")]
    ProductId,
    #[error("must be an integer from 1 to {QUANTITY_MAX}")]
    Quantity,
    #[error("must have 1 to {CUSTOMER_ID_CHARS_MAX} characters, none of them a control character")]
    Customer,
}

/// A sellable thing: a positive integer that also fits a signed 64-bit database column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProductId(u64);

impl ProductId {
    /// # Errors
    /// [`IdError::ProductId`] for 0 and for anything above 2^63 - 1.
    pub const fn new(raw: u64) -> Result<Self, IdError> {
        if raw == 0 || raw > i64::MAX as u64 {
            return Err(IdError::ProductId);
        }
        Ok(Self(raw))
    }

    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The same number as a database column holds it; always positive.
    #[must_use]
    pub const fn to_column(self) -> i64 {
        self.0.cast_signed()
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Who buys: 1 to 64 characters chosen by the shop, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CustomerId(CompactString);

impl CustomerId {
    /// # Errors
    /// [`IdError::Customer`] when empty, too long, or holding a control character.
    pub fn new(text: &str) -> Result<Self, IdError> {
        // Bytes are never fewer than characters, so the cheap test settles almost every call.
        let too_long =
            text.len() > CUSTOMER_ID_CHARS_MAX && text.chars().count() > CUSTOMER_ID_CHARS_MAX;
        if text.is_empty() || too_long || text.chars().any(char::is_control) {
            return Err(IdError::Customer);
        }
        Ok(Self(CompactString::from(text)))
    }

    /// An id that was checked before it was journaled.
    #[must_use]
    pub fn from_journal(text: &str) -> Self {
        Self(CompactString::from(text))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// How many units a command asks for: 1 to [`QUANTITY_MAX`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(u32);

impl Quantity {
    /// # Errors
    /// [`IdError::Quantity`] outside 1..=[`QUANTITY_MAX`].
    pub const fn new(raw: u32) -> Result<Self, IdError> {
        if raw == 0 || raw > QUANTITY_MAX {
            return Err(IdError::Quantity);
        }
        Ok(Self(raw))
    }

    /// A quantity that was checked before it was journaled.
    #[must_use]
    pub const fn from_journal(raw: u32) -> Self {
        Self(raw)
    }

    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// One order, and the reservation it grew from: both carry the same 128 bits (a UUID, version 7).
/// Ordered by the time it was drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub [u8; 16]);

/// What an `Idempotency-Key` becomes before it enters the rules: 128 bits of a BLAKE3 hash over the
/// customer and the key, so that the journal never holds the caller's raw key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestKey(pub [u8; 16]);

/// 64 bits over what the caller asked for under a key; another value means another request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fingerprint(pub u64);

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Largest representable time: 9999-12-31T23:59:59.999Z, the last that RFC 3339 can write.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// Clamped to [`Timestamp::MAX`].
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        if millis > Self::MAX.0 {
            return Self::MAX;
        }
        Self(millis)
    }

    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// The time `millis` later, at most [`Timestamp::MAX`].
    #[must_use]
    pub const fn plus_millis(self, millis: u64) -> Self {
        Self::from_millis(self.0.saturating_add(millis))
    }

    /// Milliseconds from `earlier` to this time; zero when `earlier` is later.
    #[must_use]
    pub const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn product_ids_are_positive_and_fit_a_signed_column() {
        assert_eq!(ProductId::new(0), Err(IdError::ProductId));
        assert_eq!(ProductId::new(1 << 63), Err(IdError::ProductId));
        assert_eq!(ProductId::new((1 << 63) - 1).map(ProductId::to_column), Ok(i64::MAX));
    }

    #[test]
    fn customer_ids_count_characters_not_bytes() {
        assert!(CustomerId::new(&"ä".repeat(64)).is_ok());
        for bad in [String::new(), "x".repeat(65), "ä".repeat(65), "a\0b".into(), "a\nb".into()] {
            assert_eq!(CustomerId::new(&bad), Err(IdError::Customer), "{bad:?}");
        }
    }

    #[test]
    fn times_stop_at_the_last_year_rfc_3339_can_write() {
        assert_eq!(Timestamp::MAX.plus_millis(u64::MAX), Timestamp::MAX);
        assert_eq!(Timestamp::from_millis(5).millis_since(Timestamp::from_millis(9)), 0);
    }
}
