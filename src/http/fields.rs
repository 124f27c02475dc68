//! Fields: values as callers write them, before anything is said about their range.
//!
//! Reading and checking are two steps, because they have two answers. A value of the wrong kind (a
//! text for a quantity, a fraction, `null` for what must be there) means that the request cannot be read: 400. A value of
//! the right kind that is out of range, or a field that is missing, is 422, and [`Checks`] collects
//! all of them, so that a caller learns everything that is wrong at once.

use crate::domain::Field;
use compact_str::{CompactString, format_compact};
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A structure written as an object. Derived readers would take a list of its values too, and nobody
/// means a purchase by `[1, 2, "ann"]`.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

/// An integer of any size. What does not fit is as far out of range as can be, not unreadable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole(pub i128);

impl Whole {
    /// The number, if it lies within the bounds.
    #[must_use]
    pub fn within(self, min: u64, max: u64) -> Option<u64> {
        u64::try_from(self.0).ok().filter(|number| (min..=max).contains(number))
    }

    /// JSON readers hand integers beyond 64 bits over as floating point numbers, and those that are written
    /// with a fraction of nothing or an exponent: `1.0` and `1e3` are integers, to JSON Schema too.
    fn from_float(float: f64) -> Option<Self> {
        // 2^50: a reader that is off by some last bits gives a fraction here, never another integer, which
        // might be the id of another product.
        const EXACT_BELOW: f64 = 1_125_899_906_842_624.0;
        // 2^63: from here on no number is in range anywhere.
        const BEYOND_FROM: f64 = 9_223_372_036_854_775_808.0;
        if float.fract() != 0.0 {
            return None;
        }
        if float.abs() < EXACT_BELOW {
            #[allow(clippy::cast_possible_truncation)] // no fraction, and within the bounds
            return Some(Self(float as i128));
        }
        let beyond = float.abs() >= BEYOND_FROM;
        beyond.then_some(Self(if float > 0.0 { i128::MAX } else { i128::MIN }))
    }

    /// Decimal digits, with a minus where there is one.
    #[must_use]
    pub fn from_digits(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let saturated = if text.starts_with('-') { i128::MIN } else { i128::MAX };
        Some(Self(text.parse().unwrap_or(saturated)))
    }
}

struct WholeVisitor {
    digits: bool,
}

impl Visitor<'_> for WholeVisitor {
    type Value = Whole;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.digits { "an integer or its digits" } else { "an integer" })
    }

    fn visit_u64<E>(self, number: u64) -> Result<Whole, E> {
        Ok(Whole(number.into()))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Whole, E> {
        Ok(Whole(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
        Whole::from_float(number).ok_or_else(|| E::invalid_type(Unexpected::Float(number), &self))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Whole, E> {
        let number = if self.digits { Whole::from_digits(text) } else { None };
        number.ok_or_else(|| E::invalid_type(Unexpected::Other("text"), &self))
    }
}

/// An integer. For `#[serde(default, deserialize_with = ...)]`: a missing field is `None`, `null`
/// is an error.
///
/// # Errors
/// For any other kind of value, and for fractions.
pub fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Whole>, D::Error> {
    deserializer.deserialize_any(WholeVisitor { digits: false }).map(Some)
}

/// An integer or its digits as a text, as ids are often written.
///
/// # Errors
/// See [`whole`].
pub fn whole_or_digits<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Whole>, D::Error> {
    deserializer.deserialize_any(WholeVisitor { digits: true }).map(Some)
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WholeVisitor { digits: false })
    }
}

/// An integer that may be left out or `null`.
///
/// # Errors
/// See [`whole`].
pub fn optional_whole<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Whole>, D::Error> {
    Option::deserialize(deserializer)
}

/// A list of ids, which may be left out or `null`.
///
/// # Errors
/// See [`whole`].
pub fn optional_ids<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Vec<Whole>>, D::Error> {
    #[derive(Deserialize)]
    struct Id(#[serde(deserialize_with = "whole_or_digits")] Option<Whole>);
    let ids = Option::<Vec<Id>>::deserialize(deserializer)?;
    Ok(ids.map(|ids| ids.into_iter().filter_map(|id| id.0).collect()))
}

/// A field of a change: missing keeps what is there, `null` takes it away.
///
/// # Errors
/// For a value of another kind.
pub fn field<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Field<T>, D::Error> {
    Ok(Option::<T>::deserialize(deserializer)?.map_or(Field::Clear, Field::Set))
}

/// `true` or `false`; a missing field is `None`, `null` is an error.
///
/// # Errors
/// For any other kind of value.
pub fn flag<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    bool::deserialize(deserializer).map(Some)
}

/// An object of texts, each name once.
#[derive(Debug, Default)]
pub struct Texts(pub BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(TextsVisitor)
    }
}

struct TextsVisitor;

impl<'de> Visitor<'de> for TextsVisitor {
    type Value = Texts;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Texts, A::Error> {
        let mut texts = BTreeMap::new();
        while let Some((name, text)) = map.next_entry::<String, String>()? {
            if texts.contains_key(&name) {
                return Err(A::Error::custom("an attribute is there twice"));
            }
            texts.insert(name, text);
        }
        Ok(Texts(texts))
    }
}

struct CustomerVisitor;

impl Visitor<'_> for CustomerVisitor {
    type Value = CompactString;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a text or an integer")
    }

    fn visit_str<E>(self, text: &str) -> Result<CompactString, E> {
        Ok(CompactString::from(text))
    }

    fn visit_u64<E>(self, number: u64) -> Result<CompactString, E> {
        Ok(format_compact!("{number}"))
    }

    fn visit_i64<E>(self, number: i64) -> Result<CompactString, E> {
        Ok(format_compact!("{number}"))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<CompactString, E> {
        match Whole::from_float(number) {
            // The digits of an integer this large are lost: it names nobody, as an empty text does.
            Some(Whole(i128::MIN | i128::MAX)) => Ok(CompactString::default()),
            Some(Whole(number)) => Ok(format_compact!("{number}")),
            None => Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
    }
}

/// A customer id: a text, or an integer whose digits are the text. `null` says as little as leaving it out.
///
/// # Errors
/// For any other kind of value.
pub fn customer<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<CompactString>, D::Error> {
    struct Customer(CompactString);
    impl<'de> Deserialize<'de> for Customer {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            deserializer.deserialize_any(CustomerVisitor).map(Self)
        }
    }
    Ok(Option::<Customer>::deserialize(deserializer)?.map(|customer| customer.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(rename_all = "camelCase", deny_unknown_fields)]
    struct Request {
        #[serde(default, deserialize_with = "whole_or_digits")]
        id: Option<Whole>,
        #[serde(default, deserialize_with = "whole")]
        quantity: Option<Whole>,
        #[serde(default, deserialize_with = "optional_whole")]
        limit: Option<Whole>,
        #[serde(default, deserialize_with = "customer", alias = "userId")]
        customer_id: Option<CompactString>,
    }

    fn read(json: &str) -> Option<Request> {
        serde_json::from_str::<Object<Request>>(json).ok().map(|request| request.0)
    }

    #[test]
    fn a_list_is_no_object() {
        assert!(serde_json::from_str::<Request>(r#"[7, 1, 2, "ann"]"#).is_ok(), "serde's way");
        for json in [r#"[7, 1, 2, "ann"]"#, "[]", "null", "7", "\"7\""] {
            assert_eq!(read(json), None, "{json}");
        }
        assert!(read("{}").is_some());
    }

    #[test]
    fn integers_of_any_size_are_read() {
        for (json, expected) in [
            (r#"{"id": 7}"#, 7),
            (r#"{"id": "7"}"#, 7),
            (r#"{"id": "-1"}"#, -1),
            (r#"{"id": -1}"#, -1),
            (r#"{"id": 1.0}"#, 1),
            (r#"{"id": -1e3}"#, -1_000),
            (r#"{"id": -0}"#, 0),
            (r#"{"id": 1125899906842623.0}"#, 1_125_899_906_842_623),
            (r#"{"id": 9223372036854775808}"#, 1 << 63),
            (r#"{"id": 99999999999999999999}"#, i128::MAX),
            (r#"{"id": -99999999999999999999}"#, i128::MIN),
            (r#"{"id": "99999999999999999999"}"#, 99_999_999_999_999_999_999),
        ] {
            assert_eq!(read(json).and_then(|request| request.id), Some(Whole(expected)), "{json}");
        }
        let digits = format!(r#"{{"id": "{}"}}"#, "9".repeat(60));
        assert_eq!(read(&digits).and_then(|request| request.id), Some(Whole(i128::MAX)));
    }

    #[test]
    fn other_kinds_of_values_are_not() {
        for json in [
            r#"{"id": "text"}"#,
            r#"{"id": ""}"#,
            r#"{"id": "+1"}"#,
            r#"{"id": "1.5"}"#,
            r#"{"id": 1.5}"#,
            r#"{"id": 1e-3}"#,
            r#"{"id": 1125899906842624.0}"#,
            r#"{"id": null}"#,
            r#"{"id": true}"#,
            r#"{"id": [1]}"#,
            r#"{"quantity": "1"}"#,
            r#"{"quantity": null}"#,
            r#"{"customerId": 1.5}"#,
            r#"{"customerId": true}"#,
            r#"{"customerId": {}}"#,
            r#"{"customerId": "a", "userId": "b"}"#,
            r#"{"id": 1, "id": 1}"#,
            r#"{"other": 1}"#,
        ] {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn customers_are_texts_or_integers() {
        for (json, expected) in [
            (r#"{"customerId": "ann"}"#, "ann"),
            (r#"{"userId": 7}"#, "7"),
            (r#"{"userId": 7.0}"#, "7"),
            (r#"{"userId": 18446744073709551615}"#, "18446744073709551615"),
            (r#"{"userId": 99999999999999999999}"#, ""),
        ] {
            let customer = read(json).and_then(|request| request.customer_id);
            assert_eq!(customer.as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn a_customer_may_be_null() {
        assert_eq!(read(r#"{"customerId": null}"#).map(|request| request.customer_id), Some(None));
    }

    #[test]
    fn an_optional_integer_may_be_null() {
        assert_eq!(read(r#"{"limit": null}"#).map(|request| request.limit), Some(None));
        assert_eq!(read(r#"{"limit": "1"}"#), None);
        let limit = read(r#"{"limit": 2}"#).and_then(|request| request.limit);
        assert_eq!(limit.and_then(|limit| limit.within(1, 2)), Some(2));
    }
}
