//! Products: the catalogue of what is sold.

use super::Api;
use super::body::Json;
use super::checks::Checks;
use super::fields::{self, Object, Texts, Whole};
use super::idempotency;
use super::openapi::{CreationFailures, InputFailures, OperatorsOnly, QueryFailures};
use super::params::ProductPath;
use super::problem::{Document, Problem};
use super::respond::{self, MoneyDocument};
use super::sale_shown::RunningSale;
use super::stock::StockCounts;
use super::time::Rfc3339;
use super::waiting;
use crate::domain::{
    AMOUNT_MAX, CatalogEntry, Currency, Money, Offer, ProductId, STOCKED_MAX, Stock, Timestamp,
};
use crate::engine::EngineError;
use crate::projection::ProductRow;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// The version of a product that was never changed.
const FIRST: u64 = 1;

/// How long a product that was just created or changed is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

const NAME_CHARS_MAX: usize = 200;
const SKU_CHARS_MAX: usize = 64;
const DESCRIPTION_CHARS_MAX: usize = 4_000;
pub(super) const CATEGORY_CHARS_MAX: usize = 100;
const IMAGE_URL_CHARS_MAX: usize = 2_000;
pub(super) const ATTRIBUTES_MAX: usize = 50;
pub(super) const ATTRIBUTE_NAME_CHARS_MAX: usize = 64;
pub(super) const ATTRIBUTE_CHARS_MAX: usize = 500;

/// An amount as a caller writes it.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"amount": 99_999, "currency": "USD"}))]
pub struct MoneyRequest {
    /// Minor units (cents).
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u64, maximum = 1_000_000_000_000_u64, required)]
    amount: Option<Whole>,
    /// Three capital letters of ISO 4217.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", required)]
    currency: Option<String>,
}

/// A product to sell.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "name": "Poster", "price": {"amount": 1_999, "currency": "USD"}, "stock": 100,
    "limitPerCustomer": 2, "opensAt": "2026-01-31T09:00:00Z"
}))]
pub struct ProductRequest {
    #[schema(value_type = String, min_length = 1, max_length = 200, required)]
    name: Option<String>,
    #[schema(value_type = MoneyRequest, required)]
    price: Option<Object<MoneyRequest>>,
    /// Units to begin with.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u64, maximum = 1_000_000_000, required)]
    stock: Option<Whole>,
    #[schema(min_length = 1, max_length = 64)]
    sku: Option<String>,
    #[schema(max_length = 4000)]
    description: Option<String>,
    #[schema(min_length = 1, max_length = 100)]
    category: Option<String>,
    /// Where a picture of it is: `https://…`, `http://…`, or a path of the shop's own.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^(https?://|/)[^\s\x00-\x1F\x7F-\x9F]*$"
    )]
    image_url: Option<String>,
    /// Up to 50, with names of 1 to 64 and values of up to 500 characters.
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    attributes: Option<Texts>,
    /// Units one customer may own or hold together; without it there is no limit.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 1_000_000_000)]
    limit_per_customer: Option<Whole>,
    /// Before this time nothing is sold.
    #[schema(format = DateTime)]
    opens_at: Option<String>,
    /// From this time on nothing is sold.
    #[schema(format = DateTime)]
    closes_at: Option<String>,
}

/// A request whose values are in range.
struct NewProduct {
    offer: Offer,
    units: u64,
    entry: CatalogEntry,
}

impl ProductRequest {
    fn check(self) -> Result<NewProduct, Problem> {
        let mut checks = Checks::default();
        let name = check_name(&mut checks, self.name);
        let price = check_price(&mut checks, self.price);
        let units = checks.number("stock", self.stock, (0, STOCKED_MAX));
        let sku = check_sku(&mut checks, self.sku);
        let description = check_description(&mut checks, self.description);
        let category = check_category(&mut checks, self.category);
        let image_url = check_image_url(&mut checks, self.image_url);
        let attributes = check_attributes(&mut checks, self.attributes.unwrap_or_default());
        let limit = self
            .limit_per_customer
            .and_then(|limit| checks.number("limitPerCustomer", Some(limit), (1, STOCKED_MAX)));
        let opens_at = checks.time("opensAt", self.opens_at.as_deref());
        let closes_at = checks.time("closesAt", self.closes_at.as_deref());
        if closes_at.is_some() && closes_at <= opens_at {
            checks.fail::<()>("closesAt", "must be later than opensAt");
        }
        let (Some(name), Some(price), Some(units), true) = (name, price, units, checks.passed())
        else {
            return Err(checks.problem());
        };
        let limit_per_customer = limit.and_then(|limit| u32::try_from(limit).ok());
        Ok(NewProduct {
            offer: Offer { price, limit_per_customer, opens_at, closes_at },
            units,
            entry: CatalogEntry { name, sku, description, category, image_url, attributes },
        })
    }
}

pub(super) fn check_name(checks: &mut Checks, name: Option<String>) -> Option<String> {
    checks.required_text("name", name, (1, NAME_CHARS_MAX))
}

pub(super) fn check_sku(checks: &mut Checks, sku: Option<String>) -> Option<String> {
    checks.text("sku", sku, (1, SKU_CHARS_MAX))
}

pub(super) fn check_description(checks: &mut Checks, text: Option<String>) -> Option<String> {
    checks.text("description", text, (0, DESCRIPTION_CHARS_MAX))
}

pub(super) fn check_category(checks: &mut Checks, category: Option<String>) -> Option<String> {
    checks.text("category", category, (1, CATEGORY_CHARS_MAX))
}

/// Never a scheme that a page would run.
pub(super) fn check_image_url(checks: &mut Checks, url: Option<String>) -> Option<String> {
    let url = checks.text("imageUrl", url, (1, IMAGE_URL_CHARS_MAX))?;
    let place = ["https://", "http://", "/"].into_iter().any(|start| url.starts_with(start));
    if !place || url.chars().any(char::is_whitespace) {
        return checks.fail("imageUrl", "must begin with https://, http:// or / and have no space");
    }
    Some(url)
}

pub(super) fn check_attributes(checks: &mut Checks, texts: Texts) -> BTreeMap<String, String> {
    let Texts(attributes) = texts;
    if attributes.len() > ATTRIBUTES_MAX {
        checks.fail::<()>("attributes", format!("must be {ATTRIBUTES_MAX} at most"));
    }
    for (name, text) in &attributes {
        let mut own = Checks::default();
        own.text("name", Some(name.clone()), (1, ATTRIBUTE_NAME_CHARS_MAX));
        own.text("value", Some(text.clone()), (0, ATTRIBUTE_CHARS_MAX));
        if !own.passed() {
            let short: String = name.chars().take(ATTRIBUTE_NAME_CHARS_MAX).collect();
            checks.fail::<()>("attributes", format!("of {short:?}: {}", own.sentence()));
            break;
        }
    }
    attributes
}

pub(super) fn check_price(
    checks: &mut Checks,
    price: Option<Object<MoneyRequest>>,
) -> Option<Money> {
    let Some(Object(price)) = price else { return checks.fail("price", "is required") };
    let amount = checks.number("price.amount", price.amount, (0, AMOUNT_MAX));
    let currency = price.currency.as_deref().and_then(Currency::new);
    let currency = currency
        .or_else(|| checks.fail("price.currency", "must be three capital letters, such as USD"));
    Some(Money { amount: amount?, currency: currency? })
}

/// A product.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Product, example = json!({
    "productId": 1, "name": "Poster", "price": {"amount": 1_999, "currency": "USD"},
    "available": 97, "held": 1, "sold": 2, "stocked": 100, "limitPerCustomer": 2,
    "opensAt": "2026-01-31T09:00:00.000Z", "active": true, "version": 1,
    "createdAt": "2026-01-30T12:00:00.000Z"
}))]
pub struct ProductDocument<'a> {
    product_id: u64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sku: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_url: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    attributes: &'a BTreeMap<String, String>,
    price: MoneyDocument,
    #[serde(flatten)]
    stock: StockCounts,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit_per_customer: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    opens_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    closes_at: Option<Rfc3339>,
    /// Whether it is sold.
    active: bool,
    /// Grows with every change of the product, not with its sales; also the `ETag`.
    version: u64,
    /// Not in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Rfc3339>,
    /// The sale that runs, or comes next; where one product is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale: Option<RunningSale>,
}

impl<'a> ProductDocument<'a> {
    fn new(
        product: ProductId,
        entry: &'a CatalogEntry,
        offer: Offer,
        stock: Stock,
        (active, version): (bool, u64),
        created_at: Option<Timestamp>,
    ) -> Self {
        Self {
            product_id: product.get(),
            name: &entry.name,
            sku: entry.sku.as_deref(),
            description: entry.description.as_deref(),
            category: entry.category.as_deref(),
            image_url: entry.image_url.as_deref(),
            attributes: &entry.attributes,
            price: offer.price.into(),
            stock: stock.into(),
            limit_per_customer: offer.limit_per_customer,
            opens_at: offer.opens_at.map(Rfc3339),
            closes_at: offer.closes_at.map(Rfc3339),
            active,
            version,
            created_at: created_at.map(Rfc3339),
            sale: None,
        }
    }

    pub(super) fn of_row(row: &'a ProductRow) -> Self {
        let state = (row.active, row.edition);
        Self::new(row.product, &row.entry, row.offer, row.stock, state, Some(row.created_at))
    }
}

/// Creates a product and begins to sell it.
#[utoipa::path(
    post, path = "/api/v1/products", tag = "products", operation_id = "createProduct",
    description = "Takes no `Idempotency-Key`, and refuses one: whoever got no answer, or \
        `outcome-unknown`, looks at the list of products before creating it again; with a `sku`, \
        a second request is refused.",
    request_body = ProductRequest,
    responses(
        (status = 201, description = "Created; `Location` says where", body = ProductDocument),
        (status = 409, description = "`sku-exists`: another product has the SKU, or is about to",
            body = Document, content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, CreationFailures,
    )
)]
pub async fn create(
    State(api): State<Api>,
    Json { headers, value }: Json<ProductRequest>,
) -> Result<Response, Problem> {
    idempotency::refuse(&headers)?;
    let NewProduct { offer, units, entry } = value.check()?;
    let created = api.catalog.create(offer, units, entry.clone()).await;
    let product = created.map_err(|error| Problem::of_creation(error, api.clock.now()))?;
    let stock = Stock { available: units, stocked: units, ..Stock::default() };
    let document = ProductDocument::new(product, &entry, offer, stock, (true, FIRST), None);
    let mut response = respond::json(StatusCode::CREATED, &document);
    set_version(&mut response, FIRST);
    if let Ok(location) = HeaderValue::from_str(&format!("/api/v1/products/{product}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// Shows a product with its stock of this moment.
#[utoipa::path(
    get, path = "/api/v1/products/{id}", tag = "products", operation_id = "getProduct",
    params(("id" = u64, Path, description = "The product")),
    responses(
        (status = 200, description = "The product; `ETag` is its version, for `If-Match`",
            body = ProductDocument),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        QueryFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
) -> Result<Response, Problem> {
    // The engine knows whether it is there, so nobody waits for a product that is not.
    let shown = match api.engine.view(product).await {
        Ok(shown) => Some(shown.view),
        Err(error @ EngineError::Refused(_)) => {
            return Err(Problem::of_engine(error, api.clock.now()));
        }
        // While it cannot decide, the tables still show the product as it was last.
        Err(_) => None,
    };
    let row = find(&api, product, shown.map(|view| view.edition)).await?;
    let Some(mut row) = row else { return Err(Problem::unknown_product()) };
    if let Some(view) = shown {
        (row.offer, row.stock, row.active) = (view.offer, view.stock, view.active);
    }
    let sale = shown.and_then(|view| RunningSale::of(view.sale, api.clock.now()));
    let document = ProductDocument { sale, ..ProductDocument::of_row(&row) };
    let mut response = respond::json(StatusCode::OK, &document);
    set_version(&mut response, row.edition);
    Ok(response)
}

/// A product that is of this version at least.
pub(super) async fn find(
    api: &Api,
    product: ProductId,
    version: Option<u64>,
) -> Result<Option<ProductRow>, Problem> {
    let version = version.unwrap_or_default();
    let found = || async {
        let row = api.queries.product(product).await?;
        Ok(row.filter(|row| row.edition >= version))
    };
    waiting::find(api, PATIENCE, found).await
}

/// A product with its version.
pub(super) fn answer(row: &ProductRow) -> Response {
    let mut response = respond::json(StatusCode::OK, &ProductDocument::of_row(row));
    set_version(&mut response, row.edition);
    response
}

/// The `ETag` is for `If-Match`, and not of the stock beside it: nothing may keep the document by it.
pub(super) fn set_version(response: &mut Response, version: u64) {
    let headers = response.headers_mut();
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{version}\"")) {
        headers.insert(header::ETAG, tag);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::problem::Code;

    fn check(json: &str) -> Result<NewProduct, Problem> {
        serde_json::from_str::<ProductRequest>(json).expect("readable").check()
    }

    #[test]
    fn every_field_out_of_range_is_named() {
        let bad = r#"{"name": " ", "price": {"amount": -1, "currency": "usd"}, "stock": 1000000001,
            "sku": "", "limitPerCustomer": 0, "opensAt": "soon", "closesAt": "1960-01-01T00:00:00Z"}"#;
        let problem = check(bad).err().expect("out of range");
        assert_eq!(problem.code(), Code::ValidationFailed);
        let document: serde_json::Value = serde_json::from_slice(&problem.body()).expect("JSON");
        let errors = document["errors"].as_array().expect("a list");
        let fields: Vec<_> = errors.iter().filter_map(|error| error["field"].as_str()).collect();
        let expected = [
            "name",
            "price.amount",
            "price.currency",
            "stock",
            "sku",
            "limitPerCustomer",
            "opensAt",
            "closesAt",
        ];
        assert_eq!(fields, expected);
        assert!(check("{}").is_err());
    }

    #[test]
    fn a_sale_closes_after_it_opens() {
        let product = |closes: &str| {
            check(&format!(
                r#"{{"name": "a", "price": {{"amount": 1, "currency": "USD"}}, "stock": 0,
                "opensAt": "2026-01-31T09:00:00Z", "closesAt": "{closes}"}}"#
            ))
        };
        assert!(product("2026-01-31T09:00:00Z").is_err());
        assert!(product("2026-01-31T09:00:00.001Z").is_ok());
    }
}
