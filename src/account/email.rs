//! Email: the address an account is found by. Whether it reaches anybody is not asked.

use email_address::{EmailAddress, Options};

/// Longest address (RFC 5321, 4.5.3.1.3, without the brackets).
const CHARS_MAX: usize = 254;

/// An address as it was written, and in small letters.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    written: String,
    key: String,
}

impl Email {
    /// `None` for what is no address of one mailbox at a domain.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let options = Options::default().with_required_tld().without_domain_literal();
        let plain = text.len() <= CHARS_MAX
            && !text.contains(|char: char| char.is_control() || char.is_whitespace());
        let parsed = EmailAddress::parse_with_options(text, options.without_display_text());
        (plain && parsed.is_ok())
            .then(|| Self { written: text.to_owned(), key: text.to_lowercase() })
    }

    #[must_use]
    pub fn written(&self) -> &str {
        &self.written
    }

    /// What one account is kept under: `Ann@Example.com` and `ann@example.com` are one address.
    pub(super) fn key(&self) -> &str {
        &self.key
    }
}

// An address belongs into no log.
impl std::fmt::Debug for Email {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Email(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_of_one_mailbox_at_a_domain() {
        for good in ["ann@example.com", "Ann.B+shop@mail.example.co", "ä@example.com"] {
            assert!(Email::parse(good).is_some(), "{good}");
        }
        let long = format!("ann@{}.com", "a.".repeat(130));
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@@example.com",
            "ann@example",
            "a b@example.com",
            "ann@exam ple.com",
            "Ann <ann@example.com>",
            "ann@[127.0.0.1]",
            "ann@example.com\n",
            "ann@-example.com",
            "ann@example..com",
            ".ann@example.com",
            &long,
        ] {
            assert!(Email::parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn capitals_make_no_other_account() {
        let email = Email::parse("Ann@Example.com").expect("an address");
        assert_eq!((email.written(), email.key()), ("Ann@Example.com", "ann@example.com"));
        assert!(!format!("{email:?}").contains("Ann"));
    }
}
