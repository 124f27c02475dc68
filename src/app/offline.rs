//! Commands that need no server: audit, journal cat, migrate, token, account, openapi.

use super::{
    StartError, journal_error, journal_location, open_carts, open_database,
    open_database_for_reading, prepare_folder,
};
use crate::account::{self, AccountChange, Accounts, Email, Role};
use crate::cart::Location;
use crate::clock::Clock;
use crate::config::{AuthMode, Config};
use crate::domain::{CustomerId, ProductId};
use crate::http;
use crate::journal::audit::{Report, SaleSummaries, SaleSummary, Summary};
use crate::journal::{self, PartitionId, Partitions, Seq, cat};
use crate::projection::{ProductTotals, Queries, SaleProductRow, Totals};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufWriter, IsTerminal, Write};

/// Facts between two lines of progress.
const PROGRESS_EVERY: u64 = 1_000_000;

fn block_on<T>(future: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?
        .block_on(future)
}

/// What became of the comparison with the database.
enum Compared {
    Products(u64),
    /// Nobody wanted it.
    Unwanted,
    /// It could not be done: then nothing is proven about the query tables.
    Failed(String),
}

/// Checks journal and database, and prints what it found. Changes and creates nothing.
///
/// # Errors
/// When a store cannot be read, or something in it is wrong.
pub fn audit(config: &Config, as_json: bool, journal_only: bool) -> Result<(), StartError> {
    block_on(async {
        let reader = journal::connect_reader(&journal_location(config))
            .await
            .map_err(|error| journal_error(config, error))?;
        let totals = if journal_only { None } else { Some(totals(config).await) };
        let compare_at = match &totals {
            Some(Ok(totals)) => positions(totals, reader.partitions()),
            _ => Vec::new(),
        };
        let mut shown = 0;
        let progress = |facts: u64| {
            if std::io::stderr().is_terminal() && facts >= shown + PROGRESS_EVERY {
                shown = facts;
                eprintln!("audit: {facts} facts …");
            }
        };
        let mut report = journal::audit::audit(reader.as_ref(), &compare_at, progress).await?;
        let compared = match &totals {
            None => Compared::Unwanted,
            Some(Ok(totals)) => {
                Compared::Products(compare(&mut report, totals, reader.partitions()))
            }
            Some(Err(error)) => Compared::Failed(error.to_string()),
        };
        let text = if as_json { in_json(&report, &compared) } else { in_words(&report, &compared) };
        print(&text)?;
        match compared {
            _ if report.findings_total > 0 => {
                Err(StartError::new(format!("the audit found {} problems", report.findings_total)))
            }
            Compared::Failed(reason) => Err(StartError::new(format!(
                "the database was not compared with the journal, so the audit is not complete: \
                 {reason}; --journal-only leaves the database out"
            ))),
            _ => Ok(()),
        }
    })
}

fn is_well(report: &Report, compared: &Compared) -> bool {
    report.findings_total == 0 && !matches!(compared, Compared::Failed(_))
}

async fn totals(config: &Config) -> Result<Totals, StartError> {
    let database = open_database_for_reading(config).await?;
    let totals = Queries::new(&database).totals().await;
    database.close().await;
    Ok(totals?)
}

fn positions(totals: &Totals, partitions: Partitions) -> Vec<Seq> {
    let mut positions = vec![Seq(0); usize::from(partitions.count())];
    for cursor in &totals.cursors {
        if let Some(position) = positions.get_mut(usize::from(cursor.partition.0)) {
            *position = cursor.seq;
        }
    }
    positions
}

/// Compares the tables with the replay at the tables' own positions. Gives how many products were
/// compared.
fn compare(report: &mut Report, totals: &Totals, partitions: Partitions) -> u64 {
    let mut find = |product: ProductId, partition: PartitionId, problem: String| {
        let product = Some(product);
        report.findings_total += 1;
        report.findings.push(journal::audit::Finding { partition, seq: None, product, problem });
    };
    compare_sales(totals, std::mem::take(&mut report.sales), |product, problem| {
        find(product, partitions.of(product), problem);
    });
    let mut missing = std::mem::take(&mut report.summaries);
    let mut compared = 0;
    for row in &totals.products {
        compared += 1;
        let partition = partitions.of(row.product);
        if let Some(problem) = row.disagreement() {
            find(row.product, partition, format!("database: {problem}"));
        }
        match missing.remove(&row.product) {
            None => find(row.product, partition, "database: a product that no fact created".into()),
            Some(summary) if !agrees(row, summary) => {
                let problem = format!("database: {row:?}, but the journal says {summary:?}");
                find(row.product, partition, problem);
            }
            Some(_) => {}
        }
    }
    for product in missing.into_keys() {
        find(product, partitions.of(product), "database: the product is missing".into());
    }
    compared
}

/// The same for the tables of sales: each part, and how many bought something.
fn compare_sales(
    totals: &Totals,
    journaled: SaleSummaries,
    mut find: impl FnMut(ProductId, String),
) {
    let SaleSummaries { parts: mut missing, customers } = journaled;
    let mut products = BTreeMap::new();
    for row in &totals.sale_products {
        let (sale, product) = (row.sale, row.product);
        products.entry(sale).or_insert(product);
        match missing.remove(&(sale, product)) {
            None => find(product, format!("database: a part of sale {sale} that no fact set")),
            Some(summary) if summary != part_of(row) => {
                let problem = format!("database: {row:?}, but the journal says {summary:?}");
                find(product, problem);
            }
            Some(_) => {}
        }
    }
    for (sale, product) in missing.into_keys() {
        find(product, format!("database: its part of sale {sale} is missing"));
    }
    let counted: BTreeMap<_, _> = totals.sale_customers.iter().copied().collect();
    for (sale, product) in products {
        let bought = customers.get(&sale).map_or(0, |customers| customers.len() as u64);
        let row = counted.get(&sale).copied().unwrap_or_default();
        if row != bought {
            find(
                product,
                format!("database: {row} customers of sale {sale}, but the journal says {bought}"),
            );
        }
    }
}

fn part_of(row: &SaleProductRow) -> SaleSummary {
    SaleSummary {
        edition: row.edition,
        price: row.price,
        limit_per_customer: row.limit_per_customer,
        units: row.units,
        sold: row.sold,
        held: row.held,
        revenue: row.revenue,
        returned: row.returned,
    }
}

fn agrees(row: &ProductTotals, summary: Summary) -> bool {
    row.stock == summary.stock
        && row.revision == summary.revision
        && row.lines == summary.orders
        && row.reservations == summary.holds
}

fn in_json(report: &Report, compared: &Compared) -> String {
    let findings: Vec<Value> = report
        .findings
        .iter()
        .map(|finding| {
            json!({
                "partition": finding.partition.0,
                "seq": finding.seq.map(|seq| seq.0),
                "productId": finding.product.map(ProductId::get),
                "problem": finding.problem,
            })
        })
        .collect();
    let database = match compared {
        Compared::Products(products) => json!({ "compared": true, "products": products }),
        Compared::Unwanted => json!({ "compared": false, "reason": "--journal-only" }),
        Compared::Failed(reason) => json!({ "compared": false, "reason": reason }),
    };
    let document = json!({
        "ok": is_well(report, compared),
        "batches": report.batches,
        "facts": report.facts,
        "products": report.products,
        "snapshots": report.snapshots,
        "units": {
            "available": report.units.available,
            "held": report.units.held,
            "sold": report.units.sold,
            "stocked": report.units.stocked,
        },
        "database": database,
        "problems": report.findings_total,
        "findings": findings,
    });
    format!("{document:#}")
}

fn in_words(report: &Report, compared: &Compared) -> String {
    let mut lines = vec![format!(
        "{} batches, {} facts, {} products: {} units stocked, {} sold, {} held, {} available",
        report.batches,
        report.facts,
        report.products,
        report.units.stocked,
        report.units.sold,
        report.units.held,
        report.units.available
    )];
    lines.push(format!("{} snapshots compared with the replay", report.snapshots));
    lines.push(match compared {
        Compared::Products(products) => format!("{products} products compared with the database"),
        Compared::Unwanted => "the database was not compared: --journal-only".into(),
        Compared::Failed(reason) => format!("the database was not compared: {reason}"),
    });
    for finding in &report.findings {
        let seq = finding.seq.map(|seq| format!(", batch {seq}")).unwrap_or_default();
        let product =
            finding.product.map(|product| format!(", product {product}")).unwrap_or_default();
        lines.push(format!(
            "PROBLEM partition {}{seq}{product}: {}",
            finding.partition, finding.problem
        ));
    }
    if is_well(report, compared) {
        lines.push("every promise holds".into());
    }
    lines.join("\n")
}

/// Writes to standard output; a reader that has seen enough (`| head`) is no error.
///
/// # Errors
/// When it cannot be written.
pub fn print(text: &str) -> Result<(), StartError> {
    ignore_closed(writeln!(std::io::stdout(), "{}", text.trim_end()))
}

fn ignore_closed(written: std::io::Result<()>) -> Result<(), StartError> {
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Prints the journal's facts, all or those of one partition or product.
///
/// # Errors
/// When the journal cannot be read.
pub fn journal_cat(
    config: &Config,
    partition: Option<u16>,
    product: Option<u64>,
) -> Result<(), StartError> {
    let product = product
        .map(|id| ProductId::new(id).map_err(|error| StartError::new(format!("--product {error}"))))
        .transpose()?;
    block_on(async {
        let reader = journal::connect_reader(&journal_location(config))
            .await
            .map_err(|error| journal_error(config, error))?;
        let count = reader.partitions().count();
        if let Some(partition) = partition.filter(|partition| *partition >= count) {
            return Err(StartError::new(format!(
                "--partition {partition} is not in this journal, which has the partitions 0 to {}",
                count - 1
            )));
        }
        let only = cat::Only { partition: partition.map(PartitionId), product };
        let mut output = BufWriter::new(std::io::stdout());
        match cat::print(reader.as_ref(), only, &mut output).await {
            Err(cat::CatError::Output(error)) => ignore_closed(Err(error)),
            other => Ok(other?),
        }
    })
}

/// Creates or updates the tables.
///
/// # Errors
/// When a store cannot be reached or is newer than this program.
pub fn migrate(config: &Config) -> Result<(), StartError> {
    block_on(async {
        prepare_folder(&config.journal_address())?;
        let partitions = Partitions::new(config.journal.partitions)
            .ok_or_else(|| StartError::new("journal.partitions is out of range"))?;
        let store = journal::connect_store(&journal_location(config), partitions).await;
        drop(store.map_err(|error| journal_error(config, error))?);
        let database = open_database(config).await?;
        database.migrate().await?;
        database.close().await;
        migrate_carts(config).await?;
        if config.auth.mode == AuthMode::Jwt {
            migrate_accounts(config).await?;
        }
        print(&format!(
            "journal {} and database {} are up to date",
            config.journal_address(),
            config.database_address()
        ))
    })
}

/// The tables of carts; in Redis there are none.
async fn migrate_carts(config: &Config) -> Result<(), StartError> {
    let carts = open_carts(config, Clock::system()).await?;
    let away = carts.away();
    carts.close().await;
    match away {
        Some(reason) if !matches!(config.cart_location(), Location::Redis(_)) => {
            Err(StartError::new(format!("the tables of carts cannot be made: {reason}")))
        }
        _ => Ok(()),
    }
}

/// The tables of accounts.
async fn migrate_accounts(config: &Config) -> Result<(), StartError> {
    let metrics = crate::telemetry::metrics::AccountMetrics::default();
    let accounts = Accounts::open(config.accounts(), Clock::system(), metrics).await?;
    let away = accounts.away();
    accounts.close().await;
    match away {
        Some(reason) => {
            Err(StartError::new(format!("the tables of accounts cannot be made: {reason}")))
        }
        None => Ok(()),
    }
}

/// Longest life of a token that is signed by hand, in seconds: a year.
const TOKEN_SECONDS_MAX: u64 = 31_536_000;

/// Prints a token for somebody who runs the shop, signed with the server's key.
///
/// # Errors
/// When there is no such key, or what it is to say makes no sense.
pub fn token(config: &Config, role: Role, subject: &str, seconds: u64) -> Result<(), StartError> {
    if config.auth.mode == AuthMode::Open {
        return Err(StartError::new(
            "auth.mode is \"open\", so nobody looks at tokens; set auth.mode = \"jwt\" here and for \
             the server",
        ));
    }
    let subject =
        CustomerId::new(subject).map_err(|error| StartError::new(format!("--subject {error}")))?;
    if seconds == 0 || seconds > TOKEN_SECONDS_MAX {
        return Err(StartError::new("--ttl must be from 1s to 365d"));
    }
    let settings = config.accounts();
    let times = (Clock::system().now(), seconds);
    let token = account::sign_offline(&settings.keys, &settings.rules, (&subject, role), times)?;
    print(&token)
}

/// Shows an account, and changes it if that is wanted.
///
/// # Errors
/// When there is no such account, or its store cannot be asked.
pub fn account(config: &Config, email: &str, change: AccountChange) -> Result<(), StartError> {
    if config.auth.mode == AuthMode::Open {
        return Err(StartError::new(
            "auth.mode is \"open\", so there are no accounts; set auth.mode = \"jwt\" here and for \
             the server",
        ));
    }
    let email = Email::parse(email)
        .ok_or_else(|| StartError::new("EMAIL must be an address such as ann@example.com"))?;
    let settings = config.accounts();
    let now = Clock::system().now();
    let changed = block_on(async {
        Ok(account::change_offline(&settings.location, &email, change, now).await?)
    })?;
    let account = &changed.account;
    let mut lines = vec![format!(
        "{}: customer {}, role {}",
        account.email,
        account.id.as_str(),
        account.role.as_str()
    )];
    if change.role.is_some() {
        lines.push(format!(
            "the role was {}; access tokens from before keep that one for up to {} seconds",
            changed.role_before.as_str(),
            settings.access_seconds
        ));
    }
    if change.sign_out {
        lines.push(format!(
            "{} sign-ins are ended; their access tokens are valid for up to {} seconds",
            changed.signed_out, settings.access_seconds
        ));
    }
    print(&lines.join("\n"))
}

/// The OpenAPI document as JSON.
///
/// # Errors
/// When it cannot be written, which a test rules out.
pub fn openapi() -> Result<String, StartError> {
    http::openapi().to_pretty_json().map_err(|error| StartError::new(error.to_string()))
}
