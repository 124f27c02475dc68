//! Signatures of notices, as the Standard Webhooks specification has them
//! (<https://www.standardwebhooks.com>): HMAC-SHA256 over `{id}.{timestamp}.{body}`.
//!
//! What must never happen: a look into a body whose signature does not hold, or a comparison whose time
//! tells how much of a signature was right.

use crate::domain::Timestamp;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// In front of every signature of this scheme.
const SCHEME: &str = "v1,";

/// Most signatures of one notice that are looked at: senders that change their secret send two.
const SIGNATURES_MAX: usize = 8;

/// Why a notice is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignatureError {
    /// It is not from whoever knows a secret, or was changed on its way.
    Invalid,
    /// It is, but may be somebody's repetition of an old one: its time is too far from ours.
    OutOfTime,
}

/// What a notice says of itself, as its headers have it.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'a> {
    pub id: &'a str,
    /// Seconds since 1970, as digits.
    pub timestamp: &'a str,
    /// Signatures separated by spaces, each with its scheme.
    pub signatures: &'a str,
}

/// The secrets that notices are signed with. Prints none of them.
#[derive(Clone, Default)]
pub struct Signatures {
    keys: Vec<Vec<u8>>,
    tolerance_seconds: u64,
}

impl fmt::Debug for Signatures {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signatures({} keys)", self.keys.len())
    }
}

impl Signatures {
    /// Any of the keys may sign; a notice may be so many seconds old, or ahead of our clock.
    #[must_use]
    pub const fn new(keys: Vec<Vec<u8>>, tolerance_seconds: u64) -> Self {
        Self { keys, tolerance_seconds }
    }

    /// Whether there is anything to check a notice with.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Whether a notice is from whoever knows a secret, and of this time.
    ///
    /// # Errors
    /// See [`SignatureError`].
    pub fn check(
        &self,
        signed: Signed<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let sent = signed.signatures.split(' ').filter_map(|text| text.strip_prefix(SCHEME));
        let sent = sent.take(SIGNATURES_MAX).filter_map(|text| STANDARD.decode(text).ok());
        let sent: Vec<_> = sent.collect();
        // The body is read once for each key, however many signatures come with it.
        let known = !sent.is_empty()
            && self.keys.iter().any(|key| {
                mac(key, signed.id, signed.timestamp, body).is_some_and(|mac| {
                    sent.iter().any(|signature| mac.clone().verify_slice(signature).is_ok())
                })
            });
        if !known || signed.id.is_empty() {
            return Err(SignatureError::Invalid);
        }
        let sent_at: u64 = signed.timestamp.parse().map_err(|_| SignatureError::Invalid)?;
        if sent_at.abs_diff(now.as_millis() / 1_000) > self.tolerance_seconds {
            return Err(SignatureError::OutOfTime);
        }
        Ok(())
    }

    /// The signature of a message of ours, by the first key; `None` without one.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> Option<String> {
        let mac = mac(self.keys.first()?, id, timestamp, body)?;
        Some(format!("{SCHEME}{}", STANDARD.encode(mac.finalize().into_bytes())))
    }
}

/// Any key fits this HMAC, so there is always one.
fn mac(key: &[u8], id: &str, timestamp: &str, body: &[u8]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the specification's libraries.
    const KEY: &str = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const NOW: Timestamp = Timestamp::from_millis(1_614_265_330_900);

    fn check(timestamp: &str, signatures: &str, body: &[u8]) -> Result<(), SignatureError> {
        let other = STANDARD.decode("AAAA").expect("base64");
        let known = STANDARD.decode(KEY).expect("base64");
        let signed = Signed { id: ID, timestamp, signatures };
        Signatures::new(vec![other, known], 300).check(signed, body, NOW)
    }

    #[test]
    fn the_example_of_the_specification_holds() {
        assert_eq!(check("1614265330", SIGNATURE, BODY), Ok(()));
        let among = format!("v1,AAAA v1a,{SIGNATURE} nonsense {SIGNATURE}");
        assert_eq!(check("1614265330", &among, BODY), Ok(()));
    }

    #[test]
    fn whatever_is_changed_does_not_hold() {
        let bare = &SIGNATURE[3..];
        let v2 = format!("v2,{bare}");
        for (timestamp, signatures, body) in [
            ("1614265331", SIGNATURE, BODY),
            ("1614265330", SIGNATURE, &BODY[1..]),
            ("1614265330", bare, BODY),
            ("1614265330", &v2, BODY),
            ("1614265330", "v1,", BODY),
            ("1614265330", "", BODY),
            ("", SIGNATURE, BODY),
        ] {
            let checked = check(timestamp, signatures, body);
            assert_eq!(checked, Err(SignatureError::Invalid), "{timestamp} {signatures}");
        }
    }

    #[test]
    fn a_notice_is_of_this_time() {
        let signatures = Signatures::new(vec![vec![7; 24]], 300);
        for (timestamp, expected) in [
            ("1614265030", Ok(())),
            ("1614265029", Err(SignatureError::OutOfTime)),
            ("1614265630", Ok(())),
            ("1614265631", Err(SignatureError::OutOfTime)),
            ("18446744073709551615", Err(SignatureError::OutOfTime)),
            ("-1", Err(SignatureError::Invalid)),
            ("1614265030.5", Err(SignatureError::Invalid)),
        ] {
            let signature = signatures.sign(ID, timestamp, BODY).expect("a key");
            let signed = Signed { id: ID, timestamp, signatures: &signature };
            assert_eq!(signatures.check(signed, BODY, NOW), expected, "{timestamp}");
        }
    }
}
