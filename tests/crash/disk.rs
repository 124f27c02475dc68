//! A full disk, and the settings that decide what a synced disk is worth.
//!
//! The disk is a small tmpfs that the test mounts for itself, which takes root. Without root these
//! tests fail, for they prove nothing; `LASTUNIT_SKIP_DISK=1` leaves them out.

use crate::chance::seed;
use crate::places::{
    assert_good_end, connect, postgres, run_sql, until, until_not_ready, until_ready,
};
use crate::shop::Shop;
use crate::support::{Server, Stand};
use lastunit::journal::Partitions;
use lastunit::journal::postgres::PostgresJournal;
use lastunit::journal::sqlite::SqliteJournal;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

/// A disk of its own; dropping it takes it away.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// `None` where whoever runs the tests has asked to leave this out.
    fn mount(at: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir_all(&at).expect("a folder");
        if std::env::var("LASTUNIT_SKIP_DISK").is_ok_and(|skip| skip == "1") {
            eprintln!("\n*** the full disk is NOT TESTED, because LASTUNIT_SKIP_DISK=1 ***\n");
            return None;
        }
        let advice = "run the tests as root, or leave the full disk out with LASTUNIT_SKIP_DISK=1";
        assert!(rustix::process::geteuid().is_root(), "only root may mount a small disk: {advice}");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&at);
        let output = mount.output().expect("mount runs");
        assert!(output.status.success(), "{}; {advice}", String::from_utf8_lossy(&output.stderr));
        Some(Self { at })
    }

    /// Fills what is left to the last byte.
    fn fill(&self) -> Filler {
        let path = self.at.join("filler");
        let mut file = File::create(&path).expect("a new file");
        let mut size = 1 << 20;
        while size > 0 {
            match file.write_all(&vec![7; size]) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => size /= 2,
                Err(error) => panic!("{error}"),
            }
        }
        Filler { path }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg("-l").arg(&self.at).status();
        assert!(unmounted.is_ok_and(|status| status.success()), "{} stays", self.at.display());
    }
}

/// What takes all the room.
struct Filler {
    path: PathBuf,
}

impl Filler {
    fn remove(self) {
        fs::remove_file(&self.path).expect("the filler is there");
    }
}

fn stand_on(disk: &str) -> Option<(SmallDisk, Stand)> {
    let stand = Stand::embedded();
    let disk = SmallDisk::mount(stand.data_dir(), disk)?;
    Some((disk, stand))
}

async fn until_full(server: &Server) {
    let reason = until_not_ready(server).await;
    assert!(reason.contains("full"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_stops_the_sale_until_there_is_room() {
    let Some((disk, stand)) = stand_on("24m") else { return };
    let seed = seed();
    let server = stand.start();
    let shop = Shop::open(&server, seed).await;
    let crowd = shop.crowd(24, Duration::from_millis(4));
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let filler = disk.fill();
        until_full(&server).await;
        let done = shop.done();
        tokio::time::sleep(Duration::from_millis(400)).await;
        assert_eq!(shop.done(), done, "sold without room for the journal");
        let late = server.buy(shop.products[0], 1, "late").await;
        assert_eq!((late.status, late.code()), (503, "journal-unavailable"), "{}", late.text);
        assert_eq!(server.get("/health/live").await.status, 200);
        filler.remove();
        until_ready(&server).await;
        until("the sale goes on by itself", async || shop.done() > done + 50).await;
    }
    crowd.leave().await;
    shop.verify().await;
    server.until_projected().await;
    // A crash while the disk is full, and a start that finds it full.
    let filler = disk.fill();
    let crowd = shop.crowd(8, Duration::from_millis(4));
    until_full(&server).await;
    server.kill();
    crowd.leave().await;
    let (status, said) = tokio::task::block_in_place(|| stand.start_refused());
    assert!(!status.success() && said.contains("full"), "{said}");
    filler.remove();
    let server = stand.start();
    shop.serve_at(&[&server]);
    shop.verify().await;
    shop.sell_out().await;
    shop.look_up_all().await;
    assert_good_end(server, &stand).await;
}

/// The disk fills up just when sleeping products and checkpoints are being stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_does_not_break_snapshots() {
    let Some((disk, stand)) = stand_on("24m") else { return };
    // The query tables are elsewhere: they give room back when they find none.
    let tables = format!("--database-url=sqlite:{}", stand.folder.path().join("tables").display());
    let stand = stand.setting("ENGINE__IDLE_AFTER_SECONDS", 1).argument(tables);
    let server = stand.start();
    let mut products = Vec::new();
    for _ in 0..20 {
        products.push(server.create_product(5).await);
    }
    for round in 1..=2 {
        for product in &products {
            let bought = server.buy(*product, 1, &format!("ann-{round}")).await;
            assert_eq!(bought.status, 201, "{}", bought.text);
        }
        let filler = disk.fill();
        // Nobody asks for anything: what needs room now is the snapshots of products that fall asleep.
        until_full(&server).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        filler.remove();
        until_ready(&server).await;
        until("all products sleep", async || server.metric("lastunit_actors_active").await == 0.0)
            .await;
        for product in &products {
            assert_eq!(server.stock(*product).await, (5 - round, 0, round, 5));
        }
    }
    assert_good_end(server, &stand).await;
}

/// kill -9 leaves the page cache alone, so it cannot show whether anything is synced: the stores'
/// own settings must.
#[tokio::test]
async fn commits_are_synced() {
    let folder = tempfile::tempdir().expect("a folder");
    let partitions = Partitions::new(4).expect("in range");
    let mut sqlite = SqliteJournal::open(&folder.path().join("journal.sqlite"), partitions)
        .await
        .expect("opens");
    // 2 is FULL: the log is synced with every commit.
    assert_eq!(sqlite.durability().await.expect("answers"), ("wal".to_owned(), 2));

    let postgres = postgres();
    let operator = connect(&postgres, "postgres").await;
    // Whatever the database says, a commit of the journal waits for the disk.
    let sql = "ALTER DATABASE journal SET synchronous_commit = off";
    run_sql(&operator, sql).await;
    let owner = lastunit::clock::draw_uuid();
    let opened = PostgresJournal::open(&postgres.url("journal"), partitions, owner).await;
    let mut journal = opened.expect("opens");
    let on = || "on".to_owned();
    assert_eq!(journal.durability().await.expect("answers"), (on(), on()));
}
