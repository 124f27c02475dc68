//! A shop with accounts: the real binary, and everybody who comes to it.

use crate::support::{Answer, Server, Stand, client};
use serde_json::{Value, json};

/// Settings of a server with accounts.
pub fn stand() -> Stand {
    Stand::embedded().setting("AUTH__MODE", "jwt")
}

/// A token that `lastunit token` prints.
pub fn token(stand: &Stand, role: &str, subject: &str) -> String {
    let output = stand.command(&["token", "--role", role, "--subject", subject]).output();
    let output = output.expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("a token").trim().to_owned()
}

/// What is sent to say who one is.
#[derive(Clone, Copy)]
pub enum As<'a> {
    Nobody,
    Token(&'a str),
    Key(&'a str),
}

pub async fn send(server: &Server, who: As<'_>, route: &str, body: Value) -> Answer {
    send_with(server, who, route, body, &[]).await
}

/// Sends `METHOD /path`, with a body unless it is null.
pub async fn send_with(
    server: &Server,
    who: As<'_>,
    route: &str,
    body: Value,
    headers: &[(&str, &str)],
) -> Answer {
    let (method, path) = route.split_once(' ').expect("method and path");
    let mut request = client().request(method.parse().expect("a method"), server.url(path));
    if !body.is_null() {
        request = request.json(&body);
    }
    request = match who {
        As::Nobody => request,
        As::Token(token) => request.header("authorization", format!("Bearer {token}")),
        As::Key(key) => request.header("x-api-key", key),
    };
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request).await
}

pub const PASSWORD: &str = "correct horse battery";

/// Somebody who has registered.
pub struct Person {
    pub id: String,
    pub access: String,
    pub refresh: String,
}

impl Person {
    pub fn of(answer: &Answer) -> Self {
        let text = |pointer: &str| {
            answer.body.pointer(pointer).and_then(Value::as_str).expect(pointer).to_owned()
        };
        Self {
            id: text("/account/customerId"),
            access: text("/accessToken"),
            refresh: text("/refreshToken"),
        }
    }

    pub fn token(&self) -> As<'_> {
        As::Token(&self.access)
    }
}

pub async fn register(server: &Server, email: &str) -> Person {
    let body = json!({"email": email, "password": PASSWORD});
    let answer = send(server, As::Nobody, "POST /api/v1/auth/register", body).await;
    crate::expect::success(&answer, 201);
    Person::of(&answer)
}

pub async fn log_in(server: &Server, email: &str, password: &str) -> Answer {
    let body = json!({"email": email, "password": password});
    send(server, As::Nobody, "POST /api/v1/auth/login", body).await
}

pub async fn refresh(server: &Server, token: &str) -> Answer {
    let body = json!({"refreshToken": token});
    send(server, As::Nobody, "POST /api/v1/auth/refresh", body).await
}

/// A product, made by an admin.
pub async fn create_product(server: &Server, admin: &str, stock: u64) -> u64 {
    let price = json!({"amount": 999, "currency": "USD"});
    let body = json!({"name": "thing", "price": price, "stock": stock});
    let answer = send(server, As::Token(admin), "POST /api/v1/products", body).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    answer.body["productId"].as_u64().expect("a product id")
}
