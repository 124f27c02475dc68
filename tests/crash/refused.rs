//! A start that is refused, on a journal that somebody sells from: the sale goes on as if nothing had
//! happened. Taking the journal over is the last thing a start may do.

use crate::places::{
    assert_audit, assert_good_end, connect, half_on_postgres, on_postgres, postgres, run_sql,
    until, until_ready,
};
use crate::support::{Server, Stand};
use std::fs;
use throwaway::Postgres;
use tokio::task::block_in_place;

/// Another server on the journal of `on_postgres`, with a database of its own.
fn beside(postgres: &Postgres, database_url: &str) -> Stand {
    Stand::embedded()
        .argument(format!("--journal-url={}", postgres.url("journal")))
        .argument(format!("--database-url={database_url}"))
}

/// Refused with exit status 1 and a line that says all of these.
fn assert_refused(stand: &Stand, said: &[&str]) {
    let (status, complaint) = block_in_place(|| stand.start_refused());
    assert_eq!(status.code(), Some(1), "{complaint}");
    let lines: Vec<_> = complaint.lines().filter(|line| line.starts_with("lastunit: ")).collect();
    assert_eq!(lines.len(), 1, "{complaint}");
    for words in said {
        assert!(lines[0].contains(words), "{words} is not in: {complaint}");
    }
}

/// Says that a database was migrated by a program of the future.
async fn make_newer(postgres: &Postgres, name: &str) {
    let future = "INSERT INTO _sqlx_migrations \
        (version, description, success, checksum, execution_time) \
        VALUES (30000101000000, 'future', true, 'x', 0)";
    run_sql(&connect(postgres, name).await, future).await;
}

async fn epochs(postgres: &Postgres) -> Vec<i64> {
    let newest = "SELECT max(epoch) FROM journal GROUP BY partition ORDER BY partition";
    sqlx::query_scalar(newest).fetch_all(&connect(postgres, "journal").await).await.expect("rows")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_in_a_second_server_leaves_the_sale_alone() {
    let postgres = postgres();
    for name in ["newer", "foreign"] {
        postgres.create_database(name).expect("a new database");
    }
    let newer = Stand::embedded().argument(format!("--database-url={}", postgres.url("newer")));
    assert!(block_in_place(|| newer.start()).stop().success());
    make_newer(&postgres, "newer").await;
    let foreign = Stand::embedded().argument(format!("--database-url={}", postgres.url("foreign")));
    let other = foreign.start();
    other.until_projected().await;
    assert!(other.stop().success());
    let stand = on_postgres(&postgres);
    let server = stand.start();
    let product = server.create_product(100).await;
    let before = epochs(&postgres).await;

    let file = stand.folder.path().join("file");
    fs::write(&file, "not a folder").expect("room");
    let unwritable = format!("sqlite:{}", file.join("x.sqlite").display());
    let bad_tls = format!("{}?sslmode=nonsense", postgres.url("shop"));
    let no_tls = format!("{}?sslmode=require", postgres.url("shop"));
    let [unknown, newer, foreign] = ["typo", "newer", "foreign"].map(|name| postgres.url(name));
    for (number, (url, said)) in [
        (newer, "migrated by a newer lastunit"),
        (foreign, "belongs to another journal"),
        (unknown, "Postgres refuses database.url"),
        (bad_tls, "its sslmode must be one of"),
        (no_tls, "correct its user, password, database name and TLS settings"),
        (unwritable, "cannot be opened or created"),
    ]
    .into_iter()
    .enumerate()
    {
        assert_refused(&beside(&postgres, &url), &[said]);
        assert_eq!(epochs(&postgres).await, before, "{said}: the journal was taken over");
        let bought = server.buy(product, 1, &format!("buyer-{number}")).await;
        assert_eq!(bought.status, 201, "{said}: {}", bought.text);
    }
    until_ready(&server).await;
    assert_eq!(server.stock(product).await, (94, 0, 6, 100));
    assert_good_end(server, &stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_says_no_is_not_waited_for() {
    let postgres = postgres();
    let admin = connect(&postgres, "shop").await;
    run_sql(&admin, "CREATE ROLE outsider LOGIN").await;
    run_sql(&admin, "REVOKE ALL ON DATABASE shop FROM PUBLIC").await;
    let url = |user: &str, name: &str| {
        let url = postgres.url(name);
        let (_, rest) = url.split_once("://").expect("a URL");
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("postgres://{user}:secret@{host}")
    };
    for (user, name, said) in [
        ("nobody-here", "shop", "nobody-here"),
        ("outsider", "shop", "permission denied"),
        ("outsider", "typo", "typo"),
    ] {
        let stand = Stand::embedded().argument(format!("--database-url={}", url(user, name)));
        assert_refused(&stand, &["Postgres refuses database.url", "correct its user", said]);
        let (_, complaint) = block_in_place(|| stand.start_refused());
        assert!(!complaint.contains("secret"), "{complaint}");
    }
}

/// Nothing of the query tables is shown.
async fn assert_not_shown(server: &Server) {
    for path in ["/api/v1/products", "/api/v1/orders?customerId=ann"] {
        let answer = server.get(path).await;
        assert_eq!((answer.status, answer.code()), (503, "database-unavailable"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_foreign_database_found_later_is_not_shown() {
    let mut postgres = postgres();
    let owner = half_on_postgres(&postgres);
    let server = owner.start();
    let product = server.create_product(3).await;
    assert_eq!(server.buy(product, 1, "ann").await.status, 201);
    server.until_projected().await;
    assert!(server.stop().success());

    block_in_place(|| postgres.stop()).expect("Postgres ends");
    let stand = half_on_postgres(&postgres);
    let server = block_in_place(|| stand.start());
    block_in_place(|| postgres.start_again()).expect("Postgres starts again");
    until("the projection has stopped", async || {
        assert_not_shown(&server).await;
        let health = server.get("/health").await.text;
        health.contains("belongs to another journal")
    })
    .await;
    assert_not_shown(&server).await;
    // The sale does not need the database.
    let own = server.create_product(1).await;
    assert_eq!(server.buy(own, 1, "ann").await.status, 201);
    assert!(server.stop().success());
    // And the rows are still what their own server wrote.
    assert!(block_in_place(|| owner.start()).stop().success());
    assert_audit(&owner);
}
