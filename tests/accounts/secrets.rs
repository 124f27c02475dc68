//! Secrets: what proves something, and who somebody is, is in no log, in no number and in no setting.

use crate::expect;
use crate::shop::{As, PASSWORD, log_in, refresh, register, send, stand, token};
use serde_json::{Value, json};

#[tokio::test]
async fn nothing_secret_or_personal_is_told() {
    // As much as could ever be logged.
    let stand = stand().setting("TELEMETRY__LEVEL", "trace");
    let server = stand.start();
    let admin = token(&stand, "admin", "ops-person");
    let ann = register(&server, "ann.personal@example.com").await;
    assert_eq!(log_in(&server, "ann.personal@example.com", "a wrong password").await.status, 401);
    assert_eq!(log_in(&server, "bob.personal@example.com", PASSWORD).await.status, 401);
    let next = refresh(&server, &ann.refresh).await;
    expect::success(&next, 200);
    expect::problem(&refresh(&server, &ann.refresh).await, 401, "refresh-token-reused");
    let body = json!({"name": "machine", "scopes": ["metrics:read"]});
    let created = send(&server, As::Token(&admin), "POST /api/v1/api-keys", body).await;
    let key = created.body["key"].as_str().expect("a key").to_owned();
    let metrics = send(&server, As::Key(&key), "GET /metrics", Value::Null).await;
    assert_eq!(metrics.status, 200);
    assert!(
        metrics.text.contains("lastunit_sign_ins_total{result=\"reused\"} 1"),
        "{}",
        metrics.text
    );
    assert!(
        metrics.text.contains("lastunit_sign_ins_total{result=\"refused\"} 2"),
        "{}",
        metrics.text
    );
    assert!(metrics.text.contains("lastunit_sign_ins_total{result=\"registered\"} 1"));
    let broken =
        send(&server, As::Token("broken.token.of-somebody"), "GET /metrics", Value::Null).await;
    expect::problem(&broken, 401, "invalid-token");

    let settings = stand.command(&["config"]).output().expect("the binary runs");
    let settings = String::from_utf8_lossy(&settings.stdout).into_owned();
    assert!(settings.contains("mode = \"jwt\""), "{settings}");
    let pem = std::fs::read_to_string(stand.data_dir().join("signing-key.pem")).expect("a key");
    let private = pem.lines().nth(1).expect("a line").to_owned();
    let log = server.log();
    assert!(log.contains("listening on"), "{log}");
    let text = |name: &str| next.body[name].as_str().expect(name).to_owned();
    for secret in [
        PASSWORD.to_owned(),
        "a wrong password".into(),
        "personal".into(),
        "ops-person".into(),
        "of-somebody".into(),
        admin,
        ann.access.clone(),
        ann.refresh.clone(),
        ann.id.clone(),
        text("accessToken"),
        text("refreshToken"),
        key.rsplit_once('_').expect("a secret").1.to_owned(),
        private,
        "$argon2id".into(),
    ] {
        for (place, told) in [("log", &log), ("metrics", &metrics.text), ("settings", &settings)] {
            assert!(!told.contains(&secret), "{secret} is in the {place}");
        }
    }
    // Of what is kept, only hashes: whoever reads the file can use none of it.
    assert!(server.stop().success());
    let file = std::fs::read(stand.data_dir().join("accounts.sqlite")).expect("the file");
    let kept = String::from_utf8_lossy(&file);
    for secret in [PASSWORD, &ann.refresh, &text("refreshToken"), &key] {
        assert!(!kept.contains(secret), "{secret} is in the file");
    }
}
