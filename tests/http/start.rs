//! Start: what cannot work ends the start with exit status 1 and one line that says what to do, before
//! anything is changed; and the commands beside `serve` do what `--help` says.

use crate::expect;
use crate::support::{Server, Stand};
use serde_json::{Value, json};
use sqlx::{Connection, SqliteConnection};
use std::fs::{self, File};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use throwaway::{AtParentDeath, Tied};

/// Longest time a command may take that ends by itself.
const COMMAND_MAX: Duration = Duration::from_secs(30);

/// A command that has ended.
struct Ended {
    code: Option<i32>,
    output: String,
    complaint: String,
}

/// Runs a command that must end by itself.
fn run(mut command: Command) -> Ended {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let [output, complaint] = ["output", "complaint"].map(|name| folder.path().join(name));
    let create = |path: &Path| File::create(path).expect("a file");
    command.stdout(create(&output)).stderr(create(&complaint));
    let mut process = Tied::spawn(command, AtParentDeath::Kill).expect("the binary starts");
    let started = Instant::now();
    let read = |path: &Path| fs::read_to_string(path).expect("a file");
    loop {
        if let Some(status) = process.ended().expect("the process can be asked") {
            let code = status.code();
            return Ended { code, output: read(&output), complaint: read(&complaint) };
        }
        assert!(started.elapsed() < COMMAND_MAX, "it does not end: {}", read(&complaint));
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The binary without any setting.
fn lastunit() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lastunit"));
    let names = std::env::vars_os().map(|(name, _)| name);
    for name in names.filter(|name| name.to_string_lossy().starts_with("LASTUNIT_")) {
        command.env_remove(name);
    }
    command
}

/// The command must be refused with exit status 1, and its only line besides the log's says all of
/// these.
#[track_caller]
fn assert_refused(command: Command, said: &[&str]) {
    let ended = run(command);
    assert_eq!(ended.code, Some(1), "{}", ended.complaint);
    let is_log = |line: &&str| line.contains(" INFO lastunit") || line.contains(" WARN lastunit");
    let lines: Vec<_> = ended.complaint.lines().filter(|line| !is_log(line)).collect();
    let [line] = lines[..] else { panic!("not one line: {}", ended.complaint) };
    assert!(line.starts_with("lastunit: "), "{line}");
    for words in said {
        assert!(line.contains(words), "{words} is not in: {line}");
    }
    assert_eq!(ended.output, "");
}

fn serve(stand: &Stand) -> Command {
    stand.command(&["serve", "--listen", "127.0.0.1:0"])
}

/// A stand with this file as `--config`.
fn with_file(text: &str) -> Stand {
    let stand = Stand::embedded();
    let path = stand.folder.path().join("lastunit.toml");
    fs::write(&path, text).expect("room");
    stand.argument("--config").argument(path.to_str().expect("UTF-8"))
}

/// Runs SQL in one of the stand's files.
async fn alter(stand: &Stand, file: &str, sql: &'static str) {
    let url = format!("sqlite://{}", stand.data_dir().join(file).display());
    let mut connection = SqliteConnection::connect(&url).await.expect("the file");
    let altered = sqlx::query(sql).execute(&mut connection).await.expect("the table");
    assert_eq!(altered.rows_affected(), 1);
    connection.close().await.expect("closed");
}

#[test]
fn settings_that_are_none() {
    for (text, said) in [
        ("[server]\nlisen = \"127.0.0.1:0\"", "server.lisen is no setting"),
        ("unknown = 1", "unknown is no setting"),
        ("[unknown]\nkey = 1", "unknown is no setting"),
        ("[holds]\nseconds_max = \"long\"", "seconds_max is \"long\" (in "),
        (
            "[server]\nheaders_max = 1000000",
            "server.headers_max is 1000000; it must be from 8 to 1000",
        ),
        ("[server]\nheaders_max = -1", "server.headers_max"),
        ("[server", "TOML"),
        ("[auth]\nmode = \"closed\"", "auth.mode is \"closed\" (in "),
        ("[journal]\nurl = \"mysql://ann:secret@db/x\"", "journal.url is \"mysql://ann:***@db/x\""),
    ] {
        let stand = with_file(text);
        assert_refused(serve(&stand), &[said]);
        assert!(!stand.data_dir().exists(), "{text}");
    }
    for (name, value, said) in [
        ("SERVER__LISEN", "1", "LASTUNIT_SERVER__LISEN is in the environment but is no setting"),
        ("SERVER", "1", "LASTUNIT_SERVER is in the environment but is no setting"),
        ("SERVER__HEADERS_MAX", "many", "LASTUNIT_SERVER__HEADERS_MAX is \"many\""),
        ("ENGINE__INFLIGHT_MAX", "0", "engine.inflight_max is 0"),
        ("JOURNAL__PARTITIONS", "1025", "journal.partitions"),
        ("HOLDS__SECONDS_DEFAULT", "99999999", "holds.seconds_default"),
        ("AUTH__MODE", "closed", "auth.mode is \"closed\"; it must be \"open\""),
        ("TELEMETRY__LEVEL", "loud=very=", "telemetry.level"),
        ("TELEMETRY__SLOW_REQUEST_MS", "600001", "telemetry.slow_request_ms"),
        ("TELEMETRY__OTLP_SAMPLED_ONE_IN", "1000000001", "telemetry.otlp_sampled_one_in"),
        ("TELEMETRY__OTLP_SAMPLED_ONE_IN", "-1", "telemetry.otlp_sampled_one_in"),
        ("TELEMETRY__OTLP_ENDPOINT", "collector:4318", "telemetry.otlp_endpoint"),
        ("TELEMETRY__OTLP_ENDPOINT", "ftp://collector", "telemetry.otlp_endpoint"),
        ("TELEMETRY__OTLP_ENDPOINT", "http://ann:secret@collector", "telemetry.otlp_endpoint"),
        ("TELEMETRY__OTLP_ENDPOINT", "http://collector?key=1", "telemetry.otlp_endpoint"),
        ("DATA_DIR", "", "data_dir must not be empty"),
    ] {
        let stand = Stand::embedded();
        let mut command = lastunit();
        command.current_dir(stand.folder.path()).env(format!("LASTUNIT_{name}"), value);
        command.args(["serve", "--listen", "127.0.0.1:0"]);
        assert_refused(command, &[said]);
        assert!(!stand.data_dir().exists(), "{name}");
    }
    let missing = Stand::embedded().argument("--config=/nowhere/lastunit.toml");
    assert_refused(serve(&missing), &["/nowhere/lastunit.toml of --config cannot be read"]);
}

#[test]
fn addresses_that_cannot_be_used() {
    for (flag, key) in [("--journal-url", "journal.url"), ("--database-url", "database.url")] {
        for url in ["mysql://ann:secret@db/x", "nonsense", "sqlite:", "postgres:// x", "http://x/y"]
        {
            let stand = Stand::embedded().argument(format!("{flag}={url}"));
            assert_refused(serve(&stand), &[key, "it must be empty, sqlite:PATH or postgres://"]);
            assert!(!run(serve(&stand)).complaint.contains("secret"));
        }
    }
    let same =
        Stand::embedded().argument("--journal-url=sqlite:a").argument("--database-url=sqlite:a");
    assert_refused(serve(&same), &["name the same SQLite file"]);
    // Nobody listens there.
    let away = Stand::embedded().argument("--journal-url=postgres://ann:secret@127.0.0.1:9/shop");
    for command in [serve(&away), away.command(&["migrate"]), away.command(&["audit"])] {
        let said = "the journal postgres://ann:***@127.0.0.1:9/shop cannot be reached: start that \
                    Postgres or correct journal.url (";
        assert_refused(command, &[said]);
    }
    assert!(!run(serve(&away)).complaint.contains("secret"));
    for (listen, said) in [
        ("here", "server.listen is \"here\"; it must be an IP address and a port"),
        ("localhost:8080", "such as 127.0.0.1:8080 or [::1]:8080"),
        ("127.0.0.1", "server.listen is \"127.0.0.1\""),
        ("127.0.0.1:99999", "server.listen is \"127.0.0.1:99999\""),
        ("192.0.2.1:0", "auth.open_to_network"),
        ("0.0.0.0:0", "auth.open_to_network"),
        ("[::]:0", "auth.open_to_network"),
    ] {
        let stand = Stand::embedded();
        assert_refused(stand.command(&["serve", "--listen", listen]), &[said]);
        assert!(!stand.data_dir().exists(), "{listen}");
    }
    let elsewhere = Stand::embedded().setting("AUTH__OPEN_TO_NETWORK", true);
    let command = elsewhere.command(&["serve", "--listen", "192.0.2.1:0"]);
    assert_refused(command, &["cannot listen on 192.0.2.1:0", "does not have that address"]);
}

#[test]
fn a_port_that_is_taken() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("an address").to_string();
    let stand = Stand::embedded();
    let command = stand.command(&["serve", "--listen", &address]);
    assert_refused(command, &[&address, "the port is taken", "--listen"]);
    assert!(!stand.data_dir().exists());
}

#[test]
fn folders_that_cannot_be_written() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("file");
    fs::write(&file, "not a folder").expect("room");
    // Below a file nobody can create anything, not even root.
    for data_dir in [file.clone(), file.join("data"), file.join("a/b/c")] {
        let mut command = lastunit();
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(&data_dir);
        assert_refused(command, &["cannot create the folder", "--data-dir"]);
    }
    let below = format!("sqlite:{}", file.join("x.sqlite").display());
    for flag in ["--journal-url", "--database-url"] {
        let stand = Stand::embedded().argument(format!("{flag}={below}"));
        assert_refused(serve(&stand), &["cannot", &file.display().to_string()]);
    }
    // A folder where a file should be, and a file that is no database.
    for flag in ["--journal-url", "--database-url"] {
        let stand = Stand::embedded();
        let other = stand.folder.path().join("other.sqlite");
        fs::create_dir(&other).expect("a folder");
        let stand = stand.argument(format!("{flag}=sqlite:{}", other.display()));
        assert_refused(serve(&stand), &["cannot", "other.sqlite"]);
        fs::remove_dir(&other).expect("a folder");
        fs::write(&other, "this is a text, and long enough for a header ".repeat(100))
            .expect("room");
        assert_refused(serve(&stand), &["other.sqlite"]);
    }
}

#[tokio::test]
async fn a_journal_of_another_kind() {
    let stand = Stand::embedded();
    assert!(stand.start().stop().success());
    let other = "LASTUNIT_JOURNAL__PARTITIONS";
    for command in [serve(&stand), stand.command(&["migrate"])] {
        let mut command = command;
        command.env(other, "8");
        assert_refused(
            command,
            &["created with 16 partitions", "journal.partitions says 8", "set it to 16"],
        );
    }
    let newer = "UPDATE journal_meta SET value = 99 WHERE name = 'format'";
    alter(&stand, "journal.sqlite", newer).await;
    for words in
        [&["serve", "--listen", "127.0.0.1:0"][..], &["migrate"], &["audit"], &["journal", "cat"]]
    {
        assert_refused(
            stand.command(words),
            &["the journal has format 99", "use the lastunit that wrote it"],
        );
    }
    alter(&stand, "journal.sqlite", "UPDATE journal_meta SET value = 1 WHERE name = 'format'")
        .await;
    assert!(stand.start().stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_database_that_is_newer() {
    let stand = Stand::embedded();
    assert!(stand.start().stop().success());
    let future = "INSERT INTO _sqlx_migrations \
        (version, description, installed_on, success, checksum, execution_time) \
        VALUES (30000101000000, 'future', '3000-01-01', 1, x'00', 1)";
    alter(&stand, "database.sqlite", future).await;
    for command in [serve(&stand), stand.command(&["migrate"])] {
        assert_refused(command, &["migrated by a newer lastunit", "30000101000000"]);
    }
    let past = "DELETE FROM _sqlx_migrations WHERE version = 30000101000000";
    alter(&stand, "database.sqlite", past).await;
    assert!(stand.start().stop().success());
    // One that says something else than ours under our version.
    let changed = "UPDATE _sqlx_migrations SET checksum = x'00' WHERE version = 20261120000000";
    alter(&stand, "database.sqlite", changed).await;
    assert_refused(serve(&stand), &["is not the one built into this lastunit"]);
}

#[tokio::test]
async fn a_second_server_on_the_same_folder() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(5).await;
    for command in [serve(&stand), stand.command(&["migrate"])] {
        assert_refused(command, &["another lastunit is using", "choose another --data-dir"]);
    }
    // The first one goes on, and reading beside it is allowed.
    expect::success(&server.buy(product, 1, "ann").await, 201);
    let cat = run(stand.command(&["journal", "cat"]));
    assert_eq!((cat.code, cat.output.lines().count()), (Some(0), 2), "{}", cat.complaint);
    stand.assert_audit();
    server.kill();
    // A lock dies with its process.
    let server = stand.start();
    assert_eq!(server.stock(product).await, (4, 0, 1, 5));
}

#[test]
fn commands_on_nothing() {
    for words in [&["audit"][..], &["audit", "--json"], &["journal", "cat"]] {
        let stand = Stand::embedded();
        assert_refused(stand.command(words), &["there is no journal at", "--data-dir"]);
        assert!(!stand.data_dir().exists(), "{words:?}");
    }
    let stand = Stand::embedded();
    assert_refused(stand.command(&["journal", "cat", "--product", "0"]), &["--product"]);
    assert!(stand.start().stop().success());
    let cat = run(stand.command(&["journal", "cat", "--partition", "15"]));
    assert_eq!(cat.code, Some(0), "{}", cat.complaint);
    assert_refused(
        stand.command(&["journal", "cat", "--partition", "16"]),
        &["--partition 16 is not in this journal, which has the partitions 0 to 15"],
    );
}

#[tokio::test]
async fn an_audit_without_the_database_is_not_complete() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(2).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    assert!(server.stop().success());
    let elsewhere = stand.folder.path().join("typo/database.sqlite");
    let other = format!("--database-url=sqlite:{}", elsewhere.display());
    let audited =
        |words: &[&str]| run(stand.command(&[&["audit", other.as_str()], words].concat()));
    for words in [&[][..], &["--json"]] {
        let ended = audited(words);
        assert_eq!(ended.code, Some(1), "{}", ended.output);
        for said in ["there is no database file", "typo/database.sqlite", "--journal-only"] {
            assert!(ended.complaint.contains(said), "{said} is not in {}", ended.complaint);
        }
        assert!(!ended.output.contains("every promise holds"), "{}", ended.output);
    }
    let report: Value = serde_json::from_str(&audited(&["--json"]).output).expect("JSON");
    assert_eq!((&report["ok"], &report["problems"]), (&json!(false), &json!(0)));
    let report = audited(&["--json", "--journal-only"]);
    assert_eq!((report.code, report.complaint.as_str()), (Some(0), ""));
    let report: Value = serde_json::from_str(&report.output).expect("JSON");
    assert_eq!((&report["ok"], &report["database"]["compared"]), (&json!(true), &json!(false)));
    assert!(!elsewhere.exists() && !elsewhere.parent().expect("a folder").exists());
    fs::create_dir(elsewhere.parent().expect("a folder")).expect("room");
    fs::write(&elsewhere, "this is a text, and long enough for a header ".repeat(100))
        .expect("room");
    let ended = audited(&[]);
    assert_eq!(ended.code, Some(1), "{}", ended.output);
    assert!(ended.complaint.contains("file is not a database"), "{}", ended.complaint);
    stand.assert_audit();
}

#[tokio::test]
async fn paths_are_taken_as_they_are() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let data_dir = folder.path().join("a%20b?c=d#e");
    let command = |word: &str| {
        let mut command = lastunit();
        command.args([word, "--data-dir"]).arg(&data_dir);
        command
    };
    let mut serve = command("serve");
    serve.args(["--listen", "127.0.0.1:0"]);
    let server = Server::start(serve, &folder.path().join("server.log"));
    let product = server.create_product(1).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    assert!(server.stop().success());
    assert!(
        data_dir.join("journal.sqlite").is_file() && data_dir.join("database.sqlite").is_file()
    );
    assert_eq!(fs::read_dir(folder.path()).expect("a folder").count(), 2, "another folder");
    let audit = run(command("audit"));
    assert!(audit.output.contains("every promise holds"), "{}{}", audit.output, audit.complaint);
}

#[test]
fn values_that_are_not_utf8() {
    use std::os::unix::ffi::OsStringExt;
    let stand = Stand::embedded();
    let name = std::ffi::OsString::from_vec(b"data-\xff".to_vec());
    let mut command = lastunit();
    command.current_dir(stand.folder.path()).arg("serve").env("LASTUNIT_DATA_DIR", &name);
    assert_refused(command, &["the value of LASTUNIT_DATA_DIR is not UTF-8"]);
    let mut command = lastunit();
    command.current_dir(stand.folder.path()).arg("serve").arg("--data-dir").arg(&name);
    assert_refused(command, &["--data-dir is data-", "not UTF-8"]);
    assert_eq!(fs::read_dir(stand.folder.path()).expect("a folder").count(), 0);
}

#[tokio::test]
async fn a_database_of_another_journal() {
    let stand = Stand::embedded();
    let server = stand.start();
    let product = server.create_product(3).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    // Tables that have nothing yet would belong to nobody.
    server.until_projected().await;
    assert!(server.stop().success());
    let foreign = stand.data_dir().join("database.sqlite");
    let other = Stand::embedded().argument(format!("--database-url=sqlite:{}", foreign.display()));
    assert_refused(serve(&other), &["belongs to another journal", "an empty database"]);
    let fewer = other.setting("JOURNAL__PARTITIONS", 4);
    fs::remove_dir_all(fewer.data_dir()).expect("a folder");
    assert_refused(serve(&fewer), &["a journal of 16 partitions, and this one has 4"]);
    // Asking changed nothing: the first server goes on with its tables.
    assert!(stand.start().stop().success());
    stand.assert_audit();
}

#[test]
fn help_and_wrong_usage() {
    let told = |words: &[&str]| {
        let mut command = lastunit();
        command.args(words);
        run(command)
    };
    for words in [
        &["--help"][..],
        &["-h"],
        &["serve", "--help"],
        &["help", "audit"],
        &["journal", "cat", "-h"],
    ] {
        let help = told(words);
        assert_eq!((help.code, help.complaint.as_str()), (Some(0), ""), "{words:?}");
        assert!(help.output.contains("Usage: lastunit"), "{}", help.output);
    }
    let help = told(&["--help"]).output;
    for word in [
        "serve",
        "audit",
        "journal",
        "migrate",
        "openapi",
        "config",
        "--listen",
        "--data-dir",
        "--config",
        "--journal-url",
        "--database-url",
        "--demo",
        "LASTUNIT_SERVER__LISTEN",
    ] {
        assert!(help.contains(word), "{word} is not in {help}");
    }
    let version = told(&["--version"]);
    assert_eq!(version.output.trim(), format!("lastunit {}", env!("CARGO_PKG_VERSION")));
    for words in [&["--nonsense"][..], &["nonsense"], &["audit", "--demo"], &["serve", "--listen"]]
    {
        let wrong = told(words);
        assert_eq!((wrong.code, wrong.output.as_str()), (Some(2), ""), "{words:?}");
        assert!(wrong.complaint.contains("error: "), "{}", wrong.complaint);
    }
}

#[test]
fn settings_are_printed_without_passwords() {
    let stand = with_file("[server]\nheaders_max = 50\n")
        .setting("SERVER__BODY_BYTES_MAX", 2_048)
        .argument("--journal-url=postgres://ann:sesame@db/shop")
        .argument("--database-url=postgres://db/shop?user=ann&password=sesame");
    let printed = run(stand.command(&["config"]));
    assert_eq!((printed.code, printed.complaint.as_str()), (Some(0), ""));
    assert!(!printed.output.contains("sesame"), "{}", printed.output);
    let settings: toml::Table = toml::from_str(&printed.output).expect("TOML");
    assert_eq!(settings["server"]["headers_max"].as_integer(), Some(50));
    assert_eq!(settings["server"]["body_bytes_max"].as_integer(), Some(2_048));
    assert_eq!(settings["journal"]["url"].as_str(), Some("postgres://ann:***@db/shop"));
    assert!(!stand.data_dir().exists());
    // What is printed without secrets is a file that starts a server.
    let printed = run(Stand::embedded().command(&["config"]));
    let stand = with_file(&printed.output);
    assert!(stand.start().stop().success());
}

#[tokio::test]
async fn migrate_prepares_and_repeats() {
    let stand = Stand::embedded();
    for _ in 0..2 {
        let migrated = run(stand.command(&["migrate"]));
        assert_eq!((migrated.code, migrated.complaint.as_str()), (Some(0), ""));
        assert!(migrated.output.contains("are up to date"), "{}", migrated.output);
        for file in ["journal.sqlite", "database.sqlite"] {
            assert!(stand.data_dir().join(file).is_file(), "{file}");
        }
    }
    let server = stand.start();
    let product = server.create_product(1).await;
    expect::success(&server.buy(product, 1, "ann").await, 201);
    assert!(server.stop().success());
    assert_eq!(run(stand.command(&["migrate"])).code, Some(0));
    stand.assert_audit();
    let audit = run(stand.command(&["audit"]));
    assert!(audit.output.contains("every promise holds"), "{}", audit.output);
}

#[tokio::test]
async fn the_printed_description_is_the_served_one() {
    let stand = Stand::embedded();
    let printed = run(stand.command(&["openapi"]));
    assert_eq!((printed.code, printed.complaint.as_str()), (Some(0), ""));
    let printed: Value = serde_json::from_str(&printed.output).expect("JSON");
    assert_eq!(printed, stand.start().get("/openapi.json").await.body);
}

async fn products(server: &Server) -> Vec<Value> {
    server.get("/api/v1/products").await.body["data"].as_array().expect("a list").clone()
}

#[tokio::test]
async fn the_demo_fills_an_empty_store_once() {
    let stand = Stand::embedded();
    let start = || {
        let command = stand.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
        Server::start(command, &stand.folder.path().join("demo.log"))
    };
    let server = start();
    let first = products(&server).await;
    assert_eq!(first.len(), 5);
    assert!(first.iter().any(|product| product["opensAt"].is_string()), "an open sale");
    for product in &first {
        let id = product["productId"].as_u64().expect("an id");
        expect::success(&server.buy(id, 1, "ann").await, 201);
    }
    assert!(server.stop().success());
    let server = start();
    let again = products(&server).await;
    assert_eq!(again.len(), 5);
    assert!(again.iter().all(|product| product["sold"] == json!(1)), "{again:?}");
    assert!(server.stop().success());
    stand.assert_audit();
}

#[tokio::test]
async fn a_demo_that_was_cut_short_is_made_complete() {
    let stand = Stand::embedded();
    let demo = || {
        let command = stand.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
        Server::start(command, &stand.folder.path().join("demo.log"))
    };
    let server = stand.start();
    for sku in ["PHONE-X-BLUE", "TICKET-STANDING"] {
        server.create(json!({ "stock": 1, "sku": sku })).await;
    }
    assert!(server.stop().success());
    let server = demo();
    let skus: Vec<_> =
        products(&server).await.iter().map(|product| product["sku"].clone()).collect();
    let all =
        ["PHONE-X-BLUE", "TICKET-STANDING", "TURNTABLE-WALNUT", "SNEAKER-LTD", "POSTER-SIGNED"];
    assert_eq!(skus, all);
    assert!(server.stop().success());
    // A shop's own products are left alone.
    let stand = Stand::embedded();
    let server = stand.start();
    server.create(json!({ "stock": 1, "sku": "OWN" })).await;
    assert!(server.stop().success());
    let command = stand.command(&["serve", "--demo", "--listen", "127.0.0.1:0"]);
    let server = Server::start(command, &stand.folder.path().join("own.log"));
    assert_eq!(products(&server).await.len(), 1);
}

#[tokio::test]
async fn open_mode_on_the_network_needs_a_word() {
    let stand = Stand::embedded().setting("AUTH__OPEN_TO_NETWORK", true);
    let log = stand.folder.path().join("network.log");
    let server = Server::start(stand.command(&["serve", "--listen", "0.0.0.0:0"]), &log);
    assert_eq!(server.get("/health/live").await.status, 200);
    assert!(server.log().contains("auth.mode is \"open\""), "{}", server.log());
}

#[tokio::test]
async fn logs_may_be_json() {
    let stand = Stand::embedded().setting("TELEMETRY__LOG", "json");
    let server = stand.start();
    for line in server.log().lines() {
        let line: Value = serde_json::from_str(line).unwrap_or_else(|_| panic!("not JSON: {line}"));
        assert!(line["level"].is_string() && line["timestamp"].is_string(), "{line}");
    }
    // The last words of a start that is refused are for the same reader.
    let refused = run(serve(&stand));
    assert_eq!(refused.code, Some(1));
    let lines = refused.complaint.lines().map(serde_json::from_str::<Value>);
    let lines = lines.collect::<Result<Vec<_>, _>>().expect("JSON lines");
    let last = lines.last().expect("a line");
    let message = last["message"].as_str().unwrap_or_default();
    assert!(last["level"] == "ERROR" && message.contains("another lastunit"), "{last}");
    assert!(server.stop().success());
}
