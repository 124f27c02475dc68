//! A real cluster: it answers, keeps its data over stop and kill, and leaves nothing behind.

use std::{path::Path, process::Command};

use anyhow::{Result, ensure};
use throwaway::Postgres;

#[test]
fn data_outlives_stop_and_kill_and_dropping_ends_the_server() -> Result<()> {
    let mut postgres = Postgres::start()?;
    postgres.create_database("shop")?;
    let url = postgres.url("shop");
    sql(&url, "CREATE TABLE sold (unit int); INSERT INTO sold VALUES (1)")?;

    postgres.stop()?;
    assert!(sql(&url, "SELECT 1").is_err(), "a stopped server must not answer");
    postgres.start_again()?;
    sql(&url, "INSERT INTO sold VALUES (2)")?;

    postgres.kill()?;
    assert!(sql(&url, "SELECT 1").is_err(), "a killed server must not answer");
    postgres.start_again()?;
    assert_eq!(sql(&url, "SELECT sum(unit) FROM sold")?, "3");

    let data = sql(&url, "SHOW data_directory")?;
    drop(postgres);
    assert!(sql(&url, "SELECT 1").is_err(), "a dropped server must not answer");
    assert!(!Path::new(&data).exists(), "the data must be deleted");
    Ok(())
}

#[test]
fn commits_reach_the_disk() -> Result<()> {
    let postgres = Postgres::start()?;
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        let value = sql(&postgres.url("postgres"), &format!("SHOW {setting}"))?;
        assert_eq!(value, "on", "{setting}");
    }
    Ok(())
}

fn sql(url: &str, statement: &str) -> Result<String> {
    let output = Command::new("psql")
        .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", url, "-c", statement])
        .output()?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
