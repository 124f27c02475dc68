//! The queue: what is decided when a purchase is accepted, what at its turn, and whose turn it is.

use super::statement::check;

#[test]
fn first_come_first_served_and_vip_before_normal() {
    check(
        "
        0 | create 3              | created                                | 3/0/0
        1 | queue A ann 1         | A queued at 1                          | 3/0/0
        1 | queue B bob 1         | B queued at 2                          | 3/0/0
        2 | queue C cat 1 vip     | C queued at 1                          | 3/0/0
        2 | queue D dan 1 vip     | D queued at 2                          | 3/0/0
        3 | where A               | ann waits at 3 for 1 since 1           | 3/0/0
        3 | where D               | dan waits at 2 for 1 since 2           | 3/0/0
        # who does not wait is decided at once
        4 | buy E eve 1           | E bought 1                             | 2/0/1
        5 | turn                  | C bought 1                             | 1/0/2
        5 | where A               | ann waits at 2 for 1 since 1           | 1/0/2
        6 | turn                  | D bought 1                             | 0/0/3
        # told to wait while there was something: the turn says what became of it
        7 | turn                  | A had its turn, no: sold out           | 0/0/3
        7 | where B               | bob waits at 1 for 1 since 1           | 0/0/3
        8 | adjust +1             | adjusted to 1 of 4                     | 1/0/3
        9 | turn                  | B bought 1                             | 0/0/4
        9 | turn                  | no: does not wait                      | 0/0/4
        9 | where B               | no: does not wait                      | 0/0/4
        ",
    );
}

#[test]
fn what_holds_for_everybody_is_decided_when_it_is_accepted() {
    check(
        "
        0   | queue A ann 1                    | no: unknown product         | 0/0/0
        0   | where A                          | no: unknown product         | 0/0/0
        0   | pace 5                           | no: unknown product         | 0/0/0
        0   | create 2 limit 1 opens 10 closes 100 | created                 | 2/0/0
        1   | change off                       | edition 2                   | 2/0/0
        # not sold comes before not open
        1   | queue A ann 1                    | no: not sold                | 2/0/0
        2   | change on                        | edition 3                   | 2/0/0
        2   | queue A ann 1                    | no: opens at 10             | 2/0/0
        # of the limit what has been bought, and what nobody may buy
        10  | queue A ann 2                    | no: limit 1, has 0          | 2/0/0
        # the rest of it waits for the turn
        10  | queue A ann 1                    | A queued at 1               | 2/0/0
        10  | queue B bob 1                    | B queued at 2               | 2/0/0
        10  | queue E ann 1                    | E queued at 3               | 2/0/0
        11  | turn                             | A bought 1                  | 1/0/1
        11  | queue F ann 1                    | no: limit 1, has 1          | 1/0/1
        11  | change off                       | edition 8                   | 1/0/1
        11  | turn                             | B had its turn, no: not sold | 1/0/1
        11  | change on                        | edition 10                  | 1/0/1
        12  | turn                             | E had its turn, no: limit 1, has 1 | 1/0/1
        12  | buy C cat 1                      | C bought 1                  | 0/0/2
        13  | queue D dan 1                    | no: sold out                | 0/0/2
        # closed comes before sold out
        100 | queue D dan 1                    | no: closed at 100           | 0/0/2
        ",
    );
}

#[test]
fn a_turn_asks_every_rule_of_a_purchase_again() {
    check(
        "
        0   | create 4 limit 3 closes 100      | created                     | 4/0/0
        1   | queue A ann 2                    | A queued at 1               | 4/0/0
        1   | queue B ann 2                    | B queued at 2               | 4/0/0
        1   | queue C bob 3                    | C queued at 3               | 4/0/0
        1   | queue D cat 1                    | D queued at 4               | 4/0/0
        1   | queue E dan 1                    | E queued at 5               | 4/0/0
        2   | turn                             | A bought 2                  | 2/0/2
        2   | turn                             | B had its turn, no: limit 3, has 2 | 2/0/2
        2   | turn                             | C had its turn, no: only 2 left | 2/0/2
        3   | change off                       | edition 10                  | 2/0/2
        # whatever has become of the sale, nobody is left waiting
        4   | turn                             | D had its turn, no: not sold | 2/0/2
        5   | change on                        | edition 12                  | 2/0/2
        100 | turn                             | E had its turn, no: closed at 100 | 2/0/2
        ",
    );
}

#[test]
fn a_turn_looks_behind_holds_that_have_lapsed() {
    check(
        "
        0  | create 1              | created                                | 1/0/0
        0  | hold A ann 1 for 10   | A held 1 until 10                      | 0/1/0
        1  | queue B bob 1         | no: sold out                           | 0/1/0
        # lapsed, not yet recorded: something is available
        10 | queue B bob 1         | B queued at 1                          | 0/1/0
        11 | turn                  | A expired; B bought 1                  | 0/0/1
        ",
    );
}

#[test]
fn a_known_key_gets_the_first_answer_again() {
    check(
        "
        0 | create 2                     | created                          | 2/0/0
        1 | queue A ann 1 key k#1        | A queued at 1                    | 2/0/0
        2 | queue B ann 1 key k#1        | as at 1: A queued at 1           | 2/0/0
        # also when it would not wait this time, and the other way round
        2 | buy B ann 1 key k#1          | as at 1: A queued at 1           | 2/0/0
        2 | queue B ann 2 key n#2        | B queued at 2                    | 2/0/0
        2 | queue C ann 2 key n#2        | as at 2: B queued at 2           | 2/0/0
        2 | queue C ann 1 key n#3        | no: key reused                   | 2/0/0
        3 | turn                         | A bought 1                       | 1/0/1
        3 | buy C bob 1 key m#1          | C bought 1                       | 0/0/2
        4 | queue D bob 1 key m#1        | as at 3: C bought 1              | 0/0/2
        # after its turn, and a restart
        4 | wake 4 until 5               | awake                            | 0/0/2
        5 | queue E ann 1 key k#1        | as at 1: A queued at 1           | 0/0/2
        6 | turn                         | B had its turn, no: sold out     | 0/0/2
        # known keys come before what its state would say
        7 | queue E ann 1 key k#3        | no: key reused                   | 0/0/2
        ",
    );
}

#[test]
fn a_rate_is_kept_over_restarts() {
    check(
        "
        0 | create 2        | created                | 2/0/0
        1 | pace 50         | paced at Some(50)      | 2/0/0
        1 | pace 50         | paced at Some(50)      | 2/0/0
        2 | queue A ann 1   | A queued at 1          | 2/0/0
        2 | queue B bob 1 vip | B queued at 1        | 2/0/0
        3 | wake 3 until 5  | awake                  | 2/0/0
        4 | where A         | ann waits at 2 for 1 since 2 | 2/0/0
        5 | pace -          | paced at None          | 2/0/0
        6 | turn            | B bought 1             | 1/0/1
        ",
    );
}
