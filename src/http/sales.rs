//! Sales: setting one up, changing, pausing, ending and deleting it, and showing it to customers.
//!
//! What customers see of one is in `sale_shown`. A change is answered from what was set, whether the query
//! tables have it or not.

use super::Api;
use super::body::{Json, LongJson, NoBody};
use super::caller::Caller;
use super::changes::versions;
use super::checks::Checks;
use super::fields::Whole;
use super::idempotency::{self, Scope};
use super::openapi::{EngineFailures, InputFailures, OperatorsOnly, QueryFailures, SignInFailures};
use super::params::{PageParams, Params, SalePath};
use super::problem::{Code, Document, Problem};
use super::products::set_version;
use super::respond::{self, Page};
use super::sale_requests::{SaleChangeRequest, SaleRequest};
use super::sale_shown::{
    EligibilityDocument, SaleDocument, shown, shown_as_set, shown_one, state_name,
};
use super::waiting;
use crate::catalog::{CatalogError, SaleAsSet, SaleChange, SaleError};
use crate::domain::{CustomerId, SaleId, SaleState};
use crate::engine::EngineError;
use crate::projection::{SaleFilter, SaleRow};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use std::time::Duration;

/// How long a sale that was just set or changed is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Who asks, if that is known.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", default)]
#[into_params(parameter_in = Query)]
pub struct CallerParams {
    /// Whose eligibility is shown; with a token it is the caller's where this is left out.
    customer_id: Option<String>,
}

/// The customer whose eligibility is asked for, as far as that is known.
fn customer(caller: &Caller, params: &CallerParams) -> Result<Option<CustomerId>, Problem> {
    let mut checks = Checks::default();
    let named = caller.customer(params.customer_id.as_deref());
    let customer = named.and_then(|text| checks.customer(Some(text)));
    if !checks.passed() {
        return Err(checks.problem());
    }
    if let Some(customer) = &customer {
        caller.act_for(customer)?;
    }
    Ok(customer)
}

/// The row of a sale.
pub(super) async fn find(api: &Api, sale: SaleId) -> Result<SaleRow, Problem> {
    waiting::find(api, PATIENCE, || api.queries.sale(sale)).await?.ok_or_else(Problem::unknown_sale)
}

/// Answers from what was set: it is there whether the tables have it or not. They get a moment, so that
/// whoever reads next finds it.
async fn answer(api: &Api, status: StatusCode, set: &SaleAsSet) -> Response {
    waiting::freshen(api).await;
    let mut response = respond::json(status, &shown_as_set(api, set).document(None));
    set_version(&mut response, set.terms.edition);
    response
}

/// Which sales.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct SaleListParams {
    /// `scheduled`, `open`, `paused` or `ended`.
    #[param(pattern = "^(scheduled|open|paused|ended)$")]
    state: Option<String>,
    /// Entries of a page: 1 to 100, 20 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `nextCursor` of the page before.
    cursor: Option<String>,
}

/// Lists sales, newest first.
#[utoipa::path(
    get, path = "/api/v1/sales", tag = "sales", operation_id = "listSales",
    params(SaleListParams),
    responses(
        (status = 200, description = "A page of sales", body = Page<SaleDocument>),
        InputFailures, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(params): Params<SaleListParams>,
) -> Result<Response, Problem> {
    let now = api.clock.now();
    let all = [SaleState::Scheduled, SaleState::Open, SaleState::Paused, SaleState::Ended];
    let state = match params.state.as_deref() {
        None => None,
        Some(text) => {
            let bad = || {
                let detail = "state must be scheduled, open, paused or ended";
                Problem::new(Code::InvalidRequest, detail)
            };
            Some(all.into_iter().find(|state| state_name(*state) == text).ok_or_else(bad)?)
        }
    };
    let page = PageParams { limit: params.limit, cursor: params.cursor };
    let limit = page.limit()?;
    let before = page.cursor(|text| {
        Whole::from_digits(text).and_then(|whole| whole.within(1, u64::MAX)).and_then(SaleId::new)
    })?;
    waiting::freshen(&api).await;
    let filter = SaleFilter { state: state.map(|state| (state, now)), before, limit };
    let found = api.queries.sales(filter).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    let next_cursor = respond::next_cursor(&rows, limit, |row| row.sale.to_string());
    let shown = shown(&api, rows).await?;
    let data = shown.iter().map(|shown| shown.document(None)).collect();
    Ok(respond::json(StatusCode::OK, &Page::<SaleDocument> { data, next_cursor }))
}

/// Sets up a sale: its units are set aside from now on.
#[utoipa::path(
    post, path = "/api/v1/sales", tag = "sales", operation_id = "createSale",
    request_body = SaleRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for purchases, shared by \
        all operators")),
    responses(
        (status = 201, description = "Created; `Location` says where", body = SaleDocument),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-overlaps` with `saleId`; `insufficient-stock` with \
            `available`, and `productId`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    LongJson(Json { headers, value }): LongJson<SaleRequest>,
) -> Result<Response, Problem> {
    let (new, meaning) = value.check(api.clock.now())?;
    let retry = idempotency::retry(&headers, Scope::Operator(caller.subject()), || meaning)?;
    let created = api.catalog.create_sale(new, retry, api.clock.now()).await;
    let set = created.map_err(|error| problem_of(&api, error))?;
    let mut response = answer(&api, StatusCode::CREATED, &set).await;
    let path = format!("/api/v1/sales/{}", set.terms.sale);
    if let Ok(location) = HeaderValue::from_str(&path) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(respond::replay(response, set.replayed))
}

/// Shows a sale, and whether the caller, or the customer that is named, can buy in it.
#[utoipa::path(
    get, path = "/api/v1/sales/{id}", tag = "sales", operation_id = "getSale",
    params(("id" = u64, Path, description = "The sale"), CallerParams),
    responses(
        (status = 200, description = "The sale; `ETag` is its version", body = SaleDocument),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, QueryFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    Params(params): Params<CallerParams>,
    caller: Caller,
) -> Result<Response, Problem> {
    let customer = customer(&caller, &params)?;
    let row = find(&api, sale).await?;
    let edition = row.edition;
    let shown = shown_one(&api, row).await?;
    let eligibility = shown.eligibility(&api, (&caller, customer)).await?;
    let mut response = respond::json(StatusCode::OK, &shown.document(Some(eligibility)));
    set_version(&mut response, edition);
    Ok(response)
}

/// Shows whether the caller can buy in a sale.
#[utoipa::path(
    get, path = "/api/v1/sales/{id}/eligibility", tag = "sales", operation_id = "getEligibility",
    params(("id" = u64, Path, description = "The sale"), CallerParams),
    responses(
        (status = 200, description = "Whether, and why not", body = EligibilityDocument),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, QueryFailures,
    )
)]
pub async fn eligibility(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    Params(params): Params<CallerParams>,
    caller: Caller,
) -> Result<Response, Problem> {
    let customer = customer(&caller, &params)?;
    let shown = shown_one(&api, find(&api, sale).await?).await?;
    let eligibility = shown.eligibility(&api, (&caller, customer)).await?;
    Ok(respond::json(StatusCode::OK, &eligibility))
}

/// Changes a sale, also while it is open: what is left out stays as it is. Products come and leave before it
/// opens.
#[utoipa::path(
    patch, path = "/api/v1/sales/{id}", tag = "sales", operation_id = "changeSale",
    request_body = SaleChangeRequest,
    params(
        ("id" = u64, Path, description = "The sale"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
    ),
    responses(
        (status = 200, description = "The sale as it is now", body = SaleDocument),
        (status = 404, description = "`sale-not-found`, `product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-ended`, `sale-running` (its `startsAt`, products and \
            prices stay), `sale-overlaps`, `insufficient-stock`", body = Document,
            content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn change(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    LongJson(Json { headers, value }): LongJson<SaleChangeRequest>,
) -> Result<Response, Problem> {
    let terms = api.catalog.sale_terms(sale).await.map_err(|error| problem_of(&api, error))?;
    let change = value.check(&terms, api.clock.now())?;
    changed(&api, sale, change, &headers).await
}

async fn changed(
    api: &Api,
    sale: SaleId,
    change: SaleChange,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let set = api.catalog.change_sale(sale, change, versions(headers)?).await;
    let set = set.map_err(|error| problem_of(api, error))?;
    Ok(answer(api, StatusCode::OK, &set).await)
}

/// Pauses a sale: nobody buys, and the queue waits.
#[utoipa::path(
    post, path = "/api/v1/sales/{id}/pause", tag = "sales", operation_id = "pauseSale",
    params(
        ("id" = u64, Path, description = "The sale"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
    ),
    responses(
        (status = 200, description = "The sale", body = SaleDocument),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-ended`", body = Document,
            content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn pause(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let change = SaleChange { paused: Some(true), ..SaleChange::default() };
    changed(&api, sale, change, &headers).await
}

/// Goes on with a sale that is paused.
#[utoipa::path(
    post, path = "/api/v1/sales/{id}/resume", tag = "sales", operation_id = "resumeSale",
    params(
        ("id" = u64, Path, description = "The sale"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
    ),
    responses(
        (status = 200, description = "The sale", body = SaleDocument),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-ended`", body = Document,
            content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn resume(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let change = SaleChange { paused: Some(false), ..SaleChange::default() };
    changed(&api, sale, change, &headers).await
}

/// Ends a sale now: what is left of it is ordinary stock again.
#[utoipa::path(
    post, path = "/api/v1/sales/{id}/end", tag = "sales", operation_id = "endSale",
    params(
        ("id" = u64, Path, description = "The sale"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
    ),
    responses(
        (status = 200, description = "The sale", body = SaleDocument),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-not-open` (delete it instead), `sale-ended`",
            body = Document, content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn end(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let set = api.catalog.end_sale(sale, versions(&headers)?, api.clock.now()).await;
    let set = set.map_err(|error| problem_of(&api, error))?;
    Ok(answer(&api, StatusCode::OK, &set).await)
}

/// Deletes a sale that has not begun, or that is over and sold nothing.
#[utoipa::path(
    delete, path = "/api/v1/sales/{id}", tag = "sales", operation_id = "deleteSale",
    params(
        ("id" = u64, Path, description = "The sale"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` it was seen with"),
    ),
    responses(
        (status = 204, description = "Deleted"),
        (status = 404, description = "`sale-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sale-running`: end it first; `sale-has-sales`",
            body = Document, content_type = "application/problem+json"),
        (status = 412, description = "`version-mismatch`", body = Document,
            content_type = "application/problem+json"),
        OperatorsOnly, InputFailures, EngineFailures,
    )
)]
pub async fn delete(
    State(api): State<Api>,
    SalePath(sale): SalePath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let expected = versions(&headers)?;
    let dropped = api.catalog.drop_sale(sale, expected, api.clock.now()).await;
    dropped.map_err(|error| problem_of(&api, error))?;
    // The row goes with the next round of the tables; whoever looks next does not find it.
    waiting::caught_up(&api, PATIENCE).await;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}

fn problem_of(api: &Api, error: SaleError) -> Problem {
    let now = api.clock.now();
    match error {
        SaleError::Unknown => Problem::unknown_sale(),
        SaleError::OtherEdition => Problem::new(
            Code::VersionMismatch,
            "the sale is not of the version of If-Match any more: look at it again",
        ),
        SaleError::Past => {
            let mut checks = Checks::default();
            checks.fail::<()>("endsAt", "must not be past");
            checks.problem()
        }
        SaleError::NotIn(product) => {
            let mut checks = Checks::default();
            checks.fail::<()>("products", format!("product {product} is not in the sale"));
            checks.problem()
        }
        SaleError::Part(product, error @ EngineError::Refused(_)) => {
            Problem::of_engine(error, now).about(product)
        }
        SaleError::Part(_, error) => Problem::of_engine(error, now),
        SaleError::Catalog(CatalogError::Behind) => Problem::projection_behind(),
        SaleError::Catalog(error) => Problem::of_catalog(error, now),
    }
}
