//! Command line: reads the arguments and the settings, and calls one function of `app`.
//!
//! Whatever goes wrong is one line on standard error, `lastunit: what happened and what to do`, and
//! exit status 1. Wrong usage is explained by clap with exit status 2.

use crate::account::{AccountChange, Role};
use crate::app::{self, StartError};
use crate::config::{self, Config, Flags};
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

const EXAMPLES: &str = "\
Examples:
  lastunit serve --demo                 try it: sample products, SQLite files in ./data
  lastunit --listen 127.0.0.1:9000      the same as `lastunit serve --listen …`
  lastunit audit --json                 prove that what was sold is what there was
  lastunit journal cat --product 1      every fact about product 1, as JSON lines
  lastunit token --role admin --subject ops --ttl 8h   a token to run the shop with
  lastunit config > lastunit.toml       the settings in effect, to start a file from

Settings come from, later ones first: the command line, the environment
(LASTUNIT_<SECTION>__<KEY>, such as LASTUNIT_SERVER__LISTEN), the file of --config, and built-in
defaults. `lastunit config` prints them all.";

/// A reservation server that sells exactly what there is and forgets nothing it confirmed.
#[derive(Debug, Parser)]
#[command(name = "lastunit", version, after_help = EXAMPLES)]
struct Cli {
    #[command(flatten)]
    common: CommonArgs,
    #[command(flatten)]
    serve: ServeArgs,
    /// Without one, `serve`.
    #[command(subcommand)]
    command: Option<Command>,
}

/// Where settings and data are.
#[derive(Debug, Args)]
struct CommonArgs {
    /// Read settings from this TOML file.
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    /// Keep files in this folder [default: ./data].
    #[arg(long, value_name = "DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// Where the journal is: sqlite:PATH or postgres://… [default: journal.sqlite in the data dir].
    #[arg(long, value_name = "URL", global = true)]
    journal_url: Option<String>,
    /// Where the query tables are: sqlite:PATH or postgres://… [default: database.sqlite in the data dir].
    #[arg(long, value_name = "URL", global = true)]
    database_url: Option<String>,
}

#[derive(Debug, Clone, Args)]
struct ServeArgs {
    /// Listen on this address; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// On the first start, fill an empty store with sample products and an open sale.
    #[arg(long)]
    demo: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server (the default).
    Serve(ServeArgs),
    /// Check everything: walk the journal's chain, replay it, check every promise, compare with the
    /// query tables. Exit status 0 when all holds, 1 when something does not or was not compared.
    Audit {
        /// Leave the query tables out.
        #[arg(long)]
        journal_only: bool,
        /// Print the report as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Look into the journal.
    #[command(subcommand)]
    Journal(JournalCommand),
    /// Create or update the tables of journal and database, and stop.
    Migrate,
    /// Print a token for somebody who runs the shop, signed with the server's key (auth.mode = "jwt").
    Token {
        /// What they are: customer, staff or admin.
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Role,
        /// Who they are.
        #[arg(long, value_name = "NAME")]
        subject: String,
        /// How long it is valid: a number with s, m, h or d behind it.
        #[arg(long, value_name = "TIME", default_value = "1h", value_parser = seconds)]
        ttl: u64,
    },
    /// Show an account, give it another role, or end its sign-ins (auth.mode = "jwt").
    Account {
        /// The address it was registered with.
        #[arg(value_name = "EMAIL")]
        email: String,
        /// What they are from now on: customer, staff or admin.
        #[arg(long, value_name = "ROLE", value_parser = role)]
        role: Option<Role>,
        /// End every sign-in.
        #[arg(long)]
        sign_out: bool,
    },
    /// Ask the running server of these settings (at server.listen) whether it can sell. Exit status 0
    /// when it can.
    Health,
    /// Print the OpenAPI document.
    Openapi,
    /// Print the settings in effect, passwords hidden.
    Config,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Print the journal's facts as JSON lines, oldest first in each partition.
    Cat {
        /// Only this partition.
        #[arg(long, value_name = "NUMBER")]
        partition: Option<u16>,
        /// Only this product.
        #[arg(long, value_name = "ID")]
        product: Option<u64>,
    },
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "it must be customer, staff or admin".to_owned())
}

/// Reads `90s`, `15m`, `12h` or `30d`.
fn seconds(text: &str) -> Result<u64, String> {
    let unit = |last: char| match last {
        's' => Some(1),
        'm' => Some(60),
        'h' => Some(3_600),
        'd' => Some(86_400),
        _ => None,
    };
    let read = || {
        let unit = unit(text.chars().last()?)?;
        let digits = text.get(..text.len() - 1)?;
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u64>().ok().filter(|_| whole)?.checked_mul(unit)
    };
    read().ok_or_else(|| "it must be a number with s, m, h or d behind it, such as 12h".to_owned())
}

/// Runs the program.
#[must_use]
pub fn run() -> ExitCode {
    match execute(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if error.is_told() {
                return ExitCode::FAILURE;
            }
            // Nothing is left to be done when even this cannot be written.
            let _ = writeln!(std::io::stderr(), "lastunit: {error}");
            ExitCode::FAILURE
        }
    }
}

fn execute(cli: Cli) -> Result<(), StartError> {
    let serve = match (&cli.command, &cli.serve) {
        (None, args) => args.clone(),
        (Some(Command::Serve(args)), outer) => ServeArgs {
            listen: args.listen.clone().or_else(|| outer.listen.clone()),
            demo: args.demo || outer.demo,
        },
        (Some(_), ServeArgs { listen: None, demo: false }) => cli.serve.clone(),
        (Some(_), _) => {
            let message = "--listen and --demo belong to `lastunit serve`";
            Cli::command().error(ErrorKind::ArgumentConflict, message).exit()
        }
    };
    let settings = settings(&cli.common, serve.listen)?;
    match cli.command {
        None | Some(Command::Serve(_)) => app::serve(settings, serve.demo),
        Some(Command::Audit { journal_only, json }) => app::audit(&settings, json, journal_only),
        Some(Command::Journal(JournalCommand::Cat { partition, product })) => {
            app::journal_cat(&settings, partition, product)
        }
        Some(Command::Migrate) => app::migrate(&settings),
        Some(Command::Token { role, subject, ttl }) => app::token(&settings, role, &subject, ttl),
        Some(Command::Account { email, role, sign_out }) => {
            app::account(&settings, &email, AccountChange { role, sign_out })
        }
        Some(Command::Health) => app::health(&settings),
        Some(Command::Openapi) => app::print(&app::openapi()?),
        Some(Command::Config) => app::print(&settings.to_toml()?),
    }
}

fn settings(common: &CommonArgs, listen: Option<String>) -> Result<Config, StartError> {
    let flags = Flags {
        listen,
        data_dir: common.data_dir.clone(),
        journal_url: common.journal_url.clone(),
        database_url: common.database_url.clone(),
    };
    Ok(config::load(common.config.as_deref(), environment()?, &flags)?)
}

/// The variables with names that may be ours.
fn environment() -> Result<impl Iterator<Item = (String, String)>, StartError> {
    let mut variables = Vec::new();
    for (name, value) in std::env::vars_os() {
        // A name that is not UTF-8 is none of ours.
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => variables.push((name, value)),
            Err(_) if name.starts_with(config::PREFIX) => {
                // The value may be a password.
                let message = format!("the value of {name} is not UTF-8; choose another one");
                return Err(StartError::new(message));
            }
            Err(_) => {}
        }
    }
    Ok(variables.into_iter())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn lifetimes_have_a_unit() {
        for (text, expected) in [("90s", 90), ("15m", 900), ("12h", 43_200), ("30d", 2_592_000)] {
            assert_eq!(seconds(text), Ok(expected));
        }
        for bad in ["", "h", "1", "-1h", "+1h", "1.5h", "1w", "1ä", "99999999999999999999d"] {
            assert!(seconds(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn serve_is_the_default() {
        let cli = Cli::parse_from(["lastunit", "--listen", "127.0.0.1:0", "--demo"]);
        assert!(cli.command.is_none() && cli.serve.demo);
        let cli = Cli::parse_from(["lastunit", "audit", "--data-dir", "/data", "--json"]);
        assert!(matches!(cli.command, Some(Command::Audit { json: true, journal_only: false })));
        assert_eq!(cli.common.data_dir, Some(PathBuf::from("/data")));
        assert!(Cli::try_parse_from(["lastunit", "audit", "--demo"]).is_err());
    }
}
