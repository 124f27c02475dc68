//! Refused: queued purchases to which nothing was sold when their turn came. Whoever was told to wait
//! must find out what became of it, for ever: nothing else remembers a refusal.

use super::columns::{BadColumn, OrderIdColumn, count, product_id, quantity, time, to_column};
use crate::domain::{CustomerId, OrderId, ProductId, Timestamp, TurnRefusal};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedPurchase {
    pub order: OrderId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub queued_at: Timestamp,
    pub refused_at: Timestamp,
    pub why: TurnRefusal,
}

// order_id, product_id, customer_id, quantity, queued_at, refused_at, reason, number, owned
pub(super) type RefusedColumns<Id> =
    (Id, i64, String, i64, i64, i64, String, Option<i64>, Option<i64>);

/// A reason as its three columns: its name, its number (units left, the limit or a time), and the
/// units the customer had.
pub(super) fn reason_columns(why: TurnRefusal) -> (&'static str, Option<i64>, Option<i64>) {
    let millis = |at: Timestamp| Some(to_column(at.as_millis()));
    match why {
        TurnRefusal::SoldOut => ("sold_out", None, None),
        TurnRefusal::Insufficient { available } => {
            ("insufficient", Some(to_column(available)), None)
        }
        TurnRefusal::CustomerLimit { limit, owned } => {
            ("customer_limit", Some(i64::from(limit)), Some(to_column(owned)))
        }
        TurnRefusal::Closed { closed_at } => ("closed", millis(closed_at), None),
        TurnRefusal::Inactive => ("inactive", None, None),
        TurnRefusal::NotOpen { opens_at } => ("not_open", millis(opens_at), None),
        TurnRefusal::UnknownSale => ("unknown_sale", None, None),
        TurnRefusal::Full => ("full", None, None),
    }
}

fn reason(name: &str, number: Option<i64>, owned: Option<i64>) -> Result<TurnRefusal, BadColumn> {
    let number = || count(number.ok_or(BadColumn("number"))?, "number");
    Ok(match name {
        "sold_out" => TurnRefusal::SoldOut,
        "insufficient" => TurnRefusal::Insufficient { available: number()? },
        "customer_limit" => TurnRefusal::CustomerLimit {
            limit: u32::try_from(number()?).map_err(|_| BadColumn("number"))?,
            owned: count(owned.ok_or(BadColumn("owned"))?, "owned")?,
        },
        "closed" => TurnRefusal::Closed { closed_at: Timestamp::from_millis(number()?) },
        "inactive" => TurnRefusal::Inactive,
        "not_open" => TurnRefusal::NotOpen { opens_at: Timestamp::from_millis(number()?) },
        "unknown_sale" => TurnRefusal::UnknownSale,
        "full" => TurnRefusal::Full,
        _ => return Err(BadColumn("reason")),
    })
}

pub(super) fn refused<Id: OrderIdColumn>(
    row: &RefusedColumns<Id>,
) -> Result<RefusedPurchase, BadColumn> {
    let (order, product, customer, units, queued_at, refused_at, name, number, owned) = row;
    Ok(RefusedPurchase {
        order: order.order_id()?,
        product: product_id(*product)?,
        customer: CustomerId::from_journal(customer),
        quantity: quantity(*units)?,
        queued_at: time(*queued_at, "queued_at")?,
        refused_at: time(*refused_at, "refused_at")?,
        why: reason(name, *number, *owned)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_read_back() {
        let at = Timestamp::from_millis(7);
        for why in [
            TurnRefusal::SoldOut,
            TurnRefusal::Insufficient { available: 3 },
            TurnRefusal::CustomerLimit { limit: 2, owned: 1 },
            TurnRefusal::Closed { closed_at: at },
            TurnRefusal::Inactive,
            TurnRefusal::NotOpen { opens_at: at },
            TurnRefusal::UnknownSale,
            TurnRefusal::Full,
        ] {
            let (name, number, owned) = reason_columns(why);
            assert_eq!(reason(name, number, owned).ok(), Some(why));
        }
        assert!(reason("insufficient", None, None).is_err());
        assert!(reason("other", None, None).is_err());
    }
}
