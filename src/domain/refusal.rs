//! Refusals: the expected ways a command can be turned down. Values, not errors of the program.

use super::{Currency, HoldEnd, SaleId, Timestamp};

/// Why a command changes nothing. Listed in order of precedence: where two apply, the earlier one
/// is the answer. (A known idempotency key comes before all of them and is not a refusal.)
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The idempotency key was used for another request before.
    KeyReused,
    /// No such product.
    UnknownProduct,
    /// The product is there already.
    AlreadyCreated,
    /// Somebody else changed the product since this caller looked.
    OtherVersion,
    /// A price in another currency than the product is sold in.
    OtherCurrency { currency: Currency },
    /// No such reservation.
    UnknownReservation,
    /// No such purchase waits in the queue.
    NotQueued,
    /// The hold is a line of an order, which decides for it.
    PartOfOrder,
    /// The order's lines came back already.
    ReturnedAlready,
    /// The hold has ended already, this way.
    HoldOver(HoldEnd),
    /// The hold was extended as often as is allowed.
    ExtensionsUsedUp { extensions_max: u8 },
    /// The product is not sold (any more).
    Inactive,
    /// The product has no part of such a sale.
    UnknownSale,
    /// The sale is open: what was asked for comes too late.
    SaleRunning,
    /// Something was sold or is held under the sale.
    SaleHasSales,
    /// Another sale of the product has a part of this time.
    SaleOverlaps { sale: SaleId },
    /// The sale would end before it opens.
    EndsBeforeOpening,
    /// More units are sold or held under the sale than it would have.
    BelowTaken { taken: u64 },
    /// The sale opens later.
    NotOpen { opens_at: Timestamp },
    /// The sale is over.
    Closed { closed_at: Timestamp },
    /// The sale is paused.
    SalePaused,
    /// No unit is left.
    SoldOut,
    /// The customer has what one customer may have.
    CustomerLimit { limit: u32, owned: u64 },
    /// Fewer units are left than were asked for (or than an adjustment would take away).
    Insufficient { available: u64 },
    /// An adjustment would raise the stock above the maximum.
    AboveMaximum { stocked: u64 },
    /// A bounded table of the product is full; the same request may succeed later.
    Full { table: &'static str },
}
