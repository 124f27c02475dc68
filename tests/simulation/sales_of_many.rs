//! Sales over several products: made, changed, paused, ended and given up by the real catalogue, which a
//! crash may stop between any two of their parts; and whether they are whole again afterwards.
//!
//! The tables the catalogue asks for half-made sales are counted from the truth, so they have what is
//! durable; now and then they do not answer.

use super::nodes::Node;
use super::sales::draw_price;
use super::shopper::pause;
use super::world::{Shared, World};
use async_trait::async_trait;
use lastunit::catalog::{Catalog, NewPart, NewSale, PartChange, SaleAsSet, SaleChange, SaleError};
use lastunit::clock::Clock;
use lastunit::domain::{
    Action, Answer, Command, Field, Fingerprint, ProductId, RequestKey, Retry, SaleId, SalePart,
    SaleTerms, Timestamp,
};
use lastunit::engine::Engine;
use lastunit::projection::{
    Database, DatabaseConfig, ProjectionProgress, Queries, SaleFilter, SaleKeyRow, SaleProductRow,
    SaleRefusals, SaleRow, SaleTables,
};
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// How often a node looks for half-made sales.
const SETTLE_EVERY: u64 = 400;

/// Longer than any question about a sale may take in calm weather.
const SETTLED_WITHIN: u64 = 30_000;

/// What is asked of the catalogue.
#[derive(Debug, Clone)]
pub enum Ask {
    Create(NewSale, Option<Retry>),
    Change(SaleId, SaleChange),
    End(SaleId),
    Drop(SaleId),
}

/// The tables of sales, as the durable facts make them.
struct Tables(Shared);

impl Tables {
    fn answer<T>(&self, count: impl FnOnce(&World) -> T) -> Result<T, sqlx::Error> {
        let mut world = self.0.lock();
        let rate = world.weather.reads_fail;
        if world.chance.happens(rate) {
            return Err(sqlx::Error::PoolTimedOut);
        }
        Ok(count(&world))
    }
}

#[async_trait]
impl SaleTables for Tables {
    async fn sales(&self, _: SaleFilter) -> Result<Vec<SaleRow>, sqlx::Error> {
        self.answer(|world| world.sales_of_many().values().filter_map(row).collect())
    }

    async fn sale(&self, sale: SaleId) -> Result<Option<SaleRow>, sqlx::Error> {
        self.answer(|world| world.sales_of_many().get(&sale).and_then(row))
    }

    async fn unsettled(
        &self,
        behind: Option<SaleId>,
        now: Timestamp,
    ) -> Result<Vec<SaleRow>, sqlx::Error> {
        self.answer(|world| {
            let sales = world.sales_of_many();
            let half = sales.iter().filter(|(sale, _)| behind.is_none_or(|last| last < **sale));
            let half = half.filter_map(|(_, parts)| row(parts).map(|row| (row, parts)));
            let half = half.filter(|(row, parts)| {
                let missing = parts.len() < row.products.len() && row.ends_at > now;
                missing || parts.iter().any(|(_, part)| part.terms.edition < row.edition)
            });
            half.map(|(row, _)| row).collect()
        })
    }

    async fn parts(&self, sales: &[SaleId]) -> Result<Vec<SaleProductRow>, sqlx::Error> {
        self.answer(|world| {
            let all = world.sales_of_many();
            let asked = sales.iter().filter_map(|sale| all.get(sale)).flatten();
            asked.map(|(product, part)| part_row(*product, part)).collect()
        })
    }

    async fn keys(&self, since: Timestamp, limit: u32) -> Result<Vec<SaleKeyRow>, sqlx::Error> {
        self.answer(|world| {
            let mut keys = world.keys_of_sales();
            keys.retain(|row| row.created_at >= since);
            keys.truncate(limit as usize);
            keys
        })
    }

    async fn customers(&self, _: SaleId) -> Result<u64, sqlx::Error> {
        Err(sqlx::Error::RowNotFound)
    }

    async fn refusals(&self, _: SaleId) -> Result<Vec<SaleRefusals>, sqlx::Error> {
        Err(sqlx::Error::RowNotFound)
    }

    async fn count_refusals(&self, _: &[SaleRefusals]) -> Result<(), sqlx::Error> {
        Err(sqlx::Error::RowNotFound)
    }
}

type Parts = Vec<(ProductId, SalePart)>;

fn newest(parts: &Parts) -> Option<&SaleTerms> {
    parts.iter().map(|(_, part)| &part.terms).max_by_key(|terms| terms.edition)
}

fn row(parts: &Parts) -> Option<SaleRow> {
    Some(SaleRow::of(newest(parts)?, Timestamp::default()))
}

fn part_row(product: ProductId, part: &SalePart) -> SaleProductRow {
    SaleProductRow {
        sale: part.terms.sale,
        product,
        edition: part.terms.edition,
        price: part.terms.price,
        limit_per_customer: part.terms.limit_per_customer,
        units: part.terms.units,
        sold: part.taken - part.held,
        held: part.held,
        revenue: 0,
        returned: 0,
        sold_out_at: None,
    }
}

/// No query but those about sales comes to this database.
fn queries() -> Queries {
    static QUERIES: OnceLock<Queries> = OnceLock::new();
    let open = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let database = runtime.expect("a runtime").block_on(async {
            let config = DatabaseConfig::default();
            Database::open("sqlite::memory:", &config).await.expect("a database")
        });
        Queries::new(&database)
    };
    let opened = || std::thread::spawn(open).join().expect("a thread");
    QUERIES.get_or_init(opened).clone()
}

/// The catalogue of a node, which looks for half-made sales from now on.
pub fn catalog(world: &Shared, engine: &Engine, clock: &Clock) -> Catalog {
    let queries = queries().with_sales(Arc::new(Tables(world.clone())));
    let progress = ProjectionProgress::of(engine.follow_durable(), clock.clone());
    let catalog = Catalog::new(engine.clone(), queries, progress);
    let (settling, clock) = (catalog.clone(), clock.clone());
    tokio::task::spawn_local(async move {
        loop {
            // What is left is seen to the next time.
            let _ = settling.settle_sales(clock.now()).await;
            pause(SETTLE_EVERY).await;
        }
    });
    catalog
}

impl World {
    /// Every sale over several products, with the parts its products have of it.
    fn sales_of_many(&self) -> BTreeMap<SaleId, Parts> {
        let mut sales: BTreeMap<_, Parts> = BTreeMap::new();
        for product in self.truth.products() {
            for part in self.truth.newest(product).sales().iter() {
                if part.terms.products.len() > 1 {
                    sales.entry(part.terms.sale).or_default().push((product, part.clone()));
                }
            }
        }
        sales
    }

    /// With what sales were created, newest first.
    fn keys_of_sales(&self) -> Vec<SaleKeyRow> {
        let mut keys = BTreeMap::new();
        for product in self.truth.products() {
            for moment in self.truth.moments(product) {
                let (Some(outcome), Some(retry)) = (&moment.outcome, moment.retry) else {
                    continue;
                };
                if let Answer::SaleSet { sale, .. } = outcome.answer {
                    let row = SaleKeyRow { sale, retry, created_at: outcome.at };
                    keys.entry(sale).or_insert(row);
                }
            }
        }
        keys.into_values().rev().collect()
    }

    /// What the shop wants of a sale over several products.
    pub fn ask_of_many(&mut self) -> Ask {
        let known: Vec<SaleId> = self.sales_of_many().into_keys().rev().take(3).collect();
        let draw = self.chance.below(100);
        if known.is_empty() || draw < 40 {
            return self.draw_sale();
        }
        let sale = self.chance.pick(&known);
        match draw {
            ..80 => Ask::Change(sale, self.draw_change(sale)),
            80..90 => Ask::End(sale),
            _ => Ask::Drop(sale),
        }
    }

    fn draw_sale(&mut self) -> Ask {
        let mut products: Vec<_> = (0..3).map(|_| self.chance.pick(&self.shop.products)).collect();
        products.sort_unstable();
        products.dedup();
        let opens_at = self.now().plus_millis(self.chance.pick(&[0, 5, 300, 1_500]));
        let parts = products.into_iter().map(|product| NewPart {
            product,
            price: draw_price(&mut self.chance),
            limit_per_customer: self.chance.pick(&[None, None, Some(1), Some(3)]),
            units: self.chance.between((1, 5)),
        });
        let parts = parts.collect();
        let sale = NewSale {
            name: "drop of many".into(),
            opens_at,
            ends_at: opens_at.plus_millis(self.chance.pick(&[20, 1_000, 5_000, 60_000])),
            sells_before: self.chance.happens(600),
            parts,
        };
        let key = RequestKey(self.chance.bytes());
        let retry = Retry { key, fingerprint: Fingerprint(self.next_number()) };
        Ask::Create(sale, self.chance.happens(500).then_some(retry))
    }

    fn draw_change(&mut self, sale: SaleId) -> SaleChange {
        let sales = self.sales_of_many();
        let parts = &sales[&sale];
        let (terms, product) = (&parts[0].1.terms, self.chance.pick(&parts[0].1.terms.products));
        let mut change = SaleChange::default();
        match self.chance.below(7) {
            0..2 => change.paused = Some(!terms.paused),
            2 => change.sells_before = Some(!terms.sells_before),
            3 => change.ends_at = Some(terms.ends_at.plus_millis(self.chance.below(2_000))),
            4 => {
                let later = self.chance.below(900);
                change.opens_at = Some(terms.opens_at.plus_millis(later));
                change.ends_at = Some(terms.ends_at.plus_millis(later));
            }
            _ => {}
        }
        let part = PartChange {
            product,
            price: None,
            limit_per_customer: Field::Keep,
            units: Some(self.chance.between((1, 6))),
        };
        change.name = Some(format!("drop {}", self.next_number()).into());
        if self.chance.happens(400) {
            change.parts.push(part);
        }
        change
    }

    /// What was answered is durable, for every product.
    fn judge_sale(&mut self, set: &SaleAsSet) {
        for (product, shown) in &set.parts {
            let had = |state: &lastunit::domain::Product| {
                let part = state.sales().get(shown.terms.sale);
                part.is_some_and(|part| part.terms == shown.terms)
            };
            if !self.truth.moments(*product).iter().any(|moment| had(&moment.state)) {
                let (sale, terms) = (set.terms.sale, &shown.terms);
                self.fail(format_args!("no lie: product {product} never had {terms:?} of {sale}"));
            }
        }
    }
}

/// Asks the catalogue of a node. Nobody waits for ever; what was begun goes on to its end.
pub async fn ask(world: &Shared, node: &Node, ask: Ask) {
    let patience = {
        let mut world = world.lock();
        world.note(format_args!("node {} is asked for a sale: {ask:?}", node.number));
        4 * world.weather.order_within()
    };
    let now = node.clock.now();
    let answer = async {
        match ask {
            Ask::Create(sale, retry) => node.catalog.create_sale(sale, retry, now).await.map(Some),
            Ask::Change(sale, change) => {
                node.catalog.change_sale(sale, change, None).await.map(Some)
            }
            Ask::End(sale) => node.catalog.end_sale(sale, None, now).await.map(Some),
            Ask::Drop(sale) => node.catalog.drop_sale(sale, None, now).await.map(|()| None),
        }
    };
    let reply: Result<Result<Option<SaleAsSet>, SaleError>, _> =
        tokio::time::timeout(Duration::from_millis(patience), answer).await;
    let mut world = world.lock();
    match reply {
        Ok(Ok(Some(set))) => {
            let (sale, edition) = (set.terms.sale, set.terms.edition);
            world.note(format_args!("sale {sale} of many is of edition {edition}"));
            world.judge_sale(&set);
        }
        Ok(Ok(None)) => world.note("a sale of many is given up"),
        Ok(Err(error)) => world.note(format_args!("nothing becomes of it: {error}")),
        Err(_) => world.fail("nobody hears what became of a sale"),
    }
}

/// After a crash and a while every sale is the same for all its products, or is gone for all of them.
pub async fn must_be_settled(world: &Shared, node: &Node) {
    pause(SETTLED_WITHIN).await;
    let now = node.clock.now();
    let mut world = world.lock();
    for (sale, parts) in world.sales_of_many() {
        let Some(newest) = newest(&parts).cloned() else { continue };
        let whole = parts.len() == newest.products.len();
        world.note(format_args!("sale {sale} of many is settled, whole: {whole}"));
        for (product, part) in &parts {
            let terms = &part.terms;
            if terms.is_over(now) {
                continue;
            }
            let (price, limit_per_customer, units) =
                (terms.price, terms.limit_per_customer, terms.units);
            let mut shared = SaleTerms { price, limit_per_customer, units, ..newest.clone() };
            if terms.is_running(now) {
                // It has opened before it heard of another opening.
                shared.opens_at = terms.opens_at;
            }
            let action = Action::SetSale { terms: Box::new(shared.clone()) };
            let refused =
                world.truth.newest(*product).decide(&Command::plain(action), now).verdict.is_err();
            if !whole || (*terms != shared && !refused) {
                world.fail(format_args!("product {product} has {terms:?}, not {newest:?}"));
            }
        }
    }
}
