//! Contention: a crowd at the door. Each buyer has a connection of its own and all speak in the same
//! moment; exactly what there is is sold, and the books agree afterwards.

use crate::support::{Server, Stand};
use crate::wire::{self, Reply, Wire};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const PURCHASES: &str = "/api/v1/purchases";
const RESERVATIONS: &str = "/api/v1/reservations";

fn order(product: u64, quantity: usize, customer: &str) -> Value {
    json!({ "productId": product, "quantity": quantity, "customerId": customer })
}

/// A thousand sockets need more descriptors than most systems give by default.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let hard = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: hard, maximum: hard })
        .expect("up to the hard limit");
}

/// Sends all requests in the same moment, each over a connection that is open already. Gives the
/// answers in the order of the requests.
async fn at_once(server: &Server, requests: Vec<Vec<u8>>) -> Vec<Reply> {
    raise_descriptor_limit();
    let start = Arc::new(Barrier::new(requests.len()));
    let mut crowd = JoinSet::new();
    for (place, request) in requests.into_iter().enumerate() {
        let mut wire = Wire::connect(server).await;
        let start = start.clone();
        crowd.spawn(async move {
            start.wait().await;
            wire.send(&request).await;
            (place, wire.reply().await.expect("an answer"))
        });
    }
    let mut replies = crowd.join_all().await;
    replies.sort_by_key(|(place, _)| *place);
    replies.into_iter().map(|(_, reply)| reply).collect()
}

/// How many answers have this status and code.
fn count(replies: &[Reply], status: u16, code: &str) -> usize {
    replies.iter().filter(|reply| (reply.status, reply.code()) == (status, code)).count()
}

/// The distinct ids of the successful ones.
fn ids(replies: &[Reply], field: &str) -> BTreeSet<String> {
    let sold = replies.iter().filter(|reply| reply.status == 201);
    sold.map(|reply| reply.body[field].as_str().expect("an id").to_owned()).collect()
}

/// Every order of a product that the query tables know, from its customers' lists.
async fn stored_orders(
    server: &Server,
    customers: impl IntoIterator<Item = String>,
) -> BTreeSet<String> {
    let mut stored = BTreeSet::new();
    for customer in customers {
        let listed = server.get(&format!("/api/v1/orders?customerId={customer}")).await;
        for order in listed.body["data"].as_array().expect("a list") {
            stored.insert(order["orderId"].as_str().expect("an id").to_owned());
        }
    }
    stored
}

/// `buyers` ask for one unit each of `units`.
async fn rush(buyers: usize, units: usize) {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(units as u64).await;
    let buyer = |number: usize| format!("buyer-{number}");
    let purchase =
        |number| wire::request("POST", PURCHASES, "", &order(product, 1, &buyer(number)));
    let replies = at_once(&server, (0..buyers).map(purchase).collect()).await;
    assert_eq!(count(&replies, 201, ""), units);
    assert_eq!(count(&replies, 409, "sold-out"), buyers - units);
    assert_eq!(ids(&replies, "orderId").len(), units);
    let units_sold = units as u64;
    assert_eq!(server.stock(product).await, (0, 0, units_sold, units_sold));
    let winners = (0..buyers).filter(|number| replies[*number].status == 201).map(buyer);
    assert_eq!(stored_orders(&server, winners).await, ids(&replies, "orderId"));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_thousand_buyers_for_a_hundred_units() {
    rush(1_000, 100).await;
}

#[tokio::test]
async fn a_thousand_buyers_for_the_last_unit() {
    rush(1_000, 1).await;
}

#[tokio::test]
async fn five_hundred_retries_at_once_are_one_order() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1_000).await;
    for path in [PURCHASES, RESERVATIONS] {
        let request =
            wire::request("POST", path, &format!("key of {path}"), &order(product, 1, "ann"));
        let replies = at_once(&server, vec![request; 500]).await;
        assert_eq!(count(&replies, 201, ""), 500);
        assert!(replies.iter().all(|reply| reply.body == replies[0].body));
        let replayed =
            replies.iter().filter(|reply| reply.header("idempotent-replayed") == "true").count();
        assert_eq!(replayed, 499);
    }
    assert_eq!(server.stock(product).await, (998, 1, 1, 1_000));
    assert!(server.stop().success());
    stand.assert_audit();
}

/// Tries to buy until it succeeds, or until nothing can come back any more. Gives whether it did.
async fn wait_and_buy(mut wire: Wire, request: Vec<u8>, all_settled: Arc<AtomicBool>) -> bool {
    loop {
        let last_try = all_settled.load(Ordering::SeqCst);
        wire.send(&request).await;
        let reply = wire.reply().await.expect("an answer");
        match (reply.status, reply.code()) {
            (201, _) => return true,
            (409, "sold-out") if last_try => return false,
            (409, "sold-out") => tokio::task::yield_now().await,
            other => panic!("{other:?}: {}", reply.body),
        }
    }
}

#[tokio::test]
async fn released_holds_are_sold_on() {
    const UNITS: usize = 50;
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(UNITS as u64).await;
    let hold = |number| order(product, 1, &format!("holder-{number}"));
    let holds = (0..200).map(|number| wire::request("POST", RESERVATIONS, "", &hold(number)));
    let replies = at_once(&server, holds.collect()).await;
    let held = ids(&replies, "reservationId");
    assert_eq!((held.len(), count(&replies, 409, "sold-out")), (UNITS, 150));

    let all_settled = Arc::new(AtomicBool::new(false));
    let mut buyers = JoinSet::new();
    for number in 0..100 {
        let wanted = order(product, 1, &format!("buyer-{number}"));
        let request = wire::request("POST", PURCHASES, "", &wanted);
        let wire = Wire::connect(&server).await;
        buyers.spawn(wait_and_buy(wire, request, all_settled.clone()));
    }
    let settle = held.iter().enumerate().map(|(number, id)| match number % 2 {
        0 => wire::request("POST", &format!("{RESERVATIONS}/{id}/confirm"), "", &Value::Null),
        _ => wire::request("DELETE", &format!("{RESERVATIONS}/{id}"), "", &Value::Null),
    });
    let settled = at_once(&server, settle.collect()).await;
    assert_eq!(count(&settled, 200, ""), UNITS);
    all_settled.store(true, Ordering::SeqCst);
    let bought = buyers.join_all().await.into_iter().filter(|bought| *bought).count();
    assert_eq!(bought, UNITS / 2);
    assert_eq!(server.stock(product).await, (0, 0, UNITS as u64, UNITS as u64));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_hold_is_settled_once_however_many_try() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    for _ in 0..10 {
        let hold = server.hold(product, 1, "ann", 600).await;
        let id = hold.body["reservationId"].as_str().expect("an id");
        let confirm =
            wire::request("POST", &format!("{RESERVATIONS}/{id}/confirm"), "", &Value::Null);
        let release = wire::request("DELETE", &format!("{RESERVATIONS}/{id}"), "", &Value::Null);
        let replies = at_once(&server, [vec![confirm; 20], vec![release; 20]].concat()).await;
        assert_eq!(count(&replies, 200, ""), 1);
        let confirmed = replies[..20].iter().any(|reply| reply.status == 200);
        let code = if confirmed { "reservation-confirmed" } else { "reservation-released" };
        assert_eq!(count(&replies, 409, code), 39);
    }
    let (available, held, sold, stocked) = server.stock(product).await;
    assert_eq!((available + sold, held, stocked), (10, 0, 10));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn nobody_gets_more_than_the_limit() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create(json!({ "stock": 1_000, "limitPerCustomer": 3 })).await;
    let request = |number: usize| {
        // Purchases and holds count alike.
        let path = if number.is_multiple_of(3) { RESERVATIONS } else { PURCHASES };
        wire::request("POST", path, "", &order(product, 1, &format!("customer-{}", number % 20)))
    };
    let replies = at_once(&server, (0..400).map(request).collect()).await;
    assert_eq!(
        (count(&replies, 201, ""), count(&replies, 409, "customer-limit-reached")),
        (60, 340)
    );
    for customer in 0..20 {
        let mine = replies.iter().skip(customer).step_by(20);
        assert_eq!(mine.filter(|reply| reply.status == 201).count(), 3);
    }
    let (available, held, sold, stocked) = server.stock(product).await;
    assert_eq!((available, held + sold, stocked), (940, 60, 1_000));
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_crowd_that_wants_several_each() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(200).await;
    let wanted = |number: usize| 1 + number % 7;
    let request = |number: usize| {
        let customer = format!("customer-{number}");
        wire::request("POST", PURCHASES, "", &order(product, wanted(number), &customer))
    };
    let replies = at_once(&server, (0..300).map(request).collect()).await;
    let (available, _, sold, _) = server.stock(product).await;
    let mut units = 0;
    for (number, reply) in replies.iter().enumerate() {
        match (reply.status, reply.code()) {
            (201, _) => units += wanted(number) as u64,
            // Nothing came back, so whoever was refused asked for more than is left now.
            (409, "insufficient-stock") => {
                let left = reply.body["available"].as_u64().expect("a count");
                assert!((available..wanted(number) as u64).contains(&left), "{}", reply.body);
            }
            (409, "sold-out") => assert_eq!(available, 0),
            other => panic!("{other:?}: {}", reply.body),
        }
    }
    assert_eq!((units, available + units), (sold, 200));
    assert!(server.stop().success());
    stand.assert_audit();
}
