//! Real servers in this process, for targets that ask questions: all stages, stores in files of a temporary
//! folder (`TMPDIR`; in memory is fastest), no limits on how often one may ask.

use axum::body::Body;
use axum::http::{Method, Request, header};
use lastunit::account::{Role, sign_offline};
use lastunit::app::{InProcess, in_process};
use lastunit::clock::Clock;
use lastunit::config::{Config, Flags, load};
use lastunit::domain::CustomerId;
use serde_json::json;
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// As long as tokens may be valid here: longer than anybody fuzzes.
const TOKEN_SECONDS: u64 = 30 * 24 * 3600;

/// One server. Lives as long as the process.
pub struct Shop {
    pub runtime: Runtime,
    pub server: InProcess,
    config: Config,
    _folder: TempDir,
}

impl Shop {
    /// `mode` as in `auth.mode`; `"jwt"` has accounts.
    pub fn open(mode: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let data = folder.path().join("data").display().to_string();
        let settings = [
            ("DATA_DIR", data.as_str()),
            ("SERVER__LISTEN", "127.0.0.1:0"),
            ("AUTH__MODE", mode),
            ("LIMITS__ENABLED", "false"),
            ("LIVE__CLIENTS_PER_ADDRESS_MAX", "1000000"),
            ("ENGINE__THREADS", "1"),
            ("PAYMENT__WEBHOOK_SECRETS", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        ];
        let variables =
            settings.map(|(name, value)| (format!("LASTUNIT_{name}"), value.to_owned()));
        let config = load(None, variables.into_iter(), &Flags::default()).expect("settings");
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).enable_all().build().expect("a runtime");
        let server = runtime.block_on(in_process(&config)).expect("a server");
        let shop = Self { runtime, server, config, _folder: folder };
        shop.fill();
        shop
    }

    /// A token of that role, for whom tokens are looked at.
    pub fn token(&self, subject: &str, role: Role) -> String {
        let settings = self.config.accounts();
        let subject = CustomerId::new(subject).expect("a customer");
        let times = (Clock::system().now(), TOKEN_SECONDS);
        sign_offline(&settings.keys, &settings.rules, (&subject, role), times).expect("a token")
    }

    /// What notices of the payment provider are signed with.
    pub fn webhook_keys(&self) -> Vec<Vec<u8>> {
        self.config.payment.webhook_keys()
    }

    /// Product 1 has plenty, 2 is sold out, 3 is sold in sale 1 only, 4 not any more.
    fn fill(&self) {
        let token = (self.config.auth.mode == lastunit::config::AuthMode::Jwt)
            .then(|| self.token("fuzz", Role::Admin));
        let product = |name: &str, stock: u64| json!({ "name": name, "stock": stock, "price": { "amount": 999, "currency": "EUR" } });
        let sale = json!({
            "name": "Drop", "endsAt": "2100-01-01T00:00:00Z",
            "products": [{ "productId": 3, "units": 1000, "limitPerCustomer": 2,
                "price": { "amount": 500, "currency": "EUR" } }]
        });
        for (method, path, body) in [
            (Method::POST, "/api/v1/products", product("Plenty", 900_000_000)),
            (Method::POST, "/api/v1/products", product("None left", 0)),
            (Method::POST, "/api/v1/products", product("In a sale", 5000)),
            (Method::POST, "/api/v1/products", product("Gone", 10)),
            (Method::POST, "/api/v1/sales", sale),
            (Method::DELETE, "/api/v1/products/4", json!({})),
        ] {
            let mut request = Request::builder().method(method).uri(path);
            request = request.header(header::CONTENT_TYPE, "application/json");
            if let Some(token) = &token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let request = request.body(Body::from(body.to_string())).expect("a request");
            let answer = self.runtime.block_on(self.server.router.clone().oneshot(request));
            let status = answer.expect("routes always answer").status();
            assert!(status.is_success(), "{path}: {status}");
        }
    }
}

/// A text with something put in the place of a word.
pub fn replaced(text: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let mut result = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(what.len()).position(|part| part == what) {
        result.extend_from_slice(&rest[..at]);
        result.extend_from_slice(by);
        rest = &rest[at + what.len()..];
    }
    result.extend_from_slice(rest);
    result
}
