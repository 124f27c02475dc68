//! Owed: the orders of a round for which something may be to be done. Pure; the tables say for which of
//! them it is.

use super::changes::Changes;
use super::rows::OrderStatus;
use crate::domain::{OrderId, Timestamp};

/// Orders that ended longer ago are not asked about: tables that are built again would ask about every
/// one there ever was.
const VOID_AGE_MAX_MS: u64 = 3 * 24 * 60 * 60 * 1_000;

/// Orders of which a line may be owed back: of some it came back, of others it is known only now how they
/// are paid, because another partition told first what became of a line.
pub(super) fn owing(changes: &Changes) -> Vec<OrderId> {
    let returned = changes.returned.iter().map(|row| row.order);
    let mut orders: Vec<_> = returned.chain(changes.placed.iter().map(|row| row.order)).collect();
    orders.sort_unstable();
    orders.dedup();
    orders
}

/// Orders that ended unpaid a short while ago, and when.
pub(super) fn voids(
    decided: &[(OrderId, OrderStatus, Timestamp)],
    now: Timestamp,
) -> Vec<(OrderId, Timestamp)> {
    let unpaid = [OrderStatus::Cancelled, OrderStatus::Expired];
    decided
        .iter()
        .filter(|(_, status, at)| {
            unpaid.contains(status) && now.millis_since(*at) < VOID_AGE_MAX_MS
        })
        .map(|(order, _, at)| (*order, *at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_orders_that_ended_unpaid_a_short_while_ago_are_asked_about() {
        let now = Timestamp::from_millis(10 * VOID_AGE_MAX_MS);
        let at = |age| Timestamp::from_millis(10 * VOID_AGE_MAX_MS - age);
        let decided = [
            (OrderId([1; 16]), OrderStatus::Cancelled, at(0)),
            (OrderId([2; 16]), OrderStatus::Expired, at(VOID_AGE_MAX_MS - 1)),
            (OrderId([3; 16]), OrderStatus::Expired, at(VOID_AGE_MAX_MS)),
            (OrderId([4; 16]), OrderStatus::Confirmed, at(0)),
            (OrderId([5; 16]), OrderStatus::Refunded, at(0)),
        ];
        let orders: Vec<_> = voids(&decided, now).into_iter().map(|(order, _)| order).collect();
        assert_eq!(orders, [OrderId([1; 16]), OrderId([2; 16])]);
    }
}
