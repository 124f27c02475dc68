//! Health: asks a running server whether it can sell, for whoever has nothing to ask with, such as a
//! container.

use super::StartError;
use crate::checkout::outside_client;
use crate::config::Config;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

/// How long it may take to answer: less than whoever asks waits for this program.
const ANSWER_MAX: Duration = Duration::from_secs(3);

/// Where a server that listens there is reached from its own machine.
const fn reached_at(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// Asks the server of these settings, and says nothing when it can sell.
///
/// # Errors
/// When it cannot, or does not answer: one line that says so.
pub fn health(config: &Config) -> Result<(), StartError> {
    let address = reached_at(config.server.listen);
    if address.port() == 0 {
        return Err(StartError::new(
            "server.listen has port 0, so nobody knows where the server listens; set the port it chose",
        ));
    }
    let client = outside_client(ANSWER_MAX).map_err(StartError::new)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let answer = client.get(format!("http://{address}/health/ready")).send().await;
        let answer = answer.map_err(|error| {
            let why = if error.is_timeout() { "in time" } else { "at all: is it started?" };
            StartError::new(format!("the server at {address} does not answer {why}"))
        })?;
        if answer.status().is_success() {
            return Ok(());
        }
        let status = answer.status().as_u16();
        let said = answer.text().await.unwrap_or_default();
        Err(StartError::new(format!("the server at {address} cannot sell ({status}): {said}")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_here() {
        for (listen, expected) in [
            ("0.0.0.0:8080", "127.0.0.1:8080"),
            ("[::]:8080", "[::1]:8080"),
            ("10.0.0.7:80", "10.0.0.7:80"),
        ] {
            let address = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(reached_at(address(listen)), address(expected));
        }
    }
}
