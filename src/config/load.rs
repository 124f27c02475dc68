//! Load: puts the layers together: built-in defaults, a file, the environment, the command line.

use super::{Config, DEFAULT};
use figment::Figment;
use figment::providers::{Format, Serialized, Toml};
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Names in the environment begin with this.
pub const PREFIX: &str = "LASTUNIT_";
/// Stands between section and key in the environment.
const SEPARATOR: &str = "__";

/// What is wrong with the settings, in one line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct ConfigError(String);

impl ConfigError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        // Whatever a library complains about in several lines becomes one.
        let line: Vec<String> = message.into().split_whitespace().map(str::to_owned).collect();
        Self(line.join(" "))
    }
}

/// Settings from the command line: the last layer.
#[derive(Debug, Clone, Default)]
pub struct Flags {
    pub listen: Option<String>,
    pub data_dir: Option<PathBuf>,
    pub journal_url: Option<String>,
    pub database_url: Option<String>,
}

/// Reads and checks all settings.
///
/// # Errors
/// The first thing that is wrong, with the key and the layer it comes from.
pub fn load(
    file: Option<&Path>,
    environment: impl Iterator<Item = (String, String)>,
    flags: &Flags,
) -> Result<Config, ConfigError> {
    let mut layers = Figment::new().merge(Toml::string(DEFAULT));
    if let Some(path) = file {
        if !path.is_file() {
            let message = format!("the file {} of --config cannot be read", path.display());
            return Err(ConfigError::new(message));
        }
        layers = layers.merge(Toml::file_exact(path));
    }
    for (name, value) in environment.filter(|(name, _)| name.starts_with(PREFIX)) {
        layers = layers.merge(from_environment(&name, &value)?);
    }
    let layers = from_flags(layers, flags)?;
    let config: Config = layers.extract().map_err(|error| explain(&layers, error))?;
    config.check()?;
    Ok(config)
}

/// A variable takes the type its key has in the defaults, so `LASTUNIT_DATA_DIR=7` is a folder.
fn from_environment(name: &str, text: &str) -> Result<Serialized<Value>, ConfigError> {
    let key = name[PREFIX.len()..].to_ascii_lowercase().replace(SEPARATOR, ".");
    let defaults: Table =
        toml::from_str(DEFAULT).map_err(|error| ConfigError::new(error.to_string()))?;
    let default = match key.split_once('.') {
        Some((section, key)) => defaults.get(section).and_then(|section| section.get(key)),
        None => defaults.get(&key).filter(|value| !value.is_table()),
    };
    let wrong = |kind: &str| ConfigError::new(format!("{name} is \"{text}\"; it must be {kind}"));
    let value = match default {
        None => {
            let message =
                format!("{name} is in the environment but is no setting; see `lastunit config`");
            return Err(ConfigError::new(message));
        }
        Some(Value::Integer(_)) => {
            Value::Integer(text.trim().parse().map_err(|_| wrong("an integer"))?)
        }
        Some(Value::Boolean(_)) => {
            Value::Boolean(text.trim().parse().map_err(|_| wrong("true or false"))?)
        }
        Some(Value::Array(_)) => {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            Value::Array(parts.map(|part| Value::String(part.to_owned())).collect())
        }
        Some(_) => Value::String(text.to_owned()),
    };
    Ok(Serialized::default(&key, value))
}

fn from_flags(mut layers: Figment, flags: &Flags) -> Result<Figment, ConfigError> {
    let utf8 = |path: &PathBuf| {
        path.to_str().map(str::to_owned).ok_or_else(|| {
            let shown = path.display();
            ConfigError::new(format!("--data-dir is {shown}, which is not UTF-8; choose another"))
        })
    };
    let data_dir = flags.data_dir.as_ref().map(utf8).transpose()?;
    let texts = [
        ("server.listen", flags.listen.as_ref()),
        ("data_dir", data_dir.as_ref()),
        ("journal.url", flags.journal_url.as_ref()),
        ("database.url", flags.database_url.as_ref()),
    ];
    for (key, value) in texts {
        if let Some(value) = value {
            layers = layers.merge(Serialized::default(key, value));
        }
    }
    Ok(layers)
}

fn explain(layers: &Figment, error: figment::Error) -> ConfigError {
    use figment::error::Kind;
    let key = error.path.join(".");
    let source = error.metadata.as_ref().and_then(|metadata| metadata.source.as_ref());
    // Other layers have no file; the key says enough.
    let source = source.and_then(figment::Source::file_path);
    let source = source.map(|path| format!(" (in {})", path.display())).unwrap_or_default();
    let listen = layers.find_value("server.listen").ok();
    let text = match (&error.kind, listen.as_ref().and_then(figment::value::Value::as_str)) {
        (Kind::UnknownField(field, _), _) => {
            let section = if key.is_empty() || key == *field {
                String::new()
            } else {
                format!("{}.", key.trim_end_matches(field.as_str()).trim_end_matches('.'))
            };
            return ConfigError::new(format!(
                "{section}{field} is no setting{source}; see `lastunit config` for all of them"
            ));
        }
        (Kind::Message(_), Some(listen)) if key == "server.listen" => format!(
            "{key} is \"{listen}\"{source}; it must be an IP address and a port, such as \
             127.0.0.1:8080 or [::1]:8080"
        ),
        // Whatever stands there may be a secret all the same.
        (Kind::InvalidType(_, wanted), _) if key.contains("secrets") || key.ends_with("_token") => {
            format!("{key}{source} must be {}", what_fits(wanted))
        }
        (Kind::InvalidType(actual, wanted) | Kind::InvalidValue(actual, wanted), _) => {
            format!("{key} is {}{source}; it must be {}", what_is(actual), what_fits(wanted))
        }
        (Kind::UnknownVariant(actual, known), _) => {
            format!("{key} is \"{actual}\"{source}; it must be \"{}\"", known.join("\" or \""))
        }
        (kind, _) if key.is_empty() => format!("{}{source}", without_excerpt(&kind.to_string())),
        (kind, _) => format!("{key}: {kind}{source}"),
    };
    ConfigError::new(text)
}

/// A complaint about the syntax of a file, without the line of that file which the library shows: there may be
/// a secret in it.
fn without_excerpt(complaint: &str) -> String {
    let is_excerpt = |line: &&str| {
        line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()).starts_with('|')
    };
    complaint.lines().filter(|line| !is_excerpt(line)).collect::<Vec<_>>().join(": ")
}

/// A value that does not fit, as it stands in the settings.
fn what_is(actual: &figment::error::Actual) -> String {
    use figment::error::Actual;
    match actual {
        Actual::Bool(value) => value.to_string(),
        Actual::Unsigned(value) => value.to_string(),
        Actual::Signed(value) => value.to_string(),
        Actual::Float(value) => value.to_string(),
        Actual::Str(value) => format!("\"{value}\""),
        Actual::Seq => "a list".into(),
        Actual::Map => "a section".into(),
        _ => "something else".into(),
    }
}

/// What a setting must be, in the words of a person.
fn what_fits(wanted: &str) -> &str {
    match wanted {
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "u64" | "usize" => "a whole number, 0 or more",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text in quotes",
        "socket address" => "an IP address and a port in quotes, such as \"127.0.0.1:8080\"",
        "a sequence" => "a list in square brackets",
        wanted if wanted.starts_with("struct ") => "a section with keys",
        wanted => wanted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn with(file: &str, environment: &[(&str, &str)], flags: &Flags) -> Result<Config, String> {
        let mut written = tempfile::NamedTempFile::new().expect("a temporary file");
        written.write_all(file.as_bytes()).expect("room");
        let variables = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        load(Some(written.path()), variables, flags).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_valid_and_complete() {
        let config = load(None, std::iter::empty(), &Flags::default()).expect("valid");
        assert_eq!(config.server.listen.port(), 8080);
        // What is printed reads back as the same settings: no key is missing in the file.
        let printed = config.to_toml().expect("TOML");
        let read: Config = toml::from_str(&printed).expect("the printed settings");
        assert_eq!(read, config);
    }

    #[test]
    fn later_layers_win() {
        let file = "data_dir = \"/file\"\n[server]\nlisten = \"127.0.0.1:1\"\nheaders_max = 50\n";
        let environment = [
            ("LASTUNIT_SERVER__LISTEN", "127.0.0.1:2"),
            ("LASTUNIT_DATA_DIR", "7"),
            ("LASTUNIT_PROJECTION__REST_FACTOR_BUSY", "2"),
            ("OTHER", "x"),
        ];
        let flags = Flags { listen: Some("127.0.0.1:3".into()), ..Flags::default() };
        let config = with(file, &environment, &flags).expect("valid");
        assert_eq!(config.server.listen.port(), 3);
        assert_eq!(config.data_dir, PathBuf::from("7"));
        assert_eq!(config.server.headers_max, 50);
        assert_eq!(config.projection.rest_factor_busy, 2);
    }

    #[test]
    fn every_mistake_is_one_clear_line() {
        let none = Flags::default();
        let url = "LASTUNIT_JOURNAL__URL";
        let environment_only = |name, value| with("", &[(name, value)], &none);
        let table = [
            (with("[server]\nlisen = 1", &[], &none), "server.lisen is no setting"),
            (with("lisen = 1", &[], &none), "lisen is no setting"),
            (with("[server", &[], &none), "TOML"),
            (
                with("[auth]\noperator_token = \"secret", &[], &none),
                "TOML parse error at line 2, column",
            ),
            (with("[auth]\na = \"secret\"\na = \"secret\"", &[], &none), "duplicate key"),
            (with("[journal]\npartitions = 0", &[], &none), "journal.partitions is 0"),
            (with("[holds]\nseconds_default = 90000", &[], &none), "from 1 to 86400"),
            (with("[server]\nlisten = \"0.0.0.0:80\"", &[], &none), "auth.open_to_network"),
            (with("[telemetry]\nlevel = \"a=b=c\"", &[], &none), "telemetry.level: "),
            (environment_only("LASTUNIT_SERVER__LISEN", "1"), "LASTUNIT_SERVER__LISEN is in the"),
            (environment_only("LASTUNIT_SERVER", "1"), "LASTUNIT_SERVER is in the"),
            (environment_only("LASTUNIT_SERVER__HEADERS_MAX", "many"), "must be an integer"),
            (environment_only(url, "mysql://ann:secret@db/x"), "journal.url is \"mysql://ann:***@"),
            (environment_only(url, "sqlite:./data/database.sqlite"), "name the same SQLite file"),
        ];
        for (result, expected) in table {
            let message = result.expect_err(expected);
            assert!(message.contains(expected), "{message}");
            assert!(!message.contains('\n') && !message.contains("secret"), "{message}");
        }
        let missing = load(Some(Path::new("/nowhere.toml")), std::iter::empty(), &none);
        assert!(missing.expect_err("no file").to_string().contains("/nowhere.toml"));
    }

    #[test]
    fn values_that_do_not_fit_are_told_in_full() {
        let number = "a whole number, 0 or more";
        let address = "an IP address and a port";
        for (section, line, expected) in [
            ("holds", "seconds_max = \"long\"", format!("is \"long\"*; it must be {number}")),
            ("holds", "seconds_max = 1.5", format!("is 1.5*; it must be {number}")),
            ("server", "headers_max = -1", format!("is -1*; it must be {number}")),
            (
                "journal",
                "partitions = 70000",
                "is 70000*; it must be a whole number from 0 to 65535".into(),
            ),
            ("auth", "open_to_network = 1", "is 1*; it must be true or false".into()),
            ("auth", "mode = \"none\"", "is \"none\"*; it must be \"open\" or \"jwt\"".into()),
            ("telemetry", "log = \"xml\"", "is \"xml\"*; it must be \"human\" or \"json\"".into()),
            ("journal", "url = 7", "is 7*; it must be a text in quotes".into()),
            (
                "server",
                "listen = 1",
                format!("is 1*; it must be {address} in quotes, such as \"127.0.0.1:8080\""),
            ),
            (
                "server",
                "listen = \"here\"",
                format!("is \"here\"*; it must be {address}, such as 127.0.0.1:8080 or [::1]:8080"),
            ),
        ] {
            let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
            writeln!(file, "[{section}]\n{line}").expect("room");
            let loaded = load(Some(file.path()), std::iter::empty(), &Flags::default());
            let key = line.split(' ').next().expect("a key");
            let place = format!(" (in {})", file.path().display());
            let expected = format!("{section}.{key} {}", expected.replace('*', &place));
            assert_eq!(loaded.expect_err(line).to_string(), expected);
        }
        let flags = Flags { listen: Some("localhost:8080".into()), ..Flags::default() };
        assert_eq!(
            with("", &[], &flags).expect_err("no address"),
            "server.listen is \"localhost:8080\"; it must be an IP address and a port, such as \
             127.0.0.1:8080 or [::1]:8080"
        );
    }

    #[cfg(unix)]
    #[test]
    fn a_path_that_is_not_utf8_is_refused() {
        use std::os::unix::ffi::OsStringExt;
        let data_dir = PathBuf::from(std::ffi::OsString::from_vec(b"/data/\xff".to_vec()));
        let flags = Flags { data_dir: Some(data_dir), ..Flags::default() };
        let complaint = with("", &[], &flags).expect_err("not UTF-8");
        assert!(complaint.contains("--data-dir") && complaint.contains("not UTF-8"), "{complaint}");
    }
}
