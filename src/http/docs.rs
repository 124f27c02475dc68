//! Docs: a page to try the API at, `/docs`. Its files are part of the program, so it works offline.

use super::problem::{Code, Problem};
use super::surface::{DOCS_POLICY, OPENER_POLICY};
use axum::body::Body;
use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use std::sync::{Arc, LazyLock};
use utoipa_swagger_ui::{Config, SwaggerFile};

static CONFIG: LazyLock<Arc<Config<'static>>> =
    LazyLock::new(|| Arc::new(Config::new(["/openapi.json"]).validator_url("none")));

/// `/docs`: the page's own links need the slash at the end.
pub async fn redirect() -> Redirect {
    Redirect::to("/docs/")
}

/// `/docs/`
pub async fn index() -> Response {
    file("index.html")
}

/// `/docs/{file}`
pub async fn asset(path: Result<Path<String>, PathRejection>) -> Response {
    path.map_or_else(|_| file("?"), |Path(path)| file(&path))
}

fn file(path: &str) -> Response {
    match utoipa_swagger_ui::serve(path, CONFIG.clone()) {
        Ok(Some(file)) => found(file),
        Ok(None) => Problem::new(Code::RouteNotFound, "the page has no such file").into_response(),
        Err(error) => {
            tracing::error!(%error, "a file of the page cannot be served");
            Problem::new(Code::Internal, "the page cannot be served; the log says more")
                .into_response()
        }
    }
}

fn found(SwaggerFile { bytes, content_type, gzpipped, .. }: SwaggerFile<'static>) -> Response {
    let mut response = Response::new(match bytes {
        std::borrow::Cow::Borrowed(bytes) => Body::from(bytes),
        std::borrow::Cow::Owned(bytes) => Body::from(bytes),
    });
    let headers = response.headers_mut();
    let (opener, policy) = OPENER_POLICY;
    headers.insert(opener, policy);
    headers.insert(header::CONTENT_SECURITY_POLICY, DOCS_POLICY);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if let Ok(content_type) = HeaderValue::from_str(&content_type) {
        headers.insert(header::CONTENT_TYPE, content_type);
    }
    if gzpipped {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_inside() {
        for (path, status) in [("index.html", 200), ("swagger-ui.css", 200), ("../x", 404)] {
            assert_eq!(file(path).status().as_u16(), status, "{path}");
        }
    }
}
