//! Names of numbers: those that the server has, and those that a query asks for.

use crate::rules;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

const NAMES: &str = include_str!("../../src/telemetry/names.rs");

/// What Prometheus itself adds.
const OF_PROMETHEUS: [&str; 2] = ["up", "ALERTS"];

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

static KNOWN: LazyLock<BTreeSet<String>> = LazyLock::new(known);

/// All numbers of the server.
pub fn named() -> impl Iterator<Item = &'static str> {
    NAMES.split('"').filter(|text| text.starts_with("lastunit_"))
}

/// Every series that a query may ask for.
fn known() -> BTreeSet<String> {
    let quoted =
        |text: &str| Some(text.trim_start().strip_prefix('"')?.split('"').next()?.to_owned());
    let mut known: BTreeSet<String> = named().map(str::to_owned).collect();
    assert!(known.len() > 30, "{known:?}");
    let histograms = NAMES.split("histogram(").skip(1).filter_map(quoted);
    for histogram in histograms {
        known.remove(&histogram);
        known.extend(["bucket", "sum", "count"].map(|part| format!("{histogram}_{part}")));
    }
    known.extend(OF_PROMETHEUS.map(str::to_owned));
    known.extend(rules::all().into_iter().filter(|rule| !rule.alert).map(|rule| rule.name));
    known
}

/// The series that a query asks for: whatever looks like one of ours, and whatever has labels chosen.
pub fn asked(query: &str) -> BTreeSet<String> {
    // Texts in quotes name no series.
    let code: String = query.split('"').step_by(2).collect::<Vec<_>>().join("\"\"");
    let is_part = |char: char| char.is_ascii_alphanumeric() || char == '_' || char == ':';
    let mut asked = BTreeSet::new();
    let mut rest = code.as_str();
    while let Some(start) = rest.find(is_part) {
        rest = &rest[start..];
        let end = rest.find(|char| !is_part(char)).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        if word.contains("lastunit_") || behind.starts_with('{') {
            asked.insert(word.to_owned());
        }
        rest = behind;
    }
    asked
}

/// Fails if a query asks for what nobody tells.
pub fn assert_known(whose: &str, query: &str) {
    let asked = asked(query);
    assert!(!asked.is_empty(), "{whose} asks for nothing: {query}");
    for name in asked {
        assert!(KNOWN.contains(&name), "{whose} asks for {name}, which is not there: {query}");
    }
}

#[test]
fn series_are_found_in_a_query() {
    let query = r#"sum by (job) (rate(lastunit_a_total{job="lastunit_x"}[1m])) / instance:lastunit_b:rate1m + up{}"#;
    let expected = ["instance:lastunit_b:rate1m", "lastunit_a_total", "up"];
    assert_eq!(asked(query), expected.map(str::to_owned).into());
    assert!(!KNOWN.contains("lastunit_request_seconds"), "a histogram is asked for by its parts");
}
