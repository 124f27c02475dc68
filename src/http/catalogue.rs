//! The catalogue as a list: products by what somebody looks for, and their categories.
//!
//! Read from the query tables. A cursor names the last product that was seen and what the list is
//! ordered by, so one of another order is refused instead of skipping half of the list.

use super::Api;
use super::checks::Checks;
use super::fields::Whole;
use super::openapi::{InputFailures, QueryFailures};
use super::params::{PageParams, Params};
use super::problem::{Code, Problem};
use super::products::{CATEGORY_CHARS_MAX, ProductDocument};
use super::respond::{self, Page};
use super::waiting;
use crate::domain::{AMOUNT_MAX, Currency, ProductId, Timestamp};
use crate::projection::{ProductCursor, ProductFilter, ProductKey, ProductSort};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

const TEXT_CHARS_MAX: usize = 100;

/// Which products.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct ListParams {
    /// Exactly this category.
    #[param(min_length = 1, max_length = 100)]
    category: Option<String>,
    /// Part of the name, the SKU or the description, in capitals or not.
    #[param(min_length = 1, max_length = 100)]
    q: Option<String>,
    /// Lowest price of one unit, in minor units.
    #[param(value_type = Option<u64>, maximum = 1_000_000_000_000_u64)]
    min_price: Option<String>,
    /// Highest price of one unit, in minor units.
    #[param(value_type = Option<u64>, maximum = 1_000_000_000_000_u64)]
    max_price: Option<String>,
    /// Sold in this currency; without it prices are compared as numbers.
    #[param(pattern = "^[A-Z]{3}$")]
    currency: Option<String>,
    /// Some unit is available; `false`: none is.
    #[param(value_type = Option<bool>)]
    in_stock: Option<String>,
    /// In a sale (with `opensAt` or `closesAt`) that is open now; `false`: not in one.
    #[param(value_type = Option<bool>)]
    on_sale: Option<String>,
    /// `true` (also when left out): those that are sold; `false`: those that are not; `all`.
    #[param(pattern = "^(true|false|all)$")]
    active: Option<String>,
    /// `id` (when left out), `name`, `price` or `newest`; with `-` in front the other way round.
    #[param(pattern = "^-?(id|name|price|newest)$")]
    sort: Option<String>,
    /// Entries of a page: 1 to 100, 20 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the page before; only with the same `sort`.
    cursor: Option<String>,
}

impl ListParams {
    fn check(self, now: Timestamp) -> Result<ProductFilter, Problem> {
        let (sort, descending) = sort(self.sort.as_deref())?;
        let page = PageParams { limit: self.limit, cursor: self.cursor };
        let limit = page.limit()?;
        let after = page.cursor(|text| read_cursor(text, sort, descending))?;
        let active = match self.active.as_deref() {
            Some("all") => None,
            text => Some(flag("active", text)?.unwrap_or(true)),
        };
        let (in_stock, on_sale) = (self.in_stock.as_deref(), self.on_sale.as_deref());
        let in_stock = flag("inStock", in_stock)?;
        let on_sale = flag("onSale", on_sale)?.map(|open| (open, now));
        let [price_min, price_max] = [
            whole("minPrice", self.min_price.as_deref())?,
            whole("maxPrice", self.max_price.as_deref())?,
        ];
        let mut checks = Checks::default();
        let category = checks.text("category", self.category, (1, CATEGORY_CHARS_MAX));
        let text = checks.text("q", self.q, (1, TEXT_CHARS_MAX));
        let mut amount = |field, whole: Option<Whole>| {
            whole.and_then(|_| checks.number(field, whole, (0, AMOUNT_MAX)))
        };
        let price_min = amount("minPrice", price_min);
        let price_max = amount("maxPrice", price_max);
        let currency = self.currency.as_deref().and_then(|code| {
            Currency::new(code)
                .or_else(|| checks.fail("currency", "must be three capital letters, such as USD"))
        });
        if price_min.zip(price_max).is_some_and(|(min, max)| min > max) {
            checks.fail::<()>("maxPrice", "must not be below minPrice");
        }
        if !checks.passed() {
            return Err(checks.problem());
        }
        Ok(ProductFilter {
            category,
            text,
            price_min,
            price_max,
            currency,
            in_stock,
            on_sale,
            active,
            sort,
            descending,
            after,
            limit,
        })
    }
}

fn unreadable(detail: String) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}

fn flag(field: &str, text: Option<&str>) -> Result<Option<bool>, Problem> {
    match text {
        None => Ok(None),
        Some("true") => Ok(Some(true)),
        Some("false") => Ok(Some(false)),
        Some(_) => Err(unreadable(format!("{field} must be true or false"))),
    }
}

fn whole(field: &str, text: Option<&str>) -> Result<Option<Whole>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let read = Whole::from_digits(text).map(Some);
    read.ok_or_else(|| unreadable(format!("{field} must be an integer")))
}

/// What a list is ordered by, and whether the largest comes first.
fn sort(text: Option<&str>) -> Result<(ProductSort, bool), Problem> {
    let text = text.unwrap_or("id");
    let (name, turned) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
    Ok(match name {
        "id" => (ProductSort::Id, turned),
        "name" => (ProductSort::Name, turned),
        "price" => (ProductSort::Price, turned),
        "newest" => (ProductSort::Created, !turned),
        _ => {
            let detail = "sort must be id, name, price or newest, or one of them behind a -";
            return Err(unreadable(detail.to_owned()));
        }
    })
}

/// What a cursor begins with: a letter for what the list is ordered by, small when it ascends.
const fn mark(sort: ProductSort, descending: bool) -> char {
    let mark = match sort {
        ProductSort::Id => 'i',
        ProductSort::Name => 'n',
        ProductSort::Price => 'p',
        ProductSort::Created => 't',
    };
    if descending { mark.to_ascii_uppercase() } else { mark }
}

fn write_cursor(cursor: &ProductCursor, sort: ProductSort, descending: bool) -> String {
    let mut text = String::from(mark(sort, descending));
    match &cursor.key {
        ProductKey::Id => {}
        ProductKey::Name(name) => text.push_str(&hex(name)),
        // Writing to a string cannot fail.
        ProductKey::Price(number) => drop(write!(text, "{number}")),
        ProductKey::Created(at) => drop(write!(text, "{}", at.as_millis())),
    }
    let _ = write!(text, ".{}", cursor.product);
    text
}

fn read_cursor(text: &str, sort: ProductSort, descending: bool) -> Option<ProductCursor> {
    let (key, id) = text.strip_prefix(mark(sort, descending))?.split_once('.')?;
    let number = |text: &str| -> Option<u64> {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse().ok().filter(|number| digits && i64::try_from(*number).is_ok())
    };
    let key = match sort {
        ProductSort::Id => key.is_empty().then_some(ProductKey::Id)?,
        ProductSort::Name => ProductKey::Name(unhex(key)?),
        ProductSort::Price => ProductKey::Price(number(key)?),
        ProductSort::Created => ProductKey::Created(Timestamp::from_millis(number(key)?)),
    };
    Some(ProductCursor { key, product: ProductId::new(number(id)?).ok()? })
}

fn hex(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len() * 2), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// `None` for what is not the hexadecimal form of a text that a database takes.
fn unhex(text: &str) -> Option<String> {
    let digit =
        |byte: &u8| char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let digits: Vec<u8> = text.as_bytes().iter().map(digit).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let bytes: Vec<u8> = pairs.iter().map(|[high, low]| high << 4 | low).collect();
    let read = String::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    read.filter(|_| rest.is_empty())
}

/// Lists products.
#[utoipa::path(
    get, path = "/api/v1/products", tag = "products", operation_id = "listProducts",
    params(ListParams),
    responses(
        (status = 200, description = "A page of products; the stock may lag a moment behind \
            `/stock`", body = Page<ProductDocument>),
        InputFailures, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(params): Params<ListParams>,
) -> Result<Response, Problem> {
    let filter = params.check(api.clock.now())?;
    waiting::freshen(&api).await;
    let found = api.queries.list(&filter).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    // A full page may be the last one; then the next is empty.
    let next = rows.last().filter(|_| rows.len() == filter.limit as usize);
    let next_cursor =
        next.map(|row| write_cursor(&row.cursor(filter.sort), filter.sort, filter.descending));
    let data = rows.iter().map(ProductDocument::of_row).collect();
    Ok(respond::json(StatusCode::OK, &Page { data, next_cursor }))
}

/// A category of products.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Category, example = json!({"category": "art", "products": 3}))]
pub struct CategoryDocument {
    category: String,
    /// Those that are sold.
    products: u64,
}

/// Lists the categories in which something is sold, in the order of their bytes.
#[utoipa::path(
    get, path = "/api/v1/categories", tag = "products", operation_id = "listCategories",
    params(PageParams),
    responses(
        (status = 200, description = "A page of categories", body = Page<CategoryDocument>),
        InputFailures, QueryFailures,
    )
)]
pub async fn categories(
    State(api): State<Api>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let after = page.cursor(|text| unhex(text).filter(|name| !name.is_empty()))?;
    waiting::freshen(&api).await;
    let found = api.queries.categories(after.as_deref(), limit).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    let next_cursor = respond::next_cursor(&rows, limit, |row| hex(&row.category));
    let document = |row: crate::projection::CategoryRow| CategoryDocument {
        category: row.category,
        products: row.products,
    };
    let data = rows.into_iter().map(document).collect();
    Ok(respond::json(StatusCode::OK, &Page { data, next_cursor }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back_in_their_own_order_alone() {
        let sorts = [
            (ProductSort::Id, ProductKey::Id),
            (ProductSort::Name, ProductKey::Name("Gr\u{fc}ner ~ . Becher".to_owned())),
            (ProductSort::Price, ProductKey::Price(0)),
            (ProductSort::Created, ProductKey::Created(Timestamp::MAX)),
        ];
        let product = ProductId::new(42).expect("valid");
        for (sort, key) in sorts.clone() {
            for descending in [false, true] {
                let cursor = ProductCursor { key: key.clone(), product };
                let text = write_cursor(&cursor, sort, descending);
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'));
                for (other, _) in &sorts {
                    for turned in [false, true] {
                        let read = read_cursor(&text, *other, turned);
                        let same = (*other, turned) == (sort, descending);
                        assert_eq!(read, same.then(|| cursor.clone()), "{text}");
                    }
                }
            }
        }
        for bad in ["", "i", "i.", "i.0", "i1.2", "i.-1", "i.9223372036854775808", "i.1.2", "1"] {
            assert_eq!(read_cursor(bad, ProductSort::Id, false), None, "{bad}");
        }
        for bad in ["n.1", "n0.1", "nzz.1", "n00.1", "nff.1", "n6.1"] {
            let read = read_cursor(bad, ProductSort::Name, false);
            assert!(read.is_none() || bad == "n.1", "{bad}");
        }
    }
}
