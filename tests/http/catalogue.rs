//! The catalogue: what is found by which words, changed under which version, and taken out of sale.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};

const PRODUCTS: &str = "/api/v1/products";

async fn patch(server: &Server, product: u64, body: Value) -> Answer {
    let request = client().patch(server.url(&format!("{PRODUCTS}/{product}")));
    Answer::of(request.json(&body)).await
}

async fn patch_if(server: &Server, product: u64, tag: &str, body: Value) -> Answer {
    let request = client().patch(server.url(&format!("{PRODUCTS}/{product}")));
    Answer::of(request.json(&body).header("If-Match", tag)).await
}

fn ids(answer: &Answer) -> Vec<u64> {
    expect::success(answer, 200);
    let data = answer.body["data"].as_array().expect("a list");
    data.iter().filter_map(|product| product["productId"].as_u64()).collect()
}

/// All pages of a list, page by page.
async fn listed(server: &Server, query: &str) -> Vec<u64> {
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = server.get(&format!("{PRODUCTS}?limit=2&{query}{cursor}")).await;
        found.extend(ids(&answer));
        match answer.body["nextCursor"].as_str() {
            None => return found,
            Some(next) => cursor = format!("&cursor={next}"),
        }
        assert!(found.len() < 100, "{query}: the list does not end");
    }
}

#[tokio::test]
async fn products_are_found_by_filters_and_in_any_order() {
    let stand = Stand::embedded();
    let server = stand.start();
    let euro = |amount: u64| json!({ "amount": amount, "currency": "EUR" });
    let open = json!({
        "name": "Blue cup", "category": "cups", "sku": "CUP-BLUE", "stock": 3, "price": euro(500),
        "opensAt": expect::from_now(-60_000), "closesAt": expect::from_now(600_000),
    });
    let cup = server.create(open).await;
    let later = json!({
        "name": "Red Cup", "category": "cups", "stock": 0, "price": euro(700),
        "opensAt": expect::from_now(600_000),
    });
    let red = server.create(later).await;
    let mug = json!({
        "name": "Mug", "category": "mugs & more", "stock": 1, "price": euro(300),
        "description": "Better than a CUP", "imageUrl": "https://example.org/mug.png",
        "attributes": { "size": "L", "colour": "gr\u{fc}n" },
    });
    let mug = server.create(mug).await;
    let dollar = json!({ "name": "apple", "stock": 2 });
    let apple = server.create(dollar).await;
    let gone = server.create(json!({ "name": "gone", "category": "old", "stock": 2 })).await;
    assert_eq!(server.delete(&format!("{PRODUCTS}/{gone}")).await.status, 204);

    for (query, expected) in [
        ("", vec![cup, red, mug, apple]),
        ("active=true", vec![cup, red, mug, apple]),
        ("active=false", vec![gone]),
        ("active=all", vec![cup, red, mug, apple, gone]),
        ("category=cups", vec![cup, red]),
        ("category=mugs%20%26%20more", vec![mug]),
        ("category=Cups", vec![]),
        ("q=cup", vec![cup, red, mug]),
        ("q=cup-b", vec![cup]),
        ("q=%25", vec![]),
        ("q=cup&category=cups&inStock=true", vec![cup]),
        ("minPrice=500", vec![cup, red, apple]),
        ("minPrice=300&maxPrice=500&currency=EUR", vec![cup, mug]),
        ("currency=USD", vec![apple]),
        ("currency=CHF", vec![]),
        ("inStock=true", vec![cup, mug, apple]),
        ("inStock=false", vec![red]),
        ("onSale=true", vec![cup]),
        ("onSale=false", vec![red, mug, apple]),
        ("sort=id", vec![cup, red, mug, apple]),
        ("sort=-id", vec![apple, mug, red, cup]),
        ("sort=name", vec![cup, mug, red, apple]),
        ("sort=-name", vec![apple, red, mug, cup]),
        ("sort=price", vec![mug, cup, red, apple]),
        ("sort=-price&q=cup", vec![red, cup, mug]),
        ("sort=newest", vec![apple, mug, red, cup]),
        ("sort=-newest", vec![cup, red, mug, apple]),
    ] {
        assert_eq!(listed(&server, query).await, expected, "{query}");
    }
    // A page stays in its place when products come and go.
    let first = server.get(&format!("{PRODUCTS}?sort=price&limit=2")).await;
    assert_eq!(ids(&first), [mug, cup]);
    let next = first.body["nextCursor"].as_str().expect("a cursor").to_owned();
    server.create(json!({ "name": "cheap", "stock": 1, "price": euro(1) })).await;
    assert_eq!(server.delete(&format!("{PRODUCTS}/{cup}")).await.status, 204);
    let second = server.get(&format!("{PRODUCTS}?sort=price&limit=2&cursor={next}")).await;
    assert_eq!(ids(&second), [red, apple]);
    // Not with another order.
    for sort in ["-price", "name", "newest", "id", ""] {
        let other = server.get(&format!("{PRODUCTS}?sort={sort}&cursor={next}")).await;
        expect::problem(&other, 400, "invalid-request");
    }
    let shown = server.get(&format!("{PRODUCTS}/{mug}")).await;
    assert_eq!(shown.body["attributes"], json!({ "size": "L", "colour": "gr\u{fc}n" }));
    assert_eq!(shown.body["imageUrl"], "https://example.org/mug.png");
}

#[tokio::test]
async fn categories_are_counted() {
    let stand = Stand::embedded();
    let server = stand.start();
    assert_eq!(server.get("/api/v1/categories").await.body["data"], json!([]));
    for category in ["shoes", "art", "art", "\u{fc}ber & co"] {
        server.create(json!({ "stock": 1, "category": category })).await;
    }
    let gone = server.create(json!({ "stock": 1, "category": "gone" })).await;
    server.create(json!({ "stock": 1 })).await;
    assert_eq!(server.delete(&format!("{PRODUCTS}/{gone}")).await.status, 204);
    let all = json!([
        { "category": "art", "products": 2 }, { "category": "shoes", "products": 1 },
        { "category": "\u{fc}ber & co", "products": 1 },
    ]);
    let answer = server.get("/api/v1/categories").await;
    assert_eq!((answer.status, &answer.body["data"]), (200, &all), "{}", answer.text);
    let first = server.get("/api/v1/categories?limit=2").await;
    let next = first.body["nextCursor"].as_str().expect("a cursor");
    let second = server.get(&format!("/api/v1/categories?limit=2&cursor={next}")).await;
    assert_eq!(second.body["data"], json!([all[2]]));
    for bad in ["x", "", "f", "00"] {
        let answer = server.get(&format!("/api/v1/categories?cursor={bad}")).await;
        expect::problem(&answer, 400, "invalid-request");
    }
}

#[tokio::test]
async fn a_change_names_its_version() {
    let stand = Stand::embedded();
    let server = stand.start();
    let more = json!({ "stock": 5, "sku": "A", "category": "art", "attributes": { "a": "1" } });
    let product = server.create(more).await;
    let path = format!("{PRODUCTS}/{product}");
    let shown = server.get(&path).await;
    assert_eq!((shown.header("etag"), &shown.body["version"]), ("\"1\"", &json!(1)));
    // No sale is a new version.
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let change = json!({
        "name": "other", "price": { "amount": 5, "currency": "USD" }, "sku": "B",
        "category": null, "description": "new", "imageUrl": "/a.png", "attributes": { "b": "" },
    });
    let changed = patch_if(&server, product, "\"1\"", change).await;
    expect::success(&changed, 200);
    let body = &changed.body;
    assert_eq!((&body["name"], &body["sku"]), (&json!("other"), &json!("B")));
    assert_eq!((&body["price"]["amount"], &body["available"]), (&json!(5), &json!(4)));
    assert_eq!((&body["category"], &body["attributes"]), (&Value::Null, &json!({ "b": "" })));
    assert_eq!((changed.header("etag"), &body["version"]), ("\"3\"", &json!(3)));
    assert_eq!(server.get(&path).await.body, *body);
    let listed = server.get(&format!("{PRODUCTS}?q=OTHER")).await;
    assert_eq!(&listed.body["data"][0], body);

    let name = || json!({ "name": "late" });
    for tag in ["\"1\"", "W/\"3\"", "\"nothing\"", "\"1\", \"2\""] {
        let late = patch_if(&server, product, tag, name()).await;
        assert_eq!(expect::problem(&late, 412, "version-mismatch"), json!({}), "{tag}");
    }
    for tag in ["3", "\"3", "", "\"3\" \"4\""] {
        let bad = patch_if(&server, product, tag, name()).await;
        expect::problem(&bad, 400, "invalid-request");
    }
    assert_eq!(server.get(&path).await.body, *body);
    for tag in ["\"3\"", "*", "\"5\", \"1\""] {
        expect::success(&patch_if(&server, product, tag, name()).await, 200);
    }
    // At the new price, and for the same customer as before.
    let bought = server.buy(product, 1, "ann").await;
    assert_eq!(bought.body["unitPrice"]["amount"], 5);
    // Nothing named, nothing changed.
    let nothing = patch(&server, product, json!({})).await;
    assert_eq!(nothing.header("etag"), "\"6\"");
    // A key is kept like any other.
    let keyed = |name: &str| {
        let request = client().patch(server.url(&path)).header("Idempotency-Key", "k-1");
        Answer::of(request.json(&json!({ "name": name })))
    };
    let first = keyed("keyed").await;
    expect::success(&first, 200);
    expect::replay(&keyed("keyed").await, &first);
    expect::problem(&keyed("else").await, 422, "idempotency-key-reused");
    assert!(server.stop().success());
    stand.assert_audit();
    let printed = stand.command(&["journal", "cat"]).output().expect("the binary runs").stdout;
    let facts = String::from_utf8(printed).expect("text");
    let facts: Vec<Value> =
        facts.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let change = facts.iter().find(|fact| fact["event"] == "changed").expect("a change");
    assert_eq!((&change["sku"], &change["category"]), (&json!("B"), &Value::Null));
    assert_eq!(change["attributes"], json!({ "b": "" }));
    assert!(change.get("category").is_some() && change.get("active").is_none(), "{change}");
    let server = stand.start();
    let again = server.get(&path).await;
    assert_eq!(
        (&again.body["name"], again.header("etag")),
        (&json!("keyed"), first.header("etag"))
    );
}

#[tokio::test]
async fn bad_changes_change_nothing() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1).await;
    let price = |amount: i64, currency: &str| json!({ "amount": amount, "currency": currency });
    let many: Value =
        (0..51).map(|key| (key.to_string(), json!("x"))).collect::<serde_json::Map<_, _>>().into();
    for (body, fields) in [
        (json!({ "name": null }), vec!["name"]),
        (json!({ "name": "" }), vec!["name"]),
        (json!({ "price": null }), vec!["price"]),
        (json!({ "price": price(-1, "USD") }), vec!["price.amount"]),
        (json!({ "price": price(1, "EUR") }), vec!["price.currency"]),
        (json!({ "sku": "", "category": "" }), vec!["sku", "category"]),
        (json!({ "sku": "x".repeat(65) }), vec!["sku"]),
        (json!({ "description": "x".repeat(4_001) }), vec!["description"]),
        (json!({ "imageUrl": "javascript:alert(1)" }), vec!["imageUrl"]),
        (json!({ "imageUrl": "https://a b" }), vec!["imageUrl"]),
        (json!({ "attributes": many }), vec!["attributes"]),
        (json!({ "attributes": { "": "x" } }), vec!["attributes"]),
        (json!({ "attributes": { "k".repeat(65): "x" } }), vec!["attributes"]),
        (json!({ "attributes": { "k": "x".repeat(501) } }), vec!["attributes"]),
    ] {
        let answer = patch(&server, product, body.clone()).await;
        expect::problem(&answer, 422, "validation-failed");
        let named = answer.body["errors"].as_array().expect("errors").iter();
        let named: Vec<_> = named.filter_map(|error| error["field"].as_str()).collect();
        assert_eq!(named, fields, "{body}");
    }
    for body in [
        json!([]),
        json!({ "active": null }),
        json!({ "active": "no" }),
        json!({ "stock": 5 }),
        json!({ "attributes": { "k": 1 } }),
        json!({ "attributes": ["k"] }),
        json!({ "name": 1 }),
    ] {
        let answer = patch(&server, product, body.clone()).await;
        assert_eq!((answer.status, answer.code()), (400, "invalid-request"), "{body}");
    }
    let request = client().patch(server.url(&format!("{PRODUCTS}/{product}")));
    let twice = request
        .header("content-type", "application/merge-patch+json")
        .body(r#"{"attributes": {"a": "1", "a": "2"}}"#);
    expect::problem(&Answer::of(twice).await, 400, "invalid-request");
    for path in ["0", "999", "x"] {
        let request = client().patch(server.url(&format!("{PRODUCTS}/{path}")));
        let answer = Answer::of(request.json(&json!({ "sku": "s" }))).await;
        expect::problem(&answer, 404, "product-not-found");
        let answer = server.delete(&format!("{PRODUCTS}/{path}")).await;
        expect::problem(&answer, 404, "product-not-found");
    }
    let shown = server.get(&format!("{PRODUCTS}/{product}")).await;
    assert_eq!(shown.header("etag"), "\"1\"");
    for (query, status) in [
        ("sort=", 400),
        ("sort=size", 400),
        ("sort=--id", 400),
        ("inStock=yes", 400),
        ("onSale=", 400),
        ("active=maybe", 400),
        ("minPrice=x", 400),
        ("minPrice=-1", 422),
        ("maxPrice=1000000000001", 422),
        ("minPrice=2&maxPrice=1", 422),
        ("currency=usd", 422),
        ("category=", 422),
        ("q=", 422),
        ("q=%00", 422),
        ("q=a&q=b", 400),
        ("cursor=i.0", 400),
        ("cursor=1", 400),
        ("sort=name&cursor=nff.1", 400),
        ("sort=price&cursor=p-1.1", 400),
        ("sort=newest&cursor=T9223372036854775808.1", 400),
    ] {
        assert_eq!(server.get(&format!("{PRODUCTS}?{query}")).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn what_is_not_sold_is_refused_and_can_be_sold_again() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    let path = format!("{PRODUCTS}/{product}");
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let held = server.hold(product, 1, "bob", 60).await;
    expect::success(&held, 201);
    let stale = client().delete(server.url(&path)).header("If-Match", "\"9\"");
    expect::problem(&Answer::of(stale).await, 412, "version-mismatch");
    for _ in 0..2 {
        let answer = server.delete(&path).await;
        assert_eq!((answer.status, answer.text.as_str()), (204, ""));
        assert_eq!(answer.header("etag"), "\"4\"");
    }
    let refused = server.buy(product, 1, "cat").await;
    assert_eq!(expect::problem(&refused, 409, "product-inactive"), json!({}));
    expect::problem(&server.buy(product, 999, "ann").await, 409, "product-inactive");
    expect::problem(&server.hold(product, 1, "cat", 60).await, 409, "product-inactive");
    let key = json!({ "productId": product, "quantity": 1, "customerId": "cat" });
    let keyed = server.post_with_key("/api/v1/purchases", key.clone(), "k").await;
    expect::problem(&keyed, 409, "product-inactive");
    // Still there, with its orders, and what was promised is kept.
    let shown = server.get(&path).await;
    assert_eq!((&shown.body["active"], shown.status), (&json!(false), 200));
    let id = held.body["reservationId"].as_str().expect("an id");
    expect::success(
        &server.post(&format!("/api/v1/reservations/{id}/confirm"), json!({})).await,
        200,
    );
    let orders = server.get("/api/v1/orders?customerId=ann").await;
    assert_eq!(orders.body["data"].as_array().map(Vec::len), Some(1));
    server.kill();
    let server = stand.start();
    expect::problem(&server.buy(product, 1, "cat").await, 409, "product-inactive");
    let again = patch(&server, product, json!({ "active": true })).await;
    assert_eq!(again.body["active"], true);
    expect::success(&server.post_with_key("/api/v1/purchases", key, "k").await, 201);
    assert_eq!(server.stock(product).await, (2, 0, 3, 5));
    assert!(server.stop().success());
    stand.assert_audit();
}

/// Which of several tags fits is another one after the change; the request is the same.
#[tokio::test]
async fn several_tags_and_a_key_can_be_sent_again() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(1).await;
    let send = |tags: &'static str| {
        let request = client().patch(server.url(&format!("{PRODUCTS}/{product}")));
        let request = request.json(&json!({ "name": "new" })).header("If-Match", tags);
        Answer::of(request.header("idempotency-key", "k"))
    };
    let first = send("\"1\", \"7\"").await;
    expect::success(&first, 200);
    let again = send("\"1\", \"7\"").await;
    assert_eq!((again.status, again.header("etag")), (200, first.header("etag")), "{}", again.text);
    expect::problem(&send("\"1\", \"8\"").await, 422, "idempotency-key-reused");
}

/// Of many requests for one SKU at once one gets it; and neither a restart nor kill -9 lets go of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_sku_is_one_products() {
    let stand = Stand::embedded();
    let server = stand.start();
    let create = |server: &Server, sku: &str| {
        let price = json!({ "amount": 1, "currency": "USD" });
        let body = json!({ "name": "thing", "price": price, "stock": 1, "sku": sku });
        let request = client().post(server.url(PRODUCTS)).json(&body);
        async move { Answer::of(request).await }
    };
    for round in 0..5 {
        let sku = format!("RACE-{round}");
        let answers = futures::future::join_all((0..20).map(|_| create(&server, &sku))).await;
        let created = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(created, 1, "round {round}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            assert_eq!((answer.status, answer.code()), (409, "sku-exists"), "{}", answer.text);
        }
    }
    let holder = listed(&server, "q=RACE-0").await[0];
    let taken = create(&server, "RACE-0").await;
    assert_eq!(expect::problem(&taken, 409, "sku-exists"), json!({ "productId": holder }));
    // Other letters are another SKU.
    expect::success(&create(&server, "race-0").await, 201);
    let other = server.create(json!({ "stock": 1, "sku": "OTHER" })).await;
    let stolen = patch(&server, other, json!({ "sku": "RACE-0", "name": "thief" })).await;
    expect::problem(&stolen, 409, "sku-exists");
    expect::success(&patch(&server, other, json!({ "sku": "OTHER", "name": "same" })).await, 200);
    // Given up, it is free; and the one that took it keeps it.
    expect::success(&patch(&server, holder, json!({ "sku": null })).await, 200);
    expect::success(&patch(&server, other, json!({ "sku": "RACE-0" })).await, 200);
    expect::problem(&create(&server, "RACE-0").await, 409, "sku-exists");
    expect::success(&create(&server, "OTHER").await, 201);
    // A repetition gets its first answer, though somebody else has the SKU by now.
    let keyed = |sku: &str| {
        let request = client().patch(server.url(&format!("{PRODUCTS}/{other}")));
        Answer::of(request.json(&json!({ "sku": sku })).header("idempotency-key", "to-keyed"))
    };
    expect::success(&keyed("KEYED").await, 200);
    expect::success(&patch(&server, other, json!({ "sku": "RACE-0" })).await, 200);
    expect::success(&create(&server, "KEYED").await, 201);
    let again = keyed("KEYED").await;
    expect::success(&again, 200);
    assert_eq!(again.header("idempotent-replayed"), "true");
    // Changes at once: whoever is first.
    let products = [holder, server.create_product(1).await, server.create_product(1).await];
    let sku = json!({ "sku": "WANTED" });
    let changes = products.map(|product| patch(&server, product, sku.clone()));
    let changes = futures::future::join_all(changes).await;
    assert_eq!(changes.iter().filter(|answer| answer.status == 200).count(), 1);
    server.kill();
    let server = stand.start();
    for sku in ["RACE-0", "RACE-1", "OTHER", "WANTED", "race-0"] {
        expect::problem(&create(&server, sku).await, 409, "sku-exists");
    }
    expect::success(&create(&server, "NEW").await, 201);
    // A product that is not sold any more keeps its SKU.
    assert_eq!(server.delete(&format!("{PRODUCTS}/{other}")).await.status, 204);
    expect::problem(&create(&server, "RACE-0").await, 409, "sku-exists");
    assert!(server.stop().success());
    stand.assert_audit();
}

/// While nobody can tell whether a SKU is taken, none is given; all else goes on.
#[tokio::test]
async fn without_its_tables_the_catalogue_gives_no_skus() {
    // Nobody listens on port 1.
    let stand = Stand::embedded().argument("--database-url=postgres://shop@127.0.0.1:1/shop");
    let server = stand.start();
    let product = server.create_product(2).await;
    let price = json!({ "amount": 1, "currency": "USD" });
    let body = json!({ "name": "thing", "price": price, "stock": 1, "sku": "A" });
    expect::problem(&server.post(PRODUCTS, body).await, 503, "projection-behind");
    let sku = patch(&server, product, json!({ "sku": "A" })).await;
    expect::problem(&sku, 503, "projection-behind");
    // Changed, though it cannot be shown.
    let changed = patch(&server, product, json!({ "price": price })).await;
    assert_eq!((changed.status, changed.header("etag")), (204, "\"2\""), "{}", changed.text);
    assert_eq!(server.buy(product, 1, "ann").await.body["unitPrice"]["amount"], 1);
    assert_eq!(server.delete(&format!("{PRODUCTS}/{product}")).await.status, 204);
    expect::problem(&server.buy(product, 1, "ann").await, 409, "product-inactive");
}
