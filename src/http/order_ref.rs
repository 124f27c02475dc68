//! Order references: how an order or a reservation is named outside, `{productId}-{uuid}`.
//!
//! The product in front says which actor owns the order, so every route finds its owner without any
//! look-up. An order over several products carries its lead product. One order has exactly one
//! spelling: a leading zero or another form of the UUID is not an id.

use crate::domain::{OrderId, ProductId};
use serde::{Serialize, Serializer};
use std::fmt;

/// Digits of the largest product id, a hyphen, and a UUID with its hyphens.
const CHARS_MAX: usize = 19 + 1 + UUID_CHARS;
const UUID_CHARS: usize = 36;
const HEX: &[u8; 16] = b"0123456789abcdef";

/// A public order or reservation id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderRef {
    pub product: ProductId,
    pub order: OrderId,
}

impl OrderRef {
    /// `None` for anything that this server would not have written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, uuid) = text.split_once('-')?;
        let canonical =
            !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !canonical || uuid.len() != UUID_CHARS {
            return None;
        }
        let product = ProductId::new(digits.parse().ok()?).ok()?;
        let order = uuid::Uuid::try_parse(uuid).ok()?;
        if uuid.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return None;
        }
        Some(Self { product, order: OrderId(order.into_bytes()) })
    }

    /// Writes the id without allocating.
    #[must_use]
    pub fn text(self) -> OrderText {
        let mut text = OrderText { chars: [0; CHARS_MAX], len: 0 };
        text.push_number(self.product.get());
        text.push(b'-');
        for (index, byte) in self.order.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                text.push(b'-');
            }
            text.push(HEX[usize::from(byte >> 4)]);
            text.push(HEX[usize::from(byte & 15)]);
        }
        text
    }
}

/// The written form of an [`OrderRef`], on the stack.
#[derive(Debug, Clone, Copy)]
pub struct OrderText {
    chars: [u8; CHARS_MAX],
    len: usize,
}

impl OrderText {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.chars[..self.len]).unwrap_or_default()
    }

    const fn push(&mut self, byte: u8) {
        self.chars[self.len] = byte;
        self.len += 1;
    }

    fn push_number(&mut self, number: u64) {
        let mut digits = [0; 20];
        let mut first = digits.len();
        let mut rest = number;
        loop {
            first -= 1;
            // A remainder of ten is a digit.
            #[allow(clippy::cast_possible_truncation)]
            let digit = (rest % 10) as u8;
            digits[first] = b'0' + digit;
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        for digit in &digits[first..] {
            self.push(*digit);
        }
    }
}

impl fmt::Display for OrderRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text().as_str())
    }
}

impl Serialize for OrderRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_can_be_read(product in 1..=i64::MAX as u64, order: [u8; 16]) {
            let product = ProductId::new(product).expect("in range");
            let reference = OrderRef { product, order: OrderId(order) };
            let text = reference.to_string();
            prop_assert_eq!(&text, &format!("{product}-{}", uuid::Uuid::from_bytes(order)));
            prop_assert_eq!(OrderRef::parse(&text), Some(reference));
        }

        #[test]
        fn any_text_is_read_or_refused(text: String) {
            let _ = OrderRef::parse(&text);
        }
    }

    #[test]
    fn there_is_one_spelling() {
        let uuid = "0190b6a0-7e50-7cc3-98c4-dc0c0c07398f";
        assert!(OrderRef::parse(&format!("1-{uuid}")).is_some());
        let upper = uuid.to_uppercase();
        let simple = uuid.replace('-', "");
        for bad in [
            String::new(),
            uuid.to_owned(),
            format!("0-{uuid}"),
            format!("01-{uuid}"),
            format!("+1-{uuid}"),
            format!("-1-{uuid}"),
            format!("9223372036854775808-{uuid}"),
            format!("99999999999999999999-{uuid}"),
            format!("1-{upper}"),
            format!("1-{simple}"),
            format!("1-{uuid}0"),
            format!("1-{{{uuid}}}"),
            "1-".to_owned(),
        ] {
            assert_eq!(OrderRef::parse(&bad), None, "{bad}");
        }
    }
}
