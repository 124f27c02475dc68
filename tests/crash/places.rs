//! Places to run a server at: stands with their stores, and what is the same at each of them.

use crate::support::{Server, Stand};
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use std::time::{Duration, Instant};
use throwaway::Postgres;

/// The longest anything may take that should happen at once; the machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// A Postgres with an empty database for the journal and one for the query tables.
pub fn postgres() -> Postgres {
    let postgres = Postgres::start().expect("Postgres starts");
    for name in ["journal", "shop"] {
        postgres.create_database(name).expect("a new database");
    }
    postgres
}

/// Journal and query tables in Postgres.
pub fn on_postgres(postgres: &Postgres) -> Stand {
    Stand::embedded()
        .argument(format!("--journal-url={}", postgres.url("journal")))
        .argument(format!("--database-url={}", postgres.url("shop")))
}

/// The journal in a local file, the query tables in Postgres.
pub fn half_on_postgres(postgres: &Postgres) -> Stand {
    Stand::embedded().argument(format!("--database-url={}", postgres.url("shop")))
}

/// A connection for the test itself.
pub async fn connect(postgres: &Postgres, database: &str) -> PgPool {
    let pool = PgPoolOptions::new().max_connections(1);
    pool.connect(&postgres.url(database)).await.expect("Postgres answers")
}

/// Runs statements of a test's own making.
pub async fn run_sql(pool: &PgPool, sql: &str) -> u64 {
    let done = sqlx::query(AssertSqlSafe(sql.to_owned())).execute(pool).await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}")).rows_affected()
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until `/health/ready` says so.
pub async fn until_ready(server: &Server) {
    until("the server is ready", async || server.get("/health/ready").await.status == 200).await;
}

/// Waits until `/health/ready` says no, and gives the reason.
pub async fn until_not_ready(server: &Server) -> String {
    until("the server is not ready", async || server.get("/health/ready").await.status == 503)
        .await;
    let answer = server.get("/health/ready").await;
    answer.body["reason"].as_str().unwrap_or_default().to_owned()
}

/// Every promise holds, and the query tables say the same. Gives the report.
pub fn assert_audit(stand: &Stand) -> Value {
    let (well, report) = stand.audit();
    assert!(well, "the audit found problems: {report:#}");
    assert_eq!(report["database"]["compared"], true, "{report:#}");
    report
}

/// The end of every story: the tables have everything, the server stops in order, and the audit finds
/// nothing. Gives its report.
pub async fn assert_good_end(server: Server, stand: &Stand) -> Value {
    server.until_projected().await;
    assert!(server.stop().success());
    assert_audit(stand)
}
