//! API keys: made, listed and revoked by admins. The key itself is in the answer to its creation and nowhere
//! else, ever again.

use super::Api;
use super::auth::{accounts, private};
use super::body::{Json, NoBody};
use super::checks::Checks;
use super::openapi::{AccountFailures, InputFailures, SignInFailures};
use super::params::{PageParams, Params, TextPath};
use super::problem::{Code, Document, Problem};
use super::respond::{self, Page};
use super::time::Rfc3339;
use crate::account::{ApiKey, NewApiKey, Scopes};
use crate::domain::Timestamp;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 100;

/// What a new key is to be.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"name": "warehouse", "scopes": ["stock:write", "orders:read"]}))]
pub struct ApiKeyRequest {
    /// What it is for.
    #[schema(value_type = String, min_length = 1, max_length = 100, required)]
    name: Option<String>,
    /// `orders:read`, `orders:write`, `stock:write`, `products:write`, `sales:write`,
    /// `purchases:write`, `metrics:read` or `admin`.
    #[schema(value_type = Vec<String>, min_items = 1, required)]
    scopes: Option<Vec<String>>,
    /// When it ends by itself; never, when it is left out.
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<String>,
}

impl ApiKeyRequest {
    fn check(self, now: Timestamp) -> Result<NewApiKey, Problem> {
        let mut checks = Checks::default();
        let name = checks.required_text("name", self.name, (1, NAME_CHARS_MAX));
        let scopes = check_scopes(&mut checks, self.scopes.as_deref());
        let expires_at = checks.time("expiresAt", self.expires_at.as_deref());
        if expires_at.is_some_and(|end| end <= now) {
            let _: Option<()> = checks.fail("expiresAt", "must be in the future");
        }
        match (name, scopes) {
            (Some(name), Some(scopes)) if checks.passed() => {
                Ok(NewApiKey { name, scopes, expires_at })
            }
            _ => Err(checks.problem()),
        }
    }
}

fn check_scopes(checks: &mut Checks, named: Option<&[String]>) -> Option<Scopes> {
    let scopes = named.unwrap_or_default().iter().map(|name| Scopes::parse(name));
    let all = scopes.collect::<Option<Vec<_>>>().unwrap_or_default();
    let scopes = all.into_iter().fold(Scopes::NONE, Scopes::or);
    if scopes.is_empty() {
        return checks.fail("scopes", format!("must name some of: {}", Scopes::known()));
    }
    Some(scopes)
}

/// An API key without its secret.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = ApiKey, example = json!({
    "id": "01936f0e7e507cc398c4dc0c0c07398f", "name": "warehouse",
    "scopes": ["orders:read", "stock:write"], "createdAt": "2026-01-31T09:00:00.000Z"
}))]
pub struct ApiKeyDocument<'a> {
    id: &'a str,
    name: &'a str,
    scopes: Vec<&'static str>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Rfc3339,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Rfc3339>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    revoked_at: Option<Rfc3339>,
    /// The key itself, in the answer to its creation only.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
}

impl<'a> ApiKeyDocument<'a> {
    fn of(key: &'a ApiKey, text: Option<&'a str>) -> Self {
        Self {
            id: &key.id,
            name: &key.name,
            scopes: key.scopes.names().collect(),
            created_at: Rfc3339(key.created_at),
            expires_at: key.expires_at.map(Rfc3339),
            revoked_at: key.revoked_at.map(Rfc3339),
            key: text,
        }
    }
}

/// Makes an API key. Its text is shown this once.
#[utoipa::path(
    post, path = "/api/v1/api-keys", tag = "accounts", operation_id = "createApiKey",
    request_body = ApiKeyRequest,
    responses(
        (status = 201, description = "The key, with its text in `key`", body = ApiKeyDocument),
        SignInFailures, InputFailures, AccountFailures,
    )
)]
pub async fn create(
    State(api): State<Api>,
    Json { value, .. }: Json<ApiKeyRequest>,
) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let created = accounts.create_key(value.check(api.clock.now())?).await;
    let (key, text) = created.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    let document = ApiKeyDocument::of(&key, Some(&text));
    Ok(private(respond::json(StatusCode::CREATED, &document)))
}

/// Lists API keys, newest first, also those that were revoked.
#[utoipa::path(
    get, path = "/api/v1/api-keys", tag = "accounts", operation_id = "listApiKeys",
    params(PageParams),
    responses(
        (status = 200, description = "A page of keys", body = Page<ApiKeyDocument>),
        SignInFailures, InputFailures, AccountFailures,
    )
)]
pub async fn list(
    State(api): State<Api>,
    Params(page): Params<PageParams>,
) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let limit = page.limit()?;
    let after = page.cursor(|text| uuid::Uuid::try_parse(text).ok())?;
    let after = after.map(|id| id.simple().to_string());
    let keys = accounts.keys_after(after.as_deref(), limit).await;
    let keys = keys.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    let last = keys.last().filter(|_| keys.len() == limit as usize);
    let next_cursor = last.map(|key| key.id.clone());
    let data = keys.iter().map(|key| ApiKeyDocument::of(key, None)).collect();
    Ok(private(respond::json(StatusCode::OK, &Page { data, next_cursor })))
}

/// Revokes an API key: on this server at once, on others within five seconds.
#[utoipa::path(
    delete, path = "/api/v1/api-keys/{id}", tag = "accounts", operation_id = "revokeApiKey",
    params(("id" = String, Path, description = "The `id` of the key")),
    responses(
        (status = 204, description = "It does not work any more"),
        (status = 404, description = "`api-key-not-found`", body = Document,
            content_type = "application/problem+json"),
        SignInFailures, InputFailures, AccountFailures,
    )
)]
pub async fn revoke(
    State(api): State<Api>,
    TextPath(id): TextPath,
    _: NoBody,
) -> Result<StatusCode, Problem> {
    let revoked = accounts(&api)?.revoke_key(&id).await;
    if revoked.map_err(|error| Problem::of_account(&error, api.clock.now()))? {
        return Ok(StatusCode::NO_CONTENT);
    }
    Err(Problem::new(Code::ApiKeyNotFound, "there is no such API key"))
}
