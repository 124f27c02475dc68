//! The catalogue: whole rows of products, and the list of them by what its reader looks for.
//!
//! One text of a query serves both databases, up to the names in [`Dialect`]. A list goes on behind the
//! key of the last row that was seen, so it neither skips nor repeats a product that stays in its place,
//! whatever comes and goes meanwhile. Texts are ordered by their bytes, in both databases alike.

use super::changes::Described;
use super::columns::{self, BadColumn, count, time, time_to_column, to_column};
use super::rows::{ProductRow, StockRow};
use crate::domain::{CatalogEntry, Currency, Offer, ProductId, Timestamp};
use sqlx::{ColumnIndex, Database, Decode, Encode, FromRow, QueryBuilder, Row, Type};
use std::collections::BTreeMap;

/// Columns of a product with its stock, as [`ProductColumns`] reads them.
pub(super) const COLUMNS: &str = "product_id, name, sku, description, category, image_url, \
     attributes, price_amount, currency, limit_per_customer, opens_at, closes_at, created_at, active, \
     edition, available, held, sold, stocked, revision";

/// One row of [`COLUMNS`]: more of them than a tuple takes.
pub(super) struct ProductColumns(ProductRow);

impl ProductColumns {
    pub(super) fn row(self) -> ProductRow {
        self.0
    }

    /// All but the stock.
    pub(super) fn described(self) -> Described {
        let ProductRow { product, entry, offer, created_at, active, edition, .. } = self.0;
        Described { product, entry, offer, created_at, active, edition }
    }
}

impl<'r, R: Row> FromRow<'r, R> for ProductColumns
where
    usize: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Option<i64>: Decode<'r, R::Database> + Type<R::Database>,
    Option<String>: Decode<'r, R::Database> + Type<R::Database>,
{
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        let number = |index: usize| row.try_get::<i64, _>(index);
        let time_at = |index: usize, name| {
            let at = row.try_get::<Option<i64>, _>(index)?;
            Ok::<_, sqlx::Error>(at.map(|at| time(at, name)).transpose()?)
        };
        let attributes: Option<String> = row.try_get(6)?;
        let limit: Option<i64> = row.try_get(9)?;
        let entry = CatalogEntry {
            name: row.try_get(1)?,
            sku: row.try_get(2)?,
            description: row.try_get(3)?,
            category: row.try_get(4)?,
            image_url: row.try_get(5)?,
            attributes: attributes.map_or(Ok(BTreeMap::new()), |json| read_attributes(&json))?,
        };
        let offer = Offer {
            price: columns::money(number(7)?, &row.try_get::<String, _>(8)?)?,
            limit_per_customer: limit.map(columns::quantity).transpose()?,
            opens_at: time_at(10, "opens_at")?,
            closes_at: time_at(11, "closes_at")?,
        };
        Ok(Self(ProductRow {
            product: columns::product_id(number(0)?)?,
            entry,
            offer,
            created_at: time(number(12)?, "created_at")?,
            active: row.try_get(13)?,
            edition: count(number(14)?, "edition")?,
            stock: columns::stock(number(15)?, number(16)?, number(17)?, number(18)?)?,
            revision: count(number(19)?, "revision")?,
        }))
    }
}

fn read_attributes(json: &str) -> Result<BTreeMap<String, String>, BadColumn> {
    serde_json::from_str(json).map_err(|_| BadColumn("attributes"))
}

/// Attributes as their column holds them; without any there is no value.
pub(super) fn attributes(entry: &CatalogEntry) -> Option<String> {
    if entry.attributes.is_empty() {
        return None;
    }
    serde_json::to_string(&entry.attributes).ok()
}

/// What a text is looked for in. One line each, so that none is found across two of them.
pub(super) fn searched(entry: &CatalogEntry) -> String {
    let (sku, description) = (entry.sku.as_deref(), entry.description.as_deref());
    let [sku, description] = [sku, description].map(Option::unwrap_or_default);
    format!("{}\n{sku}\n{description}", entry.name).to_lowercase()
}

/// What a list of products is ordered by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProductSort {
    Id,
    Name,
    Price,
    Created,
}

/// The last product that was seen, by what the list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductCursor {
    pub key: ProductKey,
    pub product: ProductId,
}

/// The value that a product has its place by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProductKey {
    Id,
    Name(String),
    Price(u64),
    Created(Timestamp),
}

/// Which products are listed, and how.
#[derive(Debug, Clone)]
pub struct ProductFilter {
    pub category: Option<String>,
    /// Part of the name, the SKU or the description, whatever its case.
    pub text: Option<String>,
    pub price_min: Option<u64>,
    pub price_max: Option<u64>,
    pub currency: Option<Currency>,
    /// Some unit is available, or none is.
    pub in_stock: Option<bool>,
    /// In a sale that is open at this time, or sold in a window of time that is; or neither.
    pub on_sale: Option<(bool, Timestamp)>,
    pub active: Option<bool>,
    pub sort: ProductSort,
    pub descending: bool,
    /// Of the same sort.
    pub after: Option<ProductCursor>,
    pub limit: u32,
}

impl Default for ProductFilter {
    fn default() -> Self {
        Self {
            category: None,
            text: None,
            price_min: None,
            price_max: None,
            currency: None,
            in_stock: None,
            on_sale: None,
            active: None,
            sort: ProductSort::Id,
            descending: false,
            after: None,
            limit: 20,
        }
    }
}

impl ProductRow {
    /// Where a list of this order that ended with this product goes on.
    #[must_use]
    pub fn cursor(&self, sort: ProductSort) -> ProductCursor {
        let key = match sort {
            ProductSort::Id => ProductKey::Id,
            ProductSort::Name => ProductKey::Name(self.entry.name.clone()),
            ProductSort::Price => ProductKey::Price(self.offer.price.amount),
            ProductSort::Created => ProductKey::Created(self.created_at),
        };
        ProductCursor { key, product: self.product }
    }
}

/// A category with its number of products on sale.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CategoryRow {
    pub category: String,
    pub products: u64,
}

impl CategoryRow {
    pub(super) fn read((category, products): (String, i64)) -> Result<Self, BadColumn> {
        Ok(Self { category, products: count(products, "products")? })
    }
}

/// What the databases call differently.
pub(super) struct Dialect {
    /// The function that says where one text is in another.
    pub position: &'static str,
    /// Makes texts compare by their bytes.
    pub bytes: &'static str,
    /// What is searched of a row that an older program wrote.
    pub searched_before: &'static str,
}

/// The query for the names of some products.
pub(super) fn names<Db>(products: &[ProductId]) -> QueryBuilder<Db>
where
    Db: Database,
    Db::Arguments: Default,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
{
    of_products("SELECT product_id, name FROM products WHERE product_id IN (", products)
}

/// The query for the units of some products.
pub(super) fn stocks<Db>(products: &[ProductId]) -> QueryBuilder<Db>
where
    Db: Database,
    Db::Arguments: Default,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
{
    let select = "SELECT product_id, available, held, sold, stocked, revision FROM stock \
         WHERE product_id IN (";
    of_products(select, products)
}

/// A query that ends with a list of products.
fn of_products<Db>(select: &'static str, products: &[ProductId]) -> QueryBuilder<Db>
where
    Db: Database,
    Db::Arguments: Default,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
{
    let mut query = QueryBuilder::new(select);
    let mut ids = query.separated(", ");
    for product in products {
        ids.push_bind(product.to_column());
    }
    query.push(")");
    query
}

/// A row of [`names`].
pub(super) fn name((product, name): (i64, String)) -> Result<(ProductId, String), BadColumn> {
    Ok((columns::product_id(product)?, name))
}

/// A row of [`stocks`].
pub(super) fn stock(columns: (i64, i64, i64, i64, i64, i64)) -> Result<StockRow, BadColumn> {
    let (product, available, held, sold, stocked, revision) = columns;
    Ok(StockRow {
        product: columns::product_id(product)?,
        stock: columns::stock(available, held, sold, stocked)?,
        revision: count(revision, "revision")?,
    })
}

/// The query for a list.
pub(super) fn list<Db>(filter: &ProductFilter, dialect: &Dialect) -> QueryBuilder<Db>
where
    Db: Database,
    Db::Arguments: Default,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
    for<'q> bool: Encode<'q, Db> + Type<Db>,
    for<'q> String: Encode<'q, Db> + Type<Db>,
{
    let Dialect { position, bytes, searched_before } = dialect;
    let mut query = QueryBuilder::new(format!(
        "SELECT {COLUMNS} FROM products JOIN stock USING (product_id) WHERE true"
    ));
    if let Some(active) = filter.active {
        query.push(" AND active = ").push_bind(active);
    }
    if let Some(category) = &filter.category {
        query.push(format_args!(" AND category{bytes} = ")).push_bind(category.clone());
    }
    if let Some(text) = &filter.text {
        query.push(format_args!(" AND {position}(coalesce(searched, {searched_before}), "));
        query.push_bind(text.to_lowercase()).push(") > 0");
    }
    if let Some(currency) = filter.currency {
        query.push(" AND currency = ").push_bind(currency.as_str().to_owned());
    }
    if let Some(min) = filter.price_min {
        query.push(" AND price_amount >= ").push_bind(to_column(min));
    }
    if let Some(max) = filter.price_max {
        query.push(" AND price_amount <= ").push_bind(to_column(max));
    }
    match filter.in_stock {
        Some(true) => drop(query.push(" AND available > 0")),
        Some(false) => drop(query.push(" AND available = 0")),
        None => {}
    }
    if let Some((open, now)) = filter.on_sale {
        let now = time_to_column(now);
        query.push(if open { " AND (" } else { " AND NOT (" });
        query.push(
            "EXISTS (SELECT 1 FROM sale_products AS part JOIN sales USING (sale_id) WHERE \
             part.product_id = products.product_id AND NOT sales.paused AND sales.opens_at <= ",
        );
        query.push_bind(now).push(" AND sales.ends_at > ").push_bind(now).push(") OR (");
        query.push("coalesce(products.opens_at, closes_at) IS NOT NULL AND coalesce(products.opens_at, 0) <= ");
        query.push_bind(now).push(" AND coalesce(closes_at, 9223372036854775807) > ");
        query.push_bind(now).push("))");
    }
    order(&mut query, filter, bytes);
    query.push(" LIMIT ").push_bind(i64::from(filter.limit));
    query
}

/// The place to go on from, and the order.
fn order<Db>(query: &mut QueryBuilder<Db>, filter: &ProductFilter, bytes: &str)
where
    Db: Database,
    for<'q> i64: Encode<'q, Db> + Type<Db>,
    for<'q> String: Encode<'q, Db> + Type<Db>,
{
    let (beyond, direction) = if filter.descending { ("<", " DESC") } else { (">", "") };
    let key = match filter.sort {
        ProductSort::Id => None,
        ProductSort::Name => Some(format!("name{bytes}")),
        ProductSort::Price => Some("price_amount".to_owned()),
        ProductSort::Created => Some("created_at".to_owned()),
    };
    if let Some(ProductCursor { key: seen, product }) = &filter.after {
        match (&key, seen) {
            (Some(key), seen) if *seen != ProductKey::Id => {
                query.push(format_args!(" AND ({key}, product_id) {beyond} ("));
                match seen {
                    ProductKey::Name(name) => query.push_bind(name.clone()),
                    ProductKey::Price(amount) => query.push_bind(to_column(*amount)),
                    ProductKey::Created(at) => query.push_bind(time_to_column(*at)),
                    ProductKey::Id => query,
                };
                query.push(", ").push_bind(product.to_column()).push(")");
            }
            _ => {
                query.push(format_args!(" AND product_id {beyond} "));
                query.push_bind(product.to_column());
            }
        }
    }
    query.push(" ORDER BY ");
    if let Some(key) = key {
        query.push(format_args!("{key}{direction}, "));
    }
    query.push(format_args!("product_id{direction}"));
}
