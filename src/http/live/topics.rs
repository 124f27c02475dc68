//! Topics as clients name them, and who may follow which.

use crate::account::Identity;
use crate::domain::{CustomerId, ProductId, SaleId};
use crate::http::Api;
use crate::http::access::{self, Access, Requirement};
use crate::http::caller::Caller;
use crate::http::order_ref::OrderRef;
use crate::http::params::digits;
use crate::http::problem::{Code, Problem};
use crate::http::queued;
use crate::live::{OrdersOf, Topic};
use std::sync::Arc;

/// What can be followed, for whoever names something else.
const TOPICS: &str = "there is no such topic: follow stock:{productId}, sale:{saleId}, purchase:{purchaseId}, \
     orders, orders:{customerId}, metrics or alerts";

/// The topic that is meant, if the caller may follow it.
pub(super) async fn topic(api: &Api, caller: &Caller, name: &str) -> Result<Topic, Problem> {
    match name.split_once(':') {
        None => without_subject(caller, name),
        Some(("stock", id)) => {
            let product = digits(id).and_then(|id| ProductId::new(id).ok());
            product.map(Topic::Stock).ok_or_else(Problem::unknown_product)
        }
        Some(("sale", id)) => {
            digits(id).and_then(SaleId::new).map(Topic::Sale).ok_or_else(Problem::unknown_sale)
        }
        Some(("purchase", id)) => {
            permits(caller, Access::Customer, "GET /api/v1/purchases/{id}")?;
            let reference = OrderRef::parse(id).ok_or_else(Problem::unknown_purchase)?;
            queued::check_visible(api, caller, reference).await?;
            Ok(Topic::Purchase(reference.product, reference.order, id.into()))
        }
        Some(("orders", id)) => {
            permits(caller, Access::Customer, "GET /api/v1/orders")?;
            let customer = CustomerId::new(id).map_err(|_| unknown())?;
            caller.act_for(&customer)?;
            Ok(Topic::Orders(OrdersOf::Customer(customer)))
        }
        Some(_) => Err(unknown()),
    }
}

fn without_subject(caller: &Caller, name: &str) -> Result<Topic, Problem> {
    match name {
        "orders" => {
            permits(caller, Access::Customer, "GET /api/v1/orders")?;
            let of = match caller.person() {
                Some(customer) if !caller.is_operator() => OrdersOf::Customer(customer.clone()),
                _ if caller.is_operator() => OrdersOf::Everybody,
                _ => {
                    let detail = "say whose: follow orders:{customerId}";
                    return Err(Problem::new(Code::Forbidden, detail));
                }
            };
            Ok(Topic::Orders(of))
        }
        "metrics" | "alerts" => {
            permits(caller, Access::Monitor, "GET /api/v1/monitoring/metrics")?;
            Ok(if name == "metrics" { Topic::Metrics } else { Topic::Alerts })
        }
        _ => Err(unknown()),
    }
}

fn unknown() -> Problem {
    Problem::new(Code::TopicNotFound, TOPICS)
}

/// Whether the caller may ask the route that answers the same.
fn permits(caller: &Caller, access: Access, route: &str) -> Result<(), Problem> {
    match caller {
        Caller::Open { .. } => Ok(()),
        Caller::Nobody => Err(access::sign_in()),
        Caller::Known(identity) => {
            let identity: &Arc<Identity> = identity;
            Requirement::of(access, route).admit(Arc::clone(identity)).map(drop)
        }
    }
}
