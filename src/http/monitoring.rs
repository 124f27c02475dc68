//! Monitoring: the server's own numbers, their last hour, alerts, and the last benchmark report, for people
//! who watch. All but the report is in memory: asking costs no sale anything.

mod alerts;
mod sample;

pub use alerts::AlertsDocument;
pub use sample::SampleDocument;

use super::Api;
use super::checks::Checks;
use super::fields::Whole;
use super::openapi::{InputFailures, OperatorsOnly};
use super::params::Params;
use super::problem::{Code, Document, Problem};
use super::respond;
use super::time::Rfc3339;
use crate::monitoring::{HISTORY_SECONDS, Sample};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::Arc;

/// The shortest part of the history that is shown.
const WINDOW_MIN: u64 = 60;

/// The longest report that is shown.
const REPORT_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// The last hour, or a part of it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = MonitoringHistory)]
pub struct HistoryDocument {
    /// From one sample to the next: 1, 5 or 10. What lies between is left out.
    step_seconds: u64,
    /// Where the window begins. The server may have been started later.
    #[schema(value_type = String, format = DateTime)]
    from: Rfc3339,
    /// Oldest first, at most 720.
    samples: Vec<SampleDocument>,
}

/// Which part of the history.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryParams {
    /// Seconds up to now: 60 to 3600, 3600 when left out.
    #[param(value_type = Option<u32>, minimum = 60, maximum = 3600)]
    window: Option<String>,
}

impl HistoryParams {
    fn window(&self) -> Result<u64, Problem> {
        let Some(text) = &self.window else { return Ok(HISTORY_SECONDS) };
        let Some(whole) = Whole::from_digits(text) else {
            return Err(Problem::new(Code::InvalidRequest, "window must be an integer"));
        };
        let mut checks = Checks::default();
        let window = checks.number("window", Some(whole), (WINDOW_MIN, HISTORY_SECONDS));
        window.ok_or_else(|| checks.problem())
    }
}

/// The document of a sample.
pub(super) fn shown(api: &Api, sample: &Sample) -> SampleDocument {
    SampleDocument::of(sample, api.admission.is_on())
}

/// Shows the numbers of the last second.
#[utoipa::path(
    get, path = "/api/v1/monitoring/metrics", tag = "monitoring", operation_id = "getMonitoringMetrics",
    responses((status = 200, description = "The numbers", body = SampleDocument), OperatorsOnly)
)]
pub async fn metrics(State(api): State<Api>) -> Response {
    respond::json(StatusCode::OK, &shown(&api, &api.monitor.newest()))
}

/// Shows the numbers of the last hour, or of a part of it.
#[utoipa::path(
    get, path = "/api/v1/monitoring/history", tag = "monitoring", operation_id = "getMonitoringHistory",
    params(HistoryParams),
    responses(
        (status = 200, description = "The numbers", body = HistoryDocument),
        InputFailures, OperatorsOnly,
    )
)]
pub async fn history(
    State(api): State<Api>,
    Params(params): Params<HistoryParams>,
) -> Result<Response, Problem> {
    let window = params.window()?;
    let written = tokio::task::spawn_blocking(move || {
        // An hour is more than a megabyte: not on a thread that serves customers.
        let history = api.monitor.history(window);
        let document = HistoryDocument {
            step_seconds: history.step_seconds,
            from: Rfc3339(history.from),
            samples: history.samples.iter().map(|sample| shown(&api, sample)).collect(),
        };
        respond::json(StatusCode::OK, &document)
    });
    written.await.map_err(|_| Problem::new(Code::Internal, "the numbers could not be written"))
}

/// Shows what somebody should know.
#[utoipa::path(
    get, path = "/api/v1/monitoring/alerts", tag = "monitoring", operation_id = "getAlerts",
    responses((status = 200, description = "The alerts", body = AlertsDocument), OperatorsOnly)
)]
pub async fn alerts(State(api): State<Api>) -> Response {
    respond::json(StatusCode::OK, &AlertsDocument::of(&api.monitor))
}

/// Shows the last benchmark report, as the benchmark has written it.
#[utoipa::path(
    get, path = "/api/v1/monitoring/benchmark", tag = "monitoring", operation_id = "getBenchmark",
    responses(
        (status = 200, description = "The report", body = serde_json::Value),
        (status = 404, description = "`benchmark-not-found`: there is no report at \
            `monitoring.benchmark_file`", body = Document, content_type = "application/problem+json"),
        OperatorsOnly,
    )
)]
pub async fn benchmark(State(api): State<Api>) -> Result<Response, Problem> {
    let file = Arc::clone(&api.benchmark_file);
    let read = tokio::task::spawn_blocking(move || report(&file)).await;
    match read {
        Ok(Ok(Some(report))) => Ok(respond::json(StatusCode::OK, &report)),
        Ok(Ok(None)) => Err(Problem::new(
            Code::BenchmarkNotFound,
            "there is no report yet: run lastunit-bench with --json and the file that \
             monitoring.benchmark_file names",
        )),
        // Where the file is, is for the log.
        Ok(Err(error)) => {
            tracing::warn!(%error, file = %api.benchmark_file.display(), "no benchmark report");
            Err(Problem::new(
                Code::BenchmarkNotFound,
                "the file that monitoring.benchmark_file names is no report; the log says more",
            ))
        }
        Err(_) => Err(Problem::new(Code::Internal, "the report could not be read")),
    }
}

/// The report of this file; `None` where there is no such file.
fn report(file: &Path) -> io::Result<Option<Map<String, Value>>> {
    match fs::metadata(file) {
        Ok(found) if !found.is_file() => return Err(io::Error::other("it is no file")),
        Ok(found) if found.len() > REPORT_BYTES_MAX => {
            return Err(io::Error::other("it is longer than 4 MiB"));
        }
        Ok(_) => {}
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    Ok(Some(serde_json::from_slice(&fs::read(file)?)?))
}
