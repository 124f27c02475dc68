//! Lines of orders: the lead that is placed and decides, the follower that goes its way, and what
//! comes back after it was sold.

use super::statement::check;

#[test]
fn a_lead_is_placed_once_and_then_has_the_time_of_its_payment() {
    check(
        "0  | create 5                     | created                                     | 5/0/0
         1  | hold A ann 2 for 30 lead     | A held 2 until 31                           | 3/2/0
         2  | place A for 600 key k#1      | A placed with 2 lines until 602             | 3/2/0
         3  | place A for 600 key k#1      | as at 2: A placed with 2 lines until 602    | 3/2/0
         3  | place A for 900 key k#2      | no: key reused                              | 3/2/0
         4  | place A for 600              | no: part of an order                        | 3/2/0
         31 | show A                       | ann holds 2 until 602, extended 0           | 3/2/0
         601 | settle A confirmed          | A settled as Confirmed                      | 3/0/2
         602 | settle A expired            | no: was confirmed                           | 3/0/2",
    );
}

#[test]
fn a_lead_that_was_never_placed_runs_out() {
    check(
        "0  | create 2                     | created                    | 2/0/0
         1  | hold A ann 2 for 30 lead     | A held 2 until 31          | 0/2/0
         31 | place A for 600              | A expired; no: has expired | 2/0/0
         32 | settle A confirmed           | no: has expired            | 2/0/0",
    );
}

#[test]
fn a_placed_lead_runs_out_when_nobody_paid() {
    check(
        "0  | create 2                     | created                        | 2/0/0
         1  | hold A ann 2 for 30 lead     | A held 2 until 31              | 0/2/0
         2  | place A for 100              | A placed with 2 lines until 102 | 0/2/0
         101 | buy B bob 1                 | no: sold out                   | 0/2/0
         102 | settle A confirmed          | A expired; no: has expired     | 2/0/0
         103 | buy B bob 1                 | B bought 1                     | 1/0/1",
    );
}

#[test]
fn a_follower_never_runs_out_by_itself() {
    check(
        "0  | create 2                     | created                | 2/0/0
         1  | hold A ann 2 for 30 behind 7 | A held 2 until 31      | 0/2/0
         99 | buy B bob 1                  | no: sold out           | 0/2/0
         99 | expire A                     | no: unknown reservation | 0/2/0
         99 | settle A confirmed           | A settled as Confirmed | 0/0/2
         99 | settle A released            | no: was confirmed      | 0/0/2",
    );
    check(
        "0  | create 2                     | created                | 2/0/0
         1  | hold A ann 2 for 30 behind 7 | A held 2 until 31      | 0/2/0
         99 | settle A expired             | A settled as Expired   | 2/0/0
         99 | settle A confirmed           | no: has expired        | 2/0/0",
    );
}

#[test]
fn a_line_is_not_a_reservation_of_its_own_nor_the_other_way() {
    for part in ["lead", "behind 7"] {
        check(&format!(
            "0 | create 2                 | created              | 2/0/0
             1 | hold A ann 1 for 30 {part} | A held 1 until 31    | 1/1/0
             2 | confirm A                | no: part of an order | 1/1/0
             2 | release A                | no: part of an order | 1/1/0
             2 | extend A for 90 max 3    | no: part of an order | 1/1/0"
        ));
    }
    check(
        "0 | create 2             | created                 | 2/0/0
         1 | hold A ann 1 for 30  | A held 1 until 31       | 1/1/0
         2 | place A for 600      | no: part of an order    | 1/1/0
         2 | settle A confirmed   | no: unknown reservation | 1/1/0
         2 | place B for 600      | no: unknown reservation | 1/1/0
         2 | settle B released    | no: unknown reservation | 1/1/0",
    );
}

#[test]
fn a_follower_is_never_placed() {
    check(
        "0 | create 2                     | created              | 2/0/0
         1 | hold A ann 1 for 30 behind 7 | A held 1 until 31    | 1/1/0
         2 | place A for 600              | no: part of an order | 1/1/0",
    );
}

#[test]
fn a_line_that_ran_out_may_be_held_again() {
    check(
        "0   | create 2                    | created                         | 2/0/0
         1   | hold A ann 2 for 30 lead    | A held 2 until 31               | 0/2/0
         2   | place A for 100             | A placed with 2 lines until 102 | 0/2/0
         102 | settle A confirmed          | A expired; no: has expired      | 2/0/0
         103 | hold A ann 2 for 30 lead    | A held 2 until 133              | 0/2/0
         104 | place A for 30              | A placed with 2 lines until 134 | 0/2/0
         105 | settle A confirmed          | A settled as Confirmed          | 0/0/2",
    );
}

/// Otherwise its units would be held twice and given back once, or be sold twice.
#[test]
fn a_line_is_held_again_only_after_it_ran_out() {
    check(
        "0   | create 5                     | created                         | 5/0/0
         1   | hold A ann 2 for 30 behind 7 | A held 2 until 31               | 3/2/0
         99  | hold A ann 2 for 30 behind 7 | no: part of an order            | 3/2/0
         100 | settle A confirmed           | A settled as Confirmed          | 3/0/2
         101 | hold A ann 2 for 30 behind 7 | no: was confirmed               | 3/0/2
         102 | hold B ann 2 for 30 lead     | B held 2 until 132              | 1/2/2
         103 | settle B released            | B settled as Released           | 3/0/2
         104 | hold B ann 2 for 30 lead     | no: was released                | 3/0/2",
    );
}

#[test]
fn a_line_that_is_held_again_takes_the_place_of_what_ran_out() {
    check(
        "0   | create 4 limit 3            | created                             | 4/0/0
         1   | hold A ann 3 for 30 lead    | A held 3 until 31                   | 1/3/0
         30  | hold A ann 3 for 30 lead    | no: part of an order                | 1/3/0
         31  | hold A ann 2 for 30 lead    | A expired; A held 2 until 61        | 2/2/0
         32  | place A for 100             | A placed with 2 lines until 132     | 2/2/0
         132 | hold A ann 4 for 30 lead    | A expired; no: limit 3, has 0       | 4/0/0
         133 | hold A ann 3 for 30 lead    | A held 3 until 163                  | 1/3/0",
    );
}

/// A day after it ran out first, not a day after it was sold, this line would be told to be unknown.
#[test]
fn how_a_line_ended_at_last_is_remembered_for_a_day() {
    check(
        "0        | create 5                 | created                         | 5/0/0
         1        | hold A ann 2 for 30 lead | A held 2 until 31               | 3/2/0
         31       | expire A                 | A settled as Expired            | 5/0/0
         80000000 | hold A ann 2 for 30 lead | A held 2 until 80000030         | 3/2/0
         80000001 | place A for 30           | A placed with 2 lines until 80000031 | 3/2/0
         80000002 | settle A confirmed       | A settled as Confirmed          | 3/0/2
         90000000 | buy B bob 1              | B bought 1                      | 2/0/3
         90000001 | show A                   | no: was confirmed               | 2/0/3",
    );
}

#[test]
fn what_was_sold_comes_back_once() {
    check(
        "0 | create 5 limit 2      | created                 | 5/0/0
         1 | buy A ann 2           | A bought 2              | 3/0/2
         2 | buy B ann 1           | no: limit 2, has 2      | 3/0/2
         3 | return A ann 2 key k#1 | A returned 2           | 5/0/0
         4 | return A ann 2 key k#1 | as at 3: A returned 2  | 5/0/0
         5 | return A ann 2        | no: returned already    | 5/0/0
         6 | buy C ann 2           | C bought 2              | 3/0/2
         7 | return A ann 2        | no: returned already    | 3/0/2",
    );
}

#[test]
fn nothing_comes_back_that_was_not_sold() {
    check(
        "0 | return A ann 1     | no: unknown product     | 0/0/0
         0 | create 5           | created                 | 5/0/0
         1 | return A ann 1     | no: unknown reservation | 5/0/0
         2 | hold A ann 2 for 9 | A held 2 until 11       | 3/2/0
         3 | return A ann 2     | no: unknown reservation | 3/2/0
         4 | buy B bob 1        | B bought 1              | 2/2/1
         5 | return B bob 2     | no: unknown reservation | 2/2/1
         6 | return B bob 1     | B returned 1            | 3/2/0",
    );
}

#[test]
fn what_ran_out_is_paid_late_and_taken_again_or_owed_back() {
    check(
        "0   | late A                    | no: unknown product             | 0/0/0
         0   | create 5                  | created                         | 5/0/0
         1   | hold A ann 2 for 30 lead  | A held 2 until 31               | 3/2/0
         2   | late A                    | no: part of an order            | 3/2/0
         2   | owe A                     | no: part of an order            | 3/2/0
         2   | place A for 100           | A placed with 2 lines until 102 | 3/2/0
         102 | late A                    | A expired; A noted              | 5/0/0
         103 | late A                    | A noted                         | 5/0/0
         104 | hold A ann 2 for 30 lead  | A held 2 until 134              | 3/2/0
         105 | owe A                     | no: part of an order            | 3/2/0
         106 | settle A confirmed        | no: part of an order            | 3/2/0
         107 | place A for 30            | A placed with 2 lines until 137 | 3/2/0
         108 | settle A confirmed        | A settled as Confirmed          | 3/0/2
         109 | late A                    | no: was confirmed               | 3/0/2
         110 | owe A                     | no: was confirmed               | 3/0/2",
    );
    check(
        "0   | create 5                  | created                         | 5/0/0
         1   | hold A ann 2 for 30 lead  | A held 2 until 31               | 3/2/0
         31  | owe A                     | A expired; A noted              | 5/0/0
         32  | show A                    | no: was released                | 5/0/0
         33  | hold A ann 2 for 30 lead  | no: was released                | 5/0/0
         34  | owe A                     | A noted                         | 5/0/0",
    );
}

#[test]
fn only_a_lead_is_paid_late() {
    check(
        "0  | create 5                     | created                 | 5/0/0
         1  | hold A ann 2 for 30 behind 7 | A held 2 until 31       | 3/2/0
         2  | late A                       | no: unknown reservation | 3/2/0
         3  | hold B ann 1 for 30          | B held 1 until 33       | 2/3/0
         4  | owe B                        | no: unknown reservation | 2/3/0",
    );
}

/// A line that asked before it was held again must not go the way its lead went before.
#[test]
fn an_answer_about_a_hold_before_does_not_end_this_one() {
    check(
        "0  | create 2                       | created                | 2/0/0
         1  | hold A ann 2 for 30 behind 7   | A held 2 until 31      | 0/2/0
         31 | settle A expired until 31      | A settled as Expired   | 2/0/0
         32 | hold A ann 2 for 30 behind 7   | A held 2 until 62      | 0/2/0
         33 | settle A expired until 31      | no: part of an order   | 0/2/0
         34 | settle A confirmed until 62    | A settled as Confirmed | 0/0/2",
    );
}
