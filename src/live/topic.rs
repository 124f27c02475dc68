//! Topics: what can be followed, and how it is spelled.

use crate::domain::{CustomerId, OrderId, ProductId, SaleId};
use compact_str::CompactString;
use std::fmt;
use std::time::Duration;

/// Something that has a value at any time.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Topic {
    /// The stock of a product, with the sale that runs.
    Stock(ProductId),
    Sale(SaleId),
    /// The newest orders.
    Orders(OrdersOf),
    /// An asynchronous purchase: its place, and what became of it. Named as it was asked for.
    Purchase(ProductId, OrderId, Box<str>),
    /// The numbers of the server.
    Metrics,
    Alerts,
}

/// Where a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// To look at it waits for nobody.
    Memory,
    /// The tables of sales: few topics, which everybody watches.
    Sales,
    /// The tables of orders: as many topics as there are customers.
    Orders,
}

/// Whose orders.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum OrdersOf {
    Everybody,
    Customer(CustomerId),
}

impl Topic {
    /// The place of its kind in the list of numbers.
    #[must_use]
    pub const fn kind(&self) -> usize {
        match self {
            Self::Stock(_) => 0,
            Self::Sale(_) => 1,
            Self::Orders(_) => 2,
            Self::Purchase(..) => 3,
            Self::Metrics => 4,
            Self::Alerts => 5,
        }
    }

    /// Where its value is, and so in whose turn it is asked for.
    #[must_use]
    pub const fn place(&self) -> Place {
        match self {
            Self::Stock(_) | Self::Metrics | Self::Alerts => Place::Memory,
            Self::Sale(_) => Place::Sales,
            Self::Orders(_) | Self::Purchase(..) => Place::Orders,
        }
    }

    /// A short name for ids of events: other topics have others, but for one in four billion.
    #[must_use]
    pub fn tag(&self) -> CompactString {
        const CHARS: usize = 8;
        CompactString::new(&blake3::hash(self.to_string().as_bytes()).to_hex()[..CHARS])
    }

    /// Between two values, where the general pace is `pace`: tables and actors are asked less often than
    /// memory is looked at.
    #[must_use]
    pub fn pace(&self, pace: Duration) -> Duration {
        match self {
            Self::Stock(_) | Self::Metrics | Self::Alerts => pace,
            Self::Sale(_) => pace.max(Duration::from_millis(250)),
            Self::Orders(_) | Self::Purchase(..) => pace.max(Duration::from_millis(500)),
        }
    }
}

impl fmt::Display for Topic {
    /// As messages name it. Own orders are `orders`, whoever's they are.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stock(product) => write!(formatter, "stock:{product}"),
            Self::Sale(sale) => write!(formatter, "sale:{}", sale.get()),
            Self::Orders(OrdersOf::Everybody) => formatter.write_str("orders"),
            Self::Orders(OrdersOf::Customer(customer)) => {
                write!(formatter, "orders:{}", customer.as_str())
            }
            Self::Purchase(_, _, name) => write!(formatter, "purchase:{name}"),
            Self::Metrics => formatter.write_str("metrics"),
            Self::Alerts => formatter.write_str("alerts"),
        }
    }
}
