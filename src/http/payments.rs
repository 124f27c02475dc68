//! Payments: signed notices of a provider. A notice is answered 200 when what it says is durable, so a
//! provider that repeats what was not answered loses nothing, and repeating does no harm.
//!
//! An order that waits for its payment is known to its lead, which is asked first: so notices settle orders
//! while the query tables are away or behind. Only of what is over, or was never there, the tables tell.

use super::Api;
use super::body::Raw;
use super::caller::Caller;
use super::fields::Whole;
use super::openapi::{EngineFailures, InputFailures};
use super::order_ref::OrderRef;
use super::orders;
use super::problem::{Code, Document, Problem};
use super::respond;
use crate::checkout::Noticed;
use crate::checkout::jobs::{lines_of, was_sold};
use crate::checkout::signature::{SignatureError, Signed};
use crate::domain::{Money, Payment, Refusal};
use crate::engine::EngineError;
use crate::projection::{OrderRow, OrderStatus, Payments};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// The payment method whose provider sends notices.
const METHOD: &str = "webhook";

/// What notices are counted as; the last two are whatever was not answered 200.
pub(super) const RESULTS: [&str; 6] =
    ["confirmed", "cancelled", "late", "ignored", "mismatch", "refused"];

/// An amount in minor units.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(as = NoticeAmount)]
struct Amount {
    #[serde(deserialize_with = "units")]
    amount: u64,
    currency: String,
}

/// However it is written, as everywhere; never below 0.
fn units<'de, D: Deserializer<'de>>(value: D) -> Result<u64, D::Error> {
    let Whole(units) = Whole::deserialize(value)?;
    u64::try_from(units).map_err(|_| D::Error::custom("an amount is an integer from 0"))
}

/// What a notice is about.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = NoticeData)]
struct Data {
    order_id: String,
    amount: Amount,
    /// Why it was declined.
    reason: Option<String>,
}

/// A provider's notice; it may say more, which is ignored.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[schema(example = json!({
    "type": "payment.paid",
    "data": {"orderId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f",
        "amount": {"amount": 99_999, "currency": "USD"}}
}))]
pub struct Notice {
    /// `payment.paid` or `payment.declined`; others are answered 200 and ignored.
    #[serde(rename = "type")]
    kind: String,
    /// Of the two types: what they are about. Of others anything.
    #[serde(default)]
    #[schema(value_type = Data)]
    data: Value,
}

/// What a notice has led to.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = NoticeResult, example = json!({"result": "confirmed"}))]
pub struct ResultDocument {
    /// `confirmed`, `cancelled`, `late` (the order was over: its units are taken again, or the money goes
    /// back) or `ignored` (it changes nothing).
    result: &'static str,
}

/// Takes a notice of the payment provider, signed as the Standard Webhooks specification has it.
#[utoipa::path(
    post, path = "/api/v1/payments/webhook", tag = "payments", operation_id = "takePaymentNotice",
    request_body = Notice,
    params(
        ("webhook-id" = String, Header, description = "The notice's id"),
        ("webhook-timestamp" = String, Header, description = "When it was sent, in seconds since 1970"),
        ("webhook-signature" = String, Header, description = "`v1,` and HMAC-SHA256 over \
            `{id}.{timestamp}.{body}` in base64; several separated by spaces"),
    ),
    responses(
        (status = 200, description = "What it says is durable", body = ResultDocument),
        (status = 401, description = "`invalid-signature`", body = Document,
            content_type = "application/problem+json"),
        (status = 404, description = "`order-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`other-payment-method`, `notice-id-reused`", body = Document,
            content_type = "application/problem+json"),
        InputFailures, EngineFailures,
    )
)]
pub async fn notice(State(api): State<Api>, raw: Raw) -> Result<Response, Problem> {
    let taken = take_once(&api, &raw).await;
    let index = match &taken {
        Ok(Noticed::Confirmed) => 0,
        Ok(Noticed::Cancelled) => 1,
        Ok(Noticed::Late) => 2,
        Ok(Noticed::Ignored) => 3,
        Err(problem) if problem.code() == Code::PaymentMismatch => 4,
        Err(_) => 5,
    };
    api.notice_results.count(index);
    taken.map(|_| respond::json(StatusCode::OK, &ResultDocument { result: RESULTS[index] }))
}

/// An id is of one notice: whoever says something else under it is not understood.
async fn take_once(api: &Api, raw: &Raw) -> Result<Noticed, Problem> {
    let id = check_signature(api, raw)?;
    if !api.notices_seen.fits(id, &raw.bytes, api.clock.now()) {
        let detail = "a notice with this webhook-id has said something else: give each its own id";
        return Err(Problem::new(Code::NoticeIdReused, detail));
    }
    let taken = take(api, raw).await?;
    api.notices_seen.note(id, &raw.bytes, api.clock.now());
    Ok(taken)
}

async fn take(api: &Api, raw: &Raw) -> Result<Noticed, Problem> {
    let notice: Notice = raw.json()?;
    let paid = match notice.kind.as_str() {
        "payment.paid" => true,
        "payment.declined" => false,
        other => {
            let kind: String = other.chars().take(64).collect();
            tracing::debug!(kind, "a notice of a type that means nothing here");
            return Ok(Noticed::Ignored);
        }
    };
    let data: Data = serde_json::from_value(notice.data).map_err(|error| {
        Problem::new(Code::InvalidRequest, format!("data of the notice cannot be read: {error}"))
    })?;
    let reference = OrderRef::parse(&data.order_id).ok_or_else(Problem::unknown_order)?;
    let lines = match api.checkout.open(reference.product, reference.order).await {
        Ok(Some(open)) => {
            let total = Money { amount: open.total(), currency: open.currency };
            check_payment(reference, Some(&open.payment), total, &data.amount)?;
            open.lines.into()
        }
        Ok(None)
        | Err(EngineError::Refused(
            Refusal::HoldOver(_) | Refusal::UnknownReservation | Refusal::UnknownProduct,
        )) => {
            let row = orders::find_fresh(api, &Caller::SIGNED, reference).await?;
            let payment = Payments::new(api.queries.clone()).of(row.order).await;
            let payment = payment.map_err(|error| Problem::of_query(&error))?;
            check_payment(reference, payment.as_ref(), row.total, &data.amount)?;
            if let Some(known) = known(&row, paid) {
                return Ok(known);
            }
            lines_of(&row)
        }
        Err(error) => return Err(Problem::of_engine(error, api.clock.now())),
    };
    let OrderRef { product: lead, order } = reference;
    let outcome = if paid {
        api.checkout.paid(lead, order, lines).await
    } else {
        tracing::debug!(order = data.order_id, reason = data.reason, "a payment was declined");
        api.checkout.declined(lead, order, lines).await
    };
    outcome.map_err(|error| {
        tracing::warn!(order = data.order_id, %error, "a notice could not be recorded");
        Problem::of_engine(error, api.clock.now())
    })
}

/// What a notice means that changes nothing any more; `None` where it may.
fn known(row: &OrderRow, paid: bool) -> Option<Noticed> {
    if was_sold(row) {
        let repeated = paid && row.status == OrderStatus::Confirmed;
        return Some(if repeated { Noticed::Confirmed } else { Noticed::Ignored });
    }
    // Recorded before; what becomes of it is decided already, or will be.
    row.paid_late.then_some(if paid { Noticed::Late } else { Noticed::Ignored })
}

/// Gives the notice's id.
fn check_signature<'a>(api: &Api, raw: &'a Raw) -> Result<&'a str, Problem> {
    if api.signatures.is_empty() {
        return Err(Problem::new(
            Code::WebhookNotConfigured,
            "notices cannot be checked: set payment.webhook_secrets",
        ));
    }
    let unsigned = || {
        let detail = "the headers webhook-id, webhook-timestamp and webhook-signature must be there \
                      once each, and the signature must be of this body and a known secret";
        Problem::new(Code::InvalidSignature, detail)
    };
    let once = |name| once(&raw.headers, name).ok_or_else(unsigned);
    let signed = Signed {
        id: once("webhook-id")?,
        timestamp: once("webhook-timestamp")?,
        signatures: once("webhook-signature")?,
    };
    let checked = api.signatures.check(signed, &raw.bytes, api.clock.now());
    checked.map(|()| signed.id).map_err(|error| match error {
        SignatureError::Invalid => unsigned(),
        SignatureError::OutOfTime => Problem::new(
            Code::NoticeTooOld,
            "the notice's time is too far from the server's: sign it again, and check both clocks",
        ),
    })
}

fn once<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    let only = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(only)
}

/// The order must be one that this provider is paid for, and exactly what it costs must be paid.
fn check_payment(
    order: OrderRef,
    payment: Option<&Payment>,
    total: Money,
    noticed: &Amount,
) -> Result<(), Problem> {
    if payment.is_none_or(|payment| &*payment.method != METHOD) {
        let detail = "the order is not paid by the method \"webhook\"";
        return Err(Problem::new(Code::OtherPaymentMethod, detail));
    }
    if noticed.amount == total.amount && noticed.currency == total.currency.as_str() {
        return Ok(());
    }
    tracing::warn!(%order, ?noticed, ?total, "a notice of another amount");
    Err(Problem::new(
        Code::PaymentMismatch,
        format!("the order costs {} {}", total.amount, total.currency.as_str()),
    ))
}
