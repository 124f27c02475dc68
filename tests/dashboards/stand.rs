//! The stand of `compose.yaml`: every file it mounts is there, every setting is one of lastunit's, and
//! whoever asks another part finds it at its name and port.

use crate::names::root;
use crate::rules::yaml;
use crate::support::Stand;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

fn compose() -> Value {
    yaml(&root().join("compose.yaml"))
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map(Vec::as_slice).unwrap_or_default();
    items.iter().map(|item| item.as_str().expect("a text").to_owned()).collect()
}

/// `${NAME:-default}` as it is when nobody sets it.
fn without_variables(text: &str) -> String {
    let Some((before, rest)) = text.split_once("${") else { return text.to_owned() };
    let (variable, behind) = rest.split_once('}').expect("a closing brace");
    let (_, default) = variable.split_once(":-").expect("a default");
    format!("{before}{default}{}", without_variables(behind))
}

/// The settings of a service.
fn environment(service: &Value) -> Vec<(String, String)> {
    let settings = service["environment"].as_object().expect("settings").iter();
    settings
        .map(|(name, value)| (name.clone(), without_variables(value.as_str().expect("a text"))))
        .collect()
}

/// Port inside of the container.
fn port(service: &Value) -> String {
    let ports = texts(&service["ports"]);
    assert!(ports.iter().all(|port| port.starts_with("127.0.0.1:")), "open to others: {ports:?}");
    ports[0].rsplit(':').next().expect("a port").to_owned()
}

/// Where a file of the repository is in the container.
fn mounted(service: &Value, source: &str) -> String {
    let volumes = texts(&service["volumes"]);
    let volume = volumes.iter().find(|volume| volume.starts_with(&format!("{source}:")));
    let volume = volume.unwrap_or_else(|| panic!("{source} is not mounted: {volumes:?}"));
    volume.split(':').nth(1).expect("a place").to_owned()
}

#[test]
fn everything_that_is_mounted_is_there() {
    let compose = compose();
    let services = compose["services"].as_object().expect("services");
    let names: BTreeSet<_> = services.keys().map(String::as_str).collect();
    let expected = ["grafana", "lastunit", "load", "postgres", "prometheus", "redis"];
    assert_eq!(names, expected.into());
    let kept = compose["volumes"].as_object().expect("volumes");
    for (name, service) in services {
        for volume in texts(&service["volumes"]) {
            let source = volume.split(':').next().expect("a source");
            let known = match source.strip_prefix("./") {
                Some(path) => root().join(path).exists() && volume.ends_with(":ro"),
                None => kept.contains_key(source),
            };
            assert!(known, "{name} mounts {volume}");
        }
        let image = service["image"].as_str().unwrap_or_default();
        let versioned = image.split_once(':').is_some_and(|(_, tag)| tag != "latest");
        assert!(versioned || service["build"] == ".", "{name} has no version: {image}");
    }
}

#[test]
fn its_settings_are_settings() {
    let compose = compose();
    let service = &compose["services"]["lastunit"];
    let mut command = Stand::embedded().command(&["config"]);
    let settings = environment(service);
    assert!(settings.len() > 4, "{settings:?}");
    let output = command.envs(settings.clone()).output().expect("the binary runs");
    let [said, complaint] =
        [output.stdout, output.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
    assert!(output.status.success(), "{complaint}");
    let listen = format!("listen = \"0.0.0.0:{}\"", port(service));
    assert!(said.contains(&listen), "{said}");
    // A wrong name would be noticed.
    let mut wrong = Stand::embedded().command(&["config"]);
    let output = wrong.env("LASTUNIT_SERVER__LISEN", "1").output().expect("the binary runs");
    assert!(!output.status.success());
    for (name, _) in settings {
        let named = name.starts_with("LASTUNIT_");
        assert!(named, "{name} is none of lastunit's");
    }
}

#[test]
fn each_part_finds_the_others() {
    let compose = compose();
    let services = &compose["services"];
    let address = |name: &str| format!("{name}:{}", port(&services[name]));
    let configuration = yaml(&root().join("prometheus/prometheus.yml"));
    let targets = &configuration["scrape_configs"][0]["static_configs"][0]["targets"];
    assert_eq!(texts(targets), [address("lastunit")]);
    let place = mounted(&services["prometheus"], "./prometheus");
    let command = texts(&services["prometheus"]["command"]).join(" ");
    assert!(command.contains(&format!("--config.file={place}/prometheus.yml")), "{command}");

    let source = yaml(&root().join("grafana/provisioning/datasources/prometheus.yml"));
    let source = &source["datasources"][0];
    assert_eq!(source["url"], format!("http://{}", address("prometheus")));
    let interval = &configuration["global"]["scrape_interval"];
    assert_eq!(&source["jsonData"]["timeInterval"], interval, "rates are taken over four of them");
    let loader = yaml(&root().join("grafana/provisioning/dashboards/lastunit.yml"));
    let grafana = &services["grafana"];
    let folder = mounted(grafana, "./grafana/dashboards");
    assert_eq!(loader["providers"][0]["options"]["path"], folder);
    let home = &grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"];
    let home = home.as_str().and_then(|home| home.strip_prefix(&folder)).expect("in that folder");
    assert!(root().join(format!("grafana/dashboards{home}")).is_file(), "{home}");

    let load = &services["load"];
    let base = format!("http://{}", address("lastunit"));
    assert_eq!(environment(load), [("BASE_URL".to_owned(), base)]);
    let script = texts(&load["command"]).pop().expect("a script");
    let script =
        script.strip_prefix(&mounted(load, "./loadtest/k6")).expect("in that folder").to_owned();
    assert!(root().join(format!("loadtest/k6{script}")).is_file(), "{script}");
    for (name, service) in services.as_object().expect("services") {
        let needed = match &service["depends_on"] {
            Value::Object(needed) => needed.keys().cloned().collect(),
            list => texts(list),
        };
        for other in needed {
            assert!(services[&other].is_object(), "{name} waits for {other}");
        }
    }
}

#[test]
fn the_image_is_small_and_not_roots() {
    let file = fs::read_to_string(root().join("Dockerfile")).expect("the Dockerfile");
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the manifest");
    let wanted = manifest.split("rust-version = \"").nth(1).and_then(|it| it.split('"').next());
    let compiler = format!("FROM rust:{}-", wanted.expect("a version"));
    assert!(file.contains(&compiler), "not {compiler}");
    let last = file.rsplit("\nFROM ").next().expect("the last stage");
    let said = |line: &str| last.lines().any(|it| it == line);
    assert!(
        said("USER nonroot") && said("VOLUME /data") && said("ENV LASTUNIT_DATA_DIR=/data"),
        "{last}"
    );
    let port = port(&compose()["services"]["lastunit"]);
    assert!(said(&format!("EXPOSE {port}")), "{last}");
    assert!(said(&format!("ENV LASTUNIT_SERVER__LISTEN=0.0.0.0:{port}")), "{last}");
    let check = "CMD [\"/usr/local/bin/lastunit\", \"health\"]";
    assert!(last.contains(check) && last.contains("HEALTHCHECK "), "{last}");
    assert!(!last.contains("COPY . "), "only the binary is in the image");
}
