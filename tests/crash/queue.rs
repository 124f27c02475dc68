//! kill -9 while purchases wait for their turn: whoever was told 202 is found again after every crash,
//! and is decided in the end, once; and exactly what there was is sold.

use crate::chance::{Chance, seed};
use crate::kill::rounds;
use crate::places::{PATIENCE, assert_audit, on_postgres, postgres, until};
use crate::support::{Answer, Server, Stand};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

const CLIENTS: usize = 32;
const STOCK: u64 = 1_500;

/// Look-ups at a time.
const LOOK_UPS: usize = 16;

/// What the crowd was told.
#[derive(Default)]
struct Told {
    accepted: Mutex<BTreeSet<String>>,
    /// Numbers of requests without an answer.
    unanswered: Mutex<Vec<u64>>,
    drawn: AtomicU64,
    closing: AtomicBool,
}

struct Crowd {
    client: reqwest::Client,
    product: u64,
    told: Told,
}

impl Crowd {
    /// Every number is one customer who wants one unit, whether asked for once or again.
    async fn ask(&self, base: &str, number: u64) {
        let body = json!({
            "productId": self.product, "quantity": 1, "customerId": format!("customer {number}"),
        });
        let request = self.client.post(format!("{base}/api/v1/purchases")).json(&body);
        let request = request
            .header("Prefer", "respond-async")
            .header("Idempotency-Key", format!("key {number}"));
        match Answer::try_of(request).await {
            Ok(answer) if answer.status == 202 => {
                let id = answer.body["purchaseId"].as_str().expect("an id").to_owned();
                let new = self.told.accepted.lock().insert(id);
                assert!(new || answer.header("idempotent-replayed") == "true", "{}", answer.text);
            }
            Ok(answer) if answer.code() == "sold-out" => {}
            Ok(answer) => {
                assert_eq!(answer.status, 503, "{}", answer.text);
                self.told.unanswered.lock().push(number);
            }
            Err(_) => self.told.unanswered.lock().push(number),
        }
    }

    async fn stay(self: Arc<Self>, base: String) {
        while !self.told.closing.load(Ordering::Relaxed) {
            let number = self.told.drawn.fetch_add(1, Ordering::Relaxed);
            self.ask(&base, number).await;
        }
    }

    /// Asks again, under the same keys, until everybody has an answer.
    async fn repeat(&self, base: &str) {
        let started = Instant::now();
        loop {
            let open = std::mem::take(&mut *self.told.unanswered.lock());
            if open.is_empty() {
                return;
            }
            assert!(started.elapsed() < PATIENCE, "{} have no answer", open.len());
            let asked = futures::stream::iter(open).map(|number| self.ask(base, number));
            asked.buffer_unordered(LOOK_UPS).collect::<()>().await;
        }
    }

    /// How many of those who were accepted are in each state.
    async fn states(&self, server: &Server) -> (u64, u64, u64) {
        let accepted: Vec<_> = self.told.accepted.lock().iter().cloned().collect();
        let shown = futures::stream::iter(accepted).map(|id| async move {
            let started = Instant::now();
            loop {
                let answer = server.get(&format!("/api/v1/purchases/{id}")).await;
                if answer.status == 200 {
                    return answer.body["status"].as_str().expect("a status").to_owned();
                }
                assert_eq!(answer.code(), "projection-behind", "{id} was accepted and is lost");
                assert!(started.elapsed() < PATIENCE, "{}", answer.text);
            }
        });
        let states: Vec<String> = shown.buffer_unordered(LOOK_UPS).collect().await;
        let count = |wanted: &str| states.iter().filter(|state| *state == wanted).count() as u64;
        assert_eq!(count("failed"), 0);
        (count("queued"), count("confirmed"), count("refused"))
    }
}

async fn pace(client: &reqwest::Client, server: &Server, product: u64, rate: u32) {
    let url = server.url(&format!("/api/v1/products/{product}/queue"));
    let answer = Answer::of(client.put(url).json(&json!({ "drainPerSecond": rate }))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn crash_with_a_queue(stand: &Stand) {
    let mut chance = Chance::new(seed(), u64::MAX);
    let mut server = stand.start();
    let product = server.create_product(STOCK).await;
    let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build();
    let client = client.expect("a client");
    pace(&client, &server, product, 200).await;
    let crowd = Arc::new(Crowd { client: client.clone(), product, told: Told::default() });
    for round in 1..=rounds().div_ceil(2) {
        crowd.told.closing.store(false, Ordering::Relaxed);
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(crowd.clone().stay(server.base.clone()));
        }
        tokio::time::sleep(Duration::from_millis(chance.between(20, 500))).await;
        server.kill();
        crowd.told.closing.store(true, Ordering::Relaxed);
        while let Some(left) = clients.join_next().await {
            left.expect("a client does not panic");
        }
        server = stand.start();
        crowd.repeat(&server.base).await;
        println!("round {round}: {:?} queued, confirmed, refused", crowd.states(&server).await);
    }
    pace(&client, &server, product, 100_000).await;
    let queue = format!("/api/v1/products/{product}/queue");
    until("the queue is drained", async || server.get(&queue).await.body["depth"] == 0).await;
    let (queued, confirmed, refused) = crowd.states(&server).await;
    let accepted = crowd.told.accepted.lock().len() as u64;
    assert_eq!((queued, confirmed + refused), (0, accepted), "everybody is decided");
    assert_eq!(confirmed, STOCK.min(accepted), "sold what there was");
    let shown = server.get(&queue).await.body;
    assert_eq!((&shown["confirmed"], &shown["refused"]), (&json!(confirmed), &json!(refused)));
    assert_eq!(server.stock(product).await, (STOCK - confirmed, 0, confirmed, STOCK));
    server.until_projected().await;
    assert!(server.stop().success());
    assert_audit(stand);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_a_queue_on_sqlite() {
    crash_with_a_queue(&Stand::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_with_a_queue_on_postgres() {
    let postgres = postgres();
    crash_with_a_queue(&on_postgres(&postgres)).await;
}
