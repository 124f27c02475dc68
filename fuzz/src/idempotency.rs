//! The header `Idempotency-Key`: any header there can be is a key of the documented form, or one of the two
//! documented refusals. The rules are written here once more, byte by byte, from docs/api.md and RFC 9651.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use lastunit::http::idempotency_key;
use std::fmt::Write;

const NAME: HeaderName = HeaderName::from_static("idempotency-key");

/// Longest key, in characters.
const KEY_CHARS_MAX: usize = 255;

/// What a header means.
#[derive(Debug, PartialEq, Eq)]
enum Meant {
    Nothing,
    Key(String),
    /// 400: not of the form.
    Malformed,
    /// 422: of the form, and longer than a key may be.
    TooLong,
}

/// Each line of the input is the value of one header of that name.
pub fn check(input: &[u8]) {
    let mut headers = HeaderMap::new();
    let mut values = Vec::new();
    if !input.is_empty() {
        for line in input.split(|byte| *byte == b'\n') {
            // What no request can carry reaches nobody.
            let Ok(value) = HeaderValue::from_bytes(line) else { return };
            headers.append(NAME, value);
            values.push(line);
        }
    }
    let said = said(&headers);
    assert_eq!(said, meant(&values), "of {values:?}");
    if let Meant::Key(key) = said {
        assert_eq!(self::said(&one(&quoted(&key))), Meant::Key(key.clone()), "quoted: {key:?}");
        if !key.contains('"') && !key.starts_with(' ') && !key.ends_with(' ') {
            assert_eq!(self::said(&one(&key)), Meant::Key(key.clone()), "bare: {key:?}");
        }
    }
}

fn one(value: &str) -> HeaderMap {
    let value = HeaderValue::from_str(value).expect("a key is printable ASCII");
    HeaderMap::from_iter([(NAME, value)])
}

/// What the server says.
fn said(headers: &HeaderMap) -> Meant {
    match idempotency_key(headers) {
        Ok(None) => Meant::Nothing,
        Ok(Some(key)) => Meant::Key(key.into_owned()),
        Err(problem) => {
            let (status, code) = (problem.status().as_u16(), problem.code().as_str());
            assert!(problem.detail().contains("Idempotency-Key"), "{}", problem.detail());
            match (status, code) {
                (400, "invalid-request") => Meant::Malformed,
                (422, "validation-failed") => Meant::TooLong,
                other => panic!("{other:?} is no refusal of a key"),
            }
        }
    }
}

/// What the documents say.
fn meant(values: &[&[u8]]) -> Meant {
    let value = match values {
        [] => return Meant::Nothing,
        [value] => *value,
        [..] => return Meant::Malformed,
    };
    let key = if value.first() == Some(&b'"') { inside(&value[1..]) } else { bare(value) };
    let Some(key) = key.filter(|key| !key.is_empty()) else { return Meant::Malformed };
    if !key.iter().all(|byte| (0x20..=0x7e).contains(byte)) {
        return Meant::Malformed;
    }
    if key.len() > KEY_CHARS_MAX {
        return Meant::TooLong;
    }
    Meant::Key(key.into_iter().map(char::from).collect())
}

/// Without quotes white space around it is none of the key, and a quote has no place in it.
fn bare(value: &[u8]) -> Option<Vec<u8>> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    (!value.contains(&b'"')).then(|| value[start..end].to_vec())
}

/// RFC 9651, 4.2.5: a string behind its opening quote, and nothing behind its closing one.
fn inside(value: &[u8]) -> Option<Vec<u8>> {
    let mut key = Vec::new();
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => key.push(*bytes.next().filter(|escaped| matches!(escaped, b'"' | b'\\'))?),
            b'"' => return bytes.next().is_none().then_some(key),
            other => key.push(*other),
        }
    }
    None
}

fn quoted(key: &str) -> String {
    let mut text = String::from("\"");
    for char in key.chars() {
        if matches!(char, '"' | '\\') {
            text.push('\\');
        }
        let _ = text.write_char(char);
    }
    text.push('"');
    text
}
