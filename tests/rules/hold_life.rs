//! The life of a hold: what every command does in every state, and that there is one way out.

use super::statement::{Clerk, check, time};

/// How a hold gets into a state; the question comes at 1000.
const STATES: [(&str, &[(&str, &str)]); 10] = [
    ("never there", &[]),
    ("bought", &[("0", "buy A ann 2")]),
    ("running", &[("0", "hold A ann 2 for 1001")]),
    ("extended", &[("0", "hold A ann 2 for 10"), ("9", "extend A for 992 max 2")]),
    ("lapsed", &[("0", "hold A ann 2 for 1000")]),
    ("in grace", &[("0", "hold A ann 2 for 10"), ("900", "wake 900 until 1001")]),
    ("grace over", &[("0", "hold A ann 2 for 10"), ("900", "wake 900 until 1000")]),
    ("confirmed", &[("0", "hold A ann 2 for 10"), ("9", "confirm A")]),
    ("released", &[("0", "hold A ann 2 for 10"), ("9", "release A")]),
    ("expired", &[("0", "hold A ann 2 for 10"), ("10", "expire A")]),
];

const UNKNOWN: &str = "no: unknown reservation";
const LAPSED: &str = "A expired; no: has expired";

/// What is answered to each command, in the order of [`STATES`], and the stock after it.
const CONFIRM: [(&str, &str); 10] = [
    (UNKNOWN, "5/0/0"),
    (UNKNOWN, "3/0/2"),
    ("A confirmed 2 for ann", "3/0/2"),
    ("A confirmed 2 for ann", "3/0/2"),
    (LAPSED, "5/0/0"),
    ("A confirmed 2 for ann", "3/0/2"),
    (LAPSED, "5/0/0"),
    ("no: was confirmed", "3/0/2"),
    ("no: was released", "5/0/0"),
    ("no: has expired", "5/0/0"),
];

const RELEASE: [(&str, &str); 10] = [
    (UNKNOWN, "5/0/0"),
    (UNKNOWN, "3/0/2"),
    ("A released", "5/0/0"),
    ("A released", "5/0/0"),
    (LAPSED, "5/0/0"),
    ("A released", "5/0/0"),
    (LAPSED, "5/0/0"),
    ("no: was confirmed", "3/0/2"),
    ("no: was released", "5/0/0"),
    ("no: has expired", "5/0/0"),
];

const EXTEND: [(&str, &str); 10] = [
    (UNKNOWN, "5/0/0"),
    (UNKNOWN, "3/0/2"),
    ("A extended until 1500", "3/2/0"),
    ("A extended until 1500", "3/2/0"),
    (LAPSED, "5/0/0"),
    ("A extended until 1500", "3/2/0"),
    (LAPSED, "5/0/0"),
    ("no: was confirmed", "3/0/2"),
    ("no: was released", "5/0/0"),
    ("no: has expired", "5/0/0"),
];

const EXPIRE: [(&str, &str); 10] = [
    (UNKNOWN, "5/0/0"),
    (UNKNOWN, "3/0/2"),
    // The timer came early: nothing to do.
    (UNKNOWN, "3/2/0"),
    (UNKNOWN, "3/2/0"),
    ("A expired", "5/0/0"),
    (UNKNOWN, "3/2/0"),
    ("A expired", "5/0/0"),
    ("no: was confirmed", "3/0/2"),
    ("no: was released", "5/0/0"),
    ("no: has expired", "5/0/0"),
];

const SHOW: [(&str, &str); 10] = [
    (UNKNOWN, "5/0/0"),
    (UNKNOWN, "3/0/2"),
    ("ann holds 2 until 1001, extended 0", "3/2/0"),
    ("ann holds 2 until 1001, extended 1", "3/2/0"),
    (LAPSED, "5/0/0"),
    ("ann holds 2 until 10, extended 0", "3/2/0"),
    (LAPSED, "5/0/0"),
    ("no: was confirmed", "3/0/2"),
    ("no: was released", "5/0/0"),
    ("no: has expired", "5/0/0"),
];

#[test]
fn every_command_in_every_state() {
    let columns = [
        ("confirm A", CONFIRM),
        ("release A", RELEASE),
        ("extend A for 500 max 2", EXTEND),
        ("expire A", EXPIRE),
        ("show A", SHOW),
    ];
    for (asked, answers) in columns {
        for ((state, way), (answer, stock)) in STATES.into_iter().zip(answers) {
            let mut clerk = in_state(way);
            assert_eq!(clerk.take(asked, time("1000")), answer, "{asked}, {state}");
            assert_eq!(clerk.stock(), stock, "{asked}, {state}");
            clerk.close();
        }
    }
}

/// Whatever ended a hold, nothing ends it again.
#[test]
fn every_end_is_the_last() {
    for (state, way) in STATES {
        for end in ["confirm A", "release A", "expire A"] {
            let mut clerk = in_state(way);
            let first = clerk.take(end, time("1000"));
            let over = clerk.product.holds().is_empty();
            let stock = clerk.stock();
            for again in ["confirm A", "release A", "extend A for 500 max 2", "expire A", "show A"]
            {
                let said = clerk.take(again, time("1000"));
                assert!(
                    !over || said.starts_with("no: "),
                    "{state}, {end} ({first}), {again}: {said}"
                );
                if !over {
                    break;
                }
                assert_eq!(clerk.stock(), stock, "{state}, {end}, {again}");
            }
            clerk.close();
        }
    }
}

fn in_state(way: &[(&str, &str)]) -> Clerk {
    let mut clerk = Clerk::default();
    clerk.take("create 5", time("0"));
    for (at, asked) in way {
        let said = clerk.take(asked, time(at));
        assert!(!said.starts_with("no: "), "{asked}: {said}");
    }
    clerk
}

#[test]
fn a_hold_runs_to_the_millisecond() {
    check(
        "
        0  | create 3              | created                    | 3/0/0
        0  | hold A ann 1 for 10   | A held 1 until 10          | 2/1/0
        0  | hold B ann 1 for 10   | B held 1 until 10          | 1/2/0
        9  | confirm A             | A confirmed 1 for ann      | 1/1/1
        10 | confirm B             | B expired; no: has expired | 2/0/1
        10 | confirm B             | no: has expired            | 2/0/1
        11 | hold C ann 1 for 0    | C held 1 until 11          | 1/1/1
        11 | confirm C             | C expired; no: has expired | 2/0/1
        11 | hold D ann 1 for last | D held 1 until last        | 1/1/1
        last | confirm D           | D expired; no: has expired | 2/0/1
        ",
    );
}

#[test]
fn lapsed_units_are_sold_on_before_their_timer_comes() {
    check(
        "
        0  | create 4              | created                        | 4/0/0
        0  | hold A ann 1 for 30   | A held 1 until 30              | 3/1/0
        0  | hold B bob 2 for 10   | B held 2 until 10              | 1/3/0
        0  | hold C cat 1 for 20   | C held 1 until 20              | 0/4/0
        9  | buy D dan 1           | no: sold out                   | 0/4/0
        # the earliest lapsed hold first, and no more of them than needed
        20 | buy D dan 1           | B expired; D bought 1          | 1/2/1
        20 | buy E eve 3           | C expired; no: only 2 left     | 2/1/1
        30 | buy E eve 3           | A expired; E bought 3          | 0/0/4
        30 | confirm C             | no: has expired                | 0/0/4
        ",
    );
    check(
        "
        0  | create 2              | created                        | 2/0/0
        0  | hold A ann 1 for 10   | A held 1 until 10              | 1/1/0
        # not needed: left to its timer
        10 | buy B bob 1           | B bought 1                     | 0/1/1
        10 | hold C cat 1 for 5    | A expired; C held 1 until 15   | 0/1/1
        10 | expire A              | no: has expired                | 0/1/1
        ",
    );
}

#[test]
fn lapsed_units_can_be_taken_out_of_the_stock() {
    check(
        "
        0  | create 3              | created                        | 3/0/0
        0  | hold A ann 1 for 10   | A held 1 until 10              | 2/1/0
        0  | hold B bob 1 for 20   | B held 1 until 20              | 1/2/0
        9  | adjust -2             | no: only 1 left                | 1/2/0
        10 | adjust -3             | A expired; no: only 2 left     | 2/1/0
        10 | adjust -2             | adjusted to 0 of 1             | 0/1/0
        20 | adjust -1             | B expired; adjusted to 0 of 0  | 0/0/0
        ",
    );
}

#[test]
fn a_lapsed_hold_of_ones_own_does_not_count_against_the_limit() {
    check(
        "
        0  | create 9 limit 2      | created                         | 9/0/0
        0  | hold A ann 1 for 10   | A held 1 until 10               | 8/1/0
        0  | hold B bob 2 for 10   | B held 2 until 10               | 6/3/0
        0  | hold C ann 1 for 20   | C held 1 until 20               | 5/4/0
        9  | buy D ann 1           | no: limit 2, has 2              | 5/4/0
        10 | buy D ann 2           | A expired; B expired; no: limit 2, has 1 | 8/1/0
        10 | buy D ann 1           | D bought 1                      | 7/1/1
        20 | hold E ann 1 for 10   | C expired; E held 1 until 30    | 7/1/1
        20 | buy F ann 1           | no: limit 2, has 2              | 7/1/1
        # within the limit nobody looks behind a lapsed hold
        30 | buy F eve 1           | F bought 1                      | 6/1/2
        ",
    );
}

#[test]
fn extensions_are_bounded_and_never_shorten() {
    check(
        "
        0 | create 2               | created              | 2/0/0
        0 | hold A ann 1 for 100   | A held 1 until 100   | 1/1/0
        1 | extend A for 5 max 0   | no: 0 extensions used | 1/1/0
        1 | extend A for 5 max 3   | A extended until 100 | 1/1/0
        2 | extend A for 100 max 3 | A extended until 102 | 1/1/0
        2 | extend A for 99 max 2  | no: 2 extensions used | 1/1/0
        2 | extend A for 99 max 3  | A extended until 102 | 1/1/0
        3 | extend A for 99 max 3  | no: 3 extensions used | 1/1/0
        3 | extend A for last max 4 | A extended until last | 1/1/0
        101 | show A               | ann holds 1 until last, extended 4 | 1/1/0
        # two holds of one time are both found
        101 | hold B bob 1 for 10  | B held 1 until 111   | 0/2/0
        102 | release A            | A released           | 1/1/0
        111 | buy C cat 2          | B expired; C bought 2 | 0/0/2
        ",
    );
}

#[test]
fn how_a_hold_ended_is_told_for_a_day() {
    check(
        "
        0      | create 9              | created               | 9/0/0
        0      | hold A ann 1 for 10   | A held 1 until 10     | 8/1/0
        0      | hold B ann 1 for 10   | B held 1 until 10     | 7/2/0
        5      | confirm A             | A confirmed 1 for ann | 7/1/1
        6      | release B             | B released            | 8/0/1
        24h+5  | adjust 0              | adjusted to 8 of 9    | 8/0/1
        24h+5  | confirm A             | no: was confirmed     | 8/0/1
        24h+6  | adjust 0              | adjusted to 8 of 9    | 8/0/1
        24h+6  | confirm A             | no: unknown reservation | 8/0/1
        24h+6  | confirm B             | no: was released      | 8/0/1
        24h+7  | adjust 0              | adjusted to 8 of 9    | 8/0/1
        24h+7  | confirm B             | no: unknown reservation | 8/0/1
        ",
    );
}
