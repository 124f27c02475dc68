//! Prefer: what a client would like (RFC 7240). One preference means something here; all others, known
//! elsewhere or not, are ignored, as the standard asks for.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// The preference that is understood.
const RESPOND_ASYNC: &str = "respond-async";

const PREFER: HeaderName = HeaderName::from_static("prefer");

/// Tells which preference was followed.
pub const APPLIED: (HeaderName, HeaderValue) =
    (HeaderName::from_static("preference-applied"), HeaderValue::from_static(RESPOND_ASYNC));

/// Whether the client would rather wait for its turn than for an answer.
#[must_use]
pub fn wants_async(headers: &HeaderMap) -> bool {
    let values = || headers.get_all(PREFER).iter();
    // Almost everybody sends nothing, or exactly this.
    if values().any(|value| value.as_bytes() == RESPOND_ASYNC.as_bytes()) {
        return true;
    }
    let mut texts = values().filter_map(|value| value.to_str().ok());
    texts.any(|text| preferences(text).any(is_respond_async))
}

/// The members of one header: lists are split at commas, but not inside of quotes.
fn preferences(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut escaped) = (false, false);
    value.split(move |char| {
        let splits = char == ',' && !quoted;
        match char {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        splits
    })
}

/// The preference takes no value; an empty one is none, and parameters change nothing.
fn is_respond_async(preference: &str) -> bool {
    let without_parameters = preference.split(';').next().unwrap_or_default();
    let (name, value) = without_parameters.split_once('=').unwrap_or((without_parameters, ""));
    name.trim().eq_ignore_ascii_case(RESPOND_ASYNC) && matches!(value.trim(), "" | "\"\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wants(values: &[&'static str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_static(value));
        }
        wants_async(&headers)
    }

    #[test]
    fn the_preference_is_found_as_the_standard_writes_it() {
        for values in [
            &["respond-async"][..],
            &["Respond-Async"],
            &["respond-async, wait=100"],
            &["return=minimal , respond-async ; foo=\"a, b\""],
            &["return=representation", "respond-async"],
            &["foo=\"a\\\", b\", respond-async"],
            &["respond-async=\"\""],
        ] {
            assert!(wants(values), "{values:?}");
        }
    }

    #[test]
    fn anything_else_is_ignored() {
        for values in [
            &[][..],
            &[""],
            &["respond-sync"],
            &["respond-async-later"],
            &["wait=respond-async"],
            &["foo=\"x, respond-async, y\""],
            &["foo; respond-async"],
            &["respond-async=no"],
            &[",;=\"\\"],
        ] {
            assert!(!wants(values), "{values:?}");
        }
    }
}
