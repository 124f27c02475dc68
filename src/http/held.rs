//! Held: the list of reservations and lines of orders that are held right now, so that whoever runs the shop
//! sees them and can end them. Read from the query tables.

use super::Api;
use super::caller::Caller;
use super::checks::Checks;
use super::fields::Whole;
use super::openapi::{InputFailures, QueryFailures, SignInFailures};
use super::params::{PageParams, Params, digits};
use super::problem::{Code, Problem};
use super::reservations::ReservationDocument;
use super::respond::{self, Page};
use super::waiting;
use crate::domain::{CustomerId, OrderId, ProductId, Timestamp};
use crate::projection::{HeldCursor, HeldFilter};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Which reservations.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase")]
#[into_params(parameter_in = Query)]
pub struct HeldParams {
    /// Of this product.
    #[param(value_type = Option<u64>, minimum = 1, maximum = 9_223_372_036_854_775_807_u64)]
    product_id: Option<String>,
    /// Of this customer; `userId` is accepted as another name. Operators see those of everybody when they
    /// leave it out, customers with a token their own.
    #[serde(alias = "userId")]
    #[param(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<String>,
}

/// A page of what is held.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ReservationPage<'a> {
    /// Whether everything that was answered before this request is in the list. `false` while the query
    /// tables are behind, as in a burst: what is missing comes within seconds.
    up_to_date: bool,
    #[serde(flatten)]
    page: Page<ReservationDocument<'a>>,
}

impl HeldParams {
    fn check(self, caller: &Caller) -> Result<(Option<ProductId>, Option<CustomerId>), Problem> {
        let product = self.product_id.as_deref().map(|text| {
            let unreadable = || Problem::new(Code::InvalidRequest, "productId must be an integer");
            Whole::from_digits(text).ok_or_else(unreadable)
        });
        let product = product.transpose()?;
        let mut checks = Checks::default();
        let product = product.and_then(|whole| checks.product(Some(whole)));
        let everybody = self.customer_id.is_none() && caller.is_operator();
        let customer = if everybody {
            None
        } else {
            checks.customer(caller.customer(self.customer_id.as_deref()))
        };
        if !checks.passed() {
            return Err(checks.problem());
        }
        if let Some(customer) = &customer {
            caller.act_for(customer)?;
        }
        Ok((product, customer))
    }
}

/// Lists what is held right now, newest first: reservations, and lines of orders that wait for their payment,
/// which have an `orderId`. `expiresAt` of such a line is until when its order can be paid.
#[utoipa::path(
    get, path = "/api/v1/reservations", tag = "reservations", operation_id = "listReservations",
    params(HeldParams, PageParams),
    responses(
        (status = 200, description = "A page of reservations", body = ReservationPage),
        SignInFailures, InputFailures, QueryFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    caller: Caller,
    Params(held): Params<HeldParams>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let limit = page.limit()?;
    let before = page.cursor(read_cursor)?;
    let (product, customer) = held.check(&caller)?;
    let up_to_date = waiting::freshen(&api).await;
    let filter = HeldFilter { product, customer, now: api.clock.now(), before, limit };
    let found = api.queries.held(&filter).await;
    let rows = found.map_err(|error| Problem::of_query(&error))?;
    let next_cursor = respond::next_cursor(&rows, limit, |row| write_cursor(row.cursor()));
    let data = rows.iter().map(ReservationDocument::of_row).collect();
    let document = ReservationPage { up_to_date, page: Page { data, next_cursor } };
    Ok(respond::json(StatusCode::OK, &document))
}

/// A cursor is the time, the id and the product of the last one seen; callers need not know.
fn write_cursor(HeldCursor { created_at, order, product }: HeldCursor) -> String {
    let order = uuid::Uuid::from_bytes(order.0).simple();
    format!("{}-{order}-{product}", created_at.as_millis())
}

fn read_cursor(text: &str) -> Option<HeldCursor> {
    let mut parts = text.split('-');
    let (millis, order, product) = (parts.next()?, parts.next()?, parts.next()?);
    if parts.next().is_some() || millis.is_empty() {
        return None;
    }
    Some(HeldCursor {
        created_at: Timestamp::from_millis(digits(millis)?),
        order: OrderId(uuid::Uuid::try_parse(order).ok()?.into_bytes()),
        product: ProductId::new(digits(product)?).ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_read_back() {
        let cursor = HeldCursor {
            created_at: Timestamp::from_millis(7),
            order: OrderId([8; 16]),
            product: ProductId::new(9).expect("in range"),
        };
        let written = write_cursor(cursor);
        assert_eq!(read_cursor(&written), Some(cursor));
        let order = "08080808080808080808080808080808";
        for bad in [
            String::new(),
            format!("7-{order}"),
            format!("-{order}-9"),
            format!("+7-{order}-9"),
            format!("7-{order}-0"),
            format!("7-{order}-9-9"),
            "7-8-9".to_owned(),
        ] {
            assert_eq!(read_cursor(&bad), None, "{bad}");
        }
    }
}
