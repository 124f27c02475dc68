//! Hosts: the names under which this server answers.
//!
//! With `auth.mode = "open"` whoever reaches the address is trusted, and a page in a browser reaches what its
//! own name resolves to: a page of evil.example that lets its name point to 127.0.0.1 (DNS rebinding) is of
//! the same origin as this server then, so neither CORS nor `Origin` tell. But the browser still sends the
//! page's name as `Host`, which no page can change. So requests under a name that is not ours are refused; an
//! address is no name, and `localhost` belongs to nobody else. Programs that send no `Host` are no browsers.
//!
//! Looked at for every request: what must never happen here is an allocation.

use super::problem::{Code, Problem};
use axum::http::{HeaderMap, header};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Names beside addresses and `localhost`, in small letters and without ports.
#[derive(Debug, Clone)]
pub struct HostNames(Vec<String>);

const REFUSED: &str = "this server does not answer under the name in the header Host: ask by its address or \
     as localhost, or name it in server.host_names";

impl HostNames {
    #[must_use]
    pub const fn new(names: Vec<String>) -> Self {
        Self(names)
    }

    /// What a request under another name is refused with.
    pub(super) fn refusal(&self, headers: &HeaderMap) -> Option<Problem> {
        let mut hosts = headers.get_all(header::HOST).iter();
        let foreign = hosts.any(|host| !self.has(host.as_bytes()));
        foreign.then(|| Problem::new(Code::MisdirectedRequest, REFUSED))
    }

    fn has(&self, host: &[u8]) -> bool {
        let Some(name) = without_port(host) else { return false };
        is_address(name)
            || name.eq_ignore_ascii_case(b"localhost")
            || self.0.iter().any(|own| name.eq_ignore_ascii_case(own.as_bytes()))
    }
}

/// `None` where what stands behind the name is no port.
fn without_port(host: &[u8]) -> Option<&[u8]> {
    let from = if host.first() == Some(&b'[') {
        host.iter().position(|byte| *byte == b']')? + 1
    } else {
        host.iter().position(|byte| *byte == b':').unwrap_or(host.len())
    };
    let (name, port) = host.split_at(from);
    let is_port = match port {
        [] => true,
        [colon, digits @ ..] => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    };
    is_port.then_some(name)
}

fn is_address(name: &[u8]) -> bool {
    let text = |bytes| std::str::from_utf8(bytes).ok();
    match name {
        [b'[', inside @ .., b']'] => {
            text(inside).is_some_and(|text| text.parse::<Ipv6Addr>().is_ok())
        }
        [b'0'..=b'9', ..] => text(name).is_some_and(|text| text.parse::<Ipv4Addr>().is_ok()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    #[test]
    fn addresses_and_own_names_are_answered() {
        let names = HostNames::new(vec!["shop.example".into()]);
        for own in [
            "127.0.0.1",
            "127.0.0.1:8080",
            "10.1.2.3:80",
            "[::1]",
            "[::1]:8080",
            "[fe80::1]:1",
            "localhost",
            "LocalHost:3000",
            "shop.example",
            "Shop.Example:443",
            "localhost:",
        ] {
            assert!(names.has(own.as_bytes()), "{own}");
        }
        for foreign in [
            "",
            ":8080",
            "evil.example",
            "evil.example:8080",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.1:80:evil",
            "127.1",
            "2130706433",
            "0x7f000001",
            "::1",
            "[::1",
            "[::1]evil",
            "[evil]",
            "localhost:80x",
            "shop.example.evil",
            "ashop.example",
            "user@localhost",
            "localhost ",
        ] {
            assert!(!names.has(foreign.as_bytes()), "{foreign}");
        }
    }

    #[test]
    fn each_of_several_hosts_must_be_ours() {
        let names = HostNames::new(Vec::new());
        let mut headers = HeaderMap::new();
        assert!(names.refusal(&headers).is_none(), "a program without Host");
        headers.append(header::HOST, HeaderValue::from_static("localhost"));
        assert!(names.refusal(&headers).is_none());
        headers.append(header::HOST, HeaderValue::from_static("evil.example"));
        let refused = names.refusal(&headers).map(|problem| problem.status().as_u16());
        assert_eq!(refused, Some(421));
    }
}
