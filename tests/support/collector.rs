//! A collector of traces for tests: takes what is sent by OTLP over HTTP, and remembers the spans.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A running collector. It ends with the test's runtime.
pub struct Collector {
    pub url: String,
    spans: Arc<Mutex<Vec<Span>>>,
}

impl Collector {
    pub async fn start() -> Self {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = axum::Router::new().route("/v1/traces", post(take)).with_state(spans.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, spans }
    }

    /// Everything that was sent so far.
    pub fn spans(&self) -> Vec<Span> {
        self.spans.lock().expect("the lock").clone()
    }

    /// Waits for the span of this trace.
    pub async fn span_of(&self, trace: &str) -> Span {
        for _ in 0..400 {
            let found = self.spans().into_iter().find(|span| hex(&span.trace_id) == trace);
            if let Some(span) = found {
                return span;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("no span of {trace} among {:?}", self.spans());
    }
}

async fn take(State(spans): State<Arc<Mutex<Vec<Span>>>>, body: Bytes) -> StatusCode {
    let request = ExportTraceServiceRequest::decode(body).expect("spans");
    for of_resource in request.resource_spans {
        let resource = of_resource.resource.expect("a resource");
        let named = resource.attributes.iter().any(|it| it.key == "service.name");
        assert!(named, "{resource:?}");
        let scopes = of_resource.scope_spans.into_iter();
        spans.lock().expect("the lock").extend(scopes.flat_map(|scope| scope.spans));
    }
    StatusCode::OK
}

/// Bytes as `traceparent` has them.
pub fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|half| char::from_digit(half.into(), 16))
        .collect()
}

/// An attribute of a span, as text.
pub fn attribute(span: &Span, name: &str) -> String {
    let found = span.attributes.iter().find(|it| it.key == name);
    let value = found.and_then(|it| it.value.clone()).and_then(|it| it.value);
    match value {
        Some(any_value::Value::StringValue(text)) => text,
        Some(any_value::Value::IntValue(number)) => number.to_string(),
        other => panic!("{name} is {other:?} in {span:?}"),
    }
}
