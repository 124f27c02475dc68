//! Events: the same values as server-sent events.

use crate::screen::{SOON, metric_becomes};
use crate::support::{Server, Stand, client};
use serde_json::{Value, json};

/// A client of `/events`.
struct Events {
    response: reqwest::Response,
    text: String,
}

impl Events {
    async fn follow(server: &Server, topics: &str, last_event_id: Option<&str>) -> Self {
        let mut request = client().get(server.url(&format!("/events?topics={topics}")));
        if let Some(id) = last_event_id {
            request = request.header("Last-Event-ID", id);
        }
        let response = request.send().await.expect("an answer");
        assert_eq!(response.status().as_u16(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        Self { response, text: String::new() }
    }

    /// The next event: its id and its data.
    async fn next(&mut self) -> (String, Value) {
        let event = async {
            loop {
                if let Some(end) = self.text.find("\n\n") {
                    let block: String = self.text.drain(..end + 2).collect();
                    let field = |name: &str| {
                        block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
                    };
                    if let (Some(id), Some(data)) = (field("id: "), field("data: ")) {
                        break (id, serde_json::from_str(&data).expect("JSON"));
                    }
                    continue;
                }
                let chunk = self.response.chunk().await.expect("bytes").expect("more");
                self.text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
            }
        };
        tokio::time::timeout(SOON, event).await.expect("an event in time")
    }
}

#[tokio::test]
async fn events_tell_what_sockets_tell() {
    // Half of a connection may be closed: that a client has left is noticed when it is written to.
    let stand = Stand::embedded().setting("LIVE__PING_SECONDS", 1);
    let server = stand.start();
    let product = server.create_product(10).await;
    let topic = format!("stock:{product}");
    let mut events = Events::follow(&server, &format!("{topic},orders:ann"), None).await;
    let (id, first) = events.next().await;
    assert_eq!((&first["topic"], &first["data"]["available"]), (&json!(topic), &json!(10)));
    let (version, tag) = id.rsplit_once('.').expect("a version and a topic");
    assert_eq!((first["version"].as_str(), tag.len()), (Some(version), 8));
    assert_eq!(events.next().await.1["data"], json!([]));
    server.buy(product, 1, "ann").await;
    let mut seen = vec![];
    while seen.len() < 2 {
        let (id, event) = events.next().await;
        seen.push((event["topic"].as_str().unwrap().to_owned(), id));
    }
    let (_, id) = seen.into_iter().find(|(name, _)| *name == topic).expect("the stock");
    drop(events);
    metric_becomes(&server, "lastunit_live_clients{transport=\"sse\"}", 0.0).await;
    // Whoever comes back is not told again what they know.
    let mut events = Events::follow(&server, &topic, Some(&id)).await;
    server.buy(product, 1, "ann").await;
    assert_eq!(events.next().await.1["data"]["available"], 8);
    // What was seen of one topic says nothing of another, whose version may be the same.
    let (version, _) = id.rsplit_once('.').expect("a version and a topic");
    let others = format!("{version}.00000000");
    let mut events = Events::follow(&server, &topic, Some(&others)).await;
    assert_eq!(events.next().await.1["data"]["available"], 8);
}

#[tokio::test]
async fn what_cannot_be_followed_is_a_problem() {
    let stand = Stand::embedded();
    let server = stand.start();
    for (query, status, code) in [
        ("", 422, "validation-failed"),
        ("?topics=", 422, "validation-failed"),
        ("?topics=,,", 422, "validation-failed"),
        ("?topics=stock:1", 404, "product-not-found"),
        ("?topics=sale:1", 404, "sale-not-found"),
        ("?topics=weather", 404, "topic-not-found"),
        ("?topics=orders%3A", 404, "topic-not-found"),
    ] {
        let answer = server.get(&format!("/events{query}")).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{query}: {}", answer.text);
    }
    let many: Vec<_> = (0..100).map(|number| format!("stock:{number}")).collect();
    let answer = server.get(&format!("/events?topics={}", many.join(","))).await;
    assert_eq!((answer.status, answer.code()), (422, "validation-failed"));
    assert_eq!(server.post("/events", json!({})).await.status, 405);
    metric_becomes(&server, "lastunit_live_clients{transport=\"sse\"}", 0.0).await;
}
