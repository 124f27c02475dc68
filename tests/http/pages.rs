//! Pages: served from the program itself, with a policy that lets nothing else in.

use crate::expect;
use crate::support::{Answer, Stand, client};

/// Each page, and something that only it says.
const PAGES: [(&str, &str); 3] =
    [("/", "Held for you"), ("/admin", "Dead letters"), ("/monitor", "The numbers now")];

#[tokio::test]
async fn pages_are_whole_and_guarded() {
    let stand = Stand::embedded();
    let server = stand.start();
    for (path, words) in PAGES {
        let page = server.get(path).await;
        assert_eq!(page.status, 200, "{path}");
        assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
        assert!(page.text.contains(words), "{path}");
        let policy = page.header("content-security-policy");
        for part in ["default-src 'none';", "script-src 'self';", "style-src 'self';"] {
            assert!(policy.contains(part), "{policy}");
        }
        for part in ["connect-src 'self';", "frame-ancestors 'none'", "base-uri 'none';"] {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("x-content-type-options"), "nosniff");
        assert_eq!(page.header("cross-origin-opener-policy"), "same-origin");
        // All it names is here, and nothing of it would be refused by the policy.
        assert!(!page.text.contains(" style=") && !page.text.contains("=\"http"), "{path}");
        let files: Vec<_> = page.text.split('"').filter(|text| text.starts_with("/a")).collect();
        for file in files.iter().filter(|file| file.starts_with("/assets/")) {
            let answer = server.get(file).await;
            assert_eq!(answer.status, 200, "{file}");
            assert!(!answer.header("content-type").is_empty());
        }
        assert!(files.len() > 3, "{files:?}");
    }
}

/// A browser asks again each time, and is told in a few bytes that nothing has changed.
#[tokio::test]
async fn pages_are_asked_for_again_and_not_sent_again() {
    let stand = Stand::embedded();
    let server = stand.start();
    let mut tags = Vec::new();
    for path in ["/", "/admin", "/assets/store/store.js", "/assets/vendor/uPlot.esm.js"] {
        let first = server.get(path).await;
        assert_eq!(first.header("cache-control"), "no-cache", "{path}");
        let tag = first.header("etag").to_owned();
        assert!(tag.len() > 20 && !tags.contains(&tag), "{path}: {tag}");
        for (sent, status) in [(tag.as_str(), 304), ("\"another\"", 200), ("*", 304)] {
            let request = client().get(server.url(path)).header("if-none-match", sent);
            let again = Answer::of(request).await;
            assert_eq!(again.status, status, "{path} {sent}");
            assert_eq!(again.text.is_empty(), status == 304);
            assert_eq!(again.header("etag"), tag);
        }
        tags.push(tag);
    }
}

#[tokio::test]
async fn nothing_else_is_served() {
    let stand = Stand::embedded();
    let server = stand.start();
    for path in [
        "/assets/",
        "/assets/nothing.js",
        "/assets/store/index.html",
        "/assets/vendor/README.md",
        "/assets/..%2FCargo.toml",
        "/assets/..%2F..%2F..%2Fetc%2Fpasswd.txt",
        "/assets/../src/lib.rs",
        "/assets//etc/passwd",
        "/assets/%2Fetc%2Fhosts.txt",
        "/assets/%FF.js",
        "/assets/store%00.js",
        "/admin/",
        "/index.html",
    ] {
        expect::problem(&server.get(path).await, 404, "route-not-found");
    }
    let posted = server.post("/admin", serde_json::json!({})).await;
    expect::problem(&posted, 405, "method-not-allowed");
}

/// With accounts too: a page holds no data, and whoever signs in has to see it first.
#[tokio::test]
async fn pages_are_for_everybody() {
    let stand = Stand::embedded().setting("AUTH__MODE", "jwt");
    let server = stand.start();
    for (path, words) in PAGES {
        let page = server.get(path).await;
        assert!(page.status == 200 && page.text.contains(words), "{path}");
    }
}
