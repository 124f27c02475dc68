//! Settings of the limits; see `[limits]` in `config/default.toml`.

use super::{ConfigError, within};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Most that any rate or burst may be.
const RATE_MAX: u32 = 10_000_000;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// 0: no limit.
    pub per_second: u32,
    pub burst: u32,
}

/// `[limits]`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    pub enabled: bool,
    pub address_reading_per_second: u32,
    pub address_reading_burst: u32,
    pub address_signing_in_per_second: u32,
    pub address_signing_in_burst: u32,
    pub address_buying_per_second: u32,
    pub address_buying_burst: u32,
    pub customer_buying_per_second: u32,
    pub customer_buying_burst: u32,
    pub product_buying_per_second: u32,
    pub product_buying_burst: u32,
    pub server_reading_per_second: u32,
    pub server_reading_burst: u32,
    pub server_signing_in_per_second: u32,
    pub server_signing_in_burst: u32,
    pub server_buying_per_second: u32,
    pub server_buying_burst: u32,
    pub address_entries_max: usize,
    pub customer_entries_max: usize,
    pub product_entries_max: usize,
    pub overload_lag_ms: u64,
}

/// One method for each pair of keys, and all of them in one list.
macro_rules! rates {
    ($($name:ident: $per_second:ident, $burst:ident;)*) => {
        impl LimitsConfig {
            $(
                #[must_use]
                pub const fn $name(&self) -> Rate {
                    Rate { per_second: self.$per_second, burst: self.$burst }
                }
            )*

            fn rates(&self) -> impl Iterator<Item = (&'static str, Rate)> {
                [$((stringify!($name), self.$name())),*].into_iter()
            }
        }
    };
}

rates! {
    address_reading: address_reading_per_second, address_reading_burst;
    address_signing_in: address_signing_in_per_second, address_signing_in_burst;
    address_buying: address_buying_per_second, address_buying_burst;
    customer_buying: customer_buying_per_second, customer_buying_burst;
    product_buying: product_buying_per_second, product_buying_burst;
    server_reading: server_reading_per_second, server_reading_burst;
    server_signing_in: server_signing_in_per_second, server_signing_in_burst;
    server_buying: server_buying_per_second, server_buying_burst;
}

impl LimitsConfig {
    /// The lag that counts as full load; zero: it does not count.
    #[must_use]
    pub const fn overload_lag(&self) -> Duration {
        Duration::from_millis(self.overload_lag_ms)
    }

    pub(super) fn check(&self) -> Result<(), ConfigError> {
        for (name, rate) in self.rates() {
            within(&format!("limits.{name}_per_second"), rate.per_second, 0..=RATE_MAX)?;
            within(&format!("limits.{name}_burst"), rate.burst, 1..=RATE_MAX)?;
        }
        for (name, entries) in [
            ("address", self.address_entries_max),
            ("customer", self.customer_entries_max),
            ("product", self.product_entries_max),
        ] {
            within(&format!("limits.{name}_entries_max"), entries, 1_024..=16_777_216)?;
        }
        within("limits.overload_lag_ms", self.overload_lag_ms, 0..=60_000)
    }
}
