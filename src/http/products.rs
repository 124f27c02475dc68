//! Products: the catalogue of what is sold.

use super::Api;
use super::body::Json;
use super::checks::Checks;
use super::fields::{self, Object, Whole};
use super::idempotency;
use super::openapi::{CreationFailures, InputFailures, QueryFailures};
use super::params::{PageParams, Params, ProductPath};
use super::problem::{Document, Problem};
use super::respond::{self, MoneyDocument, Page};
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
use std::time::Duration;

/// How long a product that was just created is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

const NAME_CHARS_MAX: usize = 200;
const SKU_CHARS_MAX: usize = 64;
const DESCRIPTION_CHARS_MAX: usize = 4_000;
const CATEGORY_CHARS_MAX: usize = 100;

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
    #[schema(value_type = String, required)]
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
        let name = checks.required_text("name", self.name, (1, NAME_CHARS_MAX));
        let price = check_price(&mut checks, self.price);
        let units = checks.number("stock", self.stock, (0, STOCKED_MAX));
        let sku = checks.text("sku", self.sku, (1, SKU_CHARS_MAX));
        let description = checks.text("description", self.description, (0, DESCRIPTION_CHARS_MAX));
        let category = checks.text("category", self.category, (1, CATEGORY_CHARS_MAX));
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
            entry: CatalogEntry { name, sku, description, category },
        })
    }
}

fn check_price(checks: &mut Checks, price: Option<Object<MoneyRequest>>) -> Option<Money> {
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
    "opensAt": "2026-01-31T09:00:00.000Z", "createdAt": "2026-01-30T12:00:00.000Z"
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
    /// Not in the answer that creates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Rfc3339>,
}

impl<'a> ProductDocument<'a> {
    fn new(
        product: ProductId,
        entry: &'a CatalogEntry,
        offer: Offer,
        stock: Stock,
        created_at: Option<Timestamp>,
    ) -> Self {
        Self {
            product_id: product.get(),
            name: &entry.name,
            sku: entry.sku.as_deref(),
            description: entry.description.as_deref(),
            category: entry.category.as_deref(),
            price: offer.price.into(),
            stock: stock.into(),
            limit_per_customer: offer.limit_per_customer,
            opens_at: offer.opens_at.map(Rfc3339),
            closes_at: offer.closes_at.map(Rfc3339),
            created_at: created_at.map(Rfc3339),
        }
    }

    fn of_row(row: &'a ProductRow) -> Self {
        Self::new(row.product, &row.entry, row.offer, row.stock, Some(row.created_at))
    }
}

/// Creates a product and begins to sell it.
#[utoipa::path(
    post, path = "/api/v1/products", tag = "products", operation_id = "createProduct",
    description = "Takes no `Idempotency-Key`, and refuses one: whoever got no answer, or \
        `outcome-unknown`, looks at the list of products before creating it again.",
    request_body = ProductRequest,
    responses(
        (status = 201, description = "Created; `Location` says where", body = ProductDocument),
        InputFailures, CreationFailures,
    )
)]
pub async fn create(
    State(api): State<Api>,
    Json { headers, value }: Json<ProductRequest>,
) -> Result<Response, Problem> {
    idempotency::refuse(&headers)?;
    let NewProduct { offer, units, entry } = value.check()?;
    let created = api.engine.create(offer, units, entry.clone()).await;
    let product = created.map_err(|error| Problem::of_creation(error, api.clock.now()))?;
    let stock = Stock { available: units, stocked: units, ..Stock::default() };
    let document = ProductDocument::new(product, &entry, offer, stock, None);
    let mut response = respond::json(StatusCode::CREATED, &document);
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
        (status = 200, description = "The product", body = ProductDocument),
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
    let row = waiting::find(&api, PATIENCE, || api.queries.product(product)).await?;
    let Some(mut row) = row else { return Err(Problem::unknown_product()) };
    if let Some(view) = shown {
        (row.offer, row.stock) = (view.offer, view.stock);
    }
    Ok(respond::json(StatusCode::OK, &ProductDocument::of_row(&row)))
}

/// Lists products by id.
#[utoipa::path(
    get, path = "/api/v1/products", tag = "products", operation_id = "listProducts",
    params(PageParams),
    responses(
        (status = 200, description = "A page of products; the stock may lag a moment behind \
            `/stock`", body = Page<ProductDocument>),
        InputFailures, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after = page.cursor(|text| ProductId::new(text.parse().ok()?).ok())?;
    waiting::freshen(&api).await;
    let found = api.queries.products(after, limit).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    // A full page may be the last one; then the next is empty.
    let next = rows.last().filter(|_| rows.len() == limit as usize);
    let next_cursor = next.map(|row| row.product.to_string());
    let data = rows.iter().map(ProductDocument::of_row).collect();
    Ok(respond::json(StatusCode::OK, &Page { data, next_cursor }))
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
