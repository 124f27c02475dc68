//! Signals at bad moments: while the server starts, and while its journal cannot be written. The
//! process always ends, says how, and loses nothing it confirmed.

use crate::places::{assert_good_end, on_postgres, postgres, until, until_not_ready};
use crate::support::{Server, Stand};
use rustix::process::Signal;
use std::fs;
use std::net::TcpListener;
use std::time::Duration;
use throwaway::{AtParentDeath, Postgres, Tied};
use tokio::task::block_in_place;

const SOON: Duration = Duration::from_secs(30);

/// A server whose journal went away while a purchase was being written.
async fn stuck() -> (Postgres, Stand, Server, u64) {
    let mut postgres = postgres();
    let stand = on_postgres(&postgres)
        .setting("JOURNAL__COMMIT_TIMEOUT_MS", 500)
        .setting("SERVER__DRAIN_TIMEOUT_MS", 1_000);
    let server = stand.start();
    let product = server.create_product(5).await;
    assert_eq!(server.buy(product, 1, "ann").await.status, 201);
    block_in_place(|| postgres.stop()).expect("Postgres ends");
    let late = server.buy(product, 1, "bob").await;
    assert_eq!(late.status, 503, "{}", late.text);
    until_not_ready(&server).await;
    (postgres, stand, server, product)
}

/// The process has ended with status 1 and said so; and what was confirmed is there.
async fn assert_ended((mut postgres, stand, mut server, product): (Postgres, Stand, Server, u64)) {
    let status = server.wait_for_end(SOON);
    assert_eq!(status.code(), Some(1), "{}", server.log());
    let last = server.log().lines().last().unwrap_or_default().to_owned();
    assert!(last.starts_with("lastunit: stopped without closing the journal"), "{last}");
    assert!(last.contains("nothing that was confirmed is lost"), "{last}");
    block_in_place(|| postgres.start_again()).expect("Postgres starts again");
    let server = block_in_place(|| stand.start());
    let (_, _, sold, stocked) = server.stock(product).await;
    assert!((1..=2).contains(&sold) && stocked == 5, "{sold} of {stocked}");
    assert_good_end(server, &stand).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stuck_journal_holds_no_stopping_server_for_ever() {
    let mut stuck = stuck().await;
    stuck.2.signal(Signal::TERM);
    assert_ended(stuck).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_a_server_with_a_stuck_journal() {
    let mut stuck = stuck().await;
    for _ in 0..3 {
        stuck.2.signal(Signal::INT);
        tokio::time::sleep(Duration::from_millis(300)).await;
        if stuck.2.log().contains("stopped without") {
            break;
        }
    }
    assert_ended(stuck).await;
}

/// A journal or a database behind a firewall that swallows every packet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_ends_a_start_that_hangs() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    for signal in [Signal::TERM, Signal::INT] {
        for key in ["journal", "database"] {
            let stand = Stand::embedded()
                .argument(format!("--{key}-url=postgres://ann:secret@127.0.0.1:{port}/shop"));
            let log = stand.folder.path().join("server.log");
            let mut command = stand.command(&["serve", "--listen", "127.0.0.1:0"]);
            command.stderr(fs::File::create(&log).expect("a log file"));
            let mut process = Tied::spawn(command, AtParentDeath::Kill).expect("it starts");
            let said = || fs::read_to_string(&log).expect("a log file");
            let shown = format!("connecting to the {key} postgres://ann:***@127.0.0.1:{port}/shop");
            until("it says what it waits for", async || said().contains(&shown)).await;
            process.signal(signal).expect("a signal");
            let mut code = None;
            until("it ends", async || {
                code = process.ended().expect("it can be asked").map(|status| status.code());
                code.is_some()
            })
            .await;
            assert_eq!(code, Some(Some(0)), "{}", said());
            assert!(said().contains("before the start was complete"), "{}", said());
            assert!(!said().contains("secret"), "{}", said());
        }
    }
}

/// Nobody sends a signal: the start gives up by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let stand =
        Stand::embedded().argument(format!("--journal-url=postgres://127.0.0.1:{port}/shop"));
    let (status, said) = block_in_place(|| stand.start_refused());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be reached") && said.contains("no answer within"), "{said}");
}
