//! Monitoring: numbers and alerts are for whoever runs the shop, by route and by topic.

use crate::expect;
use crate::shop::{As, send, stand, token};
use crate::support::client;
use serde_json::Value;

#[tokio::test]
async fn topics_ask_for_the_same_rights_as_routes() {
    let stand = stand();
    let server = stand.start();
    let customer = token(&stand, "customer", "ann");
    let staff = token(&stand, "staff", "ops");
    for topic in ["metrics", "alerts"] {
        for path in ["/api/v1/monitoring/", "/events?topics="] {
            let route = format!("GET {path}{topic}");
            let nobody = send(&server, As::Nobody, &route, Value::Null).await;
            expect::problem(&nobody, 401, "unauthorized");
            let nonsense = send(&server, As::Token("nonsense"), &route, Value::Null).await;
            expect::problem(&nonsense, 401, "invalid-token");
            let refused = send(&server, As::Token(&customer), &route, Value::Null).await;
            expect::problem(&refused, 403, "forbidden");
        }
        let request = client().get(server.url(&format!("/events?topics={topic}")));
        let mut events = request.bearer_auth(&staff).send().await.expect("an answer");
        assert_eq!(events.status(), 200);
        let mut text = String::new();
        while !text.contains("\nevent: value\n") {
            let chunk = events.chunk().await.expect("a stream").expect("no end");
            text.push_str(std::str::from_utf8(&chunk).expect("UTF-8"));
        }
        assert!(text.contains(&format!("\"topic\":\"{topic}\"")), "{text}");
    }
}
