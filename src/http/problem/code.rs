//! The closed list of ways a request can fail: status, stable code, title, and whether the same
//! request may succeed later. Clients match on the code; it never changes.

use axum::http::StatusCode;

/// One row per failure that a caller can see.
macro_rules! codes {
    ($($name:ident $status:ident $code:literal $title:literal $retryable:literal)*) => {
        /// What went wrong, as a stable name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $(
            #[doc = $title]
            $name,
        )* }

        impl Code {
            /// All codes, in the order of their declaration.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The stable text clients match on.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }

            #[must_use]
            pub const fn status(self) -> StatusCode {
                match self { $(Self::$name => StatusCode::$status),* }
            }

            /// A short summary for people; the same for every occurrence.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title),* }
            }

            /// Whether the same request may succeed later.
            #[must_use]
            pub const fn retryable(self) -> bool {
                match self { $(Self::$name => $retryable),* }
            }
        }
    };
}

codes! {
    InvalidRequest BAD_REQUEST "invalid-request" "The request cannot be read" false
    ValidationFailed UNPROCESSABLE_ENTITY "validation-failed" "A value is out of range" false
    IdempotencyKeyReused UNPROCESSABLE_ENTITY "idempotency-key-reused" "The idempotency key belongs to another request" false
    Unauthorized UNAUTHORIZED "unauthorized" "The request does not say who it is from" false
    InvalidToken UNAUTHORIZED "invalid-token" "The token or API key is not valid" false
    TokenExpired UNAUTHORIZED "token-expired" "The token has run out" false
    InvalidCredentials UNAUTHORIZED "invalid-credentials" "Address or password is wrong" false
    RefreshTokenReused UNAUTHORIZED "refresh-token-reused" "The refresh token was used before" false
    InvalidSignature UNAUTHORIZED "invalid-signature" "The notice is not signed with a known secret" false
    NoticeTooOld BAD_REQUEST "notice-too-old" "The notice is not of this time" false
    PaymentMismatch UNPROCESSABLE_ENTITY "payment-mismatch" "The amount is not that of the order" false
    Forbidden FORBIDDEN "forbidden" "The request is not for this caller" false
    ProductNotFound NOT_FOUND "product-not-found" "No such product" false
    ReservationNotFound NOT_FOUND "reservation-not-found" "No such reservation" false
    PurchaseNotFound NOT_FOUND "purchase-not-found" "No such purchase" false
    OrderNotFound NOT_FOUND "order-not-found" "No such order" false
    DeadLetterNotFound NOT_FOUND "dead-letter-not-found" "No such dead letter" false
    ApiKeyNotFound NOT_FOUND "api-key-not-found" "No such API key" false
    SaleNotFound NOT_FOUND "sale-not-found" "No such sale" false
    MisdirectedRequest MISDIRECTED_REQUEST "misdirected-request" "The server does not answer under this name" false
    RouteNotFound NOT_FOUND "route-not-found" "No such route" false
    MethodNotAllowed METHOD_NOT_ALLOWED "method-not-allowed" "The route does not know this method" false
    RequestTimeout REQUEST_TIMEOUT "request-timeout" "The request took too long to arrive" true
    BodyTooLarge PAYLOAD_TOO_LARGE "body-too-large" "The body is too large" false
    HeadTooLarge REQUEST_HEADER_FIELDS_TOO_LARGE "head-too-large" "The head of the request is too large" false
    UnsupportedMediaType UNSUPPORTED_MEDIA_TYPE "unsupported-media-type" "The body is not JSON" false
    ProductExists CONFLICT "product-exists" "The product is there already" false
    ProductInactive CONFLICT "product-inactive" "The product is not sold" false
    SkuExists CONFLICT "sku-exists" "Another product has this SKU" false
    VersionMismatch PRECONDITION_FAILED "version-mismatch" "The product has changed meanwhile" false
    SoldOut CONFLICT "sold-out" "Sold out" false
    InsufficientStock CONFLICT "insufficient-stock" "Fewer units are left than asked for" false
    CustomerLimitReached CONFLICT "customer-limit-reached" "The customer has what one customer may have" false
    SaleNotOpen CONFLICT "sale-not-open" "The sale has not opened yet" true
    SaleEnded CONFLICT "sale-ended" "The sale is over" false
    SalePaused CONFLICT "sale-paused" "The sale is paused" true
    SaleOverlaps CONFLICT "sale-overlaps" "Another sale has the product at that time" false
    SaleRunning CONFLICT "sale-running" "The sale is open" false
    SaleHasSales CONFLICT "sale-has-sales" "Something was sold under the sale" false
    ReservationExpired GONE "reservation-expired" "The reservation ran out" false
    ReservationConfirmed CONFLICT "reservation-confirmed" "The reservation is confirmed already" false
    ReservationReleased CONFLICT "reservation-released" "The reservation was released" false
    ReservationInOrder CONFLICT "reservation-in-order" "The reservation is a line of an order" false
    CartEmpty CONFLICT "cart-empty" "There is nothing in the cart" false
    IdempotencyKeyInProgress CONFLICT "idempotency-key-in-progress" "The first request with this key is still running" true
    MixedCurrencies CONFLICT "mixed-currencies" "The products are sold in different currencies" false
    OrderNotPaid CONFLICT "order-not-paid" "The order is not paid" false
    OrderOver CONFLICT "order-over" "The order is over" false
    PaymentDeclined PAYMENT_REQUIRED "payment-declined" "The payment was declined" false
    OtherPaymentMethod CONFLICT "other-payment-method" "The order is paid by another method" false
    NoticeIdReused CONFLICT "notice-id-reused" "The notice's id belongs to another notice" false
    NotDead CONFLICT "not-dead" "The job was not given up" false
    OrderReturned CONFLICT "order-returned" "The order was cancelled or refunded" false
    ExtensionLimitReached CONFLICT "extension-limit-reached" "The reservation cannot be extended again" false
    AccountExists CONFLICT "account-exists" "The address has an account" false
    TooManyAttempts TOO_MANY_REQUESTS "too-many-attempts" "The password was wrong too often" true
    CartFull CONFLICT "cart-full" "The cart has no room for another product" false
    RateLimited TOO_MANY_REQUESTS "rate-limited" "Too many requests" true
    Internal INTERNAL_SERVER_ERROR "internal-error" "The server failed" false
    Overloaded SERVICE_UNAVAILABLE "overloaded" "The server has more work than it takes" true
    JournalUnavailable SERVICE_UNAVAILABLE "journal-unavailable" "The journal cannot be written" true
    OutcomeUnknown SERVICE_UNAVAILABLE "outcome-unknown" "The outcome is not known" true
    NotOwner SERVICE_UNAVAILABLE "not-owner" "This server does not decide" true
    ProjectionBehind SERVICE_UNAVAILABLE "projection-behind" "The query tables are behind" true
    DatabaseUnavailable SERVICE_UNAVAILABLE "database-unavailable" "The database cannot be reached" true
    CartUnavailable SERVICE_UNAVAILABLE "cart-unavailable" "Carts cannot be reached" true
    AccountsUnavailable SERVICE_UNAVAILABLE "accounts-unavailable" "Accounts cannot be reached" true
    WebhookNotConfigured SERVICE_UNAVAILABLE "webhook-not-configured" "Notices cannot be checked" true
    TooManyConnections SERVICE_UNAVAILABLE "too-many-connections" "The server has more connections than it takes" true
}

impl Code {
    /// How to prove who one is (RFC 6750), for codes that ask for it.
    #[must_use]
    pub const fn challenge(self) -> Option<&'static str> {
        match self {
            Self::Unauthorized | Self::InvalidCredentials | Self::RefreshTokenReused => {
                Some("Bearer")
            }
            Self::InvalidToken | Self::TokenExpired => Some("Bearer error=\"invalid_token\""),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_and_in_order() {
        for (index, code) in Code::ALL.iter().enumerate() {
            assert_eq!(*code as usize, index);
            let same = Code::ALL.iter().filter(|other| other.as_str() == code.as_str()).count();
            assert_eq!(same, 1, "{code:?}");
        }
    }

    #[test]
    fn every_code_is_documented() {
        let manual = include_str!("../../../docs/api.md");
        let rows: Vec<_> = manual.lines().filter(|line| line.starts_with("| ")).collect();
        for code in Code::ALL {
            let (status, name) = (code.status().as_u16(), code.as_str());
            let start = format!("| {status} |");
            let named = rows
                .iter()
                .any(|row| row.starts_with(&start) && row.contains(&format!("`{name}`")));
            assert!(named, "{status} {name} is not in docs/api.md");
        }
    }

    #[test]
    fn every_503_may_be_repeated() {
        for code in Code::ALL.iter().filter(|code| code.status().as_u16() == 503) {
            assert!(code.retryable(), "{code:?}");
        }
    }
}
