//! Changes of products: JSON merge patches, guarded by `If-Match`, and taking products out of sale.

use super::Api;
use super::body::{Json, NoBody};
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Object, Texts};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures, NotFound, OperatorsOnly};
use super::params::ProductPath;
use super::problem::{Code, Document, Problem};
use super::products::{
    self, MoneyRequest, ProductDocument, check_attributes, check_category, check_description,
    check_image_url, check_name, check_price, check_sku,
};
use super::respond;
use crate::domain::{Answer, Change, Field, Fingerprint, ProductId};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::collections::BTreeMap;

/// New values for a product: a field that is left out stays as it is, `null` takes it away.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"price": {"amount": 1_499, "currency": "USD"}, "category": null}))]
pub struct ChangeRequest {
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = String, min_length = 1, max_length = 200)]
    name: Field<String>,
    /// In the currency it is sold in. Holds keep the price they were made at.
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = MoneyRequest)]
    price: Field<Object<MoneyRequest>>,
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    sku: Field<String>,
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<String>, max_length = 4000)]
    description: Field<String>,
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100)]
    category: Field<String>,
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 2000,
        pattern = r"^(https?://|/)[^\s\x00-\x1F\x7F-\x9F]*$")]
    image_url: Field<String>,
    /// All of them, in place of all there were.
    #[serde(default, deserialize_with = "fields::field")]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    attributes: Field<Texts>,
    /// Whether it is sold.
    #[serde(default, deserialize_with = "fields::flag")]
    #[schema(value_type = bool)]
    active: Option<bool>,
}

impl ChangeRequest {
    fn check(self) -> Result<Change, Problem> {
        let mut checks = Checks::default();
        let change = Change {
            name: must_stay(&mut checks, "name", self.name)
                .and_then(|name| check_name(&mut checks, Some(name))),
            price: must_stay(&mut checks, "price", self.price)
                .and_then(|price| check_price(&mut checks, Some(price))),
            active: self.active,
            sku: checked(&mut checks, self.sku, check_sku),
            description: checked(&mut checks, self.description, check_description),
            category: checked(&mut checks, self.category, check_category),
            image_url: checked(&mut checks, self.image_url, check_image_url),
            attributes: match self.attributes {
                Field::Keep => None,
                Field::Clear => Some(BTreeMap::new()),
                Field::Set(texts) => Some(check_attributes(&mut checks, texts)),
            },
        };
        if checks.passed() { Ok(change) } else { Err(checks.problem()) }
    }
}

/// A product has a name and a price.
fn must_stay<T>(checks: &mut Checks, field: &'static str, value: Field<T>) -> Option<T> {
    match value {
        Field::Keep => None,
        Field::Clear => checks.fail(field, "cannot be taken away"),
        Field::Set(value) => Some(value),
    }
}

fn checked(
    checks: &mut Checks,
    field: Field<String>,
    check: impl FnOnce(&mut Checks, Option<String>) -> Option<String>,
) -> Field<String> {
    match field {
        Field::Set(text) => check(checks, Some(text)).map_or(Field::Keep, Field::Set),
        other => other,
    }
}

/// What a change means, for its idempotency key.
fn meaning(product: ProductId, change: &Change, tags: Option<&[u64]>) -> Fingerprint {
    let given = |meaning: Meaning, text: Option<&str>| match text {
        None => meaning.number(0),
        Some(text) => meaning.number(1).text(text),
    };
    let mut meaning = Meaning::of("change").number(product.get());
    // The tags as they were sent: which of them fits is another one after the change.
    meaning = match tags {
        None => meaning.number(0),
        Some(tags) => {
            tags.iter().fold(meaning.number(tags.len() as u64), |meaning, tag| meaning.number(*tag))
        }
    };
    meaning = given(meaning, change.name.as_deref());
    meaning = match change.price {
        None => meaning.number(0),
        Some(price) => meaning.number(1).number(price.amount).text(price.currency.as_str()),
    };
    meaning = meaning.number(change.active.map_or(0, |active| 1 + u64::from(active)));
    for field in [&change.sku, &change.description, &change.category, &change.image_url] {
        meaning = match field {
            Field::Keep => meaning.number(0),
            Field::Clear => meaning.number(2),
            Field::Set(text) => meaning.number(1).text(text),
        };
    }
    for (name, text) in change.attributes.iter().flatten() {
        meaning = meaning.text(name).text(text);
    }
    meaning.number(change.attributes.is_some().into()).fingerprint()
}

/// The version that the product must have, by `If-Match`; a tag that is none of a product's is 0,
/// which none has.
async fn expected(
    api: &Api,
    product: ProductId,
    versions: Option<&[u64]>,
) -> Result<Option<u64>, Problem> {
    let Some(versions) = versions else { return Ok(None) };
    if let [only] = *versions {
        return Ok(Some(only));
    }
    let shown = api.engine.view(product).await;
    let edition = shown.map_err(|error| Problem::of_engine(error, api.clock.now()))?.view.edition;
    Ok(Some(if versions.contains(&edition) { edition } else { 0 }))
}

/// The versions of `If-Match`; `None` where any will do.
pub(super) fn versions(headers: &HeaderMap) -> Result<Option<Vec<u64>>, Problem> {
    let mut versions = Vec::new();
    let bad = || {
        let detail = "the header If-Match must be * or quoted tags, such as \"1\"";
        Problem::new(Code::InvalidRequest, detail)
    };
    for value in headers.get_all(header::IF_MATCH) {
        for tag in value.to_str().map_err(|_| bad())?.split(',').map(str::trim) {
            if tag == "*" {
                return Ok(None);
            }
            // A weak tag never matches (RFC 9110, 13.1.1).
            let (strong, tag) = tag.strip_prefix("W/").map_or((true, tag), |tag| (false, tag));
            let inside = tag.strip_prefix('"').and_then(|tag| tag.strip_suffix('"'));
            let inside = inside.filter(|inside| !inside.contains('"')).ok_or_else(bad)?;
            let digits = inside.bytes().all(|byte| byte.is_ascii_digit());
            let version = inside.parse().ok().filter(|_| strong && digits);
            versions.push(version.unwrap_or_default());
        }
    }
    Ok((!versions.is_empty()).then_some(versions))
}

/// Changes a product.
#[utoipa::path(
    patch, path = "/api/v1/products/{id}", tag = "products", operation_id = "changeProduct",
    request_body = ChangeRequest,
    params(
        ("id" = u64, Path, description = "The product"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with: with \
            another version nothing is changed"),
        ("Idempotency-Key" = Option<String>, Header, description = "As for purchases, shared by \
            all operators"),
    ),
    responses(
        (status = 200, description = "The product as it is now; `ETag` is its version",
            body = ProductDocument),
        (status = 204, description = "Changed, but the query tables cannot show it yet"),
        (status = 409, description = "`sku-exists`", body = Document,
            content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        NotFound, OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn change(
    State(api): State<Api>,
    caller: Caller,
    ProductPath(product): ProductPath,
    Json { headers, value }: Json<ChangeRequest>,
) -> Result<Response, Problem> {
    let change = value.check()?;
    let (edition, replayed) = take((&api, &caller), product, change, &headers).await?;
    let response = match products::find(&api, product, Some(edition)).await {
        Ok(Some(row)) => products::answer(&row),
        // It is changed, whatever can be shown of it.
        Ok(None) | Err(_) => without_content(edition),
    };
    Ok(respond::replay(response, replayed))
}

/// Takes a product out of sale. It is not deleted, with orders or without: the journal never forgets,
/// and its orders go on naming it. `PATCH` with `"active": true` sells it again.
#[utoipa::path(
    delete, path = "/api/v1/products/{id}", tag = "products", operation_id = "deactivateProduct",
    params(
        ("id" = u64, Path, description = "The product"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
        ("Idempotency-Key" = Option<String>, Header, description = "As for purchases, shared by \
            all operators"),
    ),
    responses(
        (status = 204, description = "Not sold any more, or was not before"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        NotFound, OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn deactivate(
    State(api): State<Api>,
    caller: Caller,
    ProductPath(product): ProductPath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let change = Change { active: Some(false), ..Change::default() };
    let (edition, replayed) = take((&api, &caller), product, change, &headers).await?;
    let response = without_content(edition);
    Ok(respond::replay(response, replayed))
}

/// Has a change decided: the version it made, and whether that is the first answer again.
async fn take(
    (api, caller): (&Api, &Caller),
    product: ProductId,
    change: Change,
    headers: &HeaderMap,
) -> Result<(u64, bool), Problem> {
    let versions = versions(headers)?;
    let expected = expected(api, product, versions.as_deref()).await?;
    let retry = idempotency::retry(headers, Scope::Operator(caller.subject()), || {
        meaning(product, &change, versions.as_deref())
    })?;
    let outcome = api.catalog.change(product, change, expected, retry).await;
    let outcome = outcome.map_err(|error| Problem::of_catalog(error, api.clock.now()))?;
    match outcome.answer {
        Answer::Changed { edition } => Ok((edition, outcome.replayed)),
        other => Err(respond::unexpected(&other)),
    }
}

fn without_content(edition: u64) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    products::set_version(&mut response, edition);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_strictly() {
        for (value, expected) in [
            ("*", Some(None)),
            ("\"7\"", Some(Some(vec![7]))),
            ("\"7\", \"8\"", Some(Some(vec![7, 8]))),
            ("W/\"7\"", Some(Some(vec![0]))),
            ("\"3-4711\"", Some(Some(vec![0]))),
            ("\"+7\"", Some(Some(vec![0]))),
            ("\"\"", Some(Some(vec![0]))),
            ("7", None),
            ("\"7", None),
            ("", None),
            ("\"7\",", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_MATCH, value.parse().expect("a header value"));
            assert_eq!(versions(&headers).ok(), expected, "{value}");
        }
        assert_eq!(versions(&HeaderMap::new()).ok(), Some(None));
    }

    #[test]
    fn different_changes_mean_different_things() {
        let product = ProductId::new(1).expect("valid");
        let set = |text: &str| Field::Set(text.to_owned());
        let attributes = |names: &[&str]| {
            Some(names.iter().map(|name| ((*name).to_owned(), String::new())).collect())
        };
        let changes = [
            Change::default(),
            Change { name: Some("a".to_owned()), ..Change::default() },
            Change { active: Some(true), ..Change::default() },
            Change { active: Some(false), ..Change::default() },
            Change { sku: set("a"), ..Change::default() },
            Change { category: set("a"), ..Change::default() },
            Change { category: Field::Clear, ..Change::default() },
            Change { attributes: attributes(&[]), ..Change::default() },
            Change { attributes: attributes(&["a"]), ..Change::default() },
        ];
        let mut meanings: Vec<_> =
            changes.iter().map(|change| meaning(product, change, None).0).collect();
        meanings.push(meaning(product, &changes[0], Some(&[1])).0);
        meanings.sort_unstable();
        meanings.dedup();
        assert_eq!(meanings.len(), changes.len() + 1);
    }
}
