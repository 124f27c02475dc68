//! Reservations: units held for a customer until a time, then confirmed, released or expired.
//!
//! The reservation's id is the id of the order it becomes. An active hold is shown by the engine; one
//! that has ended is shown by the query tables, which remember it for ever.

use super::Api;
use super::body::{Json, NoBody};
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures, LookUpFailures, NotFound, SignInFailures};
use super::order_ref::OrderRef;
use super::params::ReservationPath;
use super::problem::{Document, Problem};
use super::purchases::{self, PurchaseDocument};
use super::respond::{self, MoneyDocument};
use super::time::Rfc3339;
use super::waiting;
use crate::clock;
use crate::domain::{
    Action, Answer, Command, CustomerId, Fingerprint, Hold, HoldEnd, Money, Outcome, ProductId,
    Quantity, Refusal, SaleId, Timestamp,
};
use crate::engine::EngineError;
use crate::projection::{ReservationRow, ReservationStatus};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long the end of a hold is waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is to be held, for whom and how long.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "productId": 1, "quantity": 1, "customerId": "ann", "holdSeconds": 600
}))]
pub struct ReservationRequest {
    /// The product; its digits as a text are accepted too.
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    /// How many units.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u32, minimum = 1, maximum = 1000, required)]
    quantity: Option<Whole>,
    /// Who reserves; an integer is accepted too, and `userId` as another name. Whoever has a token may
    /// leave it out.
    #[serde(default, alias = "userId", deserialize_with = "fields::customer")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<CompactString>,
    /// How long, up to what the server is configured for (`holds.seconds_max`, which is at most this maximum);
    /// without it as long as it is configured for.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 2_592_000)]
    hold_seconds: Option<Whole>,
    /// Holds under this sale or not at all: nobody pays another price than they saw.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    sale_id: Option<Whole>,
}

/// A request whose values are in range.
struct NewReservation {
    product: ProductId,
    quantity: Quantity,
    customer: CustomerId,
    hold_seconds: u64,
    sale: Option<SaleId>,
}

impl ReservationRequest {
    fn check(self, api: &Api, caller: &Caller) -> Result<NewReservation, Problem> {
        let mut checks = Checks::default();
        let product = checks.product(self.product_id);
        let quantity = checks.quantity(self.quantity);
        let customer = checks.customer(caller.customer(self.customer_id.as_deref()));
        let hold_seconds = check_hold_seconds(&mut checks, self.hold_seconds, api);
        let sale = checks.sale(self.sale_id);
        match (product, quantity, customer, hold_seconds, sale) {
            (Some(product), Some(quantity), Some(customer), Some(hold_seconds), Some(sale)) => {
                Ok(NewReservation { product, quantity, customer, hold_seconds, sale })
            }
            _ => Err(checks.problem()),
        }
    }
}

fn check_hold_seconds(checks: &mut Checks, value: Option<Whole>, api: &Api) -> Option<u64> {
    match value {
        None => Some(api.holds.seconds_default),
        some => checks.number("holdSeconds", some, (1, api.holds.seconds_max)),
    }
}

impl NewReservation {
    fn meaning(&self) -> Fingerprint {
        Meaning::of("reservation")
            .number(self.product.get())
            .number(self.quantity.get().into())
            .text(self.customer.as_str())
            .number(self.hold_seconds)
            .sale(self.sale)
            .fingerprint()
    }
}

/// A reservation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Reservation, example = json!({
    "reservationId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", "productId": 1, "quantity": 1,
    "customerId": "ann", "status": "held",
    "unitPrice": {"amount": 99_999, "currency": "USD"},
    "total": {"amount": 99_999, "currency": "USD"},
    "createdAt": "2026-01-31T09:00:00.000Z", "expiresAt": "2026-01-31T09:10:00.000Z"
}))]
pub struct ReservationDocument<'a> {
    #[schema(value_type = String)]
    reservation_id: OrderRef,
    product_id: u64,
    quantity: u32,
    customer_id: &'a str,
    /// `held`, `confirmed`, `released` or `expired`.
    status: &'static str,
    unit_price: MoneyDocument,
    total: MoneyDocument,
    /// The order it is a line of: only that one is paid or cancelled. Left out where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    order_id: Option<OrderRef>,
    /// That it is held under; left out where it is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    #[schema(value_type = String, format = DateTime)]
    expires_at: Rfc3339,
    /// When it was confirmed, released or expired.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Rfc3339>,
}

impl<'a> ReservationDocument<'a> {
    pub(super) fn of_row(row: &'a ReservationRow) -> Self {
        let shown = Shown {
            reference: OrderRef { product: row.product, order: row.order },
            customer: &row.customer,
            quantity: row.quantity,
            price: row.unit_price,
            lead: row.lead,
            sale: row.sale,
            created_at: row.created_at,
            expires_at: row.expires_at,
        };
        shown.document(row.status.as_str(), row.ended_at)
    }
}

/// The parts of a hold that its documents show.
struct Shown<'a> {
    reference: OrderRef,
    customer: &'a CustomerId,
    quantity: u32,
    price: Money,
    /// Of the order it is a line of.
    lead: Option<ProductId>,
    sale: Option<SaleId>,
    created_at: Timestamp,
    expires_at: Timestamp,
}

impl<'a> Shown<'a> {
    fn document(
        self,
        status: &'static str,
        ended_at: Option<Timestamp>,
    ) -> ReservationDocument<'a> {
        let order = self.reference.order;
        ReservationDocument {
            reservation_id: self.reference,
            product_id: self.reference.product.get(),
            quantity: self.quantity,
            customer_id: self.customer.as_str(),
            status,
            unit_price: self.price.into(),
            total: self.price.times(self.quantity).into(),
            order_id: self.lead.map(|product| OrderRef { product, order }),
            sale_id: self.sale.map(SaleId::get),
            created_at: Rfc3339(self.created_at),
            expires_at: Rfc3339(self.expires_at),
            ended_at: ended_at.map(Rfc3339),
        }
    }
}

/// Holds units of one product.
#[utoipa::path(
    post, path = "/api/v1/reservations", tag = "reservations", operation_id = "reserve",
    request_body = ReservationRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for purchases")),
    responses(
        (status = 201, description = "Held until `expiresAt`", body = ReservationDocument),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`, `insufficient-stock`, `customer-limit-reached`, \
            `sale-not-open`, `sale-ended`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn create(
    State(api): State<Api>,
    caller: Caller,
    request: Result<Json<ReservationRequest>, Problem>,
) -> Result<Response, Problem> {
    let answer = match request {
        Ok(Json { headers, value }) => reserve(&api, &caller, &headers, value).await,
        Err(problem) => Err(problem),
    };
    api.reservation_results.count(purchases::result_index(&answer));
    answer
}

async fn reserve(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    request: ReservationRequest,
) -> Result<Response, Problem> {
    let wanted = request.check(api, caller)?;
    caller.act_for(&wanted.customer)?;
    api.admission.buyer(&wanted.customer, [wanted.product])?;
    let scope = Scope::Customer(&wanted.customer);
    let retry = idempotency::retry(headers, scope, || wanted.meaning())?;
    let action = Action::Hold {
        order: clock::draw_order_id(),
        customer: wanted.customer.clone(),
        quantity: wanted.quantity,
        hold_ms: wanted.hold_seconds * 1_000,
        sale: wanted.sale,
        part: None,
    };
    let outcome = api.engine.submit(wanted.product, Command { retry, action }).await;
    let outcome = outcome.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    let Answer::Held { order, quantity, unit_price, expires_at, sale } = outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let shown = Shown {
        reference: OrderRef { product: wanted.product, order },
        customer: &wanted.customer,
        quantity,
        price: Money { amount: unit_price, currency: outcome.currency },
        lead: None,
        sale,
        created_at: outcome.at,
        expires_at,
    };
    Ok(respond::outcome(StatusCode::CREATED, &shown.document("held", None), outcome.replayed))
}

/// Shows a reservation, also one that has ended.
#[utoipa::path(
    get, path = "/api/v1/reservations/{id}", tag = "reservations", operation_id = "getReservation",
    params(("id" = String, Path, description = "The reservation")),
    responses(
        (status = 200, description = "The reservation", body = ReservationDocument),
        NotFound, SignInFailures, LookUpFailures,
    )
)]
pub async fn get(
    State(api): State<Api>,
    caller: Caller,
    ReservationPath(reference): ReservationPath,
) -> Result<Response, Problem> {
    let look_up = Command::plain(Action::LookUp { order: reference.order });
    match api.engine.submit(reference.product, look_up).await {
        Ok(Outcome { answer: Answer::Shown(hold, sale), currency, .. }) => {
            shown_to(&caller, &hold.customer)?;
            let shown = active(reference, (&hold, sale), currency);
            Ok(respond::json(StatusCode::OK, &shown.document("held", None)))
        }
        Ok(outcome) => Err(respond::unexpected(&outcome.answer)),
        Err(EngineError::Refused(Refusal::HoldOver(end))) => {
            ended(&api, &caller, reference, Some(end)).await
        }
        Err(EngineError::Refused(Refusal::UnknownReservation)) => {
            ended(&api, &caller, reference, None).await
        }
        Err(error) => Err(Problem::of_reservation(error, api.clock.now())),
    }
}

fn active(
    reference: OrderRef,
    (hold, sale): (&Hold, Option<SaleId>),
    currency: crate::domain::Currency,
) -> Shown<'_> {
    Shown {
        reference,
        customer: &hold.customer,
        quantity: hold.quantity,
        price: Money { amount: hold.unit_price, currency },
        lead: hold.part.as_deref().map(|_| hold.lead().unwrap_or(reference.product)),
        sale,
        created_at: hold.created_at,
        expires_at: hold.expires_at,
    }
}

/// A reservation the engine no longer holds, from the query tables. `end` is how it ended, if the
/// engine still remembers.
async fn ended(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
    end: Option<HoldEnd>,
) -> Result<Response, Problem> {
    let row = waiting::find(api, PATIENCE, || ended_row(api, reference, end)).await?;
    let Some(row) = row else { return Err(Problem::unknown_reservation()) };
    shown_to(caller, &row.customer)?;
    Ok(respond::json(StatusCode::OK, &ReservationDocument::of_row(&row)))
}

/// The row, once it shows the end the engine knows of.
async fn ended_row(
    api: &Api,
    reference: OrderRef,
    end: Option<HoldEnd>,
) -> Result<Option<ReservationRow>, crate::projection::QueryError> {
    let row = api.queries.reservation(reference.order).await?;
    Ok(row.filter(|row| {
        let old = end.is_some() && row.status == ReservationStatus::Held;
        row.product == reference.product && !old
    }))
}

/// What is somebody else's is not there.
fn shown_to(caller: &Caller, customer: &CustomerId) -> Result<(), Problem> {
    if caller.may_see(customer) { Ok(()) } else { Err(Problem::unknown_reservation()) }
}

/// Refuses a reservation that is somebody else's, before anything is done with it. Costs nothing where
/// everything is the caller's to see.
async fn own(api: &Api, caller: &Caller, reference: OrderRef) -> Result<(), Problem> {
    if caller.sees_everything() {
        return Ok(());
    }
    let look_up = Command::plain(Action::LookUp { order: reference.order });
    match api.engine.submit(reference.product, look_up).await {
        Ok(Outcome { answer: Answer::Shown(hold, _), .. }) => shown_to(caller, &hold.customer),
        Ok(outcome) => Err(respond::unexpected(&outcome.answer)),
        Err(EngineError::Refused(Refusal::HoldOver(_) | Refusal::UnknownReservation)) => {
            let row = waiting::find(api, PATIENCE, || ended_row(api, reference, None)).await?;
            shown_to(caller, &row.ok_or_else(Problem::unknown_reservation)?.customer)
        }
        Err(error) => Err(Problem::of_reservation(error, api.clock.now())),
    }
}

/// Sends a command about one reservation.
async fn command(
    api: &Api,
    caller: &Caller,
    reference: OrderRef,
    headers: &HeaderMap,
    meaning: Meaning,
    action: Action,
) -> Result<Outcome, Problem> {
    let retry = idempotency::retry(headers, Scope::Reservation(reference), || {
        meaning.text(reference.text().as_str()).fingerprint()
    })?;
    own(api, caller, reference).await?;
    let outcome = api.engine.submit(reference.product, Command { retry, action }).await;
    outcome.map_err(|error| Problem::of_reservation(error, api.clock.now()))
}

/// Turns a reservation into an order.
#[utoipa::path(
    post, path = "/api/v1/reservations/{id}/confirm", tag = "reservations",
    operation_id = "confirmReservation",
    params(
        ("id" = String, Path, description = "The reservation"),
        ("Idempotency-Key" = Option<String>, Header, description = "Scoped to the reservation"),
    ),
    responses(
        (status = 200, description = "Sold; the order's id is the reservation's",
            body = PurchaseDocument),
        (status = 409, description = "`reservation-confirmed`, `reservation-released`",
            body = Document, content_type = "application/problem+json"),
        (status = 410, description = "`reservation-expired`", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn confirm(
    State(api): State<Api>,
    caller: Caller,
    ReservationPath(reference): ReservationPath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let action = Action::Confirm { order: reference.order };
    let outcome =
        command(&api, &caller, reference, &headers, Meaning::of("confirm"), action).await?;
    let Answer::Confirmed(confirmed) = &outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let price = Money { amount: confirmed.unit_price, currency: outcome.currency };
    let document = PurchaseDocument {
        order_id: reference,
        product_id: reference.product.get(),
        quantity: confirmed.quantity,
        customer_id: confirmed.customer.as_str(),
        status: "confirmed",
        unit_price: price.into(),
        total: price.times(confirmed.quantity).into(),
        sale_id: confirmed.sale.map(SaleId::get),
        created_at: Rfc3339(outcome.at),
    };
    Ok(respond::outcome(StatusCode::OK, &document, outcome.replayed))
}

/// How much longer.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"holdSeconds": 600}))]
pub struct ExtensionRequest {
    /// Seconds from now, as for a new reservation.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1, maximum = 2_592_000)]
    hold_seconds: Option<Whole>,
}

/// What became of a reservation, in short.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ReservationChange, example = json!({
    "reservationId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", "productId": 1,
    "status": "released", "endedAt": "2026-01-31T09:05:00.000Z"
}))]
pub struct ChangeDocument {
    #[schema(value_type = String)]
    reservation_id: OrderRef,
    product_id: u64,
    /// `held` or `released`.
    status: &'static str,
    /// When an extended one runs out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
    /// When a released one was released.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    ended_at: Option<Rfc3339>,
}

impl ChangeDocument {
    const fn of(reference: OrderRef, status: &'static str) -> Self {
        let product_id = reference.product.get();
        Self { reservation_id: reference, product_id, status, expires_at: None, ended_at: None }
    }
}

/// Keeps a reservation longer; never shorter. A bounded number of times.
#[utoipa::path(
    post, path = "/api/v1/reservations/{id}/extend", tag = "reservations",
    operation_id = "extendReservation",
    request_body = ExtensionRequest,
    params(
        ("id" = String, Path, description = "The reservation"),
        ("Idempotency-Key" = Option<String>, Header, description = "Scoped to the reservation"),
    ),
    responses(
        (status = 200, description = "Held until `expiresAt`", body = ChangeDocument),
        (status = 409, description = "`extension-limit-reached` with `extensionsMax`, \
            `reservation-confirmed`, `reservation-released`",
            body = Document, content_type = "application/problem+json"),
        (status = 410, description = "`reservation-expired`", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn extend(
    State(api): State<Api>,
    caller: Caller,
    ReservationPath(reference): ReservationPath,
    Json { headers, value }: Json<ExtensionRequest>,
) -> Result<Response, Problem> {
    let mut checks = Checks::default();
    let Some(seconds) = check_hold_seconds(&mut checks, value.hold_seconds, &api) else {
        return Err(checks.problem());
    };
    let extensions_max = api.holds.extensions_max;
    let action =
        Action::Extend { order: reference.order, hold_ms: seconds * 1_000, extensions_max };
    let meaning = Meaning::of("extension").number(seconds);
    let outcome = command(&api, &caller, reference, &headers, meaning, action).await?;
    let Answer::Extended { expires_at, .. } = outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let mut document = ChangeDocument::of(reference, "held");
    document.expires_at = Some(Rfc3339(expires_at));
    Ok(respond::outcome(StatusCode::OK, &document, outcome.replayed))
}

/// Gives a reservation up.
#[utoipa::path(
    delete, path = "/api/v1/reservations/{id}", tag = "reservations",
    operation_id = "releaseReservation",
    params(
        ("id" = String, Path, description = "The reservation"),
        ("Idempotency-Key" = Option<String>, Header, description = "Scoped to the reservation"),
    ),
    responses(
        (status = 200, description = "Released: its units are available again",
            body = ChangeDocument),
        (status = 409, description = "`reservation-confirmed`, `reservation-released`",
            body = Document, content_type = "application/problem+json"),
        (status = 410, description = "`reservation-expired`", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn release(
    State(api): State<Api>,
    caller: Caller,
    ReservationPath(reference): ReservationPath,
    NoBody { headers }: NoBody,
) -> Result<Response, Problem> {
    let action = Action::Release { order: reference.order };
    let outcome =
        command(&api, &caller, reference, &headers, Meaning::of("release"), action).await?;
    let Answer::Released { .. } = outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let mut document = ChangeDocument::of(reference, "released");
    document.ended_at = Some(Rfc3339(outcome.at));
    Ok(respond::outcome(StatusCode::OK, &document, outcome.replayed))
}
