//! Checks: turns read values into domain types, and collects everything that is out of range.
//!
//! Every method returns `None` and notes an error where a value is missing or out of range, so a
//! request is checked to its end before it is answered.

use super::fields::Whole;
use super::problem::{FieldError, Problem};
use super::time;
use crate::domain::{CustomerId, IdError, ProductId, Quantity, SaleId, Timestamp};
use std::borrow::Cow;

const REQUIRED: &str = "is required";

/// What is wrong with one request so far. Allocates nothing while all is well.
#[derive(Debug, Default)]
pub struct Checks {
    errors: Vec<FieldError>,
}

impl Checks {
    /// Notes an error.
    pub fn fail<T>(
        &mut self,
        field: &'static str,
        message: impl Into<Cow<'static, str>>,
    ) -> Option<T> {
        self.errors.push(FieldError { field, message: message.into() });
        None
    }

    /// The problem that tells all noted errors.
    #[must_use]
    pub fn problem(self) -> Problem {
        Problem::validation(self.errors)
    }

    /// What is wrong with one entry of a list, in a sentence for the list's own field.
    #[must_use]
    pub fn sentence(&self) -> String {
        let errors = self.errors.iter();
        let each = errors.map(|error| format!("{} {}", error.field, error.message));
        each.collect::<Vec<_>>().join("; ")
    }

    /// Nothing was noted.
    #[must_use]
    pub const fn passed(&self) -> bool {
        self.errors.is_empty()
    }

    pub fn product(&mut self, value: Option<Whole>) -> Option<ProductId> {
        let Some(whole) = value else { return self.fail("productId", REQUIRED) };
        let id = whole.within(0, u64::MAX).and_then(|number| ProductId::new(number).ok());
        id.or_else(|| self.fail("productId", IdError::ProductId.to_string()))
    }

    /// A sale that may be left out.
    #[allow(clippy::option_option)] // `None` is what every check answers to a bad value
    pub fn sale(&mut self, value: Option<Whole>) -> Option<Option<SaleId>> {
        let Some(whole) = value else { return Some(None) };
        let sale = whole.within(0, u64::MAX).and_then(SaleId::new);
        sale.map(Some).or_else(|| self.fail("saleId", IdError::ProductId.to_string()))
    }

    pub fn quantity(&mut self, value: Option<Whole>) -> Option<Quantity> {
        let Some(whole) = value else { return self.fail("quantity", REQUIRED) };
        let number = u32::try_from(whole.0).ok();
        let quantity = number.and_then(|number| Quantity::new(number).ok());
        quantity.or_else(|| self.fail("quantity", IdError::Quantity.to_string()))
    }

    pub fn customer(&mut self, value: Option<&str>) -> Option<CustomerId> {
        let Some(text) = value else { return self.fail("customerId", REQUIRED) };
        CustomerId::new(text)
            .ok()
            .or_else(|| self.fail("customerId", IdError::Customer.to_string()))
    }

    /// A required integer within bounds.
    pub fn number(
        &mut self,
        field: &'static str,
        value: Option<Whole>,
        (min, max): (u64, u64),
    ) -> Option<u64> {
        let Some(whole) = value else { return self.fail(field, REQUIRED) };
        whole
            .within(min, max)
            .or_else(|| self.fail(field, format!("must be an integer from {min} to {max}")))
    }

    /// A text within bounds of characters, without control characters other than line breaks and
    /// tabs. A text that was left out is fine and stays out.
    pub fn text(
        &mut self,
        field: &'static str,
        value: Option<String>,
        (min, max): (usize, usize),
    ) -> Option<String> {
        let text = value?;
        let chars = text.chars().count();
        let blank = min > 0 && text.trim().is_empty();
        let control =
            text.chars().any(|char| char.is_control() && !matches!(char, '\n' | '\r' | '\t'));
        if chars < min || chars > max || blank || control {
            let message =
                format!("must have {min} to {max} characters, none of them a control character");
            return self.fail(field, message);
        }
        Some(text)
    }

    /// The same for a text that must be there.
    pub fn required_text(
        &mut self,
        field: &'static str,
        value: Option<String>,
        bounds: (usize, usize),
    ) -> Option<String> {
        if value.is_none() {
            return self.fail(field, REQUIRED);
        }
        self.text(field, value, bounds)
    }

    /// A time that may be left out.
    pub fn time(&mut self, field: &'static str, value: Option<&str>) -> Option<Timestamp> {
        let parsed = time::parse(value?);
        parsed.or_else(|| {
            self.fail(
                field,
                "must be a time of RFC 3339, such as 2026-01-31T09:00:00Z, from 1970 to 9999",
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_out_of_range_is_named() {
        let mut checks = Checks::default();
        assert_eq!(checks.product(Some(Whole(0))), None);
        assert_eq!(checks.quantity(Some(Whole(1_001))), None);
        assert_eq!(checks.customer(Some("")), None);
        assert!(!checks.passed());
        let body = checks.problem().body();
        let document: serde_json::Value = serde_json::from_slice(&body).expect("JSON");
        let fields: Vec<_> = document["errors"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|error| error["field"].as_str().unwrap_or_default())
            .collect();
        assert_eq!(fields, ["productId", "quantity", "customerId"]);
        assert_eq!(document["code"], "validation-failed");
    }

    #[test]
    fn bounds_are_part_of_the_range() {
        let mut checks = Checks::default();
        for product in [0, -1, 1 << 63, i128::MAX, i128::MIN] {
            assert_eq!(checks.product(Some(Whole(product))), None, "{product}");
        }
        for quantity in [0, -1, 1_001, i128::MAX] {
            assert_eq!(checks.quantity(Some(Whole(quantity))), None, "{quantity}");
        }
        for (min, max, text) in [(1, 3, ""), (1, 3, " "), (0, 3, "abcd"), (1, 3, "a\0")] {
            assert_eq!(checks.text("name", Some(text.to_owned()), (min, max)), None, "{text:?}");
        }
        for missing in [checks.product(None).is_none(), checks.customer(None).is_none()] {
            assert!(missing);
        }
        let mut checks = Checks::default();
        assert!(checks.product(Some(Whole((1 << 63) - 1))).is_some());
        assert!(checks.quantity(Some(Whole(1_000))).is_some());
        assert!(checks.customer(Some("ann")).is_some());
        assert_eq!(checks.number("holdSeconds", Some(Whole(5)), (1, 5)), Some(5));
        assert_eq!(checks.text("sku", None, (1, 3)), None);
        assert!(checks.time("opensAt", Some("2026-01-31T09:00:00Z")).is_some());
        assert!(checks.passed());
    }
}
