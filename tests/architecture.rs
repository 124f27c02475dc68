//! Dependencies between the modules of `src/` point one way. Each folder may use only what stands
//! in its row and stands above it; whoever adds a dependency adds it here, in sight, and to the map
//! in ARCHITECTURE.md. A row allows nothing that is not used.
#![allow(clippy::expect_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Module, and what it may use of the crate. `main.rs`, `lib.rs`, `cli.rs` and `app` wire
/// everything and are not listed.
const ALLOWED: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("clock", &["domain"]),
    ("threads", &[]),
    ("migrations", &[]),
    ("telemetry", &["domain"]),
    ("journal", &["clock", "domain", "telemetry", "threads"]),
    ("engine", &["clock", "domain", "journal", "telemetry", "threads"]),
    ("projection", &["clock", "domain", "journal", "migrations", "telemetry", "threads"]),
    ("cart", &["clock", "domain", "migrations"]),
    ("checkout", &["cart", "clock", "domain", "engine", "journal", "projection", "telemetry"]),
    ("catalog", &["clock", "domain", "engine", "journal", "projection"]),
    ("account", &["clock", "domain", "migrations", "telemetry", "threads"]),
    ("config", &["account", "cart", "domain", "journal", "telemetry"]),
    ("admission", &["clock", "config", "domain", "telemetry"]),
    ("live", &["clock", "domain", "telemetry"]),
    ("monitoring", &["clock", "domain", "engine", "journal", "projection", "telemetry"]),
    (
        "http",
        &[
            "account",
            "admission",
            "cart",
            "catalog",
            "checkout",
            "clock",
            "config",
            "domain",
            "engine",
            "live",
            "monitoring",
            "projection",
            "telemetry",
        ],
    ),
];

fn sources(of: &Path) -> Vec<PathBuf> {
    if of.is_file() {
        return vec![of.to_path_buf()];
    }
    let entries = fs::read_dir(of).unwrap_or_else(|error| panic!("{}: {error}", of.display()));
    let paths = entries.map(|entry| entry.expect("a readable folder").path());
    paths
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The modules that a file names as `crate::module` or `crate::{module, …}`, comments left out.
fn used(source: &str) -> BTreeSet<String> {
    let lines = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let mut names = BTreeSet::new();
    for rest in code.split("crate::").skip(1) {
        match rest.strip_prefix('{') {
            Some(group) => names.extend(members(group).iter().map(|member| name(member))),
            None => drop(names.insert(name(rest))),
        }
    }
    names.remove("");
    names
}

/// The word that a text begins with.
fn name(text: &str) -> String {
    text.trim_start().chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
}

/// The members of a group, up to its closing brace, those with groups of their own as they are.
fn members(group: &str) -> Vec<String> {
    let mut members = vec![String::new()];
    let mut depth = 0_usize;
    for char in group.chars() {
        match char {
            '}' if depth == 0 => break,
            ',' if depth == 0 => members.push(String::new()),
            other => {
                depth = match other {
                    '{' => depth + 1,
                    '}' => depth - 1,
                    _ => depth,
                };
                members.last_mut().expect("never empty").push(other);
            }
        }
    }
    members
}

#[test]
fn names_are_found_however_they_are_written() {
    let source = "
        use crate::{engine, http::{body, server::{Server, refusal}}, domain as rules};
        use crate::{
            journal::Seq,
            config,
        };
        // use crate::hidden;
        pub(in crate::app) fn f() -> crate::clock::Clock {}
        macro_rules! m { () => { $crate::telemetry::m } }
    ";
    let expected = ["app", "clock", "config", "domain", "engine", "http", "journal", "telemetry"];
    assert_eq!(used(source), expected.map(str::to_owned).into());
}

/// What each module uses of the others.
fn uses(module: &str) -> BTreeSet<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let folder = root.join(module);
    let place = if folder.is_dir() { folder } else { root.join(format!("{module}.rs")) };
    let files = sources(&place).into_iter();
    let named = files.flat_map(|file| {
        let text = fs::read_to_string(&file).expect("a readable source");
        used(&text).into_iter().map(move |name| (name, file.display().to_string()))
    });
    named.filter(|(name, _)| name != module).collect()
}

#[test]
fn dependencies_point_one_way() {
    let mut wrong = Vec::new();
    for (place, (module, allowed)) in ALLOWED.iter().enumerate() {
        let used = uses(module);
        for (name, file) in &used {
            if !allowed.contains(&name.as_str()) {
                wrong.push(format!("{file} uses crate::{name}, which is not in its row"));
            }
        }
        for allowed in *allowed {
            if !used.iter().any(|(name, _)| name == allowed) {
                wrong.push(format!("{module} may use {allowed} and does not"));
            }
            if !ALLOWED[..place].iter().any(|(earlier, _)| earlier == allowed) {
                wrong.push(format!("{module} may use {allowed}, which stands below it"));
            }
        }
    }
    assert!(wrong.is_empty(), "not as in tests/architecture.rs:\n{}", wrong.join("\n"));
}

#[test]
fn the_map_in_architecture_md_says_the_same() {
    let map = include_str!("../ARCHITECTURE.md");
    for (module, allowed) in ALLOWED {
        let start = format!("| `{module}` |");
        let row = map.lines().find(|line| line.starts_with(&start));
        let row = row.unwrap_or_else(|| panic!("{module} has no row in ARCHITECTURE.md"));
        let cell = row.split('|').nth(3).unwrap_or_default().trim();
        let expected: Vec<_> = allowed.iter().map(|name| format!("`{name}`")).collect();
        assert_eq!(cell, expected.join(", "), "what {module} uses, in ARCHITECTURE.md");
    }
}

#[test]
fn every_module_is_listed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let entries = fs::read_dir(root).expect("the folder src");
    let modules = entries.map(|entry| entry.expect("a readable folder").path());
    for module in modules {
        let name = module.file_stem().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        let wires = ["main", "lib", "app", "cli"].contains(&name.as_str());
        assert!(wires || ALLOWED.iter().any(|(listed, _)| *listed == name), "{name} is not listed");
    }
}

#[test]
fn the_rules_know_no_time_no_chance_and_no_bytes() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/domain");
    for file in sources(&root) {
        let text = fs::read_to_string(&file).expect("a readable source");
        for banned in ["serde", "tokio", "async ", ".await", "std::io", "std::fs", "::now("] {
            let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
            let found = code.filter(|line| line.contains(banned)).count();
            assert_eq!(found, 0, "{} contains {banned:?}", file.display());
        }
    }
}
