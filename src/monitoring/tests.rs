//! Looks of a second each, made by hand: what they come to.

use super::alerts::{ACTIVE_MAX, Alerts, RECENT_MAX, Verdict};
use super::history::Ring;
use super::look::{Look, ProductLook};
use super::products::SOLD_OUT_SHOWN_MS;
use super::sampler::Monitor;
use super::{AlertName, HISTORY_SECONDS, ProjectionStanding, Sample, Severity};
use crate::domain::{ProductId, SaleId, Timestamp};
use crate::journal::handle::JournalState;
use crate::telemetry::Metrics;
use crate::telemetry::Reading;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

const START: u64 = 1_700_000_000_000;

fn at(second: u64) -> Timestamp {
    Timestamp::from_millis(START + second * 1_000)
}

fn product(number: u64) -> ProductId {
    ProductId::new(number).expect("a product")
}

/// A server that does nothing.
fn look(second: u64) -> Look {
    Look {
        at: at(second),
        uptime: Duration::from_secs(second),
        reading: Reading::default(),
        journal: JournalState::Ready,
        journal_reason: String::new(),
        projection: ProjectionStanding::Following,
        projection_reason: String::new(),
        lag_seconds: 0.0,
        holds: 0,
        in_flight: 0,
        queue_depth: 0,
        queue_per_second: 0.0,
        queue_oldest: None,
        cpu: Duration::ZERO,
        memory_bytes: None,
        open_files: None,
        products: Vec::new(),
    }
}

fn shelf(number: u64, (available, held, sold): (u64, u64, u64), changed: u64) -> ProductLook {
    ProductLook {
        product: product(number),
        sale: None,
        on_sale: false,
        available,
        held,
        sold,
        active: true,
        changed_at: at(changed),
    }
}

/// One second after the other; each look is given as a change of a quiet one.
fn watch(seconds: std::ops::Range<u64>, monitor: &Monitor, change: impl Fn(u64, &mut Look)) {
    for second in seconds {
        let mut look = look(second);
        change(second, &mut look);
        monitor.take(look);
    }
}

fn active(monitor: &Monitor) -> Vec<(&'static str, Severity)> {
    monitor.alerts().0.iter().map(|alert| (alert.name.as_str(), alert.severity)).collect()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found}, not {expected}");
}

#[test]
fn rates_are_of_the_time_that_passed() {
    let monitor = Monitor::new(look(0));
    let numbers = |second: u64, look: &mut Look| {
        let count = f64::from(u32::try_from(second).expect("small"));
        look.reading.requests = 100.0 * count;
        look.reading.errors = 10.0 * count;
        look.reading.units_sold = 35.0 * count;
        look.reading.purchases = [("sold", 30.0), ("sold-out", 50.0), ("queued", 7.0)]
            .map(|(r, n)| (r.into(), n * count))
            .into();
        look.cpu = Duration::from_millis(500 * second);
    };
    watch(1..4, &monitor, numbers);
    // One look came late: the rate is the same.
    watch(6..7, &monitor, numbers);
    let sample = monitor.newest();
    assert_eq!(sample.number, 4);
    close(sample.requests_per_second, 100.0);
    close(sample.errors_per_second, 10.0);
    close(sample.process.cpu, 0.5);
    close(sample.purchases.per_second, 87.0);
    close(sample.purchases.sold_per_second, 35.0);
    close(sample.purchases.refused_per_second, 50.0);
    // What stops is named for a minute, as nothing, and then no more.
    let still = |_: u64, look: &mut Look| numbers(6, look);
    watch(7..60, &monitor, still);
    let sample = monitor.newest();
    close(sample.purchases.per_second, 0.0);
    assert_eq!(sample.purchases.by_result.len(), 3);
    watch(60..80, &monitor, still);
    let purchases = monitor.newest().purchases.clone();
    assert!(purchases.by_result.is_empty());
    // Nothing is shown as 0, not as -0.
    assert!(purchases.refused_per_second.is_sign_positive(), "{purchases:?}");
}

#[test]
fn latencies_are_of_the_last_ten_seconds() {
    let metrics = Metrics::new().expect("buckets");
    let buy = metrics.route("POST /api/v1/purchases");
    let monitor = Monitor::new(look(0));
    assert_eq!(monitor.newest().success.p99, None);
    buy.answered(201, Duration::from_millis(2));
    buy.answered(409, Duration::from_micros(50));
    metrics.journal.committed(8, Duration::from_millis(2));
    let read = metrics.read();
    watch(1..11, &monitor, |_, look| look.reading = read.clone());
    let sample = monitor.newest();
    for (latency, from, to) in [
        (sample.success, 0.001, 0.0025),
        (sample.refusal, 0.0, 0.0001),
        (sample.journal.commit, 0.001, 0.0025),
    ] {
        let p50 = latency.p50.expect("there was one");
        assert!(p50 > from && p50 <= to, "{latency:?}");
        assert!(latency.p99 >= latency.p50, "{latency:?}");
    }
    close(sample.journal.events_per_commit.expect("there was one"), 8.0);
    watch(11..12, &monitor, |_, look| look.reading = read.clone());
    let sample = monitor.newest();
    assert_eq!((sample.success.p50, sample.journal.events_per_commit), (None, None));
}

#[test]
fn stock_is_that_of_the_newest_products_that_sell() {
    let monitor = Monitor::new(look(0));
    watch(1..2, &monitor, |_, look| {
        look.products = (1..=30).map(|number| shelf(number, (5, 2, 1), 1)).collect();
        for product in &mut look.products[..25] {
            (product.on_sale, product.sale) = (true, SaleId::new(90));
        }
    });
    let stock = &monitor.newest().stock;
    assert_eq!(stock.len(), 20);
    assert_eq!((stock[0].product, stock[0].sale), (product(25), SaleId::new(90)));
    assert_eq!((stock[0].available, stock[0].held, stock[0].sold), (5, 2, 1));
    assert_eq!(stock[19].product, product(6));
}

/// As many samples as an hour has, and some more.
fn hours(seconds: u64) -> Ring {
    let mut ring = Ring::default();
    for second in 0..seconds {
        ring.push(Arc::new(Sample::of(second, &look(second), &VecDeque::new())));
    }
    ring
}

#[test]
fn history_is_thinned_out_and_bounded() {
    let numbers = |ring: &Ring, window: u64, now: u64| {
        let part = ring.part(window, at(now));
        let numbers: Vec<_> = part.samples.iter().map(|sample| sample.number).collect();
        (part.step_seconds, numbers.len(), numbers.first().copied(), numbers.last().copied())
    };
    let ring = hours(3 * HISTORY_SECONDS);
    let last = 3 * HISTORY_SECONDS - 1;
    // The window includes both ends.
    assert_eq!(numbers(&ring, 60, last), (1, 61, Some(last - 60), Some(last)));
    assert_eq!(numbers(&ring, 719, last), (1, 720, Some(last - 719), Some(last)));
    assert_eq!(numbers(&ring, 721, last), (5, 144, Some(10_080), Some(10_795)));
    assert_eq!(numbers(&ring, 3_600, last), (5, 720, Some(7_200), Some(10_795)));
    // What was forgotten is not there, whoever asks.
    assert_eq!(numbers(&ring, 9_999, last), (5, 720, Some(7_200), Some(10_795)));
    // The same ones a second later, until the next one is due.
    assert_eq!(numbers(&hours(last), 3_600, last - 1), (5, 720, Some(7_200), Some(10_795)));
    // A server that is young shows each of its seconds.
    assert_eq!(numbers(&hours(3), 3_600, 2), (1, 3, Some(0), Some(2)));
    let from = hours(3).part(3_600, at(2)).from;
    assert_eq!(from.plus_millis(3_600_000), at(2));
}

#[test]
fn the_last_unit_is_told_of_at_once_and_until_there_are_some_again() {
    let monitor = Monitor::new(look(0));
    let show = |counts, changed| {
        move |_: u64, look: &mut Look| {
            let mut shown = shelf(7, counts, changed);
            shown.sale = SaleId::new(6);
            look.products = vec![shown];
        }
    };
    watch(1..3, &monitor, show((1, 0, 9), 0));
    assert_eq!(active(&monitor), []);
    // Somebody may still give it back.
    watch(3..4, &monitor, show((0, 1, 9), 3));
    assert_eq!(active(&monitor), []);
    watch(4..5, &monitor, show((0, 0, 10), 4));
    let (alerts, _) = monitor.alerts();
    assert_eq!(alerts.len(), 1);
    assert_eq!((alerts[0].name, alerts[0].since), (AlertName::SoldOut, at(4)));
    assert_eq!(alerts[0].subject, "product 7");
    assert_eq!(alerts[0].message, "product 7 is sold out in sale 6");
    // A unit that comes back for a moment clears nothing.
    watch(5..7, &monitor, show((1, 0, 9), 5));
    watch(7..8, &monitor, show((0, 0, 10), 7));
    assert_eq!(active(&monitor), [("sold-out", Severity::Info)]);
    // A product that sleeps is what it was.
    watch(8..20, &monitor, |_, _| {});
    assert_eq!(active(&monitor), [("sold-out", Severity::Info)]);
    watch(20..23, &monitor, show((5, 0, 10), 20));
    let (alerts, recent) = monitor.alerts();
    assert_eq!((alerts.len(), recent.len()), (0, 1));
    assert_eq!((recent[0].alert.since, recent[0].until), (at(4), at(20)));
}

#[test]
fn what_was_sold_out_long_ago_is_no_news() {
    let monitor = Monitor::new(look(0));
    let hour = SOLD_OUT_SHOWN_MS / 1_000;
    let sold_out =
        |changed| move |_: u64, look: &mut Look| look.products = vec![shelf(1, (0, 0, 3), changed)];
    watch(1..2, &monitor, sold_out(1));
    assert_eq!(active(&monitor).len(), 1);
    // Seen or not, it is over after an hour.
    watch(2 + hour..5 + hour, &monitor, sold_out(1));
    assert_eq!(active(&monitor), []);
    watch(5 + hour..6 + hour, &monitor, sold_out(5 + hour));
    assert_eq!(active(&monitor).len(), 1);
    watch(7 + 2 * hour..8 + 2 * hour, &monitor, |_, _| {});
    assert_eq!(active(&monitor), []);
    // Nothing that never sold, and nothing that is not sold at all.
    watch(1..2, &monitor, |_, look| {
        let stopped = ProductLook { active: false, ..shelf(2, (0, 0, 3), 1) };
        look.products = vec![shelf(1, (0, 0, 0), 1), stopped];
    });
    assert_eq!(active(&monitor), []);
}

#[test]
fn selling_fast_is_told_with_what_is_left() {
    let monitor = Monitor::new(look(0));
    let sells = |per_second: u64, stock: u64| {
        move |second: u64, look: &mut Look| {
            let sold = (per_second * second).min(stock);
            look.products = vec![shelf(3, (stock - sold, 0, sold), second)];
        }
    };
    watch(1..12, &monitor, sells(10, 1_000));
    let (alerts, _) = monitor.alerts();
    assert_eq!(alerts[0].name, AlertName::SellingFast);
    assert!(
        alerts[0].message.starts_with("product 3 sells fast: 10.0 units a second"),
        "{alerts:?}"
    );
    // It is over at once when all is gone: then that is the news.
    watch(12..102, &monitor, sells(10, 1_000));
    assert_eq!(active(&monitor), [("sold-out", Severity::Info)]);
    // Few units, or many that are left, are no news.
    let monitor = Monitor::new(look(0));
    watch(1..30, &monitor, sells(10, 1_000_000));
    assert_eq!(active(&monitor), []);
}

#[test]
fn selling_fast_does_not_flicker() {
    let monitor = Monitor::new(look(0));
    // Units that go in one second of four.
    let bursts = |second: u64, look: &mut Look| {
        let sold = 6 * (second / 4);
        look.products = vec![shelf(3, (400 - sold, 0, sold), second)];
    };
    watch(1..100, &monitor, bursts);
    let (alerts, recent) = monitor.alerts();
    assert_eq!((alerts.len(), recent.len()), (1, 0), "{alerts:?} {recent:?}");
    watch(100..140, &monitor, |_, look| look.products = vec![shelf(3, (256, 0, 144), 99)]);
    assert_eq!(active(&monitor), []);
    assert_eq!(monitor.alerts().1.len(), 1);
}

#[test]
fn tables_that_are_behind_are_told_of_between_two_limits() {
    let monitor = Monitor::new(look(0));
    let lag = |seconds: f64| move |_: u64, look: &mut Look| look.lag_seconds = seconds;
    watch(1..3, &monitor, lag(20.0));
    watch(3..4, &monitor, lag(1.0));
    watch(4..6, &monitor, lag(20.0));
    assert_eq!(active(&monitor), [], "never three looks in a row");
    watch(6..7, &monitor, lag(20.0));
    assert_eq!(active(&monitor), [("projection-behind", Severity::Warning)]);
    assert_eq!(monitor.alerts().0[0].since, at(4));
    for second in (7..100).step_by(2) {
        watch(second..second + 1, &monitor, lag(10.0));
        watch(second + 1..second + 2, &monitor, lag(1.0));
    }
    assert_eq!(active(&monitor).len(), 1, "between the limits nothing changes");
    // Worse is worse at once; what is better stays what it was until it is over.
    watch(101..102, &monitor, |_, look| look.projection = ProjectionStanding::Stopped);
    watch(102..103, &monitor, lag(20.0));
    assert_eq!(active(&monitor), [("projection-behind", Severity::Critical)]);
    watch(103..113, &monitor, lag(0.0));
    assert_eq!(active(&monitor), []);
}

#[test]
fn a_journal_that_cannot_be_written_is_critical_at_once() {
    let monitor = Monitor::new(look(0));
    watch(1..2, &monitor, |_, look| {
        look.journal = JournalState::Stuck;
        look.journal_reason = "the disk is full".into();
    });
    let (alerts, _) = monitor.alerts();
    assert_eq!((alerts[0].name.as_str(), alerts[0].severity), ("journal-slow", Severity::Critical));
    assert!(alerts[0].message.ends_with("the disk is full"), "{}", alerts[0].message);
    watch(2..12, &monitor, |_, _| {});
    assert_eq!(active(&monitor), []);
}

#[test]
fn slow_commits_are_told_of() {
    let metrics = Metrics::new().expect("buckets");
    let monitor = Monitor::new(look(0));
    let commits = |millis: u64, seconds: std::ops::Range<u64>| {
        for second in seconds {
            for _ in 0..2 {
                metrics.journal.committed(1, Duration::from_millis(millis));
            }
            let read = metrics.read();
            watch(second..second + 1, &monitor, |_, look| look.reading = read.clone());
        }
    };
    commits(2, 1..20);
    assert_eq!(active(&monitor), []);
    commits(900, 20..26);
    assert_eq!(active(&monitor), [("journal-slow", Severity::Warning)]);
    commits(2, 26..50);
    assert_eq!(active(&monitor), []);
}

#[test]
fn load_that_is_turned_away_and_errors_are_told_of() {
    let monitor = Monitor::new(look(0));
    let answers = |errors: f64, turned_away: f64| {
        move |second: u64, look: &mut Look| {
            let count = f64::from(u32::try_from(second).expect("small"));
            look.reading.requests = 10.0 * count;
            look.reading.errors = errors * count;
            look.reading.turned_away = turned_away * count;
        }
    };
    watch(1..12, &monitor, answers(0.1, 0.0));
    assert_eq!(active(&monitor), [], "one in a hundred");
    let monitor = Monitor::new(look(0));
    watch(1..12, &monitor, answers(1.0, 0.0));
    assert_eq!(active(&monitor), [("error-rate", Severity::Warning)]);
    let monitor = Monitor::new(look(0));
    watch(1..12, &monitor, answers(4.0, 3.0));
    assert_eq!(
        active(&monitor),
        [("error-rate", Severity::Critical), ("shedding-load", Severity::Warning)]
    );
    // What is no more is over after a while; the level alone keeps it.
    let still = |level: f64| {
        move |_: u64, look: &mut Look| {
            answers(4.0, 3.0)(11, look);
            look.reading.shedding_level = level;
        }
    };
    watch(12..40, &monitor, still(1.0));
    assert_eq!(active(&monitor), [("shedding-load", Severity::Warning)]);
    watch(40..50, &monitor, still(0.0));
    assert_eq!(active(&monitor), []);
}

#[test]
fn alerts_are_bounded() {
    let monitor = Monitor::new(look(0));
    watch(1..3, &monitor, |_, look| {
        look.products = (1..=200).map(|number| shelf(number, (0, 0, 1), number)).collect();
    });
    let (alerts, _) = monitor.alerts();
    assert_eq!(alerts.len(), ACTIVE_MAX);
    assert_eq!(alerts[0].subject, "product 200");
    assert_eq!(alerts[ACTIVE_MAX - 1].subject, "product 151");
    let mut alerts = Alerts::default();
    for number in 1..=3 * RECENT_MAX as u64 {
        let key = (AlertName::SoldOut, Some(product(number)));
        let raised = Verdict::On {
            severity: Severity::Info,
            subject: number.to_string(),
            message: String::new(),
            since: None,
            raise: 1,
        };
        alerts.judge(key, raised, at(number));
        alerts.judge(key, Verdict::Off { clear: 1 }, at(number + 1));
    }
    let recent = alerts.recent();
    assert_eq!((alerts.active().len(), recent.len()), (0, RECENT_MAX));
    assert_eq!(recent[0].alert.subject, (3 * RECENT_MAX).to_string());
}
