//! Start: one word gives a shop accounts; what cannot work refuses the start in one line.

use crate::expect;
use crate::shop::{As, PASSWORD, create_product, log_in, send, stand, token};
use crate::support::Stand;
use lastunit::account::{KeyFiles, TokenAlgorithm};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

#[tokio::test]
async fn one_word_gives_a_shop_accounts() {
    let stand = stand();
    let server = stand.start();
    let path = stand.data_dir().join("signing-key.pem");
    let mode = std::fs::metadata(&path).expect("a key").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "nobody else may read it");
    let before = std::fs::read(&path).expect("a key");
    let staff = token(&stand, "staff", "carl");
    assert!(!server.log().contains("auth.mode is \"open\""), "{}", server.log());
    assert!(server.stop().success());
    // The next start uses the key of the first, so tokens outlive it.
    let server = stand.start();
    assert_eq!(std::fs::read(&path).expect("a key"), before);
    let me = send(&server, As::Token(&staff), "GET /api/v1/auth/me", Value::Null).await;
    expect::success(&me, 200);
    assert_eq!((&me.body["customerId"], &me.body["role"]), (&"carl".into(), &"staff".into()));
    let jwks = server.get("/.well-known/jwks.json").await;
    expect::success(&jwks, 200);
    let key = &jwks.body["keys"][0];
    assert_eq!(
        (&key["kty"], &key["crv"], &key["alg"], &key["use"]),
        (&"OKP".into(), &"Ed25519".into(), &"EdDSA".into(), &"sig".into())
    );
    assert!(key.get("d").is_none(), "{}", jwks.text);
}

#[tokio::test]
async fn without_the_store_tokens_go_on() {
    // Nobody listens on this port.
    let stand = stand().argument("--database-url=postgres://shop@127.0.0.1:9/shop");
    let server = stand.start();
    let [customer, admin] = ["customer", "admin"].map(|role| token(&stand, role, role));
    let product = create_product(&server, &admin, 5).await;
    let body = serde_json::json!({"productId": product, "quantity": 1});
    let bought = send(&server, As::Token(&customer), "POST /api/v1/purchases", body).await;
    expect::success(&bought, 201);
    let answer = log_in(&server, "ann@example.com", PASSWORD).await;
    expect::problem(&answer, 503, "accounts-unavailable");
    let key = format!("lu_{}_{}", "0".repeat(32), "A".repeat(43));
    let answer = send(&server, As::Key(&key), "GET /metrics", Value::Null).await;
    expect::problem(&answer, 503, "accounts-unavailable");
    let said = server.log().matches("the store of accounts is away").count();
    assert_eq!(said, 1, "however many ask: {}", server.log());
    let health = server.get("/health").await;
    assert_eq!((health.status, &health.body["status"]), (200, &"degraded".into()));
    assert_eq!(health.body["checks"]["accounts"]["status"], "degraded", "{}", health.text);
}

#[tokio::test]
async fn open_has_no_accounts() {
    let stand = Stand::embedded();
    let server = stand.start();
    for route in ["POST /api/v1/auth/refresh", "GET /api/v1/auth/me", "GET /api/v1/api-keys"] {
        let body = if route.starts_with("POST") {
            serde_json::json!({"refreshToken": "x"})
        } else {
            Value::Null
        };
        let answer = send(&server, As::Nobody, route, body).await;
        expect::problem(&answer, 404, "route-not-found");
    }
    let jwks = server.get("/.well-known/jwks.json").await;
    assert_eq!(jwks.text, r#"{"keys":[]}"#);
    assert_eq!(server.get("/metrics").await.status, 200);
    let output = stand.command(&["token", "--role", "admin", "--subject", "ops"]).output();
    let output = output.expect("the binary runs");
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("set auth.mode = \"jwt\""));
}

#[test]
fn keys_that_cannot_work_refuse_the_start() {
    let public = include_str!("keys/ec_public.pem");
    let private = include_str!("keys/ec.pem");
    let wrapped = format!("my key:\n{public}");
    let cases = [
        ("EdDSA", "KEY_FILE", public, "holds a key of another kind"),
        ("RS256", "KEY_FILE", public, "holds a key of another kind"),
        ("ES256", "KEY_FILE", include_str!("keys/p384_public.pem"), "holds a key of another kind"),
        ("ES256", "KEY_FILE", private, "no public key"),
        ("ES256", "KEY_FILE", "nonsense", "holds 0 keys for ES256"),
        ("ES256", "KEY_FILE", "{\"keys\": 7}", "is no JWKS document"),
        ("ES256", "KEY_FILE", "{\"keys\": []}", "holds 0 keys for ES256"),
        ("HS256", "KEY_FILE", public, "holds a key in PEM, which others may know"),
        ("HS256", "KEY_FILE", wrapped.as_str(), "holds a key in PEM"),
        ("HS256", "KEY_FILE", " \n{\"keys\": []} and some more", "is no JWKS document"),
        ("HS256", "KEY_FILE", "\u{feff}{\"keys\": []}", "holds 0 keys for HS256"),
        ("HS256", "SIGNING_KEY_FILE", wrapped.as_str(), "holds a key in PEM"),
        (
            "HS256",
            "SIGNING_KEY_FILE",
            "\u{feff} {\"keys\": [{\"kty\": \"oct\", \"k\": \"c2VjcmV0\"}]}",
            "holds a JWKS document",
        ),
        ("HS256", "KEY_FILE", "short", "holds a secret that is too short"),
        ("EdDSA", "SIGNING_KEY_FILE", private, "holds no private key for EdDSA"),
        ("ES256", "SIGNING_KEY_FILE", public, "holds no private key for ES256"),
        ("EdDSA", "SIGNING_KEY_FILE", "", "holds no private key for EdDSA"),
    ];
    for (algorithm, setting, content, said) in cases {
        let stand = Stand::embedded();
        let file = stand.folder.path().join("key");
        std::fs::write(&file, content).expect("written");
        let stand = stand
            .setting("AUTH__MODE", "jwt")
            .setting("AUTH__ALGORITHM", algorithm)
            .setting("AUTH__ISSUER_ENABLED", setting == "SIGNING_KEY_FILE")
            .setting(&format!("AUTH__{setting}"), file.display());
        let (status, complaint) = stand.start_refused();
        assert!(!status.success(), "{algorithm} {content}");
        assert!(complaint.contains(said), "{algorithm} {content}: {complaint}");
        assert!(content.len() < 10 || !complaint.contains(&content[..content.len().min(40)]));
    }
    let missing = stand().setting("AUTH__SIGNING_KEY_FILE", "/nowhere/key.pem");
    assert!(missing.start_refused().1.contains("/nowhere/key.pem cannot be read"));
}

#[test]
fn a_token_needs_a_role_a_name_and_a_time() {
    let stand = stand();
    for words in [
        &["token"][..],
        &["token", "--role", "root", "--subject", "ops"],
        &["token", "--role", "admin"],
        &["token", "--role", "admin", "--subject", ""],
        &["token", "--role", "admin", "--subject", "ops", "--ttl", "soon"],
        &["token", "--role", "admin", "--subject", "ops", "--ttl", "0s"],
        &["token", "--role", "admin", "--subject", "ops", "--ttl", "366d"],
    ] {
        let output = stand.command(words).output().expect("the binary runs");
        assert!(!output.status.success() && output.stdout.is_empty(), "{words:?}");
    }
}

#[test]
fn a_token_makes_no_key() {
    let stand = stand();
    let output = stand.command(&["token", "--role", "admin", "--subject", "ops"]).output();
    let output = output.expect("the binary runs");
    let path = stand.data_dir().join("signing-key.pem");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && output.stdout.is_empty());
    assert!(said.contains(&format!("there is no signing key {}", path.display())), "{said}");
    assert!(!path.exists());
}

#[test]
fn of_two_first_starts_at_once_one_makes_the_key() {
    let stand = stand();
    let files = KeyFiles {
        algorithm: TokenAlgorithm::EdDsa,
        verifying: None,
        signing: None,
        issues: true,
        data_dir: stand.data_dir(),
    };
    let seen: Vec<_> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    files.make_and_load().expect("a key");
                    std::fs::read(stand.data_dir().join("signing-key.pem")).expect("a key")
                })
            })
            .collect();
        starts.into_iter().map(|start| start.join().expect("no panic")).collect()
    });
    assert!(seen.windows(2).all(|pair| pair[0] == pair[1]), "all have one key");
    let left = std::fs::read_dir(stand.data_dir()).expect("a folder").count();
    assert_eq!(left, 1, "no draft is left behind");
}
