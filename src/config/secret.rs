//! Secrets: texts that can be compared and used, but not printed.

use super::ConfigError;
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Fewest characters of a secret: nobody finds one of 24 random characters by trying.
const CHARACTERS_MIN: usize = 24;

/// A secret text; empty means none. Prints as `***`.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for whoever has to compare or use it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses a secret that could be guessed, or that no header could carry.
    pub(super) fn check(&self, key: &str) -> Result<(), ConfigError> {
        let fits =
            self.0.len() >= CHARACTERS_MIN && self.0.bytes().all(|byte| byte.is_ascii_graphic());
        if self.is_empty() || fits {
            return Ok(());
        }
        Err(ConfigError::new(format!(
            "{key} is too short or has characters it cannot have; it must be empty or at least \
             {CHARACTERS_MIN} printable ASCII characters without spaces"
        )))
    }

    fn shown(&self) -> &'static str {
        if self.is_empty() { "" } else { "***" }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_never_printed() {
        let secret = Secret("correct-horse-battery-staple".into());
        assert_eq!(format!("{secret:?}"), "\"***\"");
        assert_eq!(serde_json::to_string(&secret).expect("JSON"), "\"***\"");
        assert_eq!(format!("{:?}", Secret::default()), "\"\"");
    }

    #[test]
    fn a_secret_is_long_and_printable() {
        for (text, fits) in
            [("", true), ("short", false), (&"x".repeat(24), true), (&"x y".repeat(9), false)]
        {
            let checked = Secret(text.into()).check("auth.operator_token");
            assert_eq!(checked.is_ok(), fits, "{text}");
            if let Err(error) = checked {
                assert!(!error.to_string().contains("x y"), "{error}");
            }
        }
    }
}
