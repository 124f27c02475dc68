//! Server-sent events: the same values for clients without WebSocket, and for `curl -N`.
//!
//! The id of an event tells its topic and the version of its value. Whoever comes back with `Last-Event-ID` is
//! not sent that value again; the other topics begin with their newest ones.

use super::topics::topic;
use crate::admission::Budget;
use crate::http::Api;
use crate::http::caller::Caller;
use crate::http::client;
use crate::http::params::Params;
use crate::http::problem::{Code, Document, FieldError, Problem};
use crate::live::{Subscriber, Topic, TopicRefused};
use crate::telemetry::metrics::{LiveClosed, LiveTransport};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use serde::Deserialize;
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// What a browser sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// How often a sign of life is sent at least: half of a connection may be closed, so that a client has left is
/// seen only when it is written to, and until then it counts among those of its address.
const PROBE_EVERY: Duration = Duration::from_secs(5);

/// How long a browser waits before it connects again, and a sign of life where there is no news.
const RETRY: &str = "retry: 2000\n\n";
const ALIVE: &str = ": alive\n\n";

/// What is to be followed.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EventsParams {
    /// Topics with commas between them: `stock:{productId}`, `sale:{saleId}`, `purchase:{purchaseId}`,
    /// `orders`, `orders:{customerId}`, `metrics`, `alerts`.
    #[param(value_type = String, example = "stock:1,stock:2")]
    topics: Option<String>,
}

/// Follows topics as server-sent events: first the value of each, then every newer one.
#[utoipa::path(
    get, path = "/events", tag = "live", operation_id = "followEvents",
    params(EventsParams, ("Last-Event-ID" = Option<String>, Header,
        description = "The id of the last event that was seen: what it told is not told again")),
    responses(
        (status = 200, description = "Events named `value`, without end", content_type = "text/event-stream"),
        (status = 404, description = "`topic-not-found`, or what it is about is not there",
            body = Document, content_type = "application/problem+json"),
        crate::http::openapi::SignInFailures, crate::http::openapi::InputFailures,
    )
)]
pub async fn events(
    State(api): State<Api>,
    caller: Caller,
    headers: HeaderMap,
    Params(params): Params<EventsParams>,
) -> Result<Response, Problem> {
    let names = params.topics.unwrap_or_default();
    let names: Vec<_> = names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        return Err(wrong_topics("names what to follow, such as stock:1"));
    }
    if names.len() > api.live.hub.options().topics_per_client_max {
        return Err(wrong_topics("names more than one client may follow"));
    }
    let seen = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let address = client::address().unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let connected = api.live.hub.connect(address, LiveTransport::Events);
    let mut client = connected.map_err(super::refused)?;
    for (turn, name) in names.into_iter().enumerate() {
        if turn > 0 {
            // The first one came with the request.
            api.admission.request(Some(address), Budget::Reading)?;
        }
        let topic = topic(&api, &caller, name).await?;
        let seen = seen.and_then(|id| seen_of(&topic, id));
        client.subscribe(topic, seen).await.map_err(|error| refused_topic(error, name))?;
    }
    let mut alive = interval(api.live.options.ping.min(PROBE_EVERY));
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    alive.reset();
    let now = api.clock.now();
    let left = caller.valid_until().map(|until| Duration::from_millis(until.millis_since(now)));
    let expires = left.map(|left| Box::pin(tokio::time::sleep(left)));
    let stream = Stream { client, alive, expires, has_begun: false };
    let mut response = Response::new(Body::from_stream(stream));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    // nginx keeps answers back otherwise.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// The version in the id of an event, if the event was of this topic: versions of two topics may be alike.
fn seen_of<'a>(topic: &Topic, id: &'a str) -> Option<&'a str> {
    let (version, of) = id.rsplit_once('.')?;
    (of == topic.tag()).then_some(version)
}

fn wrong_topics(message: &'static str) -> Problem {
    Problem::validation(vec![FieldError { field: "topics", message: message.into() }])
}

/// One client follows so many topics and no more.
pub(super) fn too_many_topics() -> Problem {
    wrong_topics("names more than one client may follow: leave some first")
}

/// Why a topic is not followed.
pub(super) fn refused_topic(refused: TopicRefused, name: &str) -> Problem {
    match refused {
        TopicRefused::TooMany => too_many_topics(),
        TopicRefused::Unknown => match name.split_once(':').map(|(kind, _)| kind) {
            Some("stock") => Problem::unknown_product(),
            Some("sale") => Problem::unknown_sale(),
            Some("purchase") => Problem::unknown_purchase(),
            _ => Problem::new(Code::TopicNotFound, "nothing is known of this topic"),
        },
        TopicRefused::Unavailable => {
            Problem::new(Code::Overloaded, "the topic cannot be told at the moment")
        }
        TopicRefused::Closing => Problem::new(Code::Overloaded, "the server is going down"),
    }
}

/// One client's events.
struct Stream {
    client: Subscriber,
    alive: Interval,
    /// Until the caller's token is over.
    expires: Option<Pin<Box<tokio::time::Sleep>>>,
    has_begun: bool,
}

impl futures::Stream for Stream {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if !self.has_begun {
            self.has_begun = true;
            return Poll::Ready(Some(Ok(Bytes::from_static(RETRY.as_bytes()))));
        }
        match self.client.poll_next(context) {
            Poll::Ready(Some(update)) => return Poll::Ready(Some(Ok(update.value.event()))),
            Poll::Ready(None) => {
                self.client.closes(LiveClosed::Shutdown);
                return Poll::Ready(None);
            }
            Poll::Pending => {}
        }
        if let Some(expires) = &mut self.expires
            && expires.as_mut().poll(context).is_ready()
        {
            self.client.closes(LiveClosed::SignedOut);
            return Poll::Ready(None);
        }
        if self.alive.poll_tick(context).is_ready() {
            return Poll::Ready(Some(Ok(Bytes::from_static(ALIVE.as_bytes()))));
        }
        Poll::Pending
    }
}
