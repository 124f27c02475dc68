//! Behaviour: what every store does, compared with the pure rules.

use crate::chance::{self, Chance};
use crate::kit::{Kit, Store, product, quantity, session, usd};
use lastunit::cart::{Cart, CartError, Carts, LINES_MAX, Lifetime, Line, SessionId};
use lastunit::clock::Clock;
use lastunit::domain::Timestamp;
use tokio::task::JoinSet;

const DAY_MS: u64 = 24 * 60 * 60 * 1_000;

/// A clock that stands at this moment: Redis forgets by its own clock, so ours must not be far off.
fn clock() -> Clock {
    Clock::manual(Clock::system().now())
}

/// Product and quantity of each line, by product.
async fn lines(carts: &Carts, session: &SessionId) -> Vec<(u64, u32)> {
    let cart = carts.read(session).await.expect("a cart");
    let mut lines: Vec<_> =
        cart.lines().iter().map(|line| (line.product.get(), line.quantity.get())).collect();
    lines.sort_unstable();
    lines
}

/// Random changes to a few carts: each answer and each cart afterwards is what the rules say.
pub async fn a_store_does_what_the_rules_say(kit: Kit) {
    let clock = clock();
    let carts = kit.carts(&clock).await;
    let seed = chance::seed();
    let mut chance = Chance::new(seed, 1);
    let sessions: Vec<_> = ["a", "b.-_~", &"Z9".repeat(32)].map(session).into();
    let mut models = vec![Cart::default(); sessions.len()];
    for step in 0..600 {
        clock.advance(1);
        let at = usize::try_from(chance.below(sessions.len() as u64)).expect("an index");
        let (id, model) = (&sessions[at], &mut models[at]);
        // More products than a cart has room for, so that some of them get full.
        let chosen = product(1 + chance.below(130));
        let units = quantity(u32::try_from(chance.between(1, 3)).expect("small"));
        match chance.below(100) {
            0 => {
                let gone = carts.clear(id).await.expect("cleared");
                assert_eq!(gone, model.clear() as u64, "seed {seed}, step {step}");
            }
            1..10 => {
                let there = carts.remove(id, chosen).await.expect("removed");
                assert_eq!(there, model.remove(&[(chosen, None)]) == 1, "seed {seed}, step {step}");
            }
            10..15 => {
                let bought = [(chosen, units), (product(3), quantity(2))];
                let gone = carts.clear_lines(id, &bought).await.expect("removed");
                let modelled = model.remove(&bought.map(|(product, units)| (product, Some(units))));
                assert_eq!(gone, modelled as u64, "seed {seed}, step {step}");
            }
            _ => {
                let price = usd(chance.below(1_000_000_000_000));
                let put = carts.put(id, chosen, units, price).await;
                let added_at = clock.now();
                let line = Line { product: chosen, quantity: units, added_price: price, added_at };
                let modelled = model.put(line).map_err(CartError::from);
                assert_eq!(put, modelled, "seed {seed}, step {step}");
            }
        }
        if step % 20 == 0 {
            assert_eq!(carts.read(id).await.as_ref(), Ok(&*model), "seed {seed}, step {step}");
        }
    }
    for (id, model) in sessions.iter().zip(&models) {
        assert_eq!(carts.read(id).await.as_ref(), Ok(model), "seed {seed}");
    }
    assert_eq!(lines(&carts, &session("nobody")).await, []);
    assert!(carts.away().is_none());
    carts.close().await;
}

/// Sixty requests put a product each, some of them the same one, in one cart that did not exist.
pub async fn changes_of_one_cart_at_once_lose_nothing(kit: Kit) {
    let carts = kit.carts(&clock()).await;
    for round in 0..5_u64 {
        let id = session(&format!("round-{round}"));
        let mut tasks = JoinSet::new();
        for caller in 0..60_u64 {
            let (carts, id) = (carts.clone(), id.clone());
            tasks.spawn(async move {
                let units = quantity(u32::try_from(caller % 7 + 1).expect("small"));
                carts.put(&id, product(caller + 1), units, usd(1)).await.expect("put");
                carts.put(&id, product(1_000), units, usd(1)).await.expect("put");
                if caller % 3 == 0 {
                    assert!(carts.remove(&id, product(caller + 1)).await.expect("removed"));
                }
            });
        }
        tasks.join_all().await;
        let mut shown = lines(&carts, &id).await;
        let (everybodys, units) = shown.pop().expect("a line");
        assert_eq!((everybodys, (1..=7).contains(&units)), (1_000, true));
        let expected = (0..60_u64)
            .filter(|caller| caller % 3 != 0)
            .map(|caller| (caller + 1, u32::try_from(caller % 7 + 1).expect("small")));
        assert_eq!(shown, expected.collect::<Vec<_>>());
    }
    carts.close().await;
}

/// Many put different products at once: exactly as many get in as there is room for.
pub async fn a_cart_is_never_more_than_full(kit: Kit) {
    let carts = kit.carts(&clock()).await;
    let id = session("full");
    let mut tasks = JoinSet::new();
    for caller in 1..=150_u64 {
        let (carts, id) = (carts.clone(), id.clone());
        tasks.spawn(async move { carts.put(&id, product(caller), quantity(1), usd(1)).await });
    }
    let answers = tasks.join_all().await;
    let refused: Vec<_> = answers.iter().filter_map(|answer| answer.as_ref().err()).collect();
    assert!(refused.iter().all(|error| matches!(error, CartError::Full(_))), "{refused:?}");
    assert_eq!(refused.len(), 50);
    let shown = lines(&carts, &id).await;
    assert_eq!(shown.len(), LINES_MAX);
    // What is there may change, and one out is one in.
    let (there, _) = shown[0];
    carts.put(&id, product(there), quantity(9), usd(1)).await.expect("put");
    assert!(carts.remove(&id, product(there)).await.expect("removed"));
    carts.put(&id, product(1_000), quantity(1), usd(1)).await.expect("put");
    assert!(carts.put(&id, product(1_001), quantity(1), usd(1)).await.is_err());
    carts.close().await;
}

/// While somebody else writes to the file, changes wait up to a bound; one more is refused at once,
/// and those that waited are done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_changes_than_may_wait_are_refused() {
    let mut kit = Kit::sqlite();
    let carts = kit.carts(&clock()).await;
    kit.take_away().await;
    let mut tasks = JoinSet::new();
    for caller in 0..11_000_u64 {
        let carts = carts.clone();
        let id = session(&format!("caller-{caller}"));
        tasks.spawn(async move { carts.put(&id, product(1), quantity(1), usd(1)).await });
    }
    let first = tasks.join_next().await.expect("a task").expect("an answer");
    assert_eq!(first, Err(CartError::Overloaded));
    assert!(carts.away().is_none(), "too much to do is not away");
    kit.bring_back().await;
    let answers = tasks.join_all().await;
    let done = answers.iter().filter(|answer| answer.is_ok()).count();
    assert!(done >= 10_000, "{done}");
    carts.close().await;
}

pub async fn only_what_was_bought_goes(kit: Kit) {
    let carts = kit.carts(&clock()).await;
    let id = session("buyer");
    for chosen in 1..=4 {
        carts.put(&id, product(chosen), quantity(2), usd(1)).await.expect("put");
    }
    let bought = [(product(1), quantity(2)), (product(2), quantity(2)), (product(9), quantity(1))];
    // Between the order and this moment the caller wanted more of one.
    carts.put(&id, product(2), quantity(5), usd(1)).await.expect("put");
    assert_eq!(carts.clear_lines(&id, &bought).await, Ok(1));
    assert_eq!(lines(&carts, &id).await, [(2, 5), (3, 2), (4, 2)]);
    assert_eq!(carts.clear_lines(&id, &bought).await, Ok(0));
    assert_eq!(carts.clear_lines(&id, &[]).await, Ok(0));
    assert_eq!(carts.clear_lines(&session("nobody"), &bought).await, Ok(0));
    carts.close().await;
}

pub async fn a_merge_moves_every_line(kit: Kit) {
    let carts = kit.carts(&clock()).await;
    let (from, into) = (session("before"), session("after"));
    for (id, chosen, units, price) in [
        (&from, 1, 5, 10),
        (&from, 2, 1, 20),
        (&from, 3, 1, 30),
        (&into, 2, 4, 21),
        (&into, 3, 1, 31),
    ] {
        carts.put(id, product(chosen), quantity(units), usd(price)).await.expect("put");
    }
    carts.merge(&from, &into).await.expect("merged");
    assert_eq!(lines(&carts, &into).await, [(1, 5), (2, 4), (3, 1)]);
    assert_eq!(lines(&carts, &from).await, []);
    let cart = carts.read(&into).await.expect("a cart");
    let moved = cart.lines().iter().find(|line| line.product == product(1)).expect("moved");
    assert_eq!(moved.added_price, usd(10));
    carts.merge(&into, &into).await.expect("nothing to do");
    assert_eq!(lines(&carts, &into).await.len(), 3);
    carts.close().await;
}

/// A cart lives for its days after the last change and not much longer.
pub async fn a_cart_runs_out(kit: Kit) {
    let id = session("old");
    if let Store::Redis(redis) = &kit.store {
        // Redis forgets by its own clock: what we tell it is what has to be right.
        let clock = clock();
        let carts = kit.carts(&clock).await;
        let mut connection = connect(&redis.url()).await;
        for _ in 0..2 {
            carts.put(&id, product(1), quantity(1), usd(1)).await.expect("put");
            let due = Lifetime::days(7).expires_at(clock.now()).as_millis();
            let key = "lastunit:cart:old";
            let told: u64 = redis::cmd("PEXPIRETIME")
                .arg(key)
                .query_async(&mut connection)
                .await
                .expect("a time");
            assert_eq!(told, due);
            clock.advance(DAY_MS);
        }
        let late = Clock::system().now().as_millis() - 8 * DAY_MS;
        let late = Clock::manual(Timestamp::from_millis(late));
        let carts = kit.carts(&late).await;
        carts.put(&id, product(2), quantity(1), usd(1)).await.expect("put");
        assert_eq!(lines(&carts, &id).await, []);
        return;
    }
    let clock = clock();
    let carts = kit.carts(&clock).await;
    carts.put(&id, product(1), quantity(1), usd(1)).await.expect("put");
    clock.advance(6 * DAY_MS);
    carts.put(&id, product(2), quantity(1), usd(1)).await.expect("put");
    clock.advance(7 * DAY_MS - 1);
    assert_eq!(lines(&carts, &id).await, [(1, 1), (2, 1)]);
    clock.advance(DAY_MS);
    // Nobody has swept it: it is over all the same, for every question.
    assert_eq!(lines(&carts, &id).await, []);
    assert_eq!(carts.remove(&id, product(1)).await, Ok(false));
    assert_eq!(carts.clear(&id).await, Ok(0));
    let line = carts.put(&id, product(1), quantity(3), usd(77)).await.expect("put");
    assert_eq!((line.added_price, line.added_at), (usd(77), clock.now()));
    assert_eq!(lines(&carts, &id).await, [(1, 3)]);
    // Taking something out is a change as well.
    carts.put(&id, product(2), quantity(1), usd(1)).await.expect("put");
    clock.advance(6 * DAY_MS);
    assert_eq!(carts.remove(&id, product(2)).await, Ok(true));
    clock.advance(6 * DAY_MS);
    assert_eq!(lines(&carts, &id).await, [(1, 3)]);
    carts.close().await;
}

async fn connect(url: &str) -> redis::aio::MultiplexedConnection {
    let client = redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis answers")
}

/// More carts than one step of the sweep takes: it takes those that ran out, and no other.
pub async fn what_ran_out_is_swept(kit: Kit) {
    let clock = clock();
    let carts = kit.carts(&clock).await;
    let mut expected = 0;
    for number in 0..450 {
        let id = session(&format!("cart-{number}"));
        carts.put(&id, product(1), quantity(1), usd(1)).await.expect("put");
        expected += 1;
    }
    assert_eq!(carts.sweep().await, 0);
    clock.advance(4 * DAY_MS);
    carts.put(&session("cart-0"), product(2), quantity(1), usd(1)).await.expect("put");
    clock.advance(4 * DAY_MS);
    // Redis has done it by itself, when its own time comes.
    let swept = if matches!(kit.store, Store::Redis(_)) { 0 } else { expected - 1 };
    assert_eq!(carts.sweep().await, swept);
    assert_eq!(carts.sweep().await, 0);
    assert_eq!(lines(&carts, &session("cart-0")).await, [(1, 1), (2, 1)]);
    carts.close().await;
}
