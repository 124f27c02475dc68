//! A network that swallows everything without closing a connection: the journal's connection is given
//! up, made anew, and what became of the commit is read back.

use crate::chance::seed;
use crate::places::{assert_audit, postgres, until, until_ready};
use crate::shop::Shop;
use crate::support::Stand;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Carries bytes both ways until it falls silent.
struct Road {
    address: SocketAddr,
    /// Connections of an older age than this carry nothing any more, and are never closed.
    age: Arc<AtomicU64>,
}

impl Road {
    async fn to(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let age = Arc::new(AtomicU64::new(0));
        let ages = age.clone();
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(target).await else { continue };
                let ((near_in, near_out), (far_in, far_out)) =
                    (near.into_split(), far.into_split());
                let born = ages.load(Ordering::Acquire);
                for (from, to) in [(near_in, far_out), (far_in, near_out)] {
                    tokio::spawn(carry(from, to, born, ages.clone()));
                }
            }
        });
        Self { address, age }
    }

    fn swallow_everything_under_way(&self) {
        self.age.fetch_add(1, Ordering::AcqRel);
    }
}

async fn carry(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    born: u64,
    age: Arc<AtomicU64>,
) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(read) = from.read(&mut bytes).await {
        if age.load(Ordering::Acquire) != born {
            // Silent for ever, and both ends still believe in the connection.
            std::future::pending::<()>().await;
        }
        if read == 0 || to.write_all(&bytes[..read]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_falls_silent_is_connected_to_again() {
    let (seed, postgres) = (seed(), postgres());
    let url = postgres.url("journal");
    let (credentials, rest) = url.split_once('@').expect("a user");
    let (target, path) = rest.split_once('/').expect("a database");
    let road = Road::to(target.parse().expect("an address")).await;
    let stand = Stand::embedded()
        .argument(format!("--journal-url={credentials}@{}/{path}", road.address))
        .setting("JOURNAL__COMMIT_TIMEOUT_MS", 500);
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let crowd = shop.crowd(8, Duration::from_millis(5));
    tokio::time::sleep(Duration::from_millis(300)).await;
    road.swallow_everything_under_way();
    until("somebody hears that it is unknown", async || shop.heard("outcome-unknown") > 0).await;
    let done = shop.done();
    until("the sale goes on by itself", async || shop.done() > done + 50).await;
    crowd.leave().await;
    until_ready(&server).await;
    server.until_projected().await;
    shop.verify().await;
    assert!(server.stop().success());
    assert_audit(&stand);
}
