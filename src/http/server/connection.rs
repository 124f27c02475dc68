//! Connection: one client's socket, from accept to close.
//!
//! States, by what the client owes us:
//!
//! ```text
//!   new ──first byte──▶ head arriving ──head complete──▶ answering ──answer sent──▶ idle
//!    │ header_timeout        │ header_timeout                ▲                       │ idle_timeout
//!    ▼                       ▼                               └──── next head ◀───────┤
//!   closed                 closed                                                  closed
//! ```
//!
//! The times are kept by one slow tick per connection that looks at what has moved since the last
//! one, not by a timer per request: hyper's, armed and disarmed for every head, took 4 to 9 % of the
//! CPU time of a small request. A limit is therefore kept to the tick, a quarter of the header
//! timeout. A client is cut off when it owes a head and has moved nothing that counts: answers sent
//! and bytes written count, bytes received do not, so a head that drips in byte by byte is late too.

use crate::admission::address::TrustedProxies;
use crate::clock;
use crate::config::ServerConfig;
use crate::http::client;
use crate::http::surface::{REQUEST_ID, Surface};
use crate::telemetry::request_id::RequestId;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Request, Response, header};
use axum::routing::future::RouteFuture;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use metrics::Counter;
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Sleep, sleep};
use tower::Service;

use super::Stage;
use super::watched::{Progress, Watched};

/// Headers that hyper parses on the stack; another number costs an allocation per request.
const HEADERS_ON_STACK: usize = 100;
/// Bytes buffered for one connection, both ways.
const BUFFER_BYTES: usize = 64 * 1024;
/// Ticks in one header timeout.
const TICKS_PER_TIMEOUT: u32 = 4;

/// How long a client may take, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timing {
    tick: Duration,
    head_ticks_max: u32,
    idle_ticks_max: u32,
}

impl Timing {
    pub(super) fn of(settings: &ServerConfig) -> Self {
        let tick_ms = (settings.header_timeout_ms / u64::from(TICKS_PER_TIMEOUT)).max(1);
        let idle = settings.idle_timeout_ms.div_ceil(tick_ms);
        Self {
            tick: Duration::from_millis(tick_ms),
            head_ticks_max: TICKS_PER_TIMEOUT,
            idle_ticks_max: u32::try_from(idle).unwrap_or(u32::MAX),
        }
    }
}

/// What all connections share.
#[derive(Debug)]
pub(super) struct Shared {
    router: Router,
    http: http1::Builder,
    timing: Timing,
    stage: watch::Receiver<Stage>,
    surface: Surface,
    proxies: TrustedProxies,
}

impl Shared {
    pub(super) fn new(
        router: Router,
        timing: Timing,
        surface: Surface,
        settings: &ServerConfig,
        stage: watch::Receiver<Stage>,
    ) -> Self {
        let mut http = http1::Builder::new();
        // A client that has said all it wants to say still waits for its answer. Answers are short: to
        // copy the document behind its head costs less than to write two pieces.
        http.half_close(true)
            .writev(false)
            .header_read_timeout(None)
            .max_header_size(settings.header_bytes_max)
            .max_buf_size(BUFFER_BYTES.max(settings.header_bytes_max));
        if settings.headers_max != HEADERS_ON_STACK {
            http.max_headers(settings.headers_max);
        }
        Self {
            router,
            http,
            timing,
            stage,
            surface,
            proxies: TrustedProxies::new(settings.proxies(), settings.forwarding_header),
        }
    }
}

/// The future that serves one connection; it ends when the connection is closed.
pub(super) struct Connection {
    http: http1::UpgradeableConnection<TokioIo<Watched>, Dispatch>,
    progress: Arc<Progress>,
    timing: Timing,
    tick: Pin<Box<Sleep>>,
    seen: Seen,
    stage: watch::Receiver<Stage>,
    draining: Pin<Box<dyn Future<Output = ()> + Send>>,
    is_draining: bool,
    is_registered: bool,
    timed_out: Counter,
}

impl Connection {
    pub(super) fn new(
        stream: TcpStream,
        peer: IpAddr,
        shared: Arc<Shared>,
        timed_out: Counter,
    ) -> Self {
        let progress = Arc::new(Progress::default());
        let io = TokioIo::new(Watched::new(stream, progress.clone()));
        let dispatch = Dispatch {
            router: shared.router.clone(),
            progress: progress.clone(),
            shared: shared.clone(),
            peer,
            number: clock::draw_number(),
            requests: AtomicU64::new(0),
        };
        Self {
            http: shared.http.serve_connection(io, dispatch).with_upgrades(),
            progress,
            timing: shared.timing,
            tick: Box::pin(sleep(shared.timing.tick)),
            seen: Seen::default(),
            stage: shared.stage.clone(),
            draining: reaches(shared.stage.clone(), Stage::Draining),
            is_draining: false,
            is_registered: false,
            timed_out,
        }
    }

    /// Follows the stage of the server; ready when the connection is to be dropped.
    fn poll_stage(&mut self, context: &mut Context<'_>) -> Poll<()> {
        // The task's waker stays the same, so one registration lasts until the stage changes.
        if self.is_registered && !self.is_draining && !self.stage.has_changed().unwrap_or(true) {
            return Poll::Pending;
        }
        self.is_registered = true;
        while self.draining.as_mut().poll(context).is_ready() {
            if self.is_draining {
                return Poll::Ready(());
            }
            self.is_draining = true;
            self.draining = reaches(self.stage.clone(), Stage::Ended);
            Pin::new(&mut self.http).graceful_shutdown();
        }
        Poll::Pending
    }

    /// Looks at what has moved at each tick; ready when the client took too long.
    fn poll_ticks(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while self.tick.as_mut().poll(context).is_ready() {
            if self.seen.is_over(&self.progress, self.timing) {
                return Poll::Ready(());
            }
            let next = clock::moment() + self.timing.tick;
            self.tick.as_mut().reset(next);
        }
        Poll::Pending
    }
}

fn reaches(
    mut stage: watch::Receiver<Stage>,
    wanted: Stage,
) -> Pin<Box<dyn Future<Output = ()> + Send>> {
    Box::pin(async move {
        // A server that is gone has ended.
        let _ = stage.wait_for(|stage| *stage >= wanted).await;
    })
}

impl Future for Connection {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.poll_stage(context).is_ready() {
            return Poll::Ready(());
        }
        if let Poll::Ready(ended) = Pin::new(&mut self.http).poll(context) {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke");
            }
            return Poll::Ready(());
        }
        if self.poll_ticks(context).is_ready() {
            self.timed_out.increment(1);
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

/// What the last tick saw.
#[derive(Debug)]
struct Seen {
    answered: u64,
    written: u64,
    /// A new connection owes its first head from the start.
    owes_a_head: bool,
    idle_ticks: u32,
}

impl Default for Seen {
    fn default() -> Self {
        Self { answered: 0, written: 0, owes_a_head: true, idle_ticks: 0 }
    }
}

impl Seen {
    /// Takes the next look; true when the client took too long.
    fn is_over(&mut self, progress: &Progress, timing: Timing) -> bool {
        let (answered, written) = (progress.answered(), progress.written());
        let moved = (answered, written) != (self.answered, self.written);
        (self.answered, self.written) = (answered, written);
        let owes_a_head = answered == 0 || progress.has_head_bytes();
        let begins_a_head = owes_a_head && !self.owes_a_head;
        self.owes_a_head = owes_a_head;
        // A head that begins has the whole header timeout: the quiet before it must not count.
        if moved || begins_a_head || progress.is_answering() {
            self.idle_ticks = 0;
            return false;
        }
        self.idle_ticks += 1;
        let ticks_max = if owes_a_head { timing.head_ticks_max } else { timing.idle_ticks_max };
        self.idle_ticks >= ticks_max
    }
}

/// Hands requests to the routes.
#[derive(Debug)]
struct Dispatch {
    router: Router,
    progress: Arc<Progress>,
    shared: Arc<Shared>,
    peer: IpAddr,
    /// The connection's number, and how many requests it has sent: the ids of those without one.
    number: u64,
    requests: AtomicU64,
}

impl Dispatch {
    fn id(&self, headers: &HeaderMap) -> RequestId {
        let place = self.requests.fetch_add(1, Ordering::Relaxed);
        let sent = headers.get(REQUEST_ID).and_then(|id| RequestId::sent(id.as_bytes()));
        sent.unwrap_or_else(|| RequestId::made(self.number, place))
    }
}

impl hyper::service::Service<Request<Incoming>> for Dispatch {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, request: Request<Incoming>) -> Answer {
        self.progress.begin();
        let headers = request.headers();
        let source = Source {
            id: self.id(headers),
            address: self.shared.proxies.client(self.peer, headers),
            origin: self.shared.surface.origin(headers),
        };
        let surface = &self.shared.surface;
        let refused = surface.misdirected(&request).or_else(|| surface.preflight(&request));
        let route = match refused.or_else(|| surface.foreign(&request)) {
            Some(response) => Route::Ready(Some(response)),
            None => Route::Asked(self.router.clone().call(ask_for_body(request))),
        };
        let (progress, shared) = (self.progress.clone(), self.shared.clone());
        Answer { route, source, progress, shared }
    }
}

/// Asks for a body before the handler does. hyper reads one only when it is wanted; asked for here,
/// a body that came with its head is there when the handler runs for the first time, which saves a
/// turn of the task for almost every request. A client that waits for `100 Continue` is not asked,
/// for the handler may not want its body.
fn ask_for_body(request: Request<Incoming>) -> Request<Body> {
    if request.body().is_end_stream() || request.headers().contains_key(header::EXPECT) {
        return request.map(Body::new);
    }
    request.map(|mut incoming| {
        let mut context = Context::from_waker(Waker::noop());
        match Pin::new(&mut incoming).poll_frame(&mut context) {
            Poll::Pending => Body::new(incoming),
            Poll::Ready(None) => Body::empty(),
            Poll::Ready(first) => Body::new(Begun { first, rest: incoming }),
        }
    })
}

/// A body of which one frame was taken.
struct Begun {
    first: Option<Result<Frame<Bytes>, hyper::Error>>,
    rest: Incoming,
}

impl hyper::body::Body for Begun {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(first)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.first.is_some() { SizeHint::default() } else { self.rest.size_hint() }
    }
}

/// Whom a request comes from.
struct Source {
    id: RequestId,
    address: IpAddr,
    /// The origin of the page that sent it, if it is an allowed one.
    origin: Option<HeaderValue>,
}

/// Who answers.
enum Route {
    Asked(RouteFuture<Infallible>),
    /// Nobody was asked.
    Ready(Option<Response<Body>>),
}

/// An answer on its way.
struct Answer {
    route: Route,
    source: Source,
    progress: Arc<Progress>,
    shared: Arc<Shared>,
}

impl Future for Answer {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (id, address) = (self.source.id, self.source.address);
        let polled = match &mut self.route {
            Route::Ready(response) => {
                response.take().map_or(Poll::Pending, |it| Poll::Ready(Ok(it)))
            }
            Route::Asked(route) => {
                id.scope(|| client::scope(address, || Pin::new(route).poll(context)))
            }
        };
        polled.map_ok(|mut response| {
            let origin = self.source.origin.take();
            self.shared.surface.complete(response.headers_mut(), &id, origin);
            self.progress.finish();
            response
        })
    }
}
