//! The model test: the rules against a ledger that is kept by hand.
//!
//! Proves, for two million random steps a run (purchases, holds, retries, sales that open, pause, change
//! and end, jumps in time, restarts from a snapshot, from the facts or from both, graces): every answer and every refusal is the one of the
//! model, to the last number. A refusal the model would not have given is a failure like any other,
//! so under-selling is found like over-selling. The promises are checked with the same functions as
//! everywhere: the cheap ones after every step, those that walk the whole state every now and then.
//! At the end of each product its last units must find their buyers.
//!
//! Replay: a failure prints the command, `LASTUNIT_SEED=<seed> cargo test --test model`; it runs the
//! one product that failed. `LASTUNIT_STEPS` sets how many steps a run has.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)]

mod chance;
mod ledger;
mod seller;
mod shopper;

use chance::Chance;
use lastunit::domain::promises::{self, History};
use lastunit::domain::{
    Action, Answer, Command, CustomerId, Event, Grace, HoldEnd, OrderId, Product, ProductId,
    Quantity, Refusal, RequestKey, SaleId, SalePart, Timestamp, Verdict,
};
use lastunit::journal::{recovery, snapshot, stored};
use ledger::{DAY, Expected, Ledger, Remembers};
use shopper::Shopper;
use std::collections::VecDeque;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::num::NonZeroU8;

const STEPS: u64 = 2_000_000;

/// Steps between two walks through the whole state.
const WALK_EVERY: u64 = 50;

#[test]
fn the_rules_agree_with_the_model() {
    if let Some(seed) = number_from("LASTUNIT_SEED") {
        let counted = Shop::new(seed).run();
        println!("seed {seed}: {counted:?}");
        return;
    }
    let steps = number_from("LASTUNIT_STEPS").unwrap_or(STEPS);
    let first_seed = RandomState::new().build_hasher().finish() >> 16;
    println!("{steps} steps from seed {first_seed}");
    let mut total = Counted::default();
    let mut seed = first_seed;
    while total.steps < steps {
        total.add(&Shop::new(seed).run());
        seed += 1;
    }
    println!("{} products: {total:?}", seed - first_seed);
    // A run in which nothing happens would prove nothing.
    for (often, what) in [
        (total.granted > steps / 10, "granted"),
        (total.refused > steps / 10, "refused"),
        (total.replayed > steps / 200, "replayed"),
        (total.lapsed > steps / 200, "lapsed"),
        (total.restarts > steps / 500, "restarts"),
        (total.last_units > steps / 2_000, "last units"),
        (total.placed > steps / 2_500, "placed"),
        (total.settled > steps / 200, "settled"),
        (total.held_again > steps / 1_000, "held again"),
        (total.returned > steps / 1_000, "returned"),
        (total.queued > steps / 200, "queued"),
        (total.turned_down > steps / 1_000, "turned down"),
        (total.sales_set > steps / 500, "sales set"),
        (total.sales_dropped > steps / 5_000, "sales dropped"),
        (total.under_sales > steps / 200, "taken under sales"),
        (total.last_of_sales > steps / 20_000, "last units of sales"),
    ] {
        assert!(often || steps < 100_000, "too few: {what} in {total:?}");
    }
}

fn number_from(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {text}")))
}

/// What happened in a run.
#[derive(Debug, Default)]
struct Counted {
    steps: u64,
    granted: u64,
    refused: u64,
    replayed: u64,
    lapsed: u64,
    restarts: u64,
    last_units: u64,
    placed: u64,
    settled: u64,
    held_again: u64,
    returned: u64,
    queued: u64,
    turned_down: u64,
    sales_set: u64,
    sales_dropped: u64,
    under_sales: u64,
    last_of_sales: u64,
}

impl Counted {
    const fn add(&mut self, other: &Self) {
        self.steps += other.steps;
        self.granted += other.granted;
        self.refused += other.refused;
        self.replayed += other.replayed;
        self.lapsed += other.lapsed;
        self.restarts += other.restarts;
        self.last_units += other.last_units;
        self.placed += other.placed;
        self.settled += other.settled;
        self.held_again += other.held_again;
        self.returned += other.returned;
        self.queued += other.queued;
        self.turned_down += other.turned_down;
        self.sales_set += other.sales_set;
        self.sales_dropped += other.sales_dropped;
        self.under_sales += other.under_sales;
        self.last_of_sales += other.last_of_sales;
    }

    const fn count(&mut self, answer: &Answer) {
        match answer {
            Answer::Placed(_) => self.placed += 1,
            Answer::Settled { .. } => self.settled += 1,
            Answer::Returned { .. } => self.returned += 1,
            Answer::Queued { .. } => self.queued += 1,
            Answer::Refused { .. } => self.turned_down += 1,
            Answer::SaleSet { .. } => self.sales_set += 1,
            Answer::SaleDropped { .. } => self.sales_dropped += 1,
            _ => {}
        }
    }
}

impl Remembers for Product {
    fn key(&self, key: &RequestKey) -> bool {
        self.memory().get(key).is_some()
    }

    fn end_of(&self, order: &OrderId) -> bool {
        self.holds().end_of(order).is_some()
    }

    fn number_of(&self, sale: SaleId) -> Option<NonZeroU8> {
        self.sales().get(sale).map(|part| part.number)
    }
}

/// One product, its model and its journal.
struct Shop {
    seed: u64,
    chance: Chance,
    now: Timestamp,
    product: Product,
    ledger: Ledger,
    shopper: Shopper,
    history: History,
    /// A journal row that grows with every fact.
    row: Vec<u8>,
    /// The newest stored snapshot, and where in the row it was taken.
    stored: Option<(Vec<u8>, usize)>,
    counted: Counted,
    recent: VecDeque<(Timestamp, Command)>,
}

impl Shop {
    fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let now = Timestamp::from_millis(1_000 + chance.below(1_000));
        let shopper = Shopper::new(&mut chance);
        Self {
            seed,
            chance,
            now,
            product: Product::default(),
            ledger: Ledger::default(),
            shopper,
            history: History::default(),
            row: vec![stored::ROW_VERSION],
            stored: None,
            counted: Counted::default(),
            recent: VecDeque::new(),
        }
    }

    fn run(mut self) -> Counted {
        let steps = self.chance.between(100, 1_500);
        let before_it_exists = self.chance.below(4);
        for step in 0..steps {
            if step == before_it_exists {
                let action = Shopper::create(&mut self.chance, self.now);
                self.take(&Command::plain(action));
            }
            self.step();
            self.counted.steps += 1;
            if step % WALK_EVERY == 0 {
                self.walk();
            }
        }
        self.sell_what_the_sale_has();
        self.let_all_sales_end();
        self.let_everybody_have_their_turn();
        self.sell_the_last_units();
        self.restart();
        self.walk();
        std::mem::take(&mut self.counted)
    }

    fn step(&mut self) {
        self.let_time_pass();
        match self.chance.below(200) {
            0 => self.restart(),
            1 => self.stored = Some((snapshot::encode(&self.product), self.row.len())),
            2..20 => self.tick(),
            20..26 => self.take(&Command::plain(Action::TakeTurn)),
            _ => {
                let mut command =
                    self.shopper.command(&mut self.chance, self.now, self.ledger.sales());
                self.make_honest(&mut command.action);
                self.take(&command);
            }
        }
        promises::exact_sale(&self.product).unwrap();
        assert_eq!(self.product.stock(), self.ledger.stock(), "the stock");
        assert_eq!(self.product.holds().next_lapse(), self.ledger.next_lapse(), "the next lapse");
        let question = self.product.holds().next_question();
        assert_eq!(question, self.ledger.next_question(), "the next question");
        assert_eq!(self.product.queue().len(), self.ledger.turns().len(), "the queue");
        let view = self.product.view_at(self.now);
        let selling = view.map(|view| view.selling(self.now));
        assert_eq!(selling, self.ledger.selling(self.now), "what is shown");
        let ordinary = self.ledger.ordinary_as_written(self.now);
        assert_eq!(self.product.ordinary(self.now), ordinary, "the ordinary stock");
        assert_eq!(self.product.sales().len(), self.ledger.sales().len(), "the sales");
    }

    fn let_time_pass(&mut self) {
        let now = self.now.as_millis();
        let later = match self.chance.below(400) {
            0 => now + DAY + self.chance.below(3) - 1,
            1..12 => now + self.chance.below(400),
            // To the very millisecond, and just before it.
            12..60 => {
                let lapse = self.ledger.next_lapse().map_or(now, Timestamp::as_millis);
                lapse - self.chance.below(2).min(lapse)
            }
            60..72 => {
                let boundary = self.ledger.next_boundary(self.now).unwrap_or(self.now);
                boundary.as_millis() - self.chance.below(2)
            }
            72..200 => now + self.chance.below(4),
            _ => now,
        };
        self.now = Timestamp::from_millis(later.max(now));
    }

    /// What the rules leave to their callers: only what was sold comes back, and as it was sold; only a
    /// line that ran out is held again once its end may be forgotten.
    fn make_honest(&mut self, action: &mut Action) {
        match action {
            Action::Return { order, customer, quantity, sale, .. } => {
                if let Some(sold) = self.ledger.sold_to(*order) {
                    (*customer, *quantity, *sale) = sold;
                }
            }
            Action::Hold { order, part: Some(_), .. }
                if self.ledger.is_past_holding(*order, &self.product) =>
            {
                *order = OrderId(self.chance.bytes());
            }
            _ => {}
        }
    }

    /// One command: decided, recorded, and compared with the model.
    fn take(&mut self, command: &Command) {
        if self.recent.len() == 12 {
            self.recent.pop_front();
        }
        self.recent.push_back((self.now, command.clone()));
        let now = self.now;
        let decision = self.product.decide(command, now);
        let known = command
            .retry
            .and_then(|retry| self.ledger.recall(retry.key, retry.fingerprint, now, &self.product));
        if known.is_none() {
            self.compare_view(&command.action);
        }
        let ran_out = self.ran_out(&command.action);
        let looks = self.ledger.only_looks(&command.action);
        for order in decision.lapsed {
            assert!(self.ledger.has_lapsed(order, now), "{order:?} still runs");
            self.record(Event::Ended { order, end: HoldEnd::Expired, retry: None });
            self.ledger.expires(order, now);
            self.counted.lapsed += 1;
        }
        let expected = known.unwrap_or_else(|| {
            match self.ledger.take(&command.action, now, &self.product) {
                // Looking decides nothing.
                Ok(answer) if looks => Expected::Again(answer, now),
                Ok(answer) => Expected::New(answer),
                Err(refusal) => Expected::No(refusal),
            }
        });
        let answered = match decision.verdict {
            Ok(Verdict::Record(event)) => {
                let keyed = event.retry().copied();
                let outcome = self.record(event);
                if let Some(retry) = keyed {
                    self.ledger.remember(retry.key, retry.fingerprint, now, &outcome.answer);
                }
                Expected::New(outcome.answer)
            }
            Ok(Verdict::Replay(outcome)) => Expected::Again(outcome.answer, outcome.at),
            Err(refusal) => Expected::No(refusal),
        };
        assert_eq!(answered, expected, "the rules answered the left, the model the right");
        match answered {
            Expected::New(answer) => {
                self.counted.granted += 1;
                self.counted.count(&answer);
                self.counted.held_again += u64::from(ran_out);
            }
            Expected::Again(..) => self.counted.replayed += 1,
            Expected::No(refusal) => {
                self.counted.refused += 1;
                self.told_over(&command.action, refusal);
            }
        }
    }

    /// The short way to a refusal says what the model says, or leaves it to the rules: when a sale has
    /// opened or ended since, or holds have run out.
    fn compare_view(&self, action: &Action) {
        let (Action::Purchase { sale, .. }
        | Action::Hold { sale, .. }
        | Action::Queue { sale, .. }) = action
        else {
            return;
        };
        let expected = self.ledger.closed_to_all(*sale, self.now);
        for view in [self.product.view(), self.product.view_at(self.now)].into_iter().flatten() {
            let said = view.closed_to_all(*sale, self.now);
            let lapsed = self.ledger.next_lapse().is_some_and(|lapse| lapse <= self.now);
            let boundary = self.product.sales().next_boundary(view.changed_at);
            let moved = boundary.is_some_and(|boundary| boundary <= self.now);
            if said.is_some() || (sale.is_none() && !lapsed && !moved) {
                assert_eq!(said, expected, "the view");
            }
        }
    }

    /// Whether this would hold a line that ran out before.
    fn ran_out(&self, action: &Action) -> bool {
        let Action::Hold { order, part: Some(_), .. } = action else { return false };
        self.ledger.has_lapsed(*order, self.now)
            || self.product.holds().end_of(order) == Some(HoldEnd::Expired)
    }

    /// Who was told that a hold has expired must never see it come back.
    fn told_over(&self, action: &Action, refusal: Refusal) {
        if let (
            Refusal::HoldOver(end),
            Action::Confirm { order }
            | Action::Release { order }
            | Action::Extend { order, .. }
            | Action::Place { order, .. }
            | Action::Settle { order, .. },
        ) = (refusal, action)
        {
            assert_eq!(self.product.holds().end_of(order), Some(end), "told but not recorded");
        }
    }

    fn record(&mut self, event: Event) -> lastunit::domain::Outcome {
        if let Event::Purchased { sale: Some(_), .. } | Event::Held { sale: Some(_), .. } = event {
            self.counted.under_sales += 1;
        }
        let outcome = self.product.apply(&event, self.now);
        let revision = self.product.revision();
        self.history.push(revision, &event, self.now).unwrap();
        stored::encode_section(&mut self.row, product_id(), revision, self.now, &[event]);
        outcome
    }

    /// The timer: some of what has lapsed, earliest first.
    fn tick(&mut self) {
        let most = if self.chance.one_in(2) { usize::MAX } else { 2 };
        let lapsed = self.product.holds().lapsed(self.now).take(most);
        let lapsed: Vec<_> = lapsed.map(|(order, _)| order).collect();
        for order in lapsed {
            self.take(&Command::plain(Action::Expire { order }));
            assert_eq!(self.product.holds().end_of(&order), Some(HoldEnd::Expired));
            self.counted.lapsed += 1;
        }
        if most == usize::MAX {
            assert!(self.ledger.next_lapse().is_none_or(|lapse| lapse > self.now), "left over");
        }
    }

    /// Down and up again: the state comes from a snapshot, from the facts, or from both.
    fn restart(&mut self) {
        let (mut restored, from) = match (self.chance.below(3), &self.stored) {
            (0, _) => (decoded(&snapshot::encode(&self.product)), self.row.len()),
            (1, Some((bytes, from))) => (decoded(bytes), *from),
            _ => (Product::default(), 1),
        };
        // A snapshot may be newer than the checkpoint: then the tail repeats facts it has.
        let from = if self.chance.one_in(2) { 1 } else { from };
        let mut tail = vec![stored::ROW_VERSION];
        tail.extend_from_slice(&self.row[from..]);
        for section in stored::decode_row(&tail).expect("a row") {
            recovery::replay(&mut restored, &section).expect("a section that follows");
        }
        self.let_time_pass();
        let until = self.now.plus_millis(self.chance.pick(&[0, 1, 30, 300]));
        let grace = Grace { from: self.now, until };
        self.product.set_grace(grace);
        restored.set_grace(grace);
        assert_eq!(restored, self.product, "the state after a restart");
        assert_eq!(restored.view(), self.product.view());
        self.product = restored;
        self.ledger.set_grace(grace);
        self.counted.restarts += 1;
    }

    /// Walks through the whole state.
    fn walk(&self) {
        assert!(self.product.queue().iter().eq(self.ledger.turns()), "the queue");
        promises::exact_sale_in_full(&self.product).unwrap();
        promises::limits_kept(&self.product).unwrap();
        for customer in &self.shopper.customers {
            let owned = self.product.customers().owned(customer);
            let expected = self.ledger.written(Some(customer));
            assert_eq!((u64::from(owned.sold), u64::from(owned.held)), expected, "{customer:?}");
        }
        for (part, sale) in self.product.sales().iter().zip(self.ledger.sales()) {
            assert_eq!((&part.terms, part.closed), (&sale.terms, sale.closed), "the sales");
            let (sold, held) = self.ledger.written_under(part.terms.sale, None);
            assert_eq!((part.taken, part.held), (sold + held, held), "{:?}", part.terms);
            for customer in self.shopper.customers.iter().filter(|_| !part.closed) {
                let owned = part.customers.owned(customer);
                let expected = self.ledger.written_under(part.terms.sale, Some(customer));
                assert_eq!((u64::from(owned.sold), u64::from(owned.held)), expected);
            }
        }
    }

    /// Somebody for each unit that a running sale has left, and some too many.
    fn sell_what_the_sale_has(&mut self) {
        let Some((sale, left)) = self.ledger.sells_under(self.now) else { return };
        if left > 100 {
            return;
        }
        let before = self.product.stock().sold;
        self.ask_one_by_one("eager", left + 3);
        let sold = self.product.stock().sold - before;
        promises::sold_what_there_was(left, left + 3, sold).unwrap();
        assert_eq!(self.product.sales().get(sale).map(SalePart::left), Some(0));
        self.counted.last_of_sales += sold;
    }

    /// What they have left is ordinary stock then.
    fn let_all_sales_end(&mut self) {
        self.now = self.now.max(self.ledger.last_sale_ends().unwrap_or_default());
        assert_eq!(self.product.ordinary(self.now), self.product.stock().available);
    }

    fn ask_one_by_one(&mut self, name: &str, buyers: u64) {
        for buyer in 0..buyers {
            let customer = CustomerId::new(&format!("{name} {buyer}")).expect("a customer");
            let order = OrderId(self.chance.bytes());
            let quantity = Quantity::new(1).expect("a quantity");
            self.take(&Command::plain(Action::Purchase { order, customer, quantity, sale: None }));
        }
    }

    /// Nobody who was accepted is left without a decision.
    fn let_everybody_have_their_turn(&mut self) {
        while !self.product.queue().is_empty() {
            self.take(&Command::plain(Action::TakeTurn));
        }
        let (waiting, decided) = self.history.queued();
        let (confirmed, refused) = self.product.queue().decided();
        assert_eq!((waiting, decided as u64), (0, confirmed + refused), "turns");
    }

    /// With enough valid demand every unit is sold.
    fn sell_the_last_units(&mut self) {
        let free = self.ledger.free(self.now);
        let Some(offer) = self.ledger.offer().copied() else { return };
        let shut = matches!(
            self.ledger.closed_to_all(None, self.now),
            Some(Refusal::NotOpen { .. } | Refusal::Closed { .. })
        );
        if shut || offer.limit_per_customer == Some(0) || free > 100 {
            return;
        }
        let before = self.product.stock().sold;
        self.ask_one_by_one("late", free + 3);
        let sold = self.product.stock().sold - before;
        promises::sold_what_there_was(free, free + 3, sold).unwrap();
        assert_eq!(self.product.stock().available, 0);
        self.counted.last_units += sold;
    }
}

impl Drop for Shop {
    /// However a step failed, this says how to see it again.
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the last commands were:");
            for (at, command) in &self.recent {
                eprintln!("  {} {command:?}", at.as_millis());
            }
            let (seed, steps) = (self.seed, self.counted.steps);
            eprintln!("after {steps} steps of seed {seed}; to replay it:");
            eprintln!("  LASTUNIT_SEED={seed} cargo test --test model -- --nocapture");
        }
    }
}

fn decoded(bytes: &[u8]) -> Product {
    snapshot::decode(bytes).expect("a snapshot")
}

fn product_id() -> ProductId {
    ProductId::new(7).expect("a product id")
}
