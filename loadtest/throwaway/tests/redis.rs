//! A real Redis server: it answers, syncs as asked, and is gone when dropped.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
};

use anyhow::Result;
use throwaway::{Appendfsync, Redis};

#[test]
fn it_syncs_as_asked_and_dropping_ends_it() -> Result<()> {
    for (appendfsync, policy) in
        [(Appendfsync::Always, "always"), (Appendfsync::EverySecond, "everysec")]
    {
        let redis = Redis::start(appendfsync)?;
        let port = redis.port();
        assert!(ask(port, "CONFIG GET appendonly")?.contains("yes"));
        assert!(ask(port, "CONFIG GET appendfsync")?.contains(policy));
        drop(redis);
        assert!(ask(port, "PING").is_err(), "a dropped server must not answer");
    }
    Ok(())
}

#[test]
fn a_killed_one_comes_back_with_its_data() -> Result<()> {
    let mut redis = Redis::start(Appendfsync::Always)?;
    assert!(ask(redis.port(), "SET word kept")?.contains("OK"));
    redis.kill()?;
    assert!(ask(redis.port(), "PING").is_err(), "a killed server must not answer");
    redis.start_again()?;
    assert!(ask(redis.port(), "GET word")?.contains("kept"));
    Ok(())
}

/// Sends one command, then QUIT, and returns whatever was answered until the server hung up.
fn ask(port: u16, command: &str) -> Result<String> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(format!("{command}\r\nQUIT\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
