//! The crowd: WebSocket clients on one thread, which read whatever is sent and note when.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use futures_util::{SinkExt, StreamExt};
use throwaway::wait_until;
use tokio::{
    net::{TcpSocket, TcpStream},
    runtime,
    sync::{Semaphore, watch},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};

use super::Delay;
use crate::interrupt;

/// Handshakes at a time.
const AT_ONCE: usize = 64;

/// How long all of them may take to connect.
const CONNECT_MAX: Duration = Duration::from_mins(2);

/// What the system keeps for a client that stops reading: little, so that it stalls soon.
const STALLED_BYTES: u32 = 2_048;

/// Delays longer than this many milliseconds count as this.
const LONGEST: usize = 60_000;

/// What clients do with what they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    Reads,
    /// Takes the first value and then nothing any more.
    Stalls,
}

/// Connected clients; they leave when it is dropped.
pub struct Crowd {
    counts: Arc<Counts>,
    leave: watch::Sender<bool>,
    thread: Option<JoinHandle<Result<()>>>,
    size: u64,
}

#[derive(Default)]
struct Counts {
    connected: AtomicU64,
    values: AtomicU64,
    lost: AtomicU64,
    changes: Mutex<Changes>,
}

/// Purchases whose way to the screens is timed.
#[derive(Default)]
struct Changes {
    /// Units sold before the first of them.
    sold_before: u64,
    sent: Vec<Instant>,
    /// How many pairs of a change and a client took so many milliseconds.
    delays: Vec<u64>,
}

impl Crowd {
    /// Connects so many clients to the stock of a product, and waits until each has its first value.
    pub fn connect(address: SocketAddr, product: i64, size: u32, manner: Manner) -> Result<Self> {
        let counts = Arc::new(Counts::default());
        let (leave, left) = watch::channel(false);
        let theirs = counts.clone();
        let follow = move || {
            let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(follow_all(address, product, size, manner, theirs, left))
        };
        let thread = thread::Builder::new().name("crowd".into()).spawn(follow)?;
        let mut crowd = Self { counts, leave, thread: Some(thread), size: size.into() };
        let all = wait_until(CONNECT_MAX, || {
            interrupt::check()?;
            if crowd.thread.as_ref().is_some_and(JoinHandle::is_finished) {
                crowd.join()?;
            }
            Ok(crowd.counts.connected.load(Relaxed) == crowd.size)
        })?;
        ensure!(all, "{} of {size} clients connected", crowd.counts.connected.load(Relaxed));
        Ok(crowd)
    }

    /// Values that clients have read so far.
    pub fn values(&self) -> u64 {
        self.counts.values.load(Relaxed)
    }

    /// Times changes: `sell` is called so many times, this often.
    pub fn time_changes(
        &self,
        sold_before: u64,
        often: Duration,
        count: u32,
        mut sell: impl FnMut() -> Result<()>,
    ) -> Result<Delay> {
        *self.counts.changes() = Changes { sold_before, ..Changes::default() };
        let (started, values) = (Instant::now(), self.values());
        for turn in 0..count {
            let due = started + often * turn;
            thread::sleep(due.saturating_duration_since(Instant::now()));
            interrupt::check()?;
            self.counts.changes().sent.push(Instant::now());
            sell()?;
        }
        let took = started.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "counts of one run are far below 2^52")]
        let values = (self.values() - values) as f64 / took;
        thread::sleep(Duration::from_secs(1));
        let delays = std::mem::take(&mut *self.counts.changes()).delays;
        let read: u64 = delays.iter().sum();
        let asked = u64::from(count) * self.size;
        Ok(Delay {
            p50_milliseconds: percentile(&delays, asked, 50),
            p99_milliseconds: percentile(&delays, asked, 99),
            most_milliseconds: delays.iter().rposition(|count| *count > 0).unwrap_or(0) as u64,
            missing: asked.saturating_sub(read),
            values,
        })
    }

    /// Fails if somebody was sent away.
    pub fn ensure_whole(&self) -> Result<()> {
        let lost = self.counts.lost.load(Relaxed);
        ensure!(lost == 0, "{lost} of {} clients lost their connection", self.size);
        Ok(())
    }

    fn join(&mut self) -> Result<()> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        thread.join().map_err(|_| anyhow::anyhow!("the thread of the clients failed"))?
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.leave.send_replace(true);
        if let Err(error) = self.join() {
            eprintln!("clients: {error:#}");
        }
    }
}

impl Counts {
    fn changes(&self) -> MutexGuard<'_, Changes> {
        self.changes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Changes {
    /// A client that knew of `before` sold units knows of `sold` now.
    fn read(&mut self, before: u64, sold: u64) {
        let first = before.saturating_sub(self.sold_before);
        let last = sold.saturating_sub(self.sold_before);
        let now = Instant::now();
        for change in first..last {
            let Some(sent) = usize::try_from(change).ok().and_then(|it| self.sent.get(it)) else {
                return;
            };
            let milliseconds = now.saturating_duration_since(*sent).as_millis();
            let place = usize::try_from(milliseconds).unwrap_or(LONGEST).min(LONGEST);
            if self.delays.len() <= place {
                self.delays.resize(place + 1, 0);
            }
            self.delays[place] += 1;
        }
    }
}

/// The smallest delay that so many of a hundred pairs did not pass; whoever read nothing took longest.
fn percentile(delays: &[u64], pairs: u64, percent: u64) -> u64 {
    let wanted = (pairs * percent).div_ceil(100);
    let mut seen = 0;
    let place = delays.iter().position(|count| {
        seen += count;
        seen >= wanted
    });
    place.unwrap_or(LONGEST) as u64
}

async fn follow_all(
    address: SocketAddr,
    product: i64,
    size: u32,
    manner: Manner,
    counts: Arc<Counts>,
    mut left: watch::Receiver<bool>,
) -> Result<()> {
    let (doors, failed) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Mutex::new(None)));
    for _ in 0..size {
        let (doors, counts, failed) = (doors.clone(), counts.clone(), failed.clone());
        tokio::spawn(async move {
            let connected = {
                let _door = doors.acquire().await;
                connect(address, product, manner, &counts).await
            };
            match connected {
                Ok((socket, sold)) if manner == Manner::Reads => read(socket, sold, &counts).await,
                // Kept, and never read again.
                Ok(stalled) => {
                    std::future::pending::<()>().await;
                    drop(stalled);
                }
                Err(error) => *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(error),
            }
        });
    }
    loop {
        let pause = tokio::time::timeout(Duration::from_millis(100), left.changed()).await;
        if let Some(error) = failed.lock().unwrap_or_else(PoisonError::into_inner).take() {
            return Err(error);
        }
        if pause.is_ok() {
            return Ok(());
        }
    }
}

/// Follows the product; done when the first value is there.
async fn connect(
    address: SocketAddr,
    product: i64,
    manner: Manner,
    counts: &Counts,
) -> Result<(WebSocketStream<TcpStream>, u64)> {
    let socket = TcpSocket::new_v4()?;
    if manner == Manner::Stalls {
        socket.set_recv_buffer_size(STALLED_BYTES)?;
    }
    let stream = socket.connect(address).await.context("a client cannot connect")?;
    let config = WebSocketConfig::default().read_buffer_size(2_048);
    let (mut socket, _) =
        client_async_with_config(format!("ws://{address}/ws"), stream, Some(config))
            .await
            .context("a client is not let in")?;
    let subscribe = format!(r#"{{"type":"subscribe","topics":["stock:{product}"]}}"#);
    socket.send(Message::text(subscribe)).await?;
    loop {
        let message = socket.next().await.context("the server ended the connection")??;
        if let Some(sold) = sold(&message) {
            counts.connected.fetch_add(1, Relaxed);
            return Ok((socket, sold));
        }
    }
}

async fn read(mut socket: WebSocketStream<TcpStream>, mut known: u64, counts: &Counts) {
    while let Some(Ok(message)) = socket.next().await {
        if let Some(sold) = sold(&message) {
            counts.values.fetch_add(1, Relaxed);
            counts.changes().read(known, sold);
            known = sold;
        }
    }
    counts.lost.fetch_add(1, Relaxed);
}

/// The number of sold units in a value of the topic.
fn sold(message: &Message) -> Option<u64> {
    let Message::Text(text) = message else { return None };
    let (_, behind) = text.split_once("\"sold\":")?;
    behind.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_counts_once_for_a_client() {
        let mut changes = Changes { sold_before: 100, ..Changes::default() };
        changes.sent = vec![Instant::now(); 3];
        changes.read(90, 100);
        assert_eq!(changes.delays.iter().sum::<u64>(), 0);
        changes.read(100, 102);
        changes.read(102, 103);
        assert_eq!(changes.delays.iter().sum::<u64>(), 3);
        changes.read(103, 110);
        assert_eq!(changes.delays.iter().sum::<u64>(), 3);
    }

    #[test]
    fn whoever_read_nothing_took_longest() {
        assert_eq!(percentile(&[0, 98, 2], 100, 50), 1);
        assert_eq!(percentile(&[0, 98, 2], 100, 99), 2);
        assert_eq!(percentile(&[0, 98], 100, 99), LONGEST as u64);
    }

    #[test]
    fn values_tell_what_is_sold() {
        let value = Message::text(r#"{"type":"update","data":{"held":0,"sold":42}}"#);
        assert_eq!(sold(&value), Some(42));
        assert_eq!(sold(&Message::text(r#"{"type":"welcome"}"#)), None);
    }
}
