//! Purchases: buy now. The hot path.

use super::Api;
use super::body::Json;
use super::checks::Checks;
use super::fields::{self, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{EngineFailures, InputFailures};
use super::order_ref::OrderRef;
use super::problem::{Code, Document, Problem};
use super::respond::{self, MoneyDocument};
use super::time::Rfc3339;
use crate::clock;
use crate::domain::{
    Action, Answer, Command, CustomerId, Fingerprint, Money, Outcome, ProductId, Quantity,
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
    /// Who buys; an integer is accepted too, and `userId` as another name.
    #[serde(default, alias = "userId", deserialize_with = "fields::customer")]
    #[schema(value_type = String, min_length = 1, max_length = 64, required)]
    customer_id: Option<CompactString>,
}

/// A request whose values are in range.
struct Purchase {
    product: ProductId,
    quantity: Quantity,
    customer: CustomerId,
}

impl PurchaseRequest {
    fn check(self) -> Result<Purchase, Problem> {
        let mut checks = Checks::default();
        let product = checks.product(self.product_id);
        let quantity = checks.quantity(self.quantity);
        let customer = checks.customer(self.customer_id.as_deref());
        match (product, quantity, customer) {
            (Some(product), Some(quantity), Some(customer)) => {
                Ok(Purchase { product, quantity, customer })
            }
            _ => Err(checks.problem()),
        }
    }
}

impl Purchase {
    fn meaning(&self) -> Fingerprint {
        Meaning::of("purchase")
            .number(self.product.get())
            .number(self.quantity.get().into())
            .text(self.customer.as_str())
            .fingerprint()
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
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Rfc3339,
}

/// Results `lastunit_purchases_total` counts, beside the codes of problems.
const SOLD: usize = 0;
const REPLAYED: usize = 1;

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
        Ok(_) => SOLD,
        Err(problem) => REPLAYED + 1 + problem.code() as usize,
    }
}

/// Buys units of one product.
#[utoipa::path(
    post, path = "/api/v1/purchases", tag = "purchases", operation_id = "buy",
    request_body = PurchaseRequest,
    params(("Idempotency-Key" = Option<String>, Header, description =
        "Bare or quoted, up to 255 characters, scoped to the customer, kept for at least 24 hours: \
         a repeated request gets the first answer again")),
    responses(
        (status = 201, description = "Bought; a replay says `Idempotent-Replayed: true`",
            body = PurchaseDocument),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`sold-out`, `insufficient-stock` with `available`, \
            `customer-limit-reached` with `limit` and `owned`, `sale-not-open` with `opensAt`, \
            `sale-ended`", body = Document, content_type = "application/problem+json"),
        InputFailures, EngineFailures,
    )
)]
pub async fn buy(
    State(api): State<Api>,
    request: Result<Json<PurchaseRequest>, Problem>,
) -> Result<Response, Problem> {
    let answer = match request {
        Ok(Json { headers, value }) => purchase(&api, &headers, value).await,
        Err(problem) => Err(problem),
    };
    api.purchase_results.count(result_index(&answer));
    answer
}

async fn purchase(
    api: &Api,
    headers: &HeaderMap,
    request: PurchaseRequest,
) -> Result<Response, Problem> {
    let purchase = request.check()?;
    let scope = Scope::Customer(&purchase.customer);
    let retry = idempotency::retry(headers, scope, || purchase.meaning())?;
    let action = Action::Purchase {
        order: clock::draw_order_id(),
        customer: purchase.customer.clone(),
        quantity: purchase.quantity,
    };
    match api.engine.submit(purchase.product, Command { retry, action }).await {
        Ok(outcome) => bought(&purchase, &outcome),
        Err(error) => Err(Problem::of_engine(error, api.clock.now())),
    }
}

fn bought(purchase: &Purchase, outcome: &Outcome) -> Result<Response, Problem> {
    let Answer::Purchased { order, quantity, unit_price } = outcome.answer else {
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
        created_at: Rfc3339(outcome.at),
    };
    Ok(respond::outcome(StatusCode::CREATED, &document, outcome.replayed))
}
