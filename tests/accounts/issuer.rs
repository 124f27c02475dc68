//! Issuer: registering, signing in, staying signed in, and what bad input is answered.

use crate::expect;
use crate::shop::{As, PASSWORD, Person, log_in, refresh, register, send, stand};
use serde_json::{Value, json};

#[tokio::test]
async fn a_customer_registers_signs_in_and_out() {
    let stand = stand();
    let server = stand.start();
    let ann = register(&server, "Ann@Example.com").await;
    let me = send(&server, ann.token(), "GET /api/v1/auth/me", Value::Null).await;
    expect::success(&me, 200);
    assert_eq!(me.header("cache-control"), "no-store");
    expect::time(&me.body["createdAt"]);
    let expected = json!({
        "customerId": ann.id, "role": "customer", "email": "Ann@Example.com",
        "createdAt": me.body["createdAt"],
    });
    assert_eq!(me.body, expected);

    let answer = log_in(&server, "ann@example.COM", PASSWORD).await;
    expect::success(&answer, 200);
    assert_eq!(
        (&answer.body["tokenType"], &answer.body["expiresIn"]),
        (&json!("Bearer"), &json!(900))
    );
    assert_eq!(answer.header("cache-control"), "no-store");
    let again = Person::of(&answer);
    assert_eq!(again.id, ann.id);
    let refreshed = Person::of(&refresh(&server, &again.refresh).await);
    assert_eq!(refreshed.id, ann.id);
    assert!(refreshed.refresh != again.refresh && refreshed.access != again.access);
    expect::success(
        &send(&server, refreshed.token(), "GET /api/v1/auth/me", Value::Null).await,
        200,
    );

    let body = json!({"refreshToken": refreshed.refresh});
    for _ in 0..2 {
        let out = send(&server, As::Nobody, "POST /api/v1/auth/logout", body.clone()).await;
        assert_eq!(out.status, 204, "{}", out.text);
    }
    expect::problem(&refresh(&server, &refreshed.refresh).await, 401, "invalid-token");
    // The other sign-in goes on.
    expect::success(&refresh(&server, &ann.refresh).await, 200);
}

#[tokio::test]
async fn what_is_no_account_is_refused() {
    let stand = stand();
    let server = stand.start();
    register(&server, "ann@example.com").await;
    let send = async |path: &str, body: Value| {
        send(&server, As::Nobody, &format!("POST /api/v1/auth/{path}"), body).await
    };
    let long = "x".repeat(129);
    for (email, password, field) in [
        (json!("ann"), json!(PASSWORD), "email"),
        (json!(""), json!(PASSWORD), "email"),
        (json!("ann@"), json!(PASSWORD), "email"),
        (json!("@example.com"), json!(PASSWORD), "email"),
        (json!("ann@example"), json!(PASSWORD), "email"),
        (json!("a b@example.com"), json!(PASSWORD), "email"),
        (json!("Ann <ann@example.com>"), json!(PASSWORD), "email"),
        (json!("ann@example.com\u{0}"), json!(PASSWORD), "email"),
        (json!(format!("{}@example.com", "a".repeat(300))), json!(PASSWORD), "email"),
        (json!("bob@example.com"), json!("short"), "password"),
        (json!("bob@example.com"), json!("123456789"), "password"),
        (json!("bob@example.com"), json!(""), "password"),
        (json!("bob@example.com"), json!(long), "password"),
    ] {
        let body = json!({"email": email, "password": password});
        let answer = send("register", body.clone()).await;
        let errors = expect::problem(&answer, 422, "validation-failed");
        assert_eq!(errors["errors"][0]["field"], field, "{body}");
        // A password is never in an answer.
        assert!(password == json!("") || !answer.text.contains(password.as_str().unwrap()));
    }
    let both = expect::problem(&send("register", json!({})).await, 422, "validation-failed");
    assert_eq!(both["errors"].as_array().map(Vec::len), Some(2), "{both}");
    let extra = json!({"email": "bob@example.com", "password": PASSWORD, "role": "admin"});
    expect::problem(&send("register", extra).await, 400, "invalid-request");
    for name in ["ann@example.com", "ANN@example.com"] {
        let body = json!({"email": name, "password": PASSWORD});
        expect::problem(&send("register", body).await, 409, "account-exists");
    }
    for token in ["", "garbage", "AAAA", &"A".repeat(64), &"A".repeat(201)] {
        let answer = refresh(&server, token).await;
        let bad = if token.is_empty() || token.len() > 200 { 422 } else { 401 };
        assert_eq!(answer.status, bad, "{token}: {}", answer.text);
    }
    expect::problem(&send("refresh", json!({"refreshToken": 7})).await, 400, "invalid-request");
}

#[tokio::test]
async fn an_unknown_address_and_a_wrong_password_get_one_answer() {
    let stand = stand();
    let server = stand.start();
    register(&server, "ann@example.com").await;
    let mut answers = Vec::new();
    for email in ["ann@example.com", "nobody@example.com"] {
        let mut told: Vec<(u16, Value, Value)> = Vec::new();
        // However slow this machine is: the pause doubles until a try falls into it.
        while told.last().is_none_or(|(status, ..)| *status == 401) {
            let answer = log_in(&server, email, "a wrong password").await;
            told.push((answer.status, answer.body["code"].clone(), answer.body["detail"].clone()));
        }
        // The first five are looked at, then there is a pause.
        let statuses: Vec<_> = told.iter().map(|(status, ..)| *status).collect();
        assert_eq!(statuses[..5], [401; 5]);
        assert_eq!(statuses.last(), Some(&429), "{statuses:?}");
        told.truncate(5);
        answers.push(told);
    }
    assert_eq!(answers[0], answers[1]);
    // Also with the right password nothing is looked at before the pause is over.
    let mut throttled = log_in(&server, "nobody@example.com", PASSWORD).await;
    while throttled.status == 401 {
        throttled = log_in(&server, "nobody@example.com", PASSWORD).await;
    }
    expect::problem(&throttled, 429, "too-many-attempts");
}

#[tokio::test]
async fn a_password_is_changed_by_whoever_knows_it() {
    let stand = stand();
    let server = stand.start();
    let ann = register(&server, "ann@example.com").await;
    let other = Person::of(&log_in(&server, "ann@example.com", PASSWORD).await);
    let bob = register(&server, "bob@example.com").await;
    let next = "battery staple horse";
    let change = async |who: As<'_>, body: Value| {
        send(&server, who, "POST /api/v1/auth/password", body).await
    };
    let good = json!({"currentPassword": PASSWORD, "newPassword": next});
    expect::problem(&change(As::Nobody, good.clone()).await, 401, "unauthorized");
    let wrong = json!({"currentPassword": "a wrong password", "newPassword": next});
    expect::problem(&change(ann.token(), wrong).await, 401, "invalid-credentials");
    for (body, field) in [
        (json!({"newPassword": next}), "currentPassword"),
        (json!({"currentPassword": PASSWORD}), "newPassword"),
        (json!({"currentPassword": PASSWORD, "newPassword": "short"}), "newPassword"),
        (json!({"currentPassword": PASSWORD, "newPassword": "x".repeat(129)}), "newPassword"),
    ] {
        let errors = expect::problem(&change(ann.token(), body).await, 422, "validation-failed");
        assert_eq!(errors["errors"][0]["field"], field);
    }
    // Who has no account here has no password.
    let ops = crate::shop::token(&stand, "admin", "ops");
    expect::problem(&change(As::Token(&ops), good.clone()).await, 403, "forbidden");
    let changed = change(ann.token(), good).await;
    assert_eq!(changed.status, 204, "{}", changed.text);
    for ended in [&ann, &other] {
        expect::problem(&refresh(&server, &ended.refresh).await, 401, "invalid-token");
    }
    expect::success(&refresh(&server, &bob.refresh).await, 200);
    let old = log_in(&server, "ann@example.com", PASSWORD).await;
    expect::problem(&old, 401, "invalid-credentials");
    expect::success(&log_in(&server, "ann@example.com", next).await, 200);
    assert!(!server.log().contains(next), "no password is logged");
}

#[tokio::test]
async fn an_account_is_changed_by_whoever_has_its_store() {
    let stand = stand();
    let server = stand.start();
    let ann = register(&server, "ann@example.com").await;
    let command = |words: &[&str]| {
        let output = stand.command(words).output().expect("the binary runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout), text(&output.stderr))
    };
    let (done, said, _) = command(&["account", "ANN@example.com"]);
    assert!(done && said == format!("ann@example.com: customer {}, role customer\n", ann.id));
    let (done, said, _) = command(&["account", "ann@example.com", "--role", "staff"]);
    assert!(done && said.contains("role staff") && said.contains("was customer"), "{said}");
    let answer = refresh(&server, &ann.refresh).await;
    expect::success(&answer, 200);
    assert_eq!(answer.body["account"]["role"], "staff");
    let staff = Person::of(&answer);
    let list = send(&server, staff.token(), "GET /api/v1/admin/dead-letters", Value::Null).await;
    expect::success(&list, 200);
    let (done, said, _) = command(&["account", "ann@example.com", "--sign-out"]);
    assert!(done && said.contains("1 sign-ins are ended"), "{said}");
    expect::problem(&refresh(&server, &staff.refresh).await, 401, "invalid-token");
    for (words, complaint) in [
        (&["account", "bob@example.com", "--role", "admin"][..], "there is no account with"),
        (&["account", "bob"], "must be an address"),
        (&["account", "ann@example.com", "--role", "root"], "customer, staff or admin"),
    ] {
        let (done, said, error) = command(words);
        assert!(!done && said.is_empty() && error.contains(complaint), "{words:?}: {error}");
    }
    let elsewhere = crate::shop::stand();
    let output = elsewhere.command(&["account", "ann@example.com"]).output().expect("runs");
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no file of accounts"));
    assert!(!elsewhere.data_dir().join("accounts.sqlite").exists(), "and none is made");
}
