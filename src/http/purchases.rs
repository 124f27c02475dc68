//! Purchases: buy now. The hot path.

use super::Api;
use super::body::Json;
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures, SignInFailures};
use super::order_ref::OrderRef;
use super::prefer;
use super::problem::{Code, Document, Problem};
use super::queued::{self, PurchaseState};
use super::respond::{self, MoneyDocument};
use super::time::Rfc3339;
use crate::clock;
use crate::domain::{
    Action, Answer, Command, CustomerId, Fingerprint, Money, Outcome, Priority, ProductId,
    Quantity, SaleId,
};
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use compact_str::CompactString;
use serde::{Deserialize, Serialize};

/// What is to be bought, by whom.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"productId": 1, "quantity": 1, "customerId": "ann"}))]
pub struct PurchaseRequest {
    /// The product; its digits as a text are accepted too.
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    /// How many units.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u32, minimum = 1, maximum = 1000, required)]
    quantity: Option<Whole>,
    /// Who buys; an integer is accepted too, and `userId` as another name. Whoever has a token may leave
    /// it out, and buys for themselves.
    #[serde(default, alias = "userId", deserialize_with = "fields::customer")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<CompactString>,
    /// `normal`, or `vip` (for operators): which of those who wait come first. Only with
    /// `Prefer: respond-async`.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(normal|vip)$")]
    priority: Option<CompactString>,
    /// Buys under this sale or not at all: nobody pays another price than they saw.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    sale_id: Option<Whole>,
}

/// A request whose values are in range.
pub(super) struct Purchase {
    pub(super) product: ProductId,
    pub(super) quantity: Quantity,
    pub(super) customer: CustomerId,
    pub(super) priority: Priority,
    sale: Option<SaleId>,
    /// It is accepted now and decided when its turn comes.
    waits: bool,
}

impl PurchaseRequest {
    fn check(self, caller: &Caller, waits: bool) -> Result<Purchase, Problem> {
        let mut checks = Checks::default();
        let product = checks.product(self.product_id);
        let quantity = checks.quantity(self.quantity);
        let customer = checks.customer(caller.customer(self.customer_id.as_deref()));
        let priority = check_priority(&mut checks, self.priority.as_deref(), waits);
        let sale = checks.sale(self.sale_id);
        match (product, quantity, customer, priority, sale) {
            (Some(product), Some(quantity), Some(customer), Some(priority), Some(sale)) => {
                Ok(Purchase { product, quantity, customer, priority, sale, waits })
            }
            _ => Err(checks.problem()),
        }
    }
}

fn check_priority(checks: &mut Checks, priority: Option<&str>, waits: bool) -> Option<Priority> {
    match priority {
        Some(_) if !waits => {
            checks.fail("priority", "is for purchases with the header Prefer: respond-async only")
        }
        None | Some("normal") => Some(Priority::Normal),
        Some("vip") => Some(Priority::Vip),
        Some(_) => checks.fail("priority", "must be \"normal\" or \"vip\""),
    }
}

impl Purchase {
    /// Whether it waits makes no other request of it: a retry that waits no longer gets the first answer.
    fn meaning(&self) -> Fingerprint {
        let meaning = Meaning::of("purchase")
            .number(self.product.get())
            .number(self.quantity.get().into())
            .text(self.customer.as_str());
        let meaning = match self.priority {
            Priority::Normal => meaning,
            Priority::Vip => meaning.text("vip"),
        };
        meaning.sale(self.sale).fingerprint()
    }

    fn action(&self) -> Action {
        let (order, customer) = (clock::draw_order_id(), self.customer.clone());
        let (quantity, priority, sale) = (self.quantity, self.priority, self.sale);
        if self.waits {
            Action::Queue { order, customer, quantity, priority, sale }
        } else {
            Action::Purchase { order, customer, quantity, sale }
        }
    }
}

/// An order of one line.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Purchase, example = json!({
    "orderId": "1-0190b6a0-7e50-7cc3-98c4-dc0c0c07398f", "productId": 1, "quantity": 1,
    "customerId": "ann", "status": "confirmed",
    "unitPrice": {"amount": 99_999, "currency": "USD"},
    "total": {"amount": 99_999, "currency": "USD"},
    "createdAt": "2026-01-31T09:00:00.000Z"
}))]
pub struct PurchaseDocument<'a> {
    #[schema(value_type = String)]
    pub order_id: OrderRef,
    pub product_id: u64,
    pub quantity: u32,
    pub customer_id: &'a str,
    /// Always `confirmed`.
    pub status: &'static str,
    pub unit_price: MoneyDocument,
    pub total: MoneyDocument,
    /// That it was sold under; left out where it was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sale_id: Option<u64>,
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339,
}

/// Results `lastunit_purchases_total` counts, beside the codes of problems.
const SOLD: usize = 0;
const REPLAYED: usize = 1;
/// Behind the codes: accepted, to be decided later.
pub(super) const QUEUED: usize = REPLAYED + 1 + Code::ALL.len();

/// The list of results for `lastunit_purchases_total` (and, with another first word, for
/// reservations): what succeeded first, then every code.
pub(super) fn results(success: &'static str) -> Vec<&'static str> {
    let codes = Code::ALL.iter().map(|code| code.as_str());
    [success, "replayed"].into_iter().chain(codes).collect()
}

/// The place of a result in that list.
pub(super) fn result_index(answer: &Result<Response, Problem>) -> usize {
    match answer {
        Ok(response) if response.headers().contains_key(respond::REPLAYED) => REPLAYED,
        Ok(response) if response.status() == StatusCode::ACCEPTED => QUEUED,
        Ok(_) => SOLD,
        Err(problem) => REPLAYED + 1 + problem.code() as usize,
    }
}

/// Buys units of one product: now, or with `Prefer: respond-async` when its turn comes.
#[utoipa::path(
    post, path = "/api/v1/purchases", tag = "purchases", operation_id = "buy",
    request_body = PurchaseRequest,
    params(("Idempotency-Key" = Option<String>, Header, description =
        "Bare or quoted, up to 255 characters, scoped to the customer, kept for at least 24 hours: \
         a repeated request gets the first answer again"),
        ("Prefer" = Option<String>, Header, description =
        "`respond-async`: answered 202 as soon as the purchase is durably queued")),
    responses(
        (status = 201, description = "Bought; a replay says `Idempotent-Replayed: true`",
            body = PurchaseDocument),
        (status = 202, description = "Accepted and queued (`Prefer: respond-async`); `Location` says \
            where it is shown. A replay says where it stands now", body = PurchaseState),
        (status = 404, description = "`product-not-found`; `sale-not-found`: it is not in this \
            sale", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`, `insufficient-stock` with `available`, \
            `customer-limit-reached` with `limit` and `owned`, `sale-not-open` with `opensAt`, \
            `sale-ended`, `sale-paused`", body = Document, content_type = "application/problem+json"),
        SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn buy(
    State(api): State<Api>,
    caller: Caller,
    request: Result<Json<PurchaseRequest>, Problem>,
) -> Result<Response, Problem> {
    let answer = match request {
        Ok(Json { headers, value }) => purchase(&api, &caller, &headers, value).await,
        Err(problem) => Err(problem),
    };
    api.purchase_results.count(result_index(&answer));
    answer
}

async fn purchase(
    api: &Api,
    caller: &Caller,
    headers: &HeaderMap,
    request: PurchaseRequest,
) -> Result<Response, Problem> {
    let purchase = request.check(caller, prefer::wants_async(headers))?;
    caller.act_for(&purchase.customer)?;
    if purchase.priority == Priority::Vip && !caller.is_operator() {
        return Err(Problem::new(
            Code::Forbidden,
            "priority \"vip\" is for operators: send the header Authorization: Bearer with the token \
             of one",
        ));
    }
    api.admission.buyer(&purchase.customer, [purchase.product])?;
    let scope = Scope::Customer(&purchase.customer);
    let retry = idempotency::retry(headers, scope, || purchase.meaning())?;
    let action = purchase.action();
    let outcome = api.engine.submit(purchase.product, Command { retry, action }).await;
    let outcome = outcome.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    match outcome.answer {
        Answer::Queued { order, .. } if outcome.replayed => {
            queued::accepted_before(api, OrderRef { product: purchase.product, order }).await
        }
        Answer::Queued { order, position } => {
            Ok(queued::accepted(api, &purchase, (order, position), &outcome))
        }
        _ => bought(&purchase, &outcome),
    }
}

fn bought(purchase: &Purchase, outcome: &Outcome) -> Result<Response, Problem> {
    let Answer::Purchased { order, quantity, unit_price, sale } = outcome.answer else {
        return Err(respond::unexpected(&outcome.answer));
    };
    let price = Money { amount: unit_price, currency: outcome.currency };
    let document = PurchaseDocument {
        order_id: OrderRef { product: purchase.product, order },
        product_id: purchase.product.get(),
        quantity,
        customer_id: purchase.customer.as_str(),
        status: "confirmed",
        unit_price: price.into(),
        total: price.times(quantity).into(),
        sale_id: sale.map(SaleId::get),
        created_at: Rfc3339(outcome.at),
    };
    Ok(respond::outcome(StatusCode::CREATED, &document, outcome.replayed))
}
