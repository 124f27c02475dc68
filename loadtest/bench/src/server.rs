//! Starts a contestant with fresh data, and ends it with everything that belongs to it.

use std::{
    fs::{self, File},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, bail};
use tempfile::{NamedTempFile, TempDir};
use throwaway::{Appendfsync, AtParentDeath, Postgres, Redis, Tied, free_port, wait_until};

use lastunit::account::Role;

use crate::{
    contestant::{Contestant, Question},
    interrupt,
    options::Limits,
    shop::Shop,
    tokens::Signer,
};

const START_LIMIT: Duration = Duration::from_secs(30);
/// More than any run can buy.
const STOCK: u64 = 1_000_000_000;
const DATABASE: &str = "lastunit";
/// The product that the baselines create themselves.
const BASELINE_PRODUCT: i64 = 1;

/// What is needed to start any contestant.
pub struct Binaries {
    pub bench: PathBuf,
    pub lastunit: Option<PathBuf>,
    pub limits: Limits,
    /// More settings of lastunit, as its environment has them.
    pub settings: Vec<(String, String)>,
}

/// A running contestant with a product to buy. Fields are dropped in order: the server first, then
/// its store, then their files.
pub struct Server {
    process: Tied,
    _store: Store,
    directory: TempDir,
    /// The tokens of all customers, where they are asked for.
    tokens: Option<NamedTempFile>,
    pub shop: Shop,
    pub product: i64,
}

enum Store {
    None,
    Postgres(Postgres),
    Redis(Redis),
}

impl Server {
    pub fn start(contestant: Contestant, binaries: &Binaries, pool_size: u32) -> Result<Self> {
        let started = Self::start_process(contestant, binaries, pool_size)
            .and_then(|mut server| server.prepare(contestant).map(|()| server));
        started.with_context(|| format!("cannot start {}", contestant.name()))
    }

    fn start_process(contestant: Contestant, binaries: &Binaries, pool_size: u32) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("lastunit-bench-")
            .tempdir()
            .context("cannot create a temporary directory")?;
        let store = Store::start(contestant)?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut command = if contestant.is_lastunit() {
            lastunit(contestant, binaries, &store, directory.path())?
        } else {
            baseline(binaries, &store, pool_size)
        };
        command.args(["--listen", &address.to_string()]);
        let log = File::create(log(&directory)).context("cannot create the log of the server")?;
        command.stdout(log.try_clone().context("cannot share the log")?).stderr(log);
        let process = Tied::spawn(command, AtParentDeath::Kill)?;
        let shop = Shop::at(address);
        let product = BASELINE_PRODUCT;
        Ok(Self { process, _store: store, directory, tokens: None, shop, product })
    }

    /// Waits until it is ready, and puts the product on its shelf.
    fn prepare(&mut self, contestant: Contestant) -> Result<()> {
        let ready = wait_until(START_LIMIT, || {
            interrupt::check()?;
            if let Some(status) = self.process.ended()? {
                bail!("it ended while it started ({status}): {}", self.log());
            }
            Ok(self.shop.is_ready())
        })?;
        if !ready {
            bail!("GET /health/ready did not answer 200 within {START_LIMIT:?}: {}", self.log());
        }
        if contestant == Contestant::Guarded {
            let signer = Signer::of(&data_dir(self.directory.path()));
            self.shop.sign_in(signer.sign("bench", Role::Admin)?);
            self.tokens = Some(signer.of_all_customers()?);
        }
        if contestant == Contestant::Refusals {
            self.product = self.shop.create_product(1)?;
            self.shop.buy(self.product, 201)?;
        } else if contestant.is_lastunit() {
            let question = contestant.question();
            self.product = self.shop.create_products(question.products(), STOCK)?;
            if question == Question::List {
                self.shop.wait_for_list(question.products(), START_LIMIT)?;
            }
        }
        self.settle()
    }

    /// Writes to disk whatever fresh clusters and earlier contestants left in the page cache: the
    /// first syncs of this contestant would have to carry it.
    fn settle(&self) -> Result<()> {
        let directory =
            File::open(self.directory.path()).context("cannot open the temporary directory")?;
        rustix::fs::syncfs(directory)
            .context("cannot sync the file system of the temporary directory")
    }

    pub fn tokens(&self) -> Option<&Path> {
        self.tokens.as_ref().map(NamedTempFile::path)
    }

    /// The process of the server.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The end of what the server wrote.
    pub fn log(&self) -> String {
        const LENGTH: usize = 2_000;
        let text = fs::read(log(&self.directory)).unwrap_or_default();
        String::from_utf8_lossy(&text[text.len().saturating_sub(LENGTH)..]).trim().to_owned()
    }
}

impl Store {
    fn start(contestant: Contestant) -> Result<Self> {
        if contestant.needs_postgres() {
            let postgres = Postgres::start()?;
            postgres.create_database(DATABASE)?;
            return Ok(Self::Postgres(postgres));
        }
        Ok(match contestant {
            Contestant::RedisAlways => Self::Redis(Redis::start(Appendfsync::Always)?),
            Contestant::RedisEverysec => Self::Redis(Redis::start(Appendfsync::EverySecond)?),
            _ => Self::None,
        })
    }
}

fn baseline(binaries: &Binaries, store: &Store, pool_size: u32) -> Command {
    let mut command = Command::new(&binaries.bench);
    match store {
        Store::None => command.arg("serve-ceiling"),
        Store::Postgres(postgres) => command
            .args(["serve-row-lock", "--database-url", &postgres.url(DATABASE)])
            .args(["--pool-size", &pool_size.to_string()]),
        Store::Redis(redis) => command.args(["serve-redis", "--redis-url", &redis.url()]),
    };
    command
}

fn data_dir(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// The server as users start it, but for its limits.
fn lastunit(
    contestant: Contestant,
    binaries: &Binaries,
    store: &Store,
    directory: &Path,
) -> Result<Command> {
    let binary = binaries.lastunit.as_ref().context("the lastunit binary was not looked for")?;
    let mut command = Command::new(binary);
    command.arg("serve").arg("--data-dir").arg(data_dir(directory));
    if contestant == Contestant::Guarded {
        command.env("LASTUNIT_AUTH__MODE", "jwt").envs(Limits::On.settings());
    } else {
        command.envs(binaries.limits.settings());
    }
    command.envs(binaries.settings.iter().map(|(name, value)| (name, value)));
    if let Store::Postgres(postgres) = store {
        let url = postgres.url(DATABASE);
        command.args(["--journal-url", &url, "--database-url", &url]);
    }
    Ok(command)
}

fn log(directory: &TempDir) -> PathBuf {
    directory.path().join("server.log")
}
