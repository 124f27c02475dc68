//! Traces: spans of requests, sent by OTLP over HTTP to whoever collects them.
//!
//! ```text
//!   arrives ──▶ its `traceparent` is read ──▶ answered: sampled, slow or failed? ──yes──▶ queue ──▶ collector
//!      │ off: nothing                              │ no: nothing
//! ```
//!
//! A span is made when its request is answered, so that a slow one has a trace also where chance had not
//! chosen it. While export is off nothing is read, made or allocated. Whoever calls a server may say in
//! `traceparent` that a request is to be sampled; the queue is bounded, and what does not fit is dropped.
//!
//! Owner: the start of the server makes it and its end flushes it. A collector that is away is told of once
//! in the log, loses spans, and harms nobody.

use async_trait::async_trait;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    Span, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, TraceId, TracerProvider,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_http::{
    Bytes, HeaderExtractor, HttpClient, HttpError, Request, Response, ResponseExt,
};
use opentelemetry_otlp::{ExporterBuildError, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider,
};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};
use tokio::runtime::Handle;

use crate::domain::Timestamp;
use axum::http::{HeaderMap, HeaderName};

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Most spans that wait to be sent.
const QUEUE_MAX: usize = 2_048;

/// How long spans are gathered.
const GATHER: Duration = Duration::from_secs(1);

/// Longest answer of a collector that is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// How long the last spans may take to be sent.
const FLUSH_MAX: Duration = Duration::from_secs(1);

/// Where spans go; nowhere by default. Cheap to clone.
#[derive(Clone, Default)]
pub struct Traces(Option<Arc<Exporting>>);

struct Exporting {
    tracer: SdkTracer,
    provider: SdkTracerProvider,
    /// Of the requests that nobody has decided about.
    sampled_share: f64,
}

/// The trace that a request belongs to, as its caller says.
pub type Parent = Option<Box<SpanContext>>;

/// A request that was answered.
#[derive(Debug, Clone, Copy)]
pub struct Answered<'a> {
    /// Its method and template.
    pub route: &'static str,
    pub status: u16,
    pub at: Timestamp,
    pub took: Duration,
    /// It has a trace whatever chance says.
    pub slow: bool,
    /// Drawn from 0 up to 1.
    pub chance: f64,
    pub request_id: &'a str,
}

impl Traces {
    /// Sends to `{endpoint}/v1/traces`, by chance one request in so many. Belongs to the runtime it is called in.
    ///
    /// # Errors
    /// When the address is none.
    pub fn to(
        endpoint: &str,
        one_in: u32,
        client: reqwest::Client,
    ) -> Result<Self, ExporterBuildError> {
        let client =
            Client { inner: client, runtime: Handle::current(), away: AtomicBool::default() };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
            .with_http_client(client)
            .build()?;
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE_MAX)
            .with_scheduled_delay(GATHER)
            .build();
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource = Resource::builder_empty().with_service_name("lastunit");
        let provider = SdkTracerProvider::builder()
            .with_span_processor(
                BatchSpanProcessor::builder(exporter).with_batch_config(batches).build(),
            )
            // What is not to be sent never becomes a span.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource.with_attribute(version).build())
            .build();
        let tracer = provider.tracer("lastunit");
        let sampled_share = if one_in == 0 { 0.0 } else { 1.0 / f64::from(one_in) };
        Ok(Self(Some(Arc::new(Exporting { tracer, provider, sampled_share }))))
    }

    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Reads which trace a request belongs to. `None` also where it does not say, or says it wrongly.
    #[must_use]
    pub fn parent(&self, headers: &HeaderMap) -> Parent {
        if !self.is_on() || !headers.contains_key(TRACEPARENT) {
            return None;
        }
        let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        let parent = context.span().span_context().clone();
        parent.is_valid().then(|| Box::new(parent))
    }

    /// Sends the span of a request, if it is to have one; then gives the id of its trace.
    #[must_use]
    pub fn answered(&self, parent: Parent, request: &Answered<'_>) -> Option<TraceId> {
        let exporting = self.0.as_ref()?;
        let chosen = match &parent {
            Some(parent) => parent.is_sampled(),
            None => request.chance < exporting.sampled_share,
        };
        if !(chosen || request.slow || request.status >= 500) {
            return None;
        }
        let context = Context::new();
        let context = match parent {
            Some(parent) => context.with_remote_span_context(*parent),
            None => context,
        };
        let ended = UNIX_EPOCH + Duration::from_millis(request.at.as_millis());
        let (method, route) = request.route.split_once(' ').unwrap_or_default();
        let attributes = vec![
            KeyValue::new("http.request.method", method),
            KeyValue::new("http.route", route),
            KeyValue::new("http.response.status_code", i64::from(request.status)),
            KeyValue::new("lastunit.request_id", request.request_id.to_owned()),
        ];
        let mut span = SpanBuilder::from_name(request.route)
            .with_kind(SpanKind::Server)
            .with_start_time(ended.checked_sub(request.took).unwrap_or(UNIX_EPOCH))
            .with_attributes(attributes)
            .start_with_context(&exporting.tracer, &context);
        if request.status >= 500 {
            span.set_status(Status::error(""));
        }
        let trace = span.span_context().trace_id();
        span.end_with_timestamp(ended);
        Some(trace)
    }

    /// Sends what waits, and ends. Blocks for a moment.
    pub fn close(&self) {
        if let Some(exporting) = &self.0
            && let Err(error) = exporting.provider.shutdown_with_timeout(FLUSH_MAX)
        {
            tracing::debug!(%error, "the last spans were not sent");
        }
    }
}

impl fmt::Debug for Traces {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Traces").field(&self.is_on()).finish()
    }
}

/// Sends for the thread that gathers spans, which has no runtime of its own.
#[derive(Debug)]
struct Client {
    inner: reqwest::Client,
    runtime: Handle,
    /// The collector was away the last time: told once, not with every batch.
    away: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let sent = self.runtime.spawn(send(self.inner.clone(), request)).await;
        let sent = sent.map_err(HttpError::from).and_then(|sent| sent);
        match &sent {
            Ok(_) => self.away.store(false, Ordering::Relaxed),
            Err(error) if !self.away.swap(true, Ordering::Relaxed) => {
                tracing::warn!(error, "traces cannot be sent to telemetry.otlp_endpoint");
            }
            Err(_) => {}
        }
        sent
    }
}

async fn send(
    client: reqwest::Client,
    request: Request<Bytes>,
) -> Result<Response<Bytes>, HttpError> {
    let mut answer = client.execute(reqwest::Request::try_from(request)?).await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if body.len() + piece.len() > ANSWER_BYTES_MAX {
            return Err("the collector answers with more than it should".into());
        }
        body.extend_from_slice(&piece);
    }
    response.body(Bytes::from(body))?.error_for_status()
}
