//! Free ports on the loopback interface.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, Result};

/// A port of 127.0.0.1 that was free a moment ago. Somebody else may take it before it is used, so
/// whoever starts a server on it must be ready to try again with another one.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .context("cannot bind to any port of 127.0.0.1")?;
    Ok(listener.local_addr().context("the kernel does not tell the port it chose")?.port())
}
