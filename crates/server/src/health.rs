//! `salus health`: asks the server that runs under the same settings whether it is ready, for health checks of
//! containers, where no other HTTP client is.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::time::Duration;

use crate::config::Config;
use crate::say;

/// For connecting, and for each reading and writing.
const PATIENCE: Duration = Duration::from_secs(4);
/// What is read of an answer at the most, bytes.
const ANSWER_BYTES: u64 = 64 * 1024;

/// Prints what `/readyz` says.
///
/// # Errors
/// Where nothing answers, or the answer is not 200.
pub fn health(config: &Config) -> Result<(), Box<dyn Error>> {
    let address = reachable(config.http_addr);
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)
        .map_err(|error| format!("nothing answers at http://{address} ({error})"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    write!(stream, "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES).read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    say::result(body.trim_end());
    match head.split(' ').nth(1) {
        Some("200") => Ok(()),
        status => Err(format!("the server is not ready ({})", status.unwrap_or("no status")).into()),
    }
}

/// Where a server that listens on any address is found from here.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_listens_everywhere_is_asked_on_loopback() {
        for (listens, asked) in
            [("0.0.0.0:80", "127.0.0.1:80"), ("[::]:80", "[::1]:80"), ("10.0.0.7:80", "10.0.0.7:80")]
        {
            assert_eq!(reachable(listens.parse().unwrap()), asked.parse().unwrap());
        }
    }
}
