//! Sales as they are asked for: new ones and changes, checked.

use super::checks::Checks;
use super::fields::{self, Object, Whole};
use super::idempotency::Meaning;
use super::problem::Problem;
use super::products::{MoneyRequest, check_price};
use crate::catalog::{ListChange, NewPart, NewSale, PartChange, SaleChange};
use crate::domain::{
    AMOUNT_MAX, Field, Fingerprint, Money, ProductId, SALE_PRODUCTS_MAX, STOCKED_MAX, SaleTerms,
    Timestamp,
};
use serde::Deserialize;

const NAME_CHARS_MAX: usize = 200;

/// One product of a new sale.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SaleProductRequest)]
pub struct PartRequest {
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    /// In the currency it is sold in.
    #[schema(value_type = MoneyRequest, required)]
    price: Option<Object<MoneyRequest>>,
    /// Set aside for the sale.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u64, minimum = 1, maximum = 1_000_000_000, required)]
    units: Option<Whole>,
    /// Units one customer may buy in the sale.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u32)]
    limit_per_customer: Option<Whole>,
}

/// A new sale.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Friday drop", "startsAt": "2030-01-31T09:00:00Z", "endsAt": "2030-01-31T10:00:00Z",
    "products": [{"productId": 1, "price": {"amount": 79_900, "currency": "USD"}, "units": 50,
        "limitPerCustomer": 1}]
}))]
pub struct SaleRequest {
    #[schema(value_type = String, min_length = 1, max_length = 200, required)]
    name: Option<String>,
    /// Without it, or with a time that is past, the sale opens at once.
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<String>,
    #[schema(value_type = String, format = DateTime, required)]
    ends_at: Option<String>,
    /// Its products are sold at their ordinary terms until it opens.
    sells_before: Option<bool>,
    /// Each product once.
    #[serde(default)]
    #[schema(value_type = Vec<PartRequest>, min_items = 1, max_items = 100, required)]
    products: Option<Vec<Object<PartRequest>>>,
}

impl SaleRequest {
    pub(super) fn check(self, now: Timestamp) -> Result<(NewSale, Fingerprint), Problem> {
        let mut checks = Checks::default();
        let name = checks.required_text("name", self.name, (1, NAME_CHARS_MAX));
        let starts_at = checks.time("startsAt", self.starts_at.as_deref());
        let given = self.ends_at.is_some();
        let ends_at = checks.time("endsAt", self.ends_at.as_deref());
        if !given {
            checks.fail::<()>("endsAt", "is required");
        }
        // Whether it is past is looked at behind the key: a repetition may come late.
        check_times(&mut checks, starts_at, ends_at, None);
        let parts = check_parts(&mut checks, self.products);
        let (Some(name), Some(ends_at), Some(parts), true) =
            (name, ends_at, parts, checks.passed())
        else {
            return Err(checks.problem());
        };
        let sells_before = self.sells_before.unwrap_or_default();
        let mut meaning = Meaning::of("sale").text(&name);
        meaning = meaning.number(starts_at.map_or(0, Timestamp::as_millis));
        meaning = meaning.number(ends_at.as_millis()).number(sells_before.into());
        for part in &parts {
            meaning = meaning.number(part.product.get()).number(part.price.amount);
            meaning = meaning.text(part.price.currency.as_str()).number(part.units);
            meaning = meaning.number(part.limit_per_customer.unwrap_or_default().into());
        }
        // Recorded is when it opens, not when it would have.
        let opens_at = starts_at.unwrap_or(now).max(now);
        let new = NewSale { name: name.into(), opens_at, ends_at, sells_before, parts };
        Ok((new, meaning.fingerprint()))
    }
}

/// A sale ends after it starts, and not before `now`.
fn check_times(
    checks: &mut Checks,
    starts_at: Option<Timestamp>,
    ends_at: Option<Timestamp>,
    now: Option<Timestamp>,
) {
    let Some(ends_at) = ends_at else { return };
    if starts_at.is_some_and(|starts_at| starts_at >= ends_at) {
        checks.fail::<()>("endsAt", "must be after startsAt");
    } else if now.is_some_and(|now| ends_at <= now) {
        checks.fail::<()>("endsAt", "must not be past");
    }
}

/// The price of a unit, above 0: what costs nothing is not sold.
fn price_of(checks: &mut Checks, price: Option<Object<MoneyRequest>>) -> Option<Money> {
    let price = check_price(checks, price)?;
    if price.amount == 0 {
        let message = format!("must be an integer from 1 to {AMOUNT_MAX}");
        return checks.fail("price.amount", message);
    }
    Some(price)
}

#[allow(clippy::option_option)] // `None` is what every check answers to a bad value
fn limit_of(checks: &mut Checks, limit: Option<Whole>) -> Option<Option<u32>> {
    if limit.is_none() {
        return Some(None);
    }
    let limit = checks.number("limitPerCustomer", limit, (1, u32::MAX.into()))?;
    u32::try_from(limit).ok().map(Some)
}

fn check_count(checks: &mut Checks, count: usize) -> Option<()> {
    if (1..=SALE_PRODUCTS_MAX).contains(&count) {
        return Some(());
    }
    checks.fail("products", format!("must name 1 to {SALE_PRODUCTS_MAX} products"))
}

fn check_once(checks: &mut Checks, mut products: Vec<ProductId>) -> Option<()> {
    products.sort_unstable();
    match products.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let message = format!("must name each product once, {} is twice", pair[0]);
            checks.fail("products", message)
        }
        None => Some(()),
    }
}

fn check_parts(
    checks: &mut Checks,
    parts: Option<Vec<Object<PartRequest>>>,
) -> Option<Vec<NewPart>> {
    let parts = parts.unwrap_or_default();
    check_count(checks, parts.len())?;
    let mut read = Vec::with_capacity(parts.len());
    for (index, Object(part)) in parts.into_iter().enumerate() {
        let mut own = Checks::default();
        let product = own.product(part.product_id);
        let price = price_of(&mut own, part.price);
        let units = own.number("units", part.units, (1, STOCKED_MAX));
        let limit = limit_of(&mut own, part.limit_per_customer);
        let (Some(product), Some(price), Some(units), Some(limit_per_customer)) =
            (product, price, units, limit)
        else {
            let message = format!("product {}: {}", index + 1, own.sentence());
            return checks.fail("products", message);
        };
        read.push(NewPart { product, price, limit_per_customer, units });
    }
    check_once(checks, read.iter().map(|part| part.product).collect())?;
    read.sort_unstable_by_key(|part| part.product);
    Some(read)
}

/// New values for one product of a sale; what is left out stays as it is. A product that is not in the sale
/// comes into it, with price and units.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(as = SaleProductChange)]
pub struct PartChangeRequest {
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    #[serde(default)]
    #[schema(value_type = Option<MoneyRequest>)]
    price: Option<Object<MoneyRequest>>,
    /// At least what is sold and held.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 1_000_000_000)]
    units: Option<Whole>,
    /// `null` takes it away.
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 4_294_967_295_u32)]
    limit_per_customer: Field<Whole>,
    /// `true`: the product leaves the sale. Only before it opens, as for new ones.
    #[serde(default, deserialize_with = "fields::flag")]
    #[schema(value_type = bool)]
    remove: Option<bool>,
}

/// New values for a sale; what is left out stays as it is.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"endsAt": "2030-01-31T11:00:00Z",
    "products": [{"productId": 1, "units": 80}]}))]
pub struct SaleChangeRequest {
    #[serde(default)]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200)]
    name: Option<String>,
    /// Only while it has not begun.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    starts_at: Option<String>,
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    ends_at: Option<String>,
    #[serde(default, deserialize_with = "fields::flag")]
    #[schema(value_type = bool)]
    sells_before: Option<bool>,
    /// Those that change, come into the sale or leave it.
    #[serde(default)]
    #[schema(value_type = Option<Vec<PartChangeRequest>>, min_items = 1, max_items = 100)]
    products: Option<Vec<Object<PartChangeRequest>>>,
}

impl SaleChangeRequest {
    pub(super) fn check(self, terms: &SaleTerms, now: Timestamp) -> Result<SaleChange, Problem> {
        let mut checks = Checks::default();
        let name = checks.text("name", self.name, (1, NAME_CHARS_MAX));
        let opens_at = checks.time("startsAt", self.starts_at.as_deref());
        let ends_at = checks.time("endsAt", self.ends_at.as_deref());
        if opens_at.is_some() || ends_at.is_some() {
            let (starts, ends) =
                (opens_at.unwrap_or(terms.opens_at), ends_at.unwrap_or(terms.ends_at));
            check_times(&mut checks, Some(starts), Some(ends), Some(now));
        }
        let changes = self.products.map_or(Some(PartChanges::default()), |parts| {
            check_changes(&mut checks, parts, &terms.products)
        });
        let (Some(changes), true) = (changes, checks.passed()) else {
            return Err(checks.problem());
        };
        let PartChanges { parts, added, removed } = changes;
        let stays = added.is_empty() && removed.is_empty();
        let list = (!stays).then_some(ListChange { added, removed, asked_at: now });
        Ok(SaleChange {
            name: name.map(Into::into),
            opens_at: opens_at.map(|at| if at == terms.opens_at { at } else { at.max(now) }),
            ends_at,
            sells_before: self.sells_before,
            paused: None,
            parts,
            list,
        })
    }
}

/// What is asked of the products of a sale.
#[derive(Default)]
struct PartChanges {
    parts: Vec<PartChange>,
    added: Vec<NewPart>,
    removed: Vec<ProductId>,
}

fn check_changes(
    checks: &mut Checks,
    parts: Vec<Object<PartChangeRequest>>,
    products: &[ProductId],
) -> Option<PartChanges> {
    check_count(checks, parts.len())?;
    let mut changes = PartChanges::default();
    let mut named = Vec::with_capacity(parts.len());
    for (index, Object(part)) in parts.into_iter().enumerate() {
        let mut own = Checks::default();
        let read = part.check(&mut own, products, &mut changes);
        let Some(product) = read.filter(|_| own.passed()) else {
            let message = format!("product {}: {}", index + 1, own.sentence());
            return checks.fail("products", message);
        };
        named.push(product);
    }
    check_once(checks, named)?;
    let left = products.len() + changes.added.len() - changes.removed.len();
    if !(1..=SALE_PRODUCTS_MAX).contains(&left) {
        let message = format!("must leave 1 to {SALE_PRODUCTS_MAX} products in the sale");
        return checks.fail("products", message);
    }
    changes.added.sort_unstable_by_key(|part| part.product);
    Some(changes)
}

impl PartChangeRequest {
    /// Notes what is asked of one product; `products` are those of the sale.
    fn check(
        self,
        checks: &mut Checks,
        products: &[ProductId],
        changes: &mut PartChanges,
    ) -> Option<ProductId> {
        let Self { price, units, limit_per_customer, remove, .. } = self;
        let product = checks.product(self.product_id);
        let stays = price.is_none() && units.is_none() && limit_per_customer == Field::Keep;
        let price = price.and_then(|price| price_of(checks, Some(price)));
        let units = units.and_then(|units| checks.number("units", Some(units), (1, STOCKED_MAX)));
        let limit_per_customer = match limit_per_customer {
            Field::Keep => Field::Keep,
            Field::Clear => Field::Clear,
            Field::Set(limit) => {
                limit_of(checks, Some(limit)).flatten().map_or(Field::Keep, Field::Set)
            }
        };
        let product = product.filter(|_| checks.passed())?;
        let is_in = products.contains(&product);
        match (is_in, remove.unwrap_or_default()) {
            (false, true) => checks.fail("productId", "is not in the sale"),
            (true, true) if !stays => checks.fail("remove", "goes with no other values"),
            (true, true) => {
                changes.removed.push(product);
                Some(product)
            }
            (true, false) => {
                changes.parts.push(PartChange { product, price, limit_per_customer, units });
                Some(product)
            }
            (false, false) => {
                let (Some(price), Some(units)) = (price, units) else {
                    return checks
                        .fail("productId", "is not in the sale: to add it, name price and units");
                };
                let limit_per_customer = match limit_per_customer {
                    Field::Set(limit) => Some(limit),
                    Field::Keep | Field::Clear => None,
                };
                changes.added.push(NewPart { product, price, limit_per_customer, units });
                Some(product)
            }
        }
    }
}
