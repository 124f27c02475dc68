//! Sales with accounts: a customer is told of their own limit, and nobody of anybody else's.

use crate::expect;
use crate::shop::{As, create_product, register, send, stand, token};
use serde_json::{Value, json};

#[tokio::test]
async fn a_token_says_whose_limit_is_left() {
    let stand = stand();
    let server = stand.start();
    let [staff, admin] = ["staff", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 50).await;
    let (ann, bob) =
        (register(&server, "ann@example.com").await, register(&server, "bob@example.com").await);
    let price = json!({ "amount": 800, "currency": "USD" });
    let part = json!({
        "productId": product, "price": price, "units": 10, "limitPerCustomer": 2
    });
    let body = json!({ "name": "drop", "endsAt": "2999-01-01T00:00:00Z", "products": [part] });
    let answer = send(&server, ann.token(), "POST /api/v1/sales", body.clone()).await;
    expect::problem(&answer, 403, "forbidden");
    let created = send(&server, As::Token(&admin), "POST /api/v1/sales", body).await;
    expect::success(&created, 201);
    let sale = created.body["saleId"].as_u64().expect("an id");
    let buy = json!({ "productId": product, "quantity": 2, "saleId": sale });
    let bought = send(&server, ann.token(), "POST /api/v1/purchases", buy.clone()).await;
    expect::success(&bought, 201);
    assert_eq!(bought.body["unitPrice"]["amount"], 800);
    let again = send(&server, ann.token(), "POST /api/v1/purchases", buy).await;
    expect::problem(&again, 409, "customer-limit-reached");

    let route = format!("GET /api/v1/sales/{sale}/eligibility");
    let told = async |who: As<'_>, route: &str| {
        let answer = send(&server, who, route, Value::Null).await;
        expect::success(&answer, 200);
        let left = answer.body["products"][0]["limitLeft"].clone();
        (answer.body["signedIn"].clone(), answer.body["reason"].clone(), left)
    };
    let reached = json!("customer-limit-reached");
    assert_eq!(told(ann.token(), &route).await, (json!(true), reached.clone(), json!(0)));
    assert_eq!(told(bob.token(), &route).await, (json!(true), Value::Null, json!(2)));
    assert_eq!(told(As::Nobody, &route).await, (json!(false), json!("unauthorized"), Value::Null));
    // The sale itself says the same.
    let shown = format!("GET /api/v1/sales/{sale}");
    let answer = send(&server, ann.token(), &shown, Value::Null).await;
    assert_eq!(answer.body["eligibility"]["reason"], reached, "{}", answer.text);
    let answer = send(&server, As::Nobody, &shown, Value::Null).await;
    expect::success(&answer, 200);
    let eligibility = &answer.body["eligibility"];
    assert_eq!(
        (&eligibility["signedIn"], &eligibility["eligible"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(eligibility["reason"], "unauthorized", "{}", answer.text);
    assert_eq!(eligibility["products"][0]["limitLeft"], Value::Null, "{}", answer.text);
    let of_ann = format!("{shown}?customerId={}", ann.id);
    let answer = send(&server, As::Nobody, &of_ann, Value::Null).await;
    assert!([401, 403].contains(&answer.status), "{}", answer.text);
    // Of somebody else only whoever runs the shop is told.
    let of_ann = format!("{route}?customerId={}", ann.id);
    let answer = send(&server, bob.token(), &of_ann, Value::Null).await;
    expect::problem(&answer, 403, "forbidden");
    let answer = send(&server, As::Nobody, &of_ann, Value::Null).await;
    assert!([401, 403].contains(&answer.status), "{}", answer.text);
    assert_eq!(told(As::Token(&staff), &of_ann).await, (json!(true), reached, json!(0)));
    // The numbers are the shop's.
    let stats = format!("GET /api/v1/sales/{sale}/stats");
    expect::problem(&send(&server, ann.token(), &stats, Value::Null).await, 403, "forbidden");
    expect::success(&send(&server, As::Token(&staff), &stats, Value::Null).await, 200);
    server.stop();
    stand.assert_audit();
}
