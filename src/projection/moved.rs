//! Moved: units of one product change their place. Pure, and the only arithmetic on rows of stock:
//! what is in two places, or in none, cannot be written here.

use crate::domain::Stock;

/// Where a unit can be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place {
    Available,
    Held,
    Sold,
}

/// The stock with some units elsewhere.
pub(super) fn moved(
    mut stock: Stock,
    from: Place,
    to: Place,
    quantity: u32,
) -> Result<Stock, String> {
    let units = u64::from(quantity);
    let source = place(&mut stock, from);
    let Some(rest) = source.checked_sub(units) else {
        return Err(format!("{units} units leave {from:?}, where only {source} are"));
    };
    *source = rest;
    *place(&mut stock, to) += units;
    Ok(stock)
}

const fn place(stock: &mut Stock, place: Place) -> &mut u64 {
    match place {
        Place::Available => &mut stock.available,
        Place::Held => &mut stock.held,
        Place::Sold => &mut stock.sold,
    }
}
