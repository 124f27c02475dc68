//! Precedence: where two refusals apply, the earlier one of `Refusal` is the answer. One row for each
//! pair of neighbours that one command can meet. (What comes before "a table is full" is tested where
//! the bounds are small enough to reach: `domain::bounds`.)

use super::statement::check;

#[test]
fn a_known_key_comes_before_everything() {
    check(
        "
        0  | create 3 limit 2 opens 10 closes 100    | created             | 3/0/0
        1  | adjust +1 key k#1                       | adjusted to 4 of 4  | 4/0/0
        # before: the product is there already
        2  | create 3 key k#2                        | no: key reused      | 4/0/0
        # before: no such reservation
        2  | confirm Z key k#2                       | no: key reused      | 4/0/0
        # before: opens later
        2  | buy A ann 1 key k#2                     | no: key reused      | 4/0/0
        10 | hold A ann 2 for 10                     | A held 2 until 20   | 2/2/0
        11 | release A                               | A released          | 4/0/0
        # before: the hold has ended
        12 | confirm A key k#2                       | no: key reused      | 4/0/0
        12 | hold B ann 2 for 10                     | B held 2 until 22   | 2/2/0
        # before: extensions used up
        13 | extend B for 10 max 0 key k#2           | no: key reused      | 2/2/0
        # before: the limit
        13 | buy C ann 1 key k#2                     | no: key reused      | 2/2/0
        # before: too few, for sales and for adjustments
        13 | buy C bob 3 key k#2                     | no: key reused      | 2/2/0
        13 | adjust -3 key k#2                       | no: key reused      | 2/2/0
        # before: above the maximum
        13 | adjust +1000000000 key k#2              | no: key reused      | 2/2/0
        14 | buy C bob 2                             | C bought 2          | 0/2/2
        # before: sold out
        15 | buy D cat 1 key k#2                     | no: key reused      | 0/2/2
        # before: closed
        100 | buy D cat 1 key k#2                    | no: key reused      | 0/2/2
        # and the same request again is answered again, whatever has become of the sale
        100 | adjust +1 key k#1                      | as at 1: adjusted to 4 of 4 | 0/2/2
        ",
    );
}

#[test]
fn an_unknown_product_comes_before_what_its_state_would_say() {
    check(
        "
        # before: unknown reservation
        0 | confirm A              | no: unknown product | 0/0/0
        0 | release A              | no: unknown product | 0/0/0
        0 | extend A for 10 max 0  | no: unknown product | 0/0/0
        0 | expire A               | no: unknown product | 0/0/0
        0 | show A                 | no: unknown product | 0/0/0
        # before: sold out
        0 | buy A ann 1            | no: unknown product | 0/0/0
        0 | hold A ann 1 for 10    | no: unknown product | 0/0/0
        # before: too few, above the maximum
        0 | adjust -1              | no: unknown product | 0/0/0
        0 | adjust +1000000001     | no: unknown product | 0/0/0
        ",
    );
}

#[test]
fn created_already_comes_before_above_the_maximum() {
    check(
        "
        0 | create 1000000001 | no: above the maximum from 0 | 0/0/0
        0 | create 1          | created                      | 1/0/0
        0 | create 1000000001 | no: already created          | 1/0/0
        ",
    );
}

#[test]
fn the_end_of_a_hold_comes_before_its_extensions() {
    check(
        "
        0  | create 2               | created                             | 2/0/0
        0  | hold A ann 1 for 10    | A held 1 until 10                   | 1/1/0
        1  | extend A for 10 max 1  | A extended until 11                 | 1/1/0
        2  | extend A for 10 max 1  | no: 1 extensions used               | 1/1/0
        # lapsed and used up
        11 | extend A for 10 max 1  | A expired; no: has expired          | 2/0/0
        12 | hold B ann 1 for 10    | B held 1 until 22                   | 1/1/0
        12 | confirm B              | B confirmed 1 for ann               | 1/0/1
        # confirmed and used up
        12 | extend B for 10 max 0  | no: was confirmed                   | 1/0/1
        ",
    );
}

#[test]
fn not_open_comes_before_closed() {
    check(
        "
        # an offer that never sells: closes before it opens
        0   | create 1 opens 200 closes 100 | created           | 1/0/0
        150 | buy A ann 1                   | no: opens at 200  | 1/0/0
        150 | hold A ann 1 for 10           | no: opens at 200  | 1/0/0
        200 | buy A ann 1                   | no: closed at 100 | 1/0/0
        ",
    );
}

#[test]
fn not_open_and_closed_come_before_sold_out() {
    check(
        "
        0   | create 0 opens 100 closes 200 | created           | 0/0/0
        99  | buy A ann 1                   | no: opens at 100  | 0/0/0
        100 | buy A ann 1                   | no: sold out      | 0/0/0
        199 | hold A ann 1 for 10           | no: sold out      | 0/0/0
        200 | buy A ann 1                   | no: closed at 200 | 0/0/0
        ",
    );
}

#[test]
fn sold_out_comes_before_the_limit() {
    check(
        "
        0 | create 2 limit 2     | created           | 2/0/0
        1 | buy A ann 2          | A bought 2        | 0/0/2
        2 | buy B ann 1          | no: sold out      | 0/0/2
        2 | hold B ann 1 for 10  | no: sold out      | 0/0/2
        3 | adjust +1            | adjusted to 1 of 3 | 1/0/2
        3 | buy B ann 1          | no: limit 2, has 2 | 1/0/2
        ",
    );
}

#[test]
fn the_limit_comes_before_too_few() {
    check(
        "
        0 | create 4 limit 4    | created            | 4/0/0
        1 | buy A ann 3         | A bought 3         | 1/0/3
        # ann may have one more, and there is one more: two are both too many and too few
        2 | buy B ann 2         | no: limit 4, has 3 | 1/0/3
        2 | hold B ann 2 for 10 | no: limit 4, has 3 | 1/0/3
        2 | buy B bob 2         | no: only 1 left    | 1/0/3
        2 | hold B bob 2 for 10 | no: only 1 left    | 1/0/3
        2 | buy B ann 1         | B bought 1         | 0/0/4
        ",
    );
}

#[test]
fn the_window_binds_sales_and_nothing_else() {
    check(
        "
        0   | create 5 closes 100           | created               | 5/0/0
        99  | hold A ann 1 for 50           | A held 1 until 149    | 4/1/0
        99  | hold B ann 1 for 50           | B held 1 until 149    | 3/2/0
        99  | hold C ann 1 for 50           | C held 1 until 149    | 2/3/0
        100 | hold D ann 1 for 50           | no: closed at 100     | 2/3/0
        # a promise made while the sale was open is kept after it
        100 | confirm A                     | A confirmed 1 for ann | 2/2/1
        100 | extend B for 60 max 1         | B extended until 160  | 2/2/1
        100 | release B                     | B released            | 3/1/1
        100 | adjust -3                     | adjusted to 0 of 2    | 0/1/1
        150 | show C                        | C expired; no: has expired | 1/0/1
        ",
    );
}
