//! Rows of the query tables, in domain types.

use super::payments::Refund;
use super::sales::SaleProductRow;
use crate::domain::{
    CatalogEntry, CustomerId, HoldEnd, Money, Offer, OrderId, ProductId, ReturnReason, SaleId,
    Stock, Timestamp,
};
use crate::journal::{Digest, PartitionId, Seq};

/// A product with its stock as far as the projection has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductRow {
    pub product: ProductId,
    pub entry: CatalogEntry,
    pub offer: Offer,
    pub created_at: Timestamp,
    /// Whether it is sold.
    pub active: bool,
    /// Of everything here but the stock: see [`crate::domain::Product::edition`].
    pub edition: u64,
    pub stock: Stock,
    /// Facts of this product that the row contains.
    pub revision: u64,
}

/// A product's units alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockRow {
    pub product: ProductId,
    pub stock: Stock,
    /// Facts of this product that the row contains.
    pub revision: u64,
}

/// Where an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// Its units are held until it is paid.
    PendingPayment,
    /// Its units are sold to the customer.
    Confirmed,
    /// Given up before it was paid, or all of it came back.
    Cancelled,
    /// Not paid in time.
    Expired,
    /// All of it came back, and the money went back.
    Refunded,
}

impl OrderStatus {
    /// As the database and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::PendingPayment => "pending_payment",
            Self::Confirmed => "confirmed",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let all =
            [Self::PendingPayment, Self::Confirmed, Self::Cancelled, Self::Expired, Self::Refunded];
        all.into_iter().find(|status| status.as_str() == text)
    }
}

/// Where a line of an order stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineStatus {
    Held,
    Sold,
    Released,
    Expired,
    Returned(ReturnReason),
}

impl LineStatus {
    /// As the API spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Sold => "sold",
            Self::Released => "released",
            Self::Expired => "expired",
            Self::Returned(ReturnReason::Cancelled) => "cancelled",
            Self::Returned(ReturnReason::Refunded) => "refunded",
        }
    }

    pub(super) fn of_hold(hold: ReservationStatus) -> Self {
        match hold {
            ReservationStatus::Held => Self::Held,
            ReservationStatus::Ended(HoldEnd::Confirmed) => Self::Sold,
            ReservationStatus::Ended(HoldEnd::Released) => Self::Released,
            ReservationStatus::Ended(HoldEnd::Expired) => Self::Expired,
        }
    }
}

/// Why a line came back, as the database spells it.
pub(super) const fn returned(reason: ReturnReason) -> &'static str {
    LineStatus::Returned(reason).as_str()
}

/// One product of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderLine {
    pub product: ProductId,
    pub quantity: u32,
    /// In the order's currency.
    pub unit_price: u64,
    /// That it was bought under.
    pub sale: Option<SaleId>,
    pub status: LineStatus,
}

/// An order with its lines, in ascending order of product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    pub order: OrderId,
    /// The lead: the first line's product.
    pub product: ProductId,
    pub customer: CustomerId,
    pub status: OrderStatus,
    pub total: Money,
    pub created_at: Timestamp,
    /// Until when it can be paid; `None` for one that was bought at once.
    pub expires_at: Option<Timestamp>,
    pub lines: Vec<OrderLine>,
    /// It was paid when it was over.
    pub paid_late: bool,
    /// Money that goes back, oldest first.
    pub refunds: Vec<Refund>,
}

impl OrderRow {
    /// Adds the lines that are held, or were, of an order that was placed; then says what its lines
    /// make of it.
    pub(super) fn complete(&mut self, holds: &[ReservationRow]) {
        for hold in holds {
            if self.lines.iter().all(|line| line.product != hold.product) {
                self.lines.push(OrderLine {
                    product: hold.product,
                    quantity: hold.quantity,
                    unit_price: hold.unit_price.amount,
                    sale: hold.sale,
                    status: LineStatus::of_hold(hold.status),
                });
            }
        }
        self.lines.sort_unstable_by_key(|line| line.product);
        self.total.amount = self
            .lines
            .iter()
            .map(|line| line.unit_price.saturating_mul(u64::from(line.quantity)))
            .fold(0, u64::saturating_add);
        self.judge();
    }

    /// Whether something of it is still to be decided, or was while these rows were read.
    #[must_use]
    pub fn is_open(&self) -> bool {
        let held = |line: &OrderLine| line.status == LineStatus::Held;
        self.status == OrderStatus::PendingPayment || self.lines.iter().any(held)
    }

    /// Whether money may have to go back for it.
    pub(super) fn may_be_refunded(&self) -> bool {
        let returned = |line: &OrderLine| matches!(line.status, LineStatus::Returned(_));
        self.paid_late || (self.expires_at.is_some() && self.lines.iter().any(returned))
    }

    /// An order of which every line has come back is no longer confirmed.
    pub(super) fn judge(&mut self) {
        let refunded = LineStatus::Returned(ReturnReason::Refunded);
        let returned = |line: &OrderLine| matches!(line.status, LineStatus::Returned(_));
        if self.status == OrderStatus::Confirmed && self.lines.iter().all(returned) {
            let by_shop = self.lines.iter().any(|line| line.status == refunded);
            self.status = if by_shop { OrderStatus::Refunded } else { OrderStatus::Cancelled };
        }
    }
}

/// An order that waits for its payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingOrder {
    pub order: OrderId,
    /// The lead.
    pub product: ProductId,
    pub placed_at: Timestamp,
    pub expires_at: Timestamp,
}

/// Where a list of orders goes on: the last one that was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OrderCursor {
    pub created_at: Timestamp,
    pub order: OrderId,
}

impl OrderRow {
    /// Where a list that ended with this order goes on.
    #[must_use]
    pub const fn cursor(&self) -> OrderCursor {
        OrderCursor { created_at: self.created_at, order: self.order }
    }
}

/// Where a hold stands. A held one may be past its time already: its expiry is recorded when its
/// timer comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReservationStatus {
    Held,
    Ended(HoldEnd),
}

impl ReservationStatus {
    /// As the database and the API spell it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Ended(HoldEnd::Confirmed) => "confirmed",
            Self::Ended(HoldEnd::Released) => "released",
            Self::Ended(HoldEnd::Expired) => "expired",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        match text {
            "held" => Some(Self::Held),
            "confirmed" => Some(Self::Ended(HoldEnd::Confirmed)),
            "released" => Some(Self::Ended(HoldEnd::Released)),
            "expired" => Some(Self::Ended(HoldEnd::Expired)),
            _ => None,
        }
    }
}

/// One hold: one product of one order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReservationRow {
    pub order: OrderId,
    pub product: ProductId,
    pub customer: CustomerId,
    pub quantity: u32,
    pub unit_price: Money,
    pub status: ReservationStatus,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    pub ended_at: Option<Timestamp>,
    /// The lead of the order it is a line of; its own product for the lead itself.
    pub lead: Option<ProductId>,
    /// That it is held under.
    pub sale: Option<SaleId>,
}

/// How far a partition is contained in the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cursor {
    pub partition: PartitionId,
    pub seq: Seq,
    /// Digest of the batch at `seq`; the genesis digest at 0.
    pub digest: Digest,
}

/// What the tables add up to, all seen at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    /// Which batches the numbers contain: replay up to here before comparing. In order of
    /// partition; empty before the projection first ran.
    pub cursors: Vec<Cursor>,
    pub orders: u64,
    /// Sum of all orders' totals, in minor units, whatever their currencies.
    pub amount: u128,
    /// In order of product.
    pub products: Vec<ProductTotals>,
    /// Every product's part of every sale.
    pub sale_products: Vec<SaleProductRow>,
    /// How many bought something in each sale.
    pub sale_customers: Vec<(SaleId, u64)>,
}

/// What each table says of one product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProductTotals {
    pub product: ProductId,
    pub stock: Stock,
    pub revision: u64,
    /// Lines of confirmed orders, and their units.
    pub lines: u64,
    pub line_units: u64,
    /// Active reservations, and their units.
    pub reservations: u64,
    pub reserved_units: u64,
    /// Units over all customers' totals.
    pub customers_sold: u64,
    pub customers_held: u64,
}

impl ProductTotals {
    /// Where the tables contradict each other about this product; `None` where they agree.
    #[must_use]
    pub fn disagreement(&self) -> Option<String> {
        let Stock { available, held, sold, stocked } = self.stock;
        let product = self.product;
        [
            ("stock: available + held + sold", available + held + sold, "stocked", stocked),
            ("units in order lines", self.line_units, "sold", sold),
            ("units in active reservations", self.reserved_units, "held", held),
            ("units sold to customers", self.customers_sold, "sold", sold),
            ("units held for customers", self.customers_held, "held", held),
        ]
        .into_iter()
        .find(|(_, one, _, other)| one != other)
        .map(|(what, one, than, other)| {
            format!("product {product}: {what} is {one}, but {than} is {other}")
        })
    }
}
