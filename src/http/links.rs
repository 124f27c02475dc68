//! Links: what an answer names, and what can be asked about that next.

use utoipa::openapi::RefOr;
use utoipa::openapi::link::Link;
use utoipa::openapi::path::Operation;

/// Where the id is in an answer, which parameter of the next request takes it, and what that may be.
struct Named {
    operation: &'static str,
    status: &'static str,
    value: &'static str,
    parameter: &'static str,
    next: &'static [&'static str],
}

const fn named(
    operation: &'static str,
    status: &'static str,
    value: &'static str,
    parameter: &'static str,
    next: &'static [&'static str],
) -> Named {
    Named { operation, status, value, parameter, next }
}

const ORDER: &[&str] = &["getOrder", "payOrder", "cancelOrder", "refundOrder"];

#[rustfmt::skip] // one line for each answer
const LINKS: [Named; 15] = [
    named("buy", "201", "$response.body#/orderId", "id", &["getOrder", "cancelOrder", "refundOrder"]),
    named("buy", "202", "$response.body#/purchaseId", "id", &["getPurchase"]),
    named("placeOrder", "201", "$response.body#/orderId", "id", ORDER),
    named("checkOutCart", "201", "$response.body#/orderId", "id", ORDER),
    named("reserve", "201", "$response.body#/reservationId", "id",
        &["getReservation", "confirmReservation", "extendReservation", "releaseReservation"]),
    named("confirmReservation", "200", "$response.body#/orderId", "id", &["getOrder", "cancelOrder", "refundOrder"]),
    named("createProduct", "201", "$response.body#/productId", "id",
        &["getProduct", "changeProduct", "deactivateProduct", "getStock", "adjustStock", "getQueue", "paceQueue"]),
    named("createProduct", "201", "$response.body#/productId", "productId", &["putCartItem"]),
    named("createSale", "201", "$response.body#/saleId", "id",
        &["getSale", "changeSale", "deleteSale", "pauseSale", "resumeSale", "endSale", "getEligibility", "getSaleStats"]),
    named("putCartItem", "200", "$response.header.X-Session-Id", "X-Session-Id", &["getCart", "clearCart", "checkOutCart"]),
    named("createApiKey", "201", "$response.body#/id", "id", &["revokeApiKey"]),
    named("listDeadLetters", "200", "$response.body#/data/0/id", "id", &["retryDeadLetter", "closeDeadLetter"]),
    named("listOrders", "200", "$response.body#/data/0/orderId", "id", ORDER),
    named("listReservations", "200", "$response.body#/data/0/reservationId", "id", &["getReservation"]),
    named("listSales", "200", "$response.body#/data/0/saleId", "id", &["getSale", "getEligibility", "getSaleStats"]),
];

/// Puts an operation's links on its answers.
pub(super) fn add(operation: &mut Operation) {
    let id = operation.operation_id.as_deref().unwrap_or_default();
    for Named { status, value, parameter, next, .. } in
        LINKS.iter().filter(|named| named.operation == id)
    {
        let answer = operation.responses.responses.get_mut(*status);
        let Some(RefOr::T(answer)) = answer else { continue };
        for next in *next {
            let link = Link::builder().operation_id(*next).parameter(*parameter, *value);
            answer.links.insert((*next).to_owned(), RefOr::T(link.build()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::LINKS;
    use crate::http::openapi::openapi;

    #[test]
    fn links_lead_somewhere() {
        let document = serde_json::to_value(openapi()).expect("JSON");
        let items = document["paths"].as_object().expect("paths").values();
        let operations: Vec<_> =
            items.flat_map(|item| item.as_object().expect("methods").values()).collect();
        let find = |id: &str| {
            let found = operations.iter().find(|operation| operation["operationId"] == id);
            found.unwrap_or_else(|| panic!("no operation {id}"))
        };
        for named in &LINKS {
            let links = &find(named.operation)["responses"][named.status]["links"];
            for next in named.next {
                assert!(links[next].is_object(), "{} {next}", named.operation);
                let parameters = find(next)["parameters"].as_array().expect("parameters");
                let takes = parameters.iter().any(|it| it["name"] == named.parameter);
                assert!(takes, "{next} takes no {}", named.parameter);
            }
        }
    }
}
