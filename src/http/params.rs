//! Params: what comes in the path and in the query.
//!
//! An id in a path that cannot exist names nothing, so it is 404 like any other unknown id. A value
//! in a query is read and checked like a field of a body: 400 when it cannot be read, 422 when it is
//! out of range.

use super::Api;
use super::checks::Checks;
use super::fields::Whole;
use super::order_ref::OrderRef;
use super::problem::{Code, Problem};
use crate::domain::{ProductId, SaleId};
use axum::extract::{FromRequestParts, Path, Query};
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Entries of a page when the caller does not say.
pub const LIMIT_DEFAULT: u32 = 20;
/// Most entries of a page.
pub const LIMIT_MAX: u32 = 100;

/// `{id}` of a product.
#[derive(Debug, Clone, Copy)]
pub struct ProductPath(pub ProductId);

impl FromRequestParts<Api> for ProductPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let id = number(parts, api).await.and_then(|id| ProductId::new(id).ok());
        id.map(Self).ok_or_else(Problem::unknown_product)
    }
}

/// `{id}` of a sale.
#[derive(Debug, Clone, Copy)]
pub struct SalePath(pub SaleId);

impl FromRequestParts<Api> for SalePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        number(parts, api).await.and_then(SaleId::new).map(Self).ok_or_else(Problem::unknown_sale)
    }
}

/// `{id}` of an order.
#[derive(Debug, Clone, Copy)]
pub struct OrderPath(pub OrderRef);

impl FromRequestParts<Api> for OrderPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let text = segment(parts, api).await;
        text.and_then(|text| OrderRef::parse(&text)).map(Self).ok_or_else(Problem::unknown_order)
    }
}

/// `{id}` of a purchase.
#[derive(Debug, Clone, Copy)]
pub struct PurchasePath(pub OrderRef);

impl FromRequestParts<Api> for PurchasePath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let text = segment(parts, api).await;
        let reference = text.and_then(|text| OrderRef::parse(&text));
        reference.map(Self).ok_or_else(Problem::unknown_purchase)
    }
}

/// `{id}` of a reservation.
#[derive(Debug, Clone, Copy)]
pub struct ReservationPath(pub OrderRef);

impl FromRequestParts<Api> for ReservationPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        let text = segment(parts, api).await;
        let reference = text.and_then(|text| OrderRef::parse(&text));
        reference.map(Self).ok_or_else(Problem::unknown_reservation)
    }
}

/// `{id}` of something that is looked up as it is written.
#[derive(Debug)]
pub struct TextPath(pub String);

impl FromRequestParts<Api> for TextPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        // What is not UTF-8 names nothing, and neither does an empty text.
        Ok(Self(segment(parts, api).await.unwrap_or_default()))
    }
}

/// The same as a number.
async fn number(parts: &mut Parts, api: &Api) -> Option<u64> {
    digits(&segment(parts, api).await?)
}

/// A number of digits alone: no sign, no space.
pub(super) fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// The one variable segment of the path; `None` where it is not even UTF-8.
async fn segment(parts: &mut Parts, api: &Api) -> Option<String> {
    Path::<String>::from_request_parts(parts, api).await.ok().map(|Path(text)| text)
}

/// The query of the URL. Parameters nobody asked for are ignored, as proxies and browsers add some.
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<Api> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, api).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(rejection) => Err(Problem::new(Code::InvalidRequest, rejection.body_text())),
        }
    }
}

/// Which page of a list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PageParams {
    /// Entries of a page: 1 to 100, 20 when left out.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub limit: Option<String>,
    /// The `nextCursor` of the page before.
    pub cursor: Option<String>,
}

impl PageParams {
    /// The number of entries.
    ///
    /// # Errors
    /// 400 for what is not an integer, 422 for one out of range.
    pub fn limit(&self) -> Result<u32, Problem> {
        let Some(text) = &self.limit else { return Ok(LIMIT_DEFAULT) };
        let Some(whole) = Whole::from_digits(text) else {
            return Err(Problem::new(Code::InvalidRequest, "limit must be an integer"));
        };
        let mut checks = Checks::default();
        let limit = checks.number("limit", Some(whole), (1, LIMIT_MAX.into()));
        limit.and_then(|limit| u32::try_from(limit).ok()).ok_or_else(|| checks.problem())
    }

    /// The place to go on from, as the list reads it.
    ///
    /// # Errors
    /// 400 for anything that is not a cursor of this list.
    pub fn cursor<T>(&self, read: impl FnOnce(&str) -> Option<T>) -> Result<Option<T>, Problem> {
        let Some(text) = &self.cursor else { return Ok(None) };
        let bad = || Problem::new(Code::InvalidRequest, "cursor must be the nextCursor of a page");
        read(text).map(Some).ok_or_else(bad)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limit(text: &str) -> Result<u32, u16> {
        let params = PageParams { limit: Some(text.to_owned()), cursor: None };
        params.limit().map_err(|problem| problem.status().as_u16())
    }

    #[test]
    fn limits_have_bounds() {
        assert_eq!(PageParams::default().limit().ok(), Some(LIMIT_DEFAULT));
        assert_eq!((limit("1"), limit("100")), (Ok(1), Ok(100)));
        assert_eq!((limit("0"), limit("101"), limit("-1")), (Err(422), Err(422), Err(422)));
        assert_eq!(
            (limit("99999999999999999999"), limit("ten"), limit("")),
            (Err(422), Err(400), Err(400))
        );
    }
}
