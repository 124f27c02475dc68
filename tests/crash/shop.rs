//! The shop: a crowd that buys, holds, confirms, releases and restocks all at once, and afterwards
//! asks for everything it was promised.

use crate::chance::Chance;
use crate::ledger::{Done, Ledger, Meaning};
use crate::places::PATIENCE;
use crate::request::{Ask, Request};
use crate::support::{Answer, Server, client_builder};
use futures::StreamExt;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Requests at a time while everything is looked up again.
const LOOK_UPS: usize = 16;

/// Customers who come again and again, so that limits matter.
const REGULARS: u64 = 24;

/// A product to open the shop with.
#[derive(Debug, Clone, Copy)]
pub struct Article {
    pub stock: u64,
    pub limit: Option<u64>,
}

/// What the crowd has in common.
pub struct Shop {
    client: reqwest::Client,
    seed: u64,
    pub products: Vec<u64>,
    pub ledger: Mutex<Ledger>,
    bases: Mutex<Vec<String>>,
    closing: AtomicBool,
    drawn: AtomicU64,
    looked_up: AtomicU64,
}

/// A crowd at work.
pub struct Crowd {
    shop: Arc<Shop>,
    clients: JoinSet<()>,
}

impl Shop {
    /// Creates a few products with limited stock.
    pub async fn open(server: &Server, seed: u64) -> Arc<Self> {
        let articles = [
            Article { stock: 120, limit: None },
            Article { stock: 60, limit: Some(4) },
            Article { stock: 30, limit: Some(2) },
            Article { stock: 1, limit: None },
        ];
        let (mut ledger, mut products) = (Ledger::default(), Vec::new());
        for Article { stock, limit } in articles {
            let product = server.create(json!({ "stock": stock, "limitPerCustomer": limit })).await;
            ledger.add_product(product, stock, limit);
            products.push(product);
        }
        let client = client_builder().timeout(Duration::from_secs(30)).build();
        Arc::new(Self {
            client: client.expect("a client"),
            seed,
            products,
            ledger: Mutex::new(ledger),
            bases: Mutex::new(vec![server.base.clone()]),
            closing: AtomicBool::new(false),
            drawn: AtomicU64::new(0),
            looked_up: AtomicU64::new(0),
        })
    }

    /// Where the crowd goes from now on; each request to any of them.
    pub fn serve_at(&self, servers: &[&Server]) {
        *self.bases.lock() = servers.iter().map(|server| server.base.clone()).collect();
    }

    /// Lets a crowd in.
    pub fn crowd(self: &Arc<Self>, clients: u64, think: Duration) -> Crowd {
        self.closing.store(false, Ordering::Relaxed);
        let mut tasks = JoinSet::new();
        for _ in 0..clients {
            let number = self.drawn.fetch_add(1, Ordering::Relaxed);
            let shop = self.clone();
            tasks.spawn(async move { shop.visit(Chance::new(shop.seed, number), think).await });
        }
        Crowd { shop: self.clone(), clients: tasks }
    }

    async fn visit(&self, mut chance: Chance, think: Duration) {
        while !self.closing.load(Ordering::Relaxed) {
            let request = self.draw(&mut chance);
            let base = chance.pick(&self.bases.lock()).clone();
            let sent = request.send(&self.client, &base).await;
            let served = self.hear(request, sent.ok(), chance.below(2) == 0);
            tokio::time::sleep(if served { think } else { Duration::from_millis(20) }).await;
        }
    }

    /// Takes in what a client heard, or that it heard nothing: whether it was served.
    fn hear(&self, request: Request, answer: Option<Answer>, trusts: bool) -> bool {
        let mut ledger = self.ledger.lock();
        match answer.map_or(Meaning::Unknown, |answer| ledger.hear(&request, &answer)) {
            Meaning::Done | Meaning::Refused | Meaning::Wrong => return true,
            // "Nothing happened" is taken at its word, or the request sent once more.
            Meaning::Nothing if trusts => ledger.give_up(&request),
            Meaning::Nothing | Meaning::Unknown => ledger.silent(request),
        }
        false
    }

    fn draw(&self, chance: &mut Chance) -> Request {
        let key = format!("key-{}", self.drawn.fetch_add(1, Ordering::Relaxed));
        // Half of the crowd wants the first product.
        let hot = chance.below(2) == 0;
        let product = if hot { self.products[0] } else { *chance.pick(&self.products) };
        let regular = chance.below(2) == 0;
        let customer = if regular {
            format!("regular-{}", chance.below(REGULARS))
        } else {
            format!("customer-of-{key}")
        };
        let quantity = chance.between(1, 2);
        let ask = match chance.below(100) {
            0..60 => Ask::Buy { product, quantity, customer },
            60..76 => Ask::Hold { product, quantity, customer },
            76..92 => match self.ledger.lock().take_hold(chance.draw()) {
                Some(hold) if chance.below(2) == 0 => Ask::Confirm(hold),
                Some(hold) => Ask::Release(hold),
                None => Ask::Buy { product, quantity, customer },
            },
            92..98 => Ask::Adjust { product, delta: chance.between(1, 3).cast_signed() },
            _ => Ask::Adjust { product, delta: -1 },
        };
        Request { key, ask }
    }

    /// Sends a request until it has an answer that says what happened.
    async fn insist(&self, request: &Request) -> Answer {
        let started = Instant::now();
        loop {
            let base = self.bases.lock()[0].clone();
            let answer = request.send(&self.client, &base).await;
            match answer {
                Ok(answer) if answer.status != 503 => return answer,
                other => assert!(started.elapsed() < PATIENCE, "no answer: {request:?}: {other:?}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Repeats every request that has no answer, with its key.
    pub async fn repeat_unanswered(&self) -> usize {
        let unanswered = std::mem::take(&mut self.ledger.lock().unanswered);
        let count = unanswered.len();
        let repeated = futures::stream::iter(unanswered).map(|request| async move {
            let answer = self.insist(&request).await;
            self.ledger.lock().hear(&request, &answer);
        });
        repeated.buffer_unordered(LOOK_UPS).collect::<()>().await;
        count
    }

    /// Looks up what was answered with success since the last time.
    pub async fn look_up_new(&self) {
        let done = self.ledger.lock().done.clone();
        let from = self.looked_up.swap(done.len() as u64, Ordering::Relaxed);
        self.look_up(done.into_iter().skip(usize::try_from(from).expect("a count")).collect())
            .await;
    }

    /// Looks up everything that was ever answered with success.
    pub async fn look_up_all(&self) {
        let done = self.ledger.lock().done.clone();
        self.look_up(done).await;
    }

    async fn look_up(&self, done: Vec<Done>) {
        let look_ups = futures::stream::iter(done).map(|done| async move {
            self.same_again(&done).await;
            self.find_again(&done).await;
        });
        look_ups.buffer_unordered(LOOK_UPS).collect::<()>().await;
        self.assert_nothing_wrong();
    }

    /// The same request with the same key gets the same answer, marked as a repetition.
    async fn same_again(&self, done: &Done) {
        let answer = self.insist(&done.request).await;
        let replayed = answer.header("idempotent-replayed") == "true";
        if !replayed || answer.status >= 300 || answer.body != done.document {
            let what = format!("repeated, not the first answer {}", done.document);
            self.ledger.lock().complain(&done.request, &answer, &what);
        }
    }

    /// What was sold or released can be read.
    async fn find_again(&self, done: &Done) {
        let document = &done.document;
        let (path, expected) = match &done.request.ask {
            Ask::Buy { .. } | Ask::Confirm(_) => {
                let path = format!("/api/v1/orders/{}", text(document, "orderId"));
                (path, ["orderId", "productId", "quantity", "customerId", "total"].as_slice())
            }
            Ask::Release(hold) => (
                format!("/api/v1/reservations/{}", hold.id),
                ["reservationId", "status"].as_slice(),
            ),
            Ask::Hold { .. } | Ask::Adjust { .. } => return,
        };
        let answer = self.read(&path).await;
        let same = expected.iter().all(|name| answer.body[name] == document[name]);
        if answer.status != 200 || !same {
            self.ledger.lock().complain(
                &done.request,
                &answer,
                &format!("{path} after {document}"),
            );
        }
    }

    async fn read(&self, path: &str) -> Answer {
        let started = Instant::now();
        loop {
            let url = format!("{}{path}", self.bases.lock()[0]);
            let answer = Answer::of(self.client.get(url)).await;
            let waits = matches!(answer.code(), "projection-behind" | "database-unavailable");
            if !waits || started.elapsed() > PATIENCE {
                return answer;
            }
        }
    }

    /// Every product has exactly what the answers add up to.
    pub async fn assert_counts(&self) {
        for product in &self.products {
            let answer = self.read(&format!("/api/v1/products/{product}/stock")).await;
            let count = |name: &str| answer.body[name].as_u64().expect("a count");
            let shown = (count("available"), count("held"), count("sold"), count("stocked"));
            let ledger = self.ledger.lock();
            assert_eq!(shown, ledger.counts(*product), "product {product} has other counts");
        }
        let above = self.ledger.lock().above_limit();
        assert!(above.is_empty(), "above the limit: {above:?}");
    }

    pub fn assert_nothing_wrong(&self) {
        let ledger = self.ledger.lock();
        let first: Vec<_> = ledger.wrong.iter().take(5).collect();
        assert!(first.is_empty(), "{} wrong answers: {first:#?}", ledger.wrong.len());
    }

    /// Everything that must be so after any disturbance, for what happened since the last time.
    pub async fn verify(&self) {
        let repeated = self.repeat_unanswered().await;
        self.assert_nothing_wrong();
        self.assert_counts().await;
        self.look_up_new().await;
        self.assert_counts().await;
        let ledger = self.ledger.lock();
        println!("{} done, {repeated} repeated, heard {:?}", ledger.done.len(), ledger.refused);
    }

    /// Ends every open hold and sells what is left: nothing more, nothing less.
    pub async fn sell_out(&self) {
        let mut number = 0;
        loop {
            let Some(hold) = self.ledger.lock().take_hold(number) else { break };
            let ask = if number % 2 == 0 { Ask::Confirm(hold) } else { Ask::Release(hold) };
            self.insist_and_hear(format!("end-{number}"), ask).await;
            number += 1;
        }
        for product in &self.products {
            loop {
                let customer = format!("last-{number}");
                let ask = Ask::Buy { product: *product, quantity: 1, customer };
                number += 1;
                if self.insist_and_hear(format!("end-{number}"), ask).await != Meaning::Done {
                    break;
                }
            }
            let (available, held, sold, stocked) = self.ledger.lock().counts(*product);
            assert_eq!((available, held, sold), (0, 0, stocked), "product {product} undersold");
        }
        self.assert_nothing_wrong();
        self.assert_counts().await;
    }

    async fn insist_and_hear(&self, key: String, ask: Ask) -> Meaning {
        let request = Request { key, ask };
        let answer = self.insist(&request).await;
        self.ledger.lock().hear(&request, &answer)
    }

    /// How many requests were answered with success so far.
    pub fn done(&self) -> usize {
        self.ledger.lock().done.len()
    }

    /// How often this refusal was heard so far.
    pub fn heard(&self, code: &str) -> u64 {
        self.ledger.lock().refused.get(code).copied().unwrap_or(0)
    }
}

impl Crowd {
    /// Sends everybody home and waits until the last one is gone.
    pub async fn leave(mut self) {
        self.shop.closing.store(true, Ordering::Relaxed);
        while let Some(left) = self.clients.join_next().await {
            left.expect("a client does not panic");
        }
    }
}

fn text<'a>(document: &'a Value, name: &str) -> &'a str {
    document[name].as_str().unwrap_or_default()
}
