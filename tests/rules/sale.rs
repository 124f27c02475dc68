//! Sales: stock, window, limit, quantities and adjustments, each to the last unit and millisecond.

use super::statement::check;
use lastunit::domain::{IdError, QUANTITY_MAX, Quantity, STOCKED_MAX};

#[test]
fn every_unit_is_sold_and_not_one_more() {
    check(
        "
        0 | create 3             | created           | 3/0/0
        1 | buy A ann 1          | A bought 1        | 2/0/1
        2 | hold B bob 1 for 10  | B held 1 until 12 | 1/1/1
        3 | buy C cat 1          | C bought 1        | 0/1/2
        4 | buy D dan 1          | no: sold out      | 0/1/2
        5 | confirm B            | B confirmed 1 for bob | 0/0/3
        6 | buy D dan 1          | no: sold out      | 0/0/3
        7 | adjust +1            | adjusted to 1 of 4 | 1/0/3
        8 | buy D dan 2          | no: only 1 left   | 1/0/3
        9 | buy D dan 1          | D bought 1        | 0/0/4
        ",
    );
}

#[test]
fn the_window_is_half_open_to_the_millisecond() {
    check(
        "
        0    | create 9 opens 1000 closes 2000 | created               | 9/0/0
        0    | buy A ann 1                     | no: opens at 1000     | 9/0/0
        999  | buy A ann 1                     | no: opens at 1000     | 9/0/0
        999  | hold A ann 1 for 10             | no: opens at 1000     | 9/0/0
        1000 | buy A ann 1                     | A bought 1            | 8/0/1
        1000 | hold B ann 1 for 5000           | B held 1 until 6000   | 7/1/1
        1999 | buy C ann 1                     | C bought 1            | 6/1/2
        1999 | hold D ann 1 for 10             | D held 1 until 2009   | 5/2/2
        2000 | buy E ann 1                     | no: closed at 2000    | 5/2/2
        2000 | hold E ann 1 for 10             | no: closed at 2000    | 5/2/2
        last | buy E ann 1                     | no: closed at 2000    | 5/2/2
        ",
    );
}

#[test]
fn a_window_may_be_open_on_one_side() {
    check(
        "
        0    | create 9 opens 1000 | created           | 9/0/0
        999  | buy A ann 1         | no: opens at 1000 | 9/0/0
        last | buy A ann 1         | A bought 1        | 8/0/1
        ",
    );
    check(
        "
        0    | create 9 closes 1000 | created           | 9/0/0
        0    | buy A ann 1          | A bought 1        | 8/0/1
        1000 | buy B ann 1          | no: closed at 1000 | 8/0/1
        ",
    );
}

#[test]
fn sold_and_held_units_count_against_the_limit_together() {
    check(
        "
        0  | create 20 limit 3    | created               | 20/0/0
        1  | buy A ann 4          | no: limit 3, has 0    | 20/0/0
        1  | buy A ann 1          | A bought 1            | 19/0/1
        2  | hold B ann 1 for 10  | B held 1 until 12     | 18/1/1
        3  | buy C ann 2          | no: limit 3, has 2    | 18/1/1
        3  | hold C ann 2 for 10  | no: limit 3, has 2    | 18/1/1
        4  | hold C ann 1 for 10  | C held 1 until 14     | 17/2/1
        5  | buy D ann 1          | no: limit 3, has 3    | 17/2/1
        # a confirmed hold still counts, a released one does not
        6  | confirm B            | B confirmed 1 for ann | 17/1/2
        7  | buy D ann 1          | no: limit 3, has 3    | 17/1/2
        8  | release C            | C released            | 18/0/2
        9  | buy D ann 1          | D bought 1            | 17/0/3
        10 | buy E ann 1          | no: limit 3, has 3    | 17/0/3
        # nobody else is concerned
        11 | buy E bob 3          | E bought 3            | 14/0/6
        ",
    );
    check(
        "
        0 | create 5 limit 0    | created            | 5/0/0
        1 | buy A ann 1         | no: limit 0, has 0 | 5/0/0
        1 | hold A ann 1 for 10 | no: limit 0, has 0 | 5/0/0
        ",
    );
    check(
        "
        0 | create 3000    | created        | 3000/0/0
        1 | buy A ann 1000 | A bought 1000  | 2000/0/1000
        1 | buy B ann 1000 | B bought 1000  | 1000/0/2000
        1 | buy C ann 1000 | C bought 1000  | 0/0/3000
        ",
    );
}

#[test]
fn a_quantity_is_between_one_and_the_maximum() {
    assert_eq!(Quantity::new(0), Err(IdError::Quantity));
    assert_eq!(Quantity::new(1).map(Quantity::get), Ok(1));
    assert_eq!(Quantity::new(QUANTITY_MAX).map(Quantity::get), Ok(1000));
    assert_eq!(Quantity::new(QUANTITY_MAX + 1), Err(IdError::Quantity));
    assert_eq!(Quantity::new(u32::MAX), Err(IdError::Quantity));
    check(
        "
        0 | create 1001            | created              | 1001/0/0
        0 | hold A ann 1000 for 10 | A held 1000 until 10 | 1/1000/0
        0 | buy B ann 1000         | no: only 1 left      | 1/1000/0
        0 | confirm A              | A confirmed 1000 for ann | 1/0/1000
        ",
    );
}

#[test]
fn an_adjustment_takes_what_is_available_and_adds_up_to_the_maximum() {
    assert_eq!(STOCKED_MAX, 1_000_000_000);
    check(
        "
        0 | create 5                     | created                      | 5/0/0
        1 | buy A ann 1                  | A bought 1                   | 4/0/1
        1 | hold B ann 1 for 100         | B held 1 until 101           | 3/1/1
        # what is sold or held cannot be taken away
        2 | adjust -4                    | no: only 3 left              | 3/1/1
        2 | adjust -9223372036854775808  | no: only 3 left              | 3/1/1
        3 | adjust -3                    | adjusted to 0 of 2           | 0/1/1
        3 | adjust -1                    | no: only 0 left              | 0/1/1
        3 | adjust 0                     | adjusted to 0 of 2           | 0/1/1
        4 | adjust +999999999            | no: above the maximum from 2 | 0/1/1
        4 | adjust +9223372036854775807  | no: above the maximum from 2 | 0/1/1
        4 | adjust +999999998            | adjusted to 999999998 of 1000000000 | 999999998/1/1
        5 | adjust +1                    | no: above the maximum from 1000000000 | 999999998/1/1
        5 | adjust 0                     | adjusted to 999999998 of 1000000000 | 999999998/1/1
        6 | adjust -999999998            | adjusted to 0 of 2           | 0/1/1
        ",
    );
}

#[test]
fn a_product_begins_with_none_to_the_maximum() {
    check(
        "
        0 | create 0    | created            | 0/0/0
        1 | buy A ann 1 | no: sold out       | 0/0/0
        2 | adjust +1   | adjusted to 1 of 1 | 1/0/0
        3 | buy A ann 1 | A bought 1         | 0/0/1
        ",
    );
    check("0 | create 1000000000 | created | 1000000000/0/0");
    check("0 | create 1000000001 | no: above the maximum from 0 | 0/0/0");
    check("0 | create 18446744073709551615 | no: above the maximum from 0 | 0/0/0");
}
