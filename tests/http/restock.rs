//! Many adjustments in one request: each by itself or all or none, while buyers buy.

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/stock/adjustments";

fn lines(lines: &[(u64, i64)]) -> Value {
    let line = |(product, delta): &(u64, i64)| json!({ "productId": product, "delta": delta });
    lines.iter().map(line).collect()
}

fn each(adjustments: &[(u64, i64)]) -> Value {
    json!({ "adjustments": lines(adjustments) })
}

fn all(adjustments: &[(u64, i64)]) -> Value {
    json!({ "adjustments": lines(adjustments), "atomic": true })
}

async fn available(server: &Server, products: &[u64]) -> Vec<u64> {
    let mut counts = Vec::new();
    for product in products {
        counts.push(server.stock(*product).await.0);
    }
    counts
}

async fn shop(stand: &Stand, stock: &[u64]) -> (Server, Vec<u64>) {
    let server = stand.start();
    let mut products = Vec::new();
    for units in stock {
        products.push(server.create_product(*units).await);
    }
    (server, products)
}

#[tokio::test]
async fn each_line_has_its_own_result() {
    let stand = Stand::embedded();
    let (server, products) = shop(&stand, &[5, 5, 5]).await;
    let wanted = [(products[2], 4), (products[0], -6), (999, 1), (products[1], -5)];
    let answer = server.post_with_key(PATH, each(&wanted), "k-1").await;
    expect::success(&answer, 200);
    assert_eq!((&answer.body["adjusted"], &answer.body["refused"]), (&json!(2), &json!(2)));
    let results = answer.body["results"].as_array().expect("results");
    let seen: Vec<_> = results
        .iter()
        .map(|line| (line["productId"].as_u64(), line["status"].as_u64(), line["code"].as_str()))
        .collect();
    let expected = [
        (Some(products[2]), Some(200), None),
        (Some(products[0]), Some(409), Some("insufficient-stock")),
        (Some(999), Some(404), Some("product-not-found")),
        (Some(products[1]), Some(200), None),
    ];
    assert_eq!(seen, expected);
    assert_eq!((&results[0]["available"], &results[0]["stocked"]), (&json!(9), &json!(9)));
    assert_eq!(available(&server, &products).await, [5, 0, 9]);
    // Again: what was done is not done twice, what was refused is tried again.
    expect::success(&server.post(PATH, each(&[(products[0], 1)])).await, 200);
    let again = server.post_with_key(PATH, each(&wanted), "k-1").await;
    assert_eq!(again.body["adjusted"], 3);
    assert_eq!(available(&server, &products).await, [0, 0, 9]);
    let other = server.post_with_key(PATH, each(&[(products[2], 5)]), "k-1").await;
    assert_eq!(other.body["results"][0]["code"], "idempotency-key-reused");
    assert_eq!(available(&server, &products).await, [0, 0, 9]);
}

#[tokio::test]
async fn all_or_none() {
    let stand = Stand::embedded();
    let (server, products) = shop(&stand, &[5, 5, 5]).await;
    let [a, b, c] = products[..] else { panic!("three") };
    let done = server.post_with_key(PATH, all(&[(c, 7), (a, -5), (b, -1)]), "k-1").await;
    expect::success(&done, 200);
    assert_eq!(done.body["results"][0]["available"], 12);
    expect::replay(
        &server.post_with_key(PATH, all(&[(c, 7), (a, -5), (b, -1)]), "k-1").await,
        &done,
    );
    assert_eq!(available(&server, &products).await, [0, 4, 12]);

    // Refused by the last that takes away, so nothing was added, and the first is whole again.
    let wanted = [(a, 10), (b, -4), (c, -13)];
    for key in [None, Some("k-2"), Some("k-2"), Some("k-2")] {
        let answer = match key {
            None => server.post(PATH, all(&wanted)).await,
            Some(key) => server.post_with_key(PATH, all(&wanted), key).await,
        };
        let members = expect::problem(&answer, 409, "insufficient-stock");
        assert_eq!(members, json!({ "productId": c, "available": 12 }));
        assert_eq!(available(&server, &products).await, [0, 4, 12]);
    }
    // The same request when there is enough: done once, whatever was undone before.
    expect::success(&server.post(PATH, each(&[(c, 1)])).await, 200);
    for _ in 0..3 {
        expect::success(&server.post_with_key(PATH, all(&wanted), "k-2").await, 200);
        assert_eq!(available(&server, &products).await, [10, 0, 0]);
    }
    let changed = server.post_with_key(PATH, all(&[(a, 11), (b, -4), (c, -13)]), "k-2").await;
    expect::problem(&changed, 422, "idempotency-key-reused");
    for (wanted, status, code) in [
        ([(a, -1), (999, 1)], 404, "product-not-found"),
        ([(a, 1_000_000_000), (b, 1)], 422, "validation-failed"),
        ([(a, 1), (b, -1)], 409, "insufficient-stock"),
    ] {
        let answer = server.post(PATH, all(&wanted)).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{}", answer.text);
        assert_eq!(available(&server, &products).await, [10, 0, 0]);
    }
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn bad_lists_adjust_nothing() {
    let stand = Stand::embedded();
    let (server, products) = shop(&stand, &[5]).await;
    let a = products[0];
    let line = |more: Value| json!({ "adjustments": [more] });
    let many: Vec<_> = (1..=1_001).map(|product| (product, 1)).collect();
    for body in [
        json!({}),
        each(&[]),
        each(&many),
        each(&[(a, 1), (a, 1)]),
        each(&[(a, 0)]),
        each(&[(0, 1)]),
        each(&[(a, 1), (a + 1, 1_000_000_001)]),
        line(json!({ "productId": a })),
        line(json!({ "productId": a, "delta": 1, "reason": "" })),
        line(json!({ "productId": a, "delta": 1, "reason": "x".repeat(201) })),
    ] {
        let answer = server.post(PATH, body.clone()).await;
        expect::problem(&answer, 422, "validation-failed");
        assert_eq!(answer.body["errors"][0]["field"], "adjustments", "{body}");
    }
    for body in [
        json!([]),
        json!({ "adjustments": {} }),
        json!({ "adjustments": [[1, 1, "a"]] }),
        json!({ "adjustments": [], "atomic": "yes" }),
        json!({ "adjustments": [], "other": 1 }),
        line(json!({ "productId": a, "delta": 1.5 })),
        line(json!({ "productId": a, "delta": 1, "other": 1 })),
    ] {
        expect::problem(&server.post(PATH, body).await, 400, "invalid-request");
    }
    assert_eq!(available(&server, &products).await, [5]);
    // A thousand lines with long reasons fit.
    let reason = "\u{e4}".repeat(200);
    let long: Vec<_> = (1..=1_000)
        .map(|product| json!({ "productId": product, "delta": 1, "reason": reason }))
        .collect();
    let answer = server.post(PATH, json!({ "adjustments": long })).await;
    expect::success(&answer, 200);
    assert_eq!((&answer.body["adjusted"], &answer.body["refused"]), (&json!(1), &json!(999)));
}

/// Buyers buy what restocking brings, to the last unit and no further; and all or none holds beside them.
#[tokio::test(flavor = "multi_thread")]
async fn restocking_while_buyers_buy_sells_exactly_what_there_is() {
    const ROUNDS: u64 = 20;
    let stand = Stand::embedded();
    let (server, products) = shop(&stand, &[10, 10, 10]).await;
    let buy = async |buyer: u64| {
        let mut bought = 0;
        for number in 0..40 {
            let product = products[usize::try_from((buyer + number) % 3).expect("small")];
            let answer = server.buy(product, 1, &format!("buyer {buyer}")).await;
            assert!(matches!(answer.status, 201 | 409), "{}", answer.text);
            bought += u64::from(answer.status == 201);
        }
        bought
    };
    let restock = async {
        let mut added = 0i64;
        for round in 0..ROUNDS {
            let [a, b, c] = products[..] else { panic!("three") };
            let wanted = [(a, 3), (b, 1), (c, if round % 2 == 0 { -2 } else { 2 })];
            let key = format!("round {round}");
            // Whoever repeats it, even at once, does not do it twice.
            let (one, other) = tokio::join!(
                server.post_with_key(PATH, all(&wanted), &key),
                server.post_with_key(PATH, all(&wanted), &key),
            );
            let ok = [&one, &other].iter().any(|answer| answer.status == 200);
            for answer in [&one, &other] {
                let code = answer.code();
                let expected = ["", "insufficient-stock", "idempotency-key-in-progress"];
                assert!(expected.contains(&code), "{}", answer.text);
            }
            added += if ok { wanted.iter().map(|(_, delta)| delta).sum::<i64>() } else { 0 };
        }
        added
    };
    let buyers = futures::future::join_all((0..8).map(&buy));
    let (bought, added) = tokio::join!(buyers, restock);
    let mut bought: u64 = bought.iter().sum();
    // With enough demand every unit is sold.
    for product in &products {
        while server.buy(*product, 1, "late").await.status == 201 {
            bought += 1;
        }
    }
    let mut stocked = 0;
    for product in &products {
        let (available, held, sold, of) = server.stock(*product).await;
        assert_eq!((available, held, sold), (0, 0, of));
        stocked += of;
    }
    assert_eq!(stocked, 30u64.checked_add_signed(added).expect("positive"));
    assert_eq!(bought, stocked);
    assert!(server.stop().success());
    stand.assert_audit();
}

/// Killed in the middle; the same request again does what is missing, and no line twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_repetition_after_kill_9_completes_what_was_begun() {
    let stand = Stand::embedded();
    let (mut server, mut products) = shop(&stand, &[]).await;
    for _ in 0..100 {
        products.push(server.create_product(10).await);
    }
    for round in 0..4u64 {
        // Half are taken from, half are added to.
        let delta = |index: usize| if index.is_multiple_of(2) { -1 } else { 2 };
        let wanted: Vec<_> =
            products.iter().enumerate().map(|(index, product)| (*product, delta(index))).collect();
        let key = format!("round {round}");
        let request = client().post(server.url(PATH)).json(&all(&wanted));
        let sent = tokio::spawn(Answer::try_of(request.header("Idempotency-Key", &key)));
        tokio::time::sleep(std::time::Duration::from_millis(3 * round)).await;
        server.kill();
        drop(sent.await);
        server = stand.start();
        for _ in 0..2 {
            expect::success(&server.post_with_key(PATH, all(&wanted), &key).await, 200);
        }
        for (index, product) in products.iter().enumerate() {
            let expected =
                10u64.checked_add_signed((i64::try_from(round).expect("small") + 1) * delta(index));
            assert_eq!(Some(server.stock(*product).await.0), expected, "round {round}");
        }
    }
    assert!(server.stop().success());
    stand.assert_audit();
}
