//! Measured: a handler with its limits, its numbers and its safety net.
//!
//! Limits come first, then who may use the route: whoever guesses tokens is limited, too.
//!
//! Wraps a handler directly instead of through middleware, so that a request costs two looks at the
//! clock and one atomic addition, and no further allocation. A panic in the handler is answered 500
//! and ends nothing but this request: a handler owns no state that it could leave half changed.

use super::Api;
use super::access::{Passage, Requirement};
use super::client;
use super::problem::{Code, Problem};
use super::rate_limit;
use super::watch::Watch;
use crate::admission::{Budget, Standing};
use crate::clock;
use crate::telemetry::metrics::RouteMetrics;
use crate::telemetry::traces::Parent;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// A handler whose answers are measured.
#[derive(Debug, Clone)]
pub struct Measured<H> {
    handler: H,
    requirement: Requirement,
    budget: Budget,
    route: Arc<Route>,
}

/// What is told of the requests of a route.
#[derive(Debug)]
pub struct Route {
    /// Method and template.
    name: &'static str,
    numbers: Arc<RouteMetrics>,
    watch: Watch,
}

impl Route {
    pub fn new(name: &'static str, api: &Api) -> Arc<Self> {
        let (numbers, watch) = (api.metrics.route(name), api.watch.clone());
        Arc::new(Self { name, numbers, watch })
    }

    fn answered(&self, status: StatusCode, took: Duration, parent: Parent) {
        self.numbers.answered(status.as_u16(), took);
        self.watch.answered(self.name, status.as_u16(), took, parent);
    }
}

/// Measures what `handler` answers as `route` to those who may use it, within the limits of `budget`.
pub const fn measured<H>(
    route: Arc<Route>,
    requirement: Requirement,
    budget: Budget,
    handler: H,
) -> Measured<H> {
    Measured { handler, requirement, budget, route }
}

impl<H> Measured<H> {
    /// Whether the handler may be asked, and what to tell about a limit that is near.
    fn admit(&self, request: &Request, api: &Api) -> (Passage, Option<Standing>) {
        match api.admission.request(client::address(), self.budget) {
            Ok(standing) => (self.requirement.check(api, request.headers()), standing),
            Err(refused) => (Passage::Refused(refused.into()), None),
        }
    }
}

impl<T, H> Handler<T, Api> for Measured<H>
where
    T: 'static,
    H: Handler<T, Api>,
    H::Future: Unpin,
{
    type Future = MeasuredFuture<H::Future>;

    fn call(self, mut request: Request, api: Api) -> Self::Future {
        let started = clock::instant();
        let parent = self.route.watch.parent(request.headers());
        let (passage, standing) = self.admit(&request, &api);
        let Self { handler, requirement, route, .. } = self;
        let answer = match passage {
            Passage::Anybody => Answer::Asked(handler.call(request, api)),
            Passage::Known(known) => {
                request.extensions_mut().insert(known);
                Answer::Asked(handler.call(request, api))
            }
            Passage::Refused(problem) => Answer::Refused(Some(problem.into_response())),
            // Seldom: an API key that the store is to be asked about, for all others who send it.
            Passage::Unasked(accounts, key) => Answer::LookedUp(Box::pin(async move {
                match requirement.look_up(&accounts, key, api.clock.now()).await {
                    Ok(known) => {
                        request.extensions_mut().insert(known);
                        handler.call(request, api).await
                    }
                    Err(problem) => problem.into_response(),
                }
            })),
        };
        MeasuredFuture { started, answer, standing, parent, route }
    }
}

/// What is waited for.
enum Answer<F> {
    /// The handler's answer.
    Asked(F),
    /// Who asks, and then the handler's answer.
    LookedUp(Pin<Box<dyn Future<Output = Response> + Send>>),
    /// The handler was not asked.
    Refused(Option<Response>),
}

/// The answer of a measured handler.
pub struct MeasuredFuture<F> {
    started: Instant,
    answer: Answer<F>,
    standing: Option<Standing>,
    parent: Parent,
    route: Arc<Route>,
}

impl<F: Future<Output = Response> + Unpin> Future for MeasuredFuture<F> {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Response> {
        let polled = match &mut self.answer {
            Answer::Refused(response) => Ok(response.take().map_or(Poll::Pending, Poll::Ready)),
            Answer::Asked(answer) => {
                catch_unwind(AssertUnwindSafe(|| Pin::new(answer).poll(context)))
            }
            Answer::LookedUp(answer) => {
                catch_unwind(AssertUnwindSafe(|| answer.as_mut().poll(context)))
            }
        };
        let mut response = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(response)) => response,
            // The panic hook has logged what happened and where.
            Err(_) => {
                self.route.numbers.panicked();
                let detail = "the server failed, and whether it took effect is not known; repeat it \
                    with the same Idempotency-Key, or look before you repeat it";
                Problem::new(Code::Internal, detail).into_response()
            }
        };
        // A handler that has refused because of a limit has told of that one.
        if let Some(standing) = &self.standing
            && response.status() != StatusCode::TOO_MANY_REQUESTS
        {
            rate_limit::tell(response.headers_mut(), standing);
        }
        let parent = self.parent.take();
        self.route.answered(response.status(), clock::since(self.started), parent);
        Poll::Ready(response)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::telemetry::Metrics;
    use crate::telemetry::traces::Traces;

    #[tokio::test]
    async fn a_panic_is_a_500_and_nothing_else() {
        let metrics = Metrics::new().expect("buckets");
        let future = MeasuredFuture {
            started: clock::instant(),
            answer: Answer::Asked(Box::pin(async { panic!("a bug") })),
            standing: None,
            parent: None,
            route: Arc::new(Route {
                name: "GET /",
                numbers: metrics.route("GET /"),
                watch: Watch::new(Traces::default(), Duration::ZERO, Clock::system()),
            }),
        };
        assert_eq!(future.await.status().as_u16(), 500);
        let text = metrics.render();
        assert!(text.contains(r#"lastunit_request_seconds_count{route="GET /",status="500"} 1"#));
        assert!(text.contains("lastunit_handler_panics_total 1"));
    }
}
