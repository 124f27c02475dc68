//! Auth: registering, signing in and staying signed in, and who one is. Answers with tokens are for the
//! caller alone and are never stored on the way.

use super::Api;
use super::access::Gate;
use super::body::Json;
use super::caller::Caller;
use super::checks::Checks;
use super::openapi::{AccountFailures, InputFailures, SignInFailures};
use super::problem::{Code, Document, Problem};
use super::respond;
use super::time::Rfc3339;
use crate::account::{
    Account, AccountError, Accounts, Email, Identity, PASSWORD_CHARS, Rights, SignedIn,
};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde::{Deserialize, Serialize};

/// How long others may keep the public keys, as `Cache-Control` says it.
const KEYS_CACHED: &str = "public, max-age=300";

/// Longest refresh token that is looked at.
const REFRESH_CHARS_MAX: usize = 200;

/// An address and a password.
// Never `Debug`: a password must not be printed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"email": "ann@example.com", "password": "correct horse battery"}))]
pub struct Credentials {
    #[schema(value_type = String, max_length = 254, format = Email, required)]
    email: Option<String>,
    /// Any characters.
    #[schema(value_type = String, min_length = 10, max_length = 128, format = Password, required)]
    password: Option<String>,
}

impl Credentials {
    fn check(self, is_new: bool) -> Result<(Email, String), Problem> {
        let mut checks = Checks::default();
        let email = match self.email {
            None => checks.fail("email", "is required"),
            Some(text) => Email::parse(&text)
                .or_else(|| checks.fail("email", "must be an address such as ann@example.com")),
        };
        let password = password(&mut checks, "password", self.password, is_new);
        match (email, password) {
            (Some(email), Some(password)) => Ok((email, password)),
            _ => Err(checks.problem()),
        }
    }
}

/// Only a new password has to be a good one; any other is right or wrong.
fn password(
    checks: &mut Checks,
    field: &'static str,
    sent: Option<String>,
    is_new: bool,
) -> Option<String> {
    let Some(text) = sent else { return checks.fail(field, "is required") };
    let chars = text.chars().count();
    let (least, most) = PASSWORD_CHARS.into_inner();
    if chars > most || (is_new && chars < least) {
        return checks.fail(field, format!("must have {least} to {most} characters"));
    }
    Some(text)
}

/// The password of now, and the next one.
// Never `Debug`: a password must not be printed.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({
    "currentPassword": "correct horse battery", "newPassword": "battery staple horse"
}))]
pub struct PasswordChange {
    #[schema(value_type = String, max_length = 128, format = Password, required)]
    current_password: Option<String>,
    /// Any characters.
    #[schema(value_type = String, min_length = 10, max_length = 128, format = Password, required)]
    new_password: Option<String>,
}

impl PasswordChange {
    fn check(self) -> Result<(String, String), Problem> {
        let mut checks = Checks::default();
        let current = password(&mut checks, "currentPassword", self.current_password, false);
        let new = password(&mut checks, "newPassword", self.new_password, true);
        current.zip(new).ok_or_else(|| checks.problem())
    }
}

/// A refresh token.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schema(example = json!({"refreshToken": "cbCwqU4…"}))]
pub struct RefreshRequest {
    #[schema(value_type = String, min_length = 1, max_length = 200, required)]
    refresh_token: Option<String>,
}

impl RefreshRequest {
    fn check(self) -> Result<String, Problem> {
        let mut checks = Checks::default();
        let token =
            checks.required_text("refreshToken", self.refresh_token, (1, REFRESH_CHARS_MAX));
        token.ok_or_else(|| checks.problem())
    }
}

/// Who somebody is to the shop.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Account, example = json!({
    "customerId": "01936f0e-7e50-7cc3-98c4-dc0c0c07398f", "role": "customer",
    "email": "ann@example.com", "createdAt": "2026-01-31T09:00:00.000Z"
}))]
pub struct AccountDocument<'a> {
    customer_id: &'a str,
    /// `customer`, `staff` or `admin`; left out of an API key.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    /// What an API key may do.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<&'static str>,
    /// Where the account is kept here.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    created_at: Option<Rfc3339>,
}

impl<'a> AccountDocument<'a> {
    fn of(account: &'a Account) -> Self {
        Self {
            customer_id: account.id.as_str(),
            role: Some(account.role.as_str()),
            scopes: Vec::new(),
            email: Some(&account.email),
            created_at: Some(Rfc3339(account.created_at)),
        }
    }

    /// What the token says goes before what the account says: it is what counts until it runs out.
    fn of_identity(identity: &'a Identity, account: Option<&'a Account>) -> Self {
        let (role, scopes) = match identity.rights {
            Rights::Person(role) => (Some(role.as_str()), Vec::new()),
            Rights::Machine(scopes) => (None, scopes.names().collect()),
        };
        Self {
            customer_id: identity.subject.as_str(),
            role,
            scopes,
            email: account.map(|account| account.email.as_str()),
            created_at: account.map(|account| Rfc3339(account.created_at)),
        }
    }
}

/// What somebody gets who is signed in.
#[derive(Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = SignedIn)]
pub struct SignedInDocument<'a> {
    account: AccountDocument<'a>,
    /// What to send as `Authorization: Bearer`.
    access_token: &'a str,
    /// Always `Bearer`.
    token_type: &'static str,
    /// Seconds.
    expires_in: u64,
    /// What to exchange for the next two; it works once.
    refresh_token: &'a str,
    #[schema(value_type = String, format = DateTime)]
    refresh_expires_at: Rfc3339,
}

fn signed_in(status: StatusCode, who: &SignedIn) -> Response {
    let document = SignedInDocument {
        account: AccountDocument::of(&who.account),
        access_token: &who.access_token,
        token_type: "Bearer",
        expires_in: who.access_seconds,
        refresh_token: &who.refresh_token,
        refresh_expires_at: Rfc3339(who.refresh_expires_at),
    };
    private(respond::json(status, &document))
}

/// For the caller alone.
pub(super) fn private(mut response: Response) -> Response {
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}

/// The accounts, where there are any.
pub(super) fn accounts(api: &Api) -> Result<&Accounts, Problem> {
    match &api.gate {
        Gate::Accounts(accounts) => Ok(accounts),
        Gate::Open(_) => Err(Problem::new(
            Code::RouteNotFound,
            "there are no accounts here: auth.mode is \"open\"",
        )),
    }
}

/// Makes an account, and signs in.
#[utoipa::path(
    post, path = "/api/v1/auth/register", tag = "accounts", operation_id = "register",
    request_body = Credentials,
    responses(
        (status = 201, description = "Signed in", body = SignedInDocument),
        (status = 409, description = "`account-exists`", body = Document,
            content_type = "application/problem+json"),
        InputFailures, AccountFailures,
    )
)]
pub async fn register(
    State(api): State<Api>,
    Json { value, .. }: Json<Credentials>,
) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let (email, password) = value.check(true)?;
    let registered = accounts.register(&email, password).await;
    let who = registered.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    Ok(signed_in(StatusCode::CREATED, &who))
}

/// Signs in. The answer is the same for an unknown address and a wrong password.
#[utoipa::path(
    post, path = "/api/v1/auth/login", tag = "accounts", operation_id = "logIn",
    request_body = Credentials,
    responses(
        (status = 200, description = "Signed in", body = SignedInDocument),
        (status = 401, description = "`invalid-credentials`", body = Document,
            content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait for `Retry-After` seconds",
            body = Document, content_type = "application/problem+json"),
        InputFailures, AccountFailures,
    )
)]
pub async fn log_in(
    State(api): State<Api>,
    Json { value, .. }: Json<Credentials>,
) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let (email, password) = value.check(false)?;
    let logged_in = accounts.log_in(&email, password).await;
    let who = logged_in.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    Ok(signed_in(StatusCode::OK, &who))
}

/// Exchanges a refresh token for the next one and a new access token. One that comes twice ends the
/// whole sign-in: somebody has a copy.
#[utoipa::path(
    post, path = "/api/v1/auth/refresh", tag = "accounts", operation_id = "refresh",
    request_body = RefreshRequest,
    responses(
        (status = 200, description = "Signed in still", body = SignedInDocument),
        (status = 401, description = "`refresh-token-reused`, `token-expired`, `invalid-token`",
            body = Document, content_type = "application/problem+json"),
        InputFailures, AccountFailures,
    )
)]
pub async fn refresh(
    State(api): State<Api>,
    Json { value, .. }: Json<RefreshRequest>,
) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let refreshed = accounts.refresh(&value.check()?).await;
    let who = refreshed.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    Ok(signed_in(StatusCode::OK, &who))
}

/// Ends a sign-in. Its access token is valid until it runs out.
#[utoipa::path(
    post, path = "/api/v1/auth/logout", tag = "accounts", operation_id = "logOut",
    request_body = RefreshRequest,
    responses(
        (status = 204, description = "No refresh token of this sign-in works any more"),
        InputFailures, AccountFailures,
    )
)]
pub async fn log_out(
    State(api): State<Api>,
    Json { value, .. }: Json<RefreshRequest>,
) -> Result<StatusCode, Problem> {
    let accounts = accounts(&api)?;
    let logged_out = accounts.log_out(&value.check()?).await;
    logged_out.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Changes the caller's password and ends all their sign-ins. Access tokens are valid until they run out.
#[utoipa::path(
    post, path = "/api/v1/auth/password", tag = "accounts", operation_id = "changePassword",
    request_body = PasswordChange,
    responses(
        (status = 204, description = "Sign in with the new password from now on"),
        (status = 401, description = "`invalid-credentials`: the current password is wrong; \
            `unauthorized`, `invalid-token`, `token-expired`", body = Document,
            content_type = "application/problem+json"),
        (status = 403, description = "`forbidden`: there is no account behind the token",
            body = Document, content_type = "application/problem+json"),
        (status = 429, description = "`too-many-attempts`: wait for `Retry-After` seconds",
            body = Document, content_type = "application/problem+json"),
        InputFailures, AccountFailures,
    )
)]
pub async fn change_password(
    State(api): State<Api>,
    caller: Caller,
    Json { value, .. }: Json<PasswordChange>,
) -> Result<StatusCode, Problem> {
    let accounts = accounts(&api)?;
    let (current, new) = value.check()?;
    let Some(subject) = caller.person() else {
        return Err(Problem::of_account(&AccountError::NoAccount, api.clock.now()));
    };
    let changed = accounts.change_password(subject, current, new).await;
    changed.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    Ok(StatusCode::NO_CONTENT)
}

/// Tells who the token is of.
#[utoipa::path(
    get, path = "/api/v1/auth/me", tag = "accounts", operation_id = "getMe",
    responses(
        (status = 200, description = "Who it is", body = AccountDocument),
        SignInFailures, AccountFailures,
    )
)]
pub async fn me(State(api): State<Api>, caller: Caller) -> Result<Response, Problem> {
    let accounts = accounts(&api)?;
    let Caller::Known(identity) = caller else { return Err(super::access::sign_in()) };
    let account = accounts.account(&identity.subject).await;
    let account = account.map_err(|error| Problem::of_account(&error, api.clock.now()))?;
    let document = AccountDocument::of_identity(&identity, account.as_ref());
    Ok(private(respond::json(StatusCode::OK, &document)))
}

/// The public keys that tokens are verified with, for services beside this one.
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "accounts", operation_id = "getPublicKeys",
    responses((status = 200, description = "A JWKS document (RFC 7517); without keys for HS256, whose \
        key is a secret, and with `auth.mode = \"open\"`", body = Object))
)]
pub async fn public_keys(State(api): State<Api>) -> Response {
    let keys = match &api.gate {
        Gate::Accounts(accounts) => accounts.public_keys(),
        Gate::Open(_) => r#"{"keys":[]}"#.to_owned(),
    };
    let mut response = Response::new(Body::from(keys));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(KEYS_CACHED));
    response
}
