//! Times on the wire: RFC 3339, UTC, milliseconds.

use crate::domain::Timestamp;
use serde::{Serialize, Serializer};

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A time as it is written into a document: `2026-01-31T09:00:00.000Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rfc3339(pub Timestamp);

impl Rfc3339 {
    /// Writes the time without allocating.
    #[must_use]
    pub fn text(self) -> TimeText {
        let millis = self.0.as_millis();
        let (year, month, day) = civil(millis / DAY_MS);
        let within = millis % DAY_MS;
        let mut text = TimeText(*b"0000-00-00T00:00:00.000Z");
        text.put(0, 4, year);
        text.put(5, 2, month);
        text.put(8, 2, day);
        text.put(11, 2, within / 3_600_000);
        text.put(14, 2, within / 60_000 % 60);
        text.put(17, 2, within / 1_000 % 60);
        text.put(20, 3, within % 1_000);
        text
    }
}

/// Year, month and day of a number of days since 1970-01-01 (Howard Hinnant's algorithm for the
/// proleptic Gregorian calendar, in its form for dates that are never negative).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + (month <= 2) as u64;
    (year, month, day)
}

/// The written form of a time, on the stack.
#[derive(Debug, Clone, Copy)]
pub struct TimeText([u8; 24]);

impl TimeText {
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn put(&mut self, at: usize, digits: usize, number: u64) {
        let mut rest = number;
        for index in (at..at + digits).rev() {
            // A remainder of ten is a digit.
            #[allow(clippy::cast_possible_truncation)]
            let digit = (rest % 10) as u8;
            self.0[index] = b'0' + digit;
            rest /= 10;
        }
    }
}

impl Serialize for Rfc3339 {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.text().as_str())
    }
}

/// Reads an RFC 3339 time with any offset; `None` before 1970 and after 9999 too.
#[must_use]
pub fn parse(text: &str) -> Option<Timestamp> {
    let parsed: jiff::Timestamp = text.parse().ok()?;
    let millis = u64::try_from(parsed.as_millisecond()).ok()?;
    (millis <= Timestamp::MAX.as_millis()).then(|| Timestamp::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn writes_what_a_calendar_library_writes(millis in 0..=Timestamp::MAX.as_millis()) {
            let ours = Rfc3339(Timestamp::from_millis(millis)).text();
            let theirs = jiff::Timestamp::from_millisecond(millis.cast_signed()).expect("in range");
            prop_assert_eq!(ours.as_str(), format!("{theirs:.3}"));
            prop_assert_eq!(parse(ours.as_str()), Some(Timestamp::from_millis(millis)));
        }
    }

    #[test]
    fn the_ends_of_time() {
        let first = Rfc3339(Timestamp::default()).text();
        assert_eq!(first.as_str(), "1970-01-01T00:00:00.000Z");
        assert_eq!(Rfc3339(Timestamp::MAX).text().as_str(), "9999-12-31T23:59:59.999Z");
        assert_eq!(parse("1969-12-31T23:59:59Z"), None);
        assert_eq!(parse("2026-01-31"), None);
        let offset = parse("2026-01-31T10:00:00+01:00").map(|time| Rfc3339(time).text());
        assert_eq!(offset.as_ref().map(TimeText::as_str), Some("2026-01-31T09:00:00.000Z"));
    }
}
