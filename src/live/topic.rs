//! Topics: what can be followed, and how it is spelled.

use crate::domain::{CustomerId, OrderId, ProductId, SaleId};
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

    /// Whether its value is in memory: to look at it waits for nobody.
    #[must_use]
    pub const fn is_in_memory(&self) -> bool {
        matches!(self, Self::Stock(_) | Self::Metrics | Self::Alerts)
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
