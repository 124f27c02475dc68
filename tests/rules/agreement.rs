//! Agreement: the short way to a refusal says what the rules say, for everything.
//!
//! `View::closed_to_all` answers most requests of a sold-out sale without its actor. Every table
//! of this folder checks it row by row; here a grid of all small situations is walked as well.

use super::statement::{Clerk, time};
use std::fmt::Write as _;

#[test]
fn the_view_agrees_with_the_rules_in_every_small_situation() {
    let mut asked = 0;
    for units in 0..3u64 {
        for held in 0..=units {
            for (opens, closes) in
                [(None, None), (Some(5), None), (None, Some(12)), (Some(5), Some(12))]
            {
                for grace in [false, true] {
                    asked += one_situation(units, held, opens, closes, grace);
                }
            }
        }
    }
    assert_eq!(asked, 6 * 4 * 2 * 16 * 4);
}

/// Asks for units at every time from 4 to 19; the clerk compares the view with each decision.
fn one_situation(
    units: u64,
    held: u64,
    opens: Option<u64>,
    closes: Option<u64>,
    grace: bool,
) -> usize {
    let mut asked = 0;
    for now in 4..20 {
        for question in ["buy B bob 1", "buy B bob 2", "hold B bob 1 for 9", "buy B bob 1 key k#1"]
        {
            let mut clerk = Clerk::default();
            let mut create = format!("create {units}");
            for (word, at) in [("opens", opens), ("closes", closes)] {
                if let Some(at) = at {
                    let _ = write!(create, " {word} {at}");
                }
            }
            clerk.take(&create, time("0"));
            // Held before the doors open would be refused: so at the first open moment.
            for hold in 0..held {
                let begin = opens.unwrap_or(0).to_string();
                let said = clerk.take(&format!("hold H{hold} ann 1 for 3"), time(&begin));
                assert!(said.contains("held 1"), "{said}");
            }
            if grace {
                clerk.take("wake 8 until 15", time("8"));
            }
            clerk.take(question, time(&now.to_string()));
            asked += 1;
        }
    }
    asked
}
