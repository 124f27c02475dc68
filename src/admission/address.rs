//! Address: where a request comes from, as far as that can be known.
//!
//! The peer of the socket, unless it is one of `server.trusted_proxies`: then the last address that the
//! header `server.forwarding_header` has from somebody who is not one of them. Proxies **append** to that
//! header, so it is read from its end, and what stands before the first address that is no trusted proxy
//! was written by whoever pleased: it is never looked at. Only the one header that the proxy is configured
//! for is read, because it passes the other one on as its client sent it.
//!
//! Whatever cannot be read (garbage, `unknown`, a name) ends the walk: the request then counts as the
//! proxy's that let it through, never as anybody a client can choose.

use crate::config::ForwardingHeader;
use axum::http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Bits of an IPv6 address that say whose it is: one customer's line has a whole /64, and could come
/// from another address with every request.
const IPV6_PREFIX: u32 = 64;

/// Who may say where requests come from, and by which header.
#[derive(Debug, Clone)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    header: ForwardingHeader,
}

impl TrustedProxies {
    #[must_use]
    pub const fn new(networks: Vec<IpNet>, header: ForwardingHeader) -> Self {
        Self { networks, header }
    }

    fn trust(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// The address that a request of this peer counts for.
    #[must_use]
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut address = peer.to_canonical();
        if self.networks.is_empty() || !self.trust(address) {
            return counted(address);
        }
        for hop in self.hops(headers) {
            let Some(next) = hop else { break };
            address = next;
            if !self.trust(address) {
                break;
            }
        }
        counted(address)
    }

    /// What the header says, the last one first; `None` for what cannot be read.
    fn hops<'a>(&self, headers: &'a HeaderMap) -> impl Iterator<Item = Option<IpAddr>> + 'a {
        const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
        let (name, read): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardingHeader::XForwardedFor => (X_FORWARDED_FOR, node),
            ForwardingHeader::Forwarded => (header::FORWARDED, element),
        };
        let lines = headers.get_all(name).iter().rev();
        // A comma inside of quotes splits, too: then a half has one of its quotes, and ends the walk.
        let hops = lines.flat_map(|line| line.to_str().unwrap_or("?").rsplit(','));
        hops.map(read)
    }
}

/// The `for` of one element of `Forwarded` (RFC 7239).
fn element(text: &str) -> Option<IpAddr> {
    if text.matches('"').count() % 2 == 1 {
        return None;
    }
    let pairs = text.split(';').filter_map(|pair| pair.split_once('='));
    let mut named = pairs.filter(|(name, _)| name.trim().eq_ignore_ascii_case("for"));
    let (_, value) = named.next()?;
    if named.next().is_some() {
        return None;
    }
    let value = value.trim();
    match value.strip_prefix('"') {
        Some(quoted) => node(quoted.strip_suffix('"')?),
        None => node(value),
    }
}

/// `192.0.2.1`, `192.0.2.1:4711`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:4711`.
fn node(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let address = match bare {
        Some(bare) => bare.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => text.parse::<IpAddr>().ok(),
    };
    let address = address.or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

/// What an address is counted as: IPv4 by itself, also inside of IPv6; IPv6 by its /64.
fn counted(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let mask = !(u128::MAX >> IPV6_PREFIX);
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & mask))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;

    fn proxies(header: ForwardingHeader) -> TrustedProxies {
        let networks = ["10.0.0.0/8", "2001:db8:aaaa::/48"];
        let networks = networks.map(|network| network.parse().expect("a network"));
        TrustedProxies::new(networks.into(), header)
    }

    fn client(header: ForwardingHeader, peer: &str, lines: &[(&'static str, &str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
        }
        let peer = peer.parse().expect("an address");
        proxies(header).client(peer, &headers).to_string()
    }

    #[test]
    fn only_trusted_proxies_are_believed_and_only_from_the_end() {
        use ForwardingHeader::XForwardedFor;
        for (peer, lines, expected) in [
            // Whoever is no proxy is who it is, whatever it says.
            ("192.0.2.9", &["1.1.1.1"][..], "192.0.2.9"),
            ("192.0.2.9", &[], "192.0.2.9"),
            // A proxy without the header, or with an empty one, is the client.
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &[""], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1"], "192.0.2.1"),
            // What a client wrote stands before what the proxies appended.
            ("10.0.0.1", &["1.1.1.1, 192.0.2.1"], "192.0.2.1"),
            ("10.0.0.1", &["1.1.1.1, 192.0.2.1, 10.9.9.9"], "192.0.2.1"),
            ("10.0.0.1", &["1.1.1.1", "192.0.2.1", "10.9.9.9,10.8.8.8"], "192.0.2.1"),
            ("10.0.0.1", &["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            // Garbage ends the walk at the proxy that let it through.
            ("10.0.0.1", &["1.1.1.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, 10.2.2.2 10.3.3.3"], "10.0.0.1"),
            ("10.0.0.1", &["1.1.1.1, 192.0.2.1, x, 10.2.2.2"], "10.2.2.2"),
            ("10.0.0.1", &["1.1.1.1,"], "10.0.0.1"),
            ("10.0.0.1", &["192.0.2.1\u{e9}"], "10.0.0.1"),
            ("10.0.0.1", &["999.0.2.1"], "10.0.0.1"),
            // Ports, brackets, spaces.
            ("10.0.0.1", &[" 192.0.2.1:4711 "], "192.0.2.1"),
            ("10.0.0.1", &["2001:db8:1:2:3::4"], "2001:db8:1:2::"),
            ("10.0.0.1", &["[2001:db8:1:2:3::4]"], "2001:db8:1:2::"),
            ("10.0.0.1", &["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::"),
            ("2001:db8:aaaa::7", &["192.0.2.1"], "192.0.2.1"),
            // IPv4 inside of IPv6 is IPv4: as a peer, as a proxy and as a hop.
            ("::ffff:192.0.2.9", &["1.1.1.1"], "192.0.2.9"),
            ("::ffff:10.0.0.1", &["::ffff:192.0.2.1"], "192.0.2.1"),
        ] {
            let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
            assert_eq!(client(XForwardedFor, peer, &lines), expected, "{peer} {lines:?}");
        }
    }

    #[test]
    fn the_standard_header_is_read_where_it_is_configured() {
        use ForwardingHeader::{Forwarded, XForwardedFor};
        for (line, expected) in [
            ("for=192.0.2.1", "192.0.2.1"),
            ("For=\"192.0.2.1:80\";proto=https;by=10.0.0.1", "192.0.2.1"),
            ("for=1.1.1.1, for=\"[2001:db8:1:2:3::4]:80\", for=10.0.0.2", "2001:db8:1:2::"),
            ("for=unknown", "10.0.0.1"),
            ("for=_hidden, for=10.0.0.2", "10.0.0.2"),
            ("proto=https", "10.0.0.1"),
            ("for=1.1.1.1;for=192.0.2.1", "10.0.0.1"),
            // A quote that the client left open swallows nothing of what the proxy appended.
            ("for=\"1.1.1.1, for=192.0.2.1", "192.0.2.1"),
            ("for=\"192.0.2.1", "10.0.0.1"),
            // What a client put into another parameter that its proxy quotes.
            ("for=192.0.2.1;host=\"a,for=9.9.9.9;x=y\"", "10.0.0.1"),
        ] {
            assert_eq!(client(Forwarded, "10.0.0.1", &[("forwarded", line)]), expected, "{line}");
        }
        // The other header is the client's own.
        let both = [("forwarded", "for=1.1.1.1"), ("x-forwarded-for", "192.0.2.1")];
        assert_eq!(client(XForwardedFor, "10.0.0.1", &both), "192.0.2.1");
        assert_eq!(client(Forwarded, "10.0.0.1", &both), "1.1.1.1");
    }

    #[test]
    fn ipv6_is_counted_by_its_64() {
        let of = |text: &str| counted(text.parse().expect("an address")).to_string();
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    }
}
