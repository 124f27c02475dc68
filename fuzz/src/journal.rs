//! Rows of the journal. Whatever the bytes are:
//!
//! * they decode or are refused, and what decodes is written and read again as the same facts;
//! * an audit of a journal that holds them ends, for "what it holds is never an error but a finding";
//! * what an audit finds nothing wrong with, recovery builds the products of, and their snapshots give the
//!   same products again.
//!
//! Recovery is asked about sound journals only: it replays what was decided and decides nothing again, so facts
//! that nobody decided may end the process where a count would fall below zero (`domain::Product::apply`).

use crate::rows::Rows;
use lastunit::domain::Product;
use lastunit::journal::audit::{Report, audit};
use lastunit::journal::cat;
use lastunit::journal::recovery::{Tail, rebuild};
use lastunit::journal::store::JournalReader;
use lastunit::journal::stored::{ROW_VERSION, decode_piece, decode_ranges, encode_section};
use lastunit::journal::{Section, snapshot};
use std::sync::LazyLock;
use tokio::runtime::{Builder, Runtime};

/// Stands between two rows of one input. What is behind an odd one belongs to the row.
const BETWEEN: &[u8] = b"\xffROW\xff";

/// Rows in memory never wait.
static RUNTIME: LazyLock<Runtime> =
    LazyLock::new(|| Builder::new_current_thread().build().expect("a runtime"));

fn block_on<T>(future: impl Future<Output = T>) -> T {
    RUNTIME.block_on(future)
}

pub fn check(input: &[u8]) {
    let rows = split(input);
    for row in &rows {
        check_row(row);
    }
    let rows = Rows::of(rows);
    let report = block_on(audit(&rows, &[], |_| {})).expect("what it holds is no error");
    let mut printed = Vec::new();
    // What cannot be decoded is refused with the place where it is.
    let only = cat::Only { partition: None, product: None };
    let shown = block_on(cat::print(&rows, only, &mut printed));
    let lines = printed.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    for line in lines {
        serde_json::from_slice::<serde_json::Value>(line).expect("each fact is a line of JSON");
    }
    if report.findings_total == 0 {
        assert!(shown.is_ok(), "{shown:?}");
        recover(&rows, &report);
    }
}

fn split(input: &[u8]) -> Vec<&[u8]> {
    let mut rows = Vec::new();
    let mut rest = input;
    while let Some(at) = rest.windows(BETWEEN.len()).position(|window| window == BETWEEN) {
        rows.push(&rest[..at]);
        rest = &rest[at + BETWEEN.len()..];
    }
    rows.push(rest);
    rows
}

fn check_row(row: &[u8]) {
    let sections = match decode_ranges(row) {
        Ok(sections) => sections,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut written = vec![ROW_VERSION];
    let mut reached = 1;
    for (section, range) in &sections {
        assert_eq!(range.start, reached, "sections follow each other");
        reached = range.end;
        assert_eq!(decode_piece(&row[range.clone()]).as_ref(), Ok(section));
        let Section { product, first_revision, at, events } = section;
        encode_section(&mut written, *product, *first_revision, *at, events);
    }
    assert_eq!(reached, row.len(), "no byte is left out");
    let again = decode_ranges(&written).expect("what was just written");
    let facts = |of: &[(Section, _)]| of.iter().map(|(section, _)| section.clone()).collect();
    let (first, second): (Vec<Section>, Vec<Section>) = (facts(&sections), facts(&again));
    assert_eq!(first, second, "written and read again");
}

fn recover(rows: &Rows, report: &Report) {
    let heads = block_on(rows.heads()).expect("heads");
    let tail = block_on(Tail::read(rows, &heads)).expect("a sound journal");
    let products: Vec<_> = tail.products().collect();
    assert_eq!(products.len() as u64, report.products);
    let mut stocked = 0;
    for product in products {
        let built = block_on(rebuild(product, None, tail.pieces(product)));
        let state = built.expect("sound facts").expect("facts");
        stocked += state.stock().stocked;
        check_snapshot(&state);
    }
    assert_eq!(stocked, report.units.stocked, "the audit counts other units than recovery builds");
}

fn check_snapshot(state: &Product) {
    let again = snapshot::decode(&snapshot::encode(state)).expect("what was just written");
    assert!(again == *state, "a snapshot of another state");
}
