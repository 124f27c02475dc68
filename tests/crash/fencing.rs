//! Two servers on one Postgres journal: the newer one takes it over, the older one is fenced and
//! knows it. Neither ever contradicts the other, and the older one answers nothing that is no longer
//! so, not even right after it was paused for longer than its lease.

use crate::chance::seed;
use crate::places::{
    assert_audit, assert_good_end, on_postgres, postgres, until, until_not_ready, until_ready,
};
use crate::shop::Shop;
use crate::support::{Answer, Server, Stand, client};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, block_in_place};

/// What the log says when an owner before may still answer.
const WAITING: &str = "waiting until the owner before has stopped answering";

/// Both must say so and nothing else may be sold, held, shown or created there.
async fn assert_fenced(server: &Server, product: u64) {
    let stock = format!("/api/v1/products/{product}/stock");
    let adjustment = json!({ "delta": 1, "reason": "found a box" });
    let thing = json!({
        "name": "thing", "price": { "amount": 1, "currency": "USD" }, "stock": 1
    });
    let answers = [
        server.buy(product, 1, "late").await,
        server.hold(product, 1, "late", 60).await,
        server.get(&stock).await,
        server.post(&format!("{stock}/adjustments"), adjustment).await,
        server.post("/api/v1/products", thing).await,
        server.get(&format!("/api/v1/products/{product}/stock")).await,
    ];
    for answer in answers {
        assert_eq!((answer.status, answer.code()), (503, "not-owner"), "{}", answer.text);
        assert!(!answer.header("retry-after").is_empty());
    }
    let reason = until_not_ready(server).await;
    assert!(reason.contains("another server"), "{reason}");
    assert_eq!(server.get("/health/live").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_take_over_from_each_other_under_load() {
    let (seed, postgres) = (seed(), postgres());
    let stands: Vec<Stand> = (0..4).map(|_| on_postgres(&postgres)).collect();
    let mut servers = vec![stands[0].start()];
    let shop = Shop::open(&servers[0], seed).await;
    let mut crowds = vec![shop.crowd(32, Duration::from_millis(4))];
    for (number, stand) in stands.iter().enumerate().skip(1) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        // The second time the owner is paused in the middle of its work and wakes up too late. Its
        // customers wait for it, so others come.
        let paused = number == 2;
        if paused {
            servers[number - 1].signal(Signal::STOP);
        }
        servers.push(block_in_place(|| stand.start()));
        if paused {
            shop.serve_at(&[&servers[number]]);
            crowds.push(shop.crowd(8, Duration::from_millis(4)));
        } else {
            shop.serve_at(&[&servers[number - 1], &servers[number]]);
        }
        let done = shop.done();
        until("the new owner sells", async || shop.done() > done + 20).await;
        if paused {
            servers[number - 1].signal(Signal::CONT);
        }
        let reason = until_not_ready(&servers[number - 1]).await;
        assert!(reason.contains("another server"), "{reason}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    for crowd in crowds {
        crowd.leave().await;
    }
    let newest = servers.pop().expect("four servers");
    shop.serve_at(&[&newest]);
    for fenced in &servers {
        assert_fenced(fenced, shop.products[0]).await;
    }
    assert!(shop.heard("not-owner") > 0);
    shop.verify().await;
    shop.sell_out().await;
    shop.look_up_all().await;
    newest.until_projected().await;
    for server in servers.into_iter().chain([newest]) {
        assert!(server.stop().success(), "a fenced server stops in order as well");
    }
    assert_audit(&stands[0]);
}

/// An answer of the old owner, and when it was asked for.
struct Asked {
    at: Instant,
    answer: Answer,
}

/// Asks the old owner over and over what everybody asks for: units, and how many there are.
fn ask_on(server: &Server, product: u64, stop: &Arc<AtomicBool>) -> Vec<JoinHandle<Vec<Asked>>> {
    let ask = |path: String, body: Option<Value>| {
        let (url, stop) = (server.url(&path), stop.clone());
        tokio::spawn(async move {
            let mut asked = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                let at = Instant::now();
                let request = match &body {
                    None => client().get(&url),
                    Some(body) => client().post(&url).json(body),
                };
                asked.push(Asked { at, answer: Answer::of(request).await });
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            asked
        })
    };
    let body = json!({ "productId": product, "quantity": 1, "customerId": "hopeful" });
    let mut hold = body.clone();
    hold["holdSeconds"] = json!(60);
    vec![
        ask("/api/v1/purchases".into(), Some(body.clone())),
        ask("/api/v1/purchases".into(), Some(body)),
        ask("/api/v1/reservations".into(), Some(hold)),
        ask(format!("/api/v1/products/{product}/stock"), None),
        ask(format!("/api/v1/products/{product}/stock"), None),
    ]
}

/// Nothing the old owner was asked after the restock may rest on the stock before it.
async fn assert_not_stale(asking: Vec<JoinHandle<Vec<Asked>>>, restocked_at: Instant) {
    let (mut before, mut after) = (0, 0);
    for asked in asking {
        for Asked { at, answer } in asked.await.expect("asking goes on") {
            if at < restocked_at {
                before += 1;
                continue;
            }
            after += 1;
            assert_eq!(answer.status, 503, "stale: {}", answer.text);
        }
    }
    assert!(before > 0 && after > 0, "asked {before} times before and {after} times after");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_owner_is_never_stale() {
    let postgres = postgres();
    let stands: Vec<Stand> = (0..4).map(|_| on_postgres(&postgres)).collect();
    let mut old = stands[0].start();
    let product = old.create_product(0).await;
    for (number, stand) in stands.iter().enumerate().skip(1) {
        assert_eq!(old.buy(product, 1, "early").await.code(), "sold-out");
        let stop = Arc::new(AtomicBool::new(false));
        let asking = ask_on(&old, product, &stop);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let paused = number == 2;
        if paused {
            old.signal(Signal::STOP);
        }
        let new = block_in_place(|| stand.start());
        let path = format!("/api/v1/products/{product}/stock/adjustments");
        let restocked = new.post(&path, json!({ "delta": 1, "reason": "a box" })).await;
        assert_eq!(restocked.status, 200, "{}", restocked.text);
        let restocked_at = Instant::now();
        if paused {
            // What is asked now lies in the socket until the old owner wakes up.
            let more = ask_on(&old, product, &stop);
            tokio::time::sleep(Duration::from_millis(100)).await;
            old.signal(Signal::CONT);
            tokio::time::sleep(Duration::from_millis(500)).await;
            stop.store(true, Ordering::Relaxed);
            for asked in more {
                let asked = asked.await.expect("asking goes on");
                assert!(asked.iter().all(|asked| asked.answer.status == 503));
            }
        }
        tokio::time::sleep(Duration::from_millis(400)).await;
        stop.store(true, Ordering::Relaxed);
        if !paused {
            assert_not_stale(asking, restocked_at).await;
        }
        assert_fenced(&old, product).await;
        assert_eq!(new.buy(product, 1, "quick").await.status, 201);
        old = new;
    }
    old.until_projected().await;
    assert!(old.stop().success());
    assert_audit(&stands[0]);
}

/// An order that the new owner has just confirmed must not be denied by the old one.
#[tokio::test]
async fn the_old_owner_denies_no_order() {
    let postgres = postgres();
    let stands = [on_postgres(&postgres), on_postgres(&postgres)];
    let old = stands[0].start();
    let product = old.create_product(100).await;
    let new = stands[1].start();
    for number in 0..30 {
        let bought = new.buy(product, 1, &format!("buyer-{number}")).await;
        let id = bought.body["orderId"].as_str().expect("an order").to_owned();
        let read = old.get(&format!("/api/v1/orders/{id}")).await;
        assert_ne!(read.status, 404, "order {id} was denied: {}", read.text);
    }
    assert!(new.stop().success());
}

#[tokio::test]
async fn a_clean_stop_leaves_nothing_to_wait_for_and_a_crash_only_the_lease() {
    let postgres = postgres();
    let stand = on_postgres(&postgres);
    let server = stand.start();
    assert!(!server.log().contains(WAITING), "there was nobody before: {}", server.log());
    let product = server.create_product(3).await;
    assert_eq!(server.buy(product, 1, "ann").await.status, 201);
    assert!(server.stop().success());

    let started = Instant::now();
    let server = stand.start();
    let clean = started.elapsed();
    assert!(!server.log().contains(WAITING), "stopped in order: {}", server.log());
    assert_eq!(server.stock(product).await, (2, 0, 1, 3));
    assert_eq!(server.buy(product, 1, "bob").await.status, 201);
    server.kill();

    let started = Instant::now();
    let server = stand.start();
    let crashed = started.elapsed();
    assert!(server.log().contains(WAITING), "killed: {}", server.log());
    assert!(server.log().contains("wait=1.5s"), "at most the lease: {}", server.log());
    assert_eq!(server.stock(product).await, (1, 0, 2, 3));
    println!("started in {clean:?} after a clean stop, in {crashed:?} after kill -9");
    until_ready(&server).await;
    assert_good_end(server, &stand).await;
}

/// Two that start at the same moment: one of them has it in the end, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn starting_together_leaves_one_owner() {
    let (seed, postgres) = (seed(), postgres());
    let stands: Vec<_> = (0..2).map(|_| Arc::new(on_postgres(&postgres))).collect();
    let first = stands[0].start();
    let shop = Shop::open(&first, seed).await;
    assert!(first.stop().success());
    let starting: Vec<_> = stands
        .iter()
        .map(|stand| {
            let stand = stand.clone();
            tokio::task::spawn_blocking(move || stand.start_or_give_up())
        })
        .collect();
    let mut servers = Vec::new();
    for server in starting {
        match server.await.expect("starting does not panic") {
            Ok(server) => servers.push(server),
            Err(said) => assert!(said.contains("took this journal over"), "{said}"),
        }
    }
    assert!(!servers.is_empty(), "nobody owns the journal");
    shop.serve_at(&servers.iter().collect::<Vec<_>>());
    let crowd = shop.crowd(16, Duration::from_millis(2));
    tokio::time::sleep(Duration::from_millis(500)).await;
    until("there is one owner", async || {
        let mut ready = 0;
        for server in &servers {
            ready += u32::from(server.get("/health/ready").await.status == 200);
        }
        ready == 1
    })
    .await;
    crowd.leave().await;
    let mut owner = None;
    for server in &servers {
        if server.get("/health/ready").await.status == 200 {
            owner = Some(server);
        }
    }
    let owner = owner.expect("one owner");
    shop.serve_at(&[owner]);
    shop.verify().await;
    shop.sell_out().await;
    owner.until_projected().await;
    assert_audit(&stands[0]);
}
