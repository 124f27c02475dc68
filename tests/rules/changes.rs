//! Changes of a product: what they need, what they do to a sale, and what they leave alone.

use super::statement::{Clerk, check, time};

#[test]
fn a_change_is_a_new_edition_and_a_sale_is_none() {
    check(
        "
        0 | create 5                       | created            | 5/0/0
        1 | buy A ann 1                    | A bought 1         | 4/0/1
        2 | change name cup expected 1     | edition 3          | 4/0/1
        3 | change name mug expected 1     | no: another edition | 4/0/1
        3 | change name mug expected 0     | no: another edition | 4/0/1
        3 | hold B bob 1 for 10            | B held 1 until 13  | 3/1/1
        4 | change name mug expected 3     | edition 5          | 3/1/1
        4 | change name cup                | edition 6          | 3/1/1
        # nothing to change is no fact
        5 | change                         | edition 6          | 3/1/1
        5 | change on expected 6           | edition 6          | 3/1/1
        5 | change on expected 5           | no: another edition | 3/1/1
        ",
    );
}

#[test]
fn the_order_of_refusals() {
    check(
        "
        0 | change name cup expected 9          | no: unknown product | 0/0/0
        0 | change off                          | no: unknown product | 0/0/0
        0 | create 1                            | created             | 1/0/0
        1 | change price 7 in USD expected 9    | no: another edition | 1/0/0
        1 | change price 7 in USD               | no: sold in EUR     | 1/0/0
        1 | change price 7 in USD off           | no: sold in EUR     | 1/0/0
        ",
    );
}

#[test]
fn a_known_key_gets_its_first_answer() {
    check(
        "
        0 | create 1                          | created            | 1/0/0
        1 | change name cup key k#1           | edition 2          | 1/0/0
        2 | change name mug                   | edition 3          | 1/0/0
        3 | change name cup key k#1           | as at 1: edition 2 | 1/0/0
        3 | change name cup expected 9 key k#1 | as at 1: edition 2 | 1/0/0
        3 | change name tea key k#2           | no: key reused     | 1/0/0
        ",
    );
}

#[test]
fn what_is_not_sold_is_refused_before_anything_else_about_the_sale() {
    check(
        "
        0   | create 2 limit 1 opens 50 closes 100 | created           | 2/0/0
        60  | buy A ann 1                          | A bought 1        | 1/0/1
        60  | hold B bob 1 for 500                 | B held 1 until 560 | 0/1/1
        61  | change off                           | edition 4         | 0/1/1
        # before: sold out, the limit, too few
        62  | buy C cat 1                          | no: not sold      | 0/1/1
        62  | buy C ann 5                          | no: not sold      | 0/1/1
        62  | hold C cat 1 for 10                  | no: not sold      | 0/1/1
        # before: over
        100 | buy C cat 1                          | no: not sold      | 0/1/1
        # what was promised is kept; the stock is still the shop's
        101 | extend B for 500 max 1               | B extended until 601 | 0/1/1
        102 | confirm B                            | B confirmed 1 for bob | 0/0/2
        103 | return A ann 1                       | A returned 1      | 1/0/1
        103 | adjust +1                            | adjusted to 2 of 3 | 2/0/1
        104 | change off                           | edition 4         | 2/0/1
        105 | change on                            | edition 9         | 2/0/1
        105 | buy C cat 1                          | no: closed at 100 | 2/0/1
        ",
    );
    check(
        "
        0  | create 2 opens 50                     | created           | 2/0/0
        1  | change off                            | edition 2         | 2/0/0
        # before: not open
        2  | buy A ann 1                           | no: not sold      | 2/0/0
        3  | change on                             | edition 3         | 2/0/0
        4  | buy A ann 1                           | no: opens at 50   | 2/0/0
        50 | buy A ann 1                           | A bought 1        | 1/0/1
        ",
    );
}

#[test]
fn a_new_price_is_for_new_sales() {
    let mut clerk = Clerk::default();
    for (asked, answer) in [
        ("create 5", "created"),
        ("hold A ann 1 for 100", "A held 1 until 101"),
        ("change price 700", "edition 3"),
        // At the price it was made at: the table's own, which the clerk compares.
        ("confirm A", "A confirmed 1 for ann"),
    ] {
        assert_eq!(clerk.take(asked, time("1")), answer);
    }
    assert_eq!(clerk.product.offer().unwrap().price.amount, 700);
    clerk.close();
}
