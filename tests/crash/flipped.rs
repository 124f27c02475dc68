//! Stored bytes that somebody changed: `lastunit audit` finds each of them, says where, and ends
//! with exit status 1. What no audit finds would be no proof of a sale.

use crate::places::{connect, on_postgres, postgres, run_sql};
use crate::support::{Server, Stand};
use lastunit::journal::audit::audit;
use lastunit::journal::sqlite::SqliteJournalReader;
use serde_json::Value;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What is changed, and how. `:partition` and `:seq` are a row in the middle of the journal.
const JOURNAL_CHANGES: [(&str, &str); 5] = [
    ("another time", "UPDATE journal SET recorded_at = recorded_at + 1 WHERE :here"),
    ("another epoch", "UPDATE journal SET epoch = epoch + 1 WHERE :here"),
    ("a row taken out", "DELETE FROM journal WHERE :here"),
    (
        "two rows swapped",
        "UPDATE journal SET seq = 1000000 WHERE :here;
         UPDATE journal SET seq = :seq WHERE partition = :partition AND seq = :seq + 1;
         UPDATE journal SET seq = :seq + 1 WHERE partition = :partition AND seq = 1000000",
    ),
    (
        "a row put in",
        "UPDATE journal SET seq = seq + 1000001 WHERE partition = :partition AND seq > :seq;
         INSERT INTO journal SELECT partition, seq + 1, epoch, recorded_at, events, digest
         FROM journal WHERE :here;
         UPDATE journal SET seq = seq - 1000000 WHERE partition = :partition AND seq > 1000000",
    ),
];

/// The same for what recovery rests on; `:product` is a product of `:partition`.
const SNAPSHOT_CHANGES: [(&str, &str); 6] = [
    ("a snapshot of another revision", "UPDATE snapshot SET revision = revision + 1 WHERE :its"),
    ("a snapshot of the future", "UPDATE snapshot SET revision = 1000000 WHERE :its"),
    ("a snapshot taken out", "DELETE FROM snapshot WHERE :its"),
    (
        "another product's snapshot",
        "UPDATE snapshot SET state = (SELECT state FROM snapshot other
         WHERE other.product_id != :product LIMIT 1) WHERE :its",
    ),
    ("a hold that never wakes up", "UPDATE snapshot SET next_expiry = NULL WHERE :its"),
    (
        "a checkpoint ahead of its snapshots",
        "UPDATE journal_partition SET checkpoint = (SELECT max(seq) FROM journal
         WHERE partition = :partition) WHERE partition = :partition",
    ),
];

/// The same for the query tables.
const DATABASE_CHANGES: [(&str, &str); 6] = [
    (
        "a unit sold that was not",
        "UPDATE stock SET sold = sold + 1, available = available - 1 WHERE :its",
    ),
    (
        "a unit nobody stocked",
        "UPDATE stock SET stocked = stocked + 1, available = available + 1 WHERE :its",
    ),
    ("an order's line taken out", "DELETE FROM order_lines WHERE :its"),
    ("another quantity", "UPDATE order_lines SET quantity = quantity + 1 WHERE :its"),
    ("a hold given up", "UPDATE reservations SET status = 'released', ended_at = 1 WHERE :its"),
    (
        "a customer's total",
        "UPDATE customer_totals SET sold = sold + 1 WHERE :its AND customer_id = 'ann'",
    ),
];

/// A row in the middle of the journal, and a product of its partition.
#[derive(Debug, Clone, Copy)]
struct Spot {
    partition: i64,
    seq: i64,
    product: i64,
}

impl Spot {
    fn fill(self, sql: &str) -> String {
        sql.replace(":here", "partition = :partition AND seq = :seq")
            .replace(":its", "product_id = :product")
            .replace(":partition", &self.partition.to_string())
            .replace(":seq", &self.seq.to_string())
            .replace(":product", &self.product.to_string())
    }

    /// Whether a finding names this row, or the one behind it.
    fn is_named(self, finding: &Value) -> bool {
        let seq = finding["seq"].as_i64().unwrap_or_default();
        finding["partition"] == self.partition && (self.seq..=self.seq + 1).contains(&seq)
    }

    fn is_product(self, finding: &Value) -> bool {
        finding["partition"] == self.partition && finding["productId"] == self.product
    }
}

async fn trade(server: &Server, products: &[u64]) {
    for product in products {
        for customer in ["ann", "bob"] {
            assert_eq!(server.buy(*product, 1, customer).await.status, 201);
        }
        assert_eq!(server.hold(*product, 2, "cher", 3_600).await.status, 201);
    }
}

/// Sells a little, with snapshots in the middle of it, and ends without warning.
async fn sell_something(stand: &Stand) {
    let server = stand.start();
    let mut products = Vec::new();
    for _ in 0..6 {
        products.push(server.create_product(20).await);
    }
    trade(&server, &products).await;
    assert!(server.stop().success());
    let server = stand.start();
    trade(&server, &products).await;
    server.until_projected().await;
    server.kill();
}

/// The exit status and the report of an audit.
fn audit_with(mut command: Command) -> (Option<i32>, Value) {
    let output = command.output().expect("the binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&text).unwrap_or_else(|error| {
        panic!("no report ({error}): {text}{}", String::from_utf8_lossy(&output.stderr))
    });
    (output.status.code(), report)
}

fn audit_at(folder: &Path) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastunit"));
    command.args(["audit", "--json", "--data-dir"]).arg(folder);
    audit_with(command)
}

fn assert_found(what: &str, found: (Option<i32>, Value), is_it: impl Fn(&Value) -> bool) {
    let (status, report) = found;
    assert_eq!((status, &report["ok"]), (Some(1), &Value::Bool(false)), "{what}: {report:#}");
    let findings = report["findings"].as_array().expect("findings");
    assert!(findings.iter().any(is_it), "{what} is not where it was found: {report:#}");
}

/// A copy of a server's files, to be damaged.
struct Copy {
    folder: TempDir,
    connection: SqliteConnection,
    spot: Spot,
}

impl Copy {
    async fn of(stand: &Stand, file: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        for entry in fs::read_dir(stand.data_dir()).expect("readable") {
            let entry = entry.expect("readable");
            fs::copy(entry.path(), folder.path().join(entry.file_name())).expect("room");
        }
        let spot = spot(&mut open(folder.path(), "journal.sqlite").await).await;
        let connection = open(folder.path(), file).await;
        Self { folder, connection, spot }
    }

    async fn change(&mut self, what: &str, sql: &str) {
        let sql = AssertSqlSafe(self.spot.fill(sql));
        let changed = sqlx::raw_sql(sql).execute(&mut self.connection).await.expect(what);
        assert!(changed.rows_affected() > 0, "{what} changed nothing");
    }

    /// Flips one bit of a blob, whose length it gives.
    async fn flip(&mut self, column: &str, of: &str, byte: usize) -> usize {
        let select = self.spot.fill(&format!("SELECT {column} FROM {of}"));
        let row = sqlx::query_scalar(AssertSqlSafe(select)).fetch_one(&mut self.connection).await;
        let mut blob: Vec<u8> = row.expect("a blob");
        let length = blob.len();
        blob[byte % length] ^= 0x10;
        let (table, condition) = of.split_once(" WHERE ").expect("a condition");
        let update = format!("UPDATE {table} SET {column} = ? WHERE {condition}");
        let update = sqlx::query(AssertSqlSafe(self.spot.fill(&update))).bind(blob);
        update.execute(&mut self.connection).await.expect("changed");
        length
    }

    async fn audit(self) -> (Option<i32>, Value) {
        self.connection.close().await.expect("closed");
        audit_at(self.folder.path())
    }
}

async fn open(folder: &Path, file: &str) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join(file));
    SqliteConnection::connect_with(&options).await.expect("opens")
}

/// A row with facts that has others before and behind it.
async fn spot(connection: &mut SqliteConnection) -> Spot {
    let row = sqlx::query(
        "SELECT partition, seq, (SELECT min(product_id) FROM snapshot s
                                 WHERE s.partition = j.partition) FROM journal j
         WHERE partition = (SELECT min(partition) FROM snapshot) AND length(events) > 30
         ORDER BY seq LIMIT 1 OFFSET 3",
    );
    let row = row.fetch_one(connection).await.expect("a row");
    Spot { partition: row.get(0), seq: row.get(1), product: row.get(2) }
}

fn small_stand() -> Stand {
    Stand::embedded().setting("JOURNAL__PARTITIONS", 2)
}

#[tokio::test]
async fn a_changed_journal_is_found() {
    let stand = small_stand();
    sell_something(&stand).await;
    let (status, report) = Copy::of(&stand, "journal.sqlite").await.audit().await;
    assert_eq!((status, &report["ok"]), (Some(0), &Value::Bool(true)), "{report:#}");
    assert_eq!((&report["snapshots"], &report["database"]["compared"]), (&6.into(), &true.into()));

    for (what, sql) in JOURNAL_CHANGES {
        let mut copy = Copy::of(&stand, "journal.sqlite").await;
        copy.change(what, sql).await;
        let spot = copy.spot;
        assert_found(what, copy.audit().await, |finding| spot.is_named(finding));
    }
    // The end cut off: the chain is whole, but the query tables have seen more.
    let mut copy = Copy::of(&stand, "journal.sqlite").await;
    let newest = "DELETE FROM journal WHERE partition = :partition AND seq =
                  (SELECT max(seq) FROM journal WHERE partition = :partition)";
    copy.change("the newest row taken out", newest).await;
    let spot = copy.spot;
    assert_found("the newest row taken out", copy.audit().await, |finding| {
        let problem = finding["problem"].as_str().unwrap_or_default();
        finding["partition"] == spot.partition && problem.contains("the journal ends at")
    });
}

/// Every single byte of a row's facts and of its digest, one after the other.
#[tokio::test]
async fn any_flipped_byte_is_found() {
    let stand = small_stand();
    sell_something(&stand).await;
    for column in ["events", "digest"] {
        let of = "journal WHERE :here";
        let mut copy = Copy::of(&stand, "journal.sqlite").await;
        let spot = copy.spot;
        copy.flip(column, of, 9).await;
        let what = format!("a flipped byte in {column}");
        assert_found(&what, copy.audit().await, |finding| {
            finding["partition"] == spot.partition && finding["seq"] == spot.seq
        });

        // The rest in this process, which is faster.
        let mut copy = Copy::of(&stand, "journal.sqlite").await;
        let path = copy.folder.path().join("journal.sqlite");
        let reader = SqliteJournalReader::open(&path).await.expect("opens");
        let (mut byte, mut length) = (0, 1);
        while byte < length {
            length = copy.flip(column, of, byte).await;
            let report = audit(&reader, &[], |_| {}).await.expect("readable");
            let found = report.findings.iter().any(|finding| {
                i64::from(finding.partition.0) == spot.partition
                    && finding.seq.is_some_and(|seq| seq.0.cast_signed() == spot.seq)
            });
            assert!(found, "byte {byte} of {column}: {:?}", report.findings);
            copy.flip(column, of, byte).await;
            byte += 1;
        }
        let report = audit(&reader, &[], |_| {}).await.expect("readable");
        assert_eq!(report.findings_total, 0, "{:?}", report.findings);
    }
}

#[tokio::test]
async fn changed_snapshots_are_found() {
    let stand = small_stand();
    sell_something(&stand).await;
    for (what, sql) in SNAPSHOT_CHANGES {
        let mut copy = Copy::of(&stand, "journal.sqlite").await;
        copy.change(what, sql).await;
        let spot = copy.spot;
        assert_found(what, copy.audit().await, |finding| spot.is_product(finding));
    }
    let mut copy = Copy::of(&stand, "journal.sqlite").await;
    let spot = copy.spot;
    let of = "snapshot WHERE :its";
    copy.flip("state", of, 5).await;
    assert_found("a flipped byte", copy.audit().await, |finding| spot.is_product(finding));

    let mut copy = Copy::of(&stand, "journal.sqlite").await;
    let path = copy.folder.path().join("journal.sqlite");
    let reader = SqliteJournalReader::open(&path).await.expect("opens");
    let (mut byte, mut length) = (0, 1);
    while byte < length {
        length = copy.flip("state", of, byte).await;
        let report = audit(&reader, &[], |_| {}).await.expect("readable");
        let named = |product: u64| product.cast_signed() == spot.product;
        let found = report
            .findings
            .iter()
            .any(|finding| finding.product.is_some_and(|product| named(product.get())));
        assert!(found, "byte {byte} of a snapshot: {:?}", report.findings);
        copy.flip("state", of, byte).await;
        byte += 1;
    }
}

#[tokio::test]
async fn changed_query_tables_are_found() {
    let stand = small_stand();
    sell_something(&stand).await;
    for (what, sql) in DATABASE_CHANGES {
        let mut copy = Copy::of(&stand, "database.sqlite").await;
        copy.change(what, sql).await;
        let spot = copy.spot;
        assert_found(what, copy.audit().await, |finding| spot.is_product(finding));
    }
}

/// A server that starts on a damaged journal says so instead of selling from it.
#[tokio::test]
async fn nothing_is_sold_from_a_damaged_snapshot() {
    let stand = small_stand();
    sell_something(&stand).await;
    let spot = spot(&mut open(&stand.data_dir(), "journal.sqlite").await).await;
    let mut connection = open(&stand.data_dir(), "journal.sqlite").await;
    let sql = spot.fill("UPDATE snapshot SET state = x'01ff' WHERE :its");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut connection).await.expect("changed");
    connection.close().await.expect("closed");
    let server = stand.start();
    let product = spot.product.cast_unsigned();
    let bought = server.buy(product, 1, "dora").await;
    assert_eq!((bought.status, bought.code()), (503, "journal-unavailable"), "{}", bought.text);
    assert!(server.log().contains("cannot be loaded"), "{}", server.log());
    // The others go on.
    let other = if product == 1 { 2 } else { 1 };
    assert_eq!(server.buy(other, 1, "dora").await.status, 201);
    assert!(server.stop().success());
}

#[tokio::test]
async fn a_changed_journal_is_found_on_postgres() {
    let postgres = postgres();
    let stand = on_postgres(&postgres).setting("JOURNAL__PARTITIONS", 2);
    sell_something(&stand).await;
    let journal = connect(&postgres, "journal").await;
    let row = sqlx::query(
        "SELECT partition::bigint, seq FROM journal WHERE length(events) > 30
         ORDER BY partition, seq LIMIT 1 OFFSET 3",
    );
    let row = row.fetch_one(&journal).await.expect("a row");
    let spot = Spot { partition: row.get(0), seq: row.get(1), product: 1 };
    assert_eq!(audit_with(stand.command(&["audit", "--json"])).0, Some(0));
    // Each change is undone by the second statement.
    for (what, change, undo) in [
        (
            "a flipped byte in events",
            "UPDATE journal SET events = set_byte(events, 9, get_byte(events, 9) # 16) WHERE :here",
            None,
        ),
        (
            "a flipped byte in a digest",
            "UPDATE journal SET digest = set_byte(digest, 31, get_byte(digest, 31) # 1) WHERE :here",
            None,
        ),
        (
            "a row taken out",
            "UPDATE journal SET partition = 99 WHERE :here",
            Some("UPDATE journal SET partition = :partition WHERE partition = 99"),
        ),
    ] {
        assert_eq!(run_sql(&journal, &spot.fill(change)).await, 1, "{what}");
        let found = audit_with(stand.command(&["audit", "--json"]));
        assert_found(what, found, |finding| spot.is_named(finding));
        run_sql(&journal, &spot.fill(undo.unwrap_or(change))).await;
    }
    assert_eq!(audit_with(stand.command(&["audit", "--json"])).0, Some(0));
}
