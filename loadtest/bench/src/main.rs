//! `lastunit-bench`: lastunit beside the ceiling of its own HTTP stack and beside the usual ways to
//! sell, in one run, interleaved, on one machine.
//!
//! Without a subcommand it is the driver: it starts every contestant as a process of its own, loads
//! it with `wrk`, checks that it sold what it said, and prints a Markdown report. The subcommands
//! are the baselines, which the driver starts from this same binary.
//!
//! Failure: a contestant that cannot be started ends the run before anything is measured; one whose
//! answers or sold units are wrong is reported under "Failures" and makes the exit status 1.

mod check;
mod comparisons;
mod contestant;
mod engine;
mod in_process;
mod interrupt;
mod lastunit;
mod machine;
mod options;
mod pool;
mod report;
mod rounds;
mod screens;
mod serve;
mod server;
mod shop;
mod statistics;
mod sync;
mod tokens;
mod wrk;

use std::process::ExitCode;

use anyhow::{Result, ensure};
use clap::Parser;

use options::{Arguments, Options, Part};

/// The allocator of lastunit, so that the ceiling is the ceiling of the same stack.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let ended = match arguments.part {
        Some(Part::Screens(options)) => measure_screens(&options),
        Some(part) => serve::run(part).map(|()| ExitCode::SUCCESS),
        None => drive(&arguments.options),
    };
    ended.unwrap_or_else(|error| {
        eprintln!("lastunit-bench: {error:#}");
        ExitCode::FAILURE
    })
}

fn ensure_release() -> Result<()> {
    ensure!(
        !cfg!(debug_assertions),
        "numbers of a debug build mean nothing: cargo run --release -p lastunit-bench"
    );
    Ok(())
}

fn measure_screens(options: &screens::Options) -> Result<ExitCode> {
    ensure_release()?;
    let results = screens::run(options)?;
    println!("{}", screens::markdown(&results));
    if let Some(path) = &options.json {
        report::write_json(&results, path)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn drive(options: &Options) -> Result<ExitCode> {
    ensure_release()?;
    let results = rounds::run(options)?;
    println!("{}", report::markdown(&results));
    if let Some(path) = &options.json {
        report::write_json(&results, path)?;
    }
    Ok(if results.failures().is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
