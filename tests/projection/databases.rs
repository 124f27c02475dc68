//! What can be wrong with a database itself.

use crate::follower::Follower;
use crate::shop::Shop;
use crate::{SqliteFile, shop};
use lastunit::domain::Action;
use lastunit::projection::{Database, DatabaseConfig, DatabaseError, ProjectionState, Queries};
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;
use throwaway::Postgres;

/// Runs one statement beside the projection.
pub async fn execute(url: &str, sql: &str) -> Result<(), sqlx::Error> {
    if url.starts_with("sqlite") {
        let mut connection = sqlx::SqliteConnection::connect(url).await?;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
        return connection.close().await;
    }
    let mut connection = sqlx::PgConnection::connect(url).await?;
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await?;
    connection.close().await
}

/// An empty database beside this one.
pub async fn another(url: &str) -> String {
    if let Some(file) = url.strip_suffix("database.db") {
        return format!("{file}again.db");
    }
    let (server, name) = url.rsplit_once('/').unwrap();
    let again = format!("{name}_again");
    execute(url, &format!("CREATE DATABASE {again}")).await.unwrap();
    format!("{server}/{again}")
}

async fn open(url: &str) -> Result<Database, DatabaseError> {
    Database::open(url, &DatabaseConfig::default()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sale_goes_on_while_postgres_is_away() {
    let mut cluster = Postgres::start().unwrap();
    let mut shop = Shop::new(4);
    let product = shop.create(1, 1_000_000, None);
    shop.commit();
    cluster.stop().unwrap();
    // Away from the start.
    let follower = Follower::start(&shop, &cluster.url("postgres")).await;
    let error = follower.database.migrate().await.unwrap_err();
    assert!(error.may_pass(), "{error}");
    for round in 0..3 {
        let deadline = lastunit::clock::instant() + Duration::from_secs(30);
        while !matches!(follower.progress.state(), ProjectionState::Waiting { .. }) {
            assert!(lastunit::clock::instant() < deadline, "{:?}", follower.progress.state());
            shop.buy(product, &format!("customer {round}"), 1);
            shop.commit();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert!(follower.progress.lag(&shop.journal.positions()) > 0.0);
        let order = shop.hold(product, "holder", 1, 60_000);
        cluster.start_again().unwrap();
        shop.command(product, Action::Confirm { order }).unwrap();
        shop.commit();
        follower.catch_up(&shop).await;
        follower.compare(&shop, "back again").await;
        assert_eq!(follower.progress.state(), ProjectionState::Following);
        cluster.stop().unwrap();
    }
    follower.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_in_memory_serves_too() {
    let mut shop = Shop::new(2);
    let product = shop.create(1, 100, None);
    let follower = Follower::start(&shop, "sqlite::memory:").await;
    for _ in 0..20 {
        shop.buy(product, "ann", 1);
        shop.commit();
        follower.catch_up(&shop).await;
    }
    follower.compare(&shop, "in memory").await;
    follower.end().await;
    let path = std::path::Path::new(":memory:");
    let database = Database::open_file(path, &DatabaseConfig::default()).await.unwrap();
    database.migrate().await.unwrap();
    assert_eq!(Queries::new(&database).totals().await.unwrap().orders, 0);
    assert!(!path.exists());
}

#[tokio::test]
async fn a_newer_or_changed_database_is_refused() {
    let (file, cluster) = (SqliteFile::new(), Postgres::start().unwrap());
    for url in [file.url(), cluster.url("postgres")] {
        let database = open(&url).await.unwrap();
        database.migrate().await.unwrap();
        let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, \
                     execution_time) VALUES (29991231000000, 'later', true, 'x', 0)";
        execute(&url, newer).await.unwrap();
        let error = database.migrate().await.unwrap_err();
        assert!(
            matches!(error, DatabaseError::Newer { version: 29_991_231_000_000, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("start that version"), "{error}");
        assert!(!error.may_pass());
        // The projector itself refuses too, rather than to wait for ever.
        let follower = Follower::start(&Shop::new(1), &url).await;
        assert!(follower.stopped().await.contains("newer lastunit"));
        follower.end().await;

        execute(&url, "DELETE FROM _sqlx_migrations WHERE description = 'later'").await.unwrap();
        execute(&url, "UPDATE _sqlx_migrations SET checksum = 'x'").await.unwrap();
        let error = database.migrate().await.unwrap_err();
        assert!(matches!(error, DatabaseError::Changed { .. }), "{error}");
        database.close().await;
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_said_in_one_sentence() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "not a directory").unwrap();
    let error = open(&format!("sqlite://{}/database.db", file.display())).await.unwrap_err();
    assert!(matches!(error, DatabaseError::Unwritable { .. }), "{error}");
    assert!(error.to_string().contains("--data-dir"), "{error}");
    let error = open(&format!("sqlite://{}", file.display())).await.unwrap_err();
    assert!(error.to_string().contains("not a database"), "{error}");

    for url in ["mysql://x/y", "nothing", "sqlite://x?mode=what", "postgres://:secret@:x/"] {
        let error = open(url).await.unwrap_err();
        assert!(matches!(error, DatabaseError::BadUrl(_)), "{error}");
        assert!(!error.to_string().contains("secret") && !error.to_string().contains('\n'));
    }
    let nobody = open("postgres://user:secret@127.0.0.1:1/name").await.unwrap();
    let error = nobody.migrate().await.unwrap_err();
    assert!(error.may_pass() && !error.to_string().contains("secret"), "{error}");
    assert!(error.to_string().contains("postgres://127.0.0.1:1/name cannot be reached"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_directory_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/new/database.db", directory.path().display());
    open(&url).await.unwrap().migrate().await.unwrap();
    assert_eq!(shop::START.as_millis() % 1_000, 0);
}
