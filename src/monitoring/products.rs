//! Products: which of them sell fast, and which are sold out. Pure: looks in, verdicts out.

use super::alerts::{AlertName, Alerts, Severity, Verdict};
use super::look::{Look, ProductLook};
use crate::domain::{ProductId, Timestamp};
use std::collections::{HashMap, HashSet, VecDeque};

/// How long a sold-out product is shown when nothing changes and no sale runs any more.
pub(super) const SOLD_OUT_SHOWN_MS: u64 = 3_600_000;

/// Looks over which the pace of a product is measured, and how long one that does not change is looked at.
const PACE_LOOKS: usize = 10;
const PACE_MS: u64 = 15_000;

/// A product sells fast when as many units went and it is sold out within the upper time at this pace; not
/// any more when fewer went, or it takes the lower time.
const FAST_UNITS: u64 = 5;
const SLOW_UNITS: u64 = 2;
const FAST_SECONDS: f64 = 300.0;
const SLOW_SECONDS: f64 = 600.0;

/// Looks that it takes to raise and to clear.
const FAST_RAISE: u32 = 2;
const FAST_CLEAR: u32 = 10;
const SOLD_OUT_CLEAR: u32 = 3;

/// What went of each product at the last looks.
#[derive(Debug, Default)]
pub(super) struct Paces(HashMap<ProductId, VecDeque<(f64, u64)>>);

impl Paces {
    /// Takes a look. As many products are kept as a look has, of those that may sell.
    pub(super) fn take(&mut self, look: &Look) {
        let mut kept = HashMap::with_capacity(self.0.len());
        for product in &look.products {
            if !product.on_sale && look.at.millis_since(product.changed_at) > PACE_MS {
                continue;
            }
            let mut taken = self.0.remove(&product.product).unwrap_or_default();
            if taken.len() > PACE_LOOKS {
                taken.pop_front();
            }
            taken.push_back((look.uptime.as_secs_f64(), product.held + product.sold));
            kept.insert(product.product, taken);
        }
        self.0 = kept;
    }

    /// Units that went since the first of these looks, and how many that is in a second.
    fn of(&self, product: ProductId) -> (u64, f64) {
        let Some(taken) = self.0.get(&product) else { return (0, 0.0) };
        let (Some((from, before)), Some((to, now))) = (taken.front(), taken.back()) else {
            return (0, 0.0);
        };
        let units = now.saturating_sub(*before);
        let seconds = to - from;
        // Far below 2^52.
        #[allow(clippy::cast_precision_loss)]
        let rate = if seconds > 0.0 { units as f64 / seconds } else { 0.0 };
        (units, rate)
    }
}

/// Judges every product of a look, and those that are not looked at any more.
pub(super) fn judge(alerts: &mut Alerts, paces: &Paces, look: &Look) {
    for product in &look.products {
        let key = Some(product.product);
        alerts.judge((AlertName::SoldOut, key), sold_out(product, look.at), look.at);
        let fast = selling_fast(product, paces.of(product.product));
        alerts.judge((AlertName::SellingFast, key), fast, look.at);
    }
    let seen: HashSet<_> = look.products.iter().map(|product| product.product).collect();
    for (product, since) in alerts.active_of(AlertName::SoldOut) {
        if !seen.contains(&product) && look.at.millis_since(since) > SOLD_OUT_SHOWN_MS {
            alerts.judge((AlertName::SoldOut, Some(product)), Verdict::Off { clear: 1 }, look.at);
        }
    }
    for (product, _) in alerts.active_of(AlertName::SellingFast) {
        if !seen.contains(&product) {
            let over = Verdict::Off { clear: FAST_CLEAR };
            alerts.judge((AlertName::SellingFast, Some(product)), over, look.at);
        }
    }
}

/// The last unit went, and none comes back by itself.
fn sold_out(product: &ProductLook, now: Timestamp) -> Verdict {
    let is_old = now.millis_since(product.changed_at) > SOLD_OUT_SHOWN_MS && !product.on_sale;
    if product.available > 0 || !product.active || is_old {
        return Verdict::Off { clear: SOLD_OUT_CLEAR };
    }
    if product.held > 0 || product.sold == 0 {
        return Verdict::Between;
    }
    Verdict::On {
        severity: Severity::Info,
        subject: subject(product),
        message: format!("{} is sold out{}", subject(product), in_sale(product)),
        since: Some(product.changed_at),
        raise: 1,
    }
}

fn selling_fast(product: &ProductLook, (units, rate): (u64, f64)) -> Verdict {
    if product.available == 0 || !product.active {
        return Verdict::Off { clear: 1 };
    }
    // Far below 2^52.
    #[allow(clippy::cast_precision_loss)]
    let seconds = product.available as f64 / rate;
    if units >= FAST_UNITS && seconds <= FAST_SECONDS {
        return Verdict::On {
            severity: Severity::Info,
            subject: subject(product),
            message: format!(
                "{} sells fast{}: {rate:.1} units a second, so the {} that are left last about {} at \
                 this pace",
                subject(product),
                in_sale(product),
                product.available,
                time(seconds),
            ),
            since: None,
            raise: FAST_RAISE,
        };
    }
    // Without any pace it takes for ever.
    if units < SLOW_UNITS || seconds > SLOW_SECONDS {
        Verdict::Off { clear: FAST_CLEAR }
    } else {
        Verdict::Between
    }
}

fn time(seconds: f64) -> String {
    match seconds.ceil() {
        1.0 => "1 second".to_owned(),
        few if few < 120.0 => format!("{few} seconds"),
        many => format!("{} minutes", (many / 60.0).round()),
    }
}

fn subject(product: &ProductLook) -> String {
    format!("product {}", product.product)
}

fn in_sale(product: &ProductLook) -> String {
    product.sale.map(|sale| format!(" in sale {sale}")).unwrap_or_default()
}
