//! Rules: recording and alerting, checked by promtool, and what must be true of every alert.

use crate::names::{assert_known, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    pub name: String,
    pub alert: bool,
    pub query: String,
    document: Value,
}

pub fn yaml(path: &Path) -> Value {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn items(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// The rules that the configuration names.
pub fn all() -> Vec<Rule> {
    let folder = root().join("prometheus");
    let configuration = yaml(&folder.join("prometheus.yml"));
    let mut rules = Vec::new();
    for file in items(&configuration["rule_files"]) {
        let document = yaml(&folder.join(file.as_str().expect("a path")));
        for rule in items(&document["groups"]).iter().flat_map(|group| items(&group["rules"])) {
            let alert = rule["alert"].as_str();
            let name = alert.or(rule["record"].as_str()).expect("a name").to_owned();
            let query = rule["expr"].as_str().expect("a query").to_owned();
            rules.push(Rule { name, alert: alert.is_some(), query, document: rule.clone() });
        }
    }
    assert!(rules.len() > 20, "{rules:?}");
    rules
}

/// Runs promtool in the folder `prometheus`; fails with what it says.
fn promtool(arguments: &[&str]) {
    let mut command = Command::new("promtool");
    let output = command.args(arguments).current_dir(root().join("prometheus")).output();
    let output = output.expect("promtool: run `apt-get install prometheus`, or ./scripts/test");
    let [out, err] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "promtool {arguments:?}:\n{out}{err}");
}

#[test]
fn promtool_accepts_the_configuration_and_the_rules() {
    promtool(&["check", "config", "prometheus.yml"]);
    promtool(&["check", "rules", "rules/recording.yml", "rules/alerts.yml"]);
}

#[test]
fn every_rule_does_what_its_tests_say() {
    promtool(&["test", "rules", "tests/recording.yml", "tests/alerts.yml"]);
}

#[test]
fn rules_ask_for_what_the_server_tells() {
    let mut names = BTreeSet::new();
    for rule in all() {
        assert!(names.insert(rule.name.clone()), "{} twice", rule.name);
        assert_known(&rule.name, &rule.query);
    }
}

#[test]
fn every_alert_says_what_to_do() {
    let manual = include_str!("../../docs/operations.md");
    for rule in all().iter().filter(|rule| rule.alert) {
        let (name, document) = (&rule.name, &rule.document);
        assert!(name.starts_with("Lastunit"), "{name}");
        let severity = document["labels"]["severity"].as_str().unwrap_or_default();
        assert!(["critical", "warning"].contains(&severity), "{name}: {severity}");
        let said = |what: &str| document["annotations"][what].as_str().unwrap_or_default();
        assert!((20..120).contains(&said("summary").len()), "{name}: {}", said("summary"));
        assert!(said("description").len() > 80, "{name}: {}", said("description"));
        assert!(manual.contains(&format!("`{name}`")), "docs/operations.md says nothing of {name}");
    }
}

/// Names of the alerts that a document of tests expects to fire.
fn firing(document: &Value) -> BTreeSet<String> {
    let mut firing = BTreeSet::new();
    for case in items(&document["tests"]) {
        for test in items(&case["promql_expr_test"]) {
            let labels = items(&test["exp_samples"]).iter().filter_map(|it| it["labels"].as_str());
            firing.extend(labels.filter_map(|it| {
                Some(it.split("alertname=\"").nth(1)?.split('"').next()?.to_owned())
            }));
        }
    }
    firing
}

/// Names of the alerts that are asked for where none is expected.
fn silent(document: &Value) -> BTreeSet<String> {
    let tests = items(&document["tests"]).iter().flat_map(|case| items(&case["alert_rule_test"]));
    let silent = tests.filter(|test| items(&test["exp_alerts"]).is_empty());
    silent.filter_map(|test| test["alertname"].as_str().map(str::to_owned)).collect()
}

#[test]
fn every_alert_is_shown_to_fire_and_to_be_silent() {
    let tests = yaml(&root().join("prometheus/tests/alerts.yml"));
    let alerts = all().into_iter().filter(|rule| rule.alert).map(|rule| rule.name);
    let alerts: BTreeSet<_> = alerts.collect();
    assert_eq!(firing(&tests), alerts, "shown to fire");
    assert_eq!(silent(&tests), alerts, "shown to be silent");
    let recording = yaml(&root().join("prometheus/tests/recording.yml")).to_string();
    for rule in all().into_iter().filter(|rule| !rule.alert) {
        assert!(recording.contains(&rule.name), "{} has no test", rule.name);
    }
}
