//! Settings: any file and any environment give settings that are printed and read again alike, or one line that
//! says which key is wrong. In neither is a secret to be seen.

use lastunit::config::{Config, DEFAULT, Flags, load};
use std::collections::BTreeSet;
use std::io::{Seek, Write};
use std::sync::{LazyLock, Mutex};
use tempfile::NamedTempFile;
use toml::{Table, Value};

/// Where the file of an input ends and its environment begins, one `NAME=VALUE` a line.
const ENVIRONMENT: &str = "\n--- environment\n";
/// What stands for a password in an input.
const SECRET: &str = "SECRET";
/// Keys whose values are secrets, and those with a password in a URL.
const SECRETS: [&str; 2] = ["auth.operator_token", "payment.webhook_secrets"];
const URLS: [&str; 3] = ["journal.url", "database.url", "redis.url"];

/// Sections, and keys with their sections.
static KEYS: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    let defaults: Table = toml::from_str(DEFAULT).expect("the defaults");
    let mut keys = BTreeSet::new();
    for (name, value) in &defaults {
        keys.insert(name.clone());
        if let Value::Table(section) = value {
            keys.extend(section.keys().map(|key| format!("{name}.{key}")));
        }
    }
    keys
});

/// One file for all inputs.
static FILE: LazyLock<Mutex<NamedTempFile>> =
    LazyLock::new(|| Mutex::new(NamedTempFile::new().expect("a temporary file")));

pub fn check(input: &[u8]) {
    // A file that is no text is a file all the same; variables that are none reach nobody.
    let place = input.windows(ENVIRONMENT.len()).position(|part| part == ENVIRONMENT.as_bytes());
    let (file, environment) = match place {
        Some(at) => (&input[..at], &input[at + ENVIRONMENT.len()..]),
        None => (input, &[][..]),
    };
    let Ok(environment) = std::str::from_utf8(environment) else { return };
    let variables: Vec<_> =
        environment.lines().filter_map(|line| line.split_once('=')).map(owned).collect();
    let hidden = is_hidden(file, &variables);
    match read(file, &variables) {
        Ok(config) => check_valid(&config, hidden),
        Err(message) => {
            check_message(&message, file, &variables);
            assert!(!hidden || !message.contains(SECRET), "it shows a secret: {message}");
        }
    }
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

fn read(file: &[u8], variables: &[(String, String)]) -> Result<Config, String> {
    let mut written = FILE.lock().expect("one thread");
    written.rewind().and_then(|()| written.as_file().set_len(0)).expect("an empty file");
    written.write_all(file).expect("room");
    let loaded = load(Some(written.path()), variables.iter().cloned(), &Flags::default());
    loaded.map_err(|error| error.to_string())
}

fn check_valid(config: &Config, hidden: bool) {
    let printed = config.to_toml().expect("whatever was read is UTF-8");
    let seen = format!("{printed}{config:?}");
    assert!(!hidden || !seen.contains(SECRET), "it shows a secret: {seen}");
    // What is hidden is not what it was.
    if !seen.contains("***") {
        assert_eq!(read(printed.as_bytes(), &[]).as_ref(), Ok(config), "printed and read again");
    }
}

/// One line, with what is wrong.
fn check_message(message: &str, file: &[u8], variables: &[(String, String)]) {
    assert!(!message.is_empty() && !message.contains('\n'), "{message:?}");
    let key = KEYS.iter().any(|key| message.contains(key.as_str()));
    // A message is one line: white space in a name is shown as one blank.
    let shown = |name: &str| name.split_whitespace().collect::<Vec<_>>().join(" ");
    let variable = variables.iter().any(|(name, _)| message.contains(&shown(name)));
    let unknown = message.contains("is no setting");
    let text = std::str::from_utf8(file).ok();
    let syntax = text.is_none_or(|text| toml::from_str::<Table>(text).is_err());
    assert!(key || variable || unknown || syntax, "which key is it? {message}");
    // Whoever wrote the file must find the place.
    let path = FILE.lock().expect("one thread").path().display().to_string();
    assert!(variable || key || message.contains(&path), "which file is it? {message}");
}

/// Whether all secrets of the input are where secrets belong, so that nobody may see them.
fn is_hidden(file: &[u8], variables: &[(String, String)]) -> bool {
    let file = String::from_utf8_lossy(file);
    let in_file = match toml::from_str::<Table>(&file) {
        Ok(table) => file.matches(SECRET).count() == secrets_in(&table),
        // A file that cannot be read: lines as people write them.
        Err(_) => file.lines().filter(|line| line.contains(SECRET)).all(is_secret_line),
    };
    in_file
        && variables.iter().all(|(name, value)| {
            let key = name.strip_prefix("LASTUNIT_").unwrap_or_default();
            let key = key.to_ascii_lowercase().replacen("__", ".", 1);
            !name.contains(SECRET) && (!value.contains(SECRET) || is_secret(&key, value))
        })
}

/// How many secrets stand where they belong.
fn secrets_in(table: &Table) -> usize {
    let mut count = 0;
    for (section, values) in table {
        let Value::Table(values) = values else { continue };
        for (key, value) in values {
            let key = format!("{section}.{key}");
            let texts = match value {
                Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
                value => Vec::from_iter(value.as_str()),
            };
            let secret = texts.into_iter().filter(|text| is_secret(&key, text));
            count += secret.map(|text| text.matches(SECRET).count()).sum::<usize>();
        }
    }
    count
}

fn is_secret(key: &str, value: &str) -> bool {
    SECRETS.contains(&key) || (URLS.contains(&key) && is_password(value))
}

/// `postgres://ann:SECRET@host`
fn is_password(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let (Some(colon), Some(at)) = (rest.find(':'), rest.rfind('@')) else { return false };
    let places: Vec<_> = url.match_indices(SECRET).collect();
    let start = url.len() - rest.len();
    places.iter().all(|(place, _)| *place > start + colon && place + SECRET.len() <= start + at)
}

fn is_secret_line(line: &str) -> bool {
    let Some((key, value)) = line.split_once('=') else { return false };
    match key.trim() {
        "operator_token" | "webhook_secrets" => true,
        "url" => is_password(value),
        _ => false,
    }
}
