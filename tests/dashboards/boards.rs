//! Dashboards as they are in the repository, and what must be true of every panel.

use crate::names::{asked, assert_known, named, root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

/// One panel with its queries.
#[derive(Debug)]
pub struct Panel {
    /// Dashboard and title, for messages.
    pub name: String,
    pub queries: Vec<String>,
}

pub fn boards() -> Vec<(String, Value)> {
    let folder = root().join("grafana/dashboards");
    let files = fs::read_dir(&folder).expect("the folder of dashboards");
    let mut boards: Vec<_> = files
        .map(|file| {
            let path = file.expect("a readable folder").path();
            let text = fs::read_to_string(&path).expect("a readable file");
            let board = serde_json::from_str(&text);
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, board.unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        })
        .collect();
    boards.sort_by(|(one, _), (other, _)| one.cmp(other));
    boards
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// Everything that asks Prometheus: panels, and what a dashboard asks for as a whole.
pub fn panels() -> Vec<Panel> {
    let mut panels = Vec::new();
    for (name, board) in boards() {
        for panel in list(&board, "panels").iter().filter(|panel| panel["type"] != "row") {
            let queries =
                list(panel, "targets").iter().map(|target| text(target, "expr").to_owned());
            let name = format!("{name}: {}", text(panel, "title"));
            panels.push(Panel { name, queries: queries.collect() });
        }
        for annotation in list(&board["annotations"], "list") {
            let name = format!("{name}: annotation {}", text(annotation, "name"));
            panels.push(Panel { name, queries: vec![text(annotation, "expr").to_owned()] });
        }
    }
    panels
}

#[test]
fn the_three_dashboards_are_there_and_can_be_imported() {
    let boards = boards();
    let names: Vec<_> = boards.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["contention-test", "sale-overview", "server"]);
    let mut uids = BTreeSet::new();
    for (name, board) in &boards {
        let uid = text(board, "uid");
        assert!((1..=40).contains(&uid.len()) && uids.insert(uid), "{name}: {uid}");
        assert!(board["schemaVersion"].as_u64() >= Some(39), "{name}");
        assert!(board.get("id").is_none(), "{name}: an id belongs to one Grafana");
        assert!(!text(board, "title").is_empty() && text(board, "description").ends_with('.'));
        let variables = list(&board["templating"], "list");
        let source = variables.iter().find(|variable| variable["name"] == "datasource");
        assert_eq!(source.map(|source| text(source, "type")), Some("datasource"), "{name}");
        let instance = variables.iter().find(|variable| variable["name"] == "instance");
        let query = text(&instance.expect("the variable instance")["query"], "query");
        assert_known(name, query.trim_start_matches("label_values("));
    }
}

#[test]
fn every_panel_says_what_it_shows() {
    for (name, board) in boards() {
        let (mut ids, mut titles) = (BTreeSet::new(), BTreeSet::new());
        for panel in list(&board, "panels") {
            let title = text(panel, "title");
            let name = format!("{name}: {title}");
            assert!(!title.is_empty(), "{panel}");
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{name}: its id twice");
            if panel["type"] == "row" {
                continue;
            }
            assert!(titles.insert(title), "{name}: twice");
            assert!(text(panel, "description").ends_with('.'), "{name}: no description");
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{name}");
            let defaults = &panel["fieldConfig"]["defaults"];
            assert!(!text(defaults, "unit").is_empty(), "{name}: no unit");
            let steps = list(&defaults["thresholds"], "steps");
            let limits: Vec<_> = steps.iter().map(|step| step["value"].as_f64()).collect();
            assert_eq!(
                limits.first(),
                Some(&None),
                "{name}: thresholds begin with a colour for all"
            );
            assert!(limits.is_sorted() && !limits[1..].contains(&None), "{name}: {limits:?}");
            let targets = list(panel, "targets");
            let letters: BTreeSet<_> = targets.iter().map(|target| text(target, "refId")).collect();
            assert_eq!(letters.len(), targets.len(), "{name}: a refId twice");
            assert!(!targets.is_empty(), "{name}: asks nothing");
            for target in targets {
                assert!(
                    !text(target, "legendFormat").is_empty(),
                    "{name}: a series without a name"
                );
                assert_eq!(target["datasource"]["uid"], "${datasource}", "{name}");
            }
        }
    }
}

#[test]
fn no_panel_lies_over_another() {
    for (name, board) in boards() {
        let mut taken = BTreeSet::new();
        for panel in list(&board, "panels") {
            let side = |side: &str| panel["gridPos"][side].as_u64().expect("a place");
            let (left, width) = (side("x"), side("w"));
            assert!(width > 0 && left + width <= 24, "{name}: {}", text(panel, "title"));
            for row in side("y")..side("y") + side("h") {
                for column in left..left + width {
                    let free = taken.insert((row, column));
                    assert!(free, "{name}: {} lies over another", text(panel, "title"));
                }
            }
        }
    }
}

#[test]
fn panels_ask_for_what_the_server_tells() {
    let panels = panels();
    assert!(panels.len() > 50, "{}", panels.len());
    for panel in &panels {
        for query in &panel.queries {
            assert_known(&panel.name, query);
        }
    }
    let shown: BTreeSet<_> =
        panels.iter().flat_map(|panel| &panel.queries).flat_map(|it| asked(it)).collect();
    for name in named().filter(|name| name.starts_with("lastunit_live_")) {
        assert!(shown.iter().any(|shown| shown.starts_with(name)), "no panel shows {name}");
    }
}
