//! Dependencies between the modules of `src/` point one way. Each folder may use only what stands
//! in its row; whoever adds a dependency adds it here, in sight, and in ARCHITECTURE.md.
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
    ("telemetry", &["domain"]),
    ("journal", &["clock", "domain", "telemetry", "threads"]),
    ("engine", &["clock", "domain", "journal", "telemetry", "threads"]),
    ("projection", &["clock", "domain", "journal", "telemetry", "threads"]),
    ("config", &["domain", "engine", "journal", "projection", "telemetry"]),
    ("http", &["clock", "config", "domain", "engine", "journal", "projection", "telemetry"]),
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

/// The modules that a file names as `crate::module`, comments left out.
fn used(source: &str) -> BTreeSet<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect()
        })
        .filter(|name: &String| !name.is_empty())
        .collect()
}

#[test]
fn dependencies_point_one_way() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut wrong = Vec::new();
    for (module, allowed) in ALLOWED {
        let folder = root.join(module);
        let place = if folder.is_dir() { folder } else { root.join(format!("{module}.rs")) };
        for file in sources(&place) {
            let text = fs::read_to_string(&file).expect("a readable source");
            for name in used(&text) {
                if name != *module && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{} uses crate::{name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "not allowed by tests/architecture.rs:\n{}", wrong.join("\n"));
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
