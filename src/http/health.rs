//! Health: whether the process lives, whether it should get requests, and how its parts are.
//!
//! `/health/live` says that the process answers at all; a restart is the cure when it does not.
//! `/health/ready` says whether sales can be decided now, and nothing else: a query database that is
//! away does not stop a sale, so it makes `/health` say `degraded` and leaves the server ready.

use super::Api;
use super::access::Gate;
use super::respond;
use crate::projection::ProjectionState;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

/// How the server is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Health, example = json!({
    "status": "ok", "version": "0.1.0", "limits": "on", "checks": {
        "engine": {"status": "ok"},
        "projection": {"status": "ok", "lagSeconds": 0.0},
        "carts": {"status": "ok"}
    }
}))]
pub struct HealthDocument {
    /// `ok`, `degraded` (sales go on; queries, carts or signing in may fail or be old) or `unavailable`.
    status: &'static str,
    version: &'static str,
    /// `on`, or `off` with `limits.enabled = false`: then requests are neither limited nor shed.
    limits: &'static str,
    checks: Checks,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = HealthChecks)]
struct Checks {
    engine: CheckDocument,
    projection: CheckDocument,
    carts: CheckDocument,
    /// With `auth.mode = "jwt"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    accounts: Option<CheckDocument>,
}

/// How one part is.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = HealthCheck)]
pub struct CheckDocument {
    /// `ok`, `degraded` or `unavailable`.
    status: &'static str,
    /// What is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// How old the query tables are.
    #[serde(skip_serializing_if = "Option::is_none")]
    lag_seconds: Option<f64>,
}

impl CheckDocument {
    fn of(wrong: Option<(&'static str, String)>) -> Self {
        match wrong {
            None => Self { status: "ok", reason: None, lag_seconds: None },
            Some((status, reason)) => Self { status, reason: Some(reason), lag_seconds: None },
        }
    }

    fn engine(api: &Api) -> Self {
        Self::of(api.engine.readiness().err().map(|reason| ("unavailable", reason)))
    }

    fn projection(api: &Api) -> Self {
        let wrong = match api.progress.state() {
            ProjectionState::Following => None,
            ProjectionState::Starting => Some("the query tables are being opened".to_owned()),
            ProjectionState::Waiting { reason, .. } | ProjectionState::Stopped { reason } => {
                Some(reason)
            }
            ProjectionState::Ended => Some("the projection has ended".to_owned()),
        };
        let check = Self::of(wrong.map(|reason| ("degraded", reason)));
        Self { lag_seconds: Some(api.progress.lag(&api.engine.durable())), ..check }
    }

    fn carts(api: &Api) -> Self {
        Self::of(api.carts.away().map(|reason| ("degraded", reason)))
    }

    fn accounts(api: &Api) -> Option<Self> {
        let Gate::Accounts(accounts) = &api.gate else { return None };
        Some(Self::of(accounts.away().map(|reason| ("degraded", reason))))
    }

    fn answer(&self) -> Response {
        let up = self.status == "ok";
        let status = if up { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
        respond::json(status, self)
    }
}

/// Tells how every part is; 503 when sales cannot be decided.
#[utoipa::path(
    get, path = "/health", tag = "operation", operation_id = "getHealth",
    responses(
        (status = 200, description = "`ok` or `degraded`", body = HealthDocument),
        (status = 503, description = "`unavailable`", body = HealthDocument),
    )
)]
pub async fn overall(State(api): State<Api>) -> Response {
    let checks = Checks {
        engine: CheckDocument::engine(&api),
        projection: CheckDocument::projection(&api),
        carts: CheckDocument::carts(&api),
        accounts: CheckDocument::accounts(&api),
    };
    let accounts = checks.accounts.as_ref().map_or("ok", |check| check.status);
    let others = [checks.projection.status, checks.carts.status, accounts];
    let (status, code) = match (checks.engine.status, others) {
        ("ok", ["ok", "ok", "ok"]) => ("ok", StatusCode::OK),
        ("ok", _) => ("degraded", StatusCode::OK),
        _ => ("unavailable", StatusCode::SERVICE_UNAVAILABLE),
    };
    let version = env!("CARGO_PKG_VERSION");
    let limits = if api.admission.is_on() { "on" } else { "off" };
    respond::json(code, &HealthDocument { status, version, limits, checks })
}

/// Answers as long as the process does.
#[utoipa::path(
    get, path = "/health/live", tag = "operation", operation_id = "getLiveness",
    responses((status = 200, description = "Alive", body = CheckDocument))
)]
pub async fn live() -> Response {
    CheckDocument::of(None).answer()
}

/// Tells whether sales can be decided.
#[utoipa::path(
    get, path = "/health/ready", tag = "operation", operation_id = "getReadiness",
    responses(
        (status = 200, description = "Ready", body = CheckDocument),
        (status = 503, description = "Not ready, with the reason", body = CheckDocument),
    )
)]
pub async fn ready(State(api): State<Api>) -> Response {
    CheckDocument::engine(&api).answer()
}
