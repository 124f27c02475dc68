//! Keys: a request under a known idempotency key gets its first answer and decides nothing.

use super::statement::{Clerk, check, time};

#[test]
fn each_keyed_command_is_answered_again_and_decided_once() {
    check(
        "
        0  | create 20                       | created                        | 20/0/0
        1  | buy A ann 2 key a#1             | A bought 2                     | 18/0/2
        2  | buy B ann 2 key a#1             | as at 1: A bought 2            | 18/0/2
        3  | hold C ann 3 for 10 key c#1     | C held 3 until 13              | 15/3/2
        4  | hold D ann 3 for 10 key c#1     | as at 3: C held 3 until 13     | 15/3/2
        5  | extend C for 20 max 1 key e#1   | C extended until 25            | 15/3/2
        6  | extend C for 20 max 1 key e#1   | as at 5: C extended until 25   | 15/3/2
        7  | confirm C key f#1               | C confirmed 3 for ann          | 15/0/5
        8  | confirm C key f#1               | as at 7: C confirmed 3 for ann | 15/0/5
        9  | hold G bob 1 for 10             | G held 1 until 19              | 14/1/5
        10 | release G key g#1               | G released                     | 15/0/5
        11 | release G key g#1               | as at 10: G released           | 15/0/5
        12 | adjust -5 key h#1               | adjusted to 10 of 15           | 10/0/5
        13 | adjust -5 key h#1               | as at 12: adjusted to 10 of 15 | 10/0/5
        # the answers outlive a restart
        14 | wake 14 until 15                | awake                          | 10/0/5
        14 | buy B ann 2 key a#1             | as at 1: A bought 2            | 10/0/5
        14 | hold D ann 3 for 10 key c#1     | as at 3: C held 3 until 13     | 10/0/5
        14 | extend C for 20 max 1 key e#1   | as at 5: C extended until 25   | 10/0/5
        14 | confirm C key f#1               | as at 7: C confirmed 3 for ann | 10/0/5
        14 | release G key g#1               | as at 10: G released           | 10/0/5
        14 | adjust -5 key h#1               | as at 12: adjusted to 10 of 15 | 10/0/5
        ",
    );
}

#[test]
fn another_request_under_a_known_key_is_refused() {
    check(
        "
        0 | create 20                     | created             | 20/0/0
        1 | buy A ann 2 key k#1           | A bought 2          | 18/0/2
        2 | buy B ann 3 key k#2           | no: key reused      | 18/0/2
        2 | hold B ann 3 for 10 key k#2   | no: key reused      | 18/0/2
        2 | confirm B key k#2             | no: key reused      | 18/0/2
        2 | release B key k#2             | no: key reused      | 18/0/2
        2 | extend B for 10 max 1 key k#2 | no: key reused      | 18/0/2
        2 | adjust +1 key k#2             | no: key reused      | 18/0/2
        # another key, the same request: another decision
        3 | buy B ann 2 key l#1           | B bought 2          | 16/0/4
        3 | buy C ann 2                   | C bought 2          | 14/0/6
        3 | buy D ann 2                   | D bought 2          | 12/0/8
        ",
    );
}

#[test]
fn the_first_answer_is_given_whatever_came_after_it() {
    check(
        "
        0   | create 2 limit 2 closes 100     | created                    | 2/0/0
        1   | hold A ann 2 for 10 key a#1     | A held 2 until 11          | 0/2/0
        # sold out, at the limit
        2   | hold B ann 2 for 10 key a#1     | as at 1: A held 2 until 11 | 0/2/0
        3   | release A key r#1               | A released                 | 2/0/0
        # the hold is over
        4   | hold B ann 2 for 10 key a#1     | as at 1: A held 2 until 11 | 2/0/0
        5   | confirm A key c#1               | no: was released           | 2/0/0
        # closed
        100 | hold B ann 2 for 10 key a#1     | as at 1: A held 2 until 11 | 2/0/0
        100 | release A key r#1               | as at 3: A released        | 2/0/0
        ",
    );
}

#[test]
fn refusals_are_not_remembered() {
    check(
        "
        0   | create 1 opens 10      | created            | 1/0/0
        1   | buy A ann 1 key a#1    | no: opens at 10    | 1/0/0
        # the same key may ask again, even for something else
        10  | buy A ann 1 key a#2    | A bought 1         | 0/0/1
        11  | buy B bob 1 key b#1    | no: sold out       | 0/0/1
        12  | adjust +1              | adjusted to 1 of 2 | 1/0/1
        13  | buy B bob 1 key b#1    | B bought 1         | 0/0/2
        ",
    );
}

#[test]
fn a_key_is_remembered_for_a_day_and_then_forgotten() {
    check(
        "
        0       | create 9              | created             | 9/0/0
        5       | buy A ann 1 key a#1   | A bought 1          | 8/0/1
        24h+5   | adjust 0              | adjusted to 8 of 9  | 8/0/1
        24h+5   | buy B ann 1 key a#1   | as at 5: A bought 1 | 8/0/1
        # longer than a day, as long as nothing else happens
        24h+99  | buy B ann 1 key a#1   | as at 5: A bought 1 | 8/0/1
        24h+99  | buy B ann 1 key a#2   | no: key reused      | 8/0/1
        24h+99  | adjust 0              | adjusted to 8 of 9  | 8/0/1
        24h+99  | buy B ann 1 key a#2   | B bought 1          | 7/0/2
        24h+100 | buy C ann 1 key a#2   | as at 86400099: B bought 1 | 7/0/2
        ",
    );
}

#[test]
fn forgetting_keeps_up_with_remembering() {
    let mut clerk = Clerk::default();
    clerk.take("create 1000", time("0"));
    for buyer in 0..100 {
        clerk.take(&format!("buy A{buyer} ann 1 key k{buyer}#1"), time("1"));
    }
    assert_eq!(clerk.product.memory().len(), 100);
    // One fact forgets two old keys, so as many new ones can never pile up on top of them.
    for buyer in 0..50 {
        clerk.take(&format!("buy B{buyer} ann 1 key l{buyer}#1"), time("24h+2"));
    }
    assert_eq!(clerk.product.memory().len(), 50);
    assert_eq!(clerk.stock(), "850/0/150");
    clerk.close();
}
