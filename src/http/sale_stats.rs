//! What became of a sale, in numbers, for operators.

use super::Api;
use super::openapi::{InputFailures, OperatorsOnly, QueryFailures};
use super::params::SalePath;
use super::problem::{Document, Problem};
use super::respond::{self, MoneyDocument};
use super::sale_shown::state_name;
use super::sales::find;
use super::waiting;
use crate::domain::Money;
use crate::projection::{SaleProductRow, SaleRow};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;
use std::collections::BTreeMap;

/// One product of the sale.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SaleProductStats)]
pub struct ProductStats {
    product_id: u64,
    units: u64,
    /// Without what came back.
    sold: u64,
    held: u64,
    returned: u64,
    revenue: MoneyDocument,
    /// Sold of the units: 0 to 1.
    sell_through: f64,
    /// Milliseconds from the opening to the last unit; `null` while some are left.
    time_to_sell_out_ms: Option<u64>,
}

/// A sale in numbers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SaleStats {
    sale_id: u64,
    state: &'static str,
    units: u64,
    sold: u64,
    held: u64,
    returned: u64,
    /// One amount for each currency.
    revenue: Vec<MoneyDocument>,
    /// Different customers who bought something.
    customers: u64,
    /// Refused requests by their code. A crash forgets at most some seconds of them.
    refusals: BTreeMap<String, u64>,
    sell_through: f64,
    /// Until the last unit of the last product was sold.
    time_to_sell_out_ms: Option<u64>,
    products: Vec<ProductStats>,
}

// Far below 2^52.
#[allow(clippy::cast_precision_loss)]
fn share(sold: u64, units: u64) -> f64 {
    if units == 0 { 0.0 } else { sold as f64 / units as f64 }
}

fn product_stats(row: &SaleRow, part: &SaleProductRow) -> ProductStats {
    let revenue = Money { amount: part.revenue, currency: part.price.currency };
    ProductStats {
        product_id: part.product.get(),
        units: part.units,
        sold: part.sold,
        held: part.held,
        returned: part.returned,
        revenue: revenue.into(),
        sell_through: share(part.sold, part.units),
        time_to_sell_out_ms: part.sold_out_at.map(|at| at.millis_since(row.opens_at)),
    }
}

/// Shows what was sold in a sale, to how many, and what was refused.
#[utoipa::path(
    get, path = "/api/v1/sales/{id}/stats", tag = "sales", operation_id = "getSaleStats",
    params(("id" = u64, Path, description = "The sale")),
    responses(
        (status = 200, description = "The numbers, as far as the query tables are", body = SaleStats),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, QueryFailures,
    )
)]
pub async fn stats(State(api): State<Api>, SalePath(sale): SalePath) -> Result<Response, Problem> {
    let row = find(&api, sale).await?;
    waiting::freshen(&api).await;
    let failed = |error| Problem::of_query(&error);
    let parts = api.queries.sale_products(&[sale]).await.map_err(failed)?;
    let customers = api.queries.sale_customers(sale).await.map_err(failed)?;
    let mut refusals = BTreeMap::new();
    for refused in api.queries.sale_refusals(sale).await.map_err(failed)? {
        *refusals.entry(refused.reason).or_default() += refused.count;
    }
    let mut revenue: BTreeMap<[u8; 3], Money> = BTreeMap::new();
    for part in &parts {
        let currency = part.price.currency;
        let sum = revenue.entry(currency.letters()).or_insert(Money { amount: 0, currency });
        sum.amount = sum.amount.saturating_add(part.revenue);
    }
    let sum = |count: fn(&SaleProductRow) -> u64| parts.iter().map(count).sum::<u64>();
    let (units, sold) = (sum(|part| part.units), sum(|part| part.sold));
    let products: Vec<_> = parts.iter().map(|part| product_stats(&row, part)).collect();
    let times: Option<Vec<u64>> = products.iter().map(|part| part.time_to_sell_out_ms).collect();
    let document = SaleStats {
        sale_id: sale.get(),
        state: state_name(row.state(api.clock.now())),
        units,
        sold,
        held: sum(|part| part.held),
        returned: sum(|part| part.returned),
        revenue: revenue.into_values().map(MoneyDocument::from).collect(),
        customers,
        refusals,
        sell_through: share(sold, units),
        time_to_sell_out_ms: times.and_then(|times| times.into_iter().max()),
        products,
    };
    Ok(respond::json(StatusCode::OK, &document))
}
