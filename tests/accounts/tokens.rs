//! Tokens: which are taken, and which bad ones are not.

use crate::expect;
use crate::forge::{Signer, claims, header, in_seconds, part};
use crate::shop::{As, send, stand};
use crate::support::{Answer, Server, Stand, client};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

async fn me(server: &Server, token: &str) -> Answer {
    send(server, As::Token(token), "GET /api/v1/auth/me", Value::Null).await
}

#[track_caller]
fn refused(answer: &Answer, code: &str) {
    expect::problem(answer, 401, code);
    assert_eq!(answer.header("www-authenticate"), "Bearer error=\"invalid_token\"");
}

#[tokio::test]
async fn bad_tokens_prove_nothing() {
    let stand = stand().setting("AUTH__LEEWAY_SECONDS", 60);
    let server = stand.start();
    let signer = Signer::of_server(&stand.data_dir());
    let signed = |changes: Value| signer.token(&header("EdDSA"), &claims(&changes));

    let good = signed(json!({}));
    expect::success(&me(&server, &good).await, 200);
    // Clocks may differ by the leeway.
    for changes in [json!({"exp": in_seconds(-20)}), json!({"nbf": in_seconds(30)})] {
        expect::success(&me(&server, &signed(changes)).await, 200);
    }
    let several =
        json!({"aud": ["other", "lastunit"], "nbf": in_seconds(-1), "exp": 4_000_000_000.5});
    expect::success(&me(&server, &signed(several)).await, 200);

    refused(&me(&server, &signed(json!({"exp": in_seconds(-120)}))).await, "token-expired");
    for changes in [
        json!({"nbf": in_seconds(120)}),
        json!({"nbf": "tomorrow"}),
        json!({"exp": null}),
        json!({"exp": "never"}),
        json!({"aud": "another-shop"}),
        json!({"aud": ["another-shop"]}),
        json!({"aud": []}),
        json!({"aud": null}),
        json!({"aud": 7}),
        json!({"iss": "somebody"}),
        json!({"iss": null}),
        json!({"sub": null}),
        json!({"sub": ""}),
        json!({"sub": "x".repeat(65)}),
        json!({"sub": "a\nb"}),
        json!({"sub": 7}),
        json!({"role": 7}),
    ] {
        let answer = me(&server, &signed(changes.clone())).await;
        assert_eq!(answer.code(), "invalid-token", "{changes}: {}", answer.text);
        refused(&answer, "invalid-token");
    }
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_token_does_not_choose_how_it_is_verified() {
    let stand = stand();
    let server = stand.start();
    let signer = Signer::of_server(&stand.data_dir());
    let jwks = server.get("/.well-known/jwks.json").await;
    let public = jwks.body["keys"][0]["x"].as_str().expect("a public key");
    let public = URL_SAFE_NO_PAD.decode(public).expect("base64url");
    let admin = claims(&json!({"role": "admin"}));
    let good = signer.token(&header("EdDSA"), &claims(&json!({})));
    let [head, _, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("a token") };

    let critical = json!({"alg": "EdDSA", "crit": ["exp"], "exp": 1});
    let other = Signer::ed(include_str!("keys/ed.pem"));
    for bad in [
        Signer::Nothing.token(&header("none"), &admin),
        Signer::Nothing.token(&header("None"), &admin),
        Signer::Nothing.token(&header("EdDSA"), &admin),
        // The public key, which everybody has, as a secret.
        Signer::Hmac(public.clone()).token(&header("HS256"), &admin),
        Signer::Hmac(public.clone()).token(&header("EdDSA"), &admin),
        Signer::Hmac(jwks.text.clone().into()).token(&header("HS256"), &admin),
        signer.token(&header("HS256"), &admin),
        signer.token(&critical, &admin),
        other.token(&header("EdDSA"), &admin),
        // A payload that was changed after it was signed, and a signature that was.
        format!("{head}.{}.{signature}", part(&admin)),
        format!("{}A", &good[..good.len() - 1]),
        good[..good.len() - 4].to_owned(),
        format!("{good}.x"),
        format!("{head}.."),
        "garbage".into(),
        "a.b.c".into(),
        "..".into(),
        "x".repeat(9_000),
    ] {
        // A signature's last character may say the same in two ways.
        if bad != good {
            refused(&me(&server, &bad).await, "invalid-token");
        }
    }
    expect::success(&me(&server, &good).await, 200);

    let url = server.url("/api/v1/auth/me");
    let bearer = format!("Bearer {good}");
    let twice =
        client().get(&url).header("authorization", &bearer).header("authorization", &bearer);
    refused(&Answer::of(twice).await, "invalid-token");
    let both = client().get(&url).header("authorization", &bearer).header("x-api-key", "lu_x");
    refused(&Answer::of(both).await, "invalid-token");
    for scheme in ["Basic YW5uOnNlY3JldA==", "Bearer", ""] {
        let answer = Answer::of(client().get(&url).header("authorization", scheme)).await;
        expect::problem(&answer, 401, "unauthorized");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

/// A server whose tokens are issued by somebody else, whose keys are in this file.
fn of_others(algorithm: &str, keys: &str) -> Stand {
    let stand = Stand::embedded();
    let file = stand.folder.path().join("keys");
    std::fs::write(&file, keys).expect("a file of keys");
    stand
        .setting("AUTH__MODE", "jwt")
        .setting("AUTH__ALGORITHM", algorithm)
        .setting("AUTH__ISSUER_ENABLED", false)
        .setting("AUTH__ISSUER", "https://id.example.com/")
        .setting("AUTH__AUDIENCE", "shop")
        .setting("AUTH__ROLE_CLAIM", "realm_access.roles")
        .setting("AUTH__KEY_FILE", file.display())
}

fn their_claims() -> Value {
    claims(&json!({
        "iss": "https://id.example.com/", "aud": "shop", "sub": "auth0|ann",
        "realm_access": {"roles": ["offline_access", "staff"]},
    }))
}

#[tokio::test]
async fn each_algorithm_is_verified_with_its_keys() {
    let secret = "a secret of more than thirty-two bytes";
    let jwk = json!({"keys": [
        {"kty": "oct", "kid": "1", "k": URL_SAFE_NO_PAD.encode(secret)},
        {"kty": "OKP", "crv": "X25519", "x": "AAAA", "use": "enc", "alg": "ECDH-ES"},
    ]});
    let [rsa, ec, ed] = [
        Signer::rsa(include_str!("keys/rsa.pem")),
        Signer::ec(include_str!("keys/ec.pem")),
        Signer::ed(include_str!("keys/ed.pem")),
    ];
    for (algorithm, keys, signer) in [
        ("RS256", include_str!("keys/rsa_public.pem").to_owned(), &rsa),
        ("ES256", include_str!("keys/ec_public.pem").to_owned(), &ec),
        ("EdDSA", include_str!("keys/ed_public.pem").to_owned(), &ed),
        ("HS256", format!("{secret}\n"), &Signer::Hmac(secret.into())),
        ("HS256", jwk.to_string(), &Signer::Hmac(secret.into())),
    ] {
        let stand = of_others(algorithm, &keys);
        let server = stand.start();
        let good = signer.token(&header(algorithm), &their_claims());
        let answer = me(&server, &good).await;
        expect::success(&answer, 200);
        assert_eq!(answer.body, json!({"customerId": "auth0|ann", "role": "staff"}));
        // The public key as the secret of another algorithm.
        let confused = Signer::Hmac(keys.clone().into()).token(&header("HS256"), &their_claims());
        refused(&me(&server, &confused).await, "invalid-token");
        let published = server.get("/.well-known/jwks.json").await;
        assert_eq!(
            published.body["keys"].as_array().map(Vec::len),
            Some(usize::from(algorithm != "HS256")),
            "{}",
            published.text
        );
        assert!(!published.text.contains("\"k\""), "{}", published.text);
        // Nobody signs in here.
        let body = json!({"email": "ann@example.com", "password": "correct horse"});
        let login = send(&server, As::Nobody, "POST /api/v1/auth/login", body).await;
        expect::problem(&login, 404, "route-not-found");
    }
}

#[tokio::test]
async fn keys_are_chosen_by_their_name_and_can_be_changed() {
    let second = Signer::ed(include_str!("keys/ed.pem"));
    let own = Stand::embedded().setting("AUTH__MODE", "jwt");
    // Its first start makes the key.
    assert!(own.start().stop().success());
    let other = Signer::of_server(&own.data_dir());
    let jwk = |signer: &Signer, kid: &str| {
        let Signer::Ed(pair) = signer else { panic!("EdDSA") };
        let public = ring::signature::KeyPair::public_key(pair);
        json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "x": URL_SAFE_NO_PAD.encode(public)})
    };
    let both = json!({"keys": [jwk(&second, "new"), jwk(&other, "old")]});
    let stand = of_others("EdDSA", &both.to_string());
    let server = stand.start();
    let named = |kid: &str| json!({"alg": "EdDSA", "kid": kid});
    let old = other.token(&named("old"), &their_claims());
    let new = second.token(&named("new"), &their_claims());
    let nameless = other.token(&header("EdDSA"), &their_claims());
    for good in [&old, &new, &nameless] {
        expect::success(&me(&server, good).await, 200);
    }
    for kid in ["old", "unknown"] {
        let wrong = second.token(&named(kid), &their_claims());
        refused(&me(&server, &wrong).await, "invalid-token");
    }
    // The old key goes; tokens of it that were verified before go with it.
    let rest = json!({"keys": [jwk(&second, "new")]});
    std::fs::write(stand.folder.path().join("keys"), rest.to_string()).expect("written");
    let mut answer = me(&server, &old).await;
    for _ in 0..300 {
        if answer.status == 401 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        answer = me(&server, &old).await;
    }
    refused(&answer, "invalid-token");
    expect::success(&me(&server, &new).await, 200);
    // A file that is broken changes nothing.
    std::fs::write(stand.folder.path().join("keys"), "nonsense").expect("written");
    for _ in 0..300 {
        if server.log().contains("the keys of before stay in use") {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(server.log().contains("the keys of before stay in use"), "{}", server.log());
    expect::success(&me(&server, &new).await, 200);
}
