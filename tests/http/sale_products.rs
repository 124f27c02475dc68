//! Products that come into a sale and leave it, and sales that their products have forgotten.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};
use std::time::SystemTime;

const PATH: &str = "/api/v1/sales";

/// More sales than a product keeps.
const SALES: usize = 129;

/// So many milliseconds from now, as RFC 3339.
fn time(from_now: i64) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let millis = i64::try_from(now.as_millis()).expect("in range") + from_now;
    let at = jiff::Timestamp::from_millisecond(millis).expect("a time");
    format!("{at:.3}")
}

fn part(product: u64, units: u64) -> Value {
    let price = json!({ "amount": 800, "currency": "USD" });
    json!({ "productId": product, "price": price, "units": units })
}

fn leaves(product: u64) -> Value {
    json!({ "productId": product, "remove": true })
}

async fn create(server: &Server, starts: i64, products: &[Value]) -> String {
    let (starts, ends) = (time(starts), time(7_200_000));
    let body = json!({ "name": "drop", "startsAt": starts, "endsAt": ends, "products": products });
    let answer = server.post(PATH, body).await;
    expect::success(&answer, 201);
    answer.header("location").to_owned()
}

async fn patch(server: &Server, path: &str, products: &[Value]) -> Answer {
    let body = json!({ "products": products });
    Answer::of(client().patch(server.url(path)).json(&body)).await
}

/// Products of a sale with their units.
fn products(answer: &Answer) -> Vec<(u64, u64)> {
    let products = answer.body["products"].as_array().expect("products").iter();
    let number = |part: &Value, name: &str| part[name].as_u64().expect("a number");
    products.map(|part| (number(part, "productId"), number(part, "units"))).collect()
}

#[tokio::test]
async fn products_come_and_leave_before_a_sale_opens() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut all = Vec::new();
    for _ in 0..4 {
        all.push(server.create_product(10).await);
    }
    let [one, two, three, four] = all[..] else { panic!("four products") };
    let path = create(&server, 3_600_000, &[part(two, 3), part(three, 3)]).await;
    let change =
        [part(one, 4), leaves(two), json!({ "productId": three, "units": 5 }), part(four, 6)];
    let changed = patch(&server, &path, &change).await;
    expect::success(&changed, 200);
    let expected = [(one, 4), (three, 5), (four, 6)];
    assert_eq!(products(&changed), expected);
    let shown = server.get(&path).await;
    assert_eq!(products(&shown), expected);
    assert_eq!(shown.header("etag"), changed.header("etag"));
    // What left is ordinary stock, what came is set aside.
    expect::success(&server.buy(two, 10, "ann").await, 201);
    expect::problem(&server.buy(one, 1, "ann").await, 409, "sale-not-open");
    // All of them others, and back again.
    expect::success(&patch(&server, &path, &[leaves(one), leaves(four)]).await, 200);
    let back = patch(&server, &path, &[leaves(three), part(one, 10)]).await;
    assert_eq!(products(&back), [(one, 10)]);
    server.kill();
    let server = stand.start();
    assert_eq!(products(&server.get(&path).await), [(one, 10)]);
    for product in [three, four] {
        expect::success(&server.buy(product, 10, "ann").await, 201);
    }
    assert_eq!(server.delete(&path).await.status, 204);
    expect::success(&server.buy(one, 10, "ann").await, 201);
    server.stop();
    stand.assert_audit();
}

#[tokio::test]
async fn bad_lists_of_products_change_nothing() {
    let stand = Stand::embedded();
    let server = stand.start();
    let (one, two) = (server.create_product(10).await, server.create_product(10).await);
    let (three, four) = (server.create_product(10).await, server.create_product(10).await);
    let path = create(&server, 3_600_000, &[part(one, 3), part(two, 3)]).await;
    let blocked = create(&server, 3_600_000, &[part(four, 1)]).await;
    let before = server.get(&path).await;
    let of = |field: &str, value: Value| {
        let mut part = part(three, 1);
        part[field] = value;
        part
    };
    let foreign = json!({ "amount": 5, "currency": "EUR" });
    for change in [
        vec![],
        vec![part(three, 1), part(three, 2)],
        vec![part(three, 1), leaves(three)],
        vec![leaves(one), leaves(one)],
        vec![leaves(one), leaves(two)],
        vec![leaves(three)],
        vec![json!({ "productId": three })],
        vec![json!({ "productId": three, "units": 3 })],
        vec![json!({ "productId": one, "units": 3, "remove": true })],
        vec![of("units", json!(0))],
        vec![of("limitPerCustomer", json!(0))],
        vec![of("price", foreign)],
        (1_000..1_100).map(|product| part(product, 1)).collect(),
    ] {
        let answer = patch(&server, &path, &change).await;
        assert_eq!((answer.status, answer.code()), (422, "validation-failed"), "{change:?}");
    }
    for change in [vec![of("remove", json!("yes"))], vec![of("remove", Value::Null)]] {
        let answer = patch(&server, &path, &change).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid-request"), "{change:?}");
    }
    // One that came before stays out, too.
    let unknown = patch(&server, &path, &[part(three, 1), part(999_999, 1)]).await;
    assert_eq!(expect::problem(&unknown, 404, "product-not-found")["productId"], 999_999);
    let many = patch(&server, &path, &[part(three, 11), leaves(one)]).await;
    let members = expect::problem(&many, 409, "insufficient-stock");
    assert_eq!((&members["productId"], &members["available"]), (&json!(three), &json!(10)));
    let overlapping = patch(&server, &path, &[part(three, 1), part(four, 1)]).await;
    let members = expect::problem(&overlapping, 409, "sale-overlaps");
    assert!(blocked.ends_with(&format!("/{}", members["saleId"])), "{members}");
    // A part that stays may be the one that refuses.
    let more = json!({ "productId": two, "units": 11 });
    let late = patch(&server, &path, &[part(three, 1), leaves(one), more]).await;
    expect::problem(&late, 409, "insufficient-stock");
    assert_eq!(products(&server.get(&path).await), products(&before));
    expect::success(&server.buy(three, 10, "ann").await, 201);
    for product in [one, two] {
        expect::problem(&server.buy(product, 1, "ann").await, 409, "sale-not-open");
    }
    // Open, it keeps its products, paused or not.
    let five = server.create_product(10).await;
    let open = create(&server, -1_000, &[part(five, 3)]).await;
    for _ in 0..2 {
        let came = patch(&server, &open, &[part(three, 1)]).await;
        expect::problem(&came, 409, "sale-running");
        expect::success(&server.post(&format!("{open}/pause"), json!({})).await, 200);
    }
    expect::success(&server.post(&format!("{open}/end"), json!({})).await, 200);
    let over = patch(&server, &open, &[part(three, 1)]).await;
    expect::problem(&over, 409, "sale-ended");
    server.stop();
    stand.assert_audit();
}

/// A product keeps some sales that are over; what it has forgotten is deleted all the same, unless
/// something was sold under it.
#[tokio::test]
async fn a_sale_that_its_product_has_forgotten_is_deleted() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(10).await;
    let mut sales = Vec::with_capacity(SALES + 1);
    for number in 0..=SALES {
        let path = create(&server, -1_000, &[part(product, 1)]).await;
        if number == 1 {
            expect::success(&server.buy(product, 1, "ann").await, 201);
        }
        expect::success(&server.post(&format!("{path}/end"), json!({})).await, 200);
        sales.push(path);
    }
    let stale = client().delete(server.url(&sales[0])).header("If-Match", "\"1\"");
    expect::problem(&Answer::of(stale).await, 412, "version-mismatch");
    expect::problem(&server.delete(&sales[1]).await, 409, "sale-has-sales");
    expect::success(&server.get(&sales[1]).await, 200);
    assert_eq!(server.delete(&sales[0]).await.status, 204);
    server.stop();
    for _ in 0..2 {
        let server = stand.start();
        expect::problem(&server.get(&sales[0]).await, 404, "sale-not-found");
        expect::problem(&server.delete(&sales[0]).await, 404, "sale-not-found");
        assert!(server.stop().success());
    }
    stand.assert_audit();
}
