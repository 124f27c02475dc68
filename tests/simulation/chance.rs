//! Chance and weather: everything that differs from seed to seed.
//!
//! All randomness of a run comes from one [`Chance`], so a seed is a run. [`Weather`] is drawn first:
//! each seed has its own kind of store (exclusive like `SQLite` or leased like Postgres), its own
//! numbers and its own rate of every fault; about half of the faults are absent in any one seed, so
//! that the others are seen alone as well.

/// A small generator (`SplitMix64`: Steele, Lea and Flood, 2014); the same numbers on every machine.
#[derive(Debug, Clone)]
pub struct Chance(u64);

impl Chance {
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x1A57_0417)
    }

    pub const fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to `bound - 1`.
    pub const fn below(&mut self, bound: u64) -> u64 {
        self.draw() % bound
    }

    /// From `low` to `high`, both included.
    pub const fn between(&mut self, (low, high): (u64, u64)) -> u64 {
        low + self.below(high - low + 1)
    }

    pub const fn happens(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let index = self.below(from.len() as u64);
        from[usize::try_from(index).expect("an index")]
    }

    pub fn bytes(&mut self) -> [u8; 16] {
        (u128::from(self.draw()) << 64 | u128::from(self.draw())).to_be_bytes()
    }
}

/// How long a customer waits for a provider.
pub const PATIENCE: u64 = 500;

/// A span of milliseconds to draw from.
pub type Span = (u64, u64);

/// What one seed is like. Rates are per mille.
#[derive(Debug, Clone)]
pub struct Weather {
    /// The store is shared and ownership is a lease (Postgres); else it is exclusive (`SQLite`).
    pub leased: bool,
    pub partitions: u16,
    pub lives: u64,
    pub shoppers: u64,
    pub commands: u64,
    pub think: Span,
    pub life: Span,
    pub downtime: Span,
    /// Largest difference of a node's clock from the true time, either way.
    pub skew_max: u64,
    pub commit_timeout: u64,
    pub lease: u64,
    pub idle_after: u64,
    pub grace: u64,
    /// Turns of queued purchases in a second.
    pub drain: u32,
    pub checkpoint_facts: u64,
    pub per_product_max: u64,
    pub commit: Span,
    pub read: Span,
    pub hold: Span,
    /// How long an order can be paid, and how long its provider takes to answer.
    pub pay: u64,
    pub latency: u64,
    /// Commits and reads that take up to three commit timeouts.
    pub slow_commits: u64,
    pub slow_reads: u64,
    pub commits_lost: u64,
    pub commits_done_but_lost: u64,
    pub commits_late: u64,
    pub commits_not_written: u64,
    pub disk_breaks: u64,
    pub reads_fail: u64,
    pub hang_ups: u64,
    /// Of the wishes, how many are wished by a thousand customers at once.
    pub rushes: u64,
    /// Of the wishes, how many are the shop's about its sales.
    pub sales: u64,
    /// Pause between two disturbances: windows of failures, take-overs, restarts.
    pub calm_for: Span,
    pub disturbances: Vec<Disturbance>,
}

/// What the controller of a life does now and then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disturbance {
    None,
    DiskFull,
    ReadsFail,
    Outage,
    /// The newest node's connections fail at once.
    CutOff,
    /// The newest node's connections do not answer.
    Silence,
    /// Another node takes the journal over while this one runs.
    TakeOver,
    /// The newest node's connections do not answer, and another node takes the journal over.
    SplitInTwo,
    /// An orderly shutdown and a new node.
    Restart,
}

impl Weather {
    pub fn draw(chance: &mut Chance) -> Self {
        let leased = chance.happens(600);
        let mut rate = |most: u64| {
            let present = chance.happens(500);
            let drawn = chance.below(most) + 1;
            if present { drawn } else { 0 }
        };
        let (slow_commits, slow_reads) = (rate(30), rate(150));
        let (commits_lost, commits_done_but_lost) = (rate(100), rate(100));
        let commits_late = if leased { rate(100) } else { 0 };
        let (commits_not_written, disk_breaks) = (rate(50), rate(4));
        let (reads_fail, hang_ups) = (rate(100), rate(200));
        let skew_max = rate(1_500);
        let rushes = if chance.happens(60) { 20 } else { 0 };
        let sales = chance.pick(&[0, 60, 150, 300]);
        let commit_timeout = chance.between((100, 1_000));
        Self {
            leased,
            partitions: chance.pick(&[1, 1, 2, 4]),
            lives: chance.below(4),
            shoppers: chance.between((3, 16)),
            commands: chance.between((100, 400)),
            think: chance.pick(&[(0, 2), (0, 20), (0, 200), (10, 600)]),
            life: chance.pick(&[(20, 400), (100, 3_000), (500, 8_000)]),
            downtime: chance.pick(&[(0, 50), (0, 3_000), (1_000, 20_000)]),
            skew_max,
            commit_timeout,
            lease: chance.pick(&[150, 200, 300, 700, 1_500]),
            idle_after: chance.pick(&[10, 50, 300, 5_000]),
            grace: chance.pick(&[0, 300, 2_000]),
            drain: chance.pick(&[5, 50, 1_000, 100_000]),
            checkpoint_facts: chance.pick(&[1, 5, 30, 1_000]),
            per_product_max: if rushes > 0 { 900 } else { chance.pick(&[3, 100, 100, 100]) },
            commit: chance.pick(&[(0, 1), (1, 8), (5, 40)]),
            read: chance.pick(&[(0, 0), (0, 4), (1, 20)]),
            hold: chance.pick(&[(1, 100), (50, 1_000), (500, 5_000)]),
            pay: chance.pick(&[50, 1_000, 10_000]),
            latency: chance.pick(&[0, 0, 5, 100, 700]),
            slow_commits,
            slow_reads,
            commits_lost,
            commits_done_but_lost,
            commits_late,
            commits_not_written,
            disk_breaks,
            reads_fail,
            hang_ups,
            rushes,
            sales,
            calm_for: chance.pick(&[(5, 100), (50, 500), (500, 3_000)]),
            disturbances: disturbances(chance, leased),
        }
    }

    /// The end of a run: nothing fails any more, and nothing is slow.
    pub fn clear_up(&mut self) {
        self.slow_commits = 0;
        self.slow_reads = 0;
        self.commits_lost = 0;
        self.commits_done_but_lost = 0;
        self.commits_late = 0;
        self.commits_not_written = 0;
        self.disk_breaks = 0;
        self.reads_fail = 0;
        self.hang_ups = 0;
        self.rushes = 0;
    }

    /// The longest any one disturbance lasts.
    pub fn disturbed_max(&self) -> u64 {
        2 * self.commit_timeout.max(self.lease)
    }

    /// The longest any one read may take.
    fn read_max(&self) -> u64 {
        let slow = if self.slow_reads == 0 { 0 } else { 3 * self.commit_timeout };
        let silent = [Disturbance::Silence, Disturbance::SplitInTwo];
        let silent = self.disturbances.iter().any(|disturbance| silent.contains(disturbance));
        self.read.1 + slow.max(if silent { self.disturbed_max() } else { 0 })
    }

    /// Within this every command must have its answer: two commits (the one before and its own) up
    /// to their time limit, the ticks in which waiting callers are told, and loading the product.
    pub fn answer_within(&self) -> u64 {
        2 * self.commit_timeout + 2 * self.read_max() + 1_500
    }

    /// The same for an order: the question whether its key is known, each line's product loaded, the
    /// placing, the provider, and the settling of each line.
    pub fn order_within(&self) -> u64 {
        8 * self.answer_within() + PATIENCE
    }
}

fn disturbances(chance: &mut Chance, leased: bool) -> Vec<Disturbance> {
    use Disturbance::{
        CutOff, DiskFull, None, Outage, ReadsFail, Restart, Silence, SplitInTwo, TakeOver,
    };
    let shared =
        [None, DiskFull, ReadsFail, Outage, CutOff, Silence, TakeOver, SplitInTwo, Restart];
    let exclusive = [None, DiskFull, ReadsFail, Restart];
    let possible = if leased { &shared[..] } else { &exclusive[..] };
    let mut drawn: Vec<_> = possible.iter().copied().filter(|_| chance.happens(400)).collect();
    drawn.push(None);
    drawn
}
