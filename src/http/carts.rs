//! Carts: what a caller means to buy, with prices and stock as they are now. A cart holds no stock.

use super::Api;
use super::body::{Json, NoBody};
use super::checks::Checks;
use super::fields::{self, Whole};
use super::openapi::{CartFailures, InputFailures, NotFound, SignInFailures};
use super::params::ProductPath;
use super::problem::{Document, Problem};
use super::respond::{self, MoneyDocument};
use super::session::Session;
use super::time::Rfc3339;
use crate::cart::{Cart, Line};
use crate::domain::{ProductId, Refusal, SaleId, Timestamp, View};
use crate::engine::EngineError;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::time::Duration;

/// How long the names of products are waited for; without them a cart is shown all the same.
const NAMES_PATIENCE: Duration = Duration::from_millis(250);

/// How many units of a product are to be in the cart.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"quantity": 2}))]
pub struct CartItemRequest {
    /// The new quantity, whatever it was before.
    #[serde(default, deserialize_with = "fields::whole")]
    #[schema(value_type = u32, minimum = 1, maximum = 1000, required)]
    quantity: Option<Whole>,
}

/// One product in a cart, with what has happened to it since it was added.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CartLine)]
// Each is a mark of its own: a page shows them side by side.
#[allow(clippy::struct_excessive_bools)]
pub struct LineDocument {
    product_id: u64,
    /// Left out where the query tables cannot tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    quantity: u32,
    /// The price when the product was added.
    added_price: MoneyDocument,
    #[schema(value_type = String, format = DateTime)]
    added_at: Rfc3339,
    /// The sale under which the product is sold now, or will be: what to send as `saleId`.
    #[serde(skip_serializing_if = "Option::is_none")]
    sale_id: Option<u64>,
    /// The price now: that of the sale, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    price: Option<MoneyDocument>,
    /// What the line costs now.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<MoneyDocument>,
    /// Units that are left at this price.
    #[serde(skip_serializing_if = "Option::is_none")]
    available: Option<u64>,
    /// The price is not the one when it was added.
    price_changed: bool,
    /// No unit is left.
    sold_out: bool,
    /// Some units are left, fewer than the quantity.
    insufficient: bool,
    /// The product is not sold any more; then there is no price, and the total leaves the line out.
    unavailable: bool,
}

impl LineDocument {
    fn new(line: &Line, view: Option<&View>, name: Option<String>, now: Timestamp) -> Self {
        let selling = view.filter(|view| view.active).map(|view| view.selling(now));
        let quantity = line.quantity.get();
        let price = selling.map(|selling| selling.price);
        let available = selling.map(|selling| selling.available);
        Self {
            product_id: line.product.get(),
            name,
            quantity,
            added_price: line.added_price.into(),
            added_at: Rfc3339(line.added_at),
            sale_id: selling.and_then(|selling| selling.sale).map(SaleId::get),
            price: price.map(MoneyDocument::from),
            total: price.map(|price| price.times(quantity).into()),
            available,
            price_changed: price.is_some_and(|price| price != line.added_price),
            sold_out: available == Some(0),
            insufficient: available
                .is_some_and(|available| available > 0 && available < quantity.into()),
            unavailable: selling.is_none(),
        }
    }
}

/// A cart.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Cart, example = json!({
    "sessionId": "5f0c9e0b7a1d4c6e8f2a3b4c5d6e7f80",
    "lines": [{"productId": 1, "name": "Poster", "quantity": 2,
        "addedPrice": {"amount": 1_999, "currency": "USD"}, "addedAt": "2026-01-31T09:00:00.000Z",
        "price": {"amount": 2_499, "currency": "USD"}, "total": {"amount": 4_998, "currency": "USD"},
        "available": 1, "priceChanged": true, "soldOut": false, "insufficient": true,
        "unavailable": false}],
    "total": {"amount": 4_998, "currency": "USD"}, "mixedCurrencies": false
}))]
pub struct CartDocument<'a> {
    /// What to send as `X-Session-Id`; left out of the cart of a customer with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    /// In the order in which the products were added.
    lines: Vec<LineDocument>,
    /// What all lines that have a price cost now. Left out when there is none or they have several
    /// currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    total: Option<MoneyDocument>,
    /// The lines have several currencies, so there is no total.
    mixed_currencies: bool,
}

impl<'a> CartDocument<'a> {
    fn new(session_id: Option<&'a str>, lines: Vec<LineDocument>) -> Self {
        let mut total: Option<MoneyDocument> = None;
        let mut mixed_currencies = false;
        for line in lines.iter().filter_map(|line| line.total) {
            let sum = total.get_or_insert(MoneyDocument { amount: 0, ..line });
            mixed_currencies |= sum.currency != line.currency;
            // At most 100 lines of 10^15: far from the end of the type.
            sum.amount = sum.amount.saturating_add(line.amount);
        }
        Self { session_id, lines, total: total.filter(|_| !mixed_currencies), mixed_currencies }
    }
}

/// One line of a cart, alone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CartItem)]
pub struct ItemDocument<'a> {
    /// What to send as `X-Session-Id`; left out of the cart of a customer with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    #[serde(flatten)]
    line: LineDocument,
}

/// What went out of a cart.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = CartRemoval, example = json!({
    "sessionId": "5f0c9e0b7a1d4c6e8f2a3b4c5d6e7f80", "removed": 1
}))]
pub struct RemovalDocument<'a> {
    /// What to send as `X-Session-Id`; left out of the cart of a customer with a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    session_id: Option<&'a str>,
    /// Lines that were there and are gone; 0 when there was none.
    removed: u64,
}

/// Shows the cart with prices and stock as they are now.
#[utoipa::path(
    get, path = "/api/v1/cart", tag = "cart", operation_id = "getCart",
    params(("X-Session-Id" = Option<String>, Header, description = "Whose cart: 1 to 64 of the \
        characters A-Z a-z 0-9 - . _ ~. Without it, an empty cart under a new id is shown")),
    responses(
        (status = 200, description = "The cart; `X-Session-Id` is its id", body = CartDocument),
        (status = 400, description = "`invalid-request`: the header is malformed", body = Document,
            content_type = "application/problem+json"),
        (status = 422, description = "`validation-failed`: the id is too long or empty",
            body = Document, content_type = "application/problem+json"),
        SignInFailures, CartFailures,
    )
)]
pub async fn get(State(api): State<Api>, session: Session) -> Result<Response, Problem> {
    let cart = if session.is_new {
        Cart::default()
    } else {
        api.carts.read(&session.id).await.map_err(|error| Problem::of_cart(&error))?
    };
    let products: Vec<_> = cart.lines().iter().map(|line| line.product).collect();
    let (views, mut names) = tokio::join!(views(&api, &products), names(&api, &products));
    let now = api.clock.now();
    let lines = cart.lines().iter().zip(views?).map(|(line, view)| {
        LineDocument::new(line, view.as_ref(), names.remove(&line.product), now)
    });
    let document = CartDocument::new(session.shown(), lines.collect());
    Ok(answer(&session, &document))
}

/// Sets how many units of a product are in the cart.
#[utoipa::path(
    put, path = "/api/v1/cart/items/{productId}", tag = "cart", operation_id = "putCartItem",
    description = "Sets, and does not add: it may be repeated, and two requests at once leave one of \
        the two quantities. Other lines are not touched.",
    request_body = CartItemRequest,
    params(
        ("productId" = u64, Path, description = "The product"),
        ("X-Session-Id" = Option<String>, Header, description = "As for reading the cart; without it \
            a new cart is begun"),
    ),
    responses(
        (status = 200, description = "The line as it is now; `X-Session-Id` is the cart's id",
            body = ItemDocument),
        (status = 409, description = "`cart-full`: it has 100 other products", body = Document,
            content_type = "application/problem+json"),
        NotFound, SignInFailures, InputFailures, CartFailures,
    )
)]
pub async fn put(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
    session: Session,
    Json { value, .. }: Json<CartItemRequest>,
) -> Result<Response, Problem> {
    let mut checks = Checks::default();
    let Some(quantity) = checks.quantity(value.quantity) else { return Err(checks.problem()) };
    let shown = api.engine.view(product).await;
    let shown = shown.map_err(|error| Problem::of_engine(error, api.clock.now()))?;
    let now = api.clock.now();
    let price = shown.view.selling(now).price;
    let put = api.carts.put(&session.id, product, quantity, price).await;
    let line = put.map_err(|error| Problem::of_cart(&error))?;
    let line = LineDocument::new(&line, Some(&shown.view), None, now);
    Ok(answer(&session, &ItemDocument { session_id: session.shown(), line }))
}

/// Takes a product out of the cart.
#[utoipa::path(
    delete, path = "/api/v1/cart/items/{productId}", tag = "cart", operation_id = "removeCartItem",
    params(
        ("productId" = u64, Path, description = "The product; it need not be sold any more"),
        ("X-Session-Id" = Option<String>, Header, description = "As for reading the cart"),
    ),
    responses(
        (status = 200, description = "It is not in the cart", body = RemovalDocument),
        NotFound, SignInFailures, InputFailures, CartFailures,
    )
)]
pub async fn remove(
    State(api): State<Api>,
    ProductPath(product): ProductPath,
    session: Session,
    _: NoBody,
) -> Result<Response, Problem> {
    let removed = api.carts.remove(&session.id, product).await;
    let removed = removed.map_err(|error| Problem::of_cart(&error))?;
    Ok(removal(&session, removed.into()))
}

/// Empties the cart.
#[utoipa::path(
    delete, path = "/api/v1/cart", tag = "cart", operation_id = "clearCart",
    params(("X-Session-Id" = Option<String>, Header, description = "As for reading the cart")),
    responses(
        (status = 200, description = "The cart is empty", body = RemovalDocument),
        SignInFailures, InputFailures, CartFailures,
    )
)]
pub async fn clear(
    State(api): State<Api>,
    session: Session,
    _: NoBody,
) -> Result<Response, Problem> {
    let removed = api.carts.clear(&session.id).await.map_err(|error| Problem::of_cart(&error))?;
    Ok(removal(&session, removed))
}

fn removal(session: &Session, removed: u64) -> Response {
    answer(session, &RemovalDocument { session_id: session.shown(), removed })
}

fn answer<T: Serialize>(session: &Session, document: &T) -> Response {
    let mut response = respond::json(StatusCode::OK, document);
    session.mark(&mut response);
    response
}

/// What each product is like now; `None` for one that is not there.
async fn views(api: &Api, products: &[ProductId]) -> Result<Vec<Option<View>>, Problem> {
    let asked = join_all(products.iter().map(|product| api.engine.view(*product))).await;
    let view = |shown| match shown {
        Ok(crate::engine::Shown { view, .. }) => Ok(Some(view)),
        Err(EngineError::Refused(Refusal::UnknownProduct)) => Ok(None),
        Err(error) => Err(Problem::of_engine(error, api.clock.now())),
    };
    asked.into_iter().map(view).collect()
}

/// The names of those products that the query tables know, within a moment.
async fn names(api: &Api, products: &[ProductId]) -> HashMap<ProductId, String> {
    let asked = tokio::time::timeout(NAMES_PATIENCE, api.queries.names(products)).await;
    let Ok(Ok(names)) = asked else { return HashMap::new() };
    names.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Currency, Money, Offer, Quantity, Stock};
    use serde_json::{Value, json};

    const NOW: Timestamp = Timestamp::from_millis(1);

    fn money(amount: u64, currency: &str) -> Money {
        Money { amount, currency: Currency::new(currency).expect("a currency") }
    }

    fn line(quantity: u32) -> Line {
        Line {
            product: ProductId::new(7).expect("in range"),
            quantity: Quantity::new(quantity).expect("in range"),
            added_price: money(500, "USD"),
            added_at: Timestamp::default(),
        }
    }

    fn view(available: u64, price: Money) -> View {
        View {
            stock: Stock { available, held: 0, sold: 0, stocked: available },
            offer: Offer { price, limit_per_customer: None, opens_at: None, closes_at: None },
            active: true,
            edition: 1,
            changed_at: Timestamp::default(),
            revision: 1,
            next_lapse: None,
            keys: 0,
            queue: crate::domain::QueueView::default(),
            sale: None,
            ended: None,
            sale_marks: 0,
            blocked: false,
            set_aside: 0,
        }
    }

    /// `priceChanged`, `soldOut`, `insufficient`, `unavailable`.
    fn marks(document: &LineDocument) -> [bool; 4] {
        [document.price_changed, document.sold_out, document.insufficient, document.unavailable]
    }

    #[test]
    fn each_mark_means_one_thing() {
        let marked =
            |view: Option<View>| marks(&LineDocument::new(&line(3), view.as_ref(), None, NOW));
        let usd = money(500, "USD");
        assert_eq!(marked(Some(view(3, usd))), [false, false, false, false]);
        let inactive = View { active: false, ..view(3, usd) };
        assert_eq!(marked(Some(inactive)), [false, false, false, true]);
        assert_eq!(marked(Some(view(2, usd))), [false, false, true, false]);
        assert_eq!(marked(Some(view(0, usd))), [false, true, false, false]);
        assert_eq!(marked(Some(view(3, money(499, "USD")))), [true, false, false, false]);
        assert_eq!(marked(Some(view(3, money(500, "EUR")))), [true, false, false, false]);
        assert_eq!(marked(None), [false, false, false, true]);
    }

    fn totals(views: &[Option<View>]) -> (Value, Value) {
        let lines = views.iter().map(|view| LineDocument::new(&line(2), view.as_ref(), None, NOW));
        let document = CartDocument::new(Some("ann"), lines.collect());
        let written = serde_json::to_value(document).expect("JSON");
        (written["total"].clone(), written["mixedCurrencies"].clone())
    }

    #[test]
    fn a_total_has_one_currency() {
        let [usd, eur] = ["USD", "EUR"].map(|currency| Some(view(9, money(500, currency))));
        assert_eq!(totals(&[]), (Value::Null, json!(false)));
        assert_eq!(totals(&[None]), (Value::Null, json!(false)));
        let total = json!({"amount": 2_000, "currency": "USD"});
        assert_eq!(totals(&[usd, None, usd]), (total, json!(false)));
        assert_eq!(totals(&[usd, eur]), (Value::Null, json!(true)));
    }

    #[test]
    fn the_dearest_cart_has_a_total() {
        let dearest = view(9, money(crate::domain::AMOUNT_MAX, "USD"));
        let full = line(1_000);
        let lines = (0..crate::cart::LINES_MAX)
            .map(|_| LineDocument::new(&full, Some(&dearest), None, NOW));
        let document = CartDocument::new(Some("ann"), lines.collect());
        assert_eq!(document.total.map(|total| total.amount), Some(100_000_000_000_000_000));
    }
}
