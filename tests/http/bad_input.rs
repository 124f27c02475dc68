//! Bad input: everything a caller can get wrong, as tables. Each row has its status and code and, where
//! a value is out of range, names the field; and after each row the stock, its version and the number
//! of facts in the journal are what they were: bad input changes nothing.

mod orders;
mod products;
mod queries;

use crate::expect;
use crate::support::{Answer, Server, Stand, client};
use reqwest::Method;
use std::process::Command;

/// How a row is answered.
#[derive(Debug, Clone, Copy)]
enum Refused {
    /// 400: it cannot be read.
    Unreadable,
    /// 422: these fields are out of range.
    OutOfRange(&'static [&'static str]),
    /// Anything else.
    With(u16, &'static str),
}

use Refused::{OutOfRange, Unreadable, With};

/// An integer written wrongly, for a field that takes 1 to at most 1,000,000,000: the text and whether
/// it is an integer at all.
const NUMBERS: [(&str, bool); 26] = [
    ("0", true),
    ("-1", true),
    // What would be 1 after losing the upper half of its bits.
    ("4294967297", true),
    ("18446744073709551617", true),
    ("9223372036854775808", true),
    ("-9223372036854775809", true),
    ("99999999999999999999", true),
    ("-99999999999999999999", true),
    ("1e19", true),
    ("1.5", false),
    ("0.0", true),
    ("0.1", false),
    ("1e-1", false),
    ("-0", true),
    ("\"1\"", false),
    ("\"\"", false),
    ("\"one\"", false),
    ("true", false),
    ("[1]", false),
    ("{}", false),
    ("01", false),
    ("+1", false),
    ("0x1", false),
    ("1_0", false),
    ("NaN", false),
    ("Infinity", false),
];

/// A shop with one product that has seen everything: 8 units available, 1 held, 1 sold.
struct Shop {
    stand: Stand,
    server: Server,
    product: u64,
    reservation: String,
}

impl Shop {
    async fn open() -> Self {
        let stand = Stand::embedded();
        let server = stand.start();
        let product = server.create_product(10).await;
        expect::success(&server.buy(product, 1, "ann").await, 201);
        let held = server.hold(product, 1, "ann", 3_600).await;
        let reservation = held.body["reservationId"].as_str().expect("an id").to_owned();
        Self { stand, server, product, reservation }
    }

    /// Puts the shop's product and reservation where `$P` and `$R` stand.
    fn fill(&self, text: &str) -> String {
        text.replace("$P", &self.product.to_string()).replace("$R", &self.reservation)
    }

    /// All that could have changed: the stock with its version, and the journal's facts.
    async fn state(&self) -> (String, usize) {
        let stock = self.server.get(&self.fill("/api/v1/products/$P/stock")).await;
        assert_eq!(stock.status, 200, "{}", stock.text);
        let mut cat: Command = self.stand.command(&["journal", "cat"]);
        let output = cat.output().expect("the binary runs");
        let complaint = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{complaint}");
        (stock.text, String::from_utf8_lossy(&output.stdout).lines().count())
    }

    /// Sends requests one by one; each must be refused as told and change nothing.
    async fn refuses(&self, requests: impl IntoIterator<Item = (Request, Refused)>) {
        let before = self.state().await;
        assert_eq!(before.1, 3, "created, purchased, held");
        for (request, refused) in requests {
            let told = request.told();
            let answer = request.send(self).await;
            assert_refused(&answer, refused, &told);
            assert_eq!(self.state().await, before, "changed by {told}");
        }
        assert_eq!(self.server.get("/health/ready").await.status, 200);
    }

    /// The same for bodies sent to one route.
    async fn refuses_bodies<B: AsRef<[u8]>>(
        &self,
        path: &str,
        bodies: impl IntoIterator<Item = (B, Refused)>,
    ) {
        let requests =
            bodies.into_iter().map(|(body, refused)| (post(path, body.as_ref()), refused));
        self.refuses(requests).await;
    }
}

/// A request before `$P` and `$R` are filled in.
struct Request {
    method: Method,
    path: String,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

/// A POST of a JSON body.
fn post(path: &str, body: &[u8]) -> Request {
    let headers = vec![("content-type", b"application/json".to_vec())];
    Request { method: Method::POST, path: path.to_owned(), headers, body: body.to_vec() }
}

impl Request {
    fn with_header(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name, value.as_ref().to_vec()));
        self
    }

    /// The request in a line, for messages.
    fn told(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(200).collect();
        format!("{} {} {body}", self.method, self.path)
    }

    async fn send(self, shop: &Shop) -> Answer {
        let body = match String::from_utf8(self.body) {
            Ok(text) => shop.fill(&text).into_bytes(),
            Err(other) => other.into_bytes(),
        };
        let url = shop.server.url(&shop.fill(&self.path));
        let mut request = client().request(self.method, url).body(body);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        Answer::of(request).await
    }
}

#[track_caller]
fn assert_refused(answer: &Answer, refused: Refused, told: &str) {
    let (status, code) = match refused {
        Unreadable => (400, "invalid-request"),
        OutOfRange(_) => (422, "validation-failed"),
        With(status, code) => (status, code),
    };
    assert_eq!((answer.status, answer.code()), (status, code), "{told}: {}", answer.text);
    let members = expect::problem(answer, status, code);
    let errors = members["errors"].as_array();
    let fields: Option<Vec<_>> =
        errors.map(|errors| errors.iter().filter_map(|error| error["field"].as_str()).collect());
    match refused {
        OutOfRange(expected) => assert_eq!(fields.as_deref(), Some(expected), "{told}"),
        Unreadable | With(..) => assert_eq!(fields, None, "{told}"),
    }
    for error in errors.into_iter().flatten() {
        assert!(error["message"].as_str().is_some_and(|text| text.len() > 5), "{told}: {error}");
    }
}

/// Bodies that are wrong for every route that reads one. `valid` is a body the route would take.
fn unreadable_bodies(valid: &str) -> Vec<(Vec<u8>, Refused)> {
    let deep = |open: &str, close: &str, times: usize| {
        format!(r#"{{"x": {}1{}}}"#, open.repeat(times), close.repeat(times))
    };
    let opened = valid.trim_end_matches('}');
    let texts = [
        String::new(),
        " \n".into(),
        "{".into(),
        "}".into(),
        "nonsense".into(),
        "'a'".into(),
        "null".into(),
        "true".into(),
        "1".into(),
        "\"text\"".into(),
        "[]".into(),
        format!("[{valid}]"),
        format!("{valid} x"),
        format!("{valid}{valid}"),
        format!("{opened},}}"),
        format!("{opened} // comment\n}}"),
        opened.to_owned(),
        format!(r#"{opened}, "unknown": 1}}"#),
        format!(r#"{opened}, "__proto__": {{}}}}"#),
        format!(r#"{opened}, "": ""}}"#),
        format!("{opened}, \"bad\": \"\\ud800\"}}"),
        format!("{opened}, \"bad\": \"\u{1}\"}}"),
        format!("\u{feff}{valid}"),
        deep("[", "]", 50),
        deep("[", "]", 7_000),
        deep(r#"{"x":"#, "}", 2_000),
        "[".repeat(16_000),
        r#"{"x":"#.repeat(3_000),
    ];
    let mut bodies: Vec<_> =
        texts.into_iter().map(|text| (text.into_bytes(), Unreadable)).collect();
    for bytes in [&b"\xff\xfe{\0}\0"[..], b"\xff", b"{\"\xc3\x28\": 1}", b"\0", b"\x1f\x8b\x08\0"] {
        bodies.push((bytes.to_vec(), Unreadable));
    }
    // Every field twice, and in another case.
    let object: serde_json::Value =
        serde_json::from_str(&valid.replace("$P", "1")).expect("a valid body");
    for (field, value) in object.as_object().expect("an object") {
        bodies.push((format!(r#"{opened}, "{field}": {value}}}"#).into_bytes(), Unreadable));
        let other_case = valid.replace(field, &field.to_uppercase());
        bodies.push((other_case.into_bytes(), Unreadable));
    }
    let padded = format!("{valid}{}", " ".repeat(1_048_576));
    bodies.push((padded.into_bytes(), With(413, "body-too-large")));
    bodies.push((vec![b'x'; 1_048_576], With(413, "body-too-large")));
    bodies.push((vec![b'['; 16_385], With(413, "body-too-large")));
    bodies
}

/// Requests whose headers are wrong, for a route that takes a key and the body `valid`.
fn bad_headers(path: &str, valid: &str) -> Vec<(Request, Refused)> {
    let key = |value: &[u8]| post(path, valid.as_bytes()).with_header("idempotency-key", value);
    let long = "k".repeat(256);
    let too_long = OutOfRange(&["Idempotency-Key"]);
    let mut requests = vec![
        (key(long.as_bytes()), too_long),
        (key(format!("\"{long}\"").as_bytes()), too_long),
        (key("k".repeat(4_000).as_bytes()), too_long),
    ];
    for bad in
        [&b""[..], b"\"\"", b"\"a", b"a\"", b"\"a\"b\"", b"\"a\\b\"", b"a\tb", b"\xc3\xa4", b"\xff"]
    {
        requests.push((key(bad), Unreadable));
    }
    requests.push((key(b"a").with_header("idempotency-key", "b"), Unreadable));
    for kind in ["text/plain", "application/xml", "multipart/form-data; boundary=x", "", "json"] {
        let mut request = post(path, valid.as_bytes());
        request.headers = vec![("content-type", kind.as_bytes().to_vec())];
        requests.push((request, With(415, "unsupported-media-type")));
    }
    let mut without = post(path, valid.as_bytes());
    without.headers.clear();
    requests.push((without, With(415, "unsupported-media-type")));
    requests
}

/// Bodies made of `template` with each wrong number in the place of `$N`.
fn bad_numbers(template: &str, field: &'static [&'static str]) -> Vec<(String, Refused)> {
    let wrong = |integer| if integer { OutOfRange(field) } else { Unreadable };
    let mut bodies: Vec<_> = NUMBERS
        .iter()
        .map(|(number, integer)| (template.replace("$N", number), wrong(*integer)))
        .collect();
    // Beyond what a JSON reader takes for a number.
    for huge in ["1e400", "-1e400", &"9".repeat(400)] {
        bodies.push((template.replace("$N", huge), OutOfRange(field)));
    }
    bodies
}
