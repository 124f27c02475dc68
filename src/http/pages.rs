//! Pages: the store, the operator's page and the monitor, `/`, `/admin` and `/monitor`, with their files
//! under `/assets`.
//!
//! The files are those of `web/`, as part of the program; a debug build reads them from the folder, so that a
//! change is seen without building. They are the same for everybody and hold no data: pages ask the API like any
//! other client. A browser asks each time whether its copy is still the one (`no-cache`, `ETag`), so no page of
//! one version ever runs a script of another.

use super::problem::{Code, Problem};
use super::respond;
use super::surface::{OPENER_POLICY, PAGE_POLICY};
use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write;

#[derive(RustEmbed)]
#[folder = "web/"]
struct Files;

const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// `/`
pub async fn store(headers: HeaderMap) -> Response {
    page("store/index.html", &headers)
}

/// `/admin`
pub async fn admin(headers: HeaderMap) -> Response {
    page("admin/index.html", &headers)
}

/// `/monitor`
pub async fn monitor(headers: HeaderMap) -> Response {
    page("monitor/index.html", &headers)
}

/// `/assets/{file}`
pub async fn asset(path: Result<Path<String>, PathRejection>, headers: HeaderMap) -> Response {
    let Ok(Path(path)) = path else { return unknown() };
    match content_type(&path).and_then(|kind| Some((kind, Files::get(&path)?))) {
        Some((kind, file)) => answer(file, kind, &headers),
        None => unknown(),
    }
}

/// What a file is, by its name; what has another name is not served.
fn content_type(path: &str) -> Option<HeaderValue> {
    Some(HeaderValue::from_static(match path.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    }))
}

fn page(path: &str, headers: &HeaderMap) -> Response {
    Files::get(path).map_or_else(unknown, |file| answer(file, HTML, headers))
}

fn unknown() -> Response {
    Problem::new(Code::RouteNotFound, "the pages have no such file").into_response()
}

fn answer(file: EmbeddedFile, kind: HeaderValue, asked: &HeaderMap) -> Response {
    let tag = tag(&file);
    let mut response = if respond::is_known(asked, &tag) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(match file.data {
            std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
            std::borrow::Cow::Owned(bytes) => Body::from(bytes),
        })
    };
    let headers = response.headers_mut();
    let (opener, policy) = OPENER_POLICY;
    headers.insert(opener, policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, PAGE_POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::CONTENT_TYPE, kind);
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// The beginning of what the file hashes to.
fn tag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let mut tag = String::from('"');
    for byte in &hash[..12] {
        // Writing to a text cannot fail.
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}
