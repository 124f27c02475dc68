//! Grace: holds that ran out while the server was down live a little longer.

use super::statement::check;

#[test]
fn holds_that_ran_out_in_the_downtime_live_until_the_grace_ends() {
    check(
        "
        0   | create 5              | created                    | 5/0/0
        0   | hold A ann 1 for 50   | A held 1 until 50          | 4/1/0
        0   | hold B bob 1 for 100  | B held 1 until 100         | 3/2/0
        0   | hold C cat 1 for 101  | C held 1 until 101         | 2/3/0
        0   | hold D dan 1 for 200  | D held 1 until 200         | 1/4/0
        # down from 40 to 100: A and B ran out meanwhile, C and D did not
        100 | wake 100 until 130    | awake                      | 1/4/0
        100 | expire A              | no: unknown reservation    | 1/4/0
        101 | confirm C             | C expired; no: has expired | 2/3/0
        129 | show B                | bob holds 1 until 100, extended 0 | 2/3/0
        129 | confirm A             | A confirmed 1 for ann      | 2/2/1
        # whose grace runs is held: only two are free
        129 | buy E eve 3           | no: only 2 left            | 2/2/1
        130 | confirm B             | B expired; no: has expired | 3/1/1
        199 | confirm D             | D confirmed 1 for dan      | 3/0/2
        ",
    );
}

#[test]
fn the_end_of_the_grace_frees_the_units() {
    check(
        "
        0   | create 1             | created                | 1/0/0
        0   | hold A ann 1 for 50  | A held 1 until 50      | 0/1/0
        100 | wake 100 until 130   | awake                  | 0/1/0
        129 | buy B bob 1          | no: sold out           | 0/1/0
        130 | buy B bob 1          | A expired; B bought 1  | 0/0/1
        ",
    );
}

#[test]
fn a_hold_that_ends_normally_may_lapse_before_one_in_grace() {
    check(
        "
        0   | create 2             | created               | 2/0/0
        0   | hold A ann 1 for 50  | A held 1 until 50     | 1/1/0
        0   | hold B bob 1 for 110 | B held 1 until 110    | 0/2/0
        100 | wake 100 until 130   | awake                 | 0/2/0
        109 | buy C cat 1          | no: sold out          | 0/2/0
        110 | buy C cat 1          | B expired; C bought 1 | 0/1/1
        110 | buy D dan 1          | no: sold out          | 0/1/1
        130 | buy D dan 1          | A expired; D bought 1 | 0/0/2
        ",
    );
}

#[test]
fn an_extension_in_the_grace_does_not_shorten_it() {
    check(
        "
        0   | create 2               | created              | 2/0/0
        0   | hold A ann 1 for 50    | A held 1 until 50    | 1/1/0
        0   | hold B bob 1 for 50    | B held 1 until 50    | 0/2/0
        100 | wake 100 until 130     | awake                | 0/2/0
        # without the extension it would run until 130
        101 | extend A for 5 max 9   | A extended until 130 | 0/2/0
        101 | extend B for 40 max 9  | B extended until 141 | 0/2/0
        129 | confirm A              | A confirmed 1 for ann | 0/1/1
        140 | confirm B              | B confirmed 1 for bob | 0/0/2
        ",
    );
}

#[test]
fn holds_in_grace_count_against_the_limit() {
    check(
        "
        0   | create 9 limit 2     | created               | 9/0/0
        0   | hold A ann 2 for 50  | A held 2 until 50     | 7/2/0
        100 | wake 100 until 130   | awake                 | 7/2/0
        129 | buy B ann 1          | no: limit 2, has 2    | 7/2/0
        130 | buy B ann 1          | A expired; B bought 1 | 8/0/1
        ",
    );
}

#[test]
fn a_clock_set_back_before_the_downtime_lapses_nothing() {
    check(
        "
        0   | create 1             | created               | 1/0/0
        0   | hold A ann 1 for 50  | A held 1 until 50     | 0/1/0
        100 | wake 100 until 130   | awake                 | 0/1/0
        60  | buy B bob 1          | no: sold out          | 0/1/0
        60  | confirm A            | A confirmed 1 for ann | 0/0/1
        ",
    );
}
