//! Values: what a topic is at a version, encoded once for everybody who follows it.

use super::Topic;
use compact_str::CompactString;
use std::sync::OnceLock;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// What a source knows of a topic.
#[derive(Debug, Clone)]
pub struct Document {
    /// Another one for another value. Survives a restart of the server where the value does.
    pub version: CompactString,
    /// JSON.
    pub data: String,
}

impl Document {
    /// A value whose version is made of what it says.
    #[must_use]
    pub fn of(data: String) -> Self {
        /// Enough to tell values of one topic apart.
        const CHARS: usize = 16;
        let hash = blake3::hash(data.as_bytes()).to_hex();
        Self { version: CompactString::new(&hash[..CHARS]), data }
    }
}

/// A value in the forms in which it leaves: JSON messages, and events.
#[derive(Debug)]
pub struct Value {
    version: CompactString,
    /// Of the topic.
    tag: CompactString,
    /// Everything behind the type of the message.
    rest: String,
    snapshot: OnceLock<Utf8Bytes>,
    update: OnceLock<Utf8Bytes>,
    event: OnceLock<Bytes>,
}

impl Value {
    pub(super) fn new(topic: &Topic, document: &Document) -> Self {
        let Document { version, data } = document;
        // Names of topics and versions are made of characters that JSON writes as they are, but for
        // what customers are called.
        let tag = topic.tag();
        let topic = serde_json::Value::from(topic.to_string());
        let rest = format!(",\"topic\":{topic},\"version\":\"{version}\",\"data\":{data}}}");
        Self {
            version: version.clone(),
            tag,
            rest,
            snapshot: OnceLock::new(),
            update: OnceLock::new(),
            event: OnceLock::new(),
        }
    }

    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// As a message: the first value a client gets is a snapshot.
    pub fn message(&self, is_first: bool) -> Utf8Bytes {
        let (form, kind) =
            if is_first { (&self.snapshot, "snapshot") } else { (&self.update, "update") };
        form.get_or_init(|| format!("{{\"type\":\"{kind}\"{}", self.rest).into()).clone()
    }

    /// As a server-sent event: its id is the version, and behind a dot the tag of the topic.
    pub fn event(&self) -> Bytes {
        let event = || {
            let Self { version, tag, rest, .. } = self;
            format!("id: {version}.{tag}\nevent: value\ndata: {{\"type\":\"value\"{rest}\n\n")
                .into()
        };
        self.event.get_or_init(event).clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::CustomerId;
    use crate::live::OrdersOf;

    #[test]
    fn a_value_is_json_whoever_it_is_about() {
        let customer = CustomerId::new("a\"nn\\").expect("valid");
        let topic = Topic::Orders(OrdersOf::Customer(customer));
        let value = Value::new(&topic, &Document::of("[1,2]".into()));
        let message: serde_json::Value =
            serde_json::from_str(value.message(true).as_str()).expect("JSON");
        assert_eq!(message["type"], "snapshot");
        assert_eq!(message["topic"], "orders:a\"nn\\");
        assert_eq!(message["version"], value.version());
        assert_eq!(message["data"], serde_json::json!([1, 2]));
        let event = value.event();
        let text = std::str::from_utf8(&event).expect("UTF-8");
        let id = format!("id: {}.{}\n", value.version(), topic.tag());
        assert!(text.starts_with(&(id + "event: value\ndata: {")), "{text}");
        assert!(text.ends_with("}\n\n") && text.lines().count() == 4, "{text}");
    }

    #[test]
    fn the_version_follows_from_the_value() {
        let of = |data: &str| Document::of(data.to_owned()).version;
        assert_eq!(of("1"), of("1"));
        assert_ne!(of("1"), of("2"));
    }
}
