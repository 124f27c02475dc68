//! Away: the store of carts ends, or is not there at the start. Sales go on, carts say so in a bounded
//! time, and come back by themselves.

use crate::expect;
use crate::kit::{Kit, Store};
use crate::shop::{ask, cart, lines, put};
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use sqlx::{Connection, Executor, SqliteConnection};
use std::time::Duration;

pub async fn a_store_that_is_away_is_503_and_comes_back(mut kit: Kit) {
    let server = kit.stand.start();
    let chosen = server.create_product(10).await;
    expect::success(&put(&server, "ann", chosen, 3).await, 200);
    kit.take_away().await;
    for method in ["PUT", "DELETE"] {
        let item = format!("/items/{chosen}");
        let body = if method == "PUT" { json!({ "quantity": 5 }) } else { Value::Null };
        let answer = ask(&server, method, &item, "ann", body).await;
        assert_eq!(expect::problem(&answer, 503, "cart-unavailable"), json!({}), "{method}");
    }
    // A file that somebody else writes to can be read.
    if !matches!(kit.store, Store::Sqlite) {
        let answer = ask(&server, "GET", "", "ann", Value::Null).await;
        expect::problem(&answer, 503, "cart-unavailable");
        let health = server.get("/health").await;
        assert_eq!((health.status, &health.body["status"]), (200, &json!("degraded")));
        let check = &health.body["checks"]["carts"];
        assert_eq!(check["status"], "degraded");
        assert!(check["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{check}");
    }
    expect::success(&server.buy(chosen, 1, "bob").await, 201);
    assert_eq!(server.get("/health/ready").await.status, 200);

    kit.bring_back().await;
    until_it_answers(&server, chosen, 6).await;
    assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 6)]);
    until_it_is_said(&server).await;
    assert!(server.stop().success());
    kit.stand.assert_audit();
}

/// Fails unless the log says once that the store was away, and soon that it is there again.
async fn until_it_is_said(server: &Server) {
    for _ in 0..300 {
        let log = server.log();
        if log.contains("the store of carts is there again") {
            assert_eq!(log.matches("the store of carts is away").count(), 1, "{log}");
            assert_eq!(log.matches("the store of carts is there again").count(), 1, "{log}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nobody says that carts are back: {}", server.log());
}

/// Puts so many units into the cart, as soon as that is possible.
async fn until_it_answers(server: &Server, chosen: u64, units: u64) {
    for _ in 0..300 {
        let answer = put(server, "ann", chosen, units).await;
        if answer.status == 200 {
            return;
        }
        expect::problem(&answer, 503, "cart-unavailable");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("carts do not come back: {}", server.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_store_goes_on_and_finds_it_later() {
    for mut kit in [Kit::redis(), Kit::postgres()] {
        kit.take_away().await;
        let server = kit.stand.start();
        let chosen = server.create_product(10).await;
        let answer = put(&server, "ann", chosen, 1).await;
        expect::problem(&answer, 503, "cart-unavailable");
        expect::success(&server.buy(chosen, 1, "bob").await, 201);
        // An empty cart needs no store.
        assert_eq!(lines(&cart(&server, "").await), []);
        kit.bring_back().await;
        until_it_answers(&server, chosen, 2).await;
        assert_eq!(lines(&cart(&server, "ann").await), [(chosen, 2)]);
        until_it_is_said(&server).await;
    }
}

/// A Redis that takes connections and never answers holds nobody up for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_is_silent_is_away() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let url = format!("redis://:secret@127.0.0.1:{port}/");
    let stand = Stand::embedded().setting("REDIS__URL", url);
    let server = stand.start();
    let chosen = server.create_product(10).await;
    let answer = put(&server, "ann", chosen, 1).await;
    expect::problem(&answer, 503, "cart-unavailable");
    expect::success(&server.buy(chosen, 1, "bob").await, 201);
    assert!(!server.log().contains("secret"), "{}", server.log());
    assert!(server.stop().success());
}

/// A file of carts that cannot be used refuses the start, before anything is sold.
#[tokio::test]
async fn a_file_that_is_not_ours_refuses_the_start() {
    let stand = Stand::embedded();
    let file = stand.data_dir().join("carts.sqlite");
    std::fs::create_dir_all(stand.data_dir()).expect("a folder");
    std::fs::write(&file, "this is a text, and long enough for a header ".repeat(100))
        .expect("room");
    refused(&stand, "the file of carts");
    std::fs::remove_file(&file).expect("a file");
    assert!(stand.start().stop().success());
    let url = format!("sqlite://{}", file.display());
    for (sql, said) in [
        ("UPDATE _sqlx_migrations_carts SET checksum = x'00'", "is not the one built into"),
        ("UPDATE _sqlx_migrations_carts SET version = 30000101000000", "by a newer lastunit"),
    ] {
        let mut connection = SqliteConnection::connect(&url).await.expect("the file");
        connection.execute(sql).await.expect("altered");
        connection.close().await.expect("closed");
        refused(&stand, said);
    }
}

/// Fails unless the start is refused with one line that says this.
#[track_caller]
fn refused(stand: &Stand, said: &str) {
    let (status, complaint) = stand.start_refused();
    assert_eq!(status.code(), Some(1), "{complaint}");
    let last = complaint.trim().lines().last().unwrap_or_default();
    assert!(last.starts_with("lastunit: ") && last.contains(said), "{complaint}");
}

#[tokio::test]
async fn settings_of_carts_that_are_none() {
    for (name, value, said) in [
        ("REDIS__URL", "rediss://ann:sesame@h", "redis.url is \"rediss://ann:***@h\""),
        ("REDIS__URL", "redis://:sesame@h:port", "redis.url is \"redis://:***@h:port\""),
        ("CART__TTL_DAYS", "0", "cart.ttl_days is 0; it must be from 1 to 365"),
        ("CART__TTL_DAYS", "366", "cart.ttl_days is 366"),
    ] {
        let stand = Stand::embedded().setting(name, value);
        let (status, complaint) = stand.start_refused();
        assert_eq!(status.code(), Some(1), "{complaint}");
        assert!(complaint.starts_with("lastunit: ") && complaint.contains(said), "{complaint}");
        assert!(!complaint.trim().contains('\n') && !complaint.contains("sesame"), "{complaint}");
        assert!(!stand.data_dir().exists());
    }
    let stand = Stand::embedded().setting("REDIS__URL", "redis://ann:sesame@h:1/2");
    let printed = stand.command(&["config"]).output().expect("the binary runs");
    let printed = String::from_utf8_lossy(&printed.stdout);
    assert!(printed.contains("redis://ann:***@h:1/2") && !printed.contains("sesame"), "{printed}");
    let refused = Stand::embedded();
    let file = refused.data_dir().join("carts.sqlite");
    let refused = refused.argument(format!("--database-url=sqlite:{}", file.display()));
    let (_, complaint) = refused.start_refused();
    assert!(complaint.contains("is where carts are kept"), "{complaint}");
}
