//! A real Prometheus asks a real server, and then answers every query there is.

use crate::boards;
use crate::load::Shop;
use crate::prometheus::Prometheus;
use crate::rules;
use crate::support::Stand;
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the shop sells: several scrapes, two seconds apart.
const LOAD: Duration = Duration::from_secs(9);

/// Seconds between two points of an answer.
pub const STEP: f64 = 2.0;

/// How long Prometheus may take to evaluate each rule once more.
const RULES_MAX: Duration = Duration::from_secs(20);

/// Panels that show what did not happen, and are empty while all is well.
const EMPTY_WHEN_WELL: [&str; 2] = ["server: Failures by route", "annotation Alerts"];

fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs_f64()
}

/// A query as Grafana would send it, for all servers and one minute.
fn filled_in(query: &str) -> String {
    let mut query = query.to_owned();
    for (variable, value) in [
        ("$__rate_interval", "10s"),
        ("$__range", "1m"),
        ("$__interval", "5s"),
        ("$instance", ".*"),
    ] {
        query = query.replace(variable, value);
    }
    assert!(!query.contains('$'), "a variable that nobody fills in: {query}");
    query
}

/// Waits until every rule was evaluated after this time; fails with the first that cannot be.
async fn evaluated_since(prometheus: &Prometheus, count: usize, since: f64) -> Value {
    let started = Instant::now();
    loop {
        let data = prometheus.ask("rules", &[]).await;
        let groups = data["groups"].as_array().expect("groups");
        let rules: Vec<&Value> =
            groups.iter().flat_map(|group| group["rules"].as_array().expect("rules")).collect();
        assert_eq!(rules.len(), count);
        for rule in &rules {
            assert_ne!(rule["health"], "err", "{rule}");
        }
        let fresh = |rule: &&Value| {
            let at =
                rule["lastEvaluation"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            rule["health"] == "ok" && at.is_some_and(|at| at.as_duration().as_secs_f64() > since)
        };
        if rules.iter().all(fresh) {
            return data;
        }
        assert!(started.elapsed() < RULES_MAX, "not all were evaluated: {data}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn every_query_is_answered_and_what_happened_is_shown() {
    let stand = Stand::embedded();
    let server = stand.start();
    let prometheus = Prometheus::start(&server).await;
    let from = now();
    let shop = Shop::open(&server).await;
    shop.sell(&server, LOAD).await;
    let rules = rules::all();
    let evaluated = evaluated_since(&prometheus, rules.len(), now()).await;
    // One step further: the newest sample is seen by the first step behind it.
    let time = (from, now() + STEP);

    let mut empty = Vec::new();
    for panel in boards::panels() {
        for query in &panel.queries {
            let values = prometheus.range(&filled_in(query), time).await;
            let may_be_empty = EMPTY_WHEN_WELL.iter().any(|name| panel.name.ends_with(name));
            if !may_be_empty && !values.iter().any(|value| value.is_finite()) {
                empty.push(format!("{}: {query}", panel.name));
            }
        }
    }
    for rule in &rules {
        prometheus.range(&rule.query, time).await;
        let recorded = if rule.alert { vec![] } else { prometheus.range(&rule.name, time).await };
        if !rule.alert && !recorded.iter().any(|value| value.is_finite()) {
            empty.push(format!("{}: {}", rule.name, rule.query));
        }
    }
    assert!(empty.is_empty(), "without data:\n{}\n{evaluated}", empty.join("\n"));
    let firing = prometheus.range(r#"ALERTS{alertstate="firing"}"#, time).await;
    assert!(firing.is_empty(), "an alert in a sale that goes well: {evaluated}");
    assert!(server.stop().success());
    stand.assert_audit();
}
