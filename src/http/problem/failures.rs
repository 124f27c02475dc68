//! The table of failures: each variant of the inner layers' errors, mapped exactly once.

use super::{Code, FieldError, Members, Problem};
use crate::account::{AccountError, TokenError};
use crate::cart::CartError;
use crate::catalog::CatalogError;
use crate::domain::{HoldEnd, Refusal, STOCKED_MAX, Timestamp};
use crate::engine::EngineError;
use crate::projection::QueryError;

pub(super) const SOLD_OUT_DETAIL: &str = "no unit is left";

impl Problem {
    /// What a refused or failed command is answered. `now` turns an opening time into a wait.
    #[must_use]
    pub fn of_engine(error: EngineError, now: Timestamp) -> Self {
        match error {
            EngineError::Refused(refusal) => Self::of_refusal(refusal, now),
            EngineError::Overloaded(bound) => {
                Self::new(Code::Overloaded, format!("the bound on {bound} is reached"))
            }
            EngineError::JournalUnavailable => Self::new(
                Code::JournalUnavailable,
                "the journal cannot be written at the moment; nothing was sold",
            ),
            EngineError::OutcomeUnknown => Self::new(
                Code::OutcomeUnknown,
                "whether this was recorded is not known; repeat it with the same Idempotency-Key",
            ),
            EngineError::NotOwner => Self::new(
                Code::NotOwner,
                "another server decides now or this one is stopping; nothing was sold",
            ),
        }
    }

    /// The same for a request about one reservation, where an unknown product only means that the
    /// reservation is unknown.
    #[must_use]
    pub fn of_reservation(error: EngineError, now: Timestamp) -> Self {
        match error {
            EngineError::Refused(Refusal::UnknownProduct) => {
                Self::of_refusal(Refusal::UnknownReservation, now)
            }
            other => Self::of_engine(other, now),
        }
    }

    /// The same for the creation of a product, which nobody can repeat by a key: whether an unknown
    /// one is there must be looked up.
    #[must_use]
    pub fn of_creation(error: CatalogError, now: Timestamp) -> Self {
        match error {
            CatalogError::Engine(EngineError::OutcomeUnknown) => Self::new(
                Code::OutcomeUnknown,
                "whether the product was created is not known; look at GET /api/v1/products before \
                 you repeat it",
            )
            .not_retryable(),
            other => Self::of_catalog(other, now),
        }
    }

    /// What an operator is answered whose change of the catalogue was not taken.
    #[must_use]
    pub fn of_catalog(error: CatalogError, now: Timestamp) -> Self {
        match error {
            CatalogError::Engine(error) => Self::of_engine(error, now),
            CatalogError::SkuTaken(holder) => {
                let taken = Self::new(Code::SkuExists, "another product has this SKU");
                match holder {
                    Some(product) => taken.about(product),
                    None => taken,
                }
            }
            CatalogError::Behind => Self::new(
                Code::ProjectionBehind,
                "whether the SKU is free cannot be told while the query tables are behind; try again",
            ),
            CatalogError::Query(error) => Self::of_query(&error),
        }
    }

    fn of_refusal(refusal: Refusal, now: Timestamp) -> Self {
        match refusal {
            Refusal::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "this Idempotency-Key was used for another request before",
            ),
            Refusal::UnknownProduct => Self::new(Code::ProductNotFound, "there is no such product"),
            Refusal::AlreadyCreated => {
                Self::new(Code::ProductExists, "the product is there already")
            }
            Refusal::OtherVersion => Self::new(
                Code::VersionMismatch,
                "the product is not of the version of If-Match any more: look at it again",
            ),
            Refusal::OtherCurrency { currency } => Self::validation(vec![FieldError {
                field: "price.currency",
                message: format!("must stay {}", currency.as_str()).into(),
            }]),
            Refusal::Inactive => Self::new(Code::ProductInactive, "the product is not sold"),
            Refusal::NotQueued => Self::unknown_purchase(),
            Refusal::UnknownReservation => Self::unknown_reservation(),
            Refusal::PartOfOrder => Self::new(
                Code::ReservationInOrder,
                "the reservation is a line of an order: pay, cancel or refund the order",
            ),
            Refusal::ReturnedAlready => {
                Self::new(Code::OrderReturned, "this was cancelled or refunded before")
            }
            Refusal::HoldOver(end) => Self::of_ended_hold(end),
            Refusal::ExtensionsUsedUp { extensions_max } => Self::new(
                Code::ExtensionLimitReached,
                format!("a reservation may be extended {extensions_max} times at most"),
            )
            .with(Members::ExtensionsMax(extensions_max)),
            Refusal::NotOpen { opens_at } => {
                let seconds = opens_at.millis_since(now).div_ceil(1_000).max(1);
                Self::new(Code::SaleNotOpen, "the sale opens later")
                    .with(Members::OpensAt(opens_at))
                    .retry_after(seconds)
            }
            Refusal::Closed { closed_at } => {
                Self::new(Code::SaleEnded, "the sale is over").with(Members::ClosedAt(closed_at))
            }
            Refusal::UnknownSale => Self::unknown_sale(),
            Refusal::SalePaused => {
                Self::new(Code::SalePaused, "the sale is paused; try again later").retry_after(5)
            }
            Refusal::SaleRunning => Self::new(
                Code::SaleRunning,
                "the sale is open: its startsAt, its products and their prices stay, and it is deleted only when \
                 it has ended",
            ),
            Refusal::SaleHasSales => Self::new(
                Code::SaleHasSales,
                "something was sold or is held under the sale, so it is kept",
            ),
            Refusal::SaleOverlaps { sale } => Self::new(
                Code::SaleOverlaps,
                format!(
                    "sale {sale} has this product at that time: choose another time, or end it"
                ),
            )
            .with(Members::Sale(sale)),
            Refusal::EndsBeforeOpening => Self::validation(vec![FieldError {
                field: "endsAt",
                message: "must be after startsAt".into(),
            }]),
            Refusal::BelowTaken { taken } => Self::validation(vec![FieldError {
                field: "products",
                message: format!("units must be at least {taken}, which are sold or held").into(),
            }]),
            Refusal::SoldOut => Self::new(Code::SoldOut, SOLD_OUT_DETAIL),
            Refusal::CustomerLimit { limit, owned } => Self::new(
                Code::CustomerLimitReached,
                format!("one customer may have {limit}, this one has {owned}"),
            )
            .with(Members::Limit { limit, owned }),
            Refusal::Insufficient { available } => {
                let units = if available == 1 { "unit is" } else { "units are" };
                Self::new(Code::InsufficientStock, format!("{available} {units} left"))
                    .with(Members::Available(available))
            }
            Refusal::AboveMaximum { stocked } => Self::validation(vec![FieldError {
                field: "delta",
                message: format!("must leave at most {STOCKED_MAX} units in stock, {stocked} are")
                    .into(),
            }]),
            Refusal::Full { table } => {
                Self::new(Code::Overloaded, format!("the product's table of {table} is full"))
            }
        }
    }

    fn of_ended_hold(end: HoldEnd) -> Self {
        match end {
            HoldEnd::Confirmed => {
                Self::new(Code::ReservationConfirmed, "the reservation was confirmed before")
            }
            HoldEnd::Released => {
                Self::new(Code::ReservationReleased, "the reservation was released before")
            }
            HoldEnd::Expired => Self::new(
                Code::ReservationExpired,
                "the reservation's time ran out and its units went back",
            ),
        }
    }

    /// What is answered to whoever cannot prove who they are, or cannot sign in.
    #[must_use]
    pub fn of_account(error: &AccountError, now: Timestamp) -> Self {
        let detail = error.to_string();
        match error {
            AccountError::Token(TokenError::Expired) => Self::new(Code::TokenExpired, detail),
            AccountError::Token(TokenError::Invalid(_)) => Self::new(Code::InvalidToken, detail),
            AccountError::WrongCredentials => Self::new(Code::InvalidCredentials, detail),
            AccountError::Exists => Self::new(Code::AccountExists, detail),
            AccountError::TooManyAttempts { until } => {
                let seconds = until.millis_since(now).div_ceil(1_000).max(1);
                Self::new(Code::TooManyAttempts, detail).retry_after(seconds)
            }
            AccountError::Reused => Self::new(Code::RefreshTokenReused, detail),
            AccountError::Busy => Self::new(Code::Overloaded, detail),
            AccountError::Unavailable(_) => Self::new(Code::AccountsUnavailable, detail),
            AccountError::NoAccount => Self::new(Code::Forbidden, detail),
            AccountError::NoIssuer => Self::new(Code::RouteNotFound, detail),
            AccountError::Failed => Self::new(Code::Internal, detail),
        }
    }

    /// What a failed query is answered; the cause goes to the log.
    #[must_use]
    pub fn of_query(error: &QueryError) -> Self {
        match error {
            QueryError::Unavailable(cause) => {
                tracing::warn!(cause, "a query failed: the database cannot be reached");
                Self::new(
                    Code::DatabaseUnavailable,
                    "the database for queries cannot be reached; sales go on",
                )
            }
            QueryError::Damaged(cause) => {
                tracing::error!(cause, "a query failed: a stored row cannot be read");
                Self::new(Code::Internal, "a stored row cannot be read; the log says more")
            }
        }
    }

    /// What a failed question about a cart is answered. That the store is away is in the log already.
    #[must_use]
    pub fn of_cart(error: &CartError) -> Self {
        match error {
            CartError::Full(full) => Self::new(Code::CartFull, full.to_string()),
            CartError::Overloaded => Self::new(Code::Overloaded, error.to_string()),
            CartError::Unavailable(_) => Self::new(
                Code::CartUnavailable,
                "carts cannot be reached at the moment; sales go on",
            ),
            CartError::Damaged(cause) => {
                tracing::error!(cause, "a stored cart cannot be read");
                Self::new(Code::Internal, "a stored cart cannot be read; the log says more")
            }
        }
    }

    /// A row is missing, and the query tables have not caught up with what is durable.
    #[must_use]
    pub fn projection_behind() -> Self {
        Self::new(Code::ProjectionBehind, "the query tables are behind the sales; ask again")
    }

    #[must_use]
    pub fn unknown_product() -> Self {
        Self::new(Code::ProductNotFound, "there is no such product")
    }

    #[must_use]
    pub fn unknown_order() -> Self {
        Self::new(Code::OrderNotFound, "there is no such order")
    }

    #[must_use]
    pub fn unknown_sale() -> Self {
        Self::new(Code::SaleNotFound, "there is no such sale, or the product is not in it")
    }

    #[must_use]
    pub fn unknown_purchase() -> Self {
        Self::new(Code::PurchaseNotFound, "there is no such purchase")
    }

    #[must_use]
    pub fn unknown_reservation() -> Self {
        Self::new(Code::ReservationNotFound, "there is no such reservation")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::header;
    use axum::response::IntoResponse;
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn document(problem: &Problem) -> Value {
        serde_json::from_slice(&problem.body()).expect("JSON")
    }

    /// Status, code, retryable, Retry-After, and the members beyond the usual ones.
    fn row(error: EngineError) -> (u16, String, bool, Option<String>, Value) {
        let problem = Problem::of_engine(error, NOW);
        let mut document = document(&problem);
        let object = document.as_object_mut().expect("an object");
        let code = object.remove("code").expect("code").as_str().expect("text").to_owned();
        assert_eq!(object.remove("type"), Some(json!(format!("urn:lastunit:problem:{code}"))));
        let retryable = object.remove("retryable") == Some(json!(true));
        let status = problem.status().as_u16();
        assert_eq!(object.remove("status"), Some(json!(status)));
        assert!(object.remove("title").is_some() && object.remove("detail").is_some());
        let response = problem.into_response();
        assert_eq!(response.status().as_u16(), status);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/problem+json");
        let wait = response.headers().get(header::RETRY_AFTER);
        let wait = wait.map(|value| value.to_str().expect("text").to_owned());
        (status, code, retryable, wait, document)
    }

    #[test]
    fn every_refusal_has_its_documented_answer() {
        let at = Timestamp::from_millis(1_001_500);
        let delta = json!({"errors": [{"field": "delta",
            "message": "must leave at most 1000000000 units in stock, 7 are"}]});
        let table = [
            (Refusal::KeyReused, 422, "idempotency-key-reused", json!({})),
            (Refusal::UnknownProduct, 404, "product-not-found", json!({})),
            (Refusal::Inactive, 409, "product-inactive", json!({})),
            (Refusal::OtherVersion, 412, "version-mismatch", json!({})),
            (Refusal::AlreadyCreated, 409, "product-exists", json!({})),
            (Refusal::NotQueued, 404, "purchase-not-found", json!({})),
            (Refusal::UnknownReservation, 404, "reservation-not-found", json!({})),
            (Refusal::HoldOver(HoldEnd::Confirmed), 409, "reservation-confirmed", json!({})),
            (Refusal::HoldOver(HoldEnd::Released), 409, "reservation-released", json!({})),
            (Refusal::HoldOver(HoldEnd::Expired), 410, "reservation-expired", json!({})),
            (
                Refusal::ExtensionsUsedUp { extensions_max: 3 },
                409,
                "extension-limit-reached",
                json!({"extensionsMax": 3}),
            ),
            (
                Refusal::Closed { closed_at: at },
                409,
                "sale-ended",
                json!({"closedAt": "1970-01-01T00:16:41.500Z"}),
            ),
            (Refusal::SoldOut, 409, "sold-out", json!({})),
            (
                Refusal::CustomerLimit { limit: 2, owned: 1 },
                409,
                "customer-limit-reached",
                json!({"limit": 2, "owned": 1}),
            ),
            (
                Refusal::Insufficient { available: 2 },
                409,
                "insufficient-stock",
                json!({"available": 2}),
            ),
            (Refusal::AboveMaximum { stocked: 7 }, 422, "validation-failed", delta),
        ];
        for (refusal, status, code, members) in table {
            let expected = (status, code.to_owned(), false, None, members);
            assert_eq!(row(refusal.into()), expected, "{refusal:?}");
        }
        let (status, code, retryable, wait, members) =
            row(Refusal::NotOpen { opens_at: at }.into());
        assert_eq!((status, code.as_str(), retryable), (409, "sale-not-open", true));
        assert_eq!(wait.as_deref(), Some("2"));
        assert_eq!(members, json!({"opensAt": "1970-01-01T00:16:41.500Z"}));
    }

    #[test]
    fn whatever_may_be_repeated_is_503_with_a_wait() {
        for (error, code) in [
            (EngineError::Overloaded("commands in flight"), "overloaded"),
            (EngineError::Refused(Refusal::Full { table: "holds" }), "overloaded"),
            (EngineError::JournalUnavailable, "journal-unavailable"),
            (EngineError::OutcomeUnknown, "outcome-unknown"),
            (EngineError::NotOwner, "not-owner"),
        ] {
            let expected = (503, code.to_owned(), true, Some("1".to_owned()), json!({}));
            assert_eq!(row(error), expected, "{error:?}");
        }
    }

    #[test]
    fn an_unknown_product_is_an_unknown_reservation_where_one_is_asked_for() {
        let problem = Problem::of_reservation(Refusal::UnknownProduct.into(), NOW);
        assert_eq!(problem.code(), Code::ReservationNotFound);
        let problem = Problem::of_reservation(EngineError::NotOwner, NOW);
        assert_eq!(problem.code(), Code::NotOwner);
    }

    #[test]
    fn an_unknown_creation_is_not_to_be_repeated_blindly() {
        let problem = Problem::of_creation(EngineError::OutcomeUnknown.into(), NOW);
        let document = document(&problem);
        assert_eq!((&document["status"], &document["retryable"]), (&json!(503), &json!(false)));
        let detail = document["detail"].as_str().expect("text");
        assert!(detail.contains("GET /api/v1/products"), "{detail}");
        assert!(!detail.contains("Idempotency-Key"), "{detail}");
        let problem = Problem::of_creation(EngineError::NotOwner.into(), NOW);
        assert_eq!(problem, Problem::of_engine(EngineError::NotOwner, NOW));
    }

    #[test]
    fn queries_fail_without_telling_the_cause() {
        for (error, status, code) in [
            (QueryError::Unavailable("secret".into()), 503, "database-unavailable"),
            (QueryError::Damaged("secret".into()), 500, "internal-error"),
        ] {
            let problem = Problem::of_query(&error);
            assert_eq!((problem.status().as_u16(), problem.code().as_str()), (status, code));
            assert!(!document(&problem).to_string().contains("secret"));
        }
    }

    #[test]
    fn carts_fail_without_telling_the_cause() {
        for (error, status, code) in [
            (CartError::Full(crate::cart::CartFull), 409, "cart-full"),
            (CartError::Overloaded, 503, "overloaded"),
            (CartError::Unavailable("secret".into()), 503, "cart-unavailable"),
            (CartError::Damaged("secret".into()), 500, "internal-error"),
        ] {
            let problem = Problem::of_cart(&error);
            assert_eq!((problem.status().as_u16(), problem.code().as_str()), (status, code));
            assert!(!document(&problem).to_string().contains("secret"));
        }
    }

    #[test]
    fn the_prepared_document_is_what_would_be_written() {
        let problem = Problem::of_engine(Refusal::SoldOut.into(), NOW);
        assert_eq!(problem.body(), problem.render());
    }
}
