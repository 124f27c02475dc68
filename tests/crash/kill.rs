//! kill -9 under load, many times, sometimes again while the server is still recovering.

use crate::chance::{Chance, seed};
use crate::places::{assert_good_end, on_postgres, postgres};
use crate::shop::Shop;
use crate::support::{Server, Stand};
use std::env;
use std::process::Stdio;
use std::time::Duration;
use throwaway::{AtParentDeath, Tied};

const CLIENTS: u64 = 64;

pub fn rounds() -> u64 {
    env::var("LASTUNIT_CRASHES").map_or(10, |text| text.parse().expect("a number"))
}

/// A start that is killed before it is done.
fn start_in_vain(stand: &Stand, after: Duration) {
    let mut command = stand.command(&["serve", "--listen", "127.0.0.1:0"]);
    command.stderr(Stdio::null());
    let mut process = Tied::spawn(command, AtParentDeath::Kill).expect("the binary starts");
    std::thread::sleep(after);
    process.kill().expect("it can be killed");
}

async fn crash_again_and_again(stand: &Stand) {
    let seed = seed();
    let mut chance = Chance::new(seed, u64::MAX);
    let mut server: Server = stand.start();
    let shop = Shop::open(&server, seed).await;
    for round in 1..=rounds() {
        let crowd = shop.crowd(CLIENTS, Duration::from_millis(chance.below(8)));
        let moment = Duration::from_millis(chance.between(20, 700));
        tokio::time::sleep(moment).await;
        server.kill();
        crowd.leave().await;
        if chance.below(3) == 0 {
            start_in_vain(stand, Duration::from_millis(chance.below(150)));
        }
        server = stand.start();
        shop.serve_at(&[&server]);
        println!("round {round}: killed after {moment:?}");
        shop.verify().await;
    }
    shop.sell_out().await;
    shop.look_up_all().await;
    assert_good_end(server, stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_on_sqlite() {
    crash_again_and_again(&Stand::embedded()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_under_load_on_postgres() {
    let postgres = postgres();
    crash_again_and_again(&on_postgres(&postgres)).await;
}
