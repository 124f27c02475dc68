//! Checkout: orders of several products, placed and paid. What becomes of them later is in `order_changes`.

use super::Api;
use super::body::Json;
use super::caller::Caller;
use super::checks::Checks;
use super::fields::{self, Object, Whole};
use super::idempotency::{self, Meaning, Scope};
use super::openapi::{CheckoutFailures, EngineFailures, InputFailures, SignInFailures};
use super::orders::OrderDocument;
use super::problem::{Code, Document, Problem};
use super::respond;
use super::session::Session;
use super::waiting;
use crate::checkout::jobs::was_sold;
use crate::checkout::{Bought, Checkout, LINES_MAX, NewOrder, OrderState, PlaceError, PlacedOrder};
use crate::clock;
use crate::domain::{CustomerId, Fingerprint, Money, Payment, ProductId, Quantity, SaleId};
use crate::projection::{LineStatus, OrderLine, OrderRow, OrderStatus, OrderedCart, Payments};
use crate::telemetry::request_id::RequestId;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use compact_str::CompactString;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a request with a key waits until the tables can tell whether it came before.
const KEY_PATIENCE: Duration = Duration::from_secs(2);

/// One product of a new order.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ItemRequest {
    #[serde(default, deserialize_with = "fields::whole_or_digits")]
    #[schema(value_type = u64, minimum = 1, maximum = 9_223_372_036_854_775_807_u64, required)]
    product_id: Option<Whole>,
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u32, minimum = 1, maximum = 1000, required)]
    quantity: Option<Whole>,
    /// Buys under this sale or not at all: nobody pays another price than they saw.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    sale_id: Option<Whole>,
}

/// How it is to be paid.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"method": "simulated", "token": "tok_ok"}))]
pub struct PaymentRequest {
    /// `simulated` or `webhook`.
    #[schema(value_type = String, pattern = "^(simulated|webhook)$", required)]
    method: Option<String>,
    /// The means of payment as the provider knows it; of `simulated` one of `tok_ok`, `tok_declined`,
    /// `tok_later`, `tok_pending`, `tok_error` and `tok_hang`.
    #[schema(max_length = 200)]
    token: Option<String>,
}

/// What is to be ordered, by whom, and how it is paid.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "customerId": "ann", "items": [{"productId": 1, "quantity": 1}, {"productId": 2, "quantity": 2}],
    "payment": {"method": "simulated", "token": "tok_ok"}
}))]
pub struct OrderRequest {
    /// Who buys; an integer is accepted too, and `userId` as another name. Whoever has a token may leave
    /// it out.
    #[serde(default, alias = "userId", deserialize_with = "fields::customer")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<CompactString>,
    /// Each product once.
    #[serde(default)]
    #[schema(value_type = Vec<ItemRequest>, min_items = 1, max_items = 100, required)]
    items: Option<Vec<Object<ItemRequest>>>,
    #[schema(value_type = PaymentRequest, required)]
    payment: Option<Object<PaymentRequest>>,
}

/// A request whose values are in range.
pub(super) struct Wanted {
    pub customer: CustomerId,
    pub items: Vec<(ProductId, Quantity)>,
    /// Products that are bought under this sale or not at all.
    pub sales: BTreeMap<ProductId, SaleId>,
    pub payment: Payment,
}

impl OrderRequest {
    fn check(self, caller: &Caller, checkout: &Checkout) -> Result<Wanted, Problem> {
        let mut checks = Checks::default();
        let customer = checks.customer(caller.customer(self.customer_id.as_deref()));
        let items = check_items(&mut checks, self.items);
        let payment = check_payment(&mut checks, self.payment, checkout);
        match (customer, items, payment) {
            (Some(customer), Some((items, sales)), Some(payment)) => {
                Ok(Wanted { customer, items, sales, payment })
            }
            _ => Err(checks.problem()),
        }
    }
}

/// Products with their quantities, and the sales of those that name one.
type Items = (Vec<(ProductId, Quantity)>, BTreeMap<ProductId, SaleId>);

fn check_items(checks: &mut Checks, items: Option<Vec<Object<ItemRequest>>>) -> Option<Items> {
    let items = items.unwrap_or_default();
    if items.is_empty() || items.len() > LINES_MAX {
        return checks.fail("items", format!("must name 1 to {LINES_MAX} products"));
    }
    let (mut read, mut sales) = (Vec::with_capacity(items.len()), BTreeMap::new());
    for (index, Object(item)) in items.into_iter().enumerate() {
        let mut own = Checks::default();
        let (product, quantity) = (own.product(item.product_id), own.quantity(item.quantity));
        match (product, quantity, own.sale(item.sale_id)) {
            (Some(product), Some(quantity), Some(sale)) => {
                read.push((product, quantity));
                sales.extend(sale.map(|sale| (product, sale)));
            }
            _ => return checks.fail("items", format!("item {}: {}", index + 1, own.sentence())),
        }
    }
    read.sort_unstable_by_key(|(product, _)| *product);
    if let Some(twice) = read.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return checks
            .fail("items", format!("must name each product once, {} is twice", twice[0].0));
    }
    Some((read, sales))
}

pub(super) fn check_payment(
    checks: &mut Checks,
    payment: Option<Object<PaymentRequest>>,
    checkout: &Checkout,
) -> Option<Payment> {
    let Some(Object(payment)) = payment else { return checks.fail("payment", "is required") };
    let method = checks.required_text("payment.method", payment.method, (1, 32))?;
    let token = checks.text("payment.token", payment.token, (0, 200)).unwrap_or_default();
    let Some(provider) = checkout.provider(&method) else {
        let known = checkout.methods().join(", ");
        return checks.fail("payment.method", format!("must be one of: {known}"));
    };
    if let Err(complaint) = provider.ready() {
        return checks.fail("payment.method", complaint);
    }
    match provider.accepts(&token) {
        Ok(()) => Some(Payment { method: method.into(), token: token.into() }),
        Err(complaint) => checks.fail("payment.token", complaint),
    }
}

impl Wanted {
    pub(super) fn meaning(&self, what: &'static str) -> Fingerprint {
        let mut meaning = Meaning::of(what).text(self.customer.as_str());
        for (product, quantity) in &self.items {
            meaning = meaning.number(product.get()).number(quantity.get().into());
            meaning = meaning.sale(self.sales.get(product).copied());
        }
        meaning.text(&self.payment.method).text(&self.payment.token).fingerprint()
    }
}

/// Orders several products: all of them or none.
#[utoipa::path(
    post, path = "/api/v1/orders", tag = "orders", operation_id = "placeOrder",
    request_body = OrderRequest,
    params(("Idempotency-Key" = Option<String>, Header, description = "As for purchases")),
    responses(
        (status = 201, description = "`confirmed` when it is paid, `pending_payment` while the \
            provider has not decided", body = OrderDocument),
        (status = 402, description = "`payment-declined`; nothing is held any more",
            body = Document, content_type = "application/problem+json"),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "As for purchases, with `productId` of the line; \
            `mixed-currencies`, `idempotency-key-in-progress`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, EngineFailures,
    )
)]
pub async fn order(
    State(api): State<Api>,
    caller: Caller,
    Json { headers, value }: Json<OrderRequest>,
) -> Result<Response, Problem> {
    let wanted = value.check(&caller, &api.checkout)?;
    caller.act_for(&wanted.customer)?;
    let bought = buy(&api, &headers, "order", wanted).await?;
    Ok(answer(&bought))
}

/// Places an order and has it paid, as far as the provider decides while we wait.
pub(super) async fn buy(
    api: &Api,
    headers: &HeaderMap,
    what: &'static str,
    wanted: Wanted,
) -> Result<Bought, Problem> {
    api.admission.buyer(&wanted.customer, wanted.items.iter().map(|(product, _)| *product))?;
    let retry =
        idempotency::retry(headers, Scope::Customer(&wanted.customer), || wanted.meaning(what))?;
    let Wanted { customer, items, sales, payment } = wanted;
    let order = clock::draw_order_id();
    let order = NewOrder { order, customer, items, sales, payment, retry };
    api.checkout.buy(order).await.map_err(|error| problem_of(api, error))
}

pub(super) fn answer(bought: &Bought) -> Response {
    let row = row_of(bought);
    let replayed = bought.placed.replayed;
    respond::outcome(StatusCode::CREATED, &OrderDocument::of_row(&row), replayed)
}

/// How the cart is to be paid, and by whom.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"payment": {"method": "simulated", "token": "tok_ok"}}))]
pub struct CartCheckoutRequest {
    /// Who buys; whoever the token is of when it is left out, and without one the session itself.
    #[serde(default, alias = "userId", deserialize_with = "fields::customer")]
    #[schema(value_type = Option<String>, min_length = 1, max_length = 64)]
    customer_id: Option<CompactString>,
    #[schema(value_type = PaymentRequest, required)]
    payment: Option<Object<PaymentRequest>>,
    /// Every line is bought under this sale, or nothing is.
    #[serde(default, deserialize_with = "fields::optional_whole")]
    #[schema(value_type = Option<u64>, minimum = 1)]
    sale_id: Option<Whole>,
}

/// Orders what is in the cart: all of it or nothing. What was ordered leaves the cart; after a refusal
/// or a declined payment the cart is as it was.
#[utoipa::path(
    post, path = "/api/v1/cart/checkout", tag = "cart", operation_id = "checkOutCart",
    request_body = CartCheckoutRequest,
    params(
        ("X-Session-Id" = Option<String>, Header, description = "Whose cart; with a token it is the \
            customer's own, and without either there is nothing in it"),
        ("Idempotency-Key" = Option<String>, Header, description = "As for purchases"),
    ),
    responses(
        (status = 201, description = "As for `POST /orders`", body = OrderDocument),
        (status = 402, description = "`payment-declined`; the cart is kept",
            body = Document, content_type = "application/problem+json"),
        (status = 404, description = "`product-not-found`", body = Document,
            content_type = "application/problem+json"),
        (status = 409, description = "`cart-empty`, and as for `POST /orders`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, CheckoutFailures,
    )
)]
pub async fn cart(
    State(api): State<Api>,
    caller: Caller,
    session: Session,
    Json { headers, value }: Json<CartCheckoutRequest>,
) -> Result<Response, Problem> {
    let mut checks = Checks::default();
    let customer = caller.customer(value.customer_id.as_deref());
    let customer = checks.customer(Some(customer.unwrap_or(session.id.as_str())));
    let payment = check_payment(&mut checks, value.payment, &api.checkout);
    let sale = checks.sale(value.sale_id);
    let (Some(customer), Some(payment), Some(sale)) = (customer, payment, sale) else {
        return Err(checks.problem());
    };
    caller.act_for(&customer)?;
    // To its end, whoever goes away: what was ordered must also leave the cart.
    let checking_out = RequestId::carried(async move {
        check_out(&api, &headers, &session, (customer, sale), payment).await
    });
    let checking_out = tokio::spawn(checking_out);
    checking_out.await.unwrap_or_else(|_| {
        Err(Problem::new(Code::OutcomeUnknown, "the server failed while it ordered the cart"))
    })
}

async fn check_out(
    api: &Api,
    headers: &HeaderMap,
    session: &Session,
    (customer, sale): (CustomerId, Option<SaleId>),
    payment: Payment,
) -> Result<Response, Problem> {
    // Before the cart is read: whoever comes later finds it as this order leaves it.
    let guard = api.checkout.guard(idempotency::cart_guard(session.id.as_str()));
    let _guard = guard.map_err(|error| problem_of(api, error))?;
    if let Some(known) = known(api, headers, &customer).await? {
        if known.status == OrderStatus::Cancelled && !was_sold(&known) {
            return Err(problem_of(api, PlaceError::GivenUp { order: known.order }));
        }
        leave_cart(api, session, &known).await;
        let document = OrderDocument::of_row(&known);
        return Ok(marked(session, respond::outcome(StatusCode::CREATED, &document, true)));
    }
    let cart = api.carts.read(&session.id).await.map_err(|error| Problem::of_cart(&error))?;
    let mut items: Vec<_> = cart.lines().iter().map(|line| (line.product, line.quantity)).collect();
    if items.is_empty() {
        return Err(Problem::new(Code::CartEmpty, "there is nothing in the cart to order"));
    }
    items.sort_unstable_by_key(|(product, _)| *product);
    let sales = items.iter().filter_map(|(product, _)| Some((*product, sale?))).collect();
    let wanted = Wanted { customer, items, sales, payment };
    let bought = buy(api, headers, "checkout", wanted).await?;
    leave_cart(api, session, &row_of(&bought)).await;
    Ok(marked(session, answer(&bought)))
}

fn marked(session: &Session, mut response: Response) -> Response {
    session.mark(&mut response);
    response
}

/// The order that was placed with this key before. The cart cannot tell: it was emptied by it.
async fn known(
    api: &Api,
    headers: &HeaderMap,
    customer: &CustomerId,
) -> Result<Option<OrderRow>, Problem> {
    let scope = Scope::Customer(customer);
    let Some(retry) = idempotency::retry(headers, scope, || Fingerprint(0))? else {
        return Ok(None);
    };
    let reached = match api.checkout.key_seen_at(retry.key) {
        None => waiting::caught_up(api, KEY_PATIENCE).await,
        Some(positions) => api.progress.wait_for(&positions, KEY_PATIENCE).await,
    };
    if !reached {
        return Err(Problem::projection_behind());
    }
    let found = api.queries.order_by_key(retry.key).await;
    found.map_err(|error| Problem::of_query(&error))
}

/// Takes what was ordered out of the cart. A cart that cannot be reached keeps it, and shows it again:
/// the order stands all the same. While the order is not paid it is noted first whose cart it was, for
/// what was in it comes back if nobody pays; where that cannot be noted, the cart keeps it.
async fn leave_cart(api: &Api, session: &Session, row: &OrderRow) {
    match row.status {
        OrderStatus::Confirmed => {}
        OrderStatus::PendingPayment => {
            let cart = OrderedCart {
                order: row.order,
                lead: row.product,
                currency: row.total.currency,
                session: session.id.as_str(),
                at: api.clock.now(),
            };
            if let Err(error) = Payments::new(api.queries.clone()).keep_cart(&cart).await {
                tracing::warn!(%error, "what was ordered is still in its cart");
                return;
            }
        }
        OrderStatus::Cancelled | OrderStatus::Expired | OrderStatus::Refunded => return,
    }
    let lines = row.lines.iter();
    let bought: Vec<_> =
        lines.filter_map(|line| Some((line.product, Quantity::new(line.quantity).ok()?))).collect();
    if let Err(error) = api.carts.clear_lines(&session.id, &bought).await {
        tracing::warn!(%error, "what was ordered is still in its cart");
    }
}

/// The order as the query tables will have it.
pub(super) fn row_of(Bought { placed, customer, state }: &Bought) -> OrderRow {
    let PlacedOrder { lead, order, lines, currency, placed_at, expires_at, .. } = placed;
    let (status, line_status) = match state {
        OrderState::Pending => (OrderStatus::PendingPayment, LineStatus::Held),
        OrderState::Confirmed => (OrderStatus::Confirmed, LineStatus::Sold),
        OrderState::Cancelled => (OrderStatus::Cancelled, LineStatus::Released),
        OrderState::Expired => (OrderStatus::Expired, LineStatus::Expired),
    };
    let amount = placed.total();
    OrderRow {
        order: *order,
        product: *lead,
        customer: customer.clone(),
        status,
        total: Money { amount, currency: *currency },
        created_at: *placed_at,
        expires_at: Some(*expires_at),
        lines: lines
            .iter()
            .map(|line| OrderLine {
                product: line.product,
                quantity: line.quantity.get(),
                unit_price: line.unit_price,
                sale: line.sale,
                status: line_status,
            })
            .collect(),
        paid_late: false,
        refunds: Vec::new(),
    }
}

pub(super) fn problem_of(api: &Api, error: PlaceError) -> Problem {
    match error {
        PlaceError::Line { product, error } => {
            Problem::of_engine(error, api.clock.now()).about(product)
        }
        PlaceError::MixedCurrencies => Problem::new(
            Code::MixedCurrencies,
            "the products are sold in different currencies: order them apart",
        ),
        PlaceError::InProgress => Problem::new(
            Code::IdempotencyKeyInProgress,
            "the first request with this key, or for this cart, is still running: ask again in a moment",
        )
        .retry_after(1),
        PlaceError::Declined { reason } => {
            Problem::new(Code::PaymentDeclined, format!("the payment was declined: {reason}"))
        }
        PlaceError::GivenUp { .. } => Problem::new(
            Code::PaymentDeclined,
            "the order of this key was cancelled before it was paid: order again with another key",
        ),
    }
}
